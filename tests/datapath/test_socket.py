"""Over real sockets: what is answered, from where, and how it is counted, is what the plain loop does.

Each test sends the same datagrams to a socket that the plain loop reads and to one that the compiled data path reads
first.
"""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import struct
import sys
import time

import pytest

from ptrd.datapath.reader import make_reader as make_compiled
from ptrd.datapath.sockets import make_udp_socket
from ptrd.engine.cookies import make_cookie
from ptrd.engine.edns import UDP
from ptrd.engine.limiter import WINDOW
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.metrics import blocks
from ptrd.records.changes import Change
from ptrd.serve.live import Live
from ptrd.serve.options import ServeOptions
from ptrd.serve.sockets import open_sockets
from ptrd.serve.udp import make_compiled_reader, make_reader
from tests.datapath.both import SECRET, new_table, require_compiled
from tests.datapath.queries import queries
from tests.datapath.worlds import HEAD, kept, owner, spelled
from tests.peers.asking import Edns, make_query
from tests.peers.process import unable
from tests.serving import serve

IPV6_MTU, IPV6_DONTFRAG, IP_RECVERR = 24, 62, 11  # linux/in6.h, linux/in.h
PLAIN, COMPILED = "plain", "compiled"
MANAGED = [Change(4, 0xC0000232, 60, (b"\4mine\0",)), Change(4, 0xC0000201, 60, (b"\1a\0", b"\1b\0"))]
ONE = make_query(owner("192.0.2.1"), 12)


@pytest.fixture(autouse=True)
def compiled():
    """Skip everything here without a compiled data path."""
    require_compiled()


class Server:
    """A UDP socket with its counters, read by the plain loop or by the compiled data path first."""

    def __init__(self, kind, host, snapshot=None, options=None, *, limits=False):
        self.listening = open_sockets(ServeOptions(listen=((host, 0),), workers=1))
        self.port = self.listening.addresses[0].port
        self.sock = self.listening.shares[0][0]
        self.counts = blocks.make_block()[1]
        self.ranges = blocks.make_block(blocks.RANGE_BLOCK)[1]
        snapshot = snapshot or kept()
        table, secret = (new_table(), SECRET) if limits else (None, b"")
        service = Service(options or Options(), table, secret)
        reader = make_compiled(snapshot, service, self.ranges) if kind == COMPILED else None
        self.live = Live(snapshot, service, self.ranges, reader)
        self.left = 0
        make = make_compiled_reader if kind == COMPILED else make_reader
        self.read = make(self.sock, self.live, self._respond, self.counts)

    def _respond(self, *arguments):
        self.left += 1
        return respond(*arguments)

    def read_all(self):
        """Read until nothing comes any more, and give how many datagrams that were."""
        total = 0
        while handled := self.read():
            total += handled
        return total

    def counted(self):
        """Give all that is counted: as it is, without times, whose sums are given instead."""
        counts = list(self.counts)
        times = sum(counts[blocks.LATENCY : blocks.LATENCY + 64])
        counts[blocks.LATENCY : blocks.LATENCY + 64] = [0] * 64
        counts[blocks.LATENCY_SUM] = int(counts[blocks.LATENCY_SUM] > 0)
        return counts, times, list(self.ranges)

    def dropped(self):
        """Give {reason: count}."""
        counts = self.counts[blocks.DROPPED : blocks.DROPPED + len(blocks.DROP_REASONS)]
        return {reason: count for reason, count in zip(blocks.DROP_REASONS, counts, strict=True) if count}


@pytest.fixture
def servers():
    """Make pairs of servers whose sockets are closed after the test."""
    with contextlib.ExitStack() as stack:

        def start(host="127.0.0.1", *more, **options):
            pair = [Server(kind, host, *more, **options) for kind in (PLAIN, COMPILED)]
            for server in pair:
                stack.callback(server.listening.close)
            return pair

        yield start


def client(server, host):
    """Make a socket that takes answers only from where it asks."""
    sock = socket.socket(server.sock.family, socket.SOCK_DGRAM)
    sock.connect((host, server.port))
    sock.settimeout(0)
    return sock


def drain(sock):
    """Give what has come."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(65535))
    return found


def exchange(server, hosts, datagrams):
    """Send datagrams, each to the next of some addresses; gives the answers by address, sorted."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client(server, host)) for host in hosts]
        found = [[] for _ in hosts]
        for start in range(0, len(datagrams), 60):
            part = datagrams[start : start + 60]
            for number, data in enumerate(part):
                clients[number % len(hosts)].send(data)
            assert server.read_all() == len(part)
            for answers, sock in zip(found, clients, strict=True):
                answers.extend(drain(sock))
    return [sorted(answers) for answers in found]


def datagrams(snapshot, count):
    """Give queries of every kind, and lengths that are none of a query."""
    found = [data for data, _ in queries(snapshot, random.Random(count), count)]
    found += [b"", b"", b"x", ONE[:11], ONE + bytes(4096 - len(ONE)), ONE + bytes(5000), bytes(9000), ONE]
    head = make_query(owner("192.0.2.1"), 12, edns=Edns(1232, 0, ((10, bytes(5000)),)))
    return [*found, head, head[:4096], head[:4097]]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("0.0.0.0", ["127.0.0.2", "127.0.0.1", "127.9.9.9"]),  # noqa: S104 - that is the case
        ("::", ["::1"]),
    ],
)
def test_answers_and_counters_are_those_of_the_plain_loop(servers, host, asked):
    """Every answer comes from the address that was asked, and everything is counted alike."""
    snapshot = kept().with_overlay(MANAGED, 2)
    pair = servers(host, snapshot, Options(limit_slip=0))
    sent = datagrams(snapshot, 400)
    plain, mixed = [exchange(server, asked, sent) for server in pair]
    assert plain == mixed
    assert sum(map(len, plain)) > 300
    assert pair[0].counted() == pair[1].counted()
    assert 0 < pair[1].left < pair[0].left == len(sent)


def test_limits_and_ranges_are_counted_alike(servers):
    """What a limit drops is counted as silent, what slips as truncated, and default names for their ranges."""
    options = Options(limit_records=1, limit_made=1, limit_denied=1, limit_slip=3)
    snapshot = spelled(4, 2)
    spans = [snapshot.range(number).prefix.last for number in range(snapshot.range_count)]
    names = [make_query(owner(socket.inet_ntoa(last.to_bytes(4, "big"))), 12) for last in spans]
    pair = servers("127.0.0.1", snapshot, options, limits=True)
    began = time.monotonic()
    plain, mixed = [exchange(server, ["127.0.0.1"], (names[:4] + names[-2:]) * 40) for server in pair]
    counted = [server.counted() for server in pair]
    limited = SOURCES.index("limited")
    for server, (counts, times, ranges) in zip(pair, counted, strict=True):
        silent = counts[blocks.ANSWERS + (limited << 5 | blocks.SILENT)]
        assert counts[blocks.TRUNCATED] == counts[blocks.ANSWERS + (limited << 5)] >= 20 < silent
        assert times == 240 and sum(ranges) + counts[blocks.TRUNCATED] + silent == 240
        assert server.live.service.limiter.table.tobytes().count(b"\0") < 8 * len(server.live.service.limiter.table)
    silent = [counts[blocks.ANSWERS + (limited << 5 | blocks.SILENT)] for counts, *_ in counted]
    assert [len(plain[0]) + silent[0], len(mixed[0]) + silent[1]] == [240, 240]
    if time.monotonic() - began < WINDOW / 4:  # nothing was refilled meanwhile
        assert abs(len(plain[0]) - len(mixed[0])) <= 6


def test_what_is_left_has_the_shape_of_a_socket_s_own(servers):
    """Data, ancillary data, flags and peer are what recvfrom and recvmsg give; then there is no more."""
    odd = make_query(owner("192.0.2.1"), 255)
    for host, asked in (("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("0.0.0.0", "127.0.0.3"), ("::", "::1")):  # noqa: S104
        _, server = servers(host)
        wildcard = host in {"0.0.0.0", "::"}  # noqa: S104 - that is the case
        udp = make_udp_socket(server.sock, server.counts, wildcard=wildcard)
        with client(server, asked) as sock:
            sock.send(odd)
            expected = server.sock.recvmsg(4096, 100) if wildcard else server.sock.recvfrom(4096)
            for data in (odd, ONE, odd):
                sock.send(data)
            assert udp.answer(server.live.reader, server.live.snapshot) == 3
            for _ in range(2):
                assert udp.waiting
                assert (udp.recvmsg(4096, 100) if wildcard else udp.recvfrom(4096)) == expected
            assert not udp.waiting
            with pytest.raises(BlockingIOError):
                udp.recvfrom(4096)
            with pytest.raises(BlockingIOError):
                udp.recvmsg(4096, 100)
            assert len(drain(sock)) == 1
            sock.send(odd)
            assert udp.answer(server.live.reader, server.live.snapshot) == 1
            sock.send(ONE)  # what was left before is not kept beyond the next call
            assert udp.answer(server.live.reader, server.live.snapshot) == 1
            assert not udp.waiting


def test_nothing_grows(servers):
    """Thousands of datagrams, answered and left, and of sockets that were made, leave no memory behind."""
    _, server = servers("0.0.0.0")  # noqa: S104 - with ancillary data
    udp = make_udp_socket(server.sock, server.counts, wildcard=True)

    def ask(count):
        for _ in range(count):
            for data in (ONE, make_query(owner("192.0.2.1"), 255), b""):
                sock.send(data)
            udp.answer(server.live.reader, server.live.snapshot)
            while udp.waiting:
                udp.recvmsg(4096, 100)
            make_udp_socket(server.sock, server.counts, wildcard=True)
            drain(sock)
        gc.collect()
        return sys.getallocatedblocks()

    with client(server, "127.0.0.1") as sock:
        ask(50)
        before = ask(50)
        assert abs(ask(500) - before) < 300


def test_many_at_once(servers):
    """A wake-up takes up to 256 ordinary datagrams and stops at the first batch with others."""
    _, server = servers()
    with client(server, "127.0.0.1") as sock:
        server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for _ in range(270):
            sock.send(ONE)
        arrived = server.read()
        assert arrived == 256 or arrived + server.read_all() <= 270  # as many as the kernel had room for
        assert server.left == 0
        server.read_all()
        for number in range(100):
            sock.send(ONE if number != 10 else make_query(owner("192.0.2.1"), 255))
        assert server.read() == 64
        assert server.left == 1
        assert server.read() == 36


def test_errors_of_the_kernel_are_counted_alike(servers):
    """ICMP errors, an answer that is too long for the path, and a socket that may not send, cost one answer each."""
    pair = servers("127.0.0.1")
    for server in pair:
        server.sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        for _ in range(3):
            with client(server, "127.0.0.1") as sock:
                sock.send(ONE)
            server.read_all()
            server.read_all()
        assert server.dropped() == {"receive_failed": 3}
        server.sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 0)
        with client(server, "127.0.0.1") as sock:
            with contextlib.suppress(OSError):  # it has no peer, but may not send from now on
                server.sock.shutdown(socket.SHUT_WR)
            for _ in range(5):
                sock.send(ONE)
            assert server.read_all() == 5
            assert drain(sock) == []
        assert server.dropped() == {"receive_failed": 3, "send_failed": 5}
    assert pair[0].counted() == pair[1].counted()


def test_an_answer_that_is_too_long_for_the_path(servers):
    """EMSGSIZE costs the one answer, and those behind it are sent."""
    hosts = ", ".join(f"host-{number}.a-rather-long-domain-name.example" for number in range(30))
    snapshot = serve(f"zone: 192.0.2.0/24\n{HEAD}records:\n  192.0.2.1: one.example.net\n  192.0.2.9: [{hosts}]\n")
    pair = servers("::1", snapshot, Options(udp_size=4096))
    large = make_query(owner("192.0.2.9"), 12, edns=Edns(4096))
    for server in pair:
        server.sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU, 1280)
        server.sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
        with client(server, "::1") as sock:
            for data in (ONE, large, large, ONE, large):
                sock.send(data)
            assert server.read_all() == 5
            assert [len(wire) < 512 for wire in drain(sock)] == [True, True]
        assert server.dropped() == {"send_too_long": 3}
    assert pair[1].left == 0
    assert pair[0].counted() == pair[1].counted()


def test_source_port_0_is_dropped(servers):
    """A datagram that claims to come from port 0 is counted, and never answered."""
    pair = servers()
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        unable("only root may forge a source port; run this test as root")
    with raw:
        for server in pair:
            raw.sendto(struct.pack(">HHHH", 0, server.port, 8 + len(ONE), 0) + ONE, ("127.0.0.1", 0))
            assert server.read_all() == 1
            assert server.dropped() == {"source_port_zero": 1}
    assert pair[0].counted() == pair[1].counted()


def test_cookies_are_those_of_the_moment(servers):
    """A valid cookie comes back, an old one is renewed, and the cookie that is given is good for the responder."""
    _, server = servers("127.0.0.1", None, Options(cookie_secrets=(SECRET,)))
    address = socket.inet_aton("127.0.0.1")
    with client(server, "127.0.0.1") as sock:
        valid = make_cookie(SECRET, b"abcdefgh", address, time.time() - 60)
        old = make_cookie(SECRET, b"abcdefgh", address, time.time() - 2000)
        for cookie in (valid, old, b"abcdefgh"):
            sock.send(make_query(owner("192.0.2.1"), 12, edns=Edns(options=((10, cookie),))))
        assert server.read_all() == 3
        first, *others = [wire[-24:] for wire in drain(sock)]
    assert server.left == 0 and first == valid
    for cookie in others:
        assert cookie[:9] == b"abcdefgh\1" and abs(int.from_bytes(cookie[12:16], "big") - time.time()) < 60
        data = make_query(owner("192.0.2.1"), 12, edns=Edns(options=((10, cookie),)))
        wire, *_ = respond(kept(), server.live.service, data, UDP, ("127.0.0.1", 9), time.time())
        assert wire[-24:] == cookie
