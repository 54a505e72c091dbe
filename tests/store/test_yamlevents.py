"""The strict YAML layer: text only, nothing expanded, every place exact."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from yaml.events import DocumentStartEvent

from ptrd.store.yamlevents import (
    Items,
    Report,
    Table,
    Text,
    block_place,
    read_events,
    read_fields,
    read_node,
    syntax_problem,
)


def read(source):
    """Give the first document of a source as a node, and the report."""
    report = Report("f", source.encode() if isinstance(source, str) else source)
    events = read_events(report.data)
    for event in events:
        if event.__class__ is DocumentStartEvent:
            return read_node(next(events), events, report), report
    return None, report


def plain(node):
    """Strip a node of its places."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key.value: plain(value) for key, value in node.pairs}


def lines(report):
    """Give a report's problems as lines."""
    return [str(problem) for problem in report.problems]


def test_every_scalar_is_text():
    """Numbers, dates, booleans and octals stay what was written."""
    node, report = read("{a: 1.10, b: 012, c: yes, d: 2024-01-01, e: 0x1F, f: '1', 1.10: .inf, g: [1e3, !!str x]}")
    assert plain(node) == {
        "a": "1.10",
        "b": "012",
        "c": "yes",
        "d": "2024-01-01",
        "e": "0x1F",
        "f": "1",
        "1.10": ".inf",
        "g": ["1e3", "x"],
    }
    assert lines(report) == [
        "f:1:80: error: the tag 'tag:yaml.org,2002:str' is not allowed: every value is text; remove it"
    ]


@pytest.mark.parametrize(
    ("source", "null"),
    [("~", True), ("null", True), ("", True), ("Null", False), ("'~'", False), ('"null"', False), ("''", False)],
)
def test_null_is_plain(source, null):
    """Null is a plain `~`, `null` or nothing; in quotes it is text."""
    node, _ = read(f"a: {source}\n")
    assert node.pairs[0][1].is_null is null


def test_places_count_from_one():
    """Line and column are those of the first character, after a byte order mark and multi-byte text too."""
    node, _ = read(b"\xef\xbb\xbf# \xc3\xa4\na:\n  - 'x'\n  - {\xc3\xa4: y}\n")
    assert [item[-2:] for item in node.pairs[0][1].items[1:]] == [(4, 5)]
    assert [(text.line, text.column) for text in node.pairs[0][1].items[1].pairs[0]] == [(4, 6), (4, 9)]


def test_what_is_refused():
    """Anchors, aliases, merge keys, tags and keys that are no text are problems, and reading goes on."""
    node, report = read("a: &x 1\nb: *x\n<<: {c: d}\n? [e]\n: f\ng: !t\n  h: &y [i, *y]\n")
    assert plain(node) == {"a": "1", "g": {"h": ["i"]}}
    assert lines(report) == [
        "f:1:4: error: '&x' is an anchor, which is not allowed; remove it",
        "f:2:4: error: '*x' is an alias, which is not allowed; write the value out",
        "f:3:1: error: '<<' is a merge key, which is not allowed; write the keys out",
        "f:4:3: error: a key is text; a mapping or list cannot stand here",
        "f:6:4: error: the tag '!t' is not allowed: every value is text; remove it",
        "f:7:6: error: '&y' is an anchor, which is not allowed; remove it",
        "f:7:13: error: '*y' is an alias, which is not allowed; write the value out",
    ]


def test_an_alias_bomb_is_a_few_problems():
    """Aliases are never expanded: a billion laughs cost a line each."""
    source = "a: &a [x]\n" + "".join(
        [f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)]
    )
    node, report = read(source)
    assert len(report.problems) == 9 + 8 * 9
    assert len(node.pairs) == 9


def test_keys_are_known_and_stand_once():
    """An unknown key gets the nearest known one as advice, a repeated key the line of the first."""
    node, report = read("ttl: 1\nrecord: 2\nttl: 3\nqqqq: 4\n")
    fields = read_fields(node, ("ttl", "records"), report)
    assert {name: node.value for name, (_, node) in fields.items()} == {"ttl": "1"}
    assert lines(report) == [
        "f:2:1: error: unknown key 'record'; did you mean 'records'?",
        "f:3:1: error: the key 'ttl' stands twice, first in line 1; write it once",
        "f:4:1: error: unknown key 'qqqq'; known here: ttl, records",
    ]


def test_nesting_costs_no_stack():
    """Nesting deeper than Python's stack is read or refused, never a RecursionError."""
    node, _ = read("? " * 1500 + "x")
    assert isinstance(node, Table)
    with pytest.raises(yaml.YAMLError):
        read("[" * 5000)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("a: |\n  @ x\n", (2, 3)),
        ("a: |2\n    @ x\n", (2, 3)),
        ("a: | # y\n\n\n      @ x\n", (2, 7)),
        ("a: |-\r\n\r\n   @ x\r\n", (2, 4)),
        ("# \u00e4\nb: '\u00fc'\na: |\n @ \u00e4\n", (4, 2)),
        ("\ufeffa: |\n    @ x\n", (2, 5)),
        ("- - a: |+\n     @ x\n\n\n", (2, 6)),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_literal_block_begins_in_the_next_line(source, place, encoding):
    """The first character of a literal block stands in the line after `|`, in the column of its indentation."""
    if encoding != "utf-8":
        source = "\ufeff" + source.removeprefix("\ufeff")
    data = source.encode(encoding)
    node, report = read(data)
    while not isinstance(node, Text):
        node = node.items[0] if isinstance(node, Items) else node.pairs[-1][1]
    found, exact = block_place(node, report)
    assert exact
    assert found[1:] == place


@pytest.mark.parametrize("source", ["a: >\n  x\n", "a: 'x\n\n  y'", 'a: "x\\ny"', "a: x\n  y"])
def test_another_scalar_is_one_place(source):
    """The lines of a folded, quoted or plain scalar are not lines of the file."""
    node, report = read(source)
    assert block_place(node.pairs[0][1], report) == (("f", 1, 4), False)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "a: {ip}.x\n",
            "1:8: error: this is not YAML: did not find expected key while parsing a block mapping; put a te",
        ),
        (
            "a: b: c\n",
            "1:5: error: this is not YAML: mapping values are not allowed in this context; put a text that ho",
        ),
        (
            "a:\n\tb: c\n",
            "2:1: error: this is not YAML: found character that cannot start any token while scanning for",
        ),
        (
            "a: 'x\n",
            "1:4: error: this is not YAML: found unexpected end of stream while scanning a quoted scalar; see tha",
        ),
        ("a: x\nb: [1\nc: d\n", "3:2: error: this is not YAML: "),
        ("a: \x07\n", "1:4: error: this is not YAML: control characters are not allowed; write UTF-8 text without"),
        (b"a: x\n\xc3\xa4: \xff\n", "2:4: error: this is not YAML: invalid leading UTF-8 octet; write UTF-8 text"),
    ],
)
def test_a_syntax_error_says_where_and_why(source, expected):
    """What is not YAML is reported with its place, the parser's reason and advice."""
    data = source.encode() if isinstance(source, str) else source
    with pytest.raises(yaml.YAMLError) as caught:
        list(read_events(data))
    assert str(syntax_problem(caught.value, Report("f", data))).startswith("f:" + expected)


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@~ \n\t,?<.", max_size=60).map(str.encode))
def test_only_yaml_errors_are_raised(data):
    """Any bytes give nodes, or a YAMLError that has a place within them."""
    try:
        read(data)
        list(read_events(data))
    except yaml.YAMLError as error:
        problem = syntax_problem(error, Report("f", data))
        assert 1 <= problem.place.line <= len(data) + 1
        assert problem.place.column >= 1
        assert str(problem).isprintable()
