"""One YAML document becomes one Zone: every key of zone-format, each read by itself, then the rules over all.

What one key says wrong never hides what another says wrong; a zone with an error is reported and not given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from yaml.events import MappingEndEvent, MappingStartEvent

from ptrd.records.masterfile import parse_rrsets
from ptrd.records.model import Place, Prefix, Problem, Zone
from ptrd.records.rules import no_addresses, outside, served_problems, zone_problems
from ptrd.records.values import ValueText, format_address, format_prefix, parse_duration
from ptrd.store.nodevalues import is_null, read_hosts, read_list, read_prefix, read_value
from ptrd.store.recordtable import RecordTable, read_records
from ptrd.store.yamlevents import (
    Fields,
    Node,
    Report,
    Table,
    Text,
    admit,
    block_place,
    read_key,
    read_node,
    refuse_properties,
)
from ptrd.store.zoneaccess import read_access
from ptrd.store.zoneapex import DEFAULT_SOA, read_origin, read_soa
from ptrd.store.zoneprimaries import read_primaries
from ptrd.store.zoneranges import read_defaults, read_delegations
from ptrd.store.zonetransfer import read_transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrd.records.model import Soa
    from ptrd.store.recordlines import RecordLines

_KEYS: Final = (
    *("zone", "ttl", "soa", "ns", "covers", "records", "defaults", "delegations", "forward", "rrsets"),
    *("access", "transfer", "primaries"),
)
_TTL: Final = 3600


class Document:
    """The top-level keys of one document; `records`, when it is a mapping, is read on the way already."""

    def __init__(self, start: Table, errors: int) -> None:
        self.start = start
        self.errors = errors  # reported before the document began
        self.fields: Fields = {}
        self.records: RecordTable | None = None

    def value(self, name: str) -> Node | None:
        """Give what a key says; None when it is not written or null."""
        node = self.fields[name][1] if name in self.fields else None
        return None if node is None or is_null(node) else node


def read_document(
    root: Any,  # noqa: ANN401 - PyYAML's events are untyped
    events: Iterator[Any],
    report: Report,
    lines: RecordLines,
) -> Document | None:
    """Read a document to its end, from its first event on. None when it is empty or no mapping.

    `lines` has the records that were taken out of the file. Raises NotOrdinaryError.
    """
    if root.__class__ is not MappingStartEvent:
        node = read_node(root, events, report)
        if node is not None and not is_null(node):
            report.error(node, "a zone is a mapping; begin it with `zone: 192.0.2.0/24`")
        return None
    errors = report.errors
    document = Document(_open_table(root, report), errors)
    fields = document.fields
    for key_event in events:
        if key_event.__class__ is MappingEndEvent:
            break
        key = read_key(read_node(key_event, events, report), report)
        event = next(events)
        known = key is not None and admit(fields, key, _KEYS, report)
        if key is not None and known and key.value == "records" and event.__class__ is MappingStartEvent:
            fields["records"] = key, _open_table(event, report)
            document.records = read_records(events, report, _ttl_so_far(document), lines)
            continue
        node = read_node(event, events, report)
        if key is not None and known and node is not None:
            fields[key.value] = key, node
    return document


def build_zone(document: Document, report: Report, limit: int) -> Zone | None:
    """Make the zone of a document and check it; `limit` as in `zone_problems`."""
    origin = _read_required(document, "zone", "192.0.2.0/24", report, read_origin)
    covers_node = document.value("covers")
    covers = None if covers_node is None else _read_covers(covers_node, report)
    primaries, primary_keys = read_primaries(document.value("primaries"), document.fields, report)
    comes = document.value("primaries") is not None  # with all that follows here
    soa, servers = (None, []) if comes else _read_apex(document, report)
    ttl_node = document.value("ttl")
    ttl = None if ttl_node is None else read_value(ttl_node, "`ttl`", parse_duration, report)
    zone = Zone(
        origin=origin[0] if origin else b"",
        place=report.place(document.fields["zone"][1] if "zone" in document.fields else document.start),
        ttl=_TTL if ttl is None else ttl,
        soa=soa or DEFAULT_SOA,
        ns=tuple(name for _, name in servers),
        prefix=covers or (origin[1] if origin else None),
        covers=covers is not None,
    )
    if covers and len(zone.origin) + 4 > 255 and covers_node:
        report.error(covers_node, "the zone's name is too long to hold its addresses below it; write a shorter one")
        origin = None
    places = {name.lower(): report.place(node) for node, name in servers}
    zone.defaults = read_defaults(document.value("defaults"), zone, report)
    zone.delegations = read_delegations(document.value("delegations"), zone, places, report)
    zone.forward = _read_forward(document.value("forward"), report)
    zone.access = read_access(document.value("access"), report)
    zone.transfer, keys = read_transfer(document.value("transfer"), report)
    zone.primaries = primaries
    zone.keys = {name: report.place(node) for name, node in (primary_keys | keys).items()}
    if comes:
        return _finish_stub(document, zone, report) if origin else None
    _place_records(document, zone, report)
    if origin is None:
        return None
    _read_rrsets(document, zone, report)
    if zone.prefix is None:
        for name, written in (("defaults", zone.defaults), ("delegations", zone.delegations)):
            if written and covers_node is None:
                report.error(document.fields[name][0], no_addresses(zone.origin))
        zone.defaults = []
        zone.delegations = []
    whole = report.errors == document.errors
    for problem in zone_problems(zone, limit, places, whole=whole):
        report.add(problem)
    return zone if report.errors == document.errors else None


def _read_apex(document: Document, report: Report) -> tuple[Soa | None, list[tuple[Node, bytes]]]:
    """Read the SOA and the name servers, which must be written."""
    example = "{mname: ns1.example.net, rname: hostmaster@example.net}"
    soa = _read_required(document, "soa", example, report, read_soa)
    return soa, _read_required(document, "ns", "[ns1.example.net, ns2.example.net]", report, _read_servers) or []


def _finish_stub(document: Document, zone: Zone, report: Report) -> Zone | None:
    """Check a zone whose records come from its primaries."""
    if zone.prefix is None and zone.defaults:
        report.error(document.fields["defaults"][0], no_addresses(zone.origin))
        zone.defaults = []
    for problem in served_problems(zone):
        report.add(problem)
    return zone if report.errors == document.errors else None


def _open_table(event: Any, report: Report) -> Table:  # noqa: ANN401 - untyped
    table = Table([], event.start_mark.line + 1, event.start_mark.column + 1)
    if event.anchor is not None or event.tag is not None:
        refuse_properties(event, table, report)
    return table


def _ttl_so_far(document: Document) -> int:
    """Give the zone's TTL when it stands above; a wrong guess costs time, no more."""
    node = document.value("ttl")
    try:
        return parse_duration(node.value) if isinstance(node, Text) else _TTL
    except ValueText:
        return _TTL


def _read_servers(node: Node, report: Report) -> list[tuple[Node, bytes]]:
    return read_hosts(node, "name server", report)


def _read_covers(node: Node, report: Report) -> Prefix | None:
    prefix = read_prefix(node, "`covers`", report)
    if prefix and not (prefix.version == 4 and prefix.length >= 25):
        report.error(
            node, f"`covers`: {format_prefix(prefix)} is not an IPv4 prefix of /25 to /32, such as 192.0.2.64/26"
        )
        return None
    return prefix


def _place_records(document: Document, zone: Zone, report: Report) -> None:
    """Give the zone its records, and report those of the other address version."""
    table = document.records
    node = document.value("records")
    if table is None:
        if node is not None:
            report.error(node, "`records` is a mapping of addresses; write `192.0.2.10: host.example.net` below it")
        return
    if zone.prefix is None:
        if table and zone.origin and document.value("covers") is None:
            report.error(document.fields["records"][0], no_addresses(zone.origin))
        return
    version = zone.prefix.version
    zone.records = table.of_version(version, zone.ttl)
    other = 10 - version
    for record in table.records[other]:
        place = Place(report.file, record.line, record.column)
        report.add(Problem(place, outside(format_address(other, record.number), zone.prefix)))


def _read_forward(node: Node | None, report: Report) -> list[tuple[Prefix, Place]]:
    found: dict[Prefix, Place] = {}
    for item in read_list(node, "forward range", report) if node is not None else []:
        prefix = read_prefix(item, "the forward range", report)
        if prefix is None:
            continue
        if prefix in found:
            line = found[prefix].line
            report.error(
                item, f"the forward range {format_prefix(prefix)} stands twice, first in line {line}; remove one"
            )
        else:
            found[prefix] = report.place(item)
    return list(found.items())


def _read_rrsets(document: Document, zone: Zone, report: Report) -> None:
    node = document.value("rrsets")
    if node is None:
        return
    if not isinstance(node, Text):
        report.error(node, "`rrsets` is a block of text in master-file notation; write `rrsets: |` and indented lines")
        return
    place, exact = block_place(node, report)
    zone.rrsets, problems = parse_rrsets(node.value, zone.origin, zone.ttl, place, exact=exact)
    for problem in problems:
        report.add(problem)


def _read_required(document: Document, name: str, example: str, report: Report, read: Any) -> Any:  # noqa: ANN401
    """Read a key that must be written."""
    node = document.value(name)
    if node is None:
        where = document.fields[name][0] if name in document.fields else document.start
        report.error(where, f"the key `{name}` is missing; write `{name}: {example}`")
        return None
    return read(node, report)
