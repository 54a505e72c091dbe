"""The addresses of name servers, asked of a resolver of the test's own."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rrset
import pytest

from ptrd.client import addresses
from ptrd.client.addresses import addresses_of
from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.wire.names import parse_name


class Resolver(asyncio.DatagramProtocol):
    """A resolver that knows `records` by type, or answers with `rcode`, or not at all when it is None."""

    def __init__(self, records, rcode):
        self.records = records
        self.rcode = rcode
        self.transport = None

    def connection_made(self, transport):
        """Keep where answers go."""
        self.transport = transport

    def datagram_received(self, data, addr):
        """Answer."""
        if self.rcode is None:
            return
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.set_rcode(self.rcode)
        asked = query.question[0]
        for text in self.records.get(asked.rdtype.name, ()):
            reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", asked.rdtype, text))
        self.transport.sendto(reply.to_wire(), addr)


def look_up(records, rcode=dns.rcode.NOERROR):
    """Look a name up at such a resolver."""

    async def whole():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Resolver(records, rcode), local_addr=("127.0.0.1", 0)
        )
        try:
            port = transport.get_extra_info("sockname")[1]
            return await addresses_of(parse_name("ns2.example.net"), (Endpoint("127.0.0.1", port),))
        finally:
            transport.close()

    return asyncio.run(asyncio.wait_for(whole(), 20))


def test_both_families_are_asked_for():
    """A name's IPv4 and IPv6 addresses come together."""
    assert look_up({"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}) == ["192.0.2.1", "2001:db8::1"]


def test_no_address_is_an_answer():
    """A name that does not exist, or has no address, gives none, and no error."""
    assert look_up({}) == []
    assert look_up({}, dns.rcode.NXDOMAIN) == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, None])
def test_a_resolver_that_fails_is_an_error(rcode, monkeypatch):
    """A resolver that fails, refuses or says nothing makes a sentence that names the name."""
    monkeypatch.setattr(addresses, "PATIENCE", 0.3)
    with pytest.raises(ClientError, match=r"cannot look up the address of ns2\.example\.net\.: "):
        look_up({}, rcode)
