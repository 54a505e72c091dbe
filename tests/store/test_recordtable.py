"""`records`: addresses and their names, by the quick loop and by the plain rules."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.records.values import ValueText, parse_address
from tests.store.zonetexts import HEAD, V4, expect, load, load_one


def test_records_are_checked_one_by_one():
    """Every bad address, name, list and mapping is reported at its own place, whatever stands around it."""
    text = V4 + (
        "records:\n"
        "  192.0.2.1: 192.0.2.2\n"
        "  192.0.2.01: a.example\n"
        "  192.0.3.1: a.example\n"
        "  2001:db8::1: a.example\n"
        "  192.0.2.2: [a..b, c.example, ~]\n"
        "  192.0.2.3: []\n"
        "  192.0.2.4: a_b.example\n"
        "  192.0.2.5: ~\n"
        "  192.0.2.6: {ttl: 5m}\n"
        "  192.0.2.7: {ptr: a.example, ttl: 1.5, tll: 3}\n"
        "  192.0.2.0/30: a.example\n"
        "  1.10: a.example\n"
        "  192.0.2.8: &x a.example\n"
        "  192.0.2.9: *x\n"
        "  <<: {}\n"
        "  ? {a: b}\n"
        "  : c.example\n"
        "  192.0.2.10: [d.example, D.example]\n"
        "  !!str 192.0.2.11: e.example\n"
        "  192.0.2.12: xn--.-a.example\n"
    )
    expect(
        text,
        "5:14: error: the PTR target: '192.0.2.2' looks like an address",
        "6:3: error: '192.0.2.01' is no address",
        "7:3: error: 192.0.3.1 lies outside the zone, which means 192.0.2.0/24",
        "8:3: error: 2001:db8::1 lies outside the zone",
        "9:15: error: the PTR target: 'a..b' is no host name",
        "9:32: error: the PTR target is missing",
        "10:14: error: the list of PTR targets is empty",
        "11:14: warning: the PTR target a_b.example holds an underscore",
        "12:14: error: the PTR target is missing",
        "13:14: error: a record needs its name",
        "14:36: error: the TTL: '1.5' is no duration",
        "14:41: error: unknown key 'tll'; did you mean 'ttl'?",
        "15:3: error: '192.0.2.0/30' is a prefix; write one address",
        "16:3: error: '1.10' is no address",
        "17:14: error: '&x' is an anchor",
        "18:14: error: '*x' is an alias",
        "19:3: error: '<<' is a merge key",
        "20:5: error: a key is text",
        "22:27: warning: the PTR target D.example stands twice",
        "23:3: error: the tag 'tag:yaml.org,2002:str' is not allowed",
        "24:15: error: the PTR target: 'xn--.-a.example' is no host name",
    )


def test_addresses_stand_once():
    """Keys are compared as addresses, also where one of the values is wrong."""
    expect(
        "zone: 2001:db8::/32\n" + HEAD + "records:\n"
        "  2001:DB8:0::1: a.example\n  2001:db8::2: b.example\n  2001:db8::1: c.example\n  2001:db8::0:2: '-'\n",
        "7:3: error: the address 2001:db8::1 stands twice, first in line 5",
        "8:3: error: the address 2001:db8::2 stands twice, first in line 6",
        "8:18: error: the PTR target: '-' is no host name",
    )
    assert not load("zone: 2001:db8::/32\n" + HEAD + "records: {'2001:db8::1': a.b, '2001:db8:0::1': a.b}")[0]


def test_at_most_so_many_records():
    """A name has at most 100 records of a type, or as many as configured."""
    targets = ", ".join([f"h{number}.example" for number in range(101)])
    text = V4 + f"records: {{192.0.2.1: [{targets}]}}\n"
    expect(
        text, "4:11: error: 1.2.0.192.in-addr.arpa. has 101 PTR records; at most 100 of one name and type are allowed"
    )
    assert load(text, limit=101)[1] == []


def test_addresses_are_read_alike_fast_and_slow():
    """The loop over ordinary records and the plain rules agree on what an address is and what a name is."""
    lines = [f"  10.0.{number}.1: host{number}.example\n" for number in range(50)]
    zone = load_one("zone: 10.0.0.0/8\n" + HEAD + "records:\n" + "".join(lines))
    flow = load_one(
        "zone: 10.0.0.0/8\n"
        + HEAD
        + "records:\n"
        + "".join([line.replace(": h", ": [h")[:-1] + "]\n" for line in lines])
    )
    assert zone.records == flow.records
    assert [record.number for record in zone.records] == [parse_address(f"10.0.{number}.1")[1] for number in range(50)]


@pytest.mark.parametrize("order", ["{ttl}{records}", "{records}{ttl}"])
def test_the_ttl_counts_wherever_it_stands(order):
    """`ttl` holds for the whole zone, above it and below; a record's own TTL stays, be it the default's number."""
    records = "records: {192.0.2.1: a.example, 192.0.2.2: {ptr: b.example, ttl: 1h}}\n"
    zone = load_one(order.format(ttl="ttl: 5m\n", records=records) + V4)
    assert [record.ttl for record in zone.records] == [300, 3600]


def test_addresses_need_a_reverse_zone():
    """Records, defaults and delegations in a zone that means no addresses are errors at their keys."""
    expect(
        "zone: x.example\n" + HEAD + "records: {192.0.2.1: a.example}\n"
        "defaults: {192.0.2.0/24: '{ip}.x.example'}\ndelegations: {192.0.2.0/24: {ns: a.example}}\n",
        "4:1: error: zone x.example. means no addresses: it is no reverse zone; write `covers: 192.0.2.64/26`",
        "5:1: error: zone x.example. means no addresses",
        "6:1: error: zone x.example. means no addresses",
    )
    assert load_one("zone: x.example\n" + HEAD + "records: {}\n").records == []


@given(
    st.lists(
        st.tuples(
            st.ip_addresses(v=6)
            | st.sampled_from(["2001:DB8::1", "1::1::1", "::ffff:1.2.3.4", "::1%lo", "::00001", ":"]),
            st.sampled_from(
                ["host.example", "Host.Example.", "a-b.c-d.example", "-a.example", "a.1", "a", "x" * 64 + ".b"]
            ),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from(["{}", "[{}]", "[{}, second.example]", "{{ptr: {}}}", "{{ttl: 5m, ptr: {}}}"]),
)
def test_quick_and_plain_rules_agree(pairs, form):
    """A record that the loop takes is the one that the plain rules make of the same name with an escape in it."""
    head = "zone: ::/0\n" + HEAD + "records:\n"
    quick = load(head + "".join([f"  '{address}': {form.format(name)}\n" for address, name in pairs]))
    escaped = [(address, f"\\{ord(name[0]):03d}{name[1:]}") for address, name in pairs]
    plain = load(head + "".join([f"  '{address}': {form.format(name)}\n" for address, name in escaped]))
    assert [zone.records for zone in quick[0]] == [zone.records for zone in plain[0]]
    assert [line.split(" ")[0] for line in quick[1]] == [line.split(" ")[0] for line in plain[1]]


@given(st.text(alphabet="0123456789abf:.%/ ", max_size=20) | st.ip_addresses().map(str))
def test_addresses_are_read_alike(text):
    """The system's reader of addresses, which the loop uses, and the plain rules accept the same texts."""
    try:
        packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        packed = None
    try:
        version, number = parse_address(text)
        assert packed == number.to_bytes(4 if version == 4 else 16)
    except ValueText:
        assert packed is None
