"""Zone files as a whole: names, apex, rrsets, several documents, and every refusal with its place and words."""

from __future__ import annotations

import pytest

from ptrd.records.model import Default, Delegation, Place, Prefix, PtrRecord, Soa
from ptrd.records.values import parse_prefix
from ptrd.store.sources import expand_sources
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import format_name, parse_name
from tests.store.zonetexts import HEAD, NAMED, V4, expect, load, load_one

PAGE = """\
zone: 192.0.2.0/24              # a prefix
ttl: 2h
soa:
  mname: ns1.example.net        # names are absolute
  rname: hostmaster@example.net
  refresh: 4h
  retry: 1h
  expire: 14d
  minimum: 5m
  serial: auto
ns: [ns1.example.net, NS2.Example.net.]

records:                        # PTR records, by address
  192.0.2.10: mail.company-a.example
  192.0.2.11: [a.example, B.example]
  192.0.2.12: {ptr: c.example, ttl: 5m}

defaults:
  192.0.2.0/24: "{ip}.dyn.example.net"
  192.0.2.128/25: {name: "pool-{d}.dyn.example.net", ttl: 10m}
  192.0.2.248/29: ~             # no default here

delegations:
  192.0.2.64/26:
    label: 64-26
    ns: [ns1.customer.example]
    ds: ["12345 13 2 abababababababababababababababababababababababababababababababab"]

rrsets: |                       # anything else
  @      IN TXT   "reverse zone of Example Net"
  foo    IN CNAME bar.example.net.
  *.lab  IN PTR   lab.example.net.
"""


def test_a_whole_zone():
    """Every key of a reverse zone is read, with the places of what `explain` points at."""
    zones, problems = load(PAGE)
    assert problems == [
        "21:3: warning: 192.0.2.248/29 has neither default nor record: none of its addresses has a name"
    ]
    (zone,) = zones
    assert format_name(zone.origin) == "2.0.192.in-addr.arpa."
    assert (zone.place, zone.ttl, zone.covers, zone.forward) == (Place("f", 1, 7), 7200, False, [])
    assert zone.prefix == Prefix(4, 0xC0000200, 24)
    assert zone.soa == Soa(
        parse_name("ns1.example.net"), parse_name("hostmaster.example.net"), 14400, 3600, 1209600, 300, None
    )
    assert zone.ns == (parse_name("ns1.example.net"), parse_name("NS2.Example.net"))
    assert zone.records == [
        PtrRecord(0xC000020A, 7200, (parse_name("mail.company-a.example"),), 14, 3),
        PtrRecord(0xC000020B, 7200, (parse_name("a.example"), parse_name("B.example")), 15, 3),
        PtrRecord(0xC000020C, 300, (parse_name("c.example"),), 16, 3),
    ]
    assert zone.defaults == [
        Default(parse_prefix("192.0.2.0/24"), "{ip}.dyn.example.net", 7200, Place("f", 19, 3)),
        Default(parse_prefix("192.0.2.128/25"), "pool-{d}.dyn.example.net", 600, Place("f", 20, 3)),
        Default(parse_prefix("192.0.2.248/29"), None, 7200, Place("f", 21, 3)),
    ]
    digest = b"\x30\x39\x0d\x02" + b"\xab" * 32
    assert zone.delegations == [
        Delegation(
            parse_prefix("192.0.2.64/26"), b"64-26", (parse_name("ns1.customer.example"),), (digest,), Place("f", 24, 3)
        )
    ]
    assert [(rrset.owner[:4], rrset.rtype, rrset.ttl, rrset.place[1:]) for rrset in zone.rrsets] == [
        (b"\x012\x010", 16, 7200, (30, 3)),
        (b"\3foo", 5, 7200, (31, 3)),
        (b"\1*\3l", 12, 7200, (32, 3)),
    ]


def test_what_is_left_out_has_its_default():
    """A minimal zone has a TTL of 1h, the times that registries accept, and an automatic serial."""
    zone = load_one(V4 + NAMED + "records: ~\ndelegations:\nrrsets: null\nttl: ~\ncovers:\nforward:\n")
    assert zone.ttl == 3600
    assert zone.soa[2:] == (14400, 3600, 1209600, 300, None)
    assert (zone.records, zone.delegations, zone.rrsets) == ([], [], [])


def test_keys_stand_in_any_order():
    """Records may be read before it is known which zone they are in."""
    zone = load_one("records: {'2001:DB8::1': a.example}\n" + HEAD + "zone: 2001:db8::/32\n")
    assert zone.records == [PtrRecord(0x20010DB8 << 96 | 1, 3600, (parse_name("a.example"),), 1, 11)]


@pytest.mark.parametrize(
    ("text", "name", "prefix"),
    [
        ("10.0.0.0/8", "10.in-addr.arpa.", "10.0.0.0/8"),
        ("0.0.0.0/0", "in-addr.arpa.", "0.0.0.0/0"),
        ("192.0.2.1/32", "1.2.0.192.in-addr.arpa.", "192.0.2.1/32"),
        ("2001:DB8::/32", "8.b.d.0.1.0.0.2.ip6.arpa.", "2001:db8::/32"),
        ("2001:db8::/36", "0.8.b.d.0.1.0.0.2.ip6.arpa.", "2001:db8::/36"),
        ("2.0.192.IN-ADDR.arpa", "2.0.192.in-addr.arpa.", "192.0.2.0/24"),
        ("8.b.d.0.1.0.0.2.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", "2001:db8::/32"),
        ("64/26.2.0.192.in-addr.arpa", "64/26.2.0.192.in-addr.arpa.", None),
        ("007.0.192.in-addr.arpa", "007.0.192.in-addr.arpa.", None),
        ("Dyn.Example.net", "dyn.example.net.", None),
    ],
)
def test_zone_names(text, name, prefix):
    """A zone is a prefix on an octet or nibble boundary or a name; names in the reverse trees have a prefix too."""
    (zone,), _ = load(f"zone: {text}\n" + HEAD)
    assert format_name(zone.origin) == name
    assert zone.prefix == (parse_prefix(prefix) if prefix else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1/24", "'192.0.2.1/24' has bits set beyond its length of 24; the prefix is 192.0.2.0/24"),
        ("192.0.2.64/26", "192.0.2.64/26 is not on an octet boundary; write `zone: 64-26.2.0.192.in-addr.arpa` and"),
        ("10.16.0.0/12", "10.16.0.0/12 is not on an octet boundary; write 10.0.0.0/8, or one zone for each /16 of it"),
        ("2001:db8::/33", "2001:db8::/33 is not on a nibble boundary; write 2001:db8::/32, or one zone for each /36"),
        ("192.0.2.1", "'192.0.2.1' is an address; write the prefix"),
        ("192.0.2", "'192.0.2' is no zone"),
        ("192.0.2.0/33", "'192.0.2.0/33' has the prefix length '33'"),
        ("a..b", "'a..b' is no domain name: it has an empty label"),
        ("[a]", "`zone` is text, not a list"),
    ],
)
def test_what_is_no_zone(text, expected):
    """What is neither a prefix on a boundary nor a name is refused, and the sentence says what to write."""
    zones, problems = load(f"zone: {text}\n" + HEAD)
    assert zones == []
    assert problems[0].startswith("1:7: error: " + (expected if expected[0] == "`" else "`zone`: " + expected))


def test_stray_bits_in_the_zone_hide_nothing():
    """A zone with stray host bits is read as what was meant, so that its records are checked too."""
    expect(
        "zone: 192.0.2.1/24\nrecords: {192.0.3.1: a.example}\n" + HEAD,
        "1:7: error: `zone`",
        "2:11: error: 192.0.3.1 lies outside",
    )


def test_required_keys():
    """Only `zone`, `soa` with `mname` and `rname`, and `ns` are required; what is missing is said once for each."""
    expect(
        "---\nttl: 1h\n",
        "2:1: error: the key `zone` is missing; write `zone: 192.0.2.0/24`",
        "2:1: error: the key `soa` is missing; write `soa: {mname: ns1.example.net",
        "2:1: error: the key `ns` is missing; write `ns: [ns1.example.net",
    )
    expect(
        "zone: x.example\nns: ~\nsoa: {mname: ~}\n",
        "2:1: error: the key `ns` is missing",
        "3:6: error: the key `rname` of `soa` is missing; write `rname: hostmaster@example.net`",
        "3:7: error: the key `mname` of `soa` is missing; write `mname: ns1.example.net`",
    )


def test_the_soa_and_the_name_servers():
    """The SOA's values and `ns` are checked one by one."""
    expect(
        "zone: x.example\nns: [192.0.2.1, a.example, A.example, {}, ~]\nttl: 1.10\nsoa:\n  mname: a b\n  rname: a@b@c\n"
        "  refresh: 1y\n  retry: 2147483648\n  expire: -1\n  minimum: [1]\n  serial: 4294967296\n  seral: 1\n",
        "2:6: error: the name server: '192.0.2.1' looks like an address",
        "2:28: warning: the name server A.example stands twice",
        "2:39: error: the name server is text, not a mapping",
        "2:43: error: the name server is missing",
        "3:6: error: `ttl`: '1.10' is no duration; write seconds, or a number with a unit",
        "5:10: error: `mname`: 'a b' is no host name",
        "6:10: error: `rname`: 'a@b@c' is no mailbox",
        "7:12: error: `refresh`: '1y' is no duration",
        "8:10: error: `retry`: the duration '2147483648' is too long",
        "9:11: error: `expire`: '-1' is no duration",
        "10:12: error: `minimum` is text, not a list",
        "11:11: error: `serial`: '4294967296' is no serial; write auto, or a number",
        "12:3: error: unknown key 'seral'; did you mean 'serial'?",
    )
    assert load_one("zone: x.example\nsoa: {mname: ., rname: john.doe@a.b, serial: 012}\nns: a.b").soa == Soa(
        b"\0", b"\x08john.doe\1a\1b\0", 14400, 3600, 1209600, 300, 12
    )


def test_rrsets_have_exact_places():
    """A problem in a block stands in the file's own line and column, however the block is indented."""
    expect(
        V4 + NAMED + "rrsets: |  # text\n\n     a A 1.2.3\n\n     b (\n       FOO )\n",
        "7:10: error: the data of A '1.2.3' cannot be read",
        "10:8: error: 'FOO' is no record type",
    )
    expect(V4 + NAMED + "rrsets: 'a A 1.2.3'\n", "5:9: error: the data of A '1.2.3' cannot be read")
    expect(V4 + NAMED + "rrsets: [a]\n", "5:9: error: `rrsets` is a block of text in master-file notation")


def test_rrsets_beside_records():
    """The same PTR owner in `records` and `rrsets` is an error; another type at a record's name is not."""
    text = V4 + "records: {192.0.2.1: a.example}\nrrsets: |\n  1 TXT x\n"
    load_one(text)
    expect(
        text + "  1 PTR a.example.\n", "7:3: error: 1.2.0.192.in-addr.arpa. has its PTR in `records` at line 4 already"
    )


def test_name_servers_in_the_zone():
    """A name server inside the zone without an address is a warning where it is named first."""
    text = "zone: x.example\nsoa: {mname: a.b, rname: c@d.e}\nns: [a.b, ns.x.example]\n"
    expect(text, "3:11: warning: the name server ns.x.example. lies in the zone and has no address")
    load_one(text + "rrsets: |\n  ns A 192.0.2.1\n")


def test_a_file_may_hold_several_zones():
    """Documents are zones; empty ones are nothing, and a zone with an error leaves the others alone."""
    zones, problems = load(
        "---\n" + V4 + NAMED + "---\n# nothing\n---\n- x\n---\nzone: x.example\n---\nzone: y.example\n" + HEAD + "...\n"
    )
    assert [format_name(zone.origin) for zone in zones] == ["2.0.192.in-addr.arpa.", "y.example."]
    assert [line[:20] for line in problems] == ["9:1: error: a zone i", "11:1: error: the key", "11:1: error: the key"]
    assert load(b"") == load("# nothing\n") == ([], [])


def test_a_zone_stands_once_in_a_file():
    """The same zone in two documents is an error."""
    expect(
        V4 + NAMED + "---\nzone: 2.0.192.in-addr.arpa\n" + HEAD + NAMED, "6:7: error: zone 2.0.192.in-addr.arpa. stands"
    )


@pytest.mark.parametrize("bad", ["ttl: 'b\n", "ttl: {ip}.x\n", "a: \x07\n", "a: \ud7ff\ud800\n", "%FOO\n"])
def test_documents_before_a_syntax_error_are_checked(bad):
    """Where a file stops being YAML is one problem; the zones above it are read all the same."""
    good = V4 + NAMED + "ttl: 1y\n---\nzone: y.example\n" + HEAD
    zones, problems = load((good + "---\n" + bad).encode("utf-8", "surrogatepass"))
    assert [format_name(zone.origin) for zone in zones] == ["y.example."]
    assert problems[0].startswith("5:6: error: `ttl`: '1y' is no duration")
    assert len(problems) == 2
    assert ": error: this is not YAML: " in problems[1]
    assert int(problems[1].split(":")[0]) >= 10


def test_problems_stand_in_order():
    """All problems of a file are given by line and column, whichever rule found them."""
    _, problems = load_zone_file("f", (V4 + "ttl: x\nrecords: {192.0.3.1: a.b, 192.0.2.1: ''}\nfoo: 1\n").encode())
    places = [problem.place for problem in problems]
    assert len(places) == 4
    assert places == sorted(places)


def test_sources(tmp_path):
    """A folder stands for its *.yaml and *.yml, sorted, hidden ones not; a file for itself; each once."""
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "c.txt", "z"):
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    folder = str(tmp_path)
    files, problems = expand_sources([f"{folder}/z", folder, f"{folder}/b.yaml", f"{folder}/empty", f"{folder}/gone"])
    assert files == [f"{folder}/z", f"{folder}/a.yml", f"{folder}/b.yaml"]
    assert [str(problem) for problem in problems] == [
        f"{folder}/empty:1:1: warning: the folder holds no *.yaml or *.yml file",
        f"{folder}/gone:1:1: error: there is no such file or folder; write the path of a zone file",
    ]
