"""A network of one's own: glibc's resolver asks port 53 and reads /etc/resolv.conf, so it gets both to itself.

Run as `unshare --net --mount … python -m tests.peers.inside FOLDER RES_OPTIONS ADDRESS…`. It starts ptrd on
127.0.0.1:53 with the example zones and prints, as JSON, what getnameinfo says of each address.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.process import require_program
from tests.peers.ptrd import PROJECT, PtrdServer

ASK = """
import json, socket, sys
found = {}
for address in sys.argv[1:]:
    try:
        found[address] = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except socket.gaierror as error:
        found[address] = error.strerror
print(json.dumps(found))
"""
SET_FLAGS = 0x8914  # SIOCSIFFLAGS
UP = 1


def get_names(folder: Path, options: str, addresses: list[str]) -> dict[str, str]:
    """Ask getnameinfo in a network namespace in which ptrd is the name server; skip where that is not allowed."""
    spaces = [require_program("unshare", "util-linux"), "--net", "--mount"] + (
        [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    )
    if subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not permitted here; glibc asks port 53, so this test wants root or user namespaces")
    command = [*spaces, sys.executable, "-m", "tests.peers.inside", str(folder), options, *addresses]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=PROJECT)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main(folder: str, options: str, addresses: list[str]) -> None:
    """Bring the loopback up, serve, and ask from a process that sees an /etc of its own."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    etc = "cd /etc && echo nameserver 127.0.0.1 >resolv.conf && echo hosts: dns >nsswitch.conf"
    with PtrdServer(Path(folder), [PROJECT / "zones"], port=53):
        ask = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            f'mount -t tmpfs tmpfs /etc && {etc} && exec "$@"',
            "sh",
            sys.executable,
            "-c",
            ASK,
            *addresses,
        ]
        environment = os.environ | {"RES_OPTIONS": options}
        sys.stdout.write(subprocess.run(ask, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
