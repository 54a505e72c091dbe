"""Two versions of a zone, record by record: what the first has and the second lacks, and the other way round.

Records are compared as RFC 4034, 6.2 has it: names without regard to case, data in its canonical form, the TTL too. Of
the SOA the serial is noted and not counted. Memory holds the first version in its shortest form, and what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ptrd.cli.diff import say
from ptrd.cli.forms import spell_default, spell_rdata
from ptrd.records.received import Record
from ptrd.records.values import format_prefix
from ptrd.wire.names import format_name, sort_key
from ptrd.wire.rrtypes import AAAA, CNAME, DNAME, MX, NS, PTR, SOA, SRV, TXT, A, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ptrd.records.model import Zone

_NAMES_AFTER: Final = {PTR: 0, NS: 0, CNAME: 0, DNAME: 0, MX: 2, SRV: 6}  # bytes, and then a name to the end
_OPAQUE: Final = frozenset((A, AAAA, TXT))
_SERIAL: Final = slice(-20, -16)  # in an SOA's data


class Version(NamedTuple):
    """One version of the zone `origin`; `zone` has ranges with templates, where they are to be compared."""

    origin: bytes
    records: Iterable[Record]
    zone: Zone | None


class Changes(NamedTuple):
    """What differs, in canonical order. Ranges are as text; serials are those of the first and the second version."""

    removed: list[Record]
    added: list[Record]
    removed_ranges: list[str]
    added_ranges: list[str]
    serials: tuple[int | None, int | None]

    @property
    def number(self) -> int:
        """Count the differences."""
        return len(self.removed) + len(self.added) + len(self.removed_ranges) + len(self.added_ranges)


def compare(old: Version, new: Version) -> Changes:
    """Compare two versions of one zone."""
    serials: list[int | None] = [None, None]
    packed = dict.fromkeys(_pack_all(old.records, serials, 0), False)  # and whether the second has it too
    added: set[bytes] = set()
    for one in _pack_all(new.records, serials, 1):
        if one in packed:
            packed[one] = True
        else:
            added.add(one)
    ranges = [_ranges(version.zone) for version in (old, new)]
    both = set(ranges[0]) & set(ranges[1])
    return Changes(
        _unpack_all(one for one, is_kept in packed.items() if not is_kept),
        _unpack_all(added),
        [line for line in ranges[0] if line not in both],
        [line for line in ranges[1] if line not in both],
        (serials[0], serials[1]),
    )


def print_changes(changes: Changes, old: str, new: str) -> None:
    """Print the differences as lines that begin with - or +, by name, and a summary."""
    if changes.number:
        say("-", f"--- {old}")
        say("+", f"+++ {new}")
    for kind, lines in (("-", changes.removed_ranges), ("+", changes.added_ranges)):
        for line in lines:
            say(kind, f"{kind} {line}")
    marked = [(sort_key(one.owner), one.rtype, kind, one) for kind in "-+" for one in _of(changes, kind)]
    for _, _, kind, record in sorted(marked, key=lambda item: (*item[:2], item[2] == "+")):
        say(kind, f"{kind} {_spell(record)}")
    say(" ", summary(changes))


def summary(changes: Changes) -> str:
    """Give the sentence that a person wants first."""
    told = []
    for many, what in (
        (len(changes.removed), "record{} removed"),
        (len(changes.added), "record{} added"),
        (len(changes.removed_ranges), "range{} removed"),
        (len(changes.added_ranges), "range{} added"),
    ):
        told += [f"{many} {what.format('' if many == 1 else 's')}"] if many else []
    text = ", ".join(told) or "no differences"
    old, new = changes.serials
    if old != new:
        text += f"; the serials, {_serial(old)} and {_serial(new)}, are not counted"
    return text


def as_json(changes: Changes) -> dict[str, Any]:
    """Give the differences for programs."""
    return {
        "same": not changes.number,
        "removed": [_row(record) for record in changes.removed],
        "added": [_row(record) for record in changes.added],
        "removed_ranges": changes.removed_ranges,
        "added_ranges": changes.added_ranges,
        "serials": list(changes.serials),
        "summary": summary(changes),
    }


def _of(changes: Changes, kind: str) -> list[Record]:
    return changes.removed if kind == "-" else changes.added


def _pack_all(records: Iterable[Record], serials: list[int | None], side: int) -> Iterator[bytes]:
    """Give each record as bytes that are equal when the records are; the SOA's serial is put aside."""
    for owner, rtype, ttl, rdata, *_ in records:
        canonical = _canonical(rtype, rdata)
        if rtype == SOA:
            serials[side] = int.from_bytes(canonical[_SERIAL], "big")
            canonical = canonical[:-20] + bytes(4) + canonical[-16:]
        yield b"".join((owner, rtype.to_bytes(2, "big"), ttl.to_bytes(4, "big"), canonical))


def _unpack_all(packed: Iterable[bytes]) -> list[Record]:
    found = []
    for one in packed:
        at = 0
        while one[at]:
            at += one[at] + 1
        at += 1
        numbers = int.from_bytes(one[at : at + 2], "big"), int.from_bytes(one[at + 2 : at + 6], "big")
        found.append(Record(one[:at], *numbers, one[at + 6 :]))
    return sorted(found, key=lambda record: (sort_key(record.owner), record.rtype, record.rdata))


def _canonical(rtype: int, rdata: bytes) -> bytes:
    before = _NAMES_AFTER.get(rtype)
    if before is not None:
        return rdata[:before] + rdata[before:].lower()
    if rtype in _OPAQUE:
        return rdata
    try:
        kind = dns.rdatatype.RdataType.make(rtype)
        return dns.rdata.from_wire(dns.rdataclass.IN, kind, rdata, 0, len(rdata)).to_digestable()
    except (dns.exception.DNSException, ValueError):
        return rdata


def _ranges(zone: Zone | None) -> list[str]:
    if zone is None:
        return []
    lines = [spell_default(item) for item in sorted(zone.defaults, key=lambda item: item.prefix)]
    return lines + [f"forward {format_prefix(prefix)}" for prefix, _ in sorted(zone.forward)]


def _spell(record: Record) -> str:
    return f"{format_name(record.owner)} {record.ttl} IN {name_of(record.rtype)} {_data(record)}"


def _data(record: Record) -> str:
    text = spell_rdata(record)
    if record.rtype != SOA:
        return text
    words = text.split(" ")  # the names cannot hold a space
    return " ".join([*words[:2], "SERIAL", *words[3:]])


def _row(record: Record) -> dict[str, Any]:
    return {
        "owner": format_name(record.owner),
        "ttl": record.ttl,
        "type": name_of(record.rtype),
        "data": _data(record),
    }


def _serial(serial: int | None) -> str:
    return "none" if serial is None else str(serial)
