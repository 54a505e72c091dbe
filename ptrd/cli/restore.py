"""`ptrd restore`: a backup in the place of the database, while no server runs. The database that was there is kept."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ptrd.cli.exits import Exit, add_output, print_json
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "put a backup in the place of the database; the server must be stopped"
DESCRIPTION: Final = """\
Puts what `ptrd backup` wrote in the place of the database. The server must be stopped. The database that was there
stays beside it under another name, and neither revisions nor zones' serials go back.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("file", metavar="FILE", help="what `ptrd backup` wrote")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore the backup."""
    from ptrd.store.backup import restore  # noqa: PLC0415 - no other command needs the database

    folder = load_config(arguments.config).state
    done = restore(Path(arguments.file), folder, actor=_who(), now=time.time())
    _give_back(folder)
    if arguments.output == "json":
        kept = None if done.kept is None else str(done.kept)
        print_json({"backed_up": done.backed_up, "revision": done.revision, "kept": kept})
    else:
        print(f"revision {done.backed_up} is restored; the server goes on from revision {done.revision}")
        if done.kept is not None:
            print(f"the database that was there is kept as {done.kept}")
    return Exit.DONE


def _who() -> str:
    """Name who restores, for the journal."""
    with suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 - only here

        return f"local:{pwd.getpwuid(os.getuid()).pw_name}"
    return f"local:{os.getuid()}"


def _give_back(folder: Path) -> None:
    """Give the lock, which root may have made just now, to the folder's owner, as whom the server runs."""
    if os.geteuid() == 0:
        owner = folder.stat()
        with suppress(OSError):  # the server says what is wrong with it, when that is so
            os.chown(folder / "lock", owner.st_uid, owner.st_gid)
