"""The file of what a primary sent: read back as it was written, and never half of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrd.records.received import Record
from ptrd.store.received import (
    ReceivedError,
    content_path,
    parse_received,
    read_state,
    stat_received,
    write_received,
)
from ptrd.wire.names import parse_name

ORIGIN = parse_name("2.0.192.in-addr.arpa.")
SOA_RDATA = parse_name("ns.example.net.") + parse_name("h.example.net.") + struct.pack(">IIIII", 77, 1, 2, 3, 4)
SOA = Record(ORIGIN, 6, 3600, SOA_RDATA)
RECORDS = st.lists(
    st.builds(
        Record,
        st.binary(min_size=1, max_size=255),
        st.integers(0, 65535),
        st.integers(0, 2**31 - 1),
        st.one_of(st.binary(max_size=40), st.just(b"x" * 65535)),
    ),
    max_size=5,
)


@given(RECORDS)
def test_what_is_written_is_read(tmp_path_factory, records):
    """Any records come back, in their order, and the SOA that stands first is found without reading all."""
    path = tmp_path_factory.mktemp("received") / "a.zone"
    write_received(path, [SOA, *records])
    assert parse_received(path.read_bytes(), str(path)) == [SOA, *records]
    state = read_state(path)
    assert state is not None
    assert state.serial == 77
    assert [entry.name for entry in path.parent.iterdir()] == ["a.zone"]


@pytest.mark.parametrize("cut", [0, 7, 16, 20, 60, -1])
def test_a_damaged_file_says_what_to_do(tmp_path, cut):
    """Cut short or changed, it is not read: the sentence says that it may be removed."""
    path = tmp_path / "a.zone"
    write_received(path, [SOA])
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[cut] ^= 1
    for wrong in (data[:cut], bytes(flipped)):
        with pytest.raises(ReceivedError, match="remove it, and the zone is transferred again"):
            parse_received(wrong, str(path))
    path.write_bytes(data[:20])
    assert read_state(path) is None


def test_no_name_of_a_zone_is_a_path(tmp_path):
    """Whatever a zone is called, its file lies in the folder; two zones have two files."""
    names = [parse_name(text) for text in (r"\.\.\047.", "a.", "b.")] + [b"\x05../..\x00", b"\x01/\x00"]
    paths = {content_path(tmp_path, name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path}


def test_what_is_not_there(tmp_path):
    """A file that is missing has a size of 0 and no SOA."""
    assert stat_received(str(tmp_path / "a.zone")).size == 0
    assert read_state(tmp_path / "a.zone") is None
