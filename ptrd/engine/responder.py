"""The order of everything: who asks, read, check the envelope, answer, limit, fit, write.

`respond` takes bytes and gives bytes and never raises; all that it keeps is the counts of its limits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ptrd.engine.answer import AWAITED, DENIAL, ERROR, IGNORED, LIMITED, MALFORMED, NO_ZONE, PROHIBITED, SOURCES, decide
from ptrd.engine.chaos import answer_class
from ptrd.engine.edns import (
    MALFORMED_COOKIE,
    MIN_UDP,
    NO_COOKIE,
    NOT_AUTHORITATIVE,
    NOT_FOR_CLIENT,
    NOT_READY,
    PADDING,
    TLS,
    UDP,
    VALID_COOKIE,
    answer_options,
    pad,
    write_opt,
)
from ptrd.engine.limiter import ERRORS, PASS, SILENCE, SLIP, bucket_of
from ptrd.engine.notified import NOTIFY, take_notify
from ptrd.engine.options import Options
from ptrd.engine.refusals import Reply, answer_cookie_alone, limit_answer, refuse
from ptrd.engine.service import Service
from ptrd.engine.signed import answer_signed
from ptrd.engine.transfers import TRANSFERS, Outgoing, TransferReply, answer_transfer
from ptrd.records.access import DROP, REFUSE
from ptrd.wire.reader import SIGNED, Fields, IgnoredError, MalformedError, Query, read_fields
from ptrd.wire.rrtypes import BADVERS, FORMERR, IN, NOTIMP, SERVFAIL
from ptrd.wire.writer import write_bare, write_error, write_reply

if TYPE_CHECKING:
    from ptrd.engine.clients import Client
    from ptrd.snapshot.view import Snapshot
    from ptrd.wire.tsig import SigningKey

__all__ = ["SOURCES", "Options", "Reply", "Service", "respond"]

MAX_TCP: Final = 65_535
# What has no answer, and why not.
_UNANSWERED: Final = {NO_ZONE: NOT_AUTHORITATIVE, PROHIBITED: NOT_FOR_CLIENT, AWAITED: NOT_READY}
_UNREAD: Final = (ERROR, MALFORMED)


def respond(
    snapshot: Snapshot,
    service: Service,
    data: bytes,
    transport: int = UDP,
    peer: tuple[Any, ...] | None = None,
    now: float = 0.0,
) -> TransferReply:
    """Answer one message.

    `transport` is UDP, TCP or TLS of edns; `peer` the socket address it came from, None when nobody is known to ask;
    `now` is Unix time, for cookies and limits.
    """
    client, limited = None, b""
    if peer is not None:
        client = service.known.get(peer[0]) or service.learn(peer[0])
        if client.verdict == DROP:
            return b"", PROHIBITED, -1, -1
        if transport == UDP:
            limited = client.prefix
    try:
        fields = read_fields(data)
    except IgnoredError:
        return b"", IGNORED, -1, -1
    except MalformedError as error:
        return _bound(service, limited, (write_error(data, FORMERR, error.question_end), MALFORMED, -1, -1), now)
    try:
        reply = _respond(snapshot, service, fields, transport, client, limited, now)
        return reply if transport != TLS else _padded(reply, Query(*fields))
    except Exception:  # noqa: BLE001 - whatever goes wrong costs one answer, never the service
        query = Query(*fields)
        return _bound(service, limited, (write_error(data, SERVFAIL, query.end), ERROR, query.qtype, -1), now)


def _respond(
    snapshot: Snapshot,
    service: Service,
    fields: Fields,
    transport: int,
    client: Client | None,
    limited: bytes,
    now: float,
    key: SigningKey | None = None,
) -> TransferReply:
    """Answer a query; `limited` is the prefix that limits count it under, empty when they do not."""
    options = service.options
    _, opcode, name, offsets, qtype, qclass, _, edns = fields
    if opcode:
        query = Query(*fields)
        if opcode == SIGNED:
            return _answer_signed(snapshot, service, query, transport, client, limited, now)
        told = take_notify(snapshot, service, query.data, client, now) if opcode == NOTIFY else None
        if told is not None:
            return _bound(service, limited, told, now)
        # RFC 8906, 3.1.4: the header alone says that it is not implemented
        return _bound(service, limited, (write_error(query.data, NOTIMP), ERROR, -1, -1), now)
    worth = NO_COOKIE
    if edns is None:
        opt, limit = b"", MIN_UDP
    elif fitted := service.fitted.get(edns):
        opt, limit = fitted
    else:
        if edns.version:  # RFC 6891, 6.1.3
            opt = write_opt(options.udp_size, edns.dnssec_ok, BADVERS)
            return _bound(service, limited, (write_bare(Query(*fields), 0, opt), ERROR, qtype, -1), now)
        opt, limit = service.fit(edns)
        if edns.options:
            address = None if client is None else client.address
            worth, opt = answer_options(options, edns.options, opt, transport, address, now)
            if worth == VALID_COOKIE:
                limited = b""
            if worth == MALFORMED_COOKIE or qtype < 0:
                return _bound(service, limited, answer_cookie_alone(Query(*fields), opt, worth), now)
    if transport != UDP:
        limit = MAX_TCP
    if client is not None and client.verdict == REFUSE:
        return _bound(service, limited, refuse(options, Query(*fields), PROHIBITED, NOT_FOR_CLIENT, opt, client), now)
    if qclass != IN:
        return _bound(service, limited, answer_class(options, Query(*fields), opt, limit), now)
    if qtype in TRANSFERS:
        transfer = answer_transfer(snapshot, service, Query(*fields), transport, client, opt, limit, key)
        return _bound(service, limited, transfer, now)
    found = decide(snapshot, name, offsets, qtype, client)
    rcode, authoritative, source, said, authority, additional, glue, span, _, _, _ = found
    if source > DENIAL:  # nothing is said
        if source == IGNORED:
            return b"", PROHIBITED, qtype, -1
        refused = refuse(options, Query(*fields), source, _UNANSWERED[source], opt, client, rcode=rcode)
        return _bound(service, limited, refused, now)
    if limited:
        turn = service.limiter.admit(limited, *bucket_of(snapshot, fields, found), now)
        if turn != PASS:
            return limit_answer(options, Query(*fields), opt, worth) if turn == SLIP else (b"", LIMITED, qtype, -1)
    wire = write_reply(fields, authoritative | rcode, opt, limit, said, authority, additional, glue)
    return wire, source, qtype, span


def _answer_signed(
    snapshot: Snapshot,
    service: Service,
    query: Query,
    transport: int,
    client: Client | None,
    limited: bytes,
    now: float,
) -> TransferReply:
    """Answer a query with a signature; a key that may have a zone may ask about it."""

    def answer_plain(plain: Query, key: SigningKey) -> TransferReply:
        who = None if client is None else replace(client, key=key.name)
        return _respond(snapshot, service, plain, transport, who, limited, now, key)

    reply = answer_signed(service, query, transport, answer_plain, now)
    return _bound(service, limited, reply, now) if reply[1] in _UNREAD else reply


def _padded(reply: TransferReply, query: Query) -> TransferReply:
    """Pad the reply to a query that came over TLS and has padding itself."""
    wire = reply[0]
    if query.opcode or isinstance(wire, Outgoing) or query.edns is None:
        return reply
    return (pad(wire), *reply[1:]) if any(code == PADDING for code, _ in query.edns.options) else reply


def _bound(service: Service, limited: bytes, reply: TransferReply, now: float) -> TransferReply:
    """Limit what has no records: what slips through slips as it is."""
    if limited and service.limiter.admit(limited, ERRORS, b"", now) == SILENCE:
        return b"", LIMITED, reply[2], -1
    return reply
