"""Every Prometheus name, and the flat arrays in which workers count.

A block is an array of u64 in a memory file: one worker writes it, the supervisor sums the blocks at a scrape, and a
block outlives its worker, so a sum never goes back. Workers use the layout only; prometheus_client is imported by the
functions that need it, in the supervisor. No label is ever a query name or a client.
"""

from __future__ import annotations

import errno
import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

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
_NEVER_ANSWERED: Final = "ignored"  # the engine's source for what gets no answer on purpose
_MAY_BE_SILENT: Final = (_NEVER_ANSWERED, "prohibited", "limited")  # and those that may get none
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
    block[TCP_OPEN] = 0


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


class About(NamedTuple):
    """What a metric is; names of counters end in _total."""

    kind: str  # counter, gauge or histogram
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final = {
    "ptrd_build_info": About("gauge", "Always 1; the label says which version runs.", ("version",)),
    "ptrd_start_time_seconds": About("gauge", "When the server started, in Unix time."),
    "ptrd_queries_total": About("counter", "Messages read and looked into.", ("family", "transport")),
    "ptrd_query_types_total": About("counter", "Messages by the type they ask for; none when unreadable.", ("qtype",)),
    "ptrd_responses_total": About("counter", "Answers sent, by rcode.", ("rcode",)),
    "ptrd_response_sources_total": About("counter", "Answers sent, by what made them.", ("source",)),
    "ptrd_truncated_responses_total": About("counter", "Answers sent with TC=1, so that the client asks over TCP."),
    "ptrd_dropped_messages_total": About("counter", "Messages that got no answer.", ("reason",)),
    "ptrd_range_responses_total": About(
        "counter", "Answers made from the default host name of a range.", ("zone", "range", "template")
    ),
    "ptrd_response_duration_seconds": About(
        "histogram", "From taking a message off its socket until its answer is handed back.", ("transport",)
    ),
    "ptrd_tcp_connections": About("gauge", "TCP connections that are open, those with TLS included."),
    "ptrd_tcp_accepted_total": About("counter", "TCP connections accepted."),
    "ptrd_tcp_closed_total": About("counter", "TCP connections closed, by why.", ("reason",)),
    "ptrd_tls_certificate_expiry_timestamp_seconds": About(
        "gauge", "When the certificate of DNS over TLS expires, in Unix time; nothing without TLS."
    ),
    "ptrd_workers": About("gauge", "Workers that serve the current snapshot."),
    "ptrd_worker_restarts_total": About("counter", "Workers that ended unasked and were replaced."),
    "ptrd_snapshot_revision": About("gauge", "Revision of the snapshot that is served."),
    "ptrd_snapshot_records": About("gauge", "PTR record sets in the snapshot, default host names not counted."),
    "ptrd_managed_records": About("gauge", "PTR record sets that are managed by command or API, and served."),
    "ptrd_snapshot_ranges": About("gauge", "Ranges with a default host name in the snapshot."),
    "ptrd_snapshot_zones": About("gauge", "Zones in the snapshot."),
    "ptrd_snapshot_size_bytes": About("gauge", "Size of the compiled image."),
    "ptrd_publishes_total": About("counter", "Loads of the zones, by result.", ("result",)),
    "ptrd_last_publish_successful": About("gauge", "Whether the last load of the zones was published (1) or not (0)."),
    "ptrd_last_publish_timestamp_seconds": About("gauge", "When the last load of the zones ended, in Unix time."),
    "ptrd_last_publish_duration_seconds": About("gauge", "How long the last load of the zones took."),
    "ptrd_process_resident_memory_bytes": About("gauge", "Resident memory, shared pages included.", ("process",)),
    "ptrd_process_proportional_memory_bytes": About(
        "gauge", "Memory with each shared page divided among its users (PSS).", ("process",)
    ),
    "ptrd_process_cpu_seconds_total": About("counter", "CPU time, user and system.", ("process",)),
}
BUCKETS: Final = range(10, 31)  # bits of nanoseconds: 1 microsecond to 1 second


@dataclass(slots=True)
class Readings:
    """What a scrape reads besides the ranges' counters; times are Unix time, `processes` holds name: pid."""

    blocks: Sequence[memoryview] = ()
    ranges: RangeCounts | None = None
    started: float = 0.0
    workers: int = 0
    restarts: int = 0
    revision: int = 0
    records: int = 0
    managed: int = 0
    range_count: int = 0
    zones: int = 0
    image_bytes: int = 0
    published: int = 0  # loads that were published
    refused: int = 0  # loads that were not
    last_publish_ok: bool = False
    last_publish_time: float = 0.0
    last_publish_seconds: float = 0.0
    certificate_expires: float = 0.0  # 0 without TLS
    processes: Mapping[str, int] = field(default_factory=dict)


def make_registry(read: Callable[[], Readings], sources: Sequence[str]) -> CollectorRegistry:
    """Make the registry that `prometheus_client.generate_latest` writes; `sources` are the engine's, in its order."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - workers import this module and must stay small
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415 - the same
    from prometheus_client.registry import Collector  # noqa: PLC0415 - the same

    class Scrape(Collector):
        """Reads everything anew at each scrape."""

        def collect(self) -> Iterator[Metric]:
            readings = read()
            total = [sum(column) for column in zip(*readings.blocks, strict=True)] or [0] * BLOCK
            found = {**_responses(total, sources), **_connections(total), **_state(readings), **_processes(readings)}
            for name, about in METRICS.items():
                family = Metric(name.removesuffix("_total"), about.help, about.kind)
                for suffix, values, value in _histograms(total) if about.kind == "histogram" else found[name]:
                    family.add_sample(name + suffix, dict(zip((*about.labels, "le"), values, strict=False)), value)
                yield family

    registry = CollectorRegistry()
    registry.register(Scrape())
    return registry


# Suffix of the name, values of the labels, value.
_Sample = tuple[str, tuple[str, ...], float]


def _samples(values: Iterable[tuple[str | tuple[str, ...], float]]) -> list[_Sample]:
    return [("", labels if isinstance(labels, tuple) else (labels,), value) for labels, value in values]


def _responses(total: list[int], sources: Sequence[str]) -> dict[str, list[_Sample]]:
    """Read queries and answers out of the sum of the blocks."""
    by_source = {source: total[at : at + 32] for source, at in zip(sources, range(ANSWERS, LATENCY, 32), strict=False)}
    by_rcode = [sum(column) for column in zip(*by_source.values(), strict=True)] or [0] * 32
    queries = [total[at : at + 32] for at in range(QUERIES, ANSWERS, 32)]
    silent = {
        source: rcodes[SILENT] for source, rcodes in by_source.items() if rcodes[SILENT] or source in _MAY_BE_SILENT
    }
    rcodes = {RCODE_NAMES.get(rcode, str(rcode)): by_rcode[rcode] for rcode in range(RCODE_OTHER)}
    return {
        "ptrd_queries_total": _samples(zip(TRANSPORTS, map(sum, queries), strict=True)),
        "ptrd_query_types_total": _samples(zip(QTYPE_NAMES, map(sum, zip(*queries, strict=True)), strict=False)),
        "ptrd_responses_total": _samples(
            (name, count)
            for name, count in (rcodes | {"other": by_rcode[RCODE_OTHER]}).items()
            if count or name in RCODE_NAMES.values()
        ),
        "ptrd_response_sources_total": _samples(
            (source, sum(counts[:SILENT])) for source, counts in by_source.items() if source != _NEVER_ANSWERED
        ),
        "ptrd_truncated_responses_total": _samples([((), total[TRUNCATED])]),
        "ptrd_dropped_messages_total": _samples(
            (dict(zip(DROP_REASONS, total[DROPPED:], strict=False)) | silent).items()
        ),
    }


def _connections(total: list[int]) -> dict[str, list[_Sample]]:
    return {
        "ptrd_tcp_connections": _samples([((), total[TCP_OPEN])]),
        "ptrd_tcp_accepted_total": _samples([((), total[TCP_ACCEPTED])]),
        "ptrd_tcp_closed_total": _samples(zip(TCP_CLOSE_REASONS, total[TCP_CLOSED:], strict=False)),
    }


def _histograms(total: list[int]) -> Iterator[_Sample]:
    for transport, at, nanoseconds in (
        ("udp", LATENCY, LATENCY_SUM),
        ("tcp", LATENCY_TCP, LATENCY_SUM_TCP),
        ("tls", LATENCY_TLS, LATENCY_SUM_TLS),
    ):
        for bits in BUCKETS:
            yield "_bucket", (transport, repr(2**bits / 1e9)), sum(total[at : at + bits + 1])
        yield "_bucket", (transport, "+Inf"), sum(total[at : at + 64])
        yield "_count", (transport,), sum(total[at : at + 64])
        yield "_sum", (transport,), total[nanoseconds] / 1e9


def _state(readings: Readings) -> dict[str, list[_Sample]]:
    """Read what the supervisor knows."""
    single = {
        "ptrd_start_time_seconds": readings.started,
        "ptrd_workers": readings.workers,
        "ptrd_worker_restarts_total": readings.restarts,
        "ptrd_snapshot_revision": readings.revision,
        "ptrd_snapshot_records": readings.records,
        "ptrd_managed_records": readings.managed,
        "ptrd_snapshot_ranges": readings.range_count,
        "ptrd_snapshot_zones": readings.zones,
        "ptrd_snapshot_size_bytes": readings.image_bytes,
        "ptrd_last_publish_successful": float(readings.last_publish_ok),
        "ptrd_last_publish_timestamp_seconds": readings.last_publish_time,
        "ptrd_last_publish_duration_seconds": readings.last_publish_seconds,
    }
    return {name: _samples([((), value)]) for name, value in single.items()} | {
        "ptrd_build_info": _samples([(__version__, 1)]),
        "ptrd_tls_certificate_expiry_timestamp_seconds": _samples(
            [((), readings.certificate_expires)] if readings.certificate_expires else ()
        ),
        "ptrd_publishes_total": _samples([("success", readings.published), ("failure", readings.refused)]),
        "ptrd_range_responses_total": _samples(readings.ranges.totals() if readings.ranges else ()),
    }


def _processes(readings: Readings) -> dict[str, list[_Sample]]:
    """Read memory and CPU time of each process that still runs."""
    resident, proportional, seconds = {}, {}, {}
    for name, pid in readings.processes.items():
        folder = Path("/proc", str(pid))
        try:
            resident[name] = int((folder / "statm").read_text().split()[1]) * mmap.PAGESIZE
            ticks = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
            seconds[name] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
            proportional[name] = int((folder / "smaps_rollup").read_text().partition("\nPss:")[2].split()[0]) * 1024
        except (OSError, IndexError):
            continue  # it has just ended, or the kernel hides it
    return {
        "ptrd_process_resident_memory_bytes": _samples(resident.items()),
        "ptrd_process_proportional_memory_bytes": _samples(proportional.items()),
        "ptrd_process_cpu_seconds_total": _samples(seconds.items()),
    }
