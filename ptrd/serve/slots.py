"""What the pool remembers: what workers must be told, and who has which place.

A slot outlives its workers: sockets and counters stay while they come and go.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from ptrd.metrics.blocks import make_block
from ptrd.records.changes import Entry
from ptrd.serve.options import write_options

if TYPE_CHECKING:
    import asyncio
    import socket
    import subprocess
    from collections.abc import Iterable

    from ptrd.serve.channel import Channel
    from ptrd.serve.options import ServeOptions


_CHANGES: Final = 128  # that one message carries: a worker takes a message, and then answers what has come meanwhile


def split_entry(entry: Entry) -> list[Entry]:
    """Divide an entry so that no message keeps a worker from answering; the serials go with the last part."""
    changes = entry.changes
    parts = [changes[at : at + _CHANGES] for at in range(0, len(changes), _CHANGES)] or [changes]
    serials = [*[{} for _ in parts[1:]], entry.serials]
    return [Entry(entry.revision, part, mine) for part, mine in zip(parts, serials, strict=True)]


def configuration(slot: Slot, slots: int, options: ServeOptions) -> dict[str, Any]:
    """Give what the worker of one of so many slots is told at its start, but for the engine's part."""
    return {
        "type": "configure",
        "slot": slot.number,
        "serve": write_options(options),
        "connections": -(-options.tcp_connections // slots),
        "connections_per_client": -(-options.tcp_connections_per_client // slots),
        "transfers": -(-options.transfers // slots),
        "tls": len(slot.secure),
    }


def make_memory(pieces: Iterable[bytes | memoryview]) -> int:
    """Give the descriptor of a memory file that holds some pieces, one behind the other. Raises OSError."""
    descriptor = os.memfd_create("ptrd-history", os.MFD_CLOEXEC)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class State:
    """What a worker must be told to be up to date: an image, and the changes behind it. Owns its descriptors."""

    def __init__(self, revision: int, image: int, ranges: int, history: int = -1) -> None:
        self.revision = revision
        self.image = os.dup(image)
        self.ranges = os.dup(ranges)
        self.history = os.dup(history) if history >= 0 else -1
        self.changes: list[Entry] = []
        self.past = 0  # of the changes, those at the beginning that are in no zone's history

    @property
    def latest(self) -> int:
        """Give the revision with all changes."""
        return self.changes[-1].revision if self.changes else self.revision

    def close(self) -> None:
        """Close the descriptors, once."""
        for descriptor in {self.image, self.ranges, self.history} - {-1}:
            os.close(descriptor)
        self.image = self.ranges = self.history = -1


class Slot:
    """A place for a worker: its sockets, those for TLS and its counters, and who has it now."""

    def __init__(self, number: int, sockets: list[socket.socket], secure: list[socket.socket]) -> None:
        self.number = number
        self.sockets = sockets
        self.secure = secure
        self.descriptor, self.counts = make_block()
        self.process: subprocess.Popen[bytes] | None = None
        self.channel: Channel | None = None
        self.pidfd = -1
        self.ready = False
        self.compiled = False  # its worker answers ordinary queries by the compiled data path
        self.failures = 0  # deaths in a row before anything was served
        self.sent = -1  # sequence of the last message that wants an answer
        self.answered = -1  # the same, answered
        self.acknowledged = -1  # the same, answered with yes
        self.revision = -1  # of what is served
        self.expected: dict[int, int] = {}  # sequence: revision that is served once it is acknowledged
        self.probes: dict[int, asyncio.Future[bool]] = {}
        self.timer: asyncio.TimerHandle | None = None

    def answer_probe(self, sequence: int, *, ok: bool) -> None:
        """Tell who probed whether the worker is well."""
        probe = self.probes.pop(sequence, None)
        if probe is not None and not probe.done():  # who asked may have gone
            probe.set_result(ok)
