"""Backups that are taken while the database is in use, and their way back."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ptrd.store.backup import BackupError, Restored, back_up, restore
from ptrd.store.sqlite import SqliteDatabase
from ptrd.store.state import open_state
from tests.store.committing import commit
from tests.store.inventory import EIPS, everything, opened, write
from tests.store.test_sqlite_durability import check

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """Have a state folder, with a database at revision 3 that knows a serial, a master key and nobody at work."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    (path / "master.key").write_text("00" * 32)
    with opened(path / "ptrd.db", filled=True) as database:
        write(database, commit)
        write(database, commit, finish=lambda transaction, _: transaction.set_serials({"a.": (None, 2**32 - 1)}))
    return path


def put_back(backup, folder):
    """Restore."""
    return restore(backup, folder, actor="local:root", now=2000.0)


def test_a_backup_is_the_whole_database_in_one_private_file(folder, tmp_path):
    """A backup holds all there is, needs no other file, has not the master key, and replaces the one before."""
    target = tmp_path / "copies" / "monday.db"
    target.parent.mkdir()
    with opened(folder / "ptrd.db") as database:
        before = everything(database)
        for _ in range(2):
            assert back_up(database.path, target) == target.stat().st_size
        assert everything(database) == before
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["monday.db"]
    assert b"0" * 64 not in target.read_bytes()
    with opened(target) as copy:
        assert everything(copy) == before


def test_a_backup_of_what_is_still_in_the_log(folder, tmp_path):
    """What a killed process left in its write-ahead log is in a backup that is taken before the next start."""
    command = [sys.executable, "-m", "tests.store.committing", str(folder / "ptrd.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        lines = [process.stdout.readline() for _ in range(5)]
        process.kill()
    assert (folder / "ptrd.db-wal").stat().st_size
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    with opened(tmp_path / "copy.db") as copy:
        assert copy.revision >= int(lines[-1])


def test_a_backup_while_others_write(tmp_path):
    """A backup under a writer that never rests is the state of one moment, not older than the call."""
    path = tmp_path / "ptrd.db"
    command = [sys.executable, "-m", "tests.store.committing", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            for number in range(5):
                acknowledged = [int(process.stdout.readline()) for _ in range(10)][-1]
                back_up(path, tmp_path / f"{number}.db")
                with opened(tmp_path / f"{number}.db") as copy:
                    revision = copy.revision
                assert revision >= acknowledged
                check(tmp_path / f"{number}.db", revision)
        finally:
            process.kill()


def test_what_is_not_replaced_by_a_backup(folder, tmp_path):
    """A backup never takes the place of the database or of a file that is none, and a missing database is said."""
    (tmp_path / "letter.txt").write_text("dear reader")
    for target, sentence in [
        (folder / "ptrd.db", "is the database itself"),
        (tmp_path / "letter.txt", "is there already, and what it holds is not replaced"),
        (tmp_path / "missing" / "copy.db", "No such file or directory"),
    ]:
        with pytest.raises(BackupError, match=sentence):
            back_up(folder / "ptrd.db", target)
    with pytest.raises(BackupError, match=r"there is no database .*none\.db"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    assert (tmp_path / "letter.txt").read_text() == "dear reader"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "state"]


def damage(path):
    """Write over the page where the EIPs are, which is not read when a database is opened."""
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'eips'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[4096 * (page - 1) : 4096 * page] = b"\xa5" * 4096
    path.write_bytes(content)


def test_a_damaged_database_is_not_backed_up_over_a_good_one(folder, tmp_path):
    """A backup is looked through before it takes its name, so a good one of yesterday stays."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    good = (tmp_path / "copy.db").read_bytes()
    damage(folder / "ptrd.db")
    with pytest.raises(BackupError, match=r"cannot back up .*ptrd\.db is damaged"):
        back_up(folder / "ptrd.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == good
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "state"]


def test_a_backup_comes_back(folder, tmp_path):
    """After a restore all is as it was backed up; the journal says so, and revisions and serials are new ones."""
    with opened(folder / "ptrd.db") as database:
        backed_up = everything(database)
        back_up(database.path, tmp_path / "copy.db")
        for _ in range(5):
            write(database, commit, finish=lambda transaction, _: transaction.set_serials({"a.": (0, 7), "b.": (0, 5)}))
        lost = everything(database)
    assert put_back(tmp_path / "copy.db", folder) == Restored(3, 9, folder / "ptrd.db.before-restore")
    with opened(folder / "ptrd.db") as database:
        restored = everything(database)
        assert write(database, commit).revision == 10
    assert restored[:6] == (9, *backed_up[1:6])
    assert restored[6] == {"a.": 8, "b.": 6}  # 7 comes after 4294967295 (RFC 1982)
    assert restored[7][:-1] == backed_up[7]
    last = restored[7][-1]
    assert (last.revision, last.actor, last.action, last.time) == (9, "local:root", "restore", 2000.0)
    assert last.after == {"backup": "copy.db", "revision": 3} and last.serials == {"a.": (7, 8), "b.": (5, 6)}
    with opened(folder / "ptrd.db.before-restore") as database:
        assert everything(database) == lost
    assert stat.S_IMODE((folder / "ptrd.db").stat().st_mode) == 0o600
    assert {path.name for path in folder.iterdir()} == {"lock", "master.key", "ptrd.db", "ptrd.db.before-restore"}


def test_each_database_that_was_replaced_is_kept(folder, tmp_path):
    """A second restore does not write over what the first kept."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    kept = [put_back(tmp_path / "copy.db", folder).kept for _ in range(3)]
    assert [path.name for path in kept] == [f"ptrd.db.before-restore{end}" for end in ("", "-2", "-3")]
    revisions = []
    for path in kept:
        with opened(path) as database:
            revisions.append(database.revision)
    assert revisions == [3, 4, 5]


def test_a_restore_to_an_empty_folder(folder, tmp_path):
    """A new machine needs only the backup: the folder is made."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    assert put_back(tmp_path / "copy.db", tmp_path / "new") == Restored(3, 4, None)
    with opened(tmp_path / "new" / "ptrd.db") as database:
        assert database.read(lambda transaction: transaction.eip("south", "e1")) == EIPS[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_restores_for_the_user_of_the_folder(folder, tmp_path):
    """What root puts back belongs to whoever owns the state folder, so that ptrd can write it as its user."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    os.chown(folder, 65534, 65533)
    put_back(tmp_path / "copy.db", folder)
    found = (folder / "ptrd.db").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o600)


def test_a_restore_in_place_of_a_damaged_database(folder, tmp_path):
    """A database that cannot be opened any more is kept with its log, and what is restored does not read that log."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    (folder / "ptrd.db").write_bytes(b"ruins" * 2000)
    (folder / "ptrd.db-wal").write_bytes(b"log" * 2000)
    assert put_back(tmp_path / "copy.db", folder).kept == folder / "ptrd.db.before-restore"
    assert (folder / "ptrd.db.before-restore").read_bytes() == b"ruins" * 2000
    assert (folder / "ptrd.db.before-restore-wal").read_bytes() == b"log" * 2000
    with opened(folder / "ptrd.db") as database:
        assert database.revision == 4


def test_a_restore_keeps_what_a_killed_server_committed(folder, tmp_path):
    """What stands only in the log of the replaced database is still in the one that is kept."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    command = [sys.executable, "-m", "tests.store.committing", str(folder / "ptrd.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        lines = [process.stdout.readline() for _ in range(5)]
        process.kill()
    restored = put_back(tmp_path / "copy.db", folder)
    assert restored.revision > int(lines[-1])
    with opened(restored.kept) as database:
        assert database.revision >= int(lines[-1])


def test_a_restore_under_a_server_is_refused(folder, tmp_path):
    """As long as somebody has the state folder, nothing is changed in it."""
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    state = open_state(folder)
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    with pytest.raises(
        BackupError, match=r"nothing is restored: another ptrd \(process \d+\) already runs on .* stop the"
    ):
        put_back(tmp_path / "copy.db", folder)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    state.close()


def test_what_is_not_restored(folder, tmp_path):
    """A file that is missing, no backup, damaged, of a later ptrd, or the database itself leaves all as it was."""
    (tmp_path / "letter.txt").write_text("dear reader" * 1000)
    (tmp_path / "empty.db").touch()
    for name in ("damaged.db", "later.db"):
        back_up(folder / "ptrd.db", tmp_path / name)
    damage(tmp_path / "damaged.db")
    with closing(sqlite3.connect(tmp_path / "later.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir() if path.name != "lock")
    for name, sentence in [
        ("missing.db", "there is no backup"),
        ("letter.txt", "is damaged"),
        ("empty.db", "is no database of ptrd; it is not restored"),
        ("damaged.db", "is damaged"),
        ("later.db", "was written by a later ptrd: it has version 99"),
        ("state/ptrd.db", "is the database itself"),
    ]:
        with pytest.raises(BackupError, match=sentence):
            put_back(tmp_path / name, folder)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir() if path.name != "lock") == before


def test_a_closed_database_can_be_backed_up(folder, tmp_path):
    """No server need be there."""
    SqliteDatabase(folder / "ptrd.db").close()
    back_up(folder / "ptrd.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_size
