"""The envelope: flags, EDNS, truncation, classes, opcodes, and that no bytes do harm."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from dnslib import DNSRecord
from hypothesis import example, given
from hypothesis import strategies as st

from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.wire.names import parse_name
from tests.serving import ask, serve

POINTERS = ", ".join(f"host-{number}.a-rather-long-domain-name.example" for number in range(70))
TEXTS = " ".join(f'"{number:03}{"x" * 200}"' for number in range(12))
ZONES = f"""
zone: 192.0.2.0/24
soa: {{mname: ns1.example.net, rname: hostmaster@example.net}}
ns: [ns1.example.net, ns2.example.net]
records:
  192.0.2.10: mail.example.org
  192.0.2.20: [{POINTERS}]
defaults:
  192.0.2.0/24: "{{ip}}.dyn.example.net"
delegations:
  192.0.2.128/26: {{ns: [ns.128-26.2.0.192.in-addr.arpa]}}
rrsets: |
  big IN TXT {TEXTS}
  one IN A 192.0.2.1
  one IN TXT "text"
  ns.128-26 IN A 192.0.2.130
"""
SNAPSHOT = serve(ZONES)
OPTIONS = Options(chaos={"version.bind": "ptrd", "id.server": "ns1"})
QUESTION = parse_name("10.2.0.192.in-addr.arpa") + b"\0\x0c\0\x01"
OPT = bytes.fromhex("0000291000000080000000")


def message(flags=0x0100, counts=(1, 0, 0, 0), body=QUESTION):
    """Make a message."""
    return struct.pack(">HHHHHH", 0xABCD, flags, *counts) + body


def send(data, *, tcp=False):
    """Send bytes to the responder, and get the bytes of the reply."""
    return respond(SNAPSHOT, Service(OPTIONS), data, int(tcp))[0]


def query(name, rtype="PTR", **options):
    """Ask with dnspython."""
    tcp = options.pop("tcp", False)
    return ask(SNAPSHOT, dns.message.make_query(name, rtype, **options), tcp=tcp, options=OPTIONS)


@pytest.mark.parametrize("flags", [0x0100, 0x0000, 0x0130, 0x0150, 0x0570, 0x07F0])
def test_flags_of_an_answer(flags):
    """AA is set, RD is copied, RA, AD, CD, Z and TC are clear, the id and question come back."""
    reply = send(message(flags))
    assert reply[:2] == b"\xab\xcd"
    assert int.from_bytes(reply[2:4], "big") == 0x8400 | flags & 0x0100
    assert reply[12 : 12 + len(QUESTION)] == QUESTION


def test_the_case_of_a_question_comes_back():
    """A name is matched without case and echoed byte for byte."""
    question = b"\x0210\x012\x010\x03192\x07iN-AdDr\x04aRPa\0\0\x0c\0\x01"
    reply = send(message(body=question))
    assert reply[12 : 12 + len(question)] == question
    assert reply[7] == 1


@pytest.mark.parametrize(
    "data",
    [
        message(0x8100),
        message(0x8500, (1, 1, 0, 0)),
        message()[:11],
        b"",
        message(0xA800, (0, 0, 0, 0), b""),
    ],
)
def test_silence(data):
    """Answers and stumps are never answered."""
    assert send(data) == b""


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_other_opcodes_are_not_implemented(opcode):
    """Every opcode but QUERY gets NOTIMP with the header alone, whatever follows it."""
    reply = send(message(opcode << 11 | 0x0100, (1, 2, 3, 4)))
    assert len(reply) == 12
    assert int.from_bytes(reply[2:4], "big") == 0x8104 | opcode << 11
    assert reply[4:] == bytes(8)


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (message(counts=(0, 0, 0, 0), body=b""), 12),
        (message(counts=(2, 0, 0, 0), body=QUESTION * 2), 12),
        (message(body=QUESTION[:-2]), 12),
        (message(body=QUESTION + b"junk"), 12 + len(QUESTION)),
        (message(counts=(1, 0, 0, 2), body=QUESTION + OPT + OPT), 12 + len(QUESTION)),
        (message(counts=(1, 0, 0, 65535), body=QUESTION + OPT), 12 + len(QUESTION)),
        (message(counts=(1, 65535, 65535, 65535)), 12 + len(QUESTION)),
    ],
)
def test_malformed_messages(data, length):
    """A message that cannot be read gets FORMERR, never longer than the question."""
    reply = send(data)
    assert reply[3] & 15 == 1
    assert len(reply) == length


def test_edns_is_answered_with_edns():
    """An OPT is answered with one of version 0 that announces our size and copies DO; without one there is none."""
    reply = query("10.2.0.192.in-addr.arpa", use_edns=0, payload=4096, ednsflags=dns.flags.DO | 0x1234)
    assert reply.edns == 0 and reply.payload == 1232 and reply.ednsflags == dns.flags.DO and not reply.options
    assert query("10.2.0.192.in-addr.arpa", use_edns=False).edns == -1
    assert query("nothing.example", use_edns=0).edns == 0
    options = [dns.edns.GenericOption(65001, b"x"), dns.edns.GenericOption(3, b"")]
    assert query("10.2.0.192.in-addr.arpa", use_edns=0, options=options).options == ()


@pytest.mark.parametrize("version", [1, 2, 255])
def test_a_later_edns_version_is_refused(version):
    """BADVERS, with an OPT of version 0 and no answer (RFC 6891 6.1.3)."""
    reply = query("10.2.0.192.in-addr.arpa", use_edns=version)
    assert reply.rcode() == dns.rcode.BADVERS and reply.edns == 0 and not reply.answer


@pytest.mark.parametrize(
    ("size", "limit"), [(None, 512), (0, 512), (511, 512), (700, 700), (1232, 1232), (65535, 1232)]
)
def test_udp_answers_stay_below_the_limit(size, limit):
    """What does not fit is dropped whole and TC is set; TCP gives it all."""
    arguments = {"use_edns": False} if size is None else {"use_edns": 0, "payload": size}
    query_ = dns.message.make_query("20.2.0.192.in-addr.arpa", "PTR", **arguments)
    wire = send(query_.to_wire())
    reply = dns.message.from_wire(wire)
    assert len(wire) <= limit and reply.flags & dns.flags.TC and not reply.answer
    full = dns.message.from_wire(send(query_.to_wire(), tcp=True))
    assert len(full.answer[0]) == 70 and not full.flags & dns.flags.TC


def test_glue_that_does_not_fit_truncates():
    """A referral that loses in-domain glue says so with TC (RFC 9471)."""
    world = serve(
        """
        zone: 10.in-addr.arpa
        soa: {mname: a.example, rname: b.example}
        ns: [a.example]
        rrsets: |
          1 IN NS ns.1
          ns.1 IN A 192.0.2.1
          2 IN NS ns.2
        """
        + "".join(f"  ns.2 IN AAAA 2001:db8::{number:x}\n        " for number in range(1, 30)),
    )
    reply = ask(world, dns.message.make_query("5.1.10.in-addr.arpa", "PTR"))
    assert not reply.flags & dns.flags.TC and len(reply.additional) == 1
    reply = ask(world, dns.message.make_query("5.2.10.in-addr.arpa", "PTR"))
    assert reply.flags & dns.flags.TC and not reply.flags & dns.flags.AA and reply.authority


def test_any_gives_one_rrset():
    """ANY is answered with one RRset, the same over UDP and TCP (RFC 8482)."""
    for name in (
        "one.2.0.192.in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "10.2.0.192.in-addr.arpa",
        "77.2.0.192.in-addr.arpa",
    ):
        reply = query(name, "ANY", use_edns=False)
        assert len(reply.answer) == 1
        assert reply.answer == query(name, "ANY", tcp=True, use_edns=False).answer


def test_chaos_names_are_as_configured():
    """version.bind and the like are told when configured, in any case, and refused otherwise."""
    reply = query("Version.BIND", "TXT", rdclass="CH")
    assert reply.answer[0][0].to_text() == '"ptrd"' and reply.flags & dns.flags.AA
    assert query("hostname.bind", "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED
    assert query("version.bind", "A", rdclass="CH").rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("rdclass", ["ANY", "NONE", "HS", "CH", "CLASS0"])
def test_other_classes_are_refused(rdclass):
    """We serve the Internet class."""
    reply = query("10.2.0.192.in-addr.arpa", "PTR", rdclass=rdclass)
    assert reply.rcode() == dns.rcode.REFUSED and not reply.answer


def test_a_zone_that_is_not_served_is_refused_with_a_reason():
    """REFUSED, extended error 20 (RFC 8914), no upward referral, AA clear."""
    reply = query("1.100.51.198.in-addr.arpa", use_edns=0)
    assert reply.rcode() == dns.rcode.REFUSED and not reply.authority and not reply.flags & dns.flags.AA
    assert [int(option.code) for option in reply.options] == [20]
    assert query("1.100.51.198.in-addr.arpa", use_edns=False).edns == -1


@pytest.mark.parametrize("rtype", ["AXFR", "IXFR"])
def test_transfers_are_refused(rtype):
    """A transfer is refused with extended error 18, over either transport."""
    for tcp in (False, True):
        wire = send(dns.message.make_query("2.0.192.in-addr.arpa", rtype, use_edns=0).to_wire(), tcp=tcp)
        assert wire[3] & 15 == 5
        assert wire.endswith(b"\0\x0f\0\x18\0\x12no transfers from here")


blocks = st.lists(
    st.sampled_from(
        [QUESTION, OPT, QUESTION[:7], b"\xc0\x0c", b"\0", b"\0\0\xfa\0\xff", b"\1a", b"\xff" * 9, b"\0\x0a"]
    ),
    max_size=6,
).map(b"".join)


@given(
    st.one_of(st.binary(max_size=300), blocks),
    st.integers(0, 65535),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.booleans(),
)
@example(body=QUESTION + OPT, flags=0x0100, counts=(1, 0, 0, 1), tcp=False)
def test_no_bytes_do_harm(body, flags, counts, tcp):
    """Any bytes are answered by at most one message that both libraries read, or by silence; nothing is raised."""
    data = message(flags, counts, body)
    wire, source, qtype, number = respond(SNAPSHOT, Service(OPTIONS), data, int(tcp))
    assert SOURCES[source] != "error" or wire[3] & 15 in (0, 4)
    if flags & 0x8000:
        assert wire == b""
        return
    assert wire[:2] == data[:2] and wire[2] & 0x80
    assert -1 <= qtype <= 65535 and -1 <= number < SNAPSHOT.range_count
    assert len(wire) <= (65535 if tcp else 1232)
    DNSRecord.parse(wire)
    if wire[2] & 0x78 == 0:
        dns.message.from_wire(wire)
    if wire[3] & 15 in (1, 4, 5):
        assert len(wire) <= len(data) + 6 + 28 + 11


def test_an_ordinary_answer_does_not_amplify():
    """One PTR of up to 40 bytes: bytes out over bytes in, IP and UDP headers counted, is at most 2."""
    data = message()
    assert (28 + len(send(data))) / (28 + len(data)) <= 2
