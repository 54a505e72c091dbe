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
        self._shown = total > 0 and sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._draw()
        return self

    def advance(self, count: int) -> None:
        """Say that so many more are done."""
        self._done += count
        self._draw()

    def _draw(self) -> None:
        if self._shown:
            filled = _WIDTH * self._done // self._total
            bar = "#" * filled + "." * (_WIDTH - filled)
            print(f"\r{self._what} [{bar}] {self._done}/{self._total}", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
