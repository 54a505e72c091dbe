"""Names: what text and bytes mean is what dnspython says they mean, and each is written back as it was read."""

from __future__ import annotations

import contextlib

import dns.exception
import dns.name

from ptrd.wire.names import (
    NameError_,
    format_name,
    is_below,
    join_labels,
    labels_of,
    offsets_of,
    parse_name,
    sort_key,
)
from ptrd.wire.reverse import BITS, STRIDE, prefix_of, reverse_name
from tests.fuzz.work import bounded

LONGEST = 1100
WORDS = (
    b"\\000",
    b"\\.",
    b"\\\\",
    b"\\256",
    b".in-addr.arpa",
    b"\7in-addr\4arpa",
    b"\3ip6\4arpa",
    "\u00e4".encode(),
    b"xn--",
)


def seeds():
    """Give texts, and labels behind lengths."""
    texts = [
        "10.2.0.192.in-addr.arpa.",
        "a\\.b\\000\\255.example",
        ".",
        "",
        "..",
        "\\",
        "\\1",
        "\u0661.example",
        "a..b",
    ]
    texts += ["a" * 63 + ".b", "a" * 64, ".".join("a" * 127), ".".join("a" * 128), "f." * 32 + "ip6.arpa", '*.@."(;)']
    texts += ["007.2.0.192.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "1_0.in-addr.arpa"]
    wires = [b"\2" + bytes((len(label),)) + label for label in (b"in-addr", b"\0\1\2", b"*", b"A" * 63)]
    wires += [b"\1\1\x35\1\x32\1\x30\3192\7in-addr\4arpa", b"\1" + b"\1f" * 32 + b"\3ip6\4arpa", b"\1\1\0\1\1\1\2"]
    return [b"\0" + text.encode() for text in texts] + wires


def check(data):
    """Read what follows the first byte as text, or as labels behind their lengths."""
    if data[:1] == b"\0":
        check_text(data[1:].decode("utf-8", "replace"))
        return
    half = 1 + data[0] * len(data) // 256 if data else 0
    names = []
    for part in (data[1:half], data[half:]):
        with contextlib.suppress(NameError_):
            names.append(bounded(2000, join_labels, split(part)))
    for name in names:
        check_wire(name)
    if len(names) == 2:
        check_pair(*names)


def split(data):
    """Take bytes apart into labels."""
    labels = []
    while data:
        size = data[0] & 0x7F
        labels.append(data[1 : 1 + size])
        data = data[1 + size :]
    return labels


def check_text(text):
    """Read a text as a name."""
    try:
        name = bounded(1000 + 20 * len(text), parse_name, text)
    except NameError_ as error:
        assert str(error)
        return
    check_wire(name)
    with contextlib.suppress(dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong):
        if text != "@":  # dnspython's word for the origin
            assert dns.name.from_text(text).to_wire() == name


def check_wire(name):
    """Hold a name against the promises made of all names."""
    assert 1 <= len(name) <= 255 and name[-1] == 0
    labels = bounded(2000, labels_of, name)
    assert join_labels(labels) == name and all(1 <= len(label) <= 63 for label in labels)
    offsets = offsets_of(name)
    assert [name[at + 1 : at + 1 + name[at]] for at in offsets] == [*labels, b""]
    text = bounded(3000, format_name, name)
    assert parse_name(text) == name and text.isascii() and text.isprintable() and " " not in text
    assert text.count('"') == text.count('\\"')
    assert dns.name.from_text(text).to_wire() == name
    lower = name.lower()
    found = bounded(2000, prefix_of, lower)
    if found is not None:
        version, number, length = found
        assert 0 <= number < 1 << BITS[version] and length % STRIDE[version] == 0
        assert reverse_name(version, number, length) == lower
    for offset in offsets:
        assert is_below(lower, lower[offset:])


def check_pair(one, other):
    """Compare the order and descent of two names with dnspython's."""
    one, other = one.lower(), other.lower()
    first, second = (dns.name.from_wire(name, 0)[0] for name in (one, other))
    keys = bounded(2000, sort_key, one), sort_key(other)
    assert (keys[0] < keys[1]) == (first < second) and (keys[0] == keys[1]) == (one == other)
    assert is_below(one, other) == first.is_subdomain(second)
    assert is_below(one, other) == (keys[0] == keys[1] or not keys[1] or keys[0].startswith(keys[1] + b"\0"))
