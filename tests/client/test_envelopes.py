"""Messages of transfers: what is read is what dnspython reads, and no bytes at all do more than fail."""

from __future__ import annotations

import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ptrd.client.envelopes import EnvelopeError, read_envelope
from ptrd.wire.names import labels_of
from tests.client.primary import ZONE, make_message

LINES = (
    f"{ZONE} 3600 IN SOA ns1.Example.net. host\\.master.example.net. 7 1 2 3 4",
    f"{ZONE} 3600 IN NS ns1.example.net.",
    f"A.{ZONE} 1 IN PTR Host.Example.net.",
    f"b.a.{ZONE} 0 IN CNAME a.{ZONE}",
    f"b.{ZONE} 2147483647 IN DNAME x.{ZONE}",
    f"c.{ZONE} 60 IN MX 10 mail.example.net.",
    f"c.{ZONE} 60 IN SRV 1 2 3 a.{ZONE}",
    f"c.{ZONE} 60 IN A 192.0.2.1",
    f"c.{ZONE} 60 IN AAAA 2001:db8::1",
    f'\\000\\255.{ZONE} 60 IN TXT "a" "" "b c"',
    f'd.{ZONE} 60 IN NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:x!" a.{ZONE}',
    f"e.{ZONE} 60 IN RP a.{ZONE} b.{ZONE}",
    f"f.{ZONE} 60 IN TYPE65280 \\# 3 0badc0",
    f"f.{ZONE} 60 IN TYPE65281 \\# 0",
    f"g.{ZONE} 60 IN DS 12345 13 2 {'00' * 32}",
    f"{'x' * 63}.{'y' * 63}.{'z' * 63}.{ZONE} 60 IN PTR .",
)
QUERY = dns.message.make_query(ZONE, "AXFR")
lines = st.lists(st.sampled_from(LINES), max_size=30)


def by_dnspython(wire):
    """Give the records of a message, as dnspython reads them."""
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    return [
        (rrset.name.canonicalize().to_wire(), int(rrset.rdtype), rrset.ttl, rrset[0].to_wire())
        for rrset in message.answer
    ]


@given(lines)
def test_what_is_read_is_what_dnspython_reads(chosen):
    """Each record of each type comes out uncompressed, owners in lower case, data in the case that it has."""
    wire = make_message(QUERY, *chosen).to_wire(max_size=65535)
    envelope = read_envelope(wire)
    assert [tuple(record) for record in envelope.records] == by_dnspython(wire)
    assert envelope.question == (dns.name.from_text(ZONE).to_wire(), 252, 1) and envelope.rcode == 0
    assert envelope.signed_at == -1


@settings(max_examples=300)
@given(lines, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6), st.integers(0, 40))
def test_altered_bytes_are_read_alike_or_refused(chosen, changes, cut):
    """Whatever is changed or cut off: EnvelopeError, or names that are names and nothing beyond the message."""
    wire = bytearray(make_message(QUERY, *chosen).to_wire(max_size=65535))
    for at, value in changes:
        wire[at % len(wire)] = value
    data = bytes(wire[: len(wire) - cut])
    try:
        envelope = read_envelope(data)
    except EnvelopeError:
        return
    for record in envelope.records:
        assert len(record.owner) <= 255 and record.owner == record.owner.lower()
        assert sum(map(len, labels_of(record.owner))) + len(labels_of(record.owner)) + 1 == len(record.owner)
        assert 0 <= record.ttl < 1 << 31


@given(st.binary(max_size=200))
@example(b"")
@example(b"\0" * 12)
@example(b"\0\0\x84\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")
@example(b"\0\0\x84\0\xff\xff\xff\xff\xff\xff\xff\xff" + b"\0" * 60)
def test_any_bytes_are_read_or_refused(data):
    """No bytes raise anything but EnvelopeError."""
    try:
        read_envelope(data)
    except EnvelopeError:
        return


@pytest.mark.parametrize("length", [200, 8000])
def test_a_ladder_of_pointers_is_refused(length):
    """A chain of pointers that each lead to the one before is refused after as many as a name has labels."""
    head = b"\0\0\x84\0\0\0\0\2\0\0\0\0"
    data = b"\0" + b"".join((0xC000 | (23 if not at else 22 + 2 * at)).to_bytes(2, "big") for at in range(length))
    ladder = b"\0\xff\0\0\1\0\0\0\0" + len(data).to_bytes(2, "big") + data  # a record of an unknown type at the root
    last = (0xC000 | (22 + 2 * length)).to_bytes(2, "big") + b"\0\x0c\0\1\0\0\0\0\0\1\0"
    with pytest.raises(EnvelopeError, match="points forwards, or in a circle"):
        read_envelope(head + ladder + last)
