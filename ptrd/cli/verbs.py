"""A noun with its verbs, such as `ptrd ptr create`: what all of them take, and how one of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ptrd.cli.api import Api, open_api
from ptrd.cli.diff import print_edit
from ptrd.cli.exits import Exit
from ptrd.cli.options import WordParser, add_config, add_connection, add_dry_run, add_format
from ptrd.cli.output import Shape, print_row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


class Verb(NamedTuple):
    """One verb: `define` adds what it takes beside what all take; one that changes something has `--dry-run`."""

    name: str
    help: str
    run: Callable[[argparse.Namespace, Api], int]
    define: Callable[[argparse.ArgumentParser], None] | None = None
    changes: bool = False
    formats: bool = True


def define_verbs(parser: argparse.ArgumentParser, verbs: tuple[Verb, ...]) -> None:
    """Add the verbs to their noun."""
    commands = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True, parser_class=WordParser)
    for verb in verbs:
        one = commands.add_parser(verb.name, help=verb.help, description=f"{_sentence(verb.help)}.", allow_abbrev=False)
        if verb.define is not None:
            verb.define(one)
        if verb.formats:
            add_format(one)
        if verb.changes:
            add_dry_run(one)
        add_config(one)
        add_connection(one)
        one.set_defaults(work=verb.run)


def run_verb(arguments: argparse.Namespace) -> int:
    """Run the verb that was chosen."""
    code: int = arguments.work(arguments, open_api(arguments))
    return code


def print_change(
    arguments: argparse.Namespace, answer: dict[str, Any], shape: Shape, name: str, fields: tuple[str, ...] = ()
) -> int:
    """Print how one thing is after a change, or for a dry run what the change would do."""
    if arguments.dry_run:
        print_edit(answer, name, arguments.output, fields)
    else:
        print_row(answer, shape, arguments.output)
    return Exit.DONE


def print_gone(arguments: argparse.Namespace, sentence: str, name: str) -> int:
    """Print that something is no more."""
    if arguments.output == "table":
        print(sentence)
    else:
        print_row({"deleted": name}, Shape(("deleted",), ()), arguments.output)
    return Exit.DONE


def dry(arguments: argparse.Namespace) -> dict[str, object]:
    """Give the query of a change."""
    return {"dry_run": arguments.dry_run}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
