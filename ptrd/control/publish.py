"""The one way to change what is served, and it is all or nothing.

A publication compiles every zone file in a child process, puts the image and its serials on the disk, and makes it
live on every worker; only then is it `live` here. Whatever fails on the way leaves the old image serving. One runs at
a time, and requests that come while it runs share the next one, since it may have read its files already. What
primaries sent is published without a look at the zone files: these stay as they were published last.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError, __version__
from ptrd.control.child import run_compiler
from ptrd.control.differences import Differing, load_differing
from ptrd.control.jobs import Job, Report
from ptrd.logs import LISTED
from ptrd.records.catalog import dump_catalog
from ptrd.snapshot.image import open_image, read_about
from ptrd.snapshot.layout import VERSION
from ptrd.store.atomic import rename_into, temporary_beside
from ptrd.store.images import MappedImage, stat_inputs
from ptrd.store.received import is_content, stat_received
from ptrd.store.sources import expand_sources
from ptrd.store.state import raise_serials
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ptrd.control.options import PublishOptions
    from ptrd.snapshot.image import Input
    from ptrd.snapshot.view import Snapshot
    from ptrd.store.state import State

_CHANGES_LOGGED: Final = 20
_LINGER: Final = 1.0  # seconds that an image is held after the next one is live
_PAUSE: Final = 0.5  # seconds at least between two publications of what primaries sent

log = logging.getLogger("ptrd")


class PublishError(PtrdError):
    """There is nothing to serve."""


# (image, (zone, old serial, new serial) of each that it moved or None for an image of last time) -> its revision
Spread = Callable[["Live", "Sequence[tuple[str, int | None, int]] | None"], Awaitable[int]]


class Live(NamedTuple):
    """What is served: the image file that workers map, and this process's own reading of it."""

    image: MappedImage
    snapshot: Snapshot
    statistics: dict[str, int]
    differing: Differing = Differing()  # from the image before


class Outcome(NamedTuple):
    """How a publication ended. `how` says what came of it: mapped, compiled, unchanged or refused."""

    how: str
    at: float  # Unix time
    seconds: float
    report: Report

    @property
    def ok(self) -> bool:
        """Tell whether what is served is what the files say."""
        return self.how != "refused"


class Publisher:
    """Keeps what is served in step with the zone files.

    `spread` makes an image live on every worker before it returns, and gives the revision that it has; `serials` says
    which zones have a higher serial than the files of last time gave them; `report` is told of every outcome.
    """

    def __init__(
        self,
        options: PublishOptions,
        state: State,
        spread: Spread,
        serials: Callable[[], Mapping[bytes, int]],
        report: Callable[[Outcome], None],
    ) -> None:
        self._options = options
        self._state = state
        self._spread = spread
        self._serials = serials
        self._report = report
        self._settings = settings_of(options)
        self._turn = asyncio.Lock()
        self._next: dict[bool, asyncio.Task[Outcome]] = {}  # not begun yet, by whether the zone files are kept
        self._soonest = 0.0  # when what primaries sent may be published again, in the loop's time
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._revision = 0  # of the newest image
        self.live: Live | None = None
        self.outcome: Outcome | None = None

    @property
    def revision(self) -> int:
        """Give the revision of the newest image."""
        return self._revision

    @property
    def degraded(self) -> str:
        """Say why what is served is not what the files say; empty when it is."""
        return self.outcome.report.error if self.outcome is not None else ""

    async def start(self) -> None:
        """Serve the image of last time when it was made of the same files, else a new one.

        When that cannot be made, serve the image of last time all the same. Raises PublishError when there is none.
        """
        began = time.monotonic()
        last = self._open_last()
        if last is not None:
            self._revision = last.snapshot.revision
            if self._is_current(last):
                self._revision = await self._spread(last, None)
                self.live = last
                self._conclude("mapped", began, Report())
                return
        async with self._turn:
            report = await self._renew(reuse=last is not None)
        if report.error and last is not None:
            self._revision = await self._spread(last, None)
            self.live = last
        self._conclude("refused" if report.error else "compiled", began, report)
        if self.live is None:
            raise PublishError(f"there is nothing to serve: {report.error}")

    async def reload(self) -> Outcome:
        """Publish what the zone files say now, and give how it ended, when it has."""
        return await self._share(kept=False)

    async def publish_received(self) -> Outcome:
        """Publish what primaries have sent, over the zone files as they were published last, and give how it ended.

        While much comes, much is published at once: between two of these there is as much time as the first one took.
        """
        return await self._share(kept=True)

    async def _share(self, *, kept: bool) -> Outcome:
        if kept not in self._next:
            task = self._next[kept] = asyncio.create_task(self._publish_received() if kept else self._publish())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(self._next[kept])

    async def close(self) -> None:
        """End the publication that runs, with its compiler; what is live stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def watch(self, interval: float) -> None:
        """Publish whenever the files have changed and then stayed as they are for one interval. Never returns."""
        seen = tried = None  # a change may have come since the files were read last, so the first look counts
        while True:
            await asyncio.sleep(interval)
            now = self._files_now()
            if now == seen != tried:
                tried = now
                if self.live is None or not self._is_current(self.live):
                    log.info("the zone files have changed")
                    await self.reload()
            seen = now

    def _files_now(self) -> object:
        paths, problems = expand_sources(self._options.zones)
        return stat_inputs(paths), problems

    async def _publish(self) -> Outcome:
        async with self._turn:
            del self._next[False]  # who asks from here on has files in mind that may have been read already
            began = time.monotonic()
            if self.live is not None and self._is_current(self.live):
                return self._conclude("unchanged", began, Report())
            report = await self._renew(reuse=self.live is not None)
            return self._conclude("refused" if report.error else "compiled", began, report)

    async def _publish_received(self) -> Outcome:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._soonest - loop.time())
        async with self._turn:
            del self._next[True]
            began = time.monotonic()
            if self.live is not None and self._has_all_received(self.live):
                return Outcome("unchanged", time.time(), 0.0, Report())
            report = await self._renew(reuse=self.live is not None, kept=True)
            outcome = self._conclude("refused" if report.error else "compiled", began, report, kept=True)
            self._soonest = loop.time() + max(outcome.seconds, _PAUSE)
            return outcome

    def _conclude(self, how: str, began: float, report: Report, *, kept: bool = False) -> Outcome:
        """Log and report how a publication ended; how one of the zone files ended is remembered."""
        outcome = Outcome(how, time.time(), time.monotonic() - began, report)
        if not kept:
            self.outcome = outcome
        for place, message, warning in report.problems:
            level = logging.WARNING if warning else logging.ERROR
            log.log(level, "%s:%d:%d: %s", *place, message, extra=LISTED | {"place": place})
        if report.omitted:
            log.error("%d more problems; `ptrd check` prints them all", report.omitted)
        if outcome.ok:
            for zone, old, new in report.changed[:_CHANGES_LOGGED]:
                log.info("zone %s: serial %d%s", zone, new, "" if old is None else f", was {old}", extra=LISTED)
            if len(report.changed) > _CHANGES_LOGGED:
                log.info("%d more zones have a new serial", len(report.changed) - _CHANGES_LOGGED)
            log.info("revision %d is live: %s in %.2f s", self._revision, how, outcome.seconds)
        elif self.live is not None:
            log.error("nothing is published, revision %d stays: %s", self._revision, report.error)
        self._report(outcome)
        return outcome

    def _open_new(self, report: Report) -> Live:
        return open_live(self._state.image)._replace(differing=load_differing(report.differing))

    def _open_last(self) -> Live | None:
        try:
            return open_live(self._state.image)
        except FileNotFoundError:
            return None
        except PtrdError as error:
            log.warning("the image of last time cannot be used: %s", error)
        except Exception as error:  # noqa: BLE001 - whoever wrote it, and however wrong, it must not keep us from starting
            log.warning("the image of last time cannot be used: %r", error)
        return None

    def _is_current(self, live: Live) -> bool:
        """Tell whether an image was made of just the files that are there now, under the same settings."""
        about = read_about(live.image.buffer)
        paths, problems = expand_sources(self._options.zones)
        if any(not problem.warning for problem in problems) or about.settings != self._settings:
            return False
        files = [source for source in about.inputs if source.path and not self._is_received(source)]
        return files == stat_inputs(paths) and self._has_all_received(live)

    def _is_received(self, source: Input) -> bool:
        """Tell whether an input of an image is what a primary sent, and no zone file."""
        return bool(self._options.received) and is_content(source.path, self._options.received)

    def _has_all_received(self, live: Live) -> bool:
        """Tell whether an image was made of just what primaries have sent until now."""
        received = [source for source in read_about(live.image.buffer).inputs if self._is_received(source)]
        return received == [stat_received(source.path) for source in received]

    async def _renew(self, *, reuse: bool, kept: bool = False) -> Report:
        """Compile the files and make the image live. What fails is in the report, and then nothing has changed."""
        try:
            report = await self._compile(reuse=reuse, kept=kept)
            if not report.error:
                live = await _gently(self._open_new, report)
                self._revision = live.snapshot.revision  # some workers may have it, even if others fail
                self._revision = await self._spread(live, report.changed)
                _let_go_later(self.live)
                self.live = live
        except PtrdError as error:
            return Report(error=str(error))
        except OSError as error:
            return Report(error=f"{error.filename or self._state.folder}: {error.strerror}")
        return report

    async def _compile(self, *, reuse: bool, kept: bool) -> Report:
        """Have the files compiled, and put what came of it in place: serials first, so that they never go back."""
        state = self._state
        image = temporary_beside(state.image)
        serials = temporary_beside(state.serials)
        job = Job(
            sources=self._options.zones,
            limit=self._options.max_records,
            old=str(state.image) if reuse else "",
            serials=str(state.serials),
            output=str(image),
            serials_output=str(serials),
            settings=self._settings.hex(),
            revision=self._revision + 1,
            now=time.time(),
            received=self._options.received,
            catalog=dump_catalog(self._options.catalog),
            keys=None if self._options.keys is None else tuple([format_name(name) for name in self._options.keys]),
            kept=kept,
        )
        try:
            await asyncio.to_thread(raise_serials, state.serials, dict(self._serials()))
            report = await run_compiler(job)
            if not report.error:
                await asyncio.to_thread(rename_into, serials, state.serials)
                await asyncio.to_thread(rename_into, image, state.image)
        finally:
            image.unlink(missing_ok=True)
            serials.unlink(missing_ok=True)
        return report


async def _gently(work: Callable[[Report], Live], report: Report) -> Live:
    """Do a work in a thread of its own, which gives way to whoever answers on the same core."""

    def give_way() -> None:
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)

    with ThreadPoolExecutor(1, thread_name_prefix="publisher", initializer=give_way) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work, report)


def _let_go_later(old: Live | None) -> None:
    """Hold on to an image until workers have let go of it: whoever is last has to free its memory, which takes long."""
    held = [old]

    def let_go() -> None:
        held.clear()
        gc.collect()  # a snapshot refers to itself

    asyncio.get_running_loop().call_later(_LINGER, let_go)


def settings_of(options: PublishOptions) -> bytes:
    """Give a digest of everything but the zone files that an image depends on."""
    text = repr((__version__, VERSION, options.max_records, sorted(options.keys or ()), options.catalog))
    return blake2b(text.encode(), digest_size=16).digest()


def open_live(path: Path) -> Live:
    """Map an image file and read it. Raises FileNotFoundError, ImageFileError, ImageError."""
    image = MappedImage(path)
    snapshot = open_image(image.buffer)
    return Live(image, snapshot, snapshot.statistics())
