"""Signed queries (RFC 8945): nothing is said before the signature is checked, and what is said then is signed.

A signature that is wrong, or of nobody known, is told so in an unsigned record; one that is right and late, in a signed
one. A reply that is too large with its signature is truncated to the question (5.3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.engine.answer import ERROR, MALFORMED
from ptrd.engine.edns import MIN_UDP, PADDING, TLS, UDP, fit_opt, pad
from ptrd.engine.transfers import Outgoing, TransferReply
from ptrd.wire.message import find_last
from ptrd.wire.rrtypes import FORMERR, NOTAUTH
from ptrd.wire.tsig import RowSigner, TsigError, answer_unsigned, read_tsig, sign, verify
from ptrd.wire.writer import TC, write_bare, write_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.engine.service import Service
    from ptrd.wire.reader import Query
    from ptrd.wire.tsig import SigningKey

_MAX_TCP: Final = 65_535


def answer_signed(
    service: Service,
    query: Query,
    transport: int,
    answer: Callable[[Query, SigningKey], TransferReply],
    now: float,
) -> TransferReply:
    """Answer a query that ends in a TSIG record; `answer` does it when the signature is right."""
    options = service.options
    plain = query._replace(opcode=0)
    try:
        tsig = read_tsig(query.data, find_last(query.data))
        error, key = verify(query.data, tsig, service.keys, now)
    except TsigError:
        return write_error(query.data, FORMERR, query.end), MALFORMED, query.qtype, -1
    edns = query.edns
    opt, limit = b"", MIN_UDP
    if edns is not None:
        opt, limit = fit_opt(options.udp_size, edns.udp_size, edns.dnssec_ok)
    if error or key is None:
        bare = write_bare(plain, NOTAUTH, opt)
        wire = answer_unsigned(bare, tsig, error) if key is None else sign(bare, key, now, tsig, error)
        return wire, ERROR, query.qtype, -1
    reply = answer(plain, key)
    said = reply[0]
    if isinstance(said, Outgoing):
        said.sign_with(RowSigner(key, tsig).sign, sign(said.busy, key, now, tsig))
        return reply
    if not said:
        return reply
    wire = said
    if transport == TLS and edns is not None and any(code == PADDING for code, _ in edns.options):
        wire = pad(wire)
    if transport != UDP:
        limit = _MAX_TCP
    if len(wire) + key.room > limit:
        wire = write_bare(plain, TC, opt)
    return sign(wire, key, now, tsig), *reply[1:]
