"""From the text of ptrd.yaml to the value of each key.

Every problem of the file is found at once, each with its line and column. What is not written has a default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from ptrd import PtrdError
from ptrd.config.keys import KEYS
from ptrd.control.options import HttpOptions
from ptrd.records.access import VERDICTS
from ptrd.records.model import Prefix, Problem
from ptrd.records.values import (
    ValueText,
    quote,
)
from ptrd.store.yamlevents import (
    Items,
    Node,
    Report,
    Table,
    Text,
    read_events,
    read_fields,
    read_node,
    syntax_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConfigError(PtrdError):
    """ptrd.yaml cannot be used; the text is every problem, one a line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


_TLS_EXAMPLE: Final = 'write for example tls: {listen: ["192.0.2.53:853"], certificate: chain.pem, key: key.pem}'
_HTTP_EXAMPLE: Final = "write for example http: {listen: 192.0.2.53:443, certificate: chain.pem, key: key.pem}"
_GROUPS: Final = tuple(dict.fromkeys(name.partition(".")[0] for name in KEYS if "." in name))


def read_values(report: Report) -> dict[str, Any]:
    """Read the value of each key, its default where it is not written. Raises ConfigError with all that is wrong."""
    reader = _Reader(report)
    root = _read_document(report)
    if root is not None:
        reader.read_group("", root)
    if report.problems:
        raise ConfigError(sorted(report.problems))
    return reader.values


def _read_document(report: Report) -> Node | None:
    """Read the one document of the file; None where there is none, or only an alias."""
    node: Node | None = None
    documents = 0
    events = read_events(report.data)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                found = read_node(next(events), events, report)
                documents += 1
                if documents == 1:
                    node = found
                elif documents == 2 and found is not None:
                    report.error(found, "a second document begins here; a configuration is one document")
    except yaml.YAMLError as error:
        report.add(syntax_problem(error, report))
        return None
    return node


class _Reader:
    """Collects values while it walks over the file; `values` begins with the defaults."""

    def __init__(self, report: Report) -> None:
        self.values: dict[str, Any] = {name: key.default for name, key in KEYS.items()}
        self._report = report

    def read_group(self, group: str, node: Node) -> None:
        """Read the keys of a mapping; `group` is empty at the top, else the part of its keys' names before the dot."""
        own = {name.rpartition(".")[2]: name for name in KEYS if name.rpartition(".")[0] == group}
        if isinstance(node, Text) and node.is_null:  # as if `~` stood at each of its keys
            self.values |= {name: None for name in own.values() if group and KEYS[name].optional}
            return
        if not isinstance(node, Table):
            where = f"{group} is" if group else "a configuration is"
            self._report.error(node, f"{where} a mapping, not {_shape(node)}; write for example {_spell(group, own)}")
            return
        known = (*own, *_GROUPS) if not group else tuple(own)
        fields = read_fields(node, known, self._report).values()
        for key, value in fields:
            if key.value in own:
                self._read_key(own[key.value], value)
            else:
                self.read_group(key.value, value)
        written = [key.value for key, value in fields if not _is_empty(value)]
        if group == "tls":
            self._check_together(node, group, own, written, _TLS_EXAMPLE)
        elif group == "http":
            self._check_together(node, group, ("certificate", "key"), written, _HTTP_EXAMPLE)
            self._check_http(node)

    def _check_together(self, node: Node, group: str, names: Iterable[str], written: list[str], example: str) -> None:
        """Report keys that are missing although others of them are written."""
        missing = [f"`{name}`" for name in names if name not in written]
        if missing and any(name in written for name in names):
            self._report.error(node, f"{group}: {' and '.join(missing)} must stand here too; {example}")

    def _check_http(self, node: Node) -> None:
        """Report HTTP without TLS on an address that others can reach, unless it is said that this is meant."""
        values = self.values
        listen = values["http.listen"]
        if listen is None or values["http.certificate"] or values["http.without_tls"] == "yes":
            return
        if not HttpOptions(*listen).is_loopback:
            self._report.error(
                node,
                f"http: {listen[0]} can be reached from elsewhere, and without TLS everybody on the way reads tokens; "
                "write `certificate` and `key`, or `without_tls: yes` when something else encrypts, or listen on "
                "127.0.0.1",
            )

    def _read_key(self, name: str, node: Node) -> None:
        key = KEYS[name]
        if isinstance(node, Text) and node.is_null and key.optional:
            self.values[name] = None
        elif key.read_node is not None:
            self.values[name] = key.read_node(node, self._report)
        elif key.many:
            if isinstance(node, Text) and not node.is_null:
                self.values[name] = self._read_items(name, [node])
            elif isinstance(node, Items) and (node.items or key.optional):
                self.values[name] = self._read_items(name, node.items)
            else:
                wrong = "an empty list" if isinstance(node, Items) else _shape(node)
                self._report.error(node, f"{name} is a list, not {wrong}; write for example {_example(name)}")
        else:
            found = self._read_items(name, [node])
            if found:
                self.values[name] = found[0]

    def _read_items(self, name: str, nodes: list[Node]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if not isinstance(node, Text) or node.is_null:
                self._report.error(node, f"{name} is text, not {_shape(node)}; write for example {_example(name)}")
                continue
            try:
                value = KEYS[name].read(node.value)
            except ValueText as error:
                self._report.error(node, f"{name}: {error}")
                continue
            if value in found:
                self._report.error(node, f"{name}: {_quote(name, node)} stands here twice; write it once")
            elif name == "extended_errors" and found and {"all", "none"} & {value, *found}:
                self._report.error(node, "extended_errors: all and none stand alone; write one of them, or prefixes")
            elif name == "notify.source" and any((":" in value) == (":" in other) for other in found):
                self._report.error(node, "notify.source: this is the second address of its family; write one of each")
            elif isinstance(value, Prefix) and name.startswith("access."):
                self._check_prefix(name, value, node)
            found.append(value)
        return found

    def _check_prefix(self, name: str, prefix: Prefix, node: Text) -> None:
        """Report a prefix of access lists that stands in two of them."""
        for other in (f"access.{verdict}" for verdict in VERDICTS):
            if other != name and prefix in (self.values[other] or ()):
                self._report.error(node, f"{name}: {quote(node.value)} stands in {other} too; write it once")


def _quote(name: str, node: Text) -> str:
    return "a secret" if name == "cookies.secrets" else quote(node.value)


def _is_empty(node: Node) -> bool:
    return (isinstance(node, Text) and node.is_null) or (isinstance(node, Items) and not node.items)


def _shape(node: Node) -> str:
    if isinstance(node, Text):
        return "nothing" if node.is_null else "one value"
    return "a list" if isinstance(node, Items) else "a mapping"


def _example(name: str) -> str:
    return f"{name.rpartition('.')[2]}: {KEYS[name].example}"


def _spell(group: str, own: dict[str, str]) -> str:
    first = _example(next(iter(own.values())))
    return f"{group}: {{{first}}}" if group else first
