"""What the records of a transfer mean, in their order: a whole zone, or differences; nothing else is accepted.

The first record is the SOA of the version that is given. In a whole zone (RFC 5936, 2.2) everything else follows, in a
list of differences (RFC 1995, 4) pairs of what is removed and what is added, each begun by its SOA; both end with the
first record once more. Holds nothing but the place where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.wire.names import format_name, is_below
from ptrd.wire.rrtypes import SOA

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from ptrd.records.received import Record

WHOLE, REMOVED, ADDED = "whole", "removed", "added"
_SERIAL_AT: Final = slice(-20, -16)  # in an SOA's rdata
_HALF: Final = 1 << 31


class SequenceError(PtrdError):
    """The records do not make a transfer; the text says why."""


class Batch(NamedTuple):
    """Records that belong together, in the order they came in.

    WHOLE: of the whole zone, of the version `serial`; the first batch begins with the SOA, which comes once. REMOVED
    and ADDED: what a version loses and the next one gains; `serial` is that of the version before and after, and
    both hold that version's SOA. A version's change may come in several batches.
    """

    kind: str
    serial: int
    records: list[Record]


class Sequence:
    """The records of one transfer of `zone`; `known` is the serial that the client has, None when it asks for all."""

    def __init__(self, zone: bytes, known: int | None) -> None:
        self.done = False
        self.serial = -1  # of the version that is given
        self._zone = zone
        self._known = known
        self._soa: Record | None = None
        self._kind: str | None = None  # not known before the second record
        self._at = -1  # the serial of the version that is removed from, or added to

    def feed(self, records: Many[Record]) -> list[Batch]:
        """Take the records of one message. Raises SequenceError."""
        batches: list[Batch] = []
        for record in records:
            if self.done:
                raise SequenceError("records follow the closing SOA")
            apex = record.owner == self._zone
            if (record.rtype == SOA and not apex) or not is_below(record.owner, self._zone):
                raise SequenceError(f"it holds {format_name(record.owner)}, which is not of this zone")
            if self._soa is None:
                self._begin(record)
            elif self._kind is None:
                self._decide(record, batches)
            elif record.rtype != SOA:
                batches[-1].records.append(record) if batches else batches.append(self._batch([record]))
            elif self._kind == WHOLE:
                self._close(record)
            else:
                self._turn(record, batches)
        return [batch for batch in batches if batch.records]

    def end_of_message(self) -> None:
        """Note that a message ends: one SOA alone says that nothing is newer than what the client has."""
        if self._soa is not None and self._kind is None and self._known is not None and not self._is_newer():
            self.done = True

    def _begin(self, record: Record) -> None:
        if record.rtype != SOA:
            raise SequenceError("it does not begin with the zone's SOA")
        self._soa = record
        self.serial = serial_of(record)
        if self._known is not None and is_later(self._known, self.serial):
            raise SequenceError(
                f"its serial went back: it has {self.serial}, and {self._known} was there before; raise the serial "
                "on the primary, or fetch the whole zone"
            )

    def _decide(self, record: Record, batches: list[Batch]) -> None:
        """Learn from the second record what is given."""
        assert self._soa is not None  # noqa: S101 - set by `_begin`
        if record.rtype != SOA:
            self._kind = WHOLE
            batches.append(self._batch([self._soa, record]))
        elif self._known is not None and serial_of(record) == self._known != self.serial:
            self._at = self._known
            self._kind = REMOVED
            batches.append(self._batch([record]))
        else:  # nothing but an SOA: no name server would serve it, yet it is a whole zone
            self._kind = WHOLE
            batches.append(self._batch([self._soa]))
            self._close(record)

    def _turn(self, record: Record, batches: list[Batch]) -> None:
        """Go from what is removed to what is added, or on to the next difference, or to the end."""
        serial = serial_of(record)
        if self._kind == REMOVED:
            if not is_later(serial, self._at) or is_later(serial, self.serial):
                raise SequenceError(f"its differences do not follow each other: {serial} comes after {self._at}")
            self._kind, self._at = ADDED, serial
            batches.append(self._batch([record]))
        elif self._at == self.serial:
            self._close(record)
        elif serial != self._at:
            raise SequenceError(f"its differences do not follow each other: {serial} comes after {self._at}")
        else:
            self._kind = REMOVED
            batches.append(self._batch([record]))

    def _close(self, record: Record) -> None:
        assert self._soa is not None  # noqa: S101 - as above
        if record.rdata.lower() != self._soa.rdata.lower():
            raise SequenceError(f"it ends with another SOA than it began with, of the serial {serial_of(record)}")
        self.done = True

    def _is_newer(self) -> bool:
        return self._known is None or is_later(self.serial, self._known)

    def _batch(self, records: list[Record]) -> Batch:
        return Batch(self._kind or WHOLE, self.serial if self._kind == WHOLE else self._at, records)


def serial_of(record: Record) -> int:
    """Give the serial of an SOA record."""
    return int.from_bytes(record.rdata[_SERIAL_AT], "big")


def is_later(serial: int, other: int) -> bool:
    """Tell whether a serial comes after another (RFC 1982); of two that are half the circle apart, neither does."""
    return 0 < (serial - other) % (1 << 32) < _HALF
