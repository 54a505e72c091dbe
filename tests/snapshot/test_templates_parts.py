"""What a template tells its users: its static end, what an ancestor fixes, its form in an image."""

from __future__ import annotations

import ipaddress

from ptrd.records.model import Prefix
from ptrd.snapshot.templates import Template, dump_template, load_template, parse_template
from ptrd.wire.names import parse_name

ZONE = parse_name("2.0.192.in-addr.arpa")


def template_of(text: str, prefix: str = "192.0.2.0/24") -> Template:
    """Read a template for a prefix in text."""
    network = ipaddress.ip_network(prefix)
    return parse_template(text, Prefix(network.version, int(network.network_address), network.prefixlen), ZONE)


def test_the_suffix_is_what_all_names_of_the_range_end_with():
    """In lower case, with the labels that the prefix fixes."""
    assert template_of("{ip}.Dyn.example.NET").suffix == parse_name("dyn.example.net")
    assert template_of("{rev}.X").suffix == parse_name("2.0.192.x")
    assert template_of("{rev}.x", "192.0.2.0/23").suffix == parse_name("0.192.x")
    assert template_of("pool.x").suffix == parse_name("pool.x")
    assert template_of("{ip}.x", "192.0.2.1/32").suffix == parse_name("192-0-2-1.x")
    assert template_of("{ip}", "192.0.2.0/24").suffix == b"\0"


def test_partial_says_what_an_ancestor_fixes():
    """`2.pool.x` is above the names of 192.0.2.0/24 only, `pool.x` above all, the rest above none."""
    template = template_of("{d}.{c}.Pool.x", "192.0.2.0/23")
    assert template.partial(parse_name("2.pool.x")) == (0xFF00, 0x0200)
    assert template.partial(parse_name("3.pool.x")) == (0xFF00, 0x0300)
    for above in ("pool.x", "x", "."):
        assert template.partial(parse_name(above)) == (0, 0)
    for other in ("4.pool.x", "02.pool.x", "1.2.pool.x", "z.1.2.pool.x", "ool.x", "y", "z.x"):
        assert template.partial(parse_name(other)) is None
    assert template_of("pool.x").partial(parse_name("pool.x")) is None
    assert template_of("pool.x").partial(parse_name("x")) == (0, 0)


def test_partial_of_reversed_nibbles_fixes_the_high_bits():
    """Below `{rev}` every ancestor is a shorter prefix, as in ip6.arpa itself."""
    template = template_of("{rev}.x", "2001:db8::/32")
    mask = (1 << 128) - (1 << 92)
    assert template.partial(parse_name("1.8.b.d.0.1.0.0.2.x")) == (mask, 0x20010DB81 << 92)
    assert template.partial(parse_name("1.0.0.2.x")) == (0xFFFF << 112, 0x2001 << 112)
    assert template.partial(parse_name("2.0.0.2.x")) is None
    assert template.partial(parse_name("01.0.0.2.x")) is None


def test_a_template_comes_back_from_its_dump():
    """The dump holds the pieces with {zone} written out, and is the same for ranges that share a text."""
    template = template_of("a{d}-{ip}.B.{zone}")
    dumped = dump_template(template)
    tail = b"\1B" + ZONE
    assert dumped == b"\6\1\1a\7\0\1\1-\3\0\2\0\0" + bytes((len(tail),)) + tail
    loaded = load_template(dumped, template.prefix)
    assert loaded.text == "a{d}-{ip}.B.2.0.192.in-addr.arpa"
    assert loaded.render(template.prefix.number) == template.render(template.prefix.number)
    assert dump_template(loaded) == dumped
    assert dump_template(template_of("a{d}-{ip}.B.{zone}", "192.0.2.128/25")) == dumped
