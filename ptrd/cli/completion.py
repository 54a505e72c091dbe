"""`ptrd completion`: what a shell must know to complete command lines of ptrd."""

from __future__ import annotations

import argparse
from typing import Final

from ptrd.cli.exits import Exit

HELP: Final = "print the shell's completion of command lines"
DESCRIPTION: Final = """\
Prints a script that completes commands, options and their values. It is read by bash with
`eval "$(ptrd completion bash)"`, by zsh as a file `_ptrd` in a folder of its fpath, and by fish as
~/.config/fish/completions/ptrd.fish.
"""
_FILES: Final = frozenset({"config", "token_file", "file", "files", "a", "b"})  # a and b are of `diff`


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # noqa: PLC0415 - no other command needs it

    from ptrd.cli.arguments import make_parser  # noqa: PLC0415 - which imports this

    parser = make_parser()
    _mark_files(parser)
    print(shtab.complete(parser, shell=arguments.shell))
    return Exit.DONE


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """Say of which values the shell knows the files."""
    import shtab  # noqa: PLC0415 - as above

    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to walk a parser
        if action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for one in action.choices.values():
                _mark_files(one)
