"""Records become a zone as zone-format has it: each in the place where an operator would have written it.

Whatever the zone cannot hold is a problem at the record's place, an error where something is lost. The zone that comes
out means the records that went in; TTLs differ only where a warning says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.cuts import is_classless, span_of
from ptrd.records.foreign.classless import covered_by_name, find_classless
from ptrd.records.model import Delegation, Place, Prefix, Problem, PtrRecord, RRset, Soa, Zone
from ptrd.records.rules import RECORDS_LIMIT, zone_problems
from ptrd.records.values import ValueText, parse_host, parse_mailbox
from ptrd.wire.names import ROOT, NameError_, format_name, is_below, join_labels, labels_of
from ptrd.wire.reverse import BITS, prefix_of
from ptrd.wire.rrtypes import CNAME, DNAME, DS, NS, PTR, SOA, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.records.foreign.record import Record

_SIGNED: Final = frozenset({46, 47, 48, 50, 51, 59, 60})  # RRSIG NSEC DNSKEY NSEC3 NSEC3PARAM CDS CDNSKEY
_NAMES: Final = frozenset({NS, CNAME, PTR, DNAME})


class Apex(NamedTuple):
    """What stands at the apex of a zone whose source says nothing about it. Names in wire form; TTL in seconds."""

    soa: Soa
    ns: tuple[bytes, ...]
    ttl: int


class Growing:
    """An RRset while its records come in: data by what makes them equal."""

    __slots__ = ("place", "rdatas", "ttl")

    def __init__(self, ttl: int, place: Place) -> None:
        self.ttl = ttl
        self.place = place
        self.rdatas: dict[bytes, bytes] = {}


Sets = dict[tuple[bytes, int], Growing]


def assemble(
    origin: bytes, records: Iterable[Record], place: Place, apex: Apex | None = None, covers: Prefix | None = None
) -> tuple[Zone | None, list[Problem]]:
    """Make the zone `origin` of its records.

    `apex` is taken for what the records do not have; without it, a zone without SOA or NS is an error and None.
    `covers` is what a classless child zone means; without it, a name such as 64-26.2.0.192.in-addr.arpa says so.
    """
    problems: list[Problem] = []
    sets = _group(origin, records, problems)
    found = _read_apex(origin, sets, place, apex, problems)
    if found is None:
        return None, problems
    span = prefix_of(origin)
    prefix = Prefix(*span) if span else covers or covered_by_name(origin)
    zone = Zone(origin, place, found.ttl, found.soa, found.ns, prefix, covers=span is None and prefix is not None)
    if zone.covers and len(origin) + 4 > 255:
        zone.prefix, zone.covers = None, False
    zone.delegations = find_classless(zone, sets)
    _take_cuts(zone, sets)
    _take_records(zone, sets, problems)
    zone.rrsets = [
        RRset(owner, rtype, growing.ttl, tuple(growing.rdatas.values()), growing.place)
        for (owner, rtype), growing in sets.items()
    ]
    problems += zone_problems(zone, RECORDS_LIMIT, whole=False)
    return zone, problems


def _group(origin: bytes, records: Iterable[Record], problems: list[Problem]) -> Sets:
    """Put records into RRsets; those that ptrd cannot serve are told, by type."""
    sets: Sets = {}
    signed: dict[int, tuple[Place, int]] = {}
    for owner, rtype, ttl, rdata, place in records:
        if rtype in _SIGNED:
            first, count = signed.get(rtype, (place, 0))
            signed[rtype] = first, count + 1
            continue
        if not is_below(owner, origin):
            message = f"{format_name(owner)} lies outside the zone {format_name(origin)} and is not imported"
            problems.append(Problem(place, message))
            continue
        if owner == origin and rtype == DS:
            message = f"the DS of {format_name(origin)} is not imported: it stands in the parent zone; write it there"
            problems.append(Problem(place, message))
            continue
        if rtype == SOA and owner != origin:
            what = format_name(owner)
            message = f"the SOA of {what} is not imported: it begins another zone; import that by its name"
            problems.append(Problem(place, message))
            continue
        key = owner, rtype
        growing = sets.get(key)
        if growing is None:
            growing = sets[key] = Growing(ttl, place)
        elif growing.ttl != ttl and rtype != SOA:
            message = (
                f"the TTL {ttl} of {name_of(rtype)} of {format_name(owner)} differs from {growing.ttl}, that of the "
                f"others; all get the lowest, {min(ttl, growing.ttl)} (RFC 2181, 5.2)"
            )
            problems.append(Problem(place, message, warning=True))
            growing.ttl = min(ttl, growing.ttl)
        growing.rdatas.setdefault(rdata.lower() if rtype in _NAMES else rdata, rdata)
    for rtype, (place, count) in sorted(signed.items()):
        message = (
            f"{count} {name_of(rtype)} record{'s are' if count > 1 else ' is'} not imported: ptrd does not serve "
            "signed zones yet; take the zone's DS out of its parent before ptrd serves it"
        )
        problems.append(Problem(place, message))
    return sets


def _read_apex(origin: bytes, sets: Sets, place: Place, apex: Apex | None, problems: list[Problem]) -> Apex | None:
    """Take SOA and NS of the zone itself out of the RRsets."""
    soa_set = sets.pop((origin, SOA), None)
    servers = sets.pop((origin, NS), None)
    name = format_name(origin)
    if soa_set is None and apex is None:
        problems.append(Problem(place, f"zone {name} has no SOA here, and is not imported; see to the zone's name"))
        return None
    if servers is None and (apex is None or not apex.ns):
        problems.append(Problem(place, f"zone {name} has no NS; say which are its name servers with --ns"))
        return None
    hosts: list[bytes] = []
    for rdata in servers.rdatas.values() if servers else apex.ns if apex else ():
        if _is_host(rdata):
            hosts.append(rdata)
        elif servers:
            message = f"the name server {format_name(rdata)} of {name} is not imported: it is no host name"
            problems.append(Problem(servers.place, message))
    if not hosts:
        problems.append(Problem(place, f"zone {name} has no name server left; say which are its with --ns"))
        return None
    if soa_set is None:
        soa = apex.soa if apex else None
        ttl = servers.ttl if servers else apex.ttl if apex else None
    else:
        if len(soa_set.rdatas) > 1:
            problems.append(Problem(soa_set.place, f"{name} has {len(soa_set.rdatas)} SOA records; the first is taken"))
        soa = _read_soa(next(iter(soa_set.rdatas.values())), hosts[0], soa_set.place, problems)
        ttl = soa_set.ttl
        if servers and servers.ttl != ttl:
            message = (
                f"the NS of {name} have the TTL {servers.ttl} and its SOA {ttl}; a zone has one TTL for both here, and "
                f"{servers.ttl} is taken"
            )
            problems.append(Problem(servers.place, message, warning=True))
            ttl = servers.ttl
    return None if soa is None or ttl is None else Apex(soa, tuple(hosts), ttl)


def _read_soa(rdata: bytes, server: bytes, place: Place, problems: list[Problem]) -> Soa:
    """Read the SOA; names that the zone cannot have are replaced and told."""
    names = []
    at = 0
    for _ in range(2):
        start = at
        while size := rdata[at]:
            at += size + 1
        at += 1
        names.append(rdata[start:at])
    mname, rname = names
    serial, *times = (int.from_bytes(rdata[at + 4 * field : at + 4 * field + 4], "big") for field in range(5))
    if mname != ROOT and not _is_host(mname):
        what = format_name(mname)
        message = f"the SOA's primary {what} is not imported: it is no host name; {format_name(server)} is"
        problems.append(Problem(place, message))
        mname = server
    if not _is_mailbox(rname):
        message = f"the SOA's mailbox {format_name(rname)} is not imported: it is none; hostmaster.invalid is instead"
        problems.append(Problem(place, message))
        rname = join_labels([b"hostmaster", b"invalid"])
    for number, seconds in enumerate(times):
        if seconds >= 2**31:
            message = f"the SOA has a time of {seconds} seconds, and {2**31 - 1} are the most; these are taken"
            problems.append(Problem(place, message))
            times[number] = 2**31 - 1
    refresh, retry, expire, minimum = times
    return Soa(mname, rname, refresh, retry, expire, minimum, serial)


def _take_cuts(zone: Zone, sets: Sets) -> None:
    """Make delegations of NS at an octet or nibble boundary; those with a TTL of their own stay records."""
    if zone.prefix is None or zone.covers:
        return
    for owner, rtype in [key for key in sets if key[1] == NS]:
        span = span_of(zone, owner)
        cut, digests = sets[owner, rtype], sets.get((owner, DS))
        if span is None or owner == zone.origin or cut.ttl != zone.ttl or (digests and digests.ttl != zone.ttl):
            continue
        found = Delegation(span, b"", tuple(cut.rdatas.values()), (), cut.place)
        if is_classless(found) or not all(map(_is_host, found.ns)):
            continue
        if digests:
            found = found._replace(ds=tuple(digests.rdatas.values()))
            del sets[owner, DS]
        del sets[owner, rtype]
        zone.delegations.append(found)


def _take_records(zone: Zone, sets: Sets, problems: list[Problem]) -> None:
    """Make records of the PTR of addresses; those of other names, and to what is no host name, stay as they are."""
    if zone.prefix is None:
        return
    full = BITS[zone.prefix.version]
    for owner, rtype in [key for key in sets if key[1] == PTR]:
        span = span_of(zone, owner)
        if span is None or span.length < full or (zone.covers and owner == zone.origin):
            continue
        growing = sets[owner, rtype]
        for key, target in list(growing.rdatas.items()):
            if target == ROOT or labels_of(target)[-1].isdigit():
                what = f"the PTR of {format_name(owner)} to {format_name(target)}"
                message = f"{what} is not imported: it is no host name"
                problems.append(Problem(growing.place, message))
                del growing.rdatas[key]
        targets = tuple(growing.rdatas.values())
        if not targets:
            del sets[owner, rtype]
        elif all(map(_is_host, targets)):
            del sets[owner, rtype]
            zone.records.append(PtrRecord(span.number, growing.ttl, targets, *growing.place[1:]))


def _is_host(name: bytes) -> bool:
    """Tell whether a name can stand where host names do."""
    try:
        return parse_host(format_name(name)) == name
    except (ValueText, NameError_):
        return False


def _is_mailbox(name: bytes) -> bool:
    try:
        return parse_mailbox(format_name(name).removesuffix(".") or ".") == name
    except (ValueText, NameError_):
        return False
