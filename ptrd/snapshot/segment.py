"""One zone file, compiled: its zones' nodes in canonical order, with a hash index; independent of every other file.

What depends on other files (serials, ranges under deeper zones, forward names) is left to `image`, which reads it in
the segment's outline. A segment is therefore reused as it is while its file does not change.
"""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING

from ptrd.records.cuts import cut_names, cut_prefixes, is_classless, owner_of, span_of
from ptrd.records.transfer import dump_transfer
from ptrd.snapshot.layout import (
    BLOCK,
    FENCE,
    SEGMENT_HEADER,
    SEGMENT_MAGIC,
    ZONE_ABSENT,
    ZONE_ACCESS,
)
from ptrd.snapshot.nodes import OCTET_LABELS, write_nodes
from ptrd.snapshot.stubs import dump_primaries, dump_stub
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import CNAME, DNAME, DS, NS, PTR

if TYPE_CHECKING:
    from ptrd.records.model import Prefix, Zone
    from ptrd.snapshot.nodes import Types


def compile_segment(path: str, zones: list[Zone], *, received: bool = False) -> bytearray:
    """Compile the zones of one file; those that have primaries are only noted there.

    With `received` it is the one zone that came from its primaries, or a stub of it when there is nothing of it to
    serve. The zones have passed every check. The result begins with SEGMENT_HEADER and holds all that answers need but
    default names; `image.build_image` puts it into an image.
    """
    stubs = [] if received else [dump_stub(zone) for zone in zones if zone.primaries]
    behind = dump_stub(zones[0]) if received else None
    zones = [zone for zone in zones if received or not zone.primaries]
    out = bytearray(SEGMENT_HEADER.size + len(zones) * BLOCK.size)
    outlines = []
    for number, zone in enumerate(zones):
        start = len(out)
        nodes = write_nodes(zone, _small_rrsets(zone), out)
        out += b"\0" * (-(len(out) - start) % 8)
        offsets = [start]
        for part in (nodes.order[::FENCE], *_hash_index(nodes.hashes, nodes.order)):
            offsets.append(len(out))
            out += part.tobytes()
        flags = nodes.flags | (ZONE_ACCESS if zone.access else 0)
        flags |= ZONE_ABSENT if zone.primaries and not zone.rrsets else 0
        count = len(nodes.order)
        BLOCK.pack_into(out, SEGMENT_HEADER.size + number * BLOCK.size, *offsets, count, count, flags, nodes.deepest)
        outlines.append(_outline(zone, nodes.digest))
    outline = json.dumps(
        {"path": path, "zones": outlines, "stubs": stubs, "stub": behind}, separators=(",", ":")
    ).encode()
    outline += b" " * (-(len(out) + len(outline)) % 8)
    SEGMENT_HEADER.pack_into(out, 0, SEGMENT_MAGIC, len(zones), len(outline), len(out))
    out += outline
    return out


def _hash_index(hashes: array[int], order: array[int]) -> tuple[array[int], array[int]]:
    buckets = len(hashes)
    sizes = array("I", bytes(4 * (buckets + 1)))
    places = [number % buckets for number in hashes]
    for place in places:
        sizes[place] += 1
    total = 0
    for place in range(buckets + 1):
        size = sizes[place]
        sizes[place] = total
        total += size
    slots = array("I", bytes(4 * buckets))
    filled = array("I", sizes)
    for index, place in enumerate(places):
        slots[filled[place]] = order[index]
        filled[place] += 1
    return sizes, slots


def _small_rrsets(zone: Zone) -> dict[bytes, Types]:
    """Collect everything but `records` and the SOA: NS, delegations, rrsets; owners relative to the zone."""
    found: dict[bytes, Types] = {b"": {}}
    line = zone.place.line
    if zone.ns:
        found[b""][NS] = (zone.ttl, zone.ns, line)

    def add(owner: bytes, rtype: int, ttl: int, rdatas: tuple[bytes, ...], line: int) -> None:
        types = found.setdefault(owner[: len(owner) - len(zone.origin)], {})
        known = types.get(rtype)
        types[rtype] = (min(ttl, known[0]), (*known[1], *rdatas), known[2]) if known else (ttl, rdatas, line)

    for rrset in zone.rrsets:
        add(rrset.owner, rrset.rtype, rrset.ttl, rrset.rdatas, rrset.place.line)
    for delegation in zone.delegations:
        line = delegation.place.line
        cuts = cut_names(zone, delegation)
        if is_classless(delegation):
            for number in range(delegation.prefix.number, delegation.prefix.last + 1):
                target = OCTET_LABELS[number & 255] + cuts[0]
                add(owner_of(zone, 4, number), CNAME, zone.ttl, (target,), line)
        for cut in cuts:
            add(cut, NS, zone.ttl, delegation.ns, line)
            if delegation.ds:
                add(cut, DS, zone.ttl, delegation.ds, line)
    return found


def _outline(zone: Zone, digest: bytes) -> dict[str, object]:
    """Describe a zone to `image`: what other zones depend on, and where it was written."""
    holes = []
    for delegation in zone.delegations:
        holes += [delegation.prefix] if is_classless(delegation) else cut_prefixes(delegation)
    for rrset in zone.rrsets:
        if rrset.rtype not in (NS, DNAME) or (rrset.rtype == NS and rrset.owner == zone.origin):
            continue
        hole = span_of(zone, rrset.owner)
        if hole is not None and (rrset.rtype == NS or hole.length < BITS[hole.version]):
            holes.append(hole)
    return {
        "origin": zone.origin.hex(),
        "line": zone.place.line,
        "column": zone.place.column,
        "digest": digest.hex(),
        "serial": zone.soa.serial,
        "ttl": zone.ttl,
        "names": (zone.soa.mname + zone.soa.rname).hex(),
        "times": [zone.soa.refresh, zone.soa.retry, zone.soa.expire, zone.soa.minimum],
        "prefix": _dump_prefix(zone.prefix),
        "covers": zone.covers,
        "records": len(zone.records) + sum(rrset.rtype == PTR for rrset in zone.rrsets),
        "ranges": [
            [*_dump_prefix(item.prefix), item.template, item.ttl, item.place.line, item.place.column]
            for item in zone.defaults
        ],
        "holes": [_dump_prefix(hole) for hole in holes],
        "forward": [[*_dump_prefix(prefix), place.line, place.column] for prefix, place in zone.forward],
        "access": zone.access,
        "transfer": dump_transfer(zone.transfer),
        "file": zone.place.file,
        "primaries": dump_primaries(zone.primaries),
        "keys": [[format_name(name), place.line, place.column] for name, place in zone.keys.items()],
    }


def _dump_prefix(prefix: Prefix | None) -> list[object]:
    return [] if prefix is None else [prefix.version, f"{prefix.number:x}", prefix.length]
