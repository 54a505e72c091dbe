"""Zone texts that several tests begin with, and what they compare: zones, and problems as lines."""

from __future__ import annotations

from ptrd.store.zonefile import load_zone_file

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"  # two lines
V4 = "zone: 192.0.2.0/24\n" + HEAD  # three
NAMED = "defaults: {192.0.2.0/24: '{ip}.x.example'}\n"  # one


def load(text, **options):
    """Give the zones and the problems, as lines without the file's name."""
    data = text if isinstance(text, bytes) else text.encode()
    zones, problems = load_zone_file("f", data, **options)
    return zones, [str(problem).removeprefix("f:") for problem in problems]


def load_one(text):
    """Give the one zone of a text without problems."""
    zones, problems = load(text)
    assert problems == []
    assert len(zones) == 1
    return zones[0]


def expect(text, *expected):
    """Compare the problems of a text with the beginnings of lines, in order."""
    _, problems = load(text)
    assert len(problems) == len(expected), problems
    for line, beginning in zip(problems, expected, strict=True):
        assert line.startswith(beginning)
