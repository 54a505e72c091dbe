"""Where a host name leads by the zones that are served here, and from where on somebody else knows.

It is asked of `answer.answer`, so that nothing is decided twice. What a zone of ours says is final, both ways: only a
name that is in none, that is delegated, or that an alias leads to out of our zones is asked elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ptrd.engine.answer import DELEGATION, MAX_CHAIN, NO_ZONE, answer
from ptrd.records.management import Address
from ptrd.records.trust import Found, Outcome
from ptrd.wire.names import format_name, offsets_of, parse_name
from ptrd.wire.rrtypes import AAAA, CNAME, NXDOMAIN, YXDOMAIN, A
from ptrd.wire.writer import split_records

if TYPE_CHECKING:
    from ptrd.engine.answer import Answer
    from ptrd.snapshot.view import Snapshot


class Lead(NamedTuple):
    """`found` is what our zones say; when it is None, `onward` is the name to ask others of.

    `chain` has the names that our zones' aliases lead through, with final dots; `onward` is the last of them then.
    """

    found: Found | None
    onward: str
    chain: tuple[str, ...] = ()


def lead(snapshot: Snapshot, name: str, version: int) -> Lead:
    """Say where a name leads, for addresses of IPv4 or IPv6."""
    qtype = A if version == 4 else AAAA
    addresses: list[Address] = []
    chain: list[str] = []
    here, seen = _ask(snapshot, name, qtype), {name.lower()}
    for rrset in here.answer:
        for rtype, _, rdata in split_records(rrset.records):
            if rtype == qtype:
                addresses.append(Address(version, int.from_bytes(rdata, "big")))
            elif rtype == CNAME:
                chain.append(format_name(rdata.lower()))
    if addresses:
        return Lead(Found(Outcome.ADDRESSES, tuple(addresses), tuple(chain)), "", tuple(chain))
    if len(seen | set(chain)) <= len(chain) or len(chain) >= MAX_CHAIN:
        return Lead(Found(Outcome.ALIAS_LOOP, (), tuple(chain)), "", tuple(chain))
    last = _ask(snapshot, chain[-1], qtype) if chain else here
    if last.source in {NO_ZONE, DELEGATION}:
        return Lead(None, chain[-1] if chain else name, tuple(chain))
    outcome = Outcome.NO_NAME if last.rcode in {NXDOMAIN, YXDOMAIN} else Outcome.NO_DATA
    return Lead(Found(outcome, (), tuple(chain)), "", tuple(chain))


def _ask(snapshot: Snapshot, name: str, qtype: int) -> Answer:
    wire = parse_name(name).lower()
    return answer(snapshot, wire, offsets_of(wire), qtype)
