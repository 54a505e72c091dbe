"""What is wrong with a zone's delegation, from what was seen of it.

The same observations give the same findings, in the same order: errors first. What was not seen is not judged, and a
server that this machine has no route to is not called silent.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.advice import ADVICE, Severity
from ptrd.records.observations import Reach
from ptrd.records.serverrules import answer_fault, server_findings
from ptrd.records.trust import Outcome
from ptrd.records.values import ValueText, parse_mailbox, quote
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ptrd.records.model import Soa
    from ptrd.records.observations import Below, Examination, NameServer, Server
    from ptrd.records.serverrules import Seen

_WEEK: Final = 7 * 86400
_DAY: Final = 86400
_REFRESH: Final = 1200  # RFC 1912, 2.2
_NEIGHBOURS: Final = {4: 8, 6: 80}  # host bits of what is commonly one network: a /24, a /48
_ORDER: Final = tuple(Severity)


class Diagnosis(NamedTuple):
    """One finding: where, what, why it matters, and what to do. `server` and `address` are empty for the whole zone."""

    severity: Severity
    code: str
    server: str
    address: str
    found: str
    why: str
    remedy: str


def diagnose(seen: Examination) -> tuple[Diagnosis, ...]:
    """Judge everything that was seen of a zone; errors come first, then warnings, then notices."""
    findings = [
        *_delegation(seen),
        *_names(seen),
        *_glue(seen),
        *(finding for server in seen.servers for finding in server_findings(server, seen.zone)),
        *_lists(seen),
        *_serials(seen),
        *_soa(seen),
        *_keys(seen),
        *(finding for below in seen.below for finding in _below(below)),
        *_aliases(seen),
    ]
    if seen.gave_up:
        findings.append(("gave_up", "", "", f"the examination ended before its end: {seen.gave_up}"))
    full = []
    for code, server, address, found in findings:
        severity, why, remedy = ADVICE[code]
        full.append(Diagnosis(severity, code, server, address, found, why, remedy))
    return tuple(sorted(full, key=lambda finding: _ORDER.index(finding.severity)))


def is_delegable(seen: Examination, findings: Iterable[Diagnosis]) -> bool:
    """Tell whether a registry would delegate the zone to the servers that were seen, or leave the delegation."""
    passed = {"below_dead", "not_delegated"} if seen.proposed else {"below_dead"}  # no reasons of a registry
    return all(finding.severity is not Severity.ERROR or finding.code in passed for finding in findings)


def _delegation(seen: Examination) -> Iterator[Seen]:
    """Check that the zone is delegated, to two servers at least, in several places."""
    referral = seen.referral
    if not referral.exists:
        code = "not_yet_delegated" if seen.asked_ahead else "not_delegated"
        yield (
            code,
            "",
            "",
            f"{referral.parent or 'the zone above'} does not delegate {seen.zone}; {referral.place} was asked",
        )
        if not seen.proposed:
            return
    if len(seen.listed) < 2:
        listed = seen.listed[0] if seen.listed else "nobody"
        yield "one_server", "", "", f"{listed} is the only name server of {seen.zone}"
        return
    sets = {server.name: {one for found in server.found for one in found.addresses} for server in seen.name_servers}
    having = [addresses for name, addresses in sets.items() if addresses and name in seen.listed]
    every = set().union(*having)
    if len(having) > 1 and all(addresses == having[0] for addresses in having):
        text = ", ".join(map(str, sorted(every)))
        yield "one_address", "", "", f"all {len(having)} name servers of {seen.zone} are at {text}"
    elif len(having) > 1:
        networks = {(one.version, one.number >> _NEIGHBOURS[one.version]) for one in every}
        if len(networks) == len({version for version, _ in networks}):
            size = " and ".join({4: "one /24", 6: "one /48"}[version] for version, _ in sorted(networks))
            yield "same_prefix", "", "", f"all name servers of {seen.zone} are within {size}"


def _names(seen: Examination) -> Iterator[Seen]:
    """Check that name servers have addresses, of their own and public ones."""
    is_public = ip_address(str(seen.referral.address)).is_global
    for server in seen.name_servers:
        addresses = [one for found in server.found for one in found.addresses]
        chain = next((found.chain for found in server.found if found.chain), ())
        if chain:
            yield "ns_alias", server.name, "", f"the name server {server.name} is an alias of {chain[-1]}"
        if not addresses and not ((server.glue or seen.gave_up) and _is_unknown(server)):
            yield "ns_unresolved", server.name, "", f"the name server {server.name} {_why_unresolved(server)}"
        for address in dict.fromkeys((*addresses, *server.glue)):
            if is_public and not ip_address(str(address)).is_global:
                yield (
                    "private_address",
                    server.name,
                    str(address),
                    f"the name server {server.name} has the address {address}, which is not on the Internet",
                )


def _is_unknown(server: NameServer) -> bool:
    return any(found.outcome in {Outcome.SILENT, Outcome.FAILED} for found in server.found)


def _why_unresolved(server: NameServer) -> str:
    found = next((one for one in server.found if one.outcome is not Outcome.NO_DATA), None)
    if found is None:
        return "has neither an A nor an AAAA record"
    if found.outcome is Outcome.NO_NAME:
        return "does not exist" + (f": {found.chain[-1]} does not" if found.chain else "")
    return f"cannot be resolved: {found.said or found.outcome.value}"


def _glue(seen: Examination) -> Iterator[Seen]:
    """Check that the parent has addresses for servers within the zone, and the right ones for all."""
    referral = seen.referral
    if not referral.exists or referral.inside:
        return
    for server in seen.name_servers:
        if server.name not in referral.ns:
            continue
        within = _is_within(server.name, seen.zone)
        if not server.glue:
            if within:
                yield "glue_missing", server.name, "", f"the parent gives no address for {server.name}"
            continue
        right = {one for found in server.found for one in found.addresses}
        if not right:
            continue
        text = ", ".join(map(str, sorted(right)))
        for address in server.glue:
            if address not in right:
                said = f"the parent gives {address} for {server.name}, which has {text}"
                yield "glue_differs", server.name, str(address), said
        if within and not right.isdisjoint(server.glue):
            for address in sorted(right - set(server.glue)):
                said = f"{server.name} has the address {address} too, which the parent does not give"
                yield "glue_incomplete", server.name, str(address), said


def _is_within(name: str, zone: str) -> bool:
    return name == zone or name.endswith("." + zone)


def _lists(seen: Examination) -> Iterator[Seen]:
    """Check that the parent and all servers list the same name servers."""
    lists: dict[tuple[str, ...], list[str]] = {}
    for server in seen.servers:
        if server.sound and server.ns.answered:
            lists.setdefault(server.ns.ns, []).append(_place(server))
    if len(lists) > 1:
        text = "; ".join(f"{_join(servers)} list {_join(names)}" for names, servers in lists.items())
        yield "ns_differ", "", "", f"the servers list different name servers: {text}"
    listed = tuple(sorted(seen.listed))
    if lists and listed and listed not in lists and not seen.referral.inside:
        names = next(iter(lists))
        parent = "at the parent" if seen.referral.exists else "among those proposed"
        parts = [
            f"only {where}: {_join(some)}"
            for where, some in (
                ("in the zone", sorted(set(names) - set(listed))),
                (parent, sorted(set(listed) - set(names))),
            )
            if some
        ]
        yield "ns_parent", "", "", f"the zone and its parent list different name servers; {'; '.join(parts)}"


def _serials(seen: Examination) -> Iterator[Seen]:
    """Check that all servers have the same SOA."""
    serials: dict[int | None, list[str]] = {}
    rest: dict[Soa, list[str]] = {}
    for server in seen.servers:
        soa = server.reply.soa
        if server.sound and soa is not None:
            serials.setdefault(soa.serial, []).append(_place(server))
            rest.setdefault(soa._replace(serial=0, mname=soa.mname.lower(), rname=soa.rname.lower()), []).append(
                _place(server)
            )
    if len(serials) > 1:
        text = "; ".join(f"{serial} at {_join(servers)}" for serial, servers in serials.items())
        yield "serials_differ", "", "", f"the servers have different serials: {text}"
    if len(rest) > 1:
        text = "; ".join(
            f"{format_name(soa.mname)} {format_name(soa.rname)} {soa.refresh} {soa.retry} {soa.expire} {soa.minimum} "
            f"at {_join(servers)}"
            for soa, servers in rest.items()
        )
        yield "soa_differs", "", "", f"the servers have different SOA records: {text}"


def _soa(seen: Examination) -> Iterator[Seen]:
    """Check that the values of the SOA can do what they are for."""
    soa = next((server.reply.soa for server in seen.servers if server.sound), None)
    if soa is None:
        return
    if soa.refresh < _REFRESH:
        yield "soa_refresh", "", "", f"the SOA's refresh is {soa.refresh} seconds"
    if soa.retry >= soa.refresh:
        yield (
            "soa_retry",
            "",
            "",
            f"the SOA's retry of {soa.retry} s is not shorter than its refresh of {soa.refresh} s",
        )
    if soa.expire < _WEEK:
        yield "soa_expire", "", "", f"the SOA's expire is {soa.expire} seconds, which is less than a week"
    elif soa.expire <= soa.refresh + soa.retry:
        both = soa.refresh + soa.retry
        yield (
            "soa_expire",
            "",
            "",
            f"the SOA's expire of {soa.expire} s is within refresh and retry, which are {both} s",
        )
    if soa.minimum > _DAY:
        yield "soa_minimum", "", "", f"the SOA's minimum is {soa.minimum} seconds, which is more than a day"
    mname = format_name(soa.mname).lower()
    if not seen.primary and mname not in seen.listed:
        yield "soa_mname", "", "", f"the SOA names {mname} as primary server, which has no address and is not listed"
    rname = format_name(soa.rname)
    try:
        parse_mailbox(rname)
    except ValueText as error:
        mistake = "; it holds an @" if "@" in rname else ""
        yield "soa_rname", "", "", f"the SOA's mailbox {quote(rname)} cannot be written to{mistake or f': {error}'}"


def _keys(seen: Examination) -> Iterator[Seen]:
    """Check that the zone's keys are those that the parent vouches for."""
    asked = [(server, server.keys) for server in seen.servers if server.sound and server.keys is not None]
    usable = [number for number, ds in enumerate(seen.referral.ds) if ds.known]
    tags = _join([f"key {seen.referral.ds[number].key_tag}" for number in usable])
    bare = [_place(server) for server, keys in asked if not keys.tags]
    if seen.referral.ds and bare:
        every = _join([f"key {ds.key_tag}" for ds in seen.referral.ds])
        yield "ds_without_dnskey", "", "", f"the parent has DS records of {every}, and {_join(bare)} have no DNSKEY"
    elif not seen.referral.ds and not seen.referral.inside and seen.referral.exists and len(bare) < len(asked):
        yield "not_secured", "", "", f"{seen.zone} is signed, and the parent has no DS for it"
    if not usable:
        return
    signed = [(server, keys) for server, keys in asked if keys.tags]
    wrong = [_place(server) for server, keys in signed if not any(keys.matches)]
    if wrong:
        yield "ds_mismatch", "", "", f"the parent has DS records of {tags}, and none matches a DNSKEY at {_join(wrong)}"
    faults: dict[str, list[str]] = {}
    for server, keys in signed:
        if keys.fault:
            faults.setdefault(keys.fault, []).append(_place(server))
    for fault, places in faults.items():
        said = f"the DNSKEY records at {_join(places)} are not signed by a key of the parent's DS: {fault}"
        yield "dnskey_signature", "", "", said
    if signed and not wrong:
        for number in usable:
            if not any(keys.matches[number] for _, keys in signed):
                said = f"the parent has a DS of key {seen.referral.ds[number].key_tag}, which the zone does not have"
                yield "ds_stale", "", "", said


def _below(below: Below) -> Iterator[Seen]:
    """Check that somebody answers for a delegation in the zone, and everybody who is listed."""
    seen = [item for item in below.servers if item[2].reach not in {Reach.NO_ROUTE, Reach.UNASKED}]
    faults = [(name, address, answer_fault(reply, below.zone)) for name, address, reply in seen]
    bad = [f"{name} ({address}) {fault[1]}" for name, address, fault in faults if fault is not None]
    bad += [f"{name} has no address" for name in below.unresolved]
    if not bad:
        return
    if len(bad) == len(seen) + len(below.unresolved):
        yield "below_dead", "", "", f"nobody answers for {below.zone}, which is delegated in the zone: {'; '.join(bad)}"
    else:
        yield "below_lame", "", "", f"{below.zone}, which is delegated in the zone, is lame in part: {'; '.join(bad)}"


def _aliases(seen: Examination) -> Iterator[Seen]:
    """Check that the zone above leads addresses of a classless zone into it."""
    for alias in seen.aliases:
        if not _is_within(alias.target, seen.zone):
            where = f"leads to {alias.target}" if alias.target else "has no CNAME"
            yield "classless_alias", "", "", f"{alias.name} {where} in the zone above; it should lead into {seen.zone}"


def _place(server: Server) -> str:
    return f"{server.name} ({server.address})"


def _join(texts: Iterable[str]) -> str:
    """Write a list as people do."""
    *most, last = list(texts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
