"""DNS cookies: the RFC's examples, what makes a cookie valid, and how a query with one is answered."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st
from siphashc import siphash

from ptrd.engine.clients import client_of
from ptrd.engine.cookies import answer_cookie, is_well_formed, make_cookie
from ptrd.engine.edns import UDP
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.records.access import REFUSE
from tests.serving import serve

OLD, NEW, OTHER = (
    bytes.fromhex(text)
    for text in (
        "dd3bdf9344b678b185a6f5cb60fca715",
        "445536bcd2513298075a5d379663c962",
        "e5e973e5a6b2a43f48e7dc849e37bfcf",
    )
)
V4 = ipaddress.ip_address("198.51.100.100").packed
V6 = ipaddress.ip_address("2001:db8:220:1:59de:d0f4:8769:82b8").packed
CLIENT = bytes.fromhex("2464c4abcf10c957")
NOW = 1559731985
PEER = ("198.51.100.100", 4711)
SNAPSHOT = serve(
    "zone: 192.0.2.0/24\nsoa: {mname: a.example, rname: b.example}\nns: [a.example]\nrecords: {192.0.2.1: one.example}"
)
OPTIONS = Options(cookie_secrets=(OTHER, OLD), nsid=b"ns1")
NO_REASONS = Options(extended_errors=tuple((version, 0, 0, REFUSE) for version in (4, 6)))


def send(*options, name="1.2.0.192.in-addr.arpa", settings=OPTIONS, client=PEER, now=NOW, **more):
    """Ask with EDNS options, given as (code, data); give the reply's bytes."""
    found = [dns.edns.GenericOption(code, data) for code, data in options]
    query = dns.message.make_query(name, "PTR", use_edns=0, options=found, **more)
    return respond(SNAPSHOT, Service(settings), query.to_wire(), UDP, client, now)[0]


def options_of(wire):
    """Give the options of a reply by their codes."""
    return {int(option.otype): option.to_wire() for option in dns.message.from_wire(wire).options}


def without_question(*options, opt_version=0):
    """Make a query that has no question."""
    data = b"".join(code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for code, value in options)
    opt = b"\0\0\x29\x04\xd0\0" + bytes((opt_version,)) + b"\0\0" + len(data).to_bytes(2, "big") + data
    return b"\xab\xcd\1\0\0\0\0\0\0\0\0\1" + opt


@pytest.mark.parametrize(
    ("length", "value"),
    [
        (0, 0x726FDB47DD0E0E31),
        (1, 0x74F839C593DC67FD),
        (8, 0x93F5F5799A932462),
        (15, 0xA129CA6149BE45E5),
        (63, 0x958A324CEB064572),
    ],
)
def test_the_hash_is_siphash_2_4(length, value):
    """The library gives what the designers' reference vectors say."""
    assert siphash(bytes(range(16)), bytes(range(length))) == value


@pytest.mark.parametrize(
    ("secret", "client", "address", "now", "server"),
    [
        (OTHER, "2464c4abcf10c957", V4, 1559731985, "010000005cf79f111f8130c3eee29480"),  # A.1
        (OTHER, "2464c4abcf10c957", V4, 1559734385, "010000005cf7a871d4a564a1442aca77"),  # A.2
        (OTHER, "fc93fc62807ddb86", bytes((203, 0, 113, 203)), 1559734700, "010000005cf7a9acf73a7810aca2381e"),  # A.3
        (OLD, "22681ab97d52c298", V6, 1559741817, "010000005cf7c57926556bd0934c72f8"),  # A.4
        (NEW, "22681ab97d52c298", V6, 1559741961, "010000005cf7c609a6bb79d16625507a"),
    ],
)
def test_the_examples_of_the_rfc(secret, client, address, now, server):
    """The cookies of RFC 9018, appendix A, are made byte for byte."""
    assert make_cookie(secret, bytes.fromhex(client), address, now) == bytes.fromhex(client + server)


def test_a_renewed_cookie():
    """A valid cookie of 40 minutes is answered with a fresh one (RFC 9018, A.2)."""
    asked = make_cookie(OTHER, CLIENT, V4, NOW)
    assert answer_cookie([OTHER], asked, V4, NOW + 2400.5) == (True, make_cookie(OTHER, CLIENT, V4, NOW + 2400))


def test_reserved_bytes_that_are_set():
    """Another server's reserved bytes count in its hash, and ours are zero (RFC 9018, A.3)."""
    asked = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    address = bytes((203, 0, 113, 203))
    assert answer_cookie([OTHER], asked, address, 1559727985) == (True, asked)
    fresh = bytes.fromhex("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e")
    assert answer_cookie([OTHER], asked, address, 1559734700) == (False, fresh)


def test_a_secret_that_was_replaced():
    """A cookie of the second secret is valid, and replaced by one of the first (RFC 9018, A.4)."""
    asked = bytes.fromhex("22681ab97d52c298010000005cf7c57926556bd0934c72f8")
    fresh = bytes.fromhex("22681ab97d52c298010000005cf7c609a6bb79d16625507a")
    assert answer_cookie([NEW, OLD], asked, V6, 1559741961) == (True, fresh)
    assert answer_cookie([NEW], asked, V6, 1559741961) == (False, fresh)


@pytest.mark.parametrize(
    ("age", "valid", "same"),
    [
        (0, True, True),
        (1800, True, True),
        (1801, True, False),
        (3600, True, False),
        (3601, False, False),
        (-300, True, True),
        (-301, False, False),
    ],
)
@pytest.mark.parametrize("made", [NOW, 2**32 - 1, 2**32 + 100])
def test_a_cookie_has_its_time(made, age, valid, same):
    """One is valid from 5 minutes ahead to an hour, and kept for half an hour, also when 32 bits of time are full."""
    asked = make_cookie(OTHER, CLIENT, V4, made)
    found, reply = answer_cookie([OTHER], asked, V4, made + age)
    assert (found, reply == asked) == (valid, same or not age)


@given(
    st.binary(min_size=16, max_size=40).filter(lambda data: len(data) != 24), st.integers(0, 23), st.integers(1, 255)
)
def test_whatever_is_changed_a_cookie_is_not_valid(data, place, change):
    """Another length, another byte anywhere, or another address makes a cookie worthless."""
    good = make_cookie(OTHER, CLIENT, V4, NOW)
    changed = bytearray(good)
    changed[place] ^= change
    for asked, address in ((data, V4), (bytes(changed), V4), (good, V6), (good, bytes((198, 51, 100, 101)))):
        assert answer_cookie([OTHER], asked, address, NOW) == (False, make_cookie(OTHER, asked[:8], address, NOW))


def test_the_address_of_a_client():
    """A socket's address is 4 or 16 bytes, its interface left out."""
    assert client_of("198.51.100.100").address == V4
    assert client_of("fe80::1%eth0").address == ipaddress.ip_address("fe80::1").packed


@pytest.mark.parametrize("length", range(43))
def test_the_length_of_a_cookie(length):
    """8 bytes, or 16 to 40, are a cookie; FORMERR, with our OPT and without an answer, meets the rest."""
    wire = send((10, bytes(length)))
    right = length == 8 or 16 <= length <= 40
    assert is_well_formed(bytes(length)) == right
    reply = dns.message.from_wire(wire)
    assert reply.rcode() == (dns.rcode.NOERROR if right else dns.rcode.FORMERR)
    assert bool(reply.answer) == right and (10 in options_of(wire)) == right and reply.edns == 0


def test_two_rounds_of_a_client():
    """A client's first query gives it a server cookie; the second, with that cookie, gets the same back."""
    first = options_of(send((10, CLIENT)))[10]
    assert first == make_cookie(OTHER, CLIENT, V4, NOW)
    assert options_of(send((10, first), now=NOW + 60))[10] == first
    assert options_of(send((10, first), client=("198.51.100.101", 1), now=NOW + 60))[10] != first


def test_a_worthless_cookie_is_as_none():
    """A wrong or old server cookie is answered in full, with a fresh one."""
    wire = send((10, CLIENT + bytes(16)))
    assert dns.message.from_wire(wire).answer and options_of(wire)[10] == make_cookie(OTHER, CLIENT, V4, NOW)


def test_the_first_of_two_cookies_counts():
    """Of two COOKIE options the second is passed over, even when it is malformed (RFC 7873, 5.2)."""
    assert options_of(send((10, CLIENT), (10, b"x")))[10] == make_cookie(OTHER, CLIENT, V4, NOW)


@pytest.mark.parametrize("length", [0, 1, 8, 24])
def test_cookies_that_are_off(length):
    """Without a secret a COOKIE option is one of many unknown ones, whatever it holds."""
    wire = send((10, bytes(length)), settings=Options())
    assert dns.message.from_wire(wire).answer and options_of(wire) == {}


def test_every_answer_carries_the_cookie():
    """A cookie comes with a refusal and a denial too."""
    for name in ("1.100.51.198.in-addr.arpa", "9.9.2.0.192.in-addr.arpa"):
        assert 10 in options_of(send((10, CLIENT), name=name))


@pytest.mark.parametrize("opcode", [0, 4])
def test_a_message_without_a_question_needs_a_cookie(opcode):
    """FORMERR meets a query without a question and cookie, or when cookies are off; NOTIMP another opcode."""
    cookie = bytearray(without_question((10, CLIENT)))
    cookie[2] |= opcode << 3
    for data, options in (
        (bytes(cookie), OPTIONS if opcode else Options()),
        (
            bytearray(without_question((3, b""))[:2]) + bytes((1 | opcode << 3,)) + without_question((3, b""))[3:],
            OPTIONS,
        ),
    ):
        wire = respond(SNAPSHOT, Service(options), bytes(data), UDP, PEER, NOW)[0]
        assert wire[3] & 15 == (4 if opcode else 1) and wire[4:10] == bytes(6)


@pytest.mark.parametrize(
    ("cookie", "rcode", "source"),
    [
        (CLIENT, dns.rcode.NOERROR, "nodata"),
        (make_cookie(OTHER, CLIENT, V4, NOW - 60), dns.rcode.NOERROR, "nodata"),
        (make_cookie(OTHER, CLIENT, V4, NOW - 3601), dns.rcode.BADCOOKIE, "error"),
        (CLIENT + bytes(16), dns.rcode.BADCOOKIE, "error"),
        (CLIENT + bytes(7), dns.rcode.FORMERR, "malformed"),
    ],
)
def test_a_query_for_a_cookie_alone(cookie, rcode, source):
    """A query without a question gets a server cookie, and learns whether its own is valid (RFC 7873, 5.4)."""
    wire, found, qtype, _ = respond(SNAPSHOT, Service(OPTIONS), without_question((10, cookie)), UDP, PEER, NOW)
    reply = dns.message.from_wire(wire)
    assert (reply.rcode(), SOURCES[found], qtype) == (rcode, source, -1)
    assert not reply.question and not reply.answer and reply.edns == 0
    assert (10 in options_of(wire)) == (rcode != dns.rcode.FORMERR)


def test_a_query_for_a_cookie_of_a_later_edns_version():
    """BADVERS comes before anything in the option (RFC 6891, 6.1.3)."""
    wire = respond(SNAPSHOT, Service(OPTIONS), without_question((10, CLIENT), opt_version=1), UDP, PEER, NOW)[0]
    assert dns.message.from_wire(wire).rcode() == dns.rcode.BADVERS and wire[4:6] == b"\0\0"


def test_the_name_of_the_server_is_told_on_request():
    """NSID is in the reply when it is asked for, and when there is one."""
    assert options_of(send((3, b""))) == {3: b"ns1"}
    assert options_of(send((3, b""), (10, CLIENT))).keys() == {3, 10}
    assert options_of(send()) == {} and options_of(send((3, b""), settings=Options())) == {}


def test_options_take_room_from_the_answer():
    """A reply with options stays within the limit: what does not fit is dropped with TC."""
    wire = send((3, b""), settings=Options(nsid=bytes(255)), payload=512, name="1.2.0.192.in-addr.arpa")
    assert len(wire) <= 512
    names = ", ".join(f"host-{number}.example" for number in range(20))
    world = serve(
        "zone: 192.0.2.0/24\nsoa: {mname: a.example, rname: b.example}\nns: [a.example]\n"
        f"records: {{192.0.2.1: [{names}]}}"
    )
    nsid = [dns.edns.GenericOption(3, b"")]
    for options, truncated in (([], 0), (nsid, dns.flags.TC)):
        query = dns.message.make_query("1.2.0.192.in-addr.arpa", "PTR", use_edns=0, payload=600, options=options)
        wire = respond(world, Service(Options(nsid=bytes(255))), query.to_wire())[0]
        assert len(wire) <= 600 and dns.message.from_wire(wire).flags & dns.flags.TC == truncated


def test_reasons_can_be_kept_back():
    """With `extended_errors` off a refusal has no reason; with it on, a code and a few words."""
    wire = send(name="1.100.51.198.in-addr.arpa")
    assert dns.message.from_wire(wire).options[0] == dns.edns.EDEOption(20, "no zone here holds this name")
    assert options_of(send(name="1.100.51.198.in-addr.arpa", settings=NO_REASONS)) == {}
