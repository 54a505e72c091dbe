"""Answers without records: refused, limited, or about nothing but a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.engine.answer import ERROR, LIMITED, MALFORMED, NODATA
from ptrd.engine.edns import CLIENT_COOKIE, INVALID_COOKIE, MALFORMED_COOKIE, NO_COOKIE, add_extended_error
from ptrd.wire.rrtypes import BADCOOKIE, FORMERR, REFUSED
from ptrd.wire.writer import TC, write_bare

if TYPE_CHECKING:
    from ptrd.engine.clients import Client
    from ptrd.engine.options import Options
    from ptrd.wire.reader import Query

# (message or b"" for silence, index into SOURCES, qtype or -1, number of the range that made the answer or -1)
Reply = tuple[bytes, int, int, int]


def limit_answer(options: Options, query: Query, opt: bytes, worth: int) -> Reply:
    """Answer what is over its limit so that who asks in earnest has a way: over TCP, or with our cookie."""
    if options.limit_badcookie and worth in (CLIENT_COOKIE, INVALID_COOKIE):  # RFC 7873, 5.2.3
        return _tell_bad_cookie(query, opt, LIMITED)
    return write_bare(query, TC, opt), LIMITED, query.qtype, -1


def _tell_bad_cookie(query: Query, opt: bytes, source: int) -> Reply:
    extended = opt[:5] + bytes((BADCOOKIE >> 4,)) + opt[6:]
    return write_bare(query, BADCOOKIE & 15, extended), source, query.qtype, -1


def answer_cookie_alone(query: Query, opt: bytes, worth: int) -> Reply:
    """Answer a cookie that cannot be one, or who asks only whether its cookie is valid (RFC 7873, 5.2.2 and 5.4)."""
    if worth in (NO_COOKIE, MALFORMED_COOKIE):
        return write_bare(query, FORMERR, opt), MALFORMED, query.qtype, -1
    if worth == INVALID_COOKIE:
        return _tell_bad_cookie(query, opt, ERROR)
    return write_bare(query, 0, opt), NODATA, -1, -1


def refuse(
    options: Options,
    query: Query,
    source: int,
    reason: tuple[int, bytes],
    opt: bytes,
    client: Client | None,
    *,
    rcode: int = REFUSED,
) -> Reply:
    """Refuse, and say why to who may know."""
    if opt and (client.told if client is not None else not options.extended_errors):
        opt = add_extended_error(opt, reason)
    return write_bare(query, rcode, opt), source, query.qtype, -1
