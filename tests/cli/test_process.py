"""The command line as a process: nothing it does wrong, and nothing done to it, shows a traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PTRD = [sys.executable, "-m", "ptrd"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run(*arguments, **options):
    """Run ptrd as a process."""
    return subprocess.run(
        [*PTRD, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_the_exit_status_reaches_the_shell():
    """What a command returns is the status of the process."""
    assert run("--version").returncode == 0
    assert run("check", str(ROOT / "zones")).returncode == 0
    assert run("check", "/nonexistent.yaml").returncode == 1
    assert run("bogus").returncode == 2
    assert run("status", "--config", str(ROOT / "systemd" / "ptrd.yaml")).returncode == 3


def test_a_closed_pipe_is_quiet():
    """When whoever reads the output has gone, nothing is said and the status is that of SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*PTRD, "check", str(ROOT / "zones")], env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(writing)
        assert child.communicate(timeout=60)[1] == ""
    assert child.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_a_sentence():
    """Output that cannot be written is one sentence and status 1."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        child = subprocess.run(
            [*PTRD, "check", str(ROOT / "zones")],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert child.returncode == 1
    assert child.stderr == "ptrd: cannot go on: No space left on device\n"


def test_ctrl_c_is_quiet(tmp_path):
    """Ctrl-C while a command waits ends it with 130 and no word."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "c"))
        silent.listen()
        silent.settimeout(30)
        (tmp_path / "ptrd.yaml").write_text("socket: c\n")
        with subprocess.Popen(
            [*PTRD, "reload", "--config", str(tmp_path / "ptrd.yaml")],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            connection, _ = silent.accept()
            assert connection.recv(100) == b'{"command": "reload"}\n'
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
            connection.close()
    assert (child.returncode, out, err) == (130, "", "")


def test_a_name_of_any_bytes_is_printed(tmp_path):
    """A file whose name is no text is reported all the same."""
    folder = os.fsencode(tmp_path) + b"/\xff.yaml"
    with open(folder, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(b"zone: x\n")
    child = run("check", str(tmp_path))
    assert child.returncode == 1 and child.stderr == ""
    assert "\\udcff.yaml" in child.stdout
