"""The outline of a segment: what other zones depend on, and where it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ptrd.records.model import Place, Prefix
from ptrd.snapshot.layout import BLOCK, SEGMENT_HEADER, ZONE_ABSENT
from ptrd.wire.names import offsets_of, parse_name
from ptrd.wire.rrtypes import SOA
from ptrd.wire.writer import write_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.snapshot.image import Buffer, Input


class OutlinedRange(NamedTuple):
    """A range as its segment's outline tells; a text of None takes the default away."""

    prefix: Prefix
    text: str | None
    ttl: int
    place: Place


class OutlinedZone:
    """A zone as its segment's outline tells."""

    def __init__(self, segment: int, block: int, flags: int, outline: dict[str, Any]) -> None:
        self.origin = bytes.fromhex(outline["origin"])
        self.labels = len(offsets_of(self.origin)) - 1
        path = outline["file"]  # where the zone is written, which what came from its primaries is not
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
            OutlinedRange(Prefix(version, int(number, 16), length), text, ttl, Place(path, line, column))
            for version, number, length, text, ttl, line, column in outline["ranges"]
        ]
        self.holes = [Prefix(version, int(number, 16), length) for version, number, length in outline["holes"]]
        self.forward = [
            (Prefix(version, int(number, 16), length), Place(path, line, column))
            for version, number, length, line, column in outline["forward"]
        ]
        self.access: list[list[int]] = outline["access"]
        self.transfer: dict[str, Any] | None = outline["transfer"]
        self.keys = [(parse_name(name), Place(path, line, column)) for name, line, column in outline["keys"]]
        self.primaries: list[list[Any]] = outline["primaries"]
        self.is_absent = bool(flags & ZONE_ABSENT)
        self.carved: list[Prefix] = []  # what deeper zones have of it
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


def read_outlines(segments: Sequence[tuple[Input, Buffer]]) -> list[OutlinedZone]:
    """List the zones of all segments, in their order."""
    zones: list[OutlinedZone] = []
    for number, (_, segment) in enumerate(segments):
        _, count, length, at = SEGMENT_HEADER.unpack_from(segment)
        outline = json.loads(bytes(segment[at : at + length]))
        for block in range(count):
            flags = BLOCK.unpack_from(segment, SEGMENT_HEADER.size + block * BLOCK.size)[6]
            zones.append(OutlinedZone(number, block, flags, outline["zones"][block]))
    return zones


def _load_prefix(dumped: list[Any]) -> Prefix | None:
    return Prefix(dumped[0], int(dumped[1], 16), dumped[2]) if dumped else None
