"""The use cases about users, who log in with a password, and about the projects that they are members of.

They are the operator's. A password is hashed before the transaction begins, and is nowhere else.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.credentialviews import User, user_of, written
from ptrd.control.fields import checked
from ptrd.control.passwords import check_password
from ptrd.control.scope import check_operator
from ptrd.records.management import check_label
from ptrd.store.credentials import MembershipRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.link import Link
    from ptrd.control.logins import Logins
    from ptrd.records.management import Project
    from ptrd.store.database import Transaction

T = TypeVar("T")


class Users:
    """Who logs in, and where to."""

    def __init__(self, link: Link, logins: Logins) -> None:
        self._link = link
        self.logins = logins

    async def users(self, actor: Actor) -> list[User]:
        """Give all users, by name."""
        check_operator(actor)
        return await self._link.read(lambda transaction: [user_of(transaction, row) for row in transaction.users()])

    async def user(self, actor: Actor, user: str) -> User:
        """Give a user by name or id. Raises ControlError (NO_SUCH)."""
        check_operator(actor)
        return await self._link.read(lambda transaction: user_of(transaction, user_named(transaction, user)))

    async def create_user(
        self, actor: Actor, name: str, password: str, *, request_id: str, dry_run: bool = False
    ) -> User:
        """Make a user, who may nothing until made a member of a project."""
        check_operator(actor)
        label = checked(check_label, name, "a user")
        hashed = await self.logins.passwords.hash(check_password(password))
        identity = secrets.token_hex(16)

        def work(transaction: Transaction) -> User:
            if transaction.user(label) is not None:
                raise ControlError(Code.EXISTS, f"there is a user {label}; choose another name", "name")
            transaction.put_user(UserRow(identity, label, hashed, created=transaction.now))
            user = user_of(transaction, user_named(transaction, identity))
            transaction.note("createUser", after=written(user))
            return user

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def set_password(
        self, actor: Actor, user: str, password: str, *, request_id: str, dry_run: bool = False
    ) -> User:
        """Give a user another password, which ends the logins made with the old one."""
        check_operator(actor)
        hashed = await self.logins.passwords.hash(check_password(password))

        def work(transaction: Transaction, row: UserRow) -> None:
            transaction.put_user(replace(row, password=hashed))
            transaction.drop_logins(row.id)

        return await self._change_user(actor, user, "setPassword", work, request_id, dry_run=dry_run)

    async def disable_user(self, actor: Actor, user: str, *, request_id: str, dry_run: bool = False) -> User:
        """Disable a user and all that stands by it, from this moment on; its logins end for good."""

        def work(transaction: Transaction, row: UserRow) -> None:
            transaction.put_user(replace(row, disabled=True))
            for parent in (row.id, *[one.id for one in transaction.applications(user=row.id)]):
                transaction.drop_logins(parent)

        return await self._change_user(actor, user, "disableUser", work, request_id, dry_run=dry_run)

    async def enable_user(self, actor: Actor, user: str, *, request_id: str, dry_run: bool = False) -> User:
        """Enable a user again."""

        def work(transaction: Transaction, row: UserRow) -> None:
            transaction.put_user(replace(row, disabled=False))

        return await self._change_user(actor, user, "enableUser", work, request_id, dry_run=dry_run)

    async def delete_user(self, actor: Actor, user: str, *, request_id: str, dry_run: bool = False) -> User:
        """Take a user out, with all that stands by it; give what it was."""

        def work(transaction: Transaction) -> User:
            row = user_named(transaction, user)
            before = user_of(transaction, row)
            transaction.drop_user(row.id)
            transaction.note("deleteUser", before=written(before))
            return before

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def add_member(
        self,
        actor: Actor,
        user: str,
        *,
        project: str,
        role: str | None = None,
        request_id: str,
        dry_run: bool = False,
    ) -> User:
        """Let a user into a project, or give it another role there."""
        given = read_role(role, Role.WRITER)

        def work(transaction: Transaction, row: UserRow) -> None:
            transaction.put_membership(MembershipRow(row.id, project_named(transaction, project).id, given))

        return await self._change_user(actor, user, "addMember", work, request_id, dry_run=dry_run)

    async def remove_member(
        self, actor: Actor, user: str, *, project: str, request_id: str, dry_run: bool = False
    ) -> User:
        """Put a user out of a project, with its application credentials and logins there."""

        def work(transaction: Transaction, row: UserRow) -> None:
            member = membership_of(transaction, row, project)
            transaction.drop_membership(row.id, member.project)

        return await self._change_user(actor, user, "removeMember", work, request_id, dry_run=dry_run)

    async def _change_user(
        self,
        actor: Actor,
        user: str,
        action: str,
        work: Callable[[Transaction, UserRow], None],
        request_id: str,
        *,
        dry_run: bool,
    ) -> User:
        def whole(transaction: Transaction) -> User:
            row = user_named(transaction, user)
            before = user_of(transaction, row)
            work(transaction, row)
            after = user_of(transaction, user_named(transaction, row.id))
            transaction.note(action, before=written(before), after=written(after))
            return after

        return await self._change(actor, whole, request_id, dry_run=dry_run)

    async def _change(self, actor: Actor, work: Callable[[Transaction], T], request_id: str, *, dry_run: bool) -> T:
        check_operator(actor)
        return await self._link.change(work, actor=actor, request_id=request_id, dry_run=dry_run)


def project_named(transaction: Transaction, name_or_id: str) -> Project:
    """Find a project for an operator. Raises ControlError (NO_SUCH)."""
    found = transaction.project(name_or_id)
    if found is None:
        raise ControlError(Code.NO_SUCH, "there is no such project", "project")
    return found


def user_named(transaction: Transaction, name_or_id: str) -> UserRow:
    """Find a user. Raises ControlError (NO_SUCH)."""
    found = transaction.user(name_or_id)
    if found is None:
        raise ControlError(Code.NO_SUCH, "there is no such user", "user")
    return found


def membership_of(transaction: Transaction, user: UserRow, project: str | None) -> MembershipRow:
    """Find what a user may do in a project, None for its only one. Raises ControlError."""
    if project is None:
        members = transaction.memberships(user=user.id)
        if len(members) != 1:
            raise ControlError(Code.INVALID, f"{user.name} is in {len(members)} projects; name one", "project")
        return members[0]
    found = transaction.membership(user.id, project_named(transaction, project).id)
    if found is None:
        raise ControlError(Code.NO_SUCH, f"{user.name} is no member of the project", "project")
    return found


def read_role(text: Any, default: Role, *, operator: bool = False) -> Role:  # noqa: ANN401 - whatever a client sent
    """Read a role; None is for the default. Raises ControlError."""
    allowed = [str(role) for role in Role if operator or role is not Role.OPERATOR]
    if text is None:
        return default
    if text not in allowed:
        raise ControlError(Code.INVALID, f"the role is {' or '.join(allowed)}", "role")
    return Role(text)
