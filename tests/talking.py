"""Talking to a real ptrd that a test has started: over DNS, its control socket and HTTP; and waiting, with a bound."""

import contextlib
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import dns.message

from tests.peers.asking import make_query

PTR, SOA = 12, 6
ORIGIN = "2.0.192.in-addr.arpa."
ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster.example.net}
ns: [ns1.example.net]
records:
  192.0.2.1: NAME
defaults:
  192.0.2.0/24: "{ip}.dyn.example.net"
"""


def zone(name="one.example.net"):
    """Give a zone file in which 192.0.2.1 has this name."""
    return ZONE.replace("NAME", name)


def until(condition, seconds=60.0):
    """Wait until a condition holds, and give what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


def name_of(server, address=1):
    """Ask for the name of 192.0.2.x."""
    with server.udp() as client:
        reply = client.ask(make_query(f"{address}.{ORIGIN}", PTR), seconds=5)
    return str(dns.message.from_wire(reply).answer[0][0].target)


def serial_of(server):
    """Ask for the zone's serial."""
    with server.udp() as client:
        reply = client.ask(make_query(ORIGIN, SOA), seconds=5)
    return dns.message.from_wire(reply).answer[0][0].serial


def send(server, command, **values):
    """Ask the control socket one thing."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(server.socket))
        client.sendall(json.dumps({"command": command, **values}).encode() + b"\n")
        return json.loads(client.makefile("rb").readline())


def status_of(server):
    """Give the server's own account of itself, when it can be asked."""
    return send(server, "status")["result"]


def fetch(server, path):
    """Fetch a page; give (status, text)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def up(server):
    """Wait until the server has started whole: it has greeted."""
    until(lambda: "try: dig" in server.said())
    return server


def exists(pid):
    """Tell whether a process is there."""
    return Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def stopped(pid):
    """Keep a process from running for a while; it goes on afterwards, when it is still there."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
