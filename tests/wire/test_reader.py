"""The reader against dnslib and dnspython, and against bytes that are wrong."""

import dns.edns
import dns.flags
import dns.message
import dns.rdataclass
import pytest
from dnslib import DNSError, DNSRecord
from hypothesis import example, given
from hypothesis import strategies as st

from ptrd.wire.message import read_rest
from ptrd.wire.names import format_name, offsets_of
from ptrd.wire.reader import IgnoredError, MalformedError, read_query

HEADER = bytes.fromhex("abcd01000001000000000000")
QUESTION = b"\x0210\x012\x010\x03192\x07in-addr\x04arpa\0\0\x0c\0\x01"
OPT = bytes.fromhex("0000291000000080000000")

labels = st.binary(min_size=1, max_size=63)
names = st.lists(labels, max_size=6).map(lambda found: b"".join(bytes((len(one),)) + one for one in found) + b"\0")
short_names = names.filter(lambda name: len(name) <= 255)
options = st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=40)), max_size=4)


def with_counts(answers=0, authorities=0, additionals=0, questions=1, flags=0x0100):
    """Make a header."""
    counts = (questions, answers, authorities, additionals)
    return b"\xab\xcd" + b"".join(number.to_bytes(2, "big") for number in (flags, *counts))


def make_opt(size, do, version, found):
    """Make an OPT record."""
    data = b"".join(code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for code, value in found)
    flags = (version << 16 | do).to_bytes(4, "big")
    return b"\0\0\x29" + size.to_bytes(2, "big") + flags + len(data).to_bytes(2, "big") + data


@given(short_names, st.integers(0, 65535), st.integers(0, 65535))
def test_every_legal_question_is_read(name, qtype, qclass):
    """A question with any bytes in its labels is read, and its name is the lower-cased one."""
    data = HEADER + name + qtype.to_bytes(2, "big") + qclass.to_bytes(2, "big")
    query = read_query(data)
    assert (query.name, query.qtype, query.qclass) == (name.lower(), qtype, qclass)
    assert tuple(query.offsets) == offsets_of(name)
    assert data[12 : query.end] == data[12:]
    assert query.edns is None


@given(short_names, st.integers(0, 65535), st.sampled_from([0, 0x8000]), st.integers(0, 255), options)
@example(b"\0", 4096, 0, 0, [(3, b"")])
@example(b"\0", 4096, 0x8000, 0, [(10, b"12345678")])
def test_the_early_exit_finds_what_the_long_way_finds(name, size, do, version, found):
    """Whatever OPT a query carries, the early exit and the dnslib path read the same from it."""
    data = with_counts(additionals=1) + name + b"\0\x0c\0\x01" + make_opt(size, do, version, found)
    query = read_query(data)
    assert (query.edns, False) == read_rest(data, query.end, 0, 0, 1)
    assert query.edns == (version, size, do, tuple(found))


@given(short_names, st.integers(512, 65535), options)
def test_what_is_read_is_what_dnspython_reads(name, size, found):
    """Name, size and options agree with dnspython's reading of the same bytes."""
    data = with_counts(additionals=1) + name + b"\0\x0c\0\x01" + make_opt(size, 0, 0, found)
    query = read_query(data)
    try:
        theirs = dns.message.from_wire(data)
    except dns.exception.DNSException:
        return  # dnspython looks into options and is stricter about some of them
    assert theirs.question[0].name.to_wire().lower() == query.name
    assert theirs.payload == query.edns.udp_size
    assert len(theirs.options) == len(query.edns.options)


@given(st.binary(max_size=600))
@example(HEADER + QUESTION[:-1])
@example(HEADER)
def test_no_bytes_do_anything_but_be_read_or_refused(data):
    """Any bytes are a query, malformed or to be ignored; nothing else is raised."""
    try:
        query = read_query(data)
    except MalformedError as error:
        assert 12 <= error.question_end <= len(data)
    except IgnoredError:
        pass
    else:
        assert query.end <= len(data)


@given(st.binary(max_size=120), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_what_is_accepted_dnslib_accepts_too(rest, answers, authorities, additionals):
    """A message that the strict walk lets through is one whose records dnslib can find."""
    data = with_counts(answers, authorities, additionals) + QUESTION + rest
    try:
        query = read_query(data)
    except MalformedError:
        return
    if rest and answers + authorities == 0 and query.edns is not None and all(size for _, size in query.edns.options):
        try:
            record = DNSRecord.parse(data)
        except (DNSError, ValueError, UnicodeDecodeError):
            return  # dnslib refuses labels that are not UTF-8, and rdata it cannot interpret
        assert any(found.rtype == 41 for found in record.ar)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (with_counts(questions=0) + QUESTION, "question count"),
        (with_counts(questions=2) + QUESTION + QUESTION, "question count"),
        (HEADER + b"\x40" + b"a" * 64 + b"\0\0\x0c\0\x01", "name"),
        (HEADER + b"\xc0\x0c\0\x0c\0\x01", "name"),
        (HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\x0c\0\x01", "name"),
        (HEADER + QUESTION[:-1], "question"),
        (HEADER + QUESTION + b"x", "trailing bytes"),
        (with_counts(additionals=1) + QUESTION, "counts"),
        (with_counts(additionals=2) + QUESTION + OPT + OPT, "opt"),
        (with_counts(answers=1) + QUESTION + OPT, "opt"),
        (with_counts(additionals=1) + QUESTION + b"\x01a" + OPT, "opt"),
        (with_counts(additionals=1) + QUESTION + OPT + b"x", "trailing bytes"),
        (with_counts(additionals=1) + QUESTION + OPT[:-2] + b"\0\4\0\x0a\0\1", "opt"),
        (with_counts(additionals=1) + QUESTION + OPT[:-2] + b"\0\x05", "record"),
        (with_counts(additionals=1) + QUESTION + b"\xc0\xff" + OPT[1:], "name"),
        (with_counts(additionals=2) + QUESTION + b"\0\0\xfa\0\xff" + bytes(6) + OPT, "tsig"),
    ],
)
def test_malformed_messages_are_refused_with_a_reason(data, reason):
    """Each fault of dns-message framing is found, and named."""
    with pytest.raises(MalformedError, match=reason):
        read_query(data)


@pytest.mark.parametrize("data", [b"", b"x" * 11, with_counts(flags=0x8100) + QUESTION, with_counts(flags=0xF900)])
def test_an_answer_or_a_stump_meets_silence(data):
    """QR=1 and less than a header are never answered, so no two servers can be set upon each other."""
    with pytest.raises(IgnoredError):
        read_query(data)


def test_the_ipv6_shape_is_read_like_any_other_name():
    """The short cut for 32 nibbles gives the same as the loop over labels."""
    name = b"".join(b"\1" + b"%X" % (number % 16) for number in range(32)) + b"\3IP6\4aRpa\0"
    query = read_query(HEADER + name + b"\0\x0c\0\x01")
    assert query.name == name.lower() and tuple(query.offsets) == offsets_of(name)
    assert format_name(query.name).endswith(".ip6.arpa.")


@given(
    st.lists(st.sampled_from([b"\x010", b"\x0299", b"\x03255", b"\x00", b"\x1ax", b"\x40", b"\xc0\x0c"]), max_size=7)
)
@example([b"\x010", b"\x00", b"\x010", b"\x010"])
@example([b"\x04....", b"\x04....", b"\x04....", b"\x04...."])
def test_the_ipv4_shape_is_read_like_any_other_name(found):
    """The short cut for four octets accepts what the loop over labels accepts, and finds the same labels in it."""
    name = b"".join(found) + b"\7In-Addr\4arpa\0"
    try:
        query = read_query(HEADER + name + b"\0\x0c\0\x01")
    except MalformedError:
        return
    length = len(query.name)
    assert query.name == name[:length].lower() and tuple(query.offsets) == offsets_of(query.name)
    assert all(size <= 63 for size in (query.name[at] for at in query.offsets))


def test_another_opcode_is_read_without_its_question():
    """UPDATE and NOTIFY have other sections; nothing of them is looked at."""
    assert read_query(with_counts(flags=0x2800, questions=9)).opcode == 5
