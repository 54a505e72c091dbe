"""A zone written as an operator would write it: YAML that `zonefile.load_zone_file` reads back as the same zone.

Only what differs from a default is written. Every byte of a name or of rdata that YAML could take for something else is
escaped or quoted; the text is printable ASCII.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ptrd.records.access import VERDICTS
from ptrd.records.cuts import is_classless
from ptrd.records.masterfile import EntryError, parse_rdata
from ptrd.records.model import Prefix
from ptrd.records.transfer import DNS_PORT
from ptrd.records.values import format_address, format_prefix
from ptrd.store.zoneapex import DEFAULT_SOA
from ptrd.wire.names import ROOT, format_name, is_below
from ptrd.wire.rrtypes import DS, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ptrd.records.model import RRset, Soa, Zone
    from ptrd.records.transfer import NotifyTarget, Transfer

_DEFAULT_TTL: Final = 3600
_PLAIN: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./@+-]|:(?=[0-9A-Za-z]))*")
_WORDS: Final = frozenset({"null"})
_UNITS: Final = ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"))


def write_zones(zones: Iterable[Zone]) -> str:
    """Write zones as documents of one file."""
    return "---\n".join(map(write_zone, zones))


def write_zone(zone: Zone) -> str:
    """Write one zone as one document."""
    return "\n".join(_lines(zone)) + "\n"


def same_zone(one: Zone, other: Zone) -> bool:
    """Tell whether two zones say the same, wherever it is written."""
    return _content(one) == _content(other)


def _content(zone: Zone) -> tuple[object, ...]:
    return (
        *(zone.origin, zone.ttl, zone.soa, zone.ns, zone.prefix, zone.covers, zone.transfer, zone.primaries),
        sorted(record[:3] for record in zone.records),
        sorted((item.prefix, item.template or "", item.ttl) for item in zone.defaults),
        sorted(item[:4] for item in zone.delegations),
        sorted((item.owner, item.rtype, item.ttl, sorted(item.rdatas)) for item in zone.rrsets),
        sorted(prefix for prefix, _ in zone.forward),
        sorted(zone.access),
    )


def write_time(seconds: int) -> str:
    """Write a duration, with the largest unit that divides it."""
    for size, unit in _UNITS:
        if seconds and not seconds % size:
            return f"{seconds // size}{unit}"
    return str(seconds)


def _lines(zone: Zone) -> Iterator[str]:
    reverse = zone.prefix is not None and not zone.covers
    yield f"zone: {_scalar(format_prefix(zone.prefix)) if reverse and zone.prefix else _name(zone.origin)}"
    if zone.covers and zone.prefix:
        yield f"covers: {format_prefix(zone.prefix)}"
    if zone.ttl != _DEFAULT_TTL:
        yield f"ttl: {write_time(zone.ttl)}"
    if zone.primaries:
        yield f"primaries: [{', '.join(_double_quoted(_server(server)) for server in zone.primaries)}]"
    else:
        yield "soa:"
        yield from _soa(zone.soa)
        yield f"ns: {_list(zone.ns)}"
    yield from _access(zone)
    if zone.transfer is not None:
        yield from _transfer(zone.transfer)
    if zone.forward:
        yield f"forward: [{', '.join(_quoted_in_list(format_prefix(prefix)) for prefix, _ in zone.forward)}]"
    version = zone.prefix.version if zone.prefix else 4
    if zone.records:
        yield "records:"
        for number, ttl, targets, _, _ in sorted(zone.records):
            names = _name(targets[0]) if len(targets) == 1 else _list(targets)
            value = names if ttl == zone.ttl else f"{{ptr: {names}, ttl: {write_time(ttl)}}}"
            yield f"  {_scalar(format_address(version, number))}: {value}"
    if zone.defaults:
        yield "defaults:"
        for item in sorted(zone.defaults, key=lambda item: item.prefix):
            template = "~" if item.template is None else _double_quoted(item.template)
            value = template if item.ttl == zone.ttl else f"{{name: {template}, ttl: {write_time(item.ttl)}}}"
            yield f"  {_scalar(format_prefix(item.prefix))}: {value}"
    if zone.delegations:
        yield "delegations:"
        for cut in sorted(zone.delegations, key=lambda cut: cut.prefix):
            yield f"  {_scalar(format_prefix(cut.prefix))}:"
            if is_classless(cut) and cut.label != b"%d-%d" % (cut.prefix.number & 255, cut.prefix.length):
                yield f"    label: {_name(bytes((len(cut.label),)) + cut.label + ROOT)}"
            yield f"    ns: {_list(cut.ns)}"
            if cut.ds:
                yield f"    ds: [{', '.join(_double_quoted(write_rdata(DS, rdata)) for rdata in cut.ds)}]"
    if zone.rrsets:
        yield "rrsets: |"
        for rrset in zone.rrsets:
            yield from (f"  {line}" for line in _rrset(rrset, zone))


def _soa(soa: Soa) -> Iterator[str]:
    yield f"  mname: {_name(soa.mname)}"
    yield f"  rname: {_name(soa.rname)}"
    for key in ("refresh", "retry", "expire", "minimum"):
        seconds = getattr(soa, key)
        if seconds != getattr(DEFAULT_SOA, key):
            yield f"  {key}: {write_time(seconds)}"
    if soa.serial is not None:
        yield f"  serial: {soa.serial}"


def _access(zone: Zone) -> Iterator[str]:
    if zone.access:
        yield "access:"
    for number, verdict in enumerate(VERDICTS):
        prefixes = [
            _quoted_in_list(format_prefix(Prefix(version, first, length)))
            for version, first, length, what in zone.access
            if what == number
        ]
        if prefixes:
            yield f"  {verdict}: [{', '.join(prefixes)}]"


def _transfer(transfer: Transfer) -> Iterator[str]:
    allowed = [
        " ".join(([format_prefix(item.prefix)] if item.prefix else []) + ([_key(item.key)] if item.key else []))
        for item in transfer.allow
    ]
    told = [_server(target) for target in transfer.notify]
    yield "transfer:" if allowed or told or transfer.defaults else "transfer: {}"
    for name, texts in (("allow", allowed), ("notify", told)):
        if texts:
            yield f"  {name}: [{', '.join(map(_double_quoted, texts))}]"
    if transfer.defaults:
        yield f"  defaults: {transfer.defaults}"


def _server(target: NotifyTarget) -> str:
    """Write an address, its port where it is not DNS's own, and the key that signs, if one does."""
    text = target.host
    if target.port != DNS_PORT:
        text = f"[{text}]:{target.port}" if ":" in text else f"{text}:{target.port}"
    return f"{text} {_key(target.key)}" if target.key else text


def _key(name: bytes) -> str:
    return format_name(name).removesuffix(".")


def _rrset(rrset: RRset, zone: Zone) -> Iterator[str]:
    owner = relative_name(rrset.owner, zone.origin)
    ttl = "" if rrset.ttl == zone.ttl else f"{rrset.ttl} "
    for rdata in rrset.rdatas:
        yield f"{owner} {ttl}IN {name_of(rrset.rtype)} {write_rdata(rrset.rtype, rdata)}"


def relative_name(name: bytes, origin: bytes) -> str:
    """Write a name as master files have it below an origin: `@`, relative, or absolute where it lies elsewhere."""
    if name == origin:
        return "@"
    if not is_below(name, origin):
        return format_name(name)
    text = format_name(name[: len(name) - len(origin)] + ROOT)[:-1]
    return text if text[0] not in "$@" else "\\" + text


def write_rdata(rtype: int, rdata: bytes) -> str:
    """Write a record's data so that it can be read back: in its type's own notation, else as RFC 3597 has it."""
    try:
        text = (
            dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType.make(rtype), rdata, 0, len(rdata))
            .to_text()
            .rstrip()
        )
        if text.isascii() and text.isprintable() and parse_rdata(rtype, text) == rdata:
            return text
    except (EntryError, dns.exception.DNSException, ValueError):
        pass
    return f"\\# {len(rdata)} {rdata.hex()}".rstrip()


def _name(name: bytes) -> str:
    return _scalar(format_name(name).removesuffix(".") or ".")


def _list(names: Iterable[bytes]) -> str:
    return f"[{', '.join(map(_name, names))}]"


def _quoted_in_list(text: str) -> str:
    """Write a prefix within [...], where older readers of YAML take a colon for a key."""
    return f'"{text}"' if ":" in text else text


def _scalar(text: str) -> str:
    """Write a text plain where nobody could read anything else, and in quotes otherwise."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else _double_quoted(text)


def _double_quoted(text: str) -> str:
    return json.dumps(text)  # which YAML reads too
