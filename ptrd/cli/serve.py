"""`ptrd serve`: run the server in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.config import load_config

if TYPE_CHECKING:
    import argparse

HELP: Final = "answer DNS queries until a signal ends it"
DESCRIPTION: Final = """\
Answers DNS queries from the zone files that the configuration names, in the foreground. SIGHUP reads the zone files
again, SIGTERM and Ctrl-C end it. It exits with 1, and one sentence, when it cannot start.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes: nothing of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Read the configuration and serve."""
    config = load_config(arguments.config)
    from ptrd.daemon.run import run as serve  # noqa: PLC0415 - the other commands need none of what it takes to serve

    return serve(config)
