"""What a zone says about ranges: `defaults` and `delegations`, out of their YAML nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.records.cuts import classless_parent, is_classless
from ptrd.records.masterfile import parse_rdata
from ptrd.records.model import Default, Delegation, Place, Prefix, Zone
from ptrd.records.values import ValueText, format_prefix, parse_domain, parse_duration, quote
from ptrd.snapshot.templates import TemplateError, parse_template
from ptrd.store.nodevalues import is_null, read_hosts, read_list, read_prefix, read_value
from ptrd.store.yamlevents import Items, Node, Report, Table, Text, read_fields
from ptrd.wire.names import ROOT, labels_of
from ptrd.wire.rrtypes import DS

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_KEYS: Final = ("name", "ttl")
_DELEGATION_KEYS: Final = ("ns", "ds", "label")
_TOKENS: Final = frozenset(("ip", "a", "b", "c", "d", "groups", "hex", "host", "rev", "zone"))


def read_defaults(node: Node | None, zone: Zone, report: Report) -> list[Default]:
    """Read `defaults`; `zone` need have its name, prefix and TTL only. Templates are checked for their range."""
    found = []
    for prefix, key, value in _ranges(node, "defaults", '192.0.2.0/24: "{ip}.dyn.example.net"', report):
        ttl = zone.ttl
        name: Node = value
        if isinstance(value, Table):
            if _is_bare_template(value):
                token = value.pairs[0][0].value
                report.error(
                    value, f'{{{token}}} begins a mapping in YAML; put the template in quotes: "{{{token}}}..."'
                )
                continue
            fields = read_fields(value, _DEFAULT_KEYS, report)
            if "ttl" in fields and not is_null(fields["ttl"][1]):
                own = read_value(fields["ttl"][1], "the TTL", parse_duration, report)
                ttl = ttl if own is None else own
            if "name" not in fields:
                report.error(value, 'a default needs its name; write {name: "{ip}.dyn.example.net", ttl: 10m}')
                continue
            name = fields["name"][1]
        if not isinstance(name, Text):
            kind = "list" if isinstance(name, Items) else "mapping"
            report.error(
                name, f'a default is one template, not a {kind}; write "{{ip}}.dyn.example.net", or ~ for none'
            )
            continue
        template = None if name.is_null else name.value
        if template is not None and prefix is not None and (zone.origin or "{zone}" not in template):
            try:
                parse_template(template, prefix, zone.origin or ROOT)
            except TemplateError as error:
                report.error(name, str(error))
        if prefix is not None:
            found.append(Default(prefix, template, ttl, report.place(key)))
    return found


def read_delegations(node: Node | None, zone: Zone, places: dict[bytes, Place], report: Report) -> list[Delegation]:
    """Read `delegations`; `zone` as in `read_defaults`. Where name servers stand is added to `places`."""
    found = []
    example = "192.0.2.64/26: {ns: [ns1.customer.example]}"
    for prefix, key, value in _ranges(node, "delegations", example, report):
        if not isinstance(value, Table):
            report.error(value if not is_null(value) else key, f"a delegation is a mapping; write `{example}`")
            continue
        fields = read_fields(value, _DELEGATION_KEYS, report)
        servers = []
        if "ns" in fields:
            servers = read_hosts(fields["ns"][1], "name server", report)
        else:
            report.error(value, "the delegation has no name servers; write `ns: [ns1.customer.example]`")
        for item, name in servers:
            places.setdefault(name.lower(), report.place(item))
        digests = []
        if "ds" in fields and not is_null(fields["ds"][1]):
            for item in read_list(fields["ds"][1], "DS record", report):
                rdata = read_value(item, "`ds`", lambda text: parse_rdata(DS, text), report)
                if rdata is not None and rdata not in digests:
                    digests.append(rdata)
        if prefix is None:
            continue
        delegation = Delegation(prefix, b"", tuple(name for _, name in servers), tuple(digests), report.place(key))
        label = fields["label"] if "label" in fields and not is_null(fields["label"][1]) else None
        if is_classless(delegation):
            default = b"%d-%d" % (prefix.number & 255, prefix.length)
            text = default if label is None else read_value(label[1], "`label`", _parse_label, report)
            if text is None:
                continue
            if zone.origin and 1 + len(text) + len(classless_parent(zone, prefix)) + 4 > 255:
                report.error(label[1] if label else key, "the label makes names of over 255 bytes; write a shorter one")
                continue
            delegation = delegation._replace(label=text)
        elif label is not None:
            report.error(
                label[0],
                f"`label` is for IPv4 prefixes longer than /24, and {format_prefix(prefix)} is not; remove the label",
            )
        found.append(delegation)
    return found


def _ranges(node: Node | None, what: str, example: str, report: Report) -> Iterator[tuple[Prefix | None, Text, Node]]:
    """Give the pairs of a mapping by prefix: a repeated prefix is a problem, and None like one that is unreadable."""
    if node is None:
        return
    if not isinstance(node, Table):
        report.error(node, f"`{what}` is a mapping of prefixes; write `{example}` below it")
        return
    first: dict[Prefix, Text] = {}
    for key, value in node.pairs:
        prefix = read_prefix(key, "the range", report)
        if prefix is not None and first.setdefault(prefix, key) is not key:
            line = first[prefix].line
            message = f"{format_prefix(prefix)} stands twice in `{what}`, first in line {line}; write it once"
            report.error(key, message)
            prefix = None
        yield prefix, key, value


def _is_bare_template(table: Table) -> bool:
    """Tell whether a mapping is what YAML makes of {ip} without quotes."""
    return len(table.pairs) == 1 and table.pairs[0][0].value in _TOKENS and is_null(table.pairs[0][1])


def _parse_label(text: str) -> bytes:
    labels = labels_of(parse_domain(text))
    if len(labels) != 1 or labels[0] == b"*":
        raise ValueText(f"{quote(text)} is not one label; write one such as 64-26, without dots")
    return labels[0].lower()
