"""`ptrd diff`: what would change from one version of a zone to another, wherever the two are.

A version is a file, a running name server's answer to AXFR, or what is live here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.cli.client import UnreachableError
from ptrd.cli.exits import Exit, add_output, complain, print_json
from ptrd.cli.options import UsageError
from ptrd.config import Config, ConfigError, load_config
from ptrd.engine.options import Options
from ptrd.records.values import ValueText, parse_prefix
from ptrd.wire.names import NameError_, format_name, parse_name
from ptrd.wire.reverse import STRIDE, reverse_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ptrd.cli.changes import Version
    from ptrd.cli.listings import Listing
    from ptrd.client.endpoints import Endpoint
    from ptrd.records.received import Record
    from ptrd.records.transfer import Key

HELP: Final = "compare two versions of a zone: files, name servers, what is live"
DESCRIPTION: Final = """\
Prints what is in A and not in B as lines that begin with -, and what is in B and not in A with +. A and B are each
FILE (YAML as *.yaml or *.yml or a folder of them, else a master file), axfr:ZONE@ADDRESS[:PORT] (what that name server
gives by AXFR), or live:ZONE (what the running ptrd serves). Default host names are compared as templates where both
sides have templates, else written out. The SOA's serial is noted and not counted. The exit status is 0 when the two
are the same, 1 when they differ, 2 when they cannot be compared, and 3 when a server cannot be reached.
"""
_AXFR, _LIVE = "axfr:", "live:"


class Side(NamedTuple):
    """A or B: one of the three, `zone` where it says which."""

    text: str
    zone: str | None
    endpoint: Endpoint | None = None
    is_live: bool = False
    is_yaml: bool = False

    @property
    def has_templates(self) -> bool:
        """Tell whether it is ptrd's, with default host names as templates."""
        return self.is_live or self.is_yaml


class Wanted(NamedTuple):
    """What both sides are asked for. `expand` is how many default names are written out, None for none."""

    config: Config | None
    zone: str | None
    key: Key | None
    expand: int | None
    as_templates: bool


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help="FILE, axfr:ZONE@ADDRESS[:PORT] or live:ZONE")
    parser.add_argument("--zone", metavar="ZONE", help="the zone, where neither A nor B says which it is")
    parser.add_argument("--key", metavar="NAME", help="sign AXFR with this one of `keys` in ptrd.yaml")
    parser.add_argument(
        "--defaults",
        choices=("expand", "omit"),
        help="default host names: write each out, or leave them out (default: compare templates where both sides "
        "have them, else expand)",
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, and say by the exit status whether there is a difference."""
    from ptrd.cli.changes import as_json, compare, print_changes  # noqa: PLC0415 - dnspython, as in the next
    from ptrd.client.transfer import Unreachable  # noqa: PLC0415 - few commands need it

    try:
        sides = read_side(arguments.a), read_side(arguments.b)
        wanted = _wanted(arguments, sides)
        old, new = _version(sides[0], wanted), _version(sides[1], wanted)
        _check_same(format_name(old.origin), format_name(new.origin))
        changes = compare(old, new)
    except (UnreachableError, UsageError):
        raise
    except Unreachable as error:
        raise UnreachableError(str(error)) from None
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        return Exit.USAGE
    except PtrdError as error:
        complain(str(error))
        return Exit.USAGE
    if arguments.output == "json":
        print_json({"a": arguments.a, "b": arguments.b, **as_json(changes)})
    else:
        print_changes(changes, arguments.a, arguments.b)
    return Exit.PROBLEM if changes.number else Exit.DONE


def read_side(text: str) -> Side:
    """Read A or B. Raises UsageError."""
    from ptrd.client.endpoints import read_endpoint  # noqa: PLC0415 - as above

    if text.startswith(_AXFR):
        zone, at, server = text.removeprefix(_AXFR).rpartition("@")
        if not at or not zone:
            raise UsageError(f"{text!r} says no server; write axfr:2.0.192.in-addr.arpa@192.0.2.53")
        try:
            return Side(text, zone, endpoint=read_endpoint(server))
        except ValueText as error:
            raise UsageError(str(error)) from None
    if text.startswith(_LIVE):
        if not text.removeprefix(_LIVE):
            raise UsageError("'live:' says no zone; write live:2.0.192.in-addr.arpa")
        return Side(text, text.removeprefix(_LIVE), is_live=True)
    path = Path(text)
    if "@" in text and not path.exists():
        raise UsageError(f"there is no file {text}; the zone of a server is written axfr:{text}")
    return Side(text, None, is_yaml=path.suffix in {".yaml", ".yml"} or path.is_dir())


def _wanted(arguments: argparse.Namespace, sides: tuple[Side, Side]) -> Wanted:
    is_needed = arguments.key is not None or any(side.is_live for side in sides)
    config = load_config(arguments.config) if is_needed or Path(arguments.config).is_file() else None
    named = [arguments.zone, *(side.zone for side in sides)]
    if not any(named):
        named = [_zone_in(side) for side in sides]
    zones = {_origin(zone): zone for zone in named if zone is not None}
    _check_same(*zones.values())
    as_templates = arguments.defaults is None and all(side.has_templates for side in sides)
    most = (config.answers if config is not None else Options()).transfer_expand
    return Wanted(
        config,
        next(iter(zones.values()), None),
        _key(arguments.key, config),
        None if as_templates or arguments.defaults == "omit" else most,
        as_templates,
    )


def _check_same(*zones: str) -> None:
    if len(set(zones)) > 1:
        raise UsageError(f"{' and '.join(zones)} are different zones; compare two versions of one")


def _zone_in(side: Side) -> str | None:
    """Give the zone that a master file says it is, for a folder at the other side; None when it does not say."""
    from ptrd.records.foreign.master import find_origin  # noqa: PLC0415 - as above
    from ptrd.store.foreignfiles import read_text  # noqa: PLC0415

    origin = None if side.has_templates else find_origin(read_text(side.text))
    return None if origin is None else format_name(origin)


def _origin(zone: str) -> bytes:
    """Give the name that a name or a prefix means. Raises UsageError."""
    try:
        prefix = parse_prefix(zone)
    except ValueText:
        try:
            return parse_name(zone).lower()
        except NameError_ as error:
            raise UsageError(f"{zone!r} is no zone: {error}") from None
    if prefix.length % STRIDE[prefix.version]:
        raise UsageError(f"{zone} is the prefix of no reverse zone; write the zone's name")
    return reverse_name(*prefix)


def _key(name: str | None, config: Config | None) -> Key | None:
    if name is None or config is None:
        return None
    wire = _origin(name)
    for key in config.keys:
        if key.name == wire:
            return key
    known = ", ".join(format_name(key.name).removesuffix(".") for key in config.keys) or "none"
    raise UsageError(f"there is no key {name} in `keys` of ptrd.yaml; there are: {known}")


def _version(side: Side, wanted: Wanted) -> Version:
    from ptrd.cli.changes import Version  # noqa: PLC0415 - as above

    if side.endpoint is not None:
        origin = _origin(side.zone or "")
        return Version(origin, _transfer(side.endpoint, origin, wanted.key), None)
    if not side.has_templates:
        return _read_master(side.text, wanted)
    listing = _list(side, wanted)
    if wanted.expand is not None and not listing.is_expanded:
        raise PtrdError(
            f"{side.text} has {listing.made} default host names, more than `transfer.expand` ({wanted.expand}): raise "
            "that, or write `--defaults omit`"
        )
    return Version(listing.zone.origin, listing.records, listing.zone if wanted.as_templates else None)


def _list(side: Side, wanted: Wanted) -> Listing:
    """List what ptrd serves, or would serve by a file."""
    from ptrd.cli.files import compile_zones  # noqa: PLC0415 - as above
    from ptrd.cli.listings import list_file_zones, list_live  # noqa: PLC0415
    from ptrd.control.options import PublishOptions  # noqa: PLC0415
    from ptrd.engine.listing import find_zone  # noqa: PLC0415

    if side.is_live and wanted.config is not None:
        return list_live(wanted.config.local.path, side.zone or "", wanted.expand)
    compiled, snapshot = compile_zones(PublishOptions((side.text,)))
    if snapshot is None:
        for problem in compiled.problems:
            complain(str(problem))
        raise PtrdError(f"{side.text} cannot be compared: it has errors")
    if wanted.zone is None and len(snapshot.zones) != 1:
        names = ", ".join(sorted(format_name(zone.origin) for zone in snapshot.zones)[:10]) or "none"
        raise PtrdError(f"which zone of {side.text} is meant? Write `--zone` with one of: {names}")
    zone = snapshot.zones[0] if wanted.zone is None else find_zone(snapshot, wanted.zone)
    return list_file_zones(snapshot, [zone], side.text, wanted.expand)[0]


def _read_master(path: str, wanted: Wanted) -> Version:
    from ptrd.cli.changes import Version  # noqa: PLC0415 - as above
    from ptrd.records.foreign.master import find_origin, read_master  # noqa: PLC0415 - as above
    from ptrd.records.received import Record  # noqa: PLC0415
    from ptrd.store.foreignfiles import Files, read_text  # noqa: PLC0415

    text = read_text(path)
    origin = find_origin(text) if wanted.zone is None else _origin(wanted.zone)
    if origin is None:
        raise PtrdError(f"which zone is {path}? Write `--zone NAME`")
    records, problems = read_master(text, origin, path, Files().fetch)
    for problem in problems:
        complain(str(problem))
    if any(not problem.warning for problem in problems):
        raise PtrdError(f"{path} cannot be compared: it has errors")
    return Version(origin, [Record(*record[:4]) for record in records], None)


def _transfer(endpoint: Endpoint, zone: bytes, key: Key | None) -> Iterator[Record]:
    """Give records as they come, so that a million of them need not be held."""
    from ptrd.client.transfer import fetch_zone  # noqa: PLC0415 - as above

    batches = fetch_zone(endpoint, zone, key)

    async def fetch() -> list[Record]:
        return [record for batch in [await anext(batches, None)] if batch is not None for record in batch.records]

    with asyncio.Runner() as runner:
        while records := runner.run(fetch()):
            yield from records
