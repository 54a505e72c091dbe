"""What a worker's loop waits with: datagrams are answered on the spot, without a turn of the loop.

A turn of asyncio's loop takes 8 µs, as much as eight answers. So sockets of datagrams are in a set of their own,
and in it is the set of all that asyncio knows: it gets its turn when something has happened there, or when it is time.
"""

from __future__ import annotations

import logging
import select
import selectors
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


_log = logging.getLogger(__name__)


class DatagramSelector(selectors.EpollSelector):
    """A selector for asyncio that reads datagrams while it waits."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[int, Callable[[], int]] = {}
        self._all = select.epoll()
        self._others = self.fileno()
        self._all.register(self._others, select.EPOLLIN)

    def read_datagrams(self, sock: socket.socket, read: Callable[[], int]) -> None:
        """Call `read` whenever something has come to a socket. It schedules nothing in the loop."""
        self._all.register(sock.fileno(), select.EPOLLIN)
        self._readers[sock.fileno()] = read

    def forget_datagrams(self, sock: socket.socket) -> None:
        """Read no more from a socket, which stays open."""
        self._all.unregister(sock.fileno())
        del self._readers[sock.fileno()]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for what asyncio knows, for some seconds, and read datagrams meanwhile; gives what is ready."""
        readers, others = self._readers, self._others
        if timeout is not None:
            timeout = max(timeout, 0)  # less would be for ever
            until = monotonic() + timeout
        while True:
            happened = False
            events = self._all.poll(timeout)
            for descriptor, _ in events:
                if descriptor == others:
                    happened = True
                    continue
                try:
                    readers[descriptor]()
                except Exception:  # noqa: BLE001 - as asyncio does with what it calls
                    _log.exception("datagrams could not be read")
            if happened:
                return super().select(0)
            if timeout is not None:
                timeout = until - monotonic()
                if timeout <= 0:
                    return []

    def close(self) -> None:
        """Close both sets; sockets stay open."""
        self._all.close()
        super().close()
