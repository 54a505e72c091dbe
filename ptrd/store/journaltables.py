"""The journal in SQLite: what changed, in order; and the newest revision and serials, which are found without it.

A row is written once and never changed. Rows of one revision stand together, and each shows the serials that the
revision gave to zones.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.management import JournalEntry
from ptrd.store.tables import Tables, pack, unpack

if TYPE_CHECKING:
    from ptrd.records.changes import Change
    from ptrd.records.management import Address

SCHEMA: Final = """
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO head (one, revision) VALUES (1, 0);

CREATE TABLE journal (
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    time REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    project TEXT,
    version INTEGER,
    address BLOB,
    before TEXT,
    after TEXT,
    request_id TEXT NOT NULL,
    PRIMARY KEY (revision, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_of_address ON journal (version, address) WHERE address IS NOT NULL;
CREATE INDEX journal_of_project ON journal (project) WHERE project IS NOT NULL;

CREATE TABLE journal_serials (
    revision INTEGER NOT NULL,
    zone TEXT NOT NULL,
    old INTEGER,
    new INTEGER NOT NULL,
    PRIMARY KEY (revision, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE serials (
    zone TEXT PRIMARY KEY,
    serial INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_ENTRY: Final = """SELECT revision, position, time, actor, action, project, version, address, before, after, request_id,
    (SELECT json_group_array(json_array(zone, old, new)) FROM journal_serials
        WHERE journal_serials.revision = journal.revision) FROM journal"""
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode  # made once, since json.dumps makes one a call


class JournalTables(Tables):
    """What happened."""

    def publish(self, change: Change) -> None:
        """Say what DNS says from this revision on."""
        self.changes.append(change)
        self.used = True

    def note(
        self,
        action: str,
        *,
        project: str | None = None,
        address: Address | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write a row."""
        self.run(
            "INSERT INTO journal (revision, position, time, actor, action, project, version, address, before, after,"
            " request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.revision,
            self.position,
            self.now,
            self.actor,
            action,
            project,
            address and address.version,
            address and pack(address.number),
            _dump(before),
            _dump(after),
            self.request_id,
        )  # fmt: skip - as the columns stand
        self.position += 1
        self.used = True

    def set_serials(self, serials: dict[str, tuple[int | None, int]]) -> None:
        """Say which zones get another serial by this revision: the old, None for a new zone, and the new."""
        for zone, (old, new) in serials.items():
            self.run(
                "INSERT INTO journal_serials (revision, zone, old, new) VALUES (?, ?, ?, ?) ON CONFLICT"
                " (revision, zone) DO UPDATE SET old = excluded.old, new = excluded.new",
                self.revision,
                zone,
                old,
                new,
            )  # fmt: skip - as the columns stand
            self.run(
                "INSERT INTO serials (zone, serial) VALUES (?, ?) ON CONFLICT (zone) DO"
                " UPDATE SET serial = excluded.serial",
                zone,
                new,
            )  # fmt: skip - as the columns stand
            self.used = True

    def serials(self) -> dict[str, int]:
        """Give the last serial of each zone."""
        return dict(self.rows("SELECT zone, serial FROM serials ORDER BY zone"))

    def journal(
        self,
        after: int = 0,
        limit: int = 100,
        *,
        project: str | None = None,
        address: Address | None = None,
        newest_first: bool = False,
    ) -> list[JournalEntry]:
        """Give rows of later revisions than `after`, `limit` of them and the rest of the last one's revision.

        So who asks again with the last revision it was given as `after` misses nothing.
        """
        condition, values = "TRUE", list[object]()
        if project is not None:
            condition += " AND project = ?"
            values.append(project)
        if address is not None:
            condition += " AND version = ? AND address = ?"
            values += (address.version, pack(address.number))
        order = "DESC" if newest_first else "ASC"
        question = f"{_ENTRY} WHERE {condition} AND {{}} ORDER BY revision {order}, position {order} LIMIT ?"
        found = self.rows(question.format("revision > ?"), *values, after, limit).fetchall()
        if found and len(found) == limit:
            revision, position = found[-1][:2]
            later = f"revision = ? AND position {'<' if newest_first else '>'} ?"
            found += self.rows(question.format(later), *values, revision, position, -1)
        return [_entry(row) for row in found]

    def last_touched(self, address: Address) -> int:
        """Give the revision of the newest row about an address, 0 when there is none."""
        found = self.row(
            "SELECT max(revision) FROM journal WHERE version = ? AND address = ? AND address IS NOT NULL",
            address.version,
            pack(address.number),
        )  # fmt: skip - as they stand in the question
        return (found and found[0]) or 0


def _dump(values: dict[str, Any] | None) -> str | None:
    return None if values is None else _encode(values)


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    revision, _, time, actor, action, project, version, number, before, after, request_id, serials = row
    return JournalEntry(
        revision=revision,
        time=time,
        actor=actor,
        action=action,
        project=project,
        address=None if number is None else unpack(version, number),
        before=None if before is None else json.loads(before),
        after=None if after is None else json.loads(after),
        request_id=request_id,
        serials={zone: (old, new) for zone, old, new in json.loads(serials)},
    )
