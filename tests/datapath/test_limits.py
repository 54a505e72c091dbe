"""Limits: two tables, one counted in by `respond` alone and one by both ways, are the same at every moment.

Rates are low enough to be reached, clocks jump, and the time of the buckets wraps.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.engine.cookies import make_cookie
from ptrd.engine.limiter import QUIET, WINDOW
from ptrd.engine.responder import SOURCES, Options
from ptrd.records.access import ALLOW
from ptrd.records.changes import Change
from tests.datapath.both import NOW, SECRET, Both, require_compiled
from tests.datapath.queries import ADDRESSES, AGES, queries
from tests.datapath.worlds import kept, owner, spelled
from tests.peers.asking import Edns, make_query

LOW = Options(limit_records=2, limit_made=3, limit_denied=1, cookie_secrets=(SECRET, bytes(16)))
WRAP = 4096.0  # seconds until the ticks of 32 bits begin again
STEPS = (0, 0, 0, 0.01, 0.1, 0.3, 1, WINDOW, QUIET - 1, QUIET, 61, -0.5, -3, -70, 86400)
STEPS += (WRAP - 1, WRAP, WRAP / 2, -WRAP)


@pytest.fixture(autouse=True)
def compiled():
    """Skip everything here without a compiled data path."""
    require_compiled()


def pressed(both, dice, count):
    """Ask few things often, from few clients, while the clock goes on and now and then jumps."""
    pool = list(queries(both.snapshot, dice, 60))
    pool += [(make_query(owner(text), 12, edns=Edns()), ADDRESSES[0]) for text in ("192.0.2.1", "192.0.2.200")] * 5
    now = dice.choice((NOW, 0.0, WRAP * 400_000 - 1, 4294967295.0 - 30, 1e11))
    for _ in range(count):
        data, address = dice.choice(pool)
        for _ in range(dice.choice((1, 1, 2, 5))):
            both.ask(data, address, now)
        now = max(0.0, now + dice.choice(STEPS) * (dice.random() < 0.5))


@pytest.mark.parametrize("slip", [0, 1, 2, 3])
@pytest.mark.parametrize("badcookie", [False, True])
def test_the_tables_end_alike(slip, badcookie):
    """Whatever slips, and whether BADCOOKIE is said, tables and answers and what is told of them are the same."""
    options = replace(LOW, limit_slip=slip, limit_badcookie=badcookie)
    managed = kept().with_overlay([Change(4, 0xC0000232, 60, (b"\4mine\0",))], 2)
    both = Both(managed, options, limits=True)
    dice = random.Random(f"{slip} {badcookie}")
    for _ in range(3):
        pressed(both, dice, 250)
        both.check_tables()
    assert both.seen["limited"] > both.handed["limited"] > 0


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(limit_records=1),
        Options(limit_made=1, limit_slip=1),
        Options(limit_denied=5000, limit_made=2048, limit_records=2049),
        replace(LOW, limit_exempt=((4, 0xC6336400, 24, ALLOW), (6, 0x20010DB8 << 96, 32, ALLOW))),
    ],
    ids=["none", "records", "made", "many", "exempt"],
)
def test_some_limits_alone(options):
    """A limit of 0 is none, many a second are counted as well as few, and who is exempt leaves no trace."""
    both = Both(kept(), options, limits=True)
    pressed(both, random.Random(repr(options)), 300)
    both.check_tables()


@pytest.mark.parametrize("badcookie", [False, True])
def test_a_cookie_is_free_of_limits_while_it_is_valid(badcookie):
    """To the second, of either secret, of this client and no other: the others meet the limit, or BADCOOKIE."""
    both = Both(kept(), replace(LOW, limit_badcookie=badcookie, limit_slip=1), limits=True)
    free = set()
    for age in AGES:
        for secret in (SECRET, bytes(16), b"\x55" * 16):
            for owner_of_cookie in ADDRESSES[:2]:
                data = make_cookie(secret, b"abcdefgh", owner_of_cookie, NOW - age)
                query = make_query(owner("192.0.2.1"), 12, edns=Edns(options=((10, data),)))
                for _ in range(5):
                    (_, source, _, _), _ = both.ask(query, ADDRESSES[0])
                if SOURCES[source] == "record":
                    free.add((age, secret, owner_of_cookie))
    assert {age for age, _, _ in free} == {age for age in AGES if -300 <= age <= 3600}
    assert {(secret, address) for _, secret, address in free} == {(SECRET, ADDRESSES[0]), (bytes(16), ADDRESSES[0])}
    both.check_tables()


def test_many_templates():
    """What is made counts for its template, whatever its range and length."""
    snapshot = spelled(4, 1)
    both = Both(snapshot, replace(LOW, limit_made=1), limits=True)
    pressed(both, random.Random(1), 400)
    both.check_tables()
    assert sum(1 for word in both.tables[1] if word) > 10


def test_a_crowded_table():
    """Where many buckets meet in few places, the same are given up."""
    both = Both(kept(), replace(LOW, limit_records=1000, limit_denied=1000), limits=True)
    dice = random.Random(3)
    for table in both.tables:  # every place but a few has somebody else's bucket, which is some way ahead
        words = random.Random(4)
        for at in range(0, len(table), 2):
            ticks = int(NOW * (1 << 20)) + words.randrange(-1000, 2_500_000)
            table[at] = words.getrandbits(32) << 32 | ticks & 0xFFFFFFFF
            table[at + 1] = words.choice((0, words.getrandbits(64)))
    query = make_query(owner("192.0.2.1"), 12)
    for number in range(4000):
        both.ask(query, dice.randbytes(4) if number % 3 else dice.randbytes(16), NOW + number / 1000)
    both.check_tables()


@settings(deadline=None, max_examples=60)
@given(
    slip=st.integers(0, 5),
    rate=st.integers(1, 4),
    start=st.one_of(st.floats(0, 1e10), st.sampled_from([NOW, 4294967295.0, 4294967296.0, WRAP * 1000])),
    steps=st.lists(st.one_of(st.sampled_from(STEPS), st.floats(-5000, 5000)), min_size=5, max_size=40),
)
def test_one_bucket_and_any_clock(slip, rate, start, steps):
    """Whatever the clock does, one bucket's answers are the same."""
    both = one(slip, rate)
    query = make_query(owner("192.0.2.1"), 12)
    now = start
    for step in steps:
        now = max(0.0, now + step)
        both.ask(query, ADDRESSES[0], now)
        both.ask(query, ADDRESSES[0], now)
    both.check_tables()


BOTH = {}  # tables are large to make; what an example before left in them is the same on both sides


def one(slip, rate):
    """Give both ways with these options."""
    if (slip, rate) not in BOTH:
        BOTH[slip, rate] = Both(kept(), replace(LOW, limit_slip=slip, limit_records=rate), limits=True)
    return BOTH[slip, rate]
