"""`ptrd log`: the journal, which has every change: who did what, when, and what was there before."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.diff import differences
from ptrd.cli.exits import Exit
from ptrd.cli.options import UsageError, add_connection, add_format
from ptrd.cli.output import Row, Shape, plain, print_rows, print_yaml, write_csv
from ptrd.cli.verbs import run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "show the journal: who changed what, and when"
DESCRIPTION: Final = """\
Shows the newest entries of the journal, the oldest of them first. Each change has one, and each publication of zone
files, with the zones' serials before and after. With --follow it goes on with what comes, until Ctrl-C.
"""
SHAPE: Final = Shape(
    ("revision", "time", "actor", "action", "project_id", "address", "before", "after", "request_id", "serials"), ()
)
_TOLD: Final = frozenset({"id", "address", "project", "revision"})  # elsewhere in the line, or of no interest
_PERIOD: Final = 1.0  # seconds between two looks


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what comes")
    parser.add_argument(
        "--limit", "-n", metavar="NUMBER", type=int, default=50, help="how many, 1 to 1000 (default: 50)"
    )
    parser.add_argument("--after", metavar="REVISION", type=int, help="from behind this revision on, not the newest")
    parser.add_argument("--address", metavar="ADDRESS", help="about this address")
    parser.add_argument("--project", metavar="NAME", help="of this project, its name or id")
    add_format(parser)
    add_connection(parser)
    parser.set_defaults(work=_show)


def run(arguments: argparse.Namespace) -> int:
    """Show the journal."""
    return run_verb(arguments)


def _show(arguments: argparse.Namespace, api: Api) -> int:
    if not 1 <= arguments.limit <= 1000:
        raise UsageError("--limit is a number from 1 to 1000")
    query = {"address": arguments.address, "project": arguments.project}
    if arguments.after is None:
        entries = api.get("journal", newest_first=True, limit=arguments.limit, **query)["entries"]
        entries = entries[: arguments.limit][::-1]  # the server never gives a part of what was changed at once
    else:
        entries = api.get("journal", after=arguments.after, limit=arguments.limit, **query)["entries"]
    if not arguments.follow:
        _print(entries, arguments.output)
        return Exit.DONE
    if arguments.output == "csv":
        write_csv(sys.stdout, [], SHAPE.fields)
    last = arguments.after or 0
    while True:
        _print_more(entries, arguments.output)
        last = max([last, *(entry["revision"] for entry in entries)])
        time.sleep(_PERIOD)
        entries = api.get("journal", after=last, limit=1000, **query)["entries"]


def _print(entries: list[Row], output: str) -> None:
    if output == "table":
        _print_more(entries, output)
    else:
        print_rows(entries, SHAPE, output)


def _print_more(entries: list[Row], output: str) -> None:
    """Print entries so that others can follow: in JSON one a line."""
    for entry in entries:
        if output == "json":
            print(json.dumps(entry))
        elif output == "yaml":
            print_yaml([entry])
        elif output == "csv":
            write_csv(sys.stdout, [entry], SHAPE.fields, header=False)
        else:
            print(_line(entry))
    sys.stdout.flush()


def _line(entry: Row) -> str:
    when = entry["time"].replace("T", " ").partition(".")[0]
    what = plain(" ".join(filter(None, [entry["actor"], entry["action"], entry["address"], _changed(entry)])))
    return f"{when} UTC  {entry['revision']}  {what}"


def _changed(entry: dict[str, Any]) -> str:
    """Say in a few words what changed; of a publication, which only zones have, their serials."""
    if entry["before"] is None and entry["after"] is None:
        return ", ".join(f"{zone} serial {new}" for zone, (_, new) in entry["serials"].items())
    changes = [_spell(*one) for one in differences(entry["before"], entry["after"], _TOLD)]
    return "; ".join(changes)


def _spell(field: str, old: str, new: str) -> str:
    if not old:
        return f"{field}: {new}"
    return f"{field} was {old}" if not new else f"{field}: {new} (was {old})"
