"""The changes that are newer than the image: few, ordered, one overlay a zone.

An overlay holds the PTR RRset that a managed record puts at an owner; taking it out again reverts the owner to what
the image says. Relative names in lower case.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from ptrd.wire.names import sort_key
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import RRset, write_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.records.changes import Change

_FEW: Final = 64  # changes that are put in their places one by one; more are sorted anew, all at once


class Overlay:
    """The managed PTR RRsets of one zone that the image does not know."""

    __slots__ = ("keys", "records")

    def __init__(self) -> None:
        self.records: dict[bytes, RRset] = {}
        self.keys: list[bytes] = []

    def __len__(self) -> int:
        return len(self.records)

    def copy(self) -> Overlay:
        """Give one that can be changed while this one is read."""
        other = Overlay()
        other.records = self.records.copy()
        other.keys = self.keys.copy()
        return other

    def put(self, changes: Sequence[tuple[bytes, Change]]) -> None:
        """Set the PTR RRset of each owner, or take it out when its change has no targets; in order."""
        records, keys = self.records, self.keys
        many = len(changes) > _FEW
        for relative, change in changes:
            known = relative in records
            if change.targets:
                wire = b"".join([write_record(PTR, change.ttl, target) for target in change.targets])
                records[relative] = RRset(None, len(change.targets), wire)
                if not known and not many:
                    insort(keys, sort_key(relative + b"\0"))
            elif known:
                del records[relative]
                if not many:
                    del keys[bisect_left(keys, sort_key(relative + b"\0"))]
        if many:
            self.keys = sorted([sort_key(relative + b"\0") for relative in records])

    def has_below(self, key: bytes) -> bool:
        """Tell whether an owner lies below the name with this sort key."""
        prefix = key + b"\0"
        at = bisect_left(self.keys, prefix)
        return at < len(self.keys) and self.keys[at].startswith(prefix)

    def nearest(self, key: bytes) -> list[bytes]:
        """List the sort keys before and at or after a key."""
        at = bisect_left(self.keys, key)
        return self.keys[max(at - 1, 0) : at + 1]
