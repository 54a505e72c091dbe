"""Ranges of addresses that are no prefix, as the fewest prefixes."""

from __future__ import annotations

from ptrd.records.model import Prefix
from ptrd.wire.reverse import BITS


def prefixes_between(version: int, first: int, last: int) -> list[Prefix]:
    """Give the prefixes that hold just the addresses from the first to the last, ascending."""
    bits = BITS[version]
    found = []
    while first <= last:
        free = min((first & -first).bit_length() - 1 if first else bits, (last - first + 1).bit_length() - 1)
        found.append(Prefix(version, first, bits - free))
        first += 1 << free
    return found
