"""The rest of a query, whatever its shape: every record is walked strictly, the OPT is parsed with dnslib.

dnslib is lenient (labels over 63 bytes, trailing bytes, two OPTs) and refuses legal names that are not UTF-8; so the
bounds are checked here first, and dnslib sees only the OPT record. None of its exceptions leaves this module.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from dnslib import RR, DNSBuffer

from ptrd import PtrdError
from ptrd.wire.rrtypes import IN, OPT, SOA, TSIG

_FIXED: Final = Struct(">HHIH")
_COUNTS: Final = Struct(">HHHH")


class SerialError(PtrdError):
    """A query for IXFR does not say what serial its client has."""


class RestError(PtrdError):
    """What follows the question cannot be read; the text is a short reason."""


class Edns(NamedTuple):
    """The OPT record of a query (RFC 6891, 6.1). `dnssec_ok` is 0x8000 or 0; options are (code, data) as sent."""

    version: int
    udp_size: int
    dnssec_ok: int
    options: tuple[tuple[int, bytes], ...]


def read_rest(data: bytes, at: int, answers: int, authorities: int, additionals: int) -> tuple[Edns | None, bool]:
    """Walk every record behind the question; give the OPT, if there is one, and whether the last record is a TSIG.

    Counts are checked against the bytes that are left; work is bounded by the length of the message. Raises RestError
    for a record that does not fit, bytes left over, an OPT that is not at the root, stands outside the additional
    section or twice, or has an option longer than its data (RFC 6891, 6.1.1).
    """
    if (answers + authorities + additionals) * 11 > len(data) - at:
        raise RestError("counts")
    opt_at = -1
    signed = False
    for index in range(answers + authorities + additionals):
        start = at
        at = _skip_name(data, at)
        if at + 10 > len(data):
            raise RestError("record")
        rtype, _, _, length = _FIXED.unpack_from(data, at)
        at += 10 + length
        if at > len(data):
            raise RestError("record")
        if rtype == OPT:
            if opt_at >= 0 or data[start] != 0 or index < answers + authorities:
                raise RestError("opt")
            opt_at = start
        elif rtype == TSIG:
            if index != answers + authorities + additionals - 1 or not additionals:
                raise RestError("tsig")  # RFC 8945, 5.1: the last record
            signed = True
    if at != len(data):
        raise RestError("trailing bytes")
    return None if opt_at < 0 else _parse_opt(data, opt_at), signed


def find_opt(data: bytes) -> int:
    """Find where the OPT record of a well-formed message begins, when it is the last record; else -1."""
    start = find_last(data)
    return start if start >= 0 and data[start : start + 3] == b"\0\0\x29" else -1


def find_last(data: bytes) -> int:
    """Find where the last record of a well-formed message begins; -1 when it has none."""
    questions, *counts = _COUNTS.unpack_from(data, 4)
    at, start = 12, -1
    for _ in range(questions):
        at = _skip_name(data, at) + 4
    for _ in range(sum(counts)):
        start = at
        at = _skip_record(data, at)
    return start


def read_serial(data: bytes, end: int, zone: bytes) -> int:
    """Give the serial in the SOA of the authority section of a query for IXFR (RFC 1995, 3) for a zone.

    The message is one that `read_rest` has walked; `end` is where its question ends. Raises SerialError.
    """
    _, answers, authorities, _ = _COUNTS.unpack_from(data, 4)
    start = end
    for _ in range(answers):
        start = _skip_record(data, start)
    if authorities != 1 or answers:
        raise SerialError("it has not one SOA")
    at = _skip_name(data, start)
    rtype, rclass, _, length = _FIXED.unpack_from(data, at)
    owner = data[start:at].lower()
    at += 10
    last = at + length
    if rtype != SOA or rclass != IN or owner not in {b"\xc0\x0c", zone}:
        raise SerialError("it has not the zone's SOA")
    try:
        at = _skip_name(data, _skip_name(data, at))
    except RestError:
        raise SerialError("its SOA cannot be read") from None
    if at + 20 != last:
        raise SerialError("its SOA has not its right length")
    return int.from_bytes(data[at : at + 4], "big")


def _skip_record(data: bytes, at: int) -> int:
    """Give where a record of a well-formed message ends."""
    at = _skip_name(data, at)
    return at + 10 + int.from_bytes(data[at + 8 : at + 10], "big")


def _skip_name(data: bytes, at: int) -> int:
    """Give where a name ends. A pointer must lead backwards (RFC 1035, 4.1.4) and is not followed."""
    length = 0
    start = at
    while at < len(data):
        size = data[at]
        if not size:
            return at + 1
        if size >= 0xC0:
            if at + 1 >= len(data) or (size & 0x3F) << 8 | data[at + 1] >= start:
                break
            return at + 2
        at += size + 1
        length += size + 1
        if size > 63 or length > 254:
            break
    raise RestError("name")


def _parse_opt(data: bytes, at: int) -> Edns:
    try:
        record = RR.parse(DNSBuffer(data[at:]))
        udp_size, fields = int(record.rclass), int(record.ttl)
    except Exception:  # noqa: BLE001 - whatever a library raises over a stranger's bytes means one thing
        raise RestError("opt") from None
    # The options are split here: dnslib overlooks an empty last one (a plain request for NSID) and accepts one that
    # claims more bytes than there are.
    options = []
    at += 11
    end = at + int.from_bytes(data[at - 2 : at], "big")
    while at < end:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + size > end:
            raise RestError("opt")
        options.append((int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + 4 + size]))
        at += 4 + size
    return Edns(fields >> 16 & 0xFF, udp_size, fields & 0x8000, tuple(options))
