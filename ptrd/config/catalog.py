"""`catalog` of ptrd.yaml: the name of the catalog zone, and its `transfer` as a zone file has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.records.catalog import LONGEST, Catalog
from ptrd.records.values import ValueText, parse_domain, quote
from ptrd.store.nodevalues import is_null, read_value
from ptrd.store.yamlevents import Table, read_fields
from ptrd.store.zonetransfer import read_transfer

if TYPE_CHECKING:
    from ptrd.store.yamlevents import Node, Report

EXAMPLE: Final = "{zone: catalog.example.net, transfer: {allow: [192.0.2.53], notify: [192.0.2.53]}}"


def read_catalog(node: Node, report: Report) -> Catalog | None:
    """Read the mapping; None when it cannot be meant, which is reported."""
    if not isinstance(node, Table):
        report.error(node, f"catalog is a mapping; write for example catalog: {EXAMPLE}")
        return None
    fields = read_fields(node, ("zone", "transfer"), report)
    written = {name: value for name, (_, value) in fields.items() if not is_null(value)}
    missing = [f"`{name}`" for name in ("zone", "transfer") if name not in written]
    if missing:
        report.error(node, f"catalog: {' and '.join(missing)} must stand here; write for example catalog: {EXAMPLE}")
        return None
    name = read_value(written["zone"], "`zone`", _read_name, report)
    transfer, _ = read_transfer(written["transfer"], report)
    if name is None or transfer is None:
        return None
    if transfer.defaults is not None:
        report.error(written["transfer"], "a catalog has no default names; leave out `defaults`")
        return None
    return Catalog(name, transfer, report.place(written["zone"]))


def _read_name(text: str) -> bytes:
    name = parse_domain(text).lower()
    if len(name) > LONGEST or name == b"\0":
        raise ValueText(f"{quote(text)} cannot hold the names of its members; write one such as catalog.example.net")
    return name
