"""Where a managed record would stand: whether it would be answered there, and what is said without it.

Both are asked of `answer.answer`, so that nothing is decided twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.engine.answer import ALIAS, DELEGATION, answer
from ptrd.records.cuts import owner_of
from ptrd.records.values import format_address
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from ptrd.engine.answer import Answer
    from ptrd.snapshot.view import Snapshot


def placement(snapshot: Snapshot, version: int, number: int) -> str:
    """Say why a PTR record for an address would not be answered; empty when it would be.

    `snapshot` is without managed records.
    """
    found = _ask(snapshot, version, number)
    text = format_address(version, number)
    if found is None:
        return f"no zone that is served here holds {text}"
    if found.source == DELEGATION:
        return f"{text} lies in a range that is delegated to other servers"
    if found.source == ALIAS:
        return f"the name of {text} is an alias (CNAME) for another name"
    return ""


def names_without(snapshot: Snapshot, version: int, number: int) -> tuple[str, ...]:
    """Give what an address is called by the zone files: its record, else its default name, else nothing.

    `snapshot` is without managed records. Names are in lower case with their final dot.
    """
    found = _ask(snapshot, version, number)
    if found is None:
        return ()
    records = [record for rrset in found.answer for record in split_records(rrset.records)]
    return tuple([format_name(rdata.lower()) for rtype, _, rdata in records if rtype == PTR])


def _ask(snapshot: Snapshot, version: int, number: int) -> Answer | None:
    zone = snapshot.zone_of_address(version, number)
    if zone is None:
        return None
    owner = owner_of(zone, version, number)
    return answer(snapshot, owner, offsets_of(owner), PTR)
