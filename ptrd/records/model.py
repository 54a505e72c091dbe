"""What operators mean: zones, records, ranges, delegations; and what is wrong with them.

Names are wire form in lower case where they are owners or zones, and as written where they are rdata. Numbers are
addresses as integers. Nothing here is resolved: what a zone *means* is decided in `snapshot`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from ptrd.records.access import Rule
    from ptrd.records.transfer import NotifyTarget, Transfer


class Place(NamedTuple):
    """Where something was written; line and column count from 1."""

    file: str
    line: int
    column: int


class Problem(NamedTuple):
    """One thing that is wrong, as `file:line:column: error: sentence`; a warning does not stop a load."""

    place: Place
    message: str
    warning: bool = False

    def __str__(self) -> str:
        """Write the problem on one line."""
        severity = "warning" if self.warning else "error"
        return f"{self.place.file}:{self.place.line}:{self.place.column}: {severity}: {self.message}"


class Prefix(NamedTuple):
    """An address prefix; host bits are zero."""

    version: int
    number: int
    length: int

    @property
    def last(self) -> int:
        """Give the number of the last address."""
        return self.number | (1 << (BITS[self.version] - self.length)) - 1

    def contains(self, other: Prefix) -> bool:
        """Tell whether the other prefix lies within this one or equals it."""
        return (
            self.version == other.version
            and self.length <= other.length
            and self.number >> BITS[self.version] - self.length == other.number >> BITS[self.version] - self.length
        )


class PtrRecord(NamedTuple):
    """The PTR RRset of one address, from `records`. A tuple, since a zone may hold ten million."""

    number: int
    ttl: int
    targets: tuple[bytes, ...]
    line: int
    column: int


class Default(NamedTuple):
    """A default host name for a range; a template of None takes the default away."""

    prefix: Prefix
    template: str | None
    ttl: int
    place: Place


class Delegation(NamedTuple):
    """A range in somebody else's hands. `ds` holds rdata; `label` is set for an IPv4 prefix longer than /24 only."""

    prefix: Prefix
    label: bytes
    ns: tuple[bytes, ...]
    ds: tuple[bytes, ...]
    place: Place


class RRset(NamedTuple):
    """Resource records of one owner and type in wire form, rdata uncompressed."""

    owner: bytes
    rtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    place: Place


class Soa(NamedTuple):
    """The SOA fields; `serial` is None for `auto`. Times are seconds."""

    mname: bytes
    rname: bytes
    refresh: int
    retry: int
    expire: int
    minimum: int
    serial: int | None


@dataclass(slots=True)
class Zone:
    """One zone document. `prefix` is what a reverse zone or `covers` spans, else None."""

    origin: bytes
    place: Place
    ttl: int
    soa: Soa
    ns: tuple[bytes, ...]
    prefix: Prefix | None = None
    covers: bool = False
    records: list[PtrRecord] = field(default_factory=list)
    defaults: list[Default] = field(default_factory=list)
    delegations: list[Delegation] = field(default_factory=list)
    rrsets: list[RRset] = field(default_factory=list)
    forward: list[tuple[Prefix, Place]] = field(default_factory=list)
    access: list[Rule] = field(default_factory=list)
    transfer: Transfer | None = None
    keys: dict[bytes, Place] = field(default_factory=dict)  # that `transfer` and `primaries` name, and where
    primaries: tuple[NotifyTarget, ...] = ()  # it is transferred from these, and has no records here
