"""Templates: a name that is made is valid, is found again, and by no other address; the index agrees with each one.

The compiled data path makes the same names.
"""

from __future__ import annotations

from itertools import pairwise

from ptrd.records.model import Prefix
from ptrd.snapshot.forward import ForwardIndex, collisions
from ptrd.snapshot.templates import TemplateError, dump_template, load_template, parse_template
from ptrd.wire.names import join_labels, labels_of, offsets_of, parse_name
from ptrd.wire.reverse import BITS
from tests.fuzz.compiled import check_names
from tests.fuzz.work import bounded

LONGEST = 600
ZONE = parse_name("64-26.2.0.192.in-addr.arpa")
# A byte below 32 of a text stands for one of these, so that a changed byte is another token.
TOKENS = ("{ip}", "{a}", "{b}", "{c}", "{d}", "{groups}", "{hex}", "{host}", "{rev}", "{zone}", ".", "-", "x", "0", "1")
TOKENS += ("9", "A", "f", "{", "}", "{IP}", "{}", "_", ".dyn.example.net", "a" * 63, "-.", "\u00e4", "0x", "xn--", " ")
TOKENS += ("pool-", "v6")
WORDS = (b"\x0a\x17", b"\x04\x0b\x03\x0b", b"\x00\x17", b"\x08\x17", b"\x07\x0a", b"\xff" * 8, bytes(8))
MOST = 10_000  # lines for one question about a range; 2,000 are seen
MOST_A_TOKEN = 1_000  # lines for reading one token of a template, whose work grows with their number; 300 are seen


def seeds():
    """Give a few ranges each: version and length, eight bytes of address, the size of a text, the text."""
    v4 = [(24, b"\x00\x17"), (16, b"\x03\x0b\x04\x17"), (24, b"h\x04\x17"), (30, b"\x06\x17"), (0, b"\x08\x17")]
    v4 += [
        (24, b"\x04\x0a\x03\x0a\x02\x0a\x01\x17"),
        (24, b"\x04"),
        (24, b"\x07-\x09"),
        (25, b"x\x17"),
        (24, b"\x04\x03"),
    ]
    v6 = [(32, b"\x00\x17"), (64, b"\x07\x17"), (48, b"\x08\x17"), (40, b"home-\x06\x17"), (0, b"\x05\x17")]
    v6 += [
        (126, b"\x00\x0b\x00\x17"),
        (120, b"\x05\x0a\x00"),
        (128, b"\x09"),
        (33, b"\x08\x0a\x08"),
        (64, b"\x18\x0a\x00"),
    ]
    found = []
    for version, ranges in ((0, v4), (128, v6)):
        parts = [
            bytes((version,)) + bytes((length,)) + b"\x20\x01\x0d\xb8\0\0\0\0" + b"%c" % len(text) + text
            for length, text in ranges
        ]
        found += [part + b"\x01\x80\xff" for part in parts]
        found += [one + other for one, other in pairwise(parts)]
        found.append(b"".join(parts[:4]))
    return found


def read(data):
    """Take bytes apart into ranges (prefix, text) and what is left of them."""
    ranges = []
    while len(data) >= 12 and len(ranges) < 4:
        version = 6 if data[0] & 0x80 else 4
        length = data[1] % (BITS[version] + 1)
        number = int.from_bytes(data[2:10], "big") << 64 | int.from_bytes(data[2:10], "little")
        free = BITS[version] - length
        number = number >> 128 - BITS[version] >> free << free
        size = data[10] & 0x3F
        text = "".join([TOKENS[byte] if byte < 32 else chr(byte) for byte in data[11 : 11 + size]])
        ranges.append((Prefix(version, number, length), text))
        data = data[11 + size :]
    return ranges, data


def check(data):
    """Read ranges, and hold their templates against each other."""
    ranges, rest = read(data)
    templates = []
    for prefix, text in ranges:
        try:
            templates.append(bounded(MOST + MOST_A_TOKEN * text.count("{"), parse_template, text, prefix, ZONE))
        except TemplateError as error:
            assert str(error).isprintable()
    names = [b"\x01x\0", b"\0"]
    for template in templates:
        names += check_template(template, rest)
    names += [bent(name, rest) for name in names]
    check_index(templates, names)


def check_template(template, rest):
    """Make names of the first, the last and other addresses, read them back, and give them."""
    prefix = template.prefix
    last = prefix.last - prefix.number
    picks = {
        0,
        1 & last,
        last,
        last >> 1,
        int.from_bytes(rest[:16], "big") & last,
        int.from_bytes(rest[:16], "little") & last,
    }
    loaded = load_template(dump_template(template), prefix)
    assert loaded.identifies == template.identifies and loaded.suffix == template.suffix
    made, names = {}, {}
    for number in sorted(prefix.number + pick for pick in picks):
        name = bounded(MOST, template.render, number)
        names[number] = name
        assert loaded.render(number) == name
        assert join_labels(labels_of(name)) == name
        lower = name.lower()
        assert lower.endswith(template.suffix)
        found = bounded(MOST, template.find, lower)
        assert found == (number if template.identifies else None)
        assert loaded.find(lower) == found
        assert not template.identifies or made.setdefault(lower, number) == number
        for at in offsets_of(lower)[1:]:
            mask, value = bounded(MOST, template.partial, lower[at:])
            assert number & mask == value or not template.identifies or above(template, lower[at:], mask, value)
        made[lower] = number
    check_names(template, names)
    return list(made)


def above(template, ancestor, mask, value):
    """Tell whether the address that an ancestor leads to really makes a name below it: it may be one of several."""
    number = template.prefix.number & ~mask | value
    return template.prefix.number <= number <= template.prefix.last and template.render(number).lower().endswith(
        ancestor
    )


def bent(name, rest):
    """Change a byte of a name within its first label."""
    changed = bytearray(name)
    for at, byte in zip(range(2, 2 + name[0]), rest, strict=False):
        if at < len(changed) - 1 and at <= name[0]:
            changed[at] = byte or 0x30
    return bytes(changed).lower()


def check_index(templates, names):
    """Ask the index of all ranges, and every range by itself."""
    index = ForwardIndex(enumerate(templates))
    list_ancestors(index, b"\0")
    for name in names:
        alone = [template.find(name) for template in templates]
        for template, number in zip(templates, alone, strict=True):
            assert number is None or template.render(number).lower() == name
            assert number is None or template.prefix.number <= number <= template.prefix.last
        found = bounded(4 * MOST, index.find, name)
        assert sorted(found) == [(key, number) for key, number in enumerate(alone) if number is not None]
        for at in offsets_of(name):
            keys = {key for key, _, _ in bounded(4 * MOST, list_ancestors, index, name[at:])}
            expected = {
                key
                for key, template in enumerate(templates)
                if template.identifies and template.partial(name[at:]) is not None
            }
            assert keys == expected
    ranges = [(template.prefix, template, key) for key, template in enumerate(templates)]
    if all(prefix.last - prefix.number < 256 for prefix, _, _ in ranges):  # more takes too long for a fuzzer
        for one, other, name in bounded(10_000_000, collisions, ranges):
            assert one != other
            assert templates[one].find(name) is not None and templates[other].find(name) is not None


def list_ancestors(index, name):
    """Exhaust the iterator."""
    return list(index.ancestors(name))
