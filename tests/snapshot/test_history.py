"""Histories of zones: what is said from one serial to the next is what changed, and no more than is kept."""

from __future__ import annotations

import random

import pytest

from ptrd.records.changes import Change
from ptrd.snapshot.expansion import made_pointers, written
from ptrd.snapshot.history import carry, changed_names, extend, since
from ptrd.snapshot.steps import Histories, dump_histories, load_histories, serial_in
from ptrd.wire.names import parse_name
from ptrd.wire.writer import split_records
from tests.serving import serve

ORIGIN = parse_name("2.0.192.in-addr.arpa")
HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net, serial: 10}\nns: [ns1.example.net]\n"
ZONE = f"zone: 192.0.2.0/24\n{HEAD}transfer: {{allow: [10.0.0.0/8]}}\n"
DEFAULTS = 'defaults: {192.0.2.0/25: "{ip}.dyn.example.net"}\n'
RECORDS = "records:\n" + "".join(f"  192.0.2.{number}: h{number}.example.net\n" for number in range(0, 200, 7))
EXTRA = "rrsets: |\n  9 TXT text\n  8 CNAME elsewhere.example.net.\n  @ MX 10 mail.example.net.\n"


def content(snapshot):
    """Give all that a transfer of the zone holds but the SOA, as (owner, type, TTL, data)."""
    zone = snapshot.zones_by_name[ORIGIN]
    return {
        (relative, *record)
        for items in (written(snapshot, zone), made_pointers(snapshot, zone))
        for relative, _, records in items
        for record in split_records(records)
    }


def apply(before, steps):
    """Apply the steps of a history to what a secondary has; each removed record is there, and no added one is."""
    held = set(before)
    for step in steps:
        for items, gone in ((step.removed, True), (step.added, False)):
            records = [(relative, *record) for relative, _, records in items for record in split_records(records)]
            assert len(set(records)) == len(records)
            if gone:
                assert held.issuperset(records)
                held -= set(records)
            else:
                assert held.isdisjoint(records)
                held |= set(records)
    return held


def change(rng):
    """Make up a change to a managed record."""
    targets = tuple(parse_name(f"m{rng.randrange(5)}{number}.example.org") for number in range(rng.randrange(3)))
    return Change(4, 0xC0000200 + rng.randrange(220), rng.choice((60, 300)), targets)


@pytest.mark.parametrize("seed", range(8))
def test_every_step_leads_from_one_version_to_the_next(seed):
    """From any serial that is known the steps give just what is transferred now, records under defaults included."""
    rng = random.Random(seed)
    snapshot = serve(ZONE + DEFAULTS + RECORDS + EXTRA)
    snapshot.remember(Histories(), 30)
    versions = {10: content(snapshot)}
    for serial in range(11, 60):
        changes = [change(rng) for _ in range(rng.randrange(4))]
        snapshot = snapshot.with_overlay(changes, serial, {ORIGIN: serial})
        versions[serial] = content(snapshot)
    history = snapshot.histories[ORIGIN]
    now = snapshot.zones_by_name[ORIGIN].soa.records
    assert len(history) == 30 and serial_in(now) == 59
    for serial, version in versions.items():
        steps = since(history, serial, now)
        assert bool(steps) == (29 <= serial < 59)
        if steps:
            assert apply(version, steps) == versions[59]
    again, most = load_histories(memoryview(b"".join(dump_histories(snapshot.histories, 30))))
    assert most == 30 and again[ORIGIN].steps() == history.steps()
    assert [since(again[ORIGIN], serial, now) for serial in versions] == [since(history, one, now) for one in versions]


def test_a_change_without_a_serial_ends_the_history():
    """What cannot be told as a step is not told at all: secondaries get the zone."""
    snapshot = serve(ZONE + DEFAULTS)
    snapshot.remember(Histories(), 30)
    told = snapshot.with_overlay([change(random.Random(1))], 2, {ORIGIN: 11})
    assert told.histories[ORIGIN]
    assert ORIGIN not in told.with_overlay([change(random.Random(2))], 3).histories
    assert told.with_overlay([change(random.Random(2))], 3, past=True).histories == told.histories


@pytest.mark.parametrize("seed", range(8))
def test_a_publication_is_a_step(seed):
    """Records that came, went or changed in the zone file become one step, beside managed ones that stay."""
    rng = random.Random(seed)
    lines = RECORDS.splitlines(keepends=True)
    fewer = "".join([lines[0], *rng.sample(lines[1:], 20)]) + "  192.0.2.3: [new.example.net, newer.example.net]\n"
    old = serve(ZONE + DEFAULTS + RECORDS + EXTRA)
    new = serve(ZONE.replace("serial: 10", "serial: 20") + DEFAULTS + fewer + EXTRA.replace("text", "other"))
    changes = [change(rng) for _ in range(20)]
    old.remember(Histories(), 30)
    old = old.with_overlay(changes, 2, {ORIGIN: 11})
    old = old.with_overlay([change(rng)], 3, {ORIGIN: 12})
    names = changed_names(old, new, ORIGIN, 1000)
    managed = [
        Change(4, 0xC0000200 + int(relative[1:]), 60, tuple(rdata for _, _, rdata in split_records(rrset.records)))
        for _, relative, rrset in old.overlays[0].walk()
    ]
    new.remember(Histories(), 30)
    whole = new.with_overlay(managed, 4, {ORIGIN: 20}, past=True)
    histories = carry(old, whole, {ORIGIN: names}, Histories())
    steps = since(histories[ORIGIN], 12, whole.zones_by_name[ORIGIN].soa.records)
    assert len(steps) == 1 and apply(content(old), steps) == content(whole)
    assert len(histories[ORIGIN]) == len(old.histories[ORIGIN]) + 1
    assert ORIGIN not in carry(old, whole, {}, Histories())


@pytest.mark.parametrize(
    "other",
    [
        DEFAULTS.replace("dyn", "din"),
        DEFAULTS.replace("/25", "/26"),
        "",
        DEFAULTS + "delegations: {192.0.2.120/30: {ns: [ns1.example.org]}}\n",
    ],
)
def test_other_default_names_end_the_history(other):
    """Where default names differ from those before, secondaries get the whole zone; so they do above a number."""
    old, new = serve(ZONE + DEFAULTS + RECORDS), serve(ZONE + other + RECORDS)
    assert changed_names(old, new, ORIGIN, 1000) is None
    assert changed_names(old, serve(ZONE + DEFAULTS), ORIGIN, 10) is None
    assert changed_names(old, serve(ZONE + DEFAULTS + RECORDS), ORIGIN, 10) == []


def test_a_history_is_remembered_where_it_ends_in_what_is_served():
    """After a restart a history counts when its last SOA is the zone's, else it is forgotten."""
    snapshot = serve(ZONE + DEFAULTS)
    snapshot.remember(Histories(), 30)
    known = snapshot.with_overlay([change(random.Random(1))], 2, {ORIGIN: 11}).histories
    again = serve(ZONE + DEFAULTS).with_overlay([], 2, {ORIGIN: 11})
    assert carry(None, again, {}, known) == known
    assert carry(None, serve(ZONE + DEFAULTS), {}, known) == {}


def test_a_gap_begins_a_history_anew():
    """A step that does not begin where the last one ended is the only one kept; without any to keep there is none."""
    snapshot = serve(ZONE + DEFAULTS)
    snapshot.remember(Histories(), 30)
    first = snapshot.with_overlay([change(random.Random(1))], 2, {ORIGIN: 11}).histories[ORIGIN]
    assert extend(first, first.newest, 30).steps() == first.steps()
    assert not extend(first, first.newest, 0)
