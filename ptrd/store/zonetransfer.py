"""`transfer` of a zone out of its YAML nodes: who may have the zone, who is told of changes, and default names."""

from __future__ import annotations

from typing import Final

from ptrd.records.transfer import DEFAULTS, DNS_PORT, AllowItem, NotifyTarget, Transfer
from ptrd.records.values import ValueText, format_address, parse_address, parse_domain, quote
from ptrd.store.nodevalues import is_null, read_list, read_value
from ptrd.store.settings import read_address, read_prefix
from ptrd.store.yamlevents import Node, Report, Table, read_fields

_KEYS: Final = ("allow", "notify", "defaults")
_EXAMPLE: Final = "transfer: {allow: [192.0.2.53, transfer-key], notify: [192.0.2.53]}"


def read_transfer(node: Node | None, report: Report) -> tuple[Transfer | None, dict[bytes, Node]]:
    """Read `transfer`, and give where each key that it names stands first. None where nothing is written."""
    places: dict[bytes, Node] = {}
    if node is None:
        return None, places
    if not isinstance(node, Table):
        report.error(node, f"`transfer` is a mapping; write `{_EXAMPLE}`")
        return None, places
    fields = {name: value for name, (_, value) in read_fields(node, _KEYS, report).items() if not is_null(value)}
    allow: dict[AllowItem, Node] = {}
    for item in read_list(fields["allow"], "prefix or key", report) if "allow" in fields else []:
        allowed = read_value(item, "who may have the zone", parse_allowed, report)
        if allowed is not None and allow.setdefault(allowed, item) is not item:
            report.error(item, f"this stands twice, first in line {allow[allowed].line}; remove one")
        if allowed is not None and allowed.key is not None:
            places.setdefault(allowed.key, item)
    notify: dict[NotifyTarget, Node] = {}
    for item in read_list(fields["notify"], "server", report) if "notify" in fields else []:
        target = read_value(item, "who is told of changes", parse_target, report)
        if target is not None and notify.setdefault(target, item) is not item:
            report.error(item, f"this stands twice, first in line {notify[target].line}; remove one")
        if target is not None and target.key is not None:
            places.setdefault(target.key, item)
    defaults = None
    if "defaults" in fields:
        defaults = read_value(fields["defaults"], "`defaults`", _parse_defaults, report)
    if defaults == "omit":
        report.warn(
            fields["defaults"],
            "default names are left out of transfers, so that other servers of this zone deny names that this one "
            "gives; write `defaults: expand` unless they make the names themselves",
        )
    return Transfer(tuple(allow), tuple(notify), defaults), places


def parse_allowed(text: str) -> AllowItem:
    """Read `PREFIX`, `KEY`, or `PREFIX KEY`; an address is the prefix of it alone. Raises ValueText."""
    first, *rest = text.split() or [""]
    if len(rest) > 1:
        raise ValueText(f"{quote(text)} is more than a prefix and a key; write each pair by itself")
    if rest:
        return AllowItem(read_prefix(first), parse_key_name(rest[0]))
    if _is_address_like(first):
        return AllowItem(read_prefix(first), None)
    return AllowItem(None, parse_key_name(first))


def parse_target(text: str) -> NotifyTarget:
    """Read `ADDRESS` or `ADDRESS:PORT`, perhaps with ` KEY` behind. Raises ValueText."""
    first, *rest = text.split() or [""]
    if len(rest) > 1:
        raise ValueText(f"{quote(text)} is more than an address and a key; write each pair by itself")
    try:
        host, port = format_address(*parse_address(first.removeprefix("[").removesuffix("]"))), DNS_PORT
    except ValueText:
        host, port = read_address(first)
    if not port:
        raise ValueText(f"{quote(text)}: no server listens on port 0; write one from 1 to 65535")
    return NotifyTarget(host, port, parse_key_name(rest[0]) if rest else None)


def parse_key_name(text: str) -> bytes:
    """Read the name of a key, which is a domain name, into wire form in lower case. Raises ValueText."""
    name = parse_domain(text).lower()
    if name == b"\0":
        raise ValueText("a key needs a name; write one such as transfer-key")
    return name


def _is_address_like(text: str) -> bool:
    try:
        parse_address(text.partition("/")[0])
    except ValueText:
        return "/" in text or ":" in text
    return True


def _parse_defaults(text: str) -> str:
    if text not in DEFAULTS:
        raise ValueText(f"{quote(text)} is neither expand nor omit nor refuse")
    return text
