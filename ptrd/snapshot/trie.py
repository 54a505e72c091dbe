"""The longest-prefix trie of one zone's ranges: which default name an address has.

The stride is one label of the reverse tree, so that a name part of the way down says whether anything is made below
it. `build` works on lists and is for the compiler; `layout` says how it lies in the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.snapshot.layout import CHILD, ENTRY
from ptrd.wire.reverse import BITS, STRIDE

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Sequence

    from ptrd.records.model import Prefix

_Node = list["int | _Node"]


def build_trie(base: Prefix, leaves: Iterable[tuple[Prefix, int]], holes: Iterable[Prefix], out: array[int]) -> int:
    """Append the trie of one zone to `out` and give the entry that leads to it.

    `base` is the zone's prefix at a label boundary; `leaves` are (prefix, entry value), 0 taking a default away, the
    longest prefix winning; `holes` are prefixes where nothing is made whatever the leaves say.
    """
    root: int | _Node = 0
    for prefix, value in sorted(leaves, key=lambda leaf: leaf[0].length):
        root = _insert(root, base, prefix, value)
    for prefix in sorted(holes, key=lambda hole: -hole.length):
        root = _insert(root, base, prefix, 0)
    return _write(_fold(root), out)


def entry_at(trie: Sequence[int], entry: int, base_length: int, version: int, number: int) -> int:
    """Find the leaf for an address: 0, or one more than the number of the range."""
    stride = STRIDE[version]
    mask = (1 << stride) - 1
    shift = BITS[version] - base_length
    while entry & CHILD:
        shift -= stride
        entry = trie[(entry & ENTRY) + (number >> shift & mask)]
    return entry


def has_leaf(trie: Sequence[int], entry: int, depth: int, version: int, wanted: int, mask: int, value: int) -> bool:
    """Tell whether an address with `address & mask == value` has the leaf `wanted`.

    `depth` is the number of bits above `entry`. This is what an ancestor of a dotted template's names asks.
    """
    if not entry & CHILD:
        return entry == wanted
    stride = STRIDE[version]
    shift = BITS[version] - depth - stride
    fixed = mask >> shift & (1 << stride) - 1
    digits = value >> shift & (1 << stride) - 1
    return any(
        digit & fixed == digits
        and has_leaf(trie, trie[(entry & ENTRY) + digit], depth + stride, version, wanted, mask, value)
        for digit in range(1 << stride)
    )


def _insert(root: int | _Node, base: Prefix, prefix: Prefix, value: int) -> int | _Node:
    """Set a prefix, replacing what was below it."""
    if prefix.length <= base.length:
        return value
    stride = STRIDE[prefix.version]
    bits = BITS[prefix.version]
    if not isinstance(root, list):
        root = [root] * (1 << stride)
    node = root
    depth = base.length
    while True:
        depth += stride
        digit = prefix.number >> bits - depth & (1 << stride) - 1
        if depth >= prefix.length:
            width = 1 << depth - prefix.length
            node[digit : digit + width] = [value] * width
            return root
        below = node[digit]
        if not isinstance(below, list):
            below = [below] * (1 << stride)
            node[digit] = below
        node = below


def _fold(node: int | _Node) -> int | _Node:
    """Replace nodes that are one value throughout by that value."""
    if not isinstance(node, list):
        return node
    for digit, below in enumerate(node):
        if isinstance(below, list):
            node[digit] = _fold(below)
    first = node[0]
    return first if not isinstance(first, list) and node.count(first) == len(node) else node


def _write(node: int | _Node, out: array[int]) -> int:
    if not isinstance(node, list):
        return node
    start = len(out)
    out.extend([0] * len(node))
    for digit, below in enumerate(node):
        out[start + digit] = _write(below, out)
    return CHILD | start
