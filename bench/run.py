"""Measure ptrd beside other servers: `python -m bench.run` in the project's folder; bench/README.md explains it.

Tables are printed as they come, every number is kept with `--json`, and `--plots` draws. Nothing is judged here.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.counts import count_all
from bench.load import BenchError, build_paced
from bench.peers import SERVERS, installed, versions
from bench.publish import measure_changes, measure_reloads
from bench.questions import LOADS
from bench.report import tables
from bench.results import Book, describe, say
from bench.scenarios import write_world
from bench.throughput import Run, measure
from tests.peers.process import find_program

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("load", "limited", "reload", "changes", "counts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for and print their tables."""
    options = make_parser().parse_args(arguments)
    parts = options.parts.split(",")
    unknown = [name for name in parts if name not in PARTS]
    unknown += [name for name in options.servers.split(",") if name not in SERVERS]
    unknown += [name for name in options.loads.split(",") if name not in LOADS]
    if unknown:
        known = f"parts are {', '.join(PARTS)}, servers {', '.join(SERVERS)}, loads {', '.join(LOADS)}"
        raise SystemExit(f"unknown: {', '.join(unknown)}; {known}")
    if find_program("dnsperf") is None:
        raise SystemExit("dnsperf is not installed; apt-get install dnsperf")
    servers = [server for server in options.servers.split(",") if installed(server)]
    missing = [server for server in options.servers.split(",") if server not in servers]
    if missing:
        say(f"not here, so left out: {', '.join(missing)}")
    book = Book(describe(vars(options), versions(servers)))
    with tempfile.TemporaryDirectory(prefix="ptrd-bench-", dir=options.folder) as name:
        run = Run(options, Path(name), book, build_paced(Path(name)), servers)
        if run.paced is None:
            say("no C compiler, so no latencies and no reloads under load; apt-get install gcc libc6-dev")
        try:
            _run_parts(run, parts)
        finally:
            print(tables(book))
            if options.json:
                book.save(Path(options.json))
    if options.plots:
        from bench.plots import draw  # noqa: PLC0415 - matplotlib is an extra

        draw(book, Path(options.plots))
    return 0


def _run_parts(run: Run, parts: list[str]) -> None:
    sizes = [int(size) for size in run.options.records.split(",")]
    for number, records in enumerate(sizes):
        with tempfile.TemporaryDirectory(prefix=f"{records}-", dir=run.folder) as name:
            within = run._replace(folder=Path(name))
            say(f"writing {records:,} records")
            four = write_world(within.folder / "four", 4, records)
            if "load" in parts:
                measure(within, four, "plain", ("hits", "nxdomain", "tcp"), starts=True)
                measure(within, four, "cookies", ("mix",))
                measure(within, four, "made", ("made4",))
            if "limited" in parts and number == 0:
                measure(within, four, "limited", ("limited",))
            if "changes" in parts:
                measure_changes(within, four)
            if "reload" in parts:
                measure_reloads(within, four)
            if "counts" in parts:
                count_all(within, four, instructions=number == 0)
            if "load" in parts:
                for path in (four.yaml, four.master):
                    path.unlink()
                six = write_world(within.folder / "six", 6, records)
                measure(within, six, "plain", ("six",))
                measure(within, six, "made", ("made6",))
        print(tables(run.book, records), flush=True)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", default="65536,1000000", help="zone sizes, by commas; up to 10000000")
    parser.add_argument("--servers", default=",".join(SERVERS), help="by commas; those not installed are left out")
    parser.add_argument("--parts", default=",".join(PARTS), help="by commas")
    parser.add_argument("--loads", default=",".join(LOADS), help="kinds of questions, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, a server and round")
    parser.add_argument("--latency-rounds", type=int, default=3)
    parser.add_argument("--latency-seconds", type=float, default=3.0)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--questions", type=int, default=200_000, help="in a file; four files take turns")
    parser.add_argument("--changes", type=int, default=10_000, help="in the large publication")
    parser.add_argument("--singles", type=int, default=30, help="changes one after the other")
    parser.add_argument("--change-rate", type=int, default=500, help="changes a second beside the answering")
    parser.add_argument("--reload-rate", type=float, default=50_000.0, help="questions a second, at most")
    parser.add_argument("--quiet-seconds", type=float, default=1.0, help="of load before and after a reload")
    parser.add_argument(
        "--valgrind-questions", type=int, default=2000, help="to count instructions; 0 is for not at all"
    )
    parser.add_argument("--patience", type=float, default=300.0, help="seconds that a server may take to start")
    parser.add_argument("--server-cpu", type=int, default=cores[0])
    parser.add_argument("--load-cpu", type=int, default=cores[-1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="for zones and state, which take 100 bytes a record each; default: /tmp")
    parser.add_argument("--json", help="write every number to this file")
    parser.add_argument("--plots", help="draw into this folder, as SVG; needs matplotlib")
    return parser


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
