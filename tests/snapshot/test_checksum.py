"""Checksums of images: whoever computes them, the file is the same."""

from __future__ import annotations

import sys
import zlib

from hypothesis import given
from hypothesis import strategies as st

from ptrd.snapshot import checksum


@given(st.binary(max_size=4096), st.integers(min_value=0, max_value=2**32 - 1))
def test_a_checksum_is_zlibs(data, before):
    """An image that was written where ISA-L is installed is read where it is not, and the other way about."""
    assert checksum.crc32(data, before) == zlib.crc32(data, before)
    assert checksum.crc32(memoryview(data)) == zlib.crc32(data)


def test_without_isal_zlib_does_it(monkeypatch):
    """Nothing else changes where ISA-L is not to be had."""
    monkeypatch.setitem(sys.modules, "isal", None)
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    monkeypatch.delitem(sys.modules, "ptrd.snapshot.checksum")
    from ptrd.snapshot.checksum import crc32  # noqa: PLC0415 - anew, without it

    assert crc32 is zlib.crc32
