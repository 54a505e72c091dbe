"""The TCP side of a worker in the process of the test, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib

from ptrd.metrics import blocks
from ptrd.serve.live import Live
from ptrd.serve.options import ServeOptions
from ptrd.serve.sockets import TCP, open_sockets
from ptrd.serve.tcp import Connections
from ptrd.serve.tls import TlsConnection, make_context
from tests.serve.fakes import FakeOptions, FakeSnapshot, respond, until


class Bench:
    """The TCP side of a worker, in this process."""

    def __init__(self, answer, most, options, live=None):
        self.listening = open_sockets(ServeOptions(listen=(("127.0.0.1", 0),), workers=1, **options))
        self.listening.add_tls([("127.0.0.1", 0)], ServeOptions())
        self.address = self.listening.addresses[0]
        self.tls_address = self.listening.tls_addresses[0]
        self.counts = blocks.make_block()[1]
        live = live or Live(FakeSnapshot("one"), FakeOptions(), blocks.make_block(blocks.RANGE_BLOCK)[1])
        self.connections = Connections(live, answer, self.counts, ServeOptions(**options), most)

    async def listen(self):
        """Begin to accept."""
        for sock in self.listening.shares[0]:
            if sock.type == TCP:
                await self.connections.listen(sock)

    async def listen_tls(self, certificate):
        """Begin to accept TLS."""
        self.take(certificate)
        await self.connections.listen(self.listening.secure[0][0], TlsConnection)

    def take(self, certificate):
        """Take a certificate for connections to come."""
        self.connections.context = make_context(certificate.chain, certificate.key)

    async def connect(self, **options):
        """Connect a client."""
        return await asyncio.open_connection(*self.address, **options)

    def closed(self):
        """Give {reason: count} of the connections that are closed."""
        counts = self.counts[blocks.TCP_CLOSED :]
        return {reason: count for reason, count in zip(blocks.TCP_CLOSE_REASONS, counts, strict=False) if count}

    async def closing(self, expected):
        """Wait until connections were closed for just these reasons."""
        with contextlib.suppress(TimeoutError):
            await until(lambda: self.closed() == expected)
        assert self.closed() == expected


def run_with_bench(talk, answer=respond, most=100, live=None, **options):
    """Run a coroutine with a bench, at most for 30 s."""

    async def run():
        bench = Bench(answer, most, options, live)
        try:
            await bench.listen()
            async with asyncio.timeout(30):
                await talk(bench)
        finally:
            await bench.connections.drain(0)
            bench.listening.close()

    asyncio.run(run())


async def read_message(reader):
    """Read one message."""
    size = int.from_bytes(await reader.readexactly(2), "big")
    return await reader.readexactly(size)


async def hang_up(writer):
    """Close a client, whatever state it is in."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
