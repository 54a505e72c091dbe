"""SOA serials: each moves only when the zone's content did, and never back (RFC 1982)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from ptrd.snapshot.crosscheck import overlaps
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from ptrd.snapshot.outline import OutlinedZone


def advance_serials(
    zones: list[OutlinedZone], serials: dict[bytes, tuple[bytes, int]], now: float
) -> tuple[dict[bytes, tuple[bytes, int]], list[tuple[str, int | None, int]]]:
    """Give each zone its serial.

    `serials` maps the names of zones to (digest of the content, serial) as published before; so does the result, with
    a list of (zone, old serial or None, new serial) of every zone whose serial moved.
    """
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
                if overlaps(item.prefix, zone)
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
                if wanted is None and is_newer(int(now), zone.serial):
                    zone.serial = int(now) & 0xFFFF_FFFF
            if wanted is not None and is_newer(wanted, zone.serial):
                zone.serial = wanted
        if last is None or zone.serial != last[1]:
            changed.append((format_name(zone.origin), last and last[1], zone.serial))
        known[zone.origin] = (content, zone.serial)
    return known, changed


def is_newer(serial: int, than: int) -> bool:
    """Compare serials (RFC 1982, 3.2)."""
    return 0 < (serial - than) & 0xFFFF_FFFF < 0x8000_0000
