"""Children of a test: started on loopback, in a folder of their own, gone when the `with` block ends.

Nothing here is shared between two servers, nothing needs root, and nothing waits without a bound.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from tests.peers.asking import make_query, udp_ask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ADDRESS = "127.0.0.1"
SOA = 6
STOP_SECONDS = 5.0
# Each process among which pytest-xdist divides the tests has its own; PORTS are handed out in turn from any of them.
RUNNER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = range(10_000, 32_000)[RUNNER % 16 :: 16]
_turns = itertools.count(random.randrange(len(PORTS)))


class PeerError(Exception):
    """A server did not come up; the text holds what it said."""


def missing(program: str, package: str) -> NoReturn:
    """Skip the running test for want of a program, or fail it as `unable` does."""
    unable(f"{program} is not installed; apt-get install {package}")


def unable(sentence: str) -> NoReturn:
    """Skip the running test, or fail it where PTRD_REQUIRE_PEERS=1 says that it must run."""
    import pytest  # noqa: PLC0415 - the benchmarks use this module without pytest

    if os.environ.get("PTRD_REQUIRE_PEERS") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def find_program(program: str) -> str | None:
    """Give the path of a program, looking also where Debian keeps daemons and an ordinary user's PATH does not."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")


def require_program(program: str, package: str) -> str:
    """Give the path of a program, or skip the test with the command that installs it."""
    return find_program(program) or missing(program, package)


def free_port(address: str = ADDRESS) -> int:
    """Find a port that is free for UDP and TCP at this moment, and that no test running beside this one is given.

    It lies below those from which Linux serves itself when somebody connects, or binds to port 0.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(len(PORTS)):
        port = PORTS[next(_turns) % len(PORTS)]
        with (
            contextlib.suppress(OSError),
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, port))
            udp.bind((address, port))
            return port
    raise PeerError(f"no port of {address} is free for both UDP and TCP")


class Child:
    """A process in a session of its own; `stop` ends it and whatever it forked."""

    def __init__(self, command: list[str], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        setpriv = shutil.which("setpriv")  # dies with the test, should the test be killed
        guard = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*guard, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(env) if env is not None else None,
                cwd=log.parent,
            )

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process.poll() is None

    def said(self) -> str:
        """Give the end of what the process printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """End the process politely, then surely; give its status."""
        if self.alive():
            self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return status


def processes_of(leader: int) -> list[int]:
    """List the processes of a session: a server with all that it forked."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == leader:
                    found.append(int(entry.name))
    return found


class Peer:
    """A DNS server that a test starts: `with NsdServer({"2.0.192.in-addr.arpa": text}) as server`.

    A zone is given as master-file text or as the path of such a file. `cpu` pins the server to one core. Without
    `port` it listens on a free one. `settings` are further lines of its configuration, in the place where the options
    of a whole server stand; a line takes the place of the one that sets the same. `zone_settings` are lines for every
    zone, where a server knows such. A subclass says what the program is called and writes its configuration.
    """

    program: ClassVar[str]
    package: ClassVar[str]
    hopeless: ClassVar[str] = ""  # printed when a zone will never be served

    def __init__(
        self,
        zones: Mapping[str, str | Path],
        *,
        cpu: int | None = None,
        seconds: float = 30.0,
        address: str = ADDRESS,
        port: int | None = None,
        settings: str = "",
        zone_settings: str = "",
    ) -> None:
        self.zones = dict(zones)
        self.settings = settings
        self.zone_settings = zone_settings
        self.address = address
        self.fixed_port = port
        self.port = port or 0
        self.cpu = cpu
        self.seconds = seconds
        self.ready_seconds = 0.0
        self.under: list[str] = []  # a command that runs the program, such as a profiler
        self.folder = Path()
        self.child: Child | None = None

    @classmethod
    def installed(cls) -> bool:
        """Tell whether the program is there."""
        return find_program(cls.program) is not None

    def configure(self) -> list[str]:
        """Write the configuration into `self.folder` for `self.port`; give the program's arguments."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Ask whether every zone is answered."""
        return all(is_served(self.address, self.port, origin) for origin in self.zones)

    def zone_files(self) -> dict[str, Path]:
        """Give each zone's file, writing those that were given as text."""
        files = {}
        for number, (origin, source) in enumerate(self.zones.items()):
            if isinstance(source, Path):
                files[origin] = source
            else:
                files[origin] = self.folder / f"{number}.zone"
                files[origin].write_text(source, encoding="ascii")
        return files

    def settled(self, lines: str) -> str:
        """Give lines of configuration with `settings` put in."""
        return settle(lines, self.settings)

    def pids(self) -> list[int]:
        """List the processes of this server."""
        return processes_of(self.child.process.pid) if self.child else []

    def said(self) -> str:
        """Give the end of what the server printed."""
        return self.child.said() if self.child else ""

    def start(self) -> None:
        """Start the program and wait until it answers; `ready_seconds` is how long that took."""
        path = require_program(self.program, self.package)
        for attempt in range(3):  # another process may take the port between our look and the server's bind
            self.port = self.fixed_port or free_port(self.address)
            pin = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
            command = [*pin, *self.under, path, *self.configure()]
            began = time.monotonic()
            self.child = Child(command, self.folder / "log")
            if self._wait(began):
                self.ready_seconds = time.monotonic() - began
                return
            self.child.stop()
            if attempt == 2 or "in use" not in self.said():
                break
        raise PeerError(f"{self.program} does not answer:\n{self.said()}")

    def stop(self) -> int:
        """End the program."""
        return self.child.stop() if self.child else 0

    def __enter__(self) -> Self:
        require_program(self.program, self.package)
        self.folder = Path(tempfile.mkdtemp(prefix=f"ptrd-{Path(self.program).name}-"))
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self, began: float) -> bool:
        child = self.child
        while child and child.alive() and time.monotonic() - began < self.seconds:
            if self.ready():
                return True
            if self.hopeless and self.hopeless in self.said():
                return False
            time.sleep(0.01)
        return False


def is_served(address: str, port: int, origin: str) -> bool:
    """Ask for a zone's SOA once; tell whether an authoritative answer came within half a second."""
    reply = udp_ask(address, port, make_query(origin, SOA, identity=0x5EAD), seconds=0.5)
    return reply is not None and reply[2] & 0x84 == 0x84 and reply[3] & 15 == 0


def settle(lines: str, settings: str) -> str:
    """Give lines of configuration with others added to them, instead of those that set the same."""

    def key_of(line: str) -> str:
        return re.split(r"[\s:=]", line.strip(), maxsplit=1)[0]

    told = {key_of(line) for line in settings.splitlines()}
    return "\n".join([*(line for line in lines.splitlines() if key_of(line) not in told), *settings.splitlines()])
