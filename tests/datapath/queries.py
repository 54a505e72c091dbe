"""Queries about a snapshot: every name that exists, all around it, in every shape that a message can have.

The same snapshot and dice always give the same queries.
"""

from __future__ import annotations

from ptrd.engine.cookies import make_cookie
from ptrd.records.changes import Change
from ptrd.records.cuts import owner_of
from ptrd.wire.names import MAX_NAME, labels_of
from ptrd.wire.reverse import BITS
from tests.datapath.both import NOW, SECRET
from tests.differential.questions import JUNK
from tests.peers.asking import DO, Edns, make_query

PTR = 12
QTYPES = (1, 2, 5, 6, 13, 15, 16, 28, 33, 39, 41, 43, 46, 47, 64, 249, 250, 251, 252, 253, 254, 255, 0, 65280, 65535)
CLASSES = (1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 0, 254, 255, 257)
SIZES = (0, 1, 100, 511, 512, 513, 600, 1231, 1232, 1233, 1400, 4096, 65535)
AGES = (0, 0, 60, 1799, 1800, 1801, 3599, 3600, 3601, -1, -299, -300, -301, 1 << 31)  # of cookies, in seconds
FLAGS = (0, 0x10, 0x20, 0x30, 0x100, 0x110, 0x120, 0x130)
STRAY = (0x8000, 0x0800, 0x2000, 0x2800, 0x7800, 0x0400, 0x0200, 0x0080, 0x0040, 0x000F, 0x0001)
OTHER_SECRET = bytes(16)  # the second of those that Both has
ADDRESSES = (
    bytes((198, 51, 100, 7)),
    bytes((10, 0, 0, 1)),
    bytes((192, 0, 2, 200)),
    bytes(4),
    b"\xff" * 4,
    bytes.fromhex("20010db8000000010000000000000007"),
    bytes.fromhex("fd000000000000000000000000000001"),
    bytes(16),
    b"\0" * 10 + b"\xff\xff\xc0\0\2\1",
    b"\xff" * 16,
    b"",
)


def names_of(snapshot, dice, most=400):
    """List names that exist: nodes, managed records, addresses in and beside ranges, and their default names."""
    found = []
    for zone in snapshot.zones:
        found += [relative + zone.origin for relative, _ in snapshot.walk(zone)]
    for number in range(snapshot.range_count):
        span = snapshot.range(number)
        first, bits = span.prefix.number, BITS[span.prefix.version]
        size = 1 << bits - span.prefix.length
        for pick in (0, 1, -1, size - 1, size, dice.randrange(size), dice.randrange(size)):
            address = (first + pick) % (1 << bits)
            found.append(owner_of(snapshot.zones[span.zone], span.prefix.version, address))
            if span.prefix.number <= address <= span.prefix.last:
                found.append(span.render(address).lower())
    return found if len(found) <= most else dice.sample(found, most)


def around(name, names, dice):
    """Give a name, or one near it: above, below, beside, or not quite it."""
    labels = labels_of(name)
    kind = dice.randrange(12)
    if kind < 4 or not labels:
        return name
    if kind < 6:
        labels = labels[dice.randrange(len(labels)) :]
    elif kind == 6:
        labels = [_label(names, dice), *labels]
    elif kind == 7:
        labels = [_label(names, dice), *labels[1:]]
    elif kind == 8:
        at = dice.randrange(len(labels))
        labels = [_label(names, dice), *labels[at + dice.randrange(2) :]]
    elif kind == 9:
        at = dice.randrange(len(labels))
        labels[at] = labels[at][:-1] + bytes((labels[at][-1] ^ 1 << dice.randrange(8),))
    elif kind == 10:
        labels = [_label(names, dice) for _ in range(dice.randrange(1, 6))] + labels
    else:
        room = MAX_NAME - len(name)
        while room > 1:
            labels.insert(0, b"x" * min(room - 1, dice.choice((63, 63, 7, 1))))
            room -= 1 + len(labels[0])
    wire = b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
    return wire if len(wire) <= MAX_NAME else name


def _label(names, dice):
    if dice.random() < 0.4:
        return dice.choice(JUNK)[:63]
    if dice.random() < 0.5:
        return dice.choice((b"%d" % dice.randrange(300), b"%x" % dice.randrange(17)))
    return dice.choice(labels_of(dice.choice(names)) or [b"a"])


def capitals(name, dice):
    """Change letters to capitals, some or all."""
    rate = dice.choice((0, 0, 0.5, 1))
    return bytes([byte ^ 0x20 if 0x61 <= byte <= 0x7A and dice.random() < rate else byte for byte in name])


def cookies(address, dice, now=NOW):
    """Give the data of a COOKIE option: good, stale, from the future, of another secret or client, or no cookie."""
    age = dice.choice((*AGES, dice.randrange(9999)))
    secret = dice.choice((SECRET, SECRET, OTHER_SECRET, b"\x55" * 16))
    data = make_cookie(secret, dice.randbytes(8), address if dice.random() < 0.9 else bytes(4), now - age)
    kind = dice.randrange(8)
    if kind == 0:
        return data[:8]
    if kind == 1:
        return dice.randbytes(dice.choice((0, 1, 7, 9, 15, 16, 17, 23, 25, 32, 39, 40, 41, 100)))
    if kind == 2:
        at = dice.randrange(24)
        return data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]
    return data


def opts(address, dice, now=NOW):
    """Give what stands behind a question: nothing, an OPT of some shape, or what should not be there."""
    kind = dice.randrange(16)
    if kind < 4:
        return None
    size, flags = dice.choice(SIZES), dice.choice((0, 0, DO, DO, 0x4000, 0xFFFF))
    options: tuple[tuple[int, bytes], ...] = ()
    if kind >= 8:
        options = ((10, cookies(address, dice, now)),)
    if kind == 14:
        options += (dice.choice(((3, b""), (11, b""), (12, b"\0" * 9), (10, b"abcdefgh"), (65001, b"odd"))),)
    if kind == 15:
        options = (dice.choice(((3, b""), (8, b"\0\1\x18\0\xc0\0\2"), (65001, b""))), *options)
    return Edns(size, flags, options, dice.choice((0,) * 12 + (1, 255)))


def bend(data, dice):
    """Cut a message short, lengthen it, or change a few of its bytes."""
    kind = dice.randrange(6)
    if kind == 0:
        return data[: dice.randrange(len(data))]
    if kind == 1:
        return data + dice.randbytes(dice.choice((1, 4, 11, 12, 300)))
    if kind == 2:  # two OPTs
        return data[:11] + b"\2" + data[12:] + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(changed))
        changed[at] = dice.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF, changed[at] ^ 1 << dice.randrange(8)))
    return bytes(changed)


def queries(snapshot, dice, count, now=NOW):
    """Give (message, address of the client): queries of every kind about a snapshot."""
    names = names_of(snapshot, dice)
    for _ in range(count):
        name = capitals(around(dice.choice(names), names, dice), dice)
        address = dice.choice(ADDRESSES)
        qtype = PTR if dice.random() < 0.6 else dice.choice(QTYPES)
        flags = dice.choice(FLAGS) | (dice.choice(STRAY) if dice.random() < 0.05 else 0)
        data = make_query(
            name,
            qtype,
            identity=dice.randrange(65536),
            flags=flags,
            edns=opts(address, dice, now),
            qclass=dice.choice(CLASSES) if dice.random() < 0.3 else 1,
        )
        yield (bend(data, dice) if dice.random() < 0.1 else data), address


def changes_of(snapshot, dice, count):
    """Give changes to managed records: made, replaced and taken out again, over records, defaults and nothing."""
    zones = [zone for zone in snapshot.zones if zone.prefix is not None]
    spans = [snapshot.range(number).prefix for number in range(snapshot.range_count)]
    found = []
    for _ in range(count if zones else 0):
        prefix = dice.choice([*spans, *[zone.prefix for zone in zones]])
        number = prefix.number + dice.choice((0, 1, dice.randrange(1 << BITS[prefix.version] - prefix.length)))
        number = min(number, prefix.last)
        again = dice.choice(found) if found and dice.random() < 0.3 else None
        version, number = (again.version, again.number) if again else (prefix.version, number)
        targets = tuple(
            b"\4host" + bytes((len(label),)) + label + b"\7example\0"
            for label in [b"%d" % dice.randrange(10**6) for _ in range(dice.choice((0, 1, 1, 1, 2, 5, 30)))]
        )
        found.append(Change(version, number, dice.choice((0, 60, 3600, 0x7FFFFFFF)), targets))
    return found
