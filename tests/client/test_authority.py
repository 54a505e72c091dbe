"""Zones' own servers, which strangers choose: where they are asked, what they are believed, and how often."""

from __future__ import annotations

import asyncio

import pytest

from ptrd.client.endpoints import Endpoint
from ptrd.client.exchange import exchange
from ptrd.client.resolver import Resolver
from ptrd.records.trust import Outcome
from tests.client.fakedns import SOA, FakeDns
from tests.client.test_resolver import addresses, ask


@pytest.fixture
def server():
    """Give a resolver that knows no name until it is told one."""
    with FakeDns() as fake:
        yield fake


def test_the_servers_of_the_zone_are_asked_past_a_cache(server):
    """The zone's own servers are found through the resolver and asked without recursion."""
    server.tell("new.example.", rcode="NXDOMAIN", authority=[SOA])
    server.tell("example.", "example. 60 IN NS ns.example.", rtype="NS")
    server.tell("ns.example.", "ns.example. 60 IN A 127.0.0.1", rtype="A")
    server.tell("ns.example.", rtype="AAAA", authority=[SOA])
    with FakeDns() as own:
        own.tell("new.example.", "new.example. 60 IN A 192.0.2.10", flags="QR AA")
        port = own.endpoint.port
        assert ask([server], "new.example.").outcome is Outcome.NO_NAME
        found = ask([server], "new.example.", authority=True, authority_port=port, anywhere=True)
        assert found == (Outcome.ADDRESSES, addresses("192.0.2.10"), (), "")
        assert own.asked == [("new.example.", "A", "udp")]
        own.tell("new.example.", authority=["new.example. 60 IN NS elsewhere.example."], flags="QR")
        found = ask([server], "new.example.", authority=True, authority_port=port, anywhere=True)
        assert found.said.endswith(" refers to other servers instead of answering")


@pytest.fixture
def own(server):
    """Give the server of the zones `example.` and `other.`, and have the resolver know that it is."""
    for zone in ("example.", "other."):
        server.tell(zone, f"{zone} 60 IN NS ns.example.", rtype="NS")
    server.tell("ns.example.", "ns.example. 60 IN A 127.0.0.1", rtype="A")
    with FakeDns() as fake:
        yield fake


def test_only_the_zone_itself_is_believed(server, own):
    """Without AA an answer of a zone's server counts for nothing, and what it says of other names never does."""
    options = {"authority": True, "authority_port": own.endpoint.port, "anywhere": True}
    for answer in (["new.example. 60 IN A 192.0.2.10"], ["new.example. 60 IN CNAME end.other."]):
        own.tell("new.example.", *answer, flags="QR")
        found = ask([server], "new.example.", **options)
        assert (found.outcome, found.said) == (Outcome.FAILED, f"{own.endpoint} answers without authority")
    own.tell("new.example.", rcode="NXDOMAIN", flags="QR")
    assert ask([server], "new.example.", **options).outcome is Outcome.FAILED
    forged = ["new.example. 60 IN CNAME end.other.", "end.other. 60 IN A 192.0.2.66"]
    own.tell("new.example.", *forged, flags="QR AA")
    own.tell("end.other.", "end.other. 60 IN A 192.0.2.10", flags="QR AA")
    assert ask([server], "new.example.", **options) == (
        Outcome.ADDRESSES,
        addresses("192.0.2.10"),
        ("end.other.",),
        "",
    )
    own.tell("new.example.", forged[0], rcode="NXDOMAIN", flags="QR AA")  # whatever it says of the other's name
    assert ask([server], "new.example.", **options).addresses == addresses("192.0.2.10")


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "100.64.0.1", "224.0.0.251",
        "0.0.0.0",  # noqa: S104 - nothing is bound, it is an address of no server
        "255.255.255.255",
        "::1", "fe80::1", "fd00::1", "ff02::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1",
    ],
)  # fmt: skip
def test_nobody_chooses_our_own_network(server, monkeypatch, place):
    """Name servers of a zone that are said to be in a network of our own are not asked; those of the Internet are."""
    server.tell("example.", "example. 60 IN NS ns.example.", rtype="NS")
    rtype, public = ("AAAA", "2001:4860:4860::8888") if ":" in place else ("A", "8.8.8.8")
    places = [f"ns.example. 60 IN {rtype} {one}" for one in (place, public)]
    server.tell("ns.example.", *places, rtype=rtype)
    asked = set()

    async def recorded(endpoint, question):
        if endpoint == server.endpoint:
            return await exchange(endpoint, question)
        asked.add(endpoint)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("ptrd.client.resolver.exchange", recorded)
    found = ask([server], "new.example.", authority=True)
    assert found.outcome is Outcome.SILENT and asked == {Endpoint(public)}
    server.tell("ns.example.", places[0], rtype=rtype)
    asked.clear()
    assert ask([server], "new.example.", authority=True).outcome is Outcome.FAILED and asked == set()


def test_the_servers_of_a_zone_are_looked_for_once(server, own):
    """Names that are asked for again, and others of their zone, are asked of servers that are known for a while."""
    own.tell("new.example.", "new.example. 60 IN A 192.0.2.10", flags="QR AA")

    async def run():
        resolver = Resolver([server.endpoint], authority_port=own.endpoint.port, anywhere=True)
        for _ in range(5):
            assert (await resolver.authority("new.example.", 4)).outcome is Outcome.ADDRESSES
        asked = len(server.asked)
        await resolver.authority("also.example.", 4)
        return asked, len(server.asked)

    first, second = asyncio.run(run())
    assert first == 4 and second == first + 1  # two names, and the server's two addresses; the zone of the other name
    assert own.count("new.example.") == 5


def test_a_zone_without_servers(server):
    """When no server of a zone can be found the outcome says so."""
    server.tell(".", authority=[". 300 IN SOA ns. hostmaster. 1 3600 600 86400 300"])
    found = ask([server], "mail.example.", authority=True)
    assert found == (Outcome.FAILED, (), (), "no name server of the zone of mail.example. could be found")
