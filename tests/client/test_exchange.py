"""Questions and answers in bytes, held against what dnspython makes of them."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
from hypothesis import given
from hypothesis import strategies as st

from ptrd.client.exchange import PAYLOAD, _is_answer, addresses_of, make_question
from tests.client.fakedns import SOA, make_answer

NAME = dns.name.from_text("mail.example.")
TYPES = st.sampled_from([dns.rdatatype.A, dns.rdatatype.AAAA])
RECORDS = st.lists(
    st.sampled_from(
        [
            "mail.example. 60 IN A 192.0.2.10",
            "mail.example. 60 IN A 192.0.2.11",
            "MAIL.example. 60 IN AAAA 2001:db8::25",
            "mail.example. 60 IN CNAME a.example.",
            "a.example. 60 IN A 192.0.2.12",
            "mail.example. 60 IN TXT text",
        ]
    ),
    max_size=4,
    unique=True,
)


@given(TYPES, st.booleans(), st.booleans())
def test_a_question_is_what_dnspython_reads(rtype, recursion, edns):
    """The bytes of a query say what was wanted."""
    question = make_question(NAME, rtype, recursion=recursion, edns=edns)
    query = dns.message.from_wire(question.wire)
    assert (query.question[0].name, query.question[0].rdtype) == (NAME, rtype)
    assert bool(query.flags & dns.flags.RD) == recursion
    assert (query.edns, query.payload) == ((0, PAYLOAD) if edns else (-1, 0))


@given(TYPES, RECORDS, st.sampled_from(["NOERROR", "NXDOMAIN", "SERVFAIL"]), st.booleans())
def test_addresses_are_those_that_dnspython_reads(rtype, records, rcode, authority):
    """What is read without the whole message is what the whole message says; anything else is left to dnspython."""
    question = make_question(NAME, rtype)
    answer = make_answer(dns.message.from_wire(question.wire), records, rcode, [SOA] if authority else [])
    data = answer.to_wire()
    assert _is_answer(data, question)
    found = addresses_of(data, question)
    plain = rcode == "NOERROR" and answer.answer and all(
        (rrset.name, rrset.rdtype) == (NAME, rtype) for rrset in answer.answer
    )  # fmt: skip
    if not plain:
        assert found is None
    elif found is not None:  # a name that is written out again is left to dnspython too
        texts = [rdata.to_text() for rrset in dns.message.from_wire(data).answer for rdata in rrset]
        assert len(found) == len(texts) and all(texts)
        size = 4 if rtype == dns.rdatatype.A else 16
        assert all(number.to_bytes(size, "big") in data for number in found)


def test_two_addresses():
    """Both are read, and an answer that ends within the second is not."""
    question = make_question(NAME, dns.rdatatype.A)
    records = ["mail.example. 60 IN A 192.0.2.10", "mail.example. 60 IN A 192.0.2.11"]
    data = make_answer(dns.message.from_wire(question.wire), [], "NOERROR").to_wire()
    two = make_answer(dns.message.from_wire(question.wire), records).to_wire()
    assert addresses_of(two, question) == [0xC000020A, 0xC000020B]
    assert addresses_of(two[: question.end + 31], question) is None
    assert addresses_of(data, question) is None


@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_are_looked_at(data, head):
    """Nothing that arrives raises, also behind the right id and question."""
    question = make_question(NAME, dns.rdatatype.A)
    if head:
        data = question.wire[:2] + b"\x81\x80" + question.wire[4 : question.end] + data
        assert _is_answer(data, question)
        addresses_of(data, question)
    else:
        assert not _is_answer(data, question)
