"""From the command line to a subcommand and its exit status.

No expected error shows a traceback: PtrdError is a sentence, Ctrl-C and a closed pipe are silent.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from ptrd import PtrdError, __version__
from ptrd.cli.client import UnreachableError
from ptrd.cli.exits import Exit, complain
from ptrd.cli.options import DEFAULT_CONFIG, UsageError, WordParser, add_config, spell_wait
from ptrd.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Protocol):
    """What the module of a command has."""

    HELP: str
    DESCRIPTION: str

    @staticmethod
    def define(parser: argparse.ArgumentParser) -> None:
        """Add what the command takes."""

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Do it, and give the exit status."""


# Each command, and the module that has it, which is imported when the command is called: `serve` starts the sooner.
_COMMANDS: Final = {
    "serve": "serve",
    "check": "check",
    "lookup": "lookup",
    "verify": "verify",
    "doctor": "doctor",
    "reload": "reload",
    "refresh": "refresh",
    "status": "status",
    "ptr": "ptr",
    "eip": "eip",
    "account": "account",
    "project": "project",
    "user": "user",
    "token": "token",
    "key": "key",
    "application-credential": "applications",
    "log": "log",
    "backup": "backup",
    "restore": "restore",
    "import": "importing",
    "export": "export",
    "diff": "comparison",
    "completion": "completion",
}
_EPILOG: Final = """\
exit status:
  0    done
  1    something is invalid or was refused; the output says what (diff: there is a difference)
  2    the command line is wrong (diff: the two cannot be compared)
  3    no running server could be asked, or no resolver (verify, doctor)
  4    a change is committed, but not live within --wait

examples:
  ptrd serve --config config/ptrd.yaml     serve the example zones
  ptrd check                               are the zone files right?
  ptrd lookup 192.0.2.10                   what is answered for this address, and why?
  ptrd doctor 192.0.2.0/24                 would a registry delegate this zone?
  ptrd verify 192.0.2.0/24                 do the names lead back to their addresses?
  ptrd reload && ptrd status               publish changed zone files
  ptrd ptr create 192.0.2.10 mail.example.com --wait
                                           name an address, and wait until DNS says so
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
    except UsageError as error:
        complain(str(error))
        return Exit.USAGE
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
    parser = make_parser(arguments)
    try:
        chosen = parser.parse_args(spell_wait(arguments))
    except SystemExit as exit_:  # argparse has printed its sentence, or the help that was asked for
        return exit_.code if isinstance(exit_.code, int) else Exit.USAGE
    if chosen.command is None:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    return _command(chosen.command).run(chosen)


def make_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Make the parser for a command line: whole, or with only those commands filled in that the line could mean."""
    named = {word for word in arguments if word in _COMMANDS}
    if not named or not {"-h", "--help"}.isdisjoint(arguments):
        named = set(_COMMANDS)
    parser = argparse.ArgumentParser(
        prog="ptrd",
        description="An authoritative reverse-DNS server. Every command reads the same ptrd.yaml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ptrd {__version__}")
    add_config(parser, DEFAULT_CONFIG)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=WordParser)
    for name in _COMMANDS:
        if name not in named:
            commands.add_parser(name)
            continue
        module = _command(name)
        command = commands.add_parser(name, help=module.HELP, description=module.DESCRIPTION, allow_abbrev=False)
        add_config(command)
        module.define(command)
    return parser


def _command(name: str) -> Command:
    return cast("Command", import_module(f"ptrd.cli.{_COMMANDS[name]}"))
