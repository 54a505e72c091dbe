"""How far bulk work is, on standard error and only where somebody looks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_WIDTH: Final = 30


class Progress:
    """A bar that `advance` fills; it is gone when the work ends."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._drawn = -1  # how far the bar on the screen is, in 500 steps
        self._shown = total > 0 and sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._draw()
        return self

    def advance(self, count: int) -> None:
        """Say that so many more are done."""
        self._done += count
        if self._done * 500 // max(1, self._total) != self._drawn:
            self._draw()

    def hide(self) -> None:
        """Make room for a line; the bar is back when it advances."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = -1

    def _draw(self) -> None:
        if self._shown:
            self._drawn = self._done * 500 // self._total
            filled = min(_WIDTH, _WIDTH * self._done // self._total)
            bar = "#" * filled + "." * (_WIDTH - filled)
            print(f"\r{self._what} [{bar}] {self._done}/{self._total}", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()
