"""Forward confirmation: whether each name of an address leads back to it.

Who is asked is the caller's: a resolver, or one's own zones first.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ptrd.records.trust import judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ptrd.records.management import Address
    from ptrd.records.trust import Finding, Found


async def confirm(
    address: Address, names: Sequence[str], ask: Callable[[str, int], Awaitable[Found]]
) -> tuple[Finding, ...]:
    """Ask for the addresses of each name, all at once, and judge what came; findings are in the order of the names.

    `ask` takes a name and the version of the addresses wanted, 4 or 6, as `Resolver.addresses` does.
    """
    found = await asyncio.gather(*(ask(name, address.version) for name in names))
    return tuple(judge(address, name, one) for name, one in zip(names, found, strict=True))
