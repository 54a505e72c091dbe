"""Where names lead: the zones that are served here are asked first, and resolvers only of what these do not know.

Nothing is asked, and no resolver made, before somebody wants to know.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from ptrd.client.endpoints import ClientError, system_resolvers
from ptrd.engine.leading import lead
from ptrd.records.trust import Found, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.client.endpoints import Endpoint
    from ptrd.client.resolver import Resolver
    from ptrd.snapshot.view import Snapshot

AUTHORITY: Final = 2.0  # seconds for a zone's own servers to answer, before what resolvers say counts
_AT_ONCE: Final = 400  # questions of a resolver on their way; `shares` lets fewer names be asked for


class Resolving(Protocol):
    """A resolver."""

    async def addresses(self, name: str, version: int) -> Found:
        """Ask for the addresses of a name."""

    async def authority(self, name: str, version: int) -> Found:
        """Ask the servers of the name's own zone, past what resolvers remember."""


class Asker:
    """Asks. `snapshot` gives what is served now; `make` the resolver, after silence again, or raises ClientError."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], make: Callable[[], Resolving]) -> None:
        self._snapshot = snapshot
        self._make = make
        self._resolver: Resolving | None = None

    async def addresses(self, name: str, version: int) -> Found:
        """Ask for the addresses of a name, of IPv4 or IPv6."""
        return await self._ask(name, version, 0.0)

    async def afresh(self, name: str, version: int, patience: float = AUTHORITY) -> Found:
        """Ask again, when the answer of a moment ago may be outdated, and wait so long for the zone's own servers."""
        return await self._ask(name, version, patience)

    async def _ask(self, name: str, version: int, patience: float) -> Found:
        snapshot = self._snapshot()
        chain: tuple[str, ...] = ()
        if snapshot is not None:
            found, onward, chain = lead(snapshot, name, version)
            if found is not None:
                return found
            name = onward
        found = await self._ask_others(name, version, patience)
        if snapshot is not None:
            found = _with_ours(snapshot, found, version)
        return found._replace(chain=(*chain, *found.chain))

    async def _ask_others(self, name: str, version: int, patience: float) -> Found:
        try:
            resolver = self._resolver = self._resolver or self._make()
        except ClientError as error:
            return Found(Outcome.SILENT, (), (), str(error))
        found = Found(Outcome.SILENT)
        try:
            found = await (
                _ask_both(resolver, name, version, patience) if patience else resolver.addresses(name, version)
            )
        finally:
            if found.outcome is Outcome.SILENT:
                self._resolver = None  # the machine may have other resolvers by now
        return found


async def _ask_both(resolver: Resolving, name: str, version: int, patience: float) -> Found:
    """Ask the zone's own servers, whose word counts, beside the resolver, as some networks let only these out."""
    asking = asyncio.ensure_future(resolver.addresses(name, version))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                found = await resolver.authority(name, version)
            if found.outcome not in {Outcome.FAILED, Outcome.SILENT}:
                return found
        return await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def _with_ours(snapshot: Snapshot, found: Found, version: int) -> Found:
    """Take the word of our own zones for what an alias of others leads to in them."""
    for place, target in enumerate(found.chain, 1):
        ours = lead(snapshot, target, version).found
        if ours is not None:
            return ours._replace(chain=(*found.chain[:place], *ours.chain))
    return found


def resolver_maker(servers: tuple[Endpoint, ...]) -> Callable[[], Resolving]:
    """Give what makes a resolver that asks these servers, or those that the machine has then when there are none.

    It gives the one of before as long as the servers are the same.
    """
    made: list[Resolver] = []

    def make() -> Resolving:
        from ptrd.client.resolver import Resolver  # noqa: PLC0415 - dnspython is large, and most servers ask nobody

        wanted = servers or system_resolvers()
        if not made or made[0].servers != wanted:
            # Tenants read what is said, and need not know where the resolvers are.
            made[:] = [Resolver(wanted, at_once=_AT_ONCE, called="the resolver")]
        return made[0]

    return make
