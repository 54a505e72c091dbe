r"""tinydns-data lines (djbdns): what the DNS says because of each comes out as records.

SOA, NS and TTL that tinydns makes up are made up here too. Timestamps and locations, which a record may have there,
have no place in a zone: the record is told and left out. Escapes are octal, `\072`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.foreign.record import Record
from ptrd.records.masterfile import EntryError, parse_rdata
from ptrd.records.model import Place, Problem
from ptrd.records.values import MAX_TTL, ValueText, parse_address, quote
from ptrd.wire.names import NameError_, join_labels, labels_of
from ptrd.wire.reverse import reverse_name
from ptrd.wire.rrtypes import CNAME, MX, NS, PTR, SOA, TXT, A

if TYPE_CHECKING:
    from collections.abc import Callable

_TTL: Final = 86400  # as tinydns-data has them
_NS_TTL: Final = 259200
_SOA_TTL: Final = 2560
_TIMES: Final = (16384, 2048, 1048576, 2560)
_OCTAL: Final = re.compile(rb"\\([0-7]{1,3})|\\(.)", re.DOTALL)


class _LineError(Exception):
    """What is wrong with a line."""


class _Line:
    """The fields of one line."""

    def __init__(self, text: str, place: Place) -> None:
        self.fields = text.split(":")
        self.place = place

    def text(self, index: int) -> str:
        """Give a field; those that are not written are empty."""
        return self.fields[index].strip() if index < len(self.fields) else ""

    def data(self, index: int) -> bytes:
        """Give a field's bytes."""
        raw = (self.fields[index] if index < len(self.fields) else "").encode("utf-8", "surrogateescape")
        return _OCTAL.sub(lambda found: bytes((int(found[1], 8) & 255,)) if found[1] else found[2], raw)

    def name(self, index: int) -> bytes:
        """Read a name, absolute always."""
        labels = self.data(index).strip().strip(b".").split(b".")
        try:
            return join_labels(labels if labels != [b""] else [])
        except NameError_ as error:
            raise _LineError(f"{quote(self.text(index))} is no name: {error}") from None

    def number(self, index: int, default: int, most: int = MAX_TTL) -> int:
        """Read a number."""
        text = self.text(index)
        if not text:
            return default
        if not re.fullmatch("[0-9]{1,10}", text) or int(text) > most:
            raise _LineError(f"{quote(text)} is no number from 0 to {most}")
        return int(text)

    def address(self, index: int) -> int | None:
        """Read an IPv4 address."""
        text = self.text(index)
        if not text:
            return None
        try:
            version, number = parse_address(text)
        except ValueText as error:
            raise _LineError(str(error)) from None
        if version == 6:
            raise _LineError(f"{quote(text)} is no IPv4 address")
        return number

    def server(self, index: int, kind: bytes, owner: bytes) -> bytes:
        """Read a server's name, `x` for `x.ns.DOMAIN`."""
        text = self.name(index)
        if len(labels_of(text)) > 1 or "." in self.text(index):
            return text
        try:
            return join_labels([*labels_of(text), kind, *labels_of(owner)])
        except NameError_ as error:
            raise _LineError(f"{quote(self.text(index))} is no server: {error}") from None


_Made = tuple[bytes, int, int, bytes]  # owner, type, TTL, rdata


def read_tinydns(text: str, file: str) -> tuple[list[Record], list[Problem]]:
    """Read the lines of a `data` file. A serial that is not written, and is the file's date there, is 0."""
    records: list[Record] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.rstrip()
        if not stripped or stripped[0] in "#-":
            continue
        place = Place(file, number, 1)
        try:
            made = _read_line(stripped[0], _Line(stripped[1:], place))
            records += [Record(owner.lower(), rtype, ttl, rdata, place) for owner, rtype, ttl, rdata in made]
        except _LineError as error:
            problems.append(Problem(place, f"{error}: {quote(stripped)}"))
    return records, problems


def _read_line(kind: str, line: _Line) -> list[_Made]:
    if kind not in _LINES:
        raise _LineError(f"{quote(kind)} begins no line of tinydns-data that is known")
    make, last = _LINES[kind]
    for index, what in ((last + 1, "the timestamp"), (last + 2, "the location")):
        if line.text(index):
            raise _LineError(f"{what} {quote(line.text(index))} cannot be kept; the line is not imported")
    return make(line)


def _four(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _address(line: _Line) -> list[_Made]:
    """`+fqdn:ip:ttl`."""
    number = line.address(1)
    if number is None:
        raise _LineError("there is no address")
    return [(line.name(0), A, line.number(2, _TTL), _four(number))]


def _host(line: _Line) -> list[_Made]:
    """`=fqdn:ip:ttl`: the address, and the PTR back."""
    made = _address(line)
    pointer = reverse_name(4, int.from_bytes(made[0][3], "big"))
    return [*made, (pointer, PTR, made[0][2], made[0][0])]


def _pointer(line: _Line) -> list[_Made]:
    return [(line.name(0), PTR, line.number(2, _TTL), line.name(1))]


def _alias(line: _Line) -> list[_Made]:
    return [(line.name(0), CNAME, line.number(2, _TTL), line.name(1))]


def _server(line: _Line) -> list[_Made]:
    """`&fqdn:ip:x:ttl`: a name server, and its address if there is one."""
    owner = line.name(0)
    server = line.server(2, b"ns", owner)
    ttl = line.number(3, _NS_TTL)
    number = line.address(1)
    return [(owner, NS, ttl, server), *([(server, A, ttl, _four(number))] if number is not None else [])]


def _own_server(line: _Line) -> list[_Made]:
    """`.fqdn:ip:x:ttl`: the same with the zone's SOA."""
    made = _server(line)
    owner, server = made[0][0], made[0][3]
    try:
        mailbox = join_labels([b"hostmaster", *labels_of(owner)])
    except NameError_ as error:
        raise _LineError(f"{quote(line.text(0))} is no zone: {error}") from None
    rdata = server + mailbox + _four(0) + b"".join(map(_four, _TIMES))
    return [(owner, SOA, _SOA_TTL if line.number(3, _NS_TTL) else 0, rdata), *made]


def _authority(line: _Line) -> list[_Made]:
    """`Zfqdn:mname:rname:ser:ref:ret:exp:min:ttl`."""
    times = [line.number(4 + index, default, 2**32 - 1) for index, default in enumerate(_TIMES)]
    serial = line.number(3, 0, 2**32 - 1)
    rdata = line.name(1) + line.name(2) + _four(serial) + b"".join(map(_four, times))
    return [(line.name(0), SOA, line.number(8, _SOA_TTL), rdata)]


def _mail(line: _Line) -> list[_Made]:
    """`@fqdn:ip:x:dist:ttl`."""
    owner = line.name(0)
    server = line.server(2, b"mx", owner)
    ttl = line.number(4, _TTL)
    number = line.address(1)
    made = [(owner, MX, ttl, line.number(3, 0, 65535).to_bytes(2, "big") + server)]
    return [*made, *([(server, A, ttl, _four(number))] if number is not None else [])]


def _text(line: _Line) -> list[_Made]:
    """`'fqdn:s:ttl`: strings of 127 bytes, as tinydns-data cuts them."""
    data = line.data(1)
    pieces = [data[at : at + 127] for at in range(0, len(data), 127)] or [b""]
    rdata = b"".join(bytes((len(piece),)) + piece for piece in pieces)
    if len(rdata) > 65535:
        raise _LineError("the text has more than 65535 bytes")
    return [(line.name(0), TXT, line.number(2, _TTL), rdata)]


def _generic(line: _Line) -> list[_Made]:
    """`:fqdn:n:rdata:ttl`."""
    rtype = line.number(1, 0, 65535)
    if not rtype or rtype in {NS, CNAME, PTR, SOA, MX, 41, *range(128, 256)}:
        raise _LineError(f"a record of type {rtype} cannot be written like this")
    data = line.data(2)
    try:
        rdata = parse_rdata(rtype, f"\\# {len(data)} {data.hex()}")
    except EntryError:
        raise _LineError(f"its {len(data)} bytes of data are not what a record of type {rtype} has") from None
    return [(line.name(0), rtype, line.number(3, _TTL), rdata)]


def _location(line: _Line) -> list[_Made]:
    """`%lo:ipprefix`: answers that depend on who asks."""
    raise _LineError(f"the location {quote(line.text(0))} cannot be kept: everybody is given the same answer")


# What makes the records of a line, and the index of its TTL, the last field before timestamp and location.
_LINES: Final[dict[str, tuple[Callable[[_Line], list[_Made]], int]]] = {
    "=": (_host, 2),
    "+": (_address, 2),
    "^": (_pointer, 2),
    "C": (_alias, 2),
    ".": (_own_server, 3),
    "&": (_server, 3),
    "Z": (_authority, 8),
    "@": (_mail, 4),
    "'": (_text, 2),
    ":": (_generic, 3),
    "%": (_location, 9),
}
