"""Zone transfers over TLS (RFC 9103) as kdig and our own client meet them: what comes over TCP, to the same people."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess

import pytest

from ptrd.client.endpoints import Endpoint
from ptrd.client.transfer import Tls, TransferRefused, fetch_changes, fetch_zone
from ptrd.records.transfer import Key
from ptrd.wire.names import parse_name
from tests.peers.process import free_port, require_program
from tests.serve.certificates import NAME, client_context, make_pair
from tests.talking import up

ORIGIN = "0.10.in-addr.arpa."
SECRET = base64.b64encode(bytes(range(32))).decode()
KEY = Key(parse_name("tk."), "hmac-sha256", bytes(range(32)))
ZONE = """\
zone: 10.0.0.0/16
soa: {mname: ns1.example.net, rname: hostmaster@example.net, serial: 7}
ns: [ns1.example.net]
records: {10.0.0.1: one.example.net}
defaults: {10.0.0.0/20: "{ip}.dyn.example.net"}
transfer: {allow: [tk]}
"""


@pytest.fixture
def server(ptrd_server, tmp_path):
    """Start a server with a zone of 4,096 names; its port for TLS is `tls_port`, what trusts it `trusted`."""
    pair, port = make_pair(tmp_path, "one"), free_port()
    for source, name in ((pair.certificate, "chain.pem"), (pair.key, "key.pem")):
        shutil.copy(source, tmp_path / name)
    settings = f"tls: {{listen: ['127.0.0.1:{port}'], certificate: ../chain.pem, key: ../key.pem}}\n"
    settings += f"keys: {{tk: {{algorithm: hmac-sha256, secret: {SECRET}}}}}\n"
    found = up(ptrd_server({"one.yaml": ZONE}, origins=[ORIGIN], settings=settings))
    found.tls_port = port
    found.trusted = Tls(client_context(pair), NAME)
    return found


def fetch(port, **options):
    """Fetch the zone, and give its records."""

    async def work():
        return [record async for batch in fetch_zone(Endpoint("127.0.0.1", port), parse_name(ORIGIN), **options)
                for record in batch.records]  # fmt: skip

    return asyncio.run(work())


def test_a_transfer_over_tls_is_the_one_over_tcp(server):
    """Every record comes, signed, and nothing comes to who does not sign; a client that is up to date gets no more."""
    plain = fetch(server.port, key=KEY)
    assert len(plain) == 4096 + 2
    assert fetch(server.tls_port, key=KEY, tls=server.trusted) == plain
    with pytest.raises(TransferRefused):
        fetch(server.tls_port, tls=server.trusted)

    async def newer():
        endpoint = Endpoint("127.0.0.1", server.tls_port)
        changes = fetch_changes(endpoint, parse_name(ORIGIN), 7, KEY, tls=server.trusted)
        return [batch async for batch in changes]

    assert asyncio.run(newer()) == []


def test_kdig_transfers_over_tls(server):
    """Another's client reads the same, with the SOA first and last."""
    command = [require_program("kdig", "knot-dnsutils"), "+tls", "+short", "+timeout=10", "-p", str(server.tls_port)]
    command += ["@127.0.0.1", ORIGIN, "AXFR", "-y", f"hmac-sha256:tk:{SECRET}"]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) == 4096 + 3, done.stdout[-500:] + done.stderr
    assert lines[0] == lines[-1]
    assert "10-0-15-255.dyn.example.net." in lines
