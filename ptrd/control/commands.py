"""What a person may ask of the running server, whichever way the question comes: lookup, reload, status.

Replies are plain values, ready for JSON. What is served is asked of the publisher, how it is served of the `Fleet`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ptrd import __version__
from ptrd.control.local import CommandError
from ptrd.control.standings import describe as describe_standings
from ptrd.wire.names import NameError_, parse_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from ptrd.control.live import Link
    from ptrd.control.local import Command, Reply
    from ptrd.control.publish import Outcome, Publisher
    from ptrd.control.secondaries import Standing


_BATCH: Final = 1000  # records of a line

Renew = Callable[[], Awaitable[tuple[str, str, float]]]


class WorkerState(NamedTuple):
    """One worker, as it is reported."""

    pid: int  # 0 while it is being replaced
    revision: int  # that it serves, 0 while it is being replaced
    compiled: bool = False  # it answers ordinary queries by the compiled data path


class Fleet(Protocol):
    """The workers, as the daemon hands them in; `control` never imports `serve`."""

    def workers(self) -> list[WorkerState]:
        """List the workers in the order of their slots."""

    @property
    def restarts(self) -> int:
        """Count the workers that ended unasked."""

    async def ailments(self) -> list[str]:
        """Ask every worker whether it is well: a sentence for each that is not, or does not say."""


class Commands:
    """The commands, over one publisher and its fleet. `started` is Unix time, `addresses` is where DNS is answered.

    `renew` reads the certificate of DNS over TLS again, where there is one, and tells how that ended (unchanged,
    replaced, refused), why, and when the one in use expires in Unix time. `received` describes the zones that come
    from somebody else's primary, `standings` says where each secondary of our own zones stands; `uncompiled` says why
    the workers do without the compiled data path, when they do.
    """

    def __init__(
        self,
        publisher: Publisher,
        link: Link,
        fleet: Fleet,
        started: float,
        addresses: list[str],
        renew: Renew | None = None,
        received: Callable[[], list[dict[str, Any]]] = list,
        standings: Callable[[], Iterable[Standing]] = list,
        uncompiled: str = "",
    ) -> None:
        self._uncompiled = uncompiled
        self._publisher = publisher
        self._link = link
        self._fleet = fleet
        self._started = started
        self._addresses = addresses
        self._renew = renew
        self._received = received
        self._standings = standings

    def by_name(self) -> Mapping[str, Command]:
        """Give the commands by their names, as `LocalServer` takes them."""
        return {"lookup": self.lookup, "reload": self.reload, "status": self.status}

    async def lookup(self, request: Mapping[str, Any]) -> Reply:
        """Answer `name` and `type` from the live snapshot, and say why. Raises CommandError, TypeNameError."""
        from ptrd.engine.explain import explain  # noqa: PLC0415 - what most runs never need costs start-up nothing
        from ptrd.wire.rrtypes import type_of  # noqa: PLC0415 - the same

        name, rtype = request.get("name"), request.get("type", "PTR")
        if not isinstance(name, str) or not isinstance(rtype, str):
            raise CommandError("lookup needs a `name`, and `type` is a text")
        try:
            wire = parse_name(name)
        except NameError_ as error:
            raise CommandError(f"{name!r} is no domain name: {error}") from None
        if self._link.snapshot is None:
            raise CommandError("nothing is served yet; try again")
        return {"ok": True, "result": explain(self._link.snapshot, wire.lower(), type_of(rtype))}

    async def records(self, request: Mapping[str, Any]) -> AsyncIterator[Reply]:
        """Give `zone`, a name or a prefix, as it is live: first what it says of itself, then its records.

        With `expand`, a number, default names are written out too, unless they are more than that; then a line with
        `end`. Everything is of one snapshot. Raises CommandError and ListingError.
        """
        from ptrd.engine.listing import describe_zone, find_zone, list_records  # noqa: PLC0415 - as above

        name, expand = request.get("zone"), request.get("expand")
        if not isinstance(name, str) or isinstance(expand, bool) or not isinstance(expand, int | None):
            raise CommandError("records needs a `zone`, and `expand` is a number")
        snapshot = self._link.snapshot
        if snapshot is None:
            raise CommandError("nothing is served yet; try again")
        zone = find_zone(snapshot, name)
        described = describe_zone(snapshot, zone)
        yield {"ok": True, "zone": described}
        listed = list_records(snapshot, zone, expand=expand is not None and described["made"] <= expand)
        while batch := list(islice(listed, _BATCH)):
            yield {"ok": True, "records": batch}
            await asyncio.sleep(0)  # others have their turns
        yield {"ok": True, "end": True}

    async def reload(self, _request: Mapping[str, Any]) -> Reply:
        """Publish what the zone files say now, take a new certificate, and wait until both are live or refused."""
        how, error, expires = await self._renew() if self._renew is not None else ("", "", 0.0)
        outcome = await self._publisher.reload()
        reply: Reply = {
            "ok": outcome.ok,
            "problems": _problems(outcome),
            "result": describe(outcome) | {"revision": self._revision(), "orphans": self._link.orphans},
        }
        errors = [] if outcome.ok else [f"nothing was published: {outcome.report.error}"]
        if how:
            reply["result"]["certificate"] = {"outcome": how, "error": error, "expires": expires}
        if error:
            errors.append(f"the certificate that is in use stays: {error}")
            reply["ok"] = False
        if errors:
            reply |= {"error": "; ".join(errors), "status": 1}
        return reply

    async def status(self, request: Mapping[str, Any]) -> Reply:
        """Describe the server: what it serves, where, by whom, and how the last publication ended.

        With `secondaries` each of them is described too.
        """
        publisher = self._publisher
        outcome = publisher.outcome
        live = publisher.live
        return {
            "ok": True,
            "result": {
                "version": __version__,
                "pid": os.getpid(),
                "uptime": round(time.time() - self._started, 3),
                "degraded": publisher.degraded,
                "revision": self._revision(),
                **(live.statistics if live is not None else {}),
                "managed": self._link.managed,
                "orphans": self._link.orphans,
                "listen": self._addresses,
                "workers": [worker._asdict() for worker in self._fleet.workers()],
                "uncompiled": self._uncompiled,
                "restarts": self._fleet.restarts,
                "received": self._received(),
                **describe_standings(list(self._standings()), each=bool(request.get("secondaries"))),
                "publish": None if outcome is None else describe(outcome) | {"problems": _problems(outcome)},
            },
        }

    async def ailments(self) -> list[str]:
        """Say what is wrong with the workers: nothing when all of them answer."""
        return await self._fleet.ailments()

    def unready(self) -> list[str]:
        """Say why queries would not be answered: nothing when some worker serves a snapshot."""
        if self._publisher.live is None:
            return ["no zones are served yet"]
        if not any(worker.revision for worker in self._fleet.workers()):
            return ["no worker serves the zones at this moment"]
        return []

    @property
    def degraded(self) -> str:
        """Say why what is served is not what the files say; empty when it is."""
        return self._publisher.degraded

    def _revision(self) -> int:
        return 0 if self._publisher.live is None else self._link.revision


def describe(outcome: Outcome) -> dict[str, Any]:
    """Describe how a publication ended."""
    return {
        "outcome": outcome.how,
        "time": round(outcome.at, 3),
        "seconds": round(outcome.seconds, 3),
        "error": outcome.report.error,
        "files": outcome.report.files,
        "reused": outcome.report.reused,
        "changed": [{"zone": zone, "old": old, "new": new} for zone, old, new in outcome.report.changed],
    }


def _problems(outcome: Outcome) -> list[str]:
    found = [str(problem) for problem in outcome.report.problems]
    if outcome.report.omitted:
        found.append(f"{outcome.report.omitted} more; `ptrd check` prints them all")
    return found
