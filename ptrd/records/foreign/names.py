"""Names of addresses out of simple lists: hosts files, CSV, and JSON of OpenStack, Designate and NetBox.

Each reader gives what it found and what it did not understand. A line that says nothing of names is passed over.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.foreign.record import Named, Record
from ptrd.records.masterfile import EntryError, parse_rdata
from ptrd.records.model import Place, Problem
from ptrd.records.values import ValueText, parse_address, parse_domain, parse_duration, parse_host, quote
from ptrd.wire.rrtypes import TypeNameError, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS_COLUMNS: Final = ("address", "ip", "ip address", "ip_address", "ipaddress")
_NAME_COLUMNS: Final = ("ptr", "name", "names", "dns_name", "dns name", "ptrdname", "hostname", "fqdn")
_TTL_COLUMNS: Final = ("ttl",)
_MACHINE: Final = re.compile(r"127\..*|::1|fe00::0?|ff0.*")  # what hosts files say of the machine itself
_RECORDS_TTL: Final = 3600
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_BETWEEN: Final = re.compile(r"[ \t\r\n,]*")

Names = tuple[list[Named], list[Problem]]


def read_hosts(text: str, file: str, domain: str = "") -> Names:
    """Read a hosts file: an address and its name; aliases, which no PTR leads to, are told.

    `domain` is put behind names without a dot. Several lines of one address are several names.
    """
    found: list[Named] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        place = Place(file, number, line.index(words[0]) + 1)
        if _MACHINE.fullmatch(words[0]):
            problems.append(Problem(place, f"{words[0]} is no address of a reverse zone; passed over", warning=True))
            continue
        if len(words) < 2:
            problems.append(Problem(place, f"{quote(words[0])} has no name; write one behind it"))
            continue
        name = words[1] if "." in words[1] or not domain else f"{words[1]}.{domain}"
        if "." not in name:
            problems.append(
                Problem(
                    place, f"{quote(words[1])} is no whole name; say --domain, or write one such as host.example.net"
                )
            )
            continue
        _add(words[0], name, None, place, found, problems)
        if len(words) > 2:
            aliases = " ".join(words[2:])
            message = f"{words[0]} has the aliases {quote(aliases)}, to which its PTR does not lead; they are left out"
            problems.append(Problem(place, message, warning=True))
    return found, problems


def read_csv(text: str, file: str) -> Names:
    """Read CSV (RFC 4180) with a line of column names: an address, a name, and perhaps a TTL.

    Without such a line the columns are just these. Several names stand in several lines, or with spaces between.
    """
    found: list[Named] = []
    problems: list[Problem] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: dict[str, int] | None = None
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            problems.append(Problem(Place(file, line, 1), f"this is no CSV: {error}"))
            continue
        if row is None:
            return found, problems
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns = _columns(row)
            if columns is not None:
                continue
            columns = {"address": 0, "name": 1, "ttl": 2}
        _read_row(row, columns, Place(file, line, 1), found, problems)


def _columns(row: list[str]) -> dict[str, int] | None:
    """Find the columns by their names; None where the row is no line of names."""
    names = [cell.strip().lower() for cell in row]
    columns = {}
    for column, known in (("address", _ADDRESS_COLUMNS), ("name", _NAME_COLUMNS), ("ttl", _TTL_COLUMNS)):
        at = next((names.index(name) for name in known if name in names), None)
        if at is not None:
            columns[column] = at
    return columns if {"address", "name"} <= columns.keys() else None


def _read_row(
    row: list[str], columns: dict[str, int], place: Place, found: list[Named], problems: list[Problem]
) -> None:
    cells = {column: row[at].strip() for column, at in columns.items() if at < len(row)}
    if not cells.get("address") or "name" not in cells:
        problems.append(Problem(place, f"the line {quote(','.join(row))} has no address and name; write both"))
        return
    ttl = None
    if cells.get("ttl"):
        try:
            ttl = parse_duration(cells["ttl"])
        except ValueText as error:
            problems.append(Problem(place, str(error)))
    address = cells["address"].partition("/")[0]  # as NetBox has it, with the length of its network
    names = cells["name"].split()
    if not names:
        problems.append(Problem(place, f"{address} has no name, so nothing is imported of it", warning=True))
    for name in names:
        _add(address, name, ttl, place, found, problems)


def read_netbox(text: str, file: str) -> Names:
    """Read IP addresses of NetBox: the JSON of its API, or its CSV."""
    if text.lstrip()[:1] not in {"[", "{"}:
        found, problems = read_csv(text, file)
        return found, [problem for problem in problems if not problem.warning]  # most addresses there have no name
    found, problems = [], []
    for place, item in _items(text, file, ("results",), problems):
        address, name = item.get("address"), item.get("dns_name")
        if isinstance(address, dict):
            address = address.get("address")
        if not isinstance(address, str) or not isinstance(name, str):
            problems.append(Problem(place, "this has no `address` and `dns_name`; export IP addresses from NetBox"))
        elif name:
            _add(address.partition("/")[0], name, None, place, found, problems)
    return found, problems


def read_openstack(text: str, file: str) -> tuple[list[Named], list[Record], list[Problem]]:
    """Read JSON of Designate: PTR records of floating IPs, or record sets, as API and command line give them."""
    named: list[Named] = []
    records: list[Record] = []
    problems: list[Problem] = []
    for place, item in _items(text, file, ("floatingips", "recordsets", "ptrs"), problems):
        values = {key.lower().replace(" ", "_"): value for key, value in item.items()}
        ttl = values.get("ttl")
        ttl = ttl if isinstance(ttl, int) and 0 <= ttl < 2**31 else None
        if "ptrdname" in values:
            name = values["ptrdname"]
            if "address" not in values:
                message = "the floating IP has no address here; fetch /v2/reverse/floatingips, which gives it"
                problems.append(Problem(place, message))
            elif name and isinstance(name, str):
                _add(str(values["address"]), name, ttl, place, named, problems)
        elif isinstance(values.get("name"), str) and isinstance(values.get("type"), str) and "records" in values:
            _add_set(values, _RECORDS_TTL if ttl is None else ttl, place, records, problems)
        else:
            message = "this is neither a floating IP's PTR nor a record set; export one of the two as JSON"
            problems.append(Problem(place, message))
    return named, records, problems


def _add_set(values: dict[str, Any], ttl: int, place: Place, records: list[Record], problems: list[Problem]) -> None:
    data = values["records"]
    texts = data.split("\n") if isinstance(data, str) else data if isinstance(data, list) else []
    for text in texts:
        try:
            rtype = type_of(values["type"])
            owner = parse_domain(values["name"]).lower()
            records.append(Record(owner, rtype, ttl, parse_rdata(rtype, str(text)), place))
        except (ValueText, EntryError, TypeNameError) as error:
            problems.append(Problem(place, f"{values['type']} of {quote(values['name'])} is not imported: {error}"))


def _items(
    text: str, file: str, lists: tuple[str, ...], problems: list[Problem]
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give the objects of a list, or of the list under one of these keys, each with the place where it begins."""
    start = _SPACE.match(text)
    at = start.end() if start else 0
    if text[at : at + 1] == "{":
        keys = "|".join(lists)
        found = re.search(rf'"(?:{keys})"\s*:\s*\[', text)
        at = found.end() - 1 if found else -1
    if at < 0 or text[at : at + 1] != "[":
        message = f"this is no list in JSON, nor an object with one under {' or '.join(lists)}"
        problems.append(Problem(Place(file, 1, 1), message))
        return
    decoder = json.JSONDecoder()
    line, begin, counted = 1, 0, 0
    at += 1
    while True:
        space = _BETWEEN.match(text, at)
        at = space.end() if space else at
        if "\n" in text[counted:at]:
            line += text.count("\n", counted, at)
            begin = text.rfind("\n", counted, at) + 1
        counted = at
        if text[at : at + 1] == "]":
            return
        place = Place(file, line, at - begin + 1)
        try:
            item, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is too deep or too long"
            problems.append(Problem(place, f"this is no JSON: {reason}; nothing behind it is read"))
            return
        if isinstance(item, dict):
            yield place, item
        else:
            problems.append(Problem(place, f"{quote(str(item))} is no object; nothing in it is imported"))


def _add(address: str, name: str, ttl: int | None, place: Place, found: list[Named], problems: list[Problem]) -> None:
    """Take one name of one address, or say what is wrong with it."""
    try:
        version, number = parse_address(address)
        found.append(Named(version, number, parse_host(name), ttl, place))
    except ValueText as error:
        problems.append(Problem(place, str(error)))
