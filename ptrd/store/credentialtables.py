"""Credentials and remembered requests in SQLite.

A credential that goes takes with it what stands by it: a user's memberships, application credentials and logins, a
token's logins. Names are unique: of tokens and users on the server, of application credentials within their user.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ptrd.records.management import Address
from ptrd.store.credentials import (
    ApplicationRow,
    KeyRow,
    LoginRow,
    MembershipRow,
    RememberedRow,
    TokenRow,
    UserRow,
)
from ptrd.store.tables import Tables

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA: Final = """
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    project TEXT,
    role TEXT NOT NULL,
    expires REAL,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL,
    last_used INTEGER
) STRICT;
CREATE INDEX tokens_of_project ON tokens (project);

CREATE TABLE access_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    project TEXT NOT NULL,
    role TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL,
    last_used INTEGER
) STRICT;
CREATE INDEX access_keys_of_project ON access_keys (project);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL
) STRICT;

CREATE TABLE memberships (
    user TEXT NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    project TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (user, project)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_project ON memberships (project);

CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    user TEXT NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    project TEXT NOT NULL,
    role TEXT NOT NULL,
    expires REAL,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL,
    last_used INTEGER,
    UNIQUE (user, name)
) STRICT;
CREATE INDEX applications_of_project ON applications (project);

CREATE TABLE logins (
    digest BLOB PRIMARY KEY,
    method TEXT NOT NULL,
    parent TEXT NOT NULL,
    project TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL NOT NULL
) STRICT;
CREATE INDEX logins_of_parent ON logins (parent, created);
CREATE INDEX logins_of_project ON logins (project);
CREATE INDEX logins_by_end ON logins (expires);

CREATE TABLE remembered (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    mark TEXT NOT NULL,
    revision INTEGER NOT NULL,
    project TEXT,
    addresses TEXT NOT NULL,
    expires REAL NOT NULL,
    answer BLOB,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX remembered_by_end ON remembered (expires);
"""
MAX_LOGINS: Final = 1000  # of one parent; a client that logs in for every request pushes out its own oldest
_KEPT: Final = 30 * 86400.0  # seconds that an expired token can still be seen

_REMEMBERED: Final = tuple(field.name for field in dataclasses.fields(RememberedRow))
_NAMES: Final[dict[type[DataclassInstance], tuple[str, ...]]] = {
    kind: tuple(field.name for field in dataclasses.fields(kind))
    for kind in (TokenRow, KeyRow, UserRow, MembershipRow, ApplicationRow, LoginRow)
}

Row = TypeVar("Row", TokenRow, KeyRow, UserRow, MembershipRow, ApplicationRow, LoginRow)


class CredentialTables(Tables):
    """Who may ask."""

    def token(self, token_id: str) -> TokenRow | None:
        """Find a token by its id."""
        return self._first(TokenRow, "tokens", "id = ?", token_id)

    def token_of(self, digest: bytes) -> TokenRow | None:
        """Find a token by the SHA-256 of its text."""
        return self._first(TokenRow, "tokens", "digest = ?", digest)

    def tokens(self, project: str | None = None) -> list[TokenRow]:
        """Give tokens, by name."""
        return self._all(TokenRow, "tokens", {"project": project}, "name")

    def put_token(self, row: TokenRow) -> None:
        """Write a token."""
        self._put("tokens", ("id",), row)

    def drop_token(self, token_id: str) -> None:
        """Take a token out, with the logins made with it."""
        self.run("DELETE FROM tokens WHERE id = ?", token_id)
        self.drop_logins(token_id)

    def access_key(self, key_id: str) -> KeyRow | None:
        """Find an access key."""
        return self._first(KeyRow, "access_keys", "id = ?", key_id)

    def access_keys(self, project: str | None = None) -> list[KeyRow]:
        """Give access keys, by name."""
        return self._all(KeyRow, "access_keys", {"project": project}, "name, id")

    def put_access_key(self, row: KeyRow) -> None:
        """Write an access key."""
        self._put("access_keys", ("id",), row)

    def drop_access_key(self, key_id: str) -> None:
        """Take an access key out."""
        self.run("DELETE FROM access_keys WHERE id = ?", key_id)

    def user(self, name_or_id: str) -> UserRow | None:
        """Find a user by its id, else by its name."""
        found = self._first(UserRow, "users", "id = ?", name_or_id)
        return found or self._first(UserRow, "users", "name = ?", name_or_id)

    def users(self) -> list[UserRow]:
        """Give all users, by name."""
        return self._all(UserRow, "users", {}, "name")

    def put_user(self, row: UserRow) -> None:
        """Write a user."""
        self._put("users", ("id",), row)

    def drop_user(self, user_id: str) -> None:
        """Take a user out, with memberships, application credentials and logins."""
        for application in self.applications(user=user_id):
            self.drop_application(application.id)
        self.drop_logins(user_id)
        self.run("DELETE FROM memberships WHERE user = ?", user_id)
        self.run("DELETE FROM users WHERE id = ?", user_id)

    def membership(self, user: str, project: str) -> MembershipRow | None:
        """Find what a user may do in a project."""
        return self._first(MembershipRow, "memberships", "user = ? AND project = ?", user, project)

    def memberships(self, user: str | None = None, project: str | None = None) -> list[MembershipRow]:
        """Give memberships, by user and project."""
        return self._all(MembershipRow, "memberships", {"user": user, "project": project}, "user, project")

    def put_membership(self, row: MembershipRow) -> None:
        """Write a membership."""
        self._put("memberships", ("user", "project"), row)

    def drop_membership(self, user: str, project: str) -> None:
        """Take a membership out, with the user's application credentials and logins there."""
        for application in self.applications(user, project):
            self.drop_application(application.id)
        self.run("DELETE FROM logins WHERE parent = ? AND project = ?", user, project)
        self.run("DELETE FROM memberships WHERE user = ? AND project = ?", user, project)

    def application(self, application_id: str) -> ApplicationRow | None:
        """Find an application credential by its id."""
        return self._first(ApplicationRow, "applications", "id = ?", application_id)

    def application_named(self, user: str, name: str) -> ApplicationRow | None:
        """Find an application credential by its user's id and its name."""
        return self._first(ApplicationRow, "applications", "user = ? AND name = ?", user, name)

    def applications(self, user: str | None = None, project: str | None = None) -> list[ApplicationRow]:
        """Give application credentials, by name."""
        return self._all(ApplicationRow, "applications", {"user": user, "project": project}, "name, id")

    def put_application(self, row: ApplicationRow) -> None:
        """Write an application credential."""
        self._put("applications", ("id",), row)

    def drop_application(self, application_id: str) -> None:
        """Take an application credential out, with the logins made with it."""
        self.run("DELETE FROM applications WHERE id = ?", application_id)
        self.drop_logins(application_id)

    def login(self, digest: bytes) -> LoginRow | None:
        """Find a login by the SHA-256 of its token's text."""
        return self._first(LoginRow, "logins", "digest = ?", digest)

    def put_login(self, row: LoginRow) -> None:
        """Write a login; of more than 1000 of one parent the oldest go."""
        self._put("logins", ("digest",), row)
        self.run(
            "DELETE FROM logins WHERE digest IN"
            " (SELECT digest FROM logins WHERE parent = ? ORDER BY created DESC LIMIT -1 OFFSET ?)",
            row.parent,
            MAX_LOGINS,
        )

    def drop_login(self, digest: bytes) -> None:
        """Take a login out."""
        self.run("DELETE FROM logins WHERE digest = ?", digest)

    def drop_logins(self, parent: str) -> None:
        """Take all logins of a user, an application credential or a token out."""
        self.run("DELETE FROM logins WHERE parent = ?", parent)

    def remembered(self, scope: str, key: str) -> RememberedRow | None:
        """Find what a request did."""
        found = self.row(
            f"SELECT {', '.join(_REMEMBERED)} FROM remembered WHERE scope = ? AND key = ?",  # noqa: S608 - names of ours
            scope,
            key,
        )
        if found is None:
            return None
        given = dict(zip(_REMEMBERED, found, strict=True))
        given["addresses"] = tuple(Address(version, int(text, 16)) for version, text in json.loads(given["addresses"]))
        return RememberedRow(**given)

    def put_remembered(self, row: RememberedRow) -> None:
        """Write what a request did."""
        self.run(
            f"INSERT OR REPLACE INTO remembered ({', '.join(_REMEMBERED)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - names of ours
            row.scope,
            row.key,
            row.digest,
            row.mark,
            row.revision,
            row.project,
            json.dumps([(address.version, f"{address.number:x}") for address in row.addresses]),
            row.expires,
            row.answer,
        )

    def drop_expired(self) -> None:
        """Take out logins and remembered requests that have expired, and credentials that did 30 days ago."""
        self.run("DELETE FROM logins WHERE expires <= ?", self.now)
        self.run("DELETE FROM remembered WHERE expires <= ?", self.now)
        self.run("DELETE FROM tokens WHERE expires <= ?", self.now - _KEPT)
        self.run("DELETE FROM applications WHERE expires <= ?", self.now - _KEPT)

    def holds_secrets(self) -> bool:
        """Tell whether anything is sealed that cannot be made again."""
        return self.row("SELECT 1 FROM access_keys LIMIT 1") is not None

    def drop_credentials_of(self, project: str) -> None:
        """Take out all that is good for a project only."""
        for table in ("tokens", "access_keys", "memberships", "applications", "logins", "remembered"):
            self.run(f"DELETE FROM {table} WHERE project = ?", project)  # noqa: S608 - the names stand above

    def _first(self, kind: type[Row], table: str, where: str, *values: object) -> Row | None:
        found = self.row(f"SELECT {_columns(kind)} FROM {table} WHERE {where}", *values)  # noqa: S608 - names of ours
        return _row(kind, found) if found else None

    def _all(self, kind: type[Row], table: str, where: dict[str, str | None], order: str) -> list[Row]:
        wanted = {name: value for name, value in where.items() if value is not None}
        clause = " AND ".join(f"{name} = ?" for name in wanted) or "1"
        statement = f"SELECT {_columns(kind)} FROM {table} WHERE {clause} ORDER BY {order}"  # noqa: S608 - names of ours
        return [_row(kind, found) for found in self.rows(statement, *wanted.values())]

    def _put(self, table: str, key: tuple[str, ...], row: DataclassInstance) -> None:
        names = _NAMES[type(row)]
        updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
        self.run(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names of ours
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}",
            *[getattr(row, name) for name in names],
        )


def _columns(kind: type[Row]) -> str:
    return ", ".join(_NAMES[kind])


def _row(kind: type[Row], values: tuple[Any, ...]) -> Row:
    """Make a row's value: SQLite has no booleans."""
    named = zip(_NAMES[kind], values, strict=True)
    given: list[Any] = [bool(value) if name == "disabled" else value for name, value in named]
    return kind(*given)
