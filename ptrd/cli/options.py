"""What several commands take on the command line, written once so that it means the same everywhere."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CONFIG: Final = "/etc/ptrd/ptrd.yaml"
WAIT: Final = 30.0  # seconds, when --wait says none
MAX_WAIT: Final = 60.0  # as the server has it
FORMATS: Final = ("table", "json", "yaml", "csv")

_SECONDS: Final = re.compile(r"\d{1,4}(\.\d{1,3})?")


class UsageError(PtrdError):
    """The command line cannot be meant, although each option of it can."""


class WordParser(argparse.ArgumentParser):
    """Reads options wherever they stand, also between the words of a list and behind the last."""

    _is_inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as argparse has it
        """Parse in two passes, first the options and then the rest, each of which calls this once more."""
        if self._is_inside or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_inside = False


def add_config(parser: argparse.ArgumentParser, default: str = argparse.SUPPRESS) -> None:
    """Add `--config`. Without a default, what stands before a subcommand is not undone by one behind it."""
    parser.add_argument(
        "--config", metavar="FILE", default=default, help=f"the configuration (default: {DEFAULT_CONFIG})"
    )


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add which server is asked, and with what token. A token itself never stands on a command line."""
    group = parser.add_argument_group("which server", "The one that runs on this configuration, unless a URL is given.")
    group.add_argument("--url", metavar="URL", help="ask this server over HTTPS (default: PTRD_URL, if set)")
    group.add_argument(
        "--token-file", metavar="FILE", help="a file with the token for it (default: PTRD_TOKEN, else a prompt)"
    )
    group.add_argument(
        "--insecure-http", action="store_true", help="send the token over plain HTTP to another machine all the same"
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `-o table|json|yaml|csv`."""
    parser.add_argument(
        "-o",
        "--output",
        choices=FORMATS,
        default="table",
        help="a table for people (the default), or json, yaml or csv for programs",
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add `--dry-run`."""
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, show what would change, change nothing"
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add `--yes`."""
    parser.add_argument("--yes", action="store_true", help="do not ask before much is deleted")


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add `--wait [SECONDS]`."""
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        nargs="?",
        const=WAIT,
        type=_read_seconds,
        help=f"wait until every worker serves it, at most {MAX_WAIT:g} seconds (default: {WAIT:g})",
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add `--force`."""
    parser.add_argument("--force", action="store_true", help="with all that is left in it")


def spell_wait(arguments: Sequence[str]) -> list[str]:
    """Give `--wait` its default number where none follows, so that what does follow is not taken for one."""
    following = [*arguments, ""][1:]
    return [
        f"--wait={WAIT:g}" if word == "--wait" and not _SECONDS.fullmatch(after) else word
        for word, after in zip(arguments, following, strict=True)
    ]


def _read_seconds(text: str) -> float:
    if not _SECONDS.fullmatch(text) or float(text) > MAX_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {MAX_WAIT:g}")
    return float(text)
