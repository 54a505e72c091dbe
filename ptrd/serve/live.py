"""What a worker serves at this moment, and the function that answers from it.

The snapshot is replaced as a whole, between two batches; whoever began with the old one finishes with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from ptrd.metrics.blocks import DROP_FAILURE

if TYPE_CHECKING:
    from ptrd.datapath._compiled import Reader


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
# (snapshot, service, counters of its ranges) -> what answers ordinary queries, or None: datapath.reader.make_reader
MakeReader = Callable[[Any, Any, memoryview], "Reader | None"]
# (options as text, table of limits, its secret) -> the engine's service: engine.service.Service
MakeService = Callable[[str, memoryview, bytes], Any]

_STREAM: Final = True  # what a query came over is one

_log = logging.getLogger(__name__)


class Live:
    """The snapshot, the engine's service, the counters of the snapshot's ranges, and the compiled reader, if any."""

    __slots__ = ("ranges", "reader", "service", "snapshot")

    def __init__(
        self,
        snapshot: Any,  # noqa: ANN401 - the engine's own
        service: Any,  # noqa: ANN401 - the same
        ranges: memoryview,
        reader: Reader | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.service = service
        self.ranges = ranges
        self.reader = reader

    def answer_ordinary(self, data: bytes, address: bytes, now: float) -> tuple[Any, int, int, int] | None:
        """Answer a message over TCP or TLS by the compiled data path; None where it hands over, or is not there."""
        if self.reader is None:
            return None
        try:
            return self.reader.respond(self.snapshot, data, address, now, _STREAM)
        except Exception:  # noqa: BLE001 - as in `distrust`
            self.distrust()
            return None

    def distrust(self) -> None:
        """Log the exception of the compiled data path, once: from then on everything takes the other way."""
        _log.exception("the compiled data path fails, and is not used until the next publication")
        self.reader = None


def count_failure(counts: memoryview, data: bytes) -> None:
    """Count a message on which the engine failed, and log the 1st, 2nd, 4th, 8th... with the exception."""
    counts[DROP_FAILURE] += 1
    number = counts[DROP_FAILURE]
    if number & (number - 1) == 0:
        _log.exception("no answer to the message %s (failure %d)", data[:512].hex(), number)
