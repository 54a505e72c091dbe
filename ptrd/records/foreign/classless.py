"""Classless delegations (RFC 2317) found in records: a whole prefix of CNAMEs below one label that has NS.

Only what fits exactly is taken, so that the delegation means the very records that it replaces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.cuts import classless_parent, cut_names
from ptrd.records.model import Delegation, Prefix
from ptrd.records.values import ValueText, parse_host
from ptrd.wire.names import format_name, labels_of
from ptrd.wire.reverse import IN_ADDR_ARPA, OCTETS, prefix_of
from ptrd.wire.rrtypes import CNAME, DS, NS, PTR

if TYPE_CHECKING:
    from ptrd.records.foreign.assembly import Sets
    from ptrd.records.model import Zone

_LABEL: Final = re.compile(rb"([0-9]{1,3})[-/_]([0-9]{1,3})")


def covered_by_name(origin: bytes) -> Prefix | None:
    """Give the IPv4 prefix that a zone's name means: 64-26, 64/26 or 64-127 below the name of a /24, else None."""
    if not origin.endswith(IN_ADDR_ARPA):
        return None
    labels = labels_of(origin)
    found = _LABEL.fullmatch(labels[0])
    parent = prefix_of(origin[1 + origin[0] :])
    if found is None or parent is None or parent[2] != 24 or found[1] not in OCTETS:
        return None
    first, second = int(found[1]), int(found[2])
    prefix = Prefix(4, parent[1] | first, second)
    if 25 <= second <= 32 and not first & (1 << 32 - second) - 1:
        return prefix
    size = second - first + 1
    if found[2] in OCTETS and 0 < size <= 128 and not size & size - 1 and not first % size:
        return prefix._replace(length=33 - size.bit_length())
    return None


def find_classless(zone: Zone, sets: Sets) -> list[Delegation]:
    """Take classless delegations out of the RRsets of a zone whose name, prefix and TTL are known."""
    if zone.prefix is None or zone.prefix.version != 4 or not (zone.covers or zone.prefix.length <= 24):
        return []
    runs: dict[bytes, dict[int, tuple[bytes, int]]] = {}  # by the cut: by address, the owner and its type
    for key, growing in sets.items():
        owner, rtype = key
        if rtype != CNAME or len(growing.rdatas) != 1 or growing.ttl != zone.ttl:
            continue
        target = next(iter(growing.rdatas))
        octet = owner[1 : 1 + owner[0]]
        if octet not in OCTETS or target[: 1 + target[0]] != owner[: 1 + owner[0]]:
            continue
        cut = target[1 + target[0] :]
        parent = owner[1 + owner[0] :]
        if len(cut) > 1 and cut[1 + cut[0] :] == parent and (cut, NS) in sets:
            base = zone.prefix.number if zone.covers else _base_of(parent)
            if base is not None and (not zone.covers or parent == zone.origin):
                runs.setdefault(cut, {})[base & ~255 | OCTETS[octet]] = key
    found = []
    for cut, run in runs.items():
        delegation = _fit(zone, cut, sorted(run), sets)
        if delegation is not None:
            for key in (*run.values(), (cut, NS), (cut, DS)):
                sets.pop(key, None)
            found.append(delegation)
    return found


def _base_of(parent: bytes) -> int | None:
    span = prefix_of(parent)
    return span[1] if span and span[0] == 4 and span[2] == 24 else None


def _fit(zone: Zone, cut: bytes, numbers: list[int], sets: Sets) -> Delegation | None:
    """Give the delegation that makes just these CNAMEs and this cut, where there is one."""
    size = len(numbers)
    if size & size - 1 or size > 128 or numbers[0] % size or numbers[-1] - numbers[0] != size - 1:
        return None
    prefix = Prefix(4, numbers[0], 33 - size.bit_length())
    servers, digests = sets[cut, NS], sets.get((cut, DS))
    if servers.ttl != zone.ttl or (digests and digests.ttl != zone.ttl):
        return None
    if not (zone.prefix and zone.prefix.contains(prefix)):
        return None
    ns = tuple(servers.rdatas.values())
    label = cut[1 : 1 + cut[0]]
    try:
        if label == b"*" or any(parse_host(format_name(name)) != name for name in ns):
            return None
    except ValueText:
        return None
    ds = tuple(digests.rdatas.values()) if digests else ()
    found = Delegation(prefix, label, ns, ds, servers.place)
    longest = 1 + len(label) + len(classless_parent(zone, prefix)) + 4
    beside = any((owner, rtype) in sets for owner in _owners(zone, numbers) for rtype in (PTR, NS, DS))
    return found if longest <= 255 and not beside and cut_names(zone, found) == [cut] else None


def _owners(zone: Zone, numbers: list[int]) -> list[bytes]:
    parent = classless_parent(zone, Prefix(4, numbers[0], 32))
    texts = [str(number & 255).encode() for number in numbers]
    return [bytes((len(text),)) + text + parent for text in texts]
