"""Master files: ptrd reads what dnspython, BIND and NSD read, and says of the rest where and why."""

from __future__ import annotations

import dns.exception
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from ptrd import PtrdError
from ptrd.records.foreign.assembly import assemble
from ptrd.records.foreign.master import find_origin, read_master
from ptrd.records.model import Place
from ptrd.store.foreignfiles import Files, read_text
from ptrd.store.zonefile import load_zone_file
from ptrd.store.zonewriter import same_zone, write_zone
from ptrd.wire.names import format_name, parse_name
from ptrd.wire.rrtypes import name_of
from tests.records.masterfiles import (
    HEAD,
    ORIGIN,
    by_dnspython,
    by_named,
    by_nsd,
    by_records,
    canonical,
    master_files,
    without_disputed,
)

ZONE = parse_name(ORIGIN)


def read(text, fetch=None, **options):
    """Read a text of the zone; give the records and what is said."""
    records, problems = read_master(text, ZONE, "db", fetch, **options)
    return records, [str(problem) for problem in problems]


def lines_of(records):
    """Write records shortly."""
    return [f"{format_name(record.owner)} {record.ttl} {name_of(record.rtype)}" for record in records]


@settings(max_examples=300, deadline=None)
@given(master_files())
def test_we_read_what_dnspython_reads(text):
    """Of any master file ptrd reads the RRsets that dnspython reads, or says what is wrong where that refuses it."""
    records, problems = read_master(text, ZONE, "db")
    try:
        expected = by_dnspython(text)
    except dns.exception.DNSException:  # CNAME beside other data: no matter of reading
        reject()
    assert [problem for problem in problems if not problem.warning] == []
    assert by_records(records) == expected


@settings(max_examples=40, deadline=None)
@given(text=master_files(ttl_first=False))
def test_we_read_what_bind_and_nsd_read(tmp_path_factory, text):
    """What named-compilezone and nsd-checkzone accept, ptrd reads as they do, TTLs without $TTL among it."""
    path = tmp_path_factory.mktemp("master") / "db"
    path.write_text(text)
    records, problems = read_master(text, ZONE, "db")
    assert [problem for problem in problems if not problem.warning] == []
    ours = without_disputed(by_records(records), records)
    expected, _ = by_named(path)
    if expected is not None:
        assert without_disputed(expected, records) == ours
    if "$GENERATE" in text or not text.startswith("$TTL"):  # NSD knows no $GENERATE, and has a default TTL of its own
        return
    expected, _ = by_nsd(path)
    if expected is not None:
        assert without_disputed(expected, records) == ours


def test_the_peers_accept_an_ordinary_file(tmp_path):
    """BIND and NSD read the same from an ordinary file with includes: the comparison above is not empty."""
    (tmp_path / "more").write_text(f"7 PTR seven.example.net.\n$ORIGIN deep.{ORIGIN}\nx TXT y\n")
    text = (
        f"$TTL 2h\n{HEAD}1 60 PTR one.example.net.\n$INCLUDE more\n2 PTR two\n$INCLUDE more sub.{ORIGIN}\n3 TXT three\n"
    )
    path = tmp_path / "db"
    path.write_text(text)
    records, problems = read_master(text, ZONE, str(path), Files().fetch)
    assert problems == []
    assert by_named(path) == (by_records(records), "")
    assert by_nsd(path)[0] == by_records(records)


def test_a_ttl_comes_from_where_the_rfcs_say(tmp_path):
    """Without $TTL a record has the TTL of the one before, the first the SOA's minimum; $TTL is for the rest."""
    text = f"{HEAD}1 PTR a.\n2 60 PTR a.\n3 PTR a.\n$TTL 9\n4 PTR a.\n5 7 PTR a.\n6 PTR a.\n"
    records, problems = read(text)
    assert [record.ttl for record in records] == [300, 300, 300, 60, 300, 9, 7, 9]
    assert problems == []
    (tmp_path / "db").write_text(text)
    assert by_named(tmp_path / "db")[0] == by_records(records)
    records, problems = read("1 PTR a.\n")
    assert records[0].ttl == 3600
    assert problems == [
        "db:1:1: warning: no TTL is written here or above; 3600 is taken: write $TTL as the file's first line"
    ]


def test_everything_that_is_wrong_is_told_with_its_place():
    """Each entry that cannot be read is told where it stands, and none hides the next."""
    text = (
        "$TTL 1h\n"
        "a..b A 192.0.2.1\n"
        "  TXT lost\n"
        "foo.example. A 192.0.2.1\n"
        "  TXT lost\n"
        "x A 192.0.2.300\n"
        "x NOTYPE y\n"
        "x CH TXT y\n"
        "$FOO\n"
        "$INCLUDE other\n"
        "y PTR good.example.\n"
        'z TXT "open\n'
        "z TXT (\n"
    )
    records, problems = read(text)
    assert lines_of(records) == ["y.2.0.192.in-addr.arpa. 3600 PTR"]
    places = [problem.split(": ")[0] for problem in problems]
    assert sorted(places) == sorted(
        [
            "db:2:1",
            "db:3:3",
            "db:4:1",
            "db:5:3",
            "db:6:5",
            "db:7:3",
            "db:8:3",
            "db:9:1",
            "db:10:1",
            "db:12:7",
            "db:13:7",
        ]
    )
    assert all("error: " in problem for problem in problems)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("$GENERATE 1-4294967295 $ PTR a.", "has a number above 2147483647"),
        ("$GENERATE 1-2147483647 $ PTR a.", "it makes 2147483647 records, and at most 1000000 may be made in all"),
        ("$GENERATE 9-1 $ PTR a.", "is empty"),
        ("$GENERATE 1-9/0 $ PTR a.", "is empty"),
        ("$GENERATE x $ PTR a.", "is no range"),
        ("$GENERATE 1-9 $", "write $GENERATE RANGE NAME TYPE DATA"),
        ("$GENERATE 1-9 ${x} PTR a.", "is no counter"),
        ("$GENERATE 1-9 ${0,999} PTR a.", "is above 255"),
        ("$GENERATE 1-9 a$ PTR ..", "is no name"),
        ("$GENERATE 1-9 $ FOO a.", "is no record type"),
    ],
)
def test_a_generate_that_cannot_be_meant_is_refused_once(line, sentence):
    """A $GENERATE that is wrong or too long is one sentence, and makes nothing."""
    records, problems = read(f"$TTL 1h\n{line}\nx TXT y\n")
    assert lines_of(records) == ["x.2.0.192.in-addr.arpa. 3600 TXT"]
    assert len(problems) == 1 and sentence in problems[0] and problems[0].startswith("db:2:1: error: $GENERATE")


def test_all_generates_share_one_limit():
    """How many records are made is limited in all, not for each $GENERATE, includes among them."""
    line = "$GENERATE 1-40 $.x${0,3,d} TXT y\n"
    records, problems = read(f"$TTL 1h\n{line * 3}", limit=100)
    assert len(records) == 80 and len(problems) == 1

    def fetch(name, _from_file):
        return [(name + "x", line + "$INCLUDE " + name + "x\n")]

    records, problems = read(f"$TTL 1h\n{line}$INCLUDE a\n", fetch, limit=100)
    assert len(records) == 80
    assert any("at most 20 files may include each other" in problem for problem in problems)


def test_a_loop_of_includes_is_noticed(tmp_path):
    """A file that includes itself by way of another is told, and what stands around it is read."""
    (tmp_path / "db").write_text("$TTL 1h\n1 PTR a.\n$INCLUDE sub/more\n3 PTR a.\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more").write_text('2 PTR a.\n$INCLUDE "../db"\n')
    path = str(tmp_path / "db")
    records, problems = read_master(read_text(path), ZONE, path, Files().fetch)
    assert len(records) == 3
    assert [str(problem) for problem in problems] == [
        f"{tmp_path}/sub/more:2:1: error: $INCLUDE '../db': the file includes itself; remove the line"
    ]


def test_an_include_that_is_not_there_is_told():
    """A file that cannot be read is told where it is named."""
    _, problems = read("$INCLUDE nowhere\n", Files().fetch)
    assert problems == ["db:1:1: error: $INCLUDE 'nowhere': nowhere cannot be read: No such file or directory"]


def test_the_zone_is_found_in_its_file():
    """The owner of the SOA is the zone where it is absolute, or `@` below an absolute $ORIGIN."""
    assert find_origin(f"$ORIGIN {ORIGIN}\n$TTL 1\n@ 1h IN SOA a. b. 1 1 1 1 1\n") == ZONE
    assert find_origin(f"; x\n{ORIGIN} IN SOA a. b. (1 1 1 1 1)\n") == ZONE
    assert find_origin("$ORIGIN 192.in-addr.arpa.\n2.0 SOA a. b. 1 1 1 1 1\n") == ZONE
    assert find_origin("@ SOA a. b. 1 1 1 1 1\n") is None
    assert find_origin("") is None


@settings(max_examples=200, deadline=None)
@given(master_files())
def test_a_zone_that_is_written_is_read_back(text):
    """What is made of records is written as YAML and read back as the same zone, with the records of the source."""
    records, _ = read_master(text, ZONE, "db")
    zone, problems = assemble(ZONE, records, Place("db", 1, 1))
    assume(zone is not None and not [problem for problem in problems if not problem.warning])
    loaded, wrong = load_zone_file("y", write_zone(zone).encode())
    assert [problem for problem in wrong if not problem.warning] == []
    assert same_zone(loaded[0], zone)
    expected = by_records(records)
    expected[ZONE, 6] = expected[ZONE, 2][0], expected[ZONE, 6][1]  # a zone has one TTL for both, as a warning says
    assert written_out(zone) == expected


def written_out(zone):
    """Give the RRsets of a zone without defaults and delegations, SOA and NS among them."""
    soa = zone.soa
    times = (soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
    rdata = soa.mname + soa.rname + b"".join(number.to_bytes(4, "big") for number in times)
    found = {(zone.origin, 6): (zone.ttl, {canonical(6, rdata)})}
    found[zone.origin, 2] = zone.ttl, {canonical(2, name) for name in zone.ns}
    for number, ttl, targets, _, _ in zone.records:
        owner = parse_name(f"{number & 255}.2.0.192.in-addr.arpa")
        found[owner, 12] = ttl, {canonical(12, name) for name in targets}
    for rrset in zone.rrsets:
        found[rrset.owner, rrset.rtype] = rrset.ttl, {canonical(rrset.rtype, rdata) for rdata in rrset.rdatas}
    return found


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=[*list('$GENRATICLUDO019-/{},xd \t\n"();\\@.PTXWN'), "ä", "\x00", "�"], max_size=200))
def test_no_text_raises(text):
    """Whatever the text, it is records and problems."""

    def fetch(name, _from_file):
        if "x" in name:
            raise PtrdError("not here")
        return [(name + "1", text)]

    records, problems = read_master("$TTL 1h\n" + text, ZONE, "db", fetch, limit=500)
    assert len(records) <= 60_000
    assert all(problem.message and problem.place.line >= 1 for problem in problems)
