"""Files of a configuration that include others: each is read in its place, none within itself, and not without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.records.model import Place, Problem
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.records.foreign.record import Fetch

MAX_DEPTH: Final = 20  # files that include each other


def read_included(
    name: str,
    place: Place,
    files: tuple[str, ...],
    fetch: Fetch | None,
    problems: list[Problem],
    read: Callable[[str, tuple[str, ...]], None],
) -> None:
    """Read what an include names: `read` takes a text, and the files that lead to it, its own the last.

    `files` are those that lead to the include. What cannot be read is put into `problems`.
    """
    if fetch is None or len(files) >= MAX_DEPTH:
        problems.append(Problem(place, f"the file {quote(name)} is not read: files include each other too deeply"))
        return
    try:
        for path, text in fetch(name, files[-1]):
            if path in files:
                problems.append(Problem(place, f"the file {quote(name)} includes itself; remove the line"))
            else:
                read(text, (*files, path))
    except PtrdError as error:
        problems.append(Problem(place, f"include {quote(name)}: {error}"))
