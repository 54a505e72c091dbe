"""One address of `ptrd verify`: what is answered for it here, and what resolvers tell the world.

What is answered here is looked at, and what the world is told only where nothing is answered here; that the two differ
is a remark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ptrd import PtrdError
from ptrd.cli.client import UnreachableError, ask
from ptrd.cli.exits import complain
from ptrd.cli.verifysources import Item
from ptrd.wire.names import format_name
from ptrd.wire.reverse import reverse_name
from ptrd.wire.rrtypes import PTR

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.client.resolver import Resolver
    from ptrd.config import Config
    from ptrd.records.management import Address
    from ptrd.snapshot.view import Snapshot


class Here(NamedTuple):
    """What is answered here for an address: its item, or why it has no names."""

    item: Item
    why: str


def answered_here(config: Config | None, zones: Callable[[], Snapshot | None], address: Address) -> Here:
    """Ask the running server what it answers for an address, or the zone files where none runs. Raises PtrdError."""
    if config is None:
        return Here(Item(address, (), "dns", named=True), "there is no configuration here")
    owner = reverse_name(*address)
    try:
        reply = ask(config.local.path, {"command": "lookup", "name": format_name(owner), "type": "PTR"})
        if not reply["ok"]:
            raise PtrdError(reply["error"])
        result: dict[str, Any] = reply["result"]
    except UnreachableError as error:
        complain(f"the zone files are read instead: {error}")
        snapshot = zones()
        if snapshot is None:
            raise PtrdError(f"what is answered for {address} cannot be told: the zone files have errors") from None
        from ptrd.engine.explain import explain  # noqa: PLC0415 - only here no server is asked

        result = explain(snapshot, owner, PTR)
    lines = [line.split(maxsplit=4) for line in result["answer"]]
    names = tuple(rdata for _, _, _, rtype, rdata in lines if rtype == "PTR")
    is_managed = any(line.endswith("has a managed PTR record") for line in result["why"])
    source = "default" if result["source"] == "default" else "managed" if is_managed else "record"
    return Here(Item(address, names, source, named=True), "" if names else result["why"][-1])


async def told_to_the_world(here: Here, resolver: Resolver) -> Item:
    """Ask resolvers for the names of an address, and give what is to be looked at.

    Where it has no names, neither here nor elsewhere, the remarks of the item say why.
    """
    item, address = here.item, here.item.address
    said = await resolver.names(address)
    if item.names:
        if said.names is None or _folded(said.names) == _folded(item.names):
            return item
        others = ", ".join(said.names) or "that there is no name"
        remark = (
            f"resolvers say {others}, not {', '.join(item.names)}: they remember an older answer for its TTL, or the "
            "zone is not delegated to this server, which `ptrd doctor` tells"
        )
        return item._replace(remarks=(remark,))
    if said.names:
        complain(f"{address} has no name here, so the one that resolvers tell is looked at: {here.why}")
        return item._replace(names=said.names, source="dns")
    if said.names is None:
        return item._replace(remarks=(f"nothing is known of {address}: {here.why}; {said.said}",))
    return item._replace(remarks=(f"{address} has no name, and mail servers refuse such an address: {here.why}",))


def _folded(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}
