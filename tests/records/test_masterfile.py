"""Master-file notation under `rrsets`: records, positions, and what is refused."""

from __future__ import annotations

import dns.name
import dns.rdatatype
import dns.zonefile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.records.masterfile import EntryError, parse_rdata, parse_rrsets
from ptrd.records.model import Place
from ptrd.wire.names import parse_name
from ptrd.wire.rrtypes import AAAA, CNAME, DS, MX, NS, PTR, TXT, A

ORIGIN = parse_name("2.0.192.in-addr.arpa")


def read(text, **options):
    """Read a block that begins at line 10, column 3."""
    return parse_rrsets(text, ORIGIN, 3600, Place("z.yaml", 10, 3), **options)


def records(text):
    """Give (owner text before the origin, type, TTL, rdatas) of a block without problems."""
    rrsets, problems = read(text)
    assert not problems
    suffix = len(ORIGIN)
    return [(one.owner[:-suffix], one.rtype, one.ttl, one.rdatas) for one in rrsets]


def lines(text, **options):
    """Give the problems as lines, without the file's name."""
    return [str(problem).removeprefix("z.yaml:") for problem in read(text, **options)[1]]


def test_ordinary_records():
    """Owners are relative and lower-cased, data keeps its case, TTL and class stand in either order."""
    assert records("@ TXT x\nFoo 5 IN CNAME Bar.Example.\n*.lab IN 1m PTR lab.example.\n1 IN A 192.0.2.1\n") == [
        (b"", TXT, 3600, (b"\1x",)),
        (b"\3foo", CNAME, 5, (b"\3Bar\7Example\0",)),
        (b"\1*\3lab", PTR, 60, (b"\3lab\7example\0",)),
        (b"\x011", A, 3600, (b"\xc0\0\2\1",)),
    ]


def test_relative_names_in_data_are_absolute_in_the_wire():
    """A name without a final dot lies below the origin, in data too."""
    assert records("foo MX 10 bar\n@ PTR @\n") == [
        (b"\3foo", MX, 3600, (b"\0\x0a\3bar" + ORIGIN,)),
        (b"", PTR, 3600, (ORIGIN,)),
    ]


def test_an_omitted_owner_is_the_last_one():
    """A line that begins with white space goes on with the owner above."""
    assert records("a A 192.0.2.1\n  AAAA ::1\n\n\tTXT x\n") == [
        (b"\1a", A, 3600, (b"\xc0\0\2\1",)),
        (b"\1a", AAAA, 3600, (bytes(15) + b"\1",)),
        (b"\1a", TXT, 3600, (b"\1x",)),
    ]


def test_ttl_and_origin_directives():
    """$TTL and $ORIGIN hold for what follows; an origin may be relative and lie anywhere."""
    text = (
        "$TTL 1h30m\na A 192.0.2.1\n$ORIGIN lab\na A 192.0.2.2\n"
        "$origin example.\n$ORIGIN 2.0.192.in-addr.arpa.\n@ TXT x"
    )
    assert records(text) == [
        (b"\1a", A, 5400, (b"\xc0\0\2\1",)),
        (b"\1a\3lab", A, 5400, (b"\xc0\0\2\2",)),
        (b"", TXT, 5400, (b"\1x",)),
    ]


def test_parentheses_comments_and_strings():
    """A record may go over lines in parentheses; semicolons in strings are no comments; quotes may stand within."""
    text = 'a ( TXT "x;(y" ; comment )\n  "z" ) ; more\nb SVCB 1 . alpn="h2,h3"\nc TXT a\\;b\n'
    assert records(text) == [
        (b"\1a", TXT, 3600, (b"\4x;(y\1z",)),
        (b"\1b", 64, 3600, (b"\0\1\0\0\1\0\6\2h2\2h3",)),
        (b"\1c", TXT, 3600, (b"\3a;b",)),
    ]


def test_unknown_types_and_generic_data():
    """Any type may be written by its number, and any data as hex (RFC 3597)."""
    assert records("a TYPE65280 \\# 4 0a000001\nb A \\# 4 0a000001\nc TYPE1 192.0.2.1\nd TYPE65281 \\# 0\n") == [
        (b"\1a", 65280, 3600, (b"\x0a\0\0\1",)),
        (b"\1b", A, 3600, (b"\x0a\0\0\1",)),
        (b"\1c", A, 3600, (b"\xc0\0\2\1",)),
        (b"\1d", 65281, 3600, (b"",)),
    ]


def test_records_of_one_name_and_type_are_one_rrset():
    """An RRset holds its records in the order they were written; equal ones count once, ASCII case apart."""
    text = "a A 192.0.2.2\nb PTR X.example.\na A 192.0.2.1\nb PTR x.example.\nA A 192.0.2.2\n"
    assert records(text) == [
        (b"\1a", A, 3600, (b"\xc0\0\2\2", b"\xc0\0\2\1")),
        (b"\1b", PTR, 3600, (b"\1X\7example\0",)),
    ]


def test_one_rrset_has_one_ttl():
    """Different TTLs within an RRset are a warning; the lowest counts (RFC 2181, 5.2)."""
    rrsets, problems = read("a 9 A 192.0.2.1\na 5 A 192.0.2.2\na 7 A 192.0.2.3\n")
    assert [rrset.ttl for rrset in rrsets] == [5]
    assert [(problem.warning, problem.place.line) for problem in problems] == [(True, 11), (True, 12)]


def test_places_are_those_of_the_file():
    """An RRset stands where its first record begins, counted from the block's first character."""
    rrsets, _ = read("@ TXT x\n\n; y\na A 192.0.2.1\n    AAAA ::1\na A 192.0.2.2\n")
    assert [rrset.place[1:] for rrset in rrsets] == [(10, 3), (13, 3), (14, 7)]


def test_a_text_that_is_not_a_block_has_one_place():
    """Lines of a quoted or folded scalar are no lines of the file: everything stands where it begins."""
    assert lines("a A 1\nb B 2\n", exact=False) == [
        "10:3: error: the data of A '1' cannot be read: Text input is malformed; write 192.0.2.1",
        "10:3: error: 'B' is no record type; write one such as PTR, TXT or TYPE65280",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a A 1.2.3", "10:7: error: the data of A '1.2.3' cannot be read"),
        ("a  IN  FOO 1", "10:10: error: 'FOO' is no record type"),
        ("a ANY x", "10:5: error: the class 'ANY'"),
        ("a IN ANY x", "10:8: error: ANY is a type of questions"),
        ("a AXFR x", "10:5: error: AXFR is a type of questions"),
        ("a TYPE0 \\# 0", "10:5: error: 'TYPE0' is no record type"),
        ("a TYPE65536 \\# 0", "10:5: error: 'TYPE65536' is no record type"),
        ("a CH TXT x", "10:5: error: the class 'CH' is not served"),
        ("a 2147483648 A 192.0.2.1", "10:5: error: the TTL '2147483648' is too large"),
        ("a 99999999999999999999w A 192.0.2.1", "10:5: error: the TTL"),
        ("a", "10:4: error: the record has no type"),
        ("a IN", "10:7: error: the record has no type"),
        ("  A 192.0.2.1", "10:5: error: the first record has no owner"),
        ("x.example. A 192.0.2.1", "10:3: error: the owner 'x.example.' is x.example., outside the zone"),
        ("a..b A 192.0.2.1", "10:3: error: 'a..b' is no name: it has an empty label"),
        ('"a" A 192.0.2.1', "10:3: error: '\"a\"' is no name: it is in quotes"),
        ("bücher A 192.0.2.1", "10:3: error: 'bücher' is no name: it holds 'ü'"),
        ("a PTR bücher.example.", "10:9: error: the data of PTR"),
        ("a PTR", "10:8: error: the data of PTR ''"),
        ("a A 192.0.2.1 192.0.2.2", "10:7: error: the data of A"),
        ("$INCLUDE x", "10:3: error: $INCLUDE is not allowed here; write the records here, or name the other file"),
        ("$GENERATE 1-9 $ A 1", "10:3: error: $GENERATE is not allowed here; write names for whole ranges"),
        ("$FOO", "10:3: error: '$FOO' is no directive"),
        ("$TTL", "10:3: error: $TTL has 0 arguments"),
        ("$TTL x", "10:8: error: 'x' is no TTL"),
        ("$ORIGIN a b", "10:3: error: $ORIGIN has 2 arguments"),
        ("@ SOA a. b. 1 2 3 4 5", "10:5: error: SOA is not allowed here; write the SOA under the zone's key `soa`"),
        ("@ NS a.", "10:5: error: NS at the zone's own name is not allowed here; write the zone's own name servers"),
        ("@ DS 1 2 3 4", "10:5: error: DS at the zone's own name"),
        ("a RRSIG x", "10:5: error: RRSIG is not allowed here; ptrd does not serve presigned zones"),
        ("a NSEC x", "10:5: error: NSEC is not allowed here"),
        ("a TYPE50 \\# 0", "10:5: error: TYPE50 is not allowed here"),
        ("@ NSEC3PARAM 1 0 0 -", "10:5: error: NSEC3PARAM is not allowed here"),
        ("@ DNSKEY 1 2 3 4", "10:5: error: DNSKEY is not allowed here"),
        ('a TXT "x', "10:9: error: the string '\"x' has no end"),
        ("a TXT (x", "10:9: error: '(' is never closed"),
        ("a TXT x)", "10:10: error: ')' closes nothing"),
        ("\n\n  ; c\na (\n  A\n  1 )", "15:5: error: the data of A '1'"),
    ],
)
def test_what_is_refused(text, expected):
    """Each refusal stands where the wrong word does, and says what to do."""
    found = lines(text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_long_number_that_is_no_ttl_is_read_at_once():
    """A token of thousands of digits and one character more is refused in one pass; it once took years."""
    found = lines(f"a {'9' * 5000}! 192.0.2.1\n")
    assert len(found) == 1 and "is no record type" in found[0]
    assert records(f"a {'1h' * 3}5 A 192.0.2.1\n")[0][2] == 3 * 3600 + 5


def test_one_bad_entry_hides_no_other():
    """Every entry is read, whatever the one before it was; records without a known owner are only checked."""
    text = 'a..b A 192.0.2.1\n  A bad\nc A 192.0.2.1\nd TXT "\ne A 192.0.2.1\nf FOO\ng A 192.0.2.1\n'
    rrsets, problems = read(text)
    assert sorted(problem.place[1:] for problem in problems) == [(10, 3), (11, 7), (13, 9), (15, 5)]
    assert [rrset.owner[:2] for rrset in rrsets] == [b"\1c", b"\1e", b"\1g"]


def test_rdata_alone():
    """One record's data is read for `ds`; nonsense is an EntryError with an example."""
    assert parse_rdata(DS, "12345 13 2 " + "ab" * 32) == b"\x30\x39\x0d\x02" + b"\xab" * 32
    with pytest.raises(EntryError, match="KEYTAG ALGORITHM"):
        parse_rdata(DS, "12345 13 2 AB")


LINE = st.sampled_from(["192.0.2.1", "x.example.", "TYPE65280", "0a000001", "$TTL", "$ORIGIN", "PTR", "TXT", "IN"]) | (
    st.sampled_from('\n\n\t\r\0\u2028\u017f\\#();"."a@5 hANS')
)


@given(st.lists(LINE, max_size=30).map("".join) | st.lists(LINE, max_size=30).map(" ".join) | st.text(max_size=80))
def test_no_text_makes_it_raise(text):
    """Any text gives RRsets and problems; each problem lies within the text, and each RRset within the zone."""
    rrsets, problems = read(text)
    last = 10 + sum(text.count(char) for char in "\n\u2028\u2029")
    for problem in problems:
        assert 10 <= problem.place.line <= last
        assert problem.place.column >= 3
        assert str(problem).isprintable()
    for rrset in rrsets:
        assert rrset.owner.endswith(ORIGIN) and rrset.owner == rrset.owner.lower()
        assert rrset.rdatas and 0 <= rrset.ttl < 2**31


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["@", "a", "B", "*.c", "a.b"]),
            st.sampled_from(["", "5", "IN", "5 IN"]),
            st.sampled_from(
                [
                    "A 192.0.2.1",
                    "A 192.0.2.2",
                    "PTR x.example.",
                    "MX 1 y",
                    'TXT "a" b',
                    "AAAA ::1",
                    "TYPE65280 \\# 1 ff",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_reads_what_dnspython_reads(entries):
    """What is read without a problem is what dnspython's zone reader makes of the same text."""
    text = "".join([f"{owner} {middle} {rest}\n" for owner, middle, rest in entries])
    rrsets, _ = read(text)
    origin = dns.name.from_wire(ORIGIN, 0)[0]
    theirs = {}
    for rrset in dns.zonefile.read_rrsets(text, origin=origin, relativize=False, default_ttl=3600, rdclass=None):
        for rdata in rrset:
            theirs.setdefault((rrset.name.to_wire().lower(), int(rrset.rdtype)), set()).add(rdata.to_wire())
    assert {(one.owner, one.rtype): set(one.rdatas) for one in rrsets} == theirs
    assert NS not in {one.rtype for one in rrsets}
