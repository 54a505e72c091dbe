"""The delegations of a zone from whoever lets us transfer it (AXFR, RFC 5936); most servers do not, which is no fault.

A transfer is read with a bound in bytes and in time, and nothing of it is kept but NS records below the zone's name.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Final

import dns.message
import dns.name
import dns.rcode
from dns.rdatatype import AXFR, NS, SOA

from ptrd.client.asker import Question, make_query
from ptrd.client.iterate import text_of

if TYPE_CHECKING:
    from ptrd.client.endpoints import Endpoint

_BYTES: Final = 256 << 20


async def transfer_cuts(
    endpoint: Endpoint, zone: dns.name.Name, seconds: float
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Give the zone's delegations, names of servers by the name of the cut, and why there are none to give."""
    try:
        async with asyncio.timeout(seconds):
            return await _transfer(endpoint, zone)
    except TimeoutError:
        return {}, "the transfer took too long"
    except (OSError, EOFError):
        return {}, "the connection was refused"
    except Exception:  # noqa: BLE001 - dnspython raises what a hostile message makes it
        return {}, "what came cannot be read"


async def _transfer(endpoint: Endpoint, zone: dns.name.Name) -> tuple[dict[str, tuple[str, ...]], str]:
    cuts: dict[str, list[str]] = {}
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        query = make_query(Question(zone, AXFR))
        wire = query.to_wire()
        writer.write(struct.pack("!H", len(wire)) + wire)
        ends = size = 0
        while ends < 2:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            size += length
            if size > _BYTES:
                return {}, "the zone is too big to be transferred for this"
            message = dns.message.from_wire(await reader.readexactly(length), xfr=True, one_rr_per_rrset=True)
            if message.id != query.id or message.rcode() != dns.rcode.NOERROR or not message.answer:
                rcode = dns.rcode.to_text(message.rcode())
                return {}, "it sent no records" if rcode == "NOERROR" else f"it answered {rcode}"
            for rrset in message.answer:
                ends += rrset.rdtype == SOA
                if rrset.rdtype == NS and rrset.name != zone:
                    cuts.setdefault(text_of(rrset.name), []).append(text_of(rrset[0].target))
    finally:
        writer.close()
    return {name: tuple(sorted(servers)) for name, servers in cuts.items()}, ""
