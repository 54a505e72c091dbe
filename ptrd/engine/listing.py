"""A zone as a whole, for who takes it elsewhere: what it says of itself, and every record, from one snapshot.

Made names are listed just where they would be answered. Everything is plain and ready for JSON; nothing is in order.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.engine.answer import FORWARD, answer
from ptrd.records.transfer import dump_transfer
from ptrd.records.values import ValueText, parse_prefix
from ptrd.snapshot.expansion import count_made, forward_candidates, made_pointers, written
from ptrd.snapshot.image import read_about, segment_of
from ptrd.snapshot.layout import NODE_CNAME, NODE_CUT
from ptrd.snapshot.outline import read_outlines
from ptrd.snapshot.stubs import dump_primaries
from ptrd.wire.names import NameError_, format_name, offsets_of, parse_name
from ptrd.wire.reverse import STRIDE, reverse_name
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone

MAX_HIDDEN: Final = 1000  # managed records that are hidden and told by name

# relative owner in hex, type, TTL, rdata in hex
Listed = list[Any]


class ListingError(PtrdError):
    """There is no such zone, or nothing of it to list; the text says what there is."""


def find_zone(snapshot: Snapshot, text: str) -> ServedZone:
    """Find the zone that a name or a prefix means. Raises ListingError."""
    try:
        prefix = parse_prefix(text)
    except ValueText:
        try:
            found = snapshot.zones_by_name.get(parse_name(text).lower())
        except NameError_ as error:
            raise ListingError(f"{text!r} is neither a prefix nor a name: {error}") from None
    else:
        found = next((zone for zone in snapshot.zones if zone.prefix == prefix and zone.covers), None)
        if found is None and not prefix.length % STRIDE[prefix.version]:
            found = snapshot.zones_by_name.get(reverse_name(*prefix))
    if found is None:
        names = sorted(format_name(zone.origin) for zone in snapshot.zones)
        known = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        raise ListingError(f"there is no zone {text}; there are: {known}")
    if found.absent:
        raise ListingError(f"the zone {text} has not come from its primaries, or has expired: nothing is known of it")
    return found


def describe_zone(snapshot: Snapshot, zone: ServedZone) -> dict[str, Any]:
    """Tell what a zone has beside records: ranges with their templates, forward prefixes, who may ask, its TTL.

    `made` counts, at most, its default names, `hidden` names its managed records that a CNAME or a cut hides.
    """
    about = read_about(snapshot.buffer)
    outlines = read_outlines([(source, segment_of(snapshot.buffer, at)) for at, source in enumerate(about.inputs)])
    outline = next(one for one in outlines if one.origin == zone.origin)
    return {
        "name": format_name(zone.origin),
        "prefix": None if zone.prefix is None else list(zone.prefix),
        "covers": zone.covers,
        "ttl": outline.ttl,
        "defaults": [[list(item.prefix), item.text, item.ttl] for item in outline.ranges],
        "forward": [list(prefix) for prefix, _ in outline.forward],
        "access": outline.access,
        "transfer": dump_transfer(zone.transfer),
        "primaries": dump_primaries(zone.primaries),
        "made": sum(count_made(snapshot, zone)),
        "hidden": _hidden(snapshot, zone),
    }


def list_records(snapshot: Snapshot, zone: ServedZone, *, expand: bool) -> Iterator[Listed]:
    """List every record, the SOA first; with `expand` those of default names too."""
    soa = split_records(zone.soa.records)
    yield ["", soa[0][0], soa[0][1], soa[0][2].hex()]
    items = written(snapshot, zone)
    for relative, _, records in chain(items, made_pointers(snapshot, zone)) if expand else items:
        owner = relative.hex()
        for rtype, ttl, rdata in split_records(records):
            yield [owner, rtype, ttl, rdata.hex()]
    for name, rtype, address in forward_candidates(snapshot, zone) if expand and zone.forward else ():
        offsets = offsets_of(name)
        if snapshot.zone_of(name, offsets) is not zone:
            continue
        found = answer(snapshot, name, offsets, rtype)
        if found.source == FORWARD:
            for _, ttl, rdata in split_records(found.answer[0].records):
                if rdata == address:
                    yield [name[: -len(zone.origin)].hex(), rtype, ttl, rdata.hex()]


def _hidden(snapshot: Snapshot, zone: ServedZone) -> list[str]:
    """Name managed records that are not answered, since a CNAME or a delegation stands where they would."""
    overlay = snapshot.overlays.get(zone.number)
    found = []
    for _, relative, rrset in overlay.walk() if overlay is not None else ():
        node = zone.find(relative)
        if node >= 0 and zone.flags(node) & (NODE_CNAME | NODE_CUT):
            name = format_name(relative + zone.origin)
            found += [f"{name} {ttl} IN PTR {format_name(rdata)}" for _, ttl, rdata in split_records(rrset.records)]
    return found[:MAX_HIDDEN]
