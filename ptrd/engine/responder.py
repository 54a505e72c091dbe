"""The order of everything: read, check the envelope, answer, fit, write.

`respond` takes bytes and gives bytes; it has no state and never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ptrd.engine.answer import CHAOS, ERROR, IGNORED, MALFORMED, NO_ZONE, NODATA, SOURCES, answer
from ptrd.engine.edns import (
    INVALID_COOKIE,
    MALFORMED_COOKIE,
    NO_COOKIE,
    NOT_AUTHORITATIVE,
    PROHIBITED,
    add_extended_error,
    answer_options,
    opts,
    remember_opt,
    write_opt,
)
from ptrd.wire.reader import IgnoredError, MalformedError, Query, read_query
from ptrd.wire.rrtypes import AXFR, BADCOOKIE, BADVERS, CH, FORMERR, IN, IXFR, NOTIMP, REFUSED, SERVFAIL, TXT
from ptrd.wire.writer import AA, RRset, write_bare, write_error, write_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrd.snapshot.view import Snapshot

__all__ = ["SOURCES", "Options", "Reply", "respond"]

# (message or b"" for silence, index into SOURCES, qtype or -1, number of the range that made the answer or -1)
Reply = tuple[bytes, int, int, int]

MAX_TCP: Final = 65_535
MIN_UDP: Final = 512  # RFC 1035, 4.2.1

_TRANSFERS: Final = frozenset((IXFR, AXFR))


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator can choose about answers.

    `udp_size` is the largest UDP answer in bytes and what EDNS announces (RFC 9715 advises 1232). `chaos` maps names
    in the class CH to their TXT (RFC 4892); others are refused. `cookie_secrets` are of 16 bytes: the first makes DNS
    cookies, all vouch for them, and without one cookies are passed over. `nsid` is told to who asks for it (RFC 5001),
    when there is one. `extended_errors` says whether a refusal tells its reason (RFC 8914).
    """

    udp_size: int = 1232
    chaos: Mapping[str, str] = field(default_factory=dict)
    cookie_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    nsid: bytes = b""
    extended_errors: bool = True


def respond(
    snapshot: Snapshot,
    options: Options,
    data: bytes,
    tcp: bool,  # noqa: FBT001 - the hot path
    client: tuple[Any, ...] | None = None,
    now: float = 0.0,
) -> Reply:
    """Answer one message. `client` is the socket address it came from, and `now` in Unix time; both are for cookies."""
    try:
        query = read_query(data)
    except IgnoredError:
        return b"", IGNORED, -1, -1
    except MalformedError as error:
        return write_error(data, FORMERR, error.question_end), MALFORMED, -1, -1
    try:
        return _respond(snapshot, options, query, tcp, client, now)
    except Exception:  # noqa: BLE001 - whatever goes wrong costs one answer, never the service
        return write_error(data, SERVFAIL, query.end), ERROR, query.qtype, -1


def _respond(
    snapshot: Snapshot,
    options: Options,
    query: Query,
    tcp: bool,  # noqa: FBT001 - the hot path
    client: tuple[Any, ...] | None,
    now: float,
) -> Reply:
    if query.opcode:  # RFC 8906, 3.1.4: the header alone says that it is not implemented
        return write_error(query.data, NOTIMP), ERROR, -1, -1
    edns = query.edns
    opt = b""
    limit = MIN_UDP
    if edns is not None:
        if edns.version:  # RFC 6891, 6.1.3
            opt = write_opt(options.udp_size, edns.dnssec_ok, BADVERS)
            return write_bare(query, 0, opt), ERROR, query.qtype, -1
        opt = opts.get((options.udp_size, edns.dnssec_ok)) or remember_opt(options.udp_size, edns.dnssec_ok)
        limit = min(max(edns.udp_size, MIN_UDP), options.udp_size)
        if edns.options:
            worth, opt = answer_options(options, edns.options, opt, client, now)
            if worth == MALFORMED_COOKIE:  # RFC 7873, 5.2.2
                return write_bare(query, FORMERR, opt), MALFORMED, query.qtype, -1
            if query.qtype < 0:
                return _answer_cookie(options, query, opt, worth)
    if tcp:
        limit = MAX_TCP
    if query.qclass != IN:
        return _answer_class(options, query, opt, limit)
    if query.qtype in _TRANSFERS:
        return _refuse(options, query, PROHIBITED, opt)
    found = answer(snapshot, query.name, query.offsets, query.qtype)
    if found.source == NO_ZONE:
        return _refuse(options, query, NOT_AUTHORITATIVE, opt)
    rcode, authoritative, source, said, authority, additional, glue, span, _ = found
    wire = write_reply(query, authoritative | rcode, opt, limit, said, authority, additional, glue)
    return wire, source, query.qtype, span


def _answer_class(options: Options, query: Query, opt: bytes, limit: int) -> Reply:
    """Answer a question of another class: the CHAOS names that are configured, else a refusal."""
    from ptrd.wire.names import format_name  # noqa: PLC0415 - rare

    if query.qclass == CH and query.qtype == TXT:
        text = options.chaos.get(format_name(query.name).removesuffix("."))
        if text is not None:
            value = text.encode()[:255]
            rdata = bytes((len(value),)) + value
            record = b"\xc0\x0c\0\x10\0\x03\0\0\0\0" + len(rdata).to_bytes(2, "big") + rdata
            return write_reply(query, AA, opt, limit, (RRset(None, 1, record),)), CHAOS, TXT, -1
    return _refuse(options, query, None, opt)


def _answer_cookie(options: Options, query: Query, opt: bytes, worth: int) -> Reply:
    """Answer who asks for nothing but a cookie, or whether its cookie is valid (RFC 7873, 5.4)."""
    if worth == NO_COOKIE:
        return write_bare(query, FORMERR, opt), MALFORMED, -1, -1
    if worth == INVALID_COOKIE:
        head = write_opt(options.udp_size, query.edns.dnssec_ok if query.edns else 0, BADCOOKIE)
        return write_bare(query, BADCOOKIE & 15, head[:9] + opt[9:]), ERROR, -1, -1
    return write_bare(query, 0, opt), NODATA, -1, -1


def _refuse(options: Options, query: Query, reason: int | None, opt: bytes) -> Reply:
    if opt and reason is not None and options.extended_errors:
        opt = add_extended_error(opt, reason)
    return write_bare(query, REFUSED, opt), NO_ZONE, query.qtype, -1
