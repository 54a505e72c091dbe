"""Configurations and lists of other programs: what they say comes out, and what they cannot say here is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd import PtrdError
from ptrd.records.foreign.dnsmasq import read_dnsmasq
from ptrd.records.foreign.knot import read_knot
from ptrd.records.foreign.master import find_origin, read_master
from ptrd.records.foreign.named import read_named
from ptrd.records.foreign.names import read_csv, read_hosts, read_netbox, read_openstack
from ptrd.records.foreign.nsd import read_nsd
from ptrd.records.foreign.tinydns import read_tinydns
from ptrd.records.values import format_address, format_prefix
from ptrd.wire.names import format_name
from ptrd.wire.rrtypes import name_of


def names(named):
    """Write names of addresses shortly."""
    return [f"{format_address(item.version, item.number)} {format_name(item.target)} {item.ttl}" for item in named]


def told(problems):
    """Write problems shortly: where, and whether something is lost."""
    return [f"{item.place.line}:{item.place.column} {'warning' if item.warning else 'error'}" for item in problems]


def test_hosts():
    """A hosts file gives the first name of each address; aliases and the machine itself are told."""
    text = (
        "# x\n192.0.2.1\ta.example.net b # c\n192.0.2.1 c.example.net\n2001:db8::1 short\n127.0.0.1 localhost\n::1 l\n"
    )
    named, problems = read_hosts(text + "192.0.2.300 x.y\n192.0.2.3\n ::1:2 six\n", "hosts", "example.org")
    assert names(named) == [
        "192.0.2.1 a.example.net. None",
        "192.0.2.1 c.example.net. None",
        "2001:db8::1 short.example.org. None",
        "::1:2 six.example.org. None",
    ]
    assert told(problems) == ["2:1 warning", "5:1 warning", "6:1 warning", "7:1 error", "8:1 error"]
    assert told(read_hosts("192.0.2.1 short\n", "hosts")[1]) == ["1:1 error"]


def test_csv():
    """CSV has its columns in any order with any of their names, or just these without."""
    named, problems = read_csv(
        'x,TTL,DNS Name,IP Address\n,5m,"a.b c.d",192.0.2.1/24\n,,e.f,2001:db8::1\n,,g.h,\n,x,i.j,192.0.2.2\n', "f"
    )
    assert names(named) == [
        "192.0.2.1 a.b. 300",
        "192.0.2.1 c.d. 300",
        "2001:db8::1 e.f. None",
        "192.0.2.2 i.j. None",
    ]
    assert told(problems) == ["4:1 error", "5:1 error"]
    assert names(read_csv("192.0.2.1,a.b\n192.0.2.2,c.d,60\n", "f")[0]) == ["192.0.2.1 a.b. None", "192.0.2.2 c.d. 60"]
    assert told(read_csv('address,name\n"192.0.2.1,a.b\n', "f")[1]) == ["2:1 error"]


def test_netbox():
    """NetBox's IP addresses have a length and perhaps a name."""
    text = '{"count": 3, "results": [\n {"address": "192.0.2.1/24", "dns_name": "a.b"},\n'
    text += ' {"address": "192.0.2.2/24", "dns_name": ""},\n {"id": 1}, 7]}'
    named, problems = read_netbox(text, "f")
    assert names(named) == ["192.0.2.1 a.b. None"]
    assert told(problems) == ["4:2 error", "4:13 error"]
    assert names(read_netbox("Address,DNS Name\n192.0.2.1/24,a.b\n", "f")[0]) == ["192.0.2.1 a.b. None"]


def test_openstack():
    """Designate's floating IPs give names, its record sets records, in the API's form and the command line's."""
    text = '{"floatingips": [{"ptrdname": "a.b.", "address": "192.0.2.1", "ttl": 60}, '
    text += '{"ptrdname": null, "address": "192.0.2.2"}]}'
    named, records, problems = read_openstack(text, "f")
    assert (names(named), records, problems) == (["192.0.2.1 a.b. 60"], [], [])
    text = '[{"name": "1.2.0.192.in-addr.arpa.", "type": "PTR", "records": "a.b.\\nc.d."},\n'
    text += '{"name": "x.", "type": "A", "records": ["y"]}, {"a": 1}]'
    named, records, problems = read_openstack(text, "f")
    assert [(format_name(item.owner), name_of(item.rtype), item.rdata) for item in records] == [
        ("1.2.0.192.in-addr.arpa.", "PTR", b"\1a\1b\0"),
        ("1.2.0.192.in-addr.arpa.", "PTR", b"\1c\1d\0"),
    ]
    assert told(problems) == ["2:1 error", "2:48 error"]
    named, records, problems = read_openstack('[{"id": "region:id", "ptrdname": "a.b."}]', "f")
    assert (named, records, told(problems)) == ([], [], ["1:2 error"])
    for broken in ("", "{}", "[1,", '[{"a": ', "[" * 5000, '{"recordsets": 1}'):
        assert told(read_openstack(broken, "f")[2])


def test_tinydns():
    """Each kind of line makes the records that tinydns-data makes of it."""
    text = (
        ".2.0.192.in-addr.arpa:192.0.2.53:a:600\n=h.example:192.0.2.1\n+h.example:192.0.2.2:60\n"
        "^7.2.0.192.in-addr.arpa:seven.example:60\nCc.example:h.example\n&sub.example::ns.other.example\n"
        "Zz.example:ns.z.example:host.z.example:9:1:2:3:4:5\n@m.example:192.0.2.9:a:10\n'"
        "t.example:" + "x" * 130 + ":60\n"
        ":g.example:65280:\\001a\\072:60\n# comment\n-disabled\n"
    )
    records, problems = read_tinydns(text, "data")
    assert problems == []
    assert [f"{format_name(item.owner)} {item.ttl} {name_of(item.rtype)}" for item in records] == [
        *("2.0.192.in-addr.arpa. 2560 SOA", "2.0.192.in-addr.arpa. 600 NS", "a.ns.2.0.192.in-addr.arpa. 600 A"),
        *("h.example. 86400 A", "1.2.0.192.in-addr.arpa. 86400 PTR", "h.example. 60 A"),
        *("7.2.0.192.in-addr.arpa. 60 PTR", "c.example. 86400 CNAME", "sub.example. 259200 NS", "z.example. 5 SOA"),
        *("m.example. 86400 MX", "a.mx.m.example. 86400 A", "t.example. 60 TXT", "g.example. 60 TYPE65280"),
    ]
    assert records[-2].rdata == b"\x7f" + b"x" * 127 + b"\3xxx"
    assert records[-1].rdata == b"\1a:"


def test_what_tinydns_alone_can_say_is_told():
    """Timestamps, locations, other kinds of lines and broken fields are errors in their line."""
    lines = [
        "+a:192.0.2.1:60:400000004a000000",
        "+a:192.0.2.1:60::lo",
        "%lo:192.0",
        "3a:20010db8",
        "+a:x",
        "+a",
        ":a:6:x",
        ":a:1:xx",
        "+a:192.0.2.1:x",
    ]
    records, problems = read_tinydns("\n".join(lines), "data")
    assert records == []
    assert told(problems) == [f"{line}:1 error" for line in range(1, len(lines) + 1)]


def test_dnsmasq():
    """synth-domain is a template, ptr-record and host-record are names, and the rest is told or passed over."""
    text = (
        "# x\nsynth-domain=a.example,192.0.2.0/24,int-\nsynth-domain=b.example,10.0.0.4,10.0.0.9,n*\n"
        "synth-domain=c.example,10.1.0.0/24,n*\nsynth-domain=d.example,10.0.1.0,10.0.1.5\n"
        "ptr-record=1.2.0.192.in-addr.arpa,one.example\nhost-record=h.example,alias.example,192.0.2.7,2001:db8::7,60\n"
        "address=/x/192.0.2.1\ncname=a,b\ndhcp-range=10.0.0.1,10.0.0.9\nbogus-priv\nptr-record=_http._tcp.x,y\nhost-record=x\n???\n"
    )
    named, ranges, problems = read_dnsmasq(text, "f")
    assert [f"{format_prefix(item.prefix)} {item.template}" for item in ranges] == [
        "192.0.2.0/24 int-{ip}.a.example",
        "10.1.0.0/24 n{host}.c.example",
        "10.0.1.0/30 {ip}.d.example",
        "10.0.1.4/31 {ip}.d.example",
    ]
    assert names(named) == [
        *(f"10.0.0.{4 + n} n{n}.b.example. None" for n in range(6)),
        *("192.0.2.1 one.example. None", "192.0.2.7 h.example. 60", "2001:db8::7 h.example. 60"),
    ]
    assert told(problems) == ["7:1 warning", "8:1 warning", "9:1 error", "12:1 error", "13:1 error", "14:1 error"]


def test_named_conf():
    """named.conf gives the zones with a file, their views, and the folder; other zones are told."""
    text = """
// comment { "
options { directory "/var/named"; listen-on port 53 { any; }; /* } */ };
include "more";  # zone "x" { type master; }
view "in" { match-clients { 10/8; }; zone "b." IN { type primary; file "b.db"; allow-transfer { none; }; }; };
view out { zone "b" { type slave; file "b.copy"; masters { 192.0.2.1; }; }; zone c { in-view in; }; };
zone "." { type hint; file "root"; };
zone "d" { type slave; };
zone "e" CH { type master; file "e"; };
zone "f" { type master; };
"""

    def fetch(name, from_file):
        assert from_file == "named.conf"
        if name == "more":
            return [("more", 'zone "m" { type master; file "m.db"; };\ninclude "gone";\n')]
        raise PtrdError("it is not there")

    conf = read_named(
        text, "named.conf", lambda name, file: fetch(name, file) if name == "more" else fetch("x", "named.conf")
    )
    assert [(item.zone, item.file, view) for item, view in conf.zones] == [
        ("m", "m.db", ""),
        ("b.", "b.db", "in"),
        ("b", "b.copy", "out"),
    ]
    assert conf.folder == "/var/named"
    assert [f"{item.place.file} {line}" for item, line in zip(conf.problems, told(conf.problems), strict=True)] == [
        "more 2:1 error",
        "named.conf 6:77 warning",
        "named.conf 7:1 warning",
        "named.conf 8:1 error",
        "named.conf 9:1 error",
        "named.conf 10:1 error",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("zone {", "1:6"),
        ("};", "1:1"),
        ('zone "x', "1:6"),
        ("a }", "1:3"),
        ("\n zone x", "2:2"),
        ("/* x", "1:1"),
        ("a { b }", "1:7"),
    ],
)
def test_a_named_conf_that_is_broken_is_told(text, place):
    """Braces, quotes and semicolons that are missing are told where they should be."""
    conf = read_named(text, "f")
    assert told(conf.problems) == [f"{place} error"]


def test_nsd_conf():
    """nsd.conf gives zones with their files, those of patterns filled in."""
    text = """
server:
    zonesdir: "/etc/nsd"   # here
pattern:
    name: "p"
    zonefile: "%1/%s.%z"
pattern:
    name: q
    include-pattern: "p"
zone:
    name: "a.example"
    zonefile: a.db
zone:
  name: b.example
  include-pattern: q
include: "more"
zone:
  name: c
zone:
  zonefile: x
stray: y
"""
    zones, folder, problems = read_nsd(
        text, "nsd.conf", lambda _name, _file: [("more", "zone:\n name: m\n zonefile: m.db\n")]
    )
    assert [(item.zone, item.file) for item in zones] == [
        ("a.example", "a.db"),
        ("b.example", "b/b.example.example"),
        ("m", "m.db"),
    ]
    assert folder == "/etc/nsd"
    assert told(problems) == ["17:1 error", "19:1 error"]


def test_knot_conf():
    """knot.conf gives zones with the files of their templates, and the modules of the zones that use them."""
    text = """
template:
  - id: default
    storage: /zones
    file: "%s.zone"
  - id: t
    file: "%c[0]/%l[0].db"
mod-synthrecord:
  - id: r
    type: reverse
    prefix: dyn-
    origin: d.example.
    ttl: 5m
    network:
      - 192.0.2.0/24
      - 10.0.0.1-10.0.0.2
  - id: l
    type: reverse
    origin: e.example
    reverse-short: off
    network: [ 2001:db8::/32, "2001:db9::/32" ]
  - id: bad
    type: sideways
zone:
  - domain: a.example
    template: t
  - domain: 2.0.192.in-addr.arpa.
    module: [ mod-synthrecord/r, mod-rrl/x ]
  - domain: x
    file: /abs/x
    acl: [ a, b ]
"""
    conf = read_knot(text, "knot.conf")
    assert [(item.zone, item.file) for item in conf.zones] == [
        ("a.example", "/zones/a/example.db"),
        ("2.0.192.in-addr.arpa.", "/zones/2.0.192.in-addr.arpa.zone"),
        ("x", "/abs/x"),
    ]
    found = {
        (module.origin, tuple(module.zones)): [
            f"{format_prefix(item.prefix)} {item.template} {item.ttl}" for item in module.ranges
        ]
        for module in conf.modules
    }
    assert found == {
        ("d.example", ("2.0.192.in-addr.arpa.",)): [
            "192.0.2.0/24 dyn-{ip}.d.example 300",
            "10.0.0.1/32 dyn-{ip}.d.example 300",
            "10.0.0.2/32 dyn-{ip}.d.example 300",
        ],
        ("e.example", ()): ["2001:db8::/32 {groups}.e.example 3600", "2001:db9::/32 {groups}.e.example 3600"],
    }
    assert told(conf.problems) == ["22:3 error"]


ALPHABET = [
    *list(" \t\n\r\"'\\/*#;{}[]():,.-=+^&@CZ%|"),
    "zone",
    "name",
    "include f",
    "type",
    "1",
    "192.0.2.0/24",
    "a.b",
    "::",
    "\x00",
    "�",
    "ä",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), max_size=60).map("".join))
def test_no_text_raises(text):
    """Whatever stands in a file, each reader gives values and problems."""

    def fetch(name, _from_file):
        return [(name + "x", text)]

    for read in (read_hosts, read_csv, read_netbox, read_openstack, read_tinydns):
        read(text, "f")
    for read in (read_dnsmasq, read_knot, read_nsd, read_named):
        read(text, "f", fetch)


@pytest.mark.parametrize(
    "piece", ["/* ", '"\\', '\\"', 'a: "\\"', "{", "}", "[", "- a: ", "include ", "(", "\n", "\\", "a", ";"]
)
def test_long_texts_take_time_in_proportion(piece):
    """A hundred thousand characters of what is opened and never closed are read as quickly as any others."""
    text = piece * (100_000 // len(piece))
    for start in ("", '"', "zone:\n a: "):
        for read in (read_hosts, read_csv, read_netbox, read_openstack, read_tinydns):
            read(start + text, "f")
        for read in (read_dnsmasq, read_knot, read_nsd, read_named):
            read(start + text, "f", None)
        read_master(start + text, b"\7example\0", "f")
        find_origin(start + text)


def test_many_objects_in_one_line_take_time_in_proportion():
    """A list of a hundred thousand objects without a line's end is read as quickly as one with."""
    item = '{"address": "192.0.2.1/24", "dns_name": "a.b"}'
    named, problems = read_netbox("[" + ",".join([item] * 100_000) + "]", "f")
    assert (len(named), problems) == (100_000, [])


def test_an_address_without_a_name_is_told_of():
    """Nothing of a list is passed over without a word, but in NetBox's, where most addresses have no name."""
    text = "address,name,ttl\n192.0.2.1,a.example,\n192.0.2.2,,\n"
    found, problems = read_csv(text, "list.csv")
    assert len(found) == 1
    assert [str(problem) for problem in problems] == [
        "list.csv:3:1: warning: 192.0.2.2 has no name, so nothing is imported of it"
    ]
    assert read_netbox(text.replace("name", "dns_name"), "list.csv")[1] == []
