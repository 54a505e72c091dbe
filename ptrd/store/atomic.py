"""Files that are replaced whole or not at all.

New content is written beside its place under a name that ends in `.new`, flushed to the disk, renamed into place, and
the folder is flushed: a reader, or a crash at any moment, sees the old content or the new, never a part of it.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from typing_extensions import Buffer

# Bytes a call. Of more, file systems with large folios copy megabytes at a stretch, and a core that answers queries too
# is not given back before: 2 MiB took 6 ms.
_AT_ONCE: Final = 1 << 16
SUFFIX: Final = ".new"  # what a crash may leave behind; whoever owns the folder removes it at start


def temporary_beside(path: Path) -> Path:
    """Give a fresh hidden name in the folder of `path`, to write its next content to."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{SUFFIX}")


def write_parts(path: Path, parts: Iterable[Buffer], mode: int = 0o600) -> int:
    """Write the buffers in order to a new file, flush it to the disk, and give its length in bytes.

    Raises OSError (ENOSPC, EFBIG, EIO...), and then leaves no file behind.
    """
    length = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            for part in parts:
                rest = memoryview(part).cast("B")
                while rest:
                    written = os.write(descriptor, rest[:_AT_ONCE])
                    rest = rest[written:]
                    length += written
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return length


def rename_into(temporary: Path, path: Path) -> None:
    """Give the finished file its name, atomically, and flush the folder. Raises OSError, and then removes the file."""
    try:
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace(path: Path, parts: Iterable[Buffer], mode: int = 0o600) -> None:
    """Replace the content of `path` by the buffers in order. Raises OSError, and then the old content stays."""
    temporary = temporary_beside(path)
    write_parts(temporary, parts, mode)
    rename_into(temporary, path)
