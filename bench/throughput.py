"""What a question costs and how long an answer takes: all servers side by side, in turn, round after round.

Before anything is measured the servers' answers are compared: who answers otherwise, or says more than is asked for,
does other work, and a number beside it would mean nothing.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import dns.message

from bench.load import BenchError, Cost, Paced, saturate
from bench.meters import pss_bytes
from bench.peers import COOKIE_MAKERS, RELOADERS, groups_that_fit, make, make_ptrd, supports
from bench.questions import LOADS, fetch_cookies, samples, write_questions
from bench.results import say
from tests.peers.asking import read_reply, udp_ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from bench.peers import Server, Variant
    from bench.results import Book
    from bench.scenarios import World

SAMPLES = 40
FILES = 4  # of questions, so that a round does not ask what the one before it has left in caches


class Run(NamedTuple):
    """What every part of a run needs: its options, its folder, where numbers go, the paced asker if there is one."""

    options: argparse.Namespace
    folder: Path
    book: Book
    paced: Path | None
    servers: list[str]


def measure(run: Run, world: World, variant: Variant, loads: Sequence[str], *, starts: bool = False) -> None:
    """Measure loads on one zone; with `starts` also start times, memory and latencies."""
    loads = [load for load in loads if load in run.options.loads.split(",")]
    able = [server for server in run.servers if any(supports(server, load) for load in loads)]
    if variant == "cookies":
        able = [server for server in able if server in COOKIE_MAKERS]
    for group, servers in enumerate(groups_that_fit(able, world.records)):
        _measure_group(run, world, variant, loads, servers, group * 1000, starts=starts)


def _measure_group(
    run: Run, world: World, variant: Variant, loads: Sequence[str], servers: list[str], first: int, *, starts: bool
) -> None:
    options, book = run.options, run.book
    with ExitStack() as stack:
        running: dict[str, Server] = {}
        for server in servers:
            say(f"{world.records:,} records, IPv{world.version}, {variant}: starting {server}")
            if starts and server.startswith("ptrd"):
                shutil.rmtree(run.folder / f"{server}-{world.version}", ignore_errors=True)
            running[server] = make(server, variant, world, options, run.folder)
            stack.enter_context(running[server])
            if starts and book.find("start", "cold", world.records, server) is None:
                book.add("start", "cold", world.records, server, first, seconds=running[server].ready_seconds)
        for load in loads:
            compare(running, world, load)
            _rounds(run, running, world, load, first)
        if starts and "hits" in loads:
            _latencies(run, running, world, first)
            _weigh(run, running, world, first)


def _rounds(run: Run, running: dict[str, Server], world: World, load: str, first: int) -> None:
    """Load each server in turn, for every round, after one turn to warm up unless there is one alone."""
    options = run.options
    files = {server: _files(run, running[server], server, world, load) for server in running if supports(server, load)}
    transport, cpu = LOADS[load].transport, options.load_cpu
    for turn in range(-1 if options.rounds > 1 else 0, options.rounds):
        if turn >= 0:
            say(f"{world.records:,} records, {load}: round {turn + 1} of {options.rounds}")
        for server, questions in files.items():
            seconds = options.seconds if turn >= 0 else min(options.seconds, 1)
            file = questions[turn % len(questions)]
            spent: Cost = saturate(running[server], file, seconds, cpu, transport=transport)
            if turn >= 0:
                run.book.add("load", load, world.records, server, first + turn, **spent._asdict())


def _files(run: Run, server: Server, name: str, world: World, load: str) -> list[Path]:
    """Write the questions, or find them written; those of the mix are each server's own, since cookies are."""
    mixed = load == "mix"
    cookies = fetch_cookies(server.address, server.port, world.origin) if mixed else []
    number = min(run.options.rounds, 2 if mixed else FILES)
    count = run.options.questions // (4 if mixed else 1)
    folder = run.folder / "questions"
    folder.mkdir(exist_ok=True)
    files = []
    for part in range(number):
        path = folder / f"{load}-{world.version}-{world.records}-{part}{f'-{name}' if mixed else ''}"
        if mixed or not path.exists():
            write_questions(path, world, load, count, run.options.seed + part, cookies)
        files.append(path)
    return files


def _latencies(run: Run, running: dict[str, Server], world: World, first: int) -> None:
    """Ask each server at half of what it could take."""
    if run.paced is None:
        return
    for turn in range(run.options.latency_rounds):
        say(f"{world.records:,} records, latency: round {turn + 1} of {run.options.latency_rounds}")
        for server, process in running.items():
            rate = capacity(run, server, world.records) / 2
            files = _files(run, process, server, world, "hits")
            seconds, cpu = run.options.latency_seconds, run.options.load_cpu
            result = Paced(run.paced, process, files[turn % len(files)], rate, seconds, cpu).run()
            run.book.add("latency", "hits", world.records, server, first + turn, rate=rate, **result)


def capacity(run: Run, server: str, records: int) -> float:
    """Give how many questions a second a server took. Raises BenchError when that was not measured."""
    figure = run.book.find("load", "hits", records, server)
    if figure is None:
        raise BenchError(f"{server} was not asked for PTR records at {records:,} records before")
    return figure.middle("rate")


def _weigh(run: Run, running: dict[str, Server], world: World, first: int) -> None:
    """Weigh all servers after the load, restart them, and see what a worker more costs ptrd."""
    for server, process in running.items():
        size = pss_bytes(process.pids())
        if run.book.find("memory", "all", world.records, server) is None:
            run.book.add("memory", "all", world.records, server, first, bytes=size)
        if server not in RELOADERS:
            continue
        for turn in range(run.options.restarts):
            say(f"{world.records:,} records: restarting {server}")
            process.stop()
            process.start()
            run.book.add("start", "restart", world.records, server, first + turn, seconds=process.ready_seconds)
    for server, process in running.items():
        if server.startswith("ptrd") and run.book.find("memory", "worker", world.records, server) is None:
            process.stop()
            _weigh_workers(run, world, server, first)


def _weigh_workers(run: Run, world: World, server: str, first: int) -> None:
    sizes = []
    for workers in (1, 3):
        more = make_ptrd(server, "plain", world, run.options, run.folder, workers=workers)
        with more:
            questions = _files(run, more, server, world, "hits")[0]
            saturate(more, questions, run.options.seconds, run.options.load_cpu)
            sizes.append(pss_bytes(more.pids()))
    run.book.add("memory", "worker", world.records, server, first, bytes=(sizes[1] - sizes[0]) / 2)


def compare(running: dict[str, Server], world: World, load: str) -> None:
    """See that all servers give the same answers and no more. Raises BenchError."""
    made = LOADS[load].made
    asked = {}
    for server, process in running.items():
        if supports(server, load):
            cookies = fetch_cookies(process.address, process.port, world.origin) if load == "mix" else []
            asked[server] = samples(world, load, SAMPLES, cookies)
    for number in range(SAMPLES):
        seen: dict[str, object] = {}
        for server, queries in asked.items():
            query = queries[number]
            raw = udp_ask(running[server].address, running[server].port, query)
            reply = read_reply(query, raw)
            if raw is None or isinstance(reply, str):
                raise BenchError(f"{load}: {server} said {reply} to {query.hex()}")
            message = dns.message.from_wire(raw)
            if reply.answer and (message.authority or message.additional):
                raise BenchError(f"{load}: {server} says more than is asked for:\n{message}")
            if reply.opt == (query[10:12] == b"\0\0") and server != "dnslib":
                raise BenchError(f"{load}: {server} has EDNS where there was none, or none where there was:\n{message}")
            answer = len(reply.answer) if made else reply.answer  # what a made name looks like differs
            seen[server] = (reply.rcode, "AA" in reply.flags, answer)
        if len(set(seen.values())) > 1:
            raise BenchError(f"{load}: servers differ on {query.hex()}: {seen}")
