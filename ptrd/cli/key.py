"""`ptrd key`: access keys, with which the clients of Huawei's API sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.credentials import KEY, create, define_id, define_list, list_all, revoke, set_disabled
from ptrd.cli.verbs import Verb, define_verbs, run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list, disable and revoke access keys"
DESCRIPTION: Final = """\
An access key, with its secret key, signs requests for one project (SDK-HMAC-SHA256). The secret key is shown once, when
it is made.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb(
                "create", "create an access key, whose secret is shown this once", _create, _define_create, changes=True
            ),
            Verb("list", "list access keys, without their secrets", _list, define_list),
            Verb("disable", "accept nothing that an access key signs", _disable, define_id, changes=True),
            Verb("enable", "accept it again", _enable, define_id, changes=True),
            Verb("revoke", "let nobody in by an access key any more", _revoke, define_id, changes=True),
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="NAME", required=True, help="its project, by name or id")
    parser.add_argument("--role", choices=("reader", "writer"), help="what it may do there (default: writer)")
    parser.add_argument("--name", metavar="NAME", help="a remark")


def _create(arguments: argparse.Namespace, api: Api) -> int:
    return create(arguments, api, KEY, ("name", "project", "role"))


def _list(arguments: argparse.Namespace, api: Api) -> int:
    return list_all(arguments, api, KEY)


def _disable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, KEY, disabled=True)


def _enable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, KEY, disabled=False)


def _revoke(arguments: argparse.Namespace, api: Api) -> int:
    return revoke(arguments, api, KEY)
