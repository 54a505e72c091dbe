"""What `ptrd import` reads, format by format: files and servers in, zones and problems out.

A source that cannot be read at all is a PtrdError; all else is collected. Nothing is written.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.cli.options import UsageError
from ptrd.records.foreign.assembly import Apex, assemble
from ptrd.records.foreign.dnsmasq import read_dnsmasq
from ptrd.records.foreign.knot import read_knot
from ptrd.records.foreign.master import find_origin, read_master
from ptrd.records.foreign.named import read_named
from ptrd.records.foreign.names import read_csv, read_hosts, read_netbox, read_openstack
from ptrd.records.foreign.nsd import read_nsd
from ptrd.records.foreign.placing import place_names
from ptrd.records.foreign.record import Named, Range, Record, ZoneFile
from ptrd.records.foreign.synthesis import add_modules, place_modules
from ptrd.records.foreign.tinydns import read_tinydns
from ptrd.records.model import Place, Prefix, Problem, Soa, Zone
from ptrd.records.values import ValueText, parse_domain, parse_duration, parse_host, parse_mailbox, parse_prefix, quote
from ptrd.store.foreignfiles import Files, ForeignFileError, read_text
from ptrd.store.zoneapex import DEFAULT_SOA, parse_origin
from ptrd.wire.names import format_name, join_labels, labels_of
from ptrd.wire.reverse import BITS, prefix_of
from ptrd.wire.rrtypes import PTR, SOA

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

_TTL: Final = 3600
_RAW: Final = "\0"  # in a zone file: it is BIND's raw format


class Imported(NamedTuple):
    """What came of a source."""

    zones: list[Zone]
    problems: list[Problem]


Wanted = tuple[bytes, Prefix | None]


def import_zonefile(arguments: argparse.Namespace) -> Imported:
    """Read one master file."""
    text = read_text(arguments.file)
    wanted = _wanted(arguments)
    if len(wanted) > 1:
        raise UsageError("a master file is one zone: say --zone once")
    if wanted:
        origin = wanted[0][0]
    else:
        found = find_origin(text)
        if found is None:
            raise UsageError(f"{arguments.file} does not say by itself which zone it is: say --zone NAME")
        origin = found
    return _read_zone(origin, arguments.file, text, arguments, Files(arguments.root))


def import_named(arguments: argparse.Namespace) -> Imported:
    """Read the zones of a named.conf."""
    files = Files(arguments.root)
    conf = read_named(read_text(arguments.file), arguments.file, files.fetch)
    problems = list(conf.problems)
    chosen: dict[str, tuple[ZoneFile, str]] = {}
    for item, view in conf.zones:
        if arguments.view and view not in {"", arguments.view}:
            continue
        known = chosen.setdefault(item.zone.rstrip(".").lower(), (item, view))
        if known[0] is not item:
            message = (
                f"zone {quote(item.zone)} stands in the view {quote(view)} too, and everybody is answered alike here; "
                f"that of {quote(known[1])} is imported: say --view to choose"
            )
            problems.append(Problem(item.place, message))
    items = [item for item, _ in chosen.values()]
    return _read_zones(items, arguments, Files(arguments.root, _folder(conf.folder, arguments)), problems)


def import_nsd(arguments: argparse.Namespace) -> Imported:
    """Read the zones of an nsd.conf."""
    files = Files(arguments.root)
    zones, folder, problems = read_nsd(read_text(arguments.file), arguments.file, files.fetch_all)
    return _read_zones(zones, arguments, Files(arguments.root, _folder(folder, arguments)), problems)


def import_knot(arguments: argparse.Namespace) -> Imported:
    """Read the zones of a knot.conf, with the names that its modules make."""
    files = Files(arguments.root)
    conf = read_knot(read_text(arguments.file), arguments.file, files.fetch_all)
    found = _read_zones(conf.zones, arguments, files, list(conf.problems))
    return Imported(found.zones, found.problems + add_modules(found.zones, conf.modules))


def import_synthrecord(arguments: argparse.Namespace) -> Imported:
    """Read the modules of a knot.conf, and nothing of its zones' files."""
    files = Files(arguments.root)
    conf = read_knot(read_text(arguments.file), arguments.file, files.fetch_all)
    apex = _need_apex(arguments)
    zones, problems = place_modules(conf.modules, _spans(arguments), apex, Place(arguments.file, 1, 1))
    return Imported(zones, [*conf.problems, *problems])


def import_hosts(arguments: argparse.Namespace) -> Imported:
    """Read a hosts file."""
    named, problems = read_hosts(read_text(arguments.file), arguments.file, arguments.domain)
    return _place(named, [], problems, arguments)


def import_csv(arguments: argparse.Namespace) -> Imported:
    """Read CSV."""
    return _place(*_in_middle(read_csv(read_text(arguments.file), arguments.file)), arguments)


def import_netbox(arguments: argparse.Namespace) -> Imported:
    """Read NetBox's IP addresses."""
    return _place(*_in_middle(read_netbox(read_text(arguments.file), arguments.file)), arguments)


def import_dnsmasq(arguments: argparse.Namespace) -> Imported:
    """Read a dnsmasq.conf."""
    fetch = Files(arguments.root).fetch_all
    return _place(*read_dnsmasq(read_text(arguments.file), arguments.file, fetch), arguments)


def import_openstack(arguments: argparse.Namespace) -> Imported:
    """Read JSON of Designate."""
    named, records, problems = read_openstack(read_text(arguments.file), arguments.file)
    return _sort(named, records, problems, arguments)


def import_tinydns(arguments: argparse.Namespace) -> Imported:
    """Read tinydns-data."""
    records, problems = read_tinydns(read_text(arguments.file), arguments.file)
    found = _sort([], records, problems, arguments)
    for zone in found.zones:
        if zone.soa.serial == 0:  # the file's date, which `auto` is above
            zone.soa = zone.soa._replace(serial=None)
    return found


def import_axfr(arguments: argparse.Namespace) -> Imported:
    """Fetch a zone from a running server."""
    # The client's part of dnspython is for this format alone.
    from ptrd.client.endpoints import read_endpoint  # noqa: PLC0415 - as said above
    from ptrd.client.transfer import fetch_zone  # noqa: PLC0415 - as said above
    from ptrd.config import load_config  # noqa: PLC0415 - as said above

    name, at, server = arguments.source.rpartition("@")
    if not at:
        raise UsageError(f"{arguments.source!r} names no server; write ZONE@ADDRESS, or ZONE@ADDRESS:PORT")
    origin = _origin_of(name)[0]
    endpoint = read_endpoint(server)
    key = None
    if arguments.key:
        wanted = parse_domain(arguments.key).lower()
        key = next((item for item in load_config(arguments.config).keys if item.name == wanted), None)
        if key is None:
            raise UsageError(f"{arguments.config} has no key {arguments.key!r} under `keys`")

    async def fetch() -> list[Record]:
        records: list[Record] = []
        async for batch in fetch_zone(endpoint, origin, key):
            for item in batch.records:
                records.append(Record(*item[:4], Place(arguments.source, len(records) + 1, 1)))
        return records

    records = asyncio.run(fetch())
    zone, problems = assemble(origin, records, Place(arguments.source, 1, 1), covers=_covers(arguments))
    return Imported([zone] if zone else [], problems)


def _in_middle(found: tuple[list[Named], list[Problem]]) -> tuple[list[Named], list[Range], list[Problem]]:
    return found[0], [], found[1]


def _folder(written: str, arguments: argparse.Namespace) -> str:
    """Give the folder of a configuration, below the root, or beside the configuration when it is relative."""
    if not written:
        return ""
    return arguments.root + written if written.startswith("/") else str(Path(arguments.file).parent / written)


def _read_zones(
    items: Sequence[ZoneFile], arguments: argparse.Namespace, files: Files, problems: list[Problem]
) -> Imported:
    """Read the master files of a configuration, those of --zone when that is said."""
    wanted = {origin for origin, _ in _wanted(arguments)}
    zones: list[Zone] = []
    seen: set[bytes] = set()
    for item in items:
        try:
            origin = parse_domain(item.zone).lower()
            if (wanted and origin not in wanted) or origin in seen:
                continue
            seen.add(origin)
            path = files.find(item.file, item.place.file)
            found = _read_zone(origin, path, read_text(path), arguments, files)
        except (ValueText, ForeignFileError) as error:
            message = f"zone {quote(item.zone)} is not imported: {error}; say --root if its files lie elsewhere"
            problems.append(Problem(item.place, message))
            continue
        zones += found.zones
        problems += found.problems
    for origin in wanted - seen:
        problems.append(Problem(Place(arguments.file, 1, 1), f"there is no zone {format_name(origin)} here"))
    return Imported(zones, problems)


def _read_zone(origin: bytes, path: str, text: str, arguments: argparse.Namespace, files: Files) -> Imported:
    place = Place(path, 1, 1)
    if _RAW in text[:8]:
        sentence = "it is in BIND's raw format; write it as text: named-compilezone -f raw -F text -o OUT ZONE FILE"
        return Imported([], [Problem(place, sentence)])
    records, problems = read_master(text, origin, path, files.fetch)
    zone, more = assemble(origin, records, place, _apex(arguments), _covers(arguments))
    return Imported([zone] if zone else [], problems + more)


def _place(named: list[Named], ranges: list[Range], problems: list[Problem], arguments: argparse.Namespace) -> Imported:
    """Put names into zones."""
    apex = _need_apex(arguments)
    zones, more = place_names(named, ranges, _spans(arguments), apex, Place(arguments.file, 1, 1))
    return Imported(zones, problems + more)


def _sort(
    named: list[Named], records: list[Record], problems: list[Problem], arguments: argparse.Namespace
) -> Imported:
    """Put records into the zones whose SOA is among them or that --zone names; then the names of addresses."""
    apex = _apex(arguments)
    wanted = _wanted(arguments)
    place = Place(arguments.file, 1, 1)
    origins = {record.owner for record in records if record.rtype == SOA} | {origin for origin, _ in wanted}
    sorted_: dict[bytes, list[Record]] = {origin: [] for origin in sorted(origins)}
    for record in records:
        owner = record.owner
        while owner not in sorted_ and owner != b"\0":
            owner = owner[1 + owner[0] :]
        if owner in sorted_:
            sorted_[owner].append(record)
            continue
        span = prefix_of(record.owner)
        if record.rtype == PTR and apex and not wanted and span and span[2] == BITS[span[0]]:
            named.append(Named(span[0], span[1], record.rdata, record.ttl, record.place))
            continue
        message = f"{format_name(record.owner)} lies in none of the zones, and is not imported"
        hint = "name its zone with --zone, and its name servers with --ns"
        problems.append(Problem(record.place, f"{message}; {hint}"))
    zones = []
    for origin, own in sorted_.items():
        zone, more = assemble(origin, own, own[0].place if own else place, apex, _covers(arguments))
        problems += more
        zones += [zone] if zone else []
    if named:
        placed, more = _place_beside(named, zones, arguments)
        problems += more
        zones += placed
    return Imported(zones, problems)


def _place_beside(
    named: Iterable[Named], zones: list[Zone], arguments: argparse.Namespace
) -> tuple[list[Zone], list[Problem]]:
    apex = _need_apex(arguments)
    placed, problems = place_names(named, [], _spans(arguments), apex, Place(arguments.file, 1, 1))
    taken = {zone.origin for zone in zones}
    for zone in placed:
        if zone.origin in taken:
            message = (
                f"{len(zone.records)} names of {format_name(zone.origin)} stand beside its records; import them apart"
            )
            problems.append(Problem(zone.place, message))
    return [zone for zone in placed if zone.origin not in taken], problems


def _wanted(arguments: argparse.Namespace) -> list[Wanted]:
    """Read --zone, each a prefix or a name."""
    return [_origin_of(text) for text in arguments.zone or ()]


def _origin_of(text: str) -> Wanted:
    try:
        return parse_origin(text)
    except ValueText as error:
        raise UsageError(f"the zone: {error}") from None


def _spans(arguments: argparse.Namespace) -> list[tuple[bytes, Prefix]]:
    """Read --zone where addresses are sorted into zones."""
    covers = _covers(arguments)
    found = []
    for origin, prefix in _wanted(arguments):
        span = prefix or covers
        if span is None:
            raise UsageError(f"{format_name(origin)} is no reverse zone; say --covers PREFIX for a classless one")
        found.append((origin, span))
    return found


def _covers(arguments: argparse.Namespace) -> Prefix | None:
    if not arguments.covers:
        return None
    try:
        prefix = parse_prefix(arguments.covers)
    except ValueText as error:
        raise UsageError(f"--covers: {error}") from None
    if prefix.version == 4 and prefix.length >= 25:
        return prefix
    raise UsageError("--covers is an IPv4 prefix of /25 to /32")


def _need_apex(arguments: argparse.Namespace) -> Apex:
    apex = _apex(arguments)
    if apex is None:
        raise UsageError(
            f"{arguments.file} does not say who serves the zones: say --ns NAME, once for each name server"
        )
    return apex


def _apex(arguments: argparse.Namespace) -> Apex | None:
    """Read --ns, --mailbox and --ttl."""
    if not arguments.ns:
        return None
    try:
        servers = tuple(parse_host(text) for text in arguments.ns)
        labels = labels_of(servers[0])
        mailbox = join_labels([b"hostmaster", *(labels[1:] if len(labels) > 1 else labels)])
        if arguments.mailbox:
            mailbox = parse_mailbox(arguments.mailbox)
        ttl = parse_duration(arguments.ttl) if arguments.ttl else _TTL
    except ValueText as error:
        raise UsageError(str(error)) from None
    soa: Soa = DEFAULT_SOA._replace(mname=servers[0], rname=mailbox)
    return Apex(soa, servers, ttl)
