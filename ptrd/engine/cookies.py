"""DNS cookies: server cookies of version 1 that other servers with the same secret accept too (RFC 7873, RFC 9018).

A server cookie is a version, three reserved bytes, the time, and SipHash-2-4 over the client's cookie, these, and the
client's address. The first secret makes new ones, each secret vouches for old ones; nothing is kept for a client.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from siphashc import siphash

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIENT_SIZE: Final = 8  # bytes of a client cookie
OLDEST: Final = 3600  # seconds that a server cookie is valid (RFC 9018, 4.3)
FUTURE: Final = 300  # seconds that another server's clock may be ahead
RENEWED: Final = 1800  # seconds after which a valid one is replaced
SECRET_SIZE: Final = 16

_SIZE: Final = 24
_PREFIX: Final = b"\1\0\0\0"  # version 1, reserved


def is_well_formed(data: bytes) -> bool:
    """Tell whether a COOKIE option has a possible length (RFC 7873, 5.2.2)."""
    return len(data) == CLIENT_SIZE or 16 <= len(data) <= 40


def make_cookie(secret: bytes, client_cookie: bytes, address: bytes, now: float) -> bytes:
    """Make a whole COOKIE option for a client: its own cookie and a server cookie, 24 bytes.

    `address` has 4 or 16 bytes.
    """
    head = client_cookie + _PREFIX + (int(now) & 0xFFFFFFFF).to_bytes(4, "big")
    return head + siphash(secret, head + address).to_bytes(8, "little")


def answer_cookie(secrets: Sequence[bytes], data: bytes, address: bytes, now: float) -> tuple[bool, bytes]:
    """Tell whether a well-formed COOKIE option has a valid server cookie, and give the option for the reply.

    That is the same while it is young and of the first secret, else a fresh one.
    """
    valid = False
    if len(data) == _SIZE and data[8] == 1:
        made = int.from_bytes(data[12:16], "big")
        age = (int(now) - made + FUTURE & 0xFFFFFFFF) - FUTURE  # RFC 1982 arithmetic (RFC 9018, 4.3)
        if age <= OLDEST:
            hashed, found = data[:16] + address, data[16:]
            if _vouches(secrets[0], hashed, found):
                if age <= RENEWED:
                    return True, data
                valid = True
            else:
                valid = any(_vouches(secret, hashed, found) for secret in secrets[1:])
    return valid, make_cookie(secrets[0], data[:CLIENT_SIZE], address, now)


def _vouches(secret: bytes, hashed: bytes, found: bytes) -> bool:
    return compare_digest(siphash(secret, hashed).to_bytes(8, "little"), found)
