"""Asking resolvers for the addresses of names.

Nothing that a network can do raises: silence, refusal and nonsense are outcomes. Whoever has a name chooses the servers
of its zone, so these are asked only at addresses of the Internet, and believed only about names of that zone.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from ptrd.client.endpoints import PORT, Endpoint
from ptrd.client.exchange import addresses_of, exchange, make_question
from ptrd.records.management import Address
from ptrd.records.trust import Found, Outcome
from ptrd.records.values import escape
from ptrd.wire.names import NameError_, labels_of, parse_name
from ptrd.wire.reverse import reverse_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from dns.rdatatype import RdataType

    from ptrd.client.exchange import Question

    _Ask = Callable[[dns.name.Name, RdataType], Awaitable["Reply"]]

MAX_CHAIN: Final = 16  # aliases one after the other; resolvers go no further
MAX_SERVERS: Final = 4  # name servers of a zone that are asked
MAX_WALKS: Final = 25  # names whose zones' servers are looked for and asked, at once
REMEMBERED: Final = 60.0  # seconds for which the servers of a zone are known
MAX_REMEMBERED: Final = 5000  # names of which they are
_TYPES: Final = {4: dns.rdatatype.A, 6: dns.rdatatype.AAAA}
_TRANSLATED: Final = ip_network("64:ff9b::/96")  # IPv4 addresses for NAT64, private ones too (RFC 6052)
_READ: Final = {4: IPv4Address, 6: IPv6Address}
_AUTHORITATIVE: Final = 4  # AA, in the third byte of a message
_NO_EDNS: Final = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP})  # what servers older than RFC 6891 say


class Reply(NamedTuple):
    """A message that answers, or None with the outcome and what was said instead, for people.

    An answer of nothing but addresses is these, as numbers, and no message.
    """

    message: dns.message.Message | None
    outcome: Outcome = Outcome.ADDRESSES
    said: str = ""
    numbers: tuple[int, ...] = ()


class Named(NamedTuple):
    """The names of an address, with final dots; None where nothing is known, for the reason that `said` gives."""

    names: tuple[str, ...] | None
    said: str = ""


class Resolver:
    """Asks several servers in turn. It belongs to one event loop; `timeout` is seconds a try.

    Sentences name the resolvers as `called`, or else each by its address. With `anywhere` the servers of zones are
    asked wherever they are said to be.
    """

    def __init__(
        self,
        servers: Sequence[Endpoint],
        *,
        timeout: float = 2.0,
        tries: int = 3,
        at_once: int = 200,
        authority_port: int = PORT,
        called: str = "",
        anywhere: bool = False,
    ) -> None:
        self.servers = tuple(servers)
        self.heard = False  # whether any server ever sent an answer, a refusal included
        self.silence = ""  # why no answer came, the last time that none did
        self._timeout = timeout
        self._tries = tries
        self._slots = asyncio.Semaphore(at_once)
        self._authority_port = authority_port
        self._walks = asyncio.Semaphore(MAX_WALKS)
        self._called = called
        self._anywhere = anywhere
        self._known: dict[dns.name.Name, tuple[float, list[Endpoint]]] = {}  # until when, and the servers of a zone
        self._first = 0  # the server that answered last is asked first, so that a dead one costs once
        self._plain: set[Endpoint] = set()  # servers that do not take EDNS

    async def addresses(self, name: str, version: int) -> Found:
        """Ask what A (version 4) or AAAA (6) records a name has; aliases are followed to their end."""
        return await self._follow(name, version, self.ask)

    async def authority(self, name: str, version: int) -> Found:
        """Ask the same of the servers that have the name's zone, past what a resolver remembers."""
        async with self._walks:
            return await self._follow(name, version, self._ask_authority, only_owner=True)

    async def names(self, address: Address) -> Named:
        """Ask for the PTR records of an address; aliases, as of RFC 2317, are the resolver's to follow."""
        owner = dns.name.Name([*labels_of(reverse_name(*address)), b""])
        reply = await self.ask(owner, dns.rdatatype.PTR)
        if reply.message is None:
            return Named(None, reply.said)
        pointers = [rrset for rrset in reply.message.answer if rrset.rdtype == dns.rdatatype.PTR]
        return Named(tuple(sorted(rdata.target.to_text() for rrset in pointers for rdata in rrset)))

    async def ask(self, name: dns.name.Name, rtype: RdataType) -> Reply:
        """Ask the resolvers one question."""
        start = self._first
        order = [(start + step) % len(self.servers) for step in range(len(self.servers))]
        return await self._ask_in_turn(name, rtype, [self.servers[place] for place in order], recursion=True)

    async def _follow(self, name: str, version: int, ask: _Ask, *, only_owner: bool = False) -> Found:
        """Follow aliases to their end, within an answer unless only its records of the name asked for count."""
        try:
            current = dns.name.Name([*labels_of(parse_name(name)), b""])
        except NameError_ as error:
            return Found(Outcome.FAILED, said=f"it is no domain name: {error}")
        rtype = _TYPES[version]
        chain: list[str] = []
        seen = {current}
        while True:
            reply = await ask(current, rtype)
            message = reply.message
            if reply.numbers:
                found = tuple(Address(version, number) for number in sorted(reply.numbers))
                return Found(Outcome.ADDRESSES, found, tuple(chain))
            if message is None:
                return Found(reply.outcome, (), tuple(chain), reply.said)
            rrsets = {
                (rrset.name, rrset.rdtype): rrset
                for rrset in message.answer
                if rrset.rdclass == dns.rdataclass.IN and (rrset.name == current or not only_owner)
            }
            asked = current
            while (current, rtype) not in rrsets and (current, dns.rdatatype.CNAME) in rrsets:
                current = rrsets[current, dns.rdatatype.CNAME][0].target
                chain.append(current.to_text())
                if current in seen or len(chain) > MAX_CHAIN:
                    return Found(Outcome.ALIAS_LOOP, (), tuple(chain))
                seen.add(current)
            if (current, rtype) in rrsets:
                numbers = sorted(int(_READ[version](rdata.address)) for rdata in rrsets[current, rtype])
                found = tuple(Address(version, number) for number in numbers)
                return Found(Outcome.ADDRESSES, found, tuple(chain))
            if only_owner and current != asked:
                continue
            if message.rcode() == dns.rcode.NXDOMAIN:  # of the last name of a chain (RFC 6604, 3)
                return Found(Outcome.NO_NAME, (), tuple(chain))
            if current == asked or _is_denied(message, current):
                return Found(Outcome.NO_DATA, (), tuple(chain))

    async def _ask_authority(self, name: dns.name.Name, rtype: RdataType) -> Reply:
        servers = await self._servers_of(name)
        if not servers:
            return Reply(None, Outcome.FAILED, f"no name server of the zone of {name} could be found")
        return await self._ask_in_turn(name, rtype, servers, recursion=False)

    async def _servers_of(self, name: dns.name.Name) -> list[Endpoint]:
        """Find the addresses of the servers of the deepest zone that holds a name, as the resolvers know them."""
        now = asyncio.get_running_loop().time()
        zone = name
        while True:
            until, servers = self._known.get(zone, (0.0, []))
            if until > now:
                return servers
            reply = await self.ask(zone, dns.rdatatype.NS)
            if reply.message is None:
                return []
            targets = [
                rdata.target
                for rrset in reply.message.answer
                if rrset.name == zone and rrset.rdtype == dns.rdatatype.NS
                for rdata in rrset
            ]
            if targets or zone == dns.name.root:
                break
            zone = _zone_said(reply.message, zone) or zone.parent()
        wanted = [(target.to_text(), version) for target in sorted(targets)[:MAX_SERVERS] for version in (4, 6)]
        found = await asyncio.gather(*(self.addresses(*one) for one in wanted))
        places = [address for one in found for address in one.addresses if self._anywhere or _is_public(address)]
        servers = [Endpoint(str(address), self._authority_port) for address in places]
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known |= dict.fromkeys((name, zone), (now + REMEMBERED, servers))
        return servers

    async def _ask_in_turn(
        self, name: dns.name.Name, rtype: RdataType, servers: Sequence[Endpoint], *, recursion: bool
    ) -> Reply:
        """Ask one server after the other, from the first again at the end, until one has an answer."""
        failed = silent = ""
        for turn in range(max(self._tries, len(servers))):
            server = servers[turn % len(servers)]
            who = self._called if recursion and self._called else str(server)
            question = make_question(name, rtype, recursion=recursion, edns=server not in self._plain)
            useful = False
            try:
                async with self._slots, asyncio.timeout(self._timeout):
                    data = await exchange(server, question)
                self.heard = True
                reply = self._read(data, question, server, who, recursion=recursion)
                useful = not reply.said
            except TimeoutError:
                silent = f"{who} did not answer within {self._timeout:g} s"
                continue
            except OSError as error:
                silent = f"{who} cannot be asked: {error.strerror or error}"
                continue
            finally:  # also when who asked waits no longer
                if recursion:
                    self._turn_to(server, useful=useful)
            if useful:
                return reply
            failed = reply.said
        if failed:
            return Reply(None, Outcome.FAILED, failed)
        self.silence = silent
        return Reply(None, Outcome.SILENT, silent)

    def _turn_to(self, server: Endpoint, *, useful: bool) -> None:
        """Begin with a server that answered the next time, and no more with one that did not."""
        place = self.servers.index(server)
        if useful:
            self._first = place
        elif self._first == place:
            self._first = (place + 1) % len(self.servers)

    def _read(self, data: bytes, question: Question, server: Endpoint, who: str, *, recursion: bool) -> Reply:
        numbers = addresses_of(data, question) if recursion or data[2] & _AUTHORITATIVE else None
        if numbers:
            return Reply(None, numbers=tuple(numbers))
        try:
            message = dns.message.from_wire(data)
        except Exception:  # noqa: BLE001 - whatever bytes a server sends, dnspython's opinion of them ends here
            return Reply(None, Outcome.FAILED, f"{who} sends what is no DNS message")
        if message.rcode() in _NO_EDNS:
            self._plain.add(server)
        said = _why_useless(message, who, recursion=recursion)
        return Reply(None, Outcome.FAILED, said) if said else Reply(message)


def _why_useless(message: dns.message.Message, who: str, *, recursion: bool) -> str:
    """Say why a reply answers nothing; empty when it does."""
    rcode = message.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        reasons = "; ".join(_extended(option) for option in message.options if isinstance(option, dns.edns.EDEOption))
        return f"{who} answers {dns.rcode.to_text(rcode)}{f' ({reasons})' if reasons else ''}"
    can = dns.flags.AA | dns.flags.RA if recursion else dns.flags.AA
    if rcode == dns.rcode.NOERROR and not message.answer and not message.flags & can:
        return f"{who} {'is no resolver: it' if recursion else ''} refers to other servers instead of answering"
    if not recursion and not message.flags & dns.flags.AA:
        return f"{who} answers without authority"
    return ""


def _is_public(address: Address) -> bool:
    """Tell whether an address is one of the Internet, and holds none of another network."""
    found = ip_address(str(address))
    if isinstance(found, IPv6Address) and (
        found.ipv4_mapped or found.sixtofour or found.teredo or found in _TRANSLATED
    ):
        return False
    return found.is_global and not found.is_multicast


def _extended(option: dns.edns.EDEOption) -> str:
    """Write an extended error (RFC 8914) for people; its text comes from a stranger."""
    code = int(option.code)
    known = {int(one): one.name.replace("_", " ").lower() for one in dns.edns.EDECode}
    return f"{known.get(code, f'error {code}')}{f': {escape(option.text)}' if option.text else ''}"


def _zone_said(message: dns.message.Message, name: dns.name.Name) -> dns.name.Name | None:
    """Give the zone above a name that the SOA of a denial names (RFC 2308, 3)."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name) and rrset.name != name:
            return rrset.name
    return None


def _is_denied(message: dns.message.Message, name: dns.name.Name) -> bool:
    """Tell whether the SOA of a zone that holds the name says that it has nothing (RFC 2308, 2.2)."""
    return any(rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name) for rrset in message.authority)
