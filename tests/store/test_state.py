"""The state folder and files that are replaced whole."""

import json
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ptrd.store import atomic
from ptrd.store.state import SerialsError, StateError, dump_serials, load_serials, open_state

ZONE = b"\x012\x010\x03192\x07in-addr\x04arpa\x00"


def test_state_folder_is_made_private(tmp_path):
    """A missing state folder is made, its parents too, and only its owner may look into it."""
    state = open_state(tmp_path / "var" / "state")
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    state.close()


def test_state_folder_has_one_owner(tmp_path):
    """A second process is told who has the folder; it gets it when the first has gone."""
    script = "import sys, pathlib, ptrd.store.state as state; state.open_state(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    state = open_state(tmp_path)
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert second.returncode == 1
    pid = (tmp_path / "lock").read_text().strip()
    assert f"another ptrd (process {pid}) already runs on the state folder {tmp_path}" in second.stderr
    state.close()
    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def test_state_folder_that_is_a_file(tmp_path):
    """A state folder that cannot be is one sentence."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=r"cannot use the state folder .*/state: File exists"):
        open_state(tmp_path / "state")


def test_leftovers_of_a_crash_are_removed(tmp_path):
    """Half-written files of a run that died are swept away, and nothing else is."""
    leftover = atomic.temporary_beside(tmp_path / "zones.image")
    leftover.write_bytes(b"half")
    (tmp_path / "zones.image").write_bytes(b"whole")
    open_state(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "zones.image"]


def test_serials_survive(tmp_path):
    """Serials are read back as they were written; a missing file has none."""
    path = tmp_path / "serials.json"
    assert load_serials(path) == {}
    serials = {ZONE: (b"\1\2", 4294967295), b"\x02\xff.\x00": (b"", 0)}
    atomic.replace(path, [dump_serials(serials)])
    assert load_serials(path) == serials


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 2, "zones": {}}',
        '{"version": 1, "zones": {"a..b": ["00", 1]}}',
        '{"version": 1, "zones": {"a.": ["zz", 1]}}',
        '{"version": 1, "zones": {"a.": ["00", -1]}}',
        '{"version": 1, "zones": {"a.": ["00", true]}}',
        '{"version": 1, "zones": {"a.": ["00"]}}',
        '{"version": 1, "zones": [1]}',
        '{"version": 1, "zones": {"a.": ["00", 1',
    ],
)
def test_damaged_serials(tmp_path, text):
    """A damaged file of serials is never taken for an empty one."""
    path = tmp_path / "serials.json"
    path.write_text(text)
    with pytest.raises(SerialsError, match=r"serials.json is damaged"):
        load_serials(path)


def test_serials_are_readable():
    """A person can read the file."""
    assert json.loads(dump_serials({ZONE: (b"\xab", 7)})) == {
        "version": 1,
        "zones": {"2.0.192.in-addr.arpa.": ["ab", 7]},
    }


def test_replace_keeps_the_old_content_when_the_disk_is_full(tmp_path):
    """When a write fails half way, the old content stays, and the new leaves nothing behind."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            atomic.replace(path, [b"x" * 9_000, b"y" * 9_000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replace_fails_without_a_trace(tmp_path):
    """When the new file cannot get its name, it is removed."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.replace(tmp_path / "taken", [b"new"])
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


def test_replace_writes_private_files(tmp_path):
    """What is written is the buffers in order, for the owner's eyes only."""
    path = tmp_path / "file"
    atomic.replace(path, [b"a", bytearray(b"bc"), memoryview(b"d"), b""])
    assert path.read_bytes() == b"abcd"
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
