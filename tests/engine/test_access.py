"""Access lists: who is answered, refused, or met with silence; everywhere, and in one zone."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import dns.edns
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.engine.edns import TCP, UDP
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.records.access import ALLOW, DROP, REFUSE, AccessList
from tests.serving import serve

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
WORLD = serve(
    f"zone: 192.0.2.0/24\n{HEAD}records: {{192.0.2.1: one.example.net}}\n"
    "rrsets: |\n  inner CNAME 1.100.51.198.in-addr.arpa.\n",
    f"zone: 198.51.100.0/24\n{HEAD}records: {{198.51.100.1: inner.example.net}}\n"
    "access:\n  allow: [10.0.0.0/8, 2001:db8::/32]\n  drop: 10.6.0.0/16\n",
)
OPEN, KEPT = "1.2.0.192.in-addr.arpa.", "1.100.51.198.in-addr.arpa."
WORDS = {"allow": ALLOW, "refuse": REFUSE, "drop": DROP}


def rules(**lists):
    """Make rules of prefixes as text."""
    found = []
    for word, prefixes in lists.items():
        for text in prefixes:
            net = ip_network(text)
            found.append((net.version, int(net.network_address), net.prefixlen, WORDS[word]))
    return tuple(found)


def ask(host, name=OPEN, options=None, transport=UDP):
    """Ask as a client; gives (source, reply or None for silence)."""
    query = dns.message.make_query(name, "PTR", use_edns=0)
    wire, source, *_ = respond(WORLD, Service(options or Options()), query.to_wire(), transport, (host, 4711), 0.0)
    return SOURCES[source], dns.message.from_wire(wire) if wire else None


@pytest.mark.parametrize("transport", [UDP, TCP])
def test_the_longest_prefix_decides(transport):
    """A client in a dropped prefix within an allowed one meets silence; one that no list holds is refused."""
    options = Options(access=rules(allow=["10.0.0.0/8", "2001:db8::/32"], drop=["10.6.0.0/16"], refuse=["10.6.7.0/24"]))
    found = {
        host: ask(host, options=options, transport=transport)
        for host in ("10.1.2.3", "10.6.1.1", "10.6.7.8", "192.0.2.9", "2001:db8::1", "2001:db9::1")
    }
    assert {host: source for host, (source, _) in found.items()} == {
        "10.1.2.3": "record",
        "10.6.1.1": "prohibited",
        "10.6.7.8": "prohibited",
        "192.0.2.9": "prohibited",
        "2001:db8::1": "record",
        "2001:db9::1": "prohibited",
    }
    assert found["10.6.1.1"][1] is None
    for host in ("10.6.7.8", "192.0.2.9", "2001:db9::1"):
        assert found[host][1].rcode() == dns.rcode.REFUSED
        assert found[host][1].options == (dns.edns.EDEOption(18, "not for clients of this address"),)


def test_without_allow_everybody_else_is_answered():
    """Lists that only refuse and drop leave all other clients alone."""
    options = Options(access=rules(refuse=["10.0.0.0/8"], drop=["2001:db8::/32"]))
    assert [ask(host, options=options)[0] for host in ("10.0.0.1", "2001:db8::1", "192.0.2.1", "::1")] == [
        "prohibited",
        "prohibited",
        "record",
        "record",
    ]


def test_a_zone_has_its_own_list():
    """A zone is kept from clients that its list does not allow; other zones are not."""
    assert ask("10.0.0.1", KEPT)[0] == "record"
    assert ask("2001:db8::1", KEPT)[0] == "record"
    source, reply = ask("192.0.2.1", KEPT)
    assert source == "prohibited" and reply.rcode() == dns.rcode.REFUSED and not reply.answer
    assert ask("10.6.0.1", KEPT) == ("prohibited", None)
    assert ask("10.6.0.1", OPEN)[0] == ask("192.0.2.1", OPEN)[0] == "record"


def test_an_alias_does_not_lead_into_a_zone_that_is_kept_from_the_client():
    """Who may ask the target's zone gets alias and target; the others the alias alone, as if it led elsewhere."""
    name = "inner.2.0.192.in-addr.arpa."
    inside, outside = ask("10.0.0.1", name)[1], ask("192.0.2.1", name)[1]
    assert [rrset.rdtype for rrset in inside.answer] == [5, 12]
    assert [rrset.rdtype for rrset in outside.answer] == [5] and outside.rcode() == dns.rcode.NOERROR
    assert [rrset.rdtype for rrset in ask("10.6.0.1", name)[1].answer] == [5]


def test_only_some_are_told_why():
    """With prefixes in `extended_errors` only clients from there are told the reason of a refusal."""
    options = Options(extended_errors=rules(refuse=["0.0.0.0/0", "::/0"], allow=["10.0.0.0/8"]))
    name = "1.0.0.1.in-addr.arpa."
    assert ask("10.0.0.1", name, options)[1].options and not ask("192.0.2.1", name, options)[1].options


PREFIXES = st.builds(
    lambda number, length: ip_network((number >> 32 - length << 32 - length, length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.dictionaries(PREFIXES, st.sampled_from([ALLOW, REFUSE, DROP]), max_size=8), st.data())
def test_decisions_are_those_of_the_definition(written, data):
    """For any lists and any client the verdict is that of the longest prefix that holds it."""
    access = AccessList((net.version, int(net.network_address), net.prefixlen, word) for net, word in written.items())
    near = [st.integers(int(net.network_address), int(net.broadcast_address)) for net in written]
    number = data.draw(st.one_of(st.integers(0, 2**32 - 1), *near))
    holding = [net for net in written if ip_address(number) in net]
    if holding:
        expected = written[max(holding, key=lambda net: net.prefixlen)]
    else:
        expected = REFUSE if ALLOW in written.values() else ALLOW
    assert access.decide(4, number) == expected
