"""Every number of a run, as it is kept in JSON: what was measured, of whom, and one value for each round.

A ratio is taken within rounds and then the median of these, since machines differ from minute to minute.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

FORM = 1  # of the file


@dataclass
class Figure:
    """What was measured of one server: the part of the benchmarks, the load or the action, the zone's records."""

    part: str
    what: str
    records: int
    server: str
    values: dict[str, list[float]] = field(default_factory=dict)  # "round" numbers the others

    def middle(self, name: str) -> float:
        """Give the median of a value. Raises KeyError when it was not measured."""
        return median(self.values[name])


@dataclass
class Book:
    """A run: its machine and options, and all figures."""

    about: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)

    def add(self, part: str, what: str, records: int, server: str, turn: int, **values: float) -> None:
        """Write one round's values."""
        figure = self.find(part, what, records, server)
        if figure is None:
            figure = Figure(part, what, records, server)
            self.figures.append(figure)
        for name, value in ({"round": turn} | values).items():
            figure.values.setdefault(name, []).append(value)

    def find(self, part: str, what: str, records: int, server: str) -> Figure | None:
        """Give a figure, or None when there is none."""
        wanted = (part, what, records, server)
        return next((it for it in self.figures if (it.part, it.what, it.records, it.server) == wanted), None)

    def sizes(self, part: str, what: str) -> list[int]:
        """Give the sizes at which something was measured."""
        return sorted({figure.records for figure in self.figures if (figure.part, figure.what) == (part, what)})

    def servers(self, part: str, what: str, records: int) -> list[Figure]:
        """Give the figures of all servers, in the order of the run."""
        wanted = (part, what, records)
        return [figure for figure in self.figures if (figure.part, figure.what, figure.records) == wanted]

    def save(self, path: Path) -> None:
        """Write the run to a file."""
        document = {"form": FORM, **asdict(self)}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, *paths: Path) -> Self:
        """Read runs; of what several hold the last counts, and so do the machine and date of the last.

        `about` has all of them as `runs`, and the versions of all servers.
        """
        book = cls()
        runs: list[dict[str, Any]] = []
        for path in paths:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document.get("form") != FORM:
                raise ValueError(f"{path} is not a run of these benchmarks")
            figures = [Figure(**figure) for figure in document["figures"]]
            known = {(it.part, it.what, it.records, it.server) for it in figures}
            kept = [it for it in book.figures if (it.part, it.what, it.records, it.server) not in known]
            runs.append(document["about"])
            versions = {name: number for run in runs for name, number in run["versions"].items()}
            book = cls(document["about"] | {"versions": versions, "runs": runs}, kept + figures)
        return book


def cost(figure: Figure) -> list[float]:
    """Give the CPU microseconds a query of each round, user and system together."""
    return [user + system for user, system in zip(figure.values["user"], figure.values["system"], strict=True)]


def ratio(ours: Figure, theirs: Figure) -> float | None:
    """Give the median of our CPU cost divided by theirs in the same round, None when they shared no round."""
    mine = dict(zip(ours.values["round"], cost(ours), strict=True))
    pairs = zip(theirs.values["round"], cost(theirs), strict=True)
    found = [mine[turn] / other for turn, other in pairs if turn in mine and other]
    return median(found) if found else None


def describe(options: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    """Say where, when and with what a run was made."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    release = Path("/etc/os-release")
    system = re.search(r'PRETTY_NAME="(.+)"', release.read_text(encoding="utf-8") if release.exists() else "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": model[1].strip() if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory,
        "system": system[1] if system else platform.system(),
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        "load": round(os.getloadavg()[0], 1),  # what others had the machine do as it began
        "revision": _revision(),
        "versions": versions,
        "options": options,
    }


def _revision() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def say(text: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"# {text}", file=sys.stderr, flush=True)
