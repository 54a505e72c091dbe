"""Metrics: named as Prometheus wants them, summed over workers, and never a label that a client chooses."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ptrd.control.notify import ZoneNotifier
from ptrd.control.secondaryzones import SecondaryZones
from ptrd.engine.responder import SOURCES
from ptrd.metrics import blocks as layout
from ptrd.metrics.blocks import RangeCounts, extended_rcode, make_block, map_ranges
from ptrd.metrics.exposition import Readings, make_registry
from ptrd.metrics.names import METRICS

UNITS = ("seconds", "bytes")
LABELS = {"version", "family", "transport", "qtype", "rcode", "source", "reason", "zone", "range", "template"} | {
    "result",
    "process",
    "state",
    "secondary",
    "verdict",
}


def scrape(readings, sources=SOURCES):
    """Give {name: {label values: value}} of what Prometheus reads."""
    text = generate_latest(make_registry(lambda: readings, sources)).decode()
    return {
        sample.name: {
            tuple(other.labels.values()): other.value for other in family.samples if other.name == sample.name
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def blocks():
    """Make the blocks of two workers."""
    return [make_block()[1], make_block()[1]]


@pytest.mark.parametrize("name", METRICS)
def test_names_follow_the_conventions(name):
    """Prefix, snake case, base units, _total for counters only; each with a sentence of help and known labels."""
    about = METRICS[name]
    assert re.fullmatch(r"ptrd(_[a-z]+)+", name)
    assert name.endswith("_total") == (about.kind == "counter")
    assert not re.search("milli|micro|nano|minutes|kilo|mega|percent|_ms_|_count$|_sum$|_bucket$", name)
    stem = name.removesuffix("_total")
    for unit in UNITS:
        assert unit not in stem or stem.endswith(f"_{unit}")
    assert about.kind in {"counter", "gauge", "histogram"}
    assert re.fullmatch(r"[A-Z][^\n]*\.", about.help)
    assert set(about.labels) <= LABELS
    assert not set(about.labels) & {"name", "qname", "client", "address", "le"}
    assert not any(label in stem for label in about.labels if label not in {"range", "source", "process", "secondary"})


def test_everything_is_exposed_from_the_start(blocks):
    """A scrape of a server that was never asked has every metric, so that rates begin at zero."""
    ranges = RangeCounts(2, [("2.0.192.in-addr.arpa.", "192.0.2.0/24", "{ip}.example.net")])
    processes = {"supervisor": os.getpid()}
    more = {
        **ZoneNotifier(lambda: None).samples(),
        **SecondaryZones(Path("/nonexistent"), (), asyncio.Event().wait).samples(),
    }
    more |= {name: [(("confirmed",), 1)] for name in METRICS if "confirmation" in name}
    readings = Readings(blocks=blocks, ranges=ranges, certificate_expires=2e9, processes=processes, more=more)
    found = scrape(readings)
    expected = {name for name, about in METRICS.items() if about.kind != "histogram"}
    expected -= {name for name in METRICS if name.startswith("ptrd_secondary_")}  # there is none yet
    expected |= {f"ptrd_response_duration_seconds_{part}" for part in ("bucket", "sum", "count")}
    assert set(found) == expected
    assert found["ptrd_queries_total"] == dict.fromkeys(layout.TRANSPORTS, 0)
    assert found["ptrd_responses_total"]["NXDOMAIN",] == 0
    assert set(found["ptrd_response_sources_total"]) == {(source,) for source in SOURCES if source != "ignored"}
    assert found["ptrd_dropped_messages_total"]["ignored",] == 0


def test_nothing_to_read_is_no_error():
    """A scrape before any worker or zone is there works."""
    found = scrape(Readings())
    assert found["ptrd_queries_total"]["ipv4", "udp"] == 0
    assert "ptrd_tls_certificate_expiry_timestamp_seconds" not in found  # an alert would take a 0 for a date


def test_workers_are_summed(blocks):
    """What two workers counted appears as one number, by each of its sides."""
    sources = ("record", "default", "ignored")
    for block, times in zip(blocks, (1, 2), strict=True):
        block[layout.QUERIES + 32 * layout.UDP6 + layout.QTYPE_SLOTS[12]] = 3 * times
        block[layout.QUERIES + 32 * layout.TCP4 + layout.QTYPE_SLOTS[-1]] = times
        block[layout.QUERIES + 32 * layout.TLS6 + layout.QTYPE_SLOTS[12]] = 4 * times
        block[layout.ANSWERS + (1 << 5 | 0)] = 2 * times
        block[layout.ANSWERS + (1 << 5 | 3)] = times
        block[layout.ANSWERS + (2 << 5 | layout.SILENT)] = times
        block[layout.DROP_PORT_ZERO] = 5 * times
        block[layout.CLOSED_CAP] = times
        block[layout.CLOSED_HANDSHAKE] = 6 * times
        block[layout.TCP_OPEN] = 7
        block[layout.LATENCY + 10] = times
        block[layout.LATENCY + 13] = times
        block[layout.LATENCY_SUM] = 9_000 * times
        block[layout.LATENCY_TLS + 20] = times
        block[layout.LATENCY_SUM_TLS] = 1_000_000 * times
    found = scrape(Readings(blocks=blocks), sources)
    assert found["ptrd_queries_total"] == {
        ("ipv4", "udp"): 0,
        ("ipv6", "udp"): 9,
        ("ipv4", "tcp"): 3,
        ("ipv6", "tcp"): 0,
        ("ipv4", "tls"): 0,
        ("ipv6", "tls"): 12,
    }
    assert found["ptrd_query_types_total"]["PTR",] == 21
    assert found["ptrd_query_types_total"]["none",] == 3
    assert sum(found["ptrd_query_types_total"].values()) == 24
    assert found["ptrd_responses_total"]["NOERROR",] == 6
    assert found["ptrd_responses_total"]["NXDOMAIN",] == 3
    assert found["ptrd_response_sources_total"] == {("record",): 0, ("default",): 9}
    assert found["ptrd_dropped_messages_total"]["ignored",] == 3
    assert found["ptrd_dropped_messages_total"]["source_port_zero",] == 15
    assert found["ptrd_tcp_closed_total"]["cap",] == 3
    assert found["ptrd_tcp_closed_total"]["handshake",] == 18
    assert found["ptrd_tcp_connections"][()] == 14
    buckets = found["ptrd_response_duration_seconds_bucket"]
    assert [buckets[le, "udp"] for le in ("1.024e-06", "4.096e-06", "8.192e-06", "+Inf")] == [3, 3, 6, 6]
    assert found["ptrd_response_duration_seconds_count"]["udp",] == 6
    assert found["ptrd_response_duration_seconds_sum"]["udp",] == pytest.approx(27e-6)
    assert found["ptrd_response_duration_seconds_count"]["tls",] == 3
    assert found["ptrd_response_duration_seconds_sum"]["tls",] == pytest.approx(3e-3)


def test_a_scrape_is_cheap(blocks):
    """The labels are bounded, whatever was asked and however many ranges there are."""
    for block in blocks:
        for slot in range(layout.BLOCK):
            block[slot] = 1
    ranges = RangeCounts(2, ((f"{number}.", "192.0.2.0/24", "x") for number in range(100_000)))
    found = scrape(Readings(blocks=blocks, ranges=ranges))
    assert len(found["ptrd_range_responses_total"]) == layout.RANGES + 1
    assert sum(map(len, found.values())) < layout.RANGES + 300


def test_ranges_go_on_over_publications():
    """A range that is still there goes on from its count; what is gone is counted with the others, so sums stay."""
    older = RangeCounts(2, [("z.", "a", "t"), ("z.", "b", "t")])
    for slot in 0, 1:
        mine = map_ranges(older.descriptor, slot)
        mine[0] += 1
        mine[1] += 10
        mine[layout.RANGES] += 100
    newer = RangeCounts(2, [("z.", "b", "t"), ("z.", "c", "t")])
    map_ranges(newer.descriptor, 1)[0] += 5
    newer.carry(older)
    older.close()
    newer.close()
    assert dict(newer.totals()) == {("z.", "b", "t"): 25, ("z.", "c", "t"): 0, ("other", "other", "other"): 202}


def test_rcodes_beyond_four_bits():
    """BADVERS and BADCOOKIE are read out of header and OPT; an answer without an OPT has no extended rcode."""
    head = b"\0\0\x84\0\0\1\0\0\0\0\0\1" + b"\1a\0\0\1\0\1"
    opt = b"\0\0\x29\x04\xd0%c\0\0\0\0\0"
    assert extended_rcode(head + opt % 1, 0) == 16
    assert extended_rcode(head + opt % 1, 7) == 23
    assert extended_rcode(head + opt % 0, 0) == 0
    assert extended_rcode(head + opt % 255, 0) == layout.RCODE_OTHER
    assert extended_rcode(head, 4) == 4
    assert extended_rcode(head[:5] + b"\0" + head[6:12], 4) == 4


def test_the_layout_has_room():
    """Nothing in a block overlaps, and the engine's sources fit."""
    assert len(SOURCES) <= layout.SOURCES
    assert len(layout.QTYPE_NAMES) <= 32
    assert len(layout.DROP_REASONS) == layout.DROP_SEND - layout.DROPPED + 1 <= 16
    assert len(layout.TCP_CLOSE_REASONS) == layout.CLOSED_HANDSHAKE - layout.TCP_CLOSED + 1
    assert layout.CLOSED_HANDSHAKE < layout.BLOCK
    assert layout.RANGES < layout.RANGE_BLOCK
    assert max(layout.QTYPE_SLOTS) < 32


def test_processes_that_are_gone_are_left_out():
    """A process that ended just now is no error."""
    found = scrape(Readings(processes={"supervisor": os.getpid(), "worker0": 2**22 + 1}))
    for name in "resident_memory_bytes", "proportional_memory_bytes", "cpu_seconds_total":
        assert set(found[f"ptrd_process_{name}"]) == {("supervisor",)}
    assert found["ptrd_process_resident_memory_bytes"]["supervisor",] > 1_000_000


def test_workers_stay_small():
    """A worker loads neither the metrics library nor YAML nor HTTP."""
    code = "import sys, ptrd.serve.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"prometheus_client", "yaml", "http.server", "dns", "ptrd.control", "ptrd.config"} & set(loaded)
