"""The C sources of the compiled data path, and the numbers in them that have names."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
C_SOURCES = sorted((PROJECT / "ptrd" / "datapath").glob("*.[ch]"))


def constants():
    """Read the numbers that the C sources give names: {name: number}, of enums and of macros."""
    found = {}
    for path in C_SOURCES:
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for body in re.findall(r"\benum(?:\s+\w+)?\s*\{([^}]*)\}", text):
            number = -1
            for item in filter(None, map(str.strip, body.split(","))):
                name, _, value = map(str.strip, item.partition("="))
                number = eval(value, {}, found) if value else number + 1  # noqa: S307 - our own sources
                assert found.setdefault(name, number) == number, f"{name} has two meanings"
        for name, value in re.findall(r"^#define (\w+) (0x[0-9a-f]+|\d+)u?$", text, re.MULTILINE):
            assert found.setdefault(name, int(value, 0)) == int(value, 0), f"{name} has two meanings"
    return found
