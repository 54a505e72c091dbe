"""Passwords: scrypt hashes (RFC 7914), made and checked one at a time, so that logins cannot eat the machine.

A check takes the same time whether there is a user or not. A password that was right a moment ago is known again by a
keyed hash in memory, because clients of HTTP's Basic scheme send it with every request.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

from ptrd.control.actors import Code, ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SHORTEST: Final = 8
LONGEST: Final = 1024  # bytes of UTF-8
_COST: Final = (1 << 15, 8, 1)  # N, r and p: 32 MiB and about a tenth of a second
_MEMORY: Final = 1 << 26  # bytes that scrypt may take, twice what the cost above needs
_SALT: Final = 16
_SIZE: Final = 32
_WAITING: Final = 32  # logins in line; the next are told to come again
_KNOWN: Final = 1024


def check_password(text: object) -> str:
    """Check a new password. Raises ControlError."""
    if not isinstance(text, str) or len(text) < SHORTEST or len(text.encode("utf-8", "replace")) > LONGEST:
        raise ControlError(Code.INVALID, f"a password has {SHORTEST} characters or more, {LONGEST} at most", "password")
    return text


def hash_password(password: str) -> str:
    """Hash a password with a fresh salt. Takes a tenth of a second."""
    salt = secrets.token_bytes(_SALT)
    return _write(salt, _derive(password, salt, _COST))


class Passwords:
    """Checks passwords."""

    def __init__(self) -> None:
        self._nobody = _write(secrets.token_bytes(_SALT), secrets.token_bytes(_SIZE))
        self._secret = secrets.token_bytes(32)
        self._known = OrderedDict[bytes, None]()
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Hash a password, in its turn."""
        return await self._in_turn(hash_password, password)

    async def fits(self, password: str, hashed: str | None, allow: Callable[[], None]) -> bool:
        """Tell whether a password is the one that was hashed; None is for nobody's. Raises ControlError (BUSY).

        `allow` is called when it is this check's turn, when all before it have failed or not; it may raise.
        """
        mark = hmac.digest(self._secret, f"{hashed}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        if mark in self._known:
            self._known.move_to_end(mark)
            return True
        if not await self._in_turn(_fits, password, hashed or self._nobody, allow=allow) or hashed is None:
            return False
        self._known[mark] = None
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        return True

    async def _in_turn(self, work: Callable[..., T], *values: str, allow: Callable[[], None] = lambda: None) -> T:
        if self._waiting >= _WAITING:
            raise ControlError(Code.BUSY, "too many logins are being checked; try again in a few seconds")
        self._waiting += 1
        try:
            async with self._turn:
                allow()
                return await asyncio.to_thread(work, *values)
        finally:
            self._waiting -= 1


def _fits(password: str, hashed: str) -> bool:
    _, n, r, p, salt, digest = hashed.split(":")
    found = _derive(password, base64.b64decode(salt), (int(n), int(r), int(p)))
    return hmac.compare_digest(found, base64.b64decode(digest))


def _derive(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    given = password.encode("utf-8", "surrogatepass")[: LONGEST + 1]
    n, r, p = cost
    return hashlib.scrypt(given, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=_SIZE)


def _write(salt: bytes, digest: bytes) -> str:
    return f"scrypt:{':'.join(map(str, _COST))}:{_text(salt)}:{_text(digest)}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
