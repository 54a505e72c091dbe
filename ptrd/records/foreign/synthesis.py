"""Knot's mod-synthrecord as defaults and `forward` zones.

A module of type reverse is a template of its networks. One of type forward answers for the same names: it is kept
where a default makes them, since forward answers depend on defaults alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.records.foreign.placing import place_names
from ptrd.records.model import Default, Place, Prefix, Problem, Zone
from ptrd.records.rules import RECORDS_LIMIT, zone_problems
from ptrd.records.values import ValueText, format_prefix, parse_domain, quote
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.records.foreign.assembly import Apex
    from ptrd.records.foreign.knot import Synthesis


def add_modules(zones: Sequence[Zone], modules: Iterable[Synthesis]) -> list[Problem]:
    """Write modules into the zones that use them."""
    problems: list[Problem] = []
    modules = list(modules)
    by_name = {zone.origin: zone for zone in zones}
    for module in modules:
        users = [by_name[name] for name in _names(module.zones) if name in by_name]
        if not users:
            problems.append(Problem(module.place, "no zone that is imported uses this module; it is not imported"))
        for zone in users if module.reverse else ():
            _add_defaults(zone, module, problems)
    for module in modules:
        for name in _names(module.zones) if not module.reverse else ():
            if name in by_name:
                _add_forward(by_name[name], module, zones, problems)
    return problems


def place_modules(
    modules: Iterable[Synthesis], wanted: Sequence[tuple[bytes, Prefix]], apex: Apex, place: Place
) -> tuple[list[Zone], list[Problem]]:
    """Make zones of modules alone: reverse ones for networks, and one for each zone with a module of type forward."""
    modules = list(modules)
    ranges = [item for module in modules if module.reverse for item in module.ranges]
    zones, problems = place_names([], ranges, wanted, apex, place)
    forward: dict[bytes, Zone] = {}
    for module in modules:
        for name in _names(module.zones) if not module.reverse else ():
            zone = forward.get(name) or Zone(name, place, apex.ttl, apex.soa, apex.ns)
            _add_forward(zone, module, zones, problems)
            if zone.forward:
                forward[name] = zone
    return [*zones, *forward.values()], problems


def _names(texts: Iterable[str]) -> list[bytes]:
    names = []
    for text in texts:
        try:
            names.append(parse_domain(text).lower())
        except ValueText:
            continue
    return names


def _add_defaults(zone: Zone, module: Synthesis, problems: list[Problem]) -> None:
    """Write a module's networks, as far as they lie in the zone, under its defaults."""
    inside = 0
    for prefix, template, ttl, place in module.ranges:
        if zone.prefix is None or not (zone.prefix.contains(prefix) or prefix.contains(zone.prefix)):
            continue
        inside += 1
        own = prefix if zone.prefix.contains(prefix) else zone.prefix
        if any(item.prefix == own for item in zone.defaults):
            message = f"{format_prefix(own)} has a template already; {template!r} is not imported: write one of them"
            problems.append(Problem(place, message))
        else:
            zone.defaults.append(Default(own, template, zone.ttl if ttl is None else ttl, place))
    if not inside:
        message = f"no network of the module lies in {format_name(zone.origin)}, which uses it; it makes no name there"
        problems.append(Problem(module.place, message, warning=True))


def _add_forward(zone: Zone, module: Synthesis, zones: Iterable[Zone], problems: list[Problem]) -> None:
    """Have a zone answer for the names of defaults, where these are those of the module."""
    made = [(item.prefix, item.template) for other in zones for item in other.defaults]
    known = {prefix for prefix, _ in zone.forward}
    for prefix, template, _, place in module.ranges:
        if any(template == other and (prefix.contains(at) or at.contains(prefix)) for at, other in made):
            if prefix not in known:
                zone.forward.append((prefix, place))
                known.add(prefix)
            continue
        message = (
            f"the names {quote(template)} of {format_prefix(prefix)} are not imported: a forward zone answers for "
            "names that a default of a reverse zone makes, and none makes these; import that zone too"
        )
        problems.append(Problem(place, message))
    problems += [item for item in zone_problems(zone, RECORDS_LIMIT) if not item.warning]
