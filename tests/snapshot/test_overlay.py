"""Overlays: whatever batches of changes come, each holds what a plain dict would, and none is changed by the next."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ptrd.records.changes import Change
from ptrd.snapshot import overlay as module
from ptrd.snapshot.overlay import Overlay
from ptrd.wire.names import sort_key
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import RRset, write_record

LABELS = (b"\x011", b"\x019", b"\x0210", b"\x012", b"\x01\0", b"\x01\1", b"\x02\0a", b"\x01a", b"\x03abc")
TARGETS = (b"\1a\0", b"\3www\7example\3net\0", b"\0")
NAMES = st.lists(st.sampled_from(LABELS), max_size=3).map(b"".join)
BATCHES = st.lists(
    st.lists(
        st.tuples(NAMES, st.lists(st.sampled_from(TARGETS), max_size=3, unique=True), st.sampled_from((60, 300))),
        max_size=25,
    ),
    max_size=12,
)


def rrset_of(change):
    """Give the RRset of a change as DNS has it."""
    wire = b"".join(write_record(PTR, change.ttl, target) for target in change.targets)
    return RRset(None, len(change.targets), wire)


def put(overlay, plain, batch):
    """Give the overlay with a batch of changes, and put the same into a plain dict."""
    for relative, change in batch:
        if change.targets:
            plain[relative] = rrset_of(change)
        else:
            plain.pop(relative, None)
    return overlay.changed(batch)


def check(overlay, plain, names):
    """Compare all that an overlay tells with a plain dict."""
    keys = sorted(sort_key(name + b"\0") for name in plain)
    assert len(overlay) == len(plain) == len(list(overlay)) and set(overlay) == set(plain)
    assert [(name, rrset) for _, name, rrset in overlay.walk()] == [
        (name, plain[name]) for name in sorted(plain, key=lambda name: sort_key(name + b"\0"))
    ]
    assert [key for key, _, _ in overlay.walk()] == keys
    for name in names:
        assert overlay.find(name) == plain.get(name) and (name in overlay) == (name in plain)
        key = sort_key(name + b"\0")
        at = bisect_left(keys, key)
        assert overlay.nearest(key) == keys[max(at - 1, 0) : at + 1]
        assert overlay.has_below(key) == any(other.startswith(key + b"\0") for other in keys)


@settings(max_examples=150)
@example([[(b"\x011", [b"\1a\0"], 60)], [(b"\x011", [], 60), (b"\x011", [b"\0"], 60)]])
@given(BATCHES)
def test_every_version_holds_what_a_plain_dict_would(batches):
    """After any batches each version holds what was put and not taken out, in canonical order, and stays as it is."""
    with patch.multiple(module, _FEW=6, _SHARES=4, _LONGEST=4):  # or a few names never need a second piece
        overlay, plain = Overlay(), {}
        versions = []
        for batch in batches:
            changes = [(name, Change(4, 0, ttl, tuple(targets))) for name, targets, ttl in batch]
            overlay = put(overlay, plain, changes)
            versions.append((overlay, dict(plain)))
        names = {name for batch in batches for name, _, _ in batch} | {b"", b"\x015", b"\x011\x019"}
        for version, then in versions:
            check(version, then, names)


def test_many_records_are_held_as_few_are():
    """Ten thousand records, put at once and one by one, replaced and taken out again, are found and walked in order."""
    names = [b"\x03%03d\x05%05d" % (number % 251, number) for number in range(10_000)]
    overlay, plain = Overlay(), {}
    overlay = put(overlay, plain, [(name, Change(4, 0, 60, (b"\1a\0",))) for name in names[:9_000]])
    whole, then = overlay, dict(plain)
    for name in names[9_000:]:
        overlay = put(overlay, plain, [(name, Change(4, 0, 60, (b"\1b\0", b"\1c\0")))])
    for name in names[::3]:
        overlay = put(overlay, plain, [(name, Change(4, 0, 60, ()))])
    check(overlay, plain, names[::7])
    check(whole, then, names[::7])
    overlay = put(overlay, plain, [(name, Change(4, 0, 60, ())) for name in names])
    assert not overlay and list(overlay.walk()) == [] and overlay.nearest(b"1") == []


def test_a_change_shares_what_it_does_not_touch():
    """A change of one of many records makes anew one of the dicts and one of the pieces, whatever else there is."""
    changes = [(b"\x06%06d" % number, Change(4, 0, 60, (b"\1a\0",))) for number in range(20_000)]
    old = Overlay().changed(changes)
    new = old.changed([(b"\x06" + b"123456", Change(4, 0, 60, (b"\1b\0",)))])
    assert sum(mine is not theirs for mine, theirs in zip(old.shares, new.shares, strict=True)) == 1
    assert sum(mine is not theirs for mine, theirs in zip(old._keys, new._keys, strict=False)) <= 2
    assert max(map(len, new._keys)) <= 128 and max(map(len, new.shares)) < 100
    assert all(before < after for before, after in pairwise(new._starts))
