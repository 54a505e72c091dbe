"""`ptrd account`: who has how many records, over all their projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.asking import confirm
from ptrd.cli.diff import print_edit
from ptrd.cli.exits import Exit, complain
from ptrd.cli.options import add_force, add_yes
from ptrd.cli.output import Shape, print_rows
from ptrd.cli.verbs import Verb, define_verbs, dry, print_change, print_gone, run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list, limit, disable and delete accounts"
DESCRIPTION: Final = """\
An account has projects, and a quota of PTR records over all of them. Nobody of a disabled account is let in; its names
stay in DNS.
"""
SHAPE: Final = Shape(
    ("name", "id", "quota", "used", "disabled", "created"), ("name", "id", "quota", "used", "disabled")
)


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("create", "create an account", _create, _define_create, changes=True),
            Verb("list", "list accounts", _list),
            Verb("quota", "show or set how many records an account may have", _quota, _define_quota, changes=True),
            Verb("disable", "let nobody of an account in", _disable, define_name, changes=True),
            Verb("enable", "let them in again", _enable, define_name, changes=True),
            Verb("delete", "delete an account", _delete, _define_delete, changes=True),
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def define_name(parser: argparse.ArgumentParser) -> None:
    """Add what is meant, by its name or id."""
    parser.add_argument("name", metavar="NAME", help="its name or id")


def set_disabled(arguments: argparse.Namespace, api: Api, path: str, shape: Shape, *, disabled: bool) -> int:
    """Disable or enable what is named, and print it."""
    body = {"disabled": disabled}
    return print_change(
        arguments, api.call("PATCH", path, arguments.name, body=body, query=dry(arguments)), shape, "name"
    )


def remove(
    arguments: argparse.Namespace, api: Api, path: str, what: str, query: dict[str, object] | None = None
) -> int:
    """Delete what is named, and say so."""
    answer: Any = api.call("DELETE", path, arguments.name, query={**dry(arguments), **(query or {})})
    if arguments.dry_run:
        print_edit(answer, "name", arguments.output)
        return Exit.DONE
    return print_gone(arguments, f"{what} {arguments.name} is deleted", arguments.name)


def remove_all(arguments: argparse.Namespace, api: Api, path: str, what: str, left: str) -> int:
    """Delete what is named; with `--force` all that is left in it too, which is asked for first."""
    if arguments.force and not arguments.dry_run:
        question = f"deleting {what} {arguments.name} by force deletes {left} too"
        if not confirm(question, yes=arguments.yes):
            complain("nothing was deleted")
            return Exit.PROBLEM
    return remove(arguments, api, path, what, {"force": arguments.force})


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name that no other account has")
    parser.add_argument("--quota", metavar="NUMBER", type=int, help="how many records it may have (default: 50)")


def _define_quota(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    parser.add_argument("quota", metavar="NUMBER", type=int, nargs="?", help="how many from now on")


def _define_delete(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    add_force(parser)
    add_yes(parser)


def _create(arguments: argparse.Namespace, api: Api) -> int:
    body = {"name": arguments.name, **({} if arguments.quota is None else {"quota": arguments.quota})}
    return print_change(arguments, api.call("POST", "accounts", body=body, query=dry(arguments)), SHAPE, "name")


def _list(arguments: argparse.Namespace, api: Api) -> int:
    print_rows(api.get("accounts")["accounts"], SHAPE, arguments.output)
    return Exit.DONE


def _quota(arguments: argparse.Namespace, api: Api) -> int:
    if arguments.quota is None:
        arguments.dry_run = False  # nothing is asked for that could change
        return print_change(arguments, api.get("accounts", arguments.name), SHAPE, "name")
    body = {"quota": arguments.quota}
    answer = api.call("PATCH", "accounts", arguments.name, body=body, query=dry(arguments))
    return print_change(arguments, answer, SHAPE, "name")


def _disable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "accounts", SHAPE, disabled=True)


def _enable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "accounts", SHAPE, disabled=False)


def _delete(arguments: argparse.Namespace, api: Api) -> int:
    return remove_all(arguments, api, "accounts", "account", "its projects, EIPs, credentials and PTR records")
