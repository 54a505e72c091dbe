"""Texts into values: what is read, and what is refused with which words."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd import PtrdError
from ptrd.records.model import Prefix
from ptrd.records.values import (
    StrayBits,
    ValueText,
    format_address,
    format_prefix,
    parse_address,
    parse_domain,
    parse_duration,
    parse_host,
    parse_mailbox,
    parse_prefix,
    quote,
)
from ptrd.wire.names import format_name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("012", 12),
        ("300", 300),
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1d", 86400),
        ("2w", 1209600),
        ("2147483647", 2147483647),
        ("00000000000000000001", 1),
    ],
)
def test_durations(text, seconds):
    """A duration is decimal seconds, or a number with one unit; a leading zero is not octal."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "1.10", "-1", "+1", "1_0", "0x10", "1h30m", "1 h", "1H", "h", "2147483648", "9" * 5000, "25000d", "\u0661"],
)
def test_what_is_no_duration(text):
    """Fractions, signs, other digits, unknown units and more than 2147483647 seconds are refused."""
    with pytest.raises(ValueText, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["192.0.2.01", "192.0.2", "192.0.2.256", "1.10", "", "::g", "fe80::1%eth0", "0x7f.1"])
def test_what_is_no_address(text):
    """Leading zeros, short forms, zones and junk are refused, and the sentence shows an address."""
    with pytest.raises(ValueText, match=r"such as 192\.0\.2\.10"):
        parse_address(text)


@given(st.ip_addresses())
def test_addresses_round_trip(address):
    """An address that is written is read back, and written as RFC 5952 says."""
    assert parse_address(str(address)) == (address.version, int(address))
    assert format_address(address.version, int(address)) == str(address)


@given(st.ip_addresses(), st.data())
def test_stray_bits_name_the_right_prefix(address, data):
    """A prefix with host bits is refused, and the error holds the prefix without them."""
    length = data.draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    right = Prefix(network.version, int(network.network_address), length)
    assert format_prefix(right) == str(network)
    assert parse_prefix(str(network)) == right
    if address != network.network_address:
        with pytest.raises(StrayBits, match=str(network)) as caught:
            parse_prefix(f"{address}/{length}")
        assert caught.value.prefix == right


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.0.2.5", "192.0.2.5/32"),
        ("192.0.2.0/33", "from 0 to 32"),
        ("192.0.2.0/024", "'024'"),
        ("192.0.2.0/", "''"),
        ("192.0.2.0/24/24", "'24/24'"),
        ("foo/24", "such as"),
        ("2001:db8::/129", "from 0 to 128"),
    ],
)
def test_what_is_no_prefix(text, words):
    """A prefix has an address and a length in plain decimal."""
    with pytest.raises(ValueText, match=words):
        parse_prefix(text)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("Host.Example.net", b"\4Host\7Example\3net\0"),
        ("host.example.", b"\4host\7example\0"),
        ("localhost", b"\x09localhost\0"),
        ("a_b.example", b"\3a_b\7example\0"),
        ("2.0.192.in-addr.arpa", b"\x012\x010\x03192\7in-addr\4arpa\0"),
        ("xn--bcher-kva.example", b"\x0dxn--bcher-kva\7example\0"),
    ],
)
def test_host_names(text, wire):
    """A host name keeps its case; the final dot is optional; underscores are let through."""
    assert parse_host(text) == wire


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.0.2.1", "address"),
        ("192.0.2.1.", "address"),
        ("2001:db8::1", "address"),
        ("192.0.2", "number"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("", "empty"),
        (".", "root"),
        ("a b.example", "label 'a b'"),
        ("-a.example", "'-a'"),
        ("a-.example", "'a-'"),
        ("*.example", "'\\*'"),
        ("a\\.b.example", "'a\\.b'"),
        ("bücher.example", "xn--"),
        ("a" * 64 + ".example", "at most 63"),
        (".".join(["a" * 60] * 5), "at most 255"),
        ("a\0b.example", "label"),
    ],
)
def test_what_is_no_host_name(text, words):
    """Addresses, bad labels and over-long names are refused with their reason."""
    with pytest.raises(ValueText, match=words):
        parse_host(text)


@given(st.text(alphabet="aZ09-._\\* ", max_size=300))
def test_host_names_are_written_as_they_were_read(text):
    """Whatever is accepted as a host name is written back the same, but for escapes and the final dot."""
    try:
        name = parse_host(text)
    except ValueText:
        return
    assert len(name) <= 255
    if "\\" not in text:
        assert format_name(name) == text.removesuffix(".") + "."


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("hostmaster@example.net", b"\x0ahostmaster\7example\3net\0"),
        ("john.doe@example.net.", b"\x08john.doe\7example\3net\0"),
        ("hostmaster.example.net", b"\x0ahostmaster\7example\3net\0"),
        ("john\\.doe.example.net", b"\x08john.doe\7example\3net\0"),
        ("a+b@example.net", b"\3a+b\7example\3net\0"),
    ],
)
def test_mailboxes(text, wire):
    """A mailbox has an @, or a dot for it; dots of the local part stay in the first label (RFC 1035, 8)."""
    assert parse_mailbox(text) == wire


@pytest.mark.parametrize(
    "text",
    [
        "@example.net",
        "a@b@c",
        "a@",
        "hostmaster",
        "a b@example.net",
        "a\\.b@example.net",
        "a@192.0.2.1",
        "",
        "a..b",
        "a" * 64 + "@example.net",
        "hostmaster.192.0.2.1",
        "\u00e4@example.net",
        'a"@example.net',
    ],
)
def test_what_is_no_mailbox(text):
    """A mailbox needs one local part of printable ASCII and a host name."""
    with pytest.raises(ValueText):
        parse_mailbox(text)


def test_messages_quote_what_was_read():
    """A text in a message is escaped and not endless."""
    assert quote("a\x1b[1m\n") == "'a\\x1b[1m\\n'"
    assert len(quote("x" * 10000)) == 82


@given(st.text(max_size=40))
def test_nothing_but_value_text_is_raised(text):
    """No text makes a parser raise anything but its own error, in one line of printable characters."""
    for parse in (parse_address, parse_domain, parse_duration, parse_host, parse_mailbox, parse_prefix):
        try:
            parse(text)
        except PtrdError as error:
            assert isinstance(error, ValueText)
            assert str(error).isprintable()
