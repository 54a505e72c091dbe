"""Backups: the whole database in one file, taken while it is in use; and their way back.

A backup is the state of one moment, and a file that is there under its name is whole and was looked through. The
master key is in none. Restoring loses nothing: the database that was there stays beside the restored one, and neither
revisions nor zones' serials go back.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.snapshot.serials import is_newer
from ptrd.store.atomic import rename_into, temporary_beside
from ptrd.store.database import DatabaseError
from ptrd.store.migrations import LayoutError, check_layout, migrate
from ptrd.store.sqlite import SqliteTransaction, connect, explained
from ptrd.store.state import StateError, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEPT: Final = ".before-restore"


class BackupError(PtrdError):
    """A backup cannot be taken or put back. The sentence says why and what to do; nothing was changed."""


class Restored(NamedTuple):
    """What a restore did: the backup's revision, the one from which it goes on, and where the old database is kept."""

    backed_up: int
    revision: int
    kept: Path | None


def back_up(database: Path, target: Path) -> int:
    """Write all of a database to a file with mode 0600, whether or not a server uses it; give the file's size in bytes.

    A backup that is there under that name is replaced when the new one is whole. Raises BackupError.
    """
    if not database.is_file():
        raise BackupError(f"there is no database {database}; name the configuration that ptrd runs with")
    with _explained_failure(f"cannot back up {database} to {target}"):
        if target.exists():
            if target.samefile(database):
                raise BackupError(f"{target} is the database itself; write the backup to another file")
            _look_at(target, "is there already, and what it holds is not replaced: write to another file")
        with _copied(database, target) as copy:
            size = copy.stat().st_size
            rename_into(copy, target)
    return size


def restore(backup: Path, folder: Path, *, actor: str, now: float) -> Restored:
    """Put a backup in the place of the database of a state folder that no server uses. Raises BackupError.

    The journal says so, and each zone that it knows gets a serial behind all that were given.
    """
    if not backup.is_file():
        raise BackupError(f"there is no backup {backup}; name the file that `ptrd backup` wrote")
    try:
        state = open_state(folder)
    except StateError as error:
        raise BackupError(f"nothing is restored: {error}; stop the server first") from None
    try:
        with _explained_failure(f"cannot restore {backup}"):
            if state.database.exists() and backup.samefile(state.database):
                raise BackupError(f"{backup} is the database itself; name the file that `ptrd backup` wrote")
            _look_at(backup, "is not restored")
            with _copied(backup, state.database) as copy:
                before, after = _go_on(copy, state.database, backup.name, actor, now)
                _give_to_owner_of(folder, copy)
                kept = _keep(state.database)
                rename_into(copy, state.database)
    finally:
        state.close()
    return Restored(before, after, kept)


@contextmanager
def _explained_failure(what: str) -> Iterator[None]:
    """Say what an error of the disk or the database means. Raises BackupError."""
    try:
        yield
    except DatabaseError as error:
        raise BackupError(f"{what}: {error}") from None
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror}") from None


def _look_at(path: Path, consequence: str) -> None:
    """See whether a file is a database of ptrd that this one knows. Raises BackupError."""
    try:
        with explained(path), closing(connect(path, writable=False)) as connection:
            check_layout(connection, empty=False)
    except DatabaseError as error:
        raise BackupError(f"{error}; it {consequence}") from None


@contextmanager
def _copied(source: Path, target: Path) -> Iterator[Path]:
    """Copy one moment of a database to a file beside `target`, see that it is whole, and flush it to the disk."""
    temporary = temporary_beside(target)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with explained(source), closing(connect(source, writable=False)) as original:
            check_layout(original, empty=False)
            with closing(connect(temporary)) as copy:
                original.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
                problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
                if problem != "ok":
                    raise LayoutError(f"is damaged: {problem}")
        _flush(temporary)
        yield temporary
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            _beside(temporary, suffix).unlink(missing_ok=True)


def _go_on(copy: Path, old: Path, name: str, actor: str, now: float) -> tuple[int, int]:
    """Let a restored database go on behind all that the old one said. Give its revision before and after."""
    newest, known = _last_said(old)
    with explained(copy), closing(connect(copy)) as connection:
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        before = int(connection.execute("SELECT revision FROM head").fetchone()[0])
        after = max(before, newest) + 1
        transaction = SqliteTransaction(connection, now=now, actor=actor, revision=after)
        transaction.note("restore", after={"backup": name, "revision": before})
        serials: dict[str, tuple[int | None, int]] = {}
        for zone, serial in {**known, **transaction.serials()}.items():
            last = known.get(zone, serial)
            last = last if is_newer(last, serial) else serial
            serials[zone] = last, (last + 1) & 0xFFFF_FFFF
        transaction.set_serials(serials)
        connection.execute("UPDATE head SET revision = ?", (after,))
        connection.execute("COMMIT")
    _flush(copy)
    return before, after


def _last_said(path: Path) -> tuple[int, dict[str, int]]:
    """Give the newest revision and the serials of a database; of one that is missing or damaged there are none."""
    try:
        with closing(connect(path, writable=False)) as connection:  # it is kept as it is, its log too
            check_layout(connection, empty=False)
            revision = int(connection.execute("SELECT revision FROM head").fetchone()[0])
            return revision, SqliteTransaction(connection, now=0.0).serials()
    except (sqlite3.Error, LayoutError):
        return 0, {}


def _give_to_owner_of(folder: Path, path: Path) -> None:
    """Let root restore for the user that ptrd becomes: that user owns the folder, and has to own what is in it."""
    owner = folder.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _keep(database: Path) -> Path | None:
    """Give a database, with the log that may belong to it, a second name; the log's first name goes.

    A log that stayed would be taken for that of the file that comes into the place.
    """
    log = _beside(database, "-wal")
    kept = _free_name(database) if database.exists() else None
    if kept:
        kept.hardlink_to(database)
        if log.exists():
            _beside(kept, "-wal").hardlink_to(log)
    log.unlink(missing_ok=True)
    _beside(database, "-shm").unlink(missing_ok=True)
    return kept


def _free_name(database: Path) -> Path:
    kept, count = _beside(database, _KEPT), 1
    while kept.exists():
        count += 1
        kept = _beside(database, f"{_KEPT}-{count}")
    return kept


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
