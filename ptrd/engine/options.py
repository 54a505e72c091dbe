"""What an operator can choose about answers, in plain values, so that it travels to a worker as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrd.records.access import Rule


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator can choose about answers.

    `udp_size` is the largest UDP answer in bytes and what EDNS announces (RFC 9715 advises 1232). `chaos` maps names
    in the class CH to their TXT (RFC 4892); others are refused. `cookie_secrets` are of 16 bytes: the first makes DNS
    cookies, all vouch for them, and without one cookies are passed over. `nsid` is told to who asks for it (RFC 5001),
    when there is one. `extended_errors` says who is told the reason of a refusal (RFC 8914): clients that it allows.
    `keepalive` is how long an idle connection is kept, in units of 100 ms (RFC 7828).

    `access` says who is answered at all. The limits are answers a second to one client prefix over UDP, 0 for none:
    `limit_records` of one name and type, `limit_made` from one template, `limit_denied` that a zone denies, or of
    errors. Of what is over a limit every `limit_slip`-th is truncated, 0 for none, the others are dropped; with
    `limit_badcookie` who sent a cookie of its own is told BADCOOKIE then. Clients that `limit_exempt` allows have no
    limits.

    `keys` are those of TSIG, as (name, algorithm, secret). A transfer in which more default names than
    `transfer_expand` would have to be written out is refused; of each zone `transfer_history` differences are kept.
    """

    udp_size: int = 1232
    chaos: Mapping[str, str] = field(default_factory=dict)
    cookie_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    nsid: bytes = b""
    extended_errors: tuple[Rule, ...] = ()
    keepalive: int = 100
    access: tuple[Rule, ...] = ()
    limit_records: int = 0
    limit_made: int = 0
    limit_denied: int = 0
    limit_slip: int = 2
    limit_badcookie: bool = False
    limit_exempt: tuple[Rule, ...] = ()
    keys: tuple[tuple[bytes, str, bytes], ...] = field(default=(), repr=False)
    transfer_expand: int = 1_000_000
    transfer_history: int = 1000
