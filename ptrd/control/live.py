"""From the database to the workers: what is committed goes live, in order, and what is live is known.

Transactions run one after another in one thread, and each takes the next revision; its changes are handed to every
worker in that order. A revision is live when all workers have acknowledged it, and stays so. The journal is where
revisions and zones' serials come from; a publication of zone files takes its revision there too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from ptrd import PtrdError
from ptrd.control.batch import Batch
from ptrd.control.histories import go_on
from ptrd.control.repeats import remembering
from ptrd.engine.placement import names_without, placement
from ptrd.records.changes import Change, Entry
from ptrd.records.management import Address
from ptrd.snapshot.serials import is_newer
from ptrd.snapshot.steps import Histories
from ptrd.store.database import Committed
from ptrd.wire.names import format_name, parse_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from ptrd.control.actors import Actor
    from ptrd.control.batch import Queued
    from ptrd.control.differences import Differing
    from ptrd.records.management import Pointer
    from ptrd.snapshot.view import Snapshot
    from ptrd.store.database import Database, Transaction


T = TypeVar("T")
Apply: TypeAlias = "Callable[[Entry], Awaitable[None]]"

BATCH: Final = 64  # changes that are flushed to the disk together
PAUSE: Final = 0.01  # seconds from one flush to the next: workers that are told too often answer less

log = logging.getLogger("ptrd")


class Link:
    """The link. `apply` has every worker serve an entry; of zones `most_steps` are kept, going on from `histories`."""

    def __init__(
        self, database: Database, apply: Apply, most_steps: int = 0, histories: Histories | None = None
    ) -> None:
        self._most_steps, self._remembered = most_steps, histories or Histories()
        self._database = database
        self._apply = apply
        self._order = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="database-reader")
        self._base: Snapshot | None = None  # what the zone files say
        self._snapshot: Snapshot | None = None  # the same with all that is committed
        self._recent: list[Entry] | None = None  # what was handed over since a publication was committed
        self._serials = {parse_name(zone): serial for zone, serial in database.read(_read_serials).items()}
        self._newest = self._live = database.revision
        self._served = 0  # the newest revision that workers have acknowledged whole
        self._pending: set[int] = set()  # the first revision of each entry that workers have been told of
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._troubles: dict[Address, str] = {}
        self._queue: list[Queued] = []
        self._soonest = 0.0  # when the next may be flushed, in the loop's time
        # Told of the serials that every worker serves from now on; with True there may be other zones than before.
        self.moved: Callable[[Mapping[bytes, int], bool], None] = lambda _serials, _published: None
        self.orphans = ""  # a sentence about records that the zones of now do not answer with
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def snapshot(self) -> Snapshot | None:
        """Give what is served, all that is committed included."""
        return self._snapshot

    @property
    def serials(self) -> Mapping[bytes, int]:
        """Give the serials of zones that have had changes."""
        return self._serials

    @property
    def managed(self) -> int:
        """Count the managed records that are served."""
        return 0 if self._snapshot is None else sum(map(len, self._snapshot.overlays.values()))

    @property
    def revision(self) -> int:
        """Give the newest revision."""
        return self._newest

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading from one consistent state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._database.read, work)

    async def change(
        self,
        work: Callable[[Transaction], T],
        *,
        actor: Actor,
        request_id: str,
        dry_run: bool = False,
        wait: bool = False,
    ) -> T:
        """Do some changing in one durable transaction, and have it served; with `wait` it is live at the return.

        Raises what `work` raises, and then nothing has changed. Who asked may go away: what is committed is served.
        """
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Committed] = loop.create_future()
        # Who is remembered as asking is known here, where the request is.
        self._queue.append((remembering(work), actor.name, request_id, dry_run, asked))
        if len(self._queue) == 1:
            self._start(self._work_off())
        committed = await asyncio.shield(asked)
        if wait and not dry_run:
            await self._until_live(committed.revision)
        result: T = committed.result
        return result

    async def _work_off(self) -> None:
        """Commit what is queued, as much as there is at once, since each flush to the disk is dear."""
        loop = asyncio.get_running_loop()
        async with self._order:
            while self._queue:
                await asyncio.sleep(self._soonest - loop.time())
                self._soonest = loop.time() + PAUSE
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                jobs = Batch(self._serial_of, batch)
                try:
                    outcomes = await loop.run_in_executor(self._thread, self._database.write_many, jobs.jobs)
                    self._hand_over(jobs.committed(outcomes))
                except BaseException as error:
                    waiting, self._queue = batch + self._queue, []  # or nobody would begin again
                    for *_, asked in waiting:
                        _tell(asked, error)
                    raise
                for (*_, asked), outcome in zip(batch, outcomes, strict=True):
                    _tell(asked, outcome)

    def is_current(self, revision: int) -> bool:
        """Tell whether a worker that serves a revision lacks nothing that has to be live."""
        return revision >= self._served

    def is_live(self, revision: int) -> bool:
        """Tell whether every worker has acknowledged a revision."""
        return revision <= self._live

    async def wait_live(self, revision: int, seconds: float) -> bool:
        """Wait until a revision is live, for so many seconds; tells whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until_live(revision)
                return True
        return False

    def placement(self, address: Address) -> str | None:
        """Say why a record for an address would not be answered; None when it would be."""
        return "no zones are served yet" if self._base is None else placement(self._base, *address) or None

    def default_name(self, address: Address) -> tuple[str, ...]:
        """Give the names that the zone files and defaults have for an address."""
        return () if self._base is None else names_without(self._base, *address)

    def trouble(self, address: Address, revision: int) -> str:  # noqa: ARG002 - as the protocol has it
        """Say why a record is not served as it was committed; empty when it is, or will be.

        It holds until a later change of the address is served, whatever the `revision`.
        """
        return self._troubles.get(address) or self.placement(address) or ""

    async def publish(
        self,
        base: Snapshot,
        changed: Iterable[tuple[str, int | None, int]],
        spread: Apply,
        *,
        fresh: bool,
        differing: Differing | None = None,
        prepare: Callable[[], None] = lambda: None,
    ) -> int:
        """Make an image live with all managed records over it, and give the revision; `spread` does so at the workers.

        `changed` lists the zones whose serial the image moved; `fresh` says that it is new, which is a row of the
        journal. Changes wait for the commit, and go on as soon as the workers have been told. `base` gets the zones'
        histories, for which `differing` says where the zone files are not those of now; `prepare` is called in a
        thread when it has them, and `spread` then.
        """
        async with self._order:
            if not fresh and base.revision > self._newest:
                log.warning(
                    "the database has revision %d, older than the image of last time with %d: what was managed is lost "
                    "unless `ptrd restore` brings a backup back",
                    self._newest,
                    base.revision,
                )
            managed = await self.read(_read_managed)
            again = self._landing_elsewhere(base, managed) if fresh else set()
            moved, serials = self._settle_serials(base, {parse_name(zone): old for zone, old, _ in changed}, again)

            def work(transaction: Transaction) -> None:
                if fresh:
                    transaction.note("publish")
                    transaction.set_serials({format_name(zone): pair for zone, pair in moved.items()})

            committed = await self._commit(work)
            entry = Entry(committed.revision, managed, serials)
            self._newest = entry.revision
            self._serials |= serials
            self._recent = []
            if self._most_steps:
                before = self._base, self._snapshot
                await asyncio.to_thread(go_on, base, entry, before, differing, self._remembered, self._most_steps)
                await asyncio.to_thread(prepare)
            spreading = asyncio.ensure_future(spread(entry))
            await asyncio.sleep(0)  # the workers are told before they are told of anything newer
        try:
            await spreading
        except BaseException:
            spreading.cancel()
            self._recent = None
            raise
        self._take(base, entry)
        self.moved({zone: serial for zone, (_, serial) in moved.items()}, True)  # noqa: FBT003 - a callback's
        return entry.revision

    async def note_failure(self) -> None:
        """Write into the journal that the last publication was taken back."""
        async with self._order:
            committed = await self._commit(lambda transaction: transaction.note("publishFailed"))
            self._newest = committed.revision
            self._settle()

    async def close(self) -> None:
        """End, when what was begun has ended."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        futures: list[asyncio.Future[Any]] = [*[one for _, one in self._waiting], *[one[-1] for one in self._queue]]
        for future in futures:
            future.cancel()
        self._thread.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._database.close()

    async def _commit(self, work: Callable[[Transaction], T]) -> Committed:
        """Run a transaction of our own in the thread of the database."""

        def run() -> Committed:
            return self._database.write(work, actor="server", request_id="", now=time.time())

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _serial_of(self, change: Change) -> tuple[bytes, int] | None:
        """Give the zone of a change, and its serial now."""
        zone = None if self._base is None else self._base.zone_of_address(change.version, change.number)
        if zone is None:
            return None
        known = self._serials.get(zone.origin, zone.serial)  # an image that is on its way may have moved it
        return zone.origin, known if is_newer(known, zone.serial) else zone.serial

    def _landing_elsewhere(self, base: Snapshot, managed: list[Change]) -> set[bytes]:
        """List the zones of an image in which other managed records stand than in those of now, by their addresses.

        The zone files know nothing of these, so their zones' serials may not have moved.
        """
        before, after = (_landings(snapshot, managed) for snapshot in (self._base, base))
        return {zone for zone in base.zones_by_name if before.get(zone) != after.get(zone)}

    def _settle_serials(
        self, base: Snapshot, moved: dict[bytes, int | None], again: set[bytes]
    ) -> tuple[dict[bytes, tuple[int | None, int]], dict[bytes, int]]:
        """Say (old, new) of the zones that an image changed, and the serials that are other than the image says.

        A zone whose managed records have changed since the image's serials were read has a higher one.
        """
        pairs: dict[bytes, tuple[int | None, int]] = {}
        others: dict[bytes, int] = {}
        for zone in base.zones:
            known = self._serials.get(zone.origin)
            serial = zone.serial
            if known is not None and not is_newer(serial, known):
                serial = known + 1 & 0xFFFFFFFF if zone.origin in moved or zone.origin in again else known
            elif zone.origin in again and zone.origin not in moved:
                serial = serial + 1 & 0xFFFFFFFF
            if serial != zone.serial:
                others[zone.origin] = serial
            if zone.origin in moved or zone.origin in again:
                pairs[zone.origin] = (moved.get(zone.origin, zone.serial) if known is None else known, serial)
                others.setdefault(zone.origin, serial)
        return pairs, others

    def _hand_over(self, committed: tuple[int, Entry]) -> None:
        """Have the workers serve what is committed: everything from a revision on, up to the entry's."""
        first, entry = committed
        self._newest = max(self._newest, entry.revision)
        self._serials |= entry.serials
        if entry.changes:
            if self._recent is not None:
                self._recent.append(entry)
            if self._snapshot is not None:
                self._snapshot = self._snapshot.with_overlay(entry.changes, entry.revision, entry.serials)
            self._pending.add(first)
            self._start(self._serve(first, entry))
        self._settle()

    async def _serve(self, first: int, entry: Entry) -> None:
        addresses = [Address(change.version, change.number) for change in entry.changes]
        try:
            await self._apply(entry)
        except PtrdError as error:
            log.error("revision %d is committed but not served: %s", entry.revision, error)  # noqa: TRY400 - a sentence
            self._troubles |= dict.fromkeys(addresses, str(error))
        else:
            self._served = max(self._served, entry.revision)
            self.moved(entry.serials, False)  # noqa: FBT003 - a callback's
            for address in addresses if self._troubles else ():
                self._troubles.pop(address, None)
        self._pending.discard(first)
        self._settle()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self, base: Snapshot, entry: Entry) -> None:
        """Go on from an image that is live."""
        later, self._recent = self._recent or [], None
        self._base = base
        self._troubles.clear()
        snapshot = base.with_overlay(entry.changes, entry.revision, entry.serials, past=True)
        for recent in later:
            snapshot = snapshot.with_overlay(recent.changes, recent.revision, recent.serials)
        self._snapshot = snapshot
        self._served = max(self._served, entry.revision)
        self._settle()
        orphans = [change for change in entry.changes if placement(base, change.version, change.number)]
        self.orphans = ""
        if orphans:
            first = Address(orphans[0].version, orphans[0].number)
            records = "1 managed record is" if len(orphans) == 1 else f"{len(orphans)} managed records are"
            self.orphans = f"{records} not served, the first of them {first}: {placement(base, *first)}"
            log.warning("%s", self.orphans)

    def _settle(self) -> None:
        """Work out what is live, and tell who waits."""
        self._live = max(self._live, min(self._pending) - 1 if self._pending else self._newest)
        for revision, future in self._waiting:
            if revision <= self._live and not future.done():
                future.set_result(None)
        self._waiting = [(revision, future) for revision, future in self._waiting if not future.done()]

    async def _until_live(self, revision: int) -> None:
        if not self.is_live(revision):
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((revision, future))
            await future


def _tell(asked: asyncio.Future[Committed], outcome: Committed | BaseException) -> None:
    """Tell who asked how it ended."""
    if isinstance(outcome, Committed):
        asked.set_result(outcome)
    elif isinstance(outcome, Exception):
        asked.set_exception(outcome)
        asked.exception()  # who asked may have gone
    else:
        asked.cancel()


def change_of(pointer: Pointer) -> Change:
    """Give what DNS says because of a managed record."""
    return Change(*pointer.address, pointer.ttl, tuple([parse_name(name) for name in pointer.names]))


def _read_managed(transaction: Transaction) -> list[Change]:
    """List what DNS says because of managed records, in the order of their addresses."""
    frozen = {freeze.address for freeze in transaction.freezes()}
    return [change_of(pointer) for pointer in transaction.every_pointer() if pointer.address not in frozen]


def _landings(snapshot: Snapshot | None, managed: list[Change]) -> dict[bytes, set[int]]:
    """Say in which zones addresses have their names."""
    found: dict[bytes, set[int]] = {}
    if snapshot is not None:
        for change in managed:
            zone = snapshot.zone_of_address(change.version, change.number)
            if zone is not None:
                found.setdefault(zone.origin, set()).add(change.number)
    return found


def _read_serials(transaction: Transaction) -> dict[str, int]:
    return transaction.serials()
