"""What must hold within one zone and between zones, whatever the zone was read from.

The rules are those of zone-format: errors first, then what is only hidden or missing, as warnings. No rule changes
the zone, and each problem names the place of what should be changed.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from ptrd.records.cuts import cut_names, is_classless, owner_of, span_of
from ptrd.records.facts import ZoneFacts, lies_inside
from ptrd.records.model import Place, Prefix, Problem, PtrRecord, RRset, Zone
from ptrd.records.values import format_address, format_prefix
from ptrd.wire.names import ROOT, format_name, is_below, labels_of
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import AAAA, CNAME, DNAME, DS, NS, PTR, A, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RECORDS_LIMIT: Final = 100  # records of one name and type: CVE-2024-1737
_RRSET_BYTES: Final = 65535 - 1024  # what a message of 64 KB holds beside question, SOA and OPT


def zone_problems(
    zone: Zone, limit: int = RECORDS_LIMIT, places: Mapping[bytes, Place] | None = None, *, whole: bool = True
) -> list[Problem]:
    """Check one zone.

    `limit` is how many records a name and type may have. `places` says where name servers were written, by their
    names in lower case; without it the place of what names them is given. When the zone is not `whole`, since some of
    what was written could not be read, nothing is said about names that nobody has.
    """
    facts = ZoneFacts(zone)
    return [
        *_outside(zone),
        *_too_many(zone, limit),
        *_aliases(facts),
        *_cuts(facts),
        *_below_dnames(facts),
        *_records_and_blocks(facts),
        *_pointers(facts),
        *_hidden(facts),
        *_without_address(facts, places or {}),
        *(_without_names(facts) if whole else ()),
    ]


def served_problems(zone: Zone) -> list[Problem]:
    """Find only what keeps a zone from being answered as it stands: for one that somebody else wrote."""
    facts = ZoneFacts(zone)
    found = [*_outside(zone), *_too_many(zone, 65535), *_aliases(facts), *_cuts(facts), *_below_dnames(facts)]
    return [problem for problem in found if not problem.warning]


def set_problems(zones: Iterable[Zone]) -> list[Problem]:
    """Check zones against each other: a zone stands once, an address belongs to one `covers` zone."""
    problems = []
    first: dict[bytes, Zone] = {}
    covering: list[Zone] = []
    for zone in zones:
        other = first.setdefault(zone.origin, zone)
        if other is not zone:
            message = (
                f"zone {format_name(zone.origin)} stands a second time; it is already at {_where(other.place)}; "
                "write all of it in one place"
            )
            problems.append(Problem(zone.place, message))
        elif zone.covers and zone.prefix:
            covering.append(zone)
    covering.sort(key=lambda zone: zone.prefix or ())
    widest: Zone | None = None
    for zone in covering:
        if widest and widest.prefix and zone.prefix and widest.prefix.contains(zone.prefix):
            message = (
                f"{format_prefix(zone.prefix)} overlaps {format_prefix(widest.prefix)}, which zone "
                f"{format_name(widest.origin)} at {_where(widest.place)} covers; an address belongs to one zone"
            )
            problems.append(Problem(zone.place, message))
        else:
            widest = zone
    return problems


def _where(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _at(zone: Zone, record: PtrRecord) -> Place:
    return Place(zone.place.file, record.line, record.column)


def _outside(zone: Zone) -> Iterator[Problem]:
    """Check that records, defaults and delegations lie inside what the zone means."""
    prefix = zone.prefix
    if prefix is None:
        if zone.records or zone.defaults or zone.delegations:
            yield Problem(zone.place, no_addresses(zone.origin))
        return
    span = format_prefix(prefix)
    low, high = prefix.number, prefix.last
    if zone.records and not (low <= min(zone.records)[0] and max(zone.records)[0] <= high):
        for record in zone.records:
            if not low <= record.number <= high:
                yield Problem(_at(zone, record), outside(format_address(prefix.version, record.number), prefix))
    for item in zone.defaults:
        if not prefix.contains(item.prefix):
            yield Problem(item.place, outside(format_prefix(item.prefix), prefix))
    for cut in zone.delegations:
        if not prefix.contains(cut.prefix):
            yield Problem(cut.place, outside(format_prefix(cut.prefix), prefix))
        elif not lies_inside(zone, cut):
            yield Problem(
                cut.place,
                f"{format_prefix(cut.prefix)} cannot be delegated in a zone of {span}: its cut is not below the zone's "
                "own name; delegate a longer prefix, or delegate this one in the parent zone",
            )


def outside(what: str, prefix: Prefix) -> str:
    """Say that an address or range is not the zone's."""
    return f"{what} lies outside the zone, which means {format_prefix(prefix)}; write it in the zone that holds it"


def no_addresses(origin: bytes) -> str:
    """Say that a zone has no addresses to write about."""
    return (
        f"zone {format_name(origin)} means no addresses: it is no reverse zone; write `covers: 192.0.2.64/26` for a "
        "classless one, or use `rrsets`"
    )


def _too_many(zone: Zone, limit: int) -> Iterator[Problem]:
    """Check that no name has more records of a type than allowed, nor more bytes of them than a message holds."""

    def check(place: Place, owner: bytes, rtype: int, rdatas: tuple[bytes, ...]) -> Iterator[Problem]:
        who = f"{format_name(owner)} has {len(rdatas)} {name_of(rtype)} records"
        if len(rdatas) > limit:
            yield Problem(place, f"{who}; at most {limit} of one name and type are allowed")
        elif sum(map(len, rdatas)) + 12 * len(rdatas) > _RRSET_BYTES:
            yield Problem(place, f"{who} that together do not fit into a DNS message of 64 KB; write fewer or shorter")

    version = zone.prefix.version if zone.prefix else 4
    for record in [record for record in zone.records if len(record[2]) > 1]:
        yield from check(_at(zone, record), owner_of(zone, version, record.number), PTR, record.targets)
    for rrset in zone.rrsets:
        yield from check(rrset.place, rrset.owner, rrset.rtype, rrset.rdatas)
    yield from check(zone.place, zone.origin, NS, zone.ns)
    for item in zone.delegations:
        if lies_inside(zone, item):
            for rtype, rdatas in ((NS, item.ns), (DS, item.ds)):
                yield from check(item.place, cut_names(zone, item)[0], rtype, rdatas)


def _aliases(facts: ZoneFacts) -> Iterator[Problem]:
    """Check that a CNAME stands alone (RFC 1034, 3.6.2), and that no name has two, nor two DNAMEs (RFC 6672, 2.4)."""
    for owner, types in facts.types.items():
        name = format_name(owner)
        for rtype in (CNAME, DNAME):
            if rtype in types and len(types[rtype].rdatas) > 1:
                yield Problem(
                    types[rtype].place,
                    f"{name} has {len(types[rtype].rdatas)} {name_of(rtype)} records; write one target",
                )
        if CNAME in types:
            beside = [name_of(rtype) for rtype in types if rtype != CNAME]
            beside += ["SOA", "NS"] if owner == facts.zone.origin else []
            beside += ["NS (from `delegations`)"] if owner in facts.delegated else []
            beside += ["PTR (from `records`)"] if facts.record_at(owner) else []
            if beside:
                yield Problem(
                    types[CNAME].place,
                    f"{name} has a CNAME beside {', '.join(beside)}; a CNAME stands alone: remove it or the others",
                )
        if DNAME in types and owner in facts.cuts:
            yield Problem(
                types[DNAME].place,
                f"{name} has a DNAME beside the NS of a delegation; remove one of them (RFC 6672, 2.3)",
            )
        item = facts.classless_at(owner)
        if item:
            yield from (
                Problem(
                    rrset.place,
                    f"{name} has a CNAME, since {format_prefix(item.prefix)} is delegated at line {item.place.line}; "
                    f"{name_of(rrset.rtype)} cannot stand beside it: write it in the delegated zone",
                )
                for rrset in types.values()
            )


def _cuts(facts: ZoneFacts) -> Iterator[Problem]:
    """Check that a cut has one NS and one DS set, and no address two CNAMEs or an NS beside its CNAME."""
    zone = facts.zone
    for item in facts.delegations:
        what = format_prefix(item.prefix)
        for other in facts.enclosing(item.prefix):
            if other is not item and is_classless(other):
                yield Problem(
                    item.place,
                    f"{what} lies in {format_prefix(other.prefix)}, which is delegated at line {other.place.line}; its "
                    "addresses would have two CNAMEs: write delegations that do not overlap",
                )
                break
        for name in cut_names(zone, item):
            other = facts.delegated[name]
            types = facts.types.get(name, {})
            if other is not item:
                yield Problem(
                    item.place,
                    f"the cut {format_name(name)} of {what} is also one of {format_prefix(other.prefix)} at line "
                    f"{other.place.line}; write each range once, or another label",
                )
                break
            elif NS in types or (DS in types and item.ds):
                rrset = types[NS] if NS in types else types[DS]
                yield Problem(
                    rrset.place,
                    f"{format_name(name)} has its {name_of(rrset.rtype)} records in `delegations` at line "
                    f"{item.place.line} already; remove one of them",
                )
            classless = facts.classless_at(name)
            if classless:
                yield Problem(
                    item.place,
                    f"the label of {what} is the last octet of an address in {format_prefix(classless.prefix)}, which "
                    f"has a CNAME; write another, such as {item.prefix.number & 255}-{item.prefix.length}",
                )


def _below_dnames(facts: ZoneFacts) -> Iterator[Problem]:
    """Check that nothing stands below a DNAME (RFC 6672, 2.4)."""
    if not facts.dnames:
        return

    def check(name: bytes, place: Place, what: str) -> Iterator[Problem]:
        for above in facts.above(name):
            if above in facts.dnames:
                line = facts.dnames[above].place.line
                message = f"{what} lies below the DNAME of {format_name(above)} at line {line}; remove one of them"
                yield Problem(place, message)
                return

    for rrset in facts.zone.rrsets:
        yield from check(rrset.owner, rrset.place, format_name(rrset.owner))
    for item in facts.delegations:
        yield from check(cut_names(facts.zone, item)[0], item.place, f"the delegation of {format_prefix(item.prefix)}")
    for owner, rrset in facts.dnames.items():
        span = span_of(facts.zone, owner)
        if span is None or facts.address_of(owner):
            continue
        for record in facts.records_in(span):
            what = f"{format_address(span.version, record.number)} lies below the DNAME of {format_name(owner)}"
            yield Problem(facts.place_of(record), f"{what} at line {rrset.place.line}; remove one of them")


def _records_and_blocks(facts: ZoneFacts) -> Iterator[Problem]:
    """Find records inside an RFC 2317 delegation, an error, and those that any other cut hides."""
    zone = facts.zone
    if not zone.records:
        return
    hidden: set[int] = set()
    for item in facts.delegations:
        if not is_classless(item):
            continue
        for record in facts.records_in(item.prefix):
            if record.number not in hidden:
                hidden.add(record.number)
                yield Problem(
                    facts.place_of(record),
                    f"{format_address(4, record.number)} lies in {format_prefix(item.prefix)}, which is delegated at "
                    f"line {item.place.line}: a CNAME stands there; write the record in the delegated zone",
                )
    for name, place in facts.cuts.items():
        span = span_of(zone, name)
        for record in facts.records_in(span) if span else ():
            if record.number not in hidden:
                hidden.add(record.number)
                yield Problem(
                    facts.place_of(record),
                    f"the record of {format_address(span.version if span else 4, record.number)} is hidden by the "
                    f"delegation of {format_name(name)} at line {place.line}; write it in the delegated zone",
                    warning=True,
                )


def _pointers(facts: ZoneFacts) -> Iterator[Problem]:
    """Check that the PTR of an address is written once, and that its targets are host names."""
    for rrset in facts.zone.rrsets:
        if rrset.rtype != PTR:
            continue
        record = facts.record_at(rrset.owner)
        if record:
            yield Problem(
                rrset.place,
                f"{format_name(rrset.owner)} has its PTR in `records` at line {record.line} already; write all its "
                "targets in one of the two",
            )
        yield from (problem for target in rrset.rdatas for problem in _target_problems(facts, rrset, target))


def _target_problems(facts: ZoneFacts, rrset: RRset, target: bytes) -> Iterator[Problem]:
    if not facts.address_of(rrset.owner):
        return
    name = format_name(target)
    if target == ROOT or labels_of(target)[-1].isdigit():
        yield Problem(rrset.place, f"the PTR target {name} is no host name; write one such as host.example.net.")
        return
    if b"_" in target:
        yield Problem(rrset.place, underscore(name), warning=True)
    if is_below(target.lower(), facts.zone.origin):
        relative = name[: len(name) - len(format_name(facts.zone.origin))]
        message = f"the PTR target {name} lies in this reverse zone; if {relative} was meant, write its final dot"
        yield Problem(rrset.place, message, warning=True)


def underscore(target: str) -> str:
    """Say that a PTR target holds an underscore."""
    return f"the PTR target {target} holds an underscore, which host names do not have; mail servers may refuse it"


def _hidden(facts: ZoneFacts) -> Iterator[Problem]:
    """Find what is not answered since it lies at or below a cut, but for NS, DS and the addresses of name servers."""
    if not facts.cuts:
        return
    for rrset in facts.zone.rrsets:
        glue = rrset.rtype in {A, AAAA} and rrset.owner in facts.name_servers
        cut = next((name for name in facts.above(rrset.owner) if name in facts.cuts), None)
        if cut is None and rrset.owner in facts.cuts and rrset.rtype not in {NS, DS}:
            cut = rrset.owner
        if cut and not glue:
            yield Problem(
                rrset.place,
                f"{name_of(rrset.rtype)} of {format_name(rrset.owner)} is hidden by the delegation of "
                f"{format_name(cut)} at line {facts.cuts[cut].line}; write it in the delegated zone",
                warning=True,
            )
    for item in facts.delegations:
        cut = next((name for name in facts.above(cut_names(facts.zone, item)[0]) if name in facts.cuts), None)
        if cut:
            yield Problem(
                item.place,
                f"the delegation of {format_prefix(item.prefix)} is hidden by that of {format_name(cut)} at line "
                f"{facts.cuts[cut].line}; write it in the delegated zone",
                warning=True,
            )


def _without_address(facts: ZoneFacts, places: Mapping[bytes, Place]) -> Iterator[Problem]:
    """Find name servers inside the zone that have no address there."""
    for name, place in facts.name_servers.items():
        if not is_below(name, facts.zone.origin):
            continue
        wildcards = [b"\1*" + above for above in facts.above(name)] if name not in facts.types else []
        if not any(facts.types.get(owner, {}).keys() & {A, AAAA} for owner in (name, *wildcards)):
            yield Problem(
                places.get(name, place),
                f"the name server {format_name(name)} lies in the zone and has no address; write its A or AAAA under "
                "`rrsets`",
                warning=True,
            )


def _without_names(facts: ZoneFacts) -> Iterator[Problem]:
    """Find a zone, and ranges without a default, none of whose addresses has a name."""
    zone = facts.zone
    if zone.prefix is None:
        return
    named = {PTR, CNAME, DNAME, NS}
    spans = sorted(
        span for span in (span_of(zone, rrset.owner) for rrset in zone.rrsets if rrset.rtype in named) if span
    )
    if not (zone.records or zone.defaults or zone.delegations or any(rrset.rtype in named for rrset in zone.rrsets)):
        what = format_prefix(zone.prefix)
        yield Problem(
            zone.place, f"the zone has neither default nor record: no address of {what} has a name", warning=True
        )
    made = sorted(item.prefix for item in zone.defaults if item.template is not None)
    for item in zone.defaults:
        if item.template is not None:
            continue
        prefix = item.prefix
        last = (prefix.version, prefix.last, BITS[prefix.version])
        inner = [found[at] for found in (made, spans) for at in [bisect_left(found, prefix)] if at < len(found)]
        if any(found <= last for found in inner) or facts.records_in(prefix) or any(facts.enclosing(prefix)):
            continue
        what = format_prefix(prefix)
        yield Problem(
            item.place, f"{what} has neither default nor record: none of its addresses has a name", warning=True
        )
