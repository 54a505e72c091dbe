"""Master-file notation (RFC 1035, 5; RFC 3597) of `rrsets`: text in, RRsets and problems out, each with its place.

One entry that cannot be read never hides the next one. dnspython reads the rdata and nothing else; none of its
exceptions leaves this module.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ptrd.records.model import Place, Problem, RRset
from ptrd.records.values import MAX_TTL, ValueText, escape, quote
from ptrd.wire.names import NameError_, format_name, is_below, join_labels, labels_of, parse_name
from ptrd.wire.rrtypes import DS, NS, SOA

_PRESIGNED: Final = "ptrd does not serve presigned zones; leave the zone's keys, signatures and NSEC records out"
_TYPES_ELSEWHERE: Final = {
    SOA: "write the SOA under the zone's key `soa`",
    46: _PRESIGNED,  # RRSIG
    47: _PRESIGNED,  # NSEC
    48: _PRESIGNED,  # DNSKEY
    50: _PRESIGNED,  # NSEC3
    51: _PRESIGNED,  # NSEC3PARAM
}
_APEX_TYPES_ELSEWHERE: Final = {
    NS: "write the zone's own name servers under its key `ns`",
    DS: "the DS of a zone stands in its parent zone",
}
_DIRECTIVES_ELSEWHERE: Final = {
    "$INCLUDE": "write the records here, or name the other file under `zones` in ptrd.yaml",
    "$GENERATE": "write names for whole ranges under the key `defaults`, or write the records out",
}
_EXAMPLES: Final = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "ca.example.net"',
    "CNAME": "host.example.net.",
    "DNAME": "lab.example.net.",
    "DS": "KEYTAG ALGORITHM 2 DIGEST, with a digest of 64 hex digits",
    "MX": "10 mail.example.net.",
    "NS": "ns1.example.net.",
    "PTR": "host.example.net.",
    "SRV": "0 5 443 host.example.net.",
    "TXT": '"text"',
}

_SPACE: Final = " \t\r\n"
_TOKEN: Final = re.compile(r"(?:\\.|[^ \t\r\n\\])+|\\", re.DOTALL)
_PIECE: Final = re.compile(r';[^\n]*|"(?:\\[^\n]|[^"\\\n])*("?)|[()\n]|(?:\\[^\n]|[^;"()\n\\])+|\\')
_TTL: Final = re.compile(r"[0-9]+(?:[smhdw][0-9]+)*[smhdw]?", re.IGNORECASE | re.ASCII)
_TTL_PART: Final = re.compile(r"([0-9]+)([smhdw]?)", re.IGNORECASE | re.ASCII)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CLASSES: Final = re.compile(r"IN|CH|HS|CS|ANY|NONE|CLASS[0-9]+", re.IGNORECASE | re.ASCII)
_ABSOLUTE: Final = re.compile(r"(?:\\.|[^\\])*\.|\.", re.DOTALL)


class EntryError(ValueText):
    """An entry, or one record's data, cannot be read; `at` is where in the text."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


class Entry(NamedTuple):
    """One logical line: `text` begins at `at` of the block and has comments, parentheses and line ends blanked."""

    at: int
    text: str


class _Growing:
    """An RRset while its records come in; `rdatas` maps the canonical form (RFC 4034, 6.2) to the form as written."""

    __slots__ = ("place", "rdatas", "ttl")

    def __init__(self, ttl: int, place: Place) -> None:
        self.ttl = ttl
        self.place = place
        self.rdatas: dict[bytes, bytes] = {}


class _StrictAscii(dns.name.IDNACodec):
    """Refuses what is not ASCII: which A-label is meant is the operator's to say."""

    def encode(self, label: str) -> bytes:
        if label.isascii():
            return label.encode()
        raise ValueError(f"{label!r} is not ASCII; write the A-label (xn--...)")


_STRICT_ASCII: Final = _StrictAscii()  # type: ignore[no-untyped-call]


def parse_rrsets(
    text: str, origin: bytes, default_ttl: int, place: Place, *, exact: bool = True
) -> tuple[list[RRset], list[Problem]]:
    """Read the records of one zone.

    `origin` is in lower case. `place` is where the text's first character stands; its further lines begin in the same
    column. When not `exact` (a text whose lines are not lines of the file) everything is placed there. Records of one
    RRset share the lowest TTL, with a warning (RFC 2181, 5.2); equal records count once.
    """
    return MasterReader(text, origin, default_ttl, place, exact=exact).read()


def parse_rdata(rtype: int, text: str, origin: bytes = b"\0") -> bytes:
    """Read one record's data into uncompressed wire form, case as written. Raises EntryError."""
    return _parse_rdata(rtype, text, dns.name.from_wire(origin, 0)[0])[0]


def _parse_rdata(rtype: int, text: str, origin: dns.name.Name) -> tuple[bytes, bytes]:
    """Give the data as written and in canonical form."""
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.RdataType.make(rtype),
            text,
            origin,
            relativize=False,
            idna_codec=_STRICT_ASCII,
        )
        return rdata.to_wire() or b"", rdata.to_digestable()
    except Exception as error:  # noqa: BLE001 - a library's parser of operators' text: whatever it raises, the text is at fault
        name = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))
        reason = escape(str(error)) or type(error).__name__
        example = _EXAMPLES.get(name, "it as \\# with its length and hex digits (RFC 3597)")
        raise EntryError(
            f"the data of {name} {quote(text)} cannot be read: {reason.removesuffix('.')}; write {example}"
        ) from None


class MasterReader:
    """Reads one block; holds what later entries inherit: origin, TTL, owner. Whole master files build on it."""

    def __init__(self, text: str, origin: bytes, default_ttl: int, place: Place, *, exact: bool) -> None:
        self.text = text
        self.zone = origin
        self.place = place
        self.exact = exact
        self.ttl = default_ttl
        self.origin = origin
        self.origin_name = dns.name.from_wire(origin, 0)[0]
        self.owner: bytes | None = None
        self.has_owner = False
        self.line_starts = [0, *(found.end() for found in re.finditer("[\n\u2028\u2029]", text))] if exact else [0]
        self.problems: list[Problem] = []
        self.rrsets: dict[tuple[bytes, int], _Growing] = {}

    def read(self) -> tuple[list[RRset], list[Problem]]:
        """Read all entries."""
        for entry in self.entries():
            try:
                self.read_entry(entry)
            except EntryError as error:
                self.problems.append(Problem(self.place_of(error.at), str(error)))
        rrsets = [
            RRset(owner, rtype, rrset.ttl, tuple(rrset.rdatas.values()), rrset.place)
            for (owner, rtype), rrset in self.rrsets.items()
        ]
        return rrsets, self.problems

    def place_of(self, at: int) -> Place:
        """Give the place in the file of a position in the text."""
        if not self.exact:
            return self.place
        line = bisect_right(self.line_starts, at) - 1
        return Place(self.place.file, self.place.line + line, self.place.column + at - self.line_starts[line])

    def entries(self) -> list[Entry]:
        """Split the text into logical lines; an unfinished string or parenthesis is a problem here."""
        entries: list[Entry] = []
        parts: list[str] = []
        start = at = 0
        opened = -1  # where the outermost open parenthesis stands
        depth = 0
        broken = False

        def finish() -> None:
            text = "".join(parts)
            if not broken and text.strip(_SPACE):
                entries.append(Entry(start, text))
            parts.clear()

        for piece in _PIECE.finditer(self.text):
            found = piece[0]
            at = piece.start()
            if found == "\n" and not depth:
                finish()
                start = piece.end()
                broken = False
                continue
            kept = found
            if found == "(":
                opened = at if not depth else opened
                depth += 1
                kept = " "
            elif found == ")":
                if not depth:
                    self.problems.append(
                        Problem(self.place_of(at), "')' closes nothing; remove it or write '(' before")
                    )
                    broken = True
                depth = max(depth - 1, 0)
                kept = " "
            elif found[0] == '"' and not piece[1]:
                message = f"the string {quote(found)} has no end; close it with '\"' in the same line"
                self.problems.append(Problem(self.place_of(at), message))
                broken = True
            elif found[0] in "\n;":
                kept = " " * len(found)
            parts.append(kept)
        if depth:
            broken = True
            self.problems.append(Problem(self.place_of(opened), "'(' is never closed; write ')' after the record"))
        finish()
        return entries

    def read_entry(self, entry: Entry) -> None:
        """Read one directive or record."""
        tokens = [(found[0], entry.at + found.start()) for found in _TOKEN.finditer(entry.text)]
        end = entry.at + len(entry.text)
        first, at = tokens[0]
        if first[0] == "$" and entry.text[0] not in _SPACE:
            self.read_directive(first.upper(), at, tokens[1:])
            return
        fields = iter(tokens)
        if entry.text[0] not in _SPACE:
            next(fields)
            self.has_owner = True
            self.owner = None  # stays so when what follows raises: later lines without an owner are then not placed
            self.owner = self.read_owner(first, at)
        elif not self.has_owner:
            raise EntryError("the first record has no owner; begin its line with a name, or @ for the zone's own", at)
        ttl: int | None = None
        seen: set[str] = set()
        token, type_at = next(fields, ("", end))
        while True:
            if "ttl" not in seen and _TTL.fullmatch(token):
                seen.add("ttl")
                ttl = read_ttl(token, type_at)
            elif "class" not in seen and _CLASSES.fullmatch(token):
                seen.add("class")
                if token.upper() != "IN":
                    raise EntryError(f"the class {quote(token)} is not served; write IN, or no class", type_at)
            else:
                break
            token, type_at = next(fields, ("", end))
        rtype = self.read_type(token, type_at)
        _, rdata_at = next(fields, ("", end))
        try:
            rdata, canonical = self.read_data(rtype, entry.text[rdata_at - entry.at :].strip(_SPACE))
        except EntryError as error:
            raise EntryError(str(error), min(rdata_at, end)) from None
        if self.owner is not None:
            self.add(rtype, ttl, rdata, canonical, at)

    def read_data(self, rtype: int, text: str) -> tuple[bytes, bytes]:
        """Read a record's data, as written and in canonical form. Raises EntryError."""
        return _parse_rdata(rtype, text, self.origin_name)

    def add(self, rtype: int, written: int | None, rdata: bytes, canonical: bytes, at: int) -> None:
        """Put a record into its RRset; `written` is its TTL, None where it has none of its own."""
        owner = self.owner or b""
        ttl = self.ttl if written is None else written
        rrset = self.rrsets.get((owner, rtype))
        if rrset is None:
            rrset = self.rrsets[owner, rtype] = _Growing(ttl, self.place_of(at))
        elif rrset.ttl != ttl:
            name = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))
            lowest = min(ttl, rrset.ttl)
            message = (
                f"the TTL {ttl} differs from {rrset.ttl}, that of the other {name} records of {format_name(owner)}; "
                f"all get the lowest, {lowest}; write one TTL (RFC 2181, 5.2)"
            )
            self.problems.append(Problem(self.place_of(at), message, warning=True))
            rrset.ttl = lowest
        rrset.rdatas.setdefault(canonical, rdata)

    def read_directive(self, name: str, at: int, arguments: list[tuple[str, int]]) -> None:
        """Obey $TTL and $ORIGIN."""
        if name in _DIRECTIVES_ELSEWHERE:
            raise EntryError(f"{name} is not allowed here; {_DIRECTIVES_ELSEWHERE[name]}", at)
        if name not in {"$TTL", "$ORIGIN"}:
            raise EntryError(f"{quote(name)} is no directive; $TTL and $ORIGIN are known", at)
        if len(arguments) != 1:
            wanted = "one duration, such as 1h" if name == "$TTL" else "one name, such as lab.example.net."
            raise EntryError(f"{name} has {len(arguments)} arguments; write {wanted}", at)
        token, token_at = arguments[0]
        if name == "$TTL":
            self.ttl = read_ttl(token, token_at)
        else:
            self.origin = self.read_name(token, token_at)
            self.origin_name = dns.name.from_wire(self.origin, 0)[0]

    def read_owner(self, token: str, at: int) -> bytes:
        """Read an owner, in lower case. Raises EntryError for one outside the zone."""
        owner = self.read_name(token, at).lower()
        if is_below(owner, self.zone):
            return owner
        hint = " (a name with a final dot is absolute, one without is below $ORIGIN)"
        raise EntryError(
            f"the owner {quote(token)} is {format_name(owner)}, outside the zone {format_name(self.zone)}; write it in "
            f"the zone that holds it{hint}",
            at,
        )

    def read_name(self, token: str, at: int) -> bytes:
        """Read a name as master files have it: `@`, absolute with a final dot, else relative to the origin."""
        if token == "@":  # noqa: S105 - a token of the text
            return self.origin
        if '"' in token:
            raise EntryError(f"{quote(token)} is no name: it is in quotes", at)
        try:
            name = parse_name(token)
            return name if _ABSOLUTE.fullmatch(token) else join_labels(labels_of(name) + labels_of(self.origin))
        except NameError_ as error:
            raise EntryError(f"{quote(token)} is no name: {error}", at) from None

    def read_type(self, token: str, at: int) -> int:
        """Read the type of a record. Raises EntryError."""
        if not token:
            raise EntryError('the record has no type; write NAME [TTL] [IN] TYPE DATA, such as: @ IN TXT "text"', at)
        try:
            rtype = int(dns.rdatatype.from_text(token)) if token.isascii() else 0
        except (dns.exception.DNSException, ValueError):
            rtype = 0
        if not rtype:
            raise EntryError(f"{quote(token)} is no record type; write one such as PTR, TXT or TYPE65280", at)
        if dns.rdatatype.is_metatype(dns.rdatatype.RdataType.make(rtype)):
            raise EntryError(f"{token} is a type of questions and messages, not of records; remove the record", at)
        self.admit_type(rtype, token, at)
        return rtype

    def admit_type(self, rtype: int, token: str, at: int) -> None:
        """Refuse a type that is written elsewhere. Raises EntryError."""
        if rtype in _TYPES_ELSEWHERE:
            raise EntryError(f"{token} is not allowed here; {_TYPES_ELSEWHERE[rtype]}", at)
        if self.owner == self.zone and rtype in _APEX_TYPES_ELSEWHERE:
            raise EntryError(f"{token} at the zone's own name is not allowed here; {_APEX_TYPES_ELSEWHERE[rtype]}", at)


def read_ttl(token: str, at: int) -> int:
    """Read a TTL, as seconds or with units, `1h30m` among them. Raises EntryError."""
    if not _TTL.fullmatch(token):
        raise EntryError(f"{quote(token)} is no TTL; write seconds, or numbers with units: 30s, 5m, 1h, 1d, 2w", at)
    total = 0
    for digits, unit in _TTL_PART.findall(token):
        significant = digits.lstrip("0") or "0"
        total = MAX_TTL + 1 if len(significant) > 10 else total + int(significant) * _UNITS[unit.lower()]
        if total > MAX_TTL:
            raise EntryError(f"the TTL {quote(token)} is too large; at most {MAX_TTL} seconds are allowed", at)
    return total
