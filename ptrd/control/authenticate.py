"""From a request to who sent it: exactly one credential, good for exactly one project unless it is an operator's.

The credential alone says which project it is. A header, path or query that names another project or account is
refused, whether that exists or not. What fails is counted by where it came from; random secrets are looked at all the
same while their source has to wait, so that a neighbour's mistakes stop nobody, and passwords are not.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from ptrd.control.actors import Actor, Code, ControlError
from ptrd.control.logins import Scope
from ptrd.control.signature import is_signed, read_signature, verify, wrong
from ptrd.control.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ptrd.control.exchange import Request
    from ptrd.control.logins import Allow, Logins

T = TypeVar("T")

_FALSE: Final = frozenset(("", "0", "f", "false", "n", "no", "off"))
_OPERATORS: Final = ("X-Auth-All-Projects", "X-Auth-Sudo-Project-ID", "X-Designate-Edit-Managed-Records")
_NOBODY: Final = b"\0" * 32  # the secret of access keys that nobody has


class Authenticator:
    """Knows who asks. `now` is Unix time throughout."""

    def __init__(self, logins: Logins) -> None:
        self.logins = logins
        self._throttle = Throttle()

    async def authenticate(self, request: Request, now: float) -> Actor:
        """Give who sent a request, whose route's `values` are known. Raises ControlError.

        UNAUTHENTICATED for no or a wrong credential, THROTTLED after many, FORBIDDEN for another's project.
        """
        tokens, others = request.every_header("X-Auth-Token"), request.every_header("Authorization")
        if len(tokens) + len(others) != 1:
            many = "more than one credential came; send one" if tokens or others else "send a credential"
            raise ControlError(
                Code.UNAUTHENTICATED, f"{many}: X-Auth-Token, Authorization: Bearer or Basic, or a signature"
            )
        scheme, _, value = ("Bearer", "", tokens[0]) if tokens else others[0].strip().partition(" ")
        scheme, value = scheme.lower(), value.strip()
        if is_signed(request):
            actor = await self.attempt(request.source, now, lambda: self._signer(request, now))
        elif scheme == "bearer":
            actor = await self.attempt(request.source, now, lambda: self.logins.token(value, now))
        elif scheme == "basic":
            user, password = _read_basic(value)
            scope = Scope(id=request.header("X-Project-Id") or None)
            actor = await self.attempt_password(
                request.source, now, lambda allow: self.logins.password(user, password, scope, now, allow)
            )
        else:
            raise ControlError(Code.UNAUTHENTICATED, "Authorization is Bearer, Basic or SDK-HMAC-SHA256")
        check_scope(request, actor)
        return replace(actor, source=request.source)

    async def attempt(self, source: str, now: float, identify: Callable[[], Awaitable[T]]) -> T:
        """Try a credential that came from a source, counting failures. Raises ControlError."""
        try:
            return await identify()
        except ControlError as error:
            if error.code is Code.UNAUTHENTICATED:
                self._throttle.check(source, now)
                self._throttle.fail(source, now)
            raise

    async def attempt_password(self, source: str, now: float, identify: Callable[[Allow], Awaitable[T]]) -> T:
        """Try a password, which is not looked at while its source has to wait. Raises ControlError."""

        def allow() -> None:
            self._throttle.check(source, now)

        allow()
        with self._throttle.trying(source):
            return await self.attempt(source, now, lambda: identify(allow))

    async def _signer(self, request: Request, now: float) -> Actor:
        signed = read_signature(request)
        found = await self.logins.key(signed.access_key, now)
        verify(request, signed, _NOBODY if found is None else found[0], now)
        if found is None:
            raise wrong()
        return found[1]


def check_scope(request: Request, actor: Actor) -> None:
    """Return when a request asks for nothing but what its sender's project has. Raises ControlError (FORBIDDEN)."""
    if actor.is_operator:
        return
    for name in _OPERATORS:
        if any(value.strip().lower() not in _FALSE for value in request.every_header(name)):
            raise ControlError(Code.FORBIDDEN, f"{name} is for operators")
    named = [(value, actor.project) for value in request.every_header("X-Project-Id")]
    named += [(value, actor.account) for value in request.every_header("X-Domain-Id")]
    named += [(value, actor.account) for key, value in request.query if key == "domain_id"]
    named += [(request.values.get("project_id", ""), actor.project)]
    if any(value not in {"", own} for value, own in named):
        raise ControlError(Code.FORBIDDEN, "this credential is for another project")


def _read_basic(text: str) -> tuple[str, str]:
    """Read user and password (RFC 7617)."""
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        user = colon = password = ""
    if not colon:
        raise ControlError(Code.UNAUTHENTICATED, "Authorization: Basic has user:password in base64")
    return user, password
