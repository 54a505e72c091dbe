"""A zone written out for who cannot make default names: every record that it has, and every one that it makes.

No RRset is given twice, and a default is given exactly where it would be answered. Nothing here is in order. Names are
relative to the zone; records are as `wire.writer.RRset` holds them, behind a pointer to the zone's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.cuts import owner_of
from ptrd.snapshot.layout import CHILD, ENTRY, NODE, NODE_CNAME, NODE_CUT, NODE_OCCLUDED, NODE_SIZE, RRSET
from ptrd.wire.names import sort_key
from ptrd.wire.reverse import BITS, NIBBLES, OCTETS, STRIDE, reverse_name
from ptrd.wire.rrtypes import AAAA, PTR, A

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ptrd.snapshot.overlay import Overlay
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone

# relative owner, number of records, records; all of one type
Item = tuple[bytes, int, bytes]

_OCTET_LABELS: Final = tuple(bytes((len(text),)) + text for text in OCTETS)
_NIBBLE_LABELS: Final = tuple(b"\1" + text for text in NIBBLES)
_NO_DEFAULT: Final = NODE_OCCLUDED | NODE_CUT | NODE_CNAME


class Run(NamedTuple):
    """Addresses that follow each other and have their default names from one range."""

    first: int
    last: int
    number: int  # of the range


class MadeCount(NamedTuple):
    """How many default names a zone has at most, by the version of their addresses; records take some away."""

    v4: int
    v6: int


def written(snapshot: Snapshot, zone: ServedZone) -> Iterator[Item]:
    """Give every RRset that is written or managed, but the SOA: glue and what lies below cuts included."""
    buffer = zone.buffer
    unpack, rrset, size_of = NODE.unpack_from, RRSET.unpack_from, RRSET.size
    overlay = snapshot.overlays.get(zone.number)
    for node in zone.walk():
        flags, size, length, _, count, rtype, records, room = unpack(buffer, node)
        at = node + NODE_SIZE
        relative = buffer[at : at + size]
        at += size + length
        if count == 1 and overlay is None:
            yield relative, records, buffer[at : at + room]
            continue
        mine = overlay.find(relative) if overlay is not None and not flags & (NODE_CNAME | NODE_CUT) else None
        if mine is not None:
            yield relative, mine.number, mine.records
        while True:
            if mine is None or rtype != PTR:
                yield relative, records, buffer[at : at + room]
            count -= 1
            if not count:
                break
            at += room + size_of
            rtype, records, room = rrset(buffer, at - size_of)
    for _, relative, mine in overlay.walk() if overlay is not None else ():
        if zone.find(relative) < 0:
            yield relative, mine.number, mine.records


def made_pointers(snapshot: Snapshot, zone: ServedZone) -> Iterator[Item]:
    """Give the default PTR of each address of a zone that has neither record nor alias."""
    overlay = snapshot.overlays.get(zone.number)
    managed: Container[bytes] = overlay if overlay is not None else ()
    find = zone.find
    for run in runs(zone):
        pointer = snapshot.range(run.number).pointer
        for addresses, labels, shared in _blocks(zone, run):
            if not managed and not _has_nodes(zone, shared):
                for address in addresses:
                    yield labels[address & 255] + shared, 1, pointer(address)
                continue
            for address in addresses:
                relative = labels[address & 255] + shared
                if relative in managed:
                    continue
                node = find(relative)
                if node < 0 or _lacks_pointer(zone, node):
                    yield relative, 1, pointer(address)


def forward_candidates(snapshot: Snapshot, zone: ServedZone) -> Iterator[tuple[bytes, int, bytes]]:
    """Give (name, A or AAAA, address) that a forward zone may make; whether it does is decided where it is answered.

    Names are absolute and in lower case.
    """
    numbers = snapshot.leading(zone)
    wanted = [one for one in zone.forward if not any(other != one and other.contains(one) for other in zone.forward)]
    for owner in snapshot.zones if numbers else ():
        rtype, size = (A, 4) if owner.version == 4 else (AAAA, 16)
        for run in runs(owner):
            if run.number not in numbers:
                continue
            render = snapshot.range(run.number).render
            for prefix in wanted:
                if prefix.version != owner.version:
                    continue
                for address in range(max(run.first, prefix.number), min(run.last, prefix.last) + 1):
                    name = render(address).lower()
                    if name.endswith(zone.origin):
                        yield name, rtype, address.to_bytes(size, "big")


def count_made(snapshot: Snapshot, zone: ServedZone) -> MadeCount:
    """Count a zone's default names without making one."""
    counts = {4: 0, 6: 0, 0: 0}
    counts[zone.version] += sum([run.last - run.first + 1 for run in runs(zone)])
    numbers = snapshot.leading(zone)
    wanted = [one for one in zone.forward if not any(other != one and other.contains(one) for other in zone.forward)]
    for owner in snapshot.zones if numbers else ():
        for run in runs(owner):
            if run.number in numbers:
                for prefix in wanted:
                    if prefix.version == owner.version:
                        overlap = min(run.last, prefix.last) - max(run.first, prefix.number) + 1
                        counts[owner.version] += max(overlap, 0)
    return MadeCount(counts[4], counts[6])


def pointer_at(zone: ServedZone, overlay: Overlay | None, number: int, *, expand: bool) -> tuple[Item, ...]:
    """Give the PTR RRset of an address as it is written out, or nothing; `overlay` has the zone's managed records."""
    relative = owner_of(zone, zone.version, number)[: -len(zone.origin)]
    managed = overlay.find(relative) if overlay is not None else None
    node = zone.find(relative)
    flags = zone.flags(node) if node >= 0 else 0
    if managed is not None and not flags & (NODE_CNAME | NODE_CUT):
        return ((relative, managed.number, managed.records),)
    if node >= 0:
        rrset = zone.rrset(node, PTR)
        if rrset is not None:
            return ((relative, rrset.number, rrset.records),)
    if managed is None and expand and zone.trie_entry and not flags & _NO_DEFAULT:
        made = zone.made_pointer(number)
        if made is not None:
            _, count, records = made[0]
            return ((relative, count, records),)
    return ()


def runs(zone: ServedZone) -> Iterator[Run]:
    """Give the addresses of a zone that have default names, in order."""
    if not zone.trie_entry or zone.prefix is None:
        return
    trie = zone.snapshot.trie
    stride = STRIDE[zone.version]
    start = zone.prefix.number & ~255 if zone.covers else zone.prefix.number
    stack = [(zone.trie_entry, start, BITS[zone.version] - zone.base_length)]
    while stack:
        entry, first, bits = stack.pop()
        if entry & CHILD:
            bits -= stride
            at = entry & ENTRY
            stack += [
                (below, first | digit << bits, bits)
                for digit in range((1 << stride) - 1, -1, -1)
                if (below := trie[at + digit])
            ]
        elif entry:
            yield Run(first, first + (1 << bits) - 1, entry - 1)


def _lacks_pointer(zone: ServedZone, node: int) -> bool:
    """Tell whether a default PTR stands beside what a node has."""
    return not zone.flags(node) & _NO_DEFAULT and zone.rrset(node, PTR) is None


def _has_nodes(zone: ServedZone, relative: bytes) -> bool:
    """Tell whether anything is written below a name of a zone."""
    key = sort_key(relative + b"\0")
    after = zone.neighbours(key)[1]
    return after >= 0 and zone.key(after).startswith(key)


_PAIR_LABELS: Final = tuple(_NIBBLE_LABELS[number & 15] + _NIBBLE_LABELS[number >> 4] for number in range(256))


def _blocks(zone: ServedZone, run: Run) -> Iterator[tuple[range, Sequence[bytes], bytes]]:
    """Divide a run by what the owners share: give addresses, labels by an address's last 8 bits, and what is shared."""
    first, last, _ = run
    if zone.covers:
        yield range(first, last + 1), _OCTET_LABELS, b""
        return
    version, end = zone.version, len(zone.origin)
    free = BITS[version] - zone.base_length
    if free < 8:  # the zone of an address, or of sixteen of IPv6
        own = {number & 255: reverse_name(version, number)[:-end] for number in range(first, last + 1)}
        yield range(first, last + 1), [own.get(number, b"") for number in range(256)], b""
        return
    labels = _OCTET_LABELS if version == 4 else _PAIR_LABELS
    while first <= last:
        until = min(last, first | 255)
        yield range(first, until + 1), labels, reverse_name(version, first, BITS[version] - 8)[:-end]
        first = until + 1
