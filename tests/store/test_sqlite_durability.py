"""What was acknowledged is there, whatever happens to the process, to the disk or to the file."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ptrd.store.database import DatabaseError
from ptrd.store.sqlite import SqliteDatabase
from tests.store.committing import commit, replayed
from tests.store.inventory import everything, opened, write

PROJECT = Path(__file__).parents[2]
ROUNDS = 30


def check(path, acknowledged):
    """See that a database has all that was acknowledged, at most one more, and no part of a transaction."""
    with opened(path) as database:
        revision = database.revision
        assert acknowledged <= revision <= acknowledged + 1
        names = {item.address.number: item.names[0] for item in everything(database)[4]}
        rows = everything(database)[7][1:]
        serials = everything(database)[6]
        whole = database._writer.execute("PRAGMA integrity_check").fetchall()
        contradictions = database._writer.execute("PRAGMA foreign_key_check").fetchall()
    assert names == replayed(revision)
    assert [row.revision for row in rows] == [number for number in range(2, revision + 1) for _ in range(2)]
    assert serials == ({"a.": revision} if revision > 1 else {})
    assert (whole, contradictions) == ([("ok",)], [])
    return revision


def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path):
    """A process that commits in a loop is killed 30 times, at any moment: each time, what it had printed is there."""
    path = tmp_path / "ptrd.db"
    chance = random.Random(4)
    revision = 0
    for _ in range(ROUNDS):
        wanted = chance.randrange(40)
        command = [sys.executable, "-m", "tests.store.committing", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
            lines = [process.stdout.readline() for _ in range(wanted)]
            process.kill()
            lines += process.stdout.readlines()
        acknowledged = [int(line) for line in lines if line.endswith("\n")]
        assert len(acknowledged) >= wanted
        assert acknowledged == list(range(max(revision, 1) + 1, max(revision, 1) + 1 + len(acknowledged)))
        if path.exists() and path.stat().st_size:
            revision = check(path, max(acknowledged, default=revision))
    assert revision > ROUNDS


def in_a_small_world(folder, mount, *command):
    """Run a program where `folder` is mounted as is said, and give its output; skip where that is not allowed."""
    spaces = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    if not shutil.which("unshare") or subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    script = f'{mount} && "$@" && cp -r "$0"/. "$0.after"'
    (folder.parent / f"{folder.name}.after").mkdir()
    return subprocess.run(
        [*spaces, "sh", "-ec", script, str(folder), *command],
        capture_output=True, text=True, check=True, timeout=120, cwd=PROJECT,
    ).stdout  # fmt: skip


def test_a_full_disk(tmp_path):
    """When the disk is full, the write says so and changes nothing, what was acknowledged stays, and room helps."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = 'mount -t tmpfs -o size=1500k tmpfs "$0"'
    printed = in_a_small_world(
        folder, mount, sys.executable, "-m", "tests.store.committing", str(folder / "ptrd.db"), "200"
    )
    *acknowledged, sentence = printed.splitlines()
    assert sentence == (
        f"{folder}/ptrd.db could not be written, and nothing was changed: the disk is full; make room in {folder}"
    )
    assert len(acknowledged) > 10
    path = tmp_path / "small.after" / "ptrd.db"
    check(path, int(acknowledged[-1]))
    with opened(path) as database:
        assert write(database, commit).revision == int(acknowledged[-1]) + 1


def test_a_full_disk_and_the_same_connection(tmp_path):
    """After a write for which there was no room, the same database goes on reading, and writing when there is room."""
    with opened(tmp_path / "ptrd.db", filled=True) as database:
        pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
        database._writer.execute(f"PRAGMA max_page_count = {pages}")
        before = everything(database)
        with pytest.raises(DatabaseError, match="the disk is full; make room in"):
            write(database, lambda transaction: [transaction.note("x" * 1000) for _ in range(100)])
        assert everything(database) == before
        database._writer.execute("PRAGMA max_page_count = 1000000")
        assert write(database, commit).revision == 2


def test_a_folder_that_cannot_be_written(tmp_path):
    """On a file system that is read only there is one sentence, for a new database and for one that is there."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    program = (
        "import sys, pathlib; from ptrd.store import sqlite, database\n"
        "try: sqlite.SqliteDatabase(pathlib.Path(sys.argv[1]))\n"
        "except database.DatabaseError as error: print(error)"
    )
    path = folder / "ptrd.db"
    printed = in_a_small_world(folder, mount, sys.executable, "-c", program, str(path))
    assert printed == f"cannot make the database {path}: Read-only file system\n"
    with opened(path, filled=True):
        pass
    (tmp_path / "fixed.after").rmdir()
    printed = in_a_small_world(folder, mount, sys.executable, "-c", program, str(path))
    assert printed.startswith(f"{path} cannot be ")
    assert printed.endswith(f"; let the user that ptrd runs as own {folder} and its files\n")


def test_a_folder_that_is_not_there(tmp_path):
    """A missing folder is one sentence."""
    with pytest.raises(DatabaseError, match=r"cannot make the database .*/ptrd.db: No such file or directory"):
        SqliteDatabase(tmp_path / "missing" / "ptrd.db")


@pytest.mark.parametrize("damage", ["header", "schema", "cut", "text"])
def test_a_damaged_file(tmp_path, damage):
    """A file that is damaged where it is read at the start is refused with what to do, and stays as it is."""
    path = tmp_path / "ptrd.db"
    with opened(path, filled=True):
        pass
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:16] = b"SQLite format 4\0"
    elif damage == "schema":
        content[100:4096] = bytes(3996)
    elif damage == "cut":
        del content[5000:]
    else:
        content[:] = b"# not a database\n" * 100
    path.write_bytes(content)
    with pytest.raises(
        DatabaseError, match=r"ptrd.db is damaged \(.*\); stop ptrd, and put a backup in its place with `ptrd"
    ):
        SqliteDatabase(path)
    assert path.read_bytes() == content


def test_a_file_that_is_damaged_further_in(tmp_path):
    """Damage that is met while reading is said then, and nothing is made up."""
    path = tmp_path / "ptrd.db"
    with opened(path, filled=True):
        pass
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'eips'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[4096 * (page - 1) : 4096 * page] = b"\xa5" * 4096
    path.write_bytes(content)
    with opened(path) as database, pytest.raises(DatabaseError, match="is damaged"):
        database.read(lambda transaction: transaction.eips())


def test_another_process_that_holds_the_database(tmp_path):
    """A database that somebody else keeps locked is said to be so, after a wait."""
    path = tmp_path / "ptrd.db"
    with opened(path, filled=True) as database, closing(sqlite3.connect(path, isolation_level=None)) as other:
        database._writer.execute("PRAGMA busy_timeout = 10")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="is held by another process"):
            write(database, commit)
        other.execute("ROLLBACK")
        assert write(database, commit).revision == 2
