"""A run as plots: SVG files, drawn by matplotlib, which nothing else here needs.

The files are the same for the same numbers: no date, and names inside them that do not change from run to run.
"""

from __future__ import annotations

import textwrap
from statistics import median
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from bench.peers import NAMES
from bench.questions import LOADS
from bench.results import cost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.results import Book, Figure

COLOURS = {
    "ptrd": "#0b6e4f",
    "ptrd-python": "#7fc8a9",
    "nsd": "#1f77b4",
    "knot": "#ff7f0e",
    "bind": "#9467bd",
    "pdns": "#d62728",
    "dnslib": "#7f7f7f",
}
mpl.rcParams.update({"svg.hashsalt": "ptrd", "svg.fonttype": "none", "font.size": 9})


def draw(book: Book, folder: Path) -> list[Path]:
    """Draw all that a run has numbers for; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, canvas in (("cost", _cost(book)), ("size", _size(book)), ("latency", _latency(book))):
        if canvas is not None:
            path = folder / f"{name}.svg"
            canvas.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
            drawn.append(path)
    return drawn


def _cost(book: Book) -> Canvas | None:
    """Bars of CPU per query, user below and system above, by kind of question, at the smallest size; without dnslib."""
    shown = {load: sizes[0] for load in LOADS if (sizes := book.sizes("load", load))}
    if not shown:
        return None
    canvas = Canvas(figsize=(9, 4))
    axes: Any = canvas.subplots()
    servers = [server for server in NAMES if server != "dnslib"]
    width = 0.8 / len(servers)
    for place, server in enumerate(servers):
        found = [(at, book.find("load", load, size, server)) for at, (load, size) in enumerate(shown.items())]
        bars = [(at + (place - len(servers) / 2 + 0.5) * width, figure) for at, figure in found if figure]
        if bars:
            at, figures = [bar[0] for bar in bars], [bar[1] for bar in bars]
            users = [figure.middle("user") for figure in figures]
            systems = [figure.middle("system") for figure in figures]
            axes.bar(at, users, width, color=COLOURS[server], label=NAMES[server])
            axes.bar(at, systems, width, bottom=users, color=COLOURS[server], alpha=0.45)
    axes.set_xticks(range(len(shown)), [textwrap.fill(LOADS[load].title, 14) for load in shown])
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylabel("CPU µs per query (pale: in the kernel)")
    axes.set_title(f"CPU per query at {min(shown.values()):,} records")
    axes.legend(ncols=3, fontsize=8)
    return canvas


def _size(book: Book) -> Canvas | None:
    """Lines over the number of records: CPU per query of PTR records, and memory."""
    if not book.sizes("load", "hits"):
        return None
    canvas = Canvas(figsize=(9, 3.6))
    left, right = canvas.subplots(1, 2)
    for server in NAMES:
        hits = _line(book, "load", "hits", server, lambda figure: median(cost(figure)))
        memory = _line(book, "memory", "all", server, lambda figure: figure.middle("bytes") / 1e6)
        style = {"marker": "o", "color": COLOURS[server], "label": NAMES[server]}
        if hits and server != "dnslib":
            left.plot(*zip(*hits, strict=True), **style)
        if memory:
            right.plot(*zip(*memory, strict=True), **style)
    for axes, title in ((left, "CPU µs per query, PTR records"), (right, "memory (PSS), MB")):
        axes.set_xscale("log")
        axes.set_xlabel("records")
        axes.set_title(title, fontsize=9)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=7)
    left.set_ylim(bottom=0)
    right.set_yscale("log")
    return canvas


def _line(book: Book, part: str, what: str, server: str, value: Callable[[Figure], float]) -> list[tuple[int, float]]:
    figures: list[Figure | None] = [book.find(part, what, size, server) for size in book.sizes(part, what)]
    return [(figure.records, value(figure)) for figure in figures if figure]


def _latency(book: Book) -> Canvas | None:
    """Bars of latency percentiles at half load, at the largest size."""
    sizes = book.sizes("latency", "hits")
    if not sizes:
        return None
    canvas = Canvas(figsize=(9, 3.2))
    axes: Any = canvas.subplots()
    figures = book.servers("latency", "hits", sizes[-1])
    width = 0.25
    for place, (name, title) in enumerate((("p50", "median"), ("p99", "99 %"), ("p999", "99.9 %"))):
        heights = [figure.middle(name) / 1000 for figure in figures]
        at = [number + (place - 1) * width for number in range(len(figures))]
        axes.bar(at, heights, width, label=title, color=("#2a9d8f", "#e9c46a", "#e76f51")[place])
    axes.set_xticks(range(len(figures)), [NAMES[figure.server] for figure in figures])
    axes.set_yscale("log")
    axes.set_ylabel("ms")
    axes.set_title(f"Latency at half load, {sizes[-1]:,} records")
    axes.legend(fontsize=8)
    return canvas
