"""How a record goes away, whoever takes it: out of the store, out of DNS, into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.control.fields import pointer_row
from ptrd.records.changes import Change

if TYPE_CHECKING:
    from ptrd.records.management import Address, Pointer
    from ptrd.store.database import Transaction


def drop_pointer(transaction: Transaction, pointer: Pointer, action: str, *, published: bool) -> None:
    """Take a record away, whatever it is; `published` says that DNS has it."""
    transaction.drop_pointer(pointer.address)
    if published:
        transaction.publish(nothing_at(pointer.address))
    transaction.note(action, project=pointer.project, address=pointer.address, before=pointer_row(pointer))


def nothing_at(address: Address) -> Change:
    """Give the change by which DNS goes back to what the zone files say."""
    return Change(address.version, address.number, 0, ())
