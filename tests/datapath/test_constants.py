"""Numbers that the C sources repeat are those of Python, where each of them is explained."""

from __future__ import annotations

import inspect
import re
import struct

import pytest

from ptrd.datapath import reader as datapath
from ptrd.engine import answer, cookies, edns, limiter, responder
from ptrd.serve import udp
from ptrd.snapshot import forms, layout
from ptrd.wire import names, rrtypes
from tests.datapath.both import require_compiled
from tests.datapath.sources import C_SOURCES, constants
from tests.fuzz import compiled

FOUND = constants()
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in C_SOURCES}
OF_LAYOUT = ("HEADER", "SEGMENT", "SEGMENT_HEADER", "BLOCK", "INDEX", "ZONE", "RANGE", "NODE", "RRSET")
OF_FLAGS = ("NODE_CUT", "NODE_DNAME", "NODE_OCCLUDED", "NODE_CNAME")
OF_FLAGS += ("ZONE_CUTS", "ZONE_WILDCARDS", "ZONE_ACCESS", "ZONE_ABSENT", "CHILD", "ENTRY", "FENCE")
OF_SOURCES = ("record", "default", "nodata", "nxdomain", "limited")
EXPECTED = {
    **{name: getattr(layout, name).size for name in OF_LAYOUT},
    **{name: getattr(layout, name) for name in OF_FLAGS},
    "IMAGE_VERSION": layout.VERSION,
    "FENCE": layout.FENCE,
    # ptrd/snapshot/forms.py
    "TAIL": forms.TAIL,
    "LITERAL": forms.LITERAL,
    "DOT": forms.DOT,
    **{name.upper(): kind for name, kind in forms.KINDS.items()},
    # ptrd/engine/answer.py and ptrd/datapath/reader.py
    **{f"FROM_{name.upper()}": answer.SOURCES.index(name) for name in OF_SOURCES},
    **{name: getattr(datapath, name) for name in ("COUNTED", "EXEMPT", "RESERVED")},
    # ptrd/engine/limiter.py
    "LIMIT_WORDS": limiter.WORDS,
    **{f"LIMIT_{name}": getattr(limiter, name) for name in ("RECORDS", "MADE", "DENIED")},
    **{name: getattr(limiter, name) for name in ("PASS", "SLIP", "SILENCE", "QUIET")},
    "TICKS": limiter._TICKS,
    "WINDOW": limiter._WINDOW,
    "TAG": limiter._TAG,
    # ptrd/engine/cookies.py and edns.py
    **{name: getattr(cookies, name) for name in ("OLDEST", "FUTURE", "RENEWED", "SECRET_SIZE")},
    "CLIENT_COOKIE_SIZE": cookies.CLIENT_SIZE,
    "COOKIE_SIZE": cookies._SIZE,
    "COOKIE": edns.COOKIE,
    "OPT_SIZE": len(edns.write_opt(1232, 0, 0)),
    # ptrd/engine/responder.py, ptrd/serve/udp.py, ptrd/wire
    "MIN_UDP": responder.MIN_UDP,
    "DATAGRAM": udp._DATAGRAM,
    "BATCH": udp.BATCH,
    "MAX_NAME": names.MAX_NAME,
    "MAX_LABELS": names.MAX_NAME // 2 + 1,
    **{f"TYPE_{name}": getattr(rrtypes, name) for name in ("SOA", "PTR", "A", "AAAA", "DS", "ANY", "IXFR", "AXFR")},
    "CLASS_IN": rrtypes.IN,
    "NXDOMAIN": rrtypes.NXDOMAIN,
}
# What only the C sources have: outcomes of their own functions, and sizes of their own buffers.
OWN = {
    *("NOTHING", "FOUND", "BROKEN", "HANDED_OVER", "ANSWERED", "SILENT", "SPEAK"),
    *("APART", "CONTROL", "LINE", "MAX_ERRORS", "MAX_HANDLED", "MAX_ERRNO", "MAX_KEY", "REPLY_ROOM"),
}


def test_every_number_with_a_name_is_python_s():
    """Sizes, flags, kinds, sources, types and bounds are equal; and no number is left out of this comparison."""
    assert {name: number for name, number in FOUND.items() if name not in OWN} == EXPECTED


def test_buffers_have_room():
    """A reply of the largest size that can be configured, and a limit's key of the longest name, have room."""
    assert FOUND["REPLY_ROOM"] >= 4096
    assert FOUND["MAX_KEY"] >= 7 + 1 + 2 + names.MAX_NAME
    assert FOUND["MAX_KEY"] >= 7 + 1 + 1 + 3 * names.MAX_NAME  # a template: each piece makes a byte at least
    assert FOUND["CONTROL"] >= 16 + 20


def test_the_letters_of_limits():
    """The byte that stands between prefix and key in a bucket's hash is the same for each kind."""
    letters = re.search(r'KINDS\[\] = "(\w+)"', SOURCES["limits.c"])
    kinds = b"".join(limiter._KINDS[kind] for kind in (limiter.RECORDS, limiter.MADE, limiter.DENIED))
    assert letters and letters[1].encode() == kinds


def offsets_of(form):
    """Give the place of each field of a struct format, by counting the bytes before it."""
    found, at = [], 0
    for count, code in re.findall(r"(\d*)([a-zA-Z])", form):
        size = struct.calcsize(f"<{count}{code}") if code in "sx" else struct.calcsize(f"<{code}")
        for _ in range(1 if code in "sx" else int(count or 1)):
            if code != "x":
                found.append(at)
            at += size
    return found


@pytest.mark.parametrize(
    ("text", "struct_of", "fields"),
    [
        (r"little32\(whole\.at \+ (\d+)\)", layout.HEADER, {1, 2}),
        (r"little64\(whole\.at \+ (\d+)\)", layout.HEADER, {5, 6}),
        (r"little32\(index\.at \+ (\d+)\)", layout.INDEX, {1, 2, 3, 4, 5}),
        (r"entry\[(\d+)\]", layout.ZONE, {1, 2, 3, 4, 5}),
        (r"little32\(entry \+ (\d+)\)", layout.ZONE, {7, 9, 10}),
        (r"zone->address, entry \+ (\d+)", layout.ZONE, {6}),
        (r"little64\(found \+ (\d+)\)", layout.SEGMENT, {1}),
        (r"little64\(block \+ (\d+)\)", layout.BLOCK, {1, 2, 3}),
        (r"little32\(block \+ (\d+)\)", layout.BLOCK, {4, 5, 6, 7}),
        (r"little16\(node\.at \+ (\d+)\)", layout.NODE, {2, 4, 5, 6, 7}),
        (r"little16\(head \+ (\d+)\)", layout.RRSET, {1}),
        (r"little32\(head \+ (\d+)\)", layout.RRSET, {2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_places_of_fields_in_the_image(text, struct_of, fields):
    """Each field that image.c reads is where the layout has it."""
    places = offsets_of(struct_of.format)
    assert {int(found) for found in re.findall(text, SOURCES["image.c"])} == {places[field] for field in fields}


def test_the_places_of_fields_of_ranges():
    """So is each field of a range, which ordinary.c reads."""
    places = offsets_of(layout.RANGE.format)
    found = re.findall(r"(?:range \+ |range\[)(\d+)", SOURCES["ordinary.c"])
    assert {int(place) for place in found} == {places[field] for field in (1, 2, 3, 4, 5)}
    assert f"{layout.RANGE.size}ull * number" in SOURCES["ordinary.c"]


def test_what_is_built_is_of_this_image():
    """The module that is there says the version of the image that it reads, and is not used for another."""
    require_compiled()
    assert datapath._compiled.IMAGE_VERSION == layout.VERSION
    assert "VERSION" in inspect.getsource(datapath)


def test_the_names_of_the_harness_are_made_by_it():
    """The fuzzers' way to put a template into an image leads to that template."""
    require_compiled()
    from ptrd.records.model import Prefix  # noqa: PLC0415 - for this alone
    from ptrd.snapshot.templates import parse_template  # noqa: PLC0415 - the same

    template = parse_template("a{d}.example", Prefix(4, 0xC0000200, 24), b"\0")
    compiled.check_names(template, {0xC0000207: template.render(0xC0000207)})
    with pytest.raises(AssertionError):
        compiled.check_names(template, {0xC0000208: template.render(0xC0000207)})
