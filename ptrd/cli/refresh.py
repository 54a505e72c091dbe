"""`ptrd refresh`: have a zone that comes from somebody else's primary asked after, and fetched, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.client import ask
from ptrd.cli.exits import Exit, add_output, complain, print_json
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "fetch a zone from its primary now, instead of when its time comes"
DESCRIPTION: Final = """\
Has the running server ask the primaries of a zone for its serial, fetch what is newer, and serve it, and waits for the
end of that. When no primary answers or what comes cannot be served, what was there before stays, and the exit status
is 1.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("zone", metavar="ZONE", help="the name of a zone that has `primaries`")
    parser.add_argument("--whole", action="store_true", help="fetch all of it, also when its serial went back")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and print how the zone is then."""
    request = {"command": "refresh", "zone": arguments.zone, "whole": arguments.whole}
    reply = ask(load_config(arguments.config).local.path, request)
    if arguments.output == "json":
        print_json(reply)
    elif reply["ok"]:
        zone = reply["result"]
        print(f"{zone['zone']} serial {zone['serial']} from {zone['primary']}")
    else:
        complain(reply["error"])
    return Exit.DONE if reply["ok"] else Exit.PROBLEM
