"""DNS over UDP: answered from where it was asked, counted, and nothing ends the loop."""

from __future__ import annotations

import contextlib
import errno
import socket

import pytest

from ptrd.metrics import blocks
from ptrd.serve import udp
from ptrd.serve.live import Live
from ptrd.serve.options import ServeOptions
from ptrd.serve.sockets import open_sockets
from ptrd.serve.udp import BATCH, make_reader
from tests.serve.fakes import FakeOptions, FakeSnapshot, make_query, respond, text_of


class Bench:
    """A UDP socket with its reader and counters, without a loop."""

    def __init__(self, host, answer=respond, sock=None):
        self.listening = open_sockets(ServeOptions(listen=((host, 0),), workers=1))
        self.port = self.listening.addresses[0].port
        self.counts = blocks.make_block()[1]
        self.ranges = blocks.make_block(blocks.RANGE_BLOCK)[1]
        self.live = Live(FakeSnapshot("one"), FakeOptions(), self.ranges)
        self.read = make_reader(sock or self.listening.shares[0][0], self.live, answer, self.counts)

    def answered(self):
        """Give {(source, rcode): count}."""
        slots = self.counts[blocks.ANSWERS : blocks.LATENCY]
        return {divmod(slot, 32): count for slot, count in enumerate(slots) if count}

    def dropped(self):
        """Give {reason: count}."""
        counts = self.counts[blocks.DROPPED : blocks.DROPPED + len(blocks.DROP_REASONS)]
        return {reason: count for reason, count in zip(blocks.DROP_REASONS, counts, strict=True) if count}


@pytest.fixture
def bench():
    """Make benches whose sockets are closed after the test."""
    every = []

    def start(host="127.0.0.1", **options):
        every.append(Bench(host, **options))
        return every[-1]

    yield start
    for one in every:
        one.listening.close()


def client(host="127.0.0.1", port=0):
    """Make a client socket; with a port it takes answers from there only."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    if port:
        sock.connect((host, port))
    return sock


class Script:
    """A socket that gives and takes what a test wants; exceptions among the datagrams are raised."""

    family = socket.AF_INET

    def __init__(self, incoming, outgoing=()):
        self.incoming = list(incoming)
        self.outgoing = list(outgoing)
        self.sent = []

    def getsockname(self):
        """Stand on an address of its own."""
        return ("127.0.0.1", 53)

    def recvfrom(self, _size):
        """Give the next."""
        if not self.incoming:
            raise BlockingIOError
        return self._next(self.incoming)

    def sendto(self, wire, _peer):
        """Take it, or fail."""
        self._next(self.outgoing)
        self.sent.append(wire)

    recvmsg = sendmsg = None

    @staticmethod
    def _next(queue):
        found = queue.pop(0) if queue else None
        if isinstance(found, OSError):
            raise found
        return found


def test_a_batch_is_answered_in_one_wake_up(bench):
    """What waits is answered, up to BATCH a call, so that others have their turn."""
    one = bench()
    with client(port=one.port) as asker:
        for number in range(BATCH + 10):
            asker.send(make_query(number))
        assert one.read() == BATCH
        assert one.read() == 10
        assert one.read() == 0
        replies = [asker.recv(4096) for _ in range(BATCH + 10)]
    assert [int.from_bytes(reply[:2], "big") for reply in replies] == list(range(BATCH + 10))
    assert one.answered() == {(3, 0): BATCH + 10}


def test_no_answer_waits_for_more_than_a_round(bench):
    """Answers leave sixteen at a time, in order, although more of the batch waits."""
    seen = []
    peer = ("127.0.0.1", 1053)
    script = Script([(make_query(number), peer) for number in range(40)])
    receive, send = script.recvfrom, script.sendto
    script.recvfrom = lambda size: (receive(size), seen.append("query"))[0]
    script.sendto = lambda wire, to: (send(wire, to), seen.append("answer"))
    assert bench(sock=script).read() == 40
    assert seen == [*(["query"] * 16 + ["answer"] * 16) * 2, *["query"] * 8, *["answer"] * 8]
    assert [int.from_bytes(wire[:2], "big") for wire in script.sent] == list(range(40))


def test_the_time_of_a_round_is_divided_among_its_queries(bench, monkeypatch):
    """What a round takes from receipt to dispatch is in the sum, and an equal part of it in each of its queries."""
    monkeypatch.setattr(udp, "perf_counter_ns", iter([1_000_000, 1_064_000]).__next__)
    peer = ("127.0.0.1", 1053)
    one = bench(sock=Script([(make_query(), peer)] * 4))
    assert one.read() == 4
    times = {bits: count for bits, count in enumerate(one.counts[blocks.LATENCY : blocks.LATENCY_TCP]) if count}
    assert times == {(16_000).bit_length(): 4}
    assert one.counts[blocks.LATENCY_SUM] == 64_000


def test_the_next_batch_has_the_next_snapshot(bench):
    """A snapshot that was replaced between two batches answers no more."""
    one = bench()
    with client(port=one.port) as asker:
        asker.send(make_query())
        one.read()
        one.live.snapshot = FakeSnapshot("two")
        asker.send(make_query())
        one.read()
        assert [text_of(asker.recv(4096))[0] for _ in range(2)] == ["one", "two"]


@pytest.mark.parametrize(
    ("wildcard", "asked"),
    [("0.0.0.0", ["127.0.0.2", "127.0.0.3", "127.0.0.1"]), ("::", ["::1", "::1"])],  # noqa: S104 - that is the case
)
def test_a_wildcard_answers_from_the_address_that_was_asked(bench, wildcard, asked):
    """A client that takes answers only from where it asked gets one, on each address of the machine."""
    one = bench(wildcard)
    for host in asked:
        with client(host, one.port) as asker:
            asker.send(make_query())
            assert one.read() == 1
            assert text_of(asker.recv(4096))[0] == "one"


def test_a_wildcard_tells_those_apart_that_ask_at_once(bench):
    """In one round each answer leaves from the address that its query was sent to."""
    one = bench("0.0.0.0")  # noqa: S104 - that is the case
    with contextlib.ExitStack() as stack:
        askers = [stack.enter_context(client(f"127.0.0.{last}", one.port)) for last in (2, 3, 3, 1, 2)]
        for number, asker in enumerate(askers):
            asker.send(make_query(number))
        assert one.read() == 5
        assert [asker.recv(4096)[1] for asker in askers] == list(range(5))


def test_what_is_counted(bench):
    """Family, type, answer, truncation, range and time of each message are counted."""
    one = bench("::1")
    with client("::1", one.port) as asker:
        for query in make_query(), make_query(label=b"long"), make_query(rest=b"\xff\0\0\1"), b"short":
            asker.send(query)
        one.read()
    by_type = one.counts[32 * blocks.UDP6 : 32 * blocks.UDP6 + 32]
    assert {blocks.QTYPE_NAMES[slot]: count for slot, count in enumerate(by_type) if count} == {
        "TXT": 2,
        "other": 1,
        "none": 1,
    }
    assert one.answered() == {(3, 0): 3, (1, blocks.SILENT): 1}
    assert one.counts[blocks.TRUNCATED] == 1
    assert one.ranges[7] == 3
    assert sum(one.counts[blocks.LATENCY : blocks.LATENCY_TCP]) == 4
    assert 0 < one.counts[blocks.LATENCY_SUM] < 10**9
    assert one.dropped() == {}


def test_ranges_beyond_the_bound_are_counted_together(bench):
    """A snapshot may have a million ranges; the counters of most are one."""
    one = bench(answer=lambda _, __, data, *___: (data, 0, 1, int.from_bytes(data[:2], "big")))
    with client(port=one.port) as asker:
        for number in 0, blocks.RANGES - 1, blocks.RANGES, blocks.RANGES + 1, 0xFFFF:
            asker.send(make_query(number))
        one.read()
    assert {slot: count for slot, count in enumerate(one.ranges) if count} == {
        0: 1,
        blocks.RANGES - 1: 1,
        blocks.RANGES: 3,
    }


def test_an_extended_rcode_is_counted(bench):
    """BADVERS stands half in the header, half in the OPT, and is counted as BADVERS."""
    opt = b"\0\0\x29\x04\xd0\1\0\0\0\0\0"
    one = bench(answer=lambda _, __, data, *___: (data[:2] + b"\x84\0\0\1\0\0\0\0\0\1" + data[12:] + opt, 9, 1, -1))
    with client(port=one.port) as asker:
        asker.send(make_query())
        one.read()
    assert one.answered() == {(9, 16): 1}


def test_source_port_0_is_dropped(bench):
    """A datagram that claims to come from port 0 is never answered."""
    script = Script([(make_query(), ("127.0.0.1", 0)), (make_query(), ("127.0.0.1", 1053))])
    one = bench(sock=script)
    assert one.read() == 2
    assert len(script.sent) == 1
    assert one.dropped() == {"source_port_zero": 1}


def test_an_exception_costs_one_answer(bench, caplog):
    """When the engine fails on a message the loop goes on; the failure is counted, and logged ever more rarely."""
    one = bench()
    with client(port=one.port) as asker:
        for number in range(20):
            asker.send(make_query(number, b"raise"))
        asker.send(make_query(99))
        one.read()
        assert asker.recv(4096)[:2] == b"\0\x63"
    assert one.dropped() == {"failure": 20}
    assert len(caplog.records) == 5  # the 1st, 2nd, 4th, 8th, 16th
    assert "asked for" in caplog.text


def test_errors_of_the_kernel_cost_one_answer(bench):
    """ECONNREFUSED when reading, and whatever comes back from sending, are counted, and the loop goes on."""
    names = ["EAGAIN", "ENOBUFS", "EMSGSIZE", "ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EPERM", "EINVAL"]
    errors = [OSError(getattr(errno, name), name) for name in names]
    peer = ("127.0.0.1", 1053)
    script = Script([OSError(errno.ECONNREFUSED, ""), *[(make_query(), peer)] * 9], errors)
    one = bench(sock=script)
    assert one.read() == 10
    assert len(script.sent) == 1
    assert one.dropped() == {
        "receive_failed": 1,
        "send_blocked": 1,
        "send_no_buffers": 1,
        "send_too_long": 1,
        "send_unreachable": 2,
        "send_refused": 1,
        "send_failed": 2,
    }


def test_an_answer_that_is_too_long_for_any_datagram(bench):
    """What no datagram can carry is dropped, not fatal (EMSGSIZE from a real socket)."""
    one = bench(answer=lambda _, __, data, *___: (data.ljust(70000), 0, 1, -1))
    with client(port=one.port) as asker:
        asker.send(make_query())
        assert one.read() == 1
    assert one.dropped() == {"send_too_long": 1}
