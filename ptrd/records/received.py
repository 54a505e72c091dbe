"""A zone that comes from somebody else's primary: what came becomes a Zone, with what is written here laid over it.

Records are kept as they came: nothing is left out, and what could not be answered as it stands is a reason to refuse
the transfer as a whole. Pure; where a transfer is kept is decided in `store`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.cuts import span_of
from ptrd.records.model import PtrRecord, RRset, Soa
from ptrd.records.rules import served_problems
from ptrd.wire.names import format_name, is_below
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import NS, PTR, SOA, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.records.model import Problem, Zone

# RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM: they make a zone a signed one.
_SIGNED: Final = frozenset((46, 47, 48, 50, 51))
_TIMES: Final = 20  # bytes at the end of an SOA's rdata


class Record(NamedTuple):
    """One record as it came: names in wire form, the owner in lower case, rdata uncompressed."""

    owner: bytes
    rtype: int
    ttl: int
    rdata: bytes


def refusal(origin: bytes, records: Iterable[Record]) -> str:
    """Say why a transfer as a whole cannot be served; empty when it can.

    A zone has one SOA and at least one NS at its apex, holds nothing from outside, and is not signed.
    """
    soas = servers = 0
    for record in records:
        if record.rtype in _SIGNED:
            return (
                f"it is signed ({name_of(record.rtype)} at {format_name(record.owner)}), and ptrd does not serve "
                "DNSSEC; have the primary give an unsigned copy"
            )
        if not is_below(record.owner, origin):
            return f"{format_name(record.owner)} lies outside the zone"
        if record.owner == origin:
            soas += record.rtype == SOA
            servers += record.rtype == NS
        elif record.rtype == SOA:
            return f"{format_name(record.owner)} has an SOA, which is not the zone's own"
    if soas != 1:
        return f"it has {soas or 'no'} SOA{'s' if soas > 1 else ''} at its apex"
    return "" if servers else "it has no NS at its apex"


def compose(stub: Zone, records: Sequence[Record]) -> Zone:
    """Give the zone that `records` are, which `refusal` found nothing wrong with.

    `stub` is what the operator wrote: the name, where it is written, and what is laid over: `defaults`, `access`,
    `transfer`. The zone's TTL is that of its SOA.
    """
    line, column = stub.place.line, stub.place.column
    found: dict[tuple[bytes, int], tuple[int, list[bytes]]] = {}
    soa, soa_ttl = stub.soa, stub.ttl
    for owner, rtype, ttl, rdata in records:
        if rtype == SOA:
            soa, soa_ttl = read_soa(rdata), ttl
            continue
        known = found.get((owner, rtype))
        if known is None:
            found[owner, rtype] = ttl, [rdata]
        else:
            known[1].append(rdata)
            if ttl < known[0]:
                found[owner, rtype] = ttl, known[1]
    zone = replace(stub, soa=soa, ttl=soa_ttl, ns=(), records=[], rrsets=[])
    for (owner, rtype), (ttl, rdatas) in found.items():
        span = span_of(zone, owner) if rtype == PTR and owner != zone.origin else None
        if span is not None and span.length == BITS[span.version]:
            zone.records.append(PtrRecord(span.number, ttl, tuple(rdatas), line, column))
        else:
            zone.rrsets.append(RRset(owner, rtype, ttl, tuple(rdatas), stub.place))
    zone.records.sort()
    return zone


def problems(zone: Zone) -> list[Problem]:
    """List what keeps a composed zone from being answered as it came; the first is reason enough to refuse it."""
    return served_problems(zone)


def read_soa(rdata: bytes) -> Soa:
    """Read an SOA's uncompressed rdata, whose form has been checked."""
    end = _end_of_name(rdata, 0)
    serial, refresh, retry, expire, minimum = (
        int.from_bytes(rdata[at : at + 4], "big") for at in range(len(rdata) - _TIMES, len(rdata), 4)
    )
    return Soa(rdata[:end], rdata[end:-_TIMES], refresh, retry, expire, minimum, serial)


def _end_of_name(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
