"""Who asks, and how a use case says no: one tree of errors, which each dialect translates once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ptrd import PtrdError


class Role(StrEnum):
    """What a credential may do: read or change what its project has; or everything."""

    READER = "reader"
    WRITER = "writer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. A tenant has exactly one project; an operator may have none. `name` is for the journal."""

    name: str  # local:root, token:NAME, key:ACCESS_KEY, user:NAME
    role: Role
    project: str | None = None  # its id
    account: str | None = None  # its id
    credential: str = ""  # id, that idempotency keys and throttles are scoped to
    source: str = ""  # the client's address, when it came over HTTP

    @property
    def is_operator(self) -> bool:
        """Tell whether everything is allowed."""
        return self.role is Role.OPERATOR

    @property
    def may_write(self) -> bool:
        """Tell whether changes are allowed."""
        return self.role is not Role.READER


class Code(StrEnum):
    """Why a use case says no. A dialect's table has each."""

    INVALID = "invalid"  # a field; `field` says which: names ttl description tags tag_quota region eip address id
    #                      limit offset marker status name body quota enterprise_project role password expires
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    NO_EIP = "no_eip"  # it does not exist, or is somebody else's: never to be told apart
    NO_RECORD = "no_record"
    NO_SUCH = "no_such"  # account, project, credential, journal entry …
    EXISTS = "exists"  # the address has a record, the name is taken …
    FROZEN = "frozen"
    QUOTA = "quota"
    NOT_SERVED = "not_served"  # no zone of ours would answer with it
    UNCONFIRMED = "unconfirmed"  # a name does not lead back to its address, which the policy requires
    STALE = "stale"  # If-Match
    KEY_REUSED = "key_reused"  # an idempotency key with another body
    NEEDS_YES = "needs_yes"  # a bulk change would delete too much
    BATCH_TOO_LARGE = "batch_too_large"
    TOO_LARGE = "too_large"  # the body
    BUSY = "busy"


class ControlError(PtrdError):
    """A use case says no. The sentence is for the person who asked; it never tells what is not theirs.

    `retry_after` is in how many seconds it may be otherwise, for THROTTLED and BUSY.
    """

    def __init__(self, code: Code, sentence: str, field: str = "", retry_after: float = 1.0) -> None:
        super().__init__(sentence)
        self.code = code
        self.field = field
        self.retry_after = retry_after
