"""Asking one server, and going from root servers to a name: every trick of a server comes to an end, as a value."""

from __future__ import annotations

import asyncio
import socket

import dns.edns
import dns.message
import dns.name
import dns.rrset
import pytest
from dns.rdatatype import SOA
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.client.asker import Asker, Heard, Question
from ptrd.client.cuts import transfer_cuts
from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.client.examine import Examiner, Known, read_reply
from ptrd.client.iterate import ROOTS, Walker
from ptrd.records.diagnosis import diagnose
from ptrd.records.management import Address
from ptrd.records.observations import Reach
from ptrd.records.trust import Found, Outcome
from tests.client.fakedns import FakeDns, make_answer

LOOPBACK = Address(4, 0x7F000001)
ZONE = dns.name.from_text("2.0.192.in-addr.arpa")
MINE = "QR AA"


@pytest.fixture
def server():
    """Start a server that is root and everything else."""
    with FakeDns() as fake:
        yield fake


def walk(server, name, **limits):
    """Find the IPv4 addresses of a name."""

    async def find():
        asker = Asker(**{"timeout": 0.5, "tries": 1} | limits)
        return await Walker(asker, [server.endpoint], port=server.endpoint.port).addresses(name, 4)

    return asyncio.run(find())


def ask(endpoint, question=None, **limits):
    """Ask one question; give what was heard and the asker."""

    async def one():
        asker = Asker(**{"timeout": 0.2, "tries": 1} | limits)
        return await asker.ask_whole(endpoint, question or Question(ZONE, SOA)), asker

    return asyncio.run(one())


def refer(query, zone, server="ns.", address="127.0.0.1"):
    """Make a referral, with glue where there is an address."""
    reply = make_answer(query, authority=[f"{zone} 60 IN NS {server}"], flags="QR")
    if address:
        reply.additional.append(dns.rrset.from_text(server, 60, "IN", "A", address))
    return [reply]


def answers(server, name, steps):
    """Have each step answer the name once, the last one from then on."""
    left = list(steps)
    server.tell_by(name, lambda query, _way: (left.pop(0) if len(left) > 1 else left[0])(query))


def test_a_name_is_found_through_referrals(server):
    """A referral with glue leads to the zone, whose answer counts."""
    answers(
        server,
        "mail.example.",
        [
            lambda query: refer(query, "example.", "ns.example."),
            lambda query: [make_answer(query, ["mail.example. 60 IN A 192.0.2.7"], flags=MINE)],
        ],
    )
    assert walk(server, "mail.example") == Found(Outcome.ADDRESSES, (Address(4, 0xC0000207),))


def test_glue_from_elsewhere_is_not_believed(server):
    """An address of a name outside of the zone that gives it is looked up at its own zone instead."""
    answers(
        server,
        "a.sub.example.",
        [
            lambda query: refer(query, "example.", "ns.example."),
            lambda query: refer(query, "sub.example.", "ns.other.", "127.0.0.66"),
            lambda query: [make_answer(query, ["a.sub.example. 60 IN A 192.0.2.7"], flags=MINE)],
        ],
    )
    server.tell("ns.other.", "ns.other. 60 IN A 127.0.0.1", flags=MINE, rtype="A")
    server.tell("ns.other.", flags=MINE, rtype="AAAA")
    assert walk(server, "a.sub.example").outcome is Outcome.ADDRESSES
    assert server.count("ns.other.") == 2


def test_referrals_without_end_are_left(server):
    """A server that always refers one label further is followed for a bounded way."""
    name = "a." * 100

    def deeper(query, _way):
        asked = server.count(name)
        return refer(query, "a." * asked, "ns." + "a." * asked)

    server.tell_by(name, deeper)
    found = walk(server, name)
    assert found.outcome is Outcome.FAILED and "no end" in found.said
    assert server.count(name) == 40


@pytest.mark.parametrize("zone", [".", "other."])
def test_a_referral_upwards_or_aside_is_no_answer(server, zone):
    """A server that refers to where one came from, or to somewhere else, has not answered."""
    server.tell_by("mail.example.", lambda query, _way: refer(query, zone))
    found = walk(server, "mail.example")
    assert found.outcome is Outcome.FAILED and "without authority" in found.said


def test_zones_that_have_their_servers_in_each_other_are_noticed(server):
    """Without glue, each of them can be found only through the other."""
    for one, other in (("one.", "two."), ("two.", "one.")):
        server.tell_by(f"ns.{one}", lambda query, _way, one=one, other=other: refer(query, one, f"ns.{other}", ""))
    found = walk(server, "ns.one")
    assert not found.addresses and "only through itself" in found.said


def test_aliases_are_followed_and_their_loops_noticed(server):
    """A CNAME leads on from its target; a circle, or more than eight, is told as such."""
    server.tell("a.example.", "a.example. 60 IN CNAME B.example.", flags=MINE)
    server.tell("b.example.", "b.example. 60 IN A 127.0.0.1", flags=MINE)
    assert walk(server, "a.example") == Found(Outcome.ADDRESSES, (LOOPBACK,), ("b.example.",))
    server.tell("b.example.", "b.example. 60 IN CNAME a.example.", flags=MINE)
    assert walk(server, "a.example").outcome is Outcome.ALIAS_LOOP
    for number in range(20):
        server.tell(f"c{number}.", f"c{number}. 60 IN CNAME c{number + 1}.", flags=MINE)
    assert walk(server, "c0").outcome is Outcome.ALIAS_LOOP


@pytest.mark.parametrize(
    ("rcode", "outcome"),
    [("NXDOMAIN", Outcome.NO_NAME), ("NOERROR", Outcome.NO_DATA), ("REFUSED", Outcome.FAILED)],
)
def test_what_does_not_exist_is_told_from_what_is_refused(server, rcode, outcome):
    """NXDOMAIN and an empty answer are answers; REFUSED is none."""
    server.tell("mail.example.", rcode=rcode, flags=MINE)
    assert walk(server, "mail.example").outcome is outcome


def test_a_server_without_edns_is_asked_without(server):
    """FORMERR to a question with EDNS is no reason to give up."""

    def old(query, _way):
        plain = query.edns < 0
        return [make_answer(query, ["m. 60 IN A 127.0.0.1"] * plain, "NOERROR" if plain else "FORMERR", flags=MINE)]

    server.tell_by("m.", old)
    assert walk(server, "m").addresses == (LOOPBACK,)


def test_a_cut_answer_is_asked_for_again_over_tcp(server):
    """TC over UDP means TCP."""
    lines = ["m. 60 IN A 127.0.0.1"]
    server.tell_by(
        "m.", lambda query, way: [make_answer(query, lines * (way == "tcp"), flags=MINE + " TC" * (way == "udp"))]
    )
    assert walk(server, "m").addresses == (LOOPBACK,)
    assert [way for name, _, way in server.asked if name == "m."] == ["udp", "tcp"]


def test_silence_is_a_value():
    """A server that says nothing is silent, and one where nobody listens refuses over TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        endpoint = Endpoint(*silent.getsockname())
        assert ask(endpoint)[0].reach is Reach.SILENT
        assert ask(endpoint, Question(ZONE, SOA, tcp=True))[0].reach is Reach.CLOSED


def test_an_asker_asks_no_more_than_its_bounds():
    """Past its number or its time nothing is sent any more, and which it was is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        endpoint = Endpoint(*silent.getsockname())
        _, few = ask(endpoint, tries=1000, timeout=0.001, most=3)
        assert few.gave_up == "it had asked 3 questions"
        _, short = ask(endpoint, tries=1000, timeout=0.1, seconds=0.2)
        assert short.gave_up == "it had taken 0.2 seconds"


def test_an_examination_that_gives_up_says_so(server):
    """What was found in the bound is judged, and the bound itself is a finding."""
    server.tell_by("2.0.192.in-addr.arpa.", lambda query, _way: refer(query, "2.0.192.in-addr.arpa.", "ns.example."))

    async def resolve(_name, version):
        return Found(Outcome.ADDRESSES, (LOOPBACK,)) if version == 4 else Found(Outcome.NO_DATA)

    class Nobody:
        """Is told and says nothing."""

        def begin(self, what, total):
            """Begin."""

        def advance(self, count):
            """Advance."""

    async def examine():
        asker = Asker(timeout=0.5, most=2)  # for NS and DS at the parent
        walker = Walker(asker, [server.endpoint])
        return await Examiner("2.0.192.in-addr.arpa", asker, walker, resolve, Nobody()).examine(Known())

    findings = diagnose(asyncio.run(examine()))
    assert [finding.code for finding in findings] == ["one_server", "gave_up"]
    assert "it had asked 2 questions" in findings[1].found


def test_a_root_that_says_nothing_of_use_is_an_error(server):
    """When nobody can be asked who has the zone, that is said, with what each did."""
    server.tell("2.0.192.in-addr.arpa.", rcode="REFUSED")

    async def find():
        asker = Asker(timeout=0.5)
        walker = Walker(asker, [server.endpoint])
        examiner = Examiner("2.0.192.in-addr.arpa", asker, walker, walker.addresses, None)
        return await examiner._find_referral(())

    with pytest.raises(ClientError, match=r"127\.0\.0\.1:\d+ answered REFUSED; name a server of the zone above"):
        asyncio.run(find())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 90), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 100))
def test_nothing_that_a_server_sends_is_an_exception(changes, size):
    """Any bytes, right at the beginning or not, are an answer, or no answer."""

    def say(query, _way):
        wire = bytearray(make_answer(query, ["2.0.192.in-addr.arpa. 60 IN SOA a. b. 1 2 3 4 5"], flags=MINE).to_wire())
        for at, byte in changes:
            wire[at % len(wire)] = byte
        return [bytes(wire[:size] if size > 12 else wire)]

    with FakeDns() as server:
        server.tell_by("2.0.192.in-addr.arpa.", say)
        heard, _ = ask(server.endpoint, timeout=0.05)
        assert read_reply(heard, ZONE).reach is heard.reach
        assert server.asked


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\5abc", b"\xff\xff" + b"\0" * 65535, b"\0\x0c" + b"\0" * 12])
def test_a_transfer_that_is_none_is_told_so(sent):
    """A stream that ends early, is empty or is no DNS gives no delegations, and the reason."""

    async def transfer():
        async def serve(reader, writer):
            await reader.read(2)
            writer.write(sent)
            writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with listener:
            return await transfer_cuts(Endpoint(*listener.sockets[0].getsockname()), ZONE, 5.0)

    cuts, reason = asyncio.run(transfer())
    assert cuts == {} and reason


def test_the_root_servers_are_thirteen():
    """Each of the thirteen has an IPv4 and an IPv6 address."""
    assert len(set(ROOTS)) == 26
    assert sum(":" in root.host for root in ROOTS) == 13


def test_an_unknown_option_that_comes_back_is_noticed():
    """An echo of the option that nobody knows is read, other options are not taken for it."""
    query = dns.message.make_query(ZONE, SOA, options=[dns.edns.GenericOption(65001, b"ptrd")])
    reply = make_answer(query)
    reply.use_edns(0, options=[dns.edns.GenericOption(65001, b"ptrd")])
    assert read_reply(Heard(Reach.ANSWERED, reply), ZONE).echo
    reply.use_edns(0, options=[dns.edns.GenericOption(65002, b"ptrd")])
    assert not read_reply(Heard(Reach.ANSWERED, reply), ZONE).echo
