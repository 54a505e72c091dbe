"""A snapshot, read in place: names found in a mapped image, never turned into objects.

A Snapshot holds a few objects a zone and none a record; ranges become objects when they first answer.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.access import AccessList
from ptrd.records.cuts import owner_of
from ptrd.records.model import Prefix
from ptrd.records.transfer import load_transfer
from ptrd.snapshot.forward import ForwardIndex, makes_names_in
from ptrd.snapshot.history import extend, step_of_changes
from ptrd.snapshot.layout import INDEX, NODE_CNAME, NODE_CUT, RANGE, ZONE
from ptrd.snapshot.overlay import Overlay
from ptrd.snapshot.steps import NONE, Histories
from ptrd.snapshot.stubs import load_primaries
from ptrd.snapshot.templates import load_template
from ptrd.snapshot.trie import entry_at, has_leaf
from ptrd.snapshot.zone import ServedZone
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import split_records, write_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ptrd.records.changes import Change
    from ptrd.snapshot.templates import Template
    from ptrd.wire.writer import RRset


_MISS: Final = -1
_LENGTHS: Final = tuple(length.to_bytes(2, "big") for length in range(256))


class Range:
    """A range that has been asked for once."""

    __slots__ = ("_head", "dumped", "prefix", "render", "template", "ttl", "zone")

    def __init__(self, zone: int, ttl: int, template: Template) -> None:
        self.zone = zone
        self.ttl = ttl
        self.template = template
        self.prefix = template.prefix
        self.render = template.render
        self.dumped = template.form.dumped
        self._head = write_record(PTR, ttl, b"")[:-2]

    def pointer(self, number: int) -> bytes:
        """Make the PTR record of an address, as `wire.writer.RRset` holds it."""
        name = self.render(number)
        return self._head + _LENGTHS[len(name)] + name


class Snapshot:
    """Everything that is served at one moment. Made by `open_image`."""

    __slots__ = (
        "_forward",
        "_ranges",
        "_reverse_zones",
        "about_at",
        "buffer",
        "covering",
        "depths",
        "histories",
        "most_steps",
        "names_above",
        "overlays",
        "pool_at",
        "range_count",
        "ranges_at",
        "revision",
        "trie",
        "zones",
        "zones_by_name",
    )

    def __init__(self, buffer: bytes, revision: int, segments: Sequence[tuple[int, int, int]], index: int) -> None:
        self.buffer = buffer
        self.revision = revision
        zone_count, self.range_count, trie_size, trie_at, pool_at, about_at = INDEX.unpack_from(buffer, index)
        self.ranges_at = index + INDEX.size + zone_count * ZONE.size
        self.pool_at = index + pool_at
        self.about_at = index + about_at
        self.trie = memoryview(buffer)[index + trie_at : index + trie_at + 4 * trie_size].cast("I")
        self.overlays: dict[int, Overlay] = {}
        self.histories = Histories()
        self.most_steps = 0  # that are kept of each zone's history
        self.zones: list[ServedZone] = []
        self.zones_by_name: dict[bytes, ServedZone] = {}
        self.covering: dict[int, list[ServedZone]] = {}
        self._ranges: dict[int, Range] = {}
        self._forward: dict[int, ForwardIndex] = {}
        about = self.about()
        for number in range(zone_count):
            fields = ZONE.unpack_from(buffer, index + INDEX.size + number * ZONE.size)
            at = self.pool_at + fields[0]
            forward = [
                Prefix(version, int(text, 16), length) for version, text, length in about["zones"][number]["forward"]
            ]
            origin = buffer[at : at + fields[1]]
            rules = about["zones"][number]["access"]
            access = AccessList(map(tuple, rules)) if rules else None
            transfer = load_transfer(about["zones"][number]["transfer"])
            primaries = load_primaries(about["zones"][number]["primaries"])
            zone = ServedZone(
                self, number, origin, fields, segments[fields[9]][0], forward, access, transfer, primaries
            )
            self.zones.append(zone)
            self.zones_by_name[zone.origin] = zone
            if zone.covers and zone.prefix is not None:
                self.covering.setdefault(zone.prefix.number >> 8, []).append(zone)
        reverse: dict[int, dict[int, dict[int, ServedZone]]] = {4: {}, 6: {}}
        for zone in self.zones:
            if zone.prefix is not None and not zone.covers:
                version, address, length = zone.prefix
                reverse[version].setdefault(length, {})[address >> BITS[version] - length] = zone
        self._reverse_zones = {version: sorted(zones.items(), reverse=True) for version, zones in reverse.items()}
        self.depths = sorted({zone.labels for zone in self.zones}, reverse=True)
        # The names of the zones, and all above them.
        self.names_above = {zone.origin[offset:] for zone in self.zones for offset in offsets_of(zone.origin)}
        self._index_forward()

    def zone_of(self, name: bytes, offsets: Sequence[int]) -> ServedZone | None:
        """Find the deepest zone that holds a name."""
        labels = len(offsets)
        zones = self.zones_by_name
        for depth in self.depths:
            if depth < labels:
                zone = zones.get(name[offsets[~depth] :])
                if zone is not None:
                    return zone
        return None

    def about(self) -> dict[str, Any]:
        """Give what the image says of itself: where each zone and range was written. Not for the answering path."""
        found: dict[str, Any] = json.loads(self.buffer[self.about_at :])
        return found

    def statistics(self) -> dict[str, int]:
        """Count what is served: zones, records, ranges, and bytes of the image."""
        records = sum(zone["records"] for zone in self.about()["zones"])
        managed = sum(len(overlay) for overlay in self.overlays.values())
        return {
            "zones": len(self.zones),
            "records": records + managed,
            "ranges": self.range_count,
            "bytes": len(self.buffer),
        }

    def range_labels(self, number: int) -> tuple[str, str, str]:
        """Name a range by its zone, its prefix and its template."""
        span = self.range(number)
        size = 4 if span.prefix.version == 4 else 16
        prefix = f"{ip_address(span.prefix.number.to_bytes(size, 'big'))}/{span.prefix.length}"
        return format_name(self.zones[span.zone].origin), prefix, span.template.text

    def zone_below(self, name: bytes) -> bool:
        """Tell whether a zone that is served has this name or lies below it."""
        return name in self.names_above

    def range(self, number: int) -> Range:
        """Give a range by its number."""
        found = self._ranges.get(number)
        if found is None:
            zone, ttl, version, length, size, at, address = RANGE.unpack_from(
                self.buffer, self.ranges_at + number * RANGE.size
            )
            at += self.pool_at
            prefix = Prefix(version, int.from_bytes(address, "big"), length)
            found = self._ranges[number] = Range(zone, ttl, load_template(self.buffer[at : at + size], prefix))
        return found

    def zone_of_address(self, version: int, number: int) -> ServedZone | None:
        """Find the zone that an address belongs to: the `covers` zone that holds it, else the deepest reverse zone."""
        address = Prefix(version, number, BITS[version])
        for zone in self.covering.get(number >> 8, ()) if version == 4 else ():
            if zone.prefix is not None and zone.prefix.contains(address):
                return zone
        for length, zones in self._reverse_zones[version]:
            found = zones.get(number >> BITS[version] - length)
            if found is not None:
                return found
        return None

    def range_of(self, version: int, number: int) -> int:
        """Give the number of the range that makes an address's default name, or -1."""
        zone = self.zone_of_address(version, number)
        if zone is None or zone.version != version:
            return _MISS
        return entry_at(self.trie, zone.trie_entry, zone.base_length, version, number) - 1

    def leading(self, zone: ServedZone) -> set[int]:
        """Give the numbers of the ranges whose default names a forward zone may lead back."""
        index = self._forward.get(zone.number)
        return set() if index is None else index.numbers

    def led_to(self, zone: ServedZone, name: bytes) -> list[tuple[int, Prefix]]:
        """List (range, address) of every address whose default name in a forward zone is `name`; one, or none."""
        index = self._forward.get(zone.number)
        if index is None:
            return []
        found = []
        for number, address in index.find(name):
            version = self.range(number).prefix.version
            if self.range_of(version, address) != number:
                continue
            one = Prefix(version, address, BITS[version])
            if any(wanted.contains(one) for wanted in zone.forward):
                found.append((number, one))
        return found

    def leads_below(self, zone: ServedZone, name: bytes) -> bool:
        """Tell whether some address's default name in a forward zone lies below `name`."""
        index = self._forward.get(zone.number)
        if index is None:
            return False
        for number, mask, value in index.ancestors(name):
            prefix = self.range(number).prefix
            owner = self.zones[self.range(number).zone]
            for wanted in zone.forward:
                if not (wanted.contains(prefix) or prefix.contains(wanted)):
                    continue
                longest = max(wanted, prefix, key=lambda one: one.length)
                above = (1 << BITS[prefix.version]) - (1 << BITS[prefix.version] - longest.length)
                if (longest.number ^ value) & above & mask:
                    continue
                if has_leaf(
                    self.trie,
                    owner.trie_entry,
                    owner.base_length,
                    prefix.version,
                    number + 1,
                    mask | above,
                    value & mask | longest.number,
                ):
                    return True
        return False

    def _index_forward(self) -> None:
        """Prepare the search for default names; once, before anything is asked."""
        for zone in self.zones:
            if not zone.forward:
                continue
            self._forward[zone.number] = ForwardIndex(
                (number, template)
                for number in range(self.range_count)
                for template in [self.range(number).template]
                if any(wanted.contains(template.prefix) or template.prefix.contains(wanted) for wanted in zone.forward)
                and makes_names_in(template, zone.origin)
                and template.identifies
            )

    def walk(self, zone: ServedZone) -> Iterator[tuple[bytes, list[RRset]]]:
        """Visit every name of a zone that has records, in canonical order, with its RRsets.

        Names are relative to the zone; the RRsets' owner is None, but for the SOA's. Default names are not written
        out; a managed PTR RRset replaces the zone file's.
        """
        overlay = self.overlays.get(zone.number)
        managed = overlay.walk() if overlay is not None else iter(())
        mine = next(managed, None)
        for node in zone.walk():
            key = zone.key(node)
            while mine is not None and mine[0] < key:
                yield mine[1], [mine[2]]
                mine = next(managed, None)
            found = [zone.rrset(node, rtype) for rtype in zone.rtypes(node)]
            rrsets = [rrset for rrset in found if rrset is not None]
            relative = zone.relative_name(node)
            if mine is not None and mine[0] == key:
                if not zone.flags(node) & (NODE_CNAME | NODE_CUT):
                    rrsets = [rrset for rrset in rrsets if split_records(rrset.records)[0][0] != PTR]
                    rrsets.append(mine[2])
                mine = next(managed, None)
            yield relative, rrsets
        while mine is not None:
            yield mine[1], [mine[2]]
            mine = next(managed, None)

    def with_overlay(
        self,
        changes: Iterable[Change],
        revision: int,
        serials: Mapping[bytes, int] | None = None,
        *,
        past: bool = False,
    ) -> Snapshot:
        """Give a snapshot that differs by changes to PTR records; it shares everything else with this one.

        A change for an address that belongs to no zone is passed over. `serials` maps names of zones to their SOA
        serials from now on; both snapshots then have them, since a serial never goes back. What is `past` is no step
        in the history of a zone.
        """
        changed = object.__new__(Snapshot)
        for name in Snapshot.__slots__:  # a third of what copy.copy takes
            setattr(changed, name, getattr(self, name))
        changed.revision = revision
        changed.overlays = dict(self.overlays)
        by_zone: dict[int, list[tuple[bytes, Change]]] = {}
        for change in changes:
            zone = self.zone_of_address(change.version, change.number)
            if zone is not None:
                owner = owner_of(zone, change.version, change.number)
                by_zone.setdefault(zone.number, []).append((owner[: -len(zone.origin)], change))
        for number, found in by_zone.items():
            overlay = (self.overlays.get(number) or Overlay()).changed(found)
            if overlay:
                changed.overlays[number] = overlay
            else:
                changed.overlays.pop(number, None)
        if self.most_steps and not past:
            changed.histories = self.histories.copy()
            for number in by_zone.keys() - {
                self.zones_by_name[name].number for name in serials or () if name in self.zones_by_name
            }:
                changed.histories.forget(self.zones[number].origin)  # a change without a serial cannot be told
        for origin, serial in (serials or {}).items():
            zone = self.zones_by_name.get(origin)
            if zone is None:
                continue
            soa = zone.soa.records
            zone.set_serial(serial)
            if self.most_steps and not past and zone.transfer is not None:
                overlays = self.overlays.get(zone.number), changed.overlays.get(zone.number)
                step = step_of_changes(zone, *overlays, [change for _, change in by_zone.get(zone.number, ())], soa)
                changed.histories.put(origin, extend(self.histories.get(origin, NONE), step, self.most_steps))
        return changed

    def remember(self, histories: Histories, most: int) -> None:
        """Go on from histories of the zones, each of at most so many steps, before anything is changed."""
        self.histories = histories
        self.most_steps = most
