"""What zones' histories are made of, packed: nothing in it is an object until somebody asks for just that.

A step, a zone's history and the histories of all zones are immutable bytes with a bound on each. Who is given the
histories of all zones takes a glance at each zone and none at its steps, however many they are.
"""

from __future__ import annotations

from struct import Struct, error
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.snapshot.checksum import crc32
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ptrd.snapshot.expansion import Item

MOST_BYTES: Final = 4 << 20  # of one zone's history
MOST_BYTES_IN_ALL: Final = 32 << 20  # of all zones' histories

_ITEM: Final = Struct("<BII")  # size of the name, records, their size
_END: Final = Struct("<IHHII")  # of a step: serial before it; sizes of the SOAs, of what it removed, of all of it
_HEAD: Final = Struct("<8sIIII")  # magic; checksum of what follows it; steps that are kept; zones; size of their table
_ZONE: Final = Struct("<BII")  # size of the name, steps, size of the history
_MAGIC: Final = b"ptrdhis1"
_CHECKED_FROM: Final = 12


class Difference(NamedTuple):
    """One step: the SOA records before and after it, and what the zone lost and gained by it, the SOA apart."""

    packed: bytes

    @property
    def serial(self) -> int:
        """Give the serial before."""
        return self._end()[0]

    @property
    def old(self) -> bytes:
        """Give the SOA record before."""
        return self.packed[: self._end()[1]]

    @property
    def new(self) -> bytes:
        """Give the SOA record after."""
        _, old, new, *_ = self._end()
        return self.packed[old : old + new]

    @property
    def removed(self) -> list[Item]:
        """List the RRsets that the zone lost."""
        _, old, new, removed, _ = self._end()
        return _unpack_items(self.packed, old + new, old + new + removed)

    @property
    def added(self) -> list[Item]:
        """List the RRsets that the zone gained."""
        _, old, new, removed, size = self._end()
        return _unpack_items(self.packed, old + new + removed, size - _END.size)

    def _end(self) -> tuple[int, ...]:
        return _END.unpack_from(self.packed, len(self.packed) - _END.size)


def make_difference(old: bytes, new: bytes, removed: Iterable[Item], added: Iterable[Item]) -> Difference:
    """Make a step of SOA records and RRsets."""
    lost, gained = _pack_items(removed), _pack_items(added)
    size = len(old) + len(new) + len(lost) + len(gained) + _END.size
    end = _END.pack(serial_in(old), len(old), len(new), len(lost), size)
    return Difference(b"".join((old, new, lost, gained, end)))


def serial_in(soa: bytes) -> int:
    """Give the serial of an SOA record."""
    return int.from_bytes(split_records(soa)[0][2][-20:-16], "big")


class History:
    """The steps of one zone, each beginning where the one before ends: one piece as it came, or one piece a step."""

    __slots__ = ("_held", "count", "size")

    def __init__(self, held: bytes | memoryview | tuple[bytes, ...], count: int, size: int) -> None:
        self._held = held
        self.count = count
        self.size = size

    def __len__(self) -> int:
        return self.count

    def backwards(self) -> Iterator[bytes]:
        """Give the steps, packed, the newest first."""
        held = self._held
        if isinstance(held, tuple):
            yield from reversed(held)
            return
        end = len(held)
        while end:
            *_, size = _END.unpack_from(held, end - _END.size)
            yield bytes(held[end - size : end])
            end -= size

    def steps(self) -> tuple[bytes, ...]:
        """Give the steps, packed, the oldest first."""
        return self._held if isinstance(self._held, tuple) else tuple(self.backwards())[::-1]

    def pack(self) -> bytes | memoryview:
        """Give it in one piece."""
        return b"".join(self._held) if isinstance(self._held, tuple) else self._held

    @property
    def newest(self) -> Difference | None:
        """Give the last step."""
        return next(map(Difference, self.backwards()), None)


NONE: Final = History((), 0, 0)


def history_of(steps: Iterable[bytes], most: int, most_bytes: int) -> History:
    """Make a history of the newest of some packed steps, given oldest first: so many, of so many bytes."""
    kept = tuple(steps)[-most:] if most else ()
    size = sum(map(len, kept))
    start = 0
    while size > most_bytes:
        size -= len(kept[start])
        start += 1
    return History(kept[start:], len(kept) - start, size)


class Histories(dict[bytes, History]):
    """Histories by the zones' names; when they are too large in all, the longest lose their older half."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def copy(self) -> Histories:
        """Give another that goes on from this one."""
        found = Histories()
        found.update(self)
        found.size = self.size
        return found

    def put(self, origin: bytes, history: History) -> None:
        """Have a zone's history be this one; an empty one is none."""
        self.forget(origin)
        if history:
            self[origin] = history
            self.size += history.size
        while self.size > MOST_BYTES_IN_ALL:
            longest = max(self, key=lambda name: self[name].size)
            half = self[longest]
            self.put(longest, history_of(half.steps(), half.count, half.size // 2))

    def forget(self, origin: bytes) -> None:
        """Have a zone have none."""
        before = self.pop(origin, None)
        self.size -= before.size if before is not None else 0


def dump_histories(histories: Mapping[bytes, History], most: int) -> list[bytes | memoryview]:
    """Write histories, with how many steps are kept, as pieces that follow each other."""
    pieces = [history.pack() for history in histories.values()]
    table = b"".join(
        [_ZONE.pack(len(origin), len(history), history.size) + origin for origin, history in histories.items()]
    )
    numbers = _HEAD.pack(_MAGIC, 0, most, len(histories), len(table))[_CHECKED_FROM:]
    checksum = crc32(table, crc32(numbers))
    for piece in pieces:
        checksum = crc32(piece, checksum)
    return [_MAGIC + checksum.to_bytes(4, "little") + numbers, table, *pieces]


def load_histories(data: memoryview, *, verify: bool = True) -> tuple[Histories, int]:
    """Take what `dump_histories` wrote, in place; the buffer has to stay as it is. Raises ValueError for anything else.

    Without `verify` steps are not looked at, which is for who had it verified.
    """
    histories = Histories()
    try:
        magic, checksum, most, zones, table = _HEAD.unpack_from(data)
        if magic != _MAGIC or (verify and crc32(data[_CHECKED_FROM:]) != checksum):
            raise ValueError("it is damaged")
        at, start = _HEAD.size, _HEAD.size + table
        for _ in range(zones):
            length, count, size = _ZONE.unpack_from(data, at)
            at += _ZONE.size + length
            histories.put(bytes(data[at - length : at]), History(data[start : start + size], count, size))
            start += size
    except error as problem:
        raise ValueError("it is too short") from problem
    return histories, most


def _pack_items(items: Iterable[Item]) -> bytes:
    return b"".join(
        [_ITEM.pack(len(relative), number, len(records)) + relative + records for relative, number, records in items]
    )


def _unpack_items(packed: bytes, at: int, end: int) -> list[Item]:
    items: list[Item] = []
    while at < end:
        length, number, size = _ITEM.unpack_from(packed, at)
        at += _ITEM.size + length
        items.append((packed[at - length : at], number, packed[at : at + size]))
        at += size
    return items
