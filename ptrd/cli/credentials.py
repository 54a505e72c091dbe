"""What tokens, access keys and application credentials have in common: they are made, listed, and taken back.

A secret is printed once, when it is made, on standard output; no command line ever holds one.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.cli.diff import print_edit
from ptrd.cli.exits import Exit, complain
from ptrd.cli.output import Row, Shape, print_row, print_rows
from ptrd.cli.verbs import dry, print_change, print_gone

if TYPE_CHECKING:
    import argparse

    from ptrd.cli.api import Api

_UNITS: Final = {"h": 3600, "d": 86400, "w": 604800}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")


class Kind(NamedTuple):
    """A kind of credential: where the API has it, what it is called, and the names of id and secret for scripts."""

    path: str
    called: str
    id: str
    secret: str
    rest: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """Give what one has."""
        fields = tuple(dict.fromkeys((self.id, *self.rest)))
        return Shape((*fields, "created", "last_used"), (*fields, "last_used"))


TOKEN: Final = Kind("tokens", "token", "id", "token", ("name", "role", "project_id", "expires", "disabled"))
KEY: Final = Kind("keys", "access key", "access_key", "secret_key", ("name", "role", "project_id", "disabled"))
APPLICATION: Final = Kind(
    "application-credentials", "application credential", "id", "secret",
    ("name", "user_id", "role", "project_id", "expires", "disabled"),
)  # fmt: skip


def define_id(parser: argparse.ArgumentParser) -> None:
    """Add which one is meant."""
    parser.add_argument("id", metavar="ID", help="its id, or its name")


def define_list(parser: argparse.ArgumentParser) -> None:
    """Add of which project."""
    parser.add_argument("--project", metavar="NAME", help="of this project, its name or id")


def add_expires(parser: argparse.ArgumentParser) -> None:
    """Add `--expires`."""
    parser.add_argument(
        "--expires",
        metavar="WHEN",
        type=read_expiry,
        help="a time such as 2030-01-31T12:00:00Z, or 12h, 90d, 4w from now",
    )


def read_expiry(text: str) -> str:
    """Give a time as RFC 3339 writes it; the server checks what is no span from now."""
    span = _SPAN.fullmatch(text)
    if span is None:
        return text
    then = time.time() + int(span[1]) * _UNITS[span[2]]
    return datetime.fromtimestamp(then, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def create(arguments: argparse.Namespace, api: Api, kind: Kind, fields: tuple[str, ...]) -> int:
    """Make one of what the command line says, and print it with its secret."""
    given = {field: getattr(arguments, field) for field in fields}
    body = {field: value for field, value in given.items() if value is not None}
    answer: Any = api.call("POST", kind.path, body=body, query=dry(arguments))
    if arguments.dry_run:
        told = {key: answer[key] and _told(answer[key], kind) for key in ("before", "after")}
        print_edit({**answer, **told}, "name", arguments.output)
        return Exit.DONE
    made = _told(answer, kind)
    first = {kind.id: made.pop(kind.id), kind.secret: answer["secret"]}
    if kind.secret == "token":  # noqa: S105 - the name of a field
        first = dict(reversed(first.items()))
    shape = Shape(tuple(dict.fromkeys((*first, *kind.shape.fields))), ())
    print_row({**first, **made}, shape, arguments.output)
    if arguments.output == "table":
        complain(f"this is the only time that the {kind.called}'s secret is shown: keep it")
    return Exit.DONE


def list_all(arguments: argparse.Namespace, api: Api, kind: Kind, **query: object) -> int:
    """List those of a project, or all."""
    found = api.get(kind.path, project=arguments.project, **query)["credentials"]
    print_rows([_told(one, kind) for one in found], kind.shape, arguments.output)
    return Exit.DONE


def set_disabled(arguments: argparse.Namespace, api: Api, kind: Kind, *, disabled: bool) -> int:
    """Disable or enable one, and print it."""
    answer = api.call("PATCH", kind.path, arguments.id, body={"disabled": disabled}, query=dry(arguments))
    if arguments.dry_run:
        told: Row = {key: _told(answer[key], kind) for key in ("before", "after")}
        return print_change(arguments, {**answer, **told}, kind.shape, "name")
    return print_change(arguments, _told(answer, kind), kind.shape, "name")


def revoke(arguments: argparse.Namespace, api: Api, kind: Kind) -> int:
    """Take one back, and say so."""
    answer: Any = api.call("DELETE", kind.path, arguments.id, query=dry(arguments))
    if arguments.dry_run:
        print_edit({**answer, "before": _told(answer["before"], kind)}, kind.id, arguments.output)
        return Exit.DONE
    return print_gone(arguments, f"{kind.called} {arguments.id} is revoked", arguments.id)


def _told(credential: Row, kind: Kind) -> Row:
    """Give a credential as scripts know it, without its secret."""
    fields = (*kind.rest, "created", "last_used")
    return {kind.id: credential["id"], **{name: credential[name] for name in fields}}
