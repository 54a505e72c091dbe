"""Where names lead by the zones that are served here: what they say is final, and the rest is asked elsewhere."""

from __future__ import annotations

import pytest

from ptrd.engine.leading import Lead, lead
from ptrd.records.management import Address
from ptrd.records.trust import Found, Outcome
from ptrd.records.values import parse_address
from tests.serving import serve

WORLD = serve("""\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
defaults: {192.0.2.0/24: "{ip}.example.net"}
---
zone: example.net
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
forward: [192.0.2.0/24]
rrsets: |
  mail     IN A 192.0.2.1
  mail     IN A 192.0.2.2
  mail     IN AAAA 2001:db8::1
  text     IN TXT "beside"
  alias    IN CNAME mail
  far      IN CNAME elsewhere.example.org.
  away     IN CNAME far
  dangling IN CNAME none
  empty    IN CNAME text
  loop     IN CNAME pool
  pool     IN CNAME loop
  below    IN DNAME example.org.
  child    IN NS ns.child
  ns.child IN A 192.0.2.9
  into     IN CNAME www.child
  *.wild   IN A 192.0.2.3
""")
NET = ".example.net."


def addresses(*texts):
    """Read addresses."""
    return tuple(Address(*parse_address(text)) for text in texts)


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("mail", 4, Found(Outcome.ADDRESSES, addresses("192.0.2.1", "192.0.2.2"))),
        ("mail", 6, Found(Outcome.ADDRESSES, addresses("2001:db8::1"))),
        ("192-0-2-77", 4, Found(Outcome.ADDRESSES, addresses("192.0.2.77"))),
        ("x.wild", 4, Found(Outcome.ADDRESSES, addresses("192.0.2.3"))),
        ("text", 4, Found(Outcome.NO_DATA)),
        ("none", 4, Found(Outcome.NO_NAME)),
        ("alias", 4, Found(Outcome.ADDRESSES, addresses("192.0.2.1", "192.0.2.2"), (f"mail{NET}",))),
        ("dangling", 4, Found(Outcome.NO_NAME, (), (f"none{NET}",))),
        ("empty", 4, Found(Outcome.NO_DATA, (), (f"text{NET}",))),
        ("loop", 4, Found(Outcome.ALIAS_LOOP, (), (f"pool{NET}", f"loop{NET}"))),
    ],
)
def test_what_our_zones_say_is_final(name, version, found):
    """Addresses, made ones too, no address, no name and aliases within our zones are known without asking anybody."""
    assert lead(WORLD, name + NET, version) == Lead(found, "", found.chain)
    assert lead(WORLD, (name + NET).upper(), version).found == found


@pytest.mark.parametrize(
    ("name", "onward", "chain"),
    [
        ("mail.example.org.", "mail.example.org.", ()),
        (f"far{NET}", "elsewhere.example.org.", ("elsewhere.example.org.",)),
        (f"away{NET}", "elsewhere.example.org.", (f"far{NET}", "elsewhere.example.org.")),
        (f"www.below{NET}", "www.example.org.", ("www.example.org.",)),
        (f"www.child{NET}", f"www.child{NET}", ()),
        (f"ns.child{NET}", f"ns.child{NET}", ()),
        (f"into{NET}", f"www.child{NET}", (f"www.child{NET}",)),
    ],
)
def test_what_others_know_is_asked_of_others(name, onward, chain):
    """Names of no zone of ours, delegated ones, and what aliases lead to out of our zones go on elsewhere."""
    assert lead(WORLD, name, 4) == Lead(None, onward, chain)
