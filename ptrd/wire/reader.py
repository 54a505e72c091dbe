"""Bytes to Query, strictly, and nothing is decided here.

The header and the question are always read by this module. When what follows has the ordinary shape (nothing, or one
OPT without options or with one COOKIE) it is read here too; every other shape goes to `message.read_rest`, which finds
the same in it. What cannot be read raises MalformedError; a message that must meet silence raises IgnoredError.
"""

from __future__ import annotations

from itertools import product
from struct import Struct
from typing import Final, NamedTuple

from ptrd import PtrdError
from ptrd.wire.message import Edns, RestError, read_rest
from ptrd.wire.names import MAX_NAME
from ptrd.wire.reverse import IN_ADDR_ARPA, IP6_ARPA

_HEADER: Final = Struct(">HHHHH")
_TYPE_CLASS: Final = Struct(">HH")
_OPT: Final = Struct(">HBBHH")

# What bytes 2 to 11 of an ordinary query look like: opcode QUERY, one question, at most one additional record, and
# whatever of RD, AD and CD a resolver likes. The value remembers what stood behind the names of such queries and is the
# same again and again: type, class and an OPT without options, by their bytes.
_Tails = dict[bytes, tuple[int, int, Edns | None]]
_no_tails: Final[_Tails] = {}  # stays empty
_tails: Final[tuple[_Tails, _Tails]] = ({}, {})  # by the number of additional records
_ORDINARY: Final = {
    _HEADER.pack(flags, 1, 0, 0, additionals): _tails[additionals]
    for flags in (0, 0x10, 0x20, 0x30, 0x100, 0x110, 0x120, 0x130)
    for additionals in (0, 1)
}

# Reverse names have one shape each, and are most of what a reverse server reads.
_V4_TAIL: Final = IN_ADDR_ARPA
_V4_END: Final = 12 + len(IN_ADDR_ARPA)
_V4_OFFSETS: Final = {  # where the labels of all address names begin, by where the second to fifth do
    ends: (0, *ends, ends[3] + 8, ends[3] + 13)
    for sizes in product(range(2, 5), repeat=4)  # one to three digits, and the byte that says how many
    for ends in [(sizes[0], sizes[0] + sizes[1], sum(sizes[:3]), sum(sizes))]
}
_NIBBLE_SIZES: Final = b"\1" * 32
_V6_TAIL: Final = IP6_ARPA
_V6_OFFSETS: Final = (*range(0, 65, 2), 68, 73)
_V6_END: Final = 12 + 74
_MAX_REMEMBERED: Final = 512

COOKIE: Final = 10  # EDNS option
SIGNED: Final = 16  # beyond every opcode


class IgnoredError(PtrdError):
    """The message deserves no answer: shorter than a header, or itself an answer (RFC 1035, 4.1.1; CVE-2024-2169)."""


class MalformedError(PtrdError):
    """The message cannot be read; `question_end` is where its question ends if that much could be read, else 12."""

    def __init__(self, reason: str, question_end: int = 12) -> None:
        super().__init__(reason)
        self.question_end = question_end


class Query(NamedTuple):
    """What was asked. `name` is lower case; `offsets` says where its labels begin, the root's last.

    An opcode other than QUERY has its question unread: `name` is empty, `end` is 12; so has a query that only asks for
    a cookie. `opcode` is SIGNED for a query that ends in a TSIG record, which nobody has looked into yet.
    """

    data: bytes
    opcode: int
    name: bytes
    offsets: tuple[int, ...] | list[int]
    qtype: int
    qclass: int
    end: int
    edns: Edns | None


# The fields of a Query. Most messages are answered without their names: a Query takes longer to make than to read.
Fields = tuple[bytes, int, bytes, tuple[int, ...] | list[int], int, int, int, Edns | None]


def read_query(data: bytes) -> Query:
    """Read a message as a query, as `read_fields` does."""
    return Query(*read_fields(data))


def read_fields(data: bytes) -> Fields:
    """Read a message as the fields of a query.

    `data` is a whole message of up to 65,535 bytes. Raises IgnoredError or MalformedError. RFC 1035 4.1, RFC 9619
    (exactly one question), RFC 6891.
    """
    size = len(data)
    if size < 12:
        raise IgnoredError("short")
    tails = _ORDINARY.get(data[2:12])
    if tails is None:
        tails = _no_tails
        flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data, 2)
        if flags & 0x8000:
            raise IgnoredError("response")
        opcode = flags >> 11 & 15
        if opcode:
            return data, opcode, b"", (), -1, -1, 12, None
        if questions != 1:
            return _read_cookie(data, questions, answers, authorities, additionals)

    offsets: tuple[int, ...] | list[int] | None = None
    if size > _V6_END and data[12:76:2] == _NIBBLE_SIZES:
        name = data[12:_V6_END].lower()
        if name[64:] == _V6_TAIL:
            offsets, end = _V6_OFFSETS, _V6_END
    else:
        try:
            at1 = data[12] + 1
            at2 = at1 + data[at1 + 12] + 1
            at3 = at2 + data[at2 + 12] + 1
            at4 = at3 + data[at3 + 12] + 1
            end = at4 + _V4_END
            name = data[12:end].lower()
            if name[at4:] == _V4_TAIL:
                offsets = _V4_OFFSETS.get((at1, at2, at3, at4))
        except IndexError:
            pass
    if offsets is None:
        offsets = _find_labels(data)
        end = offsets[-1] + 13
        name = data[12:end].lower()
    tail = tails.get(data[end:])
    if tail is None:
        return _read_tail(data, name, offsets, end + 4)
    qtype, qclass, edns = tail
    return data, 0, name, offsets, qtype, qclass, end + 4, edns


def _read_tail(data: bytes, name: bytes, offsets: tuple[int, ...] | list[int], end: int) -> Fields:
    """Read the question's type and class, which end at `end`, and all that follows. Raises MalformedError."""
    if end > len(data):
        raise MalformedError("question")
    _, _, answers, authorities, additionals = _HEADER.unpack_from(data, 2)
    qtype, qclass = _TYPE_CLASS.unpack_from(data, end - 4)
    edns, signed, plain = None, False, end == len(data) and not (answers or authorities or additionals)
    if not (answers or authorities) and additionals == 1:
        edns = _ordinary_opt(data[end:])
        plain = edns is not None and not edns.options
    if edns is None and not plain:
        try:
            edns, signed = read_rest(data, end, answers, authorities, additionals)
        except RestError as error:
            raise MalformedError(str(error), end) from None
    if plain:
        tails = _tails[additionals]
        if len(tails) >= _MAX_REMEMBERED:
            tails.clear()
        tails[data[end - 4 :]] = qtype, qclass, edns
    return data, SIGNED if signed else 0, name, offsets, qtype, qclass, end, edns


def _read_cookie(data: bytes, questions: int, answers: int, authorities: int, additionals: int) -> Fields:
    """Read a query without a question, which a COOKIE option makes one (RFC 7873, 5.4). Raises MalformedError."""
    if not questions and additionals:
        try:
            edns, signed = read_rest(data, 12, answers, authorities, additionals)
        except RestError as error:
            raise MalformedError(str(error)) from None
        if edns is not None and not signed and any(code == COOKIE for code, _ in edns.options):
            return data, 0, b"", (), -1, -1, 12, edns
    raise MalformedError("question count")


def _find_labels(data: bytes) -> list[int]:
    """Find where the labels of the name in the question begin, the root's last. Raises MalformedError."""
    name = data[12:267]  # 255 bytes at most; what stands behind them is not looked at here
    offsets = [0]
    at = 0
    try:
        while size := name[at]:
            if size > 63:  # a pointer could only lead back into the header (RFC 1035, 4.1.4)
                raise MalformedError("name")
            at += size + 1
            offsets.append(at)
    except IndexError:
        raise MalformedError("name") from None
    if at >= MAX_NAME:
        raise MalformedError("name")
    return offsets


def _ordinary_opt(rest: bytes) -> Edns | None:
    """Read one OPT that is bare or carries only a COOKIE, when that is all there is; else None."""
    if len(rest) < 11 or rest[:3] != b"\0\0\x29":
        return None
    udp_size, extended, version, flags, length = _OPT.unpack_from(rest, 3)
    if length != len(rest) - 11 or extended:
        return None
    if not length:
        return Edns(version, udp_size, flags & 0x8000, ())
    if length >= 4 and rest[11:13] == b"\0\x0a" and int.from_bytes(rest[13:15], "big") == length - 4:
        return Edns(version, udp_size, flags & 0x8000, ((10, rest[15:]),))
    return None
