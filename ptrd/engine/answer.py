"""What exists, and what is said of it: the one place that decides.

RFC 1034 4.3.2 with 4592 (wildcards), 6672 (DNAME), 2181, 8020 (an empty non-terminal exists), and one thing more: a
range makes a PTR for every address that has none, as if it were written out in the zone. An Answer is a value; how it
fits into a message is the writer's concern.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.access import ABSENT, ALLOW, DROP
from ptrd.snapshot.layout import NODE_CNAME, NODE_CUT, NODE_OCCLUDED
from ptrd.wire.names import MAX_NAME, is_below, offsets_of, sort_key
from ptrd.wire.rrtypes import AAAA, ANY, CNAME, DNAME, DS, NOERROR, NS, NXDOMAIN, PTR, REFUSED, SERVFAIL, YXDOMAIN, A
from ptrd.wire.writer import AA, Records, RRset, split_records, write_record

if TYPE_CHECKING:
    from ptrd.engine.clients import Client
    from ptrd.snapshot.view import Snapshot
    from ptrd.snapshot.zone import Made, ServedZone

# Where an answer comes from, for metrics and explanations: indices into SOURCES.
SOURCES: Final = (
    "record",
    "default",
    "forward",
    "alias",
    "delegation",
    "nodata",
    "nxdomain",
    "refused",
    "chaos",
    "error",
    "malformed",
    "ignored",
    "prohibited",
    "limited",
    "absent",
)
RECORD, DEFAULT, FORWARD, ALIAS, DELEGATION, NODATA, DENIAL = range(7)
NO_ZONE, CHAOS, ERROR, MALFORMED, IGNORED, PROHIBITED, LIMITED, AWAITED = range(7, 15)

MAX_CHAIN: Final = 16
_TARGET: Final = 8  # in a Decision


class Answer(NamedTuple):
    """What is said.

    `authoritative` is the AA flag or 0. `glue` is how many of the additional RRsets may not be left out without TC.
    `range` is the number of the range that made the answer, or -1; `target` is where an alias leads on. `zone` is the
    number of the zone that answers. `origin` is the name of the wildcard, DNAME or cut by which many names have this
    answer.
    """

    rcode: int
    authoritative: int
    source: int
    answer: Sequence[RRset]
    authority: Sequence[RRset] = ()
    additional: Sequence[RRset] = ()
    glue: int = 0
    range: int = -1
    target: bytes | None = None
    zone: int = -1
    origin: bytes | None = None


# The fields of an Answer, which is what the usual ones are: an Answer takes longer to make than to find.
Decision = tuple[
    int,
    int,
    int,
    Sequence[Records],
    Sequence[Records],
    Sequence[Records],
    int,
    int,
    bytes | None,
    int,
    bytes | None,
]

_REFUSED: Final = Answer(REFUSED, 0, NO_ZONE, ())
_PROHIBITED: Final = Answer(REFUSED, 0, PROHIBITED, ())
_ABSENT: Final = Answer(SERVFAIL, 0, AWAITED, ())  # a zone whose primaries have told us nothing, or not for too long
_DROPPED: Final = Answer(REFUSED, 0, IGNORED, ())


def answer(snapshot: Snapshot, name: bytes, offsets: Sequence[int], qtype: int, client: Client | None = None) -> Answer:
    """Answer a question of class IN as `decide` does."""
    return _name(decide(snapshot, name, offsets, qtype, client))


def decide(
    snapshot: Snapshot, name: bytes, offsets: Sequence[int], qtype: int, client: Client | None = None
) -> Decision:
    """Decide what is said to a question of class IN.

    `name` is in lower case, `offsets` as `names.offsets_of` gives them; qtype is any but a transfer's. `client` is who
    asks, None for somebody from whom no zone is kept. The source is IGNORED when it shall meet silence.
    """
    zone = snapshot.zone_of(name, offsets) if qtype != DS else _zone_for(snapshot, name, offsets, qtype)
    if zone is None:
        return _REFUSED
    if zone.access is not None:
        verdict = verdict_on(zone, client)
        if verdict == ABSENT:
            return _ABSENT
        if verdict != ALLOW:
            return _DROPPED if verdict == DROP else _PROHIBITED
    found = _find(snapshot, zone, name, offsets, qtype, None)
    return found if found[_TARGET] is None else _follow(snapshot, _name(found), name, qtype, client)


def _name(found: Decision) -> Answer:
    """Give its fields their names."""
    sections = [tuple([RRset(*records) for records in section]) for section in found[3:6]]
    return Answer._make((*found[:3], *sections, *found[6:]))


def _zone_for(snapshot: Snapshot, name: bytes, offsets: Sequence[int], qtype: int) -> ServedZone | None:
    zone = snapshot.zone_of(name, offsets)
    if qtype == DS and zone is not None and len(offsets) - 1 == zone.labels and zone.labels:
        # DS belongs to the parent's side of a cut (RFC 4035, 3.1.4.1); without the parent the child says NODATA.
        above = name[offsets[1] :]
        return snapshot.zone_of(above, offsets_of(above)) or zone
    return zone


def _follow(snapshot: Snapshot, first: Answer, name: bytes, qtype: int, client: Client | None) -> Decision:
    """Follow aliases through zones that are served to the client; the last name decides the rcode (RFC 2308, 2.1)."""
    rrsets = list(first.answer)
    target = first.target or b""
    seen = {name}
    while target not in seen and len(seen) < MAX_CHAIN:
        seen.add(target)
        offsets = offsets_of(target)
        zone = _zone_for(snapshot, target, offsets, qtype)
        if zone is None or verdict_on(zone, client) != ALLOW:
            break
        found = _name(_find(snapshot, zone, target, offsets, qtype, target))
        rrsets += found.answer
        if found.target is None:
            return found._replace(authoritative=AA, source=ALIAS, answer=rrsets, origin=first.origin)
        target = found.target
    return Answer(NOERROR, AA, ALIAS, rrsets, origin=first.origin)


def verdict_on(zone: ServedZone, client: Client | None) -> int:
    """Say what becomes of a client's questions in a zone."""
    if zone.access is None:
        return ALLOW
    if zone.absent:
        return ABSENT
    if client is None:
        return ALLOW
    verdict = zone.access.decide(client.version, client.number)
    if verdict != ALLOW and client.key is not None and zone.transfer is not None:
        # Whose key may have the zone may ask about it; this zone, and no other that an alias leads to.
        return ALLOW if zone.transfer.opens(client.version, client.number, client.key) else verdict
    return verdict


def _find(
    snapshot: Snapshot, zone: ServedZone, name: bytes, offsets: Sequence[int], qtype: int, owner: bytes | None
) -> Decision:
    """Answer from one zone. `owner` is what the RRsets of `name` are owned by: None when it is the question's name."""
    relative = name[: offsets[-1 - zone.labels]]
    node = zone.find(relative)
    managed = None
    if snapshot.overlays and zone.number in snapshot.overlays:
        managed = snapshot.overlays[zone.number].find(relative)
    if node < 0:
        return _absent(snapshot, zone, name, offsets, qtype, owner, managed)
    flags = zone.buffer[node]  # zone.flags(node), without the call
    if flags:
        if flags & NODE_OCCLUDED:
            return _occluded(zone, zone.guard(node), name, qtype, owner)
        if flags & NODE_CUT and qtype != DS:
            return _referral(zone, node)
    if managed is not None and qtype in (PTR, ANY) and not flags & (NODE_CNAME | NODE_CUT):
        mine = managed if owner is None else managed._replace(owner=owner)
        return Answer(NOERROR, AA, RECORD, (mine,))
    records = zone.records_of(node, qtype, owner)
    if records is not None:  # the usual answer
        return NOERROR, AA, RECORD, (records,), (), (), 0, -1, None, zone.number, None
    return _other(zone, node, flags, name, offsets, qtype, owner)


def _other(
    zone: ServedZone,
    node: int,
    flags: int,
    name: bytes,
    offsets: Sequence[int],
    qtype: int,
    owner: bytes | None,
) -> Decision:
    """Answer at a node that does not have the type: its alias, one RRset for ANY, a default beside it, or NODATA."""
    if flags & NODE_CNAME:
        rrset = zone.rrset(node, CNAME, owner)
        if rrset is not None:
            target = None if qtype == ANY else rrset.records[12:].lower()
            return Answer(NOERROR, AA, ALIAS, (rrset,), target=target)
    if qtype == ANY:  # RFC 8482, 4.1: one RRset is an answer
        types = zone.rtypes(node)
        rrset = zone.rrset(node, PTR if PTR in types else types[0], owner)
        if rrset is not None:
            return Answer(NOERROR, AA, RECORD, (rrset,))
    if not flags & NODE_CUT:
        made = _make(zone, name, offsets, qtype)
        if made is not None:
            return _made_answer(made, qtype, owner)
    return _nodata(zone)


def _nodata(zone: ServedZone) -> Decision:
    return NOERROR, AA, NODATA, (), (zone.negative,), (), 0, -1, None, zone.number, None


def _make(zone: ServedZone, name: bytes, offsets: Sequence[int], qtype: int) -> Made | None:
    """Make the default records of a type at a name that lies neither at nor below a cut or DNAME."""
    if qtype == PTR:
        if zone.trie_entry:
            address = zone.address_at(name, offsets)
            if address >= 0:
                return zone.made_pointer(address)
    elif zone.forward and qtype in (A, AAAA):
        return zone.made_addresses(zone.snapshot.led_to(zone, name), qtype)
    return None


def _made_answer(made: Made, qtype: int, owner: bytes | None) -> Decision:
    records, number = made
    if owner is not None:
        records = owner, *records[1:]
    return NOERROR, AA, DEFAULT if qtype == PTR else FORWARD, (records,), (), (), 0, number, None, -1, None


def _absent(
    snapshot: Snapshot,
    zone: ServedZone,
    name: bytes,
    offsets: Sequence[int],
    qtype: int,
    owner: bytes | None,
    managed: RRset | None,
) -> Decision:
    """Answer for a name without a node: below a cut, made, an empty non-terminal, from a wildcard, or nothing."""
    address = -1
    if zone.trie_entry and managed is None:
        address = zone.address_at(name, offsets)
        if address >= 0:
            made = zone.made_pointer(address)
            if made is not None:
                return _made_answer(made, PTR, owner) if qtype in (PTR, ANY) else _nodata(zone)

    overlay = snapshot.overlays.get(zone.number)
    # Only below a cut, beside a wildcard, or above the longest names do neighbours matter; most misses are addresses.
    near = managed is None and (zone.wildcards or len(offsets) - 1 - zone.labels < zone.deepest)
    key = sort_key(name[: offsets[-1 - zone.labels]] + b"\0") if near or zone.cuts or overlay is not None else b""
    before, after = zone.neighbours(key) if zone.cuts or (near and not zone.forward) else (-1, -1)
    if zone.cuts and before >= 0:
        guard = zone.guard(before) if zone.flags(before) & NODE_OCCLUDED else before
        above = zone.key(guard)
        if zone.is_occluding(guard) and (not above or key.startswith(above + b"\0")):
            return _occluded(zone, guard, name, qtype, owner)

    if managed is not None:
        if qtype in (PTR, ANY):
            mine = managed if owner is None else managed._replace(owner=owner)
            return Answer(NOERROR, AA, RECORD, (mine,))
        return _nodata(zone)
    if zone.forward:
        led = snapshot.led_to(zone, name)
        if led:
            wanted = qtype if qtype != ANY else A if led[0][1].version == 4 else AAAA
            made = zone.made_addresses(led, wanted) if wanted in (A, AAAA) else None
            return _nodata(zone) if made is None else _made_answer(made, wanted, owner)
        if snapshot.leads_below(zone, name):
            return _nodata(zone)
        before, after = zone.neighbours(key) if near else (-1, -1)
    if after >= 0 and zone.key(after).startswith(key + b"\0"):
        return _nodata(zone)
    if overlay is not None and overlay.has_below(key):
        return _nodata(zone)
    reached = 0
    if address < 0 or zone.wildcards:  # at an address nothing is made, as was seen above, and below it neither
        reached = zone.makes_below(name, offsets)
        if reached == len(offsets) - 1:
            return _nodata(zone)
    if zone.wildcards:
        encloser = _closest_encloser(snapshot, zone, name, offsets, key, (before, after), reached)
        star = b"\1*" + name[offsets[-1 - encloser] : offsets[-1 - zone.labels]]
        node = zone.find(star)
        if node >= 0:
            rrset = zone.rrset(node, qtype, owner)
            if rrset is not None:
                return Answer(NOERROR, AA, RECORD, (rrset,), origin=star + zone.origin)
            *found, _ = _other(zone, node, zone.flags(node) | NODE_CUT, name, offsets, qtype, owner)
            return Answer._make((*found, star + zone.origin))
        star_key = sort_key(star + b"\0")
        follower = zone.neighbours(star_key)[1]
        if follower >= 0 and zone.key(follower).startswith(star_key + b"\0"):
            # The wildcard is an empty non-terminal: it has names below it but no data (RFC 4592, 2.2.2).
            return _nodata(zone)
    if snapshot.zone_below(name):
        return _nodata(zone)  # a zone that we serve lies below, so the name is an empty non-terminal of the tree
    return NXDOMAIN, AA, DENIAL, (), (zone.negative,), (), 0, -1, None, zone.number, None


def _closest_encloser(
    snapshot: Snapshot,
    zone: ServedZone,
    name: bytes,
    offsets: Sequence[int],
    key: bytes,
    neighbours: tuple[int, int],
    reached: int,
) -> int:
    """Count the labels of the deepest ancestor that exists (RFC 4592, 3.3.1)."""
    labels = key.split(b"\0")
    keys = [zone.key(node) for node in neighbours if node >= 0]
    if zone.number in snapshot.overlays:
        keys += snapshot.overlays[zone.number].nearest(key)
    deepest = max(zone.labels, reached)
    for other in keys:
        common = 0
        for mine, theirs in zip(labels, other.split(b"\0"), strict=False):
            if mine != theirs:
                break
            common += 1
        deepest = max(deepest, zone.labels + common)
    if not zone.forward:
        return deepest

    def is_missing(count: int) -> bool:
        ancestor = name[offsets[-1 - count] :]
        return not (snapshot.led_to(zone, ancestor) or snapshot.leads_below(zone, ancestor))

    # What is above a name that exists exists, so seven questions are enough for a name of 127 labels.
    return deepest + bisect_left(range(deepest + 1, len(offsets) - 1), x=True, key=is_missing)


def _occluded(zone: ServedZone, guard: int, name: bytes, qtype: int, owner: bytes | None) -> Answer:
    """Answer for a name below a cut (referral) or below a DNAME (RFC 6672, 3.2)."""
    if zone.flags(guard) & NODE_CUT:
        return _referral(zone, guard)
    above = zone.relative_name(guard) + zone.origin
    rrset = zone.rrset(guard, DNAME, above)
    if rrset is None:
        raise AssertionError("a node is occluded by one that is neither cut nor DNAME")
    _, ttl, target = split_records(rrset.records)[0]
    renamed = name[: len(name) - len(above)] + target
    if len(renamed) > MAX_NAME:
        return Answer(YXDOMAIN, AA, ALIAS, (rrset,), origin=above)
    alias = RRset(owner, 1, write_record(CNAME, ttl, renamed))
    on = None if qtype in (CNAME, ANY) else renamed.lower()
    return Answer(NOERROR, AA, ALIAS, (rrset, alias), target=on, origin=above)


def _referral(zone: ServedZone, cut: int) -> Answer:
    """Refer to the servers of a cut, with every address of theirs that this zone holds (RFC 9471)."""
    name = zone.relative_name(cut) + zone.origin
    servers = zone.rrset(cut, NS, name)
    if servers is None:
        raise AssertionError("a cut has no NS")
    required: list[RRset] = []
    others: list[RRset] = []
    for _, _, target in split_records(servers.records):
        server = target.lower()
        if not is_below(server, zone.origin):
            continue
        node = zone.find(server[: len(server) - len(zone.origin)])
        if node < 0:
            continue
        addresses = [zone.rrset(node, rtype, server) for rtype in (A, AAAA)]
        (required if is_below(server, name) else others).extend(rrset for rrset in addresses if rrset is not None)
    return Answer(NOERROR, 0, DELEGATION, (), (servers,), (*required, *others), len(required), origin=name)
