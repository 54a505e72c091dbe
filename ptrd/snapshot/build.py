"""Segments put together: what zones mean to each other, and the image that workers map.

Here and only here is decided which default names are made (ranges under cuts and deeper zones are holes), which
addresses a forward zone knows, and what serial a zone has. Reading an image is `image.open_image`.
"""

from __future__ import annotations

import json
from array import array
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from ptrd.records.model import Place, Prefix, Problem
from ptrd.snapshot.forward import collisions, makes_names_in
from ptrd.snapshot.layout import (
    BLOCK,
    CHECKED,
    HEADER,
    INDEX,
    MAGIC,
    RANGE,
    SEGMENT,
    SEGMENT_HEADER,
    VERSION,
    ZONE,
)
from ptrd.snapshot.templates import Template, dump_template, parse_template
from ptrd.snapshot.trie import build_trie, entry_at
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import SOA
from ptrd.wire.writer import write_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.snapshot.forward import Owner
    from ptrd.snapshot.image import Buffer, Input


class BuiltImage(NamedTuple):
    """An image ready to be written. `parts` is empty when there is an error among the problems.

    `serials` maps a zone's wire name to (digest of its content, serial); `changed` lists (zone, old serial or None,
    new serial) of every zone whose serial moved.
    """

    parts: list[Buffer]
    problems: list[Problem]
    serials: dict[bytes, tuple[bytes, int]]
    changed: list[tuple[str, int | None, int]]


class _Range(NamedTuple):
    prefix: Prefix
    text: str | None
    ttl: int
    place: Place


class _Zone:
    """A zone as its segment's outline tells."""

    def __init__(self, path: str, segment: int, block: int, flags: int, outline: dict[str, Any]) -> None:
        self.origin = bytes.fromhex(outline["origin"])
        self.labels = len(offsets_of(self.origin)) - 1
        self.place = Place(path, outline["line"], outline["column"])
        self.segment, self.block, self.flags = segment, block, flags
        self.digest = bytes.fromhex(outline["digest"])
        self.wanted_serial: int | None = outline["serial"]
        self.ttl: int = outline["ttl"]
        self.soa_names = bytes.fromhex(outline["names"])
        self.soa_times: list[int] = outline["times"]
        self.prefix = _load_prefix(outline["prefix"])
        self.covers: bool = outline["covers"]
        self.records: int = outline["records"]
        self.ranges = [
            _Range(Prefix(version, int(number, 16), length), text, ttl, Place(path, line, column))
            for version, number, length, text, ttl, line, column in outline["ranges"]
        ]
        self.holes = [Prefix(version, int(number, 16), length) for version, number, length in outline["holes"]]
        self.forward = [
            (Prefix(version, int(number, 16), length), Place(path, line, column))
            for version, number, length, line, column in outline["forward"]
        ]
        self.trie_entry = 0
        self.serial = 0
        self.first_range = 0

    @property
    def soa(self) -> bytes:
        """Give the SOA record as it is kept for answers."""
        numbers = b"".join([value.to_bytes(4, "big") for value in (self.serial, *self.soa_times)])
        return write_record(SOA, self.ttl, self.soa_names + numbers)

    @property
    def base(self) -> Prefix:
        """Give the prefix that the first label below the zone's name divides."""
        prefix = self.prefix or Prefix(4, 0, 0)
        return Prefix(4, prefix.number & ~255, 24) if self.covers else prefix


def build_image(
    segments: Sequence[tuple[Input, Buffer]],
    serials: dict[bytes, tuple[bytes, int]],
    settings: bytes,
    revision: int,
    now: float,
) -> BuiltImage:
    """Put compiled segments together.

    `serials` is what was published before, `settings` whatever else the image depends on (kept and given back by
    `image.read_about`). Problems are those that only several zones together can have.
    """
    zones: list[_Zone] = []
    for number, (source, segment) in enumerate(segments):
        count, outline = _read_segment(segment)
        for block in range(count):
            flags = BLOCK.unpack_from(segment, SEGMENT_HEADER.size + block * BLOCK.size)[6]
            zones.append(_Zone(source.path, number, block, flags, outline["zones"][block]))
    problems = _duplicates(zones)
    if problems:
        return BuiltImage([], problems, {}, [])
    ranges = _number_ranges(zones)
    trie = array("I")
    _build_tries(zones, trie)
    templates = [parse_template(item.text or "", item.prefix, zone.origin) for zone, item in ranges]
    problems = _forward_problems(zones, ranges, templates, trie)
    if any(not problem.warning for problem in problems):
        return BuiltImage([], problems, {}, [])
    known, changed = _advance_serials(zones, serials, now)
    parts = _assemble(segments, zones, ranges, templates, trie, settings, revision)
    return BuiltImage(parts, problems, known, changed)


def _read_segment(segment: Buffer) -> tuple[int, dict[str, Any]]:
    _, count, length, at = SEGMENT_HEADER.unpack_from(segment)
    return count, json.loads(bytes(segment[at : at + length]))


def _load_prefix(dumped: list[Any]) -> Prefix | None:
    return Prefix(dumped[0], int(dumped[1], 16), dumped[2]) if dumped else None


def _duplicates(zones: list[_Zone]) -> list[Problem]:
    first: dict[bytes, _Zone] = {}
    problems = []
    for zone in zones:
        other = first.setdefault(zone.origin, zone)
        if other is not zone:
            where = f"{other.place.file}:{other.place.line}"
            name = format_name(zone.origin)
            problems.append(
                Problem(zone.place, f"zone {name} stands a second time; it is already in {where}; remove one of them")
            )
    covering = sorted((zone for zone in zones if zone.covers and zone.prefix), key=lambda zone: zone.prefix or ())
    for before, zone in pairwise(covering):
        if before.prefix and zone.prefix and before.prefix.last >= zone.prefix.number:
            problems.append(
                Problem(
                    zone.place,
                    f"covers overlaps that of zone {format_name(before.origin)} in {before.place.file}:"
                    f"{before.place.line}; an address can belong to one classless zone only",
                )
            )
    return problems


def _number_ranges(zones: list[_Zone]) -> list[tuple[_Zone, _Range]]:
    """Give a number to each range that has a template, over all zones."""
    ranges: list[tuple[_Zone, _Range]] = []
    for zone in zones:
        zone.first_range = len(ranges)
        ranges += [(zone, item) for item in zone.ranges if item.text is not None]
    return ranges


def _build_tries(zones: list[_Zone], trie: array[int]) -> None:
    deeper: dict[bytes, list[Prefix]] = {}
    reverse = {zone.origin: zone for zone in zones if zone.prefix and not zone.covers}
    for origin, zone in reverse.items():
        offsets = offsets_of(origin)
        for offset in offsets[1:]:
            if origin[offset:] in reverse and zone.prefix:
                deeper.setdefault(origin[offset:], []).append(zone.prefix)
    for zone in zones:
        if zone.prefix is None or not zone.ranges:
            continue
        leaves = []
        number = zone.first_range
        for item in zone.ranges:
            leaves.append((item.prefix, 0 if item.text is None else number + 1))
            number += item.text is not None
        holes = zone.holes + ([] if zone.covers else deeper.get(zone.origin, []))
        zone.trie_entry = build_trie(zone.base, leaves, holes, trie)


def _owner_of(zones: list[_Zone], trie: array[int]) -> Owner:
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


def _forward_problems(
    zones: list[_Zone], ranges: list[tuple[_Zone, _Range]], templates: list[Template], trie: array[int]
) -> list[Problem]:
    problems: list[Problem] = []
    owner = _owner_of(zones, trie)
    origins = {zone.origin for zone in zones}
    for zone in zones:
        if not zone.forward:
            continue
        inside = []
        for number, ((_, item), template) in enumerate(zip(ranges, templates, strict=True)):
            if not _overlaps(item.prefix, zone) or not makes_names_in(template, zone.origin):
                continue
            if any(template.suffix[at:] in origins for at in offsets_of(template.suffix)[: -1 - zone.labels]):
                continue  # its names lie in a deeper zone
            if template.identifies:
                inside.append((item.prefix, template, number))
                continue
            where = f"{zone.place.file}:{zone.place.line}"
            problems.append(
                Problem(
                    item.place,
                    f"template {item.text!r} makes one name for several addresses, but forward zone "
                    f"{format_name(zone.origin)} ({where}) has to lead each name back to its address; "
                    "put {ip}, {host} or every octet that varies into it",
                )
            )
        wanted = [prefix for prefix, _ in zone.forward]
        cuts = [*wanted, *(cut for other in zones for cut in (*other.holes, *(item.prefix for item in other.ranges)))]
        for one, other, name in collisions(inside, _within(owner, wanted), cuts):
            place = ranges[other][1].place
            where = f"{ranges[one][1].place.file}:{ranges[one][1].place.line}"
            problems.append(
                Problem(
                    place,
                    f"this default makes the name {format_name(name)} that the default in {where} makes too, and "
                    f"forward zone {format_name(zone.origin)} can lead it to one address only; change one template",
                )
            )
    return problems


def _within(owner: Owner, wanted: list[Prefix]) -> Owner:
    """Restrict an owner function to the addresses that a forward zone leads to."""

    def within(version: int, number: int) -> int | None:
        one = Prefix(version, number, BITS[version])
        return owner(version, number) if any(prefix.contains(one) for prefix in wanted) else None

    return within


def _overlaps(prefix: Prefix, zone: _Zone) -> bool:
    return any(wanted.contains(prefix) or prefix.contains(wanted) for wanted, _ in zone.forward)


def _advance_serials(
    zones: list[_Zone], serials: dict[bytes, tuple[bytes, int]], now: float
) -> tuple[dict[bytes, tuple[bytes, int]], list[tuple[str, int | None, int]]]:
    """Give each zone its serial: it moves only when the content did, and never back (RFC 1982)."""
    known = dict(serials)
    changed = []
    for zone in zones:
        digest = blake2b(zone.digest, digest_size=16)
        digest.update(repr([(item.prefix, item.text, item.ttl) for item in zone.ranges]).encode())
        digest.update(repr((sorted(zone.holes), [prefix for prefix, _ in zone.forward])).encode())
        if zone.forward:
            relevant = sorted(
                (item.prefix, item.text or "")
                for other in zones
                for item in other.ranges
                if _overlaps(item.prefix, zone)
            )
            digest.update(repr(relevant).encode())
        content = digest.digest()
        last = serials.get(zone.origin)
        wanted = zone.wanted_serial
        if last is None:
            zone.serial = (int(now) if wanted is None else wanted) & 0xFFFF_FFFF
        else:
            zone.serial = last[1]
            if last[0] != content:
                zone.serial = (last[1] + 1) & 0xFFFF_FFFF
                if wanted is None and _is_newer(int(now), zone.serial):
                    zone.serial = int(now) & 0xFFFF_FFFF
            if wanted is not None and _is_newer(wanted, zone.serial):
                zone.serial = wanted
        if last is None or zone.serial != last[1]:
            changed.append((format_name(zone.origin), last and last[1], zone.serial))
        known[zone.origin] = (content, zone.serial)
    return known, changed


def _is_newer(serial: int, than: int) -> bool:
    return 0 < (serial - than) & 0xFFFF_FFFF < 0x8000_0000


def _assemble(
    segments: Sequence[tuple[Input, Buffer]],
    zones: list[_Zone],
    ranges: list[tuple[_Zone, _Range]],
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
                {"place": zone.place, "records": zone.records, "forward": [_dump(prefix) for prefix, _ in zone.forward]}
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
