"""`ptrd application-credential`: what a user's programs log in with instead of the user's password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.credentials import APPLICATION, add_expires, create, define_id, define_list, list_all, revoke
from ptrd.cli.verbs import Verb, define_verbs, run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list and revoke application credentials"
DESCRIPTION: Final = """\
With an application credential a program logs in as OpenStack's clients do, for one user and one project, without the
user's password. Its secret is shown once, when it is made.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb(
                "create", "create an application credential, whose secret is shown this once", _create, _define_create,
                changes=True,
            ),
            Verb("list", "list application credentials, without their secrets", _list, _define_list),
            Verb("revoke", "let nobody in by an application credential any more", _revoke, define_id, changes=True),
        ),
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what it is called")
    parser.add_argument("--user", metavar="NAME", required=True, help="whose it is, a name or id")
    parser.add_argument("--project", metavar="NAME", help="its project (default: the only one that the user is in)")
    parser.add_argument("--role", choices=("reader", "writer"), help="what it may do (default: the user's role there)")
    add_expires(parser)


def _define_list(parser: argparse.ArgumentParser) -> None:
    define_list(parser)
    parser.add_argument("--user", metavar="NAME", help="of this user, a name or id")


def _create(arguments: argparse.Namespace, api: Api) -> int:
    return create(arguments, api, APPLICATION, ("name", "user", "project", "role", "expires"))


def _list(arguments: argparse.Namespace, api: Api) -> int:
    return list_all(arguments, api, APPLICATION, user=arguments.user)


def _revoke(arguments: argparse.Namespace, api: Api) -> int:
    return revoke(arguments, api, APPLICATION)
