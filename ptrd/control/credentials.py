"""The use cases about credentials: tokens, access keys and application credentials; users are in `users.py`.

They are the operator's. A secret is given once, by what made it, and is nowhere else: not in the journal, not in a
list. Roles of users, access keys and application credentials are reader or writer; operators have API tokens.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.credentialviews import Created, Credential, Kind, view_of, written
from ptrd.control.fields import checked
from ptrd.control.logins import TOKEN_PREFIX, Logins, digest_of, key_context
from ptrd.control.scope import check_operator
from ptrd.control.users import Users, membership_of, project_named, read_role, user_named
from ptrd.records.management import check_label
from ptrd.store.credentials import ApplicationRow, KeyRow, TokenRow

if TYPE_CHECKING:
    from ptrd.control.actors import Actor
    from ptrd.control.link import Link
    from ptrd.records.management import Project
    from ptrd.store.database import Transaction
    from ptrd.store.vault import Vault

APPLICATION_PREFIX: Final = "ptrdapp_"
_KEY_LETTERS: Final = string.ascii_uppercase + string.digits
_SECRET_LETTERS: Final = string.ascii_letters + string.digits
_NAMES: Final = {Kind.TOKEN: "Token", Kind.KEY: "AccessKey", Kind.APPLICATION: "ApplicationCredential"}
_WORDS: Final = {Kind.TOKEN: "token", Kind.KEY: "access key", Kind.APPLICATION: "application credential"}


class Credentials(Users):
    """Who may ask."""

    def __init__(self, link: Link, vault: Vault) -> None:
        super().__init__(link, Logins(link, vault))
        self._vault = vault

    async def create_token(
        self,
        actor: Actor,
        name: str | None = None,
        *,
        project: str | None = None,
        role: str | None = None,
        expires: float | None = None,
        request_id: str,
        dry_run: bool = False,
    ) -> Created:
        """Make an API token for a project (name or id), or for an operator. `expires` is Unix time."""
        identity = secrets.token_hex(16)
        label = f"token-{identity[:8]}" if name is None else checked(check_label, name, "a token")
        given = read_role(role, Role.OPERATOR if project is None else Role.WRITER, operator=True)
        if project is None and given is not Role.OPERATOR:
            raise ControlError(Code.INVALID, f"a token with the role {given} is for a project; name it", "project")
        if project is not None and given is Role.OPERATOR:
            sentence = "an operator's token is for everything, so it has no project; leave one of the two away"
            raise ControlError(Code.INVALID, sentence, "role")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)

        def work(transaction: Transaction) -> Created:
            owner = None if project is None else project_named(transaction, project)
            if any(row.name == label for row in transaction.tokens()):
                raise ControlError(Code.EXISTS, f"there is a token {label}; choose another name", "name")
            row = TokenRow(
                identity,
                label,
                digest_of(secret),
                owner.id if owner else None,
                given,
                _expiry(expires, transaction.now),
                created=transaction.now,
            )
            transaction.put_token(row)
            return _created(transaction, row, secret, owner)

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def create_key(
        self,
        actor: Actor,
        *,
        project: str,
        name: str = "",
        role: str | None = None,
        request_id: str,
        dry_run: bool = False,
    ) -> Created:
        """Make an access key for a project; its id is the access key, the secret its secret key."""
        identity = "PTRD" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
        label = name and checked(check_label, name, "an access key")
        given = read_role(role, Role.WRITER)
        secret = "".join(secrets.choice(_SECRET_LETTERS) for _ in range(43))  # 256 bits

        def work(transaction: Transaction) -> Created:
            owner = project_named(transaction, project)
            sealed = self._vault.seal(secret.encode(), key_context(identity))
            row = KeyRow(identity, label, sealed, owner.id, given, created=transaction.now)
            transaction.put_access_key(row)
            return _created(transaction, row, secret, owner)

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def create_application(
        self,
        actor: Actor,
        name: str,
        *,
        user: str,
        project: str | None = None,
        role: str | None = None,
        expires: float | None = None,
        request_id: str,
        dry_run: bool = False,
    ) -> Created:
        """Make an application credential of a user for a project of it, by default the only one.

        It may do what its role and the user's role in the project both allow, as they are when it is used.
        """
        identity = secrets.token_hex(16)
        label = checked(check_label, name, "an application credential")
        given = None if role is None else read_role(role, Role.WRITER)
        secret = APPLICATION_PREFIX + secrets.token_urlsafe(32)

        def work(transaction: Transaction) -> Created:
            owner = user_named(transaction, user)
            member = membership_of(transaction, owner, project)
            if transaction.application_named(owner.id, label) is not None:
                raise ControlError(Code.EXISTS, f"{owner.name} has an application credential {label}", "name")
            row = ApplicationRow(
                identity,
                label,
                digest_of(secret),
                owner.id,
                member.project,
                given or member.role,
                _expiry(expires, transaction.now),
                created=transaction.now,
            )
            transaction.put_application(row)
            return _created(transaction, row, secret, transaction.project(member.project))

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def credentials(
        self, actor: Actor, kind: Kind, *, project: str | None = None, user: str | None = None
    ) -> list[Credential]:
        """Give the credentials of a kind, of a project and (application credentials) a user, or all."""

        def work(transaction: Transaction) -> list[Credential]:
            owner = None if project is None else project_named(transaction, project).id
            if kind is Kind.TOKEN:
                return [view_of(row) for row in transaction.tokens(owner)]
            if kind is Kind.KEY:
                return [view_of(row) for row in transaction.access_keys(owner)]
            person = None if user is None else user_named(transaction, user).id
            return [view_of(row) for row in transaction.applications(person, owner)]

        check_operator(actor)
        return await self._link.read(work)

    async def credential(self, actor: Actor, kind: Kind, identity: str) -> Credential:
        """Give one credential by its id; a token by its name too. Raises ControlError (NO_SUCH)."""
        check_operator(actor)
        return view_of(await self._link.read(lambda transaction: _row(transaction, kind, identity)))

    async def disable(
        self, actor: Actor, kind: Kind, identity: str, *, request_id: str, dry_run: bool = False
    ) -> Credential:
        """Disable a credential, from this moment on."""
        return await self._set_disabled(actor, kind, identity, request_id, dry_run=dry_run, disabled=True)

    async def enable(
        self, actor: Actor, kind: Kind, identity: str, *, request_id: str, dry_run: bool = False
    ) -> Credential:
        """Enable a credential again."""
        return await self._set_disabled(actor, kind, identity, request_id, dry_run=dry_run, disabled=False)

    async def revoke(
        self, actor: Actor, kind: Kind, identity: str, *, request_id: str, dry_run: bool = False
    ) -> Credential:
        """Take a credential away for good."""

        def work(transaction: Transaction) -> Credential:
            row = _row(transaction, kind, identity)
            if isinstance(row, TokenRow):
                transaction.drop_token(row.id)
            elif isinstance(row, KeyRow):
                transaction.drop_access_key(row.id)
            else:
                transaction.drop_application(row.id)
            shown = view_of(row)
            transaction.note(f"revoke{_NAMES[kind]}", project=shown.project, before=written(shown))
            return shown

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def _set_disabled(
        self, actor: Actor, kind: Kind, identity: str, request_id: str, *, dry_run: bool, disabled: bool
    ) -> Credential:
        def work(transaction: Transaction) -> Credential:
            row = _row(transaction, kind, identity)
            if isinstance(row, TokenRow):
                transaction.put_token(replace(row, disabled=disabled))
            elif isinstance(row, KeyRow):
                transaction.put_access_key(replace(row, disabled=disabled))
            else:
                transaction.put_application(replace(row, disabled=disabled))
            if disabled:
                transaction.drop_logins(row.id)
            before, after = view_of(row), view_of(_row(transaction, kind, row.id))
            action = f"{'disable' if disabled else 'enable'}{_NAMES[kind]}"
            transaction.note(action, project=after.project, before=written(before), after=written(after))
            return after

        return await self._change(actor, work, request_id, dry_run=dry_run)


def _created(
    transaction: Transaction, row: TokenRow | KeyRow | ApplicationRow, secret: str, project: Project | None
) -> Created:
    transaction.drop_expired()
    shown = view_of(row)
    transaction.note(f"create{_NAMES[shown.kind]}", project=shown.project, after=written(shown))
    return Created(shown, secret, project)


def _row(transaction: Transaction, kind: Kind, identity: str) -> TokenRow | KeyRow | ApplicationRow:
    found: TokenRow | KeyRow | ApplicationRow | None
    if kind is Kind.TOKEN:
        named = (row for row in transaction.tokens() if row.name == identity)
        found = transaction.token(identity) or next(named, None)
    elif kind is Kind.KEY:
        found = transaction.access_key(identity)
    else:
        found = transaction.application(identity)
    if found is None:
        raise ControlError(Code.NO_SUCH, f"there is no such {_WORDS[kind]}", "id")
    return found


def _expiry(expires: Any, now: float) -> float | None:  # noqa: ANN401 - whatever a client sent
    if expires is None:
        return None
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not now < expires < 2**40:
        raise ControlError(Code.INVALID, "a credential expires at a time to come", "expires")
    return float(expires)
