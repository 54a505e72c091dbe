"""`ptrd reload`: have the running server read its zone files again, and wait for the outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.client import ask
from ptrd.cli.exits import Exit, add_output, complain, print_json
from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "publish changed zone files, all of them or none"
DESCRIPTION: Final = """\
Has the running server read its zone files again, and the certificate of DNS over TLS, and waits until every worker
serves them. When a zone file has an error the zones stay, when the certificate has one it stays: the problems are
printed and the exit status is 1. SIGHUP does the same without waiting.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the reload and print its outcome."""
    reply = ask(load_config(arguments.config).local.path, {"command": "reload"})
    if arguments.output == "json":
        print_json(reply)
    else:
        for problem in reply.get("problems", ()):
            print(problem)
        for line in _describe(reply.get("result", {"outcome": "refused"})):
            print(line)
        if not reply["ok"]:
            complain(reply["error"])
    return Exit.DONE if reply["ok"] else Exit.PROBLEM


def _describe(result: dict[str, Any]) -> list[str]:
    certificate = result.get("certificate", {})
    renewed = []
    if certificate.get("outcome") == "replaced":
        date = datetime.fromtimestamp(certificate["expires"], UTC).strftime("%Y-%m-%d")
        renewed.append(f"a new certificate is in use; the next to expire does so on {date}")
    if result.get("orphans"):
        renewed.append(result["orphans"])
    if result["outcome"] == "refused":
        return renewed
    if result["outcome"] == "unchanged":
        what = "no zone file" if renewed else "no file"
        return [*renewed, f"{what} has changed; revision {result['revision']} is served"]
    changed = [
        f"{zone['zone']} serial {zone['new']}" + ("" if zone["old"] is None else f" (was {zone['old']})")
        for zone in result["changed"]
    ]
    return [*renewed, *changed, f"revision {result['revision']} is served, after {result['seconds']} s"]
