"""Accounts, projects and EIPs in SQLite.

Names of accounts and of projects are unique. EIPs do not overlap: who adds one asks `eips_within` in the same
transaction, and two that begin at one address are refused here. The one EIP that may hold an address is therefore the
last that does not begin behind it.
"""

from __future__ import annotations

from typing import Any, Final

from ptrd.records.management import Account, Address, Eip, Policy, Project
from ptrd.records.model import Prefix
from ptrd.store.tables import Tables, pack

SCHEMA: Final = """
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    quota INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL
) STRICT;

CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    disabled INTEGER NOT NULL,
    created REAL NOT NULL
) STRICT;
CREATE INDEX projects_of_account ON projects (account, name);

CREATE TABLE eips (
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    project TEXT NOT NULL REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    version INTEGER NOT NULL CHECK (version IN (4, 6)),
    first BLOB NOT NULL CHECK (length(first) = 16),
    last BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    length INTEGER NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (region, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX eips_of_project ON eips (project, region, id);
CREATE UNIQUE INDEX eips_by_address ON eips (version, first);
"""

_ACCOUNT: Final = "SELECT id, name, quota, disabled, created FROM accounts"
_PROJECT: Final = "SELECT id, name, account, disabled, created, policy FROM projects"
_OWNER: Final = """SELECT projects.id, projects.name, projects.account, projects.disabled, projects.created, policy,
    accounts.id, accounts.name, quota, accounts.disabled, accounts.created
    FROM projects JOIN accounts ON accounts.id = projects.account WHERE projects.id = ?"""
_EIP: Final = "SELECT region, id, project, version, first, length, created FROM eips"


class InventoryTables(Tables):
    """Who there is, and which addresses they have."""

    def account(self, name_or_id: str) -> Account | None:
        """Find an account by its id, else by its name."""
        found = self.row(f"{_ACCOUNT} WHERE id = ?", name_or_id) or self.row(f"{_ACCOUNT} WHERE name = ?", name_or_id)
        return _account(found) if found else None

    def accounts(self) -> list[Account]:
        """Give all accounts, by name."""
        return [_account(row) for row in self.rows(f"{_ACCOUNT} ORDER BY name")]

    def put_account(self, account: Account) -> None:
        """Write an account."""
        self.run(
            "INSERT INTO accounts (id, name, quota, disabled, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO"
            " UPDATE SET name = excluded.name, quota = excluded.quota, disabled = excluded.disabled,"
            " created = excluded.created",
            account.id,
            account.name,
            account.quota,
            account.disabled,
            account.created,
        )  # fmt: skip - as the columns stand

    def drop_account(self, account_id: str) -> None:
        """Take an account out."""
        self.run("DELETE FROM accounts WHERE id = ?", account_id)

    def project(self, name_or_id: str) -> Project | None:
        """Find a project by its id, else by its name."""
        found = self.row(f"{_PROJECT} WHERE id = ?", name_or_id) or self.row(f"{_PROJECT} WHERE name = ?", name_or_id)
        return _project(found) if found else None

    def owner(self, project_id: str) -> tuple[Project, Account] | None:
        """Find a project by its id, with its account."""
        found = self.row(_OWNER, project_id)
        return (_project(found[:6]), _account(found[6:])) if found else None

    def projects(self, account: str | None = None) -> list[Project]:
        """Give all projects, or those of an account by its id, by name."""
        if account is None:
            return [_project(row) for row in self.rows(f"{_PROJECT} ORDER BY name")]
        return [_project(row) for row in self.rows(f"{_PROJECT} WHERE account = ? ORDER BY name", account)]

    def put_project(self, project: Project) -> None:
        """Write a project."""
        self.run(
            "INSERT INTO projects (id, name, account, disabled, created, policy) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT"
            " (id) DO UPDATE SET name = excluded.name, account = excluded.account, disabled = excluded.disabled,"
            " created = excluded.created, policy = excluded.policy",
            project.id,
            project.name,
            project.account,
            project.disabled,
            project.created,
            project.policy,
        )  # fmt: skip - as the columns stand

    def drop_project(self, project_id: str) -> None:
        """Take a project out."""
        self.run("DELETE FROM projects WHERE id = ?", project_id)

    def eip(self, region: str, eip_id: str) -> Eip | None:
        """Find an EIP by its region and id."""
        found = self.row(f"{_EIP} WHERE region = ? AND id = ?", region, eip_id)
        return _eip(found) if found else None

    def eip_at(self, address: Address) -> Eip | None:
        """Find the EIP that is or holds an address."""
        number = pack(address.number)
        found = self.row(
            f"{_EIP} WHERE version = ? AND first <= ? ORDER BY first DESC LIMIT 1", address.version, number
        )
        eip = _eip(found) if found else None
        return eip if eip and eip.prefix.last >= address.number else None

    def eips(
        self,
        project: str | None = None,
        region: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Eip]:
        """Give the EIPs of a project and region (None: of all) behind `after`, by region and id."""
        conditions, values = ["TRUE"], []
        if project is not None:
            conditions.append("project = ?")
            values.append(project)
        if region is not None:
            conditions.append("region = ?")
            values.append(region)
        if after is not None:
            conditions.append("(region, id) > (?, ?)")
            values += after
        question = f"{_EIP} WHERE {' AND '.join(conditions)} ORDER BY region, id LIMIT ?"
        return [_eip(row) for row in self.rows(question, *values, -1 if limit is None else limit)]

    def eips_within(self, prefix: Prefix) -> list[Eip]:
        """Give the EIPs that share an address with a prefix, by address."""
        inside = self.rows(
            f"{_EIP} WHERE version = ? AND first > ? AND first <= ? ORDER BY first",
            prefix.version,
            pack(prefix.number),
            pack(prefix.last),
        )  # fmt: skip - as they stand in the question
        at_its_beginning = self.eip_at(Address(prefix.version, prefix.number))
        return ([at_its_beginning] if at_its_beginning else []) + [_eip(row) for row in inside]

    def put_eip(self, eip: Eip) -> None:
        """Write an EIP."""
        version, number, length = eip.prefix
        self.run(
            "INSERT INTO eips (region, id, project, version, first, last, length, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (region, id) DO UPDATE SET project = excluded.project,"
            " version = excluded.version, first = excluded.first, last = excluded.last, length = excluded.length,"
            " created = excluded.created",
            eip.region,
            eip.id,
            eip.project,
            version,
            pack(number),
            pack(eip.prefix.last),
            length,
            eip.created,
        )  # fmt: skip - as the columns stand

    def drop_eip(self, region: str, eip_id: str) -> None:
        """Take an EIP out."""
        self.run("DELETE FROM eips WHERE region = ? AND id = ?", region, eip_id)


def _account(row: tuple[Any, ...]) -> Account:
    return Account(row[0], row[1], row[2], bool(row[3]), row[4])


def _project(row: tuple[Any, ...]) -> Project:
    return Project(row[0], row[1], row[2], bool(row[3]), row[4], None if row[5] is None else Policy(row[5]))


def _eip(row: tuple[Any, ...]) -> Eip:
    prefix = Prefix(row[3], int.from_bytes(row[4], "big"), row[5])
    return Eip(region=row[0], id=row[1], project=row[2], prefix=prefix, created=row[6])
