"""Image files, mapped, and the identity of what they were made of."""

import os
from pathlib import Path

import pytest

from ptrd.store.images import ImageFileError, MappedImage, stat_input, stat_inputs


def test_a_map_outlives_its_name(tmp_path):
    """A mapped image stays readable when its file is replaced, by the map and by the descriptor."""
    path = tmp_path / "image"
    path.write_bytes(b"first")
    image = MappedImage(path)
    (tmp_path / "next").write_bytes(b"second")
    (tmp_path / "next").rename(path)
    assert bytes(image.buffer) == b"first"
    assert os.pread(image.descriptor, 10, 0) == b"first"
    assert bytes(MappedImage(path).buffer) == b"second"


def test_the_descriptor_is_closed_with_the_image(tmp_path):
    """Maps that nobody has any more cost no descriptor."""
    path = tmp_path / "image"
    path.write_bytes(b"content")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        MappedImage(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_files_that_are_no_images(tmp_path):
    """An empty file and a folder are errors of one sentence; a missing file is left to the caller."""
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ImageFileError, match="is empty"):
        MappedImage(tmp_path / "empty")
    with pytest.raises(ImageFileError, match="cannot map the image"):
        MappedImage(tmp_path)
    with pytest.raises(FileNotFoundError):
        MappedImage(tmp_path / "missing")


@pytest.mark.parametrize("change", ["content", "time", "replaced"])
def test_the_identity_of_a_file_changes_with_it(tmp_path, change):
    """A change of the content, of the time, or of the file behind the name is seen, whatever stays the same."""
    path = tmp_path / "zone.yaml"
    path.write_text("one")
    before = stat_input(str(path))
    if change == "content":
        path.write_text("four")
    elif change == "time":
        os.utime(path, ns=(before.mtime_ns, before.mtime_ns + 1))
    else:
        (tmp_path / "other").write_text("one")
        os.utime(tmp_path / "other", ns=(before.mtime_ns, before.mtime_ns))
        (tmp_path / "other").rename(path)
    assert stat_input(str(path)) != before


def test_a_missing_file_has_no_identity(tmp_path):
    """Files that are not there are told apart from those that are."""
    (tmp_path / "zone.yaml").write_text("one")
    found = stat_inputs([str(tmp_path / "zone.yaml"), str(tmp_path / "missing.yaml")])
    assert found[0] is not None
    assert found[1] is None
