"""What is written here of zones that come from elsewhere: kept in the outline of the segment of their file.

So a file that did not change need not be read again to know which zones are to be transferred.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.model import Default, Place, Prefix, Soa, Zone
from ptrd.records.transfer import NotifyTarget, dump_transfer, load_transfer
from ptrd.snapshot.layout import HEADER, SEGMENT, SEGMENT_HEADER
from ptrd.wire.names import ROOT, format_name, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.snapshot.image import Buffer

_NO_SOA: Final = Soa(ROOT, ROOT, 0, 0, 0, 0, None)


def dump_stub(zone: Zone) -> dict[str, Any]:
    """Write a zone that has primaries, and so no records here, as JSON can hold it."""
    return {
        "origin": zone.origin.hex(),
        "place": list(zone.place),
        "ttl": zone.ttl,
        "prefix": None if zone.prefix is None else list(zone.prefix),
        "covers": zone.covers,
        "defaults": [[list(item.prefix), item.template, item.ttl, list(item.place)] for item in zone.defaults],
        "access": [list(rule) for rule in zone.access],
        "transfer": dump_transfer(zone.transfer),
        "keys": [[format_name(name), list(place)] for name, place in zone.keys.items()],
        "primaries": dump_primaries(zone.primaries),
    }


def load_stub(dumped: dict[str, Any]) -> Zone:
    """Read back what `dump_stub` wrote; the zone has an SOA that nobody is told."""
    return Zone(
        origin=bytes.fromhex(dumped["origin"]),
        place=Place(*dumped["place"]),
        ttl=dumped["ttl"],
        soa=_NO_SOA,
        ns=(ROOT,),
        prefix=None if dumped["prefix"] is None else Prefix(*dumped["prefix"]),
        covers=dumped["covers"],
        defaults=[
            Default(Prefix(*prefix), template, ttl, Place(*place))
            for prefix, template, ttl, place in dumped["defaults"]
        ],
        access=[tuple(rule) for rule in dumped["access"]],
        transfer=load_transfer(dumped["transfer"]),
        keys={parse_name(name): Place(*place) for name, place in dumped["keys"]},
        primaries=load_primaries(dumped["primaries"]),
    )


def dump_primaries(primaries: Iterable[NotifyTarget]) -> list[list[Any]]:
    """Write primaries as JSON can hold them."""
    return [[host, port, None if key is None else format_name(key)] for host, port, key in primaries]


def load_primaries(dumped: Iterable[list[Any]]) -> tuple[NotifyTarget, ...]:
    """Read back what `dump_primaries` wrote."""
    return tuple([NotifyTarget(host, port, None if key is None else parse_name(key)) for host, port, key in dumped])


def stubs_of(segment: Buffer) -> list[dict[str, Any]]:
    """List the stubs of a segment, as `dump_stub` writes them."""
    found: list[dict[str, Any]] = _outline_of(segment)["stubs"]
    return found


def stub_behind(segment: Buffer) -> dict[str, Any] | None:
    """Give the stub that a segment of transferred content was composed with; None for that of a zone file."""
    found: dict[str, Any] | None = _outline_of(segment).get("stub")
    return found


def stubs_in(buffer: Any) -> list[Zone]:  # noqa: ANN401 - an image: an mmap or bytes
    """List the zones of an image that come from their primaries, whether they are there or absent."""
    count = HEADER.unpack_from(buffer)[2]
    view = memoryview(buffer)
    behind = []
    for number in range(count):
        offset, length, _ = SEGMENT.unpack_from(buffer, HEADER.size + number * SEGMENT.size)
        behind.append(stub_behind(view[offset : offset + length]))
    return [load_stub(stub) for stub in behind if stub is not None]


def _outline_of(segment: Buffer) -> dict[str, Any]:
    _, _, length, at = SEGMENT_HEADER.unpack_from(segment)
    outline: dict[str, Any] = json.loads(bytes(segment[at : at + length]))
    return outline
