"""What holds for every template, range and address: against a slow reference and against enumeration."""

from __future__ import annotations

import ipaddress
import re

from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from ptrd.records.model import Prefix
from ptrd.snapshot.fields import read_ip6, spell_ip6
from ptrd.snapshot.templates import TemplateError, dump_template, load_template, parse_template
from ptrd.wire.names import MAX_LABEL, MAX_NAME, NameError_, format_name, join_labels, labels_of, parse_name
from ptrd.wire.reverse import BITS

ZONES = [parse_name(text) for text in ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "64/26.x", "a%d.7")]
unhurried = settings(deadline=None)  # how long an example takes is the machine's business
TOKENS = {
    4: ["ip", "a", "b", "c", "d", "hex", "host", "rev", "zone"],
    6: ["ip", "groups", "hex", "host", "rev", "zone"],
}
ADDRESS = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


def expected_ip(version: int, number: int) -> str:
    """Write {ip} by zone-format's rules over the standard library's text."""
    if version == 4:
        return str(ipaddress.IPv4Address(number)).replace(".", "-")
    # The high half of a mapped address is hidden from ipaddress, which writes it with dots from Python 3.13 on.
    if number >> 32 == 0xFFFF:
        low = f"{number >> 16 & 0xFFFF:x}-{number & 0xFFFF:x}"
        return f"0--ffff-{low}" if number & 0xFFFFFFFF else "0--ffff-0-0"
    text = str(ipaddress.IPv6Address(number)).replace(":", "-")
    text = "0" + text if text.startswith("-") else text
    text = text + "0" if text.endswith("-") else text
    return re.sub(r"^(..)--", r"\1-0--", text)


def expected(text: str, prefix: Prefix, zone: bytes, number: int) -> list[bytes]:
    """Give the labels of a default name, slowly."""
    bits = BITS[prefix.version]
    host = number & (1 << bits - prefix.length) - 1
    octets = number.to_bytes(16, "big")[-4:]
    width = max(1, (bits - prefix.length + 3) // 4)
    address = ADDRESS[prefix.version](number)
    groups = address.exploded.replace(":", "-")
    values = {
        "ip": expected_ip(prefix.version, number),
        **{name: str(octet) for name, octet in zip("abcd", octets, strict=True)},
        "groups": groups,
        "hex": f"{number:0{bits // 4}x}",
        "host": str(host) if prefix.version == 4 else f"{host:0{width}x}",
        "rev": ".".join(address.reverse_pointer.split(".")[:-2]),
        "zone": b".".join(labels_of(zone)).decode(),
    }
    body = re.sub(r"\{(\w+)\}", lambda found: values[found.group(1)], text.removesuffix("."))
    return [label.encode() for label in body.split(".")]


def too_long(labels: list[bytes]) -> bool:
    """Tell whether labels make no name."""
    return max(map(len, labels)) > MAX_LABEL or sum(map(len, labels)) + len(labels) + 1 > MAX_NAME


@st.composite
def cases(draw, versions=(4, 6), min_length=0, zones=ZONES):
    """Draw (text, prefix, zone), most of them acceptable."""
    version = draw(st.sampled_from(versions))
    bits = BITS[version]
    length = draw(st.integers(min(min_length, bits) if min_length >= 0 else bits + min_length, bits))
    groups = draw(st.lists(st.sampled_from([0, 0, 0, 1, 0x64, 0xFF, 0xFFFF, 0x2001]), min_size=8, max_size=8))
    wide = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
    number = draw(st.one_of(st.integers(0, (1 << bits) - 1), st.just(wide & (1 << bits) - 1)))
    number = number >> bits - length << bits - length
    token = st.sampled_from(TOKENS[version]).map("{{{}}}".format)
    literal = st.sampled_from(["-", "x", "0", "a-", "-b7-", "Pool", "_", "1", "f", "e2"])
    label = st.lists(st.one_of(token, literal, token), min_size=1, max_size=5).map("".join)
    text = ".".join(draw(st.lists(label, min_size=1, max_size=3)))
    text += draw(st.sampled_from([".dyn.example.net", ".X", ".7.x.", "", ".{zone}"]))
    return text, Prefix(version, number, length), draw(st.sampled_from(zones))


def numbers(data, prefix: Prefix) -> int:
    """Draw an address of a prefix; those with many zeros often."""
    free = (1 << BITS[prefix.version] - prefix.length) - 1
    host = data.draw(st.one_of(st.integers(0, free), st.sampled_from([0, free, 1 & free, 10 & free])))
    mask = data.draw(st.sampled_from([free, 0xFFFF << 64 | 0xFF, 0xFFFF << 112 | 0xFFFF]))
    return prefix.number | host & mask & free


@unhurried
@given(cases(), st.data())
def test_names_are_what_the_reference_says_and_lead_back(case, data):
    """For an accepted template every name is valid, as zone-format writes it, and leads back when it identifies."""
    text, prefix, zone = case
    try:
        template = parse_template(text, prefix, zone)
    except TemplateError as error:
        if "at most" in str(error) or "allowed" in str(error):
            assert too_long(expected(text, prefix, zone, prefix.last))
        reject()
    number = numbers(data, prefix)
    labels = expected(text, prefix, zone, number)
    name = template.render(number)
    assert name == join_labels(labels)  # which checks both lengths
    assert name.lower().endswith(template.suffix)
    assert not template.partial(name.lower())
    if template.identifies:
        assert template.find(name.lower()) == number
    else:
        assert template.find(name.lower()) is None
    for at in range(1, len(labels) + 1):
        mask, value = template.partial(join_labels(labels[at:]).lower())
        assert number & mask == value


@unhurried
@given(cases(), st.data())
def test_only_names_that_are_made_are_found(case, data):
    """A changed name is either another address's name, exactly, or not found."""
    text, prefix, zone = case
    try:
        template = parse_template(text, prefix, zone)
    except TemplateError:
        reject()
    name = template.render(numbers(data, prefix)).lower()
    at = data.draw(st.integers(0, len(name) - 1))
    bits = st.sampled_from([b"", b"0", b"1", b"-", b"--", b"f", b"\0", b".", b"_", b"9", b"\1", b"\x010", b"00"])
    near = name[:at] + data.draw(bits) + name[at + data.draw(st.integers(0, 2)) :]
    if data.draw(st.booleans()):  # mend the first length byte
        rest = near[1:]
        length = len(labels_of(name)[0]) + len(near) - len(name)
        near = bytes((length & 63,)) + rest
    try:
        labels = labels_of(near)
        assume(near == join_labels(labels))
    except (IndexError, NameError_):
        reject()
    found = template.find(near)
    if found is not None:
        assert template.render(found).lower() == near
        assert prefix.number <= found <= prefix.last
    above = template.partial(near)
    if above is not None and prefix.last - prefix.number < 256:
        made = [labels_of(template.render(one).lower()) for one in range(prefix.number, prefix.last + 1)]
        assert any(len(one) > len(labels) and one[len(one) - len(labels) :] == labels for one in made)


@unhurried
@given(cases(min_length=-6))
@example(("{d}.{c}.x", Prefix(4, 0xC0000200, 24), ZONES[0]))
@example(("{host}.{ip}.x", Prefix(6, 0x64 << 112, 122), ZONES[0]))
@example(("{a}{hex}b{hex}{d}.{a}{hex}b{hex}{d}.x", Prefix(4, 0xBBBBBB80, 26), ZONES[0]))
def test_ways_back_agree_with_enumeration(case):
    """In a small range `find` and `partial` say what a list of all its names says, for every name above any of them."""
    text, prefix, zone = case
    try:
        template = parse_template(text, prefix, zone)
    except TemplateError:
        reject()
    below: dict[bytes, set[int]] = {}
    made = {}
    for number in range(prefix.number, prefix.last + 1):
        name = template.render(number).lower()
        made.setdefault(name, set()).add(number)
        labels = labels_of(name)
        for at in range(1, len(labels) + 1):
            below.setdefault(join_labels(labels[at:]), set()).add(number)
    assert template.identifies is (len(made) == 1 << BITS[prefix.version] - prefix.length)
    for name, ones in below.items():
        mask, value = template.partial(name)
        assert ones == {one for one in range(prefix.number, prefix.last + 1) if one & mask == value}
        assert value & ~mask == 0
        assert name in made or template.find(name) is None
    for name, ones in made.items():
        assert (template.partial(name) is None) is (name not in below)
        assert template.find(name) == (min(ones) if template.identifies else None)


@unhurried
@given(cases(), st.data())
def test_a_dump_loads_as_the_same_template(case, data):
    """Loaded from its dump a template makes the same names, and is dumped as the same bytes."""
    text, prefix, zone = case
    try:
        template = parse_template(text, prefix, zone)
    except TemplateError:
        reject()
    dumped = dump_template(template)
    loaded = load_template(dumped, prefix)
    assert dump_template(loaded) == dumped
    number = numbers(data, prefix)
    assert loaded.render(number) == template.render(number)
    assert loaded.identifies is template.identifies and loaded.suffix == template.suffix
    if "zone" not in text:
        assert loaded.text.lower() == text.removesuffix(".").lower()
        again = parse_template(loaded.text, prefix, zone)
        assert dump_template(again) == dumped


@unhurried
@given(st.integers(0, 128), st.data())
def test_ip_of_ipv6_is_valid_exact_and_longest_for_the_last_address(length, data):
    """{ip} is the standard library's text with the fixes, reads back, and nowhere longer than for the last address."""
    group = st.sampled_from([0, 0, 0, 1, 0x64, 0xF, 0xFFFF, 0x2001, 0x100])
    words = st.lists(group, min_size=8, max_size=8).map(lambda groups: int("".join(f"{one:04x}" for one in groups), 16))
    number, other = data.draw(words), data.draw(words)
    text = spell_ip6(number)
    assert text.decode() == expected_ip(6, number)
    assert read_ip6(text) == number
    assert not text.startswith(b"-") and not text.endswith(b"-") and text[2:4] != b"--"
    free = (1 << 128 - length) - 1
    assert len(spell_ip6(number & ~free | other & free)) <= len(spell_ip6(number | free))


def test_the_last_address_has_the_longest_ip_in_every_small_range():
    """All 256 last octets beside every pattern of zero and short groups, for every prefix length from 120 on."""
    for pattern in range(3**7):
        number = 0
        for place in range(7):
            number = number << 16 | (0, 1, 0x64)[pattern // 3**place % 3]
        sizes = [len(spell_ip6(number << 16 | low)) for low in range(256)]
        for free in range(9):
            for start in range(0, 256, 1 << free):
                assert max(sizes[start : start + (1 << free)]) == sizes[start + (1 << free) - 1]


@unhurried
@given(st.text(alphabet="0123456789abcdef-", max_size=45))
def test_any_text_reads_as_an_address_or_not_at_all(text):
    """Junk of the right letters raises nothing."""
    number = read_ip6(text.encode())
    assert number is None or 0 <= number < 1 << 128


@unhurried
@given(st.text(max_size=30), st.sampled_from([4, 6]))
@example("{\x1f\n}", 4)
def test_any_text_is_a_template_or_is_refused_in_one_line(text, version):
    """No text raises anything but TemplateError, whose sentence fits a log line."""
    try:
        template = parse_template(text, Prefix(version, 0, 24), ZONES[0])
    except TemplateError as error:
        assert "\n" not in str(error) and str(error).isprintable()
    else:
        assert format_name(template.render(0))
