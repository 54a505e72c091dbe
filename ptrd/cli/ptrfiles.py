"""`ptrd ptr import` and `export`: many records as a file.

An import is planned whole, by dry runs, before anything changes; then only what differs is sent, in chunks of which
each is done or not, and only if no record of it has changed since. So it can be repeated: what is done stays done.
"""

from __future__ import annotations

import io
import json
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd import PtrdError
from ptrd.cli.api import MAX_BODY, Api, RefusedError
from ptrd.cli.diff import print_diff
from ptrd.cli.exits import Exit, complain, print_json
from ptrd.cli.options import add_wait
from ptrd.cli.output import Row, print_yaml, write_csv, write_yaml
from ptrd.cli.progress import Progress
from ptrd.cli.ptrconfirm import warn_of_names

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from ptrd.cli.ptrtexts import Wanted

_CHUNK: Final = 500  # records
COMPARED: Final = ("names", "ttl", "description", "tags")


class Step(NamedTuple):
    """One record that an import changes."""

    line: int
    operation: Row
    before: Row | None
    after: Row


def define_import(parser: argparse.ArgumentParser) -> None:
    """Add what `import` takes."""
    parser.add_argument(
        "file", metavar="FILE", help="columns or keys address, names, ttl, description, tags; - is standard input"
    )
    parser.add_argument(
        "--format", choices=("csv", "yaml"), help="how it is written (default: yaml for .yaml, .yml, .json; else csv)"
    )
    add_wait(parser)


def define_export(parser: argparse.ArgumentParser) -> None:
    """Add what `export` takes."""
    from ptrd.cli.ptr import add_filters  # noqa: PLC0415 - the two modules are one noun

    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="where to (default: standard output)")
    parser.add_argument(
        "-o", "--output", choices=("csv", "yaml", "json"), help="how (default: by the name of FILE, else csv)"
    )
    add_filters(parser)


def export_records(arguments: argparse.Namespace, api: Api) -> int:
    """Write records in the order of their addresses."""
    from ptrd.cli.ptrtexts import written  # noqa: PLC0415 - only files need YAML

    query = {name: getattr(arguments, name) for name in ("project", "region", "within", "tag")}
    found = list(api.pages("ptrs", "records", **query))
    found.sort(key=lambda record: (":" in record["address"], int(ip_address(record["address"]))))
    records = [written(record) for record in found]
    output = arguments.output or _format_of(arguments.file, {".json": "json"})
    text = _spell(records, output)
    if arguments.file == "-":
        print(text, end="")
        return Exit.DONE
    try:
        Path(arguments.file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise PtrdError(f"cannot write {arguments.file}: {error.strerror}") from None
    return Exit.DONE


def _spell(records: list[Row], output: str) -> str:
    from ptrd.cli.ptrtexts import COLUMNS  # noqa: PLC0415 - only files need YAML

    stream = io.StringIO()
    if output == "csv":
        write_csv(stream, records, COLUMNS)
    elif output == "yaml":
        write_yaml(stream, records)
    else:
        stream.write(json.dumps(records, indent=2) + "\n")
    return stream.getvalue()


def import_records(arguments: argparse.Namespace, api: Api) -> int:
    """Do, or show, what a file wants."""
    wanted = _read(arguments)
    if wanted is None:
        return Exit.PROBLEM
    steps, unchanged = _plan(arguments.file, api, wanted)
    live = True
    if not arguments.dry_run:
        live = _carry_out(arguments, api, steps)
    created = sum(step.before is None for step in steps)
    found = {"dry_run": arguments.dry_run, "created": created, "modified": len(steps) - created, "unchanged": unchanged}
    if arguments.output == "json":
        print_json({**found, "changes": [{"before": step.before, "after": step.after} for step in steps]})
    elif arguments.output == "yaml":
        print_yaml({**found, "changes": [{"before": step.before, "after": step.after} for step in steps]})
    elif arguments.output == "csv":
        write_csv(sys.stdout, [found], tuple(found))
    else:
        _tell(steps, found)
    if not live:
        complain(f"not all is live after {arguments.wait:g} s; the changes are committed and will be")
        return Exit.NOT_LIVE
    return Exit.DONE


def _tell(steps: list[Step], found: dict[str, Any]) -> None:
    if found["dry_run"]:
        for step in steps:
            print_diff((step.before, step.after), "address", COMPARED)
    would = "would be " if found["dry_run"] else ""
    print(f"{found['created']} {would}created, {found['modified']} {would}modified, {found['unchanged']} unchanged")


def _read(arguments: argparse.Namespace) -> list[Wanted] | None:
    """Read the file; None when something is wrong with it, which is told."""
    from ptrd.cli.ptrtexts import read_csv, read_yaml  # noqa: PLC0415 - only files need YAML

    name = arguments.file
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode()
    except OSError as error:
        raise PtrdError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PtrdError(f"{name} is no text in UTF-8") from None
    read = read_yaml if (arguments.format or _format_of(name, {".json": "yaml"})) == "yaml" else read_csv
    wanted, mistakes = read(text)
    for mistake in mistakes:
        print(f"{name}:{mistake.line}: {mistake.sentence}", file=sys.stderr)
    if mistakes:
        complain("nothing was changed: the file has mistakes")
        return None
    return wanted


def _plan(name: str, api: Api, wanted: list[Wanted]) -> tuple[list[Step], int]:
    """Find out what would change; give the steps, and how many records are as wanted. Raises PtrdError."""
    steps: list[Step] = []
    unchanged = 0
    refused = 0
    with Progress("checking", len(wanted)) as progress:
        for chunk in _chunks([(one.line, {"op": "set", **one.body}) for one in wanted]):
            try:
                changes = _send(api, [body for _, body in chunk], {"dry_run": True})["changes"]
            except RefusedError as error:
                refused += _tell_faults(name, chunk, error)
                changes = []
            for (line, body), change in zip(chunk, changes, strict=False):
                before, after = change["before"], change["after"]
                if before is None:
                    steps.append(Step(line, {**body, "op": "create"}, before, after))
                elif any(before[field] != after[field] for field in COMPARED):
                    operation = {**body, "op": "modify", "if_match": before["revision"]}
                    steps.append(Step(line, operation, before, after))
                else:
                    unchanged += 1
            progress.advance(len(chunk))
    if refused:
        raise PtrdError("nothing was changed: the server refuses what the file says")
    return steps, unchanged


def _carry_out(arguments: argparse.Namespace, api: Api, steps: list[Step]) -> bool:
    """Change what differs; tell whether all of it is live, where that is waited for. Raises PtrdError."""
    done = 0
    live = True
    changed: list[Row] = []
    with Progress("changing", len(steps)) as progress:
        for chunk in _chunks([(step.line, step.operation) for step in steps]):
            is_last = done + len(chunk) == len(steps)  # revisions go live in their order
            try:
                answer = _send(api, [body for _, body in chunk], {"wait": arguments.wait if is_last else None})
            except RefusedError as error:
                _tell_faults(arguments.file, chunk, error)
                warn_of_names(changed)
                raise PtrdError(
                    f"{done} of {len(steps)} changes are done; import the file again for the others"
                ) from None
            done += len(chunk)
            changed += [change["after"] for change in answer["changes"]]
            progress.advance(len(chunk))
            if arguments.wait is not None and is_last:
                live = answer["live"]
    warn_of_names(changed)
    return live


def _send(api: Api, operations: list[Row], query: dict[str, object]) -> Row:
    answer: Row = api.call("POST", "ptrs:bulk", body={"operations": operations}, query=query)
    return answer


def _tell_faults(name: str, chunk: list[tuple[int, Row]], error: RefusedError) -> int:
    """Say what the server does not take, by the lines of the file; give how many sentences that were."""
    faults = error.faults or ({"index": 0, "detail": str(error)},)
    for fault in faults:
        print(f"{name}:{chunk[fault.get('index', 0)][0]}: {fault['detail']}", file=sys.stderr)
    return len(faults)


def _chunks(items: Iterable[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
    """Divide operations so that each part is one request that the server takes."""
    chunk: list[tuple[int, Row]] = []
    size = 0
    for item in items:
        length = len(json.dumps(item[1])) + 32
        if chunk and (size + length > MAX_BODY or len(chunk) == _CHUNK):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield chunk


def _format_of(name: str, formats: dict[str, str]) -> str:
    suffix = Path(name).suffix.lower()
    return {".yaml": "yaml", ".yml": "yaml", **formats}.get(suffix, "csv")
