"""A primary that a test scripts: it answers each TCP query with the messages that a function gives, good or bad."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket

import dns.flags
import dns.message
import dns.rrset
import dns.tsig

from ptrd.client.endpoints import Endpoint
from ptrd.records.transfer import Key
from ptrd.wire.names import parse_name
from tests.peers.process import free_port

ZONE = "2.0.192.in-addr.arpa."
ORIGIN = parse_name(ZONE)
KEY = Key(parse_name("xfer.example."), "hmac-sha256", b"0123456789abcdef0123456789abcdef")
SIGNED = dns.tsig.Key("xfer.example.", KEY.secret, "hmac-sha256")


def soa(serial):
    """Give the zone's SOA as text."""
    return f"{ZONE} 3600 IN SOA ns1.example.net. hostmaster.example.net. {serial} 1 1 1 1"


def ptr(octet, target="host.example.net."):
    """Give a PTR as text."""
    return f"{octet}.{ZONE} 3600 IN PTR {target}"


def make_message(query, *lines, rcode=0, aa=True, question=True, tc=False):
    """Make one message of an answer, each line a record of its own."""
    message = dns.message.Message(id=query.id)
    message.flags = dns.flags.QR | (dns.flags.AA if aa else 0) | (dns.flags.TC if tc else 0)
    message.set_rcode(rcode)
    if question:
        message.question = list(query.question)
    for line in lines:
        owner, ttl, rclass, rtype, data = line.split(None, 4)
        message.answer.append(dns.rrset.from_text(owner, int(ttl), rclass, rtype, data))
    return message


def wires(query, *parts, key=None, leave=(), **options):
    """Make an answer of several messages (lists of lines), signed with `key` but for those whose numbers are left."""
    context = None
    found = []
    for number, lines in enumerate(parts):
        message = make_message(query, *lines, **options)
        if key is not None and number not in leave:
            message.use_tsig(key)
            message.request_mac = query.mac
            found.append(message.to_wire(max_size=65535, multi=True, tsig_ctx=context))
            context = message.tsig_ctx
        else:
            found.append(message.to_wire(max_size=65535))
            if context is not None:
                context.update(found[-1])
    return found


class Primary:
    """A server on loopback: `answer(query)` gives, or yields, whole messages in bytes; None closes the connection."""

    def __init__(self, answer, *, udp=None, context=None):
        self._answer = answer
        self._udp = udp
        self._context = context
        self._tasks = set()
        self.asked = []

    async def __aenter__(self):
        for _ in range(20):  # another process may take the port between our look and the bind
            port = free_port()
            with contextlib.suppress(OSError):
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self._context)
                break
        self.endpoint = Endpoint("127.0.0.1", port)
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.settimeout(0)
        if self._udp is not None:
            self._datagrams.bind(("127.0.0.1", port))
            asyncio.get_running_loop().add_reader(self._datagrams, self._serve_udp)
        return self

    async def __aexit__(self, *_):
        asyncio.get_running_loop().remove_reader(self._datagrams)
        self._datagrams.close()
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _read(self, wire):
        query = dns.message.from_wire(wire, keyring={SIGNED.name: SIGNED})
        self.asked.append(query)
        return query

    def _serve_udp(self):
        wire, peer = self._datagrams.recvfrom(65535)
        for reply in self._udp(self._read(wire)):
            self._datagrams.sendto(reply, peer)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            size = int.from_bytes(await reader.readexactly(2), "big")
            query = self._read(await reader.readexactly(size))
            replies = self._answer(query)
            if inspect.isawaitable(replies):
                replies = await replies
            for wire in replies:
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
