"""Signed queries: whatever the bytes, a zone is transferred only when dnspython too finds the signature right."""

from __future__ import annotations

import time

import dns.message
import dns.name
import dns.tsig

from ptrd.engine.edns import TCP
from ptrd.engine.responder import Options, Service, respond
from ptrd.engine.transfers import Outgoing
from ptrd.wire.names import parse_name
from tests.fuzz.messages import WORDS as OTHERS
from tests.serving import serve

NAME, SECRET = "transfer-key.", bytes(range(32))
KEYS = ((parse_name(NAME), "hmac-sha256", SECRET), (parse_name("other."), "hmac-sha512", SECRET * 2))
RING = {
    dns.name.from_text(NAME): dns.tsig.Key(NAME, SECRET, "hmac-sha256"),
    dns.name.from_text("other."): dns.tsig.Key("other.", SECRET * 2, "hmac-sha512"),
}
SNAPSHOT = serve(
    "zone: 192.0.2.0/24\nsoa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
    "defaults: {192.0.2.0/24: '{ip}.dyn.example.net'}\ntransfer: {allow: [transfer-key]}\n"
)
SERVICE = Service(Options(keys=KEYS))
PEER = ("192.0.2.1", 4711)
LONGEST = 1024
WORDS = (*OTHERS, b"\x0ctransfer-key\0", b"\x0bhmac-sha256\0", b"\0\xfa\0\xff\0\0\0\0", b"\0\x20", b"\1\x2c")


def seeds():
    """Give signed queries, some of them rightly."""
    for name, key in RING.items():
        for rtype in ("AXFR", "IXFR", "SOA", "PTR"):
            for edns in (-1, 0):
                query = dns.message.make_query("2.0.192.in-addr.arpa.", rtype, use_edns=edns)
                query.use_tsig({name: key}, fudge=65535)
                yield query.to_wire()


def check(data):
    """Ask with these bytes."""
    said = respond(SNAPSHOT, SERVICE, data, TCP, PEER, time.time())[0]
    if isinstance(said, Outgoing):
        query = dns.message.from_wire(data, keyring=RING)
        assert query.had_tsig and query.keyname == dns.name.from_text(NAME)
        message = dns.message.from_wire(
            said.take(time.time()), keyring=RING, request_mac=query.mac, multi=True, xfr=True
        )
        assert message.had_tsig and message.rcode() == 0
    else:
        assert not said or said[:2] == data[:2]
