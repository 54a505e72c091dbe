"""Default host names by example: each token, each refusal, each way back."""

from __future__ import annotations

import ipaddress

import pytest

from ptrd.records.model import Prefix
from ptrd.snapshot.templates import Template, TemplateError, parse_template
from ptrd.wire.names import MAX_NAME, format_name, parse_name

ZONE = parse_name("2.0.192.in-addr.arpa")


def prefix_of(text: str) -> Prefix:
    """Read a prefix."""
    network = ipaddress.ip_network(text)
    return Prefix(network.version, int(network.network_address), network.prefixlen)


def template_of(text: str, prefix: str = "192.0.2.0/24", zone: bytes = ZONE) -> Template:
    """Read a template for a prefix in text."""
    return parse_template(text, prefix_of(prefix), zone)


def made(text: str, prefix: str, address: str) -> str:
    """Give the name of an address, having seen that it leads back."""
    template = template_of(text, prefix)
    number = int(ipaddress.ip_address(address))
    name = template.render(number)
    if template.identifies:
        assert template.find(name.lower()) == number
    return format_name(name).removesuffix(".")


def refusal(text: str, prefix: str = "192.0.2.0/24", zone: bytes = ZONE) -> str:
    """Give the sentence that refuses a template."""
    with pytest.raises(TemplateError) as caught:
        template_of(text, prefix, zone)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ip}.dyn.example.net", "192-0-2-10.dyn.example.net"),
        ("{ip}.dyn.example.net.", "192-0-2-10.dyn.example.net"),
        ("{a}-{b}.{c}.{d}.example", "192-0.2.10.example"),
        ("{hex}.x", "c000020a.x"),
        ("pool-{host}.x", "pool-10.x"),
        ("{rev}.x", "10.2.0.192.x"),
        ("a{rev}b.x", "a10.2.0.192b.x"),
        ("{d}.{zone}", "10.2.0.192.in-addr.arpa"),
        ("{d}-{zone}", "10-2.0.192.in-addr.arpa"),
        ("{zone}-{d}.x", "2.0.192.in-addr.arpa-10.x"),
        ("Pool_{d}.Example.NET", "Pool_10.Example.NET"),
        ("pool.example.net", "pool.example.net"),
        ("a.{d}.b.x", "a.10.b.x"),
        ("{d}{hex}.x", "10c000020a.x"),
        ("{ip}-{ip}.x", "192-0-2-10-192-0-2-10.x"),
    ],
)
def test_every_ipv4_token_is_written_as_the_format_says(text, expected):
    """192.0.2.10 in its /24 gets the name that zone-format promises, and that name leads back."""
    assert made(text, "192.0.2.0/24", "192.0.2.10") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ip}.x", "2001-db8--1-2.x"),
        ("{groups}.x", "2001-0db8-0000-0000-0000-0000-0001-0002.x"),
        ("{hex}.x", "20010db8000000000000000000010002.x"),
        ("{host}.x", "0000000000010002.x"),
        ("{rev}.x", "2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.x"),
        ("h{host}.{zone}", "h0000000000010002.2.0.192.in-addr.arpa"),
    ],
)
def test_every_ipv6_token_is_written_as_the_format_says(text, expected):
    """2001:db8::1:2 in its /64 gets the name that zone-format promises, and that name leads back."""
    assert made(text, "2001:db8::/64", "2001:db8::1:2") == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("::", "0--0"),
        ("::1", "0--1"),
        ("1::", "1--0"),
        ("2001:db8::", "2001-db8--0"),
        ("64::1", "64-0--1"),
        ("64::", "64-0--0"),
        ("ff:0:1::", "ff-0-1--0"),
        ("0:1::", "0-1--0"),
        ("6:4::1", "6-4--1"),
        ("640::1", "640--1"),
        ("6::1", "6--1"),
        ("::ffff:192.0.2.1", "0--ffff-c000-201"),
        ("2001:db8:0:1:1:1:1:1", "2001-db8-0-1-1-1-1-1"),
        ("2001:0:0:1::1", "2001-0-0-1--1"),
        ("2001:db8::1:0:0:1", "2001-db8--1-0-0-1"),
        ("1:2:3:4:5:6:7:0", "1-2-3-4-5-6-7-0"),
        ("0:2:3:4:5:6:7:8", "0-2-3-4-5-6-7-8"),
    ],
)
def test_ipv6_ip_is_rfc_5952_made_safe_for_a_label(address, expected):
    """{ip} never begins or ends with a dash, nor has two in places 3 and 4, and never mixed notation."""
    assert made("{ip}.x", "::/0", address) == f"{expected}.x"


def test_the_fixes_of_ip_are_made_on_the_token_whatever_stands_beside_it():
    """A literal before or behind {ip} changes nothing in the token's own text."""
    assert made("a{ip}b.x", "::/0", "::") == "a0--0b.x"
    assert made("h-{ip}-t.x", "::/0", "64::") == "h-64-0--0-t.x"


@pytest.mark.parametrize(
    ("prefix", "address", "expected"),
    [
        ("192.0.2.64/26", "192.0.2.70", "6"),
        ("192.0.2.7/32", "192.0.2.7", "0"),
        ("10.0.0.0/8", "10.1.2.3", "66051"),
        ("0.0.0.0/0", "255.255.255.255", "4294967295"),
        ("2001:db8::/61", "2001:db8:0:7::1", "70000000000000001"),
        ("2001:db8::/60", "2001:db8:0:f::1", "f0000000000000001"),
        ("2001:db8::10/124", "2001:db8::1a", "a"),
        ("2001:db8::10/127", "2001:db8::11", "1"),
        ("2001:db8::10/128", "2001:db8::10", "0"),
        ("2001:db8::/123", "2001:db8::1f", "1f"),
    ],
)
def test_host_is_what_lies_below_the_prefix(prefix, address, expected):
    """{host} is decimal for IPv4, and as many whole nibbles as the range has bits, at least one, for IPv6."""
    assert made("{host}.x", prefix, address) == f"{expected}.x"


@pytest.mark.parametrize(
    ("text", "prefix", "identifies"),
    [
        ("{d}.x", "192.0.2.0/24", True),
        ("{d}.x", "192.0.2.128/25", True),
        ("{d}.x", "192.0.2.0/23", False),
        ("{c}-{d}.x", "192.0.2.0/23", True),
        ("{c}.x", "192.0.2.0/24", False),
        ("{b}-{d}.x", "10.0.0.0/16", False),
        ("{b}-{c}-{d}.x", "10.0.0.0/8", True),
        ("{a}.{b}.{c}.{d}.x", "0.0.0.0/0", True),
        ("pool.x", "192.0.2.0/24", False),
        ("pool.x", "192.0.2.1/32", True),
        ("{zone}", "192.0.2.0/24", False),
        ("{host}.x", "2001:db8::/33", True),
        ("{hex}.x", "2001:db8::/33", True),
        ("pool.x", "2001:db8::/33", False),
        ("pool.x", "2001:db8::/128", True),
    ],
)
def test_a_template_identifies_when_every_varying_bit_shows(text, prefix, identifies):
    """Octets identify when none that varies is missing; a range of one address needs no token."""
    template = template_of(text, prefix)
    assert template.identifies is identifies
    if not identifies:
        assert template.find(template.render(template.prefix.number).lower()) is None


@pytest.mark.parametrize(
    "name",
    [
        "192-0-2-010.dyn.example.net",
        "192-0-2-256.dyn.example.net",
        "192-0-3-10.dyn.example.net",
        "192-0-2.dyn.example.net",
        "192-0-2-10-1.dyn.example.net",
        "192-0-2-.dyn.example.net",
        "192-0-2-+1.dyn.example.net",
        "192-0-2-1_0.dyn.example.net",
        "192-0-2-foo.dyn.example.net",
        "192.0.2.10.dyn.example.net",
        "a.192-0-2-10.dyn.example.net",
        "dyn.example.net",
        "192-0-2-10.example.net",
        "x192-0-2-10.dyn.example.net",
        "192-0-2-1\\000.dyn.example.net",
        "192-0-2-10\\.dyn.example.net",
    ],
)
def test_no_other_spelling_of_an_address_is_found(name):
    """Leading zeros, signs, other ranges' addresses, more labels and fewer are not names that the template makes."""
    assert template_of("{ip}.dyn.example.net").find(parse_name(name).lower()) is None


@pytest.mark.parametrize(
    "name",
    [
        "2001-db8-0-0-0-0-1-2",
        "2001-db8--0-1-2",
        "2001-db8--01-2",
        "2001-db8---1",
        "2001-db8--1--2",
        "-",
        "--1",
        "2001-0db8--1-2",
    ],
)
def test_no_other_spelling_of_an_ipv6_address_is_found(name):
    """Only the shortest form is a name."""
    assert template_of("{ip}.x", "2001:db8::/32").find(parse_name(f"{name}.x")) is None


def test_a_label_with_several_splits_leads_back_all_the_same():
    """Decimal numbers around {hex} and hex letters have several readings; the right one is found."""
    text = "{a}{hex}b{hex}{d}.x"
    for address in ("187.187.11.1", "11.187.187.187", "0.0.0.1", "1.11.176.11", "255.255.255.254", "16.11.11.176"):
        assert made(text, "0.0.0.0/0", address)


@pytest.mark.parametrize("text", ["{D}.x", "{}.x", "{ip4}.x", "{ ip}.x", "{ip}.{zonE}"])
def test_an_unknown_token_is_refused_with_the_list_of_tokens(text):
    """The error names the token as read and every token there is."""
    message = refusal(text)
    assert text in message
    for token in ("{ip}", "{a}", "{b}", "{c}", "{d}", "{hex}", "{host}", "{rev}", "{zone}"):
        assert token in message
    assert "{groups}" not in message


@pytest.mark.parametrize("token", ["a", "b", "c", "d"])
def test_octets_are_refused_in_ipv6(token):
    """{a} to {d} are for IPv4; the error says so and lists what IPv6 has."""
    message = refusal(f"{{{token}}}.x", "2001:db8::/64")
    assert f"{{{token}}}" in message
    assert "IPv6" in message and "{groups}" in message


def test_groups_are_refused_in_ipv4():
    """{groups} is for IPv6; the error says so and lists what IPv4 has."""
    message = refusal("{groups}.x")
    assert "{groups}" in message and "IPv4" in message and "{d}" in message


@pytest.mark.parametrize("text", ["{ip.x", "ip}.x", "{{ip}}.x", "{ip}}.x", "a{.x", "{i{p}.x"])
def test_a_brace_without_partner_is_refused(text):
    """The error shows the text and the tokens."""
    message = refusal(text)
    assert "brace" in message and "{rev}" in message


@pytest.mark.parametrize("text", ["", ".", "..", "{ip}..x", ".x", "{ip}.x..", "a..b"])
def test_an_empty_label_is_refused(text):
    """Labels have bytes; one final dot is allowed."""
    assert "empty" in refusal(text) or "no name" in refusal(text)


@pytest.mark.parametrize(
    "text", ["{ip} .x", "a/b.x", "*.x", "{ip}\\.x", "a@x", "{ip}.x\n", "ä{ip}.x", "a\0.x", "{ip}.٣.x"]
)
def test_other_characters_are_refused(text):
    """Literal text is letters, digits, dashes and underscores; the error shows the character."""
    message = refusal(text)
    assert "cannot stand in a host name" in message
    assert ("xn--" in message) is not text.isascii()


@pytest.mark.parametrize(
    "text", ["-{ip}.x", "{ip}-.x", "{ip}.-a.x", "{ip}.a-.x", "-", "{ip}.x-", "{ip}.x-.", "-{zone}", "{zone}-"]
)
def test_a_dash_at_the_edge_of_a_label_is_refused(text):
    """A host name's label neither begins nor ends with a dash (RFC 952, RFC 1123)."""
    assert "dash" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "{c}{d}.x",
        "{c}1{d}.x",
        "{ip}{d}.x",
        "{d}{ip}.x",
        "{host}{d}.x",
        "{d}{rev}.x",
        "{rev}{d}.x",
        "{a}{hex}{b}.x",
        "{d}{d}.x",
        "{c}12345{hex}6{d}.x",
    ],
)
def test_two_decimal_tokens_need_a_non_digit_between(text):
    """Otherwise 1.11 and 11.1 would both be 111."""
    assert "told apart" in refusal(text)


@pytest.mark.parametrize(
    "text", ["{c}-{d}.x", "{c}1x{d}.x", "{c}.{d}.x", "{hex}{d}.x", "{d}.{rev}.x", "{c}{zone}{d}.x", "1{d}2.x"]
)
def test_decimal_tokens_with_a_non_digit_between_are_fine(text):
    """A dash, a letter or a dot is enough."""
    assert template_of(text).identifies


def test_hexadecimal_tokens_may_touch():
    """Their length is fixed, so IPv6 needs nothing between."""
    assert made("{host}{host}.x", "2001:db8::/112", "2001:db8::12ab") == "12ab12ab.x"
    assert made("{ip}{ip}.x", "1::/112", "1::12ab") == "1--12ab1--12ab.x"
    assert made("{ip}{host}{ip}.x", "::/108", "::") == "0--0000000--0.x"


def test_label_lengths_are_checked_for_the_longest_name_of_the_range():
    """In a range that ends at .95 the literal may be one byte longer than in one that ends at .255."""
    for prefix, longest in (("192.0.2.0/24", 11), ("192.0.2.64/27", 10), ("192.0.2.0/29", 9), ("0.0.0.0/0", 15)):
        assert template_of("x" * (63 - longest) + "{ip}.x", prefix).identifies
        message = refusal("x" * (64 - longest) + "{ip}.x", prefix)
        assert "64 bytes" in message and "63" in message


def test_label_lengths_are_checked_for_ipv6_too():
    """{ip} has up to 39 characters, fewer where the prefix fixes small groups; {groups} always has 39."""
    assert template_of("x" * 24 + "{ip}.x", "::/0")
    assert "64 bytes" in refusal("x" * 25 + "{ip}.x", "::/0")
    assert template_of("x" * 27 + "{ip}.x", "2001:db8:a000:b::/64").identifies
    assert "64 bytes" in refusal("x" * 25 + "{groups}.x", "2001:db8:1::/64")
    assert template_of("x" * 34 + "{ip}.x", "2001:db8::/64").identifies
    assert "64 bytes" in refusal("x" * 35 + "{ip}.x", "2001:db8::/64")


def test_name_lengths_are_checked_for_the_longest_name_of_the_range():
    """A name has up to 255 bytes with its length bytes; {rev} of IPv6 takes 64."""
    rest = ".".join(["y" * 61] * 3)  # 186 bytes and the root's one
    fits = template_of(f"{{rev}}.{'z' * 3}.{rest}", "2001:db8::/32")
    assert len(fits.render(fits.prefix.last)) == MAX_NAME
    message = refusal(f"{{rev}}.{'z' * 4}.{rest}", "2001:db8::/32")
    assert "256 bytes" in message and "255" in message
    assert "255" in refusal(".".join(["y" * 63] * 4))
    assert template_of("{d}." + ".".join(["y" * 63] * 3) + "." + "z" * 59, "192.0.2.0/29").identifies
    assert "256 bytes" in refusal("{d}." + ".".join(["y" * 63] * 3) + "." + "z" * 60, "192.0.2.0/29")


def test_a_long_literal_is_refused():
    """A label of 64 bytes without a token is as wrong as one with."""
    assert "64 bytes" in refusal(f"{'x' * 64}.y")
    assert "64 bytes" in refusal(f"{{d}}{'x' * 64}.y")
    assert "too long" in refusal("{d}." * 100_000)


def test_a_name_that_is_an_address_is_refused():
    """`10.2.0.192` is no host name; a mail server would take it for an address."""
    assert "address" in refusal("{rev}")
    assert "address" in refusal("{a}.{b}.{c}.{d}")
    assert "address" in refusal("1.2.3.{host}", "2001:db8::/124")
    assert template_of("{d}.{c}.{b}.x").identifies
    assert template_of("{a}.{b}.300.{d}").identifies


def test_zone_is_written_as_it_is():
    """A classless zone's name may hold what a template may not."""
    template = template_of("{d}.{zone}", "192.0.2.64/26", parse_name("64/26.2.0.192.in-addr.arpa"))
    assert format_name(template.render(template.prefix.number + 1)) == "65.64/26.2.0.192.in-addr.arpa."
    odd = template_of("{d}.{zone}", "192.0.2.0/24", parse_name(r"a\.b%d\000.x"))
    name = odd.render(odd.prefix.number + 7)
    assert name == b"\x017" + parse_name(r"a\.b%d\000.x")
    assert odd.find(name) == odd.prefix.number + 7
    joined = template_of("{d}{zone}", "192.0.2.0/24", parse_name(r"%d\000.x"))
    assert joined.find(joined.render(joined.prefix.number + 9)) == joined.prefix.number + 9
