"""Access lists out of their YAML nodes: whose questions are answered, refused or dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.records.access import VERDICTS, Rule, rule_of
from ptrd.records.values import format_prefix
from ptrd.store.nodevalues import is_null, read_list, read_prefix
from ptrd.store.yamlevents import Node, Report, Table, read_fields

if TYPE_CHECKING:
    from ptrd.records.model import Prefix


def read_access(node: Node | None, report: Report) -> list[Rule]:
    """Read `access`: under `allow`, `refuse` and `drop`, a prefix or a list of them; each stands once in all."""
    if node is None:
        return []
    if not isinstance(node, Table):
        report.error(node, "`access` is a mapping; write `access: {allow: [192.0.2.0/24, 2001:db8::/32]}`")
        return []
    rules: dict[Prefix, tuple[int, int]] = {}
    for key, value in read_fields(node, VERDICTS, report).values():
        for item in read_list(value, "prefix", report) if not is_null(value) else []:
            prefix = read_prefix(item, "the prefix", report)
            if prefix is None:
                continue
            if prefix in rules:
                line = rules[prefix][1]
                report.error(item, f"the prefix {format_prefix(prefix)} stands twice, first in line {line}; remove one")
            else:
                rules[prefix] = VERDICTS.index(key.value), report.place(item).line
    return [rule_of(prefix, verdict) for prefix, (verdict, _) in rules.items()]
