"""The compiled data path over an image that nobody has checked: bytes are changed, and whatever it says is bounded.

Python's own snapshot would not open most of them, so the zones of the whole image stand in for those of a damaged one.
"""

from __future__ import annotations

from types import SimpleNamespace

from ptrd.datapath import reader as datapath
from ptrd.engine.responder import Options, Service
from ptrd.wire.names import parse_name
from tests.datapath.both import NOW
from tests.datapath.worlds import HEAD, owner
from tests.peers.asking import Edns, make_query
from tests.serving import serve

SMALL = (
    f"""\
zone: 192.0.2.0/24
{HEAD}records: {{192.0.2.1: one.example.net, 192.0.2.9: [a.example.net, b.example.net]}}
defaults: {{192.0.2.128/25: "p{{host}}.{{rev}}.example.net"}}
rrsets: |
  1 TXT "one"
  cut NS ns.example.net.
  a.cut TXT "occluded"
  alias CNAME 1
  3.2.1 TXT "deep"
""",
    f"""\
zone: 2001:db8::/32
{HEAD}records: {{2001:db8::1: one.example.net}}
defaults: {{2001:db8:1::/48: "{{ip}}.{{hex}}.example.net", 2001:db8:2::/64: "{{groups}}.example.net"}}
""",
    f"""\
zone: 64-26.100.51.198.in-addr.arpa
covers: 198.51.100.64/26
{HEAD}defaults: {{198.51.100.64/26: "{{a}}-{{b}}-{{c}}-{{d}}.example.net"}}
---
zone: example.net
{HEAD}rrsets: |
  a A 192.0.2.1
""",
)
NAMES = (
    *map(
        owner, ("192.0.2.1", "192.0.2.9", "192.0.2.77", "192.0.2.200", "2001:db8::1", "2001:db8:1::5", "2001:db8:2::")
    ),
    *map(
        parse_name,
        (
            "2.0.192.in-addr.arpa",
            "a.cut.2.0.192.in-addr.arpa",
            "2.1.2.0.192.in-addr.arpa",
            "8.b.d.0.1.0.0.2.ip6.arpa",
            "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "65.64-26.100.51.198.in-addr.arpa",
            "0.192.in-addr.arpa",
            "a.example.net",
            "b.example.net",
            "net",
            "x",
            ".",
        ),
    ),
)
QUERIES = tuple(
    make_query(name, qtype, edns=edns)
    for name in NAMES
    for qtype, edns in ((12, None), (16, Edns(4096, options=((10, b"abcdefgh"),))))
)


class Damaged:
    """The image of a few zones, and readers of it after changes."""

    def __init__(self, *texts, service=None):
        self.snapshot = serve(*(texts or SMALL))
        self.image = self.snapshot.buffer
        self.service = service or Service(Options(cookie_secrets=(bytes(16),)))

    def read(self, image):
        """Give what answers from an image, and the snapshot to ask it with; or None when it is refused."""
        stand_in = SimpleNamespace(
            buffer=image,
            zones=self.snapshot.zones,
            names_above=self.snapshot.names_above,
            overlays={},
        )
        try:
            return datapath.make_reader(stand_in, self.service), stand_in
        except ValueError as error:
            assert str(error)
            return None

    def ask(self, image, queries=QUERIES):
        """Ask everything; gives how much was answered, None when the image is refused."""
        found = self.read(image)
        if found is None:
            return None
        reader, snapshot = found
        answered = 0
        for query in queries:
            reply = reader.respond(snapshot, query, b"\x7f\0\0\1", NOW)
            if reply is not None:
                wire, source, _, _ = reply
                assert wire[:2] == query[:2] and len(wire) <= 1232 and source in {0, 1, 5, 6}
                answered += 1
        return answered
