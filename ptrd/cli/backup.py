"""`ptrd backup`: the whole database in one file, taken while the server runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ptrd.cli.exits import Exit, add_output, print_json
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "write all accounts, EIPs, records and the journal to one file"
DESCRIPTION: Final = """\
Writes the state of one moment to a file with mode 0600, whether or not the server runs, and checks that it is whole.
The master key is not in it: keep a copy of that at another place, without it access keys cannot be used again.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("file", metavar="FILE", help="where to; a backup of that name is replaced")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the backup."""
    from ptrd.store.backup import back_up  # noqa: PLC0415 - no other command needs the database

    size = back_up(load_config(arguments.config).state / "ptrd.db", Path(arguments.file))
    if arguments.output == "json":
        print_json({"file": arguments.file, "bytes": size})
    else:
        print(f"{arguments.file} has the whole database, {size} bytes; the master key is not in it")
    return Exit.DONE
