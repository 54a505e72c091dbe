"""An answer and its reasons, for a person: which file and line, which range and template, or that nothing covers it.

The answer is `answer.answer`'s own; this module only looks up afterwards where it came from.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ptrd.engine.answer import (
    DELEGATION,
    DENIAL,
    FORWARD,
    NO_ZONE,
    NODATA,
    SOURCES,
    Answer,
    answer,
)
from ptrd.records.access import VERDICTS
from ptrd.records.model import Place, Prefix
from ptrd.snapshot.layout import NODE_CNAME, NODE_CUT, NODE_OCCLUDED
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import CNAME, RCODES, name_of
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.records.access import Rule
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone
    from ptrd.wire.writer import RRset

_GENERIC: Final = "\\# "


def explain(snapshot: Snapshot, name: bytes, qtype: int) -> dict[str, Any]:
    """Answer a question of class IN and say why.

    `name` is in lower case. Gives JSON-able values: `name`, `type`, `rcode`, `authoritative`, `source` (one of
    SOURCES), `answer`, `authority`, `additional` (lines in master-file notation) and `why` (sentences).
    """
    offsets = offsets_of(name)
    found = answer(snapshot, name, offsets, qtype)
    return {
        "name": format_name(name),
        "type": name_of(qtype),
        "rcode": RCODES[found.rcode],
        "authoritative": bool(found.authoritative),
        "source": SOURCES[found.source],
        "answer": _lines(found.answer, name),
        "authority": _lines(found.authority, name),
        "additional": _lines(found.additional, name),
        "why": _reasons(snapshot, found, name, qtype),
    }


def _lines(rrsets: Sequence[RRset], name: bytes) -> list[str]:
    lines = []
    for rrset in rrsets:
        owner = format_name(name if rrset.owner is None else rrset.owner)
        for rtype, ttl, rdata in split_records(rrset.records):
            lines.append(f"{owner} {ttl} IN {name_of(rtype)} {_rdata_text(rtype, rdata)}")
    return lines


def _rdata_text(rtype: int, rdata: bytes) -> str:
    try:
        return dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(rtype), rdata, 0, len(rdata)
        ).to_text()
    except (dns.exception.DNSException, ValueError):
        return f"{_GENERIC}{len(rdata)} {rdata.hex()}"  # RFC 3597, 5


def _reasons(snapshot: Snapshot, found: Answer, name: bytes, qtype: int) -> list[str]:
    about = snapshot.about()
    offsets = offsets_of(name)
    zone = snapshot.zone_of(name, offsets)
    if found.source == NO_ZONE or zone is None:
        return [f"no zone that is served holds {format_name(name)}"]
    reasons = [f"zone {format_name(zone.origin)} is written in {_where(about['zones'][zone.number]['place'])}"]
    if zone.access is not None:
        reasons.append(f"only some clients are told this: {_rules_text(zone.access.rules)}")
    names = [name]
    for rrset in found.answer:
        for rtype, _, rdata in split_records(rrset.records):
            if rtype == CNAME:
                names.append(rdata.lower())
    for step in names:
        reasons += _step_reasons(snapshot, about, step)
    if found.range >= 0:
        place, text = about["ranges"][found.range]
        span = snapshot.range(found.range)
        verb = "makes the name" if found.source != FORWARD else "makes this name for the address"
        reasons.append(f"range {_prefix_text(span.prefix)} with template {text!r} in {_where(place)} {verb}")
    elif found.source == DELEGATION:
        owner = found.authority[0].owner or name
        reasons.append(f"{format_name(owner)} is delegated, so its name servers answer")
    elif found.source in (NODATA, DENIAL):
        reasons += _why_nothing(zone, about, name, qtype, found.source)
    return reasons


def _rules_text(rules: Sequence[Rule]) -> str:
    """Write access lists as a zone file does."""
    lists = {
        word: [_prefix_text(Prefix(*rule[:3])) for rule in rules if rule[3] == verdict]
        for verdict, word in enumerate(VERDICTS)
    }
    return ", ".join(f"{word} [{', '.join(prefixes)}]" for word, prefixes in lists.items() if prefixes)


def _step_reasons(snapshot: Snapshot, about: dict[str, Any], name: bytes) -> list[str]:
    zone = snapshot.zone_of(name, offsets_of(name))
    if zone is None:
        return [f"{format_name(name)} lies outside what is served"]
    relative = name[: len(name) - len(zone.origin)]
    overlay = snapshot.overlays.get(zone.number)
    node = zone.find(relative)
    managed = []
    if overlay is not None and relative in overlay:
        if node < 0 or not zone.flags(node) & (NODE_CNAME | NODE_CUT | NODE_OCCLUDED):
            return [f"{format_name(name)} has a managed PTR record"]
        managed = [f"{format_name(name)} has a managed PTR record too, which what the zone file has there hides"]
    if node < 0:
        return managed
    types = " ".join(name_of(rtype) for rtype in zone.rtypes(node))
    file = about["zones"][zone.number]["place"][0]
    return [*managed, f"{format_name(name)} has {types} from {file}:{zone.line(node)}"]


def _why_nothing(zone: ServedZone, about: dict[str, Any], name: bytes, qtype: int, source: int) -> list[str]:
    if source == NODATA:
        text = "the name exists, or names exist below it, but it has no record of this type"
        return [f"{text}; type {name_of(qtype)} was asked"]
    address = zone.address_at(name, offsets_of(name))
    if address < 0:
        return ["the name is no address, and nothing was written at it or below it"]
    one = Prefix(zone.version, address, BITS[zone.version])
    for place, (version, number, length) in about["withheld"]:
        prefix = Prefix(version, int(number, 16), length)
        if prefix.contains(one):
            return [f"{_prefix_text(prefix)} has its default taken away in {_where(place)}, and there is no record"]
    return [f"no record and no default range covers {ip_address(address)}"]


def _prefix_text(prefix: Prefix) -> str:
    size = 4 if prefix.version == 4 else 16
    return f"{ip_address(prefix.number.to_bytes(size, 'big'))}/{prefix.length}"


def _where(place: list[Any]) -> str:
    file, line, column = Place(*place)
    return f"{file}:{line}:{column}"
