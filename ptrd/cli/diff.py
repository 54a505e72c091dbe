"""What a change would do, line by line, in colours where somebody looks.

Colours are for a terminal only, and for none that asks for no colours (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.exits import print_json
from ptrd.cli.output import Row, cell, plain, print_yaml, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

# What follows from a change and is no part of it.
_DERIVED: Final = frozenset({"revision", "updated", "created", "status", "reason", "last_used", "used", "id", "kind"})
_COLOURS: Final = {"+": "\x1b[32m", "-": "\x1b[31m", " ": "\x1b[1m"}
_PLAIN: Final = "\x1b[0m"

Change = tuple[Row | None, Row | None]


def print_edit(answer: dict[str, Any], name: str, output: str, fields: tuple[str, ...] = ()) -> None:
    """Print what a dry run answered about one thing; `name` is the field that it is called by.

    With `fields` a person is told of no others.
    """
    if output == "json":
        print_json(answer)
    elif output == "yaml":
        print_yaml(answer)
    elif output == "csv":
        rows = [{"field": field, "before": old, "after": new} for field, old, new in differences(*_pair(answer))]
        write_csv(sys.stdout, rows, ("field", "before", "after"))
    else:
        print_diff(_pair(answer), name, fields)


def print_diff(change: Change, name: str, fields: tuple[str, ...] = ()) -> None:
    """Print what one change would do."""
    before, after = change
    some = after or before or {}
    verb = "create" if before is None else "delete" if after is None else "modify"
    lines = [line for line in differences(before, after) if not fields or line[0] in fields]
    if not lines and before is not None and after is not None:
        say(" ", f"would change nothing of {plain(cell(some.get(name)))}")
        return
    say(" ", f"would {verb} {plain(cell(some.get(name)))}")
    for field, old, new in lines:
        if field == name and (before is None or after is None):
            continue
        if old:
            say("-", f"- {field.replace('_', ' ')}: {plain(old)}")
        if new:
            say("+", f"+ {field.replace('_', ' ')}: {plain(new)}")


def differences(
    before: Row | None, after: Row | None, derived: frozenset[str] = _DERIVED
) -> Iterator[tuple[str, str, str]]:
    """Give (field, text before, text after) of each field that changes, but for what follows from the change."""
    old, new = before or {}, after or {}
    for field in dict.fromkeys([*old, *new]):
        texts = cell(old.get(field)), cell(new.get(field))
        if field not in derived and texts[0] != texts[1]:
            yield field, *texts


def is_colourful(stream: TextIO) -> bool:
    """Tell whether colours are wanted there."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _pair(answer: dict[str, Any]) -> Change:
    return answer["before"], answer["after"]


def say(kind: str, text: str) -> None:
    """Print a line in the colour of its kind: -, + or a space."""
    print(f"{_COLOURS[kind]}{text}{_PLAIN}" if is_colourful(sys.stdout) else text)
