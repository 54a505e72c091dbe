"""Image files on disk: written whole or not at all, mapped read only, tied to the zone files they were made of.

An image file is never changed once it has its name, so a map of it stays valid however often it is replaced.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

from ptrd import PtrdError
from ptrd.snapshot.image import Input

if TYPE_CHECKING:
    from pathlib import Path


class ImageFileError(PtrdError):
    """An image file cannot be read or written."""


class MappedImage:
    """One image file, mapped. `descriptor` is for those who map it too; it is closed with the last reference."""

    def __init__(self, path: Path) -> None:
        """Open and map the file. Raises ImageFileError; FileNotFoundError is left to the caller."""
        self.descriptor = -1
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.buffer = mmap.mmap(self.descriptor, 0, prot=mmap.PROT_READ)
        except FileNotFoundError:
            raise
        except ValueError:
            raise ImageFileError(f"the image {path} is empty") from None
        except OSError as error:
            raise ImageFileError(f"cannot map the image {path}: {error.strerror}") from None

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


def stat_input(path: str) -> Input:
    """Give the identity of a zone file's present content. Raises OSError."""
    return input_of(path, os.stat(path))  # noqa: PTH116 - paths of inputs are texts, as they were configured


def input_of(path: str, status: os.stat_result) -> Input:
    """Give the identity of a zone file's content of what `stat` said."""
    return Input(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def stat_inputs(paths: list[str]) -> list[Input | None]:
    """Give the identity of each zone file's present content, None for one that is not there."""
    found: list[Input | None] = []
    for path in paths:
        try:
            found.append(stat_input(path))
        except OSError:
            found.append(None)
    return found
