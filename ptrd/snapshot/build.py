"""Segments put together: what zones mean to each other, and the image that workers map.

Here and only here is decided which default names are made (ranges under cuts and deeper zones are holes), which
addresses a forward zone knows, and what serial a zone has. Reading an image is `image.open_image`.
"""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, NamedTuple

from ptrd.records.model import Prefix, Problem
from ptrd.snapshot.checksum import crc32
from ptrd.snapshot.crosscheck import duplicates, forward_problems, hidden_records, unknown_keys
from ptrd.snapshot.layout import (
    CHECKED,
    HEADER,
    INDEX,
    MAGIC,
    RANGE,
    SEGMENT,
    VERSION,
    ZONE,
)
from ptrd.snapshot.outline import read_outlines
from ptrd.snapshot.serials import advance_serials
from ptrd.snapshot.templates import Template, dump_template, parse_template
from ptrd.snapshot.trie import build_trie, entry_at
from ptrd.wire.names import offsets_of
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ptrd.snapshot.forward import Owner
    from ptrd.snapshot.image import Buffer, Input
    from ptrd.snapshot.outline import OutlinedRange, OutlinedZone


class BuiltImage(NamedTuple):
    """An image ready to be written. `parts` is empty when there is an error among the problems.

    `serials` maps a zone's wire name to (digest of its content, serial); `changed` lists (zone, old serial or None,
    new serial) of every zone whose serial moved.
    """

    parts: list[Buffer]
    problems: list[Problem]
    serials: dict[bytes, tuple[bytes, int]]
    changed: list[tuple[str, int | None, int]]


def build_image(
    segments: Sequence[tuple[Input, Buffer]],
    serials: dict[bytes, tuple[bytes, int]],
    settings: bytes,
    revision: int,
    now: float,
    keys: Collection[bytes] | None = None,
) -> BuiltImage:
    """Put compiled segments together.

    `serials` is what was published before, `settings` whatever else the image depends on (kept and given back by
    `image.read_about`), `keys` the names of the keys that there are, None when that is not known. Problems are those
    that only several zones together can have.
    """
    zones = read_outlines(segments)
    problems = duplicates(zones)
    if problems:
        return BuiltImage([], problems, {}, [])
    problems = hidden_records(zones, segments) + unknown_keys(zones, keys)
    ranges = _number_ranges(zones)
    trie = array("I")
    _build_tries(zones, trie)
    templates = [parse_template(item.text or "", item.prefix, zone.origin) for zone, item in ranges]
    problems += forward_problems(zones, ranges, templates, _owner_of(zones, trie))
    if any(not problem.warning for problem in problems):
        return BuiltImage([], problems, {}, [])
    known, changed = advance_serials(zones, serials, now)
    parts = _assemble(segments, zones, ranges, templates, trie, settings, revision)
    return BuiltImage(parts, problems, known, changed)


def _number_ranges(zones: list[OutlinedZone]) -> list[tuple[OutlinedZone, OutlinedRange]]:
    """Give a number to each range that has a template, over all zones."""
    ranges: list[tuple[OutlinedZone, OutlinedRange]] = []
    for zone in zones:
        zone.first_range = len(ranges)
        ranges += [(zone, item) for item in zone.ranges if item.text is not None]
    return ranges


def _build_tries(zones: list[OutlinedZone], trie: array[int]) -> None:
    deeper: dict[bytes, list[Prefix]] = {}
    reverse = {zone.origin: zone for zone in zones if zone.prefix and not zone.covers}
    for origin, zone in reverse.items():
        offsets = offsets_of(origin)
        for offset in offsets[1:]:
            if origin[offset:] in reverse and zone.prefix:
                deeper.setdefault(origin[offset:], []).append(zone.prefix)
    for zone in zones:
        zone.carved = [] if zone.covers else deeper.get(zone.origin, [])
        if zone.prefix is None or not zone.ranges:
            continue
        leaves = []
        number = zone.first_range
        for item in zone.ranges:
            leaves.append((item.prefix, 0 if item.text is None else number + 1))
            number += item.text is not None
        zone.trie_entry = build_trie(zone.base, leaves, zone.holes + zone.carved, trie)


def _owner_of(zones: list[OutlinedZone], trie: array[int]) -> Owner:
    """Make the function that finds the range that makes an address's name: (version, number) -> range or None."""
    covering = [zone for zone in zones if zone.covers and zone.prefix]
    reverse = {zone.prefix: zone for zone in zones if zone.prefix and not zone.covers}
    lengths = sorted({(prefix.version, prefix.length) for prefix in reverse}, reverse=True)

    def owner(version: int, number: int) -> int | None:
        found = None
        address = Prefix(version, number, BITS[version])
        for zone in covering:
            if zone.prefix and zone.prefix.contains(address):
                found = zone
        if found is None:
            for at, length in lengths:
                if at == version:
                    shift = BITS[version] - length
                    found = reverse.get(Prefix(version, number >> shift << shift, length))
                    if found:
                        break
        if found is None:
            return None
        entry = entry_at(trie, found.trie_entry, found.base.length, version, number)
        return entry - 1 if entry else None

    return owner


def _assemble(
    segments: Sequence[tuple[Input, Buffer]],
    zones: list[OutlinedZone],
    ranges: list[tuple[OutlinedZone, OutlinedRange]],
    templates: list[Template],
    trie: array[int],
    settings: bytes,
    revision: int,
) -> list[Buffer]:
    pool = bytearray()
    zone_entries = bytearray()
    for zone in zones:
        prefix = zone.prefix or Prefix(0, 0, 0)
        soa = zone.soa
        zone_entries += ZONE.pack(
            len(pool),
            len(zone.origin),
            zone.labels,
            prefix.version,
            prefix.length,
            zone.covers,
            prefix.number.to_bytes(16, "big"),
            zone.trie_entry,
            zone.serial,
            zone.segment,
            zone.block,
            zone.flags,
            len(pool) + len(zone.origin),
            len(soa),
        )
        pool += zone.origin + soa
    zone_numbers = {id(zone): number for number, zone in enumerate(zones)}
    range_entries = bytearray()
    shared: dict[bytes, int] = {}
    for (zone, item), template in zip(ranges, templates, strict=True):
        dumped = dump_template(template)
        at = shared.setdefault(dumped, len(pool))
        if at == len(pool):
            pool += dumped
        version, address, length = item.prefix
        range_entries += RANGE.pack(
            zone_numbers[id(zone)], item.ttl, version, length, len(dumped), at, address.to_bytes(16, "big")
        )
    pool += b"\0" * (-len(pool) % 8)
    about = json.dumps(
        {
            "inputs": [source for source, _ in segments],
            "settings": settings.hex(),
            "zones": [
                {
                    "place": zone.place,
                    "records": zone.records,
                    "forward": [_dump(prefix) for prefix, _ in zone.forward],
                    "access": zone.access,
                    "transfer": zone.transfer,
                    "primaries": zone.primaries,
                }
                for zone in zones
            ],
            "ranges": [[item.place, item.text] for _, item in ranges],
            "withheld": [
                [item.place, _dump(item.prefix)] for zone in zones for item in zone.ranges if item.text is None
            ],
        },
        separators=(",", ":"),
    ).encode()
    zones_size = INDEX.size + len(zone_entries)
    trie_at = zones_size + len(range_entries)
    pool_at = trie_at + 4 * len(trie)
    index = b"".join(
        (
            INDEX.pack(len(zones), len(ranges), len(trie), trie_at, pool_at, pool_at + len(pool)),
            zone_entries,
            range_entries,
            trie.tobytes(),
            pool,
            about,
        )
    )
    at = HEADER.size + SEGMENT.size * len(segments)
    table = bytearray()
    parts: list[Buffer] = []
    for _, segment in segments:
        table += SEGMENT.pack(at, len(segment), crc32(segment))
        parts.append(segment)
        at += len(segment)
    fields = (MAGIC, VERSION, len(segments), at + len(index), revision, at, len(index))
    checksum = crc32(index, crc32(table, crc32(HEADER.pack(*fields, 0)[:CHECKED])))
    return [HEADER.pack(*fields, checksum), table, *parts, index]


def _dump(prefix: Prefix) -> list[object]:
    return [prefix.version, f"{prefix.number:x}", prefix.length]
