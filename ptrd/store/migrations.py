"""The database's layouts, in order: each migration is one transaction that takes a database to the next version.

A migration that was released is never changed: what comes after it is another one. A database of a version that this
list does not know is not touched.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.store import credentialtables, findingtables, inventorytables, journaltables, pointertables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPLICATION: Final = 0x70747264  # "ptrd", which SQLite keeps in the file's header
MIGRATIONS: Final = (  # to version 1, 2, …
    inventorytables.SCHEMA + pointertables.SCHEMA + journaltables.SCHEMA + credentialtables.SCHEMA,
    findingtables.SCHEMA,
)


class LayoutError(PtrdError):
    """A file is no database of this ptrd. The sentence continues one that begins with the file's name."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring a database to the newest version, a new file to its first. Raises LayoutError, sqlite3.Error.

    The connection is in no transaction, and foreign keys are not yet enforced on it, so that tables can be made anew.
    """
    version = check_layout(connection, migrations)
    for number, script in enumerate(migrations[version:], version + 1):
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _statements(script):
                connection.execute(statement)
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                raise LayoutError(f"cannot be brought to version {number}: it contradicts itself")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def check_layout(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS, *, empty: bool = True) -> int:
    """Give the version of a database, 0 for an `empty` file where that may be. Raises LayoutError, sqlite3.Error."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if empty and application == version == tables == 0:
        return 0
    if application != APPLICATION or version < 1:
        raise LayoutError("is no database of ptrd")
    if version > len(migrations):
        raise LayoutError(
            f"was written by a later ptrd: it has version {version}, and this one knows versions up to"
            f" {len(migrations)}; run the later ptrd"
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """Give the statements of a script, one at a time: sqlite3's own `executescript` would commit first."""
    statement = ""
    for part in re.split("(?<=;)", script):
        statement += part  # a trigger has several, and a text may hold one
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise LayoutError(f"has a migration without an end: {statement.strip()}")
