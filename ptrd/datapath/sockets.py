"""A UDP socket as the compiled data path reads it: where to count what, in the words of `metrics.blocks`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ptrd.metrics.blocks import (
    ANSWERS,
    DROP_BY_ERRNO,
    DROP_RECEIVE,
    DROP_SEND,
    LATENCY,
    LATENCY_SUM,
    QTYPE_SLOTS,
    QUERIES,
    RANGES,
    SILENT,
    TRUNCATED,
    UDP4,
    UDP6,
)

if TYPE_CHECKING:
    from ptrd.datapath._compiled import UdpSocket


def make_udp_socket(sock: socket.socket, counts: memoryview, *, wildcard: bool) -> UdpSocket:
    """Make what answers the ordinary queries that come to a socket, which stays the caller's to close.

    `wildcard` says that the socket tells which address was asked. Raises ImportError where nothing is compiled.
    """
    from ptrd.datapath import _compiled  # noqa: PLC0415 - it may be missing, and is asked for only where it is not

    return _compiled.UdpSocket(
        fileno=sock.fileno(),
        wildcard=wildcard,
        counts=counts,
        qtypes=QTYPE_SLOTS,
        slots=(
            QUERIES + 32 * (UDP6 if sock.family == socket.AF_INET6 else UDP4),
            ANSWERS,
            SILENT,
            LATENCY,
            LATENCY_SUM,
            TRUNCATED,
            DROP_RECEIVE,
            RANGES,
        ),
        drops={**DROP_BY_ERRNO, 0: DROP_SEND},
    )
