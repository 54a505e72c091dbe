"""What does not depend on the machine's mood: instructions a question, bytes a record, allocations a question.

Instructions are counted by callgrind, in user space alone: the kernel's share is not in them. A server runs whole under
valgrind twice, asked a hundred questions and many more, and the difference is what those cost. ptrd's workers
are confined too tightly for that, so what they do with a question is counted in a process of its own (respond.py): from
bytes to bytes, without the system calls around it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load import BenchError
from bench.peers import PEERS, has_compiled, make, make_ptrd
from bench.questions import samples
from bench.respond import KINDS, RECORDS, weigh, write_image
from bench.results import say
from bench.scenarios import write_world
from tests.peers.asking import UdpClient
from tests.peers.process import Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.peers import Server
    from bench.scenarios import World
    from bench.throughput import Run

CALLGRIND = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--callgrind-out-file=/dev/null"]
PEER_KINDS = ("hits", "nxdomain")


def count_all(run: Run, world: World, *, instructions: bool) -> None:
    """Count what can be counted here; instructions at one size are enough."""
    _weigh_image(run, world)
    if not instructions:
        return
    with tempfile.TemporaryDirectory(dir=run.folder) as name:
        small = write_world(Path(name) / "four", 4, RECORDS)  # since valgrind is slow at reading zones
        _count_ours(run, Path(name) / "respond.image")
        if run.options.valgrind_questions and shutil.which("valgrind"):
            for server in run.servers:
                if server in PEERS and server != "dnslib":
                    say(f"counting instructions of {server}")
                    for kind, number in _count_server(run, small, server).items():
                        run.book.add("instructions", kind, RECORDS, server, 0, count=number)


def _count_ours(run: Run, image: Path) -> None:
    write_image(image)
    paths = {"ptrd": "compiled", "ptrd-python": "python"} if has_compiled() else {"ptrd": "python"}
    for server, path in paths.items():
        if server not in run.servers:
            continue
        say(f"counting allocations and instructions of {server}")
        for kind in KINDS:
            run.book.add("allocations", kind, RECORDS, server, 0, **weigh(image, kind, path))
        if not run.options.valgrind_questions:
            continue
        if shutil.which("valgrind") is None:
            say("valgrind is not here, so instructions are not counted; apt-get install valgrind")
            continue
        questions = run.options.valgrind_questions * (
            20 if path == "compiled" else 1
        )  # which is so much less than a start
        for kind, number in count_respond(image, path, questions).items():
            run.book.add("instructions", kind, RECORDS, server, 0, count=number)


def _weigh_image(run: Run, world: World) -> None:
    """Weigh the image file, which is what a record costs in all workers together."""
    if "ptrd" not in run.servers:
        return
    with make_ptrd("ptrd", "plain", world, run.options, run.folder) as process:
        size = max(path.stat().st_size for path in (process.folder / "state").glob("*") if path.is_file())
    run.book.add("image", "bytes", world.records, "ptrd", 0, bytes=size, each=size / world.records)


def count_respond(image: Path, path: str, questions: int, kinds: Sequence[str] = KINDS) -> dict[str, float]:
    """Count the instructions of a question of each kind in a process that does nothing else."""

    def counted(kind: str, number: int, prefix: Sequence[str] = CALLGRIND) -> int:
        command = [*prefix, sys.executable, "-m", "bench.respond", str(image), kind, str(number), path]
        place, fixed = Path(__file__).parents[1], {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place, env=fixed)
        if done.returncode:
            raise BenchError(f"bench.respond: {done.stderr[-2000:]}")
        return _collected(done.stderr) if prefix else 0

    counted(kinds[0], 0, ())  # after which all modules lie there as bytecode
    nothing = counted(kinds[0], 0)
    return {kind: (counted(kind, questions) - nothing) / questions for kind in kinds}


def _count_server(run: Run, world: World, server: str) -> dict[str, float]:
    """Count the instructions of a question of each kind in a whole server."""

    def counted(kind: str, questions: int) -> int:
        process = make(server, "plain", world, run.options, run.folder)
        if isinstance(process, Peer):
            process.under = CALLGRIND
        with process:
            _ask(process, world, kind, questions)
            process.stop()
            return _collected((process.folder / "log").read_text(errors="replace"))

    few, questions = 100, run.options.valgrind_questions
    little = counted("hits", few)
    return {kind: (counted(kind, few + questions) - little) / questions for kind in PEER_KINDS}


def _ask(process: Server, world: World, kind: str, count: int) -> None:
    """Ask one question after the other, since a slow server answers what is no longer awaited."""
    queries = samples(world, kind, min(count, 1000), [])
    with UdpClient(process.address, process.port) as client:
        for number in range(count):
            if client.ask(queries[number % len(queries)], seconds=10.0) is None:
                raise BenchError(f"{process.said()[-500:]}: no answer under valgrind")


def _collected(text: str) -> int:
    found = re.findall(r"Collected : (\d+)", text)
    if not found:
        raise BenchError(f"callgrind printed no count:\n{text[-2000:]}")
    return sum(int(number) for number in found)
