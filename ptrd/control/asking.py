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
    from ptrd.snapshot.view import Snapshot

_AUTHORITY: Final = 2.0  # seconds for a zone's own servers to answer, before resolvers are asked instead


class Resolving(Protocol):
    """A resolver."""

    async def addresses(self, name: str, version: int) -> Found:
        """Ask for the addresses of a name."""

    async def authority(self, name: str, version: int) -> Found:
        """Ask the servers of the name's own zone, past what resolvers remember."""


class Asker:
    """Asks. `snapshot` gives what is served now; `make` makes the resolver, once, and may raise ClientError."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], make: Callable[[], Resolving]) -> None:
        self._snapshot = snapshot
        self._make = make
        self._resolver: Resolving | None = None

    async def addresses(self, name: str, version: int) -> Found:
        """Ask for the addresses of a name, of IPv4 or IPv6."""
        return await self._ask(name, version, afresh=False)

    async def afresh(self, name: str, version: int) -> Found:
        """Ask again, when the answer of a moment ago may be outdated."""
        return await self._ask(name, version, afresh=True)

    async def _ask(self, name: str, version: int, *, afresh: bool) -> Found:
        snapshot = self._snapshot()
        chain: tuple[str, ...] = ()
        if snapshot is not None:
            found, onward, chain = lead(snapshot, name, version)
            if found is not None:
                return found
            name = onward
        try:
            if self._resolver is None:
                self._resolver = self._make()
        except ClientError as error:
            return Found(Outcome.SILENT, (), chain, str(error))
        found = await self._ask_authority(self._resolver, name, version) if afresh else None
        if found is None:
            found = await self._resolver.addresses(name, version)
        return found._replace(chain=(*chain, *found.chain))

    @staticmethod
    async def _ask_authority(resolver: Resolving, name: str, version: int) -> Found | None:
        """Ask the zone's own servers; None where they cannot be asked, as in a network that lets resolvers out only."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_AUTHORITY):
                found = await resolver.authority(name, version)
            if found.outcome not in {Outcome.FAILED, Outcome.SILENT}:
                return found
        return None


def resolver_maker(servers: tuple[Endpoint, ...]) -> Callable[[], Resolving]:
    """Give what makes a resolver that asks these servers, or those of the machine when there are none."""

    def make() -> Resolving:
        from ptrd.client.resolver import Resolver  # noqa: PLC0415 - dnspython is large, and most servers ask nobody

        return Resolver(servers or system_resolvers())

    return make
