"""The messages of a transfer: many records each, one after another, never more than one message in memory.

Each repeats the question (RFC 5936, 2.2.1), so that an owner is its part below the zone, and a pointer to the name in
the question: records are copied and not made. What their data holds is not compressed.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.wire.writer import AA, QR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ptrd.wire.reader import Query

FULL: Final = 16_384  # bytes, from which on a message is sent: answers to others wait for so much at most
_LARGEST: Final = 65_535
_SMALL: Final = 32_768  # bytes, which fit behind what a message holds that is not full

_HEADER: Final = Struct(">HHHHH")


class RowError(PtrdError):
    """A record fits into no message."""


def write_rows(query: Query, items: Iterable[tuple[bytes, int, bytes]], opt: bytes, room: int) -> Iterator[bytes]:
    """Write records into messages that answer a query for the zone in its question.

    An item is (owner relative to the zone, number of records, records as `writer.RRset` holds them). `opt` ends
    each message, as some clients want it; `room` is left in each for a signature. Raises RowError.
    """
    most = _LARGEST - room - len(opt)
    head = query.data[:2] + bytes(10) + query.data[12 : query.end]
    flags = QR | AA | (query.data[2] & 1) << 8
    message = bytearray(head)
    count = 0

    def finish() -> bytes:
        _HEADER.pack_into(message, 2, flags, 1, count, 0, 1 if opt else 0)
        return bytes(message) + opt

    for relative, number, records in items:
        if number == 1 and len(message) < FULL and len(records) < _SMALL:  # as most are, so that most of it is copying
            message += relative
            message += records
            count += 1
            continue
        for piece in (relative + records,) if number == 1 else [relative + record for record in _split(records)]:
            if len(message) + len(piece) > most or len(message) >= FULL:
                if count:
                    yield finish()
                    count = 0
                    del message[len(head) :]
                if len(message) + len(piece) > most:
                    raise RowError(f"a record of {len(piece)} bytes fits into no message")
            message += piece
            count += 1
    if count:
        yield finish()


def _split(records: bytes) -> Iterator[bytes]:
    """Give each record by itself."""
    at = 0
    while at < len(records):
        end = at + 12 + int.from_bytes(records[at + 10 : at + 12], "big")
        yield records[at:end]
        at = end
