"""`primaries` of a zone out of its YAML nodes: the servers that it is transferred from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.store.nodevalues import is_null, read_list, read_value
from ptrd.store.zonetransfer import parse_target

if TYPE_CHECKING:
    from ptrd.records.transfer import NotifyTarget
    from ptrd.store.yamlevents import Fields, Node, Report

TAKEN: Final = ("soa", "ns", "records", "delegations", "forward", "rrsets")  # what comes from the primary


def read_primaries(
    node: Node | None, fields: Fields, report: Report
) -> tuple[tuple[NotifyTarget, ...], dict[bytes, Node]]:
    """Read `primaries`, and give where each key that it names stands first. `fields` are all of the document's keys."""
    found: dict[NotifyTarget, Node] = {}
    places: dict[bytes, Node] = {}
    for item in read_list(node, "primary server", report) if node is not None else []:
        primary = read_value(item, "the primary", parse_target, report)
        if primary is None:
            continue
        if found.setdefault(primary, item) is not item:
            report.error(item, f"this primary stands twice, first in line {found[primary].line}; remove one")
        if primary.key is not None:
            places.setdefault(primary.key, item)
    for name in TAKEN if node is not None else ():
        if name in fields and not is_null(fields[name][1]):
            report.error(
                fields[name][0],
                f"`{name}` stands beside `primaries`, which the zone is transferred from with all its records; "
                "remove one of the two",
            )
    return tuple(found), places
