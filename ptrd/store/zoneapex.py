"""What stands at a zone's apex: its name and its SOA, out of their YAML nodes."""

from __future__ import annotations

import re
from typing import Any, Final

from ptrd.records.model import Prefix, Soa
from ptrd.records.values import (
    StrayBits,
    ValueText,
    format_prefix,
    parse_address,
    parse_domain,
    parse_duration,
    parse_host,
    parse_mailbox,
    parse_prefix,
    quote,
)
from ptrd.store.nodevalues import is_null, read_value
from ptrd.store.yamlevents import Node, Report, Table, Text, read_fields
from ptrd.wire.names import ROOT, format_name, labels_of
from ptrd.wire.reverse import STRIDE, prefix_of, reverse_name

DEFAULT_SOA: Final = Soa(ROOT, ROOT, 14400, 3600, 1209600, 300, None)  # the times that registries accept

_SOA_KEYS: Final = ("mname", "rname", "refresh", "retry", "expire", "minimum", "serial")
_TIMES: Final = ("refresh", "retry", "expire", "minimum")


def read_origin(node: Node, report: Report) -> tuple[bytes, Prefix | None] | None:
    """Read the zone's name, a prefix or a domain name, into its wire form and what it spans as a reverse zone."""
    try:
        return parse_origin(node.value) if isinstance(node, Text) else read_value(node, "`zone`", parse_origin, report)
    except StrayBits as error:
        report.error(node, f"`zone`: {error}")
        meant = error.prefix
        return None if meant.length % STRIDE[meant.version] else (reverse_name(*meant), meant)
    except ValueText as error:
        report.error(node, f"`zone`: {error}")
        return None


def read_soa(node: Node, report: Report) -> Soa:
    """Read the SOA; what is missing or wrong is reported and has its default."""
    if not isinstance(node, Table):
        report.error(node, "`soa` is a mapping; write `soa: {mname: ns1.example.net, rname: hostmaster@example.net}`")
        return DEFAULT_SOA
    fields = read_fields(node, _SOA_KEYS, report)
    names: dict[str, Any] = {}
    for key, example, parse in (
        ("mname", "ns1.example.net", _parse_primary),
        ("rname", "hostmaster@example.net", parse_mailbox),
    ):
        if key in fields and not is_null(fields[key][1]):
            names[key] = read_value(fields[key][1], f"`{key}`", parse, report) or ROOT
        else:
            where = fields[key][0] if key in fields else node
            report.error(where, f"the key `{key}` of `soa` is missing; write `{key}: {example}`")
            names[key] = ROOT
    times: dict[str, Any] = {}
    for key in _TIMES:
        if key in fields and not is_null(fields[key][1]):
            seconds = read_value(fields[key][1], f"`{key}`", parse_duration, report)
            times[key] = DEFAULT_SOA.expire if seconds is None else seconds
        else:
            times[key] = getattr(DEFAULT_SOA, key)
    serial = None
    if "serial" in fields and not is_null(fields["serial"][1]):
        serial = read_value(fields["serial"][1], "`serial`", _parse_serial, report)
    return Soa(**names, **times, serial=serial)


def parse_origin(text: str) -> tuple[bytes, Prefix | None]:
    """Read a zone's name, a prefix or a domain name. Raises ValueText."""
    before, slash, _ = text.partition("/")
    try:
        version, _ = parse_address(before)
    except ValueText:
        name = parse_domain(text).lower()
        if labels_of(name)[-1:] and labels_of(name)[-1].isdigit():
            raise ValueText(
                f"{quote(text)} is no zone: write a prefix such as 192.0.2.0/24, or a name such as 2.0.192.in-addr.arpa"
            ) from None
        found = prefix_of(name)
        return name, Prefix(*found) if found else None
    if not slash:
        raise ValueText(f"{quote(text)} is an address; write the prefix that the zone spans, such as 192.0.2.0/24")
    prefix = parse_prefix(text)
    stride = STRIDE[version]
    if prefix.length % stride:
        raise ValueText(_unaligned(prefix))
    return reverse_name(*prefix), prefix


def _unaligned(prefix: Prefix) -> str:
    """Say what to write for a prefix that no one reverse zone spans."""
    stride = STRIDE[prefix.version]
    bits = 32 if prefix.version == 4 else 128
    shorter = prefix.length // stride * stride
    wide = Prefix(prefix.version, prefix.number >> bits - shorter << bits - shorter, shorter)
    what = f"{format_prefix(prefix)} is not on {'an octet' if prefix.version == 4 else 'a nibble'} boundary"
    if prefix.version == 4 and prefix.length > 24:
        name = format_name(reverse_name(*wide)).removesuffix(".")
        label = f"{prefix.number & 255}-{prefix.length}"
        return f"{what}; write `zone: {label}.{name}` and `covers: {format_prefix(prefix)}`, or {format_prefix(wide)}"
    return f"{what}; write {format_prefix(wide)}, or one zone for each /{shorter + stride} of it"


def _parse_primary(text: str) -> bytes:
    """Read MNAME; the root stands for a primary that nobody may ask."""
    return ROOT if text == "." else parse_host(text)


def _parse_serial(text: str) -> int | None:
    if text == "auto":
        return None
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) >= 2**32:
        raise ValueText(f"{quote(text)} is no serial; write auto, or a number from 0 to 4294967295")
    return int(text)
