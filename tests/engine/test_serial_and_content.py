"""A zone whose transfer would hold something else has another serial: else its secondaries differ for good, unseen."""

from __future__ import annotations

import random

import pytest

from ptrd.snapshot.image import open_image
from ptrd.wire.names import format_name
from tests.differential.worlds import random_world
from tests.engine.test_expansion import transfer
from tests.serving import build

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
ALLOWED = 'transfer: {allow: ["10.0.0.0/8"], defaults: expand}\n'
REVERSE = "zone: 192.0.2.0/24\n" + HEAD + ALLOWED + 'defaults: {192.0.2.0/24: "h{d}.deep.dyn.example.net"}\n'
FORWARD = "zone: dyn.example.net\n" + HEAD + ALLOWED + "forward: [192.0.2.0/24]\n"
WIDE = "zone: 192.0.0.0/16\n" + HEAD + ALLOWED + 'defaults: {192.0.2.0/23: "s{c}-{d}.x.example.net"}\n'
DEEP = "zone: deep.dyn.example.net\n" + HEAD
CHILD = "zone: 64-26.2.0.192.in-addr.arpa\ncovers: 192.0.2.64/26\n" + HEAD
SOA = 6


def compare(before: list[str], after: list[str]) -> list[str]:
    """Compile one set of zones and then another, and list the zones whose content differs; asserts their serials."""
    first = build(*before)
    assert first.parts, first.problems
    second = build(*after, serials=first.serials)
    assert second.parts, second.problems
    old, new = open_image(b"".join(first.parts)), open_image(b"".join(second.parts))
    moved = {name for name, _, _ in second.changed}
    differing = []
    for origin in old.zones_by_name.keys() & new.zones_by_name.keys():
        ours, theirs = (transfer(snapshot, snapshot.zones_by_name[origin]) for snapshot in (old, new))
        if isinstance(ours, dict) and isinstance(theirs, dict):
            del ours[origin, SOA], theirs[origin, SOA]
        if ours != theirs:
            differing.append(format_name(origin))
            assert format_name(origin) in moved, format_name(origin)
    return sorted(differing)


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        ([REVERSE, FORWARD], ["ttl: 2h\n" + REVERSE, FORWARD], ["2.0.192.in-addr.arpa.", "dyn.example.net."]),
        (
            [REVERSE, FORWARD],
            [REVERSE + "rrsets: |\n  9 IN NS ns.example.org.\n", FORWARD],
            ["2.0.192.in-addr.arpa.", "dyn.example.net."],
        ),
        (
            [REVERSE, FORWARD],
            [REVERSE + "delegations: {192.0.2.64/26: {ns: [x.example.org]}}\n", FORWARD],
            ["2.0.192.in-addr.arpa.", "dyn.example.net."],
        ),
        ([REVERSE, FORWARD], [REVERSE, FORWARD, DEEP], ["dyn.example.net."]),
        ([REVERSE, FORWARD, CHILD], [REVERSE, FORWARD], ["dyn.example.net."]),
        ([WIDE], [WIDE, REVERSE], ["0.192.in-addr.arpa."]),
        ([WIDE, REVERSE], [WIDE], ["0.192.in-addr.arpa."]),
        ([REVERSE, FORWARD], [FORWARD, REVERSE], []),
    ],
)
def test_what_other_zones_do_to_a_zone_moves_its_serial(before, after, differing):
    """Ranges, holes and deeper zones elsewhere take names from a zone; the order of files does not."""
    assert compare(before, after) == differing


@pytest.mark.parametrize("seed", range(12))
def test_no_content_changes_without_its_serial(seed):
    """In random worlds, zones that are added and removed change the transfers of others only with their serials."""
    rng = random.Random(seed)
    texts = [text + ALLOWED for text in random_world(seed).texts]
    for _ in range(3):
        before = [text for text in texts if rng.random() < 0.8]
        after = [text for text in texts if rng.random() < 0.8]
        if before and after and build(*before).parts and build(*after).parts:
            compare(before, after)
