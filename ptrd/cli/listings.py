"""A zone as a whole, for commands that take it elsewhere or compare it: as it is live, or as the zone files have it.

What is live is asked of the running server and is of one moment; nothing is given before all of it has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd import PtrdError
from ptrd.cli.client import UnreachableError, ask_many
from ptrd.cli.exits import complain
from ptrd.cli.files import compile_zones
from ptrd.records.access import rule_of
from ptrd.records.model import Default, Place, Prefix, Soa, Zone
from ptrd.records.received import Record
from ptrd.records.transfer import load_transfer
from ptrd.snapshot.stubs import load_primaries
from ptrd.wire.names import ROOT, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ptrd.control.options import PublishOptions
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone

NOWHERE: Final = Place("", 0, 0)
_NO_SOA: Final = Soa(ROOT, ROOT, 0, 0, 0, 0, None)


class Listing(NamedTuple):
    """A zone: what it has beside records, in a Zone without any; its records, the SOA first; where it comes from.

    `made` counts its default names, at most; they are among the records when `is_expanded`. `hidden` has lines about
    managed records that are not answered.
    """

    zone: Zone
    records: Iterable[Record]
    source: str
    made: int
    is_expanded: bool
    hidden: list[str]


def list_live(path: Path, zone: str, expand: int | None) -> Listing:
    """List a zone of the running server; default names too, unless they are more than `expand`.

    Raises UnreachableError and, when there is no such zone, PtrdError.
    """
    replies = ask_many(path, {"command": "records", "zone": zone, "expand": expand})
    first = next(replies)
    if not first["ok"]:
        raise PtrdError(first["error"])
    return _listing(first["zone"], _batches(replies), f"the server on {path}", expand)


def list_file_zones(snapshot: Snapshot, zones: Iterable[ServedZone], source: str, expand: int | None) -> list[Listing]:
    """List zones of files that were compiled here."""
    from ptrd.engine.listing import describe_zone, list_records  # noqa: PLC0415 - not for `ptrd serve` to load

    found = []
    for zone in zones:
        described = describe_zone(snapshot, zone)
        records = list_records(snapshot, zone, expand=expand is not None and described["made"] <= expand)
        found.append(_listing(described, records, source, expand))
    return found


def list_zone(path: Path, publish: PublishOptions, zone: str, expand: int | None) -> Listing:
    """List a zone of the running server, and where none runs of the zone files, which is said on standard error."""
    try:
        return list_live(path, zone, expand)
    except UnreachableError as error:
        from ptrd.engine.listing import find_zone  # noqa: PLC0415 - as above

        compiled, snapshot = compile_zones(publish)
        if snapshot is None:
            for problem in compiled.problems:
                complain(str(problem))
            raise PtrdError(f"{error}; and the zone files cannot be read instead: they have errors") from None
        complain(f"{error}; this is what the zone files say, without managed records")
        return list_file_zones(snapshot, [find_zone(snapshot, zone)], "the zone files", expand)[0]


def _batches(replies: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
    for reply in replies:
        if not reply["ok"]:
            raise PtrdError(reply["error"])
        yield from reply.get("records", ())


def _listing(described: dict[str, Any], listed: Iterable[list[Any]], source: str, expand: int | None) -> Listing:
    zone = _zone_of(described)
    origin = zone.origin
    records = (
        Record(bytes.fromhex(owner) + origin, rtype, ttl, bytes.fromhex(rdata)) for owner, rtype, ttl, rdata in listed
    )
    made = described["made"]
    return Listing(zone, records, source, made, expand is not None and made <= expand, described["hidden"])


def _zone_of(described: dict[str, Any]) -> Zone:
    """Give a Zone without SOA, name servers and records."""
    prefix = described["prefix"]
    zone = Zone(
        origin=parse_name(described["name"]),
        place=NOWHERE,
        ttl=described["ttl"],
        soa=_NO_SOA,
        ns=(),
        prefix=None if prefix is None else Prefix(*prefix),
        covers=described["covers"],
        transfer=load_transfer(described["transfer"]),
        primaries=load_primaries(described["primaries"]),
    )
    zone.defaults = [Default(Prefix(*span), text, ttl, NOWHERE) for span, text, ttl in described["defaults"]]
    zone.forward = [(Prefix(*span), NOWHERE) for span in described["forward"]]
    zone.access = [rule_of(Prefix(*rule[:3]), rule[3]) for rule in described["access"]]
    return zone
