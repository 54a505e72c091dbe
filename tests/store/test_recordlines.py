"""Ordinary records that never reach YAML: what comes of a file is what YAML alone makes of it, to the column."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ptrd.records.model import PtrRecord
from ptrd.records.rules import RECORDS_LIMIT
from ptrd.store import zonefile
from ptrd.store.recordlines import take_out
from tests.store.zonetexts import HEAD, V4, expect

COUNT = 12
RUN = "".join([f"  192.0.2.{number}: host-{number}.example.net\n" for number in range(1, COUNT + 1)])
RUN6 = "".join([f"  2001:db8::{number:x}: host-{number}.example.net\n" for number in range(1, COUNT + 1)])
DEEPER = RUN.replace("  1", "    1")


def read_plainly(data):
    """Load a file with YAML alone."""
    zones, problems = zonefile._load("f", data, RECORDS_LIMIT)
    return zones, sorted(problems, key=lambda problem: problem.place[1:])


def agree(text):
    """Hold both ways of loading a file against each other; give the zones and the problems."""
    data = text.encode("utf-8", "surrogatepass")
    found = zonefile.load_zone_file("f", data)
    assert found == read_plainly(data)
    return found


def is_quick(text):
    """Tell whether a file was read without its ordinary records."""
    return zonefile._load_quickly("f", text.encode(), RECORDS_LIMIT) is not None


@pytest.mark.parametrize("run", [RUN, RUN6])
def test_a_run_of_records(run):
    """The lines of a run are pairs like any others, each with its line and column, and YAML sees two of them."""
    text = f"zone: {'2001:db8::/32' if run is RUN6 else '192.0.2.0/24'}\n{HEAD}records:\n{run}ttl: 5m\n"
    assert is_quick(text)
    rest = take_out(text.encode()).rest.decode()
    assert rest.count("host-") == 2 and rest.count("\n") == text.count("\n")
    ((zone,), problems) = agree(text)
    assert problems == []
    assert zone.records[5] == PtrRecord(zone.prefix.number + 6, 300, (b"\6host-6\7example\3net\0",), 10, 3)
    assert len(zone.records) == COUNT


def test_what_stands_between_runs():
    """Lists, comments, empty lines and names in quotes stay where they are, in the file and among the records."""
    other = "  192.0.2.100: [a.example, b.example]  # two\n\n  # a comment\n  192.0.2.101: 'c.example'\n"
    text = V4 + "records:\n" + RUN + other + RUN.replace(".2.", ".2.2").replace("-", "-2") + "ttl: 2h\n"
    assert is_quick(text)
    ((zone,), _) = agree(text)
    assert [record.line for record in zone.records] == [*range(5, 18), 20, *range(21, 33)]


def test_repeated_addresses_among_runs():
    """An address that stands twice is reported where it stands the second time."""
    text = V4 + "records:\n" + RUN + "  192.0.2.5: again.example\n"
    agree(text)
    expect(text, "17:3: error: the address 192.0.2.5 stands twice, first in line 9")


@pytest.mark.parametrize(
    "text",
    [
        V4 + "rrsets: |\n" + RUN,
        V4 + 'rrsets: "\nrecords:\n' + RUN + '"\n',
        "--- |\nrecords:\n" + RUN,
        V4 + "records: {\n" + RUN + "}\n",
        V4 + "records:\n  192.0.2.99:\n" + DEEPER,
        V4 + "records:\n" + RUN + "records:\n" + RUN,
        V4 + "defaults:\n" + RUN,
        V4 + "records:\n" + RUN + DEEPER,
        V4 + "records:\n" + RUN + "    more\n",
        V4 + "records:\n" + RUN.replace(".7:", ".777:"),
        V4 + "records:\n" + RUN.replace("host-7.example.net", "host-7.example..net"),
        V4 + "records:\n" + RUN.replace("host-7.example.net", "192.0.2.7"),
        V4 + "records:\n" + RUN + "  - a\n",
        V4 + "records:\n" + RUN + "\tx: y\n",
        V4 + "records:\n" + RUN + "  *x: y\n",
        V4 + "records: &a\n" + RUN + "rrsets: [\n",
        V4 + "# \r\nrecords:\n" + RUN,
        V4 + "# \u2028\nrecords:\n" + RUN,
        V4 + "records:\n  ? " + RUN[2:],
        "\ufeff" + V4 + "records:\n" + RUN + "\x07",
    ],
)
def test_what_only_looks_like_records(text):
    """The same lines as text, in other places, or beside mistakes, are whatever YAML says, with its words."""
    agree(text)


ADDRESSES = [f"192.0.2.{number}" for number in range(30)]
ADDRESSES += ["192.0.2.999", "2001:db8::1", "2001:db8::2", "abc", "1.2"]
HOSTS = ["a.example", "B.Example.", "x-1.a.example", "host-1.example.net", "-a.example", "a..b", "1.2.3.4", "a.1"]
HOSTS += ["null", "a" * 63 + ".example", "a" * 64 + ".example", "a." + ".".join(["b" * 60] * 4)]
pairs = st.builds("{}: {}\n".format, st.sampled_from(ADDRESSES), st.sampled_from(HOSTS))
ordinary = st.builds(
    lambda first, indent: "".join(
        [f"{indent}192.0.2.{(first + number) % 256}: host-{number}.example.net\n" for number in range(10)]
    ),
    st.integers(0, 255),
    st.sampled_from([" ", "  ", "  ", "  ", "    "]),
)
BETWEEN = ["records:\n", "rrsets: |\n", "rrsets: '\n", "---\n", "...\n", "\n", "# x\n", "  # x\n", "   x\n", "}\n"]
BETWEEN += ["records: {\n", "records: [\n", "'\n", '"\n', "ttl: 5m\n", "defaults:\n", V4, "  x: &a\n", "  ? x\n"]
BETWEEN += ["  192.0.2.200: [a.example]\n", "  192.0.2.201:\n", "  192.0.2.202: {ptr: a.example, ttl: 1}\n"]
BETWEEN += ["  192.0.2.203: |\n", "  192.0.2.204: 'a.example\n"]
parts = st.one_of(ordinary, ordinary, st.sampled_from(BETWEEN), pairs.map("  {}".format))
files = st.lists(parts, max_size=8).map("".join)
SCRAPS = ["'", '"', "|", ">", "\r", "\u2028", "\x85", "\t", " ", "  ", "\n", "&a ", "*a", "!t ", "#", ": ", ":", "- "]
SCRAPS += ["? ", "{", "}", "[", "]", ",", "---\n", "\x00", "\ufeff", "\u00e4", "%", "_", "\\", ""]


@settings(max_examples=300)
@given(files)
@example("")
def test_any_arrangement_of_runs(text):
    """However runs, keys, blocks and quotes follow each other, both ways read the same zones and problems."""
    agree(V4 + "records:\n" + text)


@settings(max_examples=300)
@given(files, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.sampled_from(SCRAPS)), min_size=1, max_size=3))
def test_damaged_runs(text, changes):
    """With characters put in, replaced and taken away anywhere, both ways read the same zones and problems."""
    text = V4 + "records:\n" + RUN + text
    for place, gone, scrap in changes:
        at = int(place * len(text))
        text = text[:at] + scrap + text[at + gone :]
    agree(text)
