"""The `records` mapping: a million `address: name` pairs from the event stream into PtrRecord tuples.

The loop of `read_records` takes the ordinary pair and nothing else; what it does not recognize is read again by the
plain rules, so that it decides nothing. Addresses of both versions are kept apart, since the zone's own may be written
further down.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from operator import lt
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, Any, Final

from yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from ptrd.records.model import Place, Problem, PtrRecord
from ptrd.records.values import ValueText, format_address, parse_address, parse_duration
from ptrd.store.nodevalues import is_null, read_hosts, read_value
from ptrd.store.recordlines import LENGTH_BYTES, RecordLines, Suffixes
from ptrd.store.yamlevents import Node, Report, Table, Text, read_fields, read_key, read_node

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS: Final = ("ptr", "ttl")
_ORDINARY_KEYS: Final = (["ptr"], ["ptr", "ttl"], ["ttl", "ptr"])
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_COLLECTIONS: Final = frozenset((MappingStartEvent, SequenceStartEvent))
_ENDS: Final = frozenset((MappingEndEvent, SequenceEndEvent))


class RecordTable:
    """The records of one zone document by address version, as written and unchecked against the zone."""

    def __init__(self, ttl: int) -> None:
        self.ttl = ttl  # of records that give none
        self.records: dict[int, list[PtrRecord]] = {4: [], 6: []}
        self.own_ttl: set[tuple[int, int]] = set()  # (version, number) of records that give one
        self.unread: list[tuple[int, int, Text]] = []  # (version, number, key) of records whose value was refused

    def of_version(self, version: int, ttl: int) -> list[PtrRecord]:
        """Give the records of one version, `ttl` being that of those that give none."""
        records = self.records[version]
        if ttl == self.ttl:
            return records
        own = self.own_ttl
        return [record if own and (version, record.number) in own else record._replace(ttl=ttl) for record in records]

    def __bool__(self) -> bool:
        return bool(self.records[4] or self.records[6] or self.unread)


def read_records(events: Iterator[Any], report: Report, ttl: int, lines: RecordLines) -> RecordTable:
    """Read the pairs of a mapping, to its end; `ttl` is what the zone's records have as far as is known now.

    `lines` has those that were taken out of the file. Raises NotOrdinaryError.
    """
    table = RecordTable(ttl)
    untaken = lines.untaken
    add4 = table.records[4].append
    add6 = table.records[6].append
    suffixes = Suffixes()
    is_label = _LABEL.fullmatch
    number_of = int.from_bytes
    make = tuple.__new__
    scalar: Any = ScalarEvent
    for key in events:
        if key.__class__ is not scalar:
            if key.__class__ is MappingEndEvent:
                break
            _read_pair(key, None, events, table, report)
            continue
        value = next(events)
        if (
            value.__class__ is scalar
            and key.tag is None
            and key.anchor is None
            and value.tag is None
            and value.anchor is None
        ):
            head, _, tail = value.value.partition(".")
            suffix = suffixes[tail]
            if suffix is not None and is_label(head):
                address = key.value
                mark = key.start_mark
                try:
                    if ":" in address:
                        number = number_of(inet_pton(AF_INET6, address))
                        add = add6
                    else:
                        number = number_of(inet_pton(AF_INET, address))
                        add = add4
                except (OSError, ValueError):
                    pass
                else:
                    target = LENGTH_BYTES[len(head)] + head.encode() + suffix
                    line = mark.line
                    add(make(PtrRecord, (number, ttl, (target,), line + 1, mark.column + 1)))
                    if line in untaken and value.start_mark.line == value.end_mark.line == line:
                        lines.take(line, mark.column, ttl, {4: add4, 6: add6}, suffixes)
                    continue
        elif value.__class__ in _COLLECTIONS:
            nested = _collect(value, events)
            if _read_nested(key, nested, suffixes, table):
                continue
            _read_pair(key, None, chain(nested, events), table, report)
            continue
        _read_pair(key, value, events, table, report)
    _refuse_repeated(table, report)
    return table


def _collect(event: Any, events: Iterator[Any]) -> list[Any]:  # noqa: ANN401 - untyped
    """Give the events of a collection, from its first one to its last."""
    nested = [event]
    depth = 1
    while depth:
        event = next(events)
        nested.append(event)
        depth += (event.__class__ in _COLLECTIONS) - (event.__class__ in _ENDS)
    return nested


def _read_nested(key: Any, nested: list[Any], suffixes: Suffixes, table: RecordTable) -> bool:  # noqa: ANN401 - untyped
    """Take an ordinary `[name, name]` or `{ptr: name, ttl: 5m}`; tell whether it was one."""
    first = nested[0]
    if key.tag is not None or key.anchor is not None or first.tag is not None or first.anchor is not None:
        return False
    texts = []
    for event in nested[1:-1]:
        if event.__class__ is not ScalarEvent or event.tag is not None or event.anchor is not None:
            return False
        texts.append(event.value)
    ttl = None
    if first.__class__ is MappingStartEvent:
        if texts[0::2] not in _ORDINARY_KEYS:
            return False
        fields = dict(zip(texts[0::2], texts[1::2], strict=True))
        texts = [fields["ptr"]]
        ttl = fields.get("ttl")
    targets = []
    for text in texts:
        head, _, tail = text.partition(".")
        suffix = suffixes[tail]
        if suffix is None or not _LABEL.fullmatch(head):
            return False
        targets.append(LENGTH_BYTES[len(head)] + head.encode() + suffix)
    if not targets or (len(targets) > 1 and len({target.lower() for target in targets}) < len(targets)):
        return False
    try:
        seconds = table.ttl if ttl is None else parse_duration(ttl)
        version = 6 if ":" in key.value else 4
        number = int.from_bytes(inet_pton(AF_INET6 if version == 6 else AF_INET, key.value))
    except (OSError, ValueError, ValueText):
        return False
    if ttl is not None:
        table.own_ttl.add((version, number))
    mark = key.start_mark
    table.records[version].append(PtrRecord(number, seconds, tuple(targets), mark.line + 1, mark.column + 1))
    return True


def _read_pair(
    key_event: Any,  # noqa: ANN401 - PyYAML's events are untyped
    value_event: Any,  # noqa: ANN401 - the same; None when it is not read yet
    events: Iterator[Any],
    table: RecordTable,
    report: Report,
) -> None:
    """Read one pair by the plain rules."""
    key = read_key(read_node(key_event, events, report), report)
    node = read_node(next(events) if value_event is None else value_event, events, report)
    if key is None:  # reported already
        return
    address = None
    try:
        address = parse_address(key.value)
    except ValueText as error:
        report.error(key, str(error))
    if node is None:  # an alias, reported already
        return
    value = _read_value(node, report)
    if address is None:
        return
    version, number = address
    if value is None:
        table.unread.append((version, number, key))
        return
    targets, ttl = value
    if ttl is None:
        ttl = table.ttl
    else:
        table.own_ttl.add(address)
    table.records[version].append(PtrRecord(number, ttl, targets, key.line, key.column))


def _read_value(node: Node, report: Report) -> tuple[tuple[bytes, ...], int | None] | None:
    """Read the targets and the TTL, if any, of one record."""
    ttl = None
    errors = report.errors
    if isinstance(node, Table):
        fields = read_fields(node, _KEYS, report)
        if "ttl" in fields and not is_null(fields["ttl"][1]):
            ttl = read_value(fields["ttl"][1], "the TTL", parse_duration, report)
        if "ptr" not in fields:
            report.error(node, "a record needs its name; write {ptr: host.example.net, ttl: 5m}")
            return None
        node = fields["ptr"][1]
    targets = [target for _, target in read_hosts(node, "PTR target", report, pointers=True)]
    return (tuple(targets), ttl) if targets and report.errors == errors else None


def _refuse_repeated(table: RecordTable, report: Report) -> None:
    """Report each address that stands more than once."""
    for version, records in table.records.items():
        unread = [(key.line, key.column, number) for at, number, key in table.unread if at == version]
        numbers = [record[0] for record in records]
        if not unread and (all(map(lt, numbers, islice(numbers, 1, None))) or len(set(numbers)) == len(numbers)):
            continue  # in order, as most generators write them, or at least all different
        first: dict[int, tuple[int, int]] = {}
        for line, column, number in sorted(
            [(record.line, record.column, record.number) for record in records] + unread
        ):
            place = first.setdefault(number, (line, column))
            if place != (line, column):
                message = (
                    f"the address {format_address(version, number)} stands twice, first in line {place[0]}; write it "
                    "once, several names as a list"
                )
                report.add(Problem(Place(report.file, line, column), message))
