"""The trie against the plain definition of longest prefix."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from ptrd.records.model import Prefix
from ptrd.snapshot.trie import build_trie, entry_at, has_leaf
from ptrd.wire.reverse import BITS

BASES = {4: Prefix(4, 0xC0000000, 8), 6: Prefix(6, 0x20010DB8 << 96, 32)}


@st.composite
def prefixes(draw, version):
    """Draw a prefix inside the base; few distinct ones, so that they nest."""
    base = BASES[version]
    length = draw(st.integers(base.length, BITS[version]))
    bits = draw(st.sampled_from([0, 1, 5, 0x80, 0xFF, (1 << 24) - 1, 0x123456]))
    number = base.number | bits << (BITS[version] - base.length - 24)
    shift = BITS[version] - length
    return Prefix(version, number >> shift << shift, length)


@st.composite
def worlds(draw):
    """Draw ranges, holes and addresses of one version."""
    version = draw(st.sampled_from([4, 6]))
    ranges = draw(st.lists(prefixes(version), unique=True, max_size=8))
    leaves = [(prefix, draw(st.integers(0, 5))) for prefix in ranges]
    holes = draw(st.lists(prefixes(version), max_size=3))
    return version, leaves, holes, draw(st.lists(prefixes(version), min_size=1, max_size=20))


@given(worlds())
def test_the_longest_prefix_wins_and_holes_win_over_all(world):
    """What the trie says of an address is what the list of ranges says."""
    version, leaves, holes, asked = world
    out = array("I", [99])
    base = BASES[version]
    root = build_trie(base, leaves, holes, out)
    for prefix in asked:
        for number in (prefix.number, prefix.last):
            one = Prefix(version, number, BITS[version])
            covering = [(leaf.length, value) for leaf, value in leaves if leaf.contains(one)]
            expected = 0 if any(hole.contains(one) for hole in holes) else max(covering, default=(0, 0))[1]
            assert entry_at(out, root, base.length, version, number) == expected


@given(worlds(), st.integers(1, 5), st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_a_leaf_is_found_where_an_address_has_it(world, wanted, mask, value):
    """`has_leaf` is true when some corner of a range has the leaf and the bits; it never misses one of those."""
    version, leaves, holes, asked = world
    out = array("I")
    base = BASES[version]
    root = build_trie(base, leaves, holes, out)
    shift = BITS[version] - base.length - 24
    mask, value = mask << shift, value << shift
    candidates = [number for prefix in asked for number in (prefix.number, prefix.last)]
    if any(
        entry_at(out, root, base.length, version, number) == wanted and number & mask == value & mask
        for number in candidates
    ):
        assert has_leaf(out, root, base.length, version, wanted, mask, value & mask)


def test_a_trie_without_names_is_no_trie():
    """Where all is taken away again nothing is left, so that ancestors of nothing do not exist."""
    out = array("I")
    base = BASES[4]
    leaves = [(Prefix(4, 0xC0000200, 24), 7), (Prefix(4, 0xC0000200, 25), 0), (Prefix(4, 0xC0000280, 25), 0)]
    assert build_trie(base, leaves, [], out) == 0
    assert not out
