r"""Whole master files (RFC 1035, 5): every record comes out, or a problem with its place.

$ORIGIN, $TTL (RFC 2308, 4), $INCLUDE and BIND's $GENERATE are obeyed; owners, parentheses, quotes, escapes and `\#`
(RFC 3597) are those of `records.masterfile`. Work and memory are bounded by the text's length and by `limit`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.records.foreign.generate import expand_generate
from ptrd.records.foreign.record import Fetch, Record
from ptrd.records.masterfile import Entry, EntryError, MasterReader
from ptrd.records.model import Place, Problem
from ptrd.records.values import quote
from ptrd.wire.names import NameError_, format_name, is_below, parse_name
from ptrd.wire.rrtypes import CNAME, DNAME, NS, PTR, SOA

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 1_000_000  # records that all $GENERATE of one import may make
MAX_DEPTH: Final = 20  # files that include each other
MAX_INCLUDES: Final = 1000  # files in all
NO_TTL: Final = 3600  # of a record that has none and before which no TTL stands

_NAMES: Final = frozenset({NS, CNAME, PTR, DNAME})
_ONE_WORD: Final = re.compile(r'[^\s"]+')
_FILE: Final = re.compile(r'\S+\s+("((?:\\.|[^"\\])*)"|\S+)')
_SPACE: Final = " \t\r\n"
_SOA_LINE: Final = re.compile(r"^([^\s;$\"()]+)[ \t](?:[^\n;\"()]{0,40}[ \t])?SOA\s", re.IGNORECASE | re.MULTILINE)
_ORIGIN_LINE: Final = re.compile(r"^\$ORIGIN[ \t]+([^\s;]+)", re.IGNORECASE | re.MULTILINE)


class _Import:
    """What all files of one zone share."""

    def __init__(self, zone: bytes, fetch: Fetch | None, limit: int) -> None:
        self.zone = zone
        self.fetch = fetch
        self.limit = limit
        self.left = limit
        self.includes = 0
        self.default_ttl: int | None = None  # of the last $TTL
        self.last_ttl: int | None = None
        self.records: list[Record] = []
        self.problems: list[Problem] = []


def read_master(
    text: str, origin: bytes, file: str, fetch: Fetch | None = None, *, limit: int = LIMIT
) -> tuple[list[Record], list[Problem]]:
    """Read a zone's master file.

    `origin` is the zone's name in lower case. `fetch` gives the files that $INCLUDE names; without it, that is an
    error. `limit` is how many records all $GENERATE may make. Records outside the zone are errors. A record without a
    TTL has that of the last $TTL, else that of the record before, else the SOA's minimum (RFC 1035, 5.1; RFC 2308, 4).
    """
    shared = _Import(origin, fetch, limit)
    _Reader(text, file, origin, shared, (file,)).read_all()
    return shared.records, shared.problems


def find_origin(text: str) -> bytes | None:
    """Give the zone that a text says it is: the owner of its SOA, where that and its $ORIGIN are absolute."""
    found = _SOA_LINE.search(text)
    if found is None:
        return None
    owner = found[1]
    before = _ORIGIN_LINE.findall(text, 0, found.start())
    if owner == "@" or not owner.endswith("."):
        if not before or not before[-1].endswith("."):
            return None
        owner = before[-1] if owner == "@" else f"{owner}.{before[-1]}"
    try:
        return parse_name(owner).lower()
    except NameError_:
        return None


class _Reader(MasterReader):
    """Reads one file of the zone."""

    def __init__(self, text: str, file: str, origin: bytes, shared: _Import, files: tuple[str, ...]) -> None:
        super().__init__(text, shared.zone, NO_TTL, Place(file, 1, 1), exact=True)
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.problems = shared.problems
        self.shared = shared
        self.files = files
        self.generating: Place | None = None
        self.entry = Entry(0, "")
        self.move_to(origin)

    def read_all(self) -> None:
        """Read every entry; what is wrong with one is told, and the next is read."""
        for entry in self.entries():
            try:
                self.read_entry(entry)
            except EntryError as error:
                self.problems.append(Problem(self.place_of(error.at), str(error)))

    def place_of(self, at: int) -> Place:
        """Give the place of a position; all that a $GENERATE makes stands where that does."""
        return self.generating or super().place_of(at)

    def read_entry(self, entry: Entry) -> None:
        """Read one entry; one that has no owner of its own is told when the owner before could not be read."""
        if entry.text[0] in _SPACE and self.has_owner and self.owner is None:
            at = entry.at + len(entry.text) - len(entry.text.lstrip(_SPACE))
            raise EntryError("the record belongs to an owner above that cannot be read; it is not imported", at)
        self.entry = entry
        super().read_entry(entry)

    def read_owner(self, token: str, at: int) -> bytes:
        """Read an owner, wherever it lies."""
        return self.read_name(token, at).lower()

    def admit_type(self, rtype: int, token: str, at: int) -> None:
        """Take every type: the zone that is made of the records decides."""

    def read_data(self, rtype: int, text: str) -> tuple[bytes, bytes]:
        """Read rdata; a lone name without dnspython, which takes ten times as long."""
        if rtype in _NAMES and _ONE_WORD.fullmatch(text) and not text.startswith("\\#"):
            name = self.read_name(text, 0)
            return name, name.lower()
        return super().read_data(rtype, text)

    def add(self, rtype: int, written: int | None, rdata: bytes, canonical: bytes, at: int) -> None:
        """Take a record that lies in the zone."""
        del canonical
        shared = self.shared
        owner = self.owner or b""
        place = self.place_of(at)
        ttl = written
        if ttl is None:
            ttl = shared.default_ttl
        if ttl is None:
            ttl = shared.last_ttl
        if ttl is None and rtype == SOA:
            ttl = shared.default_ttl = int.from_bytes(rdata[-4:], "big") & 0x7FFF_FFFF
        if ttl is None:
            ttl = NO_TTL
            message = f"no TTL is written here or above; {NO_TTL} is taken: write $TTL as the file's first line"
            self.problems.append(Problem(place, message, warning=True))
        shared.last_ttl = ttl
        if not is_below(owner, shared.zone):
            message = (
                f"{format_name(owner)} lies outside the zone {format_name(shared.zone)} and is not imported; import it "
                "with the zone that holds it (a name without a final dot is below $ORIGIN)"
            )
            self.problems.append(Problem(place, message))
            return
        shared.records.append(Record(owner, rtype, ttl, rdata, place))

    def read_directive(self, name: str, at: int, arguments: list[tuple[str, int]]) -> None:
        """Obey one of the four directives."""
        if name == "$INCLUDE":
            self.include(at, arguments)
        elif name == "$GENERATE":
            self.generate(at, arguments)
        else:
            super().read_directive(name, at, arguments)
            if name == "$TTL":
                self.shared.default_ttl = self.ttl

    def include(self, at: int, arguments: list[tuple[str, int]]) -> None:
        """Read another file in this place; origin and owner are as before behind it (RFC 1035, 5.1)."""
        shared = self.shared
        found = _FILE.match(self.entry.text)
        others = self.entry.text[found.end() :].split() if found else []
        if found is None or len(others) > 1:
            raise EntryError("write $INCLUDE and a file, and behind it a name for its $ORIGIN if need be", at)
        name = re.sub(r"\\(.)", r"\1", found[1] if found[2] is None else found[2])
        origin = self.read_name(others[0], arguments[-1][1]).lower() if others else self.origin
        if shared.fetch is None:
            raise EntryError(f"$INCLUDE {quote(name)}: there is no folder to find it in; write its records here", at)
        if len(self.files) >= MAX_DEPTH or shared.includes >= MAX_INCLUDES:
            raise EntryError(
                f"$INCLUDE {quote(name)} is not read: at most {MAX_DEPTH} files may include each other, and "
                f"{MAX_INCLUDES} be included; write the records here",
                at,
            )
        try:
            texts = shared.fetch(name, self.files[-1])
        except PtrdError as error:
            raise EntryError(f"$INCLUDE {quote(name)}: {error}", at) from None
        for path, text in texts:
            if path in self.files:
                raise EntryError(f"$INCLUDE {quote(name)}: the file includes itself; remove the line", at)
            shared.includes += 1
            _Reader(text, path, origin, shared, (*self.files, path)).read_all()

    def generate(self, at: int, arguments: list[tuple[str, int]]) -> None:
        """Make the records of a $GENERATE; the first that cannot be read ends it."""
        self.generating = self.place_of(at)
        owner, has_owner = self.owner, self.has_owner
        try:
            for line in self.lines_of(at, arguments):
                super().read_entry(Entry(at, line))
        except EntryError as error:
            raise EntryError(f"$GENERATE: {error}", at) from None
        finally:
            self.generating = None
            self.owner, self.has_owner = owner, has_owner

    def lines_of(self, at: int, arguments: list[tuple[str, int]]) -> Iterator[str]:
        """Write out the records of a $GENERATE, as many as are allowed."""
        rest = self.entry.text[arguments[1][1] - self.entry.at :] if len(arguments) > 3 else ""
        count, lines = expand_generate(arguments[0][0] if arguments else "", rest, at)
        if count > self.shared.left:
            raise EntryError(
                f"it makes {count} records, and at most {self.shared.limit} may be made in all; write a template for "
                "the range under `defaults` instead, or fewer records",
                at,
            )
        self.shared.left -= count
        return lines

    def move_to(self, origin: bytes) -> None:
        """Begin with this origin."""
        self.read_directive("$ORIGIN", 0, [(format_name(origin), 0)])
