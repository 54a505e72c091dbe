"""NOTIFY (RFC 1996) taken: a primary says that a zone of which we are a secondary has changed.

It is believed when it comes from one of the zone's primaries, and signed with that primary's key where it has one. All
that follows from it is that the primary is asked soon; what is served does not change here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.engine.answer import ERROR, MALFORMED, PROHIBITED
from ptrd.records.values import parse_address
from ptrd.wire.message import find_last
from ptrd.wire.reader import SIGNED, MalformedError, read_query
from ptrd.wire.rrtypes import FORMERR, IN, NOTAUTH, SOA
from ptrd.wire.tsig import NO_ERROR, TsigError, answer_unsigned, read_tsig, sign, verify
from ptrd.wire.writer import AA, write_bare, write_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.engine.clients import Client
    from ptrd.engine.refusals import Reply
    from ptrd.engine.service import Service
    from ptrd.records.transfer import NotifyTarget
    from ptrd.snapshot.view import Snapshot

NOTIFY: Final = 4  # the opcode
_FLAGS: Final = NOTIFY << 11


def take_notify(snapshot: Snapshot, service: Service, data: bytes, client: Client | None, now: float) -> Reply | None:
    """Answer a NOTIFY, and remember the zone when it is to be believed.

    Gives None for a zone of which we are no secondary: then it is like any opcode that we do not know. Who is no
    primary is told NOTAUTH (RFC 1996, 3.10 has no other word for it).
    """
    try:
        query = read_query(data[:2] + bytes((data[2] & 0x87,)) + data[3:])  # as a QUERY, which it is like but for that
    except MalformedError:
        return None
    zone = snapshot.zones_by_name.get(query.name)
    if zone is None or not zone.primaries or query.qtype != SOA or query.qclass != IN:
        return None
    key = None
    tsig = None
    if query.opcode == SIGNED:
        try:
            tsig = read_tsig(data, find_last(data))
            trouble, key = verify(data, tsig, service.keys, now)
        except TsigError:
            return write_error(data, FORMERR, query.end), MALFORMED, SOA, -1
        if trouble != NO_ERROR:
            wire = write_bare(query, _FLAGS | NOTAUTH, b"")
            wire = answer_unsigned(wire, tsig, trouble) if key is None else sign(wire, key, now, tsig, trouble)
            return wire, PROHIBITED, SOA, -1
    believed = client is not None and _is_primary(zone.primaries, client, None if key is None else key.name)
    if believed:
        service.note_notified(zone.origin)
    wire = write_bare(query, _FLAGS | (AA if believed else NOTAUTH), b"")
    if key is not None and tsig is not None:
        wire = sign(wire, key, now, tsig)
    return wire, ERROR if believed else PROHIBITED, SOA, -1


def _is_primary(primaries: Sequence[NotifyTarget], client: Client, key: bytes | None) -> bool:
    """Tell whether a client is a primary, and has signed with its key where it has one."""
    return any(
        parse_address(primary.host) == (client.version, client.number) and primary.key in (None, key)
        for primary in primaries
    )
