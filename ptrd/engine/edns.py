"""Our OPT record: what it says of us, and the options in it that answer the client's.

COOKIE is answered when there are secrets, NSID when there is one and it is asked for (RFC 5001, 2.1), and whatever
else a client sends is passed over without an echo (RFC 6891, 6.1.2).
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from ptrd.engine.cookies import CLIENT_SIZE, answer_cookie, is_well_formed
from ptrd.records.values import parse_address

if TYPE_CHECKING:
    from ptrd.engine.responder import Options

NSID: Final = 3
COOKIE: Final = 10
EXTENDED_ERROR: Final = 15

# What a query's cookie is worth.
NO_COOKIE, CLIENT_COOKIE, VALID_COOKIE, INVALID_COOKIE, MALFORMED_COOKIE = range(5)

NOT_AUTHORITATIVE: Final = 20  # extended error, RFC 8914, 4.21
PROHIBITED: Final = 18  # the same, 4.19
_TEXTS: Final = {NOT_AUTHORITATIVE: b"no zone here holds this name", PROHIBITED: b"no transfers from here"}

_OPT: Final = Struct(">BHHBBHH")
_OPTION: Final = Struct(">HH")
_COOKIE_HEAD: Final = b"\0\x1c" + _OPTION.pack(COOKIE, 24)  # and the length of all options before it


def write_opt(udp_size: int, dnssec_ok: int, rcode: int) -> bytes:
    """Write an OPT without options: version 0, DO copied, other flags clear (RFC 6891, 6.1.4)."""
    return _OPT.pack(0, 41, udp_size, rcode >> 4, 0, dnssec_ok, 0)


opts: Final[dict[tuple[int, int], bytes]] = {}  # those without options and error, by size and DO


def remember_opt(udp_size: int, dnssec_ok: int) -> bytes:
    """Write an OPT without options and error, once."""
    opt = opts[udp_size, dnssec_ok] = write_opt(udp_size, dnssec_ok, 0)
    return opt


def add_option(opt: bytes, code: int, data: bytes) -> bytes:
    """Put one more option into an OPT record."""
    length = len(opt) - 11 + 4 + len(data)
    return opt[:9] + length.to_bytes(2, "big") + opt[11:] + _OPTION.pack(code, len(data)) + data


def add_extended_error(opt: bytes, reason: int) -> bytes:
    """Put an extended error with its text into an OPT record (RFC 8914)."""
    return add_option(opt, EXTENDED_ERROR, reason.to_bytes(2, "big") + _TEXTS[reason])


def answer_options(
    options: Options, asked: tuple[tuple[int, bytes], ...], opt: bytes, client: tuple[Any, ...] | None, now: float
) -> tuple[int, bytes]:
    """Answer a query's options in an OPT record: what its cookie is worth, and the record.

    `client` is a socket address, None when nobody is known to have asked, who then has no cookie. Of several COOKIE
    options the first counts (RFC 7873, 5.2).
    """
    worth = NO_COOKIE
    wants_nsid = False
    for code, data in asked:
        if code == COOKIE:
            secrets = options.cookie_secrets
            if not secrets or client is None or worth != NO_COOKIE:
                continue
            if not is_well_formed(data):
                return MALFORMED_COOKIE, opt
            valid, reply = answer_cookie(secrets, data, address_of(client[0]), now)
            worth = VALID_COOKIE if valid else CLIENT_COOKIE if len(data) == CLIENT_SIZE else INVALID_COOKIE
            opt = opt[:9] + _COOKIE_HEAD + reply  # the first option there is
        elif code == NSID:
            wants_nsid = True
    if wants_nsid and options.nsid:
        opt = add_option(opt, NSID, options.nsid)
    return worth, opt


@lru_cache(maxsize=4096)
def address_of(host: str) -> bytes:
    """Give the 4 or 16 bytes of a socket address's host; an IPv6 one may name its interface after `%`."""
    version, number = parse_address(host.partition("%")[0])
    return number.to_bytes(4 if version == 4 else 16, "big")
