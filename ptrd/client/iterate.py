"""From root servers down to a name, as resolvers go, and without anybody's cache.

Each step is bounded: so many referrals, aliases and names looked up for the sake of another; a loop is noticed and is
a value. Only addresses from within the zone of whoever gave them are used, as glue (RFC 2181, 5.4.1).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
from dns.rdatatype import AAAA, CNAME, NS, SOA, A

from ptrd.client.asker import Heard, Question, rrset_of
from ptrd.client.endpoints import PORT, Endpoint
from ptrd.records.management import Address
from ptrd.records.observations import Reach
from ptrd.records.trust import Found, Outcome
from ptrd.records.values import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dns.rdatatype import RdataType

    from ptrd.client.asker import Asker

# https://www.iana.org/domains/root/servers, a to m
ROOTS: Final = tuple(map(Endpoint, (
    "198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
    "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33",
    "2001:503:ba3e::2:30", "2801:1b8:10::b", "2001:500:2::c", "2001:500:2d::d", "2001:500:a8::e", "2001:500:2f::f",
    "2001:500:12::d0d", "2001:500:1::53", "2001:7fe::53", "2001:503:c27::2:30", "2001:7fd::1", "2001:500:9f::42",
    "2001:dc3::35",
)))  # fmt: skip
_CUTS: Final = 40  # referrals on the way to one name; ip6.arpa has 34 labels
_ALIASES: Final = 8
_DEPTH: Final = 6  # names looked up for the sake of another
_AT_ONCE: Final = 3  # servers of a zone
_MOST: Final = 9  # servers of a zone that are tried
_FAMILIES: Final = {4: A, 6: AAAA}


class Cut(NamedTuple):
    """Who has a zone: names of servers, with such addresses as are known."""

    zone: dns.name.Name
    servers: tuple[tuple[dns.name.Name, tuple[Endpoint, ...]], ...]


class Step(NamedTuple):
    """What asking the servers of a zone came to: the message of one of them, or what each did instead."""

    cut: Cut
    message: dns.message.Message | None = None
    endpoint: Endpoint | None = None
    server: str = ""
    said: str = ""
    silent: bool = False  # nobody said anything


class Walker:
    """Goes from the roots to names. What it learns of zones it remembers, and answers only with what servers say.

    `port` is that of all servers but the roots.
    """

    def __init__(self, asker: Asker, roots: Sequence[Endpoint] = ROOTS, *, port: int = PORT) -> None:
        self._asker = asker
        self._port = port
        self._root = Cut(dns.name.root, tuple((dns.name.root, (root,)) for root in roots))
        self._cuts: dict[dns.name.Name, Cut] = {}
        self._found: dict[tuple[dns.name.Name, int], Found] = {}

    async def addresses(self, name: str, version: int) -> Found:
        """Find the A or AAAA records of a name. Whatever happens is in the outcome."""
        return await self._addresses(dns.name.from_text(name), version, frozenset())

    async def find_cut(self, zone: dns.name.Name, start: Sequence[Endpoint] = ()) -> Step:
        """Ask for a zone's NS records above it: the message refers to it, denies it, or comes from within.

        `start` says who has the zone above, without walking there from the root.
        """
        cut = Cut(dns.name.root, tuple((dns.name.root, (one,)) for one in start)) if start else None
        return await self._walk(zone, NS, frozenset(), cut or self._closest(zone, zone), zone)

    async def _addresses(self, name: dns.name.Name, version: int, busy: frozenset[dns.name.Name]) -> Found:
        known = self._found.get((name, version))
        if known is None:
            known = await self._resolve(name, version, busy)
            if not busy:  # what was found in the middle of a loop need not be so elsewhere
                self._found[name, version] = known
        return known

    async def _resolve(self, name: dns.name.Name, version: int, busy: frozenset[dns.name.Name]) -> Found:
        chain: list[str] = []
        seen = {name}
        while True:
            step = await self._walk(name, _FAMILIES[version], busy | {name}, self._closest(name))
            if step.message is None:
                return Found(Outcome.SILENT if step.silent else Outcome.FAILED, chain=tuple(chain), said=step.said)
            records = rrset_of(step.message.answer, name, _FAMILIES[version])
            if records is not None:
                addresses = tuple(sorted(Address(*parse_address(rdata.address)) for rdata in records))
                return Found(Outcome.ADDRESSES, addresses, tuple(chain))
            alias = rrset_of(step.message.answer, name, CNAME)
            if alias is None:
                gone = step.message.rcode() == dns.rcode.NXDOMAIN
                return Found(Outcome.NO_NAME if gone else Outcome.NO_DATA, chain=tuple(chain))
            name = alias[0].target
            chain.append(text_of(name))
            if name in seen or len(chain) > _ALIASES:
                return Found(Outcome.ALIAS_LOOP, chain=tuple(chain), said="its aliases lead in a circle")
            seen.add(name)

    def _closest(self, name: dns.name.Name, above: dns.name.Name | None = None) -> Cut:
        """Give the deepest zone known that holds a name, the root in the end."""
        while name != dns.name.root:
            if name in self._cuts and name != above:
                return self._cuts[name]
            name = name.parent()
        return self._root

    async def _walk(
        self,
        name: dns.name.Name,
        rdtype: RdataType,
        busy: frozenset[dns.name.Name],
        cut: Cut,
        stop: dns.name.Name | None = None,
    ) -> Step:
        """Follow referrals from a zone until somebody answers, or refers to the zone at which to stop."""
        for _ in range(_CUTS):
            step = await self._ask_servers(cut, name, rdtype, busy)
            if step.message is None or (below := referral_of(step.message, cut.zone, name)) is None:
                return step
            names = [rdata.target for rdata in below]
            cut = Cut(below.name, tuple((one, self._glue(step.message, cut.zone, one)) for one in names))
            self._cuts[cut.zone] = cut
            if cut.zone == stop:
                return step
        return step._replace(message=None, said="the referrals have no end")

    async def _ask_servers(
        self, cut: Cut, name: dns.name.Name, rdtype: RdataType, busy: frozenset[dns.name.Name]
    ) -> Step:
        """Ask a zone's servers, a few at once, until one says something that leads on."""
        said: list[str] = []
        reaches: set[Reach] = set()
        servers = [(text_of(one), endpoint) for one, endpoints in cut.servers for endpoint in endpoints]
        step = await self._ask_some(cut, servers, name, rdtype, said, reaches)
        if step is None and any(not endpoints for _, endpoints in cut.servers):
            servers, reasons = await self._look_up(cut, busy)
            said += reasons
            step = await self._ask_some(cut, servers, name, rdtype, said, reaches)
        zone = "the root" if cut.zone == dns.name.root else text_of(cut.zone)
        failed = f"asking for {zone}: {', '.join(said) or 'no server is known'}"
        return step or Step(cut, said=failed, silent=bool(reaches) and Reach.ANSWERED not in reaches)

    async def _ask_some(
        self,
        cut: Cut,
        servers: list[tuple[str, Endpoint]],
        name: dns.name.Name,
        rdtype: RdataType,
        said: list[str],
        reaches: set[Reach],
    ) -> Step | None:
        """Ask servers whose addresses are known; add what each did instead of leading on."""
        servers.sort(key=lambda server: ":" in server[1].host)  # not every machine has IPv6
        question = Question(name, rdtype, version=0)
        failed: dict[str, list[str]] = {}
        for first in range(0, min(len(servers), _MOST), _AT_ONCE):
            some = servers[first : first + _AT_ONCE]
            answers = await asyncio.gather(*(self._ask_one(endpoint, question) for _, endpoint in some))
            for (server, endpoint), heard in zip(some, answers, strict=True):
                if heard.message is not None and _leads_on(heard.message, cut.zone, name):
                    return Step(cut, heard.message, endpoint, server)
                reaches.add(heard.reach)
                failed.setdefault(tell(heard), []).append(str(endpoint))
        for what, which in failed.items():
            others = f" and {len(which) - 1} more" if len(which) > 1 else ""
            said.append(f"{which[0]}{others} {what}")
        return None

    async def _ask_one(self, endpoint: Endpoint, question: Question) -> Heard:
        """Ask one server, and again without EDNS when it does not take that."""
        heard = await self._asker.ask_whole(endpoint, question)
        if heard.message is not None and heard.message.rcode() in {dns.rcode.FORMERR, dns.rcode.NOTIMP}:
            return await self._asker.ask_whole(endpoint, question._replace(version=-1))
        return heard

    async def _look_up(self, cut: Cut, busy: frozenset[dns.name.Name]) -> tuple[list[tuple[str, Endpoint]], list[str]]:
        """Find the addresses of servers that came without; those that are being looked up already are a loop."""
        names = [one for one, endpoints in cut.servers if not endpoints]
        open_ = [one for one in names if one not in busy][:4]
        if not open_ or len(busy) >= _DEPTH:
            return [], [f"{text_of(names[0])} can be found only through itself" if not open_ else "too deep a chain"]
        found = await asyncio.gather(*(self._addresses(one, version, busy) for one in open_ for version in (4, 6)))
        names = [one for one in open_ for _ in (4, 6)]
        servers = [
            (text_of(one), Endpoint(str(address), self._port))
            for one, result in zip(names, found, strict=True)
            for address in result.addresses
        ]
        reasons = [
            f"{text_of(one)} has no address" + (f" ({result.said})" if result.said else "")
            for one, result in zip(names[::2], found[::2], strict=True)
            if not result.addresses
        ]
        return servers, [] if servers else reasons

    def _glue(self, message: dns.message.Message, zone: dns.name.Name, server: dns.name.Name) -> tuple[Endpoint, ...]:
        if not server.is_subdomain(zone):
            return ()
        return tuple(Endpoint(address, self._port) for address in _addresses_in(message.additional, server))


def text_of(name: dns.name.Name) -> str:
    """Write a name in lower case with its final dot."""
    return name.canonicalize().to_text()


def tell(heard: Heard) -> str:
    """Say what a server did."""
    if heard.message is not None:
        rcode = dns.rcode.to_text(heard.message.rcode())
        return "answered without authority" if rcode in {"NOERROR", "NXDOMAIN"} else f"answered {rcode}"
    return {
        Reach.SILENT: "did not answer",
        Reach.CLOSED: "refused the connection",
        Reach.GARBLED: "sent what is no answer",
        Reach.NO_ROUTE: "cannot be reached from this machine",
    }.get(heard.reach, "was not asked any more")


def referral_of(message: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> dns.rrset.RRset | None:
    """Give the NS records with which a server of `zone` refers to a deeper zone that holds the name."""
    if message.rcode() != dns.rcode.NOERROR or message.answer:
        return None
    for rrset in message.authority:
        if (
            rrset.rdtype == NS
            and rrset.name != zone
            and rrset.name.is_subdomain(zone)
            and name.is_subdomain(rrset.name)
        ):
            return rrset
    return None


def _leads_on(message: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> bool:
    """Tell whether it is an answer with authority, or a referral further down."""
    if message.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return False
    return bool(message.flags & dns.flags.AA) or referral_of(message, zone, name) is not None


def glue_of(message: dns.message.Message, servers: Iterable[dns.name.Name]) -> tuple[tuple[str, Address], ...]:
    """Give every address that came with a referral."""
    return tuple(
        (text_of(server), Address(*parse_address(address)))
        for server in servers
        for address in _addresses_in(message.additional, server)
    )


def _addresses_in(section: Sequence[dns.rrset.RRset], name: dns.name.Name) -> list[str]:
    found = [rrset_of(section, name, rdtype) for rdtype in (A, AAAA)]
    return [rdata.address for rrset in found if rrset is not None for rdata in rrset]


def authority_zone(message: dns.message.Message) -> str:
    """Give the zone whose SOA came with an answer that something does not exist, or ``""``."""
    return next((text_of(rrset.name) for rrset in message.authority if rrset.rdtype == SOA), "")
