"""EIPs within one transaction: given, taken back with all that is on them, and read from a list in CSV.

EIPs never overlap, so each address belongs to at most one project.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from ptrd.control.actors import Code, ControlError
from ptrd.control.fields import checked, eip_row
from ptrd.control.removal import drop_pointer
from ptrd.control.scope import NO_EIP, address_of, frozen_at
from ptrd.control.views import BulkError
from ptrd.records.management import Address, Eip, check_eip_id, check_region
from ptrd.records.model import Prefix
from ptrd.records.values import ValueText, format_prefix, parse_address, parse_prefix, quote
from ptrd.store.database import PointerQuery
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.records.management import Pointer
    from ptrd.store.database import Transaction

COLUMNS: Final = ("address_or_prefix", "id", "region", "project")


class NewEip(NamedTuple):
    """An EIP that is to be: `project` is the name or the id of one."""

    prefix: Prefix
    id: str
    region: str
    project: str


class Added(NamedTuple):
    """An EIP that came into being, and why its names would not be served, else an empty text."""

    eip: Eip
    warning: str


class Released(NamedTuple):
    """An EIP that is gone, with the records that it had."""

    eip: Eip
    pointers: list[Pointer]


class Imported(NamedTuple):
    """What an import did: EIPs that came, in order; how many were there already; warnings as (line, sentence)."""

    added: list[Eip]
    unchanged: int
    warnings: list[tuple[int, str]]


def read_eip(prefix: object, eip_id: object, region: object, project: object, regions: tuple[str, ...]) -> NewEip:
    """Check the fields of an EIP; without an id it gets a new one. Raises ControlError."""
    if not isinstance(project, str) or not project:
        raise ControlError(Code.INVALID, "name the project that the EIP is for", "project")
    return NewEip(
        read_prefix(prefix),
        str(uuid4()) if eip_id is None else checked(check_eip_id, eip_id),
        checked(check_region, region, regions),
        project,
    )


def read_prefix(text: object) -> Prefix:
    """Read an address or a prefix. Raises ControlError."""
    if not isinstance(text, str):
        raise ControlError(Code.INVALID, "write an address such as 192.0.2.10, or a prefix as 2001:db8::/64", "address")
    try:
        if "/" in text:
            return parse_prefix(text)
        version, number = parse_address(text)
    except ValueText as error:
        raise ControlError(Code.INVALID, str(error), "address") from None
    return Prefix(version, number, BITS[version])


def add_eip(transaction: Transaction, new: NewEip, placement: Callable[[Address], str | None]) -> Added:
    """Give an EIP to a project. Raises ControlError: NO_SUCH for no project, EXISTS for an id or address in use."""
    project = transaction.project(new.project)
    if project is None:
        raise ControlError(Code.NO_SUCH, f"there is no project {quote(new.project)}", "project")
    if transaction.eip(new.region, new.id) is not None:
        raise ControlError(Code.EXISTS, f"there is an EIP {quote(new.id)} in {new.region} already", "eip")
    others = transaction.eips_within(new.prefix)
    if others:
        sentence = f"{written(new.prefix)} overlaps with {written(others[0].prefix)}, the EIP {others[0].id}"
        raise ControlError(Code.EXISTS, f"{sentence} in {others[0].region}; release that one first", "address")
    eip = Eip(new.id, new.region, project.id, new.prefix, transaction.now)
    transaction.put_eip(eip)
    transaction.note("createEip", project=project.id, address=address_of(eip), after=eip_row(eip))
    return Added(eip, _warning(eip, placement))


def release_eip(transaction: Transaction, eip: Eip) -> Released:
    """Take an EIP back: its records and freezes go with it, and DNS goes back to what the zone files say."""
    frozen = frozen_at(transaction, eip)
    dropped = transaction.pointers(PointerQuery(project=eip.project, within=eip.prefix))
    for pointer in dropped:
        drop_pointer(transaction, pointer, "deletePtrRecord", published=pointer.address not in frozen)
    for address in frozen:
        transaction.drop_freeze(address)
    transaction.drop_eip(eip.region, eip.id)
    transaction.note("releaseEip", project=eip.project, address=address_of(eip), before=eip_row(eip))
    return Released(eip, dropped)


def find_eip(transaction: Transaction, actor: Actor, region: str, eip_id: str) -> Eip:
    """Find an EIP that the actor may see. Raises ControlError."""
    eip = transaction.eip(region, eip_id)
    if eip is None or not (actor.is_operator or actor.project == eip.project):
        raise ControlError(Code.NO_EIP, NO_EIP, "eip")
    return eip


def read_list(text: str, regions: tuple[str, ...]) -> tuple[list[tuple[int, NewEip]], list[tuple[int, ControlError]]]:
    """Read lines of `address_or_prefix,id,region,project`: those that are well, and what is wrong with the others.

    A first line with the names of the columns, empty lines and lines that begin with `#` are passed over.
    """
    wanted: list[tuple[int, NewEip]] = []
    problems: list[tuple[int, ControlError]] = []
    reader = csv.reader(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines(), strict=True)
    is_first = True
    while True:
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return wanted, problems
        except csv.Error as error:
            problems.append((reader.line_num, ControlError(Code.INVALID, f"this is no line of CSV: {error}", "body")))
            continue
        if not any(row) or row[0].startswith("#"):
            continue
        is_header, is_first = is_first and tuple(row) == COLUMNS, False
        if is_header:
            continue
        try:
            wanted.append((reader.line_num, _read_row(row, regions)))
        except ControlError as error:
            problems.append((reader.line_num, error))


def import_eips(
    transaction: Transaction,
    wanted: list[tuple[int, NewEip]],
    problems: list[tuple[int, ControlError]],
    placement: Callable[[Address], str | None],
) -> Imported:
    """Add all EIPs of a list that are not there already. Raises BulkError, by line, with `problems` and more."""
    problems = list(problems)
    done = Imported([], 0, [])
    unchanged = 0
    for line, new in wanted:
        if _is_there(transaction, new):
            unchanged += 1
            continue
        try:
            eip, warning = add_eip(transaction, new, placement)
        except ControlError as error:
            problems.append((line, error))
            continue
        done.added.append(eip)
        if warning:
            done.warnings.append((line, warning))
    if problems:
        raise BulkError(sorted(problems, key=lambda problem: problem[0]))
    return done._replace(unchanged=unchanged)


def written(prefix: Prefix) -> str:
    """Write a prefix, and one address as an address."""
    if prefix.length == BITS[prefix.version]:
        return str(Address(prefix.version, prefix.number))
    return format_prefix(prefix)


def _read_row(row: list[str], regions: tuple[str, ...]) -> NewEip:
    if len(row) != len(COLUMNS):
        raise ControlError(Code.INVALID, f"a line has {len(COLUMNS)} fields: {','.join(COLUMNS)}", "body")
    return read_eip(row[0], row[1] or None, row[2], row[3], regions)


def _is_there(transaction: Transaction, new: NewEip) -> bool:
    eip = transaction.eip(new.region, new.id)
    project = transaction.project(new.project)
    return eip is not None and project is not None and (eip.prefix, eip.project) == (new.prefix, project.id)


def _warning(eip: Eip, placement: Callable[[Address], str | None]) -> str:
    """Say why the first or the last address would not be served."""
    for number in sorted({eip.prefix.number, eip.prefix.last}):
        address = Address(eip.prefix.version, number)
        reason = placement(address)
        if reason is not None:
            return f"a name for {address} would not be served: {reason}"
    return ""
