"""Pointers, their tags and frozen addresses in SQLite.

A pointer belongs to the project that its EIP belongs to: a transaction that would end otherwise is refused. How many
each project has is counted as they come and go, so that a quota is checked without counting.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.confirmation import UNCONFIRMED
from ptrd.records.management import Freeze, Pointer, Tag
from ptrd.store.database import Known
from ptrd.store.findingtables import confirmation_of
from ptrd.store.tables import Tables, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrd.records.management import Address
    from ptrd.store.database import PointerQuery

SCHEMA: Final = """
CREATE TABLE pointers (
    version INTEGER NOT NULL CHECK (version IN (4, 6)),
    address BLOB NOT NULL CHECK (length(address) = 16),
    id TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    eip TEXT NOT NULL,
    project TEXT NOT NULL,
    names TEXT NOT NULL,
    ttl INTEGER NOT NULL,
    description TEXT NOT NULL,
    enterprise_project TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    PRIMARY KEY (version, address),
    FOREIGN KEY (project, region, eip) REFERENCES eips (project, region, id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX pointers_of_project ON pointers (project, id);
CREATE INDEX pointers_of_eip ON pointers (region, eip);

CREATE TABLE tags (
    version INTEGER NOT NULL,
    address BLOB NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (version, address, key),
    FOREIGN KEY (version, address) REFERENCES pointers (version, address) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE pointer_counts (
    project TEXT PRIMARY KEY,
    pointers INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER pointer_came AFTER INSERT ON pointers BEGIN
    INSERT INTO pointer_counts (project, pointers) VALUES (NEW.project, 1)
        ON CONFLICT (project) DO UPDATE SET pointers = pointers + 1;
END;
CREATE TRIGGER pointer_went AFTER DELETE ON pointers BEGIN
    UPDATE pointer_counts SET pointers = pointers - 1 WHERE project = OLD.project;
END;
CREATE TRIGGER pointer_moved AFTER UPDATE OF project ON pointers WHEN NEW.project <> OLD.project BEGIN
    UPDATE pointer_counts SET pointers = pointers - 1 WHERE project = OLD.project;
    INSERT INTO pointer_counts (project, pointers) VALUES (NEW.project, 1)
        ON CONFLICT (project) DO UPDATE SET pointers = pointers + 1;
END;

CREATE TABLE freezes (
    version INTEGER NOT NULL CHECK (version IN (4, 6)),
    address BLOB NOT NULL CHECK (length(address) = 16),
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (version, address)
) STRICT, WITHOUT ROWID;
"""

_TAGGED: Final = """EXISTS (SELECT 1 FROM tags
    WHERE tags.version = pointers.version AND tags.address = pointers.address AND tags.key = ?"""
_FOUND: Final = """EXISTS (SELECT 1 FROM findings
    WHERE findings.version = pointers.version AND findings.address = pointers.address"""
_COLUMNS: Final = """pointers.id, pointers.version, pointers.address, eip, region, pointers.project, names, ttl,
    description, enterprise_project, revision, created, updated,
    (SELECT json_group_array(json_array(key, value)) FROM tags
        WHERE tags.version = pointers.version AND tags.address = pointers.address)"""
_POINTER: Final = f"SELECT {_COLUMNS} FROM pointers"  # noqa: S608 - columns of ours
_KNOWN: Final = f"""SELECT {_COLUMNS}, names, verdict, sentence, remarks, checked, note, reason, since,
    (SELECT max(revision) FROM journal WHERE journal.version = asked.version AND journal.address = asked.address
        AND journal.address IS NOT NULL)
    FROM (SELECT ? AS version, ? AS address) AS asked
    LEFT JOIN pointers ON pointers.version = asked.version AND pointers.address = asked.address
    LEFT JOIN findings ON findings.version = asked.version AND findings.address = asked.address
    LEFT JOIN freezes ON freezes.version = asked.version AND freezes.address = asked.address"""  # noqa: S608 - the same


class PointerTables(Tables):
    """What addresses are called."""

    def known(self, address: Address) -> Known:
        """Find all that is kept about an address, in one question."""
        found = self.row(_KNOWN, address.version, pack(address.number))
        if found is None:  # which a question without a condition never is
            return Known(None, None, None, 0)
        pointer, finding, (reason, since, revision) = found[:14], found[14:20], found[20:]
        return Known(
            None if pointer[0] is None else _pointer(pointer),
            None if reason is None else Freeze(address, reason, since),
            None if finding[1] is None else confirmation_of(*finding),
            revision or 0,
        )

    def pointer_by_id(self, pointer_id: str) -> Pointer | None:
        """Find a pointer by its id."""
        found = self.row(f"{_POINTER} WHERE id = ?", pointer_id)
        return _pointer(found) if found else None

    def pointers(self, query: PointerQuery) -> list[Pointer]:
        """Give the pointers that a query asks for, by id."""
        condition, values = _condition(query)
        offset = query.offset
        if query.after is not None:
            condition, values, offset = f"{condition} AND id > ?", [*values, query.after], 0
        limit = -1 if query.limit is None else query.limit
        question = f"{_POINTER} WHERE {condition} ORDER BY id LIMIT ? OFFSET ?"
        return [_pointer(row) for row in self.rows(question, *values, limit, offset)]

    def count_pointers(self, query: PointerQuery) -> int:
        """Count the pointers that a query asks for, over all pages."""
        narrowed = (query.region, query.enterprise_project, query.within, query.tags or None, query.confirmation)
        what = "total(pointers) FROM pointer_counts" if narrowed == (None,) * 5 else "count(*) FROM pointers"
        condition, values = _condition(query)
        question = f"SELECT {what} WHERE {condition}"
        found = self.row(question, *values)
        return int(found[0]) if found else 0

    def every_pointer(self) -> Iterator[Pointer]:
        """Give all pointers, IPv4 first, by address; one at a time."""
        return map(_pointer, self.rows(f"{_POINTER} ORDER BY version, address"))

    def put_pointer(self, pointer: Pointer, old: Pointer | None = None) -> None:
        """Write the pointer of an address, with its tags. What it has in common with `old` is not written again."""
        version, number = pointer.address.version, pack(pointer.address.number)
        if old is not None and _kept(pointer) == _kept(old):
            self.run(
                "UPDATE pointers SET names = ?, ttl = ?, description = ?, enterprise_project = ?, revision = ?,"
                " updated = ? WHERE version = ? AND address = ?",
                json.dumps(pointer.names),
                pointer.ttl,
                pointer.description,
                pointer.enterprise_project,
                pointer.revision,
                pointer.updated,
                version,
                number,
            )  # fmt: skip - as the columns stand
        else:
            self._put_whole(pointer)
        if old is None or old.tags != pointer.tags:
            self.run("DELETE FROM tags WHERE version = ? AND address = ?", version, number)
            for tag in pointer.tags:
                self.run(
                    "INSERT INTO tags (version, address, key, value) VALUES (?, ?, ?, ?)",
                    version,
                    number,
                    tag.key,
                    tag.value,
                )  # fmt: skip - as the columns stand

    def _put_whole(self, pointer: Pointer) -> None:
        self.run(
            "INSERT INTO pointers (id, version, address, eip, region, project, names, ttl, description,"
            " enterprise_project, revision, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (version, address) DO UPDATE SET id = excluded.id, eip = excluded.eip,"
            " region = excluded.region, project = excluded.project, names = excluded.names, ttl = excluded.ttl,"
            " description = excluded.description, enterprise_project = excluded.enterprise_project,"
            " revision = excluded.revision, created = excluded.created, updated = excluded.updated",
            pointer.id,
            pointer.address.version,
            pack(pointer.address.number),
            pointer.eip,
            pointer.region,
            pointer.project,
            json.dumps(pointer.names),
            pointer.ttl,
            pointer.description,
            pointer.enterprise_project,
            pointer.revision,
            pointer.created,
            pointer.updated,
        )  # fmt: skip - as the columns stand

    def drop_pointer(self, address: Address) -> None:
        """Take the pointer of an address out, with its tags."""
        self.run("DELETE FROM pointers WHERE version = ? AND address = ?", address.version, pack(address.number))

    def freezes(self) -> list[Freeze]:
        """Give all frozen addresses, IPv4 first, by address."""
        rows = self.rows("SELECT version, address, reason, since FROM freezes ORDER BY version, address")
        return [Freeze(unpack(version, number), reason, since) for version, number, reason, since in rows]

    def put_freeze(self, freeze: Freeze) -> None:
        """Freeze an address."""
        self.run(
            "INSERT INTO freezes (version, address, reason, since) VALUES (?, ?, ?, ?) ON CONFLICT (version, address)"
            " DO UPDATE SET reason = excluded.reason, since = excluded.since",
            freeze.address.version,
            pack(freeze.address.number),
            freeze.reason,
            freeze.since,
        )  # fmt: skip - as the columns stand

    def drop_freeze(self, address: Address) -> None:
        """Let an address thaw."""
        self.run("DELETE FROM freezes WHERE version = ? AND address = ?", address.version, pack(address.number))


def _condition(query: PointerQuery) -> tuple[str, list[object]]:
    """Write what a query asks for, paging aside, as a condition on rows of pointers, with its values."""
    parts, values = ["TRUE"], list[object]()
    for column in ("project", "region", "enterprise_project"):
        wanted = getattr(query, column)
        if wanted is not None:
            parts.append(f"{column} = ?")
            values.append(wanted)
    if query.account is not None:
        parts.append("project IN (SELECT id FROM projects WHERE account = ?)")
        values.append(query.account)
    if query.within is not None:
        parts.append("version = ? AND address BETWEEN ? AND ?")
        values += (query.within.version, pack(query.within.number), pack(query.within.last))
    if query.confirmation is not None:
        test = "verdict = ?"
        if query.confirmation == UNCONFIRMED:
            test = "verdict NOT IN ('confirmed', 'unchecked')"
        else:
            values.append(query.confirmation)
        parts.append(f"{_FOUND} AND {test})")
    for key, value in query.tags:
        test = ""
        values.append(key)
        if value is not None:
            fuzzy = value.startswith("*")
            test = " AND instr(tags.value, ?)" if fuzzy else " AND tags.value = ?"
            values.append(value[1:] if fuzzy else value)
        parts.append(f"{_TAGGED}{test})")
    return " AND ".join(parts), values


def _kept(pointer: Pointer) -> tuple[object, ...]:
    """Give what stays as it is for as long as a record is of its EIP, and what indexes and other tables hold on to."""
    return pointer.address, pointer.id, pointer.region, pointer.eip, pointer.project, pointer.created


def _pointer(row: tuple[Any, ...]) -> Pointer:
    (
        pointer_id,
        version,
        number,
        eip,
        region,
        project,
        names,
        ttl,
        description,
        enterprise_project,
        revision,
        created,
        updated,
        tags,
    ) = row  # fmt: skip - as the columns stand
    return Pointer(
        id=pointer_id,
        address=unpack(version, number),
        eip=eip,
        region=region,
        project=project,
        names=tuple(json.loads(names)),
        ttl=ttl,
        description=description,
        tags=tuple(sorted(Tag(key, value) for key, value in json.loads(tags))) if tags != "[]" else (),
        enterprise_project=enterprise_project,
        revision=revision,
        created=created,
        updated=updated,
    )
