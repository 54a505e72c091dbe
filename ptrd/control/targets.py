"""Who is told that a zone has changed: the targets that its file names, and its name servers (RFC 1996, 2.1).

The name server that the SOA calls the primary is not told. Names of servers are looked up in the zones that are served
here first, and nothing is asked of resolvers for them then.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ptrd.engine.answer import NO_ZONE, answer
from ptrd.records.values import format_address
from ptrd.wire.names import offsets_of
from ptrd.wire.rrtypes import AAAA, NS, A
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone


def soa_of(zone: ServedZone, serial: int | None = None) -> tuple[int, bytes]:
    """Give (TTL, rdata) of a zone's SOA, with another serial when one is given."""
    _, ttl, rdata = split_records(zone.soa.records)[0]
    return ttl, rdata if serial is None else rdata[:-20] + serial.to_bytes(4, "big") + rdata[-16:]


def refresh_of(zone: ServedZone) -> int:
    """Give the seconds after which secondaries look for a newer serial by themselves."""
    return int.from_bytes(soa_of(zone)[1][-16:-12], "big")


def servers_of(zone: ServedZone) -> tuple[bytes, ...]:
    """Give the names of a zone's name servers but the primary, in lower case."""
    found = zone.rrset(zone.find(b""), NS)
    soa = soa_of(zone)[1].lower()
    names = [rdata.lower() for _, _, rdata in split_records(found.records)] if found is not None else []
    return tuple([name for name in names if not soa.startswith(name)])


def served_addresses(snapshot: Snapshot, name: bytes) -> list[str] | None:
    """Give the addresses that our own zones have for a name; None when it lies in none of them."""
    offsets = offsets_of(name)
    answers = {rtype: answer(snapshot, name, offsets, rtype) for rtype in (A, AAAA)}
    if any(found.source == NO_ZONE or not found.authoritative for found in answers.values()):
        return None
    return [
        format_address(4 if found == A else 6, int.from_bytes(rdata, "big"))
        for rtype, said in answers.items()
        for rrset in said.answer
        for found, _, rdata in split_records(rrset.records)
        if found == rtype
    ]


def is_ours(host: str, port: int, listen: Iterable[tuple[str, int]]) -> bool:
    """Tell whether this server answers at an address, by what it listens on."""
    every = "::" if ":" in host else "0.0.0.0"  # noqa: S104 - compared, not bound
    wanted = set(listen)
    if (host, port) in wanted:
        return True
    return (every, port) in wanted and _is_of_this_machine(host)


def _is_of_this_machine(host: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
