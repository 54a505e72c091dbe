"""What was seen of a zone's delegation: at its parent, at its name servers, and at those of the zones below it.

Nothing is judged here and nothing is asked: `client.examine` fills these values in, `records.diagnosis` reads them.
Names are text in lower case with a final dot. What could not be asked is left at its default, which says so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrd.records.management import Address
    from ptrd.records.model import Soa
    from ptrd.records.trust import Found


class Reach(StrEnum):
    """How far a question got."""

    ANSWERED = "answered"
    SILENT = "silent"  # no answer in time
    CLOSED = "closed"  # nobody listens there: the connection was refused or ended
    GARBLED = "garbled"  # what came is no answer to the question
    NO_ROUTE = "no_route"  # this machine cannot send there, which says nothing of the server
    UNASKED = "unasked"


class Reply(NamedTuple):
    """One answer, as far as the rules read it. `edns` is the version of its OPT record, -1 without one."""

    reach: Reach = Reach.UNASKED
    rcode: str = ""
    authoritative: bool = False
    recursion: bool = False  # the RA flag
    records: int = 0  # in its answer section
    edns: int = -1
    soa: Soa | None = None  # the zone's own
    ns: tuple[str, ...] = ()  # the zone's own, sorted
    echo: bool = False  # an EDNS option that nobody knows came back

    @property
    def answered(self) -> bool:
        """Tell whether an answer came at all."""
        return self.reach is Reach.ANSWERED


UNASKED = Reply()


class Ds(NamedTuple):
    """A DS record at the parent; `known` tells whether its kind of digest can be compared here."""

    key_tag: int
    algorithm: int
    digest_type: int
    known: bool


class Keys(NamedTuple):
    """The zone's DNSKEY records at one server.

    `matches` has one item for each DS of the parent. `fault` says why the keys are not signed by one that a DS
    matches; it is empty where they are, and where no DS matches.
    """

    tags: tuple[int, ...] = ()
    matches: tuple[bool, ...] = ()
    fault: str = ""


class Server(NamedTuple):
    """One address of one name server, and what it answered; SOA questions, where nothing else is said."""

    name: str
    address: Address
    udp: Reply = UNASKED
    tcp: Reply = UNASKED
    edns: Reply = UNASKED
    option: Reply = UNASKED  # with an option that nobody knows
    version: Reply = UNASKED  # with EDNS version 1, which nobody has
    ns: Reply = UNASKED
    foreign: Reply = UNASKED  # the root's NS, with recursion desired
    keys: Keys | None = None  # None when the question was not answered

    @property
    def reply(self) -> Reply:
        """Give the answer about SOA, over whichever transport there was one; UDP first."""
        return next((reply for reply in (self.udp, self.edns, self.tcp) if reply.answered), self.udp)

    @property
    def sound(self) -> bool:
        """Tell whether it answers for the zone with authority."""
        return self.reply.authoritative and self.reply.soa is not None


class NameServer(NamedTuple):
    """A name server that the parent or the zone lists: what it resolves to, IPv4 first, and the parent's glue."""

    name: str
    found: tuple[Found, ...]
    glue: tuple[Address, ...] = ()


class Referral(NamedTuple):
    """What the parent says. `inside` is true where its server has the zone itself too, and so gives no referral."""

    parent: str  # the zone above, "" where nobody said which it is
    server: str  # who said so, "" where only its address is known
    address: Address
    exists: bool = True
    inside: bool = False
    ns: tuple[str, ...] = ()
    glue: tuple[tuple[str, Address], ...] = ()
    ds: tuple[Ds, ...] = ()

    @property
    def place(self) -> str:
        """Say who was asked, for people."""
        return f"{self.server} ({self.address})" if self.server else str(self.address)


class Below(NamedTuple):
    """A delegation in the zone. Each server has its name and address, and what it answered about SOA over UDP."""

    zone: str
    ns: tuple[str, ...]
    servers: tuple[tuple[str, Address, Reply], ...]
    unresolved: tuple[str, ...] = ()


class Alias(NamedTuple):
    """Where the parent leads an address of a classless zone (RFC 2317); `target` is empty where it leads nowhere."""

    name: str
    target: str


class Examination(NamedTuple):
    """All that was seen of one zone.

    `proposed` is who shall have it, asked where nobody has it yet; `asked_ahead` tells that somebody named them to
    have them checked before the delegation.
    """

    zone: str
    referral: Referral
    name_servers: tuple[NameServer, ...] = ()
    servers: tuple[Server, ...] = ()
    proposed: tuple[str, ...] = ()
    asked_ahead: bool = False
    primary: bool = True  # the SOA's MNAME resolves
    below: tuple[Below, ...] = ()
    aliases: tuple[Alias, ...] = ()
    unchecked: tuple[str, ...] = ()  # sentences about what could not be looked at
    gave_up: str = ""  # which bound ended it early

    @property
    def listed(self) -> tuple[str, ...]:
        """Give the names that the parent has, or is to have."""
        return self.referral.ns if self.referral.exists else self.proposed
