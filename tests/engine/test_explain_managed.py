"""What is said of managed records, and of zones that are not for everybody, to who asks why."""

from __future__ import annotations

from ptrd.engine.explain import explain
from ptrd.records.changes import Change
from ptrd.wire.names import parse_name
from tests.serving import serve

ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
delegations: {192.0.2.192/26: {ns: [ns.example.org]}}
defaults: {192.0.2.0/25: "{ip}.dyn.example.net"}
access: {allow: [10.0.0.0/8, 127.0.0.0/8], drop: 10.6.0.0/16}
"""
BASE = 192 << 24 | 2 << 8
WORLD = serve(ZONE).with_overlay(
    [Change(4, BASE + octet, 60, (parse_name("managed.example.net"),)) for octet in (5, 200)], 2
)


def why(octet):
    """Give the reasons for what is said of an address."""
    return explain(WORLD, parse_name(f"{octet}.2.0.192.in-addr.arpa"), 12)["why"]


def test_a_managed_record_is_the_reason():
    """A managed record is named as what answers; where an alias of the zone file stands, as what that hides."""
    assert "5.2.0.192.in-addr.arpa. has a managed PTR record" in why(5)
    assert "200.2.0.192.in-addr.arpa. has a managed PTR record too, which what the zone file has there hides" in why(
        200
    )
    assert any("200.2.0.192.in-addr.arpa. has CNAME from" in reason for reason in why(200))


def test_who_is_told_is_said():
    """A zone with access lists says so, in the words of the zone file."""
    assert "only some clients are told this: allow [10.0.0.0/8, 127.0.0.0/8], drop [10.6.0.0/16]" in why(5)
