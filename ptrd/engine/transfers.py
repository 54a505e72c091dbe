"""Zone transfers out: who may have a zone, what is said then, and the messages, from the one snapshot it began with.

Whether a client may have the zone is decided before anything is counted, made or taken up (RFC 5936, 5). What cannot be
written out whole is refused with the reason and never cut short.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from ptrd.engine.answer import AWAITED, FORWARD, NO_ZONE, PROHIBITED, RECORD, answer, verdict_on
from ptrd.engine.edns import NO_TRANSFER, NOT_AUTHORITATIVE, NOT_FOR_CLIENT, NOT_READY, UDP, add_extended_error
from ptrd.engine.refusals import Reply, refuse
from ptrd.records.access import ABSENT, ALLOW, DROP
from ptrd.records.transfer import EXPAND, OMIT, REFUSE
from ptrd.snapshot.expansion import count_made, forward_candidates, made_pointers, written
from ptrd.snapshot.history import since
from ptrd.snapshot.serials import is_newer
from ptrd.snapshot.steps import NONE
from ptrd.wire.message import SerialError, read_serial
from ptrd.wire.names import offsets_of
from ptrd.wire.rows import write_rows
from ptrd.wire.rrtypes import AXFR, FORMERR, IXFR, SERVFAIL
from ptrd.wire.writer import AA, write_bare, write_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ptrd.engine.clients import Client
    from ptrd.engine.service import Service
    from ptrd.snapshot.expansion import Item
    from ptrd.snapshot.steps import Difference
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import ServedZone
    from ptrd.wire.reader import Query
    from ptrd.wire.tsig import SigningKey

TRANSFERS: Final = frozenset((IXFR, AXFR))

# Extended errors (RFC 8914): prohibited, not supported, and other.
_OVER_UDP: Final = (18, b"zone transfers are over TCP")
_BUSY: Final = (0, b"too many transfers at once, come again")


class Outgoing:
    """A transfer that may begin. `take` gives its messages one by one; `busy` is what is said when it may not yet."""

    __slots__ = ("_messages", "_sign", "busy", "kind", "zone")

    def __init__(self, kind: str, zone: bytes, messages: Iterator[bytes], busy: bytes) -> None:
        self.kind = kind
        self.zone = zone
        self.busy = busy
        self._messages = messages
        self._sign: Callable[[bytes, float], bytes] | None = None

    def take(self, now: float) -> bytes:
        """Give the next message, nothing at the end; `now` is Unix time, for signatures. Raises RowError."""
        message = next(self._messages, b"")
        return message if self._sign is None or not message else self._sign(message, now)

    def sign_with(self, sign: Callable[[bytes, float], bytes], busy: bytes) -> None:
        """Have every message signed from here on; `busy` is signed by who calls."""
        self._sign = sign
        self.busy = busy


# As `refusals.Reply`, with a transfer in place of the message.
TransferReply = Reply | tuple[Outgoing, int, int, int]


def answer_transfer(
    snapshot: Snapshot,
    service: Service,
    query: Query,
    transport: int,
    client: Client | None,
    opt: bytes,
    limit: int,
    key: SigningKey | None,
) -> TransferReply:
    """Answer AXFR or IXFR; `key` is what signed the query, `limit` the size of a datagram. No peer has no zone."""
    options = service.options
    zone = snapshot.zones_by_name.get(query.name)
    if zone is None:
        return refuse(options, query, NO_ZONE, NOT_AUTHORITATIVE, opt, client)
    signer = None if key is None else key.name
    verdict = verdict_on(zone, client)
    if verdict not in (ALLOW, ABSENT):
        if verdict == DROP:
            return b"", PROHIBITED, query.qtype, -1
        return refuse(options, query, PROHIBITED, NOT_FOR_CLIENT, opt, client)
    if zone.transfer is None or client is None or not zone.transfer.allows(client.version, client.number, signer):
        return refuse(options, query, PROHIBITED, NO_TRANSFER, opt, client)
    if zone.absent:
        return refuse(options, query, AWAITED, NOT_READY, opt, client, rcode=SERVFAIL)
    if transport == UDP and query.qtype == AXFR:  # RFC 5936, 4.2
        return refuse(options, query, PROHIBITED, _OVER_UDP, opt, client)
    room = 0 if key is None else key.room
    soa = (b"", 1, zone.soa.records)
    if query.qtype == IXFR:
        try:
            serial = read_serial(query.data, query.end, query.name)
        except SerialError:
            return write_bare(query, FORMERR, opt), PROHIBITED, IXFR, -1
        if not is_newer(zone.serial, serial):  # RFC 1995, 2: it has what there is, or more
            return _answer_soa(query, zone, opt)
    problem = _obstacle(snapshot, zone, options.transfer_expand)
    if problem:
        return refuse(options, query, PROHIBITED, (0, problem.encode()), opt, client)
    if query.qtype == IXFR:
        steps = since(snapshot.histories.get(zone.origin, NONE), serial, zone.soa.records)
        if steps:
            return _answer_steps(query, zone, steps, transport, opt, limit, room)
        if transport == UDP:  # RFC 1995, 4: a client that sees another serial comes over TCP
            return _answer_soa(query, zone, opt)
    items = _all_items(snapshot, zone, soa, expand=_expands(zone))
    return _send("AXFR", query, zone, write_rows(query, items, opt, room), opt), RECORD, query.qtype, -1


def _answer_steps(
    query: Query, zone: ServedZone, steps: Sequence[Difference], transport: int, opt: bytes, limit: int, room: int
) -> TransferReply:
    """Give the differences, or over UDP the SOA alone when they do not fit into one message (RFC 1995, 2 and 4)."""
    messages = write_rows(query, _step_items(steps), opt, room)
    first = next(messages)
    second = next(messages, None)
    if second is None and len(first) + room <= limit:
        return first, RECORD, IXFR, -1
    if transport == UDP:
        return _answer_soa(query, zone, opt)
    rest = () if second is None else (second,)
    return _send("IXFR", query, zone, chain((first, *rest), messages), opt), RECORD, IXFR, -1


def _step_items(steps: Sequence[Difference]) -> Iterator[Item]:
    """Give the SOA of now, then of each step the SOA and what it removed, the SOA and what it added; the SOA of now."""
    now = (b"", 1, steps[-1].new)
    yield now
    for step in steps:
        yield b"", 1, step.old
        yield from step.removed
        yield b"", 1, step.new
        yield from step.added
    yield now


def _send(kind: str, query: Query, zone: ServedZone, messages: Iterator[bytes], opt: bytes) -> Outgoing:
    busy = write_bare(query, SERVFAIL, add_extended_error(opt, _BUSY) if opt else b"")
    return Outgoing(kind, zone.origin, messages, busy)


def _answer_soa(query: Query, zone: ServedZone, opt: bytes) -> Reply:
    """Give the SOA alone."""
    soa = zone.soa._replace(owner=None)
    return write_reply(query, AA, opt, 65535, (soa,)), RECORD, query.qtype, -1


def _obstacle(snapshot: Snapshot, zone: ServedZone, most: int) -> str:
    """Say why a zone's default names cannot be transferred; empty when they can, or need not."""
    wanted = zone.transfer.defaults if zone.transfer is not None else None
    if wanted == OMIT:
        return ""
    made = zone.made_count
    if made is None:
        made = zone.made_count = count_made(snapshot, zone)
    number = made.v4 + made.v6
    if number and (wanted == REFUSE or (wanted is None and made.v6)):
        return f"{number} default names are not transferred from this zone"
    if number > most:
        return f"{number} default names are more than the {most} that are written out"
    return ""


def _expands(zone: ServedZone) -> bool:
    """Tell whether default names are part of a transfer, if there are any and nothing is in the way."""
    return zone.transfer is not None and zone.transfer.defaults in {None, EXPAND}


def _all_items(snapshot: Snapshot, zone: ServedZone, soa: Item, *, expand: bool) -> Iterator[Item]:
    """Give a whole zone, its SOA first and last (RFC 5936, 2.2)."""
    yield soa
    yield from written(snapshot, zone)
    if expand:
        yield from made_pointers(snapshot, zone)
        yield from _made_addresses(snapshot, zone)
    yield soa


def _made_addresses(snapshot: Snapshot, zone: ServedZone) -> Iterable[Item]:
    """Give the A and AAAA that a forward zone makes, each as it would be answered."""
    end = len(zone.origin)
    for name, rtype, address in forward_candidates(snapshot, zone):
        offsets = offsets_of(name)
        if snapshot.zone_of(name, offsets) is not zone:
            continue
        found = answer(snapshot, name, offsets, rtype)
        # Of a name that several addresses have, the first gives them all.
        if found.source == FORWARD and found.answer[0].records[12 : 12 + len(address)] == address:
            yield name[:-end], found.answer[0].number, found.answer[0].records
