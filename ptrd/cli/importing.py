"""`ptrd import`: what other programs keep, as zone files of ptrd.

Nothing is dropped in silence: what a zone file cannot say is told with its place, and the exit status is 1 then. What
is written means what was read, and is read back before it is given out.
"""

from __future__ import annotations

import gc
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.cli import importsources
from ptrd.cli.asking import confirm
from ptrd.cli.exits import Exit, complain
from ptrd.cli.options import add_config
from ptrd.records.model import Problem
from ptrd.records.values import format_address, format_prefix
from ptrd.snapshot.recognition import Proposal, apply, recognize, refuse_templates
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import same_zone, write_zone
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ptrd.cli.importsources import Imported
    from ptrd.records.model import Zone

HELP: Final = "turn what other name servers and lists say into zone files"
DESCRIPTION: Final = """\
Reads what another program keeps and writes zone files: on standard output, or with --out one file for each zone. What
cannot be represented is listed on standard error with its place; the exit status is 1 then, unless --lenient is said.
Runs of generated names are shown as the template that would make them, which --templates writes instead of the
records. No server is needed.
"""
_SHOWN: Final = 3  # examples of a list
_LONGEST: Final = 200  # characters of a file's name


class _Format(NamedTuple):
    """One format: what reads it, and which options it has beside those of all."""

    help: str
    read: Callable[[argparse.Namespace], Imported]
    options: str


# a: who serves the zones. c: what a classless zone covers. d: a domain. f: a file. k: a server and a key. r: a root.
# v: a view. z: zones.
_FORMATS: Final = {
    "zonefile": _Format("a master file, as BIND, NSD and Knot read it", importsources.import_zonefile, "facrz"),
    "named": _Format("the zones of a named.conf (BIND)", importsources.import_named, "farvz"),
    "nsd": _Format("the zones of an nsd.conf", importsources.import_nsd, "farz"),
    "knot": _Format("the zones of a knot.conf, mod-synthrecord among them", importsources.import_knot, "farz"),
    "knot-synthrecord": _Format(
        "the names that mod-synthrecord of a knot.conf makes", importsources.import_synthrecord, "facrz"
    ),
    "axfr": _Format("a zone of a running server, by zone transfer", importsources.import_axfr, "ck"),
    "hosts": _Format("a hosts file", importsources.import_hosts, "facdz"),
    "csv": _Format("CSV: address, name, TTL", importsources.import_csv, "facz"),
    "tinydns": _Format("tinydns-data lines (djbdns)", importsources.import_tinydns, "facz"),
    "dnsmasq": _Format(
        "ptr-record, host-record and synth-domain of a dnsmasq.conf", importsources.import_dnsmasq, "facrz"
    ),
    "designate": _Format(
        "JSON of Designate: record sets, or PTR of floating IPs", importsources.import_openstack, "facz"
    ),
    "openstack": _Format("the same, by its other name", importsources.import_openstack, "facz"),
    "netbox": _Format("IP addresses of NetBox, as JSON or CSV", importsources.import_netbox, "facz"),
}


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    formats = parser.add_subparsers(dest="format", metavar="FORMAT", title="formats", required=True)
    for name, form in _FORMATS.items():
        one = formats.add_parser(name, help=form.help, description=f"Reads {form.help}.", allow_abbrev=False)
        _define_source(one, form.options)
        one.add_argument("--out", metavar="FOLDER", help="write one file for each zone into this folder")
        one.add_argument("--force", action="store_true", help="with --out, write over files that are there")
        one.add_argument(
            "--templates", action="store_true", help="write the templates that are found instead of records"
        )
        one.add_argument(
            "--lenient", action="store_true", help="end with status 0 although something could not be imported"
        )
        add_config(one)


def _define_source(one: argparse.ArgumentParser, options: str) -> None:
    one.set_defaults(zone=None, covers=None, ns=None, mailbox=None, ttl=None, root="", domain="", view="", key=None)
    if "f" in options:
        one.add_argument("file", metavar="FILE", help="what is read")
    if "k" in options:
        one.add_argument("source", metavar="ZONE@ADDRESS[:PORT]", help="the zone, and the server that gives it")
        one.add_argument("--key", metavar="NAME", help="sign with this key of ptrd.yaml's `keys`")
    if "z" in options:
        text = "the zone, as a prefix or a name; where several can be read, these alone"
        one.add_argument("--zone", metavar="NAME", action="append", help=text)
    if "c" in options:
        one.add_argument("--covers", metavar="PREFIX", help="what a classless zone (RFC 2317) covers")
    if "a" in options:
        one.add_argument("--ns", metavar="NAME", action="append", help="a name server, where the source names none")
        one.add_argument("--mailbox", metavar="MAILBOX", help="the SOA's mailbox then (default: hostmaster@)")
        one.add_argument("--ttl", metavar="TIME", help="the TTL of what has none (default: 1h)")
    if "d" in options:
        one.add_argument("--domain", metavar="NAME", help="put this behind names without a dot", default="")
    if "r" in options:
        text = "where / of absolute file names is, for a copied tree"
        one.add_argument("--root", metavar="FOLDER", help=text, default="")
    if "v" in options:
        one.add_argument("--view", metavar="NAME", help="take the zones of this view", default="")


def run(arguments: argparse.Namespace) -> int:
    """Read, show what was found and what was not, and write."""
    collecting = gc.isenabled()
    gc.disable()  # a million tuples, none of them garbage: collecting among them takes as long as making them
    try:
        return _import(arguments)
    finally:
        if collecting:
            gc.enable()


def _import(arguments: argparse.Namespace) -> int:
    zones, problems = _FORMATS[arguments.format].read(arguments)
    for zone in zones:
        problems += refuse_templates(zone)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not zones:
        complain("nothing was imported")
        return Exit.PROBLEM
    zones = _offer_templates(zones, wanted=arguments.templates)
    errors = sum(not problem.warning for problem in problems)
    documents = []
    for zone in zones:
        text = write_zone(zone)
        documents.append((zone, text))
        for problem in _check(zone, text, told=bool(errors)):
            print(problem, file=sys.stderr)
            errors += 1
    if arguments.out:
        _write_files(documents, Path(arguments.out), force=arguments.force)
    else:
        sys.stdout.write("---\n".join(text for _, text in documents))
    if errors:
        what = "problem" if errors == 1 else "problems"
        complain(
            f"{errors} {what} above: not all was imported{'' if arguments.lenient else '; --lenient accepts that'}"
        )
    return Exit.PROBLEM if errors and not arguments.lenient else Exit.DONE


def _check(zone: Zone, text: str, *, told: bool) -> list[Problem]:
    """Read back what was written: it must be the same zone, or one with errors that have been told of the source."""
    name = f"{format_name(zone.origin)} as written"
    loaded, problems = load_zone_file(name, text.encode())
    errors = [problem for problem in problems if not problem.warning]
    if errors and told:
        return []
    if errors or len(loaded) != 1 or not same_zone(zone, loaded[0]):
        return errors or [Problem(zone.place, f"{name} would mean another zone; please report this with the source")]
    return []


def _offer_templates(zones: list[Zone], *, wanted: bool) -> list[Zone]:
    """Show the templates that could stand instead of records, and give the zones with those that are wanted."""
    found = [recognize(zone) for zone in zones]
    if not any(found):
        return zones
    for zone, recognition in zip(zones, found, strict=True):
        for proposal in recognition.proposals if recognition else ():
            for line in _show(zone, proposal):
                print(line, file=sys.stderr)
    if not wanted:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            complain("these records are written out; say --templates to write the templates instead")
            return zones
        wanted = confirm("write these templates instead of the records", yes=False)
    if not wanted:
        return zones
    return [apply(zone, recognition) if recognition else zone for zone, recognition in zip(zones, found, strict=True)]


def _show(zone: Zone, proposal: Proposal) -> list[str]:
    """Say what a template would replace, what stays, and what is excluded."""
    version = zone.prefix.version if zone.prefix else 4
    numbers = proposal.replaced
    first, last = (format_address(version, number) for number in (numbers[0], numbers[-1]))
    ranges = _some([format_prefix(prefix) for prefix in proposal.ranges])
    what = f"{format_name(zone.origin)} template {proposal.template!r} (TTL {proposal.ttl}) for {ranges}"
    lines = [f"{what}: makes {len(numbers)} records, {first} to {last}"]
    if proposal.kept:
        kept = [
            f"{format_address(version, record.number)} {format_name(record.targets[0])}" for record in proposal.kept
        ]
        lines.append(f"  {len(kept)} other records in between stay: {_some(kept)}")
    if proposal.excluded:
        excluded = [format_prefix(prefix) for prefix in proposal.excluded]
        lines.append(f"  without a name, and excluded so that they get none: {_some(excluded)}")
    return lines


def _some(texts: list[str]) -> str:
    shown = ", ".join(texts[:_SHOWN])
    return f"{shown} and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else shown


def _write_files(documents: list[tuple[Zone, str]], folder: Path, *, force: bool) -> None:
    """Write each zone into a file of its own; none when one is there already. Raises PtrdError."""
    named = [(folder / file_name(zone.origin), text) for zone, text in documents]
    there = [str(path) for path, _ in named if path.exists() or path.is_symlink()]
    if there and not force:
        raise PtrdError(f"there is already {_some(there)}; nothing was written: say --force to write over")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in named:
            path.write_text(text, encoding="ascii")
            print(path)
    except OSError as error:
        raise PtrdError(f"{folder} cannot be written: {error.strerror or error}") from None


def file_name(origin: bytes) -> str:
    """Give a file's name for a zone: its own, with whatever is no letter, digit, hyphen or inner dot as %XX."""
    text = format_name(origin).removesuffix(".") or "root"
    safe = "".join(char if char.isalnum() or char in "-_." else f"%{ord(char):02X}" for char in text)
    if len(safe) > _LONGEST:
        safe = f"{safe[:_LONGEST]}-{blake2b(origin, digest_size=8).hexdigest()}"
    return f"{safe}.yaml"
