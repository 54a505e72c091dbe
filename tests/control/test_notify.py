"""NOTIFY over real sockets: who is told what, how often, and what is known of secondaries."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.tsig

from ptrd.control import notify
from ptrd.control.secondaries import Pace
from ptrd.wire.names import parse_name
from tests.control.notifying import ORIGIN, PATIENT, run, told, until, zone


def test_a_notify_is_as_the_rfc_has_it():
    """It has opcode NOTIFY, AA, the question for the SOA, and the SOA in its answer (RFC 1996, 3.7); no RD, no EDNS."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"))
        made.notifier.start()
        await until(lambda: secondary.told)
        message = secondary.told[0][1]
        assert message.opcode() == dns.opcode.NOTIFY
        assert message.flags & ~0x7800 == dns.flags.AA
        assert str(message.question[0]) == "2.0.192.in-addr.arpa. IN SOA"
        assert message.edns == -1 and not message.had_tsig
        assert told(message) == ("2.0.192.in-addr.arpa.", 100)

    run(test)


def test_a_change_is_told_once_and_acknowledged():
    """After an answer nothing more is sent, until the serial moves again; then the new serial is said."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT)
        made.notifier.start()
        await until(lambda: made.notifier.acknowledged == 1)
        made.move(101)
        await until(lambda: made.notifier.acknowledged == 2)
        made.move(101)
        await until(lambda: len(secondary.asked) > 2)  # some time
        assert secondary.serials == [100, 101]
        assert (made.notifier.sent, made.notifier.failed) == (2, 0)

    run(test)


def test_a_stream_of_changes_is_coalesced():
    """500 changes at once are two NOTIFYs: the first of them, and the last when the gap is over."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT)
        made.notifier.start()
        await until(lambda: made.notifier.acknowledged == 1)
        for serial in range(101, 601):
            made.move(serial)
        await until(lambda: secondary.serials[-1] == 600)
        assert len(secondary.told) <= 3

    run(test)


def test_how_far_a_secondary_is_behind_is_asked_of_it():
    """Its serial is what it serves, not what it was told; the lag ends when it has caught up."""

    async def test(secondary, port, primary):
        secondary.serial = 99
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT)
        made.notifier.start()
        await until(lambda: made.standing().serial == 99)
        assert made.notifier.acknowledged == 1
        assert made.standing().behind > 0
        secondary.serial = 100
        await until(lambda: made.standing().behind == 0)
        assert made.standing().serial == 100 and not made.standing().trouble
        samples = made.notifier.samples()
        labels = ("2.0.192.in-addr.arpa.", f"127.0.0.1:{port}")
        assert samples["ptrd_secondary_acknowledged_serial"] == [(labels, 100)]
        assert samples["ptrd_secondary_serial"] == [(labels, 100)]
        assert samples["ptrd_secondary_lag_seconds"] == [(labels, 0)]
        assert samples["ptrd_notify_sent_total"] == [((), 1)]

    run(test)


def test_ipv6():
    """A secondary on IPv6 is told, and its answers count."""

    async def test(secondary, port, primary):
        secondary.serial = 100
        made = primary(zone(f"[::1]:{port}"))
        made.notifier.start()
        await until(lambda: made.standing().serial == 100)
        assert made.notifier.acknowledged == 1

    run(test, address="::1")


def test_messages_leave_from_the_address_that_is_configured():
    """`notify.source` is where secondaries see the NOTIFY come from, on some port."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"), sources=["127.0.0.9"])
        made.notifier.start()
        await until(lambda: secondary.told)
        assert secondary.told[0][2][0] == "127.0.0.9"

    run(test)


def test_a_network_that_is_not_there_is_trouble_and_no_more():
    """When a message cannot even be sent that is told, and tried again; others are told meanwhile."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}", f"[::1]:{port}"), sources=["2001:db8::1"])
        made.notifier.start()
        await until(lambda: made.notifier.failed == 1 and made.notifier.acknowledged == 1)
        trouble = {standing.target.host: standing.trouble for standing in made.notifier.standings()}["::1"]
        assert trouble.startswith("cannot be reached: ")
        await until(lambda: made.notifier.sent == len(secondary.told))

    run(test)


def test_name_servers_are_told_but_the_primary():
    """The NS of a zone are told at the addresses that our zones have for them, the MNAME is not, nor a stranger's."""
    forward = (
        "zone: example.net\nsoa: {mname: ns1.example.net, rname: hostmaster.example.net}\nns: [ns1.example.net]\n"
        "rrsets: |\n  ns1 IN A 127.0.0.1\n  ns2 IN A 127.0.0.2\n  ns3 IN AAAA 2001:db8::3\n"
    )

    async def test(secondary, port, primary):
        servers = "ns1.example.net, ns2.example.net, ns4.example.org"
        made = primary(zone(servers=servers), forward, port=port)
        made.addresses[parse_name("ns4.example.org")] = ["127.0.0.1", "2001:db8::4"]
        made.notifier.start()
        await until(lambda: len(list(made.notifier.standings())) == 3)
        hosts = sorted(standing.target.host for standing in made.notifier.standings())
        assert hosts == ["127.0.0.1", "127.0.0.2", "2001:db8::4"]
        assert made.sought == [parse_name("ns4.example.org")]
        await until(lambda: secondary.told)  # as 127.0.0.1

    run(test)


def test_who_listens_there_ourselves_is_not_told():
    """A name server that is this very server gets no NOTIFY."""

    async def test(secondary, port, primary):
        servers = "ns1.example.net, ns4.example.org, ns5.example.org"
        made = primary(zone(servers=servers), port=port, listen=[("0.0.0.0", port)])  # noqa: S104 - it says so
        made.addresses |= {parse_name("ns4.example.org"): ["127.0.0.1"], parse_name("ns5.example.org"): ["192.0.2.77"]}
        made.notifier.start()
        await until(lambda: len(made.sought) == 2 and list(made.notifier.standings()))
        assert [standing.target.host for standing in made.notifier.standings()] == ["192.0.2.77"]
        assert not secondary.told

    run(test)


def test_a_name_server_that_cannot_be_looked_up_is_looked_up_again(monkeypatch):
    """A resolver that is not there yet delays the NOTIFY, and does not lose it."""
    monkeypatch.setattr(notify, "AGAIN", (0.02, 0.1))

    async def test(secondary, port, primary):
        made = primary(zone(servers="ns1.example.net, ns4.example.org"), port=port)
        made.notifier.start()
        await until(lambda: len(made.sought) > 2)
        made.addresses[parse_name("ns4.example.org")] = ["127.0.0.1"]
        await until(lambda: secondary.told)

    run(test)


def test_a_zone_without_transfer_is_told_to_nobody():
    """Without `transfer` neither name servers nor anybody else hears of a zone."""
    text = zone(servers="ns1.example.net, ns4.example.org").rpartition("transfer:")[0]

    async def test(secondary, port, primary):
        made = primary(text, zone(f"127.0.0.1:{port}", origin="198.51.100.0/24"), port=port, pace=PATIENT)
        made.notifier.start()
        made.move(101)
        await until(lambda: made.notifier.acknowledged == 1)
        assert [told(message)[0] for _, message, _ in secondary.told] == ["100.51.198.in-addr.arpa."]
        assert not made.sought

    run(test)


def test_publications_bring_and_take_secondaries():
    """A target that a publication brings is told of the zone, whose serial stays; one that it takes is forgotten."""

    async def test(secondary, port, primary):
        assert not secondary.told
        made = primary(zone())
        made.notifier.start()
        await asyncio.sleep(0)
        assert not list(made.notifier.standings())
        made.publish(zone(f"127.0.0.1:{port}"))
        await until(lambda: made.notifier.acknowledged == 1)
        made.publish(zone(f"127.0.0.1:{port} transfer-key"))
        await until(lambda: made.standing().target.key == parse_name("transfer-key"))
        await until(lambda: made.notifier.failed == 1)
        assert "`keys` has no transfer-key." in made.standing().trouble
        made.publish()
        await until(lambda: not list(made.notifier.standings()))
        assert not made.notifier._notices and not made.notifier._looks
        assert made.notifier.samples()["ptrd_secondary_serial"] == []

    run(test)


def test_a_serial_that_was_overtaken_is_not_told():
    """A publication that ends after a newer change of the zone does not bring its older serial back."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT)
        made.notifier.start()
        await until(lambda: made.notifier.acknowledged == 1)
        made.move(105)
        made.notifier.moved({ORIGIN: 104}, True)  # noqa: FBT003 - as the link calls it
        await until(lambda: made.notifier.acknowledged == 2)
        assert made.standing().newest == 105
        assert secondary.serials == [100, 105]
        made.move(50)  # as a zone that comes from elsewhere may
        await until(lambda: secondary.serials[-1] == 50)

    run(test)


def test_thousands_of_zones_do_not_flood(monkeypatch):
    """At start zones are told one after another; a change meanwhile does not wait for them."""
    monkeypatch.setattr(notify, "STARTS", 100)

    async def test(secondary, port, primary):
        texts = "---\n".join(
            zone(f"127.0.0.1:{port}", origin=f"{number >> 8}.{number & 255}.10.in-addr.arpa") for number in range(2000)
        )
        made = primary(texts, pace=Pace())
        began = asyncio.get_running_loop().time()
        made.notifier.start()
        await until(lambda: len(secondary.told) >= 20 and len(list(made.notifier.standings())) == 2000)
        last = made.snapshot.zones[-1].origin
        made.move(777, last)
        await until(lambda: 777 in secondary.serials)
        took = asyncio.get_running_loop().time() - began
        zones = {told(message)[0] for _, message, _ in secondary.told}
        assert len(zones) <= 10 + took * 100
        assert len(zones) < 2000

    run(test)


def test_many_changes_at_once_are_told_in_bursts():
    """When very many zones change in one moment, so many messages go out in a second and no more."""

    async def test(secondary, port, primary):
        texts = "---\n".join(zone(f"127.0.0.1:{port}", origin=f"{number}.10.in-addr.arpa") for number in range(200))
        made = primary(pace=Pace())
        made.notifier.start()
        made.publish(texts)
        began = asyncio.get_running_loop().time()
        await until(lambda: len(secondary.told) >= 60)
        took = asyncio.get_running_loop().time() - began
        assert took >= (60 / notify.BURST - 1) * notify.PAUSE * 0.9

    run(test)


def test_nothing_is_sent_after_the_end():
    """When the notifier is closed its sockets are, and what is reported to it is passed over."""

    async def test(secondary, port, primary):
        made = primary(zone(f"127.0.0.1:{port}"), pace=PATIENT)
        made.notifier.start()
        await until(lambda: made.notifier.acknowledged == 1)
        await made.notifier.close()
        made.move(101)
        assert secondary.serials == [100]
        assert not made.notifier._datagrams._sockets
        assert made.notifier.sent == 1

    run(test)
