"""Image files on disk: written whole or not at all, mapped read only, tied to the zone files they were made of.

An image file is replaced and never changed; should something else change or damage it, what is served is a copy.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.snapshot.image import Input

if TYPE_CHECKING:
    from pathlib import Path


_COPIED: Final = 1 << 26  # bytes at once
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class ImageFileError(PtrdError):
    """An image file cannot be read or written."""


class MappedImage:
    """One image file, copied into sealed memory and mapped from there: whatever becomes of the file, it stays as it is.

    `descriptor` is for those who map it too; it is closed with the last reference.
    """

    def __init__(self, path: Path) -> None:
        """Copy and map the file. Raises ImageFileError; FileNotFoundError is left to the caller."""
        self.descriptor = -1
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self.descriptor = os.memfd_create("ptrd-image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                while os.sendfile(self.descriptor, file, None, _COPIED):
                    pass
            finally:
                os.close(file)
            fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self.buffer = mmap.mmap(
                self.descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ
            )  # sealed: not shared, before 6.7
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
