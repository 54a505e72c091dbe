"""Amplification: bytes out over bytes in, IP and UDP headers counted, for every kind of query over UDP.

A forged source address turns a server on somebody else, so each factor is written down here, and a change is noticed.
Each kind is asked for in two worlds: one with names as people write them, and one as bad as zone files can make it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest

from ptrd.engine.limiter import WORDS
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.records.access import REFUSE
from tests.peers.asking import DO, Edns, make_query
from tests.serving import serve

HEADERS = {4: 20 + 8, 6: 40 + 8}  # IP and UDP
OPTIONS = Options(chaos={"version.bind": "ptrd"})
SERVICE = Service(OPTIONS)
# What other services than this one say.
OVER, OVER_WITH_COOKIE, BARRED = "an answer over its limit", "the same, with `rrl.badcookie`", "a client not allowed"
RATES = Options(limit_records=1, limit_made=1, limit_denied=1, limit_slip=1, cookie_secrets=(bytes(16),))
SHAPES = (None, Edns(512), Edns(1232), Edns(65535), Edns(65535, DO))
A, NS, SOA, PTR, TXT, AAAA, DS, AXFR, ANY = 1, 2, 6, 12, 16, 28, 43, 252, 255
CHAOS = 3
OPT = b"\0\0\x29"

PEER = ("192.0.2.9", 4711)

FORTY = "h" * 30 + ".example"  # 40 bytes on the wire
TREE = "9.in-addr.arpa."
SIX = "9." + "0." * 30 + "2.ip6.arpa."

# Kind: the questions, and the factors, rounded up, over IPv4 and over IPv6: in the ordinary world, and at worst.
KINDS = {
    "PTR, a record of one name": ([(f"9.9.9.{TREE}", PTR)], (1.79, 1.61), (5.05, 4.11)),
    "PTR, a record of several names": ([(f"8.9.9.{TREE}", PTR)], (1.88, 1.68), (14.88, 12.02)),
    "PTR, a default of IPv4": ([(f"{octet}.1.5.{TREE}", PTR) for octet in (1, 111)], (1.43, 1.33), (4.57, 3.74)),
    "PTR, a default of IPv6": ([(SIX, PTR)], (1.23, 1.2), (3.0, 2.71)),
    "A and AAAA of a default": ([("9-9-1-1.f.", A), ("2100--9.f.", AAAA)], (1.51, 1.38), (1.51, 1.38)),
    "NS and SOA of a zone": ([(TREE, NS), (TREE, SOA), ("f.", NS), ("f.", SOA)], (2.32, 1.93), (19.42, 14.7)),
    "other records": ([("f.", TXT)], (2.58, 2.11), (21.69, 16.39)),
    "DS at a delegation": ([(f"1.{TREE}", DS)], (2.81, 2.37), (2.81, 2.37)),
    "ANY": ([("f.", ANY), (TREE, ANY), (f"9.9.9.{TREE}", ANY)], (2.32, 1.93), (10.35, 7.95)),
    "a referral": ([(f"1.{TREE}", PTR), (f"9.9.1.{TREE}", PTR)], (1.76, 1.58), (15.64, 12.49)),
    "an alias": ([(f"65.9.2.{TREE}", PTR), (f"3.{TREE}", PTR), (f"x.4.{TREE}", PTR)], (3.82, 3.15), (14.99, 12.14)),
    "no such type": ([(f"9.9.9.{TREE}", A), ("f.", A), (TREE, PTR)], (2.56, 2.09), (10.35, 7.95)),
    "no such name": ([(f"x.{TREE}", PTR), ("x.f.", A)], (2.49, 2.06), (10.04, 7.78)),
    "a zone that is not served": ([(".", NS), ("a.", PTR), (".", ANY)], (1.61, 1.45), (1.61, 1.45)),
    "a zone that has not come": ([("w.", NS), ("a.w.", PTR)], (1.97, 1.72), (1.97, 1.72)),
    "another class": ([(".", NS, 255), ("f.", TXT, CHAOS)], (1.0, 1.0), (1.0, 1.0)),
    "a zone transfer": ([("f.", AXFR), (TREE, AXFR)], (1.49, 1.36), (1.49, 1.36)),
    "`version.bind`": ([("version.bind.", TXT, CHAOS)], (1.3, 1.22), (1.3, 1.22)),
    "an EDNS version to come": ([make_query(".", NS, edns=Edns(version=1))], (1.0, 1.0), (1.0, 1.0)),
    "an unknown opcode": ([b"\0\1\x28\0" + bytes(8)], (1.0, 1.0), (1.0, 1.0)),
    "a message that cannot be read": ([b"\0\1" + bytes(10), make_query("f.", A) + b"\0"], (1.0, 1.0), (1.0, 1.0)),
}
KINDS |= {
    OVER: (KINDS["PTR, a record of one name"][0], (1.0, 1.0), (1.0, 1.0)),
    OVER_WITH_COOKIE: (
        [make_query(f"9.9.9.{TREE}", PTR, edns=Edns(options=((10, bytes(8)),)))],
        (1.18, 1.15),
        (1.18, 1.15),
    ),
    BARRED: ([(f"9.9.9.{TREE}", PTR)], (1.49, 1.39), (1.49, 1.39)),
}
# Whatever a zone holds: the shortest name that can be served, with an OPT, and an answer of the largest size.
BOUND = (21.73, 16.42)


@functools.cache
def world(kind):
    """Make a world: `ordinary` or `worst`."""
    worst = kind == "worst"
    hosts = [long_name(letter) for letter in "abcd"] if worst else ["ns1.example.net", "ns2.example.net"]
    names = f"[{', '.join(hosts)}]"
    soa = f"soa: {{mname: {hosts[0]}, rname: {hosts[1] if worst else 'hostmaster.example.net'}}}\nns: {names}\n"
    made = f"{'h' * 19}.{'h' * 63}.{'h' * 63}.{'h' * 63}.f" if worst else "dyn.f"
    texts = "".join(f"  @ TXT {number}{'x' * (226 if worst else 60)}\n" for number in range(5 if worst else 1))
    return serve(
        f"zone: 9.0.0.0/8\n{soa}records:\n  9.9.9.9: {hosts[0] if worst else FORTY}\n  9.9.9.8: {names}\n"
        f'defaults: {{9.0.0.0/8: "{{ip}}.f", 9.5.0.0/16: "{{ip}}.{made}"}}\n'
        f"delegations:\n  9.1.0.0/16: {{ns: {names}, ds: [1 13 2 {'ab' * 32}, 2 13 4 {'ab' * 48}]}}\n"
        f"  9.2.9.64/26: {{ns: {names}}}\n"
        f"rrsets: |\n  3 CNAME {hosts[2] if worst else 'www.example.net'}.\n  4 DNAME {'c' * 63}.example.net.\n",
        f'zone: 2000::/4\n{soa}defaults: {{2000::/4: "{{ip}}.{made if worst else "six.f"}", 2100::/16: "{{ip}}.f"}}\n',
        "zone: w\nprimaries: [192.0.2.1]\n",
        f"zone: f\n{soa}forward: [9.0.0.0/8, 2000::/4]\nrrsets: |\n{texts}",
    )


def service_of(kind):
    """Give the service that answers a kind of query; one with limits is at all of them."""
    if kind == BARRED:
        return Service(Options(access=((4, 0, 0, REFUSE),)))
    if kind in (OVER, OVER_WITH_COOKIE):
        table = memoryview(bytearray(8 * WORDS)).cast("Q")
        service = Service(replace(RATES, limit_badcookie=kind == OVER_WITH_COOKIE), table, bytes(16))
        for query in [*queries(kind)] * 3:
            respond(world("ordinary"), service, query, peer=PEER)
        return service
    return SERVICE


def long_name(letter):
    """Give a name of 255 bytes on the wire that shares no label with those of other letters."""
    return ".".join([letter * 63, letter * 63, letter * 63, letter * 61])


def queries(kind):
    """Give every form of a kind's questions."""
    for question in KINDS[kind][0]:
        if isinstance(question, bytes):
            yield question
        else:
            name, qtype, qclass = (*question, 1)[:3]
            yield from (make_query(name, qtype, qclass=qclass, edns=shape) for shape in SHAPES)


def factors(kind, world_):
    """Compute the largest factor of a kind of query, over IPv4 and over IPv6, rounded up; and what answered."""
    largest = dict.fromkeys(HEADERS, 0.0)
    sources = set()
    service = service_of(kind)
    for query in queries(kind):
        wire, source, *_ = respond(world(world_), service, query, peer=PEER)
        sources.add(SOURCES[source])
        for version, headers in HEADERS.items():
            largest[version] = max(largest[version], (headers + len(wire)) / (headers + len(query)))
    return tuple(math.ceil(factor * 100) / 100 for factor in largest.values()), sources


@pytest.mark.parametrize("kind", KINDS)
def test_the_factor_of_each_kind_is_as_written(kind):
    """What a kind of query gives back for each byte, in the ordinary world and at worst, is what the table says."""
    _, ordinary, worst = KINDS[kind]
    assert (factors(kind, "ordinary")[0], factors(kind, "worst")[0]) == (ordinary, worst)


def test_one_ptr_gives_at_most_twice_what_it_takes():
    """A PTR of up to 40 bytes and the default names of ordinary zones: at most 2, over IPv4 and over IPv6."""
    for kind in ("PTR, a record of one name", "PTR, a default of IPv4", "PTR, a default of IPv6"):
        assert max(factors(kind, "ordinary")[0]) <= 2


def test_an_error_is_no_longer_than_its_question():
    """An error is never longer than the question, but for what stands in its OPT."""
    for kind in KINDS:
        _, sources = factors(kind, "worst")
        if sources <= {"refused", "error", "malformed", "prohibited", "limited"}:
            service = service_of(kind)
            for query in queries(kind):
                wire, *_ = respond(world("worst"), service, query, peer=PEER)
                assert len(wire.partition(OPT)[0]) <= len(query)


def test_no_zone_gives_more_than_the_bound():
    """The size of an answer over UDP bounds the factor for whatever a zone may hold."""
    for version, bound in zip(HEADERS.values(), BOUND, strict=True):
        smallest = len(make_query("f.", ANY, edns=Edns()))
        assert bound == math.ceil(100 * (version + OPTIONS.udp_size) / (version + smallest)) / 100
    for kind in KINDS:
        assert all(factor <= bound for factor, bound in zip(factors(kind, "worst")[0], BOUND, strict=True))


def test_every_kind_of_answer_is_measured():
    """Each source of an answer is met by some kind of query."""
    assert set.union(*(factors(kind, world_)[1] for kind in KINDS for world_ in ("ordinary", "worst"))) == {
        source for source in SOURCES if source != "ignored"
    }
