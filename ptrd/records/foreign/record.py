"""What a foreign text says, in values: records, names of addresses, ranges with a template, zones and their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrd.records.model import Place, Prefix


class Record(NamedTuple):
    """One resource record: the owner in lower case, the rdata uncompressed and as written."""

    owner: bytes
    rtype: int
    ttl: int
    rdata: bytes
    place: Place


class Named(NamedTuple):
    """One name of one address; `ttl` is None where nothing is said."""

    version: int
    number: int
    target: bytes
    ttl: int | None
    place: Place


class Range(NamedTuple):
    """Names made by a template, for all addresses of a prefix."""

    prefix: Prefix
    template: str
    ttl: int | None
    place: Place


class ZoneFile(NamedTuple):
    """A zone that a server's configuration names, and its master file as written there."""

    zone: str
    file: str
    place: Place


# From the name of a file, as written, and the path of the file that names it, to the paths and texts that it stands
# for. Raises PtrdError with a sentence.
Fetch = Callable[[str, str], list[tuple[str, str]]]
