"""NOTIFY out (RFC 1996): who has a copy of a zone is told of each change, once every worker serves it.

Nobody is told of a zone that has no `transfer`. However many zones change at once, so many messages go out in a second
and no more; a secondary that does not answer holds up nobody else. What it serves is then asked of each secondary.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.client.addresses import addresses_of
from ptrd.client.datagrams import Datagrams
from ptrd.client.endpoints import ClientError
from ptrd.control.secondaries import Agenda, History, Pace, Secondary
from ptrd.control.standings import name_of, samples_of
from ptrd.control.targets import is_ours, refresh_of, served_addresses, servers_of, soa_of
from ptrd.logs import LISTED
from ptrd.records.transfer import DNS_PORT, NotifyTarget
from ptrd.snapshot.serials import is_newer
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping

    from ptrd.client.datagrams import Question
    from ptrd.client.notification import Exchange, Heard
    from ptrd.control.secondaries import Standing
    from ptrd.control.standings import Samples
    from ptrd.records.catalog import Catalog
    from ptrd.records.transfer import Key
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone

BURST: Final = 10  # messages of each kind in one go
PAUSE: Final = 0.1  # seconds after so many
SURVEYED: Final = 50  # zones that are looked at before others have their turn
STARTS: Final = 50  # zones a second that are told of at start
PATIENCE: Final = 3.0  # seconds for the answer to a question for the SOA
REFRESH: Final = (60.0, 86_400.0)  # between two such questions to who has the newest serial, whatever the SOA says
KEPT: Final = 3600.0  # seconds that addresses of name servers are remembered
LOOKUPS: Final = 8  # names that resolvers are asked for at once
AGAIN: Final = (10.0, 300.0)  # seconds until a name is looked up again that could not be, at first and at most
LATE: Final = 4  # of a secondary's NOTIFYs are remembered, the newest: an answer may be late
_ACKNOWLEDGED: Final = ("NOERROR", "NOTIMP")  # who does not know NOTIFY is not told twice (RFC 1996, 3.12)

log = logging.getLogger("ptrd")


class _Watched:
    """A zone with `transfer`, and its secondaries by address and port."""

    __slots__ = ("history", "names", "secondaries")

    def __init__(self, history: History) -> None:
        self.history = history
        self.names: tuple[bytes, ...] = ()  # of its name servers
        self.secondaries: dict[tuple[str, int], Secondary] = {}


class ZoneNotifier:
    """Tells secondaries. `snapshot` gives what is served, `keys` what signs, `listen` is where DNS is answered here.

    `sources` are the addresses that messages leave from, of each family one or none.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot | None],
        keys: Iterable[Key] = (),
        listen: Iterable[tuple[str, int]] = (),
        sources: Iterable[str] = (),
        catalog: Catalog | None = None,
        *,
        pace: Pace | None = None,
        port: int = DNS_PORT,
        lookup: Callable[[bytes], Awaitable[list[str]]] = addresses_of,
    ) -> None:
        self._snapshot = snapshot
        self._keys = {key.name: key for key in keys}
        self._listen = tuple(listen)
        self._catalog = catalog.name if catalog is not None else None
        self._pace = pace or Pace()
        self._port = port  # of name servers
        self._lookup = lookup
        self._datagrams = Datagrams({6 if ":" in host else 4: host for host in sources})
        self._zones: dict[bytes, _Watched] = {}
        self._addresses: dict[bytes, tuple[float, list[str]]] = {}  # of name servers: until when, which
        self._sought: set[bytes] = set()
        self._room = asyncio.Semaphore(LOOKUPS)
        self._notices: Agenda[Secondary] = Agenda()
        self._looks: Agenda[Secondary] = Agenda()
        self._told: dict[Secondary, list[Question]] = {}  # NOTIFYs without an answer
        self._asked: dict[Secondary, Question] = {}  # questions for the SOA without an answer
        self._wake = asyncio.Event()
        self._published = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self.sent = 0
        self.acknowledged = 0
        self.failed = 0

    def start(self) -> None:
        """Begin, and tell of every zone, since nobody knows what was missed."""
        self._started = True
        self._start(self._follow())
        self._start(self._run())

    def moved(self, serials: Mapping[bytes, int], published: bool) -> None:  # noqa: FBT001 - a callback
        """Take note of serials that every worker serves now; with `published` there may be other zones than before."""
        if not self._started:
            return
        if published:
            self._published.set()
        now = time.monotonic()
        for zone in serials.keys() & self._zones.keys():
            watched = self._zones[zone]
            if self._is_overtaken(zone, serials[zone]) or not watched.history.add(serials[zone], now):
                continue
            if any(self._addresses.get(name, (now,))[0] < now for name in watched.names):
                self._assign(zone)
            for secondary in watched.secondaries.values():
                self._arrange(secondary, now)

    def standings(self) -> Iterator[Standing]:
        """Say where each secondary of each zone stands."""
        now = time.monotonic()
        for watched in self._zones.values():
            for secondary in watched.secondaries.values():
                yield secondary.standing(now)

    def samples(self) -> Samples:
        """Give the metrics, by their names, as (labels, value)."""
        counts = {"sent": self.sent, "acknowledged": self.acknowledged, "failed": self.failed}
        totals: Samples = {f"ptrd_notify_{name}_total": [((), count)] for name, count in counts.items()}
        return totals | samples_of(self.standings())

    async def close(self) -> None:
        """End."""
        self._started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._datagrams.close()

    async def _follow(self) -> None:
        """Look which zones there are, at first and after each publication. Never returns."""
        await self._survey(starting=True)
        while True:
            await self._published.wait()
            self._published.clear()
            await self._survey()

    async def _survey(self, *, starting: bool = False) -> None:
        """Look which zones are to be told of, and whom."""
        snapshot = self._snapshot()
        served = snapshot.zones if snapshot is not None else []
        zones = {zone.origin for zone in served if _is_told(zone)}
        for origin in self._zones.keys() - zones:
            for secondary in self._zones.pop(origin).secondaries.values():
                self._forget(secondary)
        now = time.monotonic()
        for number, zone in enumerate(served):
            if zone.origin in zones:
                if zone.origin not in self._zones:
                    self._zones[zone.origin] = _Watched(History(zone.serial, time.monotonic()))
                self._assign(zone.origin, now + number / STARTS if starting else None)
            if not number % SURVEYED:
                await asyncio.sleep(0)  # others have their turn

    def _assign(self, origin: bytes, at: float | None = None) -> None:
        """Work out who the secondaries of a zone are; one that is new is told of it, at a time that may be given."""
        snapshot = self._snapshot()
        zone = snapshot.zones_by_name.get(origin) if snapshot is not None else None
        watched = self._zones.get(origin)
        if snapshot is None or zone is None or zone.transfer is None or watched is None:
            return
        now = time.monotonic()
        watched.names = servers_of(zone)
        targets = {(target.host, target.port): target for target in self._servers(snapshot, watched.names, now)}
        targets |= {(target.host, target.port): target for target in zone.transfer.notify}
        known = watched.secondaries
        for place in [place for place, secondary in known.items() if secondary.target != targets.get(place)]:
            self._forget(known.pop(place))
        for place, target in targets.items():
            secondary = known.get(place)
            if secondary is None:
                secretive = origin == self._catalog
                known[place] = secondary = Secondary(
                    origin, target, watched.history, now, self._pace, secretive=secretive
                )
                self._arrange(secondary, now if at is None else at)
            secondary.refresh = min(max(float(refresh_of(zone)), REFRESH[0]), REFRESH[1])

    def _servers(self, snapshot: Snapshot, names: Iterable[bytes], now: float) -> Iterator[NotifyTarget]:
        """Give the addresses of name servers, as far as they are known; what is not is looked up."""
        for name in names:
            hosts = served_addresses(snapshot, name)
            if hosts is None:
                until, hosts = self._addresses.get(name, (now, []))
                if until <= now and name not in self._sought:
                    self._sought.add(name)
                    self._start(self._seek(name))
            for host in hosts:
                if not is_ours(host, self._port, self._listen):
                    yield NotifyTarget(host, self._port, None)

    async def _seek(self, name: bytes) -> None:
        """Look a name server up, until it is found or known not to exist."""
        delay, most = AGAIN
        while True:
            try:
                async with self._room:
                    hosts = await self._lookup(name)
                break
            except PtrdError as error:
                log.warning("%s; this name server is not told of changes", error, extra=LISTED)
            await asyncio.sleep(delay)
            delay = min(2 * delay, most)
        self._sought.discard(name)
        self._addresses[name] = time.monotonic() + KEPT, hosts
        for origin in [origin for origin, watched in self._zones.items() if name in watched.names]:
            self._assign(origin)

    def _arrange(self, secondary: Secondary, at: float) -> None:
        """Have a secondary told of its zone's change, at a time or as soon as it may be told again."""
        due = secondary.change(at, self._notices.when(secondary))
        if due is not None:
            self._notices.put(secondary, due)
            self._wake.set()

    def _forget(self, secondary: Secondary) -> None:
        self._notices.drop(secondary)
        self._looks.drop(secondary)
        self._forget_notices(secondary)
        if (asked := self._asked.pop(secondary, None)) is not None:
            self._datagrams.forget(asked)

    def _forget_notices(self, secondary: Secondary) -> None:
        for question in self._told.pop(secondary, []):
            self._datagrams.forget(question)

    async def _run(self) -> None:
        """Send what is due, for ever."""
        while True:
            self._wake.clear()
            many = self._work_off(self._notices, self._tell) | self._work_off(self._looks, self._look)
            times = [at for at in (self._notices.next_at, self._looks.next_at) if at is not None]
            delay = max(min(times) - time.monotonic(), 0.0) if times else None
            if many:
                await asyncio.sleep(PAUSE)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    @staticmethod
    def _work_off(agenda: Agenda[Secondary], work: Callable[[Secondary, float], None]) -> bool:
        """Do what is due, and tell whether there may be more than fits in one go."""
        for _ in range(BURST):
            now = time.monotonic()
            secondary = agenda.take(now)
            if secondary is None:
                return False
            try:
                work(secondary, now)
            except Exception:  # costs one message, never the others
                log.exception("zone %s: a secondary cannot be told", format_name(secondary.zone))
        return True

    def _tell(self, secondary: Secondary, now: float) -> None:
        """Send a NOTIFY, unless it has been sent in vain often enough."""
        if not secondary.expire():
            self.failed += 1
            self._forget_notices(secondary)
            log.warning(
                "zone %s: secondary %s %s; it is told again when the zone changes",
                format_name(secondary.zone),
                name_of(secondary.target),
                secondary.unheard,
                extra=LISTED,
            )
            return
        zone = self._served(secondary)
        if zone is None:
            return
        from ptrd.client.notification import notification  # noqa: PLC0415 - dnspython is large, and most servers need none of it

        serial = secondary.history.newest
        soa = soa_of(zone, serial)

        def answered(heard: Heard) -> None:
            self._take(secondary, serial, heard)

        self._notices.put(secondary, secondary.send(now))
        look = self._looks.when(secondary)
        if secondary not in self._asked and (look is None or look > now + self._pace.first_look):
            self._looks.put(secondary, now + self._pace.first_look)
        try:
            question = self._send(
                secondary, lambda identity, key: notification(secondary.zone, soa, identity, key), answered
            )
        except ClientError as error:
            secondary.unheard = str(error)
            return
        self.sent += 1
        questions = self._told.setdefault(secondary, [])
        questions.append(question)
        if len(questions) > LATE:
            self._datagrams.forget(questions.pop(0))

    def _take(self, secondary: Secondary, serial: int, heard: Heard) -> None:
        """Take the answer to a NOTIFY that said a serial."""
        if heard.rcode not in _ACKNOWLEDGED:
            secondary.decline(heard.rcode)
            return
        self.acknowledged += 1
        self._forget_notices(secondary)
        self._notices.drop(secondary)
        due = secondary.acknowledge(serial, time.monotonic())
        if due is not None:
            self._notices.put(secondary, due)
        self._wake.set()

    def _look(self, secondary: Secondary, now: float) -> None:
        """Ask a secondary what it serves; or, when it was asked, take note that it did not say."""
        from ptrd.client.notification import serial_question  # noqa: PLC0415 - dnspython is large, and most servers need none of it

        before = self._asked.pop(secondary, None)
        if before is not None:
            self._datagrams.forget(before)
            self._looks.put(secondary, secondary.miss("", now))
            return

        def answered(heard: Heard) -> None:
            then = time.monotonic()
            self._asked.pop(secondary, None)
            at = secondary.miss(heard.rcode, then) if heard.serial is None else secondary.serve(heard.serial, then)
            self._looks.put(secondary, at)
            self._wake.set()

        self._looks.put(secondary, now + PATIENCE)
        try:
            self._asked[secondary] = self._send(
                secondary, lambda identity, key: serial_question(secondary.zone, identity, key), answered
            )
        except ClientError as error:
            self._looks.put(secondary, secondary.miss("", now, str(error)))

    def _send(
        self,
        secondary: Secondary,
        write: Callable[[int, Key | None], Exchange],
        answered: Callable[[Heard], None],
    ) -> Question:
        """Send a message with an identity that is free, signed as the secondary wants it. Raises ClientError."""
        host, port, name = secondary.target
        key = None if name is None else self._keys.get(name)
        if name is not None and key is None:
            raise ClientError(f"cannot be told: `keys` has no {format_name(name)}")
        identity = secrets.randbelow(0x10000)
        while not self._datagrams.is_free(host, port, identity):
            identity = secrets.randbelow(0x10000)
        try:
            return self._datagrams.send(host, port, write(identity, key), answered)
        except OSError as error:
            raise ClientError(f"cannot be reached: {error.strerror}") from None

    def _is_overtaken(self, origin: bytes, serial: int) -> bool:
        """Tell whether a newer serial is known to be live: a change and a publication may end in either order."""
        snapshot = self._snapshot()
        zone = snapshot.zones_by_name.get(origin) if snapshot is not None else None
        newest = self._zones[origin].history.newest
        return zone is not None and zone.serial == newest and is_newer(newest, serial)

    def _served(self, secondary: Secondary) -> ServedZone | None:
        snapshot = self._snapshot()
        return snapshot.zones_by_name.get(secondary.zone) if snapshot is not None else None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_told(zone: ServedZone) -> bool:
    """Tell whether secondaries are told of a zone: it may be transferred, and there is something to transfer."""
    return zone.transfer is not None and not zone.absent
