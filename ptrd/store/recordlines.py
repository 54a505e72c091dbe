"""Lines of ordinary records, `  192.0.2.10: host.example.net`, taken out of a zone file before YAML reads the rest.

It decides nothing. Of a run of such lines in one column the first and the last stay, and the others leave empty
lines; where YAML then finds the first one to be a pair of `records` with its value in the same line, the next ones
are the pairs behind it. A file of which any run is found to be something else is read again as it stands.
"""

from __future__ import annotations

import re
from functools import cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.records.model import PtrRecord
from ptrd.records.values import ValueText, parse_host

if TYPE_CHECKING:
    from collections.abc import Callable

_PAIR: Final = rb"[0-9a-f][0-9a-f.:]*: [A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.[A-Za-z0-9.-]+(?=\n)"
_FIRST: Final = re.compile(rb"^( +)" + _PAIR, re.MULTILINE)
_LEAST: Final = 8  # lines of a run that is worth it
_PIECE: Final = 1 << 20  # bytes that are taken apart at once
_OTHER_BREAKS: Final = (b"\r", "\x85".encode(), "\u2028".encode(), "\u2029".encode())  # lines to YAML, and not to us
_SUFFIXES: Final = 65536  # how many parents of host names are remembered
_SUFFIX_BYTES: Final = 255 - 64  # a parent to which any first label may be put
LENGTH_BYTES: Final = tuple(bytes((size,)) for size in range(64))


class NotOrdinaryError(PtrdError):
    """What looked like ordinary records is something else; the file must be read as it stands."""


class Suffixes(dict[str, bytes]):
    """What follows the first label of ordinary host names, by its text; None for what the plain rules must see."""

    def __missing__(self, tail: str) -> bytes | None:
        if not tail or "_" in tail or "\\" in tail:
            return None
        try:
            suffix = parse_host(tail)
        except ValueText:
            return None
        if len(suffix) > _SUFFIX_BYTES:
            return None
        if len(self) >= _SUFFIXES:
            self.clear()
        self[tail] = suffix
        return suffix


class _Run(NamedTuple):
    """Lines that were taken out: their bytes in the file, and the column of the run, counted from 0."""

    start: int
    end: int
    column: int


class RecordLines:
    """The runs of one file, by the line of the first record of each, counted from 0; `rest` is what YAML must read."""

    def __init__(self, data: bytes, rest: bytes, runs: dict[int, _Run]) -> None:
        self.rest = rest
        self.untaken = runs
        self._data = data

    def take(
        self, line: int, column: int, ttl: int, add: dict[int, Callable[[PtrRecord], None]], suffixes: Suffixes
    ) -> None:
        """Give the records behind the first one of a run to `add`, by address version.

        Raises NotOrdinaryError.
        """
        start, end, expected = self.untaken.pop(line)
        if column != expected:
            raise NotOrdinaryError
        add4, add6 = add[4], add[6]
        number_of = int.from_bytes
        make = tuple.__new__
        line += 1
        column += 1
        while start < end:
            stop = self._data.index(b"\n", min(start + _PIECE, end) - 1) + 1
            words = iter(self._data[start:stop].decode("ascii").replace(": ", " ").split())
            start = stop
            for address, name in zip(words, words, strict=True):
                line += 1
                head, _, tail = name.partition(".")
                suffix = suffixes[tail]
                try:
                    if ":" in address:
                        number = number_of(inet_pton(AF_INET6, address))
                        put = add6
                    else:
                        number = number_of(inet_pton(AF_INET, address))
                        put = add4
                except OSError:
                    raise NotOrdinaryError from None
                if suffix is None:
                    raise NotOrdinaryError
                target = LENGTH_BYTES[len(head)] + head.encode() + suffix
                put(make(PtrRecord, (number, ttl, (target,), line, column)))


def take_out(data: bytes) -> RecordLines:
    """Take the runs of ordinary records out of a file."""
    runs: dict[int, _Run] = {}
    if any(other in data for other in _OTHER_BREAKS):
        return RecordLines(data, data, runs)
    pieces = []
    kept = line = at = 0
    while first := _FIRST.search(data, at):
        indent = first[1]
        last = _behind(indent).search(data, first.end())
        at = last.start() + 1 if last else len(data)
        start, end = first.end() + 1, data.rfind(b"\n", 0, at - 1) + 1
        if data.count(b"\n", start, at) < _LEAST:
            continue
        line += data.count(b"\n", kept, first.start())
        runs[line] = _Run(start, end, len(indent))
        taken = data.count(b"\n", start, end)
        pieces += [data[kept:start], b"\n" * taken]
        line += 1 + taken
        kept = end
    pieces.append(data[kept:])
    return RecordLines(data, b"".join(pieces), runs)


@cache
def _behind(indent: bytes) -> re.Pattern[bytes]:
    """Find the end of a line behind which no pair with this indentation follows."""
    return re.compile(rb"\n(?!" + indent + _PAIR + rb")")
