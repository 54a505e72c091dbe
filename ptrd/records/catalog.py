"""The catalog zone (RFC 9432, version 2): a zone that lists zones, so that secondaries serve new ones by themselves.

It lists the zones that somebody may transfer. The label of a member depends on nothing but the member's name, so a zone
that is still there stays what it is to the secondaries.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.records.access import ALLOW, REFUSE, Rule, rule_of
from ptrd.records.model import Place, Prefix, RRset, Soa, Zone
from ptrd.records.transfer import Transfer, dump_transfer, load_transfer
from ptrd.wire.names import format_name, parse_name
from ptrd.wire.rrtypes import PTR, TXT

if TYPE_CHECKING:
    from collections.abc import Iterable

TTL: Final = 0  # nobody is to remember anything of it (as the examples of RFC 9432 have it)
LONGEST: Final = 200  # bytes of its name, so that members' labels fit below it
_INVALID: Final = parse_name("invalid.")  # RFC 9432, 4: no name server of it is ever asked
_REFRESH, _RETRY, _EXPIRE = 3600, 600, 2_147_483_646  # secondaries keep their zones however long the primary is away
_EVERYBODY: Final = (Prefix(4, 0, 0), Prefix(6, 0, 0))


class Catalog(NamedTuple):
    """What an operator says of the catalog zone: its name in lower case, who may have it and is told, and where."""

    name: bytes
    transfer: Transfer
    place: Place


def catalog_zone(catalog: Catalog, members: Iterable[bytes]) -> Zone:
    """Make the zone that lists members, which are names of zones in wire form, in lower case."""
    version = RRset(b"\x07version" + catalog.name, TXT, TTL, (b"\x012",), catalog.place)
    below = b"\x05zones" + catalog.name
    return Zone(
        origin=catalog.name,
        place=catalog.place,
        ttl=TTL,
        soa=Soa(_INVALID, _INVALID, _REFRESH, _RETRY, _EXPIRE, TTL, None),
        ns=(_INVALID,),
        rrsets=[
            version,
            *(RRset(member_label(name) + below, PTR, TTL, (name,), catalog.place) for name in sorted(members)),
        ],
        access=_who_may_ask(catalog.transfer),
        transfer=catalog.transfer,
        keys=dict.fromkeys(catalog.transfer.keys, catalog.place),
    )


def member_label(name: bytes) -> bytes:
    """Give the label of a member, in wire form."""
    return b"\x20" + blake2b(name, digest_size=16).hexdigest().encode()


def dump_catalog(catalog: Catalog | None) -> dict[str, Any] | None:
    """Write what is said of the catalog zone as JSON can hold it."""
    if catalog is None:
        return None
    name, transfer, place = catalog
    return {"name": format_name(name), "transfer": dump_transfer(transfer), "place": list(place)}


def load_catalog(dumped: dict[str, Any] | None) -> Catalog | None:
    """Read back what `dump_catalog` wrote."""
    if dumped is None:
        return None
    transfer = load_transfer(dumped["transfer"]) or Transfer()
    return Catalog(parse_name(dumped["name"]), transfer, Place(*dumped["place"]))


def _who_may_ask(transfer: Transfer) -> list[Rule]:
    """Let only those ask who may transfer the zone because of their address (RFC 9432, 7)."""
    allowed = {item.prefix for item in transfer.allow if item.prefix is not None and item.key is None}
    return [
        *(rule_of(prefix, REFUSE) for prefix in _EVERYBODY if prefix not in allowed),
        *(rule_of(prefix, ALLOW) for prefix in sorted(allowed)),
    ]
