"""What a transfer holds is what would be answered: every address of random zones, asked and looked up."""

from __future__ import annotations

import itertools
import random

import dns.message
import pytest

from ptrd.engine.answer import DEFAULT, FORWARD, RECORD, answer
from ptrd.engine.edns import TCP
from ptrd.engine.responder import Options, Service, respond
from ptrd.engine.transfers import Outgoing
from ptrd.records.changes import Change
from ptrd.records.cuts import owner_of
from ptrd.snapshot.expansion import count_made, pointer_at
from ptrd.snapshot.layout import NODE_CUT, NODE_OCCLUDED
from ptrd.wire.names import format_name, offsets_of, parse_name
from ptrd.wire.rrtypes import AAAA, PTR, A
from ptrd.wire.writer import split_records
from tests.differential.worlds import random_world
from tests.serving import serve

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
ALLOWED = 'transfer: {allow: ["10.0.0.0/8"], defaults: expand}\n'
PEER = ("10.1.1.1", 4711)
MOST = 5000


def transfer(snapshot, zone, **options):
    """Transfer a zone by call: {(owner, type): sorted [(TTL, data)]}, or the reason of a refusal."""
    service = Service(Options(transfer_expand=MOST, **options))
    query = dns.message.make_query(format_name(zone.origin), "AXFR", use_edns=0)
    outgoing = respond(snapshot, service, query.to_wire(), TCP, PEER, 0.0)[0]
    if not isinstance(outgoing, Outgoing):
        return dns.message.from_wire(outgoing).options[0].text
    found = {}
    records = []
    while wire := outgoing.take(0.0):
        message = dns.message.from_wire(wire, xfr=True, one_rr_per_rrset=True)
        records += [
            (rrset.name.to_wire(), int(rrset.rdtype), rrset.ttl, rrset[0].to_wire()) for rrset in message.answer
        ]
    assert records[0] == records[-1] and records[0][1] == 6 and len(records) > 2
    assert len(set(records[1:])) == len(records) - 1, "a record is there twice"
    runs = [key for key, _ in itertools.groupby(records[1:-1], key=lambda record: record[:2])]
    assert len(set(runs)) == len(runs), "an RRset is in several places"
    for owner, rtype, ttl, rdata in records[:-1]:
        found.setdefault((owner, rtype), []).append((ttl, rdata))
    return {key: sorted(values) for key, values in found.items()}


def asked(snapshot, zone, owner, rtype):
    """Give what is answered at a name from a zone itself, as `transfer` has it; an alias is no answer of the type."""
    offsets = offsets_of(owner)
    if snapshot.zone_of(owner, offsets) is not zone:
        return None
    found = answer(snapshot, owner, offsets, rtype)
    if found.source not in (RECORD, DEFAULT, FORWARD) or found.origin is not None:  # a wildcard's
        return None
    return sorted((ttl, rdata) for rrset in found.answer for _, ttl, rdata in split_records(rrset.records))


def hidden(zone, owner):
    """Tell whether a name is written at or below a cut, or below a DNAME."""
    node = zone.find(owner[: -len(zone.origin)])
    return node >= 0 and bool(zone.flags(node) & (NODE_OCCLUDED | NODE_CUT))


def addresses_of(zone):
    """Give the addresses of a zone, some only where there are too many."""
    first, last = zone.prefix.number, zone.prefix.last
    if last - first < 4096:
        return range(first, last + 1)
    rng = random.Random(7)
    return [first, last, *(rng.randint(first, last) for _ in range(500))]


def manage(snapshot, rng):
    """Give some addresses of each zone a managed record."""
    changes = []
    for zone in snapshot.zones:
        for number in rng.sample(list(addresses_of(zone)), 3) if zone.prefix and zone.prefix.length < 30 else ():
            changes.append(Change(zone.version, number, 77, (parse_name(f"m{len(changes)}.example.org"),)))
    return snapshot.with_overlay(changes, 2)


@pytest.mark.parametrize("seed", range(20))
def test_a_transfer_holds_what_is_answered(seed):
    """A default name is there exactly when it is answered, of reverse and forward zones, and no record twice."""
    texts = [
        "\n---\n".join(document.rstrip() + "\n" + ALLOWED for document in text.split("\n---\n"))
        for text in random_world(seed).texts
    ]
    snapshot = manage(serve(*texts), random.Random(seed))
    for zone in snapshot.zones:
        content = transfer(snapshot, zone)
        made = count_made(snapshot, zone)
        if made.v4 + made.v6 > MOST:
            assert content == f"{made.v4 + made.v6} default names are more than the {MOST} that are written out"
            continue
        for number in addresses_of(zone) if zone.prefix else ():
            owner = owner_of(zone, zone.version, number)
            at = content.get((owner, PTR))
            if not hidden(zone, owner) and snapshot.zone_of(owner, offsets_of(owner)) is zone:
                assert at == asked(snapshot, zone, owner, PTR), format_name(owner)
            (item,) = pointer_at(zone, snapshot.overlays.get(zone.number), number, expand=True) or (None,)
            alone = item and sorted((ttl, rdata) for _, ttl, rdata in split_records(item[2]))
            assert alone == at, format_name(owner)
        for owner, rtype in content if zone.forward else ():
            if rtype in (A, AAAA) and not hidden(zone, owner):
                assert content[owner, rtype] == asked(snapshot, zone, owner, rtype), format_name(owner)
        for number in range(snapshot.range_count) if zone.forward else ():
            span = snapshot.range(number)
            if span.prefix.last - span.prefix.number >= 4096:
                continue
            for address in range(span.prefix.number, span.prefix.last + 1):
                name = span.render(address).lower()
                for rtype in (A, AAAA) if name.endswith(zone.origin) else ():
                    if not hidden(zone, name):
                        assert content.get((name, rtype)) == asked(snapshot, zone, name, rtype), format_name(name)


@pytest.mark.parametrize(
    ("defaults", "ranges", "expected"),
    [
        ("", "", 2),
        ("", "defaults: {192.0.2.0/28: '{ip}.example.net'}\n", 18),
        (", defaults: omit", "defaults: {192.0.2.0/28: '{ip}.example.net'}\n", 2),
        (
            ", defaults: refuse",
            "defaults: {192.0.2.0/28: '{ip}.example.net'}\n",
            "16 default names are not transferred from this zone",
        ),
        (", defaults: refuse", "", 2),
    ],
)
def test_defaults_say_what_becomes_of_default_names(defaults, ranges, expected):
    """Of IPv4 they are written out unless it is said otherwise; a zone without any is never refused."""
    text = f"zone: 192.0.2.0/24\n{HEAD}{ranges}transfer: {{allow: [10.0.0.0/8]{defaults}}}\n"
    snapshot = serve(text)
    content = transfer(snapshot, snapshot.zones[0])
    assert (content if isinstance(content, str) else len(content)) == expected


def test_default_names_of_ipv6_are_refused_unless_it_is_said_otherwise():
    """A /124 has 16 default names, which are written out when `expand` is written, else refused with their number."""
    ranges = "defaults: {'2001:db8::/124': '{ip}.example.net'}\n"
    silent, spoken = (
        serve(f"zone: 2001:db8::/32\n{HEAD}{ranges}transfer: {{allow: [10.0.0.0/8]{defaults}}}\n")
        for defaults in ("", ", defaults: expand")
    )
    assert transfer(silent, silent.zones[0]) == "16 default names are not transferred from this zone"
    assert len(transfer(spoken, spoken.zones[0])) == 18
