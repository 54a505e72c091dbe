"""A scrape: what blocks and readings say, under the names of METRICS.

prometheus_client is imported by the functions that need it, in the supervisor.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ptrd import __version__
from ptrd.metrics.blocks import (
    ANSWERS,
    BLOCK,
    DROP_REASONS,
    DROPPED,
    LATENCY,
    LATENCY_SUM,
    LATENCY_SUM_TCP,
    LATENCY_SUM_TLS,
    LATENCY_TCP,
    LATENCY_TLS,
    MAY_BE_SILENT,
    NEVER_ANSWERED,
    QTYPE_NAMES,
    QUERIES,
    RCODE_NAMES,
    RCODE_OTHER,
    SILENT,
    TCP_ACCEPTED,
    TCP_CLOSE_REASONS,
    TCP_CLOSED,
    TCP_OPEN,
    TRANSFER_RESULTS,
    TRANSFERS_FINISHED,
    TRANSFERS_RUNNING,
    TRANSPORTS,
    TRUNCATED,
    RangeCounts,
)
from ptrd.metrics.names import BUCKETS, METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric


@dataclass(slots=True)
class Readings:
    """What a scrape reads besides the ranges' counters; times are Unix time, `processes` holds name: pid.

    `more` is what single features count for themselves, ready to be written.
    """

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
    more: Mapping[str, Sequence[tuple[tuple[str, ...], float]]] = field(default_factory=dict)  # by name: labels, value


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
            found |= {name: _samples(values) for name, values in readings.more.items()}
            for name, about in METRICS.items():
                family = Metric(name.removesuffix("_total"), about.help, about.kind)
                for suffix, values, value in _histograms(total) if about.kind == "histogram" else found.get(name, ()):
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
        source: rcodes[SILENT] for source, rcodes in by_source.items() if rcodes[SILENT] or source in MAY_BE_SILENT
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
            (source, sum(counts[:SILENT])) for source, counts in by_source.items() if source != NEVER_ANSWERED
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
        "ptrd_transfers_running": _samples([((), total[TRANSFERS_RUNNING])]),
        "ptrd_transfers_total": _samples(zip(TRANSFER_RESULTS, total[TRANSFERS_FINISHED:], strict=False)),
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
