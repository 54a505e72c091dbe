"""A loop whose datagrams are read while it waits: nothing else is late for them, and nothing that fails ends it."""

from __future__ import annotations

import asyncio
import select
import socket
import threading

import pytest

from ptrd.serve.selector import DatagramSelector
from tests.serve.fakes import open_descriptors, until


@pytest.fixture
def selector():
    """Make a selector, closed after the test."""
    selector = DatagramSelector()
    yield selector
    selector.close()


@pytest.fixture
def pair():
    """Make two sockets, what is sent to one comes to the other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.settimeout(0)
        yield ours, theirs


def run(selector, talk):
    """Run a coroutine in a loop with this selector, at most for 30 s."""

    async def whole():
        async with asyncio.timeout(30):
            await talk()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(whole())


def test_datagrams_are_read_without_a_turn_of_the_loop(selector, pair):
    """While the loop waits for one timer, each datagram is read as it comes, and the loop has no turn."""
    ours, theirs = pair
    found, turns = [], []
    select_before = selector.select

    def read():
        found.append(ours.recv(9))
        if len(found) < 50:
            theirs.send(b"more")
        else:
            selector.forget_datagrams(ours)
        return 1

    def count(timeout=None):
        turns.append(len(found))
        return select_before(timeout)

    selector.select = count

    async def talk():
        loop = asyncio.get_running_loop()
        selector.read_datagrams(ours, read)
        theirs.send(b"first")
        over = loop.create_future()
        loop.call_later(0.2, over.set_result, None)
        await over
        assert len(found) == 50

    run(selector, talk)
    assert set(turns) <= {0, 50}


def test_everything_else_has_its_turn(selector, pair):
    """Datagrams that never end hold up no timer, no stream, no callback and no other thread."""
    ours, theirs = pair
    theirs.send(b"never read")
    reads = []

    async def talk():
        loop = asyncio.get_running_loop()
        selector.read_datagrams(ours, lambda: reads.append(1) or 1)
        await until(lambda: len(reads) > 100)
        await asyncio.sleep(0.01)
        before = len(reads)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(reads) - before <= 20
        other = asyncio.Event()
        threading.Thread(target=loop.call_soon_threadsafe, args=(other.set,)).start()
        await other.wait()
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        server.close()

    run(selector, talk)


def test_a_reader_that_fails_is_asked_again(selector, pair, caplog):
    """What it raises is logged; the next datagram comes to it all the same."""
    ours, theirs = pair
    found = []

    def read():
        found.append(ours.recv(9))
        if len(found) == 1:
            raise RuntimeError("on purpose")
        return 1

    async def talk():
        selector.read_datagrams(ours, read)
        theirs.send(b"one")
        theirs.send(b"two")
        await until(lambda: len(found) == 2)

    run(selector, talk)
    assert [record.message for record in caplog.records] == ["datagrams could not be read"]


def test_a_socket_that_is_forgotten(selector, pair):
    """It is read no more, and may be read again later."""
    ours, theirs = pair
    found = []

    async def talk():
        selector.read_datagrams(ours, lambda: found.append(ours.recv(9)) or 1)
        theirs.send(b"one")
        await until(lambda: found == [b"one"])
        selector.forget_datagrams(ours)
        theirs.send(b"two")
        for _ in range(5):
            await asyncio.sleep(0)
        assert found == [b"one"]
        selector.read_datagrams(ours, lambda: found.append(ours.recv(9)) or 1)
        await until(lambda: found == [b"one", b"two"])

    run(selector, talk)


def test_it_waits_as_selectors_do(pair):
    """Without datagrams it is any selector: it gives what is ready, or nothing when the time is up; it closes."""
    ours, theirs = pair
    before = open_descriptors()
    selector = DatagramSelector()
    assert selector.select(0) == selector.select(-1) == selector.select(0.001) == []
    key = selector.register(ours, select.EPOLLIN)
    theirs.send(b"x")
    assert selector.select(None) == [(key, 1)]
    selector.close()
    assert open_descriptors() == before
