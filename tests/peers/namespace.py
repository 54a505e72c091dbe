"""A network of one's own for a module of the tests: port 53 is free there, and whatever address is wanted.

`Inside` runs the module in it; `bring_up` is what the module calls first. They talk in lines of JSON. Nothing in such
a network can reach anything outside, and it is gone with its last process.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from tests.peers.process import require_program, unable
from tests.peers.ptrd import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable


def spaces() -> list[str]:
    """Give the beginning of a command line that runs the rest in a network of its own; skip where that is forbidden."""
    found = [require_program("unshare", "util-linux"), "--net", "--mount"] + (
        [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    )
    if subprocess.run([*found, "true"], capture_output=True, check=False).returncode:
        unable("namespaces are not permitted here; this test wants port 53, as root or with user namespaces")
    return found


def bring_up(addresses: Iterable[str] = ()) -> None:
    """Bring the loopback of this network up, with further addresses of any kind beside 127.0.0.0/8 and ::1."""
    lines = ["link set lo up", *(f"addr add {address} dev lo" for address in addresses)]
    ip = require_program("ip", "iproute2")
    subprocess.run([ip, "-batch", "-"], input="\n".join(lines), text=True, check=True, timeout=30)


class Inside:
    """A module that runs as a program in a network of its own; it says one line when it is ready."""

    def __init__(self, module: str, *arguments: str, seconds: float = 60.0) -> None:
        self.command = [*spaces(), sys.executable, "-m", module, *arguments]
        self.seconds = seconds
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.read()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.stdin and self.process.stdout:
            self.process.stdin.close()  # the end of its input ends it
            try:
                self.process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()

    def ask(self, value: Any) -> Any:
        """Send one value and give the answer."""
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self) -> Any:
        """Read one line that it says, with a bound."""
        assert self.process and self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(self.seconds), "it says nothing"
        line = self.process.stdout.readline()
        assert line, f"it ended, with {self.process.wait(self.seconds)}"
        return json.loads(line)
