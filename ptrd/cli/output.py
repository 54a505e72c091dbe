"""Results as tables for people and as JSON, YAML or CSV for programs.

Text that tenants wrote reaches a terminal without its control characters; programs get it as it is.
"""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ptrd.cli.exits import print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

Row = dict[str, Any]


class Shape(NamedTuple):
    """What a thing has: all fields in their order, and those that stand in a table of several."""

    fields: tuple[str, ...]
    table: tuple[str, ...]


def print_rows(rows: Sequence[Row], shape: Shape, output: str) -> None:
    """Print several things."""
    if output == "json":
        print_json(list(rows))
    elif output == "yaml":
        print_yaml(list(rows))
    elif output == "csv":
        write_csv(sys.stdout, rows, shape.fields)
    else:
        print_table([title_of(field) for field in shape.table], [cells(row, shape.table) for row in rows])


def print_row(row: Row, shape: Shape, output: str) -> None:
    """Print one thing; in a table each of its fields that says something has a line."""
    if output == "json":
        print_json(row)
    elif output == "yaml":
        print_yaml(row)
    elif output == "csv":
        write_csv(sys.stdout, [row], shape.fields)
    else:
        told = [(field, plain(cell(row.get(field)))) for field in shape.fields]
        told = [(field, text) for field, text in told if text]
        width = max((len(field) for field, _ in told), default=0)
        for field, text in told:
            print(f"{field.replace('_', ' '):<{width}}  {text}")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as they need to be."""
    lines = [list(titles), *([plain(text) for text in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def print_yaml(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Print one YAML document."""
    write_yaml(sys.stdout, value)


def write_yaml(stream: TextIO, value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Write one YAML document."""
    import yaml  # noqa: PLC0415 - the other formats do without

    yaml.safe_dump(value, stream, sort_keys=False, allow_unicode=True, width=1000)


def write_csv(stream: TextIO, rows: Iterable[Row], fields: Sequence[str], *, header: bool = True) -> None:
    """Write lines of CSV (RFC 4180, but for the ends of lines)."""
    writer = csv.writer(stream, lineterminator="\n")
    if header:
        writer.writerow(fields)
    writer.writerows(cells(row, fields) for row in rows)


def cells(row: Row, fields: Iterable[str]) -> list[str]:
    """Give fields as text."""
    return [cell(row.get(field)) for field in fields]


def cell(value: object) -> str:
    """Write one value as text: names with spaces between them, tags as `key=value` with semicolons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return write_tags(value)
    if isinstance(value, list):
        return " ".join(map(_item, value))
    return str(value)


def _item(value: object) -> str:
    """Write an item of a list; the journal has tags as items with key and value."""
    if isinstance(value, dict):
        return f"{value['key']}={value['value']}" if value.keys() == {"key", "value"} else write_tags(value)
    return str(value)


def write_tags(tags: Mapping[str, Any]) -> str:
    """Write tags as `key=value;key=value`; as JSON where that could not be read back."""
    if not all(isinstance(value, str) and "=" not in key for key, value in tags.items()):
        return json.dumps(dict(tags), ensure_ascii=False)
    return ";".join(f"{key}={value}" for key, value in tags.items())


def plain(text: str) -> str:
    """Spell control characters out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def title_of(field: str) -> str:
    """Give a column's title."""
    return field.replace("_", " ").upper()
