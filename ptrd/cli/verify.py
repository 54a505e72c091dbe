"""`ptrd verify`: do the names of addresses lead back to them, as mail servers want it? Nothing is changed anywhere."""

from __future__ import annotations

import argparse
import asyncio
from collections import deque
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.cli.api import Api, over_socket
from ptrd.cli.client import UnreachableError
from ptrd.cli.exits import Exit, complain
from ptrd.cli.files import compile_zones
from ptrd.cli.options import DEFAULT_CONFIG, UsageError
from ptrd.cli.progress import Progress
from ptrd.cli.servers import read_server
from ptrd.cli.verifyaddress import Here, answered_here, told_to_the_world
from ptrd.cli.verifyreport import Report, print_lines
from ptrd.cli.verifysources import (
    Item,
    count_lines,
    default_names,
    distinct,
    file_records,
    managed_records,
    places,
    shared,
    zone_records,
)
from ptrd.client.confirm import confirm
from ptrd.client.endpoints import system_resolvers
from ptrd.client.resolver import Resolver
from ptrd.config import load_config
from ptrd.control.options import PublishOptions
from ptrd.records.management import Address
from ptrd.records.model import Prefix
from ptrd.records.values import StrayBits, ValueText, format_prefix, parse_address, parse_prefix, quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from ptrd.config import Config
    from ptrd.records.trust import Finding
    from ptrd.snapshot.view import Snapshot

HELP: Final = "check that names lead back to their addresses"
DESCRIPTION: Final = """\
Asks resolvers for the A or AAAA records of the names that addresses have, and says which do not lead back, to what they
lead, and what to do: mail servers refuse an address whose name does not. Without arguments it looks at every record of
the zone files, at the managed ones of the running server, and at a few default names of each range. ADDRESS means what
is answered for it, here or, where it has no name here, by resolvers; PREFIX what is within it; FILE a zone file, a
folder of them, or a CSV file with the columns address and names.
"""
_AHEAD: Final = 10  # addresses begun for each that may be asked at once: a slow one in front holds up no others
_DEAF: Final = 16  # so many names without any answer at all, and no resolver is there


def define(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "files", metavar="ADDRESS|PREFIX|FILE", nargs="*", help="what to look at (default: all that is served)"
    )
    parser.add_argument(
        "--resolver", metavar="ADDRESS[:PORT]", type=read_server, action="append", default=[],
        help="ask this one; may stand several times (default: resolvers of ptrd.yaml, else those of /etc/resolv.conf)",
    )  # fmt: skip
    number, seconds = _number(int, 0, 10_000), _number(float, 0.05, 60)
    parser.add_argument(
        "--sample", metavar="NUMBER", type=number, default=16, help="default names of each range (default: 16)"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, default=2.0, help="for an answer, each try (default: 2)"
    )
    parser.add_argument(
        "--tries", metavar="NUMBER", type=_number(int, 1, 20), default=3, help="for each question (default: 3)"
    )
    parser.add_argument(
        "--at-once", metavar="NUMBER", type=_number(int, 1, 800), default=200,
        help="questions on the way at a time (default: 200)",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="end with 1 for remarks too")
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "csv"),
        default="table",
        help="lines for people (the default), or every name as json or csv for programs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Look at what is meant, and print what was found."""
    targets = [_read_target(text) for text in arguments.files]
    optional = bool(targets) and not any(isinstance(target, Prefix) for target in targets)
    config = _load_config(arguments.config, optional=optional)
    resolver = Resolver(
        arguments.resolver or (config and config.resolvers) or system_resolvers(),
        timeout=arguments.timeout,
        tries=arguments.tries,
        at_once=arguments.at_once,
    )
    gathered = _Gathering(config, arguments.sample, targets)
    if not gathered.gather():
        return Exit.PROBLEM
    report = Report(arguments.output)
    with Progress("asking", gathered.total) as progress:
        asyncio.run(_look(gathered, resolver, report, progress, arguments.at_once))
    if not resolver.heard and resolver.silence:
        raise UnreachableError(
            f"no resolver answered: {resolver.silence}; name one that does with --resolver ADDRESS[:PORT], or as "
            "resolvers in ptrd.yaml"
        )
    if arguments.output == "table":
        print(report.summary())
    else:
        complain(report.summary())
    fine = report.is_confirmed and not (arguments.strict and report.remarks)
    return Exit.DONE if fine else Exit.PROBLEM


class _Gathering:
    """Collects what is to be looked at. `found` has a source for each part; `total` is about how many addresses."""

    def __init__(self, config: Config | None, sample: int, targets: list[Address | Prefix | Path]) -> None:
        self.targets = targets
        self.found: list[Iterable[Item]] = []
        self.total = 0
        self.named: list[Here] = []  # the addresses of the command line
        self._config = config
        self._sample = sample
        self._snapshot: Snapshot | None = None
        self._managed: set[Address] = set()

    def gather(self) -> bool:
        """Take what the command line means; False, with the reasons on standard error, when a file has mistakes."""
        targets = self.targets
        zone_files = tuple(str(one) for one in targets if isinstance(one, Path) and not _is_csv(one))
        for target in targets:
            if isinstance(target, Address):
                self.named.append(answered_here(self._config, self._zones, target))
                self.total += 1
            elif isinstance(target, Path) and _is_csv(target):
                count = count_lines(target)
                if count is None:
                    return False
                self.found.append(file_records(target))
                self.total += count
        if zone_files:
            snapshot = _compile(PublishOptions(zone_files))
            if snapshot is None:
                return False
            self._take_zones(snapshot, None)
        spans = [target for target in targets if isinstance(target, Prefix)] if targets else [None]
        if spans and self._zones() is None:
            return False
        for span in spans:
            self._take_managed(span)
            self._take_zones(self._zones(), span)
        return True

    def _zones(self) -> Snapshot | None:
        """Compile the configuration's zone files, once."""
        if self._snapshot is None and self._config is not None:
            self._snapshot = _compile(self._config.publish)
        return self._snapshot

    def _take_zones(self, snapshot: Snapshot | None, within: Prefix | None) -> None:
        if snapshot is None:
            return
        self.found.append(zone_records(snapshot, within, self._managed))
        self.found.append(default_names(snapshot, within, self._sample, self._managed))
        self.total += 0 if within else snapshot.statistics()["records"]
        spans = (snapshot.range(number).prefix for number in range(snapshot.range_count))
        for span in spans:
            part = shared(span, within) if within else span
            self.total += len(list(places(part, self._sample))) if part else 0

    def _take_managed(self, within: Prefix | None) -> None:
        if self._config is None:
            return
        api = Api(over_socket(self._config.local.path))
        try:
            self.total += api.get("ptrs", limit=1, within=format_prefix(within) if within else None)["total"]
        except PtrdError as error:
            complain(f"managed records are not looked at: {error}")
            return
        self.found.append(self._remember(managed_records(api, within)))

    def _remember(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            self._managed.add(item.address)
            yield item


async def _look(gathered: _Gathering, resolver: Resolver, report: Report, progress: Progress, at_once: int) -> None:
    """Look at all that was gathered; what is named twice on the command line is asked for once."""
    named = await asyncio.gather(*(told_to_the_world(here, resolver) for here in gathered.named))
    items: Iterator[Item] = chain(named, chain.from_iterable(gathered.found))
    await _check(distinct(items) if gathered.targets else items, resolver, report, progress, at_once)


async def _check(items: Iterable[Item], resolver: Resolver, report: Report, progress: Progress, at_once: int) -> None:
    """Ask for names, many at a time, and print what was found in the order of the items."""
    begun: deque[tuple[Item, asyncio.Task[tuple[Finding, ...]]]] = deque()
    held = report.begin()  # printed once a resolver has said anything at all

    async def finish_first() -> None:
        nonlocal held
        item, task = begun.popleft()
        held += report.add(item, await task)
        progress.advance(1)
        if resolver.heard and held:
            progress.hide()
            print_lines(held)
            held = []

    for item in items:
        begun.append((item, asyncio.create_task(_confirm(item, resolver.addresses))))
        if len(begun) >= at_once * _AHEAD:
            await finish_first()
        if not resolver.heard and report.verdicts.total() >= _DEAF:
            break
    while begun and (resolver.heard or report.verdicts.total() < _DEAF):
        await finish_first()
    for _, task in begun:
        task.cancel()
    await asyncio.gather(*(task for _, task in begun), return_exceptions=True)
    if resolver.heard or not resolver.silence:
        print_lines([*held, *report.end()])


async def _confirm(item: Item, ask_for: Callable[[str, int], Awaitable[Any]]) -> tuple[Finding, ...]:
    return await confirm(item.address, item.names, ask_for)


def _compile(options: PublishOptions) -> Snapshot | None:
    compiled, snapshot = compile_zones(options)
    if snapshot is None:
        for problem in compiled.problems:
            complain(str(problem))
    return snapshot


def _load_config(path: str, *, optional: bool) -> Config | None:
    """Read ptrd.yaml; files, and what the world is told of an address, can be looked at without one."""
    if optional and path == DEFAULT_CONFIG and not Path(path).exists():
        return None
    return load_config(path)


def _read_target(text: str) -> Address | Prefix | Path:
    """Read an address or a prefix, or find a file. Raises UsageError."""
    path = Path(text)
    try:
        if path.exists():
            return path
    except OSError as error:
        raise UsageError(f"{quote(text)} can be no file: {error.strerror}") from None
    try:
        if text.count("/") == 1 and text.rpartition("/")[2].isdigit():
            return parse_prefix(text)
        return Address(*parse_address(text))
    except StrayBits as error:
        raise UsageError(str(error)) from None
    except ValueText as error:
        if ":" in text or text.replace(".", "").replace("/", "").isdigit():  # an address was meant
            raise UsageError(str(error)) from None
        raise UsageError(f"there is no file {quote(text)}, and it is no address and no prefix either") from None


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv" and not path.is_dir()


def _number(kind: type[int | float], least: float, most: float) -> Callable[[str], float]:
    """Make the reader of a number within bounds."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{quote(text)} is no number from {least:g} to {most:g}")
        return number

    return read
