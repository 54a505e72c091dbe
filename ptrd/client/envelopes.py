"""Messages of a zone transfer, read: records with their names written out, out of a stranger's bytes.

Strict and bounded: compression pointers lead backwards (RFC 1035, 4.1.4), names and rdata are whole, nothing is left
over. A million records come this way, so what most zones are made of is read here; dnspython reads the other types.
None of its exceptions leaves this module.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ptrd import PtrdError
from ptrd.records.received import Record
from ptrd.wire.names import MAX_NAME
from ptrd.wire.rrtypes import AAAA, CNAME, DNAME, IN, MX, NS, OPT, PTR, SOA, SRV, TSIG, A

_HEADER: Final = Struct(">HHHHHH")
_FIXED: Final = Struct(">HHIH")
_QUESTION: Final = Struct(">HH")
_MAX_JUMPS: Final = 128  # more than a name has labels
_TTL_SIGN: Final = 0x8000_0000
_SIZES: Final = {A: 4, AAAA: 16}
# How many bytes stand before the names, how many names there are, and how many bytes follow.
_NAMES: Final = {PTR: (0, 1, 0), CNAME: (0, 1, 0), NS: (0, 1, 0), DNAME: (0, 1, 0), MX: (2, 1, 0), SRV: (6, 1, 0),
                 SOA: (0, 2, 20)}  # fmt: skip


class EnvelopeError(PtrdError):
    """A message cannot be read; the text says why."""


class Envelope(NamedTuple):
    """A message: `question` is (name in lower case, type, class), the records are those of the answer section.

    `signed_at` is where its TSIG record begins, -1 without one.
    """

    identity: int
    flags: int
    question: tuple[bytes, int, int] | None
    records: list[Record]
    signed_at: int

    @property
    def rcode(self) -> int:
        """Give the rcode of the header."""
        return self.flags & 15


def read_envelope(data: bytes) -> Envelope:
    """Read a message. Raises EnvelopeError."""
    if len(data) < _HEADER.size:
        raise EnvelopeError("it is shorter than a header")
    identity, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    if questions > 1:
        raise EnvelopeError("it has several questions")
    names: dict[int, bytes] = {}
    at = _HEADER.size
    question = None
    if questions:
        name, at = _read_name(data, at, names)
        if at + 4 > len(data):
            raise EnvelopeError("its question is cut short")
        question = (name.lower(), *_QUESTION.unpack_from(data, at))
        at += 4
    records: list[Record] = []
    signed_at = -1
    last = answers + authorities + additionals - 1
    for index in range(last + 1):
        start = at
        owner, at = _read_name(data, at, names)
        if at + 10 > len(data):
            raise EnvelopeError("a record is cut short")
        rtype, rclass, ttl, size = _FIXED.unpack_from(data, at)
        at += 10
        end = at + size
        if end > len(data):
            raise EnvelopeError("a record is cut short")
        if rtype == TSIG:
            if index != last or not additionals:
                raise EnvelopeError("its signature is not its last record")
            signed_at = start
        elif index < answers:
            if rclass != IN or rtype == OPT:
                raise EnvelopeError("an answer is of another class than IN")
            rdata = _read_rdata(data, at, end, rtype, names)
            records.append(Record(owner.lower(), rtype, 0 if ttl & _TTL_SIGN else ttl, rdata))
        at = end
    if at != len(data):
        raise EnvelopeError("bytes are left over behind its last record")
    return Envelope(identity, flags, question, records, signed_at)


def read_signature(data: bytes, at: int) -> tuple[bytes, int, int]:
    """Give the owner of the TSIG record at `at`, in lower case, and where its rdata begins and ends."""
    owner, at = _read_name(data, at, {})
    size = int.from_bytes(data[at + 8 : at + 10], "big")
    return owner.lower(), at + 10, at + 10 + size


def _read_rdata(data: bytes, at: int, end: int, rtype: int, names: dict[int, bytes]) -> bytes:
    shape = _NAMES.get(rtype)
    if shape is not None:
        before, count, after = shape
        parts = [data[at : at + before]]
        at += before
        for _ in range(count):
            name, at = _read_name(data, at, names)
            parts.append(name)
        if at + after != end:
            raise EnvelopeError(f"the data of a record of type {rtype} does not have its right length")
        parts.append(data[at:end])
        return b"".join(parts)
    if rtype in _SIZES:
        if end - at != _SIZES[rtype]:
            raise EnvelopeError(f"the data of a record of type {rtype} does not have its right length")
        return data[at:end]
    try:
        kind = dns.rdatatype.RdataType.make(rtype)
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, kind, data, at, end - at)
        return rdata.to_wire() or b""
    except Exception:  # noqa: BLE001 - whatever a library raises over a stranger's bytes means one thing
        raise EnvelopeError(f"the data of a record of type {rtype} cannot be read") from None


def _read_name(data: bytes, at: int, names: dict[int, bytes]) -> tuple[bytes, int]:
    """Read a name at its place; give its uncompressed form and where it ends. `names` has those that pointers met."""
    parts: list[bytes] = []
    end = -1
    length = 1
    start = at
    limit = len(data)
    met: list[tuple[int, int]] = []  # (pointer's target, how many parts came before it)
    tail = b"\0"
    while True:
        if at >= limit:
            raise EnvelopeError("a name is cut short")
        size = data[at]
        if not size:
            at += 1
            break
        if size >= 0xC0:
            if at + 1 >= limit:
                raise EnvelopeError("a name is cut short")
            target = (size & 0x3F) << 8 | data[at + 1]
            end = at + 2 if end < 0 else end
            if target >= start or len(met) == _MAX_JUMPS:
                raise EnvelopeError("a name points forwards, or in a circle")
            known = names.get(target)
            if known is not None:
                tail = known
                length += len(known) - 1
                break
            met.append((target, len(parts)))
            start = at = target
            continue
        if size > 63 or at + size >= limit:
            raise EnvelopeError("a name has a label of no known kind" if size > 63 else "a name is cut short")
        parts.append(data[at : at + size + 1])
        at += size + 1
        length += size + 1
        if length > MAX_NAME:
            break
    if length > MAX_NAME:
        raise EnvelopeError(f"a name has over {MAX_NAME} bytes")
    for target, count in met:
        names[target] = b"".join(parts[count:]) + tail
    return b"".join(parts) + tail, at if end < 0 else end
