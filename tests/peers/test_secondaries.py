"""The servers that people run as secondaries of ptrd: they take its zones, follow its changes, and say what it says."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re

import dns.message
import pytest

from tests.peers.api import ApiServer
from tests.peers.asking import UdpClient, make_query
from tests.peers.pdns import PdnsSecondary
from tests.peers.process import unable
from tests.peers.secondaries import BindSecondary, Key, KnotSecondary, NsdSecondary
from tests.talking import send, until

KEY = Key("transfer-key", "hmac-sha256", base64.b64encode(bytes(range(32))).decode())
SETTINGS = f"keys: {{{KEY.name}: {{algorithm: {KEY.algorithm}, secret: {KEY.secret}}}}}\n"
HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net, refresh: 1h, retry: 1m}\nns: [ns1.example.net]\n"
FOUR, SIX, DYN = "100.51.198.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", "dyn.example.net."
ZONES = {
    "four.yaml": f"zone: 198.51.100.0/24\n{HEAD}defaults: {{198.51.100.0/24: '{{ip}}.dyn.example.net'}}\n"
    "records: {198.51.100.7: seven.example.net, 198.51.100.8: [a.example.net, b.example.net]}\n"
    "delegations: {198.51.100.128/26: {ns: [ns1.example.org, ns2.example.org]}}\n"
    'rrsets: |\n  9 TXT "text"\n  6 CNAME seven.example.net.\n  ns.sub A 198.51.100.53\n',
    "six.yaml": f"zone: 2001:db8::/32\n{HEAD}"
    "records: {'2001:db8::7': seven.example.net, '2001:db8:0:1::9': nine.example.net}\n",
    "dyn.yaml": f"zone: dyn.example.net\n{HEAD}forward: [198.51.100.0/25]\nrrsets: |\n  198-51-100-5 A 203.0.113.5\n",
}
PTR, A, SOA, NS, TXT = 12, 1, 6, 2, 16
PLACES = [f"2001:db8:0:2::{number:x}" for number in range(40)]


def questions():
    """Give a question about every name of the zones, and about some that are not there."""
    yield from ((f"{number}.{FOUR}", PTR) for number in range(256))
    yield from ((f"198-51-100-{number}.{DYN}", A) for number in range(140))
    yield from ((ipaddress.ip_address(place).reverse_pointer, PTR) for place in ("2001:db8::7", "2001:db8::8", *PLACES))
    yield from ((zone, rtype) for zone in (FOUR, SIX, DYN) for rtype in (SOA, NS, TXT))
    yield from ((f"9.{FOUR}", TXT), (f"sub.{FOUR}", TXT), (f"x.{FOUR}", PTR), (f"x.{DYN}", A), (f"0.0.{SIX}", PTR))


def answers_of(server):
    """Ask a server everything: {question: (rcode, answer section)}."""
    found = {}
    with UdpClient(server.address, server.port) as client:
        for name, rtype in questions():
            reply = dns.message.from_wire(client.ask(make_query(name, rtype), seconds=10))
            answer = sorted(line for rrset in reply.answer for line in rrset.to_text().splitlines())
            found[name, rtype] = reply.rcode(), answer
    return found


def serial_of(server, zone):
    """Ask for a zone's serial."""
    with UdpClient(server.address, server.port) as client:
        reply = client.ask(make_query(zone, SOA), seconds=5)
    answer = dns.message.from_wire(reply).answer if reply else []
    return answer[0][0].serial if answer else None


def transfers(primary, kind):
    """Count the transfers of a kind in the primary's log."""
    return len(re.findall(rf": {kind} to 127.0.0.1 is done", (primary.folder / "log").read_text()))


def follow(primary, secondaries):
    """Wait until all secondaries have the primary's versions."""
    serials = {zone: serial_of(primary, zone) for zone in (FOUR, SIX, DYN)}
    for peer in secondaries:
        for zone, serial in serials.items():
            until(lambda peer=peer, zone=zone, serial=serial: serial_of(peer, zone) == serial, 30)


def compare(primary, secondaries):
    """Ask all servers about every name."""
    expected = answers_of(primary)
    for peer in secondaries:
        assert answers_of(peer) == expected, peer.program


def change(primary, start):
    """Change hundreds of records, some of them twice, in many revisions."""
    for number in range(start, start + 100, 20):
        operations = [
            {"op": "set", "address": f"198.51.100.{one}", "names": [f"v{start}.h{one}.example.com"]}
            for one in range(number % 120, number % 120 + 20)
            if one not in (6, 64)
        ]
        operations += [
            {"op": "set", "address": place, "names": [f"v{number}.example.com", "both.example.com"], "ttl": 77}
            for place in PLACES[number % 20 : number % 20 + 15]
        ]
        primary.api("POST", "/api/v1/ptrs:bulk?wait=1", {"operations": operations})
    for one in range(40, 60):
        primary.api("DELETE", f"/api/v1/ptrs/198.51.100.{one}")


@pytest.fixture
def primary(tmp_path):
    """Start ptrd with three zones that only who has the key may transfer, and addresses that can be managed."""
    texts = {name: text + f"transfer: {{allow: [{KEY.name}]}}\n" for name, text in ZONES.items()}
    with ApiServer(tmp_path / "primary", zones=texts, settings=SETTINGS, workers=2, origins=[FOUR, SIX, DYN]) as server:
        server.api("PATCH", "/api/v1/accounts/acme", {"quota": 500})
        for prefix, eip in (("198.51.100.0/25", "four"), ("2001:db8:0:2::/64", "six")):
            body = {"address": prefix, "id": eip, "region": "eu-1", "project": "shop"}
            server.api("POST", "/api/v1/eips", body)
        yield server


def test_secondaries_follow(primary):
    """A whole transfer, then hundreds of changes by NOTIFY and IXFR, over restarts of either side: all say the same."""
    kinds = [kind for kind in (NsdSecondary, KnotSecondary, BindSecondary, PdnsSecondary) if kind.installed()]
    if len(kinds) < 4:
        unable("apt-get install nsd knot bind9 pdns-server pdns-backend-sqlite3: one of these secondaries is missing")
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(kind([FOUR, SIX, DYN], primary.port, KEY)) for kind in kinds]
        follow(primary, peers)
        compare(primary, peers)
        targets = ", ".join(f"127.0.0.1:{peer.port}" for peer in peers)
        for name, text in ZONES.items():
            transfer = f"transfer: {{allow: [{KEY.name}], notify: [{targets}]}}\n"
            (primary.zone_folder / name).write_text(text + transfer)
        assert send(primary, "reload")["ok"]
        whole = transfers(primary, "AXFR")
        change(primary, 0)
        follow(primary, peers)
        until(lambda: all(peers[0].has_written(zone, serial_of(primary, zone)) for zone in (FOUR, SIX)))
        mishaps = peers[0].mishaps()
        peers[0].stop()
        change(primary, 100)
        follow(primary, peers[1:])
        peers[0].restart()
        follow(primary, peers)
        compare(primary, peers)
        mishaps += peers[0].mishaps()
        assert transfers(primary, "AXFR") <= whole + mishaps, "some secondary had to take a zone whole"
        mishaps = -peers[0].mishaps()
        primary.stop()
        primary.start()  # with a new log
        change(primary, 200)
        follow(primary, peers)
        (primary.zone_folder / "six.yaml").write_text(
            ZONES["six.yaml"].replace("seven", "siebzehn") + f"transfer: {{allow: [{KEY.name}], notify: [{targets}]}}\n"
        )
        assert send(primary, "reload")["ok"]
        follow(primary, peers)
        compare(primary, peers)
        mishaps += peers[0].mishaps()
        assert transfers(primary, "AXFR") <= mishaps, "some secondary had to take a zone whole"
