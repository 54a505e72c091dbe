"""The reader: what it accepts is a query that dnspython reads alike; all else is one of its two errors.

The compiled data path answers nothing else, and takes the same question from it.
"""

from __future__ import annotations

import contextlib
import struct

import dns.exception
import dns.message

from ptrd.engine.responder import Options, Service, respond
from ptrd.wire.message import Edns, RestError, read_rest
from ptrd.wire.names import offsets_of
from ptrd.wire.reader import SIGNED, IgnoredError, MalformedError, read_query
from tests.fuzz.compiled import NOBODY, Beside
from tests.fuzz.messages import WORDS, seeds
from tests.fuzz.work import bounded
from tests.serving import serve

__all__ = ["WORDS", "check", "seeds"]

SERVED = serve(
    *[
        f"zone: {zone}\nsoa: {{mname: a.b, rname: h@b.c}}\nns: [a.b]\n"
        for zone in ("arpa", "example", "dyn.example.net", "bind", "wild")
    ]
)
SERVICE = Service(Options())
BESIDE = Beside(SERVED, SERVICE)
LONGEST = 2048  # what libFuzzer tries; longer messages are the same records again


def check(data):
    """Read bytes as a query."""
    answered = BESIDE.ask(data, NOBODY, 0.0)
    most = 2000 + 20 * len(data)  # a record takes 11 bytes and at most as many lines for each as dnslib needs
    try:
        query = bounded(most, read_query, data)
    except IgnoredError:
        assert len(data) < 12 or data[2] & 0x80
        assert answered is None
        return
    except MalformedError as error:
        assert data[2] & 0xF8 == 0
        assert answered is None
        assert error.question_end == 12 or 17 <= error.question_end <= len(data)
        return
    assert answered in {None, respond(SERVED, SERVICE, data)}
    assert len(data) >= 12 and not data[2] & 0x80 and query.opcode & 15 == data[2] >> 3
    if query.opcode & 15:
        assert query.end == 12 and query.edns is None
        return
    counts = struct.unpack_from(">HHHH", data, 4)
    if not counts[0]:  # RFC 7873, 5.4
        assert query.name == b"" and query.qtype == -1 and query.end == 12
        assert (query.edns, False) == read_rest(data, 12, *counts[1:])
        assert any(code == 10 for code, _ in query.edns.options)
        return
    name = query.name
    assert len(name) <= 255 and name == name.lower() == data[12 : 12 + len(name)].lower()
    assert tuple(query.offsets) == offsets_of(name) and query.offsets[-1] + 1 == len(name)
    assert query.end == 16 + len(name) <= len(data)
    assert (query.qtype, query.qclass) == struct.unpack_from(">HH", data, query.end - 4)
    assert counts[0] == 1
    with contextlib.suppress(RestError):
        assert read_rest(data, query.end, *counts[1:]) == (query.edns, query.opcode == SIGNED)
        check_with_dnspython(data, query)
        return
    raise AssertionError("the early exit accepts what the whole reading refuses")


def check_with_dnspython(data, query):
    """Compare with dnspython: the question always, the OPT where it can read the message."""
    question = dns.message.from_wire(data, question_only=True).question[0]
    assert question.name.canonicalize().to_wire() == query.name
    assert (question.rdtype, question.rdclass) == (query.qtype, query.qclass)
    try:
        whole = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError):
        return  # it reads rdata, which we skip: no query's rdata matters but that of the OPT
    assert (whole.edns >= 0) == (query.edns is not None)
    if query.edns is not None:
        flags = whole.ednsflags & 0x8000
        codes = [int(option.otype) for option in whole.options]
        assert Edns(whole.edns, whole.payload, flags, ())[:3] == query.edns[:3]
        assert codes == [code for code, _ in query.edns.options]
