"""What a primary sent: taken as it is or refused as a whole, and composed with what is written here."""

from __future__ import annotations

import struct

import pytest

from ptrd.records.model import Default, Place, Prefix, Soa, Zone
from ptrd.records.received import Record, compose, problems, read_soa, refusal
from ptrd.wire.names import ROOT, parse_name

ORIGIN = parse_name("2.0.192.in-addr.arpa.")
SOA, NS, CNAME, PTR, TXT = 6, 2, 5, 12, 16
SOA_RDATA = parse_name("ns.example.net.") + parse_name("h.example.net.") + struct.pack(">IIIII", 77, 1, 2, 3, 4)
APEX = [Record(ORIGIN, SOA, 3600, SOA_RDATA), Record(ORIGIN, NS, 7200, parse_name("ns.example.net."))]
STUB = Zone(
    origin=ORIGIN,
    place=Place("zones/a.yaml", 3, 7),
    ttl=3600,
    soa=Soa(ROOT, ROOT, 0, 0, 0, 0, None),
    ns=(),
    prefix=Prefix(4, 0xC0000200, 24),
    defaults=[Default(Prefix(4, 0xC0000200, 24), "{ip}.dyn.example.net", 60, Place("zones/a.yaml", 5, 3))],
)


def owner(text: str) -> bytes:
    """Give a name in the zone."""
    return parse_name(text + ".")[:-1] + ORIGIN


def test_a_zone_is_composed_of_what_came_and_what_is_written_here():
    """Pointers of addresses become records, all else RRsets; SOA and TTL are the primary's, the defaults are ours."""
    came = [
        *APEX,
        Record(owner("9"), PTR, 300, parse_name("b.example.")),
        Record(owner("1"), PTR, 600, parse_name("a.example.")),
        Record(owner("1"), PTR, 300, parse_name("c.example.")),
        Record(owner("lab"), PTR, 60, parse_name("lab.example.")),
        Record(owner("1"), TXT, 60, b"\1x"),
    ]
    assert refusal(ORIGIN, came) == ""
    zone = compose(STUB, came)
    assert problems(zone) == []
    assert (zone.soa.serial, zone.soa.refresh, zone.soa.minimum, zone.ttl) == (77, 1, 4, 3600)
    assert [(record.number & 255, record.ttl, len(record.targets)) for record in zone.records] == [
        (1, 300, 2),
        (9, 300, 1),
    ]
    assert {(rrset.owner, rrset.rtype) for rrset in zone.rrsets} == {
        (ORIGIN, NS), (owner("lab"), PTR), (owner("1"), TXT)
    }  # fmt: skip
    assert zone.defaults == STUB.defaults
    assert STUB.records == [] and STUB.soa.serial is None


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (APEX[1:], "it has no SOA at its apex"),
        (APEX[:1], "it has no NS at its apex"),
        ([*APEX, APEX[0]], "it has 2 SOAs at its apex"),
        ([*APEX, Record(owner("1"), SOA, 1, SOA_RDATA)], "1.2.0.192.in-addr.arpa. has an SOA, which is not the zone's"),
        ([*APEX, Record(parse_name("www.example."), PTR, 1, ROOT)], "www.example. lies outside the zone"),
        ([*APEX, Record(ORIGIN, 46, 1, b"")], "it is signed (RRSIG at 2.0.192.in-addr.arpa.), and ptrd does not serve"),
        ([*APEX, Record(ORIGIN, 51, 1, b"")], "it is signed (NSEC3PARAM at"),
    ],
)
def test_what_cannot_be_served_is_refused_as_a_whole(records, reason):
    """The sentence says what is in the way."""
    assert reason in refusal(ORIGIN, records)


def test_a_cname_beside_other_data_is_in_the_way():
    """What no server may answer with is a problem; what is merely odd is not."""
    beside = [*APEX, Record(owner("1"), CNAME, 60, ORIGIN), Record(owner("1"), TXT, 60, b"\1x")]
    assert "a CNAME stands alone" in problems(compose(STUB, beside))[0].message
    odd = [*APEX, Record(owner("1"), PTR, 60, ROOT), Record(owner("2"), PTR, 60, parse_name("a_b.example."))]
    assert problems(compose(STUB, odd)) == []


def test_an_soa_is_read():
    """Names and the five numbers, in the order of RFC 1035, 3.3.13."""
    found = read_soa(SOA_RDATA)
    assert found == Soa(parse_name("ns.example.net."), parse_name("h.example.net."), 1, 2, 3, 4, 77)
