"""What only several zones together can have wrong: zones written twice, hidden records, names that cannot lead back."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ptrd.records.model import Place, Prefix, Problem
from ptrd.snapshot.block import Block
from ptrd.snapshot.forward import collisions, makes_names_in
from ptrd.snapshot.layout import NODE_CUT, NODE_OCCLUDED
from ptrd.wire.names import format_name, offsets_of, sort_key
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ptrd.snapshot.forward import Owner
    from ptrd.snapshot.image import Buffer, Input
    from ptrd.snapshot.outline import OutlinedRange, OutlinedZone
    from ptrd.snapshot.templates import Template


def duplicates(zones: list[OutlinedZone]) -> list[Problem]:
    """Report zones that stand in several places, and `covers` that overlap."""
    first: dict[bytes, OutlinedZone] = {}
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


def hidden_records(zones: list[OutlinedZone], segments: Sequence[tuple[Input, Buffer]]) -> list[Problem]:
    """Warn of names in a zone that a deeper zone, which is served too, answers for."""
    by_name = {zone.origin: zone for zone in zones}
    problems = []
    for zone in zones:
        for offset in offsets_of(zone.origin)[1:]:
            parent = by_name.get(zone.origin[offset:])
            if parent is None:
                continue
            line = _first_hidden(segments[parent.segment][1], parent.block, sort_key(zone.origin[:offset] + b"\0"))
            if line:
                problems.append(
                    Problem(
                        Place(parent.place.file, line, 1),
                        f"this name is hidden: zone {format_name(zone.origin)} ({zone.place.file}:{zone.place.line}) "
                        "is served too and answers for it; move it there",
                        warning=True,
                    )
                )
            break  # a zone further up hides nothing that the nearest parent does not have
    return problems


def unknown_keys(zones: list[OutlinedZone], keys: Collection[bytes] | None) -> list[Problem]:
    """Report keys that zones name and nobody has; `keys` are those that there are, None when that is not known."""
    return [
        Problem(
            place,
            f"there is no key {format_name(name).removesuffix('.')}; write it into `keys` of ptrd.yaml with its "
            "algorithm and secret, or name one that stands there",
        )
        for zone in zones
        for name, place in zone.keys
        if keys is not None and name not in keys
    ]


def _first_hidden(segment: Buffer, block: int, key: bytes) -> int:
    """Give the line of the first node at or below a key that is neither a cut nor below one; 0 when there is none."""
    nodes = Block(segment, 0, block)
    for node in nodes.walk(key):
        if not (nodes.key(node) + b"\0").startswith(key + b"\0"):
            break
        if not nodes.flags(node) & (NODE_CUT | NODE_OCCLUDED):
            return nodes.line(node)
    return 0


def forward_problems(
    zones: list[OutlinedZone], ranges: list[tuple[OutlinedZone, OutlinedRange]], templates: list[Template], owner: Owner
) -> list[Problem]:
    """Report names of forward zones that several addresses have. `owner` tells which range has an address."""
    problems: list[Problem] = []
    origins = {zone.origin for zone in zones}
    for zone in zones:
        if not zone.forward:
            continue
        inside = []
        for number, ((_, item), template) in enumerate(zip(ranges, templates, strict=True)):
            if not overlaps(item.prefix, zone) or not makes_names_in(template, zone.origin):
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


def overlaps(prefix: Prefix, zone: OutlinedZone) -> bool:
    """Tell whether a forward zone leads to addresses of a prefix."""
    return any(wanted.contains(prefix) or prefix.contains(wanted) for wanted, _ in zone.forward)
