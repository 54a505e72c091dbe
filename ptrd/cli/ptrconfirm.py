"""What a command says about names that do not lead back to their address: a warning, since the record is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.exits import complain
from ptrd.cli.output import plain

if TYPE_CHECKING:
    from ptrd.cli.output import Row

CONFIRMATION: Final = ("confirmation", "confirmation_reason", "confirmation_remarks", "confirmation_checked")


_SHOWN: Final = 10


def warn_of_names(records: list[Row]) -> None:
    """Say of records that were written which of their names do not lead back, and what to do."""
    found = [record for record in records if record.get("confirmation") not in {None, "confirmed"}]
    for record in found[:_SHOWN]:
        complain(f"warning: mail from {record['address']} may be refused: {plain(record['confirmation_reason'])}")
    if found[_SHOWN:]:
        complain(f"warning: and {len(found) - _SHOWN} more; `ptrd ptr list --unconfirmed` shows them")
