"""NOTIFY from a primary: believed from whom it should be, answered as RFC 1996 says, and nothing else happens."""

from __future__ import annotations

import base64
import time

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import pytest

from ptrd.control.compiler import compile_sources
from ptrd.engine.options import Options
from ptrd.engine.responder import respond
from ptrd.engine.service import Service
from ptrd.snapshot.image import open_image
from ptrd.wire.names import parse_name

ZONE = "2.0.192.in-addr.arpa."
ORIGIN = parse_name(ZONE)
SECRET = b"sixteen bytes are few; thirty-two"
KEY = (parse_name("tk."), "hmac-sha256", SECRET)
RING = dns.tsigkeyring.from_text({"tk.": base64.b64encode(SECRET).decode()})
WRONG = dns.tsigkeyring.from_text({"tk.": base64.b64encode(b"another secret that is as long..").decode()})
PRIMARY, KEYED, STRANGER = ("192.0.2.53", 5000), ("2001:db8::53", 5000, 0, 0), ("192.0.2.99", 5000)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Make a zone with a primary that needs no key and one that does, and a zone of our own."""
    folder = tmp_path_factory.mktemp("zones")
    (folder / "a.yaml").write_text("zone: 192.0.2.0/24\nprimaries: [192.0.2.53, '2001:db8::53 tk']\n")
    (folder / "b.yaml").write_text(
        "zone: 198.51.100.0/24\nsoa: {mname: ns.example.net, rname: h.example.net}\nns: [ns.example.net]\n"
    )
    built = compile_sources([str(folder)], time.time()).built
    assert built is not None
    return open_image(b"".join(built.parts))


def notify(zone: str = ZONE, rtype: str = "SOA", ring: object = None) -> bytes:
    """Make a NOTIFY, signed with a key ring or not."""
    message = dns.message.make_query(zone, rtype, flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    if ring is not None:
        message.use_tsig(ring, "tk.")
    return message.to_wire()


def take(snapshot, data, peer, now=None):
    """Give the answer, and the zones that were believed to have changed."""
    service = Service(Options(keys=(KEY,)))
    wire = respond(snapshot, service, data, 0, peer, time.time() if now is None else now)[0]
    return wire, service.take_notified()


@pytest.mark.parametrize(
    ("peer", "ring", "believed"),
    [
        (PRIMARY, None, True),
        (PRIMARY, RING, True),
        (KEYED, RING, True),
        (KEYED, None, False),
        (STRANGER, None, False),
        (STRANGER, RING, False),
    ],
)
def test_who_is_believed(snapshot, peer, ring, believed):
    """A primary is, with its key where it has one; the answer has the question, AA or NOTAUTH, and is signed too."""
    data = notify(ring=ring)
    wire, zones = take(snapshot, data, peer)
    keyring = {} if ring is None else {"keyring": ring, "request_mac": dns.message.from_wire(data, keyring=ring).mac}
    reply = dns.message.from_wire(wire, **keyring)
    assert zones == ({ORIGIN} if believed else set())
    assert reply.opcode() == dns.opcode.NOTIFY
    assert reply.rcode() == (dns.rcode.NOERROR if believed else dns.rcode.NOTAUTH)
    assert bool(reply.flags & dns.flags.AA) == believed
    assert reply.flags & dns.flags.QR
    assert (reply.id, reply.question[0].to_text()) == (int.from_bytes(data[:2], "big"), f"{ZONE} IN SOA")
    assert reply.had_tsig == (ring is not None)


@pytest.mark.parametrize(
    ("ring", "skew", "error"), [(WRONG, 0, dns.tsig.PeerBadSignature), (RING, 4000, dns.tsig.PeerBadTime)]
)
def test_a_signature_that_is_wrong_or_of_another_time_is_not_believed(snapshot, ring, skew, error):
    """BADSIG comes unsigned, BADTIME signed, and nothing is remembered, not even from a primary."""
    data = notify(ring=ring)
    wire, zones = take(snapshot, data, PRIMARY, time.time() + skew)
    assert zones == set()
    assert wire[3] & 15 == dns.rcode.NOTAUTH
    with pytest.raises(error):
        dns.message.from_wire(wire, keyring=RING, request_mac=dns.message.from_wire(data, keyring=ring).mac)


@pytest.mark.parametrize(("zone", "rtype"), [("100.51.198.in-addr.arpa.", "SOA"), ("example.", "SOA"), (ZONE, "PTR")])
def test_of_zones_that_have_no_primary_it_is_not_implemented(snapshot, zone, rtype):
    """It is answered like any opcode that is not known."""
    wire, zones = take(snapshot, notify(zone, rtype), PRIMARY)
    assert (zones, wire[3] & 15, len(wire)) == (set(), dns.rcode.NOTIMP, 12)


@pytest.mark.parametrize("cut", [13, 30, -3])
def test_what_is_cut_short_says_nothing(snapshot, cut):
    """It is answered like an opcode that is not known, and nothing is remembered."""
    wire, zones = take(snapshot, notify(ring=RING)[:cut], PRIMARY)
    assert (zones, wire[3] & 15) == (set(), dns.rcode.NOTIMP)


def test_a_zone_of_which_nothing_is_known_is_servfail(snapshot):
    """Neither its apex nor a name in it, nor a transfer of it, can be answered before it has come."""
    for name, rtype in ((ZONE, "SOA"), (f"1.{ZONE}", "PTR"), (f"x.{ZONE}", "TXT")):
        wire, _ = take(snapshot, dns.message.make_query(name, rtype).to_wire(), STRANGER)
        assert dns.message.from_wire(wire).rcode() == dns.rcode.SERVFAIL
        assert not dns.message.from_wire(wire).flags & dns.flags.AA
    wire, _ = take(snapshot, dns.message.make_query(ZONE, "SOA", use_edns=0).to_wire(), STRANGER)
    (error,) = dns.message.from_wire(wire).options
    assert (error.code, error.text) == (14, "nothing has come of this zone, or not for too long")
