"""`defaults`, `delegations`, `covers` and `forward`: what a zone file says about ranges."""

from __future__ import annotations

import pytest

from ptrd.records.access import ALLOW, DROP
from ptrd.records.model import Place
from ptrd.records.values import parse_prefix
from tests.store.zonetexts import HEAD, NAMED, V4, expect, load_one


def test_defaults():
    """A default is a template, {name, ttl} or null; a range stands once and lies in the zone."""
    expect(
        V4 + "defaults:\n"
        '  192.0.2.0/24: "{ip}.x.example"\n'
        '  192.0.2.1/24: "{ip}.y.example"\n'
        "  192.0.2.0/25: {ip}\n"
        "  192.0.2.0/26: {name: '{d}.x.example', ttl: -5, nam: 1}\n"
        "  192.0.2.0/27: {ttl: 5m}\n"
        "  192.0.2.0/28: [a.example]\n"
        "  192.0.2.0/29: '{groups}.x.example'\n"
        "  192.0.0.0/16: x.example\n"
        "  192.0.2.9: x.example\n"
        "  2001:db8::/64: '{ip}.x.example'\n"
        "  192.0.2.0/30: {name: ~, ttl: 5m}\n"
        "  192.0.2.128/25: {name: {}}\n",
        "6:3: error: the range: '192.0.2.1/24' has bits set beyond its length of 24; the prefix is 192.0.2.0/24",
        "6:3: error: 192.0.2.0/24 stands twice in `defaults`, first in line 5",
        "7:17: error: {ip} begins a mapping in YAML; put the template in quotes",
        "8:46: error: the TTL: '-5' is no duration",
        "8:50: error: unknown key 'nam'; did you mean 'name'?",
        "9:17: error: a default needs its name",
        "10:17: error: a default is one template, not a list",
        "11:17: error: ",
        "12:3: error: 192.0.0.0/16 lies outside the zone",
        "13:3: error: the range: '192.0.2.9' has no prefix length; write 192.0.2.9/32",
        "14:3: error: 2001:db8::/64 lies outside the zone",
        "16:26: error: a default is one template, not a mapping",
    )
    expect(V4 + "defaults: [a]\n", "4:11: error: `defaults` is a mapping of prefixes; write `192.0.2.0/24: ")


def test_delegations():
    """A delegation is a mapping with name servers; its label is one label, and only for IPv4 longer than /24."""
    expect(
        "zone: 10.0.0.0/8\n" + HEAD + "delegations:\n"
        "  10.0.0.64/26: {ns: a.example, label: a.b}\n"
        "  10.0.0.0/27: {ns: [192.0.2.1], ds: [1 2 3]}\n"
        "  10.1.0.0/16: {ns: [a.example], label: x}\n"
        "  10.2.0.0/16: ~\n"
        "  10.3.0.0/16: {ds: ~}\n"
        "  10.4.0.1/16: {ns: [a.example], labl: x}\n"
        "  10.5.0.0/16: {ns: []}\n"
        "  10.0.0.128/26: {ns: a.example, label: '*'}\n"
        "  10.5.0.0/16: {ns: a.example}\n"
        "  11.0.0.0/16: {ns: a.example}\n",
        "5:40: error: `label`: 'a.b' is not one label",
        "6:22: error: the name server: '192.0.2.1' looks like an address",
        "6:39: error: `ds`: the data of DS '1 2 3' cannot be read",
        "7:34: error: `label` is for IPv4 prefixes longer than /24, and 10.1.0.0/16 is not",
        "8:3: error: a delegation is a mapping",
        "9:16: error: the delegation has no name servers",
        "10:3: error: the range: '10.4.0.1/16' has bits set",
        "10:34: error: unknown key 'labl'; did you mean 'label'?",
        "11:21: error: the list of name servers is empty",
        "12:41: error: `label`: '*' is not one label",
        "13:3: error: 10.5.0.0/16 stands twice in `delegations`, first in line 11",
        "14:3: error: 11.0.0.0/16 lies outside the zone",
    )


@pytest.mark.parametrize(
    ("label", "stored"), [("", b"64-26"), ("64/26", b"64/26"), ("Customer", b"customer"), ("64\\.26", b"64.26")]
)
def test_labels_of_delegations(label, stored):
    """The label is by default the first address and the length; any one label will do, kept in lower case."""
    zone = load_one(V4 + NAMED + f"delegations: {{192.0.2.64/26: {{ns: a.example, label: {label}}}}}\n")
    assert zone.delegations[0].label == stored


def test_plain_delegations_have_no_label():
    """IPv6 and IPv4 up to /24 are cut at their own names."""
    zone = load_one("zone: 2001:db8::/32\n" + HEAD + "delegations: {'2001:db8::/49': {ns: a.example}}\n")
    assert zone.delegations[0].label == b""


def test_records_in_delegations():
    """A record in an RFC 2317 delegation is an error, below a plain cut a warning."""
    text = (
        "zone: 10.0.0.0/8\n"
        + HEAD
        + (
            "records: {10.0.0.65: a.example, 10.1.0.1: b.example}\n"
            "delegations: {10.0.0.64/26: {ns: a.example}, 10.1.0.0/16: {ns: a.example}}\n"
        )
    )
    expect(
        text,
        "4:11: error: 10.0.0.65 lies in 10.0.0.64/26, which is delegated at line 5",
        "4:33: warning: the record of 10.1.0.1 is hidden by the delegation of 1.10.in-addr.arpa. at line 5",
    )


def test_a_classless_child_zone():
    """`covers` says which addresses a zone means, whatever its name is."""
    zone = load_one(
        "zone: customer.example\ncovers: 192.0.2.64/26\nrecords: {192.0.2.65: a.example}\n"
        "defaults: {192.0.2.64/26: '{d}.{zone}'}\n" + HEAD
    )
    assert (zone.covers, zone.prefix) == (True, parse_prefix("192.0.2.64/26"))
    for text, words in (
        ("192.0.2.0/24", "192.0.2.0/24 is not an IPv4 prefix of /25 to /32"),
        ("2001:db8::/64", "2001:db8::/64 is not an IPv4 prefix"),
        ("192.0.2.65/26", "'192.0.2.65/26' has bits set beyond its length of 26; the prefix is 192.0.2.64/26"),
        ("foo", "'foo' is no prefix"),
    ):
        expect(
            f"zone: customer.example\ncovers: {text}\nrecords: {{192.0.2.65: a.b}}\n" + HEAD,
            f"2:9: error: `covers`: {words}",
        )
    name = ".".join(["a" * 49] * 5)
    expect(f"zone: {name}.aa\ncovers: 192.0.2.64/26\n" + HEAD, "2:9: error: the zone's name is too long")


def test_forward_zones():
    """`forward` lists prefixes, each once."""
    zone = load_one("zone: dyn.example.net\nforward: [192.0.2.0/24, 2001:db8::/32]\n" + HEAD)
    assert zone.forward == [
        (parse_prefix("192.0.2.0/24"), Place("f", 2, 11)),
        (parse_prefix("2001:db8::/32"), Place("f", 2, 25)),
    ]
    expect(
        "zone: dyn.example.net\nforward:\n  - 192.0.2.0/24\n  - 192.0.2.0\n  - 192.0.2.9/24\n" + HEAD,
        "4:5: error: the forward range: '192.0.2.0' has no prefix length",
        "5:5: error: the forward range: '192.0.2.9/24' has bits set",
        "5:5: error: the forward range 192.0.2.0/24 stands twice, first in line 3",
    )


def test_access():
    """`access` holds prefixes under allow, refuse and drop, one or a list; each stands once in all three."""
    zone = load_one(V4 + NAMED + "access:\n  allow: [10.0.0.0/8, 2001:db8::/32]\n  drop: 10.6.0.0/16\n  refuse: ~\n")
    assert zone.access == [
        (4, 10 << 24, 8, ALLOW),
        (6, 0x20010DB8 << 96, 32, ALLOW),
        (4, (10 << 24) + (6 << 16), 16, DROP),
    ]
    expect(
        V4 + NAMED + "access:\n"
        "  allow: [10.0.0.0/8, 10.0.0.1/8, 10.0.0.1, x]\n"
        "  drop: 10.0.0.0/8\n"
        "  deny: [192.0.2.0/24]\n",
        "6:23: error: the prefix: '10.0.0.1/8' has bits set beyond its length of 8; the prefix is 10.0.0.0/8",
        "6:23: error: the prefix 10.0.0.0/8 stands twice, first in line 6; remove one",
        "6:35: error: the prefix: '10.0.0.1' has no prefix length; write 10.0.0.1/32",
        "6:45: error: the prefix: 'x' is no prefix",
        "7:9: error: the prefix 10.0.0.0/8 stands twice, first in line 6; remove one",
        "8:3: error: unknown key 'deny'; known here: allow, refuse, drop",
    )
    expect(V4 + NAMED + "access: [10.0.0.0/8]\n", "5:9: error: `access` is a mapping; write")
