"""`ptrd project`: what owns EIPs and PTR records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.account import define_name, remove_all, set_disabled
from ptrd.cli.exits import Exit
from ptrd.cli.options import add_force, add_yes
from ptrd.cli.output import Shape, print_rows
from ptrd.cli.verbs import Verb, define_verbs, dry, print_change, run_verb
from ptrd.records.management import Policy

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list, disable and delete projects, and say what is asked of their names"
DESCRIPTION: Final = """\
A project of an account owns EIPs and their PTR records; tokens and access keys belong to one project. Nobody of a
disabled project is let in; its names stay in DNS.
"""
SHAPE: Final = Shape(
    ("name", "id", "account_id", "disabled", "policy", "created"),
    ("name", "id", "account_id", "disabled", "policy", "created"),
)
_AS_CONFIGURED: Final = "default"  # no policy of its own


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("create", "create a project", _create, _define_create, changes=True),
            Verb("list", "list projects", _list, _define_list),
            Verb("show", "show a project", _show, define_name),
            Verb("disable", "let nobody of a project in", _disable, define_name, changes=True),
            Verb("enable", "let them in again", _enable, define_name, changes=True),
            Verb(
                "policy",
                "say whether the names of its records have to lead back to their addresses",
                _policy,
                _define_policy,
                changes=True,
            ),
            Verb("delete", "delete a project", _delete, _define_delete, changes=True),
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name that no other project has")
    parser.add_argument("--account", metavar="NAME", required=True, help="whose it is, a name or id")


def _define_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", metavar="NAME", help="of this account, its name or id")


def _define_policy(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    parser.add_argument(
        "policy",
        metavar="off|warn|require|default",
        nargs="?",
        choices=(*map(str, Policy), _AS_CONFIGURED),
        help="from now on: nothing is looked at; what is found is told; else the record is refused; as configured",
    )


def _define_delete(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    add_force(parser)
    add_yes(parser)


def _create(arguments: argparse.Namespace, api: Api) -> int:
    body = {"name": arguments.name, "account": arguments.account}
    return print_change(arguments, api.call("POST", "projects", body=body, query=dry(arguments)), SHAPE, "name")


def _list(arguments: argparse.Namespace, api: Api) -> int:
    print_rows(api.get("projects", account=arguments.account)["projects"], SHAPE, arguments.output)
    return Exit.DONE


def _show(arguments: argparse.Namespace, api: Api) -> int:
    arguments.dry_run = False
    return print_change(arguments, api.get("projects", arguments.name), SHAPE, "name")


def _disable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "projects", SHAPE, disabled=True)


def _enable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "projects", SHAPE, disabled=False)


def _policy(arguments: argparse.Namespace, api: Api) -> int:
    if arguments.policy is None:
        return _show(arguments, api)
    body = {"policy": None if arguments.policy == _AS_CONFIGURED else arguments.policy}
    answer = api.call("PATCH", "projects", arguments.name, body=body, query=dry(arguments))
    return print_change(arguments, answer, SHAPE, "name")


def _delete(arguments: argparse.Namespace, api: Api) -> int:
    return remove_all(arguments, api, "projects", "project", "its EIPs, credentials and PTR records")
