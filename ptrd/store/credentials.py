"""Who may ask, as rows of the store: tokens, access keys, users and what they hold, logins, and requests remembered.

No row holds a secret that could be used by who reads it: tokens and passwords are hashed, secret keys and remembered
answers are sealed. Times are Unix time; a `last_used` is a number of days since 1970, None for never. Whether a row is
still good is decided in `control.credentials`.
"""

# ruff: noqa: D102 - names and comments say what methods of a protocol do; the class that has them says more
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ptrd.records.management import Address


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token; `digest` is the SHA-256 of its text."""

    id: str  # 32 hex digits, here and below, except for access keys
    name: str
    digest: bytes
    project: str | None  # its id; None is for operators
    role: str
    expires: float | None = None
    disabled: bool = False
    created: float = 0.0
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An access key; its secret is sealed with the key's id as context."""

    id: str  # the access key itself
    name: str
    sealed: bytes
    project: str
    role: str
    disabled: bool = False
    created: float = 0.0
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class UserRow:
    """Who logs in with a password, of which `password` is the scrypt hash with its parameters."""

    id: str
    name: str
    password: str
    disabled: bool = False
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """What a user may do in a project."""

    user: str  # its id
    project: str  # its id
    role: str


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """An application credential: a user's secret for one project, of which `digest` is the SHA-256."""

    id: str
    name: str
    digest: bytes
    user: str
    project: str
    role: str
    expires: float | None = None
    disabled: bool = False
    created: float = 0.0
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A login token: `digest` is the SHA-256 of its text, `method` how it was got, `parent` the id by which it stands.

    The parent is a user (password), an application credential or an API token; a login made with a login token has
    the parent of that.
    """

    digest: bytes
    method: str  # password, application_credential or token
    parent: str
    project: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class RememberedRow:
    """A change that a request made, under what the same request would come with again.

    `scope` and `key` are the access key and its signature, or a credential and its idempotency key; `digest` is the
    SHA-256 of what must be the same. `answer` is the sealed response, None until it is known.
    """

    scope: str
    key: str
    digest: bytes
    mark: str  # of the one request that did it
    revision: int
    project: str | None
    addresses: tuple[Address, ...]  # that it changed
    expires: float
    answer: bytes | None = None


class CredentialRows(Protocol):
    """What a transaction has of credentials. Methods named put_ write a row whole; drop_ takes it out; others read."""

    def token(self, token_id: str) -> TokenRow | None: ...
    def token_of(self, digest: bytes) -> TokenRow | None: ...
    def tokens(self, project: str | None = None) -> list[TokenRow]: ...  # None is for all, here and below
    def put_token(self, row: TokenRow) -> None: ...
    def drop_token(self, token_id: str) -> None: ...

    def access_key(self, key_id: str) -> KeyRow | None: ...
    def access_keys(self, project: str | None = None) -> list[KeyRow]: ...
    def put_access_key(self, row: KeyRow) -> None: ...
    def drop_access_key(self, key_id: str) -> None: ...

    def user(self, name_or_id: str) -> UserRow | None: ...
    def users(self) -> list[UserRow]: ...
    def put_user(self, row: UserRow) -> None: ...
    def drop_user(self, user_id: str) -> None: ...  # with all that it has
    def membership(self, user: str, project: str) -> MembershipRow | None: ...
    def memberships(self, user: str | None = None, project: str | None = None) -> list[MembershipRow]: ...
    def put_membership(self, row: MembershipRow) -> None: ...
    def drop_membership(self, user: str, project: str) -> None: ...  # with what stands by it

    def application(self, application_id: str) -> ApplicationRow | None: ...
    def application_named(self, user: str, name: str) -> ApplicationRow | None: ...
    def applications(self, user: str | None = None, project: str | None = None) -> list[ApplicationRow]: ...
    def put_application(self, row: ApplicationRow) -> None: ...
    def drop_application(self, application_id: str) -> None: ...

    def login(self, digest: bytes) -> LoginRow | None: ...
    def put_login(self, row: LoginRow) -> None: ...  # the oldest of many of one parent go
    def drop_login(self, digest: bytes) -> None: ...
    def drop_logins(self, parent: str) -> None: ...

    def remembered(self, scope: str, key: str) -> RememberedRow | None: ...
    def put_remembered(self, row: RememberedRow) -> None: ...
    def drop_expired(self) -> None: ...  # logins and remembered requests at once, tokens and the like after 30 days
    def holds_secrets(self) -> bool: ...  # whether anything is sealed that cannot be made again
    def drop_credentials_of(self, project: str) -> None: ...
