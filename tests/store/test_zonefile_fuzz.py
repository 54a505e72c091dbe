"""No bytes make a zone file raise, and every problem has a place within the file."""

from __future__ import annotations

import gc

from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.records.model import Prefix
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import offsets_of
from ptrd.wire.reverse import BITS

V4 = [f"192.0.2.{number}" for number in (0, 1, 64, 65, 255)] + ["10.0.0.1", "192.0.02.1"]
V6 = ["2001:db8::1", "2001:DB8:0::1", "2001:db8:8000::", "::1"]
PREFIXES = ["192.0.2.0/24", "192.0.2.64/26", "192.0.2.64/27", "192.0.0.0/16", "192.0.2.1/24", "192.0.2.65/32"]
PREFIXES += ["0.0.0.0/0", "192.0.0.0/13", "2001:db8::/32", "2001:db8::/33", "2001:db8:8000::/36", "::/0", "10.0.0.0/8"]
NAMES = [
    "a.example",
    "A.Example.",
    "a_b.example",
    "-",
    "a..b",
    "x",
    "2.0.192.in-addr.arpa",
    "64-26.2.0.192.in-addr.arpa",
]
NAMES += [
    "ns.2.0.192.in-addr.arpa",
    ".",
    "1.2.3.4",
    "a" * 64,
    ".".join(["a" * 60] * 4),
    "b\\.c.example",
    "\u00e4.example",
]
TEXTS = [
    "'{ip}.x.example'",
    "'{d}.{zone}'",
    "'{host}.x'",
    "x.example",
    "~",
    "''",
    "1h",
    "5",
    "auto",
    "-1",
    "64-26",
    "64",
    "l",
]
LINES = [
    "@ TXT x",
    "1 PTR a.example.",
    "65 TXT x",
    "64-26 NS a.",
    "64 NS ns",
    "l NS ns.l",
    "ns.l A 192.0.2.1",
    "a CNAME b",
]
LINES += [
    "a DNAME b",
    "@ DNAME c.",
    "1 CNAME x.",
    "1 CNAME y.",
    "x.a TXT y",
    "* NS a.",
    "@ NS a.",
    "b FOO",
    "0 DS 1 2 3 4",
]
LINES += ["1 PTR x", "$ORIGIN a", "2 NS a.", "1.2 A 1.2.3.4", "1.0.0.0 PTR a_b."]

scalars = st.sampled_from(V4 + V6 + PREFIXES + NAMES + TEXTS)
keys = st.sampled_from(
    ["zone", "ttl", "soa", "ns", "covers", "records", "defaults", "delegations", "forward", "rrsets"]
)
blocks = st.lists(st.sampled_from(LINES), max_size=6).map(lambda lines: "".join(["\n    " + line for line in lines]))


def flow(pairs):
    """Write a flow mapping."""
    return "{" + ", ".join([f"{key!r}: {value}" for key, value in pairs]) + "}"


def table(names, values):
    """Draw a flow mapping."""
    return st.lists(st.tuples(names, values), max_size=5).map(flow)


def quoted(values):
    """Draw scalars in a form that stands within flow collections."""
    return st.sampled_from(values).map(lambda text: text if text[:1] == "'" or text == "~" else repr(text))


hosts = quoted(NAMES) | st.lists(quoted(NAMES), max_size=3).map(lambda names: f"[{', '.join(names)}]")
durations = st.sampled_from(["1h", "5", "0", "1y", "~"])
records = table(st.sampled_from(V4 + V6), hosts | table(st.sampled_from(["ptr", "ttl"]), hosts | durations))
templates = quoted(TEXTS)
defaults = table(st.sampled_from(PREFIXES), templates | table(st.sampled_from(["name", "ttl"]), templates | durations))
delegations = table(
    st.sampled_from(PREFIXES),
    st.builds(
        lambda ns, label: f"{{ns: {ns}, label: {label}}}" if label else f"{{ns: {ns}}}", hosts, st.just("") | templates
    ),
)
zones = st.builds(
    lambda zone, ttl, covers, parts: (
        f"zone: {zone}\n{ttl}soa: {{mname: a.example, rname: a@b.example}}\nns: [a.example, ns.2.0.192.in-addr.arpa]\n"
        f"{covers}{''.join(parts)}"
    ),
    st.sampled_from(PREFIXES + NAMES),
    st.just("") | durations.map("ttl: {}\n".format),
    st.just("") | st.sampled_from(PREFIXES).map("covers: {}\n".format),
    st.tuples(
        st.just("") | records.map("records: {}\n".format),
        st.just("") | defaults.map("defaults: {}\n".format),
        st.just("") | delegations.map("delegations: {}\n".format),
        st.just("") | blocks.map("rrsets: |{}\n".format),
        st.just("")
        | st.lists(st.sampled_from(PREFIXES), max_size=3).map(lambda ones: f"forward: [{', '.join(ones)}]\n"),
    ),
)
wild = st.lists(
    st.one_of(
        keys.map("{}:".format),
        scalars,
        st.sampled_from(
            ["\n", "\n  ", "\n    ", "---\n", " - ", "{", "}", "[", "]", ", ", ": ", "&a ", "*a", "!t ", "<<: ", "|"]
        ),
        st.sampled_from(["'", '"', "#", "\t", "\0", "\x07", "\ufeff", "\u2028", "\r", "%", "? ", ">", "\\"]),
    ),
    max_size=40,
).map("".join)


def check(data):
    """Load bytes and hold what came out against what it may be."""
    zones, problems = load_zone_file("f", data)
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n")
    last = 1 + sum(lines.count(char) for char in "\n\r\x85\u2028\u2029")
    places = [problem.place for problem in problems]
    assert places == sorted(places)
    for problem in problems:
        assert problem.place.file == "f"
        assert 1 <= problem.place.line <= last
        assert 1 <= problem.place.column <= len(data) + 2
        assert str(problem).isprintable()
    if zones:
        check_zones(zones)
    return zones, problems


def check_zones(zones):
    """Hold zones against the promises of the model."""
    for zone in zones:
        assert zone.origin == zone.origin.lower() and len(zone.origin) <= 255 and zone.ns
        offsets_of(zone.origin)
        assert zone.prefix or not (zone.records or zone.defaults or zone.delegations)
        for record in zone.records:
            assert zone.prefix.contains(Prefix(zone.prefix.version, record.number, BITS[zone.prefix.version]))
            assert record.targets and 0 <= record.ttl < 2**31
        assert len({record.number for record in zone.records}) == len(zone.records)
        for item in [*zone.defaults, *zone.delegations]:
            assert zone.prefix.contains(item.prefix)
        assert len({item.prefix for item in zone.defaults}) == len(zone.defaults)
        assert all(item.ns for item in zone.delegations)
        assert all(rrset.owner.endswith(zone.origin) and rrset.rdatas for rrset in zone.rrsets)


@given(st.binary(max_size=200))
def test_any_bytes(data):
    """Bytes of any kind are problems, never exceptions."""
    check(data)


@settings(max_examples=300)
@given(wild)
def test_pieces_of_zone_files(text):
    """Pieces of zone files in any order are read or refused."""
    check(text.encode("utf-8", "replace"))


@settings(max_examples=300)
@given(st.lists(zones, min_size=1, max_size=3).map("---\n".join))
def test_well_formed_zones(text):
    """Zones that are YAML, right or wrong, are given only when no error was found in them."""
    found, problems = check(text.encode())
    errors = [problem for problem in problems if not problem.warning]
    assert errors or len(found) == text.count("---\n") + 1


@settings(max_examples=200)
@given(zones, st.data())
def test_damaged_zones(text, data):
    """A zone file with a few bytes changed is read or refused."""
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(damaged))


@given(st.lists(st.tuples(st.sampled_from(V4[:6] + V6), st.sampled_from(NAMES)), max_size=8), st.booleans())
def test_one_name_or_a_list_of_one(pairs, v4):
    """A record of one name means the same, with the same problems' lines, as one with a list of that name."""
    head = f"zone: {'192.0.2.0/24' if v4 else '2001:db8::/32'}\nsoa: {{mname: a.b, rname: a@b.c}}\nns: a.b\nrecords:\n"
    plain = head + "".join([f"  {address}: {name!r}\n" for address, name in pairs])
    listed = head + "".join([f"  {address}: [{name!r}]\n" for address, name in pairs])
    one, other = check(plain.encode()), check(listed.encode())
    assert [zone.records for zone in one[0]] == [zone.records for zone in other[0]]
    assert [(p.place.line, p.message) for p in one[1]] == [(p.place.line, p.message) for p in other[1]]


def test_the_collector_is_left_as_it_was():
    """Loading pauses the garbage collector and restores it, also when it was off."""
    for wanted in (True, False):
        (gc.enable if wanted else gc.disable)()
        try:
            load_zone_file("f", b"zone: x")
            assert gc.isenabled() is wanted
        finally:
            gc.enable()
