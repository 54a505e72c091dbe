"""Credentials and users as they are shown: never a secret, nor what one is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ptrd.control.actors import Role
from ptrd.store.credentials import ApplicationRow, KeyRow, TokenRow

if TYPE_CHECKING:
    from ptrd.records.management import Project
    from ptrd.store.credentials import UserRow
    from ptrd.store.database import Transaction

DAY = 86400


class Kind(StrEnum):
    """What kind of credential."""

    TOKEN = "token"  # noqa: S105 - its name
    KEY = "key"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Credential:
    """An API token, access key or application credential. Times are Unix time, `last_used` to the day."""

    kind: Kind
    id: str
    name: str
    role: Role
    project: str | None  # its id
    user: str | None = None  # id of the user by whom an application credential stands
    expires: float | None = None
    disabled: bool = False
    created: float = 0.0
    last_used: float | None = None


class Created(NamedTuple):
    """A new credential, with its secret, which is shown this once."""

    credential: Credential
    secret: str
    project: Project | None


@dataclass(frozen=True, slots=True)
class Membership:
    """What a user may do in a project."""

    user: str  # its id
    project: str  # its id
    role: Role


@dataclass(frozen=True, slots=True)
class User:
    """Who logs in with a password."""

    id: str
    name: str
    disabled: bool = False
    created: float = 0.0
    memberships: tuple[Membership, ...] = ()


def view_of(row: TokenRow | KeyRow | ApplicationRow) -> Credential:
    """Show a row."""
    kind = _KINDS[type(row)]
    used = None if row.last_used is None else float(row.last_used * DAY)
    user = row.user if isinstance(row, ApplicationRow) else None
    expires = None if isinstance(row, KeyRow) else row.expires
    return Credential(
        kind, row.id, row.name, Role(row.role), row.project, user, expires, row.disabled, row.created, used
    )


def user_of(transaction: Transaction, row: UserRow) -> User:
    """Show a user with the projects that it is a member of."""
    found = transaction.memberships(user=row.id)
    members = tuple(Membership(one.user, one.project, Role(one.role)) for one in found)
    return User(row.id, row.name, row.disabled, row.created, members)


def written(shown: Credential | User) -> dict[str, Any]:
    """Give what the journal says of a credential or user."""
    if isinstance(shown, User):
        projects = {one.project: str(one.role) for one in shown.memberships}
        return {"id": shown.id, "name": shown.name, "disabled": shown.disabled, "projects": projects}
    fields: dict[str, Any] = {"id": shown.id, "name": shown.name, "role": str(shown.role), "disabled": shown.disabled}
    if shown.user is not None:
        fields["user"] = shown.user
    if shown.expires is not None:
        fields["expires"] = shown.expires
    return fields


_KINDS = {TokenRow: Kind.TOKEN, KeyRow: Kind.KEY, ApplicationRow: Kind.APPLICATION}
