"""`ptrd check`: are the zone files right? Nothing is served or written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.cli.exits import Exit, add_output, print_json
from ptrd.cli.files import compile_zones
from ptrd.config import ConfigError, load_config
from ptrd.config.secrets import exposures
from ptrd.control.options import PublishOptions

if TYPE_CHECKING:
    import argparse

HELP: Final = "report every problem of the zone files"
DESCRIPTION: Final = """\
Reads the configuration and every zone file that it names, and prints all problems, each as
FILE:LINE:COLUMN: error: SENTENCE. With FILEs (or folders) it reads these as the whole set instead, and no
configuration. The exit status is 1 when there is an error; a warning does not stop a load. No server is needed.
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="a zone file or a folder of them")
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load the files and print what is wrong with them."""
    found = {"files": 0, "zones": 0, "records": 0, "ranges": 0}
    try:
        given, exposed = PublishOptions(tuple(arguments.files)), []
        if not given.zones:
            config = load_config(arguments.config)
            given, exposed = config.publish, exposures(config.secrets)
    except ConfigError as error:
        problems = error.problems
    else:
        compiled, snapshot = compile_zones(given)
        problems = exposed + compiled.problems
        found["files"] = compiled.files
        if snapshot is not None:
            statistics = snapshot.statistics()
            found |= {name: statistics[name] for name in ("zones", "records", "ranges")}
    errors = sum(not problem.warning for problem in problems)
    warnings = len(problems) - errors
    if arguments.output == "json":
        print_json({"ok": not errors, "problems": [str(problem) for problem in problems], "result": found})
    else:
        for problem in problems:
            print(problem)
        print(_summary(found, errors, warnings))
    return Exit.PROBLEM if errors else Exit.DONE


def _summary(found: dict[str, int], errors: int, warnings: int) -> str:
    wrong = [_count(number, what) for number, what in ((errors, "error"), (warnings, "warning")) if number]
    if errors:
        return ", ".join(wrong)
    held = [_count(found[what], what[:-1]) for what in ("zones", "records", "ranges")]
    return f"{_count(found['files'], 'file')}: {', '.join(held)}; {', '.join(wrong) or 'no problems'}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
