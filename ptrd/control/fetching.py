"""Zones fetched from their primaries, in a process of its own: `python -m ptrd.control.fetching`.

Standard input has a list of jobs, standard output gets a report of each as soon as it is done, with its number. What
came is looked at as a whole before it is written, beside what was there; when it cannot be served, nothing is. However
much a primary sends, the process takes no more memory than it may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.client.endpoints import Endpoint
from ptrd.client.sequence import ADDED, WHOLE, serial_of
from ptrd.records.received import Record, compose, problems, refusal
from ptrd.records.transfer import Key
from ptrd.snapshot.stubs import load_stub
from ptrd.store.received import ReceivedError, parse_received, read_whole, write_received
from ptrd.wire.names import format_name
from ptrd.wire.rrtypes import SOA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ptrd.client.sequence import Batch


@dataclass(frozen=True, slots=True)
class FetchJob:
    """What is to be fetched from whom. `serial` is what is there already, None to fetch all."""

    stub: dict[str, Any]  # as `snapshot.stubs` writes it
    path: str  # where what came is kept, for differences
    output: str  # where what comes is written
    host: str
    port: int
    serial: int | None
    key: tuple[str, str, str] | None = None  # its name and secret in hex, and between them the algorithm


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What came of it: with an `error`, nothing was written."""

    error: str = ""
    refused: bool = False  # it is what came that is wrong: the same serial again would be no better
    memory: bool = False  # it took too much memory, perhaps since others took theirs
    serial: int = 0
    records: int = 0
    incremental: bool = False


MOST_RECORDS: Final = 10_000_000  # of one zone
_AT_ONCE: Final = 8  # transfers in one process
_SHARE: Final = 4  # one such part of the machine's memory for a process
_LEAST_MEMORY: Final = 1 << 30  # bytes
_MOST_BYTES: Final = 1 << 30


class _PatchError(PtrdError):
    """Differences do not fit what is there."""


class _TooManyError(PtrdError):
    """More records come than are taken."""


async def fetch(job: FetchJob) -> FetchReport:
    """Do a job, and say what came of it."""
    stub = load_stub(job.stub)
    path = Path(job.path)
    try:
        records, incremental = await _fetch(job, stub.origin, path)
        reason = refusal(stub.origin, records)
        if not reason:
            found = problems(compose(stub, records))
            reason = found[0].message if found else ""
        if reason:
            zone = format_name(stub.origin)
            return FetchReport(f"{zone} from {_endpoint(job)} is not taken: {reason}", refused=True)
        records.sort(key=lambda record: record.rtype != SOA)
        write_received(Path(job.output), records)
    except _TooManyError as error:
        return FetchReport(str(error), refused=True)
    except PtrdError as error:
        return FetchReport(str(error))
    except OSError as error:
        return FetchReport(f"cannot write to {path.parent}: {error.strerror}")
    except MemoryError:
        zone = format_name(stub.origin)
        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        allowed = "" if most == resource.RLIM_INFINITY else f" within {most >> 20} MiB"
        return FetchReport(
            f"{zone} from {_endpoint(job)} is not taken: it cannot be held in memory{allowed}", memory=True
        )
    return FetchReport(serial=serial_of(records[0]), records=len(records), incremental=incremental)


async def _fetch(job: FetchJob, origin: bytes, path: Path) -> tuple[list[Record], bool]:
    """Give all records of the zone, and whether only differences came. Raises ClientError."""
    from ptrd.client.transfer import Limits, fetch_changes, fetch_zone  # noqa: PLC0415 - dnspython is large, and the supervisor needs none of it here

    limits = Limits(size=_MOST_BYTES)
    key = None
    if job.key is not None:
        key = Key(bytes.fromhex(job.key[0]), job.key[1], bytes.fromhex(job.key[2]))
    if job.serial is not None:
        try:
            known = parse_received(read_whole(path), job.path)
            changes = fetch_changes(_endpoint(job), origin, job.serial, key, limits=limits)
            async with contextlib.aclosing(changes):
                return await _follow(job, changes, known)
        except (ReceivedError, OSError, _PatchError):
            pass  # the whole zone mends it
    found: dict[Record, None] = {}  # a record that comes twice is one (RFC 2181, 5)
    async with contextlib.aclosing(fetch_zone(_endpoint(job), origin, key, limits=limits)) as batches:
        async for batch in batches:
            found |= dict.fromkeys(batch.records)
            _check_number(job, len(found))
    return list(found), False


def _check_number(job: FetchJob, number: int) -> None:
    if number > MOST_RECORDS:
        zone = format_name(bytes.fromhex(job.stub["origin"]))
        raise _TooManyError(f"{zone} from {_endpoint(job)} is not taken: it has over {MOST_RECORDS} records")


async def _follow(job: FetchJob, batches: AsyncIterator[Batch], known: list[Record]) -> tuple[list[Record], bool]:
    """Apply differences to what is known, or take the whole zone when that is what comes. Raises _PatchError."""
    whole: dict[Record, None] = {}
    table = {(record.owner, record.rtype, record.rdata): record for record in known if record.rtype != SOA}
    soa = next(record for record in known if record.rtype == SOA)
    async for kind, _, records in batches:
        if kind == WHOLE:
            whole |= dict.fromkeys(records)
            _check_number(job, len(whole))
            continue
        for record in records:
            if record.rtype == SOA:
                soa = record
            elif kind == ADDED:
                table[record.owner, record.rtype, record.rdata] = record
            elif table.pop((record.owner, record.rtype, record.rdata), None) is None:
                raise _PatchError(f"{format_name(record.owner)} is to lose a record that it does not have")
        _check_number(job, len(table))
    return (list(whole), False) if whole else ([soa, *table.values()], True)


def _endpoint(job: FetchJob) -> Endpoint:
    return Endpoint(job.host, job.port)


def main() -> None:
    """Read jobs from standard input, carry them out, write the report of each to standard output."""
    jobs = load_jobs(sys.stdin.buffer.readline())
    limit_memory()
    threading.Thread(target=_end_when_unwanted, daemon=True).start()
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(5)  # answers go first
    asyncio.run(_fetch_all(jobs))
    os._exit(0)  # nothing to tidy up, and perhaps a million records to free


def dump_jobs(jobs: Iterable[FetchJob]) -> bytes:
    """Write jobs as one line."""
    return json.dumps([asdict(job) for job in jobs]).encode() + b"\n"


def load_jobs(line: bytes) -> list[FetchJob]:
    """Read jobs."""
    return [
        FetchJob(**values | {"key": None if values["key"] is None else tuple(values["key"])})
        for values in json.loads(line)
    ]


def load_report(line: bytes) -> tuple[int, FetchReport]:
    """Read a line of output: which job it is about, and what came of it."""
    number, values = json.loads(line)
    return number, FetchReport(**values)


def limit_memory() -> None:
    """Take no more than a share of the machine's memory from here on: beyond it, a transfer fails."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = max(memory // _SHARE, _LEAST_MEMORY)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


async def _fetch_all(jobs: list[FetchJob]) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def fetch_one(number: int, job: FetchJob) -> None:
        async with turns:
            report = await fetch(job)
        sys.stdout.buffer.write(json.dumps([number, asdict(report)]).encode() + b"\n")
        sys.stdout.buffer.flush()

    await asyncio.gather(*[fetch_one(number, job) for number, job in enumerate(jobs)])


def _end_when_unwanted() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)


if __name__ == "__main__":
    main()
