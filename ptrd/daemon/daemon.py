"""The composition root: builds every object, starts them in order, listens to signals, and ends them in reverse.

What can fail at start fails before the first query is answered, in one sentence. Queries are answered before anything
is loaded that answers do not need. Whatever happens, the end comes within five seconds of the first SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.control.commands import Commands, WorkerState
from ptrd.control.greeting import format_endpoint, greet
from ptrd.control.histories import HistoryKeeper
from ptrd.control.http import HttpServer, bind_http
from ptrd.control.live import Link
from ptrd.control.local import LocalServer
from ptrd.control.notify import ZoneNotifier
from ptrd.control.publish import Publisher
from ptrd.control.secondarycommands import SecondaryCommands
from ptrd.control.secondaryzones import SecondaryZones, received_zones
from ptrd.control.settings import ApiSettings
from ptrd.control.systemd import Notifier, handed_over
from ptrd.daemon.privileges import step_down
from ptrd.daemon.readings import count_ranges, take_readings
from ptrd.engine.responder import SOURCES
from ptrd.metrics.exposition import Readings, make_registry
from ptrd.serve.account import find_account
from ptrd.serve.interpreter import explain_data_path
from ptrd.serve.pool import WorkerPool
from ptrd.serve.slots import make_memory
from ptrd.serve.sockets import adopt_sockets, open_sockets
from ptrd.snapshot.steps import dump_histories
from ptrd.store.certificate import CertificateKeeper, Renewal, combine
from ptrd.store.cookiesecret import keep_cookie_secret
from ptrd.store.sqlite import SqliteDatabase
from ptrd.store.state import open_state

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping, Sequence
    from typing import Any

    from ptrd.config import Config
    from ptrd.control.api import Api
    from ptrd.control.edge import Edge
    from ptrd.control.publish import Live, Outcome
    from ptrd.control.rechecks import Rechecks
    from ptrd.metrics.blocks import RangeCounts
    from ptrd.records.changes import Entry
    from ptrd.serve.sockets import Listening
    from ptrd.store.state import State

END_WITHIN: Final = 4.9  # seconds from the first signal
CLOSE_WITHIN: Final = 4.5  # of them, for everything in order
DRAIN_WITHIN: Final = 3.5  # of them, for the workers
PLEA: Final = 15.0  # seconds more that systemd is asked for, again and again, while zones are compiled

log = logging.getLogger("ptrd")


class Daemon:
    """Everything that runs in the supervisor, from `serve` to `close`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._started = time.time()
        self._notifier = Notifier(os.environ)
        self._stack = contextlib.AsyncExitStack()  # what is to be ended, the latest first
        self._stopping = asyncio.Event()
        self._live = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ranges: RangeCounts | None = None
        self._keeper: CertificateKeeper | None = None
        self._http: HttpServer | None = None
        self._api: asyncio.Future[Api] = asyncio.get_running_loop().create_future()
        self._rechecks: Rechecks | None = None
        self._published = 0
        self._refused = 0

    def stop(self, number: int) -> None:
        """End, in order; when asked a second time, at once."""
        if self._stopping.is_set():
            log.warning("%s again: ending at once", signal.Signals(number).name)
            os._exit(128 + number)  # workers and compiler end with their channels
        log.info("%s: ending", signal.Signals(number).name)
        self._stopping.set()
        last_resort = threading.Timer(END_WITHIN, os._exit, (1,))  # should a thread hang on a dead disk
        last_resort.daemon = True
        last_resort.start()

    def reload(self) -> None:
        """Publish what the zone files say now, in the background."""
        self._start(self._reload())

    async def serve(self) -> None:
        """Start everything and wait for `stop`. Raises PtrdError when it cannot start."""
        starting = asyncio.create_task(self._bring_up())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
            await stopping
        finally:
            for task in (starting, stopping):
                task.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)

    async def close(self) -> None:
        """End everything that was started, within CLOSE_WITHIN seconds."""
        self._notifier.send("STOPPING=1", "STATUS=ending")
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                for task in self._tasks:
                    task.cancel()
                await self._stack.aclose()
        except TimeoutError:
            log.warning("not everything has ended in %.1f s; ending all the same", CLOSE_WITHIN)

    async def _bring_up(self) -> None:
        config, stack = self._config, self._stack
        account = find_account(config.user) if config.user is not None else None
        listening = self._listen()
        stack.callback(listening.close)
        listener = bind_http(config.http) if config.http is not None else None
        if listener is not None:
            stack.callback(listener.close)
        step_down(config, account)
        state = open_state(config.state)
        stack.callback(state.close)
        answers = config.answers
        if config.own_cookie_secret:
            answers = dataclasses.replace(answers, cookie_secrets=(keep_cookie_secret(state.cookie_secret),))
        if config.tls is not None:
            self._keeper = CertificateKeeper(config.tls)
        keeper = None
        if config.http is not None and config.http.tls is not None:
            keeper = CertificateKeeper(config.http.tls, "http", "HTTPS")
        uncompiled = explain_data_path(config.serve.data_path)
        self._pool = WorkerPool(
            listening,
            config.serve,
            answers,
            failed=self._worker_failed,
            certificate=self._keeper.current if self._keeper is not None else None,
            notified=self._notified,
        )
        database = SqliteDatabase(state.database)
        histories = HistoryKeeper(state.history, lambda: self._link.snapshot)
        self._link = Link(database, self._pool.apply, most_steps=answers.transfer_history, histories=histories.load())
        self._notices = ZoneNotifier(
            lambda: self._link.snapshot, config.keys, listening.addresses, config.notify_sources, config.publish.catalog
        )
        self._link.moved = self._notices.moved
        self._publisher = Publisher(config.publish, state, self._spread, lambda: self._link.serials, self._count)
        self._secondary_zones = SecondaryZones(state.received, config.keys, self._publisher.publish_received)
        self._secondary_zones.sweep()
        addresses = [format_endpoint(*address) for address in listening.addresses]
        addresses += [f"{format_endpoint(*address)} (TLS)" for address in listening.tls_addresses]
        secondary = SecondaryCommands(self._secondary_zones)
        commands = Commands(
            self._publisher,
            self._link,
            self,
            self._started,
            addresses,
            self._renew_certificate,
            secondary.describe,
            self._notices.standings,
            uncompiled,
        )
        by_name = {**commands.by_name(), "refresh": secondary.refresh}
        local = LocalServer(config.local, by_name, {"api": self._command}, {"records": commands.records})
        stack.push_async_callback(self._pool.stop, DRAIN_WITHIN)
        stack.callback(histories.keep)
        stack.push_async_callback(self._link.close)
        stack.push_async_callback(self._notices.close)
        stack.push_async_callback(self._publisher.close)
        stack.push_async_callback(self._secondary_zones.close)
        stack.push_async_callback(local.close)
        # Everything that can be in the way is out of it. The workers' interpreters start while the image is opened.
        self._pool.start()
        with self._pleading("loading the zones"):
            await self._publisher.start()
        await local.start()
        self._live.set()
        self._notices.start()
        self._start(histories.run())
        self._tell_ready("READY=1")
        self._greet(listening, listener.getsockname()[:2] if listener is not None else None)
        if self._notifier.watchdog is not None:
            self._start(self._feed_watchdog(self._notifier.watchdog / 3))
        if config.publish.watch is not None:
            self._start(self._publisher.watch(config.publish.watch))
        edge = self._mount(state, database)
        if listener is not None:
            self._http = HttpServer(listener, commands, make_registry(self._read, SOURCES), edge, keeper)
            stack.push_async_callback(self._http.close)
            await self._http.start()

    def _mount(self, state: State, database: SqliteDatabase) -> Edge | None:
        """Make the API over the use cases, and let the control socket have it; None when that cannot be.

        DNS goes on without it, since no name depends on a secret.
        """
        from ptrd.control.edge import Edge  # noqa: PLC0415 - half a second that DNS need not wait for
        from ptrd.control.mount import mount_api  # noqa: PLC0415 - the same
        from ptrd.control.rechecks import start_confirming  # noqa: PLC0415 - the same

        config = self._config
        url = config.http.public_url if config.http is not None else ""
        confirmer, self._rechecks = start_confirming(self._link, config.confirm, config.resolvers)
        settings = ApiSettings(url, config.regions)
        try:
            api = mount_api(self._link, database, state.master_key, os.environ, settings, confirmer)
        except PtrdError as error:
            log.error("nothing can be managed by command or API: %s", error)  # noqa: TRY400 - a sentence
            self._api.set_exception(error)
            self._api.exception()  # whoever asks is told; nobody has to
            return None
        self._api.set_result(api)
        self._start(self._rechecks.run())
        return None if config.http is None else Edge(config.http, api)

    async def _command(self, request: Mapping[str, Any], user: str) -> dict[str, Any]:
        """Answer a request to the API that comes over the control socket, as soon as there is one."""
        return await (await asyncio.shield(self._api)).command(request, user)

    def _listen(self) -> Listening:
        descriptors = handed_over(os.environ)
        if descriptors:
            log.info("%d sockets were handed over; `listen` is not used", len(descriptors))
            listening = adopt_sockets(descriptors, self._config.serve)
        else:
            listening = open_sockets(self._config.serve)
        if self._config.tls is not None:
            listening.add_tls(self._config.tls.listen, self._config.serve)
        return listening

    async def _renew_certificate(self) -> Renewal:
        """Take the certificates of DNS over TLS and of HTTPS that the files hold now, where there are any."""
        dns = await self._keeper.renew(self._pool.renew) if self._keeper is not None else Renewal("", "", 0.0)
        https = await self._http.renew() if self._http is not None else Renewal("", "", 0.0)
        return combine(dns, https)

    def workers(self) -> list[WorkerState]:
        """List the workers in the order of their slots."""
        return [
            WorkerState(pid, max(revision, 0), compiled)
            for pid, revision, compiled in zip(*self._pool.states, strict=True)
        ]

    @property
    def restarts(self) -> int:
        """Count the workers that ended unasked."""
        return self._pool.restarts

    async def ailments(self) -> list[str]:
        """Ask every worker whether it is well: a sentence for each that is not, or does not say."""
        if await self._pool.probe():
            return []
        missing = [number for number, revision in enumerate(self._pool.acknowledged) if revision < 0]
        return [f"worker {number} is being replaced" for number in missing] or ["a worker does not answer as it should"]

    async def _spread(self, live: Live, moved: Sequence[tuple[str, int | None, int]] | None) -> int:
        """Make an image live on every worker, with what is managed over it, and give its revision.

        `moved` lists the zones whose serial it moved, None for an image of last time.
        """
        snapshot = live.snapshot
        ranges = count_ranges(snapshot, len(self._pool.pids))
        history: list[int] = []  # the descriptor of it, when it is kept

        def prepare() -> None:
            history.append(make_memory(dump_histories(snapshot.histories, snapshot.most_steps)))

        async def tell(entry: Entry) -> None:
            await self._pool.publish(entry.revision, live.image.descriptor, ranges.descriptor, entry, *history)

        try:
            revision = await self._link.publish(
                snapshot, moved or (), tell, fresh=moved is not None, differing=live.differing, prepare=prepare
            )
        except PtrdError:
            if moved is not None:
                await self._link.note_failure()
            raise
        finally:
            ranges.close()
            for descriptor in history:
                os.close(descriptor)
        if self._ranges is not None:
            ranges.carry(self._ranges)
        self._ranges = ranges
        self._secondary_zones.follow(*received_zones(snapshot))
        return revision

    def _count(self, outcome: Outcome) -> None:
        if outcome.ok:
            self._published += 1
        else:
            self._refused += 1

    def _notified(self, origin: bytes) -> None:
        self._secondary_zones.notified(origin)

    def _worker_failed(self, sentence: str) -> None:
        log.error("%s", sentence)

    def _read(self) -> Readings:
        """Read what a scrape of /metrics wants to know."""
        return take_readings(
            self._publisher,
            self._pool,
            self._link,
            self._notices,
            self._secondary_zones,
            started=self._started,
            ranges=self._ranges,
            published=self._published,
            refused=self._refused,
            rechecks=self._rechecks,
            certificate_expires=self._keeper.current.expires if self._keeper is not None else 0.0,
        )

    def _greet(self, listening: Listening, http: tuple[str, int] | None) -> None:
        live = self._publisher.live
        if live is None:
            return
        workers = len(self._pool.pids)
        text = greet(
            live.snapshot,
            listening.addresses,
            workers,
            http,
            self._config.local.path,
            listening.tls_addresses,
            https=self._config.http is not None and self._config.http.tls is not None,
        )
        with contextlib.suppress(OSError, ValueError):  # nobody has to read it
            print(text, flush=True)  # noqa: T201 - for the person who started it

    async def _reload(self) -> None:
        await self._live.wait()
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        with self._pleading("reloading the zones"):
            await self._renew_certificate()
            await self._publisher.reload()
        self._tell_ready("READY=1")

    def _tell_ready(self, line: str) -> None:
        live = self._publisher.live
        zones = live.statistics["zones"] if live is not None else 0
        degraded = f"; degraded: {self._publisher.degraded}" if self._publisher.degraded else ""
        self._notifier.send(line, f"STATUS=serving {zones} zones{degraded}")

    async def _feed_watchdog(self, interval: float) -> None:
        """Tell systemd that we are well, as long as every worker says so."""
        while True:
            ailments = await self.ailments()
            if ailments:
                log.error("%s", "; ".join(ailments))
            else:
                self._notifier.send("WATCHDOG=1")
            await asyncio.sleep(interval)

    @contextlib.contextmanager
    def _pleading(self, status: str) -> Iterator[None]:
        """Ask systemd for patience for as long as something takes."""

        async def plead() -> None:
            while True:
                self._notifier.send(f"EXTEND_TIMEOUT_USEC={int(PLEA * 2e6)}", f"STATUS={status}")
                await asyncio.sleep(PLEA)

        task = asyncio.create_task(plead())
        try:
            yield
        finally:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the server failed", exc_info=task.exception())
