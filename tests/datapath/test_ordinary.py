"""What must not be handed over: the ordinary query, in the shapes in which resolvers send it."""

from __future__ import annotations

import pytest

from ptrd.engine.cookies import make_cookie
from ptrd.engine.responder import SOURCES, Options
from ptrd.records.changes import Change
from ptrd.wire.names import parse_name
from tests.datapath.both import NOW, SECRET, Both
from tests.datapath.worlds import HEAD, owner
from tests.peers.asking import AD, CD, DO, RD, Edns, make_query
from tests.serving import serve

TEXTS = (
    f"""\
zone: 192.0.2.0/24
{HEAD}records: {{192.0.2.1: one.example.net, 192.0.2.9: [a.example.net, b.example.net]}}
defaults: {{192.0.2.128/25: "{{ip}}.dyn.example.net"}}
rrsets: |
  3.2.1 TXT "below an empty non-terminal"
""",
    f"""\
zone: 10.0.0.0/8
{HEAD}records: {{10.9.9.9: nine.example.net}}
defaults: {{10.0.0.0/8: "{{hex}}.ten.example.net"}}
delegations: {{10.1.0.0/16: {{ns: [ns.example.org]}}}}
""",
    f"""\
zone: 2001:db8::/32
{HEAD}records: {{2001:db8::1: one.example.net}}
defaults: {{2001:db8:1::/48: "{{ip}}.six.example.net"}}
""",
    f"""\
zone: 64-26.100.51.198.in-addr.arpa
covers: 198.51.100.64/26
{HEAD}defaults: {{198.51.100.64/26: "c{{d}}.customer.example"}}
""",
    f"zone: example.net\n{HEAD}rrsets: |\n  host A 192.0.2.1\n  host AAAA 2001:db8::1\n",
)
MANAGED = [Change(4, 0xC0000232, 60, (b"\4mine\0",)), Change(6, (0x20010DB8 << 96) + 5, 60, (b"\4mine\0", b"\1x\0"))]
MANAGED += [Change(4, 0xC0000201, 60, (b"\3new\0",)), Change(4, 0x0A020304, 60, (b"\2me\0",))]
PLAIN = {  # name -> type, source without managed records, source with them
    "a record, IPv4": (owner("192.0.2.1"), 12, "record", "record"),
    "two records": (owner("192.0.2.9"), 12, "record", "record"),
    "a record, IPv6": (owner("2001:db8::1"), 12, "record", "record"),
    "a record beside defaults": (owner("10.9.9.9"), 12, "record", "record"),
    "capitals": (owner("2001:db8::1").upper(), 12, "record", "record"),
    "another type": (parse_name("host.example.net"), 28, "record", "record"),
    "a default name, IPv4": (owner("192.0.2.200"), 12, "default", "default"),
    "a default name, IPv6": (owner("2001:db8:1::7"), 12, "default", "default"),
    "a default name beside a cut": (owner("10.2.3.4"), 12, "default", "record"),
    "a default name of a classless zone": (parse_name("65.64-26.100.51.198.in-addr.arpa"), 12, "default", "default"),
    "NXDOMAIN, IPv4": (owner("192.0.2.77"), 12, "nxdomain", "nxdomain"),
    "NXDOMAIN, IPv6": (owner("2001:db8:2::"), 12, "nxdomain", "nxdomain"),
    "NXDOMAIN below a leaf": (parse_name("x.1.2.0.192.in-addr.arpa"), 12, "nxdomain", "nxdomain"),
    "NXDOMAIN of junk": (parse_name("300.2.0.192.in-addr.arpa"), 12, "nxdomain", "nxdomain"),
    "NXDOMAIN elsewhere": (parse_name("www.example.net"), 1, "nxdomain", "nxdomain"),
    "NODATA at a record": (owner("192.0.2.1"), 1, "nodata", "nodata"),
    "NODATA at a default name": (owner("192.0.2.200"), 16, "nodata", "nodata"),
    "NODATA at an apex": (parse_name("2.0.192.in-addr.arpa"), 12, "nodata", "nodata"),
    "an empty non-terminal above a node": (parse_name("2.1.2.0.192.in-addr.arpa"), 2, "nodata", "nodata"),
    "an empty non-terminal of IPv6": (parse_name("0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), 2, "nodata", "nodata"),
    "an empty non-terminal above defaults": (parse_name("1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), 2, "nodata", "nodata"),
    "NS at an apex": (parse_name("2.0.192.in-addr.arpa"), 2, "record", "record"),
    "a managed record, IPv4": (owner("192.0.2.50"), 12, "nxdomain", "record"),
    "NODATA at a managed record": (owner("192.0.2.50"), 1, "nxdomain", "nodata"),
    "two managed records, IPv6": (owner("2001:db8::5"), 12, "nxdomain", "record"),
    "an empty non-terminal above a managed record": (
        parse_name("0." * 19 + "8.b.d.0.1.0.0.2.ip6.arpa"),
        12,
        "nodata",
        "nodata",
    ),
}
CLIENT = bytes((198, 51, 100, 7))
CLIENT6 = bytes.fromhex("20010db8000000010000000000000007")
SHAPES = {
    "bare": lambda _: (RD, None),
    "no recursion": lambda _: (0, None),
    "AD and CD": lambda _: (RD | AD | CD, None),
    "EDNS": lambda _: (0, Edns()),
    "EDNS and DO": lambda _: (RD, Edns(4096, DO)),
    "EDNS of 512 bytes": lambda _: (RD, Edns(512, DO)),
    "a client cookie": lambda _: (0, Edns(options=((10, b"abcdefgh"),))),
    "a valid cookie": lambda address: (0, Edns(1232, DO, ((10, make_cookie(SECRET, b"abcdefgh", address, NOW)),))),
    "a valid cookie of the other secret": lambda address: (
        0,
        Edns(1232, 0, ((10, make_cookie(bytes(16), b"abcdefgh", address, NOW - 9)),)),
    ),
    "an old cookie": lambda address: (0, Edns(options=((10, make_cookie(SECRET, b"abcdefgh", address, NOW - 3601)),))),
    "a cookie of nobody": lambda _: (0, Edns(options=((10, b"abcdefgh" * 5),))),
}


@pytest.fixture(scope="module")
def snapshots():
    """Compile the zones once, without and with managed records."""
    snapshot = serve(*TEXTS)
    return snapshot, snapshot.with_overlay(MANAGED, 2, {b"\x012\x010\x03192\x07in-addr\x04arpa\0": 99})


@pytest.mark.parametrize("what", PLAIN)
@pytest.mark.parametrize("address", [CLIENT, CLIENT6, b""], ids=["IPv4", "IPv6", "nobody"])
def test_what_is_ordinary_is_answered(snapshots, what, address):
    """Each kind of answer, to each shape of query, comes from the compiled data path itself."""
    name, qtype, plain, managed = PLAIN[what]
    for snapshot, expected in zip(snapshots, (plain, managed), strict=True):
        both = Both(snapshot)
        for shape in SHAPES.values():
            flags, edns = shape(address or CLIENT)
            (_, source, _, _), handed = both.ask(make_query(name, qtype, flags=flags, edns=edns), address)
            assert (SOURCES[source], handed) == (expected, False)


def test_limits_are_counted_without_help(snapshots):
    """Within its limit a bucket is never handed over; beyond it only the answer that has to be spoken about is."""
    options = Options(limit_records=2, limit_made=2, limit_denied=2, cookie_secrets=(SECRET,))
    both = Both(snapshots[1], options, limits=True)
    kinds = ("a record, IPv4", "a default name, IPv6", "NXDOMAIN, IPv4", "NXDOMAIN, IPv6", "a managed record, IPv4")
    for what in kinds:
        name, qtype, *_ = PLAIN[what]
        found = [both.ask(make_query(name, qtype, edns=Edns()), CLIENT) for _ in range(40)]
        assert [SOURCES[source] == "limited" for (_, source, *_), _ in found] == [False] * 4 + [True] * 36
        assert [handed for _, handed in found] == [number == 4 for number in range(40)]
        lengths = {len(wire) for (wire, *_), _ in found[4:]}
        assert 0 in lengths and len(lengths) == 2
        edns = Edns(options=((10, make_cookie(SECRET, b"abcdefgh", CLIENT, NOW)),))
        (_, source, _, _), handed = both.ask(make_query(name, qtype, edns=edns), CLIENT)
        assert SOURCES[source] != "limited" and not handed
    both.check_tables()
