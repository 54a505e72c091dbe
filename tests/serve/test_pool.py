"""Worker processes: always there, always up to date."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from ptrd.metrics import blocks
from ptrd.records.changes import Entry
from ptrd.serve.options import ServeError
from tests.serve.fakes import ask, ask_tcp, make_query, text_of, until
from tests.serve.pools import Load, changes, images_mapped, run


def test_workers_serve_what_is_published():
    """Nothing is answered before the first publication; then every worker answers, over UDP and TCP, IPv4 and IPv6."""

    async def talk(bench):
        assert not await bench.pool.probe()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
            early.connect(bench.address)
            early.settimeout(5)
            early.send(make_query(77))
            await bench.publish(1)
            assert early.recv(4096)[:2] == b"\0\x4d"  # it waited in the socket
        assert bench.pool.acknowledged == [1, 1]
        assert await bench.pool.probe()
        for address in bench.listening.addresses:
            assert text_of(ask(address))[0] == text_of(ask_tcp(address))[0] == "image1"
        seen = bench.seen()
        assert set(seen) == set(bench.pool.pids)
        assert text_of(ask(bench.address))[3] == "hello"
        await until(lambda: sum(bench.range_counts) == 66)  # a worker counts when it has answered
        total = [sum(column) for column in zip(*bench.pool.blocks, strict=True)]
        assert sum(total[32 * blocks.UDP4 : 32 * blocks.UDP6]) == 63
        assert [sum(total[32 * kind : 32 * kind + 32]) for kind in (1, 2, 3)] == [1, 1, 1]
        assert sum(bench.range_counts[blocks.RANGE_BLOCK :]) > 0

    run(talk)


def test_a_worker_that_is_killed_under_load_is_replaced():
    """Its sockets and counters are its successor's: queries in the socket are answered, no sum goes back."""

    async def talk(bench):
        await bench.publish(1)
        await bench.pool.apply(Entry(2, changes(5), {}))
        old = bench.pool.pids
        with Load(bench.address, clients=8) as load:
            answers = load.answers
            os.kill(old[0], signal.SIGKILL)
            counted = sum(bench.pool.blocks[0])
            await until(lambda: bench.pool.acknowledged == [2, 2] and bench.pool.pids[0] not in {0, old[0]})
            await until(lambda: load.answers > answers + 200)
        assert bench.pool.restarts == 1
        assert bench.pool.pids[1] == old[1]
        assert sum(bench.pool.blocks[0]) >= counted
        assert load.lost <= 8  # those it had in hand
        assert bench.serves() == {("image1", "2:5")}
        assert bench.failures == []
        assert await bench.pool.probe()

    run(talk)


def test_fifty_publications_under_load_lose_nothing():
    """Every query sent during fifty swaps is answered, from an image that was published."""

    async def talk(bench):
        await bench.publish(1)
        with Load(bench.address) as load:
            for revision in range(2, 52):
                await bench.publish(revision)
                assert bench.pool.acknowledged == [revision, revision]
                assert text_of(ask(bench.address))[0] == f"image{revision}"
        assert load.lost == 0
        assert load.texts <= {f"image{revision}" for revision in range(1, 52)}
        assert len(load.texts) > 10
        for pid in bench.pool.pids:  # the images before are let go
            assert images_mapped(pid) == 1
        assert bench.pool.restarts == 0

    run(talk)


def test_changes_are_live_when_apply_returns():
    """A change is answered by every worker once `apply` returns, also by a worker that starts later."""

    async def talk(bench):
        await bench.publish(10)
        await bench.pool.apply(Entry(11, changes(1, 2), {}))
        await bench.pool.apply(Entry(12, changes(3), {}))
        assert bench.serves() == {("image10", "11:1,11:2,12:3")}
        os.kill(bench.pool.pids[1], signal.SIGKILL)
        await until(lambda: bench.pool.restarts == 1 and bench.pool.acknowledged == [12, 12])
        assert bench.serves() == {("image10", "11:1,11:2,12:3")}
        await bench.publish(11)
        assert bench.pool.acknowledged == [12, 12]
        assert bench.serves() == {("image11", "12:3")}
        await bench.publish(12)
        assert bench.serves() == {("image12", "")}

    run(talk)


def test_many_changes_behind_an_image():
    """More changes than a socket buffer holds reach a new worker before it answers."""

    async def talk(bench):
        await bench.publish(0)
        for revision in range(1, 9):
            await bench.pool.apply(Entry(revision, changes(*range(1000, 6000)), {}))
        os.kill(bench.pool.pids[0], signal.SIGKILL)
        await until(lambda: bench.pool.restarts == 1 and bench.pool.acknowledged == [8])
        await bench.publish(8)
        assert bench.serves() == {("image8", "")}

    run(talk, workers=1)


def test_what_a_worker_refuses_is_taken_back():
    """A bad image or change raises, and everybody goes on with what was served before."""

    async def talk(bench):
        await bench.publish(1)
        await bench.pool.apply(Entry(2, changes(1), {}))
        with pytest.raises(ServeError, match="bad apple"):
            await bench.publish(3, "bad apple")
        assert bench.serves() == {("image1", "2:1")}
        with pytest.raises(ServeError, match="666"):
            await bench.pool.apply(Entry(4, changes(666), {}))
        await bench.pool.apply(Entry(5, changes(2), {}))
        assert bench.serves() == {("image1", "2:1,5:2")}
        assert bench.pool.restarts == 0

    run(talk)
