"""Transfers wait here for a process: as many zones as wait share one, so that thousands of them do not start thousands.

A zone that a process failed on before has one to itself, so that it spoils no other's transfer.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.control.child import ChildError, follow_child
from ptrd.control.fetching import dump_jobs, load_report

if TYPE_CHECKING:
    from ptrd.control.fetching import FetchJob, FetchReport

AT_ONCE: Final = 4  # processes
MOST: Final = 64  # zones of one process
_WHAT: Final = "the transfer"


class _Waiting(NamedTuple):
    job: FetchJob
    report: asyncio.Future[FetchReport]
    alone: bool


class FetchQueue:
    """Runs the processes."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._running: set[asyncio.Task[None]] = set()

    async def fetch(self, job: FetchJob, *, alone: bool = False) -> FetchReport:
        """Have a job done, if wanted by a process of its own. Raises ChildError."""
        report: asyncio.Future[FetchReport] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(job, report, alone))
        self._start()
        return await report

    async def close(self) -> None:
        """Wait for the end of what runs, which comes at once when nobody waits for a report any more."""
        self._waiting.clear()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            batch = self._take()
            if not batch:
                return
            task = asyncio.create_task(_run(batch))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _take(self) -> list[_Waiting]:
        """Take what the next process is to do: what nobody waits for any more is left out."""
        self._waiting = [waiting for waiting in self._waiting if not waiting.report.done()]
        if not self._waiting or self._waiting[0].alone:
            return [self._waiting.pop(0)] if self._waiting else []
        batch = [waiting for waiting in self._waiting if not waiting.alone][:MOST]
        taken = set(map(id, batch))
        self._waiting = [waiting for waiting in self._waiting if id(waiting) not in taken]
        return batch

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()


async def _run(batch: list[_Waiting]) -> None:
    """Have a batch done, and tell everybody who waits. The process ends when nobody waits for it any more."""
    reading = asyncio.create_task(_read(batch))
    waiting = asyncio.gather(*[item.report for item in batch], return_exceptions=True)
    try:
        await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()
        (error,) = await asyncio.gather(reading, return_exceptions=True)
        for item in batch:
            if not item.report.done():
                failed = error if isinstance(error, ChildError) else ChildError(f"{_WHAT} ended without a report")
                item.report.set_exception(failed)
        await waiting


async def _read(batch: list[_Waiting]) -> None:
    """Run the process and hand its reports out. Raises ChildError."""
    line = dump_jobs([item.job for item in batch])
    async with aclosing(follow_child(_WHAT, "ptrd.control.fetching", line)) as lines:
        async for answer in lines:
            number, report = load_report(answer)
            if not batch[number].report.done():
                batch[number].report.set_result(report)
