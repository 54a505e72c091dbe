"""What is written of a zone is read back as that zone."""

from __future__ import annotations

import pytest

from ptrd.records.model import RRset, Zone
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import relative_name, same_zone, write_rdata, write_time, write_zone, write_zones
from ptrd.wire.names import join_labels, parse_name

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net, NS2.Example.Net]\n"
ZONES = [
    "zone: 192.0.2.0/24\n",
    "zone: 192.0.2.0/24\nttl: 90s\nrecords:\n  192.0.2.1: 'null'\n  192.0.2.2: {ptr: [a.b, x_y.z], ttl: 0}\n",
    (
        "zone: 2001:db8::/32\nrecords: {'2001:db8::': a.b, '2001:db8::1': c.d}\n"
        "defaults: {'2001:db8::/32': '{ip}.x', '2001:db8::/64': ~}\n"
    ),
    "zone: '::/0'\nrecords: {'::': a.b, '::1': b.c}\n",
    (
        "zone: 64-26.2.0.192.in-addr.arpa\ncovers: 192.0.2.64/26\nrecords: {192.0.2.65: a.b}\n"
        "defaults: {192.0.2.64/27: {name: '{d}.{zone}', ttl: 2w}}\n"
    ),
    'zone: "64/26.2.0.192.in-addr.arpa"\ncovers: 192.0.2.64/26\n',
    'zone: "a\\\\.b\\\\000\\\\255.example"\n',
    "zone: example.net\nforward: [192.0.2.0/24, '2001:db8::/32']\n",
    "zone: 192.0.2.0/24\naccess: {allow: [10.0.0.0/8, '2001:db8::/32'], refuse: [10.1.0.0/16], drop: ['::/0']}\n",
    (
        "zone: 192.0.2.0/24\n"
        "transfer:\n  allow: [10.0.0.0/8, key.one, 192.0.2.1/32 key.two]\n"
        "  notify: ['192.0.2.1', '[::1]:5300 k']\n  defaults: omit\n"
        ""
    ),
    "zone: 192.0.2.0/24\ntransfer: {}\n",
    "zone: 192.0.2.0/24\ndelegations:\n  192.0.2.64/26: {label: '64/26', ns: [a.b], ds: ['1 13 2 "
    + "ab" * 32
    + "']}\n  192.0.2.0/27: {ns: [a.b, c.d]}\n",
    "zone: 10.0.0.0/8\ndelegations: {10.16.0.0/12: {ns: [a.b]}}\n",
    (
        'zone: 192.0.2.0/24\nrrsets: |\n  @ 5 TXT "a;\\"b" "\\000\\255" \'x\n  \\@ TXT x\n'
        "  \\$TTL TXT y\n  a TYPE65280 \\# 2 0102\n  a\\032b PTR c\\;d.\n  *.x A 1.2.3.4\n"
    ),
]


def load(text):
    """Read one zone without an error."""
    zones, problems = load_zone_file("z", text.encode())
    assert [str(problem) for problem in problems if not problem.warning] == []
    return zones[0]


@pytest.mark.parametrize("text", ZONES)
def test_a_zone_is_read_back(text):
    """Every key that a zone file may have is written so that it is read back, in printable ASCII."""
    zone = load(text + HEAD)
    written = write_zone(zone)
    assert same_zone(load(written), zone)
    assert all(char.isprintable() or char == "\n" for char in written) and written.isascii()
    assert write_zone(load(written)) == written


def test_a_secondary_zone_is_read_back():
    """A zone that is transferred has its primaries, and neither SOA nor records."""
    zone = load("zone: 192.0.2.0/24\nprimaries: [192.0.2.1, '192.0.2.2:5300 some.key']\n")
    written = write_zone(zone)
    assert same_zone(load(written), zone)
    assert "soa" not in written


def test_zones_are_documents_of_one_file():
    """Several zones stand in one file."""
    zones = [load(text + HEAD) for text in (ZONES[0], ZONES[3])]
    loaded, problems = load_zone_file("z", write_zones(zones).encode())
    assert problems and all(problem.warning for problem in problems)
    assert all(map(same_zone, loaded, zones)) and len(loaded) == 2


def test_zones_that_differ_are_told_apart():
    """A zone is the same only if all that it says is."""
    zone = load(ZONES[2] + HEAD)
    assert not same_zone(zone, load(ZONES[3] + HEAD))
    other = load(ZONES[2] + HEAD)
    other.rrsets = [RRset(zone.origin, 16, 1, (b"\1a",), zone.place)]
    assert not same_zone(zone, other)
    assert isinstance(other, Zone)


def test_rdata_that_no_notation_gives_back_is_hex():
    """Data of unknown types, or that its type's notation would change, is written as RFC 3597 has it."""
    assert write_rdata(65280, b"\1\2") == "\\# 2 0102"
    assert write_rdata(65280, b"") == "\\# 0"
    assert write_rdata(1, b"\1\2\3\4") == "1.2.3.4"
    assert write_rdata(1, b"\1\2\3") == "\\# 3 010203"
    assert write_rdata(16, b'\2"\\') == '"\\"\\\\"'


def test_names_are_relative_to_the_zone():
    """An owner is written below the zone, and escaped where it would mean something else."""
    origin = parse_name("example.net")
    assert relative_name(origin, origin) == "@"
    assert relative_name(join_labels([b"@", b"example", b"net"]), origin) == "\\@"
    assert relative_name(parse_name("a.b.example.net"), origin) == "a.b"
    assert relative_name(parse_name("other"), origin) == "other."


def test_times_have_their_largest_unit():
    """Durations are written as an operator would."""
    assert [write_time(n) for n in (0, 1, 60, 90, 3600, 86400, 1209600)] == ["0", "1", "1m", "90", "1h", "1d", "2w"]
