"""`ptrd status`: what the running server serves, where, and how its last load of the zone files ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.client import ask
from ptrd.cli.exits import Exit, add_output, complain, print_json
from ptrd.cli.output import print_table
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "show what the running server serves, and whether it is well"
DESCRIPTION: Final = """\
Shows what the running server serves, where, and how its last load of the zone files ended. The exit status is 1 when
it is degraded: it answers, but not from what the zone files say now.
"""

_TITLES: Final = ("SECONDARY", "ZONE", "SERIAL", "BEHIND", "TROUBLE")


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--secondaries", action="store_true", help="list each secondary of each zone, and how far it is behind"
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the status and print it."""
    request = {"command": "status", "secondaries": arguments.secondaries}
    reply = ask(load_config(arguments.config).local.path, request)
    if arguments.output == "json":
        print_json(reply)
    elif reply["ok"]:
        for name, value in _lines(reply["result"]):
            print(f"{name:<10}{value}")
        if arguments.secondaries:
            print_table(_TITLES, [_row(standing) for standing in reply["result"]["standings"]])
    else:
        complain(reply["error"])
    return Exit.DONE if reply["ok"] and not reply["result"]["degraded"] else Exit.PROBLEM


def _lines(result: dict[str, Any]) -> list[tuple[str, str]]:
    state = f"degraded: {result['degraded']}" if result["degraded"] else "serving"
    lines = [
        ("state", state),
        ("version", result["version"]),
        ("process", f"{result['pid']}, for {_duration(result['uptime'])}"),
        ("listen", " ".join(result["listen"])),
        ("zones", f"{result['zones']}, with {result['records']} records and {result['ranges']} ranges"),
        ("image", f"revision {result['revision']}, {result['bytes']} bytes"),
    ]
    lines += [
        (f"worker {number}", f"process {worker['pid']}, revision {worker['revision']}, {_how(worker)}")
        for number, worker in enumerate(result["workers"])
    ]
    if result["uncompiled"]:
        lines.append(("data path", f"plain Python: {result['uncompiled']}"))
    lines.append(("restarts", f"{result['restarts']} of workers that ended unasked"))
    lines += [("secondary" if not number else "", _describe(zone)) for number, zone in enumerate(result["received"])]
    told = result["secondaries"]
    if told["total"]:
        lines.append(("told", f"{told['total']} secondaries of our zones, of which {told['behind']} are behind"))
    last = result["publish"]
    if last is not None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last["time"]))
        how = f"{last['outcome']} in {last['seconds']} s" + (f": {last['error']}" if last["error"] else "")
        lines.append(("last load", f"{when}, {how}"))
        lines += [("", problem) for problem in last["problems"]]
    return lines


def _how(worker: dict[str, Any]) -> str:
    return "compiled data path" if worker["compiled"] else "plain Python"


def _row(standing: dict[str, Any]) -> list[str]:
    """Describe where a secondary of one of our zones stands."""
    behind = standing["behind"]
    state = "not known" if behind is None else f"for {_duration(behind)}" if behind else "no"
    serial = "" if standing["serial"] is None else str(standing["serial"])
    return [standing["secondary"], standing["zone"], serial, state, standing["trouble"]]


def _describe(zone: dict[str, Any]) -> str:
    """Describe a zone that comes from somebody else's primary."""
    serial = "" if zone["serial"] is None else f", serial {zone['serial']}"
    source = "" if zone["primary"] is None else f" from {zone['primary']}"
    return f"{zone['zone']} {zone['state']}{serial}{source}" + (f": {zone['error']}" if zone["error"] else "")


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hour, "h"), (minute, "min"), (second, "s")) if count]
    return " ".join(parts[:2]) or "0 s"
