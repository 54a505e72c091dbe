"""All that can be seen of a zone's delegation from outside, collected and not judged.

The parent is asked first, then every server that it or the zone lists, at every address, all at once and within the
asker's bounds. Only a parent that nobody can ask is an error; everything else is something that was seen.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
from dns.rdatatype import CNAME, DNSKEY, DS, NS, PTR, SOA

from ptrd.client.asker import Asker, Heard, Question, rrset_of
from ptrd.client.cuts import transfer_cuts
from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.client.iterate import Walker, authority_zone, glue_of, referral_of, text_of
from ptrd.client.vouching import read_ds, read_keys
from ptrd.records.management import Address
from ptrd.records.model import Soa
from ptrd.records.observations import Alias, Below, Examination, Keys, NameServer, Reach, Referral, Reply, Server
from ptrd.records.trust import Found, Outcome
from ptrd.records.values import parse_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from dns.rdtypes.ANY.DS import DS as DsData  # noqa: N811 - a class
    from dns.rdtypes.ANY.SOA import SOA as SoaData  # noqa: N811 - a class

_UNKNOWN_OPTION: Final = 65001  # kept for local use (RFC 6891, 9), so that nobody has it
_MOST_BELOW: Final = 256  # delegations in the zone that are asked about
_MOST_ADDRESSES: Final = 64  # of the zone's own servers
_TRANSFERS: Final = 3  # servers that are asked for a transfer


class Watcher(Protocol):
    """Whom to tell how far it is."""

    def begin(self, what: str, total: int) -> None:
        """Say what is done now, and in how many parts."""

    def advance(self, count: int) -> None:
        """Say that so many parts more are done."""


class Known(NamedTuple):
    """What is known beforehand.

    `proposed` is who shall have the zone, asked where it is not delegated, and `asked_ahead` tells that this is meant;
    `below` has the servers of each delegation in the zone, and is None where that is not known; `aliases` has addresses
    that must lead into the zone, as names.
    """

    proposed: tuple[str, ...] = ()
    asked_ahead: bool = False
    below: Mapping[str, tuple[str, ...]] | None = None
    aliases: tuple[str, ...] = ()


class Examiner:
    """Examines one zone. `resolve` finds the addresses of name servers: (name, version) to Found."""

    def __init__(
        self,
        zone: str,
        asker: Asker,
        walker: Walker,
        resolve: Callable[[str, int], Awaitable[Found]],
        watcher: Watcher,
    ) -> None:
        self._zone = dns.name.from_text(zone)
        self._asker = asker
        self._walker = walker
        self._resolve = resolve
        self._watcher = watcher
        self._ds: Sequence[DsData] = ()
        self._parent: Endpoint | None = None

    async def examine(self, known: Known, parents: Sequence[Endpoint] = ()) -> Examination:
        """Look at everything. `parents` are servers of the zone above. Raises ClientError when no parent answers."""
        self._watcher.begin("asking for the delegation", 1)
        referral = await self._find_referral(parents)
        self._watcher.advance(1)
        names = referral.ns if referral.exists else tuple(sorted(known.proposed))
        name_servers = await self._find_servers(names, referral)
        servers = await self._ask_all(name_servers)
        more = {name for server in servers if server.sound for name in server.ns.ns} - set(names)
        if more:
            others = await self._find_servers(tuple(sorted(more)), referral)
            name_servers += others
            servers += await self._ask_all(others)
        below, unchecked = await self._look_below(known, servers)
        if any(reply.reach is Reach.NO_ROUTE for server in servers for reply in (server.udp, server.tcp)):
            unchecked += ("some addresses, since this machine has no route to them (most often: no IPv6)",)
        if referral.inside:
            unchecked += (f"the list at the parent: {referral.place} has the zone itself too, and gives no referral",)
        return Examination(
            zone=text_of(self._zone),
            referral=referral,
            name_servers=name_servers,
            servers=servers,
            proposed=known.proposed,
            asked_ahead=known.asked_ahead,
            primary=await self._find_primary(servers),
            below=below,
            aliases=await self._find_aliases(known.aliases),
            unchecked=unchecked,
            gave_up=self._asker.gave_up,
        )

    async def _find_referral(self, parents: Sequence[Endpoint]) -> Referral:
        """Ask who has the zone, and what the zone above vouches for."""
        step = await self._walker.find_cut(self._zone, parents)
        message, endpoint = step.message, step.endpoint
        if message is None or endpoint is None:
            raise ClientError(
                f"nobody can be asked who has {text_of(self._zone)}: {step.said}; name a server of the zone above with "
                "--parent ADDRESS, or a root server of your own with --root ADDRESS"
            )
        cut = referral_of(message, step.cut.zone, self._zone)
        own = rrset_of(message.answer, self._zone, NS)
        address = Address(*parse_address(endpoint.host))
        server = "" if step.server == "." else step.server
        self._parent = endpoint
        vouched = await self._asker.ask_whole(endpoint, Question(self._zone, DS, version=0, dnssec=True))
        parent = "" if step.cut.zone == dns.name.root and parents else text_of(step.cut.zone)
        if vouched.message is not None:
            parent = authority_zone(vouched.message) or parent
            self._ds = _data(vouched.message, self._zone)
        found = cut or own
        if found is None:
            parent = authority_zone(message) or parent
            return Referral(parent, server, address, exists=False)
        names = [rdata.target for rdata in found]
        return Referral(
            parent,
            server,
            address,
            inside=cut is None,
            ns=tuple(sorted(map(text_of, names))),
            glue=glue_of(message, names) if cut is not None else (),
            ds=read_ds(self._ds),
        )

    async def _find_servers(self, names: tuple[str, ...], referral: Referral) -> tuple[NameServer, ...]:
        """Find the addresses of name servers."""
        self._watcher.begin("finding name servers", len(names))

        async def find(name: str) -> NameServer:
            found = await asyncio.gather(*(self._resolve(name, version) for version in (4, 6)))
            self._watcher.advance(1)
            return NameServer(name, tuple(found), tuple(address for one, address in referral.glue if one == name))

        return tuple(await asyncio.gather(*map(find, names)))

    async def _ask_all(self, name_servers: Iterable[NameServer]) -> tuple[Server, ...]:
        """Ask every address of every name server all that is asked."""
        wanted = [
            (server.name, address)
            for server in name_servers
            for address in dict.fromkeys([*(one for found in server.found for one in found.addresses), *server.glue])
        ][:_MOST_ADDRESSES]
        self._watcher.begin("asking name servers", len(wanted))

        async def ask(name: str, address: Address) -> Server:
            server = await self._ask_server(name, address)
            self._watcher.advance(1)
            return server

        return tuple(await asyncio.gather(*(ask(name, address) for name, address in wanted)))

    async def _ask_server(self, name: str, address: Address) -> Server:
        """Ask one address; what answers nothing at first is not asked further."""
        endpoint = Endpoint(str(address))

        async def ask(question: Question) -> Reply:
            return self._read(await self._asker.ask(endpoint, question))

        soa = Question(self._zone, SOA)
        udp, tcp, edns = await asyncio.gather(
            ask(soa), ask(soa._replace(tcp=True)), ask(soa._replace(version=0, dnssec=True))
        )
        server = Server(name, address, udp, tcp, edns)
        if not server.reply.answered:
            return server
        nonsense = dns.edns.GenericOption(dns.edns.OptionType.make(_UNKNOWN_OPTION), b"ptrd")
        by_tcp = not udp.answered
        version = 0 if edns.answered and edns.edns >= 0 else -1
        ns, foreign, option, later, heard = await asyncio.gather(
            self._asker.ask_whole(endpoint, Question(self._zone, NS, by_tcp, version)),
            ask(Question(dns.name.root, NS, by_tcp, recursive=True)),
            ask(soa._replace(version=0, options=(nonsense,))),
            ask(soa._replace(version=1)),
            self._asker.ask_whole(endpoint, Question(self._zone, DNSKEY, by_tcp, version, dnssec=version == 0)),
        )
        return server._replace(
            ns=self._read(ns),
            foreign=foreign,
            option=option,
            version=later,
            keys=self._read_keys(heard),
        )

    def _read_keys(self, heard: Heard) -> Keys | None:
        message = heard.message
        if message is None or message.rcode() != dns.rcode.NOERROR or not message.flags & dns.flags.AA:
            return None
        return read_keys(message, self._zone, self._ds)

    def _read(self, heard: Heard, zone: dns.name.Name | None = None) -> Reply:
        return read_reply(heard, zone or self._zone)

    async def _find_primary(self, servers: Sequence[Server]) -> bool:
        """Tell whether the MNAME of the SOA has an address."""
        name = next((server.reply.soa.mname for server in servers if server.sound and server.reply.soa), None)
        if name is None:
            return True
        text = text_of(dns.name.from_wire(name, 0)[0])
        found = await asyncio.gather(*(self._resolve(text, version) for version in (4, 6)))
        return any(one.outcome in {Outcome.ADDRESSES, Outcome.SILENT, Outcome.FAILED} for one in found)

    async def _look_below(self, known: Known, servers: Sequence[Server]) -> tuple[tuple[Below, ...], tuple[str, ...]]:
        """Ask the servers of each delegation in the zone, where these are known or a transfer tells them."""
        unchecked: tuple[str, ...] = ()
        cuts, reason = known.below, ""
        if cuts is None:
            cuts, reason = await self._transfer_cuts(servers)
        if cuts is None:
            return (), (f"delegations below the zone: {reason}",) if servers else ()
        if len(cuts) > _MOST_BELOW:
            unchecked = (f"{len(cuts) - _MOST_BELOW} of the {len(cuts)} delegations below the zone",)
        chosen = sorted(cuts.items())[:_MOST_BELOW]
        self._watcher.begin("asking for delegations below", len(chosen))
        return tuple(await asyncio.gather(*(self._look_at(zone, names) for zone, names in chosen))), unchecked

    async def _transfer_cuts(self, servers: Sequence[Server]) -> tuple[Mapping[str, tuple[str, ...]] | None, str]:
        """Have the zone transferred by a server that allows it; give why none does."""
        sound: dict[str, Server] = {}
        for server in servers:
            if server.sound and server.tcp.answered:
                sound.setdefault(server.name, server)
        reasons = []
        for server in list(sound.values())[:_TRANSFERS]:
            seconds = min(self._asker.seconds_left(), 10 * self._asker.timeout)
            cuts, reason = await transfer_cuts(Endpoint(str(server.address)), self._zone, seconds)
            if not reason:
                return cuts, ""
            reasons.append(f"{server.name}: {reason}")
        told = "; ".join(reasons) or "none answers over TCP"
        return None, f"it is not in this configuration, and its servers do not transfer it to this machine ({told})"

    async def _look_at(self, zone: str, names: tuple[str, ...]) -> Below:
        """Ask the servers of one delegation in the zone."""
        found = await asyncio.gather(*(self._resolve(name, version) for name in names for version in (4, 6)))
        pairs = list(zip([name for name in names for _ in (4, 6)], found, strict=True))
        wanted = [(name, address) for name, one in pairs for address in one.addresses]
        having = {name for name, _ in wanted}
        origin = dns.name.from_text(zone)
        heard = await asyncio.gather(
            *(self._asker.ask(Endpoint(str(address)), Question(origin, SOA)) for _, address in wanted)
        )
        self._watcher.advance(1)
        replies = tuple(
            (name, address, self._read(one, origin)) for (name, address), one in zip(wanted, heard, strict=True)
        )
        return Below(zone, names, replies, tuple(name for name in names if name not in having))

    async def _find_aliases(self, names: tuple[str, ...]) -> tuple[Alias, ...]:
        """Ask the zone above where it leads addresses of a classless zone."""
        if self._parent is None:
            return ()
        found = []
        for text in names:
            name = dns.name.from_text(text)
            heard = await self._asker.ask_whole(self._parent, Question(name, PTR, version=0))
            if heard.message is not None and heard.message.flags & dns.flags.AA:
                alias = rrset_of(heard.message.answer, name, CNAME)
                found.append(Alias(text, text_of(alias[0].target) if alias else ""))
        return tuple(found)


def read_reply(heard: Heard, zone: dns.name.Name) -> Reply:
    """Read an answer about a zone into what the rules read."""
    message = heard.message
    if message is None:
        return Reply(heard.reach)
    soa = rrset_of(message.answer, zone, SOA)
    ns = rrset_of(message.answer, zone, NS)
    return Reply(
        Reach.ANSWERED,
        dns.rcode.to_text(message.rcode()),
        authoritative=bool(message.flags & dns.flags.AA),
        recursion=bool(message.flags & dns.flags.RA),
        records=len(message.answer),
        edns=message.edns,
        soa=_read_soa(cast("SoaData", soa[0])) if soa else None,
        ns=tuple(sorted(text_of(rdata.target) for rdata in ns or ())),
        echo=any(option.otype == _UNKNOWN_OPTION for option in message.options),
    )


def _read_soa(rdata: SoaData) -> Soa:
    return Soa(
        rdata.mname.to_digestable(),
        rdata.rname.to_digestable(),
        rdata.refresh,
        rdata.retry,
        rdata.expire,
        rdata.minimum,
        rdata.serial,
    )


def _data(message: dns.message.Message, zone: dns.name.Name) -> tuple[DsData, ...]:
    return tuple(cast("DsData", rdata) for rdata in rrset_of(message.answer, zone, DS) or ())
