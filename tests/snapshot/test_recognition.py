"""Templates found in records make the very same records, and name nobody else."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.records.model import Delegation, Place, Prefix, PtrRecord, RRset, Soa, Zone
from ptrd.snapshot.recognition import apply, recognize
from ptrd.snapshot.templates import parse_template
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import same_zone, write_zone
from ptrd.wire.names import parse_name
from ptrd.wire.reverse import BITS, reverse_name
from ptrd.wire.rrtypes import CNAME

PLACE = Place("zone", 1, 1)
SOA = Soa(parse_name("ns1.example.net"), parse_name("h.example.net"), 14400, 3600, 1209600, 300, 1)
V4 = Prefix(4, 0xC0000200, 24)
WIDE = Prefix(4, 0x0A000000, 16)
V6 = Prefix(6, 0x20010DB8 << 96, 32)


def zone_of(prefix, names, ttls=None):
    """Make a zone of {number: name}."""
    zone = Zone(reverse_name(*prefix), PLACE, 3600, SOA, (parse_name("ns1.example.net"),), prefix)
    ttls = ttls or {}
    zone.records = [
        PtrRecord(number, ttls.get(number, 3600), (parse_name(name),), 1, 1) for number, name in names.items()
    ]
    return zone


def expansion(zone, limit=1 << 16):
    """Write out {number: (TTL, targets)}, the long way: for each address the longest range, then the records."""
    found = {}
    for item in sorted(zone.defaults, key=lambda item: item.prefix.length):
        size = 1 << BITS[item.prefix.version] - item.prefix.length
        numbers = range(item.prefix.number, item.prefix.number + size)
        assert size <= limit
        if item.template is None:
            for number in numbers:
                found.pop(number, None)
        else:
            template = parse_template(item.template, item.prefix, zone.origin)
            found |= {number: (item.ttl, (template.render(number),)) for number in numbers}
    taken = {number for cut in zone.delegations for number in range(cut.prefix.number, cut.prefix.last + 1)}
    taken |= {zone.prefix.number | int(rrset.owner[1 : 1 + rrset.owner[0]]) for rrset in zone.rrsets}
    found = {number: value for number, value in found.items() if number not in taken}
    return found | {record.number: (record.ttl, record.targets) for record in zone.records}


def check(zone):
    """Recognize, apply, compare; give the templates."""
    recognition = recognize(zone)
    if recognition is None:
        return []
    applied = apply(zone, recognition)
    assert expansion(applied) == expansion(zone)
    assert len(applied.records) + len(recognition.replaced) == len(zone.records)
    loaded, problems = load_zone_file("zone", write_zone(applied).encode())
    assert not [problem for problem in problems if not problem.warning]
    assert same_zone(loaded[0], applied)
    for proposal in recognition.proposals:
        assert len(proposal.replaced) >= 8
        assert not {record.number for record in proposal.kept} & set(proposal.replaced)
    return [proposal.template for proposal in recognition.proposals]


def test_a_whole_range_becomes_one_template():
    """host-1 to host-254 is one template, and the two addresses without a name are taken out."""
    zone = zone_of(V4, {V4.number + n: f"host-{n}.example.net" for n in range(1, 255)})
    assert check(zone) == ["host-{d}.example.net"]
    applied = apply(zone, recognize(zone))
    assert [(item.prefix.number & 255, item.prefix.length, item.template) for item in applied.defaults] == [
        (0, 24, "host-{d}.example.net"),
        (0, 32, None),
        (255, 32, None),
    ]
    assert applied.records == []


def test_every_way_to_write_an_address_is_found():
    """Octets in any order, whole addresses, hex and host numbers are found, each by its own token."""
    ways = {
        "{ip}.dyn.example.net": lambda n: f"192-0-2-{n}.dyn.example.net",
        "{d}-{c}-{b}-{a}.example.net": lambda n: f"{n}-2-0-192.example.net",
        "ip-{hex}.example.net": lambda n: f"ip-c00002{n:02x}.example.net",
        "{rev}.example.net": lambda n: f"{n}.2.0.192.example.net",
        "{a}.{b}.{c}.{d}.example.net": lambda n: f"192.0.2.{n}.example.net",
        "pool.example.net": lambda _: "pool.example.net",
    }
    for template, way in ways.items():
        assert check(zone_of(V4, {V4.number + n: way(n) for n in range(256)})) == [template]
    upper = {V4.number + n: f"pool-{n - 128}.example.net" for n in range(128, 256)}
    assert check(zone_of(V4, upper)) == ["pool-{host}.example.net"]
    octets = {WIDE.number + n: f"h-{n & 255}-{n >> 8}.example.net" for n in range(4096)}
    assert check(zone_of(WIDE, octets)) == ["h-{d}-{c}.example.net"]
    numbered = {WIDE.number + 1024 + n: f"h{n}.example.net" for n in range(1024)}
    assert check(zone_of(WIDE, numbered)) == ["h{host}.example.net"]


def test_ipv6_names_are_found():
    """Runs of IPv6 addresses are found by {ip}, {groups}, {hex}, {rev} and {host}."""
    first = V6.number | 0x64 << 64

    def spell(number):
        return f"{number:032x}"

    ways = {
        "{ip}.v6.example.net": lambda n: (
            f"2001-db8-0-64--{n:x}.v6.example.net" if n else "2001-db8-0-64--0.v6.example.net"
        ),
        "{hex}.example.net": lambda n: f"{spell(first + n)}.example.net",
        "{groups}.example.net": lambda n: (
            "-".join(spell(first + n)[at : at + 4] for at in range(0, 32, 4)) + ".example.net"
        ),
        "{rev}.example.net": lambda n: ".".join(reversed(spell(first + n))) + ".example.net",
        "host-{host}.example.net": lambda n: f"host-{n:04x}.example.net",
    }
    for template, way in ways.items():
        assert check(zone_of(V6, {first + n: way(n) for n in range(512)})) == [template]


def test_other_names_stay_records():
    """A record of another name or TTL in the middle of a run stays what it is."""
    names = {V4.number + n: f"host-{n}.example.net" for n in range(256)}
    names[V4.number + 7] = "mail.example.net"
    zone = zone_of(V4, names, {V4.number + 9: 60})
    assert check(zone) == ["host-{d}.example.net"]
    proposal = recognize(zone).proposals[0]
    assert [record.number & 255 for record in proposal.kept] == [7, 9]
    assert proposal.excluded == []


def test_delegations_and_aliases_do_not_matter():
    """Where a delegation or a CNAME stands no default is made, and none is excluded."""
    zone = zone_of(V4, {V4.number + n: f"host-{n}.example.net" for n in range(256) if n // 64 != 1 and n != 5})
    zone.delegations = [Delegation(Prefix(4, V4.number + 64, 26), b"64-26", (parse_name("ns.c.example"),), (), PLACE)]
    owner = parse_name("5.2.0.192.in-addr.arpa")
    zone.rrsets = [RRset(owner, CNAME, 3600, (parse_name("x.example"),), PLACE)]
    assert check(zone) == ["host-{d}.example.net"]
    assert recognize(zone).proposals[0].excluded == []


def test_what_is_not_worth_it_is_left():
    """Few names, scattered names, names with leading zeros and zones with defaults are left alone."""
    assert recognize(zone_of(V4, {V4.number + n: f"host-{n}.example.net" for n in range(7)})) is None
    assert recognize(zone_of(V4, {V4.number + 2 * n: f"host-{2 * n}.example.net" for n in range(100)})) is None
    assert recognize(zone_of(V4, {V4.number + n: f"host-{n:03d}.example.net" for n in range(100)})) is None
    zone = zone_of(V4, {V4.number + n: f"host-{n}.example.net" for n in range(256)})
    applied = apply(zone, recognize(zone))
    assert recognize(applied) is None


PATTERNS = {
    4: (
        lambda n, _: f"host-{n & 255}.example.net",
        lambda n, _: f"h{n >> 8 & 255}-{n & 255}.example.net",
        lambda n, base: f"p{n - base}.example.net",
        lambda n, base: f"p{n - (base & ~63)}.example.net",
        lambda n, _: f"{n >> 24}-{n >> 16 & 255}-{n >> 8 & 255}-{n & 255}.example.net",
        lambda n, _: f"{n:08x}.example.net",
        lambda n, _: f"{n & 255}.{n >> 8 & 255}.{n >> 16 & 255}.{n >> 24}.example.net",
        lambda _, base: f"pool{base & 255}.example.net",
        lambda n, _: f"x{n * n % 7919}.example.net",
        lambda n, _: f"{n & 255}-2-1.example.net",
    ),
    6: (
        lambda n, _: f"h-{n & 0xFFFF:04x}.example.net",
        lambda n, _: f"h-{n & 0xFF:02x}.example.net",
        lambda n, _: f"{n:032x}.example.net",
        lambda n, _: f"x{n * n % 7919}.example.net",
        lambda n, _: f"{n & 0xF:x}.example.net",
    ),
}


@st.composite
def zones(draw):
    """Make a zone of several runs that overlap, with holes, other names, TTLs, and things that hide names."""
    prefix = draw(st.sampled_from([V4, WIDE, V6]))
    names, ttls = {}, {}
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, 900 if prefix != V4 else 255))
        count = draw(st.integers(1, 300))
        ttl = draw(st.sampled_from([3600, 3600, 60]))
        pattern = draw(st.sampled_from(PATTERNS[prefix.version]))
        holes = draw(st.sets(st.integers(0, 300), max_size=6))
        for n in range(start, start + count):
            number = prefix.number + n
            if number <= prefix.last and n - start not in holes:
                names[number] = pattern(number, prefix.number + start)
                ttls[number] = ttl
    for n in draw(st.lists(st.integers(0, 255), max_size=5)):
        names[prefix.number + n] = "other.example.org"
    zone = zone_of(prefix, names, ttls)
    if prefix == V4:
        hidden = draw(st.sets(st.integers(0, 255), max_size=4))
        zone.records = [record for record in zone.records if record.number & 255 not in hidden]
        owners = [parse_name(f"{n}.2.0.192.in-addr.arpa") for n in sorted(hidden)]
        zone.rrsets = [RRset(owner, CNAME, 3600, (parse_name("x.example"),), PLACE) for owner in owners]
    return zone


@settings(max_examples=150, deadline=None)
@given(zones())
def test_a_zone_means_the_same_with_its_templates(zone):
    """Whatever the runs: with the templates each address has the names and TTL that it had, and no other has one."""
    check(zone)


def test_a_run_of_many_is_found_among_others():
    """Sixteen pools of their own names are sixteen templates, however they lie."""
    names = {}
    for pool in range(16):
        for n in range(256):
            names[WIDE.number + pool * 256 + n] = f"n{n}.pool-{pool + 100}.example.net"
    found = Counter(check(zone_of(WIDE, names)))
    assert found == {f"n{{d}}.pool-{pool + 100}.example.net": 1 for pool in range(16)}
