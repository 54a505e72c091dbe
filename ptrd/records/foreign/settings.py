"""The lines of nsd.conf and knot.conf: sections of `key: value`, which look like YAML and are not.

Each section of nsd.conf is one block; in knot.conf each item of a section's list is. A key may stand several times and
have several values. Nothing is known here of what keys mean, but for `include`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.foreign.including import read_included
from ptrd.records.model import Place, Problem
from ptrd.records.values import quote

if TYPE_CHECKING:
    from ptrd.records.foreign.record import Fetch

_LINE: Final = re.compile(r'(\s*)(-\s+)?(?:([A-Za-z][A-Za-z0-9_-]*)\s*:(?=\s|$|"))?\s*(.*)')
_VALUE: Final = re.compile(r'"((?:\\.|[^"\\])*)(?:"|\\?$)|([^\s,\[\]#"][^,\[\]#"]*)|(#.*)|[\s,\[\]]+')


class Setting(NamedTuple):
    """One key with its values."""

    key: str
    values: list[str]
    place: Place


class Block(NamedTuple):
    """One section, or one item of it."""

    section: str
    settings: list[Setting]
    place: Place

    def all(self, key: str) -> list[str]:
        """Give all values of a key."""
        return [value for setting in self.settings if setting.key == key for value in setting.values]

    def first(self, key: str, default: str = "") -> str:
        """Give the first value of a key."""
        return next(iter(self.all(key)), default)


def read_settings(
    text: str, file: str, fetch: Fetch | None, sections: frozenset[str]
) -> tuple[list[Block], list[Problem]]:
    """Read a configuration with these sections; `fetch` gives what `include` names."""
    reader = _Reader(fetch, sections)
    reader.read(text, (file,))
    return reader.blocks, reader.problems


class _Reader:
    def __init__(self, fetch: Fetch | None, sections: frozenset[str]) -> None:
        self.fetch = fetch
        self.sections = sections
        self.blocks: list[Block] = []
        self.problems: list[Problem] = []
        self.section = ""

    def read(self, text: str, files: tuple[str, ...]) -> None:
        for number, line in enumerate(text.split("\n"), 1):
            match = _LINE.match(line.rstrip())
            if match is None or not line.strip() or line.lstrip()[0] == "#":
                continue
            indent, dash, key, rest = match.groups()
            place = Place(files[-1], number, len(indent) + 1)
            values = _values(rest)
            if key == "include":
                self.include(values, place, files)
            elif key in self.sections and not (values or dash or indent):
                self.section = key
                self.blocks.append(Block(key, [], place))
            elif key is None and dash:
                self.more(values)
            elif key is not None and self.section:
                if dash and self.blocks[-1].settings:
                    self.blocks.append(Block(self.section, [], place))
                self.blocks[-1].settings.append(Setting(key, values, place))
            elif key is None:
                self.more(values)
            else:
                self.problems.append(
                    Problem(place, f"{quote(line.strip())} stands in no section that is known; it is not read")
                )

    def more(self, values: list[str]) -> None:
        """Take further values of the last key."""
        if self.blocks and self.blocks[-1].settings:
            self.blocks[-1].settings[-1].values.extend(values)

    def include(self, values: list[str], place: Place, files: tuple[str, ...]) -> None:
        read_included(" ".join(values), place, files, self.fetch, self.problems, self.read)


def _values(text: str) -> list[str]:
    """Split what stands behind a key: one text, or a list in brackets; comments are left out."""
    found = []
    for part in _VALUE.finditer(text):
        if part[3] is not None:
            break
        if part[1] is not None:
            found.append(re.sub(r"\\(.)", r"\1", part[1]))
        elif part[2] is not None:
            found.append(part[2].strip())
    return found
