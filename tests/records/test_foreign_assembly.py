"""Records become a zone: each stands where an operator would have written it, or is told."""

from __future__ import annotations

import pytest

from ptrd.records.foreign.assembly import assemble
from ptrd.records.foreign.classless import covered_by_name
from ptrd.records.foreign.master import read_master
from ptrd.records.foreign.placing import place_names
from ptrd.records.foreign.record import Named, Range
from ptrd.records.model import Place, Prefix
from ptrd.records.values import format_prefix, parse_prefix
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import same_zone, write_zone
from ptrd.wire.names import format_name, parse_name
from ptrd.wire.rrtypes import name_of
from tests.fuzz.foreign import APEX

HEAD = "$TTL 1h\n@ SOA ns1.example.net. hostmaster.example.net. 7 4h 1h 2w 5m\n@ NS ns1.example.net.\n"
PLACE = Place("db", 1, 1)


def zone_of(text, origin="2.0.192.in-addr.arpa", head=HEAD, **options):
    """Read a master file into a zone, which must be written and read back; give it and what is told."""
    records, problems = read_master(head + text, parse_name(origin), "db")
    zone, more = assemble(parse_name(origin), records, PLACE, **options)
    if zone is not None and not any(not problem.warning for problem in problems + more):
        loaded, wrong = load_zone_file("y", write_zone(zone).encode())
        assert [problem for problem in wrong if not problem.warning] == []
        assert same_zone(loaded[0], zone)
    return zone, [str(problem) for problem in problems + more]


def left(zone):
    """List what stands under `rrsets`."""
    return [f"{format_name(rrset.owner).split('.')[0]} {name_of(rrset.rtype)}" for rrset in zone.rrsets]


def test_soa_ns_and_ttl():
    """The apex is taken whole, the TTL of SOA and NS is the zone's, and the serial goes on."""
    zone, problems = zone_of("1 PTR a.example.\n2 60 PTR a.example.\n")
    assert problems == []
    assert (zone.ttl, zone.soa.serial, zone.soa.minimum) == (3600, 7, 300)
    assert [(record.number & 255, record.ttl) for record in zone.records] == [(1, 3600), (2, 60)]
    zone, problems = zone_of("@ 60 NS ns2.example.net.\n")
    assert zone.ttl == 60 and len(zone.ns) == 2
    assert all("warning: the " in problem for problem in problems) and len(problems) == 2


def test_a_zone_without_its_apex_is_none():
    """Without SOA or NS there is no zone, unless somebody says what they are."""
    assert zone_of("1 PTR a.\n", head="")[0] is None
    zone, problems = zone_of("1 PTR a.\n", head="$TTL 1h\n", apex=APEX)
    assert zone.ns == APEX.ns and zone.soa == APEX.soa and problems == []
    zone, problems = zone_of("", head="@ 1h SOA a. b.c. 1 2 3 4 5\n")
    assert zone is None and "has no NS" in problems[0]


def test_an_apex_that_cannot_be_written_is_told():
    """Names that ptrd takes for no host names are replaced, and a time of 136 years is made one of 68."""
    head = "$TTL 1h\n@ SOA a\\032b. . 1 4294967295 3 4 5\n@ NS a\\032b.\n@ NS ns1.example.net.\n"
    zone, problems = zone_of("", head=head)
    assert (format_name(zone.soa.mname), zone.soa.refresh) == ("ns1.example.net.", 2**31 - 1)
    assert len(zone.ns) == 1
    assert len(problems) == 4 and all("error: " in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$GENERATE 64-127 $ CNAME $.64-26\n64-26 NS ns.c.\n", "192.0.2.64/26 64-26"),
        ("$GENERATE 0-127 $ CNAME $.0/25\n0/25 NS ns.c.\n0/25 DS 1 13 2 " + "ab" * 32 + "\n", "192.0.2.0/25 0/25"),
        ("9 CNAME 9.lone\nlone NS ns.c.\n", "192.0.2.9/32 lone"),
        ("$GENERATE 64-127 $ CNAME $.64-26\n64-26 NS ns.c.\n64-26 NS ns2.c.\n", "192.0.2.64/26 64-26"),
    ],
)
def test_classless_delegations_are_found(text, expected):
    """A whole prefix of CNAMEs below one label with NS is a delegation, and nothing of it is left."""
    zone, problems = zone_of(text)
    assert problems == []
    assert [f"{format_prefix(item.prefix)} {item.label.decode()}" for item in zone.delegations] == [expected]
    assert zone.rrsets == []


@pytest.mark.parametrize(
    "text",
    [
        "$GENERATE 65-126 $ CNAME $.64-26\n64-26 NS ns.c.\n",  # no whole prefix
        "$GENERATE 64-127 $ CNAME $.64-26\n64-26 60 NS ns.c.\n",  # another TTL
        "$GENERATE 64-127 $ 60 CNAME $.64-26\n64-26 NS ns.c.\n",
        "$GENERATE 64-127 $ CNAME $.64-26.other.\n64-26 NS ns.c.\n",  # elsewhere
        "$GENERATE 64-127 $ CNAME $.64-26\n",  # no cut
        "$GENERATE 64-127 $ CNAME x$.64-26\n64-26 NS ns.c.\n",  # other names
        "$GENERATE 32-95 $ CNAME $.64-26\n64-26 NS ns.c.\n",  # not aligned
        "$GENERATE 64-127 $ CNAME $.64-26\n64-26 NS a\\032b.\n",  # no host name
    ],
)
def test_what_is_no_exact_delegation_stays_as_it_is(text):
    """CNAMEs and NS that a delegation would not make just so stay under `rrsets`."""
    zone, problems = zone_of(text)
    assert problems == []
    assert zone.delegations == []
    assert len(zone.rrsets) > 60


def test_cuts_at_boundaries_are_delegations():
    """NS at an octet or nibble boundary is a delegation with its DS; elsewhere, and at an address, it stays."""
    text = "7 NS ns.c.\n7 DS 1 13 2 " + "ab" * 32 + "\n8 60 NS ns.c.\n1.9 NS ns.c.\nx.y NS ns.c.\n3.2.1 NS ns.c.\n"
    zone, problems = zone_of(text, "10.in-addr.arpa")
    assert problems == []
    found = {format_prefix(item.prefix): len(item.ds) for item in zone.delegations}
    assert found == {"10.7.0.0/16": 1, "10.9.1.0/24": 0}
    assert sorted(left(zone)) == ["3 NS", "8 NS", "x NS"]
    zone, _ = zone_of("1 NS ns.c.\n0.0.0.0.2 NS ns.c.\n", "8.b.d.0.1.0.0.2.ip6.arpa")
    assert [format_prefix(item.prefix) for item in zone.delegations] == ["2001:db8:1000::/36", "2001:db8:2000::/52"]


def test_pointers_that_are_no_records_stay():
    """PTR of other names, and to what is no host name, stand under `rrsets`; to an address they are lost and told."""
    text = "x PTR a.\n1.5 PTR a.\n05 PTR a.\n5 PTR a\\032b.\n6 PTR 1.2.3.4.\n7 PTR .\n8 PTR 9.\n8 PTR h.\n"
    text += "_s._tcp PTR i._s\n256 PTR a.\n"
    zone, problems = zone_of(text)
    assert sorted(left(zone)) == ["05 PTR", "1 PTR", "256 PTR", "5 PTR", "_s PTR", "x PTR"]
    assert [(record.number & 255, record.targets) for record in zone.records] == [(8, (parse_name("h"),))]
    assert [problem.split(" of ")[0] for problem in problems] == [f"db:{line}:1: error: the PTR" for line in (8, 9, 10)]


def test_what_is_signed_or_elsewhere_is_told():
    """DNSSEC's records, names outside, other SOAs and the zone's own DS are errors; there is one line a type."""
    text = (
        "a NSEC b A\nb NSEC c A\n@ DNSKEY 256 3 13 AAAA\n@ DS 1 13 2 " + "ab" * 32 + "\nx.example. A 192.0.2.1\n"
        "sub SOA a. b.c. 1 2 3 4 5\n@ TXT kept\n"
    )
    zone, problems = zone_of(text)
    assert left(zone) == ["2 TXT"]
    assert sorted(problem.split(":")[1] for problem in problems) == ["4", "6", "7", "8", "9"]
    assert any("2 NSEC records are not imported" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("64-26.2.0.192.in-addr.arpa", "192.0.2.64/26"),
        ("64/26.2.0.192.in-addr.arpa", "192.0.2.64/26"),
        ("64-127.2.0.192.in-addr.arpa", "192.0.2.64/26"),
        ("0-127.2.0.192.in-addr.arpa", "192.0.2.0/25"),
        ("5-5.2.0.192.in-addr.arpa", "192.0.2.5/32"),
        ("65-26.2.0.192.in-addr.arpa", None),
        ("64-126.2.0.192.in-addr.arpa", None),
        ("64-24.2.0.192.in-addr.arpa", None),
        ("customer.2.0.192.in-addr.arpa", None),
        ("64-26.0.192.in-addr.arpa", None),
        ("64-26.example.net", None),
    ],
)
def test_names_of_classless_zones(name, prefix):
    """What a zone covers is in its name, by length or by last octet, where that is a prefix."""
    assert covered_by_name(parse_name(name)) == (parse_prefix(prefix) if prefix else None)


def test_a_classless_zone_has_records_by_address():
    """PTR of octets below a classless zone's name are records; of others, or of no octet, they stay."""
    zone, problems = zone_of("65 PTR a.\n1 PTR a.\nx PTR a.\n", "64-26.2.0.192.in-addr.arpa")
    assert problems == []
    assert zone.covers and [record.number & 255 for record in zone.records] == [65]
    assert left(zone) == ["1 PTR", "x PTR"]
    zone, _ = zone_of("65 PTR a.\n", "c.2.0.192.in-addr.arpa", covers=parse_prefix("192.0.2.64/26"))
    assert [record.number & 255 for record in zone.records] == [65]


def named(text, name="a.example", ttl=None):
    """Give a name of an address."""
    prefix = parse_prefix(f"{text}/{128 if ':' in text else 32}")
    return Named(prefix.version, prefix.number, parse_name(name), ttl, PLACE)


def test_names_are_put_into_zones():
    """Without zones of one's own there is one for each /24 and /64; with them, what lies in none is told."""
    items = [named("192.0.2.1"), named("192.0.3.1"), named("192.0.2.1", "b.example"), named("2001:db8::1", ttl=60)]
    zones, problems = place_names(items, [], [], APEX, PLACE)
    assert problems == []
    assert [format_prefix(zone.prefix) for zone in zones] == ["192.0.2.0/24", "192.0.3.0/24", "2001:db8::/64"]
    assert [len(record.targets) for record in zones[0].records] == [2]
    assert zones[2].records[0].ttl == 60
    wanted = [(parse_name("2.0.192.in-addr.arpa"), parse_prefix("192.0.2.0/24"))]
    zones, problems = place_names(items, [], wanted, APEX, PLACE)
    assert len(zones) == 1
    assert len(problems) == 2 and all("lies in none of the zones" in problem.message for problem in problems)


def test_ranges_are_put_into_zones():
    """A range makes its zone on the next boundary, and names within it are in there; one wider than zones is cut."""
    spans = [
        Range(parse_prefix(text), "{ip}.x.example", 60, PLACE)
        for text in ("10.0.0.0/20", "2001:db8::/47", "10.0.4.0/30")
    ]
    zones, problems = place_names([named("10.0.1.1")], spans, [], APEX, PLACE)
    assert problems == []
    assert [format_prefix(zone.prefix) for zone in zones] == ["10.0.0.0/16", "2001:db8::/44"]
    assert [len(zone.defaults) for zone in zones] == [2, 1] and len(zones[0].records) == 1
    wanted = [(parse_name(f"{n}.0.10.in-addr.arpa"), Prefix(4, 0x0A000000 | n << 8, 24)) for n in (1, 2)]
    zones, problems = place_names([], spans[:1], wanted, APEX, PLACE)
    assert [[format_prefix(item.prefix) for item in zone.defaults] for zone in zones] == [
        ["10.0.1.0/24"],
        ["10.0.2.0/24"],
    ]
    assert "alone" in problems[0].message
    hosts = [Range(parse_prefix("10.0.0.0/20"), "h{host}.x.example", 60, PLACE)]
    zones, problems = place_names([], hosts, wanted, APEX, PLACE)
    assert not any(zone.defaults for zone in zones) and not problems[0].warning
