"""What `ptrd verify` looks at: addresses with their names, one after the other, never all of them in memory.

An address comes once from what is managed, else from a zone file; a default name comes only where it is what is
answered.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.cli.exits import complain
from ptrd.engine.answer import DEFAULT, answer
from ptrd.records.cuts import owner_of
from ptrd.records.management import Address
from ptrd.records.model import Prefix
from ptrd.records.values import ValueText, format_prefix, parse_address, parse_host
from ptrd.snapshot.layout import NODE_CNAME, NODE_CUT, NODE_OCCLUDED
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from ptrd.cli.api import Api
    from ptrd.snapshot.view import Snapshot

_HIDDEN: Final = NODE_CNAME | NODE_CUT | NODE_OCCLUDED  # what is answered there is no PTR record
_COLUMNS: Final = ("address", "names")


class Item(NamedTuple):
    """An address and what it is called. `source` is managed, record, default, file or dns."""

    address: Address
    names: tuple[str, ...]
    source: str
    named: bool = False  # the command line asks for this very address
    remarks: tuple[str, ...] = ()  # on the address; where it has no names, why


def managed_records(api: Api, within: Prefix | None) -> Iterator[Item]:
    """Give the records that the running server manages, with what it answers for them."""
    query = {} if within is None else {"within": format_prefix(within)}
    for record in api.pages("ptrs", "records", **query):
        address, names = Address(*parse_address(record["address"])), tuple(record["served"])
        frozen = f"it is frozen ({record['reason']})" if record["status"].endswith("FREEZE") else "nothing is answered"
        why = f"{address} has no name, and mail servers refuse such an address: {frozen}"
        yield Item(address, names, "managed", remarks=() if names else (why,))


def zone_records(snapshot: Snapshot, within: Prefix | None, managed: Container[Address]) -> Iterator[Item]:
    """Give the PTR records of addresses in zone files, but for those that something managed replaces."""
    for zone in snapshot.zones:
        if zone.prefix is None or (within is not None and shared(zone.prefix, within) is None):
            continue
        for node in zone.walk():
            rrset = None if zone.flags(node) & _HIDDEN else zone.rrset(node, PTR)
            if rrset is None:
                continue
            owner = zone.relative_name(node) + zone.origin
            address = Address(zone.version, zone.address_at(owner, offsets_of(owner)))
            if address.number < 0 or snapshot.zone_of_address(*address) is not zone or address in managed:
                continue
            if within is None or within.contains(Prefix(*address, BITS[zone.version])):
                yield Item(address, _targets(rrset.records), "record")


def default_names(
    snapshot: Snapshot, within: Prefix | None, sample: int, managed: Container[Address]
) -> Iterator[Item]:
    """Give the default names of a few addresses of each range: the first, the last, and evenly spread."""
    for number in range(snapshot.range_count):
        prefix = snapshot.range(number).prefix
        span = prefix if within is None else shared(prefix, within)
        for place in places(span, sample) if span is not None else ():
            address = Address(prefix.version, place)
            zone = snapshot.zone_of_address(*address)
            if zone is None or address in managed:
                continue
            owner = owner_of(zone, *address)
            found = answer(snapshot, owner, offsets_of(owner), PTR)
            if found.source == DEFAULT and found.range == number:
                names = tuple(
                    format_name(rdata) for rrset in found.answer for _, _, rdata in split_records(rrset.records)
                )
                yield Item(address, names, "default")


def count_lines(path: Path) -> int | None:
    """Count the records of a CSV file; None, with each mistake on standard error, when it has any."""
    count = mistakes = 0
    for line, found in _read_lines(path):
        if isinstance(found, Item):
            count += 1
        else:
            complain(f"{path}:{line}: {found}")
            mistakes += 1
    return None if mistakes else count


def file_records(path: Path) -> Iterator[Item]:
    """Give the records of a CSV file that has no mistake."""
    for _, found in _read_lines(path):
        if isinstance(found, Item):
            yield found


def distinct(items: Iterable[Item]) -> Iterator[Item]:
    """Pass each name of each address on once, the first time."""
    seen: set[int] = set()
    for item in items:
        names = []
        for name in item.names:
            key = hash((item.address, name.lower()))
            if key not in seen:
                seen.add(key)
                names.append(name)
        if names or not item.names:
            yield item._replace(names=tuple(names))


def shared(one: Prefix, other: Prefix) -> Prefix | None:
    """Give the addresses that two prefixes both have, which are the longer one's or none."""
    if one.contains(other):
        return other
    return one if other.contains(one) else None


def places(prefix: Prefix, sample: int) -> Iterable[int]:
    """Give the numbers of at most `sample` addresses of a prefix, the first and the last among them."""
    last = prefix.last - prefix.number
    if last < sample:
        return range(prefix.number, prefix.last + 1)
    return [prefix.number + last * step // max(1, sample - 1) for step in range(sample)]


def _targets(records: bytes) -> tuple[str, ...]:
    return tuple(format_name(rdata) for _, _, rdata in split_records(records))


def _read_lines(path: Path) -> Iterator[tuple[int, Item | str]]:
    """Give each line with its record, or with what is wrong with it."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        columns: list[str] = []
        try:
            for row in reader:
                if not columns and any(row):
                    columns = [name.strip().lower() for name in row]
                    if not set(_COLUMNS) <= set(columns):
                        yield reader.line_num, "the first line names the columns, address and names among them"
                        return
                    if len(set(columns)) < len(columns):
                        yield reader.line_num, "a column stands twice in the first line; write each once"
                        return
                elif any(row):
                    yield reader.line_num, _read_row(columns, row)
        except csv.Error as error:
            yield reader.line_num, f"this is no CSV: {error}"
        except UnicodeDecodeError:
            yield reader.line_num + 1, "this is no text in UTF-8"
            return
    if not columns:
        yield 1, "the file is empty; its first line is address,names"


def _read_row(columns: list[str], row: list[str]) -> Item | str:
    if len(row) != len(columns):
        return f"the line has {len(row)} fields, not {len(columns)}"
    cells = dict(zip(columns, row, strict=True))
    try:
        address = Address(*parse_address(cells["address"].strip()))
        names = tuple(format_name(parse_host(text)) for text in cells["names"].split())
    except ValueText as error:
        return str(error)
    return Item(address, names, "file") if names else f"{address} has no names"
