"""`ptrd ptr`: the PTR records of addresses that projects have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.cli.api import Api, RefusedError
from ptrd.cli.asking import confirm
from ptrd.cli.diff import print_diff
from ptrd.cli.exits import Exit, complain, print_json
from ptrd.cli.options import UsageError, add_wait, add_yes
from ptrd.cli.output import Row, Shape, print_rows, print_yaml
from ptrd.cli.ptrconfirm import CONFIRMATION, warn_of_names
from ptrd.cli.ptrfiles import COMPARED, define_export, define_import, export_records, import_records
from ptrd.cli.verbs import Verb, define_verbs, dry, print_change, run_verb

if TYPE_CHECKING:
    import argparse

HELP: Final = "create, modify, delete, list, import and export PTR records"
DESCRIPTION: Final = """\
Names the addresses that projects have. A change is committed when the command ends, and live in DNS as soon as every
worker has it, which --wait waits for. An address without a record has the name that the zone files give it.
"""

SHAPE: Final = Shape(
    (
        "address", "names", "ttl", "description", "tags", "status", "reason", "served", "region", "eip_id",
        "project_id", "enterprise_project_id", "id", "revision", "created", "updated", *CONFIRMATION,
    ),
    ("address", "names", "ttl", "status", "region", "tags"),
)  # fmt: skip
_UNCONFIRMED: Final = Shape(SHAPE.fields, ("address", "names", "confirmation", "confirmation_reason"))
_DELETED: Final = Shape(SHAPE.fields, ("address", "names", "status"))


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("create", "create the record of an address that has none", _create, _define_create, changes=True),
            Verb("modify", "modify a record; what is not named stays as it is", _modify, _define_modify, changes=True),
            Verb("delete", "delete records, all of them or none", _delete, _define_delete, changes=True),
            Verb("list", "list records", _list, _define_list),
            Verb("show", "show the record of an address", _show, _define_address),
            Verb(
                "import", "create and modify records as a CSV or YAML file says", import_records, define_import,
                changes=True,
            ),
            Verb("export", "write records as CSV, YAML or JSON", export_records, define_export, formats=False),
            Verb(
                "freeze", "serve what the zone files say for an address, and let its project change nothing", _freeze,
                _define_freeze, changes=True,
            ),
            Verb("unfreeze", "end a freeze", _unfreeze, _define_address, changes=True),
        ),
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add which records are meant."""
    parser.add_argument("--project", metavar="NAME", help="of this project, its name or id")
    parser.add_argument("--region", metavar="REGION", help="in this region")
    parser.add_argument("--within", metavar="PREFIX", help="of addresses within this prefix")
    parser.add_argument(
        "--tag", metavar="KEY[=VALUE]", action="append", default=[], help="with this tag; may stand several times"
    )


def read_tag(text: str) -> tuple[str, str]:
    """Read `key=value`. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"the tag {text!r} is written KEY=VALUE, such as env=prod")
    return key, value


def _define_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="an IPv4 or IPv6 address")


def _define_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ttl", metavar="SECONDS", type=int, help="how long resolvers may keep it (new: 300)")
    parser.add_argument("--description", metavar="TEXT", help="a remark of at most 255 characters")
    parser.add_argument(
        "--tag", metavar="KEY=VALUE", action="append", default=[], help="a tag that it gets; may stand several times"
    )


def _define_create(parser: argparse.ArgumentParser) -> None:
    _define_address(parser)
    parser.add_argument("names", metavar="HOSTNAME", nargs="+", help="1 to 10 host names")
    _define_fields(parser)
    add_wait(parser)


def _define_modify(parser: argparse.ArgumentParser) -> None:
    _define_address(parser)
    parser.add_argument("names", metavar="HOSTNAME", nargs="*", help="host names, in place of all that it has")
    _define_fields(parser)
    parser.add_argument(
        "--no-tag", metavar="KEY", action="append", default=[], help="a tag that it loses; may stand several times"
    )
    _define_match(parser)
    add_wait(parser)


def _define_delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addresses", metavar="ADDRESS", nargs="+", help="IPv4 and IPv6 addresses")
    _define_match(parser)
    add_wait(parser)
    add_yes(parser)


def _define_list(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--status", metavar="STATUS", type=str.upper, help="that has this status now, such as ERROR")
    parser.add_argument(
        "--unconfirmed", action="store_true", help="whose names did not lead back when they were last looked at"
    )


def _define_freeze(parser: argparse.ArgumentParser) -> None:
    _define_address(parser)
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; the project is shown it")


def _define_match(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--if-match", metavar="REVISION", help="only if this is still its revision, as `show` gives it")


def _create(arguments: argparse.Namespace, api: Api) -> int:
    body: Row = {"address": arguments.address, "names": arguments.names, **_fields(arguments)}
    if arguments.tag:
        body["tags"] = dict(map(read_tag, arguments.tag))
    try:
        answer = api.call("POST", "ptrs", body=body, query=_query(arguments))
    except RefusedError as error:
        if error.code == "exists":
            raise PtrdError(
                f"{str(error).partition(';')[0]}; `ptrd ptr modify {arguments.address}` changes it"
            ) from None
        raise
    return _end(arguments, answer)


def _modify(arguments: argparse.Namespace, api: Api) -> int:
    body = _fields(arguments)
    if arguments.names:
        body["names"] = arguments.names
    tags, match = dict(map(read_tag, arguments.tag)), _read_match(arguments.if_match)
    if (
        tags or arguments.no_tag
    ):  # the API takes all tags at once, so they are read first, and must not change meanwhile
        record = api.get("ptrs", arguments.address)
        kept = {key: value for key, value in record["tags"].items() if key not in arguments.no_tag}
        body["tags"] = {**kept, **tags}
        match = match or str(record["revision"])
    if not body:
        raise UsageError("nothing is to be modified: name host names, or say --ttl, --description, --tag or --no-tag")
    headers = _condition(match)
    try:
        answer = api.call("PATCH", "ptrs", arguments.address, body=body, query=_query(arguments), headers=headers)
    except RefusedError as error:
        if error.code == "no_record":
            raise PtrdError(f"{error}; `ptrd ptr create {arguments.address}` makes one") from None
        raise
    return _end(arguments, answer)


def _delete(arguments: argparse.Namespace, api: Api) -> int:
    operations: list[Row] = [{"op": "delete", "address": address} for address in arguments.addresses]
    match = _read_match(arguments.if_match)
    if match is not None:
        if len(operations) > 1 or match == "*":
            raise UsageError("--if-match takes one revision, for one address")
        operations[0]["if_match"] = int(match)
    answer = _delete_all(arguments, api, operations)
    if answer is None:
        return Exit.PROBLEM
    changes = answer["changes"]
    if arguments.dry_run:
        return print_changes([(change["before"], change["after"]) for change in changes], answer, arguments.output)
    live = answer["live"]
    status = "INACTIVE" if live else "PENDING_DELETE"
    print_rows([{**change["before"], "status": status} for change in changes], _DELETED, arguments.output)
    if arguments.wait is not None and not live:
        return not_live("what was deleted", arguments.wait, status)
    return Exit.DONE


def _delete_all(arguments: argparse.Namespace, api: Api, operations: list[Row]) -> Row | None:
    """Delete, and ask once more when the server finds that it is much; None when the person says no."""
    body: Row = {"operations": operations, "yes": arguments.yes}
    while True:
        try:
            answer: Row = api.call("POST", "ptrs:bulk", body=body, query=_query(arguments))
        except RefusedError as error:
            if error.code == "needs_yes" and not body["yes"]:
                if not confirm(str(error).partition(";")[0], yes=False):
                    complain("nothing was deleted")
                    return None
                body["yes"] = True
                continue
            for fault in error.faults:
                complain(f"{arguments.addresses[fault.get('index', 0)]}: {fault['detail']}")
            if error.faults:
                raise PtrdError("nothing was deleted: all of it is done, or none") from None
            raise
        return answer


def _list(arguments: argparse.Namespace, api: Api) -> int:
    query = {name: getattr(arguments, name) for name in ("project", "region", "within", "tag", "status")}
    if arguments.unconfirmed:
        query["confirmation"] = "unconfirmed"
    shape = _UNCONFIRMED if arguments.unconfirmed else SHAPE
    print_rows(list(api.pages("ptrs", "records", **query)), shape, arguments.output)
    return Exit.DONE


def _show(arguments: argparse.Namespace, api: Api) -> int:
    arguments.dry_run = False
    return print_change(arguments, api.get("ptrs", arguments.address), SHAPE, "address")


def _freeze(arguments: argparse.Namespace, api: Api) -> int:
    path = ("ptrs", arguments.address, "freeze")
    return _print_freeze(arguments, api.call("PUT", *path, body={"reason": arguments.reason}, query=dry(arguments)))


def _unfreeze(arguments: argparse.Namespace, api: Api) -> int:
    return _print_freeze(arguments, api.call("DELETE", "ptrs", arguments.address, "freeze", query=dry(arguments)))


def _print_freeze(arguments: argparse.Namespace, answer: Row) -> int:
    if arguments.dry_run and arguments.output == "table" and answer["before"] is None:
        print(f"would {arguments.verb} {arguments.address}, which has no record")
        return Exit.DONE
    return print_change(arguments, answer, SHAPE, "address", ("served",))


def print_changes(changes: list[tuple[Row | None, Row | None]], answer: Any, output: str) -> int:  # noqa: ANN401 - JSON
    """Print what a bulk change would do."""
    if output == "json":
        print_json(answer)
    elif output == "yaml":
        print_yaml(answer)
    else:
        for change in changes:
            print_diff(change, "address", COMPARED)
    return Exit.DONE


def not_live(what: str, seconds: float, status: str) -> int:
    """Say that a change is committed and not yet live."""
    complain(f"{what} is not live after {seconds:g} s, but {status}: the change is committed and will be")
    return Exit.NOT_LIVE


def _end(arguments: argparse.Namespace, answer: Row) -> int:
    print_change(arguments, answer, SHAPE, "address", COMPARED)
    warn_of_names([answer["after"] or {}] if arguments.dry_run else [answer])
    if arguments.dry_run:
        return Exit.DONE
    if arguments.wait is None:
        return Exit.DONE
    if answer["status"] == "ERROR":
        complain(f"{answer['address']} is committed, but not served: {answer['reason']}")
        return Exit.NOT_LIVE
    if answer["status"].startswith("PENDING"):
        return not_live(answer["address"], arguments.wait, answer["status"])
    return Exit.DONE


def _fields(arguments: argparse.Namespace) -> Row:
    given = {"ttl": arguments.ttl, "description": arguments.description}
    return {name: value for name, value in given.items() if value is not None}


def _query(arguments: argparse.Namespace) -> dict[str, object]:
    return {"wait": None if arguments.dry_run else arguments.wait, **dry(arguments)}


def _condition(match: str | None) -> dict[str, str]:
    return {} if match is None else {"If-Match": match if match == "*" else f'"{match}"'}


def _read_match(text: str | None) -> str | None:
    if text is None:
        return None
    match = text.strip().strip('"')
    if match != "*" and not (match.isascii() and match.isdigit()):
        raise UsageError(f"--if-match is a revision, such as 42, not {text!r}")
    return match
