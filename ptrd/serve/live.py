"""What a worker serves at this moment, and the function that answers from it.

The snapshot is replaced as a whole, between two batches; whoever began with the old one finishes with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from ptrd.metrics.blocks import DROP_FAILURE


class Stream(Protocol):
    """An answer of many messages: engine.transfers.Outgoing. Over UDP there is none."""

    kind: str
    zone: bytes
    busy: bytes

    def take(self, now: float) -> bytes:
        """Give the next message, nothing at the end."""


# (snapshot, service, message, transport, client's socket address, Unix time) -> (answer, nothing or a Stream, source,
# qtype, range); the last two may be left out: engine.responder.respond
Respond = Callable[..., tuple[Any, int, int, int]]
# (options as text, table of limits, its secret) -> the engine's service: engine.service.Service
MakeService = Callable[[str, memoryview, bytes], Any]

_log = logging.getLogger(__name__)


class Live:
    """The snapshot, the engine's service, and the counters of the snapshot's ranges."""

    __slots__ = ("ranges", "service", "snapshot")

    def __init__(self, snapshot: Any, service: Any, ranges: memoryview) -> None:  # noqa: ANN401 - the engine's own
        self.snapshot = snapshot
        self.service = service
        self.ranges = ranges


def count_failure(counts: memoryview, data: bytes) -> None:
    """Count a message on which the engine failed, and log the 1st, 2nd, 4th, 8th... with the exception."""
    counts[DROP_FAILURE] += 1
    number = counts[DROP_FAILURE]
    if number & (number - 1) == 0:
        _log.exception("no answer to the message %s (failure %d)", data[:512].hex(), number)
