"""Names and ranges that belong to no zone yet, put into zones: those that are wanted, else one a /24 or /64.

Every name and range is in one zone afterwards, or is a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.records.model import Default, Place, Prefix, Problem, PtrRecord, Zone
from ptrd.records.rules import RECORDS_LIMIT, zone_problems
from ptrd.records.values import format_address, format_prefix
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS, STRIDE, reverse_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.records.foreign.assembly import Apex
    from ptrd.records.foreign.record import Named, Range

_LONGEST: Final = {4: 24, 6: 64}  # of zones that are made up


def place_names(
    named: Iterable[Named], ranges: Iterable[Range], wanted: Sequence[tuple[bytes, Prefix]], apex: Apex, place: Place
) -> tuple[list[Zone], list[Problem]]:
    """Make zones of names and ranges.

    `wanted` are zones by name and prefix; without any, there is one for each /24 and /64, or for what a wider range
    lies in. All get the same apex, whose TTL is that of what says none.
    """
    named, ranges = list(named), list(ranges)
    made = dict(wanted) or _make_up(named, ranges)
    zones = {
        prefix: Zone(origin, place, apex.ttl, apex.soa, apex.ns, prefix, covers=origin != _own_name(prefix))
        for origin, prefix in made.items()
    }
    problems: list[Problem] = []
    found = _Zones(zones)
    for item in ranges:
        _place_range(item, found, apex.ttl, problems)
    records: dict[tuple[int, int], tuple[Zone, int, dict[bytes, bytes], Place]] = {}
    for version, number, target, ttl, where in named:
        zone = found.of(version, number)
        if zone is None:
            message = f"{format_address(version, number)} lies in none of the zones, and is not imported; name its zone"
            problems.append(Problem(where, f"{message} with --zone"))
            continue
        own = apex.ttl if ttl is None else ttl
        known = records.get((version, number))
        if known is None:
            records[version, number] = zone, own, {target.lower(): target}, where
            continue
        known[2].setdefault(target.lower(), target)
        if known[1] != own:
            lowest = min(own, known[1])
            message = (
                f"the TTL {own} differs from {known[1]}, that of the other names of {format_address(version, number)}; "
                f"all get the lowest, {lowest}"
            )
            problems.append(Problem(where, message, warning=True))
            records[version, number] = zone, lowest, known[2], known[3]
    for (_, number), (zone, ttl, targets, where) in records.items():
        zone.records.append(PtrRecord(number, ttl, tuple(targets.values()), where.line, where.column))
    kept = [zone for zone in zones.values() if wanted or zone.records or zone.defaults]
    for zone in kept:
        problems += zone_problems(zone, RECORDS_LIMIT, whole=False)
    return kept, problems


class _Zones:
    """Finds the zone of an address: the longest prefix."""

    def __init__(self, zones: dict[Prefix, Zone]) -> None:
        self.zones = zones
        self.lengths = {
            version: sorted({prefix.length for prefix in zones if prefix.version == version}, reverse=True)
            for version in (4, 6)
        }

    def of(self, version: int, number: int) -> Zone | None:
        for length in self.lengths[version]:
            shift = BITS[version] - length
            zone = self.zones.get(Prefix(version, number >> shift << shift, length))
            if zone is not None:
                return zone
        return None


def _place_range(item: Range, found: _Zones, ttl: int, problems: list[Problem]) -> None:
    """Write a range in the zone that holds it, or in the zones that it holds."""
    prefix, template, own, place = item
    own = ttl if own is None else own
    zone = found.of(prefix.version, prefix.number)
    if zone is not None and zone.prefix and zone.prefix.contains(prefix):
        if any(default.prefix == prefix for default in zone.defaults):
            message = f"{format_prefix(prefix)} has a template already; {template!r} is not imported: write one of them"
            problems.append(Problem(place, message))
        else:
            zone.defaults.append(Default(prefix, template, own, place))
        return
    inner = [other for at, other in found.zones.items() if prefix.contains(at)]
    if not inner or "{host}" in template:
        what = f"the names {template!r} of {format_prefix(prefix)} are not imported"
        problems.append(
            Problem(place, f"{what}: the range lies in none of the zones; name one that holds it with --zone")
        )
        return
    names = ", ".join(format_name(other.origin) for other in inner[:3])
    message = (
        f"the names {template!r} of {format_prefix(prefix)} are imported for {names} alone, which are in the range"
    )
    problems.append(Problem(place, message))
    for other in inner:
        if other.prefix:
            other.defaults.append(Default(other.prefix, template, own, place))


def _own_name(prefix: Prefix) -> bytes:
    aligned = prefix.length % STRIDE[prefix.version] == 0
    return reverse_name(*prefix) if aligned else b""


def _make_up(named: list[Named], ranges: list[Range]) -> dict[bytes, Prefix]:
    """Give the zones that hold everything, none within another."""
    prefixes = {_round(item.prefix.version, item.prefix.number, item.prefix.length) for item in ranges}
    prefixes |= {_round(item.version, item.number, BITS[item.version]) for item in named}
    outer: list[Prefix] = []
    for prefix in sorted(prefixes):
        if not (outer and outer[-1].contains(prefix)):
            outer.append(prefix)
    return {reverse_name(*prefix): prefix for prefix in outer}


def _round(version: int, number: int, length: int) -> Prefix:
    """Give the zone around a prefix: on the next boundary up, a /24 or /64 at the longest."""
    length = min(length // STRIDE[version] * STRIDE[version], _LONGEST[version])
    shift = BITS[version] - length
    return Prefix(version, number >> shift << shift, length)
