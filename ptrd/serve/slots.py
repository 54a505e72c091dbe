"""What the pool remembers: what workers must be told, and who has which place.

A slot outlives its workers: sockets and counters stay while they come and go.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ptrd.metrics.blocks import make_block
from ptrd.records.changes import Entry

if TYPE_CHECKING:
    import asyncio
    import socket
    import subprocess

    from ptrd.serve.channel import Channel


_CHANGES: Final = 20_000  # that one message carries; a change has some hundred bytes


def split_entry(entry: Entry) -> list[Entry]:
    """Divide an entry so that no message to a worker grows without bound; the serials go with the last part."""
    changes = entry.changes
    parts = [changes[at : at + _CHANGES] for at in range(0, len(changes), _CHANGES)] or [changes]
    serials = [*[{} for _ in parts[1:]], entry.serials]
    return [Entry(entry.revision, part, mine) for part, mine in zip(parts, serials, strict=True)]


class State:
    """What a worker must be told to be up to date: an image, and the changes behind it. Owns its descriptors."""

    def __init__(self, revision: int, image: int, ranges: int) -> None:
        self.revision = revision
        self.image = os.dup(image)
        self.ranges = os.dup(ranges)
        self.changes: list[Entry] = []

    @property
    def latest(self) -> int:
        """Give the revision with all changes."""
        return self.changes[-1].revision if self.changes else self.revision

    def close(self) -> None:
        """Close the descriptors, once."""
        for descriptor in {self.image, self.ranges} - {-1}:
            os.close(descriptor)
        self.image = self.ranges = -1


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
        self.failures = 0  # deaths in a row before anything was served
        self.sent = -1  # sequence of the last message that wants an answer
        self.answered = -1  # the same, answered
        self.acknowledged = -1  # the same, answered with yes
        self.revision = -1  # of what is served
        self.expected: dict[int, int] = {}  # sequence: revision that is served once it is acknowledged
        self.probes: dict[int, asyncio.Future[bool]] = {}
        self.timer: asyncio.TimerHandle | None = None
