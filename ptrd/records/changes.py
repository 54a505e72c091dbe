"""Changes to managed PTR records, as they travel from the journal to the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Change(NamedTuple):
    """What an address is called from now on: its PTR RRset, or with no targets what the zone files say.

    `targets` are names in wire form, `ttl` is in seconds.
    """

    version: int
    number: int
    ttl: int
    targets: tuple[bytes, ...]


class Entry(NamedTuple):
    """Changes from one revision, and the SOA serials that zones have from then on, by their names in wire form."""

    revision: int
    changes: Sequence[Change]
    serials: Mapping[bytes, int]
