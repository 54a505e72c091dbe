"""TCP: whom the caps and the timeouts meet, and whom they do not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter

import pytest

from ptrd.metrics import blocks
from ptrd.serve.roll import Roll, address_of, client_of
from tests.serve.fakes import framed, make_query, respond, until
from tests.serve.tcpbench import hang_up, read_message, run_with_bench


def test_a_client_that_asks_nothing_has_less_time():
    """Until its first whole query a connection has the shorter patience, whatever pieces of one it sends."""

    async def talk(bench):
        silent, silent_writer = await bench.connect()
        slow, slow_writer = await bench.connect()
        asking, asking_writer = await bench.connect()
        asking_writer.write(framed(make_query()))
        await read_message(asking)
        slow_done, silent_done = asyncio.ensure_future(slow.read()), asyncio.ensure_future(silent.read())
        while not (slow_done.done() and silent_done.done()):
            if not slow_done.done():
                slow_writer.write(b"\1")
            await asyncio.sleep(0.02)
        assert bench.closed() == {"no_query": 2}
        asking_writer.write(framed(make_query()))
        await read_message(asking)
        for writer in silent_writer, slow_writer, asking_writer:
            await hang_up(writer)

    run_with_bench(talk, tcp_first_query_seconds=0.3, tcp_idle_seconds=60)


def test_the_shorter_patience_counts_from_each_connection():
    """One that comes while others have asked is looked at in its own time, not in theirs."""

    async def talk(bench):
        asking, asking_writer = await bench.connect()
        asking_writer.write(framed(make_query()))
        await read_message(asking)
        for _ in range(2):
            silent, silent_writer = await bench.connect()
            assert await asyncio.wait_for(silent.read(), 10) == b""
            await hang_up(silent_writer)
        assert bench.closed() == {"no_query": 2}
        await hang_up(asking_writer)

    run_with_bench(talk, tcp_first_query_seconds=0.1, tcp_idle_seconds=60)


def test_one_client_has_its_own_cap():
    """Beyond its cap a client's longest inactive connection goes; those of others stay, and its newcomer is served."""

    async def talk(bench):
        other_reader, other = await bench.connect(local_addr=("127.0.0.2", 0))
        mine = []
        for _ in range(5):
            mine.append(await bench.connect())
            mine[-1][1].write(framed(make_query()))
            await read_message(mine[-1][0])
        mine[0][1].write(framed(make_query()))  # the first is now the latest that was active
        await read_message(mine[0][0])
        mine += [await bench.connect() for _ in range(2)]
        for reader, writer in (mine[-1], mine[0], (other_reader, other)):
            writer.write(framed(make_query(9)))
            assert (await read_message(reader))[:2] == b"\0\x09"
        for reader, _ in mine[1:3]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        assert bench.closed() == {"client_cap": 2}
        assert bench.counts[blocks.TCP_OPEN] == 6
        for _, writer in [*mine, (None, other)]:
            await hang_up(writer)

    run_with_bench(talk, tcp_connections_per_client=5)


def test_queries_in_flight_are_capped():
    """While that many whole queries wait no more is read, and all are answered in the end, in order."""
    most = Counter()

    async def talk(bench):
        def look(*arguments):
            for connection in bench.connections.open:
                most["whole"] = max(most["whole"], connection._whole)
            return respond(*arguments)

        bench.connections.respond = look
        reader, writer = await bench.connect()
        writer.write(b"".join(framed(make_query(number)) for number in range(3000)))
        for number in range(3000):
            assert int.from_bytes((await read_message(reader))[:2], "big") == number
        assert most["whole"] == 5
        await hang_up(writer)

    run_with_bench(talk, tcp_queries_in_flight=5)


def test_nothing_is_read_from_who_does_not_read():
    """While answers are left unread the socket is not read, so that what waits stays in the client's own buffers."""

    async def talk(bench):
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(0)
            await loop.sock_connect(client, bench.address)
            sending = asyncio.ensure_future(loop.sock_sendall(client, framed(make_query(label=b"long")) * 200_000))
            await until(lambda: any(connection.unread for connection in bench.connections.open))
            (connection,) = bench.connections.open
            assert not connection._transport.is_reading()
            assert len(connection._received) < 40_000
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    run_with_bench(talk, tcp_unsent_bytes=65536)


def test_a_reset_in_mid_answer_ends_one_connection():
    """A client that resets while it is answered is forgotten, and others go on."""

    async def talk(bench):
        other_reader, other = await bench.connect()
        loop = asyncio.get_running_loop()
        for _ in range(20):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close resets
                client.settimeout(0)
                await loop.sock_connect(client, bench.address)
                await loop.sock_sendall(client, framed(make_query(label=b"long")) * 300)
                assert await loop.sock_recv(client, 100)
            other.write(framed(make_query(3)))
            assert (await read_message(other_reader))[:2] == b"\0\3"
        await until(lambda: bench.counts[blocks.TCP_OPEN] == 1)
        assert bench.closed() == {"client": 20}
        await hang_up(other)

    run_with_bench(talk)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%lo", "fe80::2", True),
    ],
)
def test_who_is_one_client(one, other, same):
    """A client is an IPv4 address, or the /64 of an IPv6 address."""
    assert (client_of(address_of(one)) == client_of(address_of(other))) == same


def test_the_roll_knows_the_longest_inactive():
    """New and asked connections are one order of time, of all and of each client."""
    roll = Roll(2.0, 10.0)
    roll.add("a", b"x", 0.0)
    roll.add("b", b"y", 1.0)
    roll.add("c", b"x", 2.0)
    assert (roll.oldest(), roll.oldest_of(b"x"), roll.oldest_of(b"y"), roll.next_deadline()) == ("a", "a", "b", 2.0)
    roll.touch("a", 3.0)
    assert (roll.oldest(), roll.oldest_of(b"x"), roll.next_deadline()) == ("b", "c", 3.0)
    assert roll.overdue(4.0) == ["b", "c"]
    roll.postpone("b", 4.0)
    assert (roll.oldest(), roll.overdue(4.0)) == ("c", ["c"])
    assert roll.overdue(13.0) == ["c", "b", "a"]
    assert roll.remove("c") and not roll.remove("c")
    roll.touch("c", 5.0)
    assert (len(roll), set(roll), roll.count(b"x"), roll.count(b"z")) == (2, {"a", "b"}, 1, 0)
    assert roll.remove("a") and roll.remove("b")
    assert not roll and roll.next_deadline() is None and roll.count(b"x") == 0
    assert not roll._clients
