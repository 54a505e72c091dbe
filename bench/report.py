"""Tables of a run: for a terminal, and as Markdown between the markers of README.md.

`python -m bench.report FILE.json... [--readme README.md] [--plots FOLDER]`. Of what several runs measured, the last
counts. Medians over the rounds; ratios as results.py says.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.peers import NAMES
from bench.questions import LOADS
from bench.results import Book, Figure, cost, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BEGIN, END = "<!-- made by bench/report.py -->", "<!-- end of what bench/report.py made -->"
FULL = 0.97  # of a core: below it the asking program was the slower one
INSTRUCTIONS = {"hits": "PTR records", "made": "default names", "nxdomain": "NXDOMAIN"}
RELOADS = {"one": "one record changed", "many": "{} records changed", "loaded": "one, under load"}


class Table:
    """A title, the heads of columns, rows of text, and a sentence that explains."""

    def __init__(self, title: str, note: str, *heads: str) -> None:
        self.title, self.note, self.heads = title, note, heads
        self.rows: list[tuple[str, ...]] = []

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def text(self) -> str:
        """Write it for a terminal."""
        widths = [max(len(row[at]) for row in (self.heads, *self.rows)) for at in range(len(self.heads))]

        def line(cells: Iterable[str]) -> str:
            pairs = list(zip(cells, widths, strict=True))
            return "  ".join(
                cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(pairs)
            )

        return "\n".join([f"\n{self.title}", line(self.heads), *map(line, self.rows)])

    def markdown(self) -> str:
        """Write it for README.md."""
        rows = [f"| {' | '.join(cells)} |" for cells in (self.heads, ("---",) * len(self.heads), *self.rows)]
        return "\n".join([f"**{self.title}**", "", *rows, "", *textwrap.wrap(self.note, 120)]) + "\n"


def tables(book: Book, records: int | None = None) -> str:
    """Write the tables of a run, or of one size of it, for a terminal."""
    return "\n".join(table.text() for table in _tables(book, records) if table.rows) + "\n"


def _span(numbers: Iterable[float]) -> str:
    found = sorted(set(numbers))
    return " to ".join(map(str, dict.fromkeys((found[0], found[-1]))))


def markdown(book: Book, plots: str = "") -> str:
    """Write the section's text: the machine, the tables, the plots in this folder."""
    about = book.about
    versions = [f"{NAMES[name]} {number}" for name, number in about["versions"].items() if name != "ptrd-python"]
    runs = about.get("runs", [about])
    revisions = ", ".join(dict.fromkeys(run["revision"] or "unknown" for run in runs))
    rounds = _span(run["options"]["rounds"] for run in runs)
    loads = _span(run["load"] for run in runs)
    where = (
        f"Measured on {about['date']} at revision {revisions}, in runs: {len(runs)}. {about['cores']} cores of "
        f"{about['processor']}, {about['memory'] / 2**30:.0f} GiB, {about['system']}, kernel {about['kernel']}, "
        f"{about['python']}. {', '.join(versions)}. {rounds} rounds of "
        f"{_span(run['options']['seconds'] for run in runs)} s for each server and row; load average before: {loads}. "
        "The machine is virtual and shared: latencies and losses differ from run to run, ratios less."
    )
    parts = ["\n".join(textwrap.wrap(where, 120)) + "\n"]
    parts += [table.markdown() for table in (*_wide(book), *_tables(book)[1:]) if table.rows]
    if plots:
        parts += [f"![{title}]({plots}/{name}.svg)\n" for name, title in PLOTS.items()]
    return "\n".join(parts)


PLOTS = {
    "cost": "CPU per query, by kind of question",
    "size": "CPU per query and memory, by number of records",
    "latency": "Latency at half load",
}


def _tables(book: Book, records: int | None = None) -> list[Table]:
    made = [_loads(book, records), _latencies(book, records), _starts(book, records), _reloads(book, records)]
    made += [_changes(book, records), _beside(book, records), _instructions(book, records), _memory(book, records)]
    return made


def _sizes(book: Book, part: str, what: str, records: int | None) -> list[int]:
    return [size for size in book.sizes(part, what) if records in {None, size}]


def _loads(book: Book, records: int | None) -> Table:
    table = Table(
        "CPU per query and queries a second",
        "µs of CPU, user and system, of all the server's processes, for each query; ours/its is the median over the "
        "rounds of ptrd's cost divided by this server's in the same round. ≥: the server's core was not full.",
        "records", "question", "server", "µs/query", "user", "system", "ours/its", "queries/s",
    )  # fmt: skip
    for load in LOADS.values():
        for size in _sizes(book, "load", load.name, records):
            figures = book.servers("load", load.name, size)
            ours = book.find("load", load.name, size, "ptrd")
            for figure in figures:
                times = ratio(ours, figure) if ours else None
                less = "≥ " if figure.middle("busy") < FULL else ""
                table.add(
                    f"{size:,}", load.title, NAMES[figure.server], f"{median(cost(figure)):.2f}",
                    f"{figure.middle('user'):.2f}", f"{figure.middle('system'):.2f}",
                    f"{times:.2f}" if times and figure is not ours else "", f"{less}{figure.middle('rate'):,.0f}",
                )  # fmt: skip
    return table


def _wide(book: Book) -> list[Table]:
    """Make what `_loads` says two tables with a column for each server, since a page has no room for a row of each."""
    servers = [server for server in NAMES if any(it.part == "load" and it.server == server for it in book.figures)]
    heads = ("records", "question", *(NAMES[server] for server in servers))
    costs = Table(
        "CPU per query",
        "µs, user + system, of all the server's processes, for each query. In brackets: the median over the rounds of "
        "ptrd's cost divided by this server's in the same round, and after a semicolon that of plain Python.",
        *heads,
    )
    rates = Table("Queries a second", "What one core answers; ≥: the server's core was not full.", *heads)
    for load in LOADS.values():
        for size in book.sizes("load", load.name):
            found = {figure.server: figure for figure in book.servers("load", load.name, size)}
            cells, seconds = [], []
            for server in servers:
                figure = found.get(server)
                ours = [
                    found[name] for name in ("ptrd", "ptrd-python") if name in found and not server.startswith("ptrd")
                ]
                if figure is None:
                    cells.append("")
                    seconds.append("")
                    continue
                times = "; ".join(f"{times:.2f}" for it in ours if (times := ratio(it, figure)))
                spent = f"{figure.middle('user'):.1f} + {figure.middle('system'):.1f}"
                cells.append(f"{spent} ({times})" if times else spent)
                full = "" if figure.middle("busy") >= FULL else "≥ "
                seconds.append(f"{full}{figure.middle('rate'):,.0f}")
            costs.add(f"{size:,}", load.title, *cells)
            rates.add(f"{size:,}", load.title, *seconds)
    return [costs, rates]


def _latencies(book: Book, records: int | None) -> Table:
    table = Table(
        "Latency at half load",
        "Each server is asked for PTR records at half the rate that it could take, by a program that counts from when "
        "a question was due; ms. `in time` is the share of questions that it sent within 1 ms of that, and the 99th "
        "percentile of theirs: with the others it was itself stopped; `stolen` is what the host kept from the virtual "
        "machine meanwhile.",
        "records", "server", "queries/s", "p50", "p99", "p99.9", "lost", "in time", "p99 in time", "stolen",
    )  # fmt: skip
    for size in _sizes(book, "latency", "hits", records):
        for figure in book.servers("latency", "hits", size):
            table.add(
                f"{size:,}", NAMES[figure.server], f"{figure.middle('rate'):,.0f}",
                *(f"{figure.middle(name) / 1000:.3f}" for name in ("p50", "p99", "p999")),
                f"{sum(figure.values['lost']):.0f}", f"{figure.middle('punctual'):.1%}",
                f"{figure.middle('punctual_p99') / 1000:.3f}", _value(figure, "stolen", "{:.0f}".format),
            )  # fmt: skip
    return table


def _starts(book: Book, records: int | None) -> Table:
    table = Table(
        "Memory and start",
        "Memory is the PSS of all processes after the load; a further worker is what a second and a third one add. "
        "Cold is from the start of the program to its first answer, with nothing kept from before.",
        "records", "server", "memory MB", "ptrd/its", "further worker MB", "cold s", "restart s",
    )  # fmt: skip
    for size in _sizes(book, "memory", "all", records):
        ours = book.find("memory", "all", size, "ptrd")
        for figure in book.servers("memory", "all", size):
            share = ours.middle("bytes") / figure.middle("bytes") if ours and figure is not ours else 0
            table.add(
                f"{size:,}", NAMES[figure.server], f"{figure.middle('bytes') / 1e6:.0f}",
                f"{share:.2f}" if share else "",
                _value(book.find("memory", "worker", size, figure.server), "bytes", lambda it: f"{it / 1e6:.0f}"),
                _value(book.find("start", "cold", size, figure.server), "seconds", "{:.2f}".format),
                _value(book.find("start", "restart", size, figure.server), "seconds", "{:.2f}".format),
            )  # fmt: skip
    return table


def _value(figure: Figure | None, name: str, spell: Callable[[float], str]) -> str:
    return spell(figure.middle(name)) if figure and name in figure.values else ""


def _reloads(book: Book, records: int | None) -> Table:
    table = Table(
        "Zone files read again",
        "From the signal until DNS has the last changed name, everything of a server on one core. Under load: "
        "questions at this rate all the while; lost ones, percentiles of the answers' latency in ms, then as in the "
        "table of latencies, and the 99th percentile without a reload.",
        "records", "server", "what", "s", "queries/s", "lost", "p99 ms", "p99.9 ms", "worst ms", "in time",
        "p99 in time", "stolen", "quiet p99",
    )  # fmt: skip
    for what, title in RELOADS.items():
        for size in _sizes(book, "reload", what, records):
            for figure in book.servers("reload", what, size):
                name = NAMES[figure.server]
                if what != "loaded":
                    text = title.format(f"{figure.middle('changes'):,.0f}")
                    table.add(f"{size:,}", name, text, f"{figure.middle('seconds'):.2f}", *[""] * 9)
                    continue
                table.add(
                    f"{size:,}", name, title, f"{figure.middle('took'):.2f}", f"{figure.middle('rate'):,.0f}",
                    f"{figure.middle('lost'):.0f}",
                    *(f"{figure.middle(value) / 1000:.2f}" for value in ("p99", "p999", "worst")),
                    f"{figure.middle('punctual'):.1%}", f"{figure.middle('punctual_p99') / 1000:.2f}",
                    _value(figure, "stolen", "{:.0f}".format),
                    _value(figure, "quiet_p99", lambda it: f"{it / 1000:.2f}"),
                )  # fmt: skip
    return table


def _changes(book: Book, records: int | None) -> Table:
    table = Table(
        "Changes without zone files",
        "From the request until DNS has it: ptrd over HTTP and by `ptrd ptr import --wait`, BIND and Knot by dynamic "
        "update, 500 in a message. Both are on the disk by then; ptrd also checks whose the address is.",
        "records", "server", "one change ms", "changes", "many s",
    )  # fmt: skip
    for size in _sizes(book, "change", "one", records):
        for figure in book.servers("change", "one", size):
            many = book.find("change", "many", size, figure.server)
            table.add(
                f"{size:,}", NAMES[figure.server], f"{figure.middle('seconds') * 1000:.1f}",
                _value(many, "changes", "{:,.0f}".format), _value(many, "seconds", "{:.2f}".format),
            )  # fmt: skip
    return table


def _beside(book: Book, records: int | None) -> Table:
    table = Table(
        "Answering beside a stream of changes",
        "First changes alone, over HTTP: how many a second, and what they take of a worker's core. Then CPU µs that "
        "the workers spend on a question, at a fixed rate, without and with changes all the while; the ratio is the "
        "median over rounds. It falls below 1 where busy workers take more questions at once.",
        "records", "server", "changes/s", "% of a core", "queries/s", "changes/s", "without", "with", "ratio",
        "p99 ms without", "with",
    )  # fmt: skip
    for size in _sizes(book, "beside", "changing", records):
        for figure in book.servers("beside", "changing", size):
            quiet = book.find("beside", "quiet", size, figure.server)
            alone = book.find("beside", "alone", size, figure.server)
            if quiet is not None:
                times = ratio(figure, quiet)
                table.add(
                    f"{size:,}", NAMES[figure.server], _value(alone, "changes", "{:.0f}".format),
                    _value(alone, "busy", lambda it: f"{it * 100:.1f}"), f"{figure.middle('rate'):,.0f}",
                    f"{figure.middle('changes'):.0f}", f"{median(cost(quiet)):.2f}", f"{median(cost(figure)):.2f}",
                    f"{times:.2f}" if times else "", f"{quiet.middle('p99') / 1000:.2f}",
                    f"{figure.middle('p99') / 1000:.2f}",
                )  # fmt: skip
    return table


def _instructions(book: Book, records: int | None) -> Table:
    table = Table(
        "Instructions per query",
        "Counted by callgrind, user space only. For ptrd from the bytes of a query to those of its answer, without the "
        "socket around it; for the others all that the server does.",
        "server", *INSTRUCTIONS.values(),
    )  # fmt: skip
    sizes = _sizes(book, "instructions", "hits", records)
    for figure in book.servers("instructions", "hits", sizes[0]) if sizes else []:
        found = [book.find("instructions", what, sizes[0], figure.server) for what in INSTRUCTIONS]
        table.add(NAMES[figure.server], *(_value(it, "count", "{:,.0f}".format) for it in found))
    return table


def _memory(book: Book, records: int | None) -> Table:
    table = Table(
        "Bytes",
        "The image holds all that the zone files say, once for all workers. A query's memory: what answering one takes "
        "at most, and the Python objects that a thousand leave behind.",
        "what", "server", "PTR records", "default names", "NXDOMAIN",
    )  # fmt: skip
    for size in _sizes(book, "image", "bytes", records):
        figure = book.find("image", "bytes", size, "ptrd")
        table.add(f"image, bytes a record at {size:,}", "ptrd", _value(figure, "each", "{:.1f}".format), "", "")
    for size in _sizes(book, "allocations", "hits", records):
        for figure in book.servers("allocations", "hits", size):
            found = [book.find("allocations", what, size, figure.server) for what in INSTRUCTIONS]
            for name, title in (("peak", "bytes a query"), ("left", "objects left by 1,000")):
                table.add(title, NAMES[figure.server], *(_value(it, name, "{:,.0f}".format) for it in found))
    return table


def write_readme(path: Path, text: str) -> None:
    """Put the text between the markers of a page. Raises ValueError when they are not there."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no line {BEGIN} before a line {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json", help="of bench.run --json")
    parser.add_argument("--readme", type=Path, help="put the tables between the markers of this page")
    parser.add_argument("--plots", type=Path, help="draw into this folder, as SVG; needs matplotlib")
    options = parser.parse_args(arguments)
    book = Book.load(*options.files)
    if options.plots:
        from bench.plots import draw  # noqa: PLC0415 - matplotlib is an extra

        draw(book, options.plots)
    if options.readme:
        folder = options.plots.resolve().relative_to(options.readme.resolve().parent) if options.plots else ""
        write_readme(options.readme, markdown(book, str(folder)))
    else:
        print(tables(book))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
