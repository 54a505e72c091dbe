"""What an operator may set about sockets and workers. Times are seconds, sizes bytes.

The values are plain, so that they travel to a worker as text (`write_options`, `read_options`).
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TypeVar

from ptrd import PtrdError

AUTO, COMPILED, PYTHON = "auto", "compiled", "python"  # what answers ordinary queries
_T = TypeVar("_T")


class ServeError(PtrdError):
    """Serving cannot start or go on; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where to listen and within which limits.

    `listen` holds (numeric address, port); port 0 takes a free one. `workers` None means one for each CPU.
    """

    listen: tuple[tuple[str, int], ...] = (("127.0.0.1", 5300), ("::1", 5300))
    workers: int | None = None
    tcp_connections: int = 1000  # open at a time, over all workers; the longest idle one makes room for a new one
    tcp_connections_per_client: int = 100  # of them, those of one IPv4 address or IPv6 /64
    tcp_first_query_seconds: float = 5.0  # until the first whole query is answered, a TLS handshake included
    tcp_idle_seconds: float = 10.0  # without a whole query, or without reading its answers (RFC 7766, 6.2.3)
    tcp_queries_in_flight: int = 100  # whole queries that wait for an answer before a connection is read no further
    transfers: int = 10  # zone transfers at once, over all workers
    tcp_unsent_bytes: int = 131072  # answers a connection may leave unread before its queries wait
    tcp_backlog: int = 1024  # connections that wait to be accepted, each listener
    data_path: str = AUTO  # COMPILED must be there, PYTHON is what there always is
    udp_receive_buffer: int = 4194304  # the kernel cuts it to net.core.rmem_max
    udp_send_buffer: int = 1048576
    drain_seconds: float = 2.0  # at a stop, for what the sockets already hold
    log_format: str = "text"  # or json, see ptrd.logs

    def worker_count(self) -> int:
        """Give the number of workers: as set, else one for each CPU this process may use."""
        return self.workers if self.workers is not None else len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Where DNS over TLS is answered (RFC 7858), and with which certificate. Paths are absolute; files are PEM.

    `listen` is as that of ServeOptions. Workers never see the paths.
    """

    listen: tuple[tuple[str, int], ...]
    certificate: str
    key: str


def write_options(options: object) -> str:
    """Write a dataclass of plain values (numbers, texts, bytes, tuples, lists, dicts, None) as Python literals."""
    if not is_dataclass(options):
        raise TypeError(f"{options!r} is no dataclass")
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return repr({name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()})


def read_options(kind: type[_T], text: str) -> _T:
    """Read back what `write_options` wrote into a dataclass of that kind."""
    values = ast.literal_eval(text)
    return kind(**values)
