"""The changes that are newer than the image: ordered, one overlay a zone, and never changed once it is made.

An overlay holds the PTR RRset that a managed record puts at an owner; taking it out again reverts the owner to what
the image says. What a change costs depends on the change: overlays share all that is the same in both. Relative names
in lower case.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from ptrd.wire.names import name_of_key, sort_key
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import RRset, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ptrd.records.changes import Change

    _Share = dict[bytes, bytes | RRset]  # by name; bytes are the one record of an RRset

_FEW: Final = 512  # names that are held in one dict
_SHARES: Final = 1024  # dicts that more names are divided into, so that a change copies one of many
_SHIFT: Final = 32  # of a hash, to the bits that say which; a dict looks at the lowest ones
_LONGEST: Final = 128  # sort keys in one piece, for the same reason
_new: Final = tuple.__new__  # NamedTuple's constructor without a call in between, for what every answer needs


class Overlay:
    """The managed PTR RRsets of one zone that the image does not know.

    The usual RRset, of one record, is held as the bytes of that and becomes an object when it is asked for: it takes
    less memory, and the garbage collector has nothing to walk over. `shares` holds the RRsets by name, in one dict or
    as many as `mask` says; the compiled data path looks into it as `find` does.
    """

    __slots__ = ("_keys", "_size", "_starts", "mask", "shares")

    def __init__(self) -> None:
        self.shares: list[_Share] = [{}]  # by the hash of the name
        self.mask = 0
        self._keys: list[tuple[bytes, ...]] = []  # of all names, in order, in pieces that are not empty
        self._starts: list[bytes] = []  # the first of each piece
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, relative: object) -> bool:
        return relative in self.shares[hash(relative) >> _SHIFT & self.mask]

    def __iter__(self) -> Iterator[bytes]:
        """Give each name, in no order."""
        for share in self.shares:
            yield from share

    def find(self, relative: bytes) -> RRset | None:
        """Give the RRset at a name, owned by the name in the question."""
        found = self.shares[hash(relative) >> _SHIFT & self.mask].get(relative)
        return _new(RRset, (None, 1, found)) if isinstance(found, bytes) else found

    def has_below(self, key: bytes) -> bool:
        """Tell whether an owner lies below the name with this sort key."""
        prefix = key + b"\0"
        starts = self._starts
        piece = bisect_left(starts, prefix)
        if piece < len(starts) and starts[piece].startswith(prefix):
            return True
        keys = self._keys[piece - 1] if piece else ()
        at = bisect_left(keys, prefix)
        return at < len(keys) and keys[at].startswith(prefix)

    def nearest(self, key: bytes) -> list[bytes]:
        """List the sort keys before and at or after a key."""
        piece = bisect_left(self._starts, key)  # the first that begins at the key or after it
        after = self._starts[piece : piece + 1]
        if not piece:
            return after
        keys = self._keys[piece - 1]
        at = bisect_left(keys, key)
        return [keys[at - 1], *(keys[at : at + 1] or after)]

    def walk(self) -> Iterator[tuple[bytes, bytes, RRset]]:
        """Visit all owners in canonical order: sort key, name, RRset."""
        for keys in self._keys:
            for key in keys:
                relative = name_of_key(key)[:-1]
                rrset = self.find(relative)
                if rrset is not None:  # it is there: keys and records hold the same names
                    yield key, relative, rrset

    def changed(self, changes: Sequence[tuple[bytes, Change]]) -> Overlay:
        """Give the overlay with changes to owners, in order: an RRset is set, or taken out for want of targets."""
        other = Overlay()
        records = self.shares.copy()
        if self._size + len(changes) > _FEW and not self.mask:
            records = _divide(records[0])
        other.shares, other.mask = records, len(records) - 1
        own: set[int] = set()  # the dicts that are not shared any more
        moved: set[bytes] = set()  # names that are there now and were not, or the other way round
        for relative, change in changes:
            number = hash(relative) >> _SHIFT & other.mask
            if number not in own:
                own.add(number)
                records[number] = records[number].copy()
            share = records[number]
            if bool(change.targets) != (relative in share):
                moved ^= {relative}
            if change.targets:
                share[relative] = _rrset_of(change)
            else:
                share.pop(relative, None)
        other._keys, other._starts, other._size = self._keys, self._starts, self._size
        if moved:
            other._move(sorted([sort_key(relative + b"\0") for relative in moved]))
        return other

    def _move(self, moved: list[bytes]) -> None:
        """Put each of some keys, in order, where it belongs, or take it out when it is there."""
        keys, starts = self._keys.copy(), self._starts.copy()
        end = len(moved)
        while end:  # from behind, so that places before stay as they are
            number = max(bisect_right(starts, moved[end - 1]) - 1, 0)
            begin = bisect_left(moved, starts[number], 0, end) if number else 0
            piece = list(keys[number]) if keys else []
            self._size -= len(piece)
            for key in moved[begin:end]:
                at = bisect_left(piece, key)
                if at < len(piece) and piece[at] == key:
                    del piece[at]
                else:
                    piece.insert(at, key)
            self._size += len(piece)
            if 0 < len(piece) <= _LONGEST:
                pieces = [tuple(piece)]
            else:
                pieces = [tuple(piece[at : at + _LONGEST // 2]) for at in range(0, len(piece), _LONGEST // 2)]
            keys[number : number + 1] = pieces
            starts[number : number + 1] = [part[0] for part in pieces]
            end = begin
        self._keys, self._starts = keys, starts


def _rrset_of(change: Change) -> bytes | RRset:
    records = [write_record(PTR, change.ttl, target) for target in change.targets]
    return records[0] if len(records) == 1 else RRset(None, len(records), b"".join(records))


def _divide(records: _Share) -> list[_Share]:
    shares: list[_Share] = [{} for _ in range(_SHARES)]
    for relative, found in records.items():
        shares[hash(relative) >> _SHIFT & _SHARES - 1][relative] = found
    return shares
