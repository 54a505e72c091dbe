"""Pools of real worker processes with the stand-in engine, and clients that keep asking them."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ptrd.metrics import blocks
from ptrd.records.changes import Change
from ptrd.serve.options import ServeOptions
from ptrd.serve.pool import WorkerPool
from ptrd.serve.sockets import open_sockets
from tests.serve.certificates import load
from tests.serve.fakes import FakeOptions, ask, make_query, open_descriptors, text_of, wait_until

HERE = Path(__file__).parent
COMMAND = (sys.executable, str(HERE / "fake_worker.py"))


class Bench:
    """A pool of real processes with the stand-in engine."""

    def __init__(self, workers, command, options, tls=None):
        options = {"listen": (("127.0.0.1", 0), ("::1", 0)), "workers": workers, **options}
        self.options = ServeOptions(**options)
        self.listening = open_sockets(self.options)
        self.address, *_ = self.listening.addresses
        self.certificate = None
        if tls is not None:
            self.listening.add_tls(tls.listen, self.options)
            self.tls_address = self.listening.tls_addresses[0]
            self.certificate = load(tls)
        self.failures = []
        self.pool = WorkerPool(
            self.listening,
            self.options,
            FakeOptions(),
            failed=self.failures.append,
            command=command,
            certificate=self.certificate,
        )
        self.ranges, self.range_counts = blocks.make_block(workers * blocks.RANGE_BLOCK)

    async def publish(self, revision, text=None):
        """Publish an image that says this text."""
        image = os.memfd_create("image")
        os.write(image, (text or f"image{revision}").encode())
        try:
            await self.pool.publish(revision, image, self.ranges)
        finally:
            os.close(image)

    def seen(self, asks=60):
        """Ask from many ports, so that every worker is hit, and give {process: what it serves}."""
        words = [text_of(ask(self.address)) for _ in range(asks)]
        return {int(word[1]): (word[0], word[2]) for word in words}

    def serves(self):
        """Give all that is served, as a set."""
        return set(self.seen().values())


@asynccontextmanager
async def started(workers=2, command=COMMAND, tls=None, **options):
    """Start a pool; in the end no process and no descriptor is left."""
    before = open_descriptors()
    bench = Bench(workers, command, options, tls)
    bench.pool.start()
    pids = bench.pool.pids
    try:
        async with asyncio.timeout(180):
            yield bench
    finally:
        pids += bench.pool.pids
        await bench.pool.stop(5)
        bench.listening.close()
        os.close(bench.ranges)
    assert bench.pool.pids == [0] * len(bench.listening.shares)
    for pid in filter(None, pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    mapped = len(bench.listening.shares) + 1  # maps of counters keep a descriptor each
    assert open_descriptors() <= before + mapped


def changes(*numbers):
    """Make changes to these addresses."""
    return [Change(4, number, 60, (b"\1x\0",)) for number in numbers]


class Load:
    """Clients in threads, each asking again when it is answered; `lost` counts queries without an answer."""

    def __init__(self, address, clients=4):
        self.address = address
        self.answers = 0
        self.lost = 0
        self.texts = set()
        self._running = True
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.answers > 10)
        return self

    def __exit__(self, *_):
        self._running = False
        for thread in self._threads:
            thread.join()

    def _ask(self):
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(self.address)
            while self._running:
                number = (number + 1) & 0xFFFF
                client.send(make_query(number))
                try:
                    reply = client.recv(4096)
                except TimeoutError:
                    with self._lock:
                        self.lost += 1
                    continue
                assert int.from_bytes(reply[:2], "big") == number
                with self._lock:
                    self.answers += 1
                    self.texts.add(text_of(reply)[0])


def images_mapped(pid):
    """Count the images that a process maps."""
    return Path(f"/proc/{pid}/maps").read_text(encoding="ascii").count("memfd:image")


def run(talk, **options):
    """Run a coroutine with a pool."""

    async def whole():
        async with started(**options) as bench:
            await talk(bench)

    asyncio.run(whole())
