"""The image, byte by byte: little-endian, fixed-width, offsets instead of objects, so that a C reader could serve.

    image    header | segment 0 | segment 1 | ... | index
    segment  segment header | zone blocks | outline (JSON)          one for each zone file
    index    zone entries | range entries | trie | pool | about (JSON)

A zone block holds the *nodes* of a zone: every name that has records, in canonical order. A node is

    NODE, relative name (wire, without the apex), its sort key or nothing, records; then for each further RRset: RRSET,
    records; then, where it lies below a cut or DNAME, the position of the topmost one (u32); padded to 2 bytes

and three arrays of u32 lead to it: `fences` (positions of the first node and of each FENCE-th behind it), `starts`
(one more than there are buckets) and `slots` (positions by bucket of crc32(relative name) modulo the number of
buckets). A position counts two bytes from the start of the zone's nodes. Records lie ready to be copied behind a
question (see wire.writer). Nodes at fences have their sort key, and so has any whose labels hold bytes 0 or 1; those of
others are made of their names, for the few between two fences.

The trie is an array of u32. An entry is 0 (no default name here), `CHILD | n` (go on at index n, plus the next label's
value) or 1 + the number of a range. Its stride is one label: an octet (IPv4) or a nibble (IPv6). Nodes that are the
same throughout are folded into their parent's entry, so an entry is 0 exactly where no default name exists below.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from ptrd import PtrdError

VERSION: Final = 6
MAGIC: Final = b"ptrdimg\n"
SEGMENT_MAGIC: Final = b"ptrdseg\n"

# magic, version, number of segments, length of the image, revision, index offset, index length, CRC-32 of the header
# up to here, the segment table and the index
HEADER: Final = Struct("<8sIIQQQQI4x")
CHECKED: Final = HEADER.size - 8
# Behind the header, one for each segment: offset, length, CRC-32.
SEGMENT: Final = Struct("<QQI4x")
# magic, number of zones, outline offset, outline length; behind it the zone blocks' entries
SEGMENT_HEADER: Final = Struct("<8sIIQ")
# nodes offset, fences offset, starts offset, slots offset (from the start of the segment), nodes, buckets, flags;
# labels of the longest name
BLOCK: Final = Struct("<QQQQIIII")

# flags, length of the relative name, length of the key (0: none), line in the zone file, RRsets; of the first RRset:
# type, records, bytes (an RRset is of less than 64 KB, as the rules for records say)
NODE: Final = Struct("<BBHIHHHH")
NODE_SIZE: Final = NODE.size
# The same without what only tools need: flags and line.
NODE_RRSET: Final = Struct("<xBH4xHHHH")
FENCE: Final = 8
# where a node has its guard's position, behind its records
GUARD: Final = Struct("<I")
# type, records, bytes
RRSET: Final = Struct("<HHI")

NODE_CUT: Final = 1
NODE_DNAME: Final = 2
NODE_OCCLUDED: Final = 4
NODE_CNAME: Final = 8

# A zone has names below cuts or DNAMEs, or wildcards: its misses need the walk.
ZONE_CUTS: Final = 1
ZONE_WILDCARDS: Final = 2
# Not everybody is answered from the zone: its rules are in `about`.
ZONE_ACCESS: Final = 4
# Nothing is known of the zone: it has not come from its primaries, or what came has expired.
ZONE_ABSENT: Final = 8

# zone entry: origin (offset and length in the pool), labels in it, address version or 0, prefix length, covers (0/1),
# address (big-endian), trie entry, serial, segment, block in the segment, flags of the block, SOA record (offset and
# length in the pool): it holds the serial, so it is the image's and not the segment's
ZONE: Final = Struct("<IBBBBB3x16sIIIIIII")
# range entry: zone, TTL, version, prefix length, length of the template in the pool, its offset, address (big-endian)
RANGE: Final = Struct("<IIBBHI16s")
# counts and offsets within the index: zones, ranges, trie entries, trie offset, pool offset, about offset
INDEX: Final = Struct("<IIIIII8x")

CHILD: Final = 0x8000_0000
ENTRY: Final = 0x7FFF_FFFF


class ImageError(PtrdError):
    """An image cannot be used: it is damaged, of another version, or no image at all."""
