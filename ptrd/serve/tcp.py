"""DNS over TCP (RFC 7766): pipelined queries, answers as they come, length and message in one write.

What a worker spends on TCP between two looks at UDP is bounded, however many connections are busy: they take turns.
What a client can make us hold is bounded too: while it leaves answers unread, its queries are not read. A connection
is *active* when a whole query is answered or answers were taken; one byte now and then does not count. At the cap the
one that is longest inactive is closed; a new one is never refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict, deque
from time import perf_counter_ns, time
from typing import TYPE_CHECKING, Final, cast

from ptrd.metrics import (
    ANSWERS,
    CLOSED_CAP,
    CLOSED_CLIENT,
    CLOSED_IDLE,
    CLOSED_MALFORMED,
    CLOSED_STOP,
    CLOSED_UNREAD,
    LATENCY_SUM_TCP,
    LATENCY_TCP,
    QTYPE_SLOTS,
    QUERIES,
    RANGES,
    SILENT,
    TCP4,
    TCP6,
    TCP_ACCEPTED,
    TCP_OPEN,
    TRUNCATED,
    extended_rcode,
)
from ptrd.serve.live import count_failure

if TYPE_CHECKING:
    from ptrd.serve.live import Live, Respond
    from ptrd.serve.options import ServeOptions

TURN: Final = 64  # queries between two looks at UDP, over all connections
_SHARE: Final = 16  # of them, one connection's, before the next has its turn
_ENOUGH: Final = 65536  # bytes of answers that end a connection's share
_READ: Final = 16384  # bytes a read; with whole queries in hand and as many bytes, reading waits
_ACCEPT: Final = 64  # connections accepted a wake-up


class Connections:
    """The TCP connections of a worker. `most` is the cap."""

    def __init__(self, live: Live, respond: Respond, counts: memoryview, options: ServeOptions, most: int) -> None:
        self.live = live
        self.respond = respond
        self.counts = counts
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.buffer = memoryview(bytearray(_READ))  # every connection reads into it; nothing stays there
        self.busy: deque[Connection] = deque()
        self.open: OrderedDict[Connection, float] = OrderedDict()  # by last activity, the oldest first
        self._most = most
        self._draining = False
        self._none_open = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections from a listening socket."""
        server = await self.loop.create_server(lambda: Connection(self, sock.family), sock=sock, backlog=_ACCEPT)
        sock.listen(self.options.tcp_backlog)  # asyncio takes one number for both: accepts a wake-up, and the queue
        self._servers.append(server)

    def admit(self, connection: Connection) -> None:
        """Count a new connection in, and make room for it."""
        self.counts[TCP_ACCEPTED] += 1
        self.open[connection] = self.loop.time()
        self.counts[TCP_OPEN] = len(self.open)
        if len(self.open) > self._most:
            next(iter(self.open)).abort(CLOSED_CAP)
        self._none_open.clear()
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self.options.tcp_idle_seconds, self._sweep)
        if self._draining:
            connection.finish()

    def touch(self, connection: Connection) -> None:
        """Note that a connection is active."""
        if connection in self.open:
            self.open[connection] = self.loop.time()
            self.open.move_to_end(connection)

    def release(self, connection: Connection, reason: int) -> None:
        """Count a connection out, the first time."""
        if self.open.pop(connection, None) is not None:
            self.counts[reason] += 1
            self.counts[TCP_OPEN] = len(self.open)
        if not self.open:
            self._none_open.set()

    def enqueue(self, connection: Connection) -> None:
        """Give a connection with whole queries its turn."""
        if not self.busy:
            self.loop.call_soon(self._take_turn)
        self.busy.append(connection)

    async def drain(self, deadline: float) -> None:
        """Stop accepting, answer what has arrived, and close; whoever still has answers unread at the deadline is cut.

        `deadline` is on the loop's clock.
        """
        for _ in range(8):  # rounds of the loop: what waits is accepted, which takes asyncio four or five, and read
            await asyncio.sleep(0)
        self._draining = True
        for server in self._servers:
            server.close()
        for connection in list(self.open):
            connection.finish()
        if self.open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._none_open.wait()
        for connection in list(self.open):
            connection.abort(CLOSED_STOP)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _take_turn(self) -> None:
        left = TURN
        while self.busy and left > 0:
            connection = self.busy.popleft()
            left -= connection.answer(min(_SHARE, left))
            if connection.queued:
                self.busy.append(connection)
        if self.busy:
            self.loop.call_soon(self._take_turn)

    def _sweep(self) -> None:
        """Close the connections that have been inactive for too long; look again when the next may be."""
        limit = self.loop.time() - self.options.tcp_idle_seconds
        for connection, active in list(self.open.items()):
            if active > limit:
                break
            connection.expire()
            self.touch(connection)
        self._sweeper = None
        if self.open:
            oldest = next(iter(self.open.values()))
            self._sweeper = self.loop.call_at(oldest + self.options.tcp_idle_seconds, self._sweep)


class Connection(asyncio.BufferedProtocol):
    """One connection."""

    __slots__ = (
        "_all",
        "_ended",
        "_paused",
        "_peer",
        "_queries",
        "_reason",
        "_received",
        "_transport",
        "queued",
        "unread",
    )

    def __init__(self, connections: Connections, family: int) -> None:
        self._all = connections
        self._queries = QUERIES + 32 * (TCP6 if family == socket.AF_INET6 else TCP4)
        self._received = bytearray()
        self._reason = CLOSED_CLIENT
        self._ended = False  # the client will send no more
        self._paused = False
        self.queued = False  # has whole queries, and its turn comes
        self.unread = False  # has left too many answers unread

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._transport.set_write_buffer_limits(high=self._all.options.tcp_unsent_bytes)
        self._all.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """End; nothing can be sent any more."""
        self._received.clear()
        self._all.release(self, self._reason)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        """Give the buffer to read into."""
        return self._all.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._received += self._all.buffer[:nbytes]
        self._proceed()

    def eof_received(self) -> bool:
        """Go on answering a client that has only finished asking; the transport stays open for it."""
        self._ended = True
        self._proceed()
        return True

    def pause_writing(self) -> None:
        """Answer no more until the client has read."""
        self.unread = True

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self.unread = False
        self._all.touch(self)
        self._proceed()

    def finish(self) -> None:
        """Answer the whole queries that are here, and close."""
        self._ended = True
        self._reason = CLOSED_STOP
        self._proceed()

    def expire(self) -> None:
        """Close after a time of inactivity, at once when the client does not take its answers."""
        if self._transport.is_closing() or self.unread:
            self.abort(CLOSED_UNREAD)
        elif not self.queued:  # else it waits for us, not we for it
            self._close(CLOSED_IDLE)

    def abort(self, reason: int) -> None:
        """Close at once."""
        self._received.clear()
        self._all.release(self, reason)
        self._transport.abort()

    def answer(self, most: int) -> int:
        """Answer at most that many queries, and give how many it was."""
        self.queued = False
        received, live, counts = self._received, self._all.live, self._all.counts
        replies: list[bytes] = []
        at = size = number = 0
        began = perf_counter_ns()
        date = time()
        while number < most and size < _ENOUGH and (end := _end_of_message(received, at)):
            number += 1
            wire = self._answer_one(live, bytes(received[at + 2 : end]), counts, date)
            at = end
            if not wire:  # no DNS, or no query: nothing good will follow
                self._reason = CLOSED_MALFORMED
                self._ended = True
                at = len(received)
                break
            replies += (len(wire).to_bytes(2, "big"), wire)
            size += len(wire) + 2
        del received[:at]
        if replies:
            self._all.touch(self)
            self._transport.write(b"".join(replies))
        if number:
            spent = perf_counter_ns() - began
            counts[LATENCY_TCP + (spent // number).bit_length()] += number
            counts[LATENCY_SUM_TCP] += spent
        self._proceed(enqueue=False)
        return number

    def _proceed(self, *, enqueue: bool = True) -> None:
        """Decide what comes next: a turn, more reading, or the end."""
        if self._transport.is_closing():
            return
        whole = _end_of_message(self._received, 0) > 0
        if whole and not self.unread and not self.queued:
            self.queued = True
            if enqueue:
                self._all.enqueue(self)
        if not whole and self._ended:
            self._close(self._reason)
        elif whole and not self._paused and len(self._received) >= _READ:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not whole:
            self._paused = False
            self._transport.resume_reading()

    def _close(self, reason: int) -> None:
        """Close when the client has taken its answers."""
        self._reason = reason
        self._transport.close()

    def _answer_one(self, live: Live, data: bytes, counts: memoryview, date: float) -> bytes:
        tcp = True
        try:
            wire, source, qtype, number = self._all.respond(live.snapshot, live.options, data, tcp, self._peer, date)
        except Exception:  # noqa: BLE001 - counted and logged; the others go on
            count_failure(counts, data)
            return b""
        counts[self._queries + QTYPE_SLOTS[qtype]] += 1
        if not wire:
            counts[ANSWERS + (source << 5 | SILENT)] += 1
            return b""
        rcode = wire[3] & 15
        if not wire[7] and not wire[9] and rcode != 5:
            rcode = extended_rcode(wire, rcode)
        counts[ANSWERS + (source << 5 | rcode)] += 1
        if wire[2] & 2:
            counts[TRUNCATED] += 1
        if number >= 0:
            live.ranges[min(number, RANGES)] += 1
        return wire


def _end_of_message(received: bytearray, at: int) -> int:
    """Give where the message ends whose length stands at `at`, 0 when it is not all there."""
    if len(received) < at + 2:
        return 0
    end = at + 2 + (received[at] << 8 | received[at + 1])
    return end if end <= len(received) else 0
