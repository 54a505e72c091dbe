"""Names asked for at servers that say anything: what they lead to, and what is said of those that lead nowhere."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrd.client.endpoints import Endpoint
from ptrd.client.exchange import exchange
from ptrd.client.resolver import MAX_CHAIN, Resolver
from ptrd.records.management import Address
from ptrd.records.trust import Outcome
from ptrd.records.values import parse_address
from tests.client.fakedns import SOA, FakeDns, make_answer
from tests.peers.process import free_port


@pytest.fixture
def server():
    """Give a server that knows no name until it is told one."""
    with FakeDns() as fake:
        yield fake


def ask(servers, name, version=4, *, authority=False, **options):
    """Ask once, with a resolver of its own."""

    async def run():
        resolver = Resolver([getattr(server, "endpoint", server) for server in servers], **options)
        return await (resolver.authority if authority else resolver.addresses)(name, version)

    return asyncio.run(run())


def addresses(*texts):
    """Give addresses as values."""
    return tuple(Address(*parse_address(text)) for text in texts)


def test_the_addresses_of_a_name(server):
    """A and AAAA records are found, each for its version, in order, whatever the case of the answer."""
    server.tell("mail.example.", "MAIL.example. 60 IN A 192.0.2.11", "mail.example. 60 IN A 192.0.2.10", rtype="A")
    server.tell("mail.example.", "mail.example. 60 IN AAAA 2001:db8::25", rtype="AAAA")
    assert ask([server], "mail.example") == (Outcome.ADDRESSES, addresses("192.0.2.10", "192.0.2.11"), (), "")
    assert ask([server], "mail.example.", 6).addresses == addresses("2001:db8::25")


def test_what_does_not_exist_and_what_has_nothing(server):
    """NXDOMAIN is no name; an answer without records is no data."""
    server.tell("empty.example.", authority=[SOA])
    server.tell("bare.example.")
    assert ask([server], "missing.example.").outcome is Outcome.NO_NAME
    assert ask([server], "empty.example.").outcome is Outcome.NO_DATA
    assert ask([server], "bare.example.").outcome is Outcome.NO_DATA
    assert ask([server], ".").outcome is Outcome.NO_NAME


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "YXDOMAIN"])
def test_a_refusal_says_who_refused(server, rcode):
    """Nothing is known after an error, and the sentence names the server and its word."""
    server.tell("mail.example.", rcode=rcode)
    found = ask([server], "mail.example.")
    assert found.outcome is Outcome.FAILED
    assert found.said == f"{server.endpoint} answers {rcode}"
    assert server.count("mail.example.") == 3


def test_a_server_that_is_no_resolver(server):
    """A referral is no answer."""
    server.tell("mail.example.", authority=["example. 60 IN NS ns.example."], flags="QR RD")
    assert ask([server], "mail.example.").said.endswith(
        "is no resolver: it refers to other servers instead of answering"
    )


def test_silence_is_asked_again_and_then_said(server):
    """Each try waits as long as it may, and the sentence says for whom."""
    server.tell_by("mail.example.", lambda _query, _way: [])
    found = ask([server], "mail.example.", timeout=0.05, tries=2)
    assert (found.outcome, found.said) == (Outcome.SILENT, f"{server.endpoint} did not answer within 0.05 s")
    assert server.count("mail.example.") == 2


def test_the_next_server_is_asked_when_one_fails(server):
    """A server that is not there, or refuses, costs a try; the one that answered is asked first from then on."""
    server.tell("mail.example.", "mail.example. 60 IN A 192.0.2.10")
    with FakeDns() as other:
        other.tell("mail.example.", rcode="REFUSED")
        dead = Endpoint("127.0.0.1", free_port())

        async def run():
            resolver = Resolver([dead, other.endpoint, server.endpoint])
            return [await resolver.addresses("mail.example.", 4) for _ in range(5)]

        assert {found.addresses for found in asyncio.run(run())} == {addresses("192.0.2.10")}
        assert (other.count("mail.example."), server.count("mail.example.")) == (1, 5)


def test_a_port_where_nothing_listens(server):
    """A refused connection is no exception, but silence with its reason."""
    found = ask([Endpoint("127.0.0.1", free_port())], "mail.example.")
    assert found.outcome is Outcome.SILENT
    assert "cannot be asked: Connection refused" in found.said
    assert not server.asked


@pytest.mark.parametrize("where", ["id", "question", "query"])
def test_an_answer_to_something_else_is_passed_over(server, where):
    """With another id, another question, or without the mark of an answer it does not count; the right one does."""

    def answer(query, _way):
        wrong = make_answer(query, ["mail.example. 60 IN A 192.0.2.66"])
        right = make_answer(query, ["mail.example. 60 IN A 192.0.2.10"])
        if where == "id":
            wrong.id ^= 1
        elif where == "question":
            wrong = make_answer(query, ["evil.example. 60 IN A 192.0.2.66"])
            wrong.question = make_answer(query).question[:0]
        else:
            wrong.flags &= 0x7FFF
        return [wrong, right]

    server.tell_by("mail.example.", answer)
    assert ask([server], "mail.example.").addresses == addresses("192.0.2.10")


def test_an_answer_from_elsewhere_is_not_seen(server):
    """A datagram with the right id and question counts only when it comes from the server."""
    send = server.send
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))

        def after_a_stranger(message, to):
            stranger.sendto(message.replace(bytes((192, 0, 2, 10)), bytes((192, 0, 2, 66))), to)
            send(message, to)

        server.send = after_a_stranger
        server.tell("mail.example.", "mail.example. 60 IN A 192.0.2.10")
        assert ask([server], "mail.example.").addresses == addresses("192.0.2.10")
        assert server.count("mail.example.") == 1


@pytest.mark.parametrize("way", ["flag", "cut"])
def test_a_truncated_answer_is_asked_for_over_tcp(server, way):
    """With the mark of truncation, even where the bytes end within a record, the whole comes over TCP."""

    def answer(query, how):
        whole = make_answer(query, [f"many.example. 60 IN A 192.0.2.{last}" for last in range(200)])
        if how == "tcp":
            return [whole]
        if way == "flag":
            return [make_answer(query, flags="QR RD RA TC")]
        whole.flags |= 0x0200
        return [whole.to_wire(max_size=65535)[:101]]

    server.tell_by("many.example.", answer)
    assert len(ask([server], "many.example.").addresses) == 200
    assert [how for _, _, how in server.asked] == ["udp", "tcp"]


def test_a_flood_of_noise_is_silence(server, monkeypatch):
    """A socket that always has something to read, and never the answer, still ends with its timeout."""

    async def noise(_loop, _sock, _size):
        return b"noise"

    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_recv", noise)
    assert ask([server], "mail.example.", timeout=0.05, tries=1).outcome is Outcome.SILENT


def test_tcp_that_says_nothing(server):
    """A connection that ends without an answer is silence."""

    def answer(query, how):
        return [] if how == "tcp" else [make_answer(query, flags="QR RD RA TC")]

    server.tell_by("many.example.", answer)
    found = ask([server], "many.example.")
    assert found.outcome is Outcome.SILENT
    assert found.said == f"{server.endpoint} cannot be asked: it closes connections without an answer"


def test_aliases_are_followed_within_the_answer_and_beyond(server):
    """The chain names each step; where an answer ends in the middle, its end is asked for."""
    server.tell(
        "a.example.", "a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME c.test.",
        authority=["example. 60 IN NS ns.example."],
    )  # fmt: skip
    server.tell("c.test.", "c.test. 60 IN CNAME d.test.", "d.test. 60 IN A 192.0.2.10")
    assert ask([server], "a.example.") == (
        Outcome.ADDRESSES, addresses("192.0.2.10"), ("b.example.", "c.test.", "d.test."), "",
    )  # fmt: skip
    assert [name for name, _, _ in server.asked] == ["a.example.", "c.test."]


def test_aliases_that_end_in_nothing(server):
    """What is said of the last name of a chain is what the name comes to."""
    alias = "a.example. 60 IN CNAME b.example."
    server.tell("a.example.", alias, rcode="NXDOMAIN", authority=[SOA])
    assert ask([server], "a.example.") == (Outcome.NO_NAME, (), ("b.example.",), "")
    server.tell("a.example.", alias, authority=[SOA])
    assert ask([server], "a.example.") == (Outcome.NO_DATA, (), ("b.example.",), "")
    server.tell("a.example.", alias)
    server.tell("b.example.", rcode="SERVFAIL")
    found = ask([server], "a.example.")
    assert (found.outcome, found.chain) == (Outcome.FAILED, ("b.example.",))


def test_aliases_that_never_end(server):
    """A loop within one answer, a loop over several, and a chain without end are all alias loops."""
    server.tell("a.example.", "a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example.")
    assert ask([server], "a.example.") == (Outcome.ALIAS_LOOP, (), ("b.example.", "a.example."), "")
    server.tell("self.example.", "self.example. 60 IN CNAME self.example.")
    assert ask([server], "self.example.").outcome is Outcome.ALIAS_LOOP
    server.tell("c.example.", "c.example. 60 IN CNAME d.example.")
    server.tell("d.example.", "d.example. 60 IN CNAME c.example.")
    assert ask([server], "c.example.").outcome is Outcome.ALIAS_LOOP
    for step in range(MAX_CHAIN + 2):
        server.tell(f"{step}.example.", f"{step}.example. 60 IN CNAME {step + 1}.example.")
    assert ask([server], "0.example.").outcome is Outcome.ALIAS_LOOP
    assert server.count(f"{MAX_CHAIN + 1}.example.") == 0


def test_a_server_without_edns_is_asked_without(server):
    """FORMERR to a question with EDNS is asked again without it, and not tried again with."""

    def answer(query, _way):
        if query.edns >= 0:
            assert query.payload == 1232
            return [make_answer(query, rcode="FORMERR")]
        return [make_answer(query, ["old.example. 60 IN A 192.0.2.10"])]

    server.tell_by("old.example.", answer)

    async def run():
        resolver = Resolver([server.endpoint])
        return [await resolver.addresses("old.example.", 4) for _ in range(2)]

    assert [found.addresses for found in asyncio.run(run())] == [addresses("192.0.2.10")] * 2
    assert server.count("old.example.") == 3


def test_what_is_no_name_asks_nobody(server):
    """A text that cannot be a domain name is an outcome with a reason, and no question."""
    for name in ("", "a..example.", "x" * 64 + ".example."):
        found = ask([server], name)
        assert found.outcome is Outcome.FAILED and "is no domain name" in found.said
    assert server.asked == []


def test_only_so_many_are_asked_at_once(server, monkeypatch):
    """Of many names `at_once` are on the way together, no more and no fewer, and all of them are answered."""
    counts = []
    running = 0

    async def counted(*arguments):
        nonlocal running
        running += 1
        counts.append(running)
        try:
            return await exchange(*arguments)
        finally:
            running -= 1

    async def run():
        resolver = Resolver([server.endpoint], at_once=4)
        return await asyncio.gather(*(resolver.addresses(f"n{number}.example.", 4) for number in range(60)))

    monkeypatch.setattr("ptrd.client.resolver.exchange", counted)
    assert {found.outcome for found in asyncio.run(run())} == {Outcome.NO_NAME}
    assert max(counts) == 4


def test_a_live_resolver_behind_dead_ones_is_found(server):
    """All servers are tried, however many are silent before one, and a caller that waits less leaves them behind."""
    server.tell("mail.example.", "mail.example. 60 IN A 192.0.2.10")
    with FakeDns() as dead:
        dead.tell_by("mail.example.", lambda _query, _way: [])
        servers = [Endpoint(host, dead.endpoint.port) for host in ("127.0.0.1", "127.0.0.1", "127.0.0.1")]
        found = ask([*servers, server], "mail.example.", timeout=0.05)
        assert found.addresses == addresses("192.0.2.10") and dead.count("mail.example.") == 3

        async def impatient():
            resolver = Resolver([dead.endpoint, server.endpoint], timeout=60.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await resolver.addresses("mail.example.", 4)
            return await resolver.addresses("mail.example.", 4)

        assert asyncio.run(impatient()).addresses == addresses("192.0.2.10")


def test_tenants_need_not_know_the_resolvers(server):
    """What the servers are called stands in the sentences in place of their addresses."""
    server.tell("mail.example.", rcode="SERVFAIL")
    server.tell_by("slow.example.", lambda _query, _way: [])
    options = {"called": "the resolver", "timeout": 0.05}
    assert ask([server], "mail.example.", **options).said == "the resolver answers SERVFAIL"
    assert ask([server], "slow.example.", **options).said == "the resolver did not answer within 0.05 s"
    assert ask([Endpoint("127.0.0.1", free_port())], "slow.example.", **options).said.startswith("the resolver cannot")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.lists(st.binary(max_size=80), max_size=3), head=st.booleans(), flags=st.binary(min_size=10, max_size=10)
)
def test_nonsense_is_never_an_exception(server, noise, head, flags):
    """Whatever bytes a server sends, even behind the right id, the outcome is one of those that there are."""

    def answer(query, _way):
        wire = query.to_wire()
        return [wire[:2] + flags + wire[12:] + part if head else part for part in noise]

    server.tell_by("mail.example.", answer)
    assert ask([server], "mail.example.", timeout=0.02, tries=1).outcome in set(Outcome)
