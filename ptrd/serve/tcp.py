"""DNS over TCP (RFC 7766): pipelined queries, answers as they come, length and message in one write.

What a worker spends on TCP between two looks at UDP is bounded, however many connections are busy: they take turns.
What a client can make us hold is bounded too: while it leaves answers unread, or enough of its queries wait, nothing
is read. A connection is *active* when a whole query is answered or answers were taken; one byte now and then does not
count. At a cap the one that is longest inactive is closed, of all or of the client; a new one is never refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from time import perf_counter_ns, time
from typing import TYPE_CHECKING, ClassVar, Final, cast

from ptrd.metrics.blocks import (
    ANSWERS,
    CLOSED_CAP,
    CLOSED_CLIENT,
    CLOSED_CLIENT_CAP,
    CLOSED_IDLE,
    CLOSED_MALFORMED,
    CLOSED_NO_QUERY,
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
from ptrd.serve.roll import Roll, address_of, client_of
from ptrd.serve.transfers import QTYPES, Running, Transfers

if TYPE_CHECKING:
    import ssl

    from ptrd.serve.live import Live, Respond
    from ptrd.serve.options import ServeOptions

TRANSPORT_TCP: Final = 1  # as the engine numbers them; UDP is 0, TLS is 2
TURN: Final = 64  # queries between two looks at UDP, over all connections
SHARE: Final = 16  # of them, one connection's, before the next has its turn
MESSAGE: Final = 32  # of them, what a message of a zone transfer counts for
_ENOUGH: Final = 65536  # bytes of answers that end a connection's share
_READ: Final = 16384  # bytes a read; with whole queries in hand and as many bytes, reading waits
_ACCEPT: Final = 32  # connections accepted a wake-up, each listener


class Connections:
    """The TCP connections of a worker, with TLS or without.

    `most` is the cap, `most_each` that of one client, `transfers` that of zone transfers at once. `context` is what a
    TLS connection that begins takes.
    """

    context: ssl.SSLContext | None = None

    def __init__(
        self,
        live: Live,
        respond: Respond,
        counts: memoryview,
        options: ServeOptions,
        most: int,
        most_each: int | None = None,
        transfers: int | None = None,
    ) -> None:
        self.live = live
        self.respond = respond
        self.counts = counts
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.transfers = Transfers(counts, options.transfers if transfers is None else transfers)
        self.buffer = memoryview(bytearray(_READ))  # every connection reads into it; nothing stays there
        self.busy: deque[Connection] = deque()
        self.open: Roll[Connection] = Roll(options.tcp_first_query_seconds, options.tcp_idle_seconds)
        self._most = most
        self._most_each = options.tcp_connections_per_client if most_each is None else most_each
        self._draining = False
        self._none_open = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0

    async def listen(self, sock: socket.socket, kind: type[Connection] | None = None) -> None:
        """Accept connections of a kind, by default plain ones, from a listening socket."""
        make = kind or Connection
        server = await self.loop.create_server(lambda: make(self, sock.family), sock=sock, backlog=_ACCEPT)
        sock.listen(self.options.tcp_backlog)  # asyncio takes one number for both: accepts a wake-up, and the queue
        self._servers.append(server)

    def admit(self, connection: Connection, client: bytes) -> None:
        """Count a new connection in, and make room for it."""
        self.counts[TCP_ACCEPTED] += 1
        self.open.add(connection, client, self.loop.time())
        self.counts[TCP_OPEN] = len(self.open)
        if self.open.count(client) > self._most_each:
            self.open.oldest_of(client).abort(CLOSED_CLIENT_CAP)
        if len(self.open) > self._most:
            self.open.oldest().abort(CLOSED_CAP)
        self._none_open.clear()
        self._plan_sweep()
        if self._draining:
            connection.finish()

    def touch(self, connection: Connection) -> None:
        """Note that a connection is active."""
        now = self.loop.time()
        self.open.touch(connection, now)
        if self._sweep_at > now + self.options.tcp_idle_seconds:  # planned for new ones, who may have more patience
            self._plan_sweep()

    def release(self, connection: Connection, reason: int) -> None:
        """Count a connection out, the first time."""
        if self.open.remove(connection):
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
            left -= connection.answer(min(SHARE, left))
            if connection.queued:
                self.busy.append(connection)
        if self.busy:
            self.loop.call_soon(self._take_turn)

    def _plan_sweep(self) -> None:
        """See to it that somebody looks when the next connection may be overdue."""
        deadline = self.open.next_deadline()
        if deadline is None or (self._sweeper is not None and self._sweep_at <= deadline):
            return
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._sweep_at = deadline
        self._sweeper = self.loop.call_at(deadline, self._sweep)

    def _sweep(self) -> None:
        """Close the connections that have been inactive for too long."""
        now = self.loop.time()
        self._sweeper = None
        for connection in self.open.overdue(now):
            connection.expire()
            self.open.postpone(connection, now)
        self._plan_sweep()


class Connection(asyncio.BufferedProtocol):
    """One connection."""

    transports: ClassVar = (TCP4, TCP6)  # as they are counted
    number: ClassVar = TRANSPORT_TCP  # as the engine knows it
    latency: ClassVar = (LATENCY_TCP, LATENCY_SUM_TCP)

    __slots__ = (
        *("_address", "_all", "_ended", "_patience_over", "_paused", "_peer", "_queries", "_reason", "_received"),
        *("_running", "_surveyed", "_transport", "_whole", "queued", "unread"),
    )

    def __init__(self, connections: Connections, family: int) -> None:
        self._all = connections
        self._queries = QUERIES + 32 * self.transports[family == socket.AF_INET6]
        self._received = bytearray()
        self._whole = 0  # queries that are whole in it, counted to the cap
        self._surveyed = 0  # where the last of them ends
        self._reason = CLOSED_CLIENT
        self._patience_over = CLOSED_NO_QUERY  # the reason when it is inactive for too long
        self._running: Running | None = None  # a zone transfer, behind which further queries wait
        self._ended = False  # the client will send no more
        self._paused = False
        self.queued = False  # has whole queries, and its turn comes
        self.unread = False  # has left too many answers unread

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._transport.set_write_buffer_limits(high=self._all.options.tcp_unsent_bytes)
        self._address = address_of(self._peer[0])
        self._all.admit(self, client_of(self._address))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """End; nothing can be sent any more."""
        self._forget()
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
            self._close(self._patience_over)

    def abort(self, reason: int) -> None:
        """Close at once."""
        self._forget()
        self._all.release(self, reason)
        self._transport.abort()

    def answer(self, most: int) -> int:
        """Answer at most that many queries, and give how many it was; a message of a transfer costs as much as some."""
        self.queued = False
        if self._running is not None:
            return self._go_on(self._running)
        received, live, counts = self._received, self._all.live, self._all.counts
        replies: list[bytes] = []
        most = min(most, self._whole)
        at = size = number = 0
        began = perf_counter_ns()
        date = time()
        while number < most and size < _ENOUGH:
            end = at + 2 + (received[at] << 8 | received[at + 1])
            number += 1
            wire = self._answer_one(live, bytes(received[at + 2 : end]), counts, date)
            at = end
            if not wire:  # no DNS, or no query: nothing good will follow
                self._reason = CLOSED_MALFORMED
                self._ended = True
                received.clear()
                at = self._whole = self._surveyed = 0
                break
            replies += (len(wire).to_bytes(2, "big"), wire)
            size += len(wire) + 2
            if self._running is not None:
                break
        if at:
            del received[:at]
            self._whole -= number
            self._surveyed -= at
        if replies:
            self._patience_over = CLOSED_IDLE
            self._all.touch(self)
            self._write(b"".join(replies))
        if number:
            spent = perf_counter_ns() - began
            histogram, total = self.latency
            counts[histogram + (spent // number).bit_length()] += number
            counts[total] += spent
        self._proceed(enqueue=False)
        return number

    def _proceed(self, *, enqueue: bool = True) -> None:
        """Decide what comes next: a turn, more reading, or the end."""
        if self._transport.is_closing():
            return
        most = self._all.options.tcp_queries_in_flight
        received, whole, at = self._received, self._whole, self._surveyed
        size = len(received)
        while whole < most and at + 2 <= size and (end := at + 2 + (received[at] << 8 | received[at + 1])) <= size:
            whole += 1
            at = end
        self._whole, self._surveyed = whole, at
        if (whole or self._running is not None) and not self.unread and not self.queued:
            self.queued = True
            if enqueue:
                self._all.enqueue(self)
        if not whole and self._ended and self._running is None:
            self._close(self._reason)
            return
        enough = self.unread or whole >= most or (whole > 0 and size >= _READ)
        if enough and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not enough:
            self._transport.resume_reading()
        self._paused = enough

    def _go_on(self, running: Running) -> int:
        """Send the next message of a transfer, when the client has read enough of those before."""
        wire = self._all.transfers.take(running, time())
        if wire is None:
            self.abort(CLOSED_MALFORMED)
        elif wire:
            self._all.touch(self)
            self._write(len(wire).to_bytes(2, "big") + wire)
        else:
            self._running = None
            self._all.transfers.end(running, whole=True)
        self._proceed(enqueue=False)
        return MESSAGE

    def _write(self, data: bytes) -> None:
        """Send answers, each with its length before it (RFC 7766, 8)."""
        self._transport.write(data)

    def _close(self, reason: int) -> None:
        """Close when the client has taken its answers."""
        self._reason = reason
        self._transport.close()

    def _forget(self) -> None:
        """Forget what has been received, and end what runs."""
        if self._running is not None:
            self._all.transfers.end(self._running, whole=False)
            self._running = None
        self._received.clear()
        self._whole = self._surveyed = 0

    def _answer_one(self, live: Live, data: bytes, counts: memoryview, date: float) -> bytes:
        respond = self._all.respond
        try:
            wire, source, qtype, number = live.answer_ordinary(data, self._address, date) or respond(
                live.snapshot, live.service, data, self.number, self._peer, date
            )
        except Exception:  # noqa: BLE001 - counted and logged; the others go on
            count_failure(counts, data)
            return b""
        counts[self._queries + QTYPE_SLOTS[qtype]] += 1
        if wire.__class__ is not bytes:
            self._running = running = self._all.transfers.begin(wire, self._peer[0])
            wire = wire.busy if running is None else self._all.transfers.take(running, date) or b""
        elif qtype in QTYPES and wire:
            self._all.transfers.note(wire)
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
        return bytes(wire)
