"""What the tables of one SQLite transaction share: its connection, and how an address is kept.

An address is a version and 16 bytes, most significant first, so that the database's order is that of addresses. A
method never begins or ends the transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrd.records.management import Address

if TYPE_CHECKING:
    import sqlite3

    from ptrd.records.changes import Change


class Tables:
    """One transaction, on a connection that is in it."""

    def __init__(
        self, connection: sqlite3.Connection, *, now: float, actor: str = "", request_id: str = "", revision: int = 0
    ) -> None:
        self.now = now
        self.actor = actor
        self.request_id = request_id
        self.revision = revision
        self.changes: list[Change] = []
        self.used = False  # whether its revision is
        self.position = 0  # of its next row in the journal
        self.connection = connection

    def run(self, statement: str, *values: object) -> int:
        """Do one statement, and give how many rows it changed."""
        return self.connection.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Give the rows of a question, one after the other."""
        return self.connection.execute(statement, values)

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Give the first row of a question."""
        found: tuple[Any, ...] | None = self.connection.execute(statement, values).fetchone()
        return found


def pack(number: int) -> bytes:
    """Write an address's number as it is kept."""
    return number.to_bytes(16, "big")


def unpack(version: int, number: bytes) -> Address:
    """Read an address."""
    return Address(version, int.from_bytes(number, "big"))
