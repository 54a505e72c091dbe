"""Zone files: any bytes are zones or problems with a place; zones without an error compile, open and answer."""

from __future__ import annotations

from pathlib import Path

from ptrd.engine.edns import TCP
from ptrd.engine.responder import Options, Service, respond
from ptrd.snapshot.build import build_image
from ptrd.snapshot.image import Input, open_image
from ptrd.snapshot.segment import compile_segment
from tests.fuzz.work import bounded
from tests.store.test_zonefile_fuzz import check as check_loading

LONGEST = 1500

MOST = 3_000_000  # lines: two ranges of 65,536 addresses that are searched for a name that both make
HEAD = "zone: {}\nsoa: {{mname: a.b, rname: h@b.c}}\nns: [a.b]\n"
WORDS = tuple(
    b"""zone: |soa: |mname: |rname: |ns: |ttl: |records: |defaults: |delegations: |forward: |rrsets: |covers: |
minimum: |serial: |192.0.2.0/24|192.0.2.64/26|192.0.2.1: |2001:db8::/32|2001:db8::1: |a.example|"{ip}.x.example"|
"{d}.{zone}"|~|---|&a |*a|<<: |!!python/object:os.system |- |: |[|]|{|}|1h|0x10|012|1e9|.inf|"\\u0000"|@ IN TXT "|
IN CNAME |IN DNAME |IN NS |$TTL |$ORIGIN |$INCLUDE |$GENERATE 1-9 |\\# 3 010203|label: |ds: ["1 13 2 AB"]|auto|
""".replace(b"\n", b"").split(b"|")[:-1]
)


def seeds():
    """Give small zone files: the examples without their comments, and one of each kind of mistake."""
    files = sorted((Path(__file__).parents[2] / "zones").glob("*.yaml"))
    found = []
    for path in files:
        lines = [line.partition(" #")[0].rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
        found.append("\n".join(line for line in lines if line and not line.startswith("#")))
    v4, v6 = HEAD.format("192.0.2.0/24"), HEAD.format("2001:db8::/32")
    found += [v4 + "records: {192.0.2.1: a.b, 192.0.2.1: c.d}", v4 + "records: &a {192.0.2.1: *a}", v4 + "ttl: 1.10"]
    found += [
        v4 + 'defaults: {192.0.2.1/24: "{ip}.b"}',
        v4 + "rrsets: |\n  a IN CNAME b\n  a IN TXT c\n",
        "zone: [",
        "\0",
    ]
    found += [
        v6 + 'defaults: {2001:db8::/33: "{rev}.b", 2001:db8:8000::/33: "{host}.b"}',
        v4 + "---\n" + v4,
        v6 + "x: y",
    ]
    found += [
        HEAD.format("b.example") + "forward: [192.0.2.0/24]\n---\n" + v4 + 'defaults: {192.0.2.0/24: "{d}.b.example"}'
    ]
    found += [
        v4 + "rrsets: |\n  $ORIGIN x\n  $GENERATE 1-9 a A 1.2.3.4\n  a TYPE65280 \\# 1 00\n  * DNAME c.\n",
        "a: &a [*a]",
    ]
    found += [v4 + "records: {192.0.2.1: a.b, 192.0.2.1:ac", v4 + "ttl:"]
    return [text.encode() for text in found]


def check(data):
    """Load a file; compile, open and ask it when nothing is wrong."""
    zones, problems = bounded(MOST, check_loading, data)
    if not zones or any(not problem.warning for problem in problems):
        return
    segment = compile_segment("f", zones)
    assert compile_segment("f", zones) == segment
    built = bounded(MOST, build_image, [(Input("f", len(data), 1, 1, 1), segment)], {}, b"", 1, 1e9)
    assert bool(built.parts) == all(problem.warning for problem in built.problems)
    if not built.parts:
        return
    snapshot = open_image(b"".join(built.parts))
    for zone in zones:
        names = [zone.origin, *(rrset.owner for rrset in zone.rrsets[:4])]
        for name in names:
            for qtype in (b"\0\x06", b"\0\x0c", b"\0\xff"):
                query = b"\0\1\0\0\0\1\0\0\0\0\0\0" + name + qtype + b"\0\1"
                reply = respond(snapshot, Service(Options()), query, TCP)[0]
                assert reply[3] & 15 != 2, "an exception became SERVFAIL"
                assert reply[3] & 15 != 5, "a zone that was loaded is not served"
