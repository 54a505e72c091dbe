"""How long changes take and what they cost those who ask: zone files read again, single changes, a stream of changes.

A change is there when DNS says so. Files are read again on SIGHUP by all but PowerDNS, which has a command; single
changes go over the API or the command line of ptrd, and as dynamic updates (RFC 2136) to BIND and Knot, which is the
nearest that they have: both are committed to disk and served when they are answered, but ptrd also knows whose address
it is. NSD and PowerDNS with zone files have no such way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.update

from bench.changes import Stream, put
from bench.load import BenchError, Paced, saturate
from bench.meters import cpu_seconds, run_seconds
from bench.peers import PTRD_PLAIN, RELOADERS, UPDATERS, make
from bench.questions import write_questions
from bench.results import say
from bench.scenarios import SUFFIX, name_of, owner_of, write_master, write_yaml
from tests.peers.api import ApiServer
from tests.peers.asking import make_query, read_reply, udp_ask
from tests.peers.process import find_program
from tests.peers.ptrd import PROJECT

if TYPE_CHECKING:
    from bench.peers import Server
    from bench.scenarios import World
    from bench.throughput import Run

PTR = 12
CHUNK = 500  # changes in a dynamic update
PAUSE = 0.002  # seconds between two looks whether a change is there
LOADED_PAUSE = 0.02  # the same beside a load, which has the core to itself so
MANAGED = "10.0.0.0/16"  # given to the project whose changes are measured


def measure_reloads(run: Run, world: World) -> None:
    """Change a zone's file and have it read again: one record, one record under load, and many."""
    count = min(run.options.changes, world.records)
    serial = 1
    for server in run.servers:
        if server not in RELOADERS:
            continue
        write_yaml(world)
        write_master(world)
        with make(server, "plain", world, run.options, run.folder) as process:
            questions = _questions(run, world)
            spent = saturate(process, questions, run.options.seconds, run.options.load_cpu)
            for what, changed in (("one", 1), ("loaded", 1), ("many", count)):
                say(f"{world.records:,} records, reload of {server}, {what}")
                serial += 1
                if server.startswith("ptrd"):
                    write_yaml(world, serial=serial, changed=changed)
                else:
                    write_master(world, serial=serial, changed=changed)
                if what != "loaded":
                    seconds = _reload(run, server, process, world, serial, changed)
                    run.book.add("reload", what, world.records, server, 0, seconds=seconds, changes=changed)
                elif run.paced is not None:
                    rate = min(run.options.reload_rate, spent.rate * 0.7)
                    longest, cpu = run.options.patience + 10, run.options.load_cpu
                    quiet = Paced(run.paced, process, questions, rate, run.options.latency_seconds, cpu).run()
                    with Paced(run.paced, process, questions, rate, longest, cpu) as paced:
                        time.sleep(run.options.quiet_seconds)
                        seconds = _reload(run, server, process, world, serial, changed, pause=LOADED_PAUSE)
                        time.sleep(run.options.quiet_seconds)
                    took = {"took": seconds, "rate": rate, "quiet_p99": quiet["p99"]}
                    run.book.add("reload", what, world.records, server, 0, **paced.result, **took)


def _questions(run: Run, world: World) -> Path:
    path = run.folder / "reload-questions"
    if not path.exists():
        write_questions(path, world, "hits", run.options.questions, run.options.seed + 99, [])
    return path


def _reload(
    run: Run, server: str, process: Server, world: World, serial: int, changed: int, *, pause: float = PAUSE
) -> float:
    """Have a server read its zone files again; give the seconds until DNS gives the last of the changed names."""
    began = time.perf_counter()
    if server == "pdns":
        control = [find_program("pdns_control") or "pdns_control", f"--socket-dir={process.folder}"]
        for command in (["bind-reload-now", world.origin], ["purge", f"{world.origin}$"]):
            subprocess.run([*control, *command], check=True, capture_output=True)
    elif process.child is not None:
        os.kill(process.child.process.pid, signal.SIGHUP)
    owner = f"{owner_of(world.version, changed - 1)}.{world.origin}"
    await_name(process, owner, name_of(changed - 1, serial), run.options.patience, pause=pause)
    return time.perf_counter() - began


def await_name(process: Server, owner: str, name: str, seconds: float, *, pause: float = PAUSE) -> None:
    """Wait until DNS gives a name for an owner, asking so often. Raises BenchError when it takes too long."""
    ends = time.monotonic() + seconds
    query = make_query(owner, PTR)
    wanted = dns.name.from_text(name).to_wire()
    while time.monotonic() < ends:
        reply = read_reply(query, udp_ask(process.address, process.port, query, seconds=1.0))
        if not isinstance(reply, str) and any(rdata == wanted for *_, rdata in reply.answer):
            return
        time.sleep(pause)
    raise BenchError(f"{owner} is not {name} after {seconds} s:\n{process.said()}")


def measure_changes(run: Run, world: World) -> None:
    """Measure changes by API and by dynamic update."""
    for server in run.servers:
        if server.startswith("ptrd"):
            _managed(run, world, server)
        elif server in UPDATERS:
            _updated(run, world, server)


def _managed(run: Run, world: World, server: str) -> None:
    """Change names over HTTP, by the command line, and in a stream beside the answering."""
    options, book = run.options, run.book
    settings = PTRD_PLAIN if server == "ptrd-python" else ""
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-") as folder:
        process = ApiServer(
            Path(folder) / "server", zones=[world.yaml], origins=[world.origin], seconds=options.patience,
            settings=settings,
        )  # fmt: skip
        process.eips = {MANAGED: "grant"}
        say(f"{world.records:,} records, changes of {server}")
        with process:
            process.api("PATCH", "/api/v1/accounts/acme", {"quota": 100_000})
            status = json.loads(subprocess.check_output(process.command("status", "-o", "json"), cwd=PROJECT))
            workers = [worker["pid"] for worker in status["result"]["workers"]]
            _place(process.pids(), workers, options.server_cpu, options.load_cpu)
            for turn in range(options.singles):
                began = time.perf_counter()
                put(process, f"10.0.0.{turn}", f"one-{turn}.{SUFFIX}.", wait=10)
                await_name(process, f"{turn}.0.0.10.in-addr.arpa", f"one-{turn}.{SUFFIX}.", 10)
                book.add("change", "one", world.records, server, turn, seconds=time.perf_counter() - began)
            rows = [f"10.0.{16 + (n >> 8)}.{n & 255},many-{n}.{SUFFIX}." for n in range(options.changes)]
            file = Path(folder) / "many.csv"
            file.write_text("\n".join(["address,names", *rows]) + "\n", encoding="ascii")
            began = time.perf_counter()
            command = process.command("ptr", "import", str(file), "--wait")
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BenchError(f"ptrd ptr import: {done.stdout}{done.stderr}")
            last = options.changes - 1
            await_name(
                process,
                f"{last & 255}.{16 + (last >> 8)}.0.10.in-addr.arpa",
                f"many-{last}.{SUFFIX}.",
                options.patience,
            )
            book.add(
                "change", "many", world.records, server, 0, seconds=time.perf_counter() - began, changes=options.changes
            )
            if run.paced is not None:
                _beside(run, world, server, process, workers)


def _place(pids: list[int], workers: list[int], server_cpu: int, load_cpu: int) -> None:
    """Give the workers one core and all others of a server the other one."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {server_cpu if pid in workers else load_cpu})


def _beside(run: Run, world: World, server: str, process: ApiServer, workers: list[int]) -> None:
    """Measure what a stream of changes takes of a worker's core, and ask at a fixed rate without and with one.

    Without questions each change is a wake-up of its own, so what a worker spends then is the most that they take.
    """
    options, paced = run.options, run.paced
    if paced is None:
        return
    stream = Stream(process, options.change_rate, options.latency_seconds)
    ran = run_seconds(workers)
    stream.start()
    done = stream.finish()
    busy = (run_seconds(workers) - ran) / options.latency_seconds / len(workers)
    run.book.add("beside", "alone", world.records, server, 0, busy=busy, changes=done)
    questions = _questions(run, world)
    rate = min(20_000.0, saturate(process, questions, options.seconds, options.load_cpu).rate / 2)
    for turn in range(options.latency_rounds):
        for what in ("quiet", "changing"):
            stream = Stream(process, options.change_rate, options.latency_seconds)
            if what == "changing":
                stream.start()
            before = cpu_seconds(workers)
            result = Paced(paced, process, questions, rate, options.latency_seconds, options.load_cpu).run()
            spent = [b - a for a, b in zip(before, cpu_seconds(workers), strict=True)]
            done = stream.finish() if what == "changing" else 0.0
            each = [part / max(result["sent"] - result["lost"], 1) * 1e6 for part in spent]
            run.book.add(
                "beside",
                what,
                world.records,
                server,
                turn,
                user=each[0],
                system=each[1],
                changes=done,
                rate=rate,
                **result,
            )


def _updated(run: Run, world: World, server: str) -> None:
    """Change names by dynamic update."""
    options, book = run.options, run.book
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-") as folder:
        master = Path(folder) / "zone.master"  # BIND writes beside it, and in the end over it
        shutil.copy(world.master, master)
        own = world._replace(master=master)
        say(f"{world.records:,} records, changes of {server}")
        with make(server, "updates", own, options, run.folder) as process:
            for turn in range(options.singles):
                began = time.perf_counter()
                _update(process, world, [(f"{turn}.0.0", f"one-{turn}.{SUFFIX}.")])
                await_name(process, f"{turn}.0.0.10.in-addr.arpa", f"one-{turn}.{SUFFIX}.", 10)
                book.add("change", "one", world.records, server, turn, seconds=time.perf_counter() - began)
            rows = [(f"{n & 255}.{16 + (n >> 8)}.0", f"many-{n}.{SUFFIX}.") for n in range(options.changes)]
            began = time.perf_counter()
            for at in range(0, len(rows), CHUNK):
                _update(process, world, rows[at : at + CHUNK])
            await_name(process, f"{rows[-1][0]}.{world.origin}", rows[-1][1], options.patience)
            book.add(
                "change", "many", world.records, server, 0, seconds=time.perf_counter() - began, changes=options.changes
            )


def _update(process: Server, world: World, rows: list[tuple[str, str]]) -> None:
    message = dns.update.UpdateMessage(world.origin)
    for owner, name in rows:
        message.replace(owner, 3600, "PTR", name)
    reply = dns.query.tcp(message, process.address, port=process.port, timeout=60)
    if reply.rcode() != dns.rcode.NOERROR:
        raise BenchError(f"a dynamic update was answered {dns.rcode.to_text(reply.rcode())}:\n{process.said()}")
