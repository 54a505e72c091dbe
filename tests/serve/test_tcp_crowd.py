"""Crowds of TCP clients that stall, never read, half-close or reset: a newcomer is served, and memory stays flat.

A real worker, with thousands of real connections. Each crowd is made once or a few times, and nothing waits for a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from pathlib import Path

import pytest

from ptrd.metrics import blocks
from tests.serve.certificates import NAME, client_context, make_pair
from tests.serve.fakes import framed, make_query, text_of, wait_until
from tests.serve.pools import started

PROMPT = 0.1  # seconds within which a newcomer has its answer
LINGER_RESET = b"\1\0\0\0\0\0\0\0"  # l_onoff, l_linger: close sends a reset
SPARE = 200


@pytest.fixture(autouse=True)
def files():
    """Let this process have as many files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def need(files, count):
    """Skip where this process may not open that many files."""
    if files != resource.RLIM_INFINITY and files < count + SPARE:
        pytest.skip(f"{count} connections need {count + SPARE} open files, and `ulimit -Hn` is {files}")


class Crowd:
    """Clients of a bench that are all there at once."""

    def __init__(self, bench, address=None):
        self.bench = bench
        self.address = address or bench.address
        self.clients = []

    def come(self, count, *, many=False, data=b"\0", receive=None):
        """Connect clients, from one address or each from its own, and send the same from each."""
        for number in range(count):
            client = socket.socket()
            self.clients.append(client)
            if receive is not None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            if many:
                client.bind((f"127.1.{number >> 8}.{number & 255}", 0))
            client.settimeout(20)
            client.connect(self.address)
            client.settimeout(0)
            with contextlib.suppress(OSError):  # the server may have closed it by now
                client.send(data)

    def go(self, *, reset=False):
        """Hang up, all of them."""
        for client in self.clients:
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            client.close()
        self.clients.clear()

    def closed(self, reason):
        """Count the connections that the worker has closed for a reason."""
        slot = blocks.TCP_CLOSED + blocks.TCP_CLOSE_REASONS.index(reason)
        return sum(block[slot] for block in self.bench.pool.blocks)

    def open(self):
        """Count the connections that the worker has open."""
        return sum(block[blocks.TCP_OPEN] for block in self.bench.pool.blocks)


def newcomer(bench):
    """Give the time in which a new client of its own address has its answer, in seconds.

    The best of five, and of some more where this machine has other things to do.
    """
    best = float("inf")
    for turn in range(40):
        if turn >= 5 and best < PROMPT:
            break
        began = time.perf_counter()
        with socket.create_connection(bench.address, 10, ("127.200.0.1", 0)) as client:
            client.sendall(framed(make_query(9)))
            stream = client.makefile("rb")
            assert text_of(stream.read(int.from_bytes(stream.read(2), "big")))[0] == "image1"
        best = min(best, time.perf_counter() - began)
    return best


def resident(bench):
    """Give the memory of the worker, in bytes."""
    (pid,) = bench.pool.pids
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def run(talk, **options):
    """Run a function, in a thread, with a pool of one worker that serves image1."""

    async def whole():
        async with started(workers=1, **options) as bench:
            await bench.publish(1)
            crowd = Crowd(bench)
            try:
                await asyncio.to_thread(talk, bench, crowd)
            finally:
                crowd.go()
                assert bench.pool.restarts == 0

    asyncio.run(whole())


EVERYBODY = {"tcp_connections": 10_000, "tcp_connections_per_client": 10_000, "tcp_first_query_seconds": 300.0}
CAPPED = {"tcp_connections": 500, "tcp_connections_per_client": 50, "tcp_first_query_seconds": 300.0}


@pytest.mark.parametrize("limits", [EVERYBODY, CAPPED], ids=["room for all", "capped"])
@pytest.mark.parametrize("many", [False, True], ids=["one address", "many addresses"])
@pytest.mark.parametrize("count", [300, 3000])
def test_stalled_clients_keep_nobody_out(files, count, many, limits):
    """Clients that send one byte and stop, from one address or many, below the caps and above: newcomers are served."""
    need(files, count)

    def talk(bench, crowd):
        for _ in range(10):
            crowd.come(count // 10, many=many)
            assert newcomer(bench) < PROMPT
        expected = count if limits is EVERYBODY else min(count, 500 if many else 50)
        wait_until(lambda: expected - 5 <= crowd.open() <= expected)  # newcomers have come and gone
        closed = crowd.closed("cap") + crowd.closed("client_cap")
        assert count - expected <= closed <= count - expected + 60  # newcomers count too
        assert newcomer(bench) < PROMPT

    run(talk, **limits)


def test_stalled_handshakes_keep_nobody_out(files, tmp_path):
    """Three thousand clients that begin a TLS handshake and stop keep out neither a TLS client nor another."""
    need(files, 3000)
    pair = make_pair(tmp_path)

    def talk_tls(bench):
        context = client_context(pair)
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            with (
                socket.create_connection(bench.tls_address, 10, ("127.200.0.1", 0)) as plain,
                context.wrap_socket(plain, server_hostname=NAME) as client,
            ):
                client.sendall(framed(make_query(9)))
                assert client.recv(2)
            best = min(best, time.perf_counter() - began)
        return best

    def talk(bench, crowd):
        crowd.address = bench.tls_address
        for _ in range(10):
            crowd.come(300, many=True, data=b"\x16\3\1\1\0\1\0")
            assert newcomer(bench) < PROMPT
            assert talk_tls(bench) < PROMPT
        wait_until(lambda: 490 <= crowd.open() <= 500)

    run(talk, tls=pair, **CAPPED)


@pytest.mark.parametrize("many", [False, True], ids=["one address", "many addresses"])
def test_clients_that_never_read_keep_nobody_out(many):
    """Clients that ask for megabytes and read nothing are each held to a bound; newcomers are served meanwhile."""
    flood = framed(make_query(label=b"long")) * 500  # 2 MB of answers

    def talk(bench, crowd):
        before = resident(bench)
        for _ in range(5):
            crowd.come(40, many=many, data=flood, receive=4096)
            assert newcomer(bench) < PROMPT
        wait_until(lambda: crowd.open() == 200)
        # Of each: what may be left unread, as much in one write above that, and what was read of its queries.
        assert resident(bench) - before < 200 * (2 * 32768 + 2 * 65536)

    run(talk, **EVERYBODY, tcp_unsent_bytes=32768)


def test_half_closed_clients_keep_nobody_out():
    """Clients that end their side with half a query are let go, and those with a whole one have its answer."""

    def talk(bench, crowd):
        for _ in range(5):
            crowd.come(100, data=framed(make_query(3)) + b"\0")
            for client in crowd.clients[-100:]:
                client.shutdown(socket.SHUT_WR)
            assert newcomer(bench) < PROMPT
        wait_until(lambda: crowd.open() == 0)
        assert crowd.closed("client") >= 500
        for client in crowd.clients:
            client.settimeout(10)
            stream = client.makefile("rb").read()
            assert stream[2:4] == b"\0\3" and len(stream) == 2 + int.from_bytes(stream[:2], "big")

    run(talk, **EVERYBODY)


def test_resets_in_mid_answer_keep_nobody_out():
    """Clients that reset while megabytes of answers are on their way to them are forgotten at once."""
    flood = framed(make_query(label=b"long")) * 500

    def talk(bench, crowd):
        for _ in range(10):
            crowd.come(50, data=flood, receive=4096)
            for client in crowd.clients:
                client.settimeout(10)
                assert client.recv(10)
            crowd.go(reset=True)
            assert newcomer(bench) < PROMPT
        wait_until(lambda: crowd.open() == 0)

    run(talk, **EVERYBODY)


def test_memory_stays_flat(files):
    """Wave after wave of three thousand stalled clients, and of such as never read, takes no more memory.

    What a connection leaves behind, be it a kilobyte, would be three megabytes a wave.
    """
    need(files, 3000)
    flood = framed(make_query(label=b"long")) * 100

    def wave(bench, crowd):
        crowd.come(3000, many=True)
        assert newcomer(bench) < PROMPT
        crowd.go(reset=True)
        crowd.come(100, many=True, data=flood, receive=4096)
        assert newcomer(bench) < PROMPT
        crowd.go(reset=True)
        wait_until(lambda: crowd.open() == 0)
        return resident(bench)

    def talk(bench, crowd):
        first = max(wave(bench, crowd) for _ in range(3))
        last = min(wave(bench, crowd) for _ in range(4))
        assert last < first + (4 << 20)

    run(talk, **EVERYBODY)
