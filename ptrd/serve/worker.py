"""A worker process: `python -m ptrd.serve.worker FD`, FD being its end of the channel to the supervisor.

It reads its sockets only after it has acknowledged a snapshot, and lives no longer than the channel. It decides
nothing: the supervisor says what to serve and when to stop. Signals that a terminal or an init system sends to all
processes are ignored here, since the supervisor gets them too.

From the supervisor (`sequence` counts these messages, each is acknowledged by it):
    configure  slot, serve, engine, secret, connections, connections_per_client, transfers, tls; descriptors: counters,
               table of limits, the sockets, `tls` of them for TLS, and then certificate and key when there is one
    certificate  sequence; descriptors: certificate, key. For TLS connections that begin from here on
    image      sequence, revision, later; descriptors: image, range counters, and the zones' history where it is kept.
               Live with the `later` changes behind it
    changes    sequence, revision, changes, serials (of zones, by their names in hex), past (no step in their history)
    probe      sequence
    stop       seconds
To the supervisor:
    ready      the interpreter runs and the sockets are here; compiled (whether the compiled data path answers). Once
               more when that path fails
    coming     what was sent is being worked off, and there is more of it
    done       sequence, ok
    notified   zones (their names in hex): a primary says that they have changed
    refused    sequence, error: what was served before goes on being served
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import mmap
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.datapath import reader
from ptrd.engine.options import Options
from ptrd.engine.responder import respond
from ptrd.engine.service import Service
from ptrd.logs import write_logs
from ptrd.metrics.blocks import map_block, map_ranges
from ptrd.serve.channel import Channel, read_change
from ptrd.serve.confine import confine_worker
from ptrd.serve.live import Live
from ptrd.serve.options import PYTHON, ServeOptions, read_options
from ptrd.serve.selector import DatagramSelector
from ptrd.serve.tcp import Connections
from ptrd.serve.tls import TlsConnection, make_context
from ptrd.serve.udp import make_compiled_reader, make_reader
from ptrd.snapshot.image import open_image
from ptrd.snapshot.steps import load_histories

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ptrd.datapath._compiled import Reader
    from ptrd.serve.channel import Message
    from ptrd.serve.live import MakeReader, MakeService, Respond

IGNORED_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPARE_FILES: Final = 512  # that are neither, or are connections above the cap for the moment until others are closed
_PROBE: Final = pack(">HHHHHH", 0x7074, 0, 1, 0, 0, 0)
_NEWS: Final = 1.0  # seconds between two looks
_BIT: Final = 1 << 22  # bytes of an image
_SIGN_OF_LIFE: Final = 16  # messages of changes, after which an image that waits for more of them says so
_log = logging.getLogger("ptrd.serve.worker")  # it may run as __main__


class Worker:
    """Serves what the supervisor says.

    `open_image` makes a snapshot of a map; `make_service` makes the engine's service of a text, the table of limits
    that workers share, and its secret; `make_compiled`, where there is a compiled data path, what it reads.
    """

    def __init__(
        self,
        selector: DatagramSelector,
        respond: Respond,
        open_image: Callable[[mmap.mmap], Any],
        make_service: MakeService,
        make_compiled: MakeReader | None = None,
    ) -> None:
        self._selector = selector
        self._respond = respond
        self._open_image = open_image
        self._make_service = make_service
        self._make_compiled = make_compiled
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._live = Live(None, None, memoryview(b""))
        self._next: Live | None = None  # opened, and waits for `later` changes
        self._later = 0
        self._reading = False
        self._compiled = False  # as the supervisor knows it
        self._sockets: list[socket.socket] = []
        self._secure: list[socket.socket] = []
        self._readers: list[tuple[socket.socket, Callable[[], int]]] = []

    async def run(self, channel: socket.socket) -> int:
        """Serve until told to stop or until the channel ends; gives the exit status."""
        self._channel = Channel(channel, self._loop, self._receive, lambda: self._end(0))
        return await self._ended

    def _receive(self, message: Message, descriptors: list[int]) -> None:
        try:
            handle = {
                "configure": self._configure,
                "image": self._take_image,
                "changes": self._take_changes,
                "certificate": self._take_certificate,
                "probe": self._take_probe,
                "stop": self._take_stop,
            }[message["type"]]
            handle(message, descriptors)
        except Exception:  # noqa: BLE001 - logged; a supervisor that is not understood is no use
            _log.exception("the message %s cannot be handled", message.get("type"))
            self._end(1)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _end(self, status: int) -> None:
        if not self._ended.done():
            self._ended.set_result(status)

    def _configure(self, message: Message, descriptors: list[int]) -> None:
        self._slot = message["slot"]
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(f"ptrd-worker{self._slot}", encoding="ascii")
        self._counts = map_block(descriptors[0])
        table = map_block(descriptors[1])
        self._service = self._make_service(message["engine"], table, bytes.fromhex(message["secret"]))
        options = read_options(ServeOptions, message["serve"])
        write_logs(options.log_format, f"worker {self._slot}")
        most = _allow_files(message["connections"], len(descriptors))
        self._connections = Connections(
            self._live,
            self._respond,
            self._counts,
            options,
            most,
            message["connections_per_client"],
            message["transfers"],
        )
        end = len(descriptors)
        if message["tls"]:
            end -= 2
            self._connections.context = make_context(*descriptors[end:])
        sockets = [socket.socket(fileno=os.dup(descriptor)) for descriptor in descriptors[2:end]]
        plain = len(sockets) - message["tls"]
        self._sockets, self._secure = sockets[:plain], sockets[plain:]
        if options.data_path == PYTHON:
            self._make_compiled = None
        make = make_reader if self._make_compiled is None else make_compiled_reader
        self._readers = [
            (sock, make(sock, self._live, self._respond, self._counts))
            for sock in self._sockets
            if sock.type == socket.SOCK_DGRAM
        ]
        confine_worker(most + len(descriptors) + _SPARE_FILES)
        gc.collect()
        gc.freeze()  # what is here by now stays, so nobody waits while the garbage collector walks over it
        self._say_ready(compiled=self._make_compiled is not None)

    def _take_image(self, message: Message, descriptors: list[int]) -> None:
        self._next, self._later = None, message["later"]
        try:
            image = mmap.mmap(descriptors[0], 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            snapshot = self._open_image(image)
            for descriptor in descriptors[2:]:
                known = memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
                snapshot.remember(*load_histories(known, verify=False))
            ranges = map_ranges(descriptors[1], self._slot)
            self._next = Live(snapshot, self._service, ranges, self._compile(snapshot, ranges))
        except Exception as error:  # noqa: BLE001 - whatever it is, the old snapshot goes on being served
            self._refuse(message, error)
            return
        self._go_live(message)

    def _compile(self, snapshot: Any, ranges: memoryview) -> Reader | None:  # noqa: ANN401 - the engine's own
        """Make what the compiled data path reads; when that fails, it is said, and everything takes the other way."""
        if self._make_compiled is None:
            return None
        try:
            return self._make_compiled(snapshot, self._service, ranges)
        except Exception:  # noqa: BLE001 - whatever it is, plain Python answers
            _log.exception("the compiled data path cannot be used; install ptrd anew")
            self._make_compiled = None
            return None

    def _say_ready(self, *, compiled: bool) -> None:
        """Tell the supervisor which data path answers."""
        self._compiled = compiled
        self._channel.send({"type": "ready", "compiled": compiled})

    def _take_changes(self, message: Message, _: list[int]) -> None:
        behind = self._later > 0  # an image that is not live yet; refused when there is none
        self._later -= behind
        if behind and self._later % _SIGN_OF_LIFE == 0:
            self._channel.send({"type": "coming"})
        target = self._next if behind else self._live
        if target is None:
            return
        try:
            changes = [read_change(change) for change in message["changes"]]
            serials = {bytes.fromhex(origin): serial for origin, serial in message["serials"].items()}
            past = {"past": True} if message["past"] else {}
            target.snapshot = target.snapshot.with_overlay(changes, message["revision"], serials, **past)
        except Exception as error:  # noqa: BLE001 - as above
            self._next = None
            self._refuse(message, error)
            return
        if behind:
            self._go_live(message)
        else:
            self._acknowledge(message)

    def _go_live(self, message: Message) -> None:
        """Serve the next snapshot, when all its changes are here."""
        if self._later or self._next is None:
            return
        live, fresh = self._live, self._next
        before = live.snapshot.buffer if self._reading else b""
        live.snapshot, live.service, live.ranges = fresh.snapshot, fresh.service, fresh.ranges
        live.reader = fresh.reader
        self._next = None
        self._acknowledge(message)
        if not self._reading:
            self._reading = True
            self._tell_news()
            for sock, read in self._readers:
                self._selector.read_datagrams(sock, read)
            for sock in self._sockets:
                if sock.type == socket.SOCK_STREAM:
                    self._start(self._connections.listen(sock))
            for sock in self._secure:
                self._start(self._connections.listen(sock, TlsConnection))
        self._loop.call_soon(self._let_go, before, 0)

    def _let_go(self, image: Any, at: int) -> None:  # noqa: ANN401 - a map, or bytes where nothing was served
        """Let go of the image before, bit by bit: what is still mapped of it when it goes holds up the loop."""
        if at < len(image):
            image.madvise(mmap.MADV_DONTNEED, at, min(_BIT, len(image) - at))  # who still reads it gets it again
            self._loop.call_soon(self._let_go, image, at + _BIT)
        else:
            self._loop.call_soon(gc.collect)  # when this call has ended: a snapshot refers to itself

    def _tell_news(self) -> None:
        """Tell what has come up since, from now on: NOTIFY, what the engine has to say, another data path."""
        self._loop.call_later(_NEWS, self._tell_news)
        if self._compiled != (self._live.reader is not None):
            self._say_ready(compiled=self._live.reader is not None)
        notified = self._live.service.take_notified()
        if notified:
            self._channel.send({"type": "notified", "zones": [origin.hex() for origin in notified]})
        for sentence in self._live.service.take_news(self._live.snapshot):
            _log.warning("%s", sentence)

    def _take_certificate(self, message: Message, descriptors: list[int]) -> None:
        try:
            self._connections.context = make_context(*descriptors)
        except Exception as error:  # noqa: BLE001 - whatever it is, the one before stays in use
            self._refuse(message, error)
            return
        self._acknowledge(message)

    def _take_probe(self, message: Message, _: list[int]) -> None:
        self._acknowledge(message, ok=self._reading and self._probe())

    def _probe(self) -> bool:
        """Ask ourselves for the SOA of a zone, or for anything when there is no zone."""
        zones = [zone for zone in self._live.snapshot.zones if not zone.absent]
        query = _PROBE + (zones[0].origin if zones else b"\0") + b"\0\6\0\1"
        wire = self._respond(self._live.snapshot, self._live.service, query, 0)[0]
        return wire[:2] == query[:2] and (not zones or wire[3] & 15 == 0)

    def _take_stop(self, message: Message, _: list[int]) -> None:
        self._start(self._stop(self._loop.time() + message["seconds"]))

    async def _stop(self, deadline: float) -> None:
        """Answer what the sockets hold already, and end."""
        if self._reading:
            for sock, read in self._readers:
                self._selector.forget_datagrams(sock)
                while read() and self._loop.time() < deadline:
                    pass
            await self._connections.drain(deadline)
        self._end(0)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task; its failure is the worker's."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("the worker ends", exc_info=task.exception())
            self._end(1)

    def _acknowledge(self, message: Message, *, ok: bool = True) -> None:
        self._channel.send({"type": "done", "sequence": message["sequence"], "ok": ok})

    def _refuse(self, message: Message, error: Exception) -> None:
        sentence = str(error) if isinstance(error, PtrdError) else repr(error)
        self._channel.send({"type": "refused", "sequence": message["sequence"], "error": sentence})


def run_worker(
    channel: socket.socket,
    respond: Respond,
    open_image: Callable[[mmap.mmap], Any],
    make_service: MakeService,
    make_compiled: MakeReader | None = None,
) -> int:
    """Be a worker, with this end of a channel; gives the exit status."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)  # blocked by the supervisor until here

    selector = DatagramSelector()

    async def run() -> int:
        return await Worker(selector, respond, open_image, make_service, make_compiled).run(channel)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(run())


def main() -> int:
    """Serve with the engine."""
    return run_worker(
        socket.socket(fileno=int(sys.argv[1])),
        respond,
        lambda image: open_image(image, verify=False),  # the supervisor has verified it
        lambda text, table, secret: Service(read_options(Options, text), table, secret),
        None if reader.MISSING else reader.make_reader,
    )


def _allow_files(connections: int, sockets: int) -> int:
    """Raise the limit of open files to what connections and sockets need; give how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + sockets + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
            )
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(1, min(connections, soft - sockets - _SPARE_FILES))
    return connections


if __name__ == "__main__":
    sys.exit(main())
