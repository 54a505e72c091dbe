"""Histories as large as they may be: ptrd starts with them, tells them, and answers while something is published."""

from __future__ import annotations

import contextlib
import threading
import time

import dns.message
import dns.query
import dns.rdata
import pytest

from ptrd.snapshot.image import open_image
from ptrd.snapshot.steps import (
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    NONE,
    Histories,
    dump_histories,
    history_of,
    load_histories,
    make_difference,
)
from ptrd.wire.rrtypes import PTR
from ptrd.wire.writer import write_record
from tests.peers.asking import make_query
from tests.peers.ptrd import PtrdServer
from tests.talking import SOA, send, until

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
ORIGINS = [f"{number}.0.10.in-addr.arpa" for number in range(150)]
SMALL = "113.0.203.in-addr.arpa"
STEPS = 1000  # of each zone, the most by default: in all about as much as is kept


def with_serial(soa, serial):
    """Give an SOA record with another serial."""
    return soa[:-20] + (serial & 0xFFFFFFFF).to_bytes(4, "big") + soa[-16:]


def item(number):
    """Make a PTR record at a name."""
    return b"\4%04d" % number, 1, write_record(PTR, 3600, b"\4h%03d\7example\3net\0" % number)


def make_histories(snapshot):
    """Make up histories of all zones that end in what is served."""
    histories = Histories()
    for zone in snapshot.zones:
        history, now = NONE, zone.soa.records
        if zone.transfer is not None:
            soas = [with_serial(now, zone.serial - back) for back in range(STEPS, -1, -1)]
            steps = [
                make_difference(soas[at], soas[at + 1], [item(at % 500)], [item(at % 500 + 500)]) for at in range(STEPS)
            ]
            history = history_of([step.packed for step in steps], STEPS, MOST_BYTES)
        histories.put(zone.origin, history)
    return histories


def lag(server, origin, back):
    """Ask by IXFR what has changed in so many serials: the types of the differences' records; None for a whole zone."""
    with server.udp() as client:
        soa = dns.message.from_wire(client.ask(make_query(f"{origin}.", SOA), seconds=5)).answer[0][0]
    query = dns.message.make_query(origin, "IXFR")
    rrset = query.find_rrset(query.authority, query.question[0].name, 1, SOA, create=True)
    rrset.add(dns.rdata.from_text("IN", "SOA", f". . {soa.serial - back} 0 0 0 0"), 0)
    answer = dns.query.tcp(query, server.address, 10, server.port, one_rr_per_rrset=True).answer
    kinds = [rrset.rdtype for rrset in answer]
    return kinds if kinds[1] == SOA else None


class Asking(threading.Thread):
    """Asks for a name again and again; `worst` is what the slowest answer took in seconds."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.worst, self.asked, self.ended = server, 0.0, 0, threading.Event()

    def run(self):
        """Ask."""
        with self.server.udp() as client:
            while not self.ended.wait(0.005):
                began = time.monotonic()
                assert client.ask(make_query(f"{SMALL}.", SOA), seconds=20)
                self.worst = max(self.worst, time.monotonic() - began)
                self.asked += 1


@pytest.fixture
def server(tmp_path):
    """Start ptrd with many zones, whose histories are as large as they may be."""
    many = "---\n".join(f"zone: {origin}\n{HEAD}transfer: {{allow: [127.0.0.0/8]}}\n" for origin in ORIGINS)
    zones = {"many.yaml": many, "small.yaml": f"zone: 203.0.113.0/24\n{HEAD}"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PtrdServer(tmp_path, zones, origins=[f"{SMALL}."]))
        server.stop()
        snapshot = open_image((tmp_path / "state/zones.image").read_bytes())
        pieces = dump_histories(make_histories(snapshot), STEPS)
        (tmp_path / "state/zones.history").write_bytes(b"".join(pieces))
        server.start()
        yield server


def test_large_histories_stall_no_answer(server):
    """With as much history as is kept ptrd starts, and goes on answering while a small zone is published.

    What secondaries lack is told before and after.
    """
    wanted = [SOA, *[SOA, PTR, SOA, PTR] * 5, SOA]
    assert lag(server, ORIGINS[7], 5) == wanted
    asking = Asking(server)
    asking.start()
    try:
        until(lambda: asking.asked > 20)
        asking.worst = 0.0
        (server.zone_folder / "small.yaml").write_text(f"zone: 203.0.113.0/24\nttl: 2h\n{HEAD}")
        assert send(server, "reload")["ok"]
        asked = asking.asked
        until(lambda: asking.asked > asked + 20)
    finally:
        asking.ended.set()
        asking.join()
    assert asking.worst < 2.5  # 3.8 s when each worker read the histories of 100 zones anew
    assert lag(server, ORIGINS[7], 5) == wanted
    assert "silent" not in server.said()
    assert server.stop() == 0
    kept, _ = load_histories(memoryview((server.folder / "state/zones.history").read_bytes()))
    assert len(kept) == len(ORIGINS) and kept.size <= MOST_BYTES_IN_ALL
