"""What a zone's primary sent, in the state folder: one file a zone, written whole or not at all.

A file's name is a digest of the zone's, so that no name of a zone is ever a path. Its content is a header, the records
one after the other, and a checksum over both:

    header   magic, version, number of records
    record   length of the owner, length of the rdata, type, TTL (big-endian), owner, rdata
"""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from struct import Struct, error
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from ptrd import PtrdError
from ptrd.records.received import Record, read_soa
from ptrd.snapshot.image import Input
from ptrd.store.atomic import replace, temporary_beside
from ptrd.store.images import stat_input
from ptrd.wire.rrtypes import SOA

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ptrd.records.model import Soa
    from ptrd.records.transfer import NotifyTarget

SUFFIX: Final = ".zone"
_HEADER: Final = Struct(">8sII")
_MAGIC: Final = b"ptrdrecv"
_VERSION: Final = 1
_RECORD: Final = Struct(">BHHI")
_CHECKSUM: Final = Struct(">I")


class Note(NamedTuple):
    """When a primary last confirmed what is there (Unix time), and who the zone's primaries were; None: not known."""

    checked: float
    primaries: frozenset[tuple[str, int]] | None


class ReceivedError(PtrdError):
    """A file of the state folder does not hold what a primary sent."""


def content_path(folder: Path, origin: bytes) -> Path:
    """Give the file that holds what came for a zone."""
    return folder / (blake2b(origin, digest_size=16).hexdigest() + SUFFIX)


def is_content(path: str, folder: str) -> bool:
    """Tell whether a path is that of what came for some zone."""
    return path.endswith(SUFFIX) and os.path.dirname(path) == folder  # noqa: PTH120 - texts, as images hold them


def stat_received(path: str) -> Input:
    """Give the identity of what came; one of size 0 when nothing is there."""
    try:
        return stat_input(path)
    except OSError:
        return Input(path, 0, 0, 0, 0)


def note_path(path: Path) -> Path:
    """Give the file beside a content that says when it was confirmed, and by whom."""
    return path.with_suffix(".json")


def read_note(path: Path) -> Note:
    """Read the note of a content; without one, the content itself tells when it came."""
    try:
        values = json.loads(note_path(path).read_bytes())
        primaries = values.get("primaries")
        return Note(
            float(values["checked"]),
            None if primaries is None else frozenset((str(host), int(port)) for host, port in primaries),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Note(stat_received(str(path)).mtime_ns / 1e9, None)


def write_note(path: Path, checked: float, primaries: Iterable[NotifyTarget]) -> None:
    """Write the note of a content, without waiting for the disk: a lost one costs nothing. Raises OSError."""
    temporary = temporary_beside(note_path(path))
    text = json.dumps({"checked": checked, "primaries": [[host, port] for host, port, _ in primaries]})
    temporary.write_text(text + "\n", encoding="ascii")
    temporary.rename(note_path(path))


def is_from(path: Path, primaries: Iterable[NotifyTarget]) -> bool:
    """Tell whether what is there may have come from one of these; not when its primaries were all others."""
    known = read_note(path).primaries
    return known is None or not known.isdisjoint((host, port) for host, port, _ in primaries)


def write_received(path: Path, records: Iterable[Record]) -> None:
    """Write what came, its SOA first, in the place of what came before. Raises OSError."""
    pack = _RECORD.pack
    parts = [pack(len(owner), len(rdata), rtype, ttl) + owner + rdata for owner, rtype, ttl, rdata in records]
    content = _HEADER.pack(_MAGIC, _VERSION, len(parts)) + b"".join(parts)
    replace(path, [content, _CHECKSUM.pack(crc32(content))])


def read_state(path: Path) -> Soa | None:
    """Read the SOA of what is there, which is its first record; None when nothing is, or nothing that can be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size + _RECORD.size + 255 + 65535)
        magic, version, count = _HEADER.unpack_from(head)
        size, length, rtype, _ = _RECORD.unpack_from(head, _HEADER.size)
    except (OSError, error):
        return None
    at = _HEADER.size + _RECORD.size + size
    if (magic, version, rtype) != (_MAGIC, _VERSION, SOA) or not count or at + length > len(head):
        return None
    return read_soa(head[at : at + length])


def read_whole(path: Path) -> bytes:
    """Give the content of such a file, for `parse_received`. Raises OSError."""
    return path.read_bytes()


def parse_received(data: bytes, path: str) -> list[Record]:
    """Read the content of such a file; `path` stands in errors. Raises ReceivedError."""
    if (
        len(data) < _HEADER.size + _CHECKSUM.size
        or crc32(data[: -_CHECKSUM.size]) != _CHECKSUM.unpack(data[-_CHECKSUM.size :])[0]
    ):
        raise ReceivedError(f"{path} is damaged; remove it, and the zone is transferred again")
    magic, version, count = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise ReceivedError(f"{path} is of another version; remove it, and the zone is transferred again")
    found = []
    at = _HEADER.size
    for _ in range(count):
        size, length, rtype, ttl = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        end = at + size + length
        found.append(Record(data[at : at + size], rtype, ttl, data[at + size : end]))
        at = end
    return found
