"""How a database gets its layout, and what is no database of this ptrd."""

import sqlite3
from contextlib import closing

import pytest

from ptrd.store import sqlite
from ptrd.store.database import DatabaseError
from ptrd.store.migrations import APPLICATION, MIGRATIONS, LayoutError, migrate
from ptrd.store.sqlite import SqliteDatabase
from tests.store.inventory import everything, opened

FIRST = """
CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT) STRICT;
CREATE TABLE log (text TEXT) STRICT;
CREATE TRIGGER thing_came AFTER INSERT ON things BEGIN
    INSERT INTO log VALUES ('came; ' || NEW.name);
    INSERT INTO log VALUES ('and stays');
END;
"""
SECOND = """
ALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';
UPDATE things SET name = upper(name);
"""


def made_by(path, *migrations):
    """Open a file as an ordinary program would, migrated."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, migrations)
    return connection


def test_an_empty_file_gets_the_newest_layout(tmp_path):
    """A new file goes through all migrations, and says whose it is and which version it has."""
    path = tmp_path / "ptrd.db"
    with opened(path) as database:
        assert everything(database) == (0, [], [], [], [], [], {}, [])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
        tables = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict"
        ).fetchall()
        assert {name for (name,) in tables if not name.startswith("sqlite_")} == set()


def test_a_file_that_a_crash_left_empty(tmp_path):
    """A file of no bytes is a new database: the first start may end between making it and its first transaction."""
    (tmp_path / "ptrd.db").touch()
    with opened(tmp_path / "ptrd.db") as database:
        assert database.revision == 0


def test_what_is_there_is_kept(tmp_path):
    """A database of version 1 comes to version 2 with its rows, and a second time nothing happens."""
    path = tmp_path / "a.db"
    with closing(made_by(path, FIRST)) as connection:
        connection.execute("INSERT INTO things VALUES (1, 'door')")
    for _ in range(2):
        with closing(made_by(path, FIRST, SECOND)) as connection:
            assert connection.execute("SELECT * FROM things").fetchall() == [(1, "DOOR", "grey")]
            assert connection.execute("SELECT * FROM log").fetchall() == [("came; door",), ("and stays",)]
            assert connection.execute("PRAGMA user_version").fetchone()[0] == 2


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (f"{SECOND} DROP TABLE nowhere;", sqlite3.OperationalError),
        (f"{SECOND} CREATE TABLE half (", LayoutError),
        ("CREATE TABLE parts (thing INTEGER REFERENCES things (id)); INSERT INTO parts VALUES (7);", LayoutError),
    ],
)
def test_a_migration_that_fails_leaves_nothing(tmp_path, broken, error):
    """A migration is done whole or not at all, and those before it stay done."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(error):
            migrate(connection, [FIRST, broken])
        assert not connection.in_transaction
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert len(connection.execute("PRAGMA table_info(things)").fetchall()) == 2
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name IN ('parts', 'half')").fetchall()


def test_a_later_version_is_refused_and_not_touched(tmp_path):
    """What a later ptrd wrote is left alone, and the sentence says so."""
    path = tmp_path / "ptrd.db"
    with opened(path, filled=True):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(
        DatabaseError, match=r"was written by a later ptrd: it has version 99, and .* run the later ptrd"
    ):
        SqliteDatabase(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_not_touched(tmp_path):
    """Another program's database is refused, and keeps its mode and its tables."""
    path = tmp_path / "ptrd.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match=r"ptrd.db is no database of ptrd"):
        SqliteDatabase(path)
    assert path.read_bytes() == before and [item.name for item in tmp_path.iterdir()] == ["ptrd.db"]


def test_an_old_library_is_refused(tmp_path, monkeypatch):
    """A SQLite without what the tables need is named before anything is made."""
    monkeypatch.setattr(sqlite.sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(DatabaseError, match=r"is too old; ptrd needs 3\.38 or later"):
        SqliteDatabase(tmp_path / "ptrd.db")
    assert list(tmp_path.iterdir()) == []
