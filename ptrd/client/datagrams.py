"""Datagrams to other servers and their answers, over sockets of our own: one for each family, on a port by chance.

Nothing waits here: an answer is handed to who asked when it comes, and who asked says when it no longer matters. Only
what comes from just the address and port that was asked is looked at.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ptrd.client.notification import Exchange, Heard

# (address as bytes, port, identity of the message)
Question = tuple[bytes, int, int]

AT_ONCE: Final = 64  # datagrams that are read before others have their turn
_LARGEST: Final = 65_535
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANY: Final = {4: "0.0.0.0", 6: "::"}  # noqa: S104 - whatever the system takes, where none is configured

log = logging.getLogger("ptrd")


class Datagrams:
    """The sockets. `sources` are the addresses that messages leave from, by version; the system chooses where none is.

    Sockets are opened when they are needed first, within a running loop.
    """

    def __init__(self, sources: Mapping[int, str] | None = None) -> None:
        self._sources = sources or {}
        self._sockets: dict[int, socket.socket] = {}
        self._asked: dict[Question, tuple[Exchange, Callable[[Heard], None]]] = {}

    def is_free(self, host: str, port: int, identity: int) -> bool:
        """Tell whether no message with this identity waits for an answer from there."""
        return question_of(host, port, identity) not in self._asked

    def send(self, host: str, port: int, exchange: Exchange, tell: Callable[[Heard], None]) -> Question:
        """Send a message; `tell` is called with the first answer that counts, until `forget`.

        Raises OSError when it cannot be sent.
        """
        version = 6 if ":" in host else 4
        sock = self._sockets.get(version) or self._open(version)
        sock.sendto(exchange.wire, (host, port))
        question = question_of(host, port, exchange.identity)
        self._asked[question] = exchange, tell
        return question

    def forget(self, question: Question) -> None:
        """Pass over what may still come as an answer."""
        self._asked.pop(question, None)

    def close(self) -> None:
        """Close the sockets."""
        self._asked.clear()
        for sock in self._sockets.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _open(self, version: int) -> socket.socket:
        sock = socket.socket(_FAMILIES[version], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((self._sources.get(version, _ANY[version]), 0))
            asyncio.get_running_loop().add_reader(sock, self._receive, sock)
        except BaseException:
            sock.close()
            raise
        self._sockets[version] = sock
        return sock

    def _receive(self, sock: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                data, (host, port, *_) = sock.recvfrom(_LARGEST)
            except OSError:  # nothing is left, or what the network says; who has no answer asks again
                return
            question = question_of(host, port, int.from_bytes(data[:2], "big"))
            asked = self._asked.get(question)
            try:
                heard = asked[0].read(data) if asked is not None else None
                if asked is not None and heard is not None:
                    del self._asked[question]
                    asked[1](heard)
            except Exception:  # costs one answer, never the socket
                log.exception("an answer from %s cannot be taken", host)


def question_of(host: str, port: int, identity: int) -> Question:
    """Say what an answer from there would be to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host.partition("%")[0]), port, identity
