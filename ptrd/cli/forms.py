"""A zone written in the forms that other programs read: a master file, YAML, CSV, a hosts file.

What a form cannot say is left out and told, line by line: nothing is dropped in silence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.cli.listings import NOWHERE
from ptrd.cli.output import write_csv
from ptrd.records.cuts import span_of
from ptrd.records.foreign.assembly import assemble
from ptrd.records.foreign.record import Record as ForeignRecord
from ptrd.records.values import format_address, format_prefix
from ptrd.store.zonewriter import relative_name, write_rdata, write_time, write_zone
from ptrd.wire.names import format_name, sort_key
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import AAAA, CNAME, DNAME, NS, PTR, A, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from ptrd.cli.listings import Listing
    from ptrd.records.model import Default, Zone
    from ptrd.records.received import Record

    LeftOut = Callable[[str], None]

_ONE_NAME: Final = frozenset((PTR, NS, CNAME, DNAME))
# A name without a dot means something else in a hosts file.
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*"
                         r"[A-Za-z0-9_])?)+")  # fmt: skip


class Form(NamedTuple):
    """A form: whether it has templates for default names, and what writes it."""

    has_templates: bool
    write: Callable[[Listing, TextIO, LeftOut], None]


def write_zonefile(listing: Listing, stream: TextIO, left_out: LeftOut) -> None:
    """Write a master file (RFC 1035, 5): the SOA, then all names in canonical order."""
    zone = listing.zone
    stream.write(f"; {format_name(zone.origin)} of {listing.source}\n")
    if not listing.is_expanded:
        stream.writelines(f"; left out: {line}\n" for line in map(spell_default, zone.defaults))
    stream.write(f"$ORIGIN {format_name(zone.origin)}\n$TTL {zone.ttl}\n")
    _leave_out_settings(listing, left_out)
    records = iter(listing.records)
    stream.write(f"{_relative(next(records), zone)}\n")
    lines = [(sort_key(record.owner), record.rtype, _relative(record, zone)) for record in records]
    lines.sort()
    stream.writelines(f"{line}\n" for _, _, line in lines)


def write_yaml(listing: Listing, stream: TextIO, left_out: LeftOut) -> None:
    """Write a zone file of ptrd, with the templates of default names unless they are written out."""
    meant = listing.zone
    records = [ForeignRecord(*record, NOWHERE) for record in listing.records]
    zone, problems = assemble(meant.origin, records, NOWHERE, covers=meant.prefix if meant.covers else None)
    for problem in problems:
        if not problem.warning or meant.primaries:  # what was written for ptrd is known to its operator
            left_out(problem.message)
    if zone is None:
        raise PtrdError(f"{format_name(meant.origin)} cannot be written as YAML: it has no SOA or no NS")
    zone.ttl = meant.ttl
    zone.access, zone.transfer = meant.access, meant.transfer
    if not listing.is_expanded:
        zone.defaults, zone.forward = meant.defaults, meant.forward
    if meant.primaries:
        hosts = ", ".join(f"{host} {port}" for host, port, _ in meant.primaries)
        left_out(f"`primaries` ({hosts}): the zone's content is written instead")
    stream.write(write_zone(zone))


def write_table(listing: Listing, stream: TextIO, left_out: LeftOut) -> None:
    """Write CSV: each address with its names and their TTL."""
    rows = (
        {"address": format_address(version, number), "names": hosts, "ttl": ttl}
        for version, number, ttl, names in _addresses(listing, left_out)
        if (hosts := _hosts(version, number, names, left_out))
    )
    write_csv(stream, rows, ("address", "names", "ttl"))


def write_hosts(listing: Listing, stream: TextIO, left_out: LeftOut) -> None:
    """Write a hosts file: a line for each name of an address; of a zone of names, for each address of a name."""
    left_out("TTLs, which a hosts file does not have")
    for version, number, _, names in _addresses(listing, left_out, forward=listing.zone.prefix is None):
        stream.writelines(
            f"{format_address(version, number)} {name}\n" for name in _hosts(version, number, names, left_out)
        )


def _hosts(version: int, number: int, names: list[str], left_out: LeftOut) -> list[str]:
    """Give those of an address's names that are host names; `rrsets` of a zone file may give it others."""
    for name in names:
        if not _HOST.fullmatch(name):
            left_out(f"{format_address(version, number)} {name}")
    return [name for name in names if _HOST.fullmatch(name)]


FORMS: Final = {
    "zonefile": Form(has_templates=False, write=write_zonefile),
    "yaml": Form(has_templates=True, write=write_yaml),
    "csv": Form(has_templates=False, write=write_table),
    "hosts": Form(has_templates=False, write=write_hosts),
}


def spell_record(record: Record) -> str:
    """Write a record as a line of a master file, with its owner's whole name."""
    return f"{format_name(record.owner)} {record.ttl} IN {name_of(record.rtype)} {spell_rdata(record)}"


def spell_rdata(record: Record) -> str:
    """Write a record's data in master-file notation."""
    return format_name(record.rdata) if record.rtype in _ONE_NAME else write_rdata(record.rtype, record.rdata)


def spell_default(item: Default) -> str:
    """Write a range's default, or that it has none."""
    if item.template is None:
        return f"default {format_prefix(item.prefix)} ~"
    return f'default {format_prefix(item.prefix)} {write_time(item.ttl)} "{item.template}"'


def _relative(record: Record, zone: Zone) -> str:
    owner = relative_name(record.owner, zone.origin)
    return f"{owner} {record.ttl} IN {name_of(record.rtype)} {spell_rdata(record)}"


def _addresses(
    listing: Listing, left_out: LeftOut, *, forward: bool = False
) -> Iterator[tuple[int, int, int, list[str]]]:
    """Give (version, number, TTL, names) of each address in order; everything else is left out."""
    _leave_out_settings(listing, left_out)
    found: dict[tuple[int, int], tuple[int, list[str]]] = {}
    for record in listing.records:
        place = _address_of(listing.zone, record, forward=forward)
        if place is None:
            left_out(spell_record(record))
            continue
        name = record.owner if forward else record.rdata
        found.setdefault(place, (record.ttl, []))[1].append(format_name(name).removesuffix("."))
    for (version, number), (ttl, names) in sorted(found.items()):
        yield version, number, ttl, names


def _address_of(zone: Zone, record: Record, *, forward: bool) -> tuple[int, int] | None:
    if forward:
        version = {A: 4, AAAA: 6}.get(record.rtype)
        return (version, int.from_bytes(record.rdata, "big")) if version else None
    if record.rtype != PTR:
        return None
    span = span_of(zone, record.owner)
    return (span.version, span.number) if span is not None and span.length == BITS[span.version] else None


def _leave_out_settings(listing: Listing, left_out: LeftOut) -> None:
    """Tell of what has no place in a list of records."""
    zone = listing.zone
    for name, value in (("access", zone.access), ("transfer", zone.transfer), ("primaries", zone.primaries)):
        if value:
            left_out(f"`{name}` of the zone")
    if not listing.is_expanded:
        leave_out_defaults(zone.defaults, left_out)
        for prefix, _ in zone.forward:
            left_out(f"forward {format_prefix(prefix)}")


def leave_out_defaults(defaults: Iterable[Default], left_out: LeftOut) -> None:
    """Tell of templates."""
    for item in defaults:
        if item.template is not None:
            left_out(spell_default(item))
