"""Which names a zone's addresses and delegations have: owners, cuts, and the addresses that a name stands for.

A name that stands for addresses is one at or below which their owners lie. Everything is computed from the zone;
nothing is looked up.
"""

from __future__ import annotations

from typing import Final, Protocol

from ptrd.records.model import Delegation, Prefix, Zone
from ptrd.wire.names import join_labels
from ptrd.wire.reverse import BITS, OCTETS, STRIDE, prefix_of, reverse_name

_OCTET_LABELS: Final = tuple(bytes((len(text),)) + text for text in OCTETS)


class Keeper(Protocol):
    """A zone, written or served: what decides where it keeps an address."""

    origin: bytes
    covers: bool


def owner_of(zone: Keeper, version: int, number: int) -> bytes:
    """Give the name at which a zone keeps an address: its reverse name, or its last octet in a `covers` zone."""
    if zone.covers:
        return _OCTET_LABELS[number & 255] + zone.origin
    return reverse_name(version, number)


def span_of(zone: Zone, owner: bytes) -> Prefix | None:
    """Give the addresses of the zone whose owners lie at or below a name in it, the reverse of `owner_of`."""
    if zone.prefix is None:
        return None
    if owner == zone.origin:
        return zone.prefix
    if not zone.covers:
        found = prefix_of(owner)
        return Prefix(*found) if found else None
    octet = OCTETS.get(owner[1 : 1 + owner[0]])
    if octet is None or owner[1 + owner[0] :] != zone.origin:
        return None
    address = Prefix(4, zone.prefix.number & ~255 | octet, 32)
    return address if zone.prefix.contains(address) else None


def is_classless(delegation: Delegation) -> bool:
    """Tell whether a delegation is one of RFC 2317: IPv4, longer than /24."""
    return delegation.prefix.version == 4 and delegation.prefix.length > 24


def cut_prefixes(delegation: Delegation) -> list[Prefix]:
    """Give the octet- or nibble-aligned blocks that a plain delegation covers: one zone cut each."""
    prefix = delegation.prefix
    stride = STRIDE[prefix.version]
    aligned = -(-prefix.length // stride) * stride
    step = 1 << BITS[prefix.version] - aligned
    return [
        Prefix(prefix.version, prefix.number + index * step, aligned) for index in range(1 << aligned - prefix.length)
    ]


def cut_names(zone: Zone, delegation: Delegation) -> list[bytes]:
    """Give the names of a delegation's zone cuts; an RFC 2317 delegation has one, its label."""
    if not is_classless(delegation):
        return [reverse_name(*prefix) for prefix in cut_prefixes(delegation)]
    return [join_labels([delegation.label])[:-1] + classless_parent(zone, delegation.prefix)]


def classless_parent(zone: Zone, prefix: Prefix) -> bytes:
    """Give the name below which the addresses of an IPv4 prefix longer than /24 stand."""
    return zone.origin if zone.covers else reverse_name(4, prefix.number, 24)
