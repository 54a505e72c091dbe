"""SOA serials: each moves only when the zone's content did, and never back (RFC 1982)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from ptrd.snapshot.crosscheck import overlaps
from ptrd.wire.names import format_name, is_below

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
        if zone.is_absent:
            continue  # its serial is its primary's, once it is known
        content = _content(zone, zones)
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


def _content(zone: OutlinedZone, zones: list[OutlinedZone]) -> bytes:
    """Digest all that a zone says, by itself and through others: a secondary that has the serial has all of it."""
    digest = blake2b(zone.digest, digest_size=16)
    digest.update(repr((_made(zone), [prefix for prefix, _ in zone.forward])).encode())
    if zone.transfer is not None and zone.transfer["defaults"] is not None:
        digest.update(repr(zone.transfer["defaults"]).encode())  # what secondaries get
    if zone.forward:  # its names are those of other zones' ranges, as far as no deeper zone has them
        owners = sorted(
            (other.prefix, other.covers, _made(other))
            for other in zones
            if other.prefix is not None and overlaps(other.prefix, zone)
        )
        deeper = sorted(other.origin for other in zones if other is not zone and is_below(other.origin, zone.origin))
        digest.update(repr((owners, deeper)).encode())
    return digest.digest()


def _made(zone: OutlinedZone) -> tuple[object, ...]:
    """Give what decides which default names a zone has."""
    ranges = [(item.prefix, item.text or "", item.ttl) for item in zone.ranges]
    return ranges, sorted(zone.holes), sorted(zone.carved)


def is_newer(serial: int, than: int) -> bool:
    """Compare serials (RFC 1982, 3.2)."""
    return 0 < (serial - than) & 0xFFFF_FFFF < 0x8000_0000
