"""The order of everything: read, check the envelope, answer, fit, write.

`respond` takes bytes and gives bytes; it has no state and never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final

from ptrd.engine.answer import CHAOS, ERROR, IGNORED, MALFORMED, NO_ZONE, SOURCES, answer
from ptrd.wire.reader import IgnoredError, MalformedError, Query, read_query
from ptrd.wire.rrtypes import AXFR, BADVERS, CH, FORMERR, IN, IXFR, NOTIMP, REFUSED, SERVFAIL, TXT
from ptrd.wire.writer import AA, RRset, write_bare, write_error, write_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrd.snapshot.view import Snapshot

__all__ = ["SOURCES", "Options", "Reply", "respond"]

# (message or b"" for silence, index into SOURCES, qtype or -1, number of the range that made the answer or -1)
Reply = tuple[bytes, int, int, int]

MAX_TCP: Final = 65_535
MIN_UDP: Final = 512  # RFC 1035, 4.2.1
NOT_AUTHORITATIVE: Final = 20  # extended error, RFC 8914, 4.21
PROHIBITED: Final = 18  # the same, 4.19

_OPT: Final = Struct(">BHHBBHH")
_EDE: Final = Struct(">HHH")
_TRANSFERS: Final = frozenset((IXFR, AXFR))


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator can choose about answers.

    `udp_size` is the largest UDP answer in bytes and what EDNS announces (RFC 9715 advises 1232). `chaos` maps names
    in the class CH to their TXT (RFC 4892); others are refused.
    """

    udp_size: int = 1232
    chaos: Mapping[str, str] = field(default_factory=dict)


def respond(snapshot: Snapshot, options: Options, data: bytes, tcp: bool) -> Reply:  # noqa: FBT001 - the hot path
    """Answer one message."""
    try:
        query = read_query(data)
    except IgnoredError:
        return b"", IGNORED, -1, -1
    except MalformedError as error:
        return write_error(data, FORMERR, error.question_end), MALFORMED, -1, -1
    try:
        return _respond(snapshot, options, query, tcp)
    except Exception:  # noqa: BLE001 - whatever goes wrong costs one answer, never the service
        return write_error(data, SERVFAIL, query.end), ERROR, query.qtype, -1


def _respond(snapshot: Snapshot, options: Options, query: Query, tcp: bool) -> Reply:  # noqa: FBT001
    if query.opcode:  # RFC 8906, 3.1.4: the header alone says that it is not implemented
        return write_error(query.data, NOTIMP), ERROR, -1, -1
    edns = query.edns
    opt = b""
    limit = MIN_UDP
    if edns is not None:
        if edns.version:  # RFC 6891, 6.1.3
            opt = _write_opt(options.udp_size, edns.dnssec_ok, BADVERS, None)
            return write_bare(query, 0, opt), ERROR, query.qtype, -1
        opt = _opts.get((options.udp_size, edns.dnssec_ok)) or _remember_opt(options.udp_size, edns.dnssec_ok)
        limit = min(max(edns.udp_size, MIN_UDP), options.udp_size)
    if tcp:
        limit = MAX_TCP
    if query.qclass != IN:
        return _answer_class(options, query, opt, limit)
    if query.qtype in _TRANSFERS:
        return _refuse(options, query, PROHIBITED)
    found = answer(snapshot, query.name, query.offsets, query.qtype)
    if found.source == NO_ZONE:
        return _refuse(options, query, NOT_AUTHORITATIVE)
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
    return _refuse(options, query, None)


def _refuse(options: Options, query: Query, reason: int | None) -> Reply:
    opt = b""
    if query.edns is not None:
        opt = _write_opt(options.udp_size, query.edns.dnssec_ok, REFUSED, reason)
    return write_bare(query, REFUSED, opt), NO_ZONE, query.qtype, -1


_opts: dict[tuple[int, int], bytes] = {}


def _remember_opt(udp_size: int, dnssec_ok: int) -> bytes:
    opt = _opts[udp_size, dnssec_ok] = _write_opt(udp_size, dnssec_ok, 0, None)
    return opt


def _write_opt(udp_size: int, dnssec_ok: int, rcode: int, reason: int | None) -> bytes:
    """Write our OPT: version 0, DO copied, other flags clear (RFC 6891, 6.1.4), an extended error when there is one."""
    options = b"" if reason is None else _EDE.pack(15, 2, reason)
    return _OPT.pack(0, 41, udp_size, rcode >> 4, 0, dnssec_ok, len(options)) + options
