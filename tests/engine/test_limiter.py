"""Response rate limiting: what a bucket is, what it lets through, and that nothing but time fills it again."""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.engine.cookies import make_cookie
from ptrd.engine.edns import TCP, UDP
from ptrd.engine.limiter import (
    BUCKETS,
    DENIED,
    ERRORS,
    MADE,
    PASS,
    QUIET,
    RECORDS,
    SILENCE,
    SLIP,
    WINDOW,
    WORDS,
    Limiter,
)
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.records.access import ALLOW
from tests.serving import serve

NOW = 1_700_000_000.0
SECRET = bytes(range(16))
SNAPSHOT = serve(
    """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
records: {192.0.2.1: one.example.net, 192.0.2.2: two.example.net}
defaults: {192.0.2.128/25: "{ip}.dyn.example.net"}
rrsets: |
  *.wild PTR wild.example.net.
  below DNAME example.org.
  cut NS ns.example.org.
  alias CNAME elsewhere.example.org.
"""
)
ZONE = "2.0.192.in-addr.arpa."
LIMITS = Options(limit_records=10, limit_made=20, limit_denied=5, cookie_secrets=(SECRET,))


def new_table():
    """Make an empty table."""
    return memoryview(bytearray(8 * WORDS)).cast("Q")


def limiter(**options):
    """Make a limiter of 10 records a second."""
    return Limiter(Options(**({"limit_records": 10} | options)), new_table(), SECRET)


def verdicts(limits, count, now=NOW, prefix=b"\xc0\0\2", kind=RECORDS):
    """Ask for so many answers at one moment."""
    return [limits.admit(prefix, kind, b"a", now) for _ in range(count)]


class Server:
    """A responder with limits, asked from one address."""

    def __init__(self, options=LIMITS, host="198.51.100.7", table=None):
        self.service = Service(options, new_table() if table is None else table, SECRET)
        self.host = host

    def ask(self, name, rtype="PTR", now=NOW, transport=UDP, options=()):
        """Ask one question; gives the source and the message, b"" for silence."""
        query = dns.message.make_query(f"{name}.{ZONE}" if not name.endswith(".") else name, rtype, use_edns=0)
        query.use_edns(0, options=options)
        wire, source, _, number = respond(SNAPSHOT, self.service, query.to_wire(), transport, (self.host, 4711), now)
        assert source != SOURCES.index("limited") or number == -1
        return SOURCES[source], wire

    def answered(self, names, **more):
        """Count the questions that are answered as if there were no limit."""
        return sum(self.ask(name, **more)[0] != "limited" for name in names)


def test_a_bucket_holds_two_seconds_and_fills_with_time():
    """Twice the rate passes at once, nothing then, and as many more as time allows."""
    limits = limiter(limit_slip=0)
    assert verdicts(limits, 30) == [PASS] * WINDOW * 10 + [SILENCE] * 10
    assert verdicts(limits, 5, NOW + 0.301) == [PASS] * 3 + [SILENCE] * 2
    assert verdicts(limits, 30, NOW + 60) == [PASS] * WINDOW * 10 + [SILENCE] * 10


def test_every_second_slips():
    """What is too many slips every second time, each time, or never, as configured."""
    assert verdicts(limiter(), 25)[20:] == [SILENCE, SLIP, SILENCE, SLIP, SILENCE]
    assert verdicts(limiter(limit_slip=1), 23)[20:] == [SLIP] * 3
    assert verdicts(limiter(limit_slip=0), 23)[20:] == [SILENCE] * 3


def test_no_rate_is_no_limit():
    """A kind whose rate is 0 always passes."""
    limits = limiter(limit_records=0)
    assert set(verdicts(limits, 1000)) == {PASS} and not any(limits.table)


def test_a_clock_that_jumps_back_does_not_shut_anybody_out():
    """An hour back, and days on, a bucket passes what an empty one would."""
    limits = limiter()
    for jump in (0, -3600, 86400 * 3, 0):
        assert verdicts(limits, 20, NOW + jump) == [PASS] * 20


def test_a_bucket_over_its_limit_is_not_pushed_out():
    """A flood of a million other buckets, four to each place, leaves one that is over its limit where it is."""
    limits = limiter(limit_slip=0)
    verdicts(limits, 20)
    for number in range(4 * BUCKETS):
        limits.admit(number.to_bytes(3, "big"), RECORDS, b"b", NOW)
    assert verdicts(limits, 3) == [SILENCE] * 3


def test_workers_share_one_limit():
    """Two limiters over one table pass together what one would."""
    table = new_table()
    first, second = (Limiter(LIMITS, table, SECRET) for _ in range(2))
    passed = sum(limits.admit(b"abc", RECORDS, b"", NOW) == PASS for _ in range(40) for limits in (first, second))
    assert passed == 20


def test_a_bucket_is_talked_about_once_a_minute():
    """One piece of news when a limit is reached, and the next a minute later, however many workers there are."""
    table = new_table()
    both = [Limiter(LIMITS, table, SECRET) for _ in range(2)]
    for second in range(2 * QUIET):
        for limits in both:
            verdicts(limits, 25, NOW + second)
    assert sum(len(limits._news) for limits in both) == 2
    assert both[0]._news[0] == (b"\xc0\0\2", RECORDS, b"a", 10)


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 40)), max_size=30), st.integers(1, 1000), st.integers(0, 2**20)
)
def test_a_rate_is_kept(steps, rate, start):
    """Over any stretch of time no more passes than a burst and the rate; a flood gets its whole rate."""
    limits = Limiter(Options(limit_made=rate), new_table(), SECRET)
    now = passed = 0
    for pause, count in steps:
        now += pause
        passed += verdicts(limits, count, start + now, kind=MADE).count(PASS)
    step = 2**20 // rate / 2**20
    assert passed <= (WINDOW + now) / step + 1
    offered = sum(count for _, count in steps)
    assert passed == offered or passed >= int(WINDOW / step)


@pytest.mark.parametrize(
    ("names", "most"),
    [
        (["1"] * 60, 20),
        ([f"{number}" for number in range(128, 228)], 40),  # one template, whatever the name
        ([f"{number}" for number in range(3, 63)], 10),  # one zone's denials, whatever the name
        ([f"x{number}.wild" for number in range(60)], 20),  # one wildcard
        ([f"x{number}.below" for number in range(60)], 20),  # one DNAME
        ([f"x{number}.cut" for number in range(60)], 20),  # one delegation
        ([f"{number}.example.com." for number in range(60)], 10),  # errors: not our zone
        (["1", "2"] * 60, 40),  # two records are two buckets
    ],
)
def test_what_counts_together(names, most):
    """A flood of names meets one limit where one thing answers it; names that somebody wrote have a limit each."""
    assert Server(replace(LIMITS, limit_slip=0)).answered(names) == most


@pytest.mark.parametrize(("name", "most"), [("x.wild", 20), ("x.below", 20), ("x.cut", 20), ("alias", 20)])
def test_another_type_is_no_way_around_a_limit(name, most):
    """Aliases, referrals and what wildcards say are the same for every type, and meet one limit whatever is asked."""
    server = Server(replace(LIMITS, limit_slip=0, limit_denied=0, limit_made=0))
    sources = [server.ask(name, rtype=rtype)[0] for rtype in range(256, 256 + 60)]
    answered = [source for source in sources if source not in ("limited", "nodata")]
    assert len(answered) == (0 if name == "x.wild" else most)  # what a wildcard does not have is denied


def test_high_rates_are_kept():
    """Tens of thousands a second are what is written, within three per cent."""
    for rate in (3_000, 30_000, 40_000, 45_000, 65_536):
        limits = limiter(limit_records=rate, limit_slip=0)
        assert verdicts(limits, 3 * rate).count(PASS) == pytest.approx(WINDOW * rate, rel=0.03)


def test_clocks_that_differ_by_a_moment_do_not_log_twice():
    """A worker whose reading is a moment behind another's says nothing of a bucket that has been talked about."""
    table = new_table()
    both = [Limiter(LIMITS, table, SECRET) for _ in range(2)]
    for limits, moment in zip(both, (60.0, 59.9999), strict=True):
        verdicts(limits, 30, NOW + moment)
    assert sum(len(limits._news) for limits in both) == 1


def test_types_of_one_name_count_apart():
    """PTR of a name and its denial of other types do not use up each other's limit."""
    server = Server()
    assert server.answered(["1"] * 30) == 20 and server.answered(["1"] * 30, rtype="TXT") == 10


def test_prefixes_count_apart():
    """Addresses of one /24 or /56 share a limit, others do not."""
    for near, far in (("198.51.100.9", "198.51.101.7"), ("2001:db8:0:ff::9", "2001:db8:0:100::7")):
        table = new_table()
        first = "198.51.100.7" if ":" not in near else "2001:db8::7"
        assert Server(host=first, table=table).answered(["1"] * 30) == 20
        assert Server(host=near, table=table).answered(["1"] * 30) == 0
        assert Server(host=far, table=table).answered(["1"] * 30) == 20


def test_what_slips_is_truncated_and_empty():
    """Every second answer over the limit says TC with nothing in it, and is no longer than its question."""
    server = Server()
    server.answered(["1"] * 20)
    silent, (source, wire) = server.ask("1"), server.ask("1")
    assert silent == ("limited", b"") and source == "limited"
    reply = dns.message.from_wire(wire)
    assert reply.flags & dns.flags.TC and reply.rcode() == dns.rcode.NOERROR and not reply.answer
    assert len(wire) == len(dns.message.make_query(f"1.{ZONE}", "PTR", use_edns=0).to_wire())


def test_errors_slip_as_they_are():
    """A refusal over the limit is silence or the refusal itself, which is no longer than its question."""
    server = Server()
    server.answered(["1.example.com."] * 10)
    found = [server.ask("1.example.com.") for _ in range(4)]
    assert [source for source, _ in found] == ["limited", "refused"] * 2
    assert found[1][1][3] & 15 == dns.rcode.REFUSED


def test_malformed_messages_are_limited():
    """Messages that cannot be read meet the limit of errors."""
    server = Server(LIMITS)
    data = b"\0\1\0\0\0\2" + bytes(6) + b"\1a\0\0\1\0\1"
    sources = [respond(SNAPSHOT, server.service, data, UDP, ("198.51.100.7", 53), NOW)[1] for _ in range(12)]
    assert [SOURCES[source] for source in sources] == ["malformed"] * 10 + ["limited", "malformed"]


def test_tcp_and_valid_cookies_have_no_limits():
    """Over TCP, and with a cookie that only the address's owner can have, everything is answered."""
    server = Server()
    cookie = make_cookie(SECRET, b"abcdefgh", bytes((198, 51, 100, 7)), NOW)
    server.answered(["1"] * 20)
    assert server.answered(["1"] * 30, transport=TCP) == 30
    assert server.answered(["1"] * 30, options=[dns.edns.GenericOption(10, cookie)]) == 30
    assert server.answered(["1"] * 30, options=[dns.edns.GenericOption(10, cookie[:-1] + b"?")]) == 0


def test_exempt_clients_have_no_limits():
    """Who is exempt is always answered; the others are limited."""
    options = Options(limit_records=10, limit_exempt=((4, 198 << 24 | 51 << 16, 16, ALLOW),))
    assert Server(options).answered(["1"] * 50) == 50
    assert Server(options, host="192.0.2.200").answered(["1"] * 50) == 20


def test_badcookie_instead_of_truncation():
    """With `badcookie` who sends a cookie of its own is told BADCOOKIE with one of ours, which then has no limit."""
    server = Server(Options(limit_records=10, limit_slip=1, limit_badcookie=True, cookie_secrets=(SECRET,)))
    server.answered(["1"] * 20)
    source, wire = server.ask("1", options=[dns.edns.GenericOption(10, b"abcdefgh")])
    reply = dns.message.from_wire(wire)
    assert source == "limited" and reply.rcode() == dns.rcode.BADCOOKIE
    cookie = dns.edns.GenericOption(10, reply.options[0].to_wire())
    assert server.ask("1", options=[cookie])[0] == "record"
    assert dns.message.from_wire(server.ask("1")[1]).flags & dns.flags.TC


def test_news_are_sentences():
    """What is said of a bucket names the prefix, the rate and the name, template or zone, escaped."""
    server = Server()
    server.answered(["1"] * 30)
    server.answered(["200"] * 60)
    server.answered(["77"] * 30)
    server.answered(["example.com."] * 30)
    assert server.service.take_news(SNAPSHOT) == [
        "answers to 198.51.100.0/24 are limited: more than 10/s, PTR of 1.2.0.192.in-addr.arpa.",
        "answers to 198.51.100.0/24 are limited: more than 20/s, made from the template {ip}.dyn.example.net",
        "answers to 198.51.100.0/24 are limited: more than 5/s, denied in the zone 2.0.192.in-addr.arpa.",
        "answers to 198.51.100.0/24 are limited: more than 5/s, errors",
    ]
    assert server.service.take_news(SNAPSHOT) == []
    six = Server(host="2001:db8::1")
    six.answered(["1"] * 30)
    assert six.service.take_news(SNAPSHOT)[0].startswith("answers to 2001:db8::/56 are limited")


def test_kinds_do_not_mix():
    """The four kinds of buckets have keys of their own."""
    assert len({RECORDS, MADE, DENIED, ERRORS}) == 4
