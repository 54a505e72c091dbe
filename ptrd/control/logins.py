"""Who a credential stands for, now: tokens, access keys, passwords and logins become actors.

Every time all that a credential stands by is looked at: itself, its user and membership, its project and account. So
what is disabled, dropped or expired is revoked at once. Whatever is wrong with a credential, the sentence is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.credentialviews import DAY
from ptrd.control.passwords import Passwords
from ptrd.control.together import Together
from ptrd.store.credentials import ApplicationRow, KeyRow, LoginRow, TokenRow

if TYPE_CHECKING:
    from ptrd.control.link import Link
    from ptrd.records.management import Project
    from ptrd.store.credentials import UserRow
    from ptrd.store.database import Transaction
    from ptrd.store.vault import Vault

Allow = Callable[[], None]

TOKEN_PREFIX: Final = "ptrd_"  # noqa: S105 - what tokens begin with, so that scanners for leaked secrets know them
LOGIN_PREFIX: Final = "ptrdlogin_"
LIFETIME: Final = 86400.0  # seconds, at most, of a login token
WRONG_TOKEN: Final = "the token is unknown, expired or disabled; ask the operator for another, or log in again"  # noqa: S105 - a sentence
_METHODS: Final = {"token": "token", "application": "application_credential", "user": "password"}
WRONG_LOGIN: Final = "the user, the password or credential, or the project is wrong, or disabled"
_NOBODY: Final = b"\0" * 32


class Scope(NamedTuple):
    """The project that a login is for, by its id, else by its name; neither is for the only one there is."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class LoginToken:
    """A login: its token, shown this once, and what it is for."""

    text: str
    actor: Actor
    methods: tuple[str, ...]
    user_id: str
    user_name: str
    project: Project
    issued: float
    expires: float


class Standing(NamedTuple):
    """What a login stands by: a credential or user, still good."""

    method: str
    id: str
    name: str
    role: Role
    project: str | None
    kind: str  # of actor
    ends: float | None = None


class Logins:
    """Turns credentials into actors."""

    def __init__(self, link: Link, vault: Vault) -> None:
        self._link = link
        self._vault = vault
        self._together = Together(link)
        self.passwords = Passwords()

    async def token(self, text: str, now: float) -> Actor:
        """Give who has an API token or a login token. Raises ControlError (UNAUTHENTICATED)."""
        found = await self._together.read(lambda transaction: _read_token(transaction, text, now))
        if found is None:
            raise ControlError(Code.UNAUTHENTICATED, WRONG_TOKEN)
        actor, row = found
        await self._touch(actor, row, now)
        return actor

    async def key(self, access_key: str, now: float) -> tuple[bytes, Actor] | None:
        """Give the secret of an access key and who has it; None when it is not good."""

        def work(transaction: Transaction) -> tuple[bytes, Actor, KeyRow] | None:
            row = transaction.access_key(access_key)
            if row is None or row.disabled:
                return None
            standing = Standing("key", row.id, row.id, Role(row.role), row.project, "key")
            actor = _actor(transaction, standing, row.project)
            return None if actor is None else (row.sealed, actor, row)

        found = await self._together.read(work)
        if found is None:
            return None
        sealed, actor, row = found
        secret = self._vault.open(sealed, key_context(access_key))
        await self._touch(actor, row, now)
        return secret, actor

    async def password(self, user: str, password: str, scope: Scope, now: float, allow: Allow) -> Actor:
        """Give who has a password, in one of the user's projects. Raises ControlError.

        `allow` is called right before a password is checked, and may raise, here and below.
        """
        row = await self._user(user, password, allow)

        def work(transaction: Transaction) -> Actor | None:
            project = _choose(transaction, scope, [one.project for one in transaction.memberships(user=row.id)])
            return None if project is None else _standing_actor(transaction, "password", row.id, project, now)

        actor = await self._link.read(work)
        if actor is None:
            raise ControlError(Code.FORBIDDEN, "name one of this user's projects, by its id, in X-Project-Id")
        return actor

    async def login_with_password(self, user: str, password: str, scope: Scope, now: float, allow: Allow) -> LoginToken:
        """Log a user in, by name or id. Raises ControlError (UNAUTHENTICATED)."""
        row = await self._user(user, password, allow)

        def work(transaction: Transaction) -> tuple[LoginRow, LoginToken] | None:
            current = transaction.user(row.id)
            if current is None or current.password != row.password:
                return None
            project = _choose(transaction, scope, [one.project for one in transaction.memberships(user=row.id)])
            return _log_in(transaction, "password", row.id, project, now + LIFETIME, now)

        return await self._log_in(work)

    async def login_with_application(
        self, application: str, secret: str, scope: Scope, now: float, user: str | None = None
    ) -> LoginToken:
        """Log in with an application credential, by its id, or by its name and `user`. Raises ControlError."""

        def work(transaction: Transaction) -> tuple[LoginRow, LoginToken] | None:
            if user is None:
                row = transaction.application(application)
            else:
                owner = transaction.user(user)
                row = None if owner is None else transaction.application_named(owner.id, application)
            same = hmac.compare_digest(digest_of(secret), _NOBODY if row is None else row.digest)
            if row is None or not same:
                return None
            project = _choose(transaction, scope, [row.project])
            return _log_in(transaction, "application_credential", row.id, project, now + LIFETIME, now)

        return await self._log_in(work)

    async def login_with_token(self, text: str, scope: Scope, now: float) -> LoginToken:
        """Log in with an API token or a login token, whose end the new one keeps. Raises ControlError."""

        def work(transaction: Transaction) -> tuple[LoginRow, LoginToken] | None:
            digest = digest_of(text)
            row = transaction.token_of(digest)
            if row is not None:
                own = [] if row.project is None else [row.project]
                project = _choose(transaction, scope, own, anything=row.project is None)
                return _log_in(transaction, "token", row.id, project, now + LIFETIME, now)
            login = transaction.login(digest)
            if login is None or login.expires <= now:
                return None
            own = [login.project]
            if login.method == "password" and scope != Scope():
                own = [one.project for one in transaction.memberships(user=login.parent)]
            standing = _standing(transaction, login.method, login.parent, login.project, now)
            anything = standing is not None and standing.project is None
            project = _choose(transaction, scope, own, anything=anything)
            if _standing_actor(transaction, login.method, login.parent, login.project, now) is None:
                return None
            found = _log_in(transaction, login.method, login.parent, project, login.expires, now)
            return found and (found[0], replace(found[1], methods=(*found[1].methods, "token")))

        return await self._log_in(work)

    async def show_login(self, text: str, now: float) -> LoginToken:
        """Give what a login token is for. Raises ControlError (UNAUTHENTICATED)."""

        def work(transaction: Transaction) -> LoginToken | None:
            row = transaction.login(digest_of(text))
            if row is None or row.expires <= now:
                return None
            found = _log_in(transaction, row.method, row.parent, row.project, row.expires, now)
            return None if found is None else replace(found[1], text=text, issued=row.created)

        found = await self._link.read(work)
        if found is None:
            raise ControlError(Code.UNAUTHENTICATED, WRONG_TOKEN)
        return found

    async def log_out(self, text: str, actor: Actor) -> None:
        """Revoke a login token."""
        await self._link.change(lambda transaction: transaction.drop_login(digest_of(text)), actor=actor, request_id="")

    async def _user(self, name_or_id: str, password: str, allow: Allow) -> UserRow:
        """Find a user by a password; a wrong one and a user who is not there cost the same time."""
        row = await self._link.read(lambda transaction: transaction.user(name_or_id))
        good = await self.passwords.fits(password, None if row is None or row.disabled else row.password, allow)
        if row is None or not good:
            raise ControlError(Code.UNAUTHENTICATED, WRONG_LOGIN)
        return row

    async def _log_in(self, work: Callable[[Transaction], tuple[LoginRow, LoginToken] | None]) -> LoginToken:
        """Make a login and keep it. Only who may log in gets to write, and is looked at again within the writing."""
        if (found := await self._link.read(work)) is None:
            raise ControlError(Code.UNAUTHENTICATED, WRONG_LOGIN)

        def keep(transaction: Transaction) -> LoginToken:
            if (kept := work(transaction)) is None:
                raise ControlError(Code.UNAUTHENTICATED, WRONG_LOGIN)
            row, made = kept
            transaction.drop_expired()
            transaction.put_login(row)
            return made

        return await self._link.change(keep, actor=found[1].actor, request_id="")

    async def _touch(self, actor: Actor, row: TokenRow | KeyRow | ApplicationRow | None, now: float) -> None:
        """Note the day on which a credential is used, once a day."""
        today = int(now // DAY)
        if row is None or row.last_used == today:
            return

        def work(transaction: Transaction) -> None:
            if isinstance(row, TokenRow):
                token = transaction.token(row.id)
                if token is not None:
                    transaction.put_token(replace(token, last_used=today))
            elif isinstance(row, KeyRow):
                key = transaction.access_key(row.id)
                if key is not None:
                    transaction.put_access_key(replace(key, last_used=today))
            else:
                application = transaction.application(row.id)
                if application is not None:
                    transaction.put_application(replace(application, last_used=today))

        try:
            await self._link.change(work, actor=actor, request_id="")
        except PtrdError:
            return  # it is worth knowing, but not that a credential fails while the disk is full


def digest_of(secret: str) -> bytes:
    """Give the SHA-256 of a random secret, by which it is known: 256 bits need no salt and no slowness."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def key_context(access_key: str) -> bytes:
    """Give the context that an access key's secret is sealed in."""
    return f"key:{access_key}".encode("utf-8", "surrogatepass")


def check_standing(transaction: Transaction, actor: Actor, now: float) -> None:
    """Let pass who may still change what it may: its credential was seen some time ago. Raises ControlError."""
    kind, _, identity = actor.credential.partition(":")
    if kind == "key":
        key = transaction.access_key(identity)
        role = None if key is None or key.disabled else Role(key.role)
    elif kind in _METHODS:
        standing = _standing(transaction, _METHODS[kind], identity, actor.project, now)
        role = None if standing is None else standing.role
    else:
        return  # the machine's own
    if role is None or role is Role.READER:
        raise ControlError(Code.UNAUTHENTICATED, WRONG_TOKEN)


def _read_token(
    transaction: Transaction, text: str, now: float
) -> tuple[Actor, TokenRow | ApplicationRow | None] | None:
    digest = digest_of(text)
    row = transaction.token_of(digest)
    if row is not None:
        standing = _standing_of_token(row, row.project, now)
        actor = None if standing is None else _actor(transaction, standing, row.project)
        return None if actor is None else (actor, row)
    login = transaction.login(digest)
    if login is None or login.expires <= now:
        return None
    actor = _standing_actor(transaction, login.method, login.parent, login.project, now)
    used = transaction.application(login.parent) if login.method == "application_credential" else None
    return None if actor is None else (actor, used)


def _standing(transaction: Transaction, method: str, parent: str, project: str | None, now: float) -> Standing | None:
    """Give what a login stands by, when that is still good for a project."""
    if method == "token":
        token = transaction.token(parent)
        return None if token is None else _standing_of_token(token, project, now)
    application = transaction.application(parent) if method == "application_credential" else None
    if method == "application_credential":
        if application is None or application.disabled or _is_over(application.expires, now):
            return None
        parent = application.user
        if application.project != project:
            return None
    user = transaction.user(parent)
    member = transaction.membership(parent, project or "")
    if user is None or user.id != parent or user.disabled or member is None:
        return None
    if application is None:
        return Standing(method, user.id, user.name, Role(member.role), project, "user")
    role = Role.READER if Role.READER in {application.role, member.role} else Role(application.role)
    return Standing(method, application.id, user.name, role, project, "application", application.expires)


def _standing_of_token(token: TokenRow, project: str | None, now: float) -> Standing | None:
    if token.disabled or _is_over(token.expires, now) or token.project not in {None, project}:
        return None
    return Standing("token", token.id, token.name, Role(token.role), token.project, "token", token.expires)


def _standing_actor(
    transaction: Transaction, method: str, parent: str, project: str | None, now: float
) -> Actor | None:
    standing = _standing(transaction, method, parent, project, now)
    return None if standing is None else _actor(transaction, standing, project)


def _actor(transaction: Transaction, standing: Standing, project_id: str | None) -> Actor | None:
    """Make the actor, when its project and account are enabled; an operator needs none."""
    kind = "user" if standing.kind == "application" else standing.kind
    name, credential = f"{kind}:{standing.name}", f"{standing.kind}:{standing.id}"
    if project_id is None:
        return Actor(name, standing.role, credential=credential) if standing.role is Role.OPERATOR else None
    owner = transaction.owner(project_id)
    if owner is None or any(one.disabled for one in owner):
        return None
    project, account = owner
    return Actor(name, standing.role, project.id, account.id, credential)


def _log_in(
    transaction: Transaction, method: str, parent: str, project_id: str | None, ends: float, now: float
) -> tuple[LoginRow, LoginToken] | None:
    """Make a login, which is to be kept, when all that it stands by is good."""
    project = None if project_id is None else transaction.project(project_id)
    standing = None if project is None else _standing(transaction, method, parent, project.id, now)
    if project is None or standing is None:
        return None
    actor = _actor(transaction, standing, project.id)
    if actor is None:
        return None
    text = LOGIN_PREFIX + secrets.token_urlsafe(32)
    expires = min(ends, now + LIFETIME) if standing.ends is None else min(ends, now + LIFETIME, standing.ends)
    owner = standing.id
    if method == "application_credential":
        application = transaction.application(parent)
        owner = parent if application is None else application.user
    made = LoginToken(text, actor, (method,), owner, standing.name, project, now, expires)
    return LoginRow(digest_of(text), method, parent, project.id, now, expires), made


def _choose(transaction: Transaction, scope: Scope, own: list[str], *, anything: bool = False) -> str | None:
    """Give the id of the project that is asked for, one of `own` or `anything`; of the only one, when none is."""
    if scope == Scope():
        return own[0] if len(own) == 1 else None
    project = transaction.project(scope.id or scope.name or "")
    if project is None or (scope.id or project.id, scope.name or project.name) != (project.id, project.name):
        return None
    return project.id if anything or project.id in own else None


def _is_over(expires: float | None, now: float) -> bool:
    return expires is not None and expires <= now
