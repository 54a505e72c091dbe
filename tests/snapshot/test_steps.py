"""Histories as bytes: what is packed comes back, what is too much is forgotten, what is damaged is not believed."""

from __future__ import annotations

import random

import pytest

from ptrd.snapshot import steps
from ptrd.snapshot.history import extend, since
from ptrd.snapshot.steps import NONE, Difference, Histories, dump_histories, load_histories, make_difference
from ptrd.wire.rrtypes import SOA
from ptrd.wire.writer import write_record


def soa(serial):
    """Make an SOA record."""
    return write_record(SOA, 300, b"\3ns1\0\4host\0" + serial.to_bytes(4, "big") + bytes(16))


def step(serial, size=20, rng=None):
    """Make the step from a serial to the next one."""
    rng = rng or random.Random(serial)
    items = [
        (bytes([1, rng.randrange(256)]), rng.randrange(9), rng.randbytes(size)) for _ in range(rng.randrange(1, 4))
    ]
    return make_difference(soa(serial), soa(serial + 1), items[1:], items[:1])


def history(first, last, size=20):
    """Make the history of a zone from one serial to another."""
    found = NONE
    for serial in range(first, last):
        found = extend(found, step(serial, size), 1_000_000)
    return found


def taken(histories):
    """Write histories and take them again."""
    return load_histories(memoryview(b"".join(dump_histories(histories, 7))))


@pytest.mark.parametrize("seed", range(20))
def test_a_step_keeps_what_it_is_made_of(seed):
    """Names up to 255 bytes, records up to what a message holds, and none at all come back as they were."""
    rng = random.Random(seed)
    lists = [
        [
            (rng.randbytes(rng.choice((0, 1, 63, 255))), rng.randrange(3000), rng.randbytes(rng.choice((0, 30, 65535))))
            for _ in range(rng.randrange(4))
        ]
        for _ in range(2)
    ]
    made = make_difference(soa(seed), soa(seed + 5), *lists)
    assert (made.serial, made.old, made.new) == (seed, soa(seed), soa(seed + 5))
    assert [made.removed, made.added] == lists


def test_what_is_taken_goes_on():
    """A history that was written and taken again tells the same, and goes on with the next step."""
    histories = Histories()
    histories.put(b"\1a\0", history(5, 40))
    histories.put(b"\1b\0", history(1, 2))
    histories.put(b"\1c\0", NONE)
    again, most = taken(histories)
    assert most == 7 and again.keys() == {b"\1a\0", b"\1b\0"} and again.size == histories.size
    known = extend(again[b"\1a\0"], step(40), 20)
    assert len(known) == 20 and [Difference(one).serial for one in known.steps()] == list(range(21, 41))
    assert since(known, 30, soa(41)) == tuple(step(serial) for serial in range(30, 41))
    assert since(known, 20, soa(41)) == since(known, 30, soa(40)) == ()


def test_all_zones_together_have_a_bound(monkeypatch):
    """Whatever is put into them, histories stay within the bound; each is a chain that ends in its last step."""
    monkeypatch.setattr(steps, "MOST_BYTES_IN_ALL", 20_000)
    rng = random.Random(3)
    serials = dict.fromkeys([bytes([1, number, 0]) for number in range(30)], 0)
    histories = Histories()
    for turn in range(3000):
        origin = rng.choice(list(serials)[: 3 if turn % 2 else 30])
        histories = histories.copy() if turn % 5 else taken(histories)[0]
        histories.put(origin, extend(histories.get(origin, NONE), step(serials[origin], rng.randrange(200)), 100))
        serials[origin] += 1
        assert sum(known.size for known in histories.values()) == histories.size <= 20_000
        for zone, known in histories.items():
            assert known.size == len(known.pack())
            if turn % 100 == 0:
                expected = list(range(serials[zone] - len(known), serials[zone]))
                assert [Difference(one).serial for one in known.steps()] == expected
    assert histories.size > 10_000 and len(histories) > 20


def test_one_zone_has_a_bound(monkeypatch):
    """The oldest steps of a zone make room for newer ones; a step that has no room itself ends the history."""
    monkeypatch.setattr("ptrd.snapshot.history.MOST_BYTES", 5000)
    known = history(0, 100, 100)
    assert 4000 < known.size <= 5000 and since(known, 98, soa(100))
    assert not extend(known, step(100, 5000), 100)


def test_nobody_looks_at_steps_before_they_are_asked_for():
    """Who takes histories that others have verified reads the table of zones alone."""
    histories = Histories()
    histories.put(b"\1a\0", history(0, 1000))
    data = bytearray(b"".join(dump_histories(histories, 7)))
    data[-histories.size :] = bytes(histories.size)
    again, _ = load_histories(memoryview(data), verify=False)
    assert len(again[b"\1a\0"]) == 1000


@pytest.mark.parametrize("seed", range(50))
def test_what_is_damaged_is_not_believed(seed):
    """A byte that is wrong or missing anywhere is noticed where a file is read."""
    histories = Histories()
    for number in range(3):
        histories.put(bytes([1, number, 0]), history(0, 5))
    data = bytearray(b"".join(dump_histories(histories, 7)))
    at = random.Random(seed).randrange(len(data))
    short = data[:at]
    data[at] ^= 0x41
    for wrong in data, short:
        with pytest.raises(ValueError, match=r"damaged|short"):
            load_histories(memoryview(wrong))
