"""The store on SQLite: one connection that writes, and as many that read as there are readers at a time.

What `write` returned is on the disk: each transaction's end is flushed (write-ahead log, synchronous=FULL), so neither
kill -9 nor a power cut takes it back. A reader sees the state of one moment and waits for nobody. No error of sqlite3
leaves the store.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from ptrd.store.credentialtables import CredentialTables
from ptrd.store.database import Committed, DatabaseError, Job, Transaction
from ptrd.store.findingtables import FindingTables
from ptrd.store.inventorytables import InventoryTables
from ptrd.store.journaltables import JournalTables
from ptrd.store.migrations import LayoutError, check_layout, migrate
from ptrd.store.pointertables import PointerTables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ptrd.records.changes import Change

T = TypeVar("T")

_OLDEST: Final = (3, 38, 0)  # STRICT tables, and JSON always inside
_PATIENCE: Final = 5.0  # seconds that another process may hold the database, such as a backup that begins
_LOG_PAGES: Final = 1000  # of 4096 bytes, after which the write-ahead log is brought into the database
_KEPT_STATEMENTS: Final = 256


class SqliteTransaction(InventoryTables, PointerTables, FindingTables, JournalTables, CredentialTables):
    """All tables, in one transaction."""


class SqliteDatabase:
    """The database in a file, made with mode 0600 when missing. Raises DatabaseError, as its methods do.

    It blocks: `write` is called from one thread at a time, `read` from any.
    """

    def __init__(self, path: Path) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise DatabaseError(f"SQLite {sqlite3.sqlite_version} is too old; ptrd needs 3.38 or later")
        self.path = path
        self._closed = False
        self._idle = deque[sqlite3.Connection]()
        self._turn = threading.Lock()
        _make(path)
        with explained(path):
            self._writer = connect(path)
        try:
            with explained(path):
                _set_up(self._writer)
                found = self._writer.execute("SELECT revision FROM head").fetchone()
        except BaseException:
            self._writer.close()
            raise
        self._revision = int(found[0])

    @property
    def revision(self) -> int:
        """Give the newest revision."""
        return self._revision

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading from one consistent state. What `work` gives back holds rows, not an iterator over them."""
        with explained(self.path):
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                revision = connection.execute("SELECT revision FROM head").fetchone()[0]
                return work(SqliteTransaction(connection, now=time.time(), revision=revision))
            finally:
                self._give_back(connection)

    def write(
        self,
        work: Callable[[Transaction], T],
        *,
        actor: str,
        request_id: str,
        now: float,
        finish: Callable[[Transaction, list[Change]], None] | None = None,
        dry_run: bool = False,
    ) -> Committed:
        """Do some changing: committed and durable when this returns, and nothing of it when it raises.

        `finish` is called last within the transaction, with what was published. A dry run is rolled back at its end.
        """
        outcome = self.write_many([Job(work, actor, request_id, now, finish, dry_run)])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def write_many(self, jobs: Sequence[Job]) -> list[Committed | Exception]:
        """Do several jobs one after the other, with one flush to the disk at the end of all; give how each ended.

        Each is whole or not at all by itself, and takes its own revision.
        """
        with self._turn:
            try:
                with explained(self.path), self._one_transaction() as connection:
                    revision = before = int(connection.execute("SELECT revision FROM head").fetchone()[0])
                    outcomes: list[Committed | Exception] = []
                    for job in jobs:
                        outcome = self._do(connection, job, revision)
                        outcomes.append(outcome)
                        if isinstance(outcome, Committed):
                            revision = outcome.revision
                    if revision != before:
                        connection.execute("UPDATE head SET revision = ?", (revision,))
                    connection.execute("COMMIT")
                    self._revision = revision
                    return outcomes
            except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
                if len(jobs) == 1:
                    return [error]
        return [outcome for job in jobs for outcome in self.write_many([job])]  # one of them is to blame

    def _do(self, connection: sqlite3.Connection, job: Job, before: int) -> Committed | Exception:
        """Do a job, and take back whatever it did when it fails or is only tried."""
        connection.execute("SAVEPOINT job")
        transaction = SqliteTransaction(
            connection, now=job.now, actor=job.actor, request_id=job.request_id, revision=before + 1
        )
        outcome: Committed | Exception
        try:
            with explained(self.path):
                result = job.work(transaction)
                if job.finish is not None:
                    job.finish(transaction, transaction.changes)
            used = transaction.used and not job.dry_run
            outcome = Committed(result, transaction.revision if used else before, transaction.changes)
        except Exception as error:
            outcome = error
            if not connection.in_transaction:  # a full disk has ended it, with what other jobs had done
                raise
        if job.dry_run or isinstance(outcome, Exception):
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return outcome

    def close(self) -> None:
        """End, when the last write has."""
        with self._turn:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._writer.close()

    @contextmanager
    def _one_transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin to write, and take back whatever is not committed."""
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        with suppress(IndexError):
            return self._idle.pop()
        if self._closed:
            raise sqlite3.ProgrammingError("it is closed")
        return connect(self.path, writable=False)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a reader for the next one; a second look at `_closed` leaves none behind."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:
            with suppress(IndexError):
                self._idle.pop().close()


def connect(path: Path, *, writable: bool = True) -> sqlite3.Connection:
    """Open a database file that is there, in no transaction. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rw' if writable else 'ro'}",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_KEPT_STATEMENTS,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what an error of sqlite3, or a file of another layout, means and what to do. Raises DatabaseError."""
    try:
        yield
    except LayoutError as error:
        raise DatabaseError(f"{path} {error}") from None
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # without what extends it
        sentence = _SENTENCES.get(code, "cannot be used: {error}")
        raise DatabaseError(f"{path} {sentence.format(error=error, folder=path.parent)}") from None


_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: "could not be written, and nothing was changed: the disk is full; make room in {folder}",
    sqlite3.SQLITE_CORRUPT: "is damaged ({error}); stop ptrd, and put a backup in its place with `ptrd restore`",
    sqlite3.SQLITE_NOTADB: "is damaged ({error}); stop ptrd, and put a backup in its place with `ptrd restore`",
    sqlite3.SQLITE_READONLY: "cannot be written ({error}); let the user that ptrd runs as own {folder} and its files",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened ({error}); let the user that ptrd runs as own {folder} and its files",
    sqlite3.SQLITE_PERM: "cannot be opened ({error}); let the user that ptrd runs as own {folder} and its files",
    sqlite3.SQLITE_BUSY: "is held by another process ({error}); end that, then try again",
    sqlite3.SQLITE_IOERR: "cannot be read or written ({error}); look at the disk of {folder}",
    sqlite3.SQLITE_CONSTRAINT: "refuses a change that would contradict what is there, and nothing was changed: {error}",
}


def _make(path: Path) -> None:
    """Make the file when it is missing, for its owner's eyes only; SQLite gives its log the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseError(f"cannot make the database {path}: {error.strerror}") from None
    os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _set_up(connection: sqlite3.Connection) -> None:
    check_layout(connection)  # a file that is not ours stays as it is
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise LayoutError(f"cannot have a write-ahead log (its mode is {mode}); keep it on a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA cache_size = -16384")  # 16 MiB: ids are random, so their index has no near and far
    connection.execute("PRAGMA journal_size_limit = 67108864")  # after a bulk change, its log does not stay as large
    migrate(connection)
    connection.execute("PRAGMA foreign_keys = ON")
