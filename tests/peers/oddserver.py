"""DNS servers that do one thing wrong each, at addresses of their own: what no real name server can be configured to.

All of them serve the same zones, rightly but for what their temper changes, over UDP and TCP on port 53, in one thread.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Self

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Temper = Callable[[dns.message.Message, dns.message.Message, str], dns.message.Message | bytes | None]


def rcode(text: str, *, only: str = "") -> Temper:
    """Answer with an rcode and nothing else; `only` over one transport."""

    def temper(query: dns.message.Message, right: dns.message.Message, way: str) -> dns.message.Message:
        if only and way != only:
            return right
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.from_text(text))
        return reply

    return temper


def silent(only: Callable[[dns.message.Message, str], bool]) -> Temper:
    """Say nothing to some questions."""

    def temper(query: dns.message.Message, right: dns.message.Message, way: str) -> dns.message.Message | None:
        return None if only(query, way) else right

    return temper


def _without_authority(_query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    right.flags &= ~dns.flags.AA
    return right


def _recursive(query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    right.flags |= dns.flags.RA
    if query.question[0].name == dns.name.root:
        right.flags &= ~dns.flags.AA
        right.set_rcode(dns.rcode.NOERROR)
        right.answer.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root-servers.net."))
    return right


def _old(query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    if query.edns < 0:
        return right
    reply = dns.message.make_response(query)
    reply.use_edns(edns=False)
    reply.set_rcode(dns.rcode.FORMERR)
    return reply


def _ignorant(_query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    if right.rcode() > 15:
        right.set_rcode(dns.rcode.NOERROR)
    right.use_edns(edns=False)
    return right


def _echoing(query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    if query.options:
        right.use_edns(0, options=list(query.options))
    return right


def _narrow(query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    if query.options:
        right = dns.message.make_response(query)
        right.set_rcode(dns.rcode.FORMERR)
    return right


def _versionless(query: dns.message.Message, right: dns.message.Message, _way: str) -> dns.message.Message:
    if query.edns > 0:
        right.set_rcode(dns.rcode.NOERROR)
    return right


def _garbled(query: dns.message.Message, right: dns.message.Message, _way: str) -> bytes:
    right.id = query.id ^ 1
    return right.to_wire()


TEMPERS: dict[str, Temper] = {
    "right": lambda _query, right, _way: right,
    "correct": lambda _query, right, _way: right,
    "silent": lambda _query, _right, _way: None,
    "mute": lambda _query, _right, _way: None,
    "refusing": rcode("REFUSED"),
    "failing": rcode("SERVFAIL"),
    "denying": rcode("NXDOMAIN"),
    "split": rcode("REFUSED", only="tcp"),
    "caching": _without_authority,
    "recursive": _recursive,
    "tcponly": silent(lambda _query, way: way == "udp"),
    "udponly": silent(lambda _query, way: way == "tcp"),
    "dropping": silent(lambda query, _way: query.edns >= 0),
    "old": _old,
    "ignorant": _ignorant,
    "echoing": _echoing,
    "narrow": _narrow,
    "versionless": _versionless,
    "garbled": _garbled,
}


class OddServers:
    """The servers: for each address its temper. `zones` has (owner, type) to lines of rdata, in presentation form."""

    def __init__(self, tempers: Mapping[str, str], zones: Mapping[tuple[str, str], list[str]]) -> None:
        self._tempers = tempers
        self._zones = zones
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._sockets: dict[socket.socket, tuple[str, str]] = {}
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        for address, temper in self._tempers.items():
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((address, 53))
            self._sockets[udp] = ("udp", temper)
            self._sockets[socket.create_server((address, 53))] = ("tcp", temper)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.send(b"x")
        self._thread.join(20)
        for sock in (*self._sockets, *self._held, self._stop, self._stopped):
            sock.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (*self._sockets, *self._held, self._stopped):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    sock = key.fileobj
                    if sock is self._stopped:
                        return
                    way, temper = self._sockets[sock]
                    if way == "udp":
                        data, sender = sock.recvfrom(65535)
                        if (reply := self._reply(data, way, temper)) is not None:
                            sock.sendto(reply, sender)
                    else:
                        with contextlib.suppress(OSError, EOFError):
                            self._serve_stream(sock.accept()[0], temper)

    def _serve_stream(self, connection: socket.socket, temper: str) -> None:
        connection.settimeout(2)
        data = connection.recv(65535)
        reply = self._reply(data[2:], "tcp", temper) if data else b""
        if reply is None:
            self._held.append(connection)  # silence is no end
            return
        with connection:
            connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def _reply(self, data: bytes, way: str, temper: str) -> bytes | None:
        query = dns.message.from_wire(data)
        said = TEMPERS[temper](query, self._right(query), way)
        return said.to_wire() if isinstance(said, dns.message.Message) else said

    def _right(self, query: dns.message.Message) -> dns.message.Message:
        """Answer as an authoritative server does."""
        reply = dns.message.make_response(query)
        name = query.question[0].name
        rtype = dns.rdatatype.to_text(query.question[0].rdtype)
        if query.edns > 0:
            reply.use_edns(0)
            reply.set_rcode(dns.rcode.BADVERS)
        elif any(owner == name.to_text() for owner, _ in self._zones):
            reply.flags |= dns.flags.AA
            if lines := self._zones.get((name.to_text(), rtype)):
                reply.answer.append(dns.rrset.from_text(name, 3600, "IN", rtype, *lines))
        else:
            reply.set_rcode(dns.rcode.REFUSED)
        return reply
