"""Transfers by call: who may have a zone, what is in it, in how many messages, and what is said to everybody else."""

from __future__ import annotations

import dns.message
import dns.name
import dns.rcode
import dns.tsig
import pytest

from ptrd.engine.edns import TCP, TLS, UDP
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.engine.transfers import Outgoing
from ptrd.records.changes import Change
from ptrd.snapshot.steps import Histories
from ptrd.wire.names import parse_name
from ptrd.wire.reader import read_query
from ptrd.wire.rows import FULL, RowError, write_rows
from ptrd.wire.writer import write_record
from tests.serving import serve

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net, serial: 10}\nns: [ns1.example.net]\n"
ORIGIN = "2.0.192.in-addr.arpa."
OPEN = f"zone: 198.51.100.0/24\n{HEAD}records: {{198.51.100.1: one.example.net}}\n"
ZONE = (
    f"zone: 192.0.2.0/24\n{HEAD}records: {{192.0.2.1: one.example.net, 192.0.2.2: [a.example.net, b.example.net]}}\n"
    "delegations: {192.0.2.64/26: {ns: [ns.64-26.2.0.192.in-addr.arpa]}}\n"
    "rrsets: |\n  ns.64-26 A 192.0.2.65\n  deep.64-26 TXT hidden\n  x TYPE65280 \\# 2 abcd\n"
    "transfer: {allow: [10.0.0.0/8, '2001:db8::/32', one, 172.16.0.0/12 two]}\n"
)
KEYS = (
    (parse_name("one"), "hmac-sha256", bytes(32)),
    (parse_name("two"), "hmac-sha512", bytes(64)),
)
WORLD = serve(ZONE, OPEN)
OPTIONS = Options(keys=KEYS)
NOW = 1_700_000_000.0


def key_of(name, secret=None):
    """Give a key as dnspython has it."""
    for known, algorithm, value in KEYS:
        if known == parse_name(name):
            return dns.tsig.Key(name, value if secret is None else secret, algorithm)
    return dns.tsig.Key(name, bytes(32), "hmac-sha256")


def make_query(rtype="AXFR", zone=ORIGIN, key=None, serial=None, **options):
    """Make a query; `serial` is what an IXFR's client has."""
    query = dns.message.make_query(zone, rtype, use_edns=0, **options)
    if serial is not None:
        soa = f"ns1.example.net. hostmaster.example.net. {serial} 1 1 1 1"
        query.authority.append(dns.rrset.from_text(zone, 300, "IN", "SOA", soa))
    if key is not None:
        query.use_tsig(key)
    return query


def ask(query, host="10.1.1.1", transport=TCP, world=WORLD, options=OPTIONS, data=None, now=None):
    """Ask as a client; give the source, and the message or all messages of a transfer."""
    data = query.to_wire() if data is None else data
    signed = query.tsig[0].time_signed if query.tsig else NOW
    reply = respond(world, Service(options), data, transport, (host, 4711), signed if now is None else now)
    if not isinstance(reply[0], Outgoing):
        return SOURCES[reply[1]], reply[0]
    messages = []
    while wire := reply[0].take(signed):
        messages.append(wire)
    return SOURCES[reply[1]], messages


def read(query, messages):
    """Read the records of a transfer as texts, checking every signature."""
    lines = []
    context = None
    for wire in messages:
        found = dns.message.from_wire(
            wire, keyring=query.keyring, request_mac=query.mac, multi=True, tsig_ctx=context, xfr=True,
            one_rr_per_rrset=True,
        )  # fmt: skip
        assert found.had_tsig == (query.keyring is not None) and found.rcode() == 0 and found.id == query.id
        context = found.tsig_ctx
        lines += [rrset.to_text() for rrset in found.answer]
    return lines


@pytest.mark.parametrize(
    ("host", "key", "allowed"),
    [
        ("10.1.1.1", None, True),
        ("2001:db8::7", None, True),
        ("192.0.2.1", None, False),
        ("2001:db9::7", None, False),
        ("192.0.2.1", "one", True),
        ("172.16.1.1", "two", True),
        ("172.16.1.1", None, False),
        ("192.0.2.1", "two", False),
        ("10.1.1.1", "two", True),
    ],
)
@pytest.mark.parametrize("transport", [TCP, TLS])
def test_an_address_a_key_or_both_may_have_a_zone(host, key, allowed, transport):
    """Each item of `allow` is a prefix, a key, or both together; who has none is refused with extended error 18."""
    query = make_query(key=key and key_of(key))
    source, said = ask(query, host, transport)
    if allowed:
        assert source == "record" and len(read(query, said)) > 5
    else:
        reply = dns.message.from_wire(said, keyring=query.keyring, request_mac=query.mac)
        assert (source, reply.rcode(), int(reply.options[0].code)) == ("prohibited", dns.rcode.REFUSED, 18)
        assert reply.had_tsig == (key is not None)


@pytest.mark.parametrize("rtype", ["AXFR", "IXFR"])
def test_a_zone_that_says_nothing_is_transferred_to_nobody(rtype):
    """Without `transfer` a zone is refused, whatever the key and the address; so is one that is not served."""
    for key in (None, key_of("one")):
        for zone, code in (("100.51.198.in-addr.arpa.", 18), ("example.com.", 20)):
            query = make_query(rtype, zone, key, serial=1)
            reply = dns.message.from_wire(ask(query)[1], keyring=query.keyring, request_mac=query.mac)
            assert reply.rcode() == dns.rcode.REFUSED and int(reply.options[0].code) == code


def test_a_transfer_holds_everything():
    """The SOA stands first and last; glue, what lies below a cut, and types that nobody knows are between."""
    query = make_query()
    lines = read(query, ask(query)[1])
    assert lines[0] == lines[-1] and " SOA " in lines[0] and sum(" SOA " in line for line in lines) == 2
    text = "\n".join(lines)
    assert len(lines) == 2 + 1 + 3 + 64 + 1 + 1 + 1 + 1
    assert "deep.64-26.2.0.192.in-addr.arpa. 3600 IN TXT" in text and "IN A 192.0.2.65" in text
    assert "x.2.0.192.in-addr.arpa. 3600 IN TYPE65280 \\# 2 abcd" in text
    assert "2.2.0.192.in-addr.arpa. 3600 IN PTR b.example.net." in text


def test_managed_records_are_part_of_a_zone():
    """A record of the API is transferred in place of the file's, with the serial of that moment, to the end."""
    query = make_query()
    world = serve(ZONE, OPEN)
    begun = respond(world, Service(OPTIONS), query.to_wire(), TCP, ("10.1.1.1", 1), NOW)[0]
    changed = world.with_overlay(
        [Change(4, 0xC0000201, 60, (parse_name("new.example.net"),))], 2, {parse_name(ORIGIN): 11}
    )
    assert "1.2.0.192.in-addr.arpa. 3600 IN PTR one.example.net." in read(query, [begun.take(NOW)])
    lines = read(query, ask(query, world=changed)[1])
    assert "1.2.0.192.in-addr.arpa. 60 IN PTR new.example.net." in lines and " 11 " in lines[0] and " 11 " in lines[-1]
    assert not any("one.example.net" in line for line in lines)


def test_no_whole_zone_over_udp():
    """AXFR over UDP is refused; IXFR there gives the SOA alone, from which the client sees that it lacks something."""
    query = make_query()
    source, wire = ask(query, transport=UDP)
    reply = dns.message.from_wire(wire)
    assert source == "prohibited" and reply.rcode() == dns.rcode.REFUSED and int(reply.options[0].code) == 18
    reply = dns.message.from_wire(ask(make_query("IXFR", serial=1), transport=UDP)[1])
    assert [rrset.rdtype.name for rrset in reply.answer] == ["SOA"] and reply.answer[0][0].serial == 10


def stepped(steps=3, width=1):
    """Give the world after some changes."""
    world = serve(ZONE, OPEN)
    world.remember(Histories(), 100)
    for step in range(steps):
        changes = [
            Change(4, 0xC0000201 + number, 60, (parse_name(f"v{step}.h{number}.example.net"),))
            for number in range(width)
        ]
        world = world.with_overlay(changes, step + 2, {parse_name(ORIGIN): 11 + step})
    return world


def test_ixfr_gives_the_differences():
    """From a serial that is known, each step with its SOA before and after; over UDP too when it fits."""
    for transport in (TCP, UDP):
        query = make_query("IXFR", serial=11)
        reply = dns.message.from_wire(ask(query, transport=transport, world=stepped())[1], one_rr_per_rrset=True)
        found = [(rrset.rdtype.name, getattr(rrset[0], "serial", str(rrset[0]))) for rrset in reply.answer]
        assert found == [
            ("SOA", 13), ("SOA", 11), ("PTR", "v0.h0.example.net."), ("SOA", 12), ("PTR", "v1.h0.example.net."),
            ("SOA", 12), ("PTR", "v1.h0.example.net."), ("SOA", 13), ("PTR", "v2.h0.example.net."), ("SOA", 13),
        ]  # fmt: skip


def test_ixfr_falls_back():
    """Who has the newest serial, or a newer one, gets the SOA; whose is unknown gets the zone, or the SOA over UDP."""
    world = stepped(20, 20)
    for serial, transport in ((30, TCP), (31, TCP), (12, UDP)):
        reply = dns.message.from_wire(ask(make_query("IXFR", serial=serial), transport=transport, world=world)[1])
        assert [rrset.rdtype.name for rrset in reply.answer] == ["SOA"] and reply.answer[0][0].serial == 30
    query = make_query("IXFR", serial=9)
    lines = read(query, ask(query, world=world)[1])
    assert sum(" SOA " in line for line in lines) == 2 and lines[0] == lines[-1]
    query = make_query("IXFR", serial=12, key=key_of("one"))
    messages = ask(query, world=world)[1]
    assert len(messages) > 1 and sum(" SOA " in line for line in read(query, messages)) == 2 + 18 * 2


@pytest.mark.parametrize("change", ["none", "owner", "type", "cut"])
def test_ixfr_says_what_its_client_has(change):
    """Without one SOA of the zone in its authority section an IXFR is FORMERR (RFC 1995, 3)."""
    query = make_query("IXFR", serial=None if change == "none" else 9)
    data = query.to_wire()
    at = data.find(b"\xc0\x0c\0\6")
    if change == "owner":
        data = data[:at] + b"\xc0\x0e" + data[at + 2 :]
    if change == "type":
        data = data[: at + 3] + b"\x10" + data[at + 4 :]
    if change == "cut":
        data = data[: at + 10] + bytes((0, data[at + 11] - 1)) + data[at + 12 : at + 11 + data[at + 11]] + data[-11:]
    _, wire = ask(query, data=data)
    assert wire[3] & 15 == 1


def test_a_large_zone_takes_many_messages():
    """Each is full, none over 64 KB, and all are signed; the answer to a question with another case has that case."""
    lines = "".join(f"  10.{number >> 8}.{number & 255}.7: host{number}.example.net\n" for number in range(5000))
    world = serve(f"zone: 10.0.0.0/8\n{HEAD}transfer: {{allow: [one]}}\nrecords:\n{lines}")
    query = make_query(zone="10.IN-addr.arpa.", key=key_of("one"))
    messages = ask(query, world=world)[1]
    assert len(messages) > 5 and all(FULL <= len(wire) < FULL + 500 for wire in messages[:-1])
    found = read(query, messages)
    assert len(found) == 5003 and all(b"\2IN-addr" not in wire and b"\7IN-addr" in wire for wire in messages)


def test_records_of_any_size_are_transferred_or_it_ends():
    """Records of 60 KB take a message each; one that fits into none ends it, and never loops."""
    large = f"big TYPE65280 \\# 60000 {'ab' * 60000}\n  large TYPE65280 \\# 60000 {'ac' * 60000}\n  z TXT end\n"
    world = serve(f"zone: 192.0.2.0/24\n{HEAD}transfer: {{allow: [0.0.0.0/0]}}\nrrsets: |\n  {large}")
    query = make_query()
    messages = ask(query, world=world)[1]
    assert len(messages) == 3 and len(read(query, messages)) == 6
    huge = write_record(16, 60, bytes(65530))
    with pytest.raises(RowError):
        list(
            write_rows(read_query(query.to_wire()), [(b"", 1, write_record(16, 60, b"\0")), (b"\1x", 1, huge)], b"", 0)
        )


def test_a_signature_that_was_not_checked_is_worth_nothing():
    """A MAC of zeros, none, or of another message under a right name transfers nothing (CVE-2017-3143, -11104)."""
    query = make_query(key=key_of("one"))
    data = query.to_wire()
    mac = query.mac
    other = make_query(key=key_of("one"))
    other.to_wire()
    for wrong in (bytes(32), other.mac):
        source, wire = ask(query, "192.0.2.1", data=data.replace(mac, wrong))
        assert source == "error" and wire[3] & 15 == 9
        reply = dns.message.from_wire(wire, keyring=False)
        assert not reply.answer and reply.tsig[0].error == 16 and reply.tsig[0].mac == b""


@pytest.mark.parametrize("rtype", ["AXFR", "IXFR", "SOA", "PTR"])
@pytest.mark.parametrize("transport", [UDP, TCP])
def test_who_signs_wrongly_is_told_so(rtype, transport):
    """Nobody's key is BADKEY, a wrong secret BADSIG, both unsigned; a wrong time is BADTIME, signed: all NOTAUTH."""
    for key, late, error in ((key_of("three"), 0, 17), (key_of("one", b"x" * 32), 0, 16), (key_of("one"), 301, 18)):
        query = make_query(rtype, key=key, serial=1 if rtype == "IXFR" else None)
        data = query.to_wire()
        source, wire = ask(query, "10.1.1.1", transport, data=data, now=query.tsig[0].time_signed + late)
        reply = dns.message.from_wire(wire, keyring=False)
        assert (source, reply.rcode(), reply.tsig[0].error) == ("error", dns.rcode.NOTAUTH, error)
        assert not reply.answer and bool(reply.tsig[0].mac) == (error == 18) and reply.edns == 0


@pytest.mark.parametrize("name", [ORIGIN, "1.2.0.192.in-addr.arpa.", "x.example.com."])
@pytest.mark.parametrize("transport", [UDP, TCP, TLS])
def test_any_signed_question_has_a_signed_answer(name, transport):
    """What is asked with a key is answered with it, whatever the answer is."""
    query = make_query("PTR", name, key_of("two"))
    _, wire = ask(query, "192.0.2.1", transport)
    assert dns.message.from_wire(wire, keyring=query.keyring, request_mac=query.mac).had_tsig


def test_an_answer_that_does_not_fit_with_its_signature_is_truncated():
    """Over UDP only the question and the signature are left then, with TC (RFC 8945, 5.3.1)."""
    names = ", ".join(f"a-name-of-some-length-{number:02}.example.net" for number in range(12))
    world = serve(f"zone: 192.0.2.0/24\n{HEAD}records: {{192.0.2.1: [{names}]}}\n")
    query = make_query("PTR", "1.2.0.192.in-addr.arpa.", key_of("two"), payload=600)
    plain = ask(make_query("PTR", "1.2.0.192.in-addr.arpa.", payload=600), transport=UDP, world=world)[1]
    _, wire = ask(query, transport=UDP, world=world)
    assert not plain[2] & 2 and len(wire) <= 600
    reply = dns.message.from_wire(wire, keyring=query.keyring, request_mac=query.mac)
    assert reply.flags & 0x0200 and not reply.answer and reply.had_tsig


def test_a_key_opens_what_an_access_list_closes():
    """Who may have a zone because of a key may ask about it from anywhere, and transfer it; nobody else may."""
    world = serve(ZONE + "access: {allow: [203.0.113.0/24], drop: [198.51.100.0/24]}\n")
    for host, silent in (("192.0.2.1", False), ("198.51.100.1", True)):
        for rtype in ("SOA", "AXFR"):
            source, wire = ask(make_query(rtype), host, world=world)
            assert source == "prohibited" and bool(wire) != silent
            query = make_query(rtype, key=key_of("one"))
            assert ask(query, host, world=world)[0] == "record"
            assert ask(make_query(rtype, key=key_of("two")), host, world=world)[0] == "prohibited"


def test_who_is_kept_from_the_server_has_no_zone():
    """A client that the server's own access list refuses has nothing, key or not."""
    options = Options(keys=KEYS, access=((4, 10 << 24, 8, 1),))
    for key in (None, key_of("one")):
        assert ask(make_query(key=key), options=options)[0] == "prohibited"


@pytest.mark.parametrize("alias", ["al CNAME secret.private.example.", "al DNAME private.example."])
def test_a_key_for_one_zone_leads_into_no_other(alias):
    """Who signs with the key of a zone is led by its aliases only to where the client's address may go."""
    closed = "access: {refuse: [0.0.0.0/0]}\n"
    private = f"zone: private.example\n{HEAD}{closed}transfer: {{allow: [two]}}\nrrsets: |\n  secret TXT top-secret\n"
    public = f"zone: public.example\n{HEAD}{closed}transfer: {{allow: [one]}}\nrrsets: |\n  {alias}\n"
    world = serve(private, public)
    name = "al.public.example." if "CNAME" in alias else "secret.al.public.example."
    query = make_query("TXT", name, key=key_of("one"))
    _, wire = ask(query, world=world)
    assert b"top-secret" not in wire
    assert wire[3] & 15 == 0
    query = make_query("TXT", "secret.private.example.", key=key_of("two"))
    assert b"top-secret" in ask(query, world=world)[1]
    assert ask(make_query("TXT", "secret.private.example.", key=key_of("one")), world=world)[0] == "prohibited"
