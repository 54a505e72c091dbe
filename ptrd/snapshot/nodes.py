"""The nodes of one zone, written in canonical order, with what leads to them: one pass over sorted names.

A zone may hold ten million records, so they are taken a batch at a time and never all as nodes beside what is written;
a batch that nothing else of the zone touches takes the short way, which makes the same bytes.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from ptrd.records.cuts import owner_of
from ptrd.snapshot.layout import (
    FENCE,
    GUARD,
    NODE,
    NODE_CNAME,
    NODE_CUT,
    NODE_DNAME,
    NODE_OCCLUDED,
    RRSET,
    ZONE_CUTS,
    ZONE_WILDCARDS,
)
from ptrd.wire.names import ROOT, labels_of, sort_key
from ptrd.wire.reverse import OCTETS
from ptrd.wire.rrtypes import CNAME, DNAME, NS, PTR
from ptrd.wire.writer import write_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrd.records.model import PtrRecord, Zone

# type -> (TTL, rdatas, line), of one name
Types = dict[int, tuple[int, tuple[bytes, ...], int]]

OCTET_LABELS: Final = tuple(bytes((len(text),)) + text for text in OCTETS)
_OCTET_KEYS: Final = tuple(OCTETS)
_RANKS: Final = tuple(sorted(_OCTET_KEYS).index(key) for key in _OCTET_KEYS)  # of an octet among the 256, as text
_BATCH: Final = 4096
# What begins the content of one PTR record, by its size.
_ONE_POINTER: Final = tuple(RRSET.pack(PTR, 1, size) for size in range(12 + 256))
_LENGTHS: Final = tuple(size.to_bytes(2, "big") for size in range(256))


class Nodes(NamedTuple):
    """What was written: positions in canonical order, CRC-32 of the names; flags and digest of the zone.

    `deepest` is how many labels the longest name has.
    """

    order: array[int]
    hashes: array[int]
    flags: int
    digest: bytes
    deepest: int


class _Batch(NamedTuple):
    """Records next to each other in canonical order, with their sort keys and relative names."""

    keys: list[bytes]
    names: list[bytes]
    records: list[PtrRecord]


def write_nodes(zone: Zone, rrsets: dict[bytes, Types], out: bytearray) -> Nodes:
    """Append the nodes of a zone to `out`: those of its records and of `rrsets`, which are by relative name."""
    writer = _Writer(zone, out)
    deepest = max([len(labels_of(relative + ROOT)) for relative in rrsets], default=0)
    others = sorted([(sort_key(relative + b"\0"), relative) for relative in rrsets])
    at = 0
    for batch in _batches(zone):
        first, last = batch.keys[0], batch.keys[-1]
        deepest = max(deepest, len(labels_of(batch.names[0] + ROOT)))  # those of a batch have equally many
        while at < len(others) and others[at][0] < first:
            writer.add(*others[at], rrsets[others[at][1]])
            at += 1
        if not writer.hides(first) and (at == len(others) or others[at][0] > last):
            writer.add_records(batch)
            continue
        mixed = {key: (key, name, _pointer(record)) for key, name, record in zip(*batch, strict=True)}
        while at < len(others) and others[at][0] <= last:
            key, name = others[at]
            mixed[key] = key, name, rrsets[name] | (mixed[key][2] if key in mixed else {})
            at += 1
        for key in sorted(mixed):
            writer.add(*mixed[key])
    for key, name in others[at:]:
        writer.add(key, name, rrsets[name])
    return Nodes(writer.order, writer.hashes, writer.flags, writer.digest.digest(), deepest)


class _Writer:
    """Writes nodes as they come, in canonical order."""

    def __init__(self, zone: Zone, out: bytearray) -> None:
        self.out = out
        self.base = len(out)
        self.order = array("I")
        self.hashes = array("I")
        self.flags = 0
        self.digest = blake2b(digest_size=16)
        self.digest.update(repr((zone.origin, zone.soa, zone.ttl, zone.ns, zone.prefix, zone.covers)).encode())
        self._guard = -1  # position of the cut or DNAME above, and what keys below it begin with
        self._below = b""

    def hides(self, key: bytes) -> bool:
        """Tell whether the next node lies below a cut or DNAME."""
        return self._guard >= 0 and key.startswith(self._below)

    def add(self, key: bytes, relative: bytes, types: Types) -> None:
        """Write the node of any name."""
        body = b"".join([_rrset_bytes(rtype, *types[rtype][:2]) for rtype in sorted(types)])
        flags = (NODE_CUT if NS in types and relative else 0) | (NODE_DNAME if DNAME in types else 0)
        flags |= NODE_CNAME if CNAME in types else 0
        line = min(line for _, _, line in types.values())
        guard = b""
        place = len(self.out) - self.base >> 1
        if b"\1*" in relative:  # as a label anywhere: it may be an empty non-terminal
            self.flags |= ZONE_WILDCARDS
        if self.hides(key):
            guard = GUARD.pack(self._guard)
            flags |= NODE_OCCLUDED
        elif flags & (NODE_CUT | NODE_DNAME):
            self.flags |= ZONE_CUTS
            self._guard = place
            self._below = key + b"\0" if key else b""
        out = self.out
        self._note([key + body])
        if len(self.order) % FENCE and key == b"\0".join(reversed(labels_of(relative + ROOT))):
            key = b""
        self.order.append(place)
        self.hashes.append(crc32(relative))
        out += NODE.pack(flags, len(relative), len(key), line, len(types), *RRSET.unpack_from(body))
        out += relative + key + body[RRSET.size :] + guard
        out += b"\0" * (len(out) & 1)

    def add_records(self, batch: _Batch) -> None:
        """Write the nodes of records that have their names alone, none of them hidden."""
        pieces: list[bytes] = []
        noted: list[bytes] = []
        place, hashed, note, put = self.order.append, self.hashes.append, noted.append, pieces.append
        pack, hash_of = NODE.pack, crc32
        at = len(self.out) - self.base >> 1
        number = len(self.order)
        last_ttl = -1
        head = b""
        for key, relative, (_, ttl, targets, line, _) in zip(*batch, strict=True):
            if len(targets) == 1:
                target = targets[0]
                if ttl != last_ttl:
                    last_ttl = ttl
                    head = write_record(PTR, ttl, b"")[:-2]
                size = len(target)
                body = head + _LENGTHS[size] + target
                note(key + _ONE_POINTER[size + 12] + body)
            else:
                body = _rrset_bytes(PTR, ttl, targets)
                note(key + body)
                body = body[RRSET.size :]
            if number % FENCE:
                node = pack(0, len(relative), 0, line, 1, PTR, len(targets), len(body)) + relative + body
            else:
                node = pack(0, len(relative), len(key), line, 1, PTR, len(targets), len(body)) + relative + key + body
            number += 1
            size = len(node)
            put(node)
            if size & 1:
                put(b"\0")
            hashed(hash_of(relative))
            place(at)
            at += size + 1 >> 1
        self._note(noted)
        self.out += b"".join(pieces)

    def _note(self, contents: list[bytes]) -> None:
        """Add nodes to the digest, in which a zero byte stands between two of them."""
        if self.order and contents:
            self.digest.update(b"\0")
        self.digest.update(b"\0".join(contents))


def _batches(zone: Zone) -> Iterator[_Batch]:
    """Give the records in canonical order."""
    if zone.prefix is None or not zone.records:
        return iter(())
    records = sorted(zone.records)
    return _nibble_batches(zone, records) if zone.prefix.version == 6 else _octet_batches(zone, records)


def _octet_batches(zone: Zone, records: list[PtrRecord]) -> Iterator[_Batch]:
    """Give the records of an IPv4 zone, a /24 at a time; the part of the names that it shares is made once."""
    if zone.prefix is not None and zone.prefix.length == 32 and not zone.covers:
        yield _Batch([b""], [b""], records)
        return
    networks = []
    at = 0
    for network, group in groupby(records, lambda record: record[0] >> 8):
        owner = owner_of(zone, 4, network << 8)
        relative = owner[: len(owner) - len(zone.origin)][2:]  # without the label "0" of the last octet
        key = sort_key(relative + b"\0")
        end = at + len(list(group))
        networks.append((key + b"\0" if key else b"", relative, at, end))
        at = end
    for shared, relative, start, end in sorted(networks):
        found = sorted(records[start:end], key=lambda record: _RANKS[record[0] & 255])
        octets = [record[0] & 255 for record in found]
        keys = [shared + _OCTET_KEYS[octet] for octet in octets]
        yield _Batch(keys, [OCTET_LABELS[octet] + relative for octet in octets], found)


def _nibble_batches(zone: Zone, records: list[PtrRecord]) -> Iterator[_Batch]:
    """Give the records of an IPv6 zone, whose order by number is the canonical one."""
    digits = (128 - (zone.prefix.length if zone.prefix else 0)) // 4
    name = bytearray(b"\1" * (2 * digits))
    key = bytearray(2 * digits - 1 if digits else 0)
    for start in range(0, len(records), _BATCH):
        batch = _Batch([], [], records[start : start + _BATCH])
        for record in batch.records:
            text = b"%032x" % record.number
            name[1::2] = text[: 31 - digits if digits < 32 else None : -1]
            key[0::2] = text[32 - digits :]
            batch.keys.append(bytes(key))
            batch.names.append(bytes(name))
        yield batch


def _pointer(record: PtrRecord) -> Types:
    return {PTR: (record.ttl, record.targets, record.line)}


def _rrset_bytes(rtype: int, ttl: int, rdatas: tuple[bytes, ...]) -> bytes:
    wire = b"".join([write_record(rtype, ttl, rdata) for rdata in rdatas])
    return RRSET.pack(rtype, len(rdatas), len(wire)) + wire
