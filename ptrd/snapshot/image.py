"""An image, opened: checked once, then read in place by `view`."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ptrd.snapshot.checksum import crc32
from ptrd.snapshot.layout import CHECKED, HEADER, INDEX, MAGIC, SEGMENT, VERSION, ImageError
from ptrd.snapshot.view import Snapshot

Buffer = bytes | bytearray | memoryview


class Input(NamedTuple):
    """The identity of a zone file when it was compiled."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class About(NamedTuple):
    """What an image was made of: its zone files, the settings it depends on, and its revision."""

    inputs: list[Input]
    settings: bytes
    revision: int


def open_image(buffer: Any, *, verify: bool = True) -> Snapshot:  # noqa: ANN401 - an mmap or bytes: slices are bytes
    """Make a snapshot of an image.

    `buffer` is an mmap or bytes that stays as it is while the snapshot lives. With `verify` every checksum is
    computed, in one pass over the image. Raises ImageError.
    """
    revision, segments, index, size = _read_header(buffer)
    if verify:
        _verify(buffer, segments, index, size)
    return Snapshot(buffer, revision, segments, index)


def read_about(buffer: Any) -> About:  # noqa: ANN401 - as above
    """Tell what an image was made of, without checking more than its index. Raises ImageError."""
    revision, segments, index, size = _read_header(buffer)
    _verify(buffer, segments, index, size, index_only=True)
    about_at = INDEX.unpack_from(buffer, index)[5]
    about = json.loads(buffer[index + about_at : size])
    return About([Input(*source) for source in about["inputs"]], bytes.fromhex(about["settings"]), revision)


def segment_of(buffer: Any, number: int) -> memoryview:  # noqa: ANN401 - as above
    """Give the compiled zone file `number` (in the order of About.inputs) of an image."""
    offset, length, _ = SEGMENT.unpack_from(buffer, HEADER.size + number * SEGMENT.size)
    return memoryview(buffer)[offset : offset + length]


def serials_of(snapshot: Snapshot) -> dict[bytes, int]:
    """List the serial of every zone; one that is absent has none."""
    return {zone.origin: zone.serial for zone in snapshot.zones if not zone.absent}


def _read_header(buffer: Any) -> tuple[int, list[tuple[int, int, int]], int, int]:  # noqa: ANN401 - as above
    if len(buffer) < HEADER.size or buffer[: len(MAGIC)] != MAGIC:
        raise ImageError("it is no image")
    _, version, count, size, revision, index, index_size, _ = HEADER.unpack_from(buffer)
    if version != VERSION:
        raise ImageError(f"it is an image of version {version}, this program reads version {VERSION}")
    if size != len(buffer) or index + index_size != size or HEADER.size + count * SEGMENT.size > index:
        raise ImageError(f"it is cut short: {len(buffer)} bytes where {size} are announced")
    segments = [SEGMENT.unpack_from(buffer, HEADER.size + number * SEGMENT.size) for number in range(count)]
    return revision, segments, index, size


def _verify(
    buffer: Any,  # noqa: ANN401 - as above
    segments: list[tuple[int, int, int]],
    index: int,
    size: int,
    *,
    index_only: bool = False,
) -> None:
    view = memoryview(buffer)
    table = view[HEADER.size : HEADER.size + SEGMENT.size * len(segments)]
    if crc32(view[index:size], crc32(table, crc32(view[:CHECKED]))) != HEADER.unpack_from(buffer)[7]:
        raise ImageError("its index does not match its checksum")
    for offset, length, checksum in [] if index_only else segments:
        if offset + length > index or crc32(view[offset : offset + length]) != checksum:
            raise ImageError("a segment does not match its checksum")
