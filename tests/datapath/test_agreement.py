"""The compiled data path says what `respond` says, byte for byte, with its source, type and range; or it hands over.

PTRD_AGREEMENT_SEEDS=N asks about that many random worlds, from seed PTRD_AGREEMENT_FROM (1000) on.
"""

from __future__ import annotations

import os
import random
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.datapath.reader import COUNTED, EXEMPT, RESERVED, standings
from ptrd.engine.responder import Options, Service
from ptrd.records.access import ALLOW, DROP, REFUSE
from ptrd.records.cuts import owner_of
from ptrd.records.values import parse_address
from ptrd.wire.reverse import BITS
from tests import test_cases, test_malformed
from tests.datapath.both import SECRET, Both, host_of, new_table, require_compiled
from tests.datapath.queries import ADDRESSES, changes_of, cookies, queries
from tests.datapath.worlds import fixed, kept, made, spelled
from tests.differential.fixed import FIXED
from tests.peers.asking import Edns, make_query
from tests.serving import serve

LONG = int(os.environ.get("PTRD_AGREEMENT_SEEDS", "0"))
FROM = int(os.environ.get("PTRD_AGREEMENT_FROM", "1000"))
SEEDS = range(FROM, FROM + LONG) if LONG else range(1, 9)
ANSWERED = ("record", "default", "nodata", "nxdomain")  # sources that it answers from itself


@pytest.fixture(autouse=True)
def compiled():
    """Skip everything here without a compiled data path."""
    require_compiled()


def check(snapshot, name, count, options=None):
    """Ask random queries about a snapshot, most of which the compiled data path should answer itself."""
    both = Both(snapshot, options)
    for data, address in queries(snapshot, random.Random(name), count):
        both.ask(data, address)
    return both


@pytest.mark.parametrize("number", range(len(FIXED)), ids=lambda number: FIXED[number].name)
def test_worlds_made_by_hand(number):
    """Each world of the differential tests is answered alike."""
    both = check(fixed(number), FIXED[number].name, 800)
    assert sum(both.seen[kind] - both.handed[kind] for kind in ANSWERED) > 40


@pytest.mark.parametrize("udp_size", [512, 1232, 4096])
def test_a_world_with_access_lists_absent_zones_and_odd_names(udp_size):
    """Whoever is refused or dropped in a zone, and whatever has not come, is left to the responder."""
    both = check(kept(), udp_size, 2500, Options(cookie_secrets=(SECRET, bytes(16)), udp_size=udp_size, nsid=b"x"))
    for kind in ("prohibited", "absent", "refused", "delegation"):
        assert both.seen[kind] == both.handed[kind] > 0
    for kind in ANSWERED:
        assert both.seen[kind] > both.handed[kind]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_worlds(seed):
    """So is each random world, with its nested zones, cuts, aliases, wildcards and forward zones."""
    check(made(seed), seed, 500)


@pytest.mark.parametrize("seed", ["kept", *(SEEDS if LONG else SEEDS[:5])])
def test_managed_records(seed):
    """Managed records, those taken out again, and serials that moved are answered alike, from each snapshot in turn."""
    check_changes(kept() if seed == "kept" else made(seed), seed, 300)


def check_changes(snapshot, seed, count):
    """Change a snapshot some times, and ask each version, the ones before too."""
    dice = random.Random(f"changes {seed}")
    both = Both(snapshot)
    versions = [snapshot]
    for revision in range(2, 5):
        serials = {zone.origin: zone.serial + revision for zone in snapshot.zones if dice.random() < 0.5}
        versions.append(versions[-1].with_overlay(changes_of(snapshot, dice, 40), revision, serials))
        for both.snapshot in (versions[-1], dice.choice(versions)):
            for data, address in queries(both.snapshot, dice, count // 2):
                both.ask(data, address)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", SEEDS if LONG else SEEDS[:3])
def test_every_token_in_ranges_of_every_length(version, seed):
    """Every default name that a template can make is made alike, and none is left to the responder."""
    snapshot = spelled(version, seed)
    dice = random.Random(f"{version} {seed}")
    both = Both(snapshot)
    for number in range(snapshot.range_count):
        prefix = snapshot.range(number).prefix
        free = prefix.last - prefix.number
        for pick in (0, 1, 255, free, free >> 1, dice.getrandbits(128), dice.getrandbits(128) & dice.getrandbits(128)):
            name = owner_of(snapshot.zones[0], version, prefix.number | pick & free)
            (_, source, _, _), handed = both.ask(make_query(name, 12, edns=Edns()))
            assert source == 1 and not handed


@cache
def one():
    """Give both ways to the same world, for every example."""
    return Both(kept())


LABELS = st.one_of(
    st.sampled_from([b"%d" % number for number in (0, 1, 9, 10, 128, 200, 255, 256)]),
    st.sampled_from([b"2", b"0", b"192", b"10", b"3", b"64-26", b"x", b"\0", b"\1z", b"UP", b"Per", b"a", b"f", b"8"]),
    st.binary(min_size=1, max_size=63),
)
ORIGINS = st.sampled_from([zone.origin for zone in kept().zones] + [b"\7in-addr\4arpa\0", b"\4arpa\0", b"\0"])
COOKIES = st.one_of(
    st.binary(max_size=41), st.builds(cookies, st.just(ADDRESSES[0]), st.randoms(use_true_random=False))
)
OPTIONS = st.lists(st.tuples(st.sampled_from([10, 10, 10, 3, 11, 12, 8, 65001]), COOKIES), max_size=3).map(tuple)
EDNS = st.one_of(
    st.none(),
    st.builds(
        Edns, st.integers(0, 65535), st.sampled_from([0, 0x8000, 0x7FFF]), OPTIONS, st.sampled_from([0, 0, 0, 1, 255])
    ),
)


@settings(deadline=None, max_examples=200)
@given(
    labels=st.lists(LABELS, max_size=6),
    origin=ORIGINS,
    qtype=st.one_of(st.just(12), st.integers(0, 65535)),
    qclass=st.sampled_from([1, 1, 1, 3, 255]),
    flags=st.one_of(st.sampled_from([0, 0x100, 0x130]), st.integers(0, 65535)),
    edns=EDNS,
    behind=st.one_of(st.just(b""), st.binary(max_size=20)),
)
def test_any_message(labels, origin, qtype, qclass, flags, edns, behind):
    """Whatever labels, flags, type, class and options a message has, and whatever stands behind it."""
    name = b"".join([bytes((len(label),)) + label for label in labels]) + origin
    both = one()
    data = make_query(name, qtype, flags=flags, edns=edns, qclass=qclass)
    both.ask(data + behind)
    both.ask(data[: len(data) - len(behind)], ADDRESSES[5])


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=600))
def test_any_bytes(data):
    """Whatever bytes come."""
    one().ask(data)


def test_the_conversations():
    """Every conversation of the cases is answered alike, and so is every hostile message."""
    seen, handed = 0, 0
    for path in test_cases.CASES:
        case = yaml.safe_load(Path(path).read_text())
        both = Both(serve(case["zones"]), Options())
        for step in case["steps"]:
            both.ask(test_cases.make_query(step).to_wire())
        seen, handed = seen + both.seen.total(), handed + both.handed.total()
    assert 0 < handed < seen
    for path in test_malformed.CASES:
        case = test_malformed.load(path)
        both = Both(serve(case["zones"]), test_malformed.OPTIONS)
        for step in case["steps"]:
            both.ask(step["data"])


RULES = st.lists(
    st.builds(
        lambda version, number, length, verdict: (
            version,
            number >> 128 - BITS[version] >> BITS[version] - length << BITS[version] - length,
            length,
            verdict,
        ),
        st.sampled_from([4, 6]),
        st.one_of(st.integers(0, 2**128 - 1), st.sampled_from([0, 2**128 - 1, 10 << 120, 0xC0000200 << 96])),
        st.integers(0, 32),
        st.sampled_from([ALLOW, REFUSE, DROP]),
    ),
    max_size=6,
    unique_by=lambda rule: rule[:3],
).map(tuple)


@settings(deadline=None)
@given(access=RULES, exempt=RULES, dice=st.randoms(use_true_random=False))
def test_standings_are_the_judge_s(access, exempt, dice):
    """Who is refused, dropped, exempt or counted is what the engine says of each address."""
    exempt = tuple([rule for rule in exempt if rule[3] == ALLOW])
    service = Service(Options(access=access, limit_exempt=exempt), new_table(), SECRET)
    for version in (4, 6):
        bits, size = BITS[version], BITS[version] // 8
        starts, values = standings(service, version)
        firsts = [int.from_bytes(starts[at : at + size], "big") for at in range(0, len(starts), 16)]
        assert firsts[0] == 0 and firsts == sorted(set(firsts))
        asked = {0, (1 << bits) - 1, dice.getrandbits(bits)}
        for rule_version, number, length, _ in (*access, *exempt):
            if rule_version == version:
                end = number + (1 << bits - length)
                asked |= {number, max(number - 1, 0), end - 1, end % (1 << bits)}
        for number in asked:
            client = service.judge.judge(host_of(number.to_bytes(size, "big")))
            expected = RESERVED if client.verdict != ALLOW else COUNTED if client.prefix else EXEMPT
            assert values[max(at for at, first in enumerate(firsts) if first <= number)] == expected


def test_clients_are_told_apart():
    """Who is refused or dropped is left to the responder, and who is exempt has no limits, by the longest prefix."""
    rules = [("0.0.0.0", 0, ALLOW)]  # noqa: S104 - a rule for everybody, nothing is bound
    rules += [("198.51.100.0", 24, REFUSE), ("198.51.100.128", 25, ALLOW), ("10.0.0.0", 8, DROP)]
    rules += [("::", 0, REFUSE), ("2001:db8::", 32, ALLOW), ("2001:db8:0:1::", 64, DROP)]
    access = tuple([(*parse_address(text), length, verdict) for text, length, verdict in rules])
    free = (("198.51.100.192", 26), ("2001:db8::", 64))
    exempt = tuple([(*parse_address(text), length, ALLOW) for text, length in free])
    options = Options(access=access, limit_exempt=exempt, limit_records=1, limit_slip=0)
    both = Both(kept(), options, limits=True)
    query = make_query(b"\1" + b"1" + b"\1" + b"2" + b"\1" + b"0" + b"\x03192\7in-addr\4arpa\0", 12)
    for text, kinds in (
        ("198.51.100.127", {"prohibited"}),
        ("198.51.100.128", {"record", "limited"}),
        ("198.51.100.191", {"record", "limited"}),
        ("198.51.100.192", {"record"}),
        ("198.51.101.0", {"record", "limited"}),
        ("9.255.255.255", {"record", "limited"}),
        ("10.0.0.0", {"prohibited"}),
        ("2001:db8::1", {"record"}),
        ("2001:db8:0:1::1", {"prohibited"}),
        ("2001:db8:0:2::1", {"record", "limited"}),
        ("2001:db9::", {"prohibited"}),
    ):
        version, number = parse_address(text)
        before = both.seen.copy(), both.handed.copy()
        for _ in range(9):
            both.ask(query, number.to_bytes(4 if version == 4 else 16, "big"))
        assert set(both.seen - before[0]) == kinds - ({"record"} if text == "198.51.100.191" else set())
        assert ("prohibited" in kinds) == ((both.handed - before[1])["prohibited"] == 9)
    both.check_tables()
