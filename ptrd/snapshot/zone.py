"""One zone of a mapped image, read in place: names are found, never turned into objects.

Find a name, its default, its neighbours, walk in order: that is all that `engine` asks of a zone.
"""

from __future__ import annotations

from binascii import Error, unhexlify
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.access import AccessList
from ptrd.records.model import Prefix
from ptrd.snapshot.block import Block
from ptrd.snapshot.layout import (
    NODE,
    NODE_RRSET,
    NODE_SIZE,
    RRSET,
    ZONE_ABSENT,
    ZONE_CUTS,
    ZONE_WILDCARDS,
)
from ptrd.snapshot.trie import entry_at
from ptrd.wire.reverse import NIBBLES, OCTETS
from ptrd.wire.rrtypes import SOA, A
from ptrd.wire.writer import Records, RRset, split_records, write_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.records.transfer import NotifyTarget, Transfer
    from ptrd.snapshot.expansion import MadeCount
    from ptrd.snapshot.view import Snapshot


_FULL: Final = {4: 4, 6: 32}  # labels of an address
_DIGITS: Final = {4: OCTETS, 6: NIBBLES}
_MISS: Final = -1
_NO_RULES: Final = AccessList(())

Made = tuple[Records, int]  # what a range makes at a name: the fields of an RRset, and the number of the range


class ServedZone(Block):
    """One zone of a snapshot. Names passed in are lower case and relative to the zone (without its own labels)."""

    __slots__ = (
        "absent",
        "access",
        "base_length",
        "covers",
        "cuts",
        "forward",
        "labels",
        "made_count",
        "negative",
        "number",
        "origin",
        "prefix",
        "primaries",
        "serial",
        "snapshot",
        "soa",
        "transfer",
        "trie_entry",
        "version",
        "wildcards",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        number: int,
        origin: bytes,
        fields: tuple[Any, ...],
        segment: int,
        forward: list[Prefix],
        access: AccessList | None,
        transfer: Transfer | None,
        primaries: Sequence[NotifyTarget] = (),
    ) -> None:
        self.labels: int = fields[2]
        self.version: int = fields[3]
        length, covers, address = fields[4:7]
        self.trie_entry: int = fields[7]
        self.serial: int = fields[8]
        block, flags, soa, soa_size = fields[10:]
        self.snapshot = snapshot
        self.number = number
        self.origin = origin
        self.covers = bool(covers)
        self.prefix = Prefix(self.version, int.from_bytes(address, "big"), length) if self.version else None
        self.base_length = 24 if covers else length
        self.cuts = bool(flags & ZONE_CUTS)
        self.wildcards = bool(flags & ZONE_WILDCARDS)
        super().__init__(snapshot.buffer, segment, block)
        self.forward = forward
        self.access = access
        self.transfer = transfer
        self.made_count: MadeCount | None = None  # once somebody has counted
        self.primaries = primaries
        self.absent = bool(flags & ZONE_ABSENT)
        if self.absent and access is None:
            self.access = _NO_RULES  # whoever asks is looked at, and told so
        soa += snapshot.pool_at
        self.soa = RRset(origin, 1, snapshot.buffer[soa : soa + soa_size])
        _, ttl, rdata = split_records(self.soa.records)[0]
        minimum = int.from_bytes(rdata[-4:], "big")
        self.negative = RRset(origin, 1, write_record(SOA, min(ttl, minimum), rdata))  # RFC 2308, 3

    def set_serial(self, serial: int) -> None:
        """Have the SOA say another serial from now on; everything else in it stays."""
        self.serial = serial
        _, ttl, rdata = split_records(self.soa.records)[0]
        rdata = rdata[:-20] + serial.to_bytes(4, "big") + rdata[-16:]
        self.soa = self.soa._replace(records=write_record(SOA, ttl, rdata))
        negative_ttl = split_records(self.negative.records)[0][1]
        self.negative = self.negative._replace(records=write_record(SOA, negative_ttl, rdata))

    def rrset(self, node: int, rtype: int, owner: bytes | None = None) -> RRset | None:
        """Give an RRset of a node, owned by `owner` (None: the name in the question)."""
        found = self.records_of(node, rtype, owner)
        return None if found is None else RRset(*found)

    def records_of(self, node: int, rtype: int, owner: bytes | None) -> Records | None:
        """Give the fields of an RRset of a node."""
        buffer = self.buffer
        size, length, count, found, records, room = NODE_RRSET.unpack_from(buffer, node)
        at = node + NODE_SIZE + size + length
        while found != rtype:
            count -= 1
            if not count:
                return self.soa if rtype == SOA and not size else None
            at += room + RRSET.size
            found, records, room = RRSET.unpack_from(buffer, at - RRSET.size)
        return owner, records, buffer[at : at + room]

    def rtypes(self, node: int) -> list[int]:
        """List the types that a node has."""
        _, size, length, _, count, rtype, _, room = NODE.unpack_from(self.buffer, node)
        at = node + NODE_SIZE + size + length + room
        found = [rtype] if size else [SOA, rtype]
        for _ in range(count - 1):
            rtype, _, room = RRSET.unpack_from(self.buffer, at)
            at += RRSET.size + room
            found.append(rtype)
        return found

    def address_at(self, name: bytes, offsets: Sequence[int]) -> int:
        """Read the address of which `name` is the owner in this zone; -1 when it is none. Names are absolute here."""
        labels = len(offsets) - 1
        if self.covers:
            if labels != self.labels + 1:
                return _MISS
            octet = OCTETS.get(name[1 : offsets[1]])
            return _MISS if octet is None or self.prefix is None else self.prefix.number & ~255 | octet
        if self.version == 4:
            if labels != 6:
                return _MISS
            try:
                return (
                    OCTETS[name[offsets[3] + 1 : offsets[4]]] << 24
                    | OCTETS[name[offsets[2] + 1 : offsets[3]]] << 16
                    | OCTETS[name[offsets[1] + 1 : offsets[2]]] << 8
                    | OCTETS[name[1 : offsets[1]]]
                )
            except KeyError:
                return _MISS
        if labels != 34 or len(name) != 74:
            return _MISS
        try:
            return int.from_bytes(unhexlify(name[63:0:-2]), "big")
        except Error:
            return _MISS

    def made_pointer(self, address: int) -> Made | None:
        """Make the default PTR of an address of this zone."""
        entry = self.trie_entry
        snapshot = self.snapshot
        if entry & 0x8000_0000:
            entry = entry_at(snapshot.trie, entry, self.base_length, self.version, address)
        if not entry:
            return None
        return (None, 1, snapshot.range(entry - 1).pointer(address)), entry - 1

    def makes_below(self, name: bytes, offsets: Sequence[int]) -> int:
        """Say how far down towards `name` default names exist: the number of labels of the deepest such ancestor.

        0 when not even the first label below the zone's name leads to one. `name` may be the owner of a default name
        itself. An empty non-terminal of this sort answers NODATA (RFC 8020).
        """
        entry = self.trie_entry
        if not entry:
            return 0
        trie = self.snapshot.trie
        digits = _DIGITS[self.version]
        labels = len(offsets) - 1
        deepest = labels
        if not self.covers:
            deepest = min(labels, _FULL[self.version] + 2)
        elif labels > self.labels:
            deepest = self.labels + 1
        reached = 0
        for count in range(self.labels + 1, deepest + 1):
            at = labels - count
            digit = digits.get(name[offsets[at] + 1 : offsets[at + 1]])
            if digit is None:
                break
            if entry & 0x8000_0000:
                entry = trie[(entry & 0x7FFF_FFFF) + digit]
            if not entry:
                break
            reached = count
        return reached

    def made_addresses(self, led: list[tuple[int, Prefix]], rtype: int) -> Made | None:
        """Make the A or AAAA records of a default name; `led` is what `Snapshot.led_to` found for it."""
        version, size = (4, 4) if rtype == A else (6, 16)
        found = [(number, address.number) for number, address in led if address.version == version]
        if not found:
            return None
        ttl = min(self.snapshot.range(number).ttl for number, _ in found)
        records = [write_record(rtype, ttl, address.to_bytes(size, "big")) for _, address in found]
        return (None, len(records), b"".join(records)), found[0][0]
