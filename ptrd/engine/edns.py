"""Our OPT record: what it says of us, and the options in it that answer the client's.

COOKIE is answered when there are secrets, NSID when there is one and it is asked for (RFC 5001, 2.1), keepalive over
TCP and TLS (RFC 7828), padding over TLS alone (RFC 7830), and whatever else a client sends is passed over without an
echo (RFC 6891, 6.1.2).
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final

from ptrd.engine.cookies import CLIENT_SIZE, answer_cookie, is_well_formed
from ptrd.wire.message import find_opt

if TYPE_CHECKING:
    from ptrd.engine.options import Options

UDP, TCP, TLS = range(3)  # what a query came over

NSID: Final = 3
COOKIE: Final = 10
KEEPALIVE: Final = 11
PADDING: Final = 12
EXTENDED_ERROR: Final = 15

# What a query's cookie is worth.
NO_COOKIE, CLIENT_COOKIE, VALID_COOKIE, INVALID_COOKIE, MALFORMED_COOKIE = range(5)

# Extended errors: code and text (RFC 8914, 4.15, 4.19 and 4.21).
NOT_AUTHORITATIVE: Final = (20, b"no zone here holds this name")
NO_TRANSFER: Final = (18, b"no transfers from here")
NOT_READY: Final = (14, b"nothing has come of this zone, or not for too long")
NOT_FOR_CLIENT: Final = (18, b"not for clients of this address")
PADDED_TO: Final = 468  # bytes a padded answer is a multiple of (RFC 8467, 4.1)
MIN_UDP: Final = 512  # RFC 1035, 4.2.1
_MOST: Final = 65535

_OPT: Final = Struct(">BHHBBHH")
_OPTION: Final = Struct(">HH")
_COOKIE_HEAD: Final = b"\0\x1c" + _OPTION.pack(COOKIE, 24)  # and the length of all options before it


def write_opt(udp_size: int, dnssec_ok: int, rcode: int) -> bytes:
    """Write an OPT without options: version 0, DO copied, other flags clear (RFC 6891, 6.1.4)."""
    return _OPT.pack(0, 41, udp_size, rcode >> 4, 0, dnssec_ok, 0)


@lru_cache(maxsize=512)
def fit_opt(most: int, udp_size: int, dnssec_ok: int) -> tuple[bytes, int]:
    """Give our OPT without options and error, and how many bytes an answer over UDP may have.

    `most` is how many we send at most, `udp_size` how many the client takes.
    """
    return write_opt(most, dnssec_ok, 0), min(max(udp_size, MIN_UDP), most)


def add_option(opt: bytes, code: int, data: bytes) -> bytes:
    """Put one more option into an OPT record."""
    length = len(opt) - 11 + 4 + len(data)
    return opt[:9] + length.to_bytes(2, "big") + opt[11:] + _OPTION.pack(code, len(data)) + data


def add_extended_error(opt: bytes, reason: tuple[int, bytes]) -> bytes:
    """Put an extended error with its text into an OPT record (RFC 8914)."""
    code, text = reason
    return add_option(opt, EXTENDED_ERROR, code.to_bytes(2, "big") + text)


def pad(wire: bytes) -> bytes:
    """Make a message whose last record is an OPT longer, so that its length tells little (RFC 7830, RFC 8467)."""
    at = find_opt(wire)
    if at < 0:
        return wire
    least = len(wire) + 4
    size = min(-least % PADDED_TO, max(0, _MOST - least))
    return wire[:at] + add_option(wire[at:], PADDING, bytes(size)) if least <= _MOST else wire


def answer_options(
    options: Options,
    asked: tuple[tuple[int, bytes], ...],
    opt: bytes,
    transport: int,
    address: bytes | None,
    now: float,
) -> tuple[int, bytes]:
    """Answer a query's options in an OPT record: what its cookie is worth, and the record.

    `address` is the client's, of 4 or 16 bytes; None when nobody is known to have asked, who then has no cookie. Of
    several COOKIE options the first counts (RFC 7873, 5.2).
    """
    worth = NO_COOKIE
    wants_nsid = wants_keepalive = False
    for code, data in asked:
        if code == COOKIE:
            secrets = options.cookie_secrets
            if not secrets or address is None or worth != NO_COOKIE:
                continue
            if not is_well_formed(data):
                return MALFORMED_COOKIE, opt
            valid, reply = answer_cookie(secrets, data, address, now)
            worth = VALID_COOKIE if valid else CLIENT_COOKIE if len(data) == CLIENT_SIZE else INVALID_COOKIE
            opt = opt[:9] + _COOKIE_HEAD + reply  # the first option there is
        elif code == NSID:
            wants_nsid = True
        elif code == KEEPALIVE:
            wants_keepalive = True
    if wants_nsid and options.nsid:
        opt = add_option(opt, NSID, options.nsid)
    if wants_keepalive and transport != UDP:  # over UDP it is passed over (RFC 7828, 3.2.2)
        opt = add_option(opt, KEEPALIVE, options.keepalive.to_bytes(2, "big"))
    return worth, opt
