"""`ptrd user`: people, and what they may do in which projects. A password is typed or piped in, and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.cli.account import define_name, remove, set_disabled
from ptrd.cli.api import RefusedError
from ptrd.cli.asking import read_password
from ptrd.cli.exits import Exit
from ptrd.cli.output import Row, Shape, print_rows
from ptrd.cli.verbs import Verb, define_verbs, dry, print_change, run_verb

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

HELP: Final = "create, list, disable and delete users, and grant them roles in projects"
DESCRIPTION: Final = """\
A user logs in with a password, as OpenStack's clients do, and has a role in projects. The password comes from a prompt,
or from the first line of standard input where that is no terminal; it never stands on a command line.
"""
SHAPE: Final = Shape(("name", "id", "disabled", "projects", "created"), ("name", "id", "disabled", "projects"))


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("create", "create a user; the password is asked for", _create, _define_create, changes=True),
            Verb("list", "list users", _list),
            Verb("password", "set a user's password, which is asked for", _password, define_name, changes=True),
            Verb("disable", "let a user in no more", _disable, define_name, changes=True),
            Verb("enable", "let a user in again", _enable, define_name, changes=True),
            Verb("delete", "delete a user, and its application credentials", _delete, define_name, changes=True),
            Verb("grant", "put a user into a project, or change the role there", _grant, _define_grant, changes=True),
            Verb("revoke", "take a user out of a project", _revoke, _define_revoke, changes=True),
        ),
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role", choices=("reader", "writer"), default="writer", help="what the user may do there (default: writer)"
    )


def _define_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name that no other user has")
    parser.add_argument("--project", metavar="NAME", help="put the user into this project, its name or id")
    _add_role(parser)


def _define_grant(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    parser.add_argument("--project", metavar="NAME", required=True, help="the project's name or id")
    _add_role(parser)


def _define_revoke(parser: argparse.ArgumentParser) -> None:
    define_name(parser)
    parser.add_argument("--project", metavar="NAME", required=True, help="the project's name or id")


def _create(arguments: argparse.Namespace, api: Api) -> int:
    if arguments.project:
        api.get("projects", arguments.project)  # a mistake there is told before there is a user
    body = {"name": arguments.name, "password": read_password(arguments.name)}
    answer: Any = api.call("POST", "users", body=body, query=dry(arguments))
    if arguments.project and not arguments.dry_run:
        try:
            answer = _put(arguments, api)
        except RefusedError as error:
            raise PtrdError(f"user {arguments.name} is created, but is in no project: {error}") from None
    return _print(arguments, answer)


def _list(arguments: argparse.Namespace, api: Api) -> int:
    print_rows([_told(user) for user in api.get("users")["users"]], SHAPE, arguments.output)
    return Exit.DONE


def _password(arguments: argparse.Namespace, api: Api) -> int:
    api.get("users", arguments.name)  # nobody types a password for a user that is not there
    body = {"password": read_password(arguments.name)}
    return _print(arguments, api.call("PATCH", "users", arguments.name, body=body, query=dry(arguments)))


def _disable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "users", SHAPE, disabled=True)


def _enable(arguments: argparse.Namespace, api: Api) -> int:
    return set_disabled(arguments, api, "users", SHAPE, disabled=False)


def _delete(arguments: argparse.Namespace, api: Api) -> int:
    return remove(arguments, api, "users", "user")


def _grant(arguments: argparse.Namespace, api: Api) -> int:
    return _print(arguments, _put(arguments, api))


def _revoke(arguments: argparse.Namespace, api: Api) -> int:
    path = ("users", arguments.name, "projects", arguments.project)
    return _print(arguments, api.call("DELETE", *path, query=dry(arguments)))


def _put(arguments: argparse.Namespace, api: Api) -> Any:  # noqa: ANN401 - JSON
    path = ("users", arguments.name, "projects", arguments.project)
    return api.call("PUT", *path, body={"role": arguments.role}, query=dry(arguments))


def _print(arguments: argparse.Namespace, answer: Row) -> int:
    if arguments.output in {"json", "yaml"}:
        return print_change(arguments, answer, SHAPE, "name")
    if arguments.dry_run:
        told = {key: answer[key] and _told(answer[key]) for key in ("before", "after")}
        return print_change(arguments, {**answer, **told}, SHAPE, "name")
    return print_change(arguments, _told(answer), SHAPE, "name")


def _told(user: Row) -> Row:
    """Give a user whose memberships are read by people."""
    return {**user, "projects": [f"{one['project_id']}:{one['role']}" for one in user["projects"]]}
