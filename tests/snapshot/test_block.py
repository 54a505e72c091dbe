"""A zone's nodes, read in place: by name, by neighbourhood and in order, whichever of them have their keys."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.records.model import Place, Prefix, PtrRecord, RRset, Soa, Zone
from ptrd.snapshot.block import Block
from ptrd.snapshot.layout import NODE_CUT, NODE_DNAME, NODE_OCCLUDED
from ptrd.snapshot.segment import compile_segment
from ptrd.wire.names import sort_key
from ptrd.wire.rrtypes import DNAME, NS, TXT

ORIGIN = b"\x0210\7in-addr\4arpa\0"
SOA = Soa(b"\1n\0", b"\1r\0", 1, 2, 3, 4, None)
TARGETS = [(b"\1a\7example\0",), (b"\1b\7example\0", b"\1c\7example\0")]
LABELS = [b"\x019", b"\x0210", b"\x015", b"\x0264", b"\1*", b"\1a", b"\2\0\1", b"\1\1", b"\x03a\0b", b"\0019"]

addresses = st.integers(0, 40) | st.sampled_from([255, 256, 2309, 65541, (1 << 24) - 1]) | st.integers(0, 2000)
owners = st.lists(st.sampled_from(LABELS), min_size=1, max_size=4).map(b"".join)
types = st.sampled_from([TXT, TXT, NS, DNAME])


def make_block(numbers, others):
    """Compile a zone of addresses in 10.0.0.0/8 and of other names with a type each."""
    zone = Zone(ORIGIN, Place("f", 1, 1), 3600, SOA, (b"\1n\0",), Prefix(4, 10 << 24, 8))
    for line, number in enumerate(numbers):
        zone.records.append(PtrRecord((10 << 24) + number, 60, TARGETS[line % 3 == 2], line + 5, 3))
    for line, (owner, rtype) in enumerate(others.items()):
        zone.rrsets.append(RRset(owner + ORIGIN, rtype, 60, (b"\1x\0",), Place("f", 1000 + line, 1)))
    return Block(compile_segment("f", [zone]), 0, 0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(addresses, unique=True, max_size=60), st.dictionaries(owners, types, max_size=12), st.binary(max_size=4)
)
def test_nodes_are_found_as_in_a_sorted_list(numbers, others, any_key):
    """Names, keys, neighbours and the nodes from a key on are those of a sorted list of all names."""
    block = make_block(numbers, others)
    nodes = list(block.walk())
    names = [block.relative_name(node) for node in nodes]
    keys = [block.key(node) for node in nodes]
    assert len(nodes) == block.count >= len(numbers)
    assert keys == [sort_key(name + b"\0") for name in names] == sorted(keys)
    assert [block.find(name) for name in names] == nodes
    assert block.find(b"\1q") == -1
    for key in (any_key, *keys, *[key + b"\0" for key in keys], *[key[:-1] for key in keys]):
        at = bisect_left(keys, key)
        assert block.neighbours(key) == (nodes[at - 1] if at else -1, nodes[at] if at < len(nodes) else -1)
        assert list(block.walk(key)) == nodes[at:]


@settings(max_examples=200, deadline=None)
@given(st.lists(addresses, unique=True, max_size=40), st.dictionaries(owners, types, min_size=1, max_size=12))
def test_hidden_nodes_know_the_topmost_cut(numbers, others):
    """A node below a cut or DNAME leads to the topmost one above it, and no other node is hidden."""
    block = make_block(numbers, others)
    cuts = []
    for node in block.walk():
        above = [cut for cut in cuts if block.key(node).startswith(block.key(cut) + b"\0")]
        assert bool(block.flags(node) & NODE_OCCLUDED) is bool(above)
        if above:
            assert block.guard(node) == above[0]
        elif block.flags(node) & (NODE_CUT | NODE_DNAME):
            cuts.append(node)


def test_a_record_takes_few_bytes():
    """An ordinary record costs its names, the record, 25 bytes and an eighth of a key and its place at most."""
    numbers = range(65536)
    zone = Zone(ORIGIN, Place("f", 1, 1), 3600, SOA, (b"\1n\0",), Prefix(4, 10 << 24, 8))
    zone.records = [PtrRecord((10 << 24) + number, 60, TARGETS[0], number, 3) for number in numbers]
    names = sum(len(f"{number & 255}{number >> 8}0") + 3 for number in numbers)
    size = len(compile_segment("f", [zone]))
    assert size - names - 65536 * (12 + 11) < 65536 * (16 + 8 + 1) + (names + 65536 * 4) / 8 + 4096
