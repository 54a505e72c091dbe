"""The flat arrays in which workers count.

A block is an array of u64 in a memory file: one worker writes it, the supervisor sums the blocks at a scrape, and a
block outlives its worker, so a sum never goes back.
"""

from __future__ import annotations

import errno
import mmap
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# --- Layout of a worker's block: indices of u64. ---

# QUERIES + 32 * transport + slot of the qtype
QUERIES: Final = 0
UDP4, UDP6, TCP4, TCP6, TLS4, TLS6 = 0, 1, 2, 3, 4, 5
TRANSPORTS: Final = tuple((family, transport) for transport in ("udp", "tcp", "tls") for family in ("ipv4", "ipv6"))

# ANSWERS + 32 * source + rcode; sources are the engine's
ANSWERS: Final = QUERIES + 6 * 32
SOURCES: Final = 32
RCODE_OTHER: Final = 30  # extended rcodes from here on
SILENT: Final = 31  # in place of an rcode: the message gets no answer

# LATENCY + 64 * (1 for TCP, 2 for TLS) + bits of the nanoseconds
LATENCY: Final = ANSWERS + SOURCES * 32
LATENCY_TCP: Final = LATENCY + 64
LATENCY_TLS: Final = LATENCY + 2 * 64
LATENCY_SUM: Final = LATENCY + 3 * 64  # nanoseconds
LATENCY_SUM_TCP: Final = LATENCY_SUM + 1
LATENCY_SUM_TLS: Final = LATENCY_SUM + 2
TRUNCATED: Final = LATENCY_SUM + 3

DROPPED: Final = TRUNCATED + 1
DROP_REASONS: Final = (
    "source_port_zero",
    "failure",
    "receive_failed",
    "send_blocked",
    "send_no_buffers",
    "send_too_long",
    "send_unreachable",
    "send_refused",
    "send_failed",
)
DROP_PORT_ZERO, DROP_FAILURE, DROP_RECEIVE = DROPPED, DROPPED + 1, DROPPED + 2
DROP_BLOCKED, DROP_NO_BUFFERS, DROP_TOO_LONG = DROPPED + 3, DROPPED + 4, DROPPED + 5
DROP_UNREACHABLE, DROP_REFUSED, DROP_SEND = DROPPED + 6, DROPPED + 7, DROPPED + 8
DROP_BY_ERRNO: Final = {
    errno.EAGAIN: DROP_BLOCKED,
    errno.ENOBUFS: DROP_NO_BUFFERS,
    errno.ENOMEM: DROP_NO_BUFFERS,
    errno.EMSGSIZE: DROP_TOO_LONG,
    errno.EHOSTUNREACH: DROP_UNREACHABLE,
    errno.ENETUNREACH: DROP_UNREACHABLE,
    errno.ECONNREFUSED: DROP_REFUSED,
}

TCP_ACCEPTED: Final = DROPPED + 16
TCP_OPEN: Final = TCP_ACCEPTED + 1  # a gauge
TCP_CLOSED: Final = TCP_OPEN + 1
TCP_CLOSE_REASONS: Final = (
    *("client", "idle", "cap", "unread", "malformed", "stop"),
    *("client_cap", "no_query", "handshake"),
)
CLOSED_CLIENT, CLOSED_IDLE, CLOSED_CAP = TCP_CLOSED, TCP_CLOSED + 1, TCP_CLOSED + 2
CLOSED_UNREAD, CLOSED_MALFORMED, CLOSED_STOP = TCP_CLOSED + 3, TCP_CLOSED + 4, TCP_CLOSED + 5
CLOSED_CLIENT_CAP, CLOSED_NO_QUERY, CLOSED_HANDSHAKE = TCP_CLOSED + 6, TCP_CLOSED + 7, TCP_CLOSED + 8

TRANSFERS_RUNNING: Final = TCP_CLOSED + 16  # a gauge
TRANSFER_RESULTS: Final = ("finished", "broken", "refused", "busy")
TRANSFERS_FINISHED, TRANSFERS_BROKEN = TRANSFERS_RUNNING + 1, TRANSFERS_RUNNING + 2
TRANSFERS_REFUSED, TRANSFERS_BUSY = TRANSFERS_RUNNING + 3, TRANSFERS_RUNNING + 4

BLOCK: Final = 2048  # slots

# Of the ranges of a snapshot the first RANGES are counted each, the rest together in slot RANGES.
RANGES: Final = 1000
RANGE_BLOCK: Final = 1024  # slots a worker

_QTYPES: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 29: "LOC",
    33: "SRV", 35: "NAPTR", 39: "DNAME", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 52: "TLSA",
    64: "SVCB", 65: "HTTPS", 251: "IXFR", 252: "AXFR", 255: "ANY", 257: "CAA",
}  # fmt: skip
QTYPE_NAMES: Final = (*_QTYPES.values(), "other", "none")
NEVER_ANSWERED: Final = "ignored"  # the engine's source for what gets no answer on purpose
MAY_BE_SILENT: Final = (NEVER_ANSWERED, "prohibited", "limited")  # and those that may get none
_SLOTS: Final = {qtype: slot for slot, qtype in enumerate(_QTYPES)}
# The slot of each qtype; the entry behind the last, so also that of -1, is "none".
QTYPE_SLOTS: Final = bytes([_SLOTS.get(qtype, len(_QTYPES)) for qtype in range(0x10000)] + [len(_QTYPES) + 1])

RCODE_NAMES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 9: "NOTAUTH",
    16: "BADVERS", 23: "BADCOOKIE",
}  # fmt: skip


def extended_rcode(wire: bytes, rcode: int) -> int:
    """Give the slot of the rcode of an empty answer, whose OPT may extend it (RFC 6891, 6.1.3)."""
    at = 12
    if wire[5]:
        while size := wire[at]:
            at += size + 1
        at += 5
    if wire[at : at + 3] != b"\0\0\x29":
        return rcode
    return min(wire[at + 5] << 4 | rcode, RCODE_OTHER)


def make_block(slots: int = BLOCK) -> tuple[int, memoryview]:
    """Make a memory file of that many counters, all zero, and map it: (file descriptor, u64 array)."""
    descriptor = os.memfd_create("ptrd-counters", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, slots * 8)
    return descriptor, map_block(descriptor)


def map_block(descriptor: int) -> memoryview:
    """Map a memory file of counters as an array of u64; the descriptor may be closed then."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("Q")


def map_ranges(descriptor: int, slot: int) -> memoryview:
    """Map the part of a snapshot's range counters that the worker in this slot writes."""
    return map_block(descriptor)[slot * RANGE_BLOCK : (slot + 1) * RANGE_BLOCK]


def clear_gauges(block: memoryview) -> None:
    """Set to zero what ends with the worker's life."""
    block[TCP_OPEN] = block[TRANSFERS_RUNNING] = 0


_OTHER: Final = ("other", "other", "other")


class RangeCounts:
    """The counters of one snapshot's ranges; `labels` of each are (zone, prefix, template), the first RANGES only.

    `descriptor` goes to the workers beside the image. Counts of ranges that were there before go on: `carry`.
    """

    def __init__(self, workers: int, labels: Iterable[tuple[str, str, str]]) -> None:
        self.labels = [label for label, _ in zip(labels, range(RANGES), strict=False)]
        self.descriptor, self._counts = make_block(workers * RANGE_BLOCK)
        self._workers = workers
        self._before: dict[tuple[str, str, str], int] = {}
        self._other = 0

    def carry(self, older: RangeCounts) -> None:
        """Go on from the counts of the snapshot before, once no worker counts there any more."""
        self._before = dict(older.totals())
        self._other = self._before.pop(_OTHER, 0)
        for label in self._before.keys() - set(self.labels):
            self._other += self._before.pop(label)

    def totals(self) -> Iterator[tuple[tuple[str, str, str], int]]:
        """Give (labels, count) of each range, then of all others together."""
        blocks = [self._counts[at : at + RANGE_BLOCK] for at in range(0, self._workers * RANGE_BLOCK, RANGE_BLOCK)]
        for index, label in enumerate(self.labels):
            yield label, sum([block[index] for block in blocks]) + self._before.get(label, 0)
        yield _OTHER, sum([block[RANGES] for block in blocks]) + self._other

    def close(self) -> None:
        """Close the descriptor; the counts stay readable."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


# --- What Prometheus sees. ---
