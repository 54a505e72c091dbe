"""From the command line to a subcommand and its exit status.

No expected error shows a traceback: PtrdError is a sentence, Ctrl-C and a closed pipe are silent.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError, __version__
from ptrd.cli import check, lookup, reload, serve, status
from ptrd.cli.client import UnreachableError
from ptrd.cli.exits import Exit, complain
from ptrd.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CONFIG: Final = "/etc/ptrd/ptrd.yaml"

_COMMANDS: Final = {"serve": serve, "check": check, "lookup": lookup, "reload": reload, "status": status}
_EPILOG: Final = """\
exit status:
  0    done
  1    something is invalid or was refused; the output says what
  2    the command line is wrong
  3    no running server could be asked

examples:
  ptrd serve --config config/ptrd.yaml     serve the example zones
  ptrd check                               are the zone files right?
  ptrd lookup 192.0.2.10                   what is answered for this address, and why?
  ptrd reload && ptrd status               publish changed zone files
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `ptrd` with these arguments, the process's own by default, and give its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be any bytes
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except UnreachableError as error:
        complain(str(error))
        return Exit.UNREACHABLE
    except ConfigError as error:
        print(error, file=sys.stderr)  # as a compiler would: each line begins with its place
        return Exit.PROBLEM
    except PtrdError as error:
        complain(str(error))
        return Exit.PROBLEM
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return Exit.PIPE_CLOSED
    except OSError as error:  # a full disk behind standard output, and the like
        complain(f"cannot go on: {error.strerror or error}")
        _drop_output()
        return Exit.PROBLEM
    return code


def _drop_output() -> None:
    """Send what is still buffered nowhere, instead of failing once more when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str]) -> int:
    parser = _make_parser()
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as exit_:  # argparse has printed its sentence, or the help that was asked for
        return exit_.code if isinstance(exit_.code, int) else Exit.USAGE
    if chosen.command is None:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    code: int = _COMMANDS[chosen.command].run(chosen)
    return code


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ptrd",
        description="An authoritative reverse-DNS server. Every command reads the same ptrd.yaml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ptrd {__version__}")
    _add_config(parser, DEFAULT_CONFIG)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, module in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            allow_abbrev=False,
        )
        # Suppressed here, so that what stands before the subcommand is not undone by a default behind it.
        _add_config(command, argparse.SUPPRESS)
        module.define(command)
    return parser


def _add_config(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--config", metavar="FILE", default=default, help=f"the configuration (default: {DEFAULT_CONFIG})"
    )
