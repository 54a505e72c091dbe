"""Verdicts on names, and what mail filters hold against them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ptrd.records.management import Address
from ptrd.records.model import Prefix
from ptrd.records.trust import Finding, Found, Outcome, Verdict, advice, judge, looks_generic, worst
from ptrd.records.values import parse_address
from ptrd.snapshot.templates import parse_template
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS

HERE = Address(4, 0xC000020A)
THERE = Address(4, 0xC6336407)
VERSIONS = st.sampled_from([4, 6])
# Templates that hold the whole address; those that hold a part of it need a word that says what they are.
WHOLE = {
    4: (
        "{ip}",
        "{hex}",
        "{rev}",
        "host{ip}",
        "{a}.{b}.{c}.{d}",
        "{d}-{c}-{b}-{a}",
        "ip{a}x{b}x{c}x{d}",
        "{hex}-static",
    ),
    6: ("{ip}", "{hex}", "{rev}", "{groups}", "home-{hex}", "h{ip}", "{ip}-static", "a.{rev}"),
}
PART = {4: ("{d}", "pool-{d}.dyn", "host-{host}", "cust-{c}-{d}"), 6: ("guest-{host}.v6.dyn", "{host}.dsl")}


def address_of(text):
    """Read an address."""
    return Address(*parse_address(text))


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        (Found(Outcome.ADDRESSES, (THERE, HERE)), "confirmed", ""),
        (Found(Outcome.ADDRESSES, (HERE,), ("a.example.net.",)), "confirmed", ""),
        (
            Found(Outcome.ADDRESSES, (THERE,)),
            "elsewhere",
            "mail.example.net. leads to 198.51.100.7, not to 192.0.2.10",
        ),
        (
            Found(Outcome.ADDRESSES, (THERE,), ("a.example.net.", "b.example.net.")),
            "elsewhere",
            "mail.example.net. leads through a.example.net., b.example.net. to 198.51.100.7, not to 192.0.2.10",
        ),
        (Found(Outcome.NO_NAME), "no_name", "mail.example.net. does not exist"),
        (Found(Outcome.NO_DATA), "no_address", "mail.example.net. has no A record"),
        (Found(Outcome.ADDRESSES), "no_address", "mail.example.net. has no A record"),
        (
            Found(Outcome.FAILED, said="192.0.2.53 answers SERVFAIL"),
            "no_answer",
            "nothing is known of mail.example.net.: 192.0.2.53 answers SERVFAIL",
        ),
        (Found(Outcome.SILENT), "no_answer", "nothing is known of mail.example.net.: nobody answered"),
        (
            Found(Outcome.ALIAS_LOOP, (), ("b.example.net.",)),
            "broken_alias",
            "mail.example.net. is an alias (CNAME) that never ends: it leads through b.example.net.",
        ),
        (
            Found(Outcome.NO_NAME, (), ("b.example.net.",)),
            "broken_alias",
            "mail.example.net. is an alias (CNAME) for b.example.net., and b.example.net. does not exist",
        ),
        (
            Found(Outcome.NO_DATA, (), ("b.example.net.",)),
            "broken_alias",
            "mail.example.net. is an alias (CNAME) for b.example.net., and b.example.net. has no A record",
        ),
    ],
)
def test_each_outcome_has_its_verdict(found, verdict, sentence):
    """What was found decides the verdict, and the sentence says it with the addresses and aliases."""
    finding = judge(HERE, "mail.example.net", found)
    assert (finding.name, finding.verdict, finding.sentence) == ("mail.example.net.", verdict, sentence)


@pytest.mark.parametrize(
    ("name", "chain", "remark"),
    [
        ("mail.example.net.", (), None),
        ("mail.example.net.", ("a.example.net.",), "is an alias (CNAME) for a.example.net."),
        ("localhost.", (), "is no full name"),
        ("my_host.example.net.", (), "holds an underscore"),
        ("192-0-2-10.example.net.", (), "holds the address itself"),
        ("a.dsl.example.net.", (), "holds the word 'dsl'"),
        ("10.example.net.", (), "begins with a mere number"),
        ("host-10.example.net.", (), "begins with a counted 'host-10'"),
    ],
)
def test_a_confirmed_name_may_have_remarks(name, chain, remark):
    """What mail filters distrust is said of a name that is confirmed, and what to do."""
    finding = judge(HERE, name, Found(Outcome.ADDRESSES, (HERE,), chain))
    assert finding.verdict is Verdict.CONFIRMED
    assert len(finding.remarks) == (remark is not None)
    assert all(remark in text and text.startswith(name) for text in finding.remarks)
    assert bool(advice(HERE, finding)) == (remark is not None)


def test_the_advice_is_the_record_that_is_missing():
    """What to do names the record to publish, of the address's family."""
    finding = judge(address_of("2001:db8::25"), "mail.example.net.", Found(Outcome.NO_NAME))
    assert advice(address_of("2001:db8::25"), finding).startswith("publish mail.example.net. AAAA 2001:db8::25, or")
    finding = judge(HERE, "mail.example.net.", Found(Outcome.NO_DATA, (), ("b.example.net.",)))
    assert advice(HERE, finding) == "mend the alias, or replace it by mail.example.net. A 192.0.2.10"
    assert "ask again" in advice(HERE, judge(HERE, "mail.example.net.", Found(Outcome.SILENT)))


def test_the_worst_finding_stands_for_all():
    """What is known to be wrong goes before what is not known, that before a remark, and that before a clean name."""
    order = ["no_name", "broken_alias", "no_address", "elsewhere", "no_answer"]
    findings = [Finding("a.", Verdict(text), "") for text in order]
    findings += [Finding("a.", Verdict.CONFIRMED, "", (), ("a remark",)), Finding("a.", Verdict.CONFIRMED, "")]
    for at in range(len(findings)):
        assert worst(reversed(findings[at:])) == findings[at]
    with pytest.raises(ValueError, match="empty"):
        worst([])


def test_many_addresses_are_not_all_written_out():
    """A sentence names eight addresses and counts the others."""
    many = tuple(Address(4, 0xC6336400 + last) for last in range(20))
    finding = judge(HERE, "mail.example.net.", Found(Outcome.ADDRESSES, many))
    assert "198.51.100.7 and 12 more, not" in finding.sentence
    assert len(finding.leads_to) == 20


@given(version=VERSIONS, data=st.data(), name=st.text(max_size=80))
def test_no_name_is_too_odd(version, data, name):
    """Any text at all is looked at without an exception."""
    number = data.draw(st.integers(0, 2 ** BITS[version] - 1))
    assert isinstance(looks_generic(Address(version, number), name), str)


@given(version=VERSIONS, data=st.data())
def test_default_names_look_generic(version, data):
    """Whatever a default template makes of an address is called generic, in any case of its letters."""
    number = data.draw(st.integers(0, 2 ** BITS[version] - 1))
    template = data.draw(st.sampled_from(WHOLE[version] + PART[version]))
    prefix = Prefix(version, number >> 20 << 20, BITS[version] - 20)
    made = parse_template(f"{template}.Example.net", prefix, b"\7example\3net\0").render(number)
    for name in (format_name(made), format_name(made).upper().removesuffix(".")):
        assert looks_generic(Address(version, number), name), name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.10", "192-0-2-10.dyn.example.net"),
        ("192.0.2.10", "192.0.2.10.example.net"),
        ("192.0.2.10", "ip192-000-002-010.example.net"),
        ("192.0.2.10", "h192000002010.example.net"),
        ("192.0.2.10", "1920210.static.example.net"),
        ("192.0.2.10", "c0-00-02-0a.example.net"),
        ("192.0.2.10", "3221225994.example.net"),
        ("192.0.2.10", "u0-2-10.example.net"),
        ("192.0.2.10", "pool130.city.example.net"),
        ("192.0.2.10", "h7.dhcp-02.example.net"),
        ("2001:db8::1:2", "2001-db8--1-2.example.net"),
        ("2001:db8::", "x2001-db8--.example.net"),
        ("::1", "0--1.example.net"),
        ("64::1", "64-0--1.example.net"),
    ],
)
def test_names_that_providers_make(address, name):
    """The address in each usual spelling, and the words of access networks, are seen."""
    assert looks_generic(address_of(address), name)


@given(
    version=VERSIONS,
    data=st.data(),
    word=st.sampled_from(["mail", "mx", "smtp", "smtp-out", "relay", "www", "ns", "mta", "outbound", "gw", "edge"]),
    count=st.sampled_from(["", "1", "-1", "02", "-02", "12", "-in2"]),
    domain=st.sampled_from(["example.com", "example.co.uk", "corp.example.net", "dsl.example", "dyn.com"]),
)
def test_ordinary_names_do_not(version, data, word, count, domain):
    """A host that is called by what it does is never called generic, whatever its address."""
    number = data.draw(st.integers(0, 2 ** BITS[version] - 1))
    name = f"{word}{count}.{domain}."
    assert not looks_generic(Address(version, number), name), name


@given(number=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
def test_another_address_in_a_name_is_a_number_like_others(number, other):
    """Only the address's own octets make a name generic, unless the name begins with nothing but numbers."""
    octets = list(other.to_bytes(4, "big"))
    assume(not {*octets} & {*number.to_bytes(4, "big")})
    name = f"mx{'-'.join(map(str, octets))}.example.net"
    assert not looks_generic(Address(4, number), name)
