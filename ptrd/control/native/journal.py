"""The journal in the native API, and who one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrd.control.actors import Code
from ptrd.control.exchange import Response
from ptrd.control.native.call import Call, Operation
from ptrd.control.native.inventory import project_id, write_time
from ptrd.control.refs import ref_of_address

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.records.management import JournalEntry


class JournalOperations:
    """The operations on /journal and /whoami."""

    def __init__(self, cases: Cases) -> None:
        self._inventory = cases.inventory

    def operations(self) -> list[Operation]:
        """List the operations."""
        return [
            Operation(
                "listJournal", "GET", "/journal", "List what changed", self._list, {200: "Journal"},
                query=("after", "limit", "project", "address", "newest_first"),
                codes=(Code.NO_SUCH,),
            ),
            Operation("whoAmI", "GET", "/whoami", "Show what the credential stands for", _who, {200: "WhoAmI"}),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Response:
        address = ref_of_address(call.query["address"]).address if "address" in call.query else None
        limit = call.query.get("limit", 100)
        newest_first = call.query.get("newest_first", False)
        entries = await self._inventory.journal(
            call.actor,
            after=call.query.get("after", 0),
            limit=limit,
            project=await project_id(self._inventory, call),
            address=address,
            newest_first=newest_first,
        )
        following = entries[-1].revision if len(entries) >= limit and not newest_first else None
        return Response(200, {"entries": [_entry(entry) for entry in entries], "next_after": following})


async def _who(call: Call) -> Response:
    actor = call.actor
    return Response(
        200,
        {"name": actor.name, "role": actor.role.value, "project_id": actor.project, "account_id": actor.account},
    )


def _entry(entry: JournalEntry) -> dict[str, Any]:
    return {
        "revision": entry.revision,
        "time": write_time(entry.time),
        "actor": entry.actor,
        "action": entry.action,
        "project_id": entry.project,
        "address": None if entry.address is None else str(entry.address),
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "serials": {zone: list(pair) for zone, pair in entry.serials.items()},
    }
