"""Zones that come from somebody else's primary: asked after, fetched, and given up when nobody answers for too long.

For each such zone one task runs (RFC 1034, 4.3.5; RFC 1996): it asks for the primary's serial when `refresh` is over,
when a NOTIFY comes, or when somebody says so, and fetches what is newer. What came stays in the state folder across
restarts. Once nothing was heard for `expire` seconds it is put aside, and the zone is answered with SERVFAIL. What is
said of a zone is what is served of it: what came, and could not be published, is an error until it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.client.sequence import is_later, serial_of
from ptrd.control.child import ChildError
from ptrd.control.fetching import FetchJob
from ptrd.control.fetchqueue import FetchQueue
from ptrd.control.secondaryzone import EXPIRED, STATES, SecondaryZone, backoff, remove_content
from ptrd.snapshot.image import read_about
from ptrd.snapshot.stubs import dump_stub, stubs_in
from ptrd.store.atomic import temporary_beside
from ptrd.store.received import content_path, is_from, read_note, read_state, stat_received
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from ptrd.control.publish import Outcome
    from ptrd.records.model import Zone
    from ptrd.records.transfer import Key, NotifyTarget
    from ptrd.snapshot.image import Input
    from ptrd.snapshot.view import Snapshot

ASKED_AT_ONCE: Final = 64  # primaries

log = logging.getLogger("ptrd")


class SecondaryZones:
    """All of them. `publish` has what came served; `folder` is where it is kept, made when it is needed."""

    def __init__(self, folder: Path, keys: Iterable[Key], publish: Callable[[], Awaitable[Outcome]]) -> None:
        self._folder = folder
        self._keys: Mapping[bytes, Key] = {key.name: key for key in keys}
        self._publish = publish
        self._followed: dict[bytes, SecondaryZone] = {}
        self._succeeded = self._failed = 0
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._fetching = FetchQueue()
        self._tidied = False

    @property
    def followed(self) -> list[SecondaryZone]:
        """List the zones that are followed, by their names."""
        return [self._followed[origin] for origin in sorted(self._followed)]

    def samples(self) -> dict[str, list[tuple[tuple[str, ...], float]]]:
        """Count for metrics: zones by their state, tries by their result."""
        states = Counter(zone.state for zone in self._followed.values())
        return {
            "ptrd_received_zones": [((state,), float(states[state])) for state in STATES],
            "ptrd_zone_fetches_total": [(("success",), float(self._succeeded)), (("failure",), float(self._failed))],
        }

    def followed_by(self, origin: bytes) -> SecondaryZone:
        """Give a zone by its name. Raises KeyError."""
        return self._followed[origin]

    def sweep(self) -> None:
        """Put aside what expired while nothing ran, before anything is served of it. Raises OSError."""
        now = time.time()
        for path in self._folder.glob("*.zone") if self._folder.is_dir() else ():
            soa = read_state(path)
            if soa is not None and read_note(path).checked + soa.expire <= now:
                path.rename(path.with_suffix(EXPIRED))

    def follow(self, stubs: Iterable[Zone], inputs: Iterable[Input]) -> None:
        """Follow these zones from now on, and no others; `inputs` is what the image that is live now was made of.

        What came for others is removed, and what came from servers of which none is a zone's primary any more.
        """
        wanted = {stub.origin: stub for stub in stubs}
        live = {source.path: source for source in inputs}
        for origin in self._followed.keys() - wanted.keys():
            self._drop(origin)
        if not self._tidied:
            self._tidy(wanted)
        for origin, stub in wanted.items():
            known = self._followed.get(origin)
            if known is not None and known.stub.primaries != stub.primaries and not is_from(known.path, stub.primaries):
                self._drop(origin)
                known = None
            if known is None:
                known = self._begin(stub)
            elif known.stub != stub:
                moved = known.stub.primaries != stub.primaries
                known.stub = stub
                if moved or known.refused:
                    known.refused.clear()
                    known.ask_now()
            known.note_live(live.get(str(known.path)))

    def notified(self, origin: bytes) -> None:
        """Ask after a zone soon: a primary said that it has changed."""
        followed = self._followed.get(origin)
        if followed is not None:
            followed.notified = True
            followed.wake.set()

    async def refresh(self, origin: bytes, *, whole: bool = False) -> str:
        """Ask after a zone now, or fetch the whole of it, and give what went wrong, empty when nothing did.

        Raises KeyError for a zone that is not followed.
        """
        followed = self._followed[origin]
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        followed.done.append(future)
        followed.whole = followed.whole or whole
        followed.ask_now()
        return await future

    async def close(self) -> None:
        """End."""
        tasks = [followed.task for followed in self._followed.values() if followed.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fetching.close()
        for followed in self._followed.values():
            _answer(followed, "the server stops")

    def _tidy(self, wanted: Iterable[bytes]) -> None:
        """Remove what is there of zones that went while the server did not run, and what a crash left behind."""
        self._tidied = True
        stems = {content_path(self._folder, origin).stem for origin in wanted}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.stem not in stems and not path.is_dir():
                path.unlink(missing_ok=True)

    def _drop(self, origin: bytes) -> None:
        """Follow a zone no more."""
        followed = self._followed.pop(origin)
        if followed.task is not None:
            followed.task.cancel()
        remove_content(followed.path)
        _answer(followed, f"{format_name(origin)} is no longer fetched from these primaries")

    def _begin(self, stub: Zone) -> SecondaryZone:
        path = content_path(self._folder, stub.origin)
        if not is_from(path, stub.primaries):
            remove_content(path)
        followed = SecondaryZone(
            stub, path, stat_received(str(path)), read_state(path), checked=read_note(path).checked
        )
        if followed.soa is None:
            followed.soa = read_state(path.with_suffix(EXPIRED))
            followed.expired = followed.soa is not None
        self._followed[stub.origin] = followed
        followed.task = asyncio.create_task(self._run(followed))
        return followed

    async def _run(self, followed: SecondaryZone) -> None:
        zone = format_name(followed.stub.origin)
        while True:
            forced, followed.asked, followed.notified = followed.asked, False, False
            before, waiting = followed.error, followed.done
            followed.done = []
            try:
                followed.error = await self._check(followed, forced=forced)
            except asyncio.CancelledError:
                _tell(waiting, f"{zone} is no longer fetched, or the server stops")
                raise
            except Exception as error:  # the zone is tried again, whatever it was
                followed.error = f"{zone} cannot be followed: {error!r}"
                log.exception("zone %s cannot be followed", zone)
            if followed.error and followed.error != before:
                log.warning("%s", followed.error)
            followed.failures = followed.failures + 1 if followed.error else 0
            if followed.error:
                self._failed += 1
            else:
                self._succeeded += 1
                followed.hints = 0
            _tell(waiting, followed.error)
            await self._rest(followed)

    async def _rest(self, followed: SecondaryZone) -> None:
        """Wait until it is time to ask again, or somebody wants it.

        After a failure the first NOTIFY counts at once, and those after it later and later: anybody may send them.
        """
        clock = asyncio.get_running_loop().time
        scheduled = clock() + followed.pause()
        hinted = clock() + (backoff(followed.hints - 1) if followed.error and followed.hints else 0.0)
        while not followed.asked:
            due = min(scheduled, hinted) if followed.notified else scheduled
            if due <= clock():
                followed.hints = followed.hints + 1 if due < scheduled else 0
                return
            followed.wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await followed.wake.wait()

    async def _check(self, followed: SecondaryZone, *, forced: bool) -> str:
        """Ask the primaries, in their order, until one answers, and fetch from it what is newer.

        Has what came served, and what expired no longer. Gives what went wrong.
        """
        errors = []
        for primary in followed.stub.primaries:
            try:
                await self._ask(followed, primary, forced=forced)
            except PtrdError as error:
                errors.append(str(error))
            else:
                errors.clear()
                break
        if errors and followed.soa is not None and not followed.expired and followed.expires <= time.time():
            followed.expire()
        if followed.pending:
            trouble = await self._serve(followed)
            if trouble:
                errors.append(trouble)
        return "; ".join(errors)

    async def _serve(self, followed: SecondaryZone) -> str:
        """Have what is there served. Gives what went wrong."""
        outcome = await self._publish()
        if outcome.ok:
            return ""
        zone = format_name(followed.stub.origin)
        if followed.expired or followed.soa is None:
            return f"{zone} is still served, and should not be: {outcome.report.error}"
        return f"serial {followed.soa.serial} of {zone} is here, and cannot be served: {outcome.report.error}"

    async def _ask(self, followed: SecondaryZone, primary: NotifyTarget, *, forced: bool) -> None:
        """Ask one primary for its serial, and fetch what is newer. Raises PtrdError."""
        from ptrd.client.transfer import ask_soa  # noqa: PLC0415 - dnspython is large, and most servers need none of it

        stub = followed.stub
        key = None if primary.key is None else self._keys[primary.key]
        endpoint = Endpoint(primary.host, primary.port)
        async with self._asking:
            serial = serial_of(await ask_soa(endpoint, stub.origin, key))
        soa = followed.soa
        zone = format_name(stub.origin)
        if soa is not None and soa.serial is not None and not followed.whole:
            if is_later(soa.serial, serial):
                raise ClientError(
                    f"{endpoint} has serial {serial} of {zone}, older than {soa.serial}, which is here; raise it "
                    f"there, or fetch the whole zone: ptrd refresh --whole {zone}"
                )
            if serial == soa.serial:
                followed.revive()
                await followed.heard(stub, endpoint)
                return
        refused, reason = followed.refused.get(primary, (-1, ""))
        if serial == refused and not forced:
            raise ClientError(reason)
        await self._fetch(followed, primary, key, serial)
        await followed.heard(stub, endpoint)

    async def _fetch(self, followed: SecondaryZone, primary: NotifyTarget, key: Key | None, serial: int) -> None:
        stub = followed.stub
        soa = followed.soa
        known = soa.serial if soa is not None and not followed.expired and not followed.whole else None
        self._folder.mkdir(mode=0o700, exist_ok=True)
        output = temporary_beside(followed.path)
        job = FetchJob(
            dump_stub(stub),
            str(followed.path),
            str(output),
            primary.host,
            primary.port,
            known,
            None if key is None else (key.name.hex(), key.algorithm, key.secret.hex()),
        )
        try:
            report = await self._fetching.fetch(job, alone=followed.alone)
            followed.alone = report.memory
            if report.refused:
                followed.refused[primary] = serial, report.error
            if report.error:
                raise ClientError(report.error)
            if followed.stub.primaries != stub.primaries:
                raise ClientError(f"{format_name(stub.origin)} has other primaries since the transfer began")
            output.rename(followed.path)
        except ChildError:
            followed.alone = True
            raise
        finally:
            output.unlink(missing_ok=True)
        followed.whole = False
        followed.refused.pop(primary, None)
        followed.source, followed.soa = stat_received(str(followed.path)), read_state(followed.path)
        followed.expired = False
        followed.path.with_suffix(EXPIRED).unlink(missing_ok=True)
        log.info(
            "zone %s: serial %d came from %s, %d records%s",
            format_name(followed.stub.origin),
            report.serial,
            Endpoint(primary.host, primary.port),
            report.records,
            " in all, as differences" if report.incremental else "",
        )


def _tell(waiting: list[asyncio.Future[str]], error: str) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(error)


def _answer(followed: SecondaryZone, error: str) -> None:
    waiting, followed.done = followed.done, []
    _tell(waiting, error)


def received_zones(snapshot: Snapshot) -> tuple[list[Zone], list[Input]]:
    """List the zones that come from primaries, and what the image was made of; nothing where there is no such zone."""
    if not any(zone.primaries for zone in snapshot.zones):
        return [], []
    return stubs_in(snapshot.buffer), read_about(snapshot.buffer).inputs
