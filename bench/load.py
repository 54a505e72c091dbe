"""Questions put to a server: as many as it can take by dnsperf, or at a fixed rate by paced.c.

Both run on a core of their own and read the same files. A measurement that lost questions or saw an error is an error.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bench.meters import cpu_seconds, stolen_seconds
from tests.peers.process import find_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.peers import Server

OPEN = 100  # questions that dnsperf keeps open
CLIENTS = 10  # its sockets, or connections
COMPILE = ["-O2", "-Wall", "-Wextra", "-Werror"]


class BenchError(Exception):
    """A measurement that cannot be trusted; the text says why."""


class Cost(NamedTuple):
    """What questions cost: microseconds each, user and system; how many a second; the server's share of its core."""

    user: float
    system: float
    rate: float
    busy: float


def saturate(server: Server, questions: Path, seconds: float, cpu: int, *, transport: str = "udp") -> Cost:
    """Ask as fast as the server answers, for a while. Raises BenchError when questions were lost or went wrong."""
    command = ["taskset", "-c", str(cpu), find_program("dnsperf") or "dnsperf"]
    command += ["-s", server.address, "-p", str(server.port), "-d", str(questions), "-B", "-l", str(seconds)]
    command += ["-c", str(CLIENTS), "-T", "1", "-q", str(OPEN), "-m", transport]
    pids = server.pids()
    before, began = cpu_seconds(pids), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after, ended = cpu_seconds(pids), time.monotonic()
    completed = _number(r"Queries completed:\s+(\d+)", done.stdout)
    good = _number(r"NOERROR (\d+)", done.stdout) + _number(r"NXDOMAIN (\d+)", done.stdout)
    sent = _number(r"Queries sent:\s+(\d+)", done.stdout)
    if not completed or good != completed or sent - completed > OPEN:
        raise BenchError(f"{questions}: not every question was answered:\n{done.stdout}{done.stderr}")
    user, system = (after[0] - before[0]), (after[1] - before[1])
    rate = _number(r"Queries per second:\s+([\d.]+)", done.stdout)
    return Cost(user / completed * 1e6, system / completed * 1e6, rate, (user + system) / (ended - began))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def build_paced(folder: Path) -> Path | None:
    """Compile paced.c; give the program, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program = folder / "paced"
    source = Path(__file__).with_name("paced.c")
    done = subprocess.run([compiler, *COMPILE, "-o", program, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{source} does not compile:\n{done.stderr}")
    return program


@functools.cache
def punctually() -> tuple[str, ...]:
    """Give what a command begins with to run before all others of its core, nothing where that is forbidden."""
    first = ("chrt", "-f", "1")
    try:
        return first if subprocess.run([*first, "true"], capture_output=True, check=False).returncode == 0 else ()
    except OSError:
        return ()


class Paced:
    """Questions at a fixed rate while the `with` block runs, or for some seconds.

    `result` is what paced.c printed, and `stolen`, what the machine's host kept from it meanwhile, in milliseconds.
    """

    def __init__(
        self,
        program: Path,
        server: Server,
        questions: Path,
        rate: float,
        seconds: float,
        cpu: int,
        *,
        sockets: int = 16,
    ) -> None:
        self.result: dict[str, Any] = {}
        command = [*punctually(), "taskset", "-c", str(cpu), str(program), server.address, str(server.port)]
        self.command: Sequence[str] = [*command, str(questions), str(rate), str(seconds), str(sockets)]
        self.seconds = seconds

    def __enter__(self) -> Self:
        self.before = stolen_seconds()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.wait()

    def wait(self) -> dict[str, Any]:
        """Wait until it is over. Raises BenchError when it went wrong."""
        output, errors = self.process.communicate(timeout=self.seconds + 30)
        if self.process.returncode:
            raise BenchError(f"paced: {errors}")
        self.result = json.loads(output) | {"stolen": round((stolen_seconds() - self.before) * 1000)}
        return self.result

    def run(self) -> dict[str, Any]:
        """Ask for all the seconds; give the result."""
        self.__enter__()
        return self.wait()
