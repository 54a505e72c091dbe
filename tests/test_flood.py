"""Floods, with real clients: who asks in earnest goes on being answered, and the flood is told little.

dnsperf plays both; what counts is how many of its questions were answered, never how fast.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import pytest

from ptrd.engine.cookies import make_cookie
from tests.peers.asking import make_query, udp_ask
from tests.peers.bind import BindResolver
from tests.peers.process import require_program
from tests.peers.unbound import UnboundServer
from tests.talking import fetch, until

PTR = 12
ORIGIN = "2.0.192.in-addr.arpa"
ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
records: {192.0.2.1: one.example.net}
defaults: {192.0.2.0/24: "{ip}.dyn.example.net"}
"""
COOKIE_KEY = "00112233445566778899aabbccddeeff"
LIMITS = "rrl: {records: 20, made: 50, denied: 20, exempt: ~}\n"
HONEST, FLOODING = "127.0.1.1", "127.0.2.1"  # not of one /24


def dnsperf(server, folder, name, *arguments, source=HONEST, seconds=5, rate=40, names=range(2, 250)):
    """Start dnsperf asking for default names, from an address of its own."""
    questions = folder / f"{name}.txt"
    questions.write_text("".join(f"{number}.{ORIGIN} PTR\n" for number in names), encoding="ascii")
    command = [
        *(require_program("dnsperf", "dnsperf"), "-s", server.address, "-p", str(server.port), "-a", source),
        *("-d", str(questions), "-l", str(seconds), "-Q", str(rate), "-t", "1", *arguments),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def shares_of(process):
    """Wait for dnsperf, and give (questions sent, share answered)."""
    said, _ = process.communicate(timeout=60)
    sent = re.search(r"Queries sent: +(\d+)", said)
    done = re.search(r"Queries completed: +(\d+)", said)
    assert sent and done, said
    return int(sent[1]), int(done[1]) / int(sent[1])


def metric(server, name):
    """Read one sample of /metrics."""
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", fetch(server, "/metrics")[1], re.MULTILINE)
    return float(found[1])


@contextmanager
def flooded(server, source, names):
    """Ask again and again from one address, without reading the answers, until the limits are reached."""
    queries = [make_query(name, PTR) for name in names]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect((server.address, server.port))

        def flood():
            for query in queries * 20:
                sock.send(query)
            time.sleep(0.01)  # not to fill the server's buffer
            return metric(server, 'ptrd_response_sources_total{source="limited"}')

        until(flood)
        yield flood


def test_an_honest_client_beside_a_flood(ptrd_server, tmp_path):
    """Of two addresses one asks a little and one a hundred times as much: the first keeps 99 % of its answers."""
    server = ptrd_server({"a.yaml": ZONE}, workers=2, settings=LIMITS)
    flood = dnsperf(server, tmp_path, "flood", source=FLOODING, seconds=6, rate=4000)
    honest = dnsperf(server, tmp_path, "honest", seconds=5, rate=40)
    asked, kept = shares_of(honest)
    flooded_with, reflected = shares_of(flood)
    assert asked >= 100 and kept >= 0.99
    assert flooded_with >= 1000 and reflected < 0.75  # of half of what is too many a truncated answer comes back
    assert metric(server, 'ptrd_response_sources_total{source="limited"}') > 0
    assert metric(server, 'ptrd_dropped_messages_total{reason="limited"}') > 0


def test_the_owner_of_a_flooded_address_keeps_its_answers_with_a_cookie(ptrd_server, tmp_path):
    """A flood in a client's own name limits what has no cookie; with a valid one it keeps 99 % of its answers."""
    server = ptrd_server({"a.yaml": ZONE}, workers=2, settings=f"{LIMITS}cookies: {{secrets: [{COOKIE_KEY}]}}\n")
    cookie = make_cookie(bytes.fromhex(COOKIE_KEY), b"honestly", socket.inet_aton(FLOODING), time.time())
    flood = dnsperf(server, tmp_path, "flood", source=FLOODING, seconds=6, rate=2000)
    until(lambda: metric(server, 'ptrd_dropped_messages_total{reason="limited"}'))
    owner = dnsperf(server, tmp_path, "owner", "-E", f"10:{cookie.hex()}", source=FLOODING, seconds=3)
    asked, kept = shares_of(owner)
    shares_of(flood)
    assert asked >= 60 and kept >= 0.99


def test_workers_have_one_limit(ptrd_server):
    """Four workers let through what one would: a burst of two seconds' answers, and what time adds."""
    server = ptrd_server({"a.yaml": ZONE}, workers=4, settings="rrl: {records: 5, slip: ~, exempt: ~}\n")
    query = make_query(f"1.{ORIGIN}", PTR)
    began = time.monotonic()
    answered = 0
    for _ in range(200):  # each from a port of its own, so that the kernel spreads them over the workers
        answered += udp_ask(server.address, server.port, query, seconds=0.02) is not None
    assert 5 <= answered <= 5 * (2 + time.monotonic() - began) + 4


def test_a_limit_is_logged_once_a_minute(ptrd_server):
    """However long the flood, the log has one line about it, with the prefix, the rate and what was asked."""
    server = ptrd_server({"a.yaml": ZONE}, workers=2, settings=LIMITS)
    with flooded(server, FLOODING, [f"1.{ORIGIN}"]) as flood:
        until(lambda: "are limited" in server.said())
        for _ in range(5):
            flood()
    lines = [line for line in server.said().splitlines() if "are limited" in line]
    assert len(lines) == 1
    assert f"answers to 127.0.2.0/24 are limited: more than 20/s, PTR of 1.{ORIGIN}." in lines[0]


def test_a_resolver_in_the_flooded_prefix_comes_back_over_tcp(ptrd_server):
    """Unbound, whose prefix is flooded, resolves every name: what is truncated it asks again over TCP."""
    server = ptrd_server({"a.yaml": ZONE}, settings="rrl: {made: 1, denied: 1, records: 1, slip: 1, exempt: ~}\n")
    with (
        UnboundServer([ORIGIN], server.address, server.port) as unbound,
        flooded(server, "127.0.0.1", [f"{number}.{ORIGIN}" for number in range(100, 110)]),
    ):
        for number in range(2, 32):
            reply = udp_ask(
                unbound.address, unbound.port, make_query(f"{number}.{ORIGIN}", PTR, flags=0x100), seconds=20
            )
            assert str(dns.message.from_wire(reply).answer[0][0].target) == f"192-0-2-{number}.dyn.example.net."
    assert metric(server, 'ptrd_queries_total{family="ipv4",transport="tcp"}') >= 20


@pytest.mark.parametrize("cookies", [True, False])
def test_a_resolver_with_cookies_has_no_limits(ptrd_server, cookies):
    """BIND, whose prefix may have two answers a second and no truncated one, gets all of them with cookies."""
    server = ptrd_server({"a.yaml": ZONE}, settings="rrl: {made: 2, denied: 2, records: 2, slip: ~, exempt: ~}\n")
    with BindResolver(ORIGIN, server.address, server.port, cookies=cookies) as bind:
        found = []
        for number in range(2, 42):
            query = make_query(f"{number}.{ORIGIN}", PTR, flags=0x100)
            reply = udp_ask(bind.address, bind.port, query, seconds=20 if cookies else 0.1)
            found.append(reply is not None and dns.message.from_wire(reply).rcode() == dns.rcode.NOERROR)
    limited = metric(server, 'ptrd_dropped_messages_total{reason="limited"}')
    assert (all(found) and limited <= 8) if cookies else limited > 8


def test_access_lists_at_a_running_server(ptrd_server):
    """Three addresses are answered, refused, and met with silence; a zone's list counts too."""
    kept = "zone: 198.51.100.0/24\n" + ZONE.split("\n", 1)[1].replace("192.0.2", "198.51.100")
    server = ptrd_server(
        {"a.yaml": ZONE, "b.yaml": kept + "access: {refuse: 127.0.3.0/24}\n"},
        settings="access: {refuse: 127.0.1.0/24, drop: 127.0.2.1}\n",
        origins=[ORIGIN],
    )

    def ask(source, name=f"1.{ORIGIN}"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            sock.settimeout(5)
            sock.sendto(make_query(name, PTR), (server.address, server.port))
            return dns.message.from_wire(sock.recv(4096)).rcode()

    assert ask("127.0.0.1") == ask("127.0.3.1") == dns.rcode.NOERROR
    assert ask("127.0.1.1") == ask("127.0.3.1", "1.100.51.198.in-addr.arpa") == dns.rcode.REFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.2.1", 0))
        sock.sendto(make_query(f"1.{ORIGIN}", PTR), (server.address, server.port))
        until(lambda: metric(server, 'ptrd_dropped_messages_total{reason="prohibited"}') == 1)
        sock.setblocking(False)  # noqa: FBT003 - positional only
        with pytest.raises(BlockingIOError):
            sock.recv(1)
