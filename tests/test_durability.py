"""What was acknowledged survives kill -9 of everything, at any moment, under concurrent writers.

Each round writers set names over HTTP until all processes are killed; after the restart DNS says what was last
acknowledged for each address, or what was under way just then, and nothing that was refused.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from contextlib import closing, suppress

import dns.message
import pytest

from tests.peers.api import ApiServer
from tests.peers.asking import make_query
from tests.talking import until

PTR = 12
ROUNDS = int(os.environ.get("PTRD_DURABILITY_ROUNDS", "100"))
SERVERS = 10
WRITERS = 4
ADDRESSES = 16  # of each writer
ZONE = """\
zone: 10.0.0.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
defaults: {10.0.0.0/24: "{ip}.dyn.example.net"}
"""
ABSENT = "absent"


class Writer(threading.Thread):
    """Sets and deletes names of its own addresses until the server is gone; some requests are to be refused."""

    def __init__(self, server, number, seed):
        super().__init__()
        self.server = server
        self.addresses = [f"10.0.0.{number * ADDRESSES + offset}" for offset in range(ADDRESSES)]
        self.random = random.Random(seed)
        self.known = {}  # address -> what was acknowledged last
        self.open = {}  # address -> what had no answer when the server ended
        self.acknowledged = 0

    def run(self):
        """Write until nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=10)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            while True:
                self.write(connection)

    def write(self, connection):
        """Make one request, and remember what came of it."""
        address = self.random.choice(self.addresses)
        name = f"w{self.random.getrandbits(40):x}.example.net."
        kind = self.random.random()
        if kind < 0.1:  # refused: no such host name
            status = self.ask(connection, "PUT", address, {"names": ["-bad-.example.net"]})
            assert status == 400, status
            return
        wanted = ABSENT if kind < 0.3 else name
        self.open[address] = wanted
        if wanted == ABSENT:
            status = self.ask(connection, "DELETE", address)
            assert status in {200, 202, 204, 404}, status
        else:
            status = self.ask(connection, "PUT", address, {"names": [name]})
            assert status in {200, 201, 202}, status
        del self.open[address]
        self.known[address] = wanted
        self.acknowledged += 1

    def ask(self, connection, method, address, body=None):
        """Send a request, and give the status."""
        headers = {"X-Auth-Token": self.server.token, "Content-Type": "application/json"}
        connection.request(method, f"/api/v1/ptrs/{address}", None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response.status


def kill_all(server):
    """Kill the supervisor and every worker at once, and wait for their end."""
    pids = server.pids()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.child.process.wait(20)
    until(lambda: not server.pids())


def names_of(server, addresses):
    """Ask DNS for each address; an absent record has its default name."""
    found = {}
    with server.udp() as client:
        for address in addresses:
            octet = address.rpartition(".")[2]
            reply = dns.message.from_wire(client.ask(make_query(f"{octet}.0.0.10.in-addr.arpa", PTR), seconds=10))
            name = str(reply.answer[0][0].target)
            found[address] = ABSENT if name == f"10-0-0-{octet}.dyn.example.net." else name
    return found


def survive(folder, rounds, seed):
    """Kill a server of two workers so many times, and give how many changes were acknowledged."""
    rng = random.Random(seed)
    expected = {}
    total = 0
    server = ApiServer(folder, zones={"a.yaml": ZONE}, origins=["0.0.10.in-addr.arpa"], workers=2)
    server.eips = {"10.0.0.0/26": "grant"}
    with server:
        server.api("PATCH", "/api/v1/accounts/acme", {"quota": 1000})
        for round_ in range(rounds):
            writers = [Writer(server, number, seed << 20 | round_ << 4 | number) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            enough = rng.randrange(1, 60)
            until(lambda: sum(writer.acknowledged for writer in writers) >= enough)  # noqa: B023 - called at once
            time.sleep(rng.random() / 50)  # not always between two requests
            kill_all(server)
            for writer in writers:
                writer.join(20)
                expected |= writer.known
            server.start()
            addresses = [address for writer in writers for address in writer.addresses]
            for address, name in names_of(server, addresses).items():
                allowed = {expected.get(address, ABSENT)}
                for writer in writers:
                    allowed |= {writer.open[address]} if address in writer.open else set()
                assert name in allowed, (round_, address, name, allowed)
                expected[address] = name
            total += sum(writer.acknowledged for writer in writers)
    return total


@pytest.mark.parametrize("seed", range(SERVERS))
def test_nothing_acknowledged_is_lost(tmp_path, seed):
    """A hundred times everything is killed under four writers: DNS never forgets, and never says what was refused.

    Ten servers share the hundred, since most of the time goes into starting, which they can do side by side.
    """
    rounds = -(-ROUNDS // SERVERS)
    assert survive(tmp_path / "server", rounds, seed) >= rounds
