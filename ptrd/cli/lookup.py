"""`ptrd lookup`: what is answered for an address or a name, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.cli.client import UnreachableError, ask
from ptrd.cli.exits import Exit, add_output, complain, print_json
from ptrd.cli.files import compile_zones
from ptrd.config import load_config
from ptrd.records.values import ValueText, parse_address
from ptrd.wire.names import NameError_, format_name, parse_name
from ptrd.wire.reverse import IN_ADDR_ARPA, IP6_ARPA, reverse_name
from ptrd.wire.rrtypes import name_of, type_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

HELP: Final = "show what is answered for an address or a name, and why"
DESCRIPTION: Final = """\
Shows the answer to a question and where it comes from: which file and line, which range and template, or that nothing
covers it. The running server is asked; where none runs, the zone files are read instead, and the output says so. An
answer that something does not exist is an answer too: the exit status is 0.
"""

_Result = dict[str, Any]


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("target", metavar="ADDRESS|NAME", help="an IPv4 or IPv6 address, or a domain name")
    parser.add_argument(
        "--type",
        metavar="T",
        help="the record type, such as PTR, NS or TYPE65280 (default: PTR for an address and for names below "
        "in-addr.arpa and ip6.arpa; for other names A, or AAAA where there is no A)",
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the server, or the files, and print what came."""
    name = _read_target(arguments.target)
    types = [name_of(type_of(arguments.type.upper()))] if arguments.type else _types_for(name)
    config = load_config(arguments.config)
    try:
        source, result = (
            f"the server on {config.local.path}",
            _first_with_answer(_asker(config.local.path, name), types),
        )
    except UnreachableError as error:
        compiled, snapshot = compile_zones(config.publish)
        if snapshot is None:
            for problem in compiled.problems:
                complain(str(problem))
            complain(f"{error}; and the zone files cannot be read instead: they have errors")
            return Exit.PROBLEM
        from ptrd.engine.explain import explain  # noqa: PLC0415 - not for `ptrd serve` to load

        source = f"the zone files; {error}"
        result = _first_with_answer(lambda rtype: explain(snapshot, name, type_of(rtype)), types)
    if arguments.output == "json":
        print_json(result | {"asked": source})
    else:
        _print_result(result, source)
    return Exit.DONE


def _read_target(text: str) -> bytes:
    """Give the lower-case wire name that is meant. Raises PtrdError."""
    try:
        return reverse_name(*parse_address(text))
    except ValueText as error:
        prefix = text.count("/") == 1 and text.rpartition("/")[2].isdigit()
        if ":" in text or prefix or text.replace(".", "").isdigit():  # an address was meant
            raise PtrdError(str(error)) from None
    try:
        return parse_name(text).lower()
    except NameError_ as error:
        raise PtrdError(f"{text!r} is neither an address nor a name: {error}") from None


def _types_for(name: bytes) -> list[str]:
    return ["PTR"] if name.endswith((IN_ADDR_ARPA, IP6_ARPA)) else ["A", "AAAA"]


def _asker(path: Path, name: bytes) -> Callable[[str], _Result]:
    def look_up(rtype: str) -> _Result:
        reply = ask(path, {"command": "lookup", "name": format_name(name), "type": rtype})
        if not reply["ok"]:
            raise PtrdError(reply["error"])
        result: _Result = reply["result"]
        return result

    return look_up


def _first_with_answer(look_up: Callable[[str], _Result], types: list[str]) -> _Result:
    """Look types up in turn until one has an answer; give the first result when none has."""
    results = []
    for rtype in types:
        results.append(look_up(rtype))
        if results[-1]["answer"]:
            return results[-1]
    return results[0]


def _print_result(result: _Result, source: str) -> None:
    print(f"{result['name']} {result['type']}: {result['rcode']}")
    for section in ("answer", "authority", "additional"):
        for line in result[section]:
            print(f"  {section}: {line}")
    for reason in result["why"]:
        print(f"  because {reason}")
    print(f"  asked: {source}")
