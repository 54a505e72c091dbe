"""Questions of other classes than IN: what the server says of itself in the class CH, where that is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.engine.answer import CHAOS, NO_ZONE
from ptrd.wire.rrtypes import CH, REFUSED, TXT
from ptrd.wire.writer import AA, RRset, write_bare, write_reply

if TYPE_CHECKING:
    from ptrd.engine.options import Options
    from ptrd.engine.refusals import Reply
    from ptrd.wire.reader import Query


def answer_class(options: Options, query: Query, opt: bytes, limit: int) -> Reply:
    """Answer a question of another class: the CHAOS names that are configured, else a refusal."""
    from ptrd.wire.names import format_name  # noqa: PLC0415 - rare

    if query.qclass == CH and query.qtype == TXT:
        text = options.chaos.get(format_name(query.name).removesuffix("."))
        if text is not None:
            value = text.encode()[:255]
            rdata = bytes((len(value),)) + value
            record = b"\xc0\x0c\0\x10\0\x03\0\0\0\0" + len(rdata).to_bytes(2, "big") + rdata
            return write_reply(query, AA, opt, limit, (RRset(None, 1, record),)), CHAOS, TXT, -1
    return write_bare(query, REFUSED, opt), NO_ZONE, query.qtype, -1
