"""`ptrd export`: a zone as it is live, managed records and all, in a form that other programs read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.cli.exits import Exit, complain
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from ptrd.cli.listings import Listing

HELP: Final = "write a zone as a master file, YAML, CSV or a hosts file"
DESCRIPTION: Final = """\
Writes a zone as the running server has it, managed records included; where none runs, as the zone files have it, which
standard error says. A master file, CSV and hosts file have default host names written out, up to `transfer.expand` of
them, or else without; YAML keeps their templates. What a form cannot say is listed on standard error.
"""
FORMATS: Final = ("zonefile", "yaml", "csv", "hosts")


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("zone", metavar="ZONE", help="the zone's name, or the prefix that it spans")
    parser.add_argument("file", metavar="FILE", nargs="?", help="where to; a file of that name is replaced")
    parser.add_argument("--format", choices=FORMATS, required=True, help="the form")
    parser.add_argument(
        "--defaults",
        choices=("expand", "omit"),
        help="default host names: write each out, or leave them out (default: expand where the form has no "
        "templates and they are not too many)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the zone."""
    from ptrd.cli.forms import FORMS, leave_out_defaults  # noqa: PLC0415 - dnspython, which few commands need
    from ptrd.cli.listings import list_zone  # noqa: PLC0415 - the same

    form = FORMS[arguments.format]
    config = load_config(arguments.config)
    most = config.answers.transfer_expand
    is_wanted = arguments.defaults == "expand" or (arguments.defaults is None and not form.has_templates)
    listing = list_zone(config.local.path, config.publish, arguments.zone, most if is_wanted else None)
    _check_count(listing, arguments, most, is_wanted=is_wanted)
    left_out: list[str] = []
    if form.has_templates and arguments.defaults == "omit":
        leave_out_defaults(listing.zone.defaults, left_out.append)
        listing.zone.defaults = []
    with _destination(arguments.file) as stream:
        form.write(listing, stream, left_out.append)
    for line in left_out:
        complain(f"left out: {line}")
    for line in listing.hidden:
        complain(f"left out: {line}, a managed record that is not served: something hides it")
    return Exit.DONE


def _check_count(listing: Listing, arguments: argparse.Namespace, most: int, *, is_wanted: bool) -> None:
    if not is_wanted or listing.is_expanded:
        return
    many = f"{arguments.zone} has {listing.made} default host names, more than `transfer.expand` ({most})"
    if arguments.defaults == "expand":
        raise PtrdError(f"{many}; raise that, write `--defaults omit`, or `--format yaml`, which keeps templates")
    complain(f"{many}: they are left out")


@contextlib.contextmanager
def _destination(file: str | None) -> Iterator[TextIO]:
    """Open what is written to: a file appears, or replaces an older one, when it is whole."""
    if file is None:
        yield sys.stdout
        return
    path = Path(file)
    if path.exists() and not path.is_file():  # a device, a pipe
        with path.open("w", encoding="utf-8") as stream:
            yield stream
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise PtrdError(f"cannot write to {path.parent}: {error.strerror}") from None
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        fresh.chmod(0o666 & ~mask)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
