"""What a command says when it ends: exit statuses, JSON on standard output, sentences on standard error.

The statuses are a contract with scripts; README.md lists them.
"""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    PROBLEM = 1  # something is invalid or was refused; the output says what
    USAGE = 2  # the command line itself is wrong
    UNREACHABLE = 3  # no running server could be asked, or no resolver
    NOT_LIVE = 4  # a change is committed, but DNS did not say it within --wait
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells count
    PIPE_CLOSED = 141  # whoever read the output has gone: 128 + SIGPIPE


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add `-o text|json`."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="text for people (the default), or one JSON object for programs",
    )


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Print one JSON value, indented, as all of the standard output."""
    print(json.dumps(value, indent=2))


def complain(sentence: str) -> None:
    """Print a sentence on standard error, marked as ours."""
    print(f"ptrd: {sentence}", file=sys.stderr)
