"""TCP framing: in whatever pieces queries come, each whole one is answered once, in order, and little is held."""

from __future__ import annotations

import asyncio
import socket
from collections import deque

from ptrd.metrics import blocks
from ptrd.serve.live import Live
from ptrd.serve.options import ServeOptions
from ptrd.serve.tcp import Connection, Connections
from tests.fuzz.work import bounded

LONGEST = 4096
HELD = 2 + 65535 + 2 * 16384  # a whole message and what two reads bring
OPTIONS = ServeOptions()
CAP = 3
WORDS = (b"\0\x0c", b"\0\x0cabcdefghijkl", b"\0\0", b"\xff\xff", b"\0\x0c\0\1\x80" + bytes(9), b"\1\x2c" + b"q" * 300)


def seeds():
    """Give scripts: a step is its kind, a size or an argument, and for bytes that many of them."""
    query = b"\0\x0c\0\1\0" + bytes(9)
    found = [
        step(0, query),
        step(0, query * 15),
        step(0, query[:1]) + step(0, query[1:]),
        step(0, b"\0\0"),
        step(0, query + b"\0"),
    ]
    found += [step(0, query * 4) + step(1), step(0, query[:9]) + step(1), step(2) + step(0, query * 9) + step(3)]
    found += [
        step(4) + step(0, query, 1) + step(0, query) + step(4) + step(4) + step(4),
        step(0, query) + step(5, b"", 3) + step(5),
    ]
    found += [step(0, query * 2) + step(6), step(7, b"", 3) + step(0, b"\xff\xff" + b"z" * 100) + step(7, b"", 3) * 9]
    found += [
        step(0, b"\0\x0c\0\1\x80" + bytes(9) + query),
        step(0, b"\0\x0c!" + bytes(11) + query),
        step(8) + step(0, query),
    ]
    found += [
        step(2) + step(0, query * 10) + step(7, b"", 2) * 20 + step(3),
        step(0, query) + step(6) + step(0, query, 1),
    ]
    return found


def step(kind, data=b"", argument=0):
    """Write a step; the argument is which connection, or how much."""
    return bytes((kind | argument << 4, len(data))) + data


def answer(_snapshot, _options, data, *_):
    """Answer as an engine may: not at all, with an exception, shortly, or at length."""
    if len(data) < 12 or data[2] & 0x80:
        return b"", 1, -1, -1
    if data[0] == 0x21:
        raise ValueError("asked for")
    wire = data[:2] + b"\x84\0" + bytes(8) + bytes(data[11] << 8)
    return wire, 0, 12, data[10] - 1


class Loop:
    """A loop whose clock is turned by hand."""

    def __init__(self):
        self.now = 0.0
        self.ready = deque()
        self.later = []

    def time(self):
        """Tell the time."""
        return self.now

    def call_soon(self, function, *arguments):
        """Call in the next round."""
        self.ready.append((function, arguments))

    def call_at(self, when, function, *arguments):
        """Call at a time."""
        handle = Handle(when, function, arguments)
        self.later.append(handle)
        return handle

    def call_later(self, delay, function, *arguments):
        """Call after a time."""
        return self.call_at(self.now + delay, function, *arguments)

    def turn(self, seconds=0.0):
        """Let time pass, and call what is due."""
        self.now += seconds
        due = [handle for handle in self.later if handle.when <= self.now]
        self.later = [handle for handle in self.later if handle.when > self.now]
        self.ready += [(handle.function, handle.arguments) for handle in due if not handle.cancelled]
        for _ in range(len(self.ready)):
            function, arguments = self.ready.popleft()
            function(*arguments)


class Handle:
    """A call that can be cancelled."""

    def __init__(self, when, function, arguments):
        self.when = when
        self.function = function
        self.arguments = arguments
        self.cancelled = False

    def cancel(self):
        """Call it off."""
        self.cancelled = True


class Client:
    """The transport and the client behind it: what was sent, what came back."""

    def __init__(self, loop, connections):
        self.loop = loop
        self.fed = b""
        self.got = b""
        self.reading = True
        self.ended = False
        self.state = "open"
        self.unread = False
        self.cut = False  # the connection ended before its time
        self.protocol = Connection(connections, socket.AF_INET)
        self.protocol.connection_made(self)

    def get_extra_info(self, name, default=None):
        """Tell where the client is."""
        return ("192.0.2.1", 5353) if name == "peername" else default

    def set_write_buffer_limits(self, high=None, low=None):
        """Take limits."""
        assert high is None or high <= 1 << 20
        assert low is None or low <= high

    def get_write_buffer_size(self):
        """Tell what waits."""
        return 0

    def is_closing(self):
        """Tell whether it closes."""
        return self.state != "open"

    def close(self):
        """Close when all is sent."""
        self._end(cut=False)

    def abort(self):
        """Close at once."""
        self._end(cut=True)

    def write(self, data):
        """Send."""
        assert self.state == "open" and data
        self.got += data

    def pause_reading(self):
        """Read no more."""
        assert self.reading and self.state == "open"
        self.reading = False

    def resume_reading(self):
        """Read on."""
        assert not self.reading and self.state == "open"
        self.reading = True

    def feed(self, data):
        """Send bytes to the server, as far as it reads."""
        while data and self.reading and not self.ended and self.state == "open":
            buffer = self.protocol.get_buffer(-1)
            part, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(part)] = part
            self.fed += part
            self.protocol.buffer_updated(len(part))
            assert len(self.protocol._received) <= HELD

    def finish(self):
        """Send the end."""
        if not self.ended and self.reading and self.state == "open":
            self.ended = True
            if not self.protocol.eof_received():
                self.close()

    def stop_reading(self, *, stop):
        """Leave answers unread, or take them."""
        if self.unread != stop and self.state == "open":
            self.unread = stop
            (self.protocol.pause_writing if stop else self.protocol.resume_writing)()

    def lose(self, error=None):
        """Let the connection break."""
        if self.state != "lost":
            self.cut = self.cut or self.state == "open"
            self.state = "lost"
            self.protocol.connection_lost(error)

    def _end(self, *, cut):
        if self.state == "open":
            self.state = "closing"
            self.cut = cut
            self.loop.call_soon(self.lose)


def check(data):
    """Play a script of steps on up to sixteen connections."""
    loop = Loop()
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        bounded(10_000 + 50 * len(data), play, loop, data)
    finally:
        asyncio._set_running_loop(before)


def play(loop, data):
    """Play the steps, then let every client read and hang up."""
    counts = blocks.make_block()[1] if not BLOCKS else BLOCKS[0]
    ranges = blocks.make_block(blocks.RANGE_BLOCK)[1] if not BLOCKS else BLOCKS[1]
    BLOCKS[:] = [counts, ranges]
    accepted, closed = counts[blocks.TCP_ACCEPTED], closings(counts)
    connections = Connections(Live(None, None, ranges), answer, counts, OPTIONS, CAP)
    clients = [Client(loop, connections)]
    while data:
        kind, argument = data[0] & 15, data[0] >> 4
        size = data[1] if len(data) > 1 else 0
        chunk, data = (data[2 : 2 + size], data[2 + size :]) if kind == 0 else (b"", data[2:])
        take_step(loop, connections, clients, kind, argument, size, chunk)
        assert len(connections.open) <= CAP
    for client in clients:
        client.stop_reading(stop=False)
    settle(loop, clients)
    for client in clients:
        client.finish()
    settle(loop, clients)
    for client in clients:
        check_client(client)
        client.lose()
    loop.turn(60)
    assert not connections.open and counts[blocks.TCP_OPEN] == 0
    assert counts[blocks.TCP_ACCEPTED] - accepted == len(clients) == closings(counts) - closed


def take_step(loop, connections, clients, kind, argument, size, chunk):
    """Let one thing happen."""
    client = clients[argument % len(clients)]
    if kind == 0:
        client.feed(chunk)
    elif kind == 1:
        client.finish()
    elif kind in (2, 3):
        client.stop_reading(stop=kind == 2)
    elif kind == 4 and len(clients) < 16:
        clients.append(Client(loop, connections))
    elif kind == 5:
        loop.turn(size / 8)
    elif kind == 6:
        client.lose(ConnectionResetError())
    elif kind == 7:
        client.feed(bytes((size, 0)) + bytes(size << 8))  # a long message, of zeros
    elif kind == 8:
        client.feed(b"\0\x0c\0\1\0" + bytes(7) + bytes((0, size)))  # a query with a long answer
    else:
        loop.turn()


def settle(loop, clients):
    """Let everything that waits be done, within so many rounds."""
    rounds = 20 + sum(len(client.fed) for client in clients)
    while loop.ready:
        loop.turn()
        rounds -= 1
        assert rounds > 0, "it goes round for ever"


def check_client(client):
    """Hold what came back against what was sent."""
    expected = b""
    at = 0
    fed = client.fed
    while len(fed) >= at + 2 and len(fed) >= (end := at + 2 + int.from_bytes(fed[at : at + 2], "big")):
        message = fed[at + 2 : end]
        wire = b"" if message[:1] == b"!" else answer(None, None, message)[0]
        if not wire:
            break
        expected += len(wire).to_bytes(2, "big") + wire
        at = end
    if client.cut:
        assert expected.startswith(client.got)
    else:
        assert expected == client.got


def closings(counts):
    """Count the connections that were closed, for whatever reason."""
    return sum(counts[blocks.TCP_CLOSED : blocks.TCP_CLOSED + len(blocks.TCP_CLOSE_REASONS)])


BLOCKS = []  # counters, mapped once
