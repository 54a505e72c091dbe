"""Zones fetched from NSD, and from a primary that does everything wrong that a primary can do."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import struct
import time
from types import SimpleNamespace

import dns.message
import dns.tsig
import pytest

from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.client.sequence import ADDED, REMOVED, WHOLE, is_later, serial_of
from ptrd.client.transfer import Limits, Tls, TransferRefused, Unreachable, ask_soa, fetch_changes, fetch_zone
from ptrd.records.transfer import Key
from ptrd.wire.names import format_name, parse_name
from tests.client.primary import KEY, ORIGIN, SIGNED, ZONE, Primary, make_message, ptr, soa, wires
from tests.peers.nsd import NsdServer
from tests.peers.process import free_port
from tests.serve.certificates import NAME, make_pair

LIMITS = Limits(connect=5, idle=5, total=20, size=1 << 20)


async def collect(batches):
    """Take everything that a transfer gives."""
    return [batch async for batch in batches]


def fetch(answer, *, serial=None, key=None, limits=LIMITS):
    """Fetch from a scripted primary: all, or with a serial what changed since."""

    async def run():
        async with Primary(answer) as primary:
            if serial is None:
                return await collect(fetch_zone(primary.endpoint, ORIGIN, key, limits=limits))
            return await collect(fetch_changes(primary.endpoint, ORIGIN, serial, key, limits=limits))

    return asyncio.run(run())


def owners(batches):
    """Name the owners and serials of what came."""
    return [
        (batch.kind, batch.serial, [format_name(record.owner).split(".")[0] for record in batch.records])
        for batch in batches
    ]


def refused(answer, *, kind=ClientError, **options):
    """Fetch what cannot be fetched; give the sentence."""
    with pytest.raises(ClientError) as caught:
        fetch(answer, **options)
    assert type(caught.value) is kind
    return str(caught.value)


def test_nsd_gives_its_zone_whole():
    """Every record of every type arrives once, in lower-case owners and uncompressed data, over many messages."""
    lines = [soa(7), f"{ZONE} 3600 IN NS ns1.example.net.", *(f"{i}.{j}.{ZONE} 60 IN PTR Host-{i}-{j}.Example.net."
             for i in range(256) for j in range(20))]  # fmt: skip
    lines += [f'*.x.{ZONE} 60 IN TXT "a b" "c"', f"s.{ZONE} 60 IN SRV 0 5 443 host.{ZONE}",
              f"u.{ZONE} 60 IN TYPE65280 \\# 2 abcd"]  # fmt: skip

    async def run(port):
        batches = await collect(fetch_zone(Endpoint("127.0.0.1", port), ORIGIN))
        first = await ask_soa(Endpoint("127.0.0.1", port), ORIGIN)
        return batches, first, await collect(fetch_changes(Endpoint("127.0.0.1", port), ORIGIN, 7))

    with NsdServer({ZONE.removesuffix("."): "\n".join(lines) + "\n"}) as nsd:
        batches, first, unchanged = asyncio.run(run(nsd.port))
    records = [record for batch in batches for record in batch.records]
    assert len(batches) > 2 and {batch.kind for batch in batches} == {WHOLE}
    assert records[0] == first and serial_of(first) == 7 and unchanged == []
    assert len(records) == len(set(records)) == len(lines)
    found = {(record.owner, record.rtype): record.rdata for record in records}
    assert found[parse_name(f"*.x.{ZONE}"), 16] == b"\3a b\1c"
    assert found[parse_name(f"s.{ZONE}"), 33] == struct.pack(">HHH", 0, 5, 443) + parse_name(f"host.{ZONE}")
    assert found[parse_name(f"u.{ZONE}"), 65280] == b"\xab\xcd"
    assert found[parse_name(f"5.19.{ZONE}"), 12].lower() == parse_name("host-5-19.example.net.")


def test_nsd_refuses_what_it_does_not_serve():
    """A zone that the server does not have is a sentence with the server and the zone, for an SOA too."""
    other = parse_name("3.0.192.in-addr.arpa.")

    async def run(endpoint):
        with pytest.raises(TransferRefused, match=rf"^{endpoint} .* 3\.0\.192\.in-addr\.arpa\."):
            await collect(fetch_zone(endpoint, other))
        with pytest.raises(TransferRefused, match=r"3\.0\.192\.in-addr\.arpa\."):
            await ask_soa(endpoint, other)

    with NsdServer({ZONE: f"{soa(7)}\n{ZONE} 60 IN NS ns1.example.net.\n"}) as nsd:
        asyncio.run(run(Endpoint("127.0.0.1", nsd.port)))


def test_differences_come_in_pairs():
    """IXFR gives what each version loses and gains, across messages as they are cut, with each version's serial."""
    parts = ([soa(3), soa(1), ptr(1)], [ptr(2), soa(2)], [ptr(3), soa(2), soa(3), ptr(4), soa(3)])
    found = fetch(lambda query: wires(query, *parts), serial=1)
    assert owners(found) == [
        (REMOVED, 1, ["2", "1"]), (REMOVED, 1, ["2"]), (ADDED, 2, ["2"]), (ADDED, 2, ["3"]), (REMOVED, 2, ["2"]),
        (ADDED, 3, ["2", "4"]),
    ]  # fmt: skip


def test_a_server_without_differences_gives_all():
    """The answer to IXFR may be the whole zone; a server that knows no IXFR is asked for AXFR."""
    parts = ([soa(3), ptr(1)], [soa(3)])
    assert owners(fetch(lambda query: wires(query, *parts), serial=1)) == [(WHOLE, 3, ["2", "1"])]

    def old(query):
        if query.question[0].rdtype == 251:
            return wires(query, [], rcode=4)
        return wires(query, *parts)

    assert owners(fetch(old, serial=1)) == [(WHOLE, 3, ["2", "1"])]


def test_nothing_newer_gives_nothing():
    """One SOA of the serial that is known ends the transfer, and nothing was given."""
    assert fetch(lambda query: wires(query, [soa(3)]), serial=3) == []


def test_one_soa_alone_does_not_end_a_newer_zone():
    """A first message may hold nothing but the SOA of a newer version; the rest follows."""
    found = fetch(lambda query: wires(query, [soa(5)], [ptr(1), soa(5)]), serial=3)
    assert owners(found) == [(WHOLE, 5, ["2", "1"])]
    assert owners(fetch(lambda query: wires(query, [soa(5), soa(5)]))) == [(WHOLE, 5, ["2"])]


GOOD = ([soa(3), ptr(1)], [ptr(2)], [ptr(3), soa(3)])


@pytest.mark.parametrize(
    ("parts", "serial", "sentence"),
    [
        (([soa(3), ptr(1)],), None, "ended in the middle: the server closed the connection"),
        ((), None, "ended in the middle"),
        (([ptr(1), soa(3)],), None, "does not begin with the zone's SOA"),
        (([soa(3), ptr(1), soa(4)],), None, "ends with another SOA than it began with, of the serial 4"),
        (([soa(3), ptr(1), soa(3), ptr(2)],), None, "records follow the closing SOA"),
        (([soa(3), "1.3.0.192.in-addr.arpa. 60 IN PTR a.example."],), None, "holds 1.3.0.192.in-addr.arpa., which is"),
        (([soa(3), soa(3).replace("2.0", "9.2.0")],), None, "holds 9.2.0.192.in-addr.arpa., which is not of this zone"),
        (([soa(2)],), 3, "its serial went back: it has 2, and 3 was there before"),
        (([soa(3), soa(1), ptr(1), soa(9)],), 1, "its differences do not follow each other: 9 comes after 1"),
        (([soa(3), soa(1), ptr(1), soa(1)],), 1, "its differences do not follow each other: 1 comes after 1"),
        (([soa(3), soa(1), ptr(1), soa(2), ptr(2), soa(3)],), 1, "3 comes after 2"),
    ],
)
def test_a_transfer_that_is_not_one_is_refused(parts, serial, sentence):
    """Whatever is missing, foreign or out of order is told; nothing of it is taken for the whole."""
    told = refused(lambda query: wires(query, *parts), serial=serial)
    assert sentence in told and ZONE in told and "127.0.0.1:" in told


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"rcode": 5}, TransferRefused, "refuses 2.0.192.in-addr.arpa.: allow this machine's address, or use a key"),
        ({"rcode": 9}, TransferRefused, "is not authoritative for 2.0.192.in-addr.arpa."),
        ({"rcode": 2}, TransferRefused, "answers SERVFAIL for 2.0.192.in-addr.arpa."),
        ({"tc": True}, ClientError, "a message is truncated"),
        ({"question": False}, ClientError, "answers another question"),
    ],
)
def test_an_answer_that_is_none_says_why(options, kind, sentence):
    """Each rcode, and each header that cannot be, has its sentence."""
    assert sentence in refused(lambda query: wires(query, *GOOD, **options), kind=kind)


def test_bytes_that_are_no_message_are_refused():
    """A message of another query, a short one, a circle of pointers, bytes left over: none of them is taken."""

    def altered(change):
        return lambda query: [change(wires(query, *GOOD)[0])]

    loop = b"\xc0\x0c" * 2
    for change in (
        lambda wire: bytes((wire[0] ^ 1,)) + wire[1:],
        lambda wire: wire[:2] + bytes((wire[2] & 0x7F,)) + wire[3:],
        lambda wire: wire[:2] + bytes((wire[2] | 0x20,)) + wire[3:],
        lambda wire: wire[:11],
        lambda wire: wire[:-1],
        lambda wire: wire + b"\0",
        lambda wire: wire[:4] + b"\0\2" + wire[6:],
        lambda wire: wire[:12] + loop + wire[12:],
        lambda wire: wire[:12] + b"\x40" + wire[13:],
        lambda wire: wire[:6] + b"\xff\xff" + wire[8:],
    ):
        assert "cannot be read" in refused(altered(change))


def test_an_endless_transfer_ends():
    """A server that never stops, with records or without, is left when it has sent as much as is taken."""

    def endless(query, lines):
        first, again = wires(query, [soa(3), ptr(1)], lines)
        return itertools.chain([first], itertools.repeat(again))

    for lines in ([ptr(2)] * 500, []):
        told = refused(lambda query, lines=lines: endless(query, lines), limits=LIMITS._replace(size=200_000))
        assert "is longer than 200000 bytes" in told


def test_a_server_that_falls_silent_is_left():
    """A stalled message, and a trickle that never ends, are bounded by the time for one message and for all."""

    async def stall(query):
        await asyncio.sleep(30)
        return wires(query, *GOOD)

    async def run(answer, limits):
        async with Primary(answer) as primary:
            fetching = collect(fetch_zone(primary.endpoint, ORIGIN, limits=limits))
            with pytest.raises(Unreachable) as caught:
                await asyncio.wait_for(fetching, 10)
            return str(caught.value)

    assert "stalled for 0.2 s" in asyncio.run(run(stall, LIMITS._replace(idle=0.2)))
    assert "is not done after 0.2 s" in asyncio.run(run(stall, LIMITS._replace(total=0.2)))


def test_nobody_there_is_unreachable():
    """A port without a server is told as such, over TCP and UDP."""
    endpoint = Endpoint("127.0.0.1", free_port())

    async def run():
        for asking in (collect(fetch_zone(endpoint, ORIGIN)), ask_soa(endpoint, ORIGIN)):
            with pytest.raises(Unreachable, match=rf"^{endpoint} cannot be reached: Connection refused$"):
                await asking

    asyncio.run(run())


def test_signed_messages_are_taken():
    """With a key every message may be signed, or only some with the last among them (RFC 8945, 5.3.1)."""
    for leave in ((), (1,)):
        found = fetch(lambda query, leave=leave: wires(query, *GOOD, key=SIGNED, leave=leave), key=KEY)
        assert [len(batch.records) for batch in found] == [2, 1, 1]


def test_a_bad_signature_spoils_a_transfer():
    """Unsigned where it must be signed, another secret, an altered byte, another key's name: each is told."""
    stranger = dns.tsig.Key("xfer.example.", b"x" * 32, "hmac-sha256")
    other = dns.tsig.Key("other.example.", KEY.secret, "hmac-sha256")

    def altered(query):
        first, *rest = wires(query, *GOOD, key=SIGNED)
        return [first.replace(b"\4host", b"\4lost"), *rest]

    def unsigned(query, *leave):
        return wires(query, *GOOD, key=SIGNED, leave=leave)

    for answer, kind, sentence in (
        (lambda query: wires(query, *GOOD), ClientError, "it is not signed by xfer.example"),
        (lambda query: unsigned(query, 0), ClientError, "it is not signed by xfer.example"),
        (lambda query: unsigned(query, 2), ClientError, "its last message is not signed"),
        (lambda query: wires(query, *GOOD, key=stranger), TransferRefused, "signs wrongly: its secret of xfer.example"),
        (altered, TransferRefused, "signs wrongly: its secret of xfer.example"),
        (lambda query: wires(query, *GOOD, key=other), TransferRefused, "signs with another key than xfer.example"),
    ):
        assert sentence in refused(answer, key=KEY, kind=kind)
    assert "no key was given" in refused(lambda query: wires(query, *GOOD, key=SIGNED))


def test_a_hundred_unsigned_messages_are_too_many():
    """At most 99 messages in a row may come unsigned."""
    parts = [[soa(3), ptr(1)], *([ptr(2)] for _ in range(120)), [soa(3)]]
    told = refused(lambda query: wires(query, *parts, key=SIGNED, leave=range(1, 121)), key=KEY)
    assert "over 99 messages are not signed" in told


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(17, "does not know the key xfer.example"), (16, "the secrets differ"), (18, "set the clocks of both machines")],
)
def test_what_the_server_says_of_our_signature_is_told(error, sentence):
    """BADKEY, BADSIG and BADTIME come unsigned, with NOTAUTH; each has a sentence of its own."""

    def answer(query):
        message = make_message(query, rcode=9)
        message.use_tsig(dns.tsig.Key("xfer.example.", KEY.secret, "hmac-sha256"), tsig_error=error)
        message.want_tsig_sign = False
        return [message.to_wire()]

    assert sentence in refused(answer, key=KEY, kind=TransferRefused)


def test_a_signature_of_another_time_is_refused(monkeypatch):
    """What was signed 400 s ago is not taken, though the signature is right."""
    monkeypatch.setattr("ptrd.client.transfer.time", SimpleNamespace(time=lambda: time.time() + 400))
    told = refused(lambda query: wires(query, *GOOD, key=SIGNED), key=KEY, kind=TransferRefused)
    assert "signs with the time of another clock" in told


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_the_soa_comes_over_udp_or_tcp(algorithm):
    """The SOA is asked over UDP, again over TCP when the answer is truncated, signed each way."""
    key = Key(KEY.name, algorithm, KEY.secret)
    ring = dns.tsig.Key("xfer.example.", KEY.secret, algorithm)

    async def run(udp):
        async with Primary(lambda query: wires(query, [soa(9)], key=ring), udp=udp) as primary:
            primary._read = lambda wire: dns.message.from_wire(wire, keyring={ring.name: ring})
            return await ask_soa(primary.endpoint, ORIGIN, key, limits=LIMITS)

    noise = [b"", b"x" * 40]
    assert serial_of(asyncio.run(run(lambda query: noise + wires(query, [soa(8)], key=ring)))) == 8
    assert serial_of(asyncio.run(run(lambda query: wires(query, [], key=ring, tc=True)))) == 9


def test_a_zone_comes_over_tls(tmp_path):
    """The certificate must be of a trusted authority and for the name that is expected; then it is as over TCP."""
    pair = make_pair(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair.certificate, pair.key)
    trusting = ssl.create_default_context(cafile=pair.certificate)

    async def run(context, name):
        async with Primary(lambda query: wires(query, *GOOD), context=serving) as primary:
            return await collect(fetch_zone(primary.endpoint, ORIGIN, limits=LIMITS, tls=Tls(context, name)))

    assert len(asyncio.run(run(trusting, NAME))) == 3
    for context, name in ((trusting, "other.example"), (ssl.create_default_context(), NAME)):
        with pytest.raises(Unreachable, match="certificate"):
            asyncio.run(run(context, name))


def test_authority_is_asked_of_the_soa_alone():
    """A resolver's SOA is refused. In a transfer AA does not count: Knot leaves it out."""

    async def run():
        async with Primary(None, udp=lambda query: wires(query, [soa(8)], aa=False)) as primary:
            await ask_soa(primary.endpoint, ORIGIN, limits=LIMITS)

    with pytest.raises(TransferRefused, match=r"is not authoritative for 2\.0\.192\.in-addr\.arpa\."):
        asyncio.run(run())
    assert len(fetch(lambda query: wires(query, *GOOD, aa=False))) == 3


def test_serials_go_round():
    """Later is meant as RFC 1982 has it: 0 comes after 4294967295; half the circle away is neither."""
    assert is_later(0, 2**32 - 1) and not is_later(2**32 - 1, 0)
    assert is_later(2**31 - 1, 0) and not is_later(2**31, 0) and not is_later(0, 2**31)
    assert not is_later(5, 5)
