"""Values to bytes: a reply is written in one pass, and what does not fit is dropped by whole RRsets.

An RRset carries its records as they stand in a message behind a pointer to the question's name (`C0 0C`, type, class,
TTL, length, rdata), so that the usual answer is copied and not made. Everything else is compressed (RFC 1035, 4.1.4):
owners, and the names in the rdata of RFC 1035 types, never others (RFC 3597, 4).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.wire.names import MAX_NAME
from ptrd.wire.rrtypes import NAMES_IN_RDATA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrd.wire.reader import Fields, Query

QR: Final = 0x8000
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100

_HEADER: Final = Struct(">HHHHH")
_WITH_ID: Final = Struct(">2sHHHHH")  # the id is what a message of any length begins with
_RECORD: Final = Struct(">2sHHIH")
_POINTER_LIMIT: Final = 0x4000
_TO_QUESTION: Final = b"\xc0\x0c"
_INTO_QUESTION: Final = tuple(
    (0xC00C + at).to_bytes(2, "big") for at in range(MAX_NAME)
)  # to a label that begins there


class RRset(NamedTuple):
    """Records of one owner and type. `owner` is None when it is the name in the question."""

    owner: bytes | None
    number: int
    records: bytes


# The same without names, which take longer to make than to write.
Records = tuple[bytes | None, int, bytes]


def write_record(rtype: int, ttl: int, rdata: bytes) -> bytes:
    """Write one IN record as RRset.records holds it."""
    return _RECORD.pack(_TO_QUESTION, rtype, 1, ttl, len(rdata)) + rdata


def split_records(records: bytes) -> list[tuple[int, int, bytes]]:
    """Take RRset.records apart into (type, TTL, rdata)."""
    found = []
    at = 0
    while at < len(records):
        _, rtype, _, ttl, length = _RECORD.unpack_from(records, at)
        at += 12 + length
        found.append((rtype, ttl, records[at - length : at]))
    return found


def write_reply(
    query: Fields,
    flags: int,
    opt: bytes,
    limit: int,
    answer: Sequence[Records],
    authority: Sequence[Records] = (),
    additional: Sequence[Records] = (),
    glue: int = 0,
) -> bytes:
    """Write the reply to a query.

    `flags` holds AA and the low four bits of the rcode; `opt` is a whole OPT record or empty; `limit` is the most
    bytes that may be sent. RRsets that do not fit are dropped whole, with TC unless they are additional and none of
    the first `glue` of those (RFC 9471).
    """
    data, _, name, _, _, _, end, _ = query
    flags |= QR | (data[2] & 1) << 8
    if not additional:
        if not authority and len(answer) == 1:
            owner, number, records = answer[0]
            if owner is None:
                wire = _WITH_ID.pack(data, flags, 1, number, 0, 1 if opt else 0) + data[12:end] + records + opt
                if len(wire) <= limit:
                    return wire
        elif not answer and len(authority) == 1:
            # Most often the SOA of a negative answer: its owner is an ancestor of the name that was asked.
            owner, number, records = authority[0]
            if owner is not None and number == 1 and len(owner) > 1:
                at = len(name) - len(owner)
                if at >= 0 and name[at:] == owner:
                    header = _WITH_ID.pack(data, flags, 1, 0, 1, 1 if opt else 0)
                    wire = header + data[12:end] + _INTO_QUESTION[at] + records[2:] + opt
                    if len(wire) <= limit:
                        return wire
    return _write_sections(query, flags, (answer, authority, additional), glue, opt, limit)


def write_bare(query: Query, flags: int, opt: bytes) -> bytes:
    """Write a reply without records: the question echoed, when there is one, and the OPT."""
    flags |= QR | (query.data[2] & 1) << 8
    header = _HEADER.pack(flags, 1 if query.end > 12 else 0, 0, 0, 1 if opt else 0)
    return query.data[:2] + header + query.data[12 : query.end] + opt


def write_error(data: bytes, rcode: int, question_end: int = 12) -> bytes:
    """Write an error to a message that could not be read whole; its question is echoed when it was."""
    flags = QR | (data[2] & 0x79) << 8 | rcode
    return data[:2] + _HEADER.pack(flags, 1 if question_end > 12 else 0, 0, 0, 0) + data[12:question_end]


def _write_sections(
    query: Fields, flags: int, sections: tuple[Sequence[Records], ...], glue: int, opt: bytes, limit: int
) -> bytes:
    data, _, name, offsets, _, _, end, _ = query
    message = bytearray(data[:end])
    pointers = {name[offset:]: 12 + offset for offset in offsets[:-1]}  # suffixes that stand in the message
    counts = [0, 0, 0]
    room = limit - len(opt)
    for index, rrsets in enumerate(sections):
        for position, rrset in enumerate(rrsets):
            before = len(message)
            fresh: list[bytes] = []
            _append(message, rrset, pointers, fresh)
            if len(message) <= room:
                counts[index] += rrset[1]
                continue
            del message[before:]
            for suffix in fresh:
                del pointers[suffix]
            if index < 2 or position < glue:
                flags |= TC
                break
        if flags & TC:
            break
    _HEADER.pack_into(message, 2, flags, 1, *counts[:2], counts[2] + (1 if opt else 0))
    message += opt
    return bytes(message)


def _append(message: bytearray, rrset: Records, pointers: dict[bytes, int], fresh: list[bytes]) -> None:
    """Write an RRset at the end of the message; `fresh` gets the names that can be pointed to from now on."""
    owner, _, records = rrset
    at = 0
    while at < len(records):
        _, rtype, _, _, length = _RECORD.unpack_from(records, at)
        if owner is None:
            message += _TO_QUESTION
        else:
            _append_name(message, owner, pointers, fresh)
        end = at + 12 + length
        skip, names = NAMES_IN_RDATA.get(rtype, (0, 0))
        if not names:
            message += records[at + 2 : end]
            at = end
            continue
        message += records[at + 2 : at + 12 + skip]
        start = len(message) - skip
        at += 12 + skip
        for _ in range(names):
            at += _append_name(message, records[at:end], pointers, fresh)
        message += records[at:end]
        message[start - 2 : start] = (len(message) - start).to_bytes(2, "big")
        at = end


def _append_name(message: bytearray, name: bytes, pointers: dict[bytes, int], fresh: list[bytes]) -> int:
    """Write the name at the start of some bytes, as short as can be, and give its length there."""
    start = len(message)
    end = at = 0
    while name[end]:
        end += name[end] + 1
    end += 1
    lower = name[:end].lower()
    while at < end - 1:
        suffix = lower[at:]
        target = pointers.get(suffix)
        if target is not None:
            message += name[:at] + (0xC000 | target).to_bytes(2, "big")
            return end
        if start + at < _POINTER_LIMIT:
            pointers[suffix] = start + at
            fresh.append(suffix)
        at += name[at] + 1
    message += name[:end]
    return end
