"""`ptrd eip`: which addresses and prefixes belong to which project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.cli.api import MAX_BODY, Api, RefusedError
from ptrd.cli.asking import confirm
from ptrd.cli.diff import print_diff, print_edit
from ptrd.cli.exits import Exit, complain, print_json
from ptrd.cli.options import add_yes
from ptrd.cli.output import Row, Shape, print_row, print_rows, print_yaml
from ptrd.cli.progress import Progress
from ptrd.cli.verbs import Verb, define_verbs, dry, run_verb
from ptrd.records.values import ValueText, format_address, format_prefix, parse_address, parse_prefix

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

HELP: Final = "add, release, list and import the addresses that projects have"
DESCRIPTION: Final = """\
Keeps the inventory of EIPs: an address, or a prefix in which any address may be named, that a project has in a region.
Releasing one deletes its records too.
"""
SHAPE: Final = Shape(
    ("address", "prefix", "id", "region", "project_id", "created"), ("prefix", "id", "region", "project_id")
)
COLUMNS: Final = "address_or_prefix,id,region,project"

_Lines = list[tuple[int, str]]


def define(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    define_verbs(
        parser,
        (
            Verb("add", "give an address or a prefix to a project", _add, _define_add, changes=True),
            Verb("release", "take an EIP back, and its records with it", _release, _define_release, changes=True),
            Verb("list", "list EIPs", _list, _define_list),
            Verb(
                "import", f"add the EIPs of a CSV file with lines of {COLUMNS}", _import, _define_import, changes=True
            ),
        ),
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return run_verb(arguments)


def _define_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="an address, or a prefix such as 2001:db8:1::/64")
    parser.add_argument("--id", metavar="ID", help="its id, of letters, digits and . _ - (default: a new UUID)")
    parser.add_argument("--region", metavar="REGION", required=True, help="where it is")
    parser.add_argument("--project", metavar="NAME", required=True, help="whose it is, a name or id")


def _define_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("eip", metavar="ADDRESS|ID", help="the address or prefix; with --region the id")
    parser.add_argument("--region", metavar="REGION", help="the region in which it has that id")
    add_yes(parser)


def _define_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="NAME", help="of this project, its name or id")
    parser.add_argument("--region", metavar="REGION", help="in this region")


def _define_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file; - is standard input")


def _add(arguments: argparse.Namespace, api: Api) -> int:
    given = {name: getattr(arguments, name) for name in ("address", "id", "region", "project")}
    body = {name: value for name, value in given.items() if value is not None}
    answer = api.call("POST", "eips", body=body, query=dry(arguments))
    if arguments.dry_run:
        print_edit(answer, "prefix", arguments.output)
    else:
        print_row(answer["after"], SHAPE, arguments.output)
    if answer["warning"]:
        complain(f"warning: {answer['warning']}")
    return Exit.DONE


def _release(arguments: argparse.Namespace, api: Api) -> int:
    region, eip_id = (arguments.region, arguments.eip) if arguments.region else _find(api, arguments.eip)
    path = ("eips", region, eip_id)
    plan = api.call("DELETE", *path, query={"dry_run": True})
    if arguments.dry_run:
        return _tell_release(plan, arguments.output)
    if len(plan["released"]) > 1:
        question = f"releasing {arguments.eip} deletes {len(plan['released'])} PTR records"
        if not confirm(question, yes=arguments.yes):
            complain("nothing was released")
            return Exit.PROBLEM
    return _tell_release(api.call("DELETE", *path), arguments.output)


def _tell_release(answer: Row, output: str) -> int:
    if output in {"json", "yaml"}:
        (print_json if output == "json" else print_yaml)(answer)
    elif output == "csv":
        print_rows([answer["before"]], SHAPE, output)
    elif answer["dry_run"]:
        print_diff((answer["before"], None), "prefix")
        for address in answer["released"]:
            print(f"would delete the record of {address}")
    else:
        print(f"{answer['before']['prefix']} is released")
        for address in answer["released"]:
            print(f"the record of {address} is deleted")
    return Exit.DONE


def _find(api: Api, text: str) -> tuple[str, str]:
    """Find an EIP by its address or prefix. Raises PtrdError."""
    try:
        wanted = format_prefix(parse_prefix(text if "/" in text else _whole(text)))
    except ValueText as error:
        raise PtrdError(f"{error}; or name the EIP by its id, with --region") from None
    for eip in api.pages("eips", "eips"):
        if eip["prefix"] == wanted:
            return eip["region"], eip["id"]
    raise PtrdError(f"no project has {text}; `ptrd eip list` lists what there is")


def _whole(text: str) -> str:
    version, number = parse_address(text)
    return f"{format_address(version, number)}/{32 if version == 4 else 128}"


def _list(arguments: argparse.Namespace, api: Api) -> int:
    rows = list(api.pages("eips", "eips", project=arguments.project, region=arguments.region))
    print_rows(rows, SHAPE, arguments.output)
    return Exit.DONE


def _import(arguments: argparse.Namespace, api: Api) -> int:
    lines = _read(arguments.file)
    chunks = list(_chunks(lines))
    done = _send_all(arguments.file, api, chunks, dry_run=True)
    if done is None:
        raise PtrdError("nothing was added: the server refuses what the file says")
    if not arguments.dry_run:
        done = _send_all(arguments.file, api, chunks, dry_run=False)
        if done is None:
            raise PtrdError("a part of the file was added; import it again for the others")
    if arguments.output in {"json", "yaml"}:
        (print_json if arguments.output == "json" else print_yaml)({"dry_run": arguments.dry_run, **done})
    elif arguments.output == "csv":
        print_rows(done["added"], SHAPE, "csv")
    else:
        would = "would be " if arguments.dry_run else ""
        for eip in done["added"] if arguments.dry_run else ():
            print_diff((None, eip), "prefix")
        print(f"{len(done['added'])} {would}added, {done['unchanged']} unchanged")
    for warning in done["warnings"]:
        print(f"{arguments.file}:{warning['line']}: warning: {warning['detail']}", file=sys.stderr)
    return Exit.DONE


def _read(name: str) -> _Lines:
    try:
        text = (sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode()
    except OSError as error:
        raise PtrdError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PtrdError(f"{name} is no text in UTF-8") from None
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    found = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if found and "".join(found[0][1].split()).lower() == COLUMNS:
        del found[0]
    if not found:
        raise PtrdError(f"{name} names no EIP; write lines of {COLUMNS}")
    return found


def _chunks(lines: _Lines) -> Iterator[_Lines]:
    """Divide the lines so that each part is one request that the server takes."""
    chunk: _Lines = []
    size = 0
    for line in lines:
        length = len(line[1].encode()) + 1
        if chunk and size + length > MAX_BODY:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += length
    if chunk:
        yield chunk


def _send_all(name: str, api: Api, chunks: list[_Lines], *, dry_run: bool) -> dict[str, Any] | None:
    """Send all parts; a dry run goes on behind a refusal, to tell all. None when something was refused."""
    done: dict[str, Any] = {"added": [], "unchanged": 0, "warnings": []}
    is_well = True
    with Progress("checking" if dry_run else "adding", sum(map(len, chunks))) as progress:
        for chunk in chunks:
            body = "".join(f"{line}\n" for _, line in chunk)
            try:
                answer = api.call("POST", "eips:import", body=body, query={"dry_run": dry_run}, media="text/csv")
            except RefusedError as error:
                for fault in error.faults or ({"index": 1, "detail": str(error)},):
                    print(f"{name}:{_line(chunk, fault.get('index', 1))}: {fault['detail']}", file=sys.stderr)
                is_well = False
                if not dry_run:
                    break
                continue
            done["added"] += answer["added"]
            done["unchanged"] += answer["unchanged"]
            done["warnings"] += [{**one, "line": _line(chunk, one["line"])} for one in answer["warnings"]]
            progress.advance(len(chunk))
    return done if is_well else None


def _line(chunk: _Lines, number: int) -> int:
    return chunk[max(0, min(number, len(chunk)) - 1)][0]
