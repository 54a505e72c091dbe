"""What publisher and compiler say to each other: one job in, one report out, each one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ptrd.records.model import Place, Problem


@dataclass(frozen=True, slots=True)
class Job:
    """What the compiler is to do. `old` is an image whose segments may be reused, or empty."""

    sources: tuple[str, ...]
    limit: int  # records of one name and type
    old: str
    serials: str  # read from here
    output: str  # the image goes here
    serials_output: str
    settings: str  # hex
    revision: int
    now: float
    received: str = ""  # the folder of what primaries sent
    catalog: dict[str, Any] | None = None  # as records.catalog dumps it
    keys: tuple[str, ...] | None = None  # names of those that zones may name, None for any
    kept: bool = False  # the zone files are taken as the old image has them, and none of them is read


@dataclass(slots=True)
class Report:
    """What came of a job: with an `error`, nothing was written."""

    error: str = ""
    problems: list[Problem] = field(default_factory=list)
    omitted: int = 0  # problems beyond those
    changed: list[tuple[str, int | None, int]] = field(default_factory=list)  # (zone, old serial, new serial)
    files: int = 0
    reused: int = 0  # of the files, those that were not read again
    differing: dict[str, Any] = field(default_factory=dict)  # as control.differences finds it


def dump_line(value: Job | Report) -> bytes:
    """Write a job or a report as one line."""
    return json.dumps(asdict(value)).encode() + b"\n"


def load_job(line: bytes) -> Job:
    """Read a job."""
    values: dict[str, Any] = json.loads(line)
    keys = values["keys"]
    return Job(**values | {"sources": tuple(values["sources"]), "keys": None if keys is None else tuple(keys)})


def load_report(line: bytes) -> Report:
    """Read a report."""
    values: dict[str, Any] = json.loads(line)
    values["problems"] = [Problem(Place(*place), message, warning) for place, message, warning in values["problems"]]
    values["changed"] = [(zone, old, new) for zone, old, new in values["changed"]]
    return Report(**values)
