"""Zone files as zone-format describes them: bytes in, zones and every problem of the file out; nothing is raised.

A file is read as a stream of YAML events, so that each problem has its line and column and a million records take
seconds. Reading the file is the caller's part.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import yaml
from yaml.events import DocumentStartEvent

from ptrd.records.rules import RECORDS_LIMIT, set_problems
from ptrd.store.recordlines import NotOrdinaryError, RecordLines, take_out
from ptrd.store.yamlevents import Report, read_events, syntax_problem
from ptrd.store.zonedocument import build_zone, read_document

if TYPE_CHECKING:
    from ptrd.records.model import Problem, Zone


def load_zone_file(path: str, data: bytes, limit: int = RECORDS_LIMIT) -> tuple[list[Zone], list[Problem]]:
    """Read the zones of one file, and all its problems in order of their position.

    `path` is only written into places. `limit` is how many records a name and type may have. A zone with an error is
    left out of the zones. Where the file stops being YAML, the documents before that place are read all the same.
    """
    collecting = gc.isenabled()
    gc.disable()  # a million tuples, none of them garbage: collecting among them takes as long as making them
    try:
        zones, problems = _load_quickly(path, data, limit) or _load(path, data, limit)
    finally:
        if collecting:
            gc.enable()
    problems.sort(key=lambda problem: problem.place[1:])
    return zones, problems


def _load_quickly(path: str, data: bytes, limit: int) -> tuple[list[Zone], list[Problem]] | None:
    """Load a file without its runs of ordinary records; None when it has none, or must be read as it stands."""
    lines = take_out(data)
    if not lines.untaken:
        return None
    report = Report(path, lines.rest)
    zones: list[Zone] = []
    try:
        _read_documents(report, limit, zones, lines)
    except (yaml.YAMLError, NotOrdinaryError):
        return None
    if lines.untaken:
        return None
    for problem in set_problems(zones):
        report.add(problem)
    return zones, report.problems


def _load(path: str, data: bytes, limit: int) -> tuple[list[Zone], list[Problem]]:
    unreadable: list[Problem] = []
    while True:
        report = Report(path, data)
        zones: list[Zone] = []
        try:
            _read_documents(report, limit, zones, RecordLines(data, data, {}))
        except yaml.reader.ReaderError as error:
            # libyaml reads ahead: take the documents that end before the byte that it cannot read.
            unreadable.append(syntax_problem(error, report))
            data = data[: data.rfind(b"\n---", 0, error.position) + 1]
            continue
        except yaml.YAMLError as error:
            report.add(syntax_problem(error, report))
        for problem in set_problems(zones):
            report.add(problem)
        return zones, report.problems + unreadable


def _read_documents(report: Report, limit: int, zones: list[Zone], lines: RecordLines) -> None:
    events = read_events(report.data)
    for event in events:
        if event.__class__ is DocumentStartEvent:
            document = read_document(next(events), events, report, lines)
            zone = build_zone(document, report, limit) if document else None
            if zone is not None:
                zones.append(zone)
