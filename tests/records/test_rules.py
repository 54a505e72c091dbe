"""The rules over one zone and over several, on zones that are built by hand."""

from __future__ import annotations

import pytest

from ptrd.records.masterfile import parse_rrsets
from ptrd.records.model import Default, Delegation, Place, PtrRecord, Soa, Zone
from ptrd.records.rules import set_problems, zone_problems
from ptrd.records.values import parse_address, parse_prefix
from ptrd.wire.names import parse_name
from ptrd.wire.reverse import prefix_of
from ptrd.wire.reverse import reverse_name as name_of_prefix

SOA = Soa(b"\0", b"\0", 1, 1, 1, 1, None)
HOST = (b"\4host\7example\0",)
DS = (b"\0\1\x0d\2" + bytes(32),)


def make(name="192.0.2.0/24", *, covers=None, line=1, ns=("ns.example",), rrsets="", **parts):
    """Make a zone; records stand from line 100 on, defaults from 200, delegations from 300, rrsets from 400."""
    prefix = parse_prefix(name) if "/" in name else None
    origin = name_of_prefix(*prefix) if prefix else parse_name(name)
    found = prefix_of(origin)
    if covers:
        prefix = parse_prefix(covers)
    elif found and not prefix:
        prefix = parse_prefix(name)
    zone = Zone(origin, Place("z", line, 1), 60, SOA, tuple(map(parse_name, ns)), prefix, bool(covers))
    for at, text in enumerate(parts.get("records", ())):
        zone.records.append(PtrRecord(parse_address(text)[1], 60, HOST, 100 + at, 3))
    for at, (text, template) in enumerate(parts.get("defaults", {}).items()):
        zone.defaults.append(Default(parse_prefix(text), template, 60, Place("z", 200 + at, 3)))
    for at, written in enumerate(parts.get("delegations", ())):
        text, _, label = written.partition(" ")
        range_ = parse_prefix(text)
        if not label and range_.version == 4 and range_.length > 24:
            label = f"{range_.number & 255}-{range_.length}"
        place = Place("z", 300 + at, 3)
        zone.delegations.append(Delegation(range_, label.encode(), HOST, parts.get("ds", ()), place))
    zone.rrsets, problems = parse_rrsets(rrsets, origin, 60, Place("z", 400, 3))
    assert not problems
    return zone


def found(zone, **options):
    """Give the problems of a zone as (line, w or e, sentence)."""
    return [(one.place.line, "ew"[one.warning], one.message) for one in zone_problems(zone, **options)]


def check(zone, *expected):
    """Compare a zone's problems, in any order, with texts of the form `line severity words`."""
    problems = sorted(found(zone))
    wanted = sorted((int(text.split(" ", 2)[0]), *text.split(" ", 2)[1:]) for text in expected)
    assert [one[:2] for one in problems] == [one[:2] for one in wanted], problems
    for (_, _, message), (_, _, words) in zip(problems, wanted, strict=True):
        assert words in message


def test_a_zone_without_problems():
    """Records, defaults, delegations and rrsets that do not meet are no problem."""
    check(
        make(
            records=["192.0.2.1", "192.0.2.255"],
            defaults={"192.0.2.0/24": "{ip}.x", "192.0.2.0/28": None},
            delegations=["192.0.2.64/26", "192.0.2.128/26 customer"],
            ds=DS,
            rrsets="@ TXT x\n1 TXT x\n7 PTR host.example.\nfoo CNAME bar.example.\n*.lab PTR x.example.\nx.64 TXT x\n",
        )
    )


def test_what_lies_outside():
    """Records, defaults and delegations outside the zone are errors, each at its own place."""
    check(
        make(
            records=["192.0.1.255", "192.0.2.0", "192.0.3.0"],
            defaults={"192.0.0.0/16": "{ip}.x", "192.0.3.0/24": None},
            delegations=["192.0.3.0/26", "192.0.0.0/16"],
        ),
        "100 e 192.0.1.255 lies outside the zone, which means 192.0.2.0/24",
        "102 e 192.0.3.0 lies",
        "200 e 192.0.0.0/16 lies",
        "201 e 192.0.3.0/24 lies",
        "300 e 192.0.3.0/26 lies",
        "301 e 192.0.0.0/16 lies",
    )


def test_a_zone_that_means_no_addresses():
    """Records by address need a reverse zone or `covers`."""
    zone = make("x.example")
    zone.records.append(PtrRecord(1, 60, HOST, 100, 3))
    check(zone, "1 e means no addresses")


def test_a_delegation_cuts_below_the_apex():
    """A delegation of the whole zone, or one of RFC 2317 in a zone of one address, has no name of its own."""
    check(make("10.0.0.0/8", delegations=["10.0.0.0/8"], records=["10.0.0.1"]), "300 e its cut is not below")
    check(make("10.0.0.1/32", delegations=["10.0.0.1/32"], records=["10.0.0.1"]), "300 e its cut is not below")
    check(make("x.example", covers="10.0.0.0/25", delegations=["10.0.0.0/25"]))


def test_too_many_records():
    """A name and type has at most so many records, wherever they are written, and fits into a message."""
    many = tuple(b"\1%c\0" % (97 + number) for number in range(4))
    zone = make(rrsets="a A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.3\na A 192.0.2.4", delegations=["192.0.2.0/25 l"])
    zone.records.append(PtrRecord(zone.prefix.last, 60, many, 100, 3))
    zone.ns = many
    zone.delegations[0] = zone.delegations[0]._replace(ns=many, ds=DS * 4)
    assert not [one for one in found(zone, limit=4) if one[1] == "e"]
    assert sorted(found(zone, limit=3)) == [
        (1, "e", "2.0.192.in-addr.arpa. has 4 NS records; at most 3 of one name and type are allowed"),
        (100, "e", "255.2.0.192.in-addr.arpa. has 4 PTR records; at most 3 of one name and type are allowed"),
        (300, "e", "l.2.0.192.in-addr.arpa. has 4 DS records; at most 3 of one name and type are allowed"),
        (300, "e", "l.2.0.192.in-addr.arpa. has 4 NS records; at most 3 of one name and type are allowed"),
        (400, "e", "a.2.0.192.in-addr.arpa. has 4 A records; at most 3 of one name and type are allowed"),
    ]
    text = "".join([f"a TYPE65280 \\# 20000 {number:02x}{'00' * 19999}\n" for number in range(4)])
    check(make(records=["192.0.2.1"], rrsets=text), "400 e do not fit")


def test_a_cname_stands_alone():
    """A CNAME beside other types, a record, a delegation or the apex is an error; so are two."""
    check(
        make(
            records=["192.0.2.1"],
            rrsets="1 CNAME a.\nb CNAME c.\nb TXT x\nd CNAME e.\nd CNAME f.\n@ CNAME g.",
        ),
        "400 e beside PTR (from `records`)",
        "401 e beside TXT",
        "403 e has 2 CNAME records",
        "405 e beside SOA, NS",
    )
    check(
        make("10.0.0.0/8", delegations=["10.1.0.0/16"], rrsets="1 CNAME a."),
        "400 e beside NS (from `delegations`)",
        "400 w hidden",
    )


def test_nothing_stands_below_a_dname():
    """Records, rrsets and delegations below a DNAME are errors; beside it they are not."""
    zone = make(
        "10.0.0.0/8",
        records=["10.1.2.3", "10.2.0.1"],
        delegations=["10.1.3.0/24", "10.1.2.64/26"],
        rrsets="1 DNAME a.\n1 TXT x\n0.1 TXT x\n4 DNAME b.\n4 DNAME c.\n1.0.0.9 DNAME d.\n1.0.0.9 PTR host.example.",
    )
    check(
        zone,
        "100 e 10.1.2.3 lies below the DNAME of 1.10.in-addr.arpa. at line 400",
        "300 e lies below the DNAME",
        "301 e lies below the DNAME",
        "402 e 0.1.10.in-addr.arpa. lies below the DNAME",
        "403 e has 2 DNAME records",
    )
    check(make(rrsets="a DNAME b.\na NS c.", records=["192.0.2.1"]), "400 e beside the NS", "400 w hidden")
    check(make(rrsets="@ DNAME b.", records=["192.0.2.1"]), "100 e lies below the DNAME")


def test_rfc_2317_delegations_and_what_stands_in_them():
    """In a delegation of RFC 2317 every address has a CNAME: records and rrsets there are errors."""
    check(
        make(
            records=["192.0.2.63", "192.0.2.64", "192.0.2.127", "192.0.2.128"],
            delegations=["192.0.2.64/26"],
            rrsets="65 TXT x\n66 CNAME x.\nx.65 TXT x\n63 TXT x\n64-26 TXT x\n",
        ),
        "101 e 192.0.2.64 lies in 192.0.2.64/26, which is delegated at line 300",
        "102 e 192.0.2.127 lies in",
        "400 e TXT cannot stand beside it",
        "401 e CNAME cannot stand beside it",
        "404 w hidden by the delegation of 64-26.2.0.192.in-addr.arpa.",
    )


def test_a_classless_child_delegates_below_its_own_name():
    """In a `covers` zone, owners and cuts stand under the zone's name."""
    check(
        make(
            "x.example",
            covers="192.0.2.64/26",
            records=["192.0.2.64", "192.0.2.127"],
            delegations=["192.0.2.64/27 l"],
            rrsets="127 PTR a.\n96 NS a.\n65 TXT x\nl TXT x\nns A 192.0.2.1",
        ),
        "100 e 192.0.2.64 lies in",
        "400 e has its PTR in `records`",
        "402 e TXT cannot stand",
        "403 w TXT of l.x.example. is hidden",
    )


def test_delegations_that_meet():
    """Two delegations must not make one cut twice, nor two CNAMEs for one address."""
    check(make(delegations=["192.0.2.64/26", "192.0.2.64/27"]), "301 e would have two CNAMEs")
    check(make(delegations=["192.0.2.64/26 l", "192.0.2.0/27 l"]), "301 e the cut l.2.0.192.in-addr.arpa.")
    check(make("10.0.0.0/8", delegations=["10.0.0.0/15", "10.1.0.0/16"]), "301 e also one of 10.0.0.0/15 at line 300")
    check(make("10.0.0.0/8", delegations=["10.0.0.0/15", "10.1.2.0/24"]), "301 w hidden by that of 1.10.in-addr.arpa.")
    check(make("10.0.0.0/8", delegations=["10.0.0.0/24", "10.0.0.64/26"]), "301 w hidden by that of 0.0.10.in-addr")
    check(make(delegations=["192.0.2.64/26 64"]), "300 e write another, such as 64-26")
    check(make(delegations=["192.0.2.64/26 1"], records=["192.0.2.1"]), "100 w the record of 192.0.2.1 is hidden")
    check(make(delegations=["192.0.2.64/26 l"], rrsets="l NS a."), "400 e in `delegations` at line 300 already")
    check(
        make("2001:db8::/32", delegations=["2001:db8::/33"], ds=DS, rrsets="7 DS 1 13 2 " + "00" * 32),
        "400 e 7.8.b.d.0.1.0.0.2.ip6.arpa. has its DS records in `delegations`",
    )


def test_what_a_plain_cut_hides():
    """Below a cut only the addresses of name servers count; records and other types are hidden, with a warning."""
    check(
        make(
            "10.0.0.0/8",
            records=["10.1.2.3", "10.2.3.4", "10.3.0.0"],
            delegations=["10.1.0.0/16"],
            rrsets="2 NS ns.2\nns.2 A 192.0.2.1\nns.2 TXT x\nother.2 A 192.0.2.1\n4.2 NS a.\n2 TXT x\n1 DS 1 13 2 "
            + "00" * 32,
        ),
        "100 w the record of 10.1.2.3 is hidden by the delegation of 1.10.in-addr.arpa. at line 300",
        "101 w the record of 10.2.3.4 is hidden by the delegation of 2.10.in-addr.arpa. at line 400",
        "402 w TXT of ns.2.10.in-addr.arpa. is hidden",
        "403 w A of other.2",
        "404 w NS of 4.2",
        "405 w TXT of 2.10",
    )


def test_name_servers_inside_the_zone_have_addresses():
    """A name server in the zone without A or AAAA is a warning at its place; a wildcard gives an address too."""
    zone = make("x.example", ns=("ns1.x.example", "NS2.x.example", "ns.example"), rrsets="c NS ns.c\n*.w A 192.0.2.1")
    zone.ns += (parse_name("ns.w.x.example"),)
    places = {parse_name("ns1.x.example"): Place("z", 7, 9)}
    assert sorted(found(zone, places=places)) == [
        (1, "w", found(zone)[1][2]),
        (
            7,
            "w",
            "the name server ns1.x.example. lies in the zone and has no address; write its A or AAAA under `rrsets`",
        ),
        (400, "w", found(zone)[2][2]),
    ]
    check(make("x.example", ns=("ns.x.example",), rrsets="ns AAAA ::1"))


def test_targets_of_ptr_rrsets():
    """At an address a PTR target is a host name; a forgotten final dot and an underscore are warnings."""
    check(
        make(
            rrsets="1 PTR 192.0.2.1.\n2 PTR .\n3 PTR a_b.example.\n4 PTR host.example\n_x PTR a_b.example.\n_y PTR y",
        ),
        "400 e 192.0.2.1. is no host name",
        "401 e . is no host name",
        "402 w underscore",
        "403 w if host.example. was meant, write its final dot",
    )


def test_zones_and_ranges_without_names():
    """A zone, or a range without default, none of whose addresses has a name is a warning."""
    check(make(), "1 w neither default nor record")
    check(make("x.example"))
    check(make(rrsets="@ TXT x"), "1 w neither default nor record")
    check(make(delegations=["192.0.2.0/26"]))
    check(make(rrsets="*.lab PTR a.example."))
    ranges = {
        "192.0.2.0/26": None,
        "192.0.2.0/27": "{ip}.x",
        "192.0.2.64/26": None,
        "192.0.2.128/26": None,
        "192.0.2.192/27": None,
        "192.0.2.224/28": None,
        "192.0.2.240/28": None,
        "192.0.2.0/24": "{ip}.x",
    }
    zone = make(defaults=ranges, records=["192.0.2.70"], rrsets="200 PTR a.example.", delegations=["192.0.2.224/28"])
    check(zone, "203 w 192.0.2.128/26 has neither default nor record", "206 w 192.0.2.240/28")
    assert not found(zone, whole=False)


@pytest.mark.parametrize("second", ["192.0.2.0/24", "2.0.192.in-addr.arpa"])
def test_a_zone_stands_once(second):
    """The same zone twice is an error at the second, however it is written."""
    zones = [make(line=1), make(second, line=5) if "/" in second else make("192.0.2.0/24", line=5)]
    (problem,) = set_problems(zones)
    assert str(problem).startswith(
        "z:5:1: error: zone 2.0.192.in-addr.arpa. stands a second time; it is already at z:1; write all of it in"
    )


def test_an_address_is_covered_once():
    """Two `covers` zones must not overlap; side by side they may stand."""
    zones = [
        make("a.example", covers="192.0.2.64/26", line=1),
        make("b.example", covers="192.0.2.0/25", line=2),
        make("c.example", covers="192.0.2.128/25", line=3),
        make("d.example", covers="192.0.2.64/27", line=4),
    ]
    assert [(one.place.line, one.message.split(",")[0]) for one in set_problems(zones)] == [
        (1, "192.0.2.64/26 overlaps 192.0.2.0/25"),
        (4, "192.0.2.64/27 overlaps 192.0.2.0/25"),
    ]
