"""What a snapshot and a service mean to the compiled data path; nothing is decided here.

Who is answered by it, whose answers are counted and who is left to the responder is asked of the engine's own judge,
once for each part of the address space that its rules tell apart.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ptrd.engine.limiter import DENIED, MADE, RECORDS
from ptrd.records.access import ALLOW
from ptrd.snapshot.layout import VERSION
from ptrd.wire.reverse import BITS

INTERFACE: Final = 2  # of what is compiled; module.c has the same, and both change together

try:
    from ptrd.datapath import _compiled
except ImportError as error:
    _compiled = None  # type: ignore[assignment]
    MISSING = f"it is not built ({error})"
else:
    MISSING = ""
    if (_compiled.IMAGE_VERSION, _compiled.INTERFACE) != (VERSION, INTERFACE):
        MISSING = "it was built for another version of ptrd; install anew"

if TYPE_CHECKING:
    from ptrd.engine.service import Service
    from ptrd.snapshot.view import Snapshot

# What becomes of a client's queries: its answers are limited, or not, or all are handed over.
COUNTED, EXEMPT, RESERVED = range(3)


def make_reader(snapshot: Snapshot, service: Service, ranges: memoryview | None = None) -> _compiled.Reader | None:
    """Make what answers ordinary queries from a snapshot, and from those that differ from it by changes only.

    `ranges` are the counters of the snapshot's ranges. None where the compiled data path is not there (`MISSING` says
    why).
    """
    if MISSING:
        return None
    options, limiter = service.options, service.limiter
    return _compiled.Reader(
        image=snapshot.buffer,
        zones=snapshot.zones,
        above=snapshot.names_above,
        forward=bytes([bool(zone.forward) for zone in snapshot.zones]),
        udp_size=options.udp_size,
        cookie_secrets=b"".join(options.cookie_secrets),
        clients=(standings(service, 4), standings(service, 6)),
        table=limiter.table or None,
        secret=limiter.secret or bytes(16),
        steps=(limiter.steps[RECORDS], limiter.steps[MADE], limiter.steps[DENIED]),
        slip=options.limit_slip,
        badcookie=options.limit_badcookie,
        ranges=ranges,
    )


@lru_cache(maxsize=2)  # it depends on the options alone, and an image must not wait for long lists
def standings(service: Service, version: int) -> tuple[bytes, bytes]:
    """Give where the standing of clients changes: addresses in order, 16 bytes each, and a standing for each.

    An IPv4 address has the first four of the 16 bytes. The first address is the first there is.
    """
    bits, options = BITS[version], service.options
    starts = {0}
    for rule_version, number, length, _ in (*options.access, *options.limit_exempt):
        if rule_version == version:
            starts |= {number, number + (1 << bits - length)}
    addresses = sorted(starts - {1 << bits})
    kept: list[tuple[int, int]] = []
    for address in addresses:
        verdict, exempt = service.judge.standing(version, address)
        standing = RESERVED if verdict != ALLOW else EXEMPT if exempt else COUNTED
        if not kept or kept[-1][1] != standing:
            kept.append((address, standing))
    return (
        b"".join([(address << 128 - bits).to_bytes(16, "big") for address, _ in kept]),
        bytes([standing for _, standing in kept]),
    )
