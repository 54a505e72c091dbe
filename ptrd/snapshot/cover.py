"""The fewest ranges that give each address the template it wants, and nobody else any.

This is how routing tables are made small (Draves, King, Venkatachary and Zill, "Constructing optimal IP routing
tables", 1999): from the leaves up, what a subtree would be content with; from the root down, a range wherever what is
inherited does not do. An address that wants nothing in particular is content with everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.model import Prefix
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

NONE: Final = -1  # no template
_ALL: Final = -1  # a mask with every bit: content with everything
_EMPTY: Final = 1  # a mask of bit 0: nobody is there, and no template must be


class Leaf(NamedTuple):
    """What one address wants: a template by its index. None, also for a whole prefix: whatever comes."""

    number: int
    length: int
    wants: int | None


class _Node:
    """A subtree: `mask` says what it would be content with; bit 0 is for no template, bit N + 1 for template N.

    `wanted` has the bits of all templates that somebody within wants.
    """

    __slots__ = ("children", "length", "mask", "number", "wanted")

    def __init__(self, number: int, length: int, mask: int, children: tuple[_Node, _Node] | None) -> None:
        self.number = number
        self.length = length
        self.mask = mask
        self.children = children
        if children:
            self.wanted: int = children[0].wanted | children[1].wanted
        else:
            self.wanted = 0 if mask == _ALL else mask


def cover(zone: Prefix, leaves: Sequence[Leaf], anchors: Sequence[Prefix | None]) -> list[tuple[Prefix, int]]:
    """Give the ranges, sorted, each with the index of its template or NONE.

    The template with index N may stand anywhere within the zone or, where `anchors[N]` is a prefix, there alone, and
    does, be it worth it or not. An address may be left without the template that it wants: it keeps its record. No
    range is one address, but to take a template away.
    """
    bits = BITS[zone.version]
    items = sorted({(leaf.number, leaf.length, _ALL if leaf.wants is None else 2 << leaf.wants) for leaf in leaves})
    items = _outermost([item for item in items if item[1] >= zone.length], bits)
    root = _build(items, 0, len(items), bits) if items else None
    walk = _Walk(zone.version, bits, anchors)
    if root is not None:
        walk.descend(root, zone.length)
    return sorted(walk.entries)


def _outermost(items: list[tuple[int, int, int]], bits: int) -> list[tuple[int, int, int]]:
    """Leave out what lies within a prefix that is content with everything."""
    found: list[tuple[int, int, int]] = []
    end = -1
    for number, length, mask in items:
        if number > end:
            found.append((number, length, mask))
            if length < bits or mask == _ALL:
                end = number | (1 << bits - length) - 1
    return found


def _build(items: list[tuple[int, int, int]], low: int, high: int, bits: int) -> _Node:
    """Make the tree of sorted items that do not overlap; a node stands only where two subtrees meet."""
    if high - low == 1:
        number, length, mask = items[low]
        return _Node(number, length, mask, None)
    first, last = items[low][0], items[high - 1][0]
    length = bits - (first ^ last).bit_length()
    middle = last >> bits - length - 1 << bits - length - 1
    split = _first_from(items, middle, low, high)
    children = _build(items, low, split, bits), _build(items, split, high, bits)
    masks = [_raise(child.mask, child.length - length - 1) for child in children]
    mask = masks[0] & masks[1] or masks[0] | masks[1]
    return _Node(first >> bits - length << bits - length, length, mask, children)


def _first_from(items: list[tuple[int, int, int]], number: int, low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        if items[middle][0] < number:
            low = middle + 1
        else:
            high = middle
    return low


def _raise(mask: int, levels: int) -> int:
    """Give the mask so many levels up, where nobody else is beside."""
    if levels == 0:
        return mask
    if mask & _EMPTY or levels > 1:
        return _EMPTY
    return mask | _EMPTY


class _Walk:
    """The way down: where a range must begin."""

    def __init__(self, version: int, bits: int, anchors: Sequence[Prefix | None]) -> None:
        self.version = version
        self.bits = bits
        self.anchors = anchors
        self.free = sum(2 << index for index, anchor in enumerate(anchors) if anchor is None) | _EMPTY
        self.at: dict[Prefix, int] = {}
        for index, anchor in enumerate(anchors):
            if anchor is not None:
                self.at.setdefault(anchor, index)
        self.lengths = {anchor.length for anchor in self.at}
        self.entries: list[tuple[Prefix, int]] = []

    def descend(self, root: _Node, length: int) -> None:
        """Go through the tree from the length of the zone's own prefix on."""
        waiting = [(root, length, NONE)]
        while waiting:
            node, top, inherited = waiting.pop()
            inherited = self._follow(node, top, inherited)
            if node.children:
                waiting += [(child, node.length + 1, inherited) for child in node.children]

    def _follow(self, node: _Node, top: int, inherited: int) -> int:
        """Go down from `top`, where nobody is beside, to a node, and give what holds from there on."""
        length = top
        while True:
            if inherited == NONE and length < node.length - 1:  # nothing is to do but at an anchor
                length = min([at for at in self.lengths if length <= at < node.length - 1], default=node.length - 1)
            prefix = Prefix(self.version, node.number >> self.bits - length << self.bits - length, length)
            inherited = self._enter(prefix, _raise(node.mask, node.length - length), node.wanted, inherited)
            if length == node.length:
                return inherited
            length += 1
            if inherited != NONE:
                sibling = (node.number >> self.bits - length ^ 1) << self.bits - length
                self.entries.append((Prefix(self.version, sibling, length), NONE))

    def _enter(self, prefix: Prefix, mask: int, wanted: int, inherited: int) -> int:
        """Begin a range here if what is inherited does not do.

        What may stand at its anchor alone is kept as long as somebody below wants it, since it cannot begin again.
        """
        anchored = self.at.get(prefix)
        if anchored is not None and wanted:
            if inherited != anchored:
                self.entries.append((prefix, anchored))
            return anchored
        if mask & 2 << inherited if inherited != NONE else mask & _EMPTY:
            return inherited
        if inherited != NONE and self.anchors[inherited] is not None and wanted & 2 << inherited:
            return inherited
        allowed = mask & self.free
        if not allowed or (prefix.length == self.bits and not allowed & _EMPTY):
            return inherited
        templates = allowed & ~_EMPTY
        chosen = (templates & -templates).bit_length() - 2 if templates else NONE
        self.entries.append((prefix, chosen))
        return chosen
