"""The index of default names and the search for two ranges that make one name, against plain enumeration."""

from __future__ import annotations

import ipaddress
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.records.model import Prefix
from ptrd.snapshot.forward import ForwardIndex, collisions
from ptrd.snapshot.templates import Template, parse_template
from ptrd.wire.names import join_labels, labels_of, parse_name

ZONE = parse_name("2.0.192.in-addr.arpa")


def template_of(text: str, prefix: str) -> Template:
    """Read a template for a prefix in text."""
    network = ipaddress.ip_network(prefix)
    return parse_template(text, Prefix(network.version, int(network.network_address), network.prefixlen), ZONE)


def number_of(address: str) -> int:
    """Give an address as a number."""
    return int(ipaddress.ip_address(address))


def colliding(*ranges: tuple[str, str], owner=None, cuts=()) -> list[tuple[int, int, bytes]]:
    """List the collisions of (prefix, template) pairs; the keys are 0, 1, 2 and so on."""
    made = [template_of(text, prefix) for prefix, text in ranges]
    networks = [ipaddress.ip_network(cut) for cut in cuts]
    prefixes = [Prefix(one.version, int(one.network_address), one.prefixlen) for one in networks]
    return collisions([(one.prefix, one, key) for key, one in enumerate(made)], owner, prefixes)


def slow_owner(templates: list[Template], version: int, number: int) -> int | None:
    """Give the longest range that holds an address."""
    held = [
        (one.prefix.length, key)
        for key, one in enumerate(templates)
        if one.prefix.version == version and one.prefix.number <= number <= one.prefix.last
    ]
    return max(held)[1] if held else None


def slow_names(templates: list[Template]) -> dict[bytes, list[tuple[int, int]]]:
    """List for each name the (range, number) of every address that a template makes it for."""
    names = defaultdict(list)
    for key, one in enumerate(templates):
        for number in range(one.prefix.number, one.prefix.last + 1) if one.identifies else ():
            names[one.render(number).lower()].append((key, number))
    return names


TEXTS = {
    4: [
        "{ip}.x",
        "{a}-{b}-{c}-{d}.x",
        "10-{b}-{c}-{d}.X",
        "{d}.x",
        "h{d}.x",
        "h{host}.x",
        "{host}.x",
        "{hex}.x",
        "{d}-{c}.x",
        "{c}-{host}.x",
        "{rev}.x",
        "{d}.{c}.x",
        "{d}.{c}.0.10.x",
        "{d}.2.x",
        "h2.x",
        "2.x",
        "a{d}-b.x",
        "pool.x",
        "{d}.{c}.{b}-1.x",
        "a{ip}.x",
        "{d}",
        "{c}{hex}c{hex}{d}.x",
    ],
    6: ["{ip}.x", "{groups}.x", "{hex}.x", "h{host}.x", "{host}.x", "{rev}.x", "{host}.0.x", "h0{host}.x", "a{ip}.x"],
}


@st.composite
def range_sets(draw):
    """Draw up to seven ranges, distinct and small, that are near each other or nested."""
    found = {}
    for _ in range(draw(st.integers(1, 7))):
        version = draw(st.sampled_from([4, 4, 6]))
        length = draw(st.integers(25, 32)) if version == 4 else draw(st.integers(121, 128))
        bits = 32 if version == 4 else 128
        base = draw(
            st.sampled_from([10 << 24, 10 << 24 | 2 << 8, 11 << 24] if version == 4 else [0x20 << 120, 1 << 120])
        )
        number = (base | draw(st.integers(0, 255))) >> bits - length << bits - length
        text = draw(st.sampled_from(TEXTS[version]))
        found[version, number, length] = parse_template(text, Prefix(version, number, length), ZONE)
    return list(found.values())


@settings(deadline=None)
@given(range_sets())
def test_the_index_finds_what_enumeration_finds(templates):
    """Every name of every range is found with all its addresses, and every name above it with all that lie below."""
    index = ForwardIndex(enumerate(templates))
    names = slow_names(templates)
    below = defaultdict(set)
    for name, ones in names.items():
        assert sorted(index.find(name)) == sorted(ones)
        labels = labels_of(name)
        for at in range(1, len(labels) + 1):
            below[join_labels(labels[at:])].update(ones)
    for name in {*names, *below}:
        found = {
            (key, number)
            for key, mask, value in index.ancestors(name)
            for number in range(templates[key].prefix.number, templates[key].prefix.last + 1)
            if number & mask == value
        }
        assert found == below[name]
        assert name in names or index.find(name) == []


def test_a_name_shorter_than_other_ends_is_found_once():
    """The index asks for each end that it knows; a name that is shorter than some end matches its own only."""
    index = ForwardIndex(enumerate([template_of("www.x", "192.0.2.1/32"), template_of("{d}", "192.0.2.0/24")]))
    assert index.find(parse_name("7")) == [(1, number_of("192.0.2.7"))]


@settings(deadline=None)
@given(range_sets(), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 255), st.integers(0, 6)), max_size=3))
def test_collisions_are_those_of_enumeration(templates, holes):
    """In small ranges: each reported pair does make the name, and each range that collides is reported."""
    cut_bits = {4: 32, 6: 128}
    cuts = set()
    for key, low, free in holes:
        version, number, _ = templates[key % len(templates)].prefix
        cuts.add(Prefix(version, (number & ~255 | low) >> free << free, cut_bits[version] - free))
    cuts -= {one.prefix for one in templates}

    def owner(version, number):
        longest = max(
            (cut.length for cut in cuts if cut.contains(Prefix(version, number, cut_bits[version]))), default=-1
        )
        key = slow_owner(templates, version, number)
        return key if key is not None and templates[key].prefix.length > longest else None

    ranges = [(one.prefix, one, key) for key, one in enumerate(templates)]
    expected = set()
    for ones in slow_names(templates).values():
        held = [key for key, number in ones if owner(templates[key].prefix.version, number) == key]
        expected.update((one, other) for one in held for other in held if one < other)
    for found in (collisions(ranges, owner, cuts), collisions(ranges, None, cuts), collisions(ranges, owner)):
        pairs = {(one, other) for one, other, _ in found}
        assert len(pairs) == len(found)
        assert pairs <= expected
        assert bool(pairs) is bool(expected)
        for one, other, name in found:
            for key in (one, other):
                number = templates[key].find(name)
                assert number is not None
                assert owner(templates[key].prefix.version, number) == key


@pytest.mark.parametrize(
    "ranges",
    [
        [("192.0.2.0/24", "{ip}.x"), ("198.51.100.0/24", "{ip}.x")],
        [("192.0.2.0/24", "{ip}.x"), ("192.0.2.128/25", "{a}-{b}-{c}-{d}.x")],
        [("192.0.2.0/24", "p-{d}.x"), ("192.0.2.128/25", "p-{d}.x")],
        [("10.0.0.0/16", "p-{c}-{d}.x"), ("10.0.7.0/24", "p-{c}-{d}.x")],
        [("192.0.2.0/25", "p-{d}.x"), ("198.51.100.128/25", "p-{d}.x")],
        [("192.0.2.0/24", "p-{host}.x"), ("192.0.2.0/25", "p-{d}.x")],
        [("192.0.2.0/24", "{ip}.x"), ("2001:db8::/32", "{ip}.x")],
        [("192.0.2.0/24", "{hex}.x"), ("2001:db8::/32", "{hex}.x")],
        [("192.0.2.0/24", "{host}.x"), ("2001:db8::/64", "{host}.x")],
        [("2001:db8::/64", "{ip}.x"), ("2001:db8:1::/64", "{ip}.x")],
        [("2001:db8::/64", "p{host}.x"), ("2001:db8:1::/60", "p{host}.x")],
        [("2001:db8::/64", "{ip}.x"), ("2001:db8:1::/64", "{groups}.x")],
        [("192.0.2.0/24", "{d}.x"), ("198.51.100.0/24", "{d}.y")],
        [("192.0.2.0/24", "{d}.a.x"), ("198.51.100.0/24", "{d}.b.x")],
        [("192.0.2.0/24", "a-{d}.x"), ("198.51.100.0/24", "b-{d}.x")],
        [("192.0.2.0/24", "pool.x"), ("198.51.100.0/24", "pool.x")],
    ],
)
def test_usual_ranges_do_not_collide(ranges):
    """Different addresses, prefixes or words make different names, and an address that is one range's counts once."""
    assert colliding(*ranges) == []


@pytest.mark.parametrize(
    ("ranges", "name"),
    [
        ([("192.0.2.0/24", "p-{d}.x"), ("198.51.100.0/24", "P-{d}.X")], "p-0.x"),
        ([("192.0.2.0/24", "p-{d}.x"), ("198.51.100.128/25", "p-{d}.x")], "p-128.x"),
        ([("192.0.2.0/24", "p-{host}.x"), ("198.51.100.128/25", "p-{host}.x")], "p-0.x"),
        ([("192.0.2.0/24", "p-{d}.x"), ("192.0.2.128/25", "p-{host}.x")], "p-0.x"),
        ([("192.0.2.1/32", "www.x"), ("192.0.2.2/32", "www.x")], "www.x"),
        ([("192.0.2.1/32", "p-7.x"), ("198.51.100.0/24", "p-{d}.x")], "p-7.x"),
        ([("10.1.0.0/16", "{c}-{d}.x"), ("10.2.0.0/16", "{c}-{d}.x")], "0-0.x"),
        ([("10.1.0.0/16", "{c}-{d}.x"), ("10.2.3.0/24", "{c}-{d}.x")], "3-0.x"),
        ([("10.0.0.0/8", "{b}-{c}-{d}.x"), ("11.0.0.0/8", "{b}-{c}-{d}.x")], "0-0-0.x"),
        ([("2001:db8::/64", "p{host}.x"), ("2001:db8:1::/64", "p{host}.x")], "p0000000000000000.x"),
        ([("2001:db8::/63", "p{host}.x"), ("2001:db8:1::/62", "p{host}.x")], "p00000000000000000.x"),
        ([("2001:db8::/64", "p0{host}.x"), ("2001:db8:1::/60", "p{host}.x")], "p00000000000000000.x"),
        ([("192.0.2.0/24", "p{host}.x"), ("2001:db8::/124", "p{host}.x")], "p0.x"),
        ([("10.0.0.0/8", "{hex}.x"), ("2001:db8::/96", "{host}.x")], "0a000000.x"),
    ],
)
def test_ranges_that_make_one_name_are_reported_with_it(ranges, name):
    """Also IPv4 against IPv6, nested ranges, capitals, and ranges too large to list."""
    [(one, other, found)] = colliding(*ranges)
    assert (one, other) == (0, 1)
    assert found == parse_name(name) or "{hex}" in ranges[0][1]


def test_the_widest_range_of_a_template_counts():
    """`{host}` has one digit in a /32 and up to three in a /24; the /24's names are compared whichever comes first."""
    ranges = [("10.0.0.0/32", "p{host}.x"), ("10.0.1.0/24", "p{host}.x"), ("10.2.0.0/29", "p2{d}.x")]
    assert (1, 2, parse_name("p20.x")) in colliding(*ranges)


def test_an_address_that_a_longer_range_took_does_not_count():
    """Below two /24 whose shared names are all taken away, or cut out, nothing collides; with one left it does."""
    ranges = [("192.0.2.0/24", "p{d}.x"), ("198.51.100.0/24", "p{d}.x")]
    halves = [("192.0.2.0/25", "{ip}.x"), ("198.51.100.128/25", "{ip}.x")]
    assert colliding(*ranges, *halves) == []
    assert colliding(*ranges, cuts=["192.0.2.0/25", "198.51.100.128/25"]) == []
    assert colliding(*ranges, cuts=["192.0.2.0/25", "198.51.100.128/26"]) == [(0, 1, parse_name("p192.x"))]
    assert colliding(*ranges, cuts=["192.0.2.0/24", "198.51.100.0/32"]) == []


def test_the_owner_decides_in_large_ranges_of_one_template():
    """Two /8 share 2^24 names; all but the last are somebody else's, as the cuts say where to look."""
    last = [number_of("10.255.255.255"), number_of("11.255.255.255")]
    asked = []

    def owner(_version, number):
        asked.append(number)
        return last.index(number) if number in last else None

    ranges = [("10.0.0.0/8", "{b}-{c}-{d}.x"), ("11.0.0.0/8", "{b}-{c}-{d}.x")]
    found = colliding(*ranges, owner=owner, cuts=["10.255.255.255/32"])
    assert found == [(0, 1, parse_name("255-255-255.x"))]
    assert len(asked) < 20
    last.pop()
    assert colliding(*ranges, owner=owner, cuts=["10.255.255.255/32"]) == []


def test_every_range_of_a_crowd_is_reported():
    """Of a hundred ranges with one template, 99 collide with an earlier one."""
    found = colliding(*[(f"10.0.{third}.0/24", "p{d}.x") for third in range(100)])
    assert sorted(other for _, other, _ in found) == list(range(1, 100))


def test_many_ranges_with_one_full_template_are_judged_at_once():
    """20,000 IPv4 and as many IPv6 ranges with {ip} need no name made and no owner asked."""
    texts = [parse_template("{ip}.x", Prefix(4, 10 << 24 | one << 8, 24), ZONE) for one in range(20_000)]
    texts += [parse_template("{ip}.x", Prefix(6, 0x20010DB8 << 96 | one << 64, 64), ZONE) for one in range(20_000)]

    def owner(version, number):
        pytest.fail(f"asked for {version}, {number}")

    assert collisions([(one.prefix, one, key) for key, one in enumerate(texts)], owner) == []


def test_many_ranges_with_words_of_their_own_are_looked_up_directly():
    """With a template for each of 3,000 ranges a name is compared with the few that begin and end like it."""
    templates = [parse_template(f"c{one}-{{d}}.p.x", Prefix(4, 10 << 24 | one << 8, 24), ZONE) for one in range(3_000)]
    index = ForwardIndex(enumerate(templates))
    assert index.find(parse_name("c77-5.p.x")) == [(77, number_of("10.0.77.5"))]
    assert index.find(parse_name("c3000-5.p.x")) == []
    assert next(index.ancestors(parse_name("p.x"))) == (0, 0, 0)
    assert collisions([(one.prefix, one, key) for key, one in enumerate(templates)]) == []
