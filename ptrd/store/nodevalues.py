"""Values out of YAML nodes: each function gives a value, or reports at the node what would be right and gives None."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ptrd.records.rules import underscore
from ptrd.records.values import StrayBits, ValueText, parse_host, parse_prefix
from ptrd.store.yamlevents import Items, Node, Report, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.records.model import Prefix

_Value = TypeVar("_Value")


def is_null(node: Node) -> bool:
    """Tell whether a node is `~`, `null` or empty."""
    return isinstance(node, Text) and node.is_null


def read_value(node: Node, what: str, parse: Callable[[str], _Value], report: Report) -> _Value | None:
    """Read a text with `parse`; `what` names the value in a message."""
    if not isinstance(node, Text):
        report.error(node, f"{what} is text, not a {'list' if isinstance(node, Items) else 'mapping'}")
        return None
    if node.is_null:
        report.error(node, f"{what} is missing; a value must stand here")
        return None
    try:
        return parse(node.value)
    except ValueText as error:
        report.error(node, f"{what}: {error}")
        return None


def read_prefix(node: Node, what: str, report: Report) -> Prefix | None:
    """Read a prefix; one with stray host bits is reported and read as what was probably meant."""
    try:
        return parse_prefix(node.value) if isinstance(node, Text) else read_value(node, what, parse_prefix, report)
    except StrayBits as error:
        report.error(node, f"{what}: {error}")
        return error.prefix
    except ValueText as error:
        report.error(node, f"{what}: {error}")
        return None


def read_list(node: Node, what: str, report: Report) -> list[Node]:
    """Give the nodes of a list of `what`s; a text is a list of one."""
    if isinstance(node, Items):
        if not node.items:
            report.error(node, f"the list of {what}s is empty; write at least one")
        return node.items
    if isinstance(node, Text) and not node.is_null:
        return [node]
    report.error(node, f"the {what} is missing; write one, or a list" if is_null(node) else f"{what}s are a list")
    return []


def read_hosts(node: Node, what: str, report: Report, *, pointers: bool = False) -> list[tuple[Node, bytes]]:
    """Read one host name or a list, each with its node; a repeated one counts once, with a warning.

    `pointers` are PTR targets, in which an underscore is a warning.
    """
    found: dict[bytes, tuple[Node, bytes]] = {}
    for item in read_list(node, what, report):
        name = read_value(item, f"the {what}", parse_host, report)
        if name is None or not isinstance(item, Text):
            continue
        if found.setdefault(name.lower(), (item, name))[0] is not item:
            report.warn(item, f"the {what} {item.value} stands twice; write it once")
        if pointers and b"_" in name:
            report.warn(item, underscore(item.value))
    return list(found.values())
