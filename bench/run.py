r"""Measure ptrd beside NSD, Knot and BIND: `python -m bench.run` in the project's folder prints a table.

Every installed server gets the same zone and the same questions, in turn and again and again within one run (A B C D,
A B C D, ...), since machines differ from minute to minute: a number means something only beside another of the same
round. The servers stay up and are pinned to one core, one thread each (ptrd: `workers: 1`); dnsperf has another core
and keeps 100 questions open, with EDNS. Rate limits are off, NSD and BIND answer minimally. All but the start times
are medians over the rounds.

    µs/query   CPU time, user + system, of all the server's processes, by question answered
    ptrd/it    ptrd's cost divided by this server's in the same round
    queries/s  what dnsperf saw, the server's core being busy
    PSS        memory of all the server's processes, shared pages counted once, after the load
    cold       seconds from the start of the program to its first answer; ptrd compiles its zone files
    restart    the same for a second start; ptrd maps the image it has

Scenarios: 65,536 and 1,000,000 PTR records (`--records 256,65536`), and default names for a whole IPv4 /16 and IPv6
/32, against Knot's mod-synthrecord (`--no-defaults` leaves them out). `--servers ptrd,nsd` chooses, `--rounds` and
`--seconds` say how long, `--json FILE` keeps every number. Packages: nsd knot bind9 dnsperf.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.meters import cpu_seconds, pss_bytes
from bench.scenarios import SERVERS, Scenario, write_defaults, write_records
from tests.peers.bind import BindServer
from tests.peers.knot import KnotServer
from tests.peers.nsd import NsdServer
from tests.peers.process import find_program
from tests.peers.ptrd import PtrdServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.process import Peer

PEERS: dict[str, type[Peer]] = {"nsd": NsdServer, "knot": KnotServer, "bind": BindServer}
QUESTIONS = 100_000


class BenchError(Exception):
    """A measurement that cannot be trusted; the text says why."""


@dataclass
class Result:
    """All that was measured of one server in one scenario; lists have one number a round."""

    scenario: str
    server: str
    user: list[float] = field(default_factory=list)  # microseconds a query
    system: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)  # queries a second
    cold: float = 0.0  # seconds
    restart: list[float] = field(default_factory=list)
    pss: int = 0  # bytes

    @property
    def cost(self) -> list[float]:
        """Give the microseconds a query, user and system."""
        return [user + system for user, system in zip(self.user, self.system, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for and print the table."""
    options = _parser().parse_args(arguments)
    servers = [server for server in options.servers.split(",") if server == "ptrd" or PEERS[server].installed()]
    if find_program("dnsperf") is None:
        raise SystemExit("dnsperf is not installed; apt-get install dnsperf")
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-") as name:
        folder = Path(name)
        scenarios = [
            write_records(folder / str(count), int(count), QUESTIONS, options.seed)
            for count in options.records.split(",")
            if count
        ]
        if options.defaults:
            scenarios += [
                write_defaults(folder / f"v{version}", version, QUESTIONS, options.seed) for version in (4, 6)
            ]
        for scenario in scenarios:
            measured = measure(scenario, [server for server in servers if server in scenario.servers], options, folder)
            results += measured
            print(table(measured), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    return 0


def measure(scenario: Scenario, servers: list[str], options: argparse.Namespace, folder: Path) -> list[Result]:
    """Measure one scenario: start all, load each in turn for every round, then weigh and restart them."""
    results = {server: Result(scenario.name, server) for server in servers}
    with ExitStack() as stack:
        running: dict[str, Peer | PtrdServer] = {}
        for server in servers:
            print(f"# {scenario.name}: starting {server}", flush=True)
            running[server] = _make(server, scenario, options, folder)
            stack.enter_context(running[server])
            results[server].cold = running[server].ready_seconds
            load(running[server], scenario, 1, options)  # warm
        for number in range(options.rounds):
            for server in servers:
                print(f"# {scenario.name}: round {number + 1} of {options.rounds}, {server}", flush=True)
                user, system, rate = load(running[server], scenario, options.seconds, options)
                results[server].user.append(user)
                results[server].system.append(system)
                results[server].rate.append(rate)
        for server in servers:
            results[server].pss = pss_bytes(running[server].pids())
            for _ in range(options.restarts):
                running[server].stop()
                running[server].start()
                results[server].restart.append(running[server].ready_seconds)
    return list(results.values())


def _make(server: str, scenario: Scenario, options: argparse.Namespace, folder: Path) -> Peer | PtrdServer:
    cpu, seconds = options.server_cpu, options.patience
    if server == "ptrd":
        state = folder / f"ptrd-{scenario.yaml.parent.name}"
        return PtrdServer(state, [scenario.yaml], origins=[scenario.origin], workers=1, cpu=cpu, seconds=seconds)
    zones = {scenario.origin: scenario.master}
    if server == "knot" and scenario.synth:
        return KnotServer(zones, cpu=cpu, seconds=seconds, synth={scenario.origin: scenario.synth})
    return PEERS[server](zones, cpu=cpu, seconds=seconds)


def load(
    server: Peer | PtrdServer, scenario: Scenario, seconds: int, options: argparse.Namespace
) -> tuple[float, float, float]:
    """Put questions to a server for a while; give its microseconds a query (user, system) and queries a second."""
    command = ["taskset", "-c", str(options.load_cpu), find_program("dnsperf") or "dnsperf"]
    command += ["-s", server.address, "-p", str(server.port), "-d", str(scenario.questions), "-l", str(seconds)]
    command += ["-c", "10", "-T", "1", "-q", "100", "-e"]
    pids = server.pids()
    before = cpu_seconds(pids)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = cpu_seconds(pids)
    completed = _number(r"Queries completed:\s+(\d+)", done.stdout)
    good = _number(r"NOERROR (\d+)", done.stdout)
    sent = _number(r"Queries sent:\s+(\d+)", done.stdout)
    if not completed or good != completed or sent - completed > 100:
        raise BenchError(f"{scenario.name}: not every question was answered:\n{done.stdout}{done.stderr}")
    rate = _number(r"Queries per second:\s+([\d.]+)", done.stdout)
    return (after[0] - before[0]) / completed * 1e6, (after[1] - before[1]) / completed * 1e6, rate


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def table(results: list[Result]) -> str:
    """Write one scenario's results for a person."""
    base = next((result.cost for result in results if result.server == "ptrd"), None)
    lines = [
        f"\n{results[0].scenario}",
        "       µs/query   user    sys ptrd/it  queries/s   PSS MB   cold s  restart s",
    ]
    for result in results:
        ratio = ""
        if base is not None:
            pairs = [ours / theirs for theirs, ours in zip(result.cost, base, strict=True) if theirs]
            ratio = f"{median(pairs):.2f}" if pairs else ""
        restart = f"{median(result.restart):.2f}" if result.restart else ""
        lines.append(
            f"{result.server:6} {median(result.cost):9.2f} {median(result.user):6.2f} {median(result.system):6.2f} "
            f"{ratio:>7} {median(result.rate):10,.0f} {result.pss / 1e6:8.1f} {result.cold:8.2f} {restart:>10}"
        )
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", default="65536,1000000", help="zone sizes, by commas; empty for none")
    parser.add_argument("--servers", default=",".join(SERVERS), help="by commas; those not installed are left out")
    parser.add_argument("--defaults", action=argparse.BooleanOptionalAction, default=True, help="default names too")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of load, a server and round")
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--patience", type=float, default=120.0, help="seconds that a server may take to start")
    parser.add_argument("--server-cpu", type=int, default=cores[0])
    parser.add_argument("--load-cpu", type=int, default=cores[-1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="write every number to this file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
