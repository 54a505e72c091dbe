"""What stands where in one zone, indexed for the rules: types at a name, cuts, records in a range.

Everything is derived from the zone once; nothing is judged here.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING

from ptrd.records.cuts import cut_names, is_classless, span_of
from ptrd.records.model import Delegation, Place, Prefix, PtrRecord, RRset, Zone
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import DNAME, NS

if TYPE_CHECKING:
    from collections.abc import Iterator


class ZoneFacts:
    """One zone, indexed. Delegations are only those that lie properly inside the zone."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.types: dict[bytes, dict[int, RRset]] = {}
        for rrset in zone.rrsets:
            self.types.setdefault(rrset.owner, {})[rrset.rtype] = rrset
        self.dnames = {rrset.owner: rrset for rrset in zone.rrsets if rrset.rtype == DNAME}
        self.delegations = [item for item in zone.delegations if lies_inside(zone, item)]
        self.by_prefix = {item.prefix: item for item in self.delegations}
        self._lengths = sorted({prefix.length for prefix in self.by_prefix})
        # Who cuts at a name: the first delegation that does, or an NS RRset. Apex NS are not the rrsets' business.
        self.delegated: dict[bytes, Delegation] = {}
        for item in self.delegations:
            for name in cut_names(zone, item):
                self.delegated.setdefault(name, item)
        self.cuts: dict[bytes, Place] = {name: item.place for name, item in self.delegated.items()}
        for rrset in zone.rrsets:
            if rrset.rtype == NS and rrset.owner != zone.origin:
                self.cuts.setdefault(rrset.owner, rrset.place)

    @cached_property
    def ordered(self) -> list[PtrRecord]:
        """Give the records by address."""
        return sorted(self.zone.records)

    @cached_property
    def name_servers(self) -> dict[bytes, Place]:
        """Give every name server that the zone names, in lower case, with a place that names it."""
        found: dict[bytes, Place] = {}
        for name in self.zone.ns:
            found.setdefault(name.lower(), self.zone.place)
        for item in self.zone.delegations:
            for name in item.ns:
                found.setdefault(name.lower(), item.place)
        for rrset in self.zone.rrsets:
            if rrset.rtype == NS:
                for name in rrset.rdatas:
                    found.setdefault(name.lower(), rrset.place)
        return found

    def place_of(self, record: PtrRecord) -> Place:
        """Give where a record was written."""
        return Place(self.zone.place.file, record.line, record.column)

    def records_in(self, prefix: Prefix) -> list[PtrRecord]:
        """Give the records of a range, by address."""
        if not self.zone.records:
            return []
        ordered = self.ordered
        low = bisect_left(ordered, (prefix.number,))
        return ordered[low : bisect_left(ordered, (prefix.last + 1,), low)]

    def address_of(self, owner: bytes) -> Prefix | None:
        """Give the one address whose owner a name is, as a prefix of full length."""
        span = span_of(self.zone, owner)
        if span is None or span.length < BITS[span.version]:
            return None
        if self.zone.covers and owner == self.zone.origin:
            return None  # a /32 of its own: the address stands one label below
        return span

    def record_at(self, owner: bytes) -> PtrRecord | None:
        """Give the record in `records` whose owner a name is."""
        address = self.address_of(owner)
        found = self.records_in(address) if address else []
        return found[0] if found else None

    def classless_at(self, owner: bytes) -> Delegation | None:
        """Give the RFC 2317 delegation that makes a CNAME at a name."""
        address = self.address_of(owner)
        for item in self.enclosing(address) if address else ():
            if is_classless(item):
                return item
        return None

    def enclosing(self, prefix: Prefix) -> Iterator[Delegation]:
        """Give the delegations that contain a prefix, the shortest first, one of the prefix itself included."""
        version, number, length = prefix
        for size in self._lengths:
            if size <= length:
                shift = BITS[version] - size
                item = self.by_prefix.get(Prefix(version, number >> shift << shift, size))
                if item is not None:
                    yield item

    def above(self, owner: bytes) -> Iterator[bytes]:
        """Give the names above an owner, up to and with the apex."""
        at = 0
        stop = len(owner) - len(self.zone.origin)
        while at < stop:
            at += owner[at] + 1
            yield owner[at:]


def lies_inside(zone: Zone, item: Delegation) -> bool:
    """Tell whether a delegation cuts below the zone's apex, within the zone."""
    if zone.prefix is None or not zone.prefix.contains(item.prefix):
        return False
    if is_classless(item):
        return zone.covers or zone.prefix.length <= 24
    return not zone.covers and item.prefix.length > zone.prefix.length
