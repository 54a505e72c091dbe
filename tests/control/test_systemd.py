"""What systemd and the server say to each other."""

import os
import socket

import pytest

from ptrd.control.systemd import Notifier, handed_over


@pytest.mark.parametrize("abstract", [False, True])
def test_lines_arrive_in_one_datagram(tmp_path, abstract):
    """Assignments reach the socket that systemd names, be it a file or an abstract name."""
    name = f"@ptrd-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        environment = {"NOTIFY_SOCKET": name, "HOME": "/"}
        Notifier(environment).send("READY=1", "STATUS=serving 5 zones")
        assert systemd.recv(1000) == b"READY=1\nSTATUS=serving 5 zones"
    assert environment == {"HOME": "/"}


def test_without_systemd_nothing_happens():
    """No socket, or one that nobody reads any more, is no error."""
    Notifier({}).send("READY=1")
    Notifier({"NOTIFY_SOCKET": "/nonexistent/notify"}).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog(environment, seconds):
    """The watchdog is ours when no other process is named, and is not passed on to children."""
    assert Notifier(environment).watchdog == seconds
    assert not environment


def test_sockets_are_taken_when_they_are_for_us():
    """Descriptors begin at 3, and only those that are meant for this process are taken."""
    assert handed_over({}) == []
    assert handed_over({"LISTEN_FDS": "2", "LISTEN_PID": "1"}) == []
    environment = {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b"}
    assert handed_over(environment) == []
    assert environment == {}
