"""Records as text: CSV and YAML files of them, written so that they can be read back and change nothing.

Every mistake of a file is found before anything is sent. What stands in a file is text: YAML guesses no types.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from ptrd.records.values import ValueText, format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = ("address", "names", "ttl", "description", "tags")
_REQUIRED: Final = ("address", "names")


class Wanted(NamedTuple):
    """One record that a file wants: the line that says so, and the body of the operation."""

    line: int
    body: dict[str, Any]


class Mistake(NamedTuple):
    """What is wrong with a line."""

    line: int
    sentence: str


class _MistakeError(Exception):
    """What is wrong with one record."""


def read_csv(text: str) -> tuple[list[Wanted], list[Mistake]]:
    """Read lines of CSV below a line with the names of their columns; a column that is not there changes nothing."""
    reader = csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(row)]
    except csv.Error as error:
        return [], [Mistake(reader.line_num, f"this is no CSV: {error}")]
    if not rows:
        return [], [Mistake(1, f"the file is empty; its first line is {','.join(COLUMNS)}")]
    columns = [name.strip().lower() for name in rows[0][1]]
    try:
        _check_keys(columns)
    except _MistakeError as error:
        return [], [Mistake(rows[0][0], f"{error}; the first line names the columns: {','.join(COLUMNS)}")]
    found: list[tuple[int, dict[str, Any] | str]] = []
    for line, row in rows[1:]:
        if len(row) == len(columns):
            cells = dict(zip(columns, row, strict=True))
            tags = _read_tags(cells["tags"]) if "tags" in cells else None
            found.append((line, {**cells, "names": cells["names"].split(), "tags": tags}))
        else:
            found.append((line, f"the line has {len(row)} fields, not {len(columns)}"))
    return _read_all(found)


def read_yaml(text: str) -> tuple[list[Wanted], list[Mistake]]:
    """Read a YAML (or JSON) list of mappings; a key that is not there changes nothing."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        return [], [Mistake(line, f"this is no YAML: {error.problem}")]
    except (yaml.YAMLError, RecursionError) as error:
        return [], [Mistake(1, f"this is no YAML: {error}")]
    if not isinstance(root, yaml.SequenceNode):
        return [], [Mistake(1, "the file is a list of records, each with address and names")]
    read: list[tuple[int, dict[str, Any] | str]] = []
    for node in root.value:
        try:
            read.append((node.start_mark.line + 1, _read_node(node)))
        except _MistakeError as error:
            read.append((node.start_mark.line + 1, str(error)))
    return _read_all(read)


def written(record: dict[str, Any]) -> dict[str, Any]:
    """Give what a file says of a record."""
    return {column: record[column] for column in COLUMNS}


def _read_node(node: yaml.Node) -> dict[str, Any]:
    fields = _mapping(node, "a record")
    _check_keys(list(fields))
    names = fields["names"]
    read: dict[str, Any] = {"names": _texts(names)}
    for key, value in fields.items():
        if key == "tags":
            read[key] = {name: _text(item, "a tag") for name, item in _mapping(value, "tags").items()}
        elif key != "names":
            read[key] = _text(value, key)
    return read


def _mapping(node: yaml.Node, what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _MistakeError(f"{what}: this is no mapping; write keys and values")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key, "a key")
        if name in found:
            raise _MistakeError(f"{name} stands twice; write it once")
        found[name] = value
    return found


def _texts(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [_text(item, "a name") for item in node.value]
    return _text(node, "names").split()


def _text(node: yaml.Node, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _MistakeError(f"{what} is one text")
    return str(node.value)


def _check_keys(keys: list[str]) -> None:
    for key in keys:
        if key not in COLUMNS:
            raise _MistakeError(f"there is no {key!r}: a record has {', '.join(COLUMNS)}")
        if keys.count(key) > 1:
            raise _MistakeError(f"{key} stands twice; write it once")
    for key in _REQUIRED:
        if key not in keys:
            raise _MistakeError(f"{key} is missing")


def _read_all(found: list[tuple[int, dict[str, Any] | str]]) -> tuple[list[Wanted], list[Mistake]]:
    wanted: list[Wanted] = []
    mistakes: list[Mistake] = []
    seen: dict[str, int] = {}
    for line, fields in found:
        try:
            if isinstance(fields, str):
                raise _MistakeError(fields)  # noqa: TRY301 - found above, told here with the others
            body = _read_fields(fields)
            earlier = seen.setdefault(body["address"], line)
            if earlier != line:
                raise _MistakeError(f"{body['address']} stands also in line {earlier}; write it once")  # noqa: TRY301 - as above
        except _MistakeError as error:
            mistakes.append(Mistake(line, str(error)))
        else:
            wanted.append(Wanted(line, body))
    return wanted, mistakes


def _read_fields(fields: dict[str, Any]) -> dict[str, Any]:
    try:
        body: dict[str, Any] = {"address": format_address(*parse_address(fields["address"].strip()))}
    except ValueText as error:
        raise _MistakeError(str(error)) from None
    if not fields["names"]:
        raise _MistakeError("names is empty; `ptrd ptr delete` deletes a record")
    body["names"] = fields["names"]
    ttl = fields.get("ttl", "").strip()
    if ttl:
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= 10):
            raise _MistakeError(f"ttl is a number of seconds, not {ttl!r}")
        body["ttl"] = int(ttl)
    if "description" in fields:
        body["description"] = fields["description"]
    tags = fields.get("tags")
    if isinstance(tags, str):
        raise _MistakeError(tags)
    if tags is not None:
        body["tags"] = tags
    return body


def _read_tags(text: str) -> dict[str, str] | str:
    """Read `key=value;key=value`, or a JSON object of texts; a sentence when it is neither."""
    if text.lstrip().startswith("{"):
        try:
            tags = json.loads(text)
        except ValueError:
            tags = None
        if isinstance(tags, dict) and all(isinstance(value, str) for value in tags.values()):
            return tags
        return "tags is no JSON object of texts"
    found: dict[str, str] = {}
    for key, equals, value in _split(text):
        if not equals or not key:
            return f"tags is written key=value;key=value, not {text!r}"
        if key in found:
            return f"the tag {key} stands twice; write it once"
        found[key] = value
    return found


def _split(text: str) -> Iterator[tuple[str, str, str]]:
    for part in text.split(";"):
        if part.strip():
            key, equals, value = part.partition("=")
            yield key.strip(), equals, value
