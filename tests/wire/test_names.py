"""Names and reverse names: what is written is read back, and order is canonical order."""

from ipaddress import IPv4Address, IPv6Address

import dns.name
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptrd.wire.names import (
    NameError_,
    format_name,
    is_below,
    labels_of,
    name_of_key,
    offsets_of,
    parse_name,
    sort_key,
)
from ptrd.wire.reverse import prefix_of, reverse_name

labels = st.one_of(
    st.binary(min_size=1, max_size=63),
    st.binary(min_size=1, max_size=1),
    st.sampled_from([b"0", b"1", b"a", b"*", b"\0", b"\1", b"\1\1", b"\0\1"]),
)
names = (
    st.lists(labels, max_size=8)
    .map(lambda found: b"".join(bytes((len(one),)) + one for one in found) + b"\0")
    .filter(lambda name: len(name) <= 255)
)


@given(names)
def test_a_name_survives_its_text(name):
    """Master-file notation gives back the same bytes, and dnspython reads it alike."""
    text = format_name(name)
    assert parse_name(text) == name
    assert dns.name.from_text(text).to_wire() == name
    assert text.isascii() and text.isprintable() and " " not in text


@given(names)
def test_offsets_lead_to_labels(name):
    """Each offset is where a label begins; the last is the root's."""
    offsets = offsets_of(name)
    assert name[offsets[-1] :] == b"\0"
    assert [name[at + 1 : at + 1 + name[at]] for at in offsets[:-1]] == labels_of(name)


@given(names, names)
@example(b"\1\0\0", b"\1\1\0")
def test_sort_keys_order_names_canonically(one, other):
    """Comparing keys as bytes is the order of RFC 4034 6.1, as dnspython knows it; keys lead back to names."""
    one, other = one.lower(), other.lower()
    theirs = dns.name.from_wire(one, 0)[0], dns.name.from_wire(other, 0)[0]
    assert (sort_key(one) < sort_key(other)) == (theirs[0] < theirs[1])
    assert name_of_key(sort_key(one)) == one


@given(names, names)
def test_what_is_below_a_name_begins_with_its_key(one, other):
    """Below means: the key begins with the ancestor's key and a zero byte."""
    one, other = one.lower(), other.lower()
    below = (sort_key(one) + b"\0").startswith(sort_key(other) + b"\0") or other == b"\0"
    assert is_below(one, other) == below


@given(st.integers(0, 2**32 - 1))
def test_ipv4_reverse_names_agree_with_the_standard_library(number):
    """The owner name of an IPv4 address, both ways."""
    name = reverse_name(4, number)
    assert format_name(name) == IPv4Address(number).reverse_pointer + "."
    assert prefix_of(name) == (4, number, 32)


@given(st.integers(0, 2**128 - 1))
def test_ipv6_reverse_names_agree_with_the_standard_library(number):
    """The owner name of an IPv6 address, both ways."""
    name = reverse_name(6, number)
    assert format_name(name) == IPv6Address(number).reverse_pointer + "."
    assert prefix_of(name) == (6, number, 128)


@given(
    st.sampled_from([(4, length) for length in range(0, 33, 8)] + [(6, length) for length in range(0, 129, 4)]),
    st.data(),
)
def test_the_name_of_a_prefix_is_read_back(shape, data):
    """A prefix at a label boundary has one name."""
    version, length = shape
    bits = 32 if version == 4 else 128
    number = data.draw(st.integers(0, 2**length - 1)) << bits - length
    assert prefix_of(reverse_name(version, number, length)) == (version, number, length)


@pytest.mark.parametrize("label", ["256", "007", "01", "+1", "1_0", "-1", "x", "٣", "1 ", "00"])
def test_a_label_that_is_no_octet_is_no_address(label):
    """Only plain ASCII decimals from 0 to 255 without a leading zero are octets."""
    text = label.encode()
    assert prefix_of(bytes((len(text),)) + text + reverse_name(4, 0xC0000200, 24)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("a" * 64, "64 bytes"),
        (".".join(["a" * 63] * 4), "257 bytes"),
        ("a\\", "backslash"),
        ("a\\256", "above 255"),
        ("a\\12", "three digits"),
        ("a\\1b", "three digits"),
        ("münchen.example", "xn--"),
    ],
)
def test_a_text_that_is_no_name_says_why(text, reason):
    """The sentence names the fault."""
    with pytest.raises(NameError_, match=reason):
        parse_name(text)
