"""The zone files that the configuration's list of files and folders stands for.

Apart from what reads them: a restart with unchanged files only looks at their names and dates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ptrd.records.model import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIXES: Final = frozenset((".yaml", ".yml"))


def expand_sources(entries: Iterable[str]) -> tuple[list[str], list[Problem]]:
    """Give the zone files that a list of files and folders stands for, each once.

    Of a folder its `*.yaml` and `*.yml`, sorted, hidden ones not; a file is taken whatever its name.
    """
    files: dict[str, None] = {}
    problems = []
    for entry in entries:
        path = Path(entry)
        place = Place(entry, 1, 1)
        try:
            if not path.is_dir():
                if path.exists():
                    files.setdefault(entry)
                else:
                    problems.append(Problem(place, "there is no such file or folder; write the path of a zone file"))
                continue
            found = sorted(
                str(item) for item in path.iterdir() if item.suffix in _SUFFIXES and not item.name.startswith(".")
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            problems.append(Problem(place, f"it cannot be read: {reason}; see to its permissions"))
            continue
        if not found:
            problems.append(Problem(place, "the folder holds no *.yaml or *.yml file", warning=True))
        files.update(dict.fromkeys(found))
    return list(files), problems
