"""Images: what several zones mean to each other, serials, damage, and that records are never objects."""

from __future__ import annotations

import gc
import ipaddress
import random

import dns.message
import dns.rcode
import pytest

from ptrd.records.changes import Change
from ptrd.snapshot.image import open_image, read_about, segment_of
from ptrd.snapshot.layout import ImageError
from ptrd.snapshot.view import Snapshot
from ptrd.wire.names import parse_name, sort_key
from ptrd.wire.reverse import reverse_name
from ptrd.wire.writer import split_records
from tests.serving import ask, build, serve

APEX = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
PADDING = (*range(52, 56), *range(76, 80))  # of the header and of the one segment entry
REVERSE = "zone: 192.0.2.0/24\n" + APEX


def rcode(snapshot, name, rtype="PTR"):
    """Ask and give the rcode's name."""
    return dns.rcode.to_text(ask(snapshot, dns.message.make_query(name, rtype)).rcode())


def pointers(snapshot, name):
    """Ask for PTR and give the targets."""
    reply = ask(snapshot, dns.message.make_query(name, "PTR"))
    return sorted(record.target.to_text() for rrset in reply.answer for record in rrset)


def messages(built):
    """Write the problems of a build."""
    return [str(problem) for problem in built.problems]


def test_a_zone_may_stand_once_in_all_files():
    """The second one is an error that names the first."""
    built = build(REVERSE, REVERSE)
    assert not built.parts
    (problem,) = messages(built)
    assert problem.startswith("zones/1.yaml:1:7: error: zone 2.0.192.in-addr.arpa. stands a second time")
    assert "zones/0.yaml:1" in problem


def test_a_name_for_several_addresses_cannot_lead_back():
    """A template that does not identify is an error where a forward zone covers its range, and fine elsewhere."""
    reverse = REVERSE + 'defaults: {192.0.2.0/24: "pool.dyn.example.net"}\n'
    forward = "zone: dyn.example.net\n" + APEX + "forward: [192.0.2.0/25]\n"
    assert build(reverse).parts
    (problem,) = messages(build(reverse, forward))
    assert problem.startswith("zones/0.yaml:4:") and "several addresses" in problem and "dyn.example.net." in problem
    assert build(reverse, forward.replace("192.0.2.0/25", "198.51.100.0/24")).parts


def test_two_ranges_cannot_make_one_name_in_a_forward_zone():
    """The error names both ranges and a name."""
    reverse = (
        REVERSE + 'defaults: {192.0.2.0/25: "h{host}.dyn.example.net", 192.0.2.128/25: "h{host}.dyn.example.net"}\n'
    )
    forward = "zone: dyn.example.net\n" + APEX + "forward: [192.0.2.0/24]\n"
    (problem,) = messages(build(reverse, forward))
    assert "makes the name h" in problem and "zones/0.yaml:4" in problem
    assert build(reverse, "zone: dyn.example.net\n" + APEX + "forward: [192.0.2.0/25]\n").parts


def test_a_serial_moves_only_with_the_content_and_never_back():
    """`auto` is max(last + 1, time); a clock that jumps back changes nothing about that."""
    text = REVERSE + "records: {192.0.2.1: a.example}\n"
    first = build(text, now=1000.0)
    assert first.changed == [("2.0.192.in-addr.arpa.", None, 1000)]
    same = build("\n# a comment\n" + text, serials=first.serials, now=2000.0)
    assert same.changed == [] and same.serials == first.serials
    other = text.replace("a.example", "b.example")
    later = build(other, serials=first.serials, now=2000.0)
    assert later.changed == [("2.0.192.in-addr.arpa.", 1000, 2000)]
    back = build(text, serials=later.serials, now=500.0)
    assert back.changed == [("2.0.192.in-addr.arpa.", 2000, 2001)]


def test_a_written_serial_wins_when_it_is_higher():
    """A number in the file is a starting point: content that changes under it counts on."""
    text = REVERSE.replace("rname:", "serial: 7, rname:")
    first = build(text)
    assert first.changed == [("2.0.192.in-addr.arpa.", None, 7)]
    changed = build(text + "records: {192.0.2.1: a.example}\n", serials=first.serials)
    assert changed.changed == [("2.0.192.in-addr.arpa.", 7, 8)]
    lower = build(text.replace("7", "3"), serials=changed.serials)
    assert lower.serials[parse_name("2.0.192.in-addr.arpa")][1] >= 8
    higher = build(text.replace("serial: 7", "serial: 4000000000"), serials={})
    assert higher.changed[0][2] == 4000000000


def test_a_forward_zone_changes_with_the_ranges_it_covers():
    """Its serial moves when a template in another file does."""
    reverse = REVERSE + 'defaults: {192.0.2.0/24: "{ip}.dyn.example.net"}\n'
    forward = "zone: dyn.example.net\n" + APEX + "forward: [192.0.2.0/24]\n"
    first = build(reverse, forward, now=1.0)
    second = build(reverse.replace("{ip}", "x{ip}"), forward, serials=first.serials, now=2.0)
    assert {name for name, _, _ in second.changed} == {"2.0.192.in-addr.arpa.", "dyn.example.net."}


def test_any_flipped_bit_is_found():
    """An image with one bit changed is refused, wherever it is."""
    image = bytearray(b"".join(build(REVERSE + 'defaults: {192.0.2.0/24: "{ip}.dyn.example.net"}\n').parts))
    assert open_image(bytes(image)).zones
    for at in range(len(image)):
        image[at] ^= 1 << at % 8
        if at not in PADDING:
            with pytest.raises(ImageError):
                open_image(bytes(image))
        image[at] ^= 1 << at % 8


@pytest.mark.parametrize("size", [0, 10, 56, 100, -1])
def test_a_truncated_image_is_refused(size):
    """Half an image is none."""
    image = b"".join(build(REVERSE).parts)
    with pytest.raises(ImageError):
        open_image(image[:size])


def test_a_segment_is_used_again():
    """What an image says of its inputs, and the segment it gives back, are what went in."""
    built = build(REVERSE, "zone: 198.51.100.0/24\n" + APEX, revision=42)
    image = b"".join(built.parts)
    about = read_about(image)
    assert [source.path for source in about.inputs] == ["zones/0.yaml", "zones/1.yaml"]
    assert about.revision == 42
    assert segment_of(image, 1)[:8] == b"ptrdseg\n"


def test_a_zone_that_is_served_below_makes_its_ancestors_exist():
    """Between a parent and a child that are both served no name is denied, delegated or not."""
    snapshot = serve("zone: 10.in-addr.arpa\n" + APEX, "zone: 10.1.2.0/24\n" + APEX)
    assert rcode(snapshot, "1.10.in-addr.arpa") == "NOERROR"
    assert rcode(snapshot, "2.10.in-addr.arpa") == "NXDOMAIN"


def test_a_range_gives_way_to_a_deeper_zone():
    """Its addresses belong to the deeper zone, which knows no default for them."""
    parent = "zone: 10.in-addr.arpa\n" + APEX + 'defaults: {10.0.0.0/8: "{ip}.example.net"}\n'
    snapshot = serve(parent, "zone: 10.1.0.0/16\n" + APEX)
    assert pointers(snapshot, "1.0.2.10.in-addr.arpa") == ["10-2-0-1.example.net."]
    assert rcode(snapshot, "1.0.1.10.in-addr.arpa") == "NXDOMAIN"


def test_the_overlay_is_over_everything_and_leaves_no_trace():
    """A managed record replaces what the files say; taken out, its ancestors are gone with it."""
    text = REVERSE + 'records: {192.0.2.1: file.example}\ndefaults: {192.0.2.0/25: "{ip}.dyn.example.net"}\n'
    old = serve(text, "zone: 2001:db8::/32\n" + APEX)
    deep = (0x20010DB8 << 96) + 0xAB
    targets = (parse_name("managed.example"),)
    shapes = ((4, 0xC0000201), (4, 0xC0000202), (4, 0xC00002C8), (6, deep))
    new = old.with_overlay(
        [Change(*shape, 60, targets) for shape in shapes],
        2,
    )
    owner = dns.name.from_wire(reverse_name(6, deep), 0)[0]
    for name in ("1.2.0.192.in-addr.arpa", "2.2.0.192.in-addr.arpa", "200.2.0.192.in-addr.arpa", owner):
        assert pointers(new, name) == ["managed.example."]
    assert rcode(new, owner.parent().parent()) == "NOERROR" and rcode(old, owner.parent().parent()) == "NXDOMAIN"
    assert pointers(old, "1.2.0.192.in-addr.arpa") == ["file.example."]
    gone = new.with_overlay([Change(*shape, 0, ()) for shape in shapes], 3)
    assert pointers(gone, "1.2.0.192.in-addr.arpa") == ["file.example."]
    assert pointers(gone, "2.2.0.192.in-addr.arpa") == ["192-0-2-2.dyn.example.net."]
    assert rcode(gone, "200.2.0.192.in-addr.arpa") == rcode(gone, owner) == rcode(gone, owner.parent()) == "NXDOMAIN"
    assert (old.revision, new.revision, gone.revision) == (1, 2, 3)
    assert not gone.overlays


def test_a_walk_shows_image_and_overlay_in_canonical_order():
    """Every name that has records comes once, in order; a managed PTR RRset stands in place of the file's."""
    text = REVERSE + "records: {192.0.2.1: file.example, 192.0.2.20: other.example}\n"
    text += "rrsets: |\n  1 IN TXT x\n  a.b IN TXT y\n  30 IN CNAME elsewhere.example.\n"
    snapshot = serve(text)
    targets = (parse_name("managed.example"),)
    numbers = (1, 2, 30, 200, 255)
    changed = snapshot.with_overlay([Change(4, 0xC0000200 + number, 60, targets) for number in numbers], 2)

    def shown(world):
        return {
            name: {(rtype, rdata) for rrset in rrsets for rtype, _, rdata in split_records(rrset.records)}
            for name, rrsets in world.walk(world.zones[0])
        }

    before, after = shown(snapshot), shown(changed)
    for names in (before, after):
        assert list(names) == sorted(names, key=lambda name: sort_key(name + b"\0"))
    assert after.keys() - before.keys() == {b"\x012", b"\x03200", b"\x03255"}
    assert {rtype for rtype, _ in before[b""]} == {2, 6}
    assert after[b"\x011"] == {(12, targets[0]), (16, b"\x01x")}
    assert after[b"\x0220"] == before[b"\x0220"] == {(12, parse_name("other.example"))}
    assert {rtype for rtype, _ in after[b"\x0230"]} == {5}


def test_every_ancestor_of_every_name_exists():
    """No ancestor of a record or of a synthesizing range is denied, up to the apex."""
    rng = random.Random(7)
    records = {f"2001:db8:{rng.randrange(65536):x}::{rng.randrange(65536):x}": "a.example" for _ in range(50)}
    ranges = [f"2001:db8:{rng.randrange(65536):x}::/{rng.choice([48, 52, 60, 64])}" for _ in range(20)]
    text = "zone: 2001:db8::/32\n" + APEX + "records:\n" + "".join(f"  {one}: a.example\n" for one in records)
    text += "defaults:\n" + "".join(f'  {one}: "{{ip}}.example.net"\n' for one in dict.fromkeys(ranges))
    snapshot = serve(text)
    (zone,) = snapshot.zones
    for one in [*records, *(str(ipaddress.ip_network(one)[5]) for one in ranges)]:
        name = dns.name.from_text(ipaddress.ip_address(one).reverse_pointer)
        assert pointers(snapshot, name)
        while len(name) > zone.labels + 1:
            name = name.parent()
            assert rcode(snapshot, name) == "NOERROR", name


def test_records_are_not_objects():
    """A snapshot holds as many objects for a thousand records as for one."""

    def objects(count):
        text = "zone: 10.in-addr.arpa\n" + APEX + "records:\n"
        text += "".join(f"  10.0.{number >> 8}.{number & 255}: host-{number}.example\n" for number in range(count))
        image = b"".join(build(text).parts)
        gc.collect()
        before = len(gc.get_objects())
        snapshot = open_image(image)
        after = len(gc.get_objects())
        assert isinstance(snapshot, Snapshot) and snapshot.statistics()["records"] == count
        return after - before

    assert abs(objects(1000) - objects(1)) <= 20


def test_a_record_hidden_by_a_deeper_zone_is_warned_about():
    """The warning names the line and the zone that answers instead; a cut to it and its glue are no such record."""
    parent = "zone: 10.in-addr.arpa\n" + APEX + "records:\n  10.1.2.3: hidden.example\n  10.2.0.1: seen.example\n"
    child = "zone: 10.1.2.0/24\n" + APEX
    built = build(parent, child)
    (warning,) = messages(built)
    assert warning.startswith("zones/0.yaml:5:1: warning: ") and "2.1.10.in-addr.arpa. (zones/1.yaml:1)" in warning
    assert built.parts
    cut = "zone: 10.in-addr.arpa\n" + APEX + "delegations: {10.1.2.0/24: {ns: [ns.2.1.10.in-addr.arpa]}}\n"
    assert not messages(build(cut + "rrsets: |\n  ns.2.1 IN A 10.1.2.53\n", child))
