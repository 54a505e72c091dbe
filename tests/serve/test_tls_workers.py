"""DNS over TLS at every worker: each has the current certificate, and one that cannot be used is taken back."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ptrd.records.changes import Entry
from ptrd.serve.options import ServeError
from ptrd.store.certificate import Certificate
from tests.serve.certificates import connect, load, make_pair
from tests.serve.fakes import framed, make_query, text_of, until
from tests.serve.pools import changes, started
from tests.serve.tcpbench import hang_up, read_message


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Make a certificate and its key."""
    return make_pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Make another."""
    return make_pair(tmp_path_factory.mktemp("other"), "two")


async def who_answers(bench, pair, asks=30):
    """Ask over many TLS connections, and give the processes that answer."""
    found = set()
    for _ in range(asks):
        reader, writer = await connect(bench.tls_address, pair)
        writer.write(framed(make_query()))
        found.add(int(text_of(await read_message(reader))[1]))
        await hang_up(writer)
    return found


def test_every_worker_has_the_current_certificate(pair, other):
    """A renewal is in use at every worker when it returns, and in the one that replaces a worker that was killed."""

    async def talk():
        async with started(tls=pair) as bench:
            await bench.publish(1)
            assert await who_answers(bench, pair) == set(bench.pool.pids)
            reader, writer = await connect(bench.tls_address, pair)
            await bench.pool.renew(load(other))
            assert await who_answers(bench, other) == set(bench.pool.pids)
            writer.write(framed(make_query()))
            assert text_of(await read_message(reader))[0] == "image1"
            await hang_up(writer)
            before = bench.pool.pids
            os.kill(before[0], signal.SIGKILL)
            await until(lambda: bench.pool.pids[0] not in (0, before[0]) and bench.pool.acknowledged == [1, 1], 30)
            assert await who_answers(bench, other) == set(bench.pool.pids)
            await bench.pool.apply(Entry(2, changes(5), {}))

    asyncio.run(talk())


def test_what_a_worker_cannot_load_is_taken_back(pair):
    """A certificate that a worker refuses is refused as a whole, and the one before goes on being used."""

    async def talk():
        async with started(tls=pair) as bench:
            await bench.publish(1)
            bad = Certificate(os.memfd_create("bad"), os.memfd_create("bad"), 0.0, b"")
            with pytest.raises(ServeError, match=r"worker \d cannot serve it"):
                await bench.pool.renew(bad)
            assert await who_answers(bench, pair) == set(bench.pool.pids)
            assert bench.pool.restarts == 0
            await bench.publish(2)

    asyncio.run(talk())
