"""YAML as ptrd takes it: an event stream read into text, lists and tables, each with its line and column.

Every scalar is text. Anchors, aliases, merge keys and explicit tags are problems, and reading goes on behind them;
nothing is ever expanded, resolved or built by name. Nesting costs no Python stack.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from ptrd.records.model import Place, Problem
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

# PyYAML without libyaml is ten times slower and otherwise does the same.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_NULLS: Final = frozenset(("", "~", "null"))
_TEMPLATE: Final = re.compile(r":\s+\{[a-z]+\}")


class Text(NamedTuple):
    """A scalar. `offset` is where it begins in the file, in characters; line and column count from 1."""

    value: str
    style: str
    line: int
    column: int
    offset: int

    @property
    def is_null(self) -> bool:
        """Tell whether it is a plain `~`, `null` or nothing at all."""
        return not self.style and self.value in _NULLS


class Items(NamedTuple):
    """A sequence."""

    items: list[Node]
    line: int
    column: int


class Table(NamedTuple):
    """A mapping whose keys are text; nothing is known yet of duplicates."""

    pairs: list[tuple[Text, Node]]
    line: int
    column: int


Node = Text | Items | Table
Fields = dict[str, tuple[Text, Node]]


class Report:
    """Collects the problems of one file; knows its text, for what events do not tell."""

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.data = data
        self.problems: list[Problem] = []
        self.errors = 0

    @cached_property
    def source(self) -> str:
        """Give the file as text, by whose characters PyYAML counts; what cannot be decoded is replaced."""
        wide = self.data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        return self.data.decode("utf-16" if wide else "utf-8-sig", "replace")

    @cached_property
    def _newlines(self) -> int:
        return self.data.count(b"\n") + 1

    def place(self, node: Node) -> Place:
        """Give the place of a node."""
        return Place(self.file, node.line, node.column)

    def error(self, node: Node, message: str) -> None:
        """Add an error at a node."""
        self.add(Problem(self.place(node), message))

    def warn(self, node: Node, message: str) -> None:
        """Add a warning at a node."""
        self.add(Problem(self.place(node), message, warning=True))

    def add(self, problem: Problem) -> None:
        """Add a problem; one behind the end of the file, where YAML sees a last line break, is put at the end."""
        if problem.place.line > self._newlines:
            lines = _BREAK.split(self.source)
            if problem.place.line > len(lines):
                problem = problem._replace(place=Place(self.file, len(lines), len(lines[-1]) + 1))
        self.problems.append(problem)
        self.errors += not problem.warning


def read_events(data: bytes) -> Iterator[Any]:
    """Give PyYAML's events of a file; going on raises yaml.YAMLError where it is not YAML."""
    return iter(_LOADER(data).get_event, None)


def read_text(event: Any, report: Report) -> Text:  # noqa: ANN401 - PyYAML's events are untyped
    """Read a scalar event."""
    mark = event.start_mark
    text = Text(event.value, event.style or "", mark.line + 1, mark.column + 1, mark.index)
    if event.anchor is not None or event.tag is not None:
        refuse_properties(event, text, report)
    return text


def read_node(event: Any, events: Iterator[Any], report: Report) -> Node | None:  # noqa: ANN401 - untyped
    """Read the node that begins with an event, to its end. None stands for an alias, which is a problem."""
    stack: list[_Frame] = []
    while True:
        node: Node | None
        kind = event.__class__
        if kind is ScalarEvent:
            node = read_text(event, report)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            stack.append(_Frame(Table([], line, column) if kind is MappingStartEvent else Items([], line, column)))
            if event.anchor is not None or event.tag is not None:
                refuse_properties(event, stack[-1].node, report)
            event = next(events)
            continue
        elif kind is AliasEvent:
            refuse_alias(event, report)
            node = None
        else:
            node = stack.pop().node
        if not stack:
            return node
        stack[-1].take(node, report)
        event = next(events)


def read_key(node: Node | None, report: Report) -> Text | None:
    """Accept a node as a mapping's key; None when it cannot be one, which is a problem."""
    if node is None:
        return None
    if not isinstance(node, Text):
        report.error(node, "a key is text; a mapping or list cannot stand here")
        return None
    if node.value == "<<" and not node.style:
        report.error(node, "'<<' is a merge key, which is not allowed; write the keys out")
        return None
    return node


def admit(fields: Fields, key: Text, known: tuple[str, ...], report: Report) -> bool:
    """Tell whether a key is known and new among the fields; else report it."""
    name = key.value
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else "known here: " + ", ".join(known)
        report.error(key, f"unknown key {quote(name)}; {hint}")
        return False
    if name in fields:
        report.error(key, f"the key {name!r} stands twice, first in line {fields[name][0].line}; write it once")
        return False
    return True


def read_fields(table: Table, known: tuple[str, ...], report: Report) -> Fields:
    """Give a table's values by key; unknown and repeated keys are problems."""
    fields: Fields = {}
    for key, node in table.pairs:
        if admit(fields, key, known, report):
            fields[key.value] = key, node
    return fields


def refuse_alias(event: Any, report: Report) -> None:  # noqa: ANN401 - untyped
    """Report an alias."""
    mark = event.start_mark
    place = Place(report.file, mark.line + 1, mark.column + 1)
    report.add(Problem(place, f"{quote('*' + event.anchor)} is an alias, which is not allowed; write the value out"))


def block_place(text: Text, report: Report) -> tuple[Place, bool]:
    """Give where a scalar's first character stands, and whether its lines are lines of the file from there on.

    They are for a literal block (`|`): it begins in the line after its indicator, its column is its indentation.
    """
    if text.style != "|":
        return Place(report.file, text.line, text.column), False
    leading = next((number for number, line in enumerate(text.value.split("\n")) if line), 0)
    source = report.source
    at = text.offset
    for _ in range(leading + 1):
        found = _BREAK.search(source, at)
        if found is None:
            return Place(report.file, text.line, text.column), False
        at = found.end()
    spaces = len(source[at : at + 2000]) - len(source[at : at + 2000].lstrip(" "))
    own = text.value.lstrip("\n")
    return Place(report.file, text.line + 1, 1 + max(spaces - (len(own) - len(own.lstrip(" "))), 0)), True


def syntax_problem(error: yaml.YAMLError, report: Report) -> Problem:
    """Say where and why a file is not YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        before = report.data[: error.position]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"this is not YAML: {error.reason}; write UTF-8 text without control characters"
        return Problem(Place(report.file, line, column), message)
    began = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or began
    reason = getattr(error, "problem", None) or "it cannot be read"
    context = f" {found}" if (found := getattr(error, "context", None)) else ""
    if mark and began and mark.index >= len(report.source.rstrip()):
        mark = began  # what is never closed is put right where it was opened, not at the end of the file
    elif context and mark and began and began.line != mark.line:
        context += f" that begins in line {began.line + 1}"
    lines = _BREAK.split(report.source)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    return Problem(
        Place(report.file, line, column), f"this is not YAML: {reason}{context}; {_advice(reason, lines[line - 1])}"
    )


def _advice(reason: str, line: str) -> str:
    if _TEMPLATE.search(line):
        return 'put a template in quotes: "{ip}.dyn.example.net"'
    if "\t" in line and "token" in reason:
        return "indent with spaces, not with tabs"
    if "mapping values" in reason:
        return "put a text that holds ': ' in quotes, and begin each key in a line of its own"
    return "see that keys of one mapping begin in one column, and that brackets and quotes are closed"


class _Frame:
    """A table or list while its nodes come in."""

    __slots__ = ("at_value", "key", "node")

    def __init__(self, node: Items | Table) -> None:
        self.node = node
        self.key: Text | None = None
        self.at_value = False

    def take(self, node: Node | None, report: Report) -> None:
        if isinstance(self.node, Items):
            if node is not None:
                self.node.items.append(node)
        elif self.at_value:
            self.at_value = False
            if self.key is not None and node is not None:
                self.node.pairs.append((self.key, node))
        else:
            self.at_value = True
            self.key = read_key(node, report)


def refuse_properties(event: Any, node: Node, report: Report) -> None:  # noqa: ANN401 - untyped
    """Report an anchor or tag of an event."""
    if event.anchor is not None:
        report.error(node, f"{quote('&' + event.anchor)} is an anchor, which is not allowed; remove it")
    if event.tag is not None:
        report.error(node, f"the tag {quote(event.tag)} is not allowed: every value is text; remove it")
