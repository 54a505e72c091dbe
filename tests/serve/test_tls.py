"""DNS over TLS: answers as over TCP, and a client that stalls at any point is one more connection under the caps."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections import Counter

import pytest

from ptrd.metrics import blocks
from ptrd.serve.tcp import SHARE, TURN
from ptrd.serve.tls import TlsConnection, make_context
from tests.serve.certificates import Client, connect, load, make_pair
from tests.serve.fakes import framed, make_query, respond, until
from tests.serve.tcpbench import hang_up, read_message, run_with_bench


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Make a certificate and its key."""
    return make_pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Make another."""
    return make_pair(tmp_path_factory.mktemp("other"), "two")


@pytest.fixture
def run(pair, caplog):
    """Run a coroutine with a bench that listens with TLS; nothing that a client did is in the log."""

    def run(talk, *arguments, **options):
        async def whole(bench):
            certificate = load(pair)
            try:
                await bench.listen_tls(certificate)
            finally:
                certificate.close()
            await talk(bench)

        with caplog.at_level(logging.DEBUG, "asyncio"), caplog.at_level(logging.DEBUG, "ptrd"):
            run_with_bench(whole, *arguments, **options)
        assert [record for record in caplog.records if record.levelno >= logging.INFO] == []

    return run


async def hold(bench):
    """Connect a client whose every byte the test sends; give its socket, and how to write and read."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.settimeout(0)
    await loop.sock_connect(sock, bench.tls_address)
    return sock, lambda data: loop.sock_sendall(sock, data), lambda size: loop.sock_recv(sock, size)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_pipelined_queries_are_all_answered_in_order(run, pair, version):
    """A thousand queries sent in one go get a thousand answers, with TLS 1.2 and 1.3, and are counted as TLS."""
    numbers = Counter()

    def look(*arguments):
        numbers[arguments[3]] += 1
        return respond(*arguments)

    async def talk(bench):
        reader, writer = await connect(bench.tls_address, pair, version=version)
        about = writer.get_extra_info("ssl_object")
        assert (about.version(), about.selected_alpn_protocol()) == (version.name.replace("_", "."), "dot")
        writer.write(b"".join(framed(make_query(number)) for number in range(1000)))
        assert [int.from_bytes((await read_message(reader))[:2], "big") for _ in range(1000)] == list(range(1000))
        await hang_up(writer)
        await bench.closing({"client": 1})
        assert sum(bench.counts[32 * blocks.TLS4 : 32 * blocks.TLS4 + 32]) == 1000
        assert sum(bench.counts[blocks.LATENCY_TLS : blocks.LATENCY_SUM]) == 1000
        assert bench.counts[blocks.LATENCY_SUM_TLS] > 0
        assert bench.counts[blocks.TCP_OPEN] == 0
        assert numbers == {2: 1000}

    run(talk, look)


def test_nothing_older_is_offered(pair):
    """Workers speak TLS 1.2 and 1.3 and do not renegotiate."""
    certificate = load(pair)
    context = make_context(certificate.chain, certificate.key)
    certificate.close()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode == ssl.CERT_NONE


def test_a_stream_in_any_pieces(run, pair):
    """Handshake and queries may come byte by byte."""

    async def talk(bench):
        sock, write, read = await hold(bench)

        async def write_slowly(data):
            for at in range(len(data)):
                await write(data[at : at + 1])
                await asyncio.sleep(0)

        with sock:
            client = Client(pair, write_slowly, read)
            await client.shake_hands()
            await client.send(framed(make_query(7)) + framed(make_query(8)))
            received = b""
            while len(received) < 4 or received.count(b"image") + received.count(b"one") < 2:
                received += await client.receive()
            assert received[2:4] == b"\0\7"

    run(talk)


def test_length_and_message_are_one_record(run, pair):
    """The two bytes of length never travel alone: the first record is the whole answer (RFC 7858, 3.3)."""

    async def talk(bench):
        sock, write, read = await hold(bench)
        with sock:
            client = Client(pair, write, read)
            await client.shake_hands()
            await client.send(framed(make_query()))
            data = await client.receive()
            assert int.from_bytes(data[:2], "big") == len(data) - 2

    run(talk)


def test_a_client_that_has_finished_asking_gets_its_answers(run, pair):
    """After the client's close_notify the answers still come, then the server's."""

    async def talk(bench):
        sock, write, read = await hold(bench)
        with sock:
            client = Client(pair, write, read)
            await client.shake_hands()
            await client.send(b"".join(framed(make_query(number)) for number in range(300)))
            await client.say_goodbye()
            received = b""
            while data := await client.receive():
                received += data
        answers = []
        while received:
            size = int.from_bytes(received[:2], "big")
            answers.append(int.from_bytes(received[2:4], "big"))
            received = received[2 + size :]
        assert answers == list(range(300))
        await bench.closing({"client": 1})

    run(talk)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x16",
        b"\x16\3\1\1\0\1\0",  # a ClientHello that goes on
    ],
)
def test_a_handshake_that_stalls_has_its_time(run, sent):
    """A client that stops anywhere before the end of the handshake is closed in time, and holds no TLS session."""

    async def talk(bench):
        loop = asyncio.get_running_loop()
        sock, write, read = await hold(bench)
        with sock:
            await write(sent)
            await until(lambda: len(bench.connections.open) == 1)
            (connection,) = bench.connections.open
            began = loop.time()
            assert await asyncio.wait_for(read(10), 10) == b""
            assert loop.time() - began < 5
            assert connection._session is None
        await bench.closing({"handshake": 1})

    run(talk, tcp_first_query_seconds=0.3, tcp_idle_seconds=60)


def test_a_client_that_asks_nothing_has_its_time(run, pair):
    """A client that stops behind the handshake is closed as over TCP, politely."""

    async def talk(bench):
        reader, writer = await connect(bench.tls_address, pair)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        await hang_up(writer)
        await bench.closing({"no_query": 1})

    run(talk, tcp_first_query_seconds=0.3, tcp_idle_seconds=60)


def test_what_is_no_tls_fails(run):
    """A plain query, other nonsense and a hello without end are handshakes that failed, and are counted."""
    hello = b"\1" + (100_000).to_bytes(3, "big") + b"\3\3"

    async def talk(bench):
        records = [b"\x16\3\1" + struct.pack(">H", 4000) + part for part in (hello.ljust(4000, b"\0"), bytes(4000))]
        unknown, endless = b"\x16\3\1\0\4x\0\0\0", records[0] + records[1] * 20
        for number, sent in enumerate((framed(make_query()), b"GET / HTTP/1.0\r\n\r\n", unknown, endless), 1):
            sock, write, read = await hold(bench)
            with sock:
                with contextlib.suppress(ConnectionError):
                    await write(sent)
                with contextlib.suppress(ConnectionError):
                    while await asyncio.wait_for(read(1000), 10):
                        pass
            await bench.closing({"handshake": number})

    run(talk, tcp_first_query_seconds=60)


def test_what_is_no_query_ends_the_connection(run, pair):
    """An answer instead of a query, or a broken record, ends the connection behind the answers so far."""

    async def talk(bench):
        reader, writer = await connect(bench.tls_address, pair)
        writer.write(framed(make_query(5)) + framed(make_query()[:2] + b"\x80" + make_query()[3:]))
        assert (await read_message(reader))[:2] == b"\0\5"
        assert await reader.read() == b""
        await hang_up(writer)
        await bench.closing({"malformed": 1})
        sock, write, read = await hold(bench)
        with sock:
            client = Client(pair, write, read)
            await client.shake_hands()
            await write(b"\x17\3\3\0\x20" + bytes(32))
            with contextlib.suppress(ConnectionError):
                while await asyncio.wait_for(read(1000), 10):
                    pass
        await bench.closing({"malformed": 2})

    run(talk)


def test_a_newcomer_is_served_at_the_cap(run, pair):
    """Stalled handshakes count as connections do: three hundred of them do not keep a new client out."""

    async def talk(bench):
        kept_reader, kept = await connect(bench.tls_address, pair)
        others = []
        for number in range(300):
            others.append((await hold(bench))[0])
            others[-1].send(b"\x16")
            if number % 10 == 0:
                kept.write(framed(make_query(number)))
                await read_message(kept_reader)
        reader, writer = await connect(bench.tls_address, pair)
        writer.write(framed(make_query(7)))
        assert (await read_message(reader))[:2] == b"\0\7"
        kept.write(framed(make_query(8)))
        assert (await read_message(kept_reader))[:2] == b"\0\x08"
        assert bench.counts[blocks.TCP_OPEN] == 20
        assert bench.closed() == {"cap": 282}
        for sock in others:
            sock.close()
        for each in writer, kept:
            await hang_up(each)

    run(talk, most=20, tcp_connections_per_client=1000)


def test_a_client_that_never_reads_is_held_to_a_bound(run, pair):
    """Its queries wait while its answers do, and it is cut when its time is over."""
    answered = Counter()

    def count(*arguments):
        answered["queries"] += 1
        return respond(*arguments)

    async def talk(bench):
        sock, write, read = await hold(bench)
        with sock:
            client = Client(pair, write, read)
            await client.shake_hands()
            with contextlib.suppress(OSError):
                for _ in range(200):
                    await client.send(framed(make_query(label=b"long")) * 100)  # 80 MB of answers
            await bench.closing({"unread": 1})
        assert answered["queries"] * 4000 < 4_000_000

    run(talk, count, tcp_idle_seconds=0.5, tcp_unsent_bytes=65536)


def test_handshakes_leave_others_their_turn(run, pair, monkeypatch):
    """One round of the loop does a bounded number of handshakes, however many clients begin at once."""
    rounds = Counter()
    current = 0
    shake_hands = TlsConnection._shake_hands

    def count(connection):
        rounds[current] += 1
        return shake_hands(connection)

    monkeypatch.setattr(TlsConnection, "_shake_hands", count)

    async def talk(bench):
        nonlocal current
        loop = asyncio.get_running_loop()

        def tick():
            nonlocal current
            current += 1
            loop.call_soon(tick)

        tick()
        clients = await asyncio.gather(*[connect(bench.tls_address, pair) for _ in range(30)])
        for reader, writer in clients:
            writer.write(framed(make_query(1)))
            assert (await read_message(reader))[:2] == b"\0\1"
            await hang_up(writer)
        # A step that sends nothing costs little; the second one of TLS 1.3 sends tickets and costs as the first.
        assert sum(rounds.values()) >= 60
        assert max(rounds.values()) <= TURN // SHARE

    run(talk)


def test_a_certificate_is_replaced_for_those_who_come(run, pair, other):
    """Open connections go on when the certificate changes; new ones get the new one."""

    async def talk(bench):
        reader, writer = await connect(bench.tls_address, pair)
        certificate = load(other)
        bench.take(certificate)
        certificate.close()
        new_reader, new_writer = await connect(bench.tls_address, other)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(bench.tls_address, pair)
        for each_reader, each_writer in (reader, writer), (new_reader, new_writer):
            each_writer.write(framed(make_query(4)))
            assert (await read_message(each_reader))[:2] == b"\0\4"
            await hang_up(each_writer)
        await bench.closing({"client": 2, "handshake": 1})

    run(talk)


def test_a_stop_answers_what_has_arrived(run, pair):
    """At a stop queries that were sent are answered, stalled handshakes and idle connections end."""

    async def talk(bench):
        idle, idle_writer = await connect(bench.tls_address, pair)
        stalled, write, _ = await hold(bench)
        await write(b"\x16")
        reader, writer = await connect(bench.tls_address, pair)
        writer.write(framed(make_query(1)) + framed(make_query(2)))
        await bench.connections.drain(asyncio.get_running_loop().time() + 5)
        assert [(await read_message(reader))[:2] for _ in range(2)] == [b"\0\1", b"\0\2"]
        assert await reader.read() == b"" == await idle.read()
        for each in writer, idle_writer:
            await hang_up(each)
        stalled.close()
        assert bench.closed() == {"stop": 3}

    run(talk)
