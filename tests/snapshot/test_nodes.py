"""Nodes: the short way of a batch of records writes what the long way writes of each name by itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.records.model import Place, Prefix, PtrRecord, Soa, Zone
from ptrd.snapshot import nodes
from ptrd.snapshot.nodes import write_nodes
from ptrd.wire.names import sort_key
from ptrd.wire.reverse import reverse_name
from ptrd.wire.rrtypes import CNAME, DNAME, NS, PTR, TXT

ZONES = [(4, 0x0A000000, 16), (4, 0x0A000000, 8), (4, 0x0A000300, 24), (4, 0x0A000305, 32)]
ZONES += [(6, 0x20010DB8 << 96, 32), (6, 0x20010DB8 << 96, 120), (6, (0x20010DB8 << 96) + 1, 128)]
TARGETS = [(b"\1a\7example\0",), (b"\1b" + b"\7example" * 30 + b"\0",), (b"\1c\7example\0", b"\1D\7example\0")]
TYPES = [{NS: 1}, {DNAME: 1}, {CNAME: 1}, {TXT: 2}, {TXT: 1, NS: 2}, {PTR: 1}]
LABELS = [b"\x019", b"\x015", b"\x0264", b"\x0564-26", b"\1*", b"\1a", b"\2\0\1"]

numbers = st.sampled_from([0, 1, 5, 9, 10, 99, 100, 255, 256, 261, 1285, 2309, 65535, 65541]) | st.integers(0, 70000)
relatives = st.lists(st.sampled_from(LABELS), max_size=3).map(b"".join)


def make_zone(version, number, length, offsets, targets, ttls):
    """Make a zone with records at offsets from its first address, as many as fit."""
    prefix = Prefix(version, number, length)
    size = prefix.last - number + 1
    origin = reverse_name(version, number, length)
    soa = Soa(b"\1n\0", b"\1r\0", 1, 2, 3, 4, None)
    zone = Zone(origin, Place("f", 1, 1), 3600, soa, (b"\1n\0",), prefix)
    for line, offset in enumerate(dict.fromkeys(offset % size for offset in offsets)):
        zone.records.append(PtrRecord(number + offset, ttls[line % 2], targets[line % len(targets)], line + 5, 3))
    return zone


def write_by_name(zone, rrsets):
    """Write every name by itself, in order."""
    types = {name: dict(found) for name, found in rrsets.items()}
    for record in zone.records:
        name = reverse_name(zone.prefix.version, record.number).removesuffix(zone.origin)
        types.setdefault(name, {})[PTR] = (record.ttl, record.targets, record.line)
    out = bytearray(b"before..")
    writer = nodes._Writer(zone, out)
    for name in sorted(types, key=lambda name: sort_key(name + b"\0")):
        writer.add(sort_key(name + b"\0"), name, types[name])
    return out, writer


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(numbers, max_size=40),
    st.lists(st.sampled_from(TARGETS), min_size=1, max_size=4),
    st.sampled_from([(60, 60), (60, 3600)]),
    st.dictionaries(relatives, st.sampled_from(TYPES), max_size=5),
)
def test_both_ways_write_the_same(zone, offsets, targets, ttls, others):
    """Batches make the nodes, positions, hashes, flags and digest that names by themselves make, cuts or none."""
    zone = make_zone(*zone, offsets, targets, ttls)
    others = {b"": {NS: 1}, **others}
    rrsets = {
        name: {rtype: (300, tuple(b"\1%d\0" % number for number in range(count)), 2) for rtype, count in found.items()}
        for name, found in others.items()
    }
    expected, writer = write_by_name(zone, rrsets)
    out = bytearray(b"before..")
    written = write_nodes(zone, rrsets, out)
    assert out == expected
    assert (written.order, written.hashes) == (writer.order, writer.hashes)
    assert (written.flags, written.digest) == (writer.flags, writer.digest.digest())


def test_an_unhidden_network_behind_a_cut_takes_the_short_way(monkeypatch):
    """A cut hides what lies below it and makes nothing behind it slow."""
    zone = make_zone(4, 0x0A000000, 16, range(1024), TARGETS[:1], (60, 60))
    taken = []
    add = nodes._Writer.add_records
    monkeypatch.setattr(nodes._Writer, "add_records", lambda writer, batch: taken.append(batch) or add(writer, batch))
    write_nodes(zone, {b"": {NS: (60, (b"\1n\0",), 1)}, b"\x011": {NS: (60, (b"\1n\0",), 2)}}, bytearray())
    assert [batch.records[0].number >> 8 & 255 for batch in taken] == [0, 2, 3]
