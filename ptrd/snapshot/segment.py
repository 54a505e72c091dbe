"""One zone file, compiled: its zones' nodes in canonical order, with a hash index; independent of every other file.

What depends on other files (serials, ranges under deeper zones, forward names) is left to `image`, which reads it in
the segment's outline. A segment is therefore reused as it is while its file does not change.
"""

from __future__ import annotations

import json
from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from zlib import crc32

from ptrd.records.cuts import cut_names, cut_prefixes, is_classless, owner_of, span_of
from ptrd.records.transfer import dump_transfer
from ptrd.snapshot.layout import (
    BLOCK,
    NODE,
    NODE_CNAME,
    NODE_CUT,
    NODE_DNAME,
    NODE_OCCLUDED,
    RRSET,
    SEGMENT_HEADER,
    SEGMENT_MAGIC,
    ZONE_ABSENT,
    ZONE_ACCESS,
    ZONE_CUTS,
    ZONE_WILDCARDS,
)
from ptrd.snapshot.stubs import dump_primaries, dump_stub
from ptrd.wire.names import format_name, sort_key
from ptrd.wire.reverse import BITS, OCTETS
from ptrd.wire.rrtypes import CNAME, DNAME, DS, NS, PTR
from ptrd.wire.writer import write_record

if TYPE_CHECKING:
    from ptrd.records.model import Prefix, Zone

# key, relative name, number of RRsets, their bytes, line, flags
_Entry = tuple[bytes, bytes, int, bytes, int, int]
# relative name -> type -> (TTL, rdatas, line)
_Rrsets = dict[bytes, dict[int, tuple[int, tuple[bytes, ...], int]]]

_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_OCTET_LABELS: Final = tuple(bytes((len(text),)) + text for text in OCTETS)
_OCTET_KEYS: Final = tuple(OCTETS)


def compile_segment(path: str, zones: list[Zone], *, received: bool = False) -> bytes:
    """Compile the zones of one file; those that have primaries are only noted there.

    With `received` it is the one zone that came from its primaries, or a stub of it when there is nothing of it to
    serve. The zones have passed every check. The result begins with SEGMENT_HEADER and holds all that answers need but
    default names; `image.build_image` puts it into an image.
    """
    stubs = [] if received else [dump_stub(zone) for zone in zones if zone.primaries]
    behind = dump_stub(zones[0]) if received else None
    zones = [zone for zone in zones if received or not zone.primaries]
    blocks: list[bytes] = []
    parts: list[bytes] = []
    outlines = []
    at = SEGMENT_HEADER.size + len(zones) * BLOCK.size
    for zone in zones:
        nodes, order, starts, slots, flags, digest = _compile_zone(zone)
        arrays = [_pad(nodes), order.tobytes(), starts.tobytes(), slots.tobytes()]
        offsets = []
        for part in arrays:
            offsets.append(at)
            at += len(part)
        parts += arrays
        flags |= (ZONE_ACCESS if zone.access else 0) | (ZONE_ABSENT if zone.primaries and not zone.rrsets else 0)
        blocks.append(BLOCK.pack(*offsets, len(order), len(starts) - 1, flags))
        outlines.append(_outline(zone, digest))
    outline = json.dumps(
        {"path": path, "zones": outlines, "stubs": stubs, "stub": behind}, separators=(",", ":")
    ).encode()
    outline += b" " * (-(at + len(outline)) % 8)
    header = SEGMENT_HEADER.pack(SEGMENT_MAGIC, len(zones), len(outline), at)
    return b"".join([header, *blocks, *parts, outline])


def _compile_zone(zone: Zone) -> tuple[bytes, array[int], array[int], array[int], int, bytes]:
    rrsets = _small_rrsets(zone)
    entries = _record_entries(zone, rrsets)
    for relative, types in rrsets.items():
        body = b"".join([_rrset_bytes(rtype, *types[rtype][:2]) for rtype in sorted(types)])
        flags = (NODE_CUT if NS in types and relative else 0) | (NODE_DNAME if DNAME in types else 0)
        flags |= NODE_CNAME if CNAME in types else 0
        line = min(line for _, _, line in types.values())
        entries.append((sort_key(relative + b"\0"), relative, len(types), body, line, flags))
    entries.sort()
    guards, flags = _occlusion(entries)
    digest = blake2b(digest_size=16)
    digest.update(repr((zone.origin, zone.soa, zone.ttl, zone.ns, zone.prefix, zone.covers)).encode())
    digest.update(b"\0".join([entry[0] + entry[3] for entry in entries]))
    nodes = bytearray()
    order = array("I")
    hashes = []
    pack, first = NODE.pack, RRSET.unpack_from
    for index, (key, relative, count, body, line, node_flags) in enumerate(entries):
        order.append(len(nodes) >> 2)
        guard = guards.get(index, 0)
        if index in guards:
            node_flags |= NODE_OCCLUDED  # noqa: PLW2901 - known only now
        nodes += pack(node_flags, len(relative), len(key), count, 0, line, guard, *first(body))
        nodes += relative
        nodes += key
        nodes += body[8:]
        nodes += _PADDING[len(nodes) & 3]
        hashes.append(crc32(relative))
    starts, slots = _hash_index(hashes, order)
    return bytes(nodes), order, starts, slots, flags, digest.digest()


def _hash_index(hashes: list[int], order: array[int]) -> tuple[array[int], array[int]]:
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


def _occlusion(entries: list[_Entry]) -> tuple[dict[int, int], int]:
    """Find the nodes below cuts and DNAMEs: index -> index of the topmost one above it; and the zone's flags."""
    guards: dict[int, int] = {}
    flags = 0
    guard = -1
    below = b""
    for index, entry in enumerate(entries):
        relative = entry[1]
        if b"\1*" in relative:  # as a label anywhere: it may be an empty non-terminal
            flags |= ZONE_WILDCARDS
        if guard >= 0 and entry[0].startswith(below):
            guards[index] = guard
        elif entry[5] & (NODE_CUT | NODE_DNAME):
            flags |= ZONE_CUTS
            guard = index
            below = entry[0] + b"\0" if entry[0] else b""
    return guards, flags


def _small_rrsets(zone: Zone) -> _Rrsets:
    """Collect everything but `records` and the SOA: NS, delegations, rrsets; owners relative to the zone."""
    found: _Rrsets = {b"": {}}
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
                target = _OCTET_LABELS[number & 255] + cuts[0]
                add(owner_of(zone, 4, number), CNAME, zone.ttl, (target,), line)
        for cut in cuts:
            add(cut, NS, zone.ttl, delegation.ns, line)
            if delegation.ds:
                add(cut, DS, zone.ttl, delegation.ds, line)
    return found


def _record_entries(zone: Zone, rrsets: _Rrsets) -> list[_Entry]:
    """Make the nodes of `records`; those that share their owner with something else are put into `rrsets` instead."""
    if zone.prefix is None or not zone.records:
        return []
    names = _nibble_names(zone) if zone.prefix.version == 6 else _octet_names(zone)
    entries: list[_Entry] = []
    rrset = RRSET.pack
    for record, (relative, key) in zip(zone.records, names, strict=True):
        if relative in rrsets:
            rrsets[relative][PTR] = (record.ttl, record.targets, record.line)
            continue
        if len(record.targets) == 1:
            wire = write_record(PTR, record.ttl, record.targets[0])
            body = rrset(PTR, 1, len(wire)) + wire
        else:
            body = _rrset_bytes(PTR, record.ttl, record.targets)
        entries.append((key, relative, 1, body, record.line, 0))
    return entries


def _octet_names(zone: Zone) -> list[tuple[bytes, bytes]]:
    """Give (relative name, sort key) of each record of an IPv4 zone; the part that a /24 shares is made once."""
    if zone.prefix is not None and zone.prefix.length == 32 and not zone.covers:
        return [(b"", b"") for _ in zone.records]
    shared: dict[int, tuple[bytes, bytes]] = {}
    found = []
    for record in zone.records:
        network = record.number >> 8
        parts = shared.get(network)
        if parts is None:
            owner = owner_of(zone, 4, network << 8)
            relative = owner[: len(owner) - len(zone.origin)][2:]  # without the label "0" of the last octet
            key = sort_key(relative + b"\0")
            parts = shared[network] = (relative, key + b"\0" if key else b"")
        octet = record.number & 255
        found.append((_OCTET_LABELS[octet] + parts[0], parts[1] + _OCTET_KEYS[octet]))
    return found


def _nibble_names(zone: Zone) -> list[tuple[bytes, bytes]]:
    """Give (relative name, sort key) of each record of an IPv6 zone."""
    found = []
    digits = (128 - (zone.prefix.length if zone.prefix else 0)) // 4
    name = bytearray(b"\1" * (2 * digits))
    key = bytearray(2 * digits - 1 if digits else 0)
    for record in zone.records:
        text = b"%032x" % record.number
        name[1::2] = text[: 31 - digits if digits < 32 else None : -1]
        key[0::2] = text[32 - digits :]
        found.append((bytes(name), bytes(key)))
    return found


def _rrset_bytes(rtype: int, ttl: int, rdatas: tuple[bytes, ...]) -> bytes:
    wire = b"".join([write_record(rtype, ttl, rdata) for rdata in rdatas])
    return RRSET.pack(rtype, len(rdatas), len(wire)) + wire


def _pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 8)


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
