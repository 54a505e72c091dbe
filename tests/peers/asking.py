"""Questions put to servers as bytes, and their answers as values that can be compared.

A question is made here by hand, so that shapes no library would write can be asked; an answer is read with dnspython.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

RD, AD, CD = 0x0100, 0x0020, 0x0010
DO = 0x8000


class Edns(NamedTuple):
    """An OPT record: size of UDP answers, the flags (DO is 0x8000), options as (code, data), version."""

    size: int = 1232
    flags: int = 0
    options: tuple[tuple[int, bytes], ...] = ()
    version: int = 0


def wire_name(name: str | bytes) -> bytes:
    """Give a name's wire form; bytes are taken to be that already."""
    return name if isinstance(name, bytes) else wire_of(dns.name.from_text(name, dns.name.root).labels[:-1])


def make_query(
    name: str | bytes, qtype: int, *, identity: int = 1, flags: int = 0, edns: Edns | None = None, qclass: int = 1
) -> bytes:
    """Write a question of opcode QUERY."""
    header = struct.pack("!6H", identity, flags, 1, 0, 0, 1 if edns else 0)
    question = wire_name(name) + struct.pack("!HH", qtype, qclass)
    if edns is None:
        return header + question
    options = b"".join([struct.pack("!HH", code, len(data)) + data for code, data in edns.options])
    opt = struct.pack("!BHHBBHH", 0, 41, edns.size, 0, edns.version, edns.flags, len(options))
    return header + question + opt + options


def udp_ask(address: str, port: int, query: bytes, *, seconds: float = 2.0) -> bytes | None:
    """Send one datagram; give the answer with the same identity, or None."""
    with UdpClient(address, port) as client:
        return client.ask(query, seconds=seconds)


class UdpClient:
    """A connected UDP socket that asks one question at a time."""

    def __init__(self, address: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.connect((address, port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def ask(self, query: bytes, *, seconds: float = 2.0) -> bytes | None:
        """Give the answer that has the query's identity, or None when none came in time."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):  # ECONNREFUSED: nobody is there yet
            self.socket.send(query)
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                reply = self.socket.recv(65535)
                if reply[:2] == query[:2]:
                    return reply
        return None


class TcpClient:
    """A TCP connection that sends a batch of questions at once and reads the answers in any order."""

    def __init__(self, address: str, port: int, *, seconds: float = 5.0) -> None:
        self.socket = socket.create_connection((address, port), timeout=seconds)
        self.stream = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.close()
        self.socket.close()

    def ask(self, query: bytes) -> bytes:
        """Ask one question."""
        return self.ask_all([query])[0]

    def ask_all(self, queries: Sequence[bytes]) -> list[bytes]:
        """Ask questions of different identities; the answers stand in the order of the questions."""
        self.socket.sendall(b"".join([struct.pack("!H", len(query)) + query for query in queries]))
        replies: dict[bytes, bytes] = {}
        while len(replies) < len(queries):
            prefix = self.stream.read(2)
            if len(prefix) < 2:
                raise EOFError(f"the connection ended after {len(replies)} of {len(queries)} answers")
            reply = self.stream.read(struct.unpack("!H", prefix)[0])
            replies[reply[:2]] = reply
        return [replies[query[:2]] for query in queries]


class Reply(NamedTuple):
    """What two servers must agree on: rcode, the header's flags but TC, whether an OPT came, and the answer section.

    A record is (owner in lower case, type, TTL, rdata as canonical bytes); `truncated` is TC.
    """

    rcode: str
    flags: tuple[str, ...]
    truncated: bool
    opt: bool
    answer: frozenset[tuple[str, str, int, bytes]]

    def __str__(self) -> str:
        """Write the reply for a person, a record a line."""
        head = f"{self.rcode} {' '.join(self.flags)}{' TC' * self.truncated}{' OPT' * self.opt}"
        return "\n".join(
            [head, *(f"    {owner} {ttl} {rtype} {rdata!r}" for owner, rtype, ttl, rdata in sorted(self.answer))]
        )


def read_reply(query: bytes, reply: bytes | None) -> Reply | str:
    """Read an answer; a text says what is wrong with it as a message."""
    if reply is None:
        return "no answer"
    if reply[:2] != query[:2] or not reply[2] & 0x80:
        return f"not an answer to the question: {reply[:12].hex()}"
    if reply[4:6] == b"\0\1" and not reply[12:].startswith(question_of(query)):
        return f"the question is not echoed byte for byte: {reply[12:].hex()}"
    try:
        message = dns.message.from_wire(reply, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        return f"malformed, {error!r}: {reply.hex()}"
    answer = frozenset(
        (
            rrset.name.canonicalize().to_text(),
            dns.rdatatype.to_text(rrset.rdtype),
            rrset.ttl,
            rrset[0].to_digestable(dns.name.root),
        )
        for rrset in message.answer
    )
    flags = tuple(sorted(dns.flags.to_text(message.flags & ~(dns.flags.TC | dns.flags.QR)).split()))
    if reply[3] & 0x40:
        flags += ("Z",)
    return Reply(
        dns.rcode.to_text(message.rcode()), flags, bool(message.flags & dns.flags.TC), message.opt is not None, answer
    )


def question_of(query: bytes) -> bytes:
    """Give the question section of a query with one uncompressed question."""
    at = 12
    while query[at]:
        at += query[at] + 1
    return query[12 : at + 5]


def wire_of(labels: Sequence[bytes]) -> bytes:
    """Give the wire form of a name's labels, leftmost first."""
    return b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
