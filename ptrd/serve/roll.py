"""Who is connected, by last activity: the longest inactive of all and of each client is found in constant time.

A connection is *new* until it is touched first, and *asked* afterwards; each of the two has its own patience. Within
each the order is that of time, so that a look at the heads says who is overdue.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TypeVar("_T")


class Roll(Generic[_T]):
    """The connections that are open. Patience and `now` are seconds on one clock that never goes back."""

    def __init__(self, patience_new: float, patience_asked: float) -> None:
        self._new: OrderedDict[_T, float] = OrderedDict()
        self._asked: OrderedDict[_T, float] = OrderedDict()
        self._parts = ((self._new, patience_new), (self._asked, patience_asked))
        self._clients: dict[bytes, OrderedDict[_T, None]] = {}
        self._client_of: dict[_T, bytes] = {}

    def __len__(self) -> int:
        return len(self._client_of)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._client_of)

    def add(self, connection: _T, client: bytes, now: float) -> None:
        """Note a new connection of a client."""
        self._new[connection] = now
        self._client_of[connection] = client
        self._clients.setdefault(client, OrderedDict())[connection] = None

    def remove(self, connection: _T) -> bool:
        """Forget a connection, and tell whether it was there."""
        client = self._client_of.pop(connection, None)
        if client is None:
            return False
        self._new.pop(connection, None)
        self._asked.pop(connection, None)
        siblings = self._clients[client]
        del siblings[connection]
        if not siblings:
            del self._clients[client]
        return True

    def touch(self, connection: _T, now: float) -> None:
        """Note that a connection is active now; it is new no longer."""
        if connection not in self._client_of:
            return
        self._new.pop(connection, None)
        self._asked[connection] = now
        self._asked.move_to_end(connection)
        self._clients[self._client_of[connection]].move_to_end(connection)

    def postpone(self, connection: _T, now: float) -> None:
        """Let a connection's patience begin again, without calling it active."""
        for part, _ in self._parts:
            if connection in part:
                part[connection] = now
                part.move_to_end(connection)

    def count(self, client: bytes) -> int:
        """Count the connections of a client."""
        return len(self._clients.get(client, ()))

    def oldest(self) -> _T:
        """Give the longest inactive connection. Raises ValueError when there is none."""
        heads = [(next(iter(part.values())), next(iter(part))) for part, _ in reversed(self._parts) if part]
        return min(heads, key=lambda head: head[0])[1]

    def oldest_of(self, client: bytes) -> _T:
        """Give the longest inactive connection of a client. Raises KeyError when it has none."""
        return next(iter(self._clients[client]))

    def overdue(self, now: float) -> list[_T]:
        """List the connections whose patience is over."""
        found = []
        for part, patience in self._parts:
            for connection, since in part.items():
                if since + patience > now:
                    break
                found.append(connection)
        return found

    def next_deadline(self) -> float | None:
        """Give when the next connection will be overdue, as things stand; None when there is none."""
        return min((next(iter(part.values())) + patience for part, patience in self._parts if part), default=None)


def address_of(host: str) -> bytes:
    """Give the 4 or 16 bytes of an address, which may name an interface."""
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return socket.inet_aton(host)


def client_of(address: bytes) -> bytes:
    """Give what stands for a client: its IPv4 address, or the /64 of its IPv6 address."""
    return address[:8]
