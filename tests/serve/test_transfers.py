"""Answers of many messages: they come in order and only as fast as they are read, so many at once, beside all else."""

from __future__ import annotations

import asyncio

from ptrd.metrics import blocks
from tests.serve.fakes import make_query, respond, until
from tests.serve.tcpbench import hang_up, read_message, run_with_bench

MESSAGE = 16_000  # bytes
AXFR, REFUSED = 252, 7
BUSY = b"\0\1\x84\2" + bytes(8)


class Stream:
    """An answer of so many messages, counted as they are taken; `fails` at the end of them."""

    kind, zone, busy = "AXFR", b"\7example\0", BUSY

    def __init__(self, messages, *, fails=False):
        self.messages = messages
        self.taken = 0
        self.fails = fails

    def take(self, _now):
        """Give the next message, its number in its first bytes."""
        if self.taken == self.messages:
            if self.fails:
                raise RuntimeError("asked for")
            return b""
        self.taken += 1
        return self.taken.to_bytes(2, "big") + b"\x84\0" + bytes(MESSAGE - 4)


def answering(streams):
    """Make an engine that gives the next stream to who asks for `axfr`, refuses `no`, and answers as ever else."""

    def answer(snapshot, service, data, *rest):
        if b"axfr" in data:
            return streams.pop(0), 0, AXFR, -1
        if b"no" in data:
            return data[:2] + b"\x84\5" + bytes(8), REFUSED, AXFR, -1
        return respond(snapshot, service, data, *rest)

    return answer


def ask(writer, *labels):
    """Send queries."""
    for label in labels:
        query = make_query(label=label)
        writer.write(len(query).to_bytes(2, "big") + query)


def results(bench):
    """Give {how they ended: how many} of the transfers, with those that run."""
    found = dict(zip(blocks.TRANSFER_RESULTS, bench.counts[blocks.TRANSFERS_FINISHED :], strict=False))
    return {name: count for name, count in found.items() if count}, bench.counts[blocks.TRANSFERS_RUNNING]


def test_messages_come_in_order_and_queries_wait_behind_them():
    """All messages of a transfer arrive, then the answer to what was asked after it on the same connection."""

    async def talk(bench):
        reader, writer = await bench.connect()
        ask(writer, b"axfr", b"after")
        for number in range(1, 101):
            assert (await read_message(reader))[:2] == number.to_bytes(2, "big")
        assert b"one" in await read_message(reader)
        assert results(bench) == ({"finished": 1}, 0)
        await hang_up(writer)

    run_with_bench(talk, answering([Stream(100)]))


def test_a_client_that_has_finished_asking_gets_the_rest():
    """Who closes its side after the question is sent everything, and then the connection is closed."""

    async def talk(bench):
        reader, writer = await bench.connect()
        ask(writer, b"axfr")
        writer.write_eof()
        assert len(await reader.read()) == 100 * (MESSAGE + 2)
        await hang_up(writer)

    run_with_bench(talk, answering([Stream(100)]))


def test_who_does_not_read_is_not_written_for():
    """Of a transfer that nobody reads little is made, others are answered meanwhile, and in the end it is cut off."""
    stream = Stream(100_000)

    async def talk(bench):
        reader, writer = await bench.connect(limit=1024)
        writer.transport.pause_reading()
        ask(writer, b"axfr")
        taken = -1
        while stream.taken != taken:
            taken = stream.taken
            other, asking = await bench.connect()
            ask(asking, b"other")
            assert b"one" in await read_message(other)
            await hang_up(asking)
        assert 0 < stream.taken * MESSAGE < 16_000_000  # what the kernel takes, and little more
        await until(lambda: results(bench) == ({"broken": 1}, 0))
        assert bench.closed()["unread"] == 1
        del reader
        await hang_up(writer)

    run_with_bench(talk, answering([stream]), tcp_idle_seconds=1.0)


def test_so_many_run_at_once():
    """Above the number one is told to come again; a refused client takes up none; one that ends makes room."""

    async def talk(bench):
        slow = [await bench.connect(limit=1024) for _ in range(2)]
        for _, writer in slow:
            writer.transport.pause_reading()
            ask(writer, b"axfr")
        await until(lambda: results(bench)[1] == 2)
        reader, writer = await bench.connect()
        ask(writer, *[b"no"] * 50, b"axfr", b"after")
        for _ in range(50):
            assert (await read_message(reader))[3] == 5
        assert await read_message(reader) == BUSY
        assert b"one" in await read_message(reader)
        assert results(bench) == ({"refused": 50, "busy": 1}, 2)
        await hang_up(slow[0][1])
        await until(lambda: results(bench)[1] == 1)
        ask(writer, b"axfr")
        assert len([await read_message(reader) for _ in range(3)]) == 3
        for _, other in (slow[1], (reader, writer)):
            await hang_up(other)
        await until(lambda: results(bench) == ({"finished": 1, "broken": 2, "refused": 50, "busy": 1}, 0))

    run_with_bench(talk, answering([Stream(10_000), Stream(10_000), Stream(3), Stream(3)]), transfers=2)


def test_one_that_fails_is_cut_off_and_nothing_else():
    """A transfer that cannot go on ends with its connection, is counted, and is not said to be whole."""

    async def talk(bench):
        reader, writer = await bench.connect()
        ask(writer, b"axfr", b"after")
        data = await reader.read()
        assert len(data) == 3 * (MESSAGE + 2)
        assert results(bench) == ({"broken": 1}, 0) and bench.counts[blocks.DROP_FAILURE] == 1
        other, asking = await bench.connect()
        ask(asking, b"other")
        assert b"one" in await read_message(other)
        for each in (writer, asking):
            await hang_up(each)

    run_with_bench(talk, answering([Stream(3, fails=True)]))


def test_a_transfer_takes_turns():
    """While transfers run as fast as they can, a query on another connection is answered after a few messages."""
    streams = [Stream(3000) for _ in range(3)]

    async def read_all(bench):
        reader, writer = await bench.connect(limit=1 << 20)
        ask(writer, b"axfr")
        for _ in range(3000):
            await read_message(reader)
        await hang_up(writer)

    async def talk(bench):
        transfers = [asyncio.ensure_future(read_all(bench)) for _ in streams]
        await until(lambda: results(bench)[1] == 3)
        reader, writer = await bench.connect()
        before = sum(stream.taken for stream in streams)
        for _ in range(10):
            ask(writer, b"quick")
            assert b"one" in await read_message(reader)
        assert results(bench)[1] == 3 and sum(stream.taken for stream in streams) - before < 1000
        await asyncio.gather(*transfers)
        assert results(bench) == ({"finished": 3}, 0)
        await hang_up(writer)

    run_with_bench(talk, answering(list(streams)))
