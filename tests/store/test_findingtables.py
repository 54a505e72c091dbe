"""What was found about the names of pointers: one row each, never about other names, and no change to anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ptrd.records.confirmation import Confirmation
from ptrd.records.management import Policy
from ptrd.records.trust import Verdict
from ptrd.store.backup import back_up, restore
from ptrd.store.database import PointerQuery
from ptrd.store.migrations import MIGRATIONS, migrate
from ptrd.store.sqlite import SqliteDatabase
from tests.store.inventory import EIPS, PROJECTS, address, everything, fill, opened, pointer, write

FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "2001:db8::1"
NAMES = ("www.example.com.",)
GOOD = Confirmation(NAMES, Verdict.CONFIRMED, "", ("it looks generic",), 900.0)
BAD = Confirmation(NAMES, Verdict.ELSEWHERE, "www.example.com. leads to 192.0.2.99", (), 950.0)


@pytest.fixture
def database(tmp_path):
    """Have a database with two pointers of one project and one of another, which nobody has looked at."""
    with opened(tmp_path / "ptrd.db", filled=True) as made:
        write(made, put(pointer(FIRST), pointer(SECOND), pointer(THIRD, EIPS[2])))
        yield made


def put(*pointers):
    """Make the work that writes pointers."""

    def work(transaction):
        for one in pointers:
            transaction.put_pointer(one)
        transaction.note("setPTRRecord")

    return work


def find(database, where):
    """Give what is known of an address."""
    return database.read(lambda transaction: transaction.known(address(where)).finding)


def note(database, where, found, due=2000.0):
    """Write what was found."""
    write(database, lambda transaction: transaction.put_finding(address(where), found, due))


def due(database, policy=Policy.WARN, now=1000.0, limit=10):
    """List what is due, as texts."""
    found = database.read(lambda transaction: transaction.due_findings(policy, now, limit))
    return [str(one.address) for one in found]


def counts(database, policy=Policy.WARN):
    """Count by verdict, without those of which there are none."""
    found = database.read(lambda transaction: transaction.count_findings(policy))
    return {verdict: number for verdict, number in found.items() if number}


def test_a_finding_is_kept_and_is_no_change(database):
    """A finding is read as it was written; it takes no revision and no row of the journal, and outlives the process."""
    before = everything(database)
    assert find(database, FIRST) is None
    note(database, FIRST, GOOD)
    note(database, THIRD, replace_note(BAD, "nobody answered"))
    assert find(database, FIRST) == GOOD and find(database, SECOND) is None
    assert find(database, THIRD) == replace_note(BAD, "nobody answered")
    assert everything(database) == before
    database.close()
    with opened(database.path) as again:
        assert find(again, FIRST) == GOOD


def replace_note(found, text):
    """Give a finding with a note."""
    return found._replace(note=text)


def test_a_finding_about_other_names_is_not_written(database):
    """Names that changed while they were looked at are unchecked, and stay so until somebody looks at them."""
    note(database, FIRST, GOOD)
    write(database, put(pointer(FIRST, names=("new.example.com.",))))
    assert find(database, FIRST) is None
    note(database, FIRST, GOOD)
    assert find(database, FIRST) is None and due(database)[0] == FIRST
    found = GOOD._replace(names=("new.example.com.",))
    note(database, FIRST, found)
    assert find(database, FIRST) == found
    note(database, "192.0.2.7", GOOD)
    assert find(database, "192.0.2.7") is None


def test_what_is_not_a_name_keeps_the_finding(database):
    """A new TTL, description or tag says nothing about where names lead."""
    note(database, FIRST, GOOD)
    write(database, put(pointer(FIRST, ttl=7, description="x", revision=9, updated=4.0)))
    assert find(database, FIRST) == GOOD


def test_a_finding_goes_with_its_pointer(database):
    """A pointer that comes again at the same address with the same names is unchecked."""
    note(database, FIRST, GOOD)
    write(database, lambda transaction: transaction.drop_pointer(address(FIRST)))
    assert find(database, FIRST) is None
    assert counts(database) == {"unchecked": 2}
    write(database, put(pointer(FIRST)))
    assert find(database, FIRST) is None and counts(database) == {"unchecked": 3}


def test_what_is_due_comes_in_order(database):
    """What nobody has looked at comes first, then what waits longest; what is not due yet does not come."""
    assert due(database) == [FIRST, SECOND, THIRD]
    note(database, FIRST, GOOD, 990.0)
    note(database, SECOND, BAD, 980.0)
    assert due(database) == [THIRD, SECOND, FIRST]
    assert due(database, limit=2) == [THIRD, SECOND]
    note(database, THIRD, GOOD, 1500.0)
    assert due(database) == [SECOND, FIRST] and due(database, now=2000.0) == [SECOND, FIRST, THIRD]
    (found,) = database.read(lambda transaction: transaction.due_findings(Policy.WARN, 985.0, 10))
    assert (found.names, found.known) == (NAMES, BAD)


def test_nothing_is_due_where_the_policy_is_off(database):
    """A project's own policy goes before the global one, whichever of them is off."""
    assert due(database, Policy.OFF) == [] and counts(database, Policy.OFF) == {}
    assert database.read(lambda transaction: transaction.next_due(Policy.OFF)) is None
    write(database, lambda transaction: transaction.put_project(replace(PROJECTS[2], policy=Policy.REQUIRE)))
    assert due(database, Policy.OFF) == [THIRD] and counts(database, Policy.OFF) == {"unchecked": 1}
    note(database, THIRD, GOOD, 1234.5)
    assert database.read(lambda transaction: transaction.next_due(Policy.OFF)) == 1234.5
    write(database, lambda transaction: transaction.put_project(replace(PROJECTS[2], policy=Policy.OFF)))
    assert due(database, now=3000.0) == [FIRST, SECOND]
    assert database.read(lambda transaction: transaction.project("other").policy) is Policy.OFF


def test_counts_follow_every_change(database):
    """Pointers are counted by what was last found, and as unchecked until then."""
    assert counts(database) == {"unchecked": 3}
    note(database, FIRST, GOOD)
    note(database, SECOND, BAD)
    assert counts(database) == {"confirmed": 1, "elsewhere": 1, "unchecked": 1}
    note(database, FIRST, BAD)
    write(database, put(pointer(SECOND, names=("new.example.com.",))))
    assert counts(database) == {"elsewhere": 1, "unchecked": 2}


def test_pointers_are_found_by_what_was_found(database):
    """A verdict, what is unconfirmed and what is unchecked are conditions like any other, and are counted alike."""
    note(database, FIRST, GOOD)
    note(database, SECOND, BAD)

    def ask(wanted, **more):
        query = PointerQuery(confirmation=wanted, **more)
        found = database.read(lambda transaction: transaction.pointers(query))
        assert database.read(lambda transaction: transaction.count_pointers(query)) == len(found)
        return [str(one.address) for one in found]

    assert ask("confirmed") == [FIRST] and ask("elsewhere") == ask("unconfirmed") == [SECOND]
    assert ask("unchecked") == [THIRD] and ask("no_name") == []
    assert ask("unconfirmed", project=PROJECTS[2].id) == []


def old_database(path):
    """Make a database of version 1 with two projects' EIPs and a pointer in each of two."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:1])
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO accounts VALUES ('a', 'first', 50, 0, 0.0)")
        connection.execute("INSERT INTO projects VALUES ('p', 'web', 'a', 0, 1.5), ('q', 'mail', 'a', 1, 2.5)")
        for name, number in (("p", 0xC0000200), ("q", 0xC6336400)):
            first, last = number.to_bytes(16, "big"), (number + 255).to_bytes(16, "big")
            connection.execute(
                "INSERT INTO eips VALUES ('north', ?, ?, 4, ?, ?, 24, 0.0)", (f"eip-{name}", name, first, last)
            )
            connection.execute(
                "INSERT INTO pointers VALUES (4, ?, ?, 'north', ?, ?, ?, 300, '', '0', 1, 0.0, 0.0)",
                ((number + 1).to_bytes(16, "big"), name * 32, f"eip-{name}", name, '["www.example.com."]'),
            )
        connection.execute("COMMIT")
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1


def check_migrated(database):
    """See that a database that was of version 1 has all it had, and nothing that was looked at."""
    pointers = database.read(lambda transaction: list(transaction.every_pointer()))
    assert [str(one.address) for one in pointers] == ["192.0.2.1", "198.51.100.1"]
    projects = database.read(lambda transaction: transaction.projects())
    assert [(one.name, one.disabled, one.created, one.policy) for one in projects] == [
        ("mail", True, 2.5, None),
        ("web", False, 1.5, None),
    ]
    assert due(database, Policy.OFF) == [] and due(database) == ["192.0.2.1", "198.51.100.1"]
    assert counts(database) == {"unchecked": 2}


def test_a_database_of_version_1_goes_on(tmp_path):
    """What version 1 wrote is there after the migration; each of its pointers is unchecked, and no policy is set."""
    path = tmp_path / "ptrd.db"
    old_database(path)
    for _ in range(2):
        with opened(path) as database:
            check_migrated(database)
    with opened(path) as database:
        note(database, "192.0.2.1", GOOD)
        assert counts(database) == {"confirmed": 1, "unchecked": 1}
        write(database, lambda transaction: transaction.drop_pointer(address("192.0.2.1")))
        assert counts(database) == {"unchecked": 1}


def test_the_first_migration_is_the_released_one():
    """Version 1 is what it was when it was released: what came later is in later migrations only."""
    assert "policy" not in MIGRATIONS[0] and "findings" not in MIGRATIONS[0] and len(MIGRATIONS) >= 2


@pytest.mark.parametrize("version", [1, 2])
def test_a_backup_of_either_version_is_restored(tmp_path, version):
    """A backup that a ptrd of version 1 took comes back migrated; one of version 2 comes back with its findings."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    backup = tmp_path / "backup.db"
    if version == 1:
        old_database(backup)
    else:
        with opened(tmp_path / "first.db") as database:
            write(database, fill)
            write(database, put(pointer(FIRST)))
            note(database, FIRST, GOOD)
            back_up(database.path, backup)
    restored = restore(Path(backup), folder, actor="local:root", now=2000.0)
    assert restored.kept is None
    database = SqliteDatabase(folder / "ptrd.db")
    try:
        if version == 1:
            check_migrated(database)
        else:
            assert find(database, FIRST) == GOOD and counts(database) == {"confirmed": 1}
        back_up(database.path, tmp_path / "again.db")
    finally:
        database.close()
    with opened(tmp_path / "again.db") as copy:
        assert copy.revision == restored.revision


def test_a_bulk_delete_takes_all_findings(database):
    """Deleting everything leaves no row behind, and no count."""

    def work(transaction):
        for one in list(transaction.every_pointer()):
            transaction.drop_pointer(one.address)

    note(database, FIRST, GOOD)
    write(database, work)
    with closing(sqlite3.connect(database.path)) as connection:
        assert connection.execute("SELECT count(*) FROM findings").fetchone() == (0,)
    assert counts(database) == {}
