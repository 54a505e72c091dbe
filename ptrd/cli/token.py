"""`ptrd token`: what programs and people without a control socket are let in by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.credentials import TOKEN, add_expires, create, define_id, define_list, list_all, revoke
from ptrd.cli.options import UsageError
from ptrd.cli.verbs import Verb, define_verbs, run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list and revoke API tokens"
DESCRIPTION: Final = """\
An API token is of one project, as writer or reader, or it is an operator's. The server keeps no token, but what it
takes to recognize one: it is shown once, when it is made.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("create", "create a token, which is shown this once", _create, _define_create, changes=True),
            Verb("list", "list tokens, without their secrets", _list, define_list),
            Verb("revoke", "let nobody in by a token any more", _revoke, define_id, changes=True),
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="NAME", help="its project, by name or id")
    parser.add_argument(
        "--role",
        choices=("reader", "writer", "operator"),
        help="what it may do (default: writer)",
    )
    parser.add_argument("--name", metavar="NAME", help="what it is called (default: the server makes a name)")
    add_expires(parser)


def _create(arguments: argparse.Namespace, api: Api) -> int:
    if arguments.project is None and arguments.role != "operator":
        raise UsageError("say whose it is: --project NAME, or --role operator for a token that may do everything")
    return create(arguments, api, TOKEN, ("name", "project", "role", "expires"))


def _list(arguments: argparse.Namespace, api: Api) -> int:
    return list_all(arguments, api, TOKEN)


def _revoke(arguments: argparse.Namespace, api: Api) -> int:
    return revoke(arguments, api, TOKEN)
