"""What is known of one secondary of one zone, and when it is to be told or asked next; `now` is an argument.

A secondary has one NOTIFY outstanding at most, and it says the newest serial. One that does not answer is told again
less and less often (RFC 1996, 3.6), and after some times not before the zone changes again. What it serves is known by
asking for its SOA alone: an answer to NOTIFY says only that the message has arrived.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from ptrd.snapshot.serials import is_newer

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ptrd.records.transfer import NotifyTarget

GRAIN: Final = 15.0  # seconds of changes that are remembered as one, to tell since when a secondary is behind
REMEMBERED: Final = 64  # such changes

ItemT = TypeVar("ItemT", bound="Hashable")


class Agenda(Generic[ItemT]):
    """What is due when: each item once, the earliest first."""

    def __init__(self) -> None:
        self._due: dict[ItemT, float] = {}
        self._heap: list[tuple[float, int, ItemT]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._due)

    def put(self, item: ItemT, at: float) -> None:
        """Have an item due at a time, in place of the time that it had."""
        self._due[item] = at
        heapq.heappush(self._heap, (at, next(self._order), item))

    def when(self, item: ItemT) -> float | None:
        """Say when an item is due."""
        return self._due.get(item)

    def drop(self, item: ItemT) -> None:
        """Take an item out."""
        self._due.pop(item, None)

    def take(self, now: float) -> ItemT | None:
        """Take out the first item that is due, when one is."""
        if (at := self.next_at) is None or at > now:
            return None
        item = heapq.heappop(self._heap)[2]
        del self._due[item]
        return item

    @property
    def next_at(self) -> float | None:
        """Say when the next item is due."""
        heap, due = self._heap, self._due
        while heap and due.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)  # it has another time now, or was taken out
        return heap[0][0] if heap else None


class History:
    """The serials that a zone has had, and when each went live: the first of each GRAIN seconds, and the newest."""

    __slots__ = ("_since", "_steps", "newest")

    def __init__(self, serial: int, now: float) -> None:
        self.newest = serial
        self._since = now  # of the newest
        self._steps = deque([(serial, now)], REMEMBERED)

    def add(self, serial: int, now: float) -> bool:
        """Take a serial that is live; tells whether it is a new one."""
        if serial == self.newest:
            return False
        self.newest, self._since = serial, now
        if now - self._steps[-1][1] >= GRAIN:
            self._steps.append((serial, now))
        return True

    def lacking_since(self, serial: int) -> float | None:
        """Say since when who has this serial lacks a newer one; None when it has the newest."""
        if not is_newer(self.newest, serial):
            return None
        for step, at in self._steps:
            if is_newer(step, serial):
                return at
        return self._since


class Pace(NamedTuple):
    """How often a secondary is told and asked; seconds, but for `tries`."""

    gap: float = 0.5  # between two NOTIFYs for a zone, at least
    first: float = 1.0  # until one without an answer is sent again; then 2, 4, 8, 16, and 32 until it has failed
    tries: int = 6
    longest: float = 60.0  # between two of them, should the zone keep changing
    first_look: float = 2.0  # after a NOTIFY, until the secondary is asked what it serves; then twice as long each time
    last_look: float = 300.0  # between two questions to one that is behind, at most


class Standing(NamedTuple):
    """Where a secondary stands: the serial that it serves, as far as known, and for how many seconds it is behind.

    `behind` is 0 when it has the newest serial, and None when that cannot be known. `trouble` is empty or says what
    keeps it. `acknowledged` is the last serial of a NOTIFY that it answered.
    """

    zone: bytes
    target: NotifyTarget
    serial: int | None
    newest: int
    behind: float | None
    trouble: str
    acknowledged: int | None = None


class Secondary:
    """One secondary of one zone. `secretive` is one that may well refuse to say what it serves (RFC 9432, 7).

    `unheard` says why a NOTIFY has no answer, `unseen` why it is not known what it serves.
    """

    __slots__ = (
        "_asking",
        "_behind",
        "_left",
        "_pace",
        "_secret",
        "_tries",
        "_waits",
        "acknowledged",
        "history",
        "refresh",
        "secretive",
        "serial",
        "target",
        "told",
        "unheard",
        "unseen",
        "zone",
    )

    def __init__(
        self,
        zone: bytes,
        target: NotifyTarget,
        history: History,
        now: float,
        pace: Pace,
        *,
        secretive: bool = False,
    ) -> None:
        self.zone = zone
        self.target = target
        self.history = history
        self.refresh = 3600.0  # seconds between two questions to it while it has the newest serial
        self.secretive = secretive
        self.serial: int | None = None  # that it serves
        self.acknowledged: int | None = None  # of the last NOTIFY that it answered
        self.told: float | None = None  # when the last NOTIFY went out
        self.unheard = ""
        self.unseen = ""
        self._pace = pace
        self._secret = False  # it refuses to say what it serves
        self._waits = False  # for the answer to a NOTIFY
        self._tries = 0  # since an answer came
        self._left = pace.tries
        self._behind: float | None = now  # since when, as far as the last question showed
        self._asking = pace.first_look

    def change(self, now: float, due: float | None) -> float | None:
        """Take note that the zone has changed; gives when it is to be told so, None when that is arranged already.

        `due` is when a NOTIFY is due, if one is.
        """
        self._left = self._pace.tries
        if self._behind is None:
            self._behind = now
        if self._waits:
            return None
        soonest = now if self.told is None else max(now, self.told + self._pace.gap)
        return None if due is not None and due <= soonest else soonest

    def send(self, now: float) -> float:
        """Begin a NOTIFY with the newest serial, perhaps again; gives when it counts as not answered."""
        self.told = now
        self._waits = True
        delay = min(self._pace.first * 2.0**self._tries, self._pace.longest)
        self._tries += 1
        self._left -= 1
        return now + delay

    def acknowledge(self, serial: int, now: float) -> float | None:
        """Take an answer to the NOTIFY that said a serial; gives when it is to be told of a newer one, if there is."""
        self.acknowledged = serial
        self._waits = False
        self._tries = 0
        self._left = self._pace.tries
        self.unheard = ""
        if serial == self.history.newest:
            return None
        return now if self.told is None else max(now, self.told + self._pace.gap)

    def decline(self, rcode: str) -> None:
        """Take an answer to the NOTIFY that is no acknowledgement: it will be told again as if none had come."""
        self.unheard = f"answers NOTIFY with {rcode}"

    def expire(self) -> bool:
        """Take note that a NOTIFY was not answered in time, if one is out; tells whether it is to be sent now.

        It is not when it has been sent often enough.
        """
        if not self._waits:
            return True
        self._waits = False
        self.unheard = self.unheard or "does not answer NOTIFY"
        if self._left <= 0:
            self._tries = 0
        return self._left > 0

    def serve(self, serial: int, now: float) -> float:
        """Take the serial that it serves; gives when to ask again."""
        moved = serial != self.serial
        self.serial = serial
        self._secret = False
        self.unseen = ""
        since = self.history.lacking_since(serial)
        if since is None:
            self._behind = None
            self._asking = self._pace.first_look
            return now + self.refresh
        self._behind = since if self._behind is None or moved else min(self._behind, since)
        self._asking = self._pace.first_look if moved else min(2 * self._asking, self._pace.last_look)
        return now + self._asking

    def miss(self, rcode: str, now: float, trouble: str = "does not answer") -> float:
        """Take note that it did not say what it serves, but this rcode or nothing; gives when to ask again.

        `trouble` is why there is nothing.
        """
        self._secret = bool(rcode) and self.secretive
        if self._secret:
            self.serial = self._behind = None
            return now + self.refresh
        self.unseen = f"answers {rcode} when asked for the SOA" if rcode else trouble
        self._asking = min(2 * self._asking, self._pace.last_look)
        return now + self._asking

    def standing(self, now: float) -> Standing:
        """Say where it stands."""
        behind: float | None = 0.0 if self._behind is None else max(now - self._behind, 0.0)
        if self._secret:
            behind = None
        trouble = "" if behind == 0.0 and not self.unseen else self.unheard or self.unseen
        newest = self.history.newest
        return Standing(self.zone, self.target, self.serial, newest, behind, trouble, self.acknowledged)
