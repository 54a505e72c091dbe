"""Zone transfers that run on the connections of a worker: so many at once, each counted and logged.

Who may not have a zone never gets here. A transfer ends when it is told everything, or with its connection.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from ptrd.metrics.blocks import (
    TRANSFERS_BROKEN,
    TRANSFERS_BUSY,
    TRANSFERS_FINISHED,
    TRANSFERS_REFUSED,
    TRANSFERS_RUNNING,
)
from ptrd.serve.live import count_failure
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from ptrd.serve.live import Stream

QTYPES: Final = frozenset((251, 252))  # IXFR, AXFR

_log = logging.getLogger(__name__)


class Running:
    """A transfer on a connection."""

    __slots__ = ("bytes", "client", "messages", "since", "stream")

    def __init__(self, stream: Stream, client: str, since: float) -> None:
        self.stream = stream
        self.client = client
        self.since = since
        self.messages = self.bytes = 0


class Transfers:
    """The transfers of a worker; `most` run at once."""

    def __init__(self, counts: memoryview, most: int) -> None:
        self._counts = counts
        self._most = most
        self._running = 0

    def begin(self, stream: Stream, client: str) -> Running | None:
        """Let a transfer begin; None when as many as may run do so already, which the client is to be told."""
        counts = self._counts
        if self._running >= self._most:
            counts[TRANSFERS_BUSY] += 1
            number = counts[TRANSFERS_BUSY]
            if number & (number - 1) == 0:
                _log.warning(
                    "zone %s: %s to %s has to wait, since %d transfers run already; `transfer.at_once` is their number "
                    "(told %d times)",
                    format_name(stream.zone),
                    stream.kind,
                    client,
                    self._running,
                    number,
                )
            return None
        self._running += 1
        counts[TRANSFERS_RUNNING] = self._running
        return Running(stream, client, monotonic())

    def note(self, wire: bytes) -> None:
        """Count what was answered in one message: refused, or all of it unless it is only the SOA."""
        if wire[3] & 15:
            self._counts[TRANSFERS_REFUSED] += 1
        elif wire[6:8] != b"\0\1":
            self._counts[TRANSFERS_FINISHED] += 1

    def take(self, running: Running, now: float) -> bytes | None:
        """Give the next message, an empty one at the end, and None when it cannot go on."""
        try:
            wire = running.stream.take(now)
        except Exception:  # noqa: BLE001 - counted and logged; the others go on
            count_failure(self._counts, running.stream.zone)
            return None
        if wire:
            running.messages += 1
            running.bytes += len(wire)
        return wire

    def end(self, running: Running, *, whole: bool) -> None:
        """Count a transfer out."""
        self._running -= 1
        self._counts[TRANSFERS_RUNNING] = self._running
        self._counts[TRANSFERS_FINISHED if whole else TRANSFERS_BROKEN] += 1
        _log.log(
            logging.INFO if whole else logging.WARNING,
            "zone %s: %s to %s %s: %d messages, %d bytes in %.2f s",
            format_name(running.stream.zone),
            running.stream.kind,
            running.client,
            "is done" if whole else "was cut off",
            running.messages,
            running.bytes,
            monotonic() - running.since,
        )
