"""Worker processes that fail are replaced or reported, and all are gone when they should be."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptrd.records.changes import Entry
from ptrd.serve import pool as pool_module
from ptrd.serve.options import ServeError
from tests.serve.fakes import make_query, until, wait_until
from tests.serve.pools import COMMAND, HERE, Bench, Load, changes, run


@pytest.fixture
def no_back_off(monkeypatch):
    """Try again at once, however often a worker has failed."""
    monkeypatch.setattr(pool_module, "_BACK_OFF", (0.0,))


def test_a_silent_worker_is_replaced(monkeypatch):
    """One that does not acknowledge in time is killed, and its successor has what was published."""
    monkeypatch.setattr(pool_module, "SILENCE", 0.5)

    async def talk(bench):
        await bench.publish(1)
        old = bench.pool.pids
        os.kill(old[0], signal.SIGSTOP)
        await bench.publish(2)
        assert bench.pool.restarts == 1
        assert bench.pool.pids[1] == old[1]
        assert bench.serves() == {("image2", "")}
        os.kill(bench.pool.pids[1], signal.SIGSTOP)
        assert not await bench.pool.probe()
        await until(lambda: bench.pool.acknowledged == [2, 2])
        assert await bench.pool.probe()
        assert bench.pool.restarts == 2

    run(talk)


def test_a_worker_with_much_to_do_is_not_silent(monkeypatch):
    """Who works off many changes before an image is live answers meanwhile, and is not taken for silent."""
    monkeypatch.setattr(pool_module, "SILENCE", 1.0)

    async def talk(bench):
        await bench.publish(1)
        managed = Entry(2, changes(*range(1_000_000, 1_000_000 + 60_000)), {})
        image = os.memfd_create("image")
        os.write(image, b"image2")
        with Load(bench.address) as load:
            began, before = time.monotonic(), load.answers
            await bench.pool.publish(2, image, bench.ranges, managed)
            took, answers = time.monotonic() - began, load.answers - before
        os.close(image)
        assert bench.pool.restarts == 0 and bench.pool.acknowledged == [2, 2]
        assert took > 1.0 and answers > 100 and not load.lost
        assert bench.serves() == {("image2", "")}

    run(talk)


@pytest.mark.usefixtures("no_back_off")
def test_workers_that_cannot_start_are_reported():
    """After five attempts in a row somebody is told, publishing fails, and the pool stops cleanly all the same."""

    async def talk(bench):
        with pytest.raises(ServeError, match=r"cannot be started, 5 times in a row; .* ended with status 7"):
            await bench.publish(1)
        assert len(bench.failures) >= 1

    run(talk, command=(sys.executable, "-c", "raise SystemExit(7)"))


@pytest.mark.usefixtures("no_back_off")
def test_a_command_that_does_not_exist_is_reported():
    """The same when there is no interpreter to start."""

    async def talk(bench):
        with pytest.raises(ServeError, match="No such file"):
            await bench.publish(1)

    run(talk, command=("/nonexistent/python",))


@pytest.mark.usefixtures("no_back_off")
def test_an_image_that_kills_workers_is_taken_back():
    """When an image crashes every worker that opens it, publishing fails and the image before is served again."""

    async def talk(bench):
        await bench.publish(1)
        with pytest.raises(ServeError, match="5 times in a row"):
            await bench.publish(2, "crash")
        await until(lambda: bench.pool.acknowledged == [1, 1])
        assert bench.serves() == {("image1", "")}

    run(talk)


def test_who_asks_may_go_away(monkeypatch):
    """A probe and a publication that are given up while a worker is silent harm nobody."""
    monkeypatch.setattr(pool_module, "SILENCE", 0.5)

    async def talk(bench):
        await bench.publish(1)
        old = bench.pool.pids
        os.kill(old[0], signal.SIGSTOP)
        for work in bench.pool.probe(), bench.publish(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(work, 0.05)
        await until(lambda: bench.pool.restarts == 1 and bench.pool.acknowledged == [1, 1])
        assert await bench.pool.probe()
        assert bench.serves() == {("image1", "")}

    run(talk)


def test_a_stop_ends_what_is_being_published():
    """A publication that waits for workers when the server stops fails, and no worker is started after that."""

    async def talk(bench):
        await bench.publish(1)
        os.kill(bench.pool.pids[0], signal.SIGSTOP)
        publication = asyncio.ensure_future(bench.publish(2))
        await asyncio.sleep(0.05)
        await bench.pool.stop(0.3)
        with pytest.raises(ServeError, match="stops"):
            await publication
        assert bench.pool.pids == [0, 0]

    async def whole():
        bench = Bench(2, COMMAND, {})
        bench.pool.start()
        await talk(bench)
        bench.listening.close()
        os.close(bench.ranges)

    asyncio.run(whole())


def test_a_stop_answers_what_the_sockets_hold():
    """Queries that were sent before the stop are answered, and the workers end by themselves."""

    async def talk(bench):
        await bench.publish(1)
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
        for client in clients:
            client.settimeout(5)
            client.connect(bench.address)
            client.send(make_query())
        await bench.pool.stop(5)
        for client in clients:
            assert client.recv(4096)
            client.close()
        with pytest.raises(ServeError, match="stops"):
            await bench.pool.apply(Entry(2, [], {}))

    async def whole():
        bench = Bench(2, COMMAND, {})
        bench.pool.start()
        await talk(bench)
        bench.listening.close()
        os.close(bench.ranges)

    asyncio.run(whole())


def test_a_stop_does_not_wait_for_ever():
    """A worker that hangs is killed at the end of the time."""

    async def talk(bench):
        await bench.publish(1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(make_query(label=b"hang"), bench.address)
            wait_until(lambda: is_asleep(bench.pool.pids[0]))
            loop = asyncio.get_running_loop()
            began = loop.time()
            await bench.pool.stop(0.5)
            assert loop.time() - began < 3

    async def whole():
        bench = Bench(1, COMMAND, {})
        bench.pool.start()
        await talk(bench)
        assert bench.pool.pids == [0]
        bench.listening.close()
        os.close(bench.ranges)

    asyncio.run(whole())


def is_asleep(pid):
    """Tell whether a process is in a long sleep, not waiting for sockets."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii")


def test_signals_to_everybody_do_not_end_workers():
    """What a terminal or an init system sends to all processes is the supervisor's business."""

    async def talk(bench):
        for pid in bench.pool.pids:  # also while they start
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        await bench.publish(1)
        for pid in bench.pool.pids:
            for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
                os.kill(pid, number)
        assert await bench.pool.probe()
        assert bench.pool.restarts == 0

    run(talk)


def test_the_supervisors_death_takes_the_workers_along():
    """When the supervisor is killed, no worker goes on answering."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "lone_supervisor.py")], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        pids = [int(word) for word in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        supervisor.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
