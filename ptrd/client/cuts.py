"""The delegations of a zone from whoever lets us transfer it (AXFR, RFC 5936); most servers do not, which is no fault.

A transfer is read with a bound in bytes and in time, and nothing of it is kept but NS records below the zone's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.client.endpoints import ClientError
from ptrd.client.transfer import Limits, fetch_zone
from ptrd.wire.names import format_name
from ptrd.wire.rrtypes import NS

if TYPE_CHECKING:
    import dns.name

    from ptrd.client.endpoints import Endpoint

_BYTES: Final = 256 << 20


async def transfer_cuts(
    endpoint: Endpoint, zone: dns.name.Name, seconds: float
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Give the zone's delegations, names of servers by the name of the cut, and why there are none to give."""
    cuts: dict[str, list[str]] = {}
    origin = zone.canonicalize().to_wire()
    assert origin is not None  # noqa: S101 - it is written to no stream
    try:
        async for batch in fetch_zone(endpoint, origin, limits=Limits(seconds, seconds, seconds, _BYTES)):
            for record in batch.records:
                if record.rtype == NS and record.owner != origin:
                    cuts.setdefault(format_name(record.owner), []).append(format_name(record.rdata.lower()))
    except ClientError as error:
        return {}, str(error)
    return {name: tuple(sorted(servers)) for name, servers in cuts.items()}, ""
