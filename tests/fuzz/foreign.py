"""Foreign texts: any bytes are records or problems with a place; zones made of them are read back the same."""

from __future__ import annotations

from ptrd.records.foreign.assembly import Apex, assemble
from ptrd.records.foreign.dnsmasq import read_dnsmasq
from ptrd.records.foreign.knot import read_knot
from ptrd.records.foreign.master import find_origin, read_master
from ptrd.records.foreign.named import read_named
from ptrd.records.foreign.names import read_csv, read_hosts, read_netbox, read_openstack
from ptrd.records.foreign.nsd import read_nsd
from ptrd.records.foreign.placing import place_names
from ptrd.records.foreign.record import Named
from ptrd.records.foreign.synthesis import place_modules
from ptrd.records.foreign.tinydns import read_tinydns
from ptrd.records.model import Place, Soa
from ptrd.snapshot.recognition import apply, recognize, refuse_templates
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import same_zone, write_zone
from ptrd.wire.names import parse_name
from tests.fuzz.work import bounded

LONGEST = 1500
MOST = 2_000_000  # lines: 300 records of a $GENERATE, each read and written twice
MADE = 300  # records that $GENERATE may make
ORIGIN = parse_name("2.0.192.in-addr.arpa")
SERVERS = (parse_name("ns1.example.net"),)
APEX = Apex(Soa(SERVERS[0], parse_name("h.example.net"), 14400, 3600, 1209600, 300, None), SERVERS, 3600)
PLACE = Place("f", 1, 1)
WORDS = tuple(
    b"""$TTL 1h|$ORIGIN |$INCLUDE f|$GENERATE 1-99 |$GENERATE 1-4294967295 |${0,3,d}|${1,2,n}| PTR | CNAME | IN NS |
SOA a. b. 1 2 3 4 5|(|)|;|"|\\|\\# 4 01020304|TYPE731|@|*|zone "|options { directory "/"; };|include "f";|
view "x" {|};|type master; |file "f"; |/*|*/|zone:|name: |zonefile: |pattern:|include-pattern: |
mod-synthrecord:|  - id: |type: reverse|network: |origin: |module: mod-synthrecord/|- domain: |synth-domain=|
ptr-record=|host-record=|address=/|,x-*|192.0.2.0/24|192.0.2.1|2001:db8::/32|2001:db8::1|host.example|=|^|+|.|
&|C|Z|'|:|\\072|"address":|"dns_name":|"ptrdname":|"recordsets":[|"type":"PTR"|"records":["|{|}|[|]|
address,name,ttl|
""".replace(b"\n", b"").split(b"|")[:-1]
)


def fetch(name, from_file):
    """Give the text that began, under other names, so that includes nest."""
    return [(from_file + name[:3], "1 PTR a.\n$INCLUDE f\ninclude: f\n")]


def _master(text):
    found = find_origin(text)
    records, problems = read_master(text, ORIGIN, "f", fetch, limit=MADE)
    zone, more = assemble(found or ORIGIN, records, PLACE, APEX)
    return [zone] if zone else [], problems + more


def _tinydns(text):
    records, problems = read_tinydns(text, "f")
    zone, more = assemble(ORIGIN, records, PLACE, APEX)
    return [zone] if zone else [], problems + more


def _named(text):
    return [], read_named(text, "f", fetch).problems


def _nsd(text):
    return [], read_nsd(text, "f", fetch)[2]


def _knot(text):
    conf = read_knot(text, "f", fetch)
    zones, problems = place_modules(conf.modules, [], APEX, PLACE)
    return zones, conf.problems + problems


def _place(named, ranges, problems):
    zones, more = place_names(named, ranges, [], APEX, PLACE)
    return zones, problems + more


def _openstack(text):
    named, records, problems = read_openstack(text, "f")
    named += [Named(4, 1, record.rdata, record.ttl, record.place) for record in records if record.rtype == 12][:1]
    zone, more = assemble(ORIGIN, records, PLACE, APEX)
    zones, problems = _place(named[:1], [], problems + more)
    return [zone] if zone else zones[:0], problems


def _names(read):
    def check_names(text):
        named, problems = read(text, "f")
        return _place(named, [], problems)

    return check_names


FORMATS = (
    _master,
    _tinydns,
    _named,
    _nsd,
    _knot,
    lambda text: _place(*read_dnsmasq(text, "f", fetch)),
    _openstack,
    _names(read_netbox),
    _names(read_csv),
    _names(read_hosts),
)


def seeds():
    """Give small sources of each format; the first byte says which."""
    head = "$TTL 1h\n@ SOA a. b.c. 1 2 3 4 5\n@ NS a.\n"
    texts = [
        (0, head + "$GENERATE 1-20 $ PTR h-$.x.\n$GENERATE 64-127 $ CNAME $.64-26\n64-26 NS b.\n"),
        (
            0,
            head
            + (
                '$INCLUDE f\n$INCLUDE "f" sub\nx 60 IN TXT ("a;" ; b\n "\\"" )\n  TYPE731 \\# 2 abcd\n'
                "$GENERATE 1-4294967295 $ PTR a.\n"
            ),
        ),
        (
            0,
            head + '1 PTR a\\.b.\n2 PTR 1.2.3.4.\n10.in-addr.arpa. PTR x.\n\\000\\" A 1.2.3.4\n* CNAME b\nd DNAME e.\n',
        ),
        (
            1,
            ".2.0.192.in-addr.arpa:192.0.2.1:a:60\n=h.x:192.0.2.2\n^9.2.0.192.in-addr.arpa:y.x:60:4000\n'x.2.0.192.in-addr.arpa:a\\072b\n",
        ),
        (
            1,
            "Z2.0.192.in-addr.arpa:a:b:1:2:3:4:5:6\n@x:1.2.3.4:m:10\n:x.2.0.192.in-addr.arpa:731:\\001\n:x:28:1\n%aa:10\nCa:b\n&a::b\n-x\n",
        ),
        (
            2,
            (
                'options { directory "/z"; };\ninclude "f";\n'
                'view "a" { zone "x" { type master; file "f"; }; };\nzone "." { type hint; };'
            ),
        ),
        (
            2,
            (
                'zone "a" IN { type slave; /* x */ file "b"; masters { 1.2.3.4; }; }; // c\n'
                'zone "b" CH { type forward; };\nacl x { };'
            ),
        ),
        (
            3,
            (
                'server:\n zonesdir: "/z"\npattern:\n name: p\n zonefile: "%s/%1.%z"\nzone:\n'
                " name: a.b # c\n include-pattern: p\ninclude: f\n"
            ),
        ),
        (
            4,
            (
                "mod-synthrecord:\n  - id: a\n    type: reverse\n    origin: x.y\n"
                "    network: [ 192.0.2.0/24, 2001:db8::/32 ]\n  - id: b\n    type: forward\n"
                "    network: 10.0.0.1-10.0.0.9\nzone:\n  - domain: x.y\n"
                "    module: mod-synthrecord/b\n"
            ),
        ),
        (
            5,
            "synth-domain=a.b,192.0.2.0/24,i-\nsynth-domain=a.b,10.0.0.1,10.0.0.9,x-*\nptr-record=1.2.0.192.in-addr.arpa,x\nhost-record=a,b,192.0.2.2,::1,60\naddress=/x/1.2.3.4\nconf-file=f\n",
        ),
        (
            6,
            '{"recordsets":[{"name":"1.2.0.192.in-addr.arpa.","type":"PTR","ttl":60,"records":["a.b."]},{"name":"2.0.192.in-addr.arpa.","type":"NS","records":"a.\\nb."}]}',
        ),
        (6, '[{"ptrdname":"a.b.","address":"192.0.2.1","ttl":1},{"x":1},3]'),
        (
            7,
            '{"count":1,"results":[{"address":"192.0.2.1/24","dns_name":"a.b"},{"address":"192.0.2.2/24","dns_name":""}]}',
        ),
        (8, 'address,names,ttl\n192.0.2.1,"a.b c.d",5m\n2001:db8::1,x,\n'),
        (9, "192.0.2.1 a.b c\n2001:db8::1 x.y # z\n127.0.0.1 localhost\n"),
    ]
    texts += [(0, head + "".join(f"{n} PTR n{n}-{m}.x.\n" for n in range(1, 40) for m in (1, 2)[: 1 + (n == 5)]))]
    return [bytes((kind,)) + text.encode() for kind, text in texts]


def check(data):
    """Read a text; write the zones that come of it, with templates and without, and read them back."""
    kind, text = data[0] % len(FORMATS) if data else 0, data[1:].decode("utf-8", "surrogateescape")
    zones, problems = bounded(MOST, FORMATS[kind], text)
    for zone in zones:
        problems += refuse_templates(zone)
    assert all(problem.message and problem.place.line >= 1 and problem.place.column >= 1 for problem in problems)
    assert all(str(problem).isprintable() or not text.isprintable() for problem in problems)
    if any(not problem.warning for problem in problems):
        return
    for zone in zones:
        bounded(MOST, _check_zone, zone)


def _check_zone(zone):
    recognition = recognize(zone)
    for one in (zone, apply(zone, recognition)) if recognition else (zone,):
        text = write_zone(one)
        assert text.isascii()
        loaded, problems = load_zone_file("y", text.encode())
        assert [str(problem) for problem in problems if not problem.warning] == []
        assert same_zone(loaded[0], one)
