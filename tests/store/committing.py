"""A program that commits for ever: `python -m tests.store.committing DATABASE [BALLAST]`; a line for each commit.

Transaction n names the address n % 50 of the first EIP, or drops its name, and writes as many rows. It ends at the
first error, which it prints.
"""

import sys
from pathlib import Path

from ptrd.records.changes import Change
from ptrd.records.management import Address
from ptrd.store.database import DatabaseError
from ptrd.store.sqlite import SqliteDatabase
from tests.store.inventory import EIPS, fill, pointer, write

BASE = EIPS[2].prefix.number


def commit(transaction, ballast=""):
    """Do the transaction that comes with a revision."""
    revision = transaction.revision
    address = Address(6, BASE + revision % 50)
    if revision % 7 == 3:
        transaction.drop_pointer(address)
    else:
        names = (f"host{revision}.example.com.",)
        transaction.put_pointer(pointer(str(address), EIPS[2], names=names, revision=revision, description=ballast))
    transaction.note("setPTRRecord", address=address, after={"revision": revision, "ballast": ballast})
    transaction.note("second")
    transaction.publish(Change(*address, 300, ()))
    return revision


def replayed(revision):
    """Give what the addresses are called after a revision, without looking at any database."""
    found = {}
    for number in range(2, revision + 1):
        found.pop(BASE + number % 50, None)
        if number % 7 != 3:
            found[BASE + number % 50] = f"host{number}.example.com."
    return found


def say(what):
    """Write a line at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(path, ballast=0):
    """Commit until the end."""
    database = SqliteDatabase(Path(path))
    if not database.revision:
        write(database, fill)
    while True:
        try:
            done = write(
                database,
                lambda transaction: commit(transaction, "x" * int(ballast)),
                finish=lambda transaction, _: transaction.set_serials({"a.": (None, transaction.revision)}),
            )
        except DatabaseError as error:
            say(error)
            return
        say(done.revision)


if __name__ == "__main__":
    main(*sys.argv[1:])
