"""The nodes of one zone in a compiled zone file, read in place: found by name, by neighbourhood, or in order.

Names are relative to the zone, in lower case; a node is its place in the buffer. Nothing is known here of the zone.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from ptrd.snapshot.layout import (
    BLOCK,
    FENCE,
    GUARD,
    NODE,
    NODE_CUT,
    NODE_DNAME,
    NODE_OCCLUDED,
    NODE_SIZE,
    RRSET,
    SEGMENT_HEADER,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISS: Final = -1


class Block:
    """The nodes of the zone block `block` of the segment that begins at `segment` in a buffer."""

    __slots__ = ("buckets", "buffer", "count", "deepest", "fences", "nodes", "slots", "starts")

    def __init__(self, buffer: Any, segment: int, block: int) -> None:  # noqa: ANN401 - an mmap or bytes
        self.buffer = buffer
        view = memoryview(buffer)
        at = segment + SEGMENT_HEADER.size + block * BLOCK.size
        nodes, fences, starts, slots, count, buckets, _, deepest = BLOCK.unpack_from(buffer, at)
        self.count: int = count
        self.buckets: int = buckets
        self.deepest: int = deepest  # labels of the longest name
        self.nodes: int = segment + nodes
        self.fences = view[segment + fences : segment + fences + -(-count // FENCE) * 4].cast("I")
        self.starts = view[segment + starts : segment + starts + 4 * (buckets + 1)].cast("I")
        self.slots = view[segment + slots : segment + slots + 4 * count].cast("I")

    def find(self, relative: bytes) -> int:
        """Find the node of a name: its place in the buffer, or -1. Costs the same whatever the number of records."""
        bucket = crc32(relative) % self.buckets
        buffer, starts = self.buffer, self.starts
        size = len(relative)
        at, end = starts[bucket], starts[bucket + 1]
        while at < end:
            node = self.nodes + (self.slots[at] << 1)
            name = node + NODE_SIZE
            if buffer[node + 1] == size and buffer[name : name + size] == relative:
                return node
            at += 1
        return _MISS

    def flags(self, node: int) -> int:
        """Give the NODE_ flags of a node."""
        flags: int = self.buffer[node]
        return flags

    def line(self, node: int) -> int:
        """Give the line of the zone file at which a node was written."""
        return int(NODE.unpack_from(self.buffer, node)[3])

    def guard(self, node: int) -> int:
        """Give the cut or DNAME node that occludes an occluded node."""
        position: int = GUARD.unpack_from(self.buffer, self._end(node) - GUARD.size)[0]
        return self.nodes + (position << 1)

    def is_occluding(self, node: int) -> bool:
        """Tell whether a node is a cut or has a DNAME, and so hides what lies below it."""
        return bool(self.buffer[node] & (NODE_CUT | NODE_DNAME))

    def relative_name(self, node: int) -> bytes:
        """Give the name of a node, relative to the zone."""
        found: bytes = self.buffer[node + NODE_SIZE : node + NODE_SIZE + self.buffer[node + 1]]
        return found

    def key(self, node: int) -> bytes:
        """Give the sort key of a node's relative name."""
        buffer = self.buffer
        at = node + NODE_SIZE
        end = at + buffer[node + 1]
        length = buffer[node + 2] | buffer[node + 3] << 8
        if length:
            return bytes(buffer[end : end + length])
        labels = []
        while at < end:
            start = at + 1
            at = start + buffer[at]
            labels.append(buffer[start:at])
        labels.reverse()
        return b"\0".join(labels)  # none holds what a key must spell out, or it would be stored

    def bodies(self, node: int) -> bytes:
        """Give the RRsets of a node as they lie in the image, to compare them with those of another."""
        buffer = self.buffer
        _, size, length, _, count, _, _, room = NODE.unpack_from(buffer, node)
        start = at = node + NODE_SIZE + size + length
        for _ in range(count - 1):
            at += room + RRSET.size
            _, _, room = RRSET.unpack_from(buffer, at - RRSET.size)
        found: bytes = buffer[start : at + room]
        return found

    def neighbours(self, key: bytes) -> tuple[int, int]:
        """Give the nodes before and at or after a sort key; -1 where there is none. The apex is before everything."""
        index, before, after = self._seek(key)
        return before, after if index < self.count else _MISS

    def walk(self, key: bytes = b"") -> Iterator[int]:
        """Visit the nodes in canonical order, from a sort key on."""
        index, _, node = self._seek(key)
        for _ in range(index, self.count):
            yield node
            node = self._next(node)

    def _seek(self, key: bytes) -> tuple[int, int, int]:
        """Give how many nodes are before a sort key, the last of them or -1, and where the next is or would be."""
        fence = bisect_left(self.fences, key, key=self._key_at)
        if not fence:
            return 0, _MISS, self.nodes
        index = (fence - 1) * FENCE
        node = self.nodes + (self.fences[fence - 1] << 1)
        while True:
            index += 1
            before, node = node, self._next(node)
            if not index % FENCE or index == self.count or self.key(node) >= key:
                return index, before, node

    def _key_at(self, position: int) -> bytes:
        """Give the sort key of a node at a fence."""
        buffer = self.buffer
        node = self.nodes + (position << 1)
        start = node + NODE_SIZE + buffer[node + 1]
        return bytes(buffer[start : start + (buffer[node + 2] | buffer[node + 3] << 8)])

    def _next(self, node: int) -> int:
        """Give where the node behind a node is, or would be."""
        end = self._end(node)
        return end + (end & 1)

    def _end(self, node: int) -> int:
        """Give where a node ends."""
        buffer = self.buffer
        flags, size, length, _, count, _, _, room = NODE.unpack_from(buffer, node)
        at: int = node + NODE_SIZE + size + length + room
        if count > 1:
            for _ in range(count - 1):
                at += RRSET.size + RRSET.unpack_from(buffer, at)[2]
        return at + GUARD.size if flags & NODE_OCCLUDED else at
