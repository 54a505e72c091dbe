"""Templates found in records: long runs of names that one template makes.

What is proposed means exactly what was written: every record that is left out is made again, byte for byte, by the
template of its range, and no address gets a name that had none. Nothing is changed here; `apply` makes another zone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.cuts import cut_names, is_classless, span_of
from ptrd.records.model import Default, Prefix, Problem, PtrRecord, Zone
from ptrd.snapshot.cover import NONE, Leaf, cover
from ptrd.snapshot.generated import Family, families_of
from ptrd.snapshot.templates import Template, TemplateError, parse_template
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import CNAME, DNAME, NS, PTR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LEAST: Final = 8  # records that a template must replace
_WORTH: Final = 4  # records that it must replace for each line that it takes
_ROUNDS: Final = 100
_MOST: Final = 1000  # templates of one zone; memory grows with their number


class Proposal(NamedTuple):
    """One template: where it would stand, what it replaces, what stays.

    `replaced` are the numbers of the addresses, ascending; `kept` are records of other names within the ranges;
    `excluded` are the ranges within that get `~`, since nothing has a name there.
    """

    template: str
    ttl: int
    ranges: list[Prefix]
    replaced: list[int]
    kept: list[PtrRecord]
    excluded: list[Prefix]


class Recognition(NamedTuple):
    """What could be written instead of records: all templates together, and the zone's defaults with them."""

    proposals: list[Proposal]
    defaults: list[Default]
    replaced: frozenset[int]


def recognize(zone: Zone) -> Recognition | None:
    """Find the templates that make the names of a zone's records; None where there are none worth it.

    A zone that has defaults already is left alone.
    """
    if zone.prefix is None or zone.defaults or len(zone.records) < LEAST:
        return None
    families = families_of(zone.prefix.version, zone.records, LEAST)
    families.sort(key=lambda family: (-len(family.numbers), family.template, family.ttl))
    del families[_MOST:]
    hidden = list(_hidden(zone))
    for _ in range(_ROUNDS):
        if not families:
            return None
        found = _try(zone, families, hidden)
        if isinstance(found, Recognition):
            return found
        poor = set(found)
        families = [family for family in families if family not in poor]
    return None


def apply(zone: Zone, recognition: Recognition) -> Zone:
    """Give the zone with the templates in the place of the records that they make."""
    records = [record for record in zone.records if record.number not in recognition.replaced]
    return replace(zone, records=records, defaults=list(recognition.defaults))


def refuse_templates(zone: Zone) -> list[Problem]:
    """Take defaults whose template cannot be used out of a zone, and say why."""
    problems = []
    for item in list(zone.defaults):
        try:
            if item.template is not None:
                parse_template(item.template, item.prefix, zone.origin)
        except TemplateError as error:
            zone.defaults.remove(item)
            problems.append(Problem(item.place, f"{error}; its names are not imported"))
    return problems


def _try(zone: Zone, families: list[Family], hidden: list[Prefix]) -> Recognition | list[Family]:
    """Lay the families over the zone; give those that are not worth it, or else what came out."""
    if zone.prefix is None:
        return families
    bits = BITS[zone.prefix.version]
    member = {number: index for index, family in enumerate(families) for number in family.numbers}
    leaves = [Leaf(record.number, bits, member.get(record.number)) for record in zone.records]
    leaves += [Leaf(prefix.number, prefix.length, None) for prefix in hidden]
    entries = cover(zone.prefix, leaves, [family.anchor for family in families])
    makers: list[Template | None] = []
    wrong: set[int] = set()
    for prefix, index in entries:
        maker = None
        if index != NONE:
            try:
                maker = parse_template(families[index].template, prefix, zone.origin)
            except TemplateError:
                wrong.add(index)
        makers.append(maker)
    if wrong:
        return [families[index] for index in wrong]
    at = _finder([prefix for prefix, _ in entries])
    replaced: list[list[int]] = [[] for _ in families]
    kept: list[list[PtrRecord]] = [[] for _ in families]
    for record in sorted(zone.records):
        entry = at(record.number)
        maker = None if entry is None else makers[entry]
        if entry is None or maker is None:
            continue
        index = entries[entry][1]
        same = member.get(record.number) == index and record.ttl == families[index].ttl
        if same and record.targets == (maker.render(record.number),):
            replaced[index].append(record.number)
        else:
            kept[index].append(record)
    ranges: list[list[Prefix]] = [[] for _ in families]
    excluded: list[list[Prefix]] = [[] for _ in families]
    around: list[tuple[Prefix, int]] = []
    for prefix, index in entries:  # sorted: what is around a range stands before it
        while around and not around[-1][0].contains(prefix):
            around.pop()
        outer = around[-1][1] if around else NONE
        around.append((prefix, index))
        if index != NONE:
            ranges[index].append(prefix)
        elif outer != NONE:
            excluded[outer].append(prefix)
    poor = [
        family
        for index, family in enumerate(families)
        if len(replaced[index]) < max(LEAST, _WORTH * (len(ranges[index]) + len(excluded[index])))
    ]
    if poor:
        return poor
    proposals = [
        Proposal(family.template, family.ttl, ranges[index], replaced[index], kept[index], excluded[index])
        for index, family in enumerate(families)
    ]
    defaults = [
        Default(prefix, None, zone.ttl, zone.place)
        if index == NONE
        else Default(prefix, families[index].template, families[index].ttl, zone.place)
        for prefix, index in entries
    ]
    return Recognition(proposals, defaults, frozenset(number for numbers in replaced for number in numbers))


def _finder(prefixes: list[Prefix]) -> Callable[[int], int | None]:
    """Give a function from the number of an address to the index of the longest prefix around it."""
    if not prefixes:
        return lambda _: None
    bits = BITS[prefixes[0].version]
    by_length: dict[int, dict[int, int]] = {}
    for index, prefix in enumerate(prefixes):
        by_length.setdefault(bits - prefix.length, {})[prefix.number >> bits - prefix.length] = index
    shifts = sorted(by_length)

    def find(number: int) -> int | None:
        for shift in shifts:
            index = by_length[shift].get(number >> shift)
            if index is not None:
                return index
        return None

    return find


def _hidden(zone: Zone) -> Iterable[Prefix]:
    """Give where no default is made, whatever is written: at other PTR, at CNAME, at and below cuts and DNAME."""
    for item in zone.delegations:
        yield item.prefix
        if is_classless(item):
            yield from (span for name in cut_names(zone, item) if (span := span_of(zone, name)))
    for rrset in zone.rrsets:
        span = span_of(zone, rrset.owner)
        if span is None:
            continue
        whole = span.length == BITS[span.version]
        if rrset.rtype in {NS, DNAME} or (whole and rrset.rtype in {PTR, CNAME}):
            yield span
