"""Files that are replaced: their bytes go to the kernel in small pieces, and all of them arrive."""

from __future__ import annotations

import os

import pytest

from ptrd.store.atomic import replace, write_parts


@pytest.mark.parametrize("short", [False, True])
def test_pieces_are_small(tmp_path, monkeypatch, short):
    """No call has more than 64 KiB, since the core is not given back before its end; short writes go on."""
    write, sizes = os.write, []

    def note(descriptor, data):
        sizes.append(len(data))
        return write(descriptor, data[: 1 + len(data) // 2] if short else data)

    monkeypatch.setattr(os, "write", note)
    parts = [os.urandom(300_001), b"", b"x", bytearray(70_000), memoryview(bytes(8)).cast("Q")]
    assert write_parts(tmp_path / "new", parts) == 370_010
    assert (tmp_path / "new").read_bytes() == b"".join([bytes(part) for part in parts])
    assert max(sizes) == 65_536


def test_what_cannot_be_written_leaves_the_old_content(tmp_path, monkeypatch):
    """An error in the middle leaves the old content, and nothing beside it."""
    path = tmp_path / "file"
    replace(path, [b"old"])

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="No space"):
        replace(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
