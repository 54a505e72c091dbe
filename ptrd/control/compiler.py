"""Zone files become an image, all of them or none; run as a child process, so that its memory goes with it.

What is compiled is what each file held at one moment: a file that changes while it is read is read again. Only new
files beside the state's own are written; giving them their names is left to the publisher.
"""

from __future__ import annotations

import contextlib
import gc
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.control.contents import received_segment
from ptrd.control.differences import find_differing
from ptrd.control.jobs import Report, dump_line, load_job
from ptrd.control.priority import give_way
from ptrd.records.catalog import catalog_zone, load_catalog
from ptrd.records.model import Place, Problem
from ptrd.records.rules import RECORDS_LIMIT
from ptrd.snapshot.build import build_image
from ptrd.snapshot.image import Input, open_image, read_about, segment_of, serials_of
from ptrd.snapshot.layout import ImageError
from ptrd.snapshot.outline import read_outlines
from ptrd.snapshot.segment import compile_segment
from ptrd.snapshot.stubs import stub_behind, stubs_of
from ptrd.store.atomic import write_parts
from ptrd.store.images import ImageFileError, MappedImage, input_of, stat_input
from ptrd.store.sources import expand_sources
from ptrd.store.state import Serials, SerialsError, dump_serials, load_serials
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from mmap import mmap

    from ptrd.control.jobs import Job
    from ptrd.records.catalog import Catalog
    from ptrd.snapshot.build import BuiltImage
    from ptrd.snapshot.image import Buffer

MAX_PROBLEMS: Final = 1000  # that are reported to the publisher; `ptrd check` prints all
_TRIES: Final = 5
_NO_FILE: Final = Input("", 0, 0, 0, 0)  # where a segment is made of other things than a file
_GRAIN: Final = 0.02  # seconds; a file system's clock may stand still for so long (10 ms ticks, and some)


class Compiled(NamedTuple):
    """What came of the zone files; `built` is None when they hold an error."""

    built: BuiltImage | None
    problems: list[Problem]
    files: int
    reused: int


def compile_sources(
    sources: Sequence[str],
    now: float,
    *,
    limit: int = RECORDS_LIMIT,
    settings: bytes = b"",
    revision: int = 1,
    serials: Serials | None = None,
    old: mmap | bytes | None = None,
    keys: Collection[bytes] | None = None,
    received: str = "",
    catalog: Catalog | None = None,
) -> Compiled:
    """Load every zone file of the sources, reuse what the old image has of unchanged ones, and build an image.

    `received` is the folder of what primaries sent; zones that are not there, or without a folder, are absent.

    The problems are all that there are, in the order of files and lines; of reused files, none.
    """
    paths, problems = expand_sources(sources)
    complained = {problem.place.file for problem in problems}
    known = _segments(old, settings)
    segments: list[tuple[Input, Buffer]] = []
    reused = 0
    for path in paths:
        try:
            source, data = _read_unchanging(path, known)
        except _ReadError as error:
            if path not in complained:
                problems.append(Problem(Place(path, 1, 1), str(error)))
            continue
        if data is None:
            segments.append((source, known[source]))
            reused += 1
            continue
        zones, found = load_zone_file(path, data, limit)
        problems += found
        if not _has_error(found):
            segments.append((source, compile_segment(path, zones)))
        del zones, data  # a million tuples, before the next file has its own
    received_too = _with_received(segments, received, known, catalog)
    built = build_image(segments, serials or {}, settings, revision, now, keys)
    problems += received_too + built.problems
    return Compiled(None if _has_error(problems) else built, problems, len(paths), reused)


def compile_received(
    old: mmap | bytes,
    now: float,
    received: str,
    *,
    revision: int = 1,
    serials: Serials | None = None,
    catalog: Catalog | None = None,
) -> Compiled:
    """Build an image of what primaries sent, and of all zone files as the old image has them: none of them is read.

    The files' identities and the settings stay those of the old image, so that it can be told what has changed since.
    Raises ImageError.
    """
    about = read_about(old)
    known = {source: segment_of(old, number) for number, source in enumerate(about.inputs)}
    segments: list[tuple[Input, Buffer]] = [
        (source, segment) for source, segment in known.items() if source.path and stub_behind(segment) is None
    ]
    files = len(segments)
    problems = _with_received(segments, received, known, catalog)
    built = build_image(segments, serials or {}, about.settings, revision, now)
    problems += built.problems
    return Compiled(None if _has_error(problems) else built, problems, files, files)


def _with_received(
    segments: list[tuple[Input, Buffer]],
    received: str,
    known: dict[Input, memoryview],
    catalog: Catalog | None,
) -> list[Problem]:
    """Add the segments of what primaries sent, and of the catalog, to those of the zone files."""
    problems = []
    stubs = [stub for _, segment in segments for stub in stubs_of(segment)]
    for stub in stubs:
        source, segment, found = received_segment(stub, received, known)
        segments.append((source, segment))
        problems += found
    if catalog is not None:
        segments.append((_NO_FILE, _catalog_segment(catalog, segments)))
    return problems


def _catalog_segment(catalog: Catalog, segments: list[tuple[Input, Buffer]]) -> Buffer:
    """Make the catalog of all zones that somebody may transfer."""
    zones = read_outlines(segments)
    members = [zone.origin for zone in zones if zone.transfer is not None and zone.transfer["allow"]]
    return compile_segment(catalog.place.file, [catalog_zone(catalog, members)])


def run_job(job: Job) -> Report:
    """Carry out a job: either everything was written and the report has no error, or nothing was."""
    report = Report()
    try:
        old = _map_old(job.old)
        serials, report.problems = _known_serials(Path(job.serials), old)
        compiled = _compile(job, old, serials)
        report.problems += compiled.problems
        report.files, report.reused = compiled.files, compiled.reused
        if compiled.built is None:
            errors = sum(not problem.warning for problem in compiled.problems)
            what = "the zones have" if job.kept else "the zone files have"
            report.error = f"{what} {errors} error{'s' if errors > 1 else ''}"
        else:
            write_parts(Path(job.serials_output), [dump_serials(compiled.built.serials)])
            write_parts(Path(job.output), compiled.built.parts)
            report.changed = compiled.built.changed
            if old is not None and report.changed:
                report.differing = find_differing(old, Path(job.output), [zone for zone, *_ in report.changed])
    except PtrdError as error:
        report.error = str(error)
    except OSError as error:
        report.error = f"cannot write to {Path(job.output).parent}: {error.strerror}"
    except MemoryError:
        report.error = "there is not enough memory to compile the zone files"
    return report


def _compile(job: Job, old: mmap | None, serials: Serials) -> Compiled:
    catalog = load_catalog(job.catalog)
    if job.kept:
        if old is None:
            raise ImageError(f"the image {job.old} is gone; reload the zone files: ptrd reload")
        return compile_received(old, job.now, job.received, revision=job.revision, serials=serials, catalog=catalog)
    return compile_sources(
        job.sources,
        job.now,
        limit=job.limit,
        settings=bytes.fromhex(job.settings),
        revision=job.revision,
        serials=serials,
        old=old,
        received=job.received,
        catalog=catalog,
        keys=None if job.keys is None else [parse_name(name) for name in job.keys],
    )


def main() -> None:
    """Read one job from standard input, carry it out, write its report to standard output."""
    job = load_job(sys.stdin.buffer.readline())
    threading.Thread(target=_end_when_unwanted, daemon=True).start()
    give_way()
    gc.disable()  # millions of tuples, none of them garbage
    report = run_job(job)
    report.problems.sort(key=lambda problem: problem.warning)  # so that it is not errors that are left out
    report.omitted = len(report.problems[MAX_PROBLEMS:])
    del report.problems[MAX_PROBLEMS:]
    sys.stdout.buffer.write(dump_line(report))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing to tidy up, and millions of objects to free


def _end_when_unwanted() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)


def _has_error(problems: list[Problem]) -> bool:
    return any(not problem.warning for problem in problems)


def _map_old(path: str) -> mmap | None:
    if not path:
        return None
    try:
        return MappedImage(Path(path)).buffer
    except (ImageFileError, FileNotFoundError):
        return None


def _segments(old: mmap | bytes | None, settings: bytes) -> dict[Input, memoryview]:
    """List what an image can give for files that have not changed since."""
    if old is None:
        return {}
    try:
        about = read_about(old)
    except ImageError:
        return {}
    if about.settings != settings:
        return {}
    return {source: segment_of(old, number) for number, source in enumerate(about.inputs)}


def _known_serials(path: Path, old: mmap | None) -> tuple[Serials, list[Problem]]:
    """Read the zones' serials; when their file is lost or damaged, those of the old image stand in.

    The image does not tell what content a serial was for, so each zone then gets a higher one. Raises StateError.
    """
    problems = []
    try:
        found = load_serials(path)
    except SerialsError as error:
        if old is None:
            raise SerialsError(
                f"{error}: put back a copy of it, or remove it and let `auto` serials go on from the time of day"
            ) from None
        found = {}
        problems = [Problem(Place(str(path), 1, 1), f"{error}; those of the last image are used", warning=True)]
    if not found and old is not None:
        with contextlib.suppress(ImageError):
            served = serials_of(open_image(old, verify=False))
            found = {zone: (b"", serial) for zone, serial in served.items()}
    return found, problems


class _ReadError(PtrdError):
    """A zone file cannot be read as it was at one moment."""


def _read_unchanging(path: str, known: dict[Input, memoryview]) -> tuple[Input, bytes | None]:
    """Read a file as it was at one moment; no bytes when its content is known already. Raises _ReadError."""
    for _ in range(_TRIES):
        try:
            source, data = _read(path, known)
            if data is None or (stat_input(path) == source and len(data) == source.size):
                return source, data
        except OSError as error:
            raise _ReadError(f"cannot read the file: {error.strerror}") from None
        time.sleep(_GRAIN)
    raise _ReadError("the file changes while it is being read; reload when it is complete")


def _read(path: str, known: dict[Input, memoryview]) -> tuple[Input, bytes | None]:
    """Read a file and what identified it before. Raises _ReadError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold us up
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _ReadError("this is no regular file; name a zone file, or a folder of them")
        source = input_of(path, status)
        if source in known:
            return source, None
        age = time.time() - max(source.mtime_ns, source.ctime_ns) / 1e9
        if -_GRAIN < age < _GRAIN:
            # Another change within the same tick of the file system's clock would leave no trace.
            time.sleep(_GRAIN)
            source = input_of(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            return source, file.read()
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
