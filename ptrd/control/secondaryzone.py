"""One zone that comes from somebody else's primary: what is here of it, what is served of it, and when to try again."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ptrd.snapshot.image import Input
from ptrd.store.received import note_path, stat_received, write_note
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from pathlib import Path

    from ptrd.client.endpoints import Endpoint
    from ptrd.records.model import Soa, Zone
    from ptrd.records.transfer import NotifyTarget

EXPIRED: Final = ".expired"  # what is put aside is called so
STATES: Final = ("current", "stale", "expired", "absent")
_FIRST_RETRY: Final = 2.0  # seconds, doubled up to the next
_LAST_RETRY: Final = 300.0
_SOONEST: Final = 1.0

log = logging.getLogger("ptrd")


@dataclass(slots=True)
class SecondaryZone:
    """One zone that is followed. Times are Unix time; `error` is why the last try failed, empty when it did not."""

    stub: Zone
    path: Path
    source: Input  # the identity of what is there
    soa: Soa | None = None  # of that, or of what is put aside; None for nothing
    live: Input | None = None  # the identity of what the image was made of, of size 0 for nothing
    served: Soa | None = None  # of what is served, as its primary gave it; None for nothing
    checked: float = 0.0  # when a primary last said what it has
    expired: bool = False
    error: str = ""
    primary: str = ""  # that answered last
    failures: int = 0
    whole: bool = False  # the next transfer is to be of the whole zone
    refused: dict[NotifyTarget, tuple[int, str]] = field(default_factory=dict)  # the serial that is no good, and why
    alone: bool = False  # the next transfer has a process to itself
    asked: bool = False  # somebody wants it tried now
    notified: bool = False  # since the last try began
    hints: int = 0  # tries in a row that a NOTIFY caused, and that failed
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    done: list[asyncio.Future[str]] = field(default_factory=list)  # who waits for the try that comes
    task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """Say how it is, one of STATES: when it is stale, the last try failed."""
        if self.served is None:
            return "expired" if self.expired else "absent"
        return "stale" if self.error else "current"

    @property
    def expires(self) -> float:
        """Give when it expires unless a primary answers."""
        return 0.0 if self.soa is None else self.checked + self.soa.expire

    @property
    def pending(self) -> bool:
        """Tell whether what is here is not what is served."""
        return self.live != self.source

    def ask_now(self) -> None:
        """Have it tried now."""
        self.asked = True
        self.wake.set()

    def pause(self) -> float:
        """Give the seconds until the next try, when nobody wants one before."""
        if self.soa is None or self.expired or self.pending:
            return backoff(self.failures)
        seconds = max(self.soa.retry if self.error else self.soa.refresh, _SOONEST)
        return min(seconds, max(self.expires - time.time(), _SOONEST))

    async def heard(self, stub: Zone, endpoint: Endpoint) -> None:
        """Remember that a primary has confirmed what is here; `stub` is what was asked for. Raises OSError."""
        self.checked = time.time()
        self.primary = str(endpoint)
        await asyncio.to_thread(write_note, self.path, self.checked, stub.primaries)

    def expire(self) -> None:
        """Put aside what came: nobody has confirmed it for too long. Raises OSError."""
        self.path.rename(self.path.with_suffix(EXPIRED))
        self.expired = True
        self.source = stat_received(str(self.path))
        log.error("zone %s has expired: no primary has answered for it", format_name(self.stub.origin))

    def revive(self) -> None:
        """Take what was put aside back: a primary has just confirmed it. Raises OSError."""
        if self.expired:
            self.path.with_suffix(EXPIRED).rename(self.path)
            self.expired = False
            self.source = stat_received(str(self.path))

    def note_live(self, live: Input | None) -> None:
        """Take note of what the image that is live was made of: of nothing, of what is here, or of what was before."""
        self.live = Input(str(self.path), 0, 0, 0, 0) if live is None else live
        if not self.live.size:
            self.served = None
        elif self.live == self.source or self.served is None:
            self.served = self.soa


def backoff(failures: int) -> float:
    """Give the seconds to wait after so many failures."""
    return min(_FIRST_RETRY * 2.0 ** min(failures, 10), _LAST_RETRY)


def remove_content(path: Path) -> None:
    """Remove what came, or was put aside, and its note. Raises OSError."""
    for each in (path, path.with_suffix(EXPIRED), note_path(path)):
        each.unlink(missing_ok=True)
