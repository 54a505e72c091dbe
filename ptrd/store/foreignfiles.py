"""Files of other programs, read for an import: bounded in size and number, and never written."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Final

from ptrd import PtrdError
from ptrd.records.values import escape

MAX_BYTES: Final = 256 << 20  # of one file
MAX_FILES: Final = 10_000  # that one pattern may stand for


class ForeignFileError(PtrdError):
    """A file cannot be read; the sentence says why."""


class Files:
    """Finds files as another program names them.

    `root` is put before absolute names, for a tree that was copied from another machine. `folder` is where relative
    names begin; without it, where the file lies that names them.
    """

    def __init__(self, root: str = "", folder: str = "") -> None:
        self.root = root
        self.folder = folder

    def fetch(self, name: str, from_file: str) -> list[tuple[str, str]]:
        """Give the path and text of the file that another names. Raises ForeignFileError."""
        path = self.find(name, from_file)
        return [(path, read_text(path))]

    def fetch_all(self, pattern: str, from_file: str) -> list[tuple[str, str]]:
        """Give the paths and texts of all files that a pattern stands for; a folder stands for those within it."""
        path = self.find(pattern, from_file)
        if Path(path).is_dir():
            path = str(Path(path) / "*")
        elif not any(char in path for char in "*?["):
            return [(path, read_text(path))]
        found = sorted(name for name in glob.iglob(path) if Path(name).is_file())  # noqa: PTH207 - absolute patterns too
        if len(found) > MAX_FILES:
            raise ForeignFileError(f"{pattern!r} stands for more than {MAX_FILES} files; name fewer")
        return [(name, read_text(name)) for name in found]

    def find(self, name: str, from_file: str) -> str:
        """Give where a file is, absolute names below the root. Raises ForeignFileError for what is no file name."""
        if "\0" in name or not name:
            raise ForeignFileError(f"{name!r} is no file name")
        if name.startswith("/"):
            return os.path.normpath(self.root + name) if self.root else os.path.normpath(name)
        return os.path.normpath(Path(self.folder or Path(from_file).parent) / name)


def read_text(path: str) -> str:
    """Read a file as text; bytes that are no UTF-8 stay what they are (as surrogates). Raises ForeignFileError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or escape(str(error))
        raise ForeignFileError(f"{path} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise ForeignFileError(f"{path} has more than {MAX_BYTES >> 20} MiB; split it")
    return data.decode("utf-8", "surrogateescape").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
