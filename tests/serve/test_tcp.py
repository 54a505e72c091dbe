"""DNS over TCP: pipelined, bounded, fair, and hard to wear out."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections import Counter

from ptrd.metrics import blocks
from ptrd.serve.tcp import TURN
from tests.serve.fakes import framed, make_query, respond, text_of, until
from tests.serve.tcpbench import hang_up, read_message, run_with_bench


def test_pipelined_queries_are_all_answered_in_order():
    """A thousand queries sent in one go get a thousand answers on the same connection."""

    async def talk(bench):
        reader, writer = await bench.connect()
        writer.write(b"".join(framed(make_query(number)) for number in range(1000)))
        numbers = [int.from_bytes((await read_message(reader))[:2], "big") for _ in range(1000)]
        assert numbers == list(range(1000))
        await hang_up(writer)
        await until(lambda: bench.closed() == {"client": 1})
        assert sum(bench.counts[32 * blocks.TCP4 : 32 * blocks.TCP4 + 32]) == 1000
        assert sum(bench.counts[blocks.LATENCY_TCP : blocks.LATENCY_SUM]) == 1000
        assert bench.counts[blocks.TCP_ACCEPTED] == 1
        assert bench.counts[blocks.TCP_OPEN] == 0

    run_with_bench(talk)


def test_queries_in_any_pieces():
    """Where the stream is cut makes no difference, down to single bytes."""
    stream = b"".join(framed(make_query(number, b"long" if number % 7 == 0 else b"a")) for number in range(60))
    dice = random.Random(7)

    async def talk(bench):
        reader, writer = await bench.connect()
        at = 0
        while at < len(stream):
            size = dice.choice([1, 1, 2, 3, 20, 100])
            writer.write(stream[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
            at += size
        for number in range(60):
            assert int.from_bytes((await read_message(reader))[:2], "big") == number
        await hang_up(writer)

    run_with_bench(talk)


def test_length_and_message_are_one_segment():
    """The two bytes of length never travel alone: one read gives the whole answer (RFC 7766, 8)."""

    async def talk(bench):
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.settimeout(0)
            await loop.sock_connect(client, bench.address)
            await loop.sock_sendall(client, framed(make_query()))
            data = await loop.sock_recv(client, 4096)
            assert int.from_bytes(data[:2], "big") == len(data) - 2

    run_with_bench(talk)


def test_a_client_that_has_finished_asking_gets_its_answers():
    """After a half-close the answers still come, then the end."""

    async def talk(bench):
        reader, writer = await bench.connect()
        writer.write(b"".join(framed(make_query(number)) for number in range(300)) + b"\0")
        writer.write_eof()
        for number in range(300):
            assert int.from_bytes((await read_message(reader))[:2], "big") == number
        assert await reader.read() == b""
        await hang_up(writer)
        await until(lambda: bench.closed() == {"client": 1})

    run_with_bench(talk)


def test_what_is_no_query_ends_the_connection():
    """An answer, a message shorter than a header or an empty one: answers so far are sent, then the end."""

    async def talk(bench):
        for bad in b"", b"short", make_query()[:2] + b"\x80" + make_query()[3:]:
            reader, writer = await bench.connect()
            writer.write(framed(make_query(5)) + framed(bad) + framed(make_query(6)))
            assert (await read_message(reader))[:2] == b"\0\5"
            assert await reader.read() == b""
            await hang_up(writer)
        await until(lambda: bench.closed() == {"malformed": 3})

    run_with_bench(talk)


def test_an_exception_ends_one_connection():
    """When the engine fails on a message, that connection ends and others go on."""

    async def talk(bench):
        other_reader, other = await bench.connect()
        reader, writer = await bench.connect()
        writer.write(framed(make_query(label=b"raise")))
        assert await reader.read() == b""
        other.write(framed(make_query()))
        assert text_of(await read_message(other_reader))[0] == "one"
        assert bench.counts[blocks.DROP_FAILURE] == 1
        await hang_up(writer)
        await hang_up(other)

    run_with_bench(talk)


def test_an_idle_connection_is_closed():
    """One that asks no more is closed in time; one byte now and then does not keep it open, queries do."""

    async def talk(bench):
        quiet, quiet_writer = await bench.connect()
        slow, slow_writer = await bench.connect()
        asking, asking_writer = await bench.connect()
        for reader, writer in (quiet, quiet_writer), (slow, slow_writer):
            writer.write(framed(make_query()))
            await read_message(reader)
        loop = asyncio.get_running_loop()
        began = loop.time()
        slow_done, quiet_done = asyncio.ensure_future(slow.read()), asyncio.ensure_future(quiet.read())
        while not (slow_done.done() and quiet_done.done()):
            if not slow_done.done():
                slow_writer.write(b"\1")
            asking_writer.write(framed(make_query()))
            await read_message(asking)
            await asyncio.sleep(0.02)
        assert 0.2 <= loop.time() - began < 3
        assert bench.closed() == {"idle": 2}
        asking_writer.write(framed(make_query()))
        await read_message(asking)
        for writer in quiet_writer, slow_writer, asking_writer:
            await hang_up(writer)

    run_with_bench(talk, tcp_idle_seconds=0.3)


def test_a_newcomer_is_served_at_the_cap():
    """Three hundred clients that send one byte and stop do not keep a new one out: the longest inactive one goes."""

    async def talk(bench):
        kept_reader, kept = await bench.connect()
        others = []
        for number in range(300):
            others.append(await bench.connect())
            others[-1][1].write(b"\0")
            if number % 10 == 0:
                kept.write(framed(make_query(number)))
                await read_message(kept_reader)
        reader, writer = await bench.connect()
        writer.write(framed(make_query(7)))
        assert (await asyncio.wait_for(read_message(reader), 2))[:2] == b"\0\7"
        kept.write(framed(make_query(8)))
        assert (await read_message(kept_reader))[:2] == b"\0\x08"
        assert bench.counts[blocks.TCP_OPEN] == 20
        assert bench.closed() == {"cap": 282}
        for _, other in [*others, (None, kept), (None, writer)]:
            await hang_up(other)

    run_with_bench(talk, most=20)


def test_a_client_that_never_reads_is_held_to_a_bound():
    """Its queries wait while its answers do, little is kept for it, and it is cut when its time is over."""
    answered = Counter()

    def count(*arguments):
        answered["queries"] += 1
        return respond(*arguments)

    async def talk(bench):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(0)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, bench.address)
            queries = framed(make_query(label=b"long")) * 20000  # 80 MB of answers
            with contextlib.suppress(OSError):
                await loop.sock_sendall(client, queries)
            await until(lambda: bench.closed() == {"unread": 1})
        assert answered["queries"] * 4000 < 2_000_000

    run_with_bench(talk, count, tcp_idle_seconds=0.5, tcp_unsent_bytes=65536)


def test_a_slow_reader_gets_everything():
    """A client that reads slowly is waited for, as long as it reads."""

    async def talk(bench):
        reader, writer = await bench.connect(limit=4096)
        writer.write(framed(make_query(label=b"long")) * 500)
        for _ in range(500):
            assert len(await read_message(reader)) > 4000
            await asyncio.sleep(0.001)
        assert bench.closed() == {}
        await hang_up(writer)

    run_with_bench(talk, tcp_idle_seconds=5, tcp_unsent_bytes=16384)


def test_busy_connections_leave_others_their_turn():
    """One round of the loop answers a bounded number of queries, however many wait on however many connections."""
    rounds = Counter()
    current = 0

    def count(*arguments):
        rounds[current] += 1
        return respond(*arguments)

    async def talk(bench):
        nonlocal current
        loop = asyncio.get_running_loop()

        def tick():
            nonlocal current
            current += 1
            loop.call_soon(tick)

        tick()
        clients = [await bench.connect() for _ in range(20)]
        for _, writer in clients:
            writer.write(b"".join(framed(make_query(number)) for number in range(500)))
        for reader, writer in clients:
            for number in range(500):
                assert int.from_bytes((await read_message(reader))[:2], "big") == number
            await hang_up(writer)
        assert sum(rounds.values()) == 10000
        assert max(rounds.values()) <= TURN

    run_with_bench(talk, count)


def test_a_stop_answers_what_has_arrived():
    """At a stop no new connection is accepted, queries that were sent are answered, and idle connections end."""

    async def talk(bench):
        idle, idle_writer = await bench.connect()
        clients = [await bench.connect() for _ in range(10)]
        for _, writer in clients:
            writer.write(framed(make_query(1)) + framed(make_query(2)))
        loop = asyncio.get_running_loop()
        await bench.connections.drain(loop.time() + 2)
        for reader, writer in clients:
            assert [(await read_message(reader))[:2] for _ in range(2)] == [b"\0\1", b"\0\2"]
            assert await reader.read() == b""
            await hang_up(writer)
        assert await idle.read() == b""
        await hang_up(idle_writer)
        assert bench.closed() == {"stop": 11}

    run_with_bench(talk)


def test_a_stop_is_bounded():
    """At a stop a client that leaves its answers unread is cut at the deadline."""

    async def talk(bench):
        reader, writer = await bench.connect(limit=1024)
        writer.write(framed(make_query(label=b"long")) * 2000)
        await until(lambda: any(connection.unread for connection in bench.connections.open))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await bench.connections.drain(began + 0.2)
        assert 0.15 < loop.time() - began < 2
        assert bench.closed() == {"stop": 1}
        writer.transport.abort()
        del reader

    run_with_bench(talk, tcp_unsent_bytes=16384)
