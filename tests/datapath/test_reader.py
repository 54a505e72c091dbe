"""A Reader and a UdpSocket are made whole or not at all, and whatever an image holds, what is said of it is bounded."""

from __future__ import annotations

import gc
import os
import random
import resource
import socket
import sys
from copy import copy
from types import SimpleNamespace

import pytest

from ptrd.datapath import reader as datapath
from ptrd.datapath.reader import make_reader, standings
from ptrd.datapath.sockets import make_udp_socket
from ptrd.engine.responder import Options, Service
from ptrd.metrics import blocks
from ptrd.records.changes import Change
from ptrd.snapshot.image import open_image
from ptrd.snapshot.layout import HEADER, INDEX, ZONE
from tests.datapath.both import NOW, SECRET, Both, new_table, require_compiled
from tests.datapath.damaged import QUERIES, Damaged
from tests.datapath.worlds import HEAD, kept, owner
from tests.peers.asking import Edns, make_query
from tests.serving import serve

CLIENT = bytes((198, 51, 100, 7))
ONE = make_query(owner("192.0.2.1"), 12)
NOTHING = make_query(owner("192.0.2.77"), 12)


@pytest.fixture(autouse=True)
def compiled():
    """Skip everything here without a compiled data path."""
    require_compiled()


def arguments(snapshot=None, service=None, **more):
    """Give what make_reader passes on."""
    snapshot, service = snapshot or kept(), service or Service(Options())
    return {
        "image": snapshot.buffer,
        "zones": snapshot.zones,
        "above": snapshot.names_above,
        "forward": bytes(len(snapshot.zones)),
        "udp_size": 1232,
        "cookie_secrets": bytes(16),
        "clients": (standings(service, 4), standings(service, 6)),
        "table": None,
        "secret": bytes(16),
        "steps": (0, 0, 0),
        "slip": 2,
        "badcookie": False,
        "ranges": None,
    } | more


def offset_of_zone(image, number):
    """Give where the entry of a zone is in an image."""
    return HEADER.unpack_from(image)[5] + INDEX.size + number * ZONE.size


def test_every_truncation_is_refused_or_answered():
    """An image that ends too early is a ValueError, or answers from what is there; nothing is read behind its end."""
    damaged = Damaged()
    image = damaged.image
    told = [damaged.ask(image[:size], QUERIES[:4]) for size in range(0, len(image) - 1, 7)]
    assert None in told
    assert damaged.ask(image) > 20


@pytest.mark.parametrize("kind", ["each byte", "two or more"])
def test_flipped_bytes_are_refused_or_answered(kind):
    """Whatever byte of an image is changed, it is a ValueError, or each query gets a bounded answer or is left."""
    damaged = Damaged()
    image = damaged.image
    dice = random.Random(kind)
    outcomes = set()
    for at in range(0, len(image), 3):
        changed = bytearray(image)
        changed[at] = dice.choice((0, 0xFF, changed[at] ^ 1 << dice.randrange(8)))
        for _ in range(0 if kind == "each byte" else dice.choice((1, 3, 16))):
            near = min(max(0, at + dice.randrange(-30, 30)), len(image) - 1)
            changed[near] = dice.randrange(256)
        outcomes.add(damaged.ask(bytes(changed), dice.sample(QUERIES, 8)))
    assert None in outcomes and len(outcomes) > 3


def test_a_zone_that_lies_about_its_labels_is_refused():
    """The number of labels of a zone has to be that of its name: it says where in a question's name the zone begins."""
    snapshot = serve(f"zone: example.net\n{HEAD}", f"zone: a.b.c.d.example.org\n{HEAD}", f"zone: example.com\n{HEAD}")
    for number, labels in ((0, 6), (0, 3), (0, 0), (1, 2), (1, 127)):
        image = bytearray(snapshot.buffer)
        image[offset_of_zone(image, number) + 5] = labels
        with pytest.raises(ValueError, match="a zone"):
            make_reader(
                SimpleNamespace(buffer=bytes(image), zones=snapshot.zones, names_above=set()), Service(Options())
            )


def test_what_is_no_image_is_refused():
    """Nothing, another magic and another version are told apart from an image."""
    image = kept().buffer
    for wrong, why in ((b"", "no image"), (b"x" * 100, "no image"), (image[:8] + b"\xff" + image[9:], "version")):
        with pytest.raises(ValueError, match=why):
            datapath._compiled.Reader(**arguments(image=wrong))


def test_wrong_arguments():
    """What make_reader would never pass is refused before anything is made of it."""
    make = datapath._compiled.Reader
    count = len(kept().zones)
    odd = memoryview(bytearray(8 * 262144 + 1))[1:]
    for more, error in (
        ({"zones": kept().zones[:-1]}, ValueError),
        ({"forward": bytes(count + 1)}, ValueError),
        ({"cookie_secrets": bytes(15)}, ValueError),
        ({"secret": bytes(15)}, ValueError),
        ({"clients": ((b"", b""), (b"", b""))}, ValueError),
        ({"clients": ((bytes(15), b"\0"), (bytes(16), b"\0"))}, ValueError),
        ({"clients": ((bytes(16), b"\0"),)}, ValueError),
        ({"clients": (1, 2)}, TypeError),
        ({"table": memoryview(bytearray(8))}, ValueError),
        ({"table": odd}, ValueError),
        ({"table": bytes(8 * 262144)}, BufferError),
        ({"ranges": memoryview(bytearray(17))[1:]}, ValueError),
        ({"zones": tuple(kept().zones)}, TypeError),
        ({"above": []}, TypeError),
        ({"image": 1}, TypeError),
        ({"slip": "x"}, TypeError),
    ):
        with pytest.raises(error):
            make(**arguments(**more))
    with pytest.raises(TypeError):
        make()
    with pytest.raises(TypeError):
        make(1, 2)


def test_a_reader_that_could_not_be_made_answers_nothing():
    """After an error of its construction a Reader refuses every query, also those about the image it was given."""
    reader_type = datapath._compiled.Reader
    snapshot = copy(kept())
    image = bytearray(kept().buffer)
    last = offset_of_zone(image, len(snapshot.zones) - 1)
    image[last + 36 : last + 40] = b"\xff\xff\xff\xff"  # the last zone's segment; those before it can be opened
    snapshot.buffer = bytes(image)
    reader = reader_type.__new__(reader_type)
    for more in ({}, {"image": snapshot.buffer}, {"zones": 1}):
        if more:
            with pytest.raises((ValueError, TypeError)):
                reader.__init__(**arguments(snapshot, **more))
        for query in QUERIES:
            with pytest.raises(ValueError, match="could not be made"):
                reader.respond(snapshot, query, CLIENT, NOW)
    reader.__init__(**arguments())
    assert reader.respond(kept(), ONE, CLIENT, NOW)


def test_a_reader_is_made_once():
    """A second construction is an error, and the first goes on to hold."""
    reader = make_reader(kept(), Service(Options()))
    for _ in range(2):
        with pytest.raises(TypeError, match="once"):
            reader.__init__(**arguments())
    assert reader.respond(kept(), ONE, CLIENT, NOW)[1] == 0


def test_a_snapshot_of_another_image_is_refused():
    """Only the snapshot that a Reader was made of, and those with other managed records, are answered from.

    The same image opened once more has serials of its own.
    """
    reader = make_reader(kept(), Service(Options()))
    for other in (serve(f"zone: 192.0.2.0/24\n{HEAD}"), open_image(kept().buffer)):
        with pytest.raises(ValueError, match="another image"):
            reader.respond(other, NOTHING, CLIENT, NOW)
    changed = kept().with_overlay([Change(4, 0xC0000201, 60, (b"\4mine\0",))], 2)
    assert b"\4mine\0" in reader.respond(changed, ONE, CLIENT, NOW)[0]
    assert b"\4mine\0" not in reader.respond(kept(), ONE, CLIENT, NOW)[0]


def test_wrong_calls():
    """An address has 4 or 16 bytes or none, bytes are bytes, and a snapshot is one."""
    reader = make_reader(kept(), Service(Options()))
    for address in (b"1", bytes(5), bytes(15), bytes(17)):
        with pytest.raises(ValueError, match="4 or 16"):
            reader.respond(kept(), ONE, address, NOW)
    for wrong in ((kept(), ONE, CLIENT), (kept(), "x", CLIENT, NOW), (kept(), ONE, CLIENT, "x"), ()):
        with pytest.raises(TypeError):
            reader.respond(*wrong)
    with pytest.raises(AttributeError):
        reader.respond(None, ONE, CLIENT, NOW)
    assert reader.respond(kept(), bytearray(ONE), memoryview(CLIENT), 0) is not None


@pytest.mark.parametrize("now", [-1.0, -1e300, float("nan"), float("inf"), 1e20])
def test_a_time_that_is_none_is_left_to_the_responder(now):
    """A clock before 1970 or beyond all numbers hands everything over."""
    both = Both(kept())
    assert both.reader.respond(kept(), ONE, CLIENT, now) is None


class Oddity:
    """Stands in for the managed records of a zone."""

    def __init__(self, shares, mask=0, below=lambda: False):
        self.shares = shares
        self.mask = mask
        self.below = below

    def has_below(self, _key):
        """Say whatever it was told to."""
        return self.below()


def with_overlay(overlay):
    """Give a snapshot in which one zone has these managed records."""
    snapshot = copy(kept())
    snapshot.overlays = {zone.number: overlay for zone in kept().zones if zone.origin == owner("192.0.2.1")[2:]}
    return snapshot


def test_an_overlay_that_fails_hands_the_query_over():
    """Whatever stands in the place of managed records is the responder's to meet; the Reader goes on."""
    reader = make_reader(kept(), Service(Options()))
    relative = owner("192.0.2.1")[:2]
    good = with_overlay(Oddity([{}]))
    found = [1, (), (None, 1, "x"), (None, "x", b"x"), [None, 1, b"x"]]
    broken = [7, Oddity([]), Oddity([{}], 1), Oddity([{}], -1), Oddity([{}], "x"), Oddity({}), Oddity([5])]
    for overlay in (*broken, *[Oddity([{relative: value}]) for value in found]):
        assert reader.respond(good, ONE, CLIENT, NOW)[1] == 0
        assert reader.respond(with_overlay(overlay), ONE, CLIENT, NOW) is None

    def fail():
        raise ArithmeticError

    for below in (fail, SimpleNamespace, Truthless):
        reply = reader.respond(with_overlay(Oddity([{}], 0, below)), NOTHING, CLIENT, NOW)
        assert reply is None or reply[1] == 5
    snapshot = copy(kept())
    snapshot.overlays = 5
    with pytest.raises(ValueError, match="another image"):
        reader.respond(snapshot, ONE, CLIENT, NOW)
    assert reader.respond(kept(), ONE, CLIENT, NOW)


class Truthless:
    """Is neither true nor false."""

    def __bool__(self):
        raise ValueError


def test_managed_records_of_two_zones():
    """Each zone's managed records are looked up in its own dicts, whatever was looked up before."""
    reader = make_reader(kept(), Service(Options()))
    snapshot = with_overlay(Oddity([{owner("192.0.2.1")[:2]: bytes(12) + b"mine"}]))
    other = next(zone.number for zone in kept().zones if zone.origin == owner("10.0.0.0")[6:])
    for overlay in (Oddity([{}], 1023), Oddity([{}] * 1024, 1023), Oddity(7)):
        snapshot.overlays[other] = overlay
        for _ in range(2):
            assert b"mine" in reader.respond(snapshot, ONE, CLIENT, NOW)[0]
            for last in range(0, 256, 15):
                reader.respond(snapshot, make_query(owner(f"10.9.9.{last}"), 12), CLIENT, NOW)


def test_many_managed_records():
    """So many that they are divided into dicts by a hash are found as few are, and what is not there is not."""
    changes = [Change(4, 0x0A040000 + number, 60, (b"\1x\0",) * (1 + number % 3)) for number in range(0, 4000, 3)]
    both = Both(kept().with_overlay(changes, 2))
    for number in range(0, 4000, 7):
        text = f"10.4.{number >> 8}.{number & 255}"
        (_, source, _, _), handed = both.ask(make_query(owner(text), 12))
        assert (source, handed) == (0 if number % 3 == 0 else 1, False)


def test_a_reader_answers_one_query_at_a_time():
    """A query that comes while managed records are asked for is refused, and the first one is answered as if alone."""
    reader = make_reader(kept(), Service(Options()))
    met = []

    def nested():
        with pytest.raises(RuntimeError) as caught:
            reader.respond(kept(), ONE, CLIENT, NOW)
        met.append(str(caught.value))
        return True

    snapshot = with_overlay(Oddity([{}], 0, nested))
    assert reader.respond(snapshot, NOTHING, CLIENT, NOW)[1] == 5
    assert met == ["a Reader answers one query at a time"]
    assert reader.respond(kept(), NOTHING, CLIENT, NOW)[1] == 6


def test_a_udp_socket_is_made_whole_or_not_at_all():
    """Wrong arguments are refused; a second construction too; nothing that was given is held after an error."""
    udp_type = datapath._compiled.UdpSocket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        counts = memoryview(bytearray(8 * blocks.BLOCK)).cast("Q")
        good = {
            "fileno": sock.fileno(),
            "wildcard": False,
            "counts": counts,
            "qtypes": blocks.QTYPE_SLOTS,
            "slots": (0,) * 8,
            "drops": {0: blocks.DROP_SEND},
        }
        for more, error in (
            ({"qtypes": bytes(10)}, ValueError),
            ({"qtypes": "x"}, TypeError),
            ({"drops": {256: 1}}, ValueError),
            ({"drops": {-1: 1}}, ValueError),
            ({"drops": {1: blocks.BLOCK}}, ValueError),
            ({"drops": {"x": 1}}, (ValueError, TypeError)),
            ({"drops": []}, TypeError),
            ({"slots": (0,) * 7}, TypeError),
            ({"counts": bytes(80)}, BufferError),
            ({"counts": memoryview(bytearray(81))[1:]}, ValueError),
        ):
            broken = udp_type.__new__(udp_type)
            before = sys.getrefcount(counts), sys.getrefcount(blocks.QTYPE_SLOTS)
            for _ in range(3):
                with pytest.raises(error):
                    broken.__init__(**(good | more))
            with pytest.raises(TypeError):
                broken.answer(make_reader(kept(), Service(Options())), kept())
            with pytest.raises(BlockingIOError):
                broken.recvfrom(1)
            assert not broken.waiting
            assert (sys.getrefcount(counts), sys.getrefcount(blocks.QTYPE_SLOTS)) == before
        whole = udp_type(**good)
        with pytest.raises(TypeError, match="once"):
            whole.__init__(**good)
        for wrong in ((), (1, 2), (make_reader(kept(), Service(Options())),)):
            with pytest.raises(TypeError):
                whole.answer(*wrong)


def test_nothing_grows(monkeypatch):
    """Hundreds of thousands of queries of every kind, and of Readers, leave no memory behind."""
    monkeypatch.setattr(gc, "callbacks", [])
    options = Options(cookie_secrets=(SECRET,), limit_records=1, limit_made=1, limit_denied=1)
    service = Service(options, new_table(), SECRET)
    managed = kept().with_overlay([Change(4, 0xC0000202, 60, (b"\4mine\0", b"\5yours\0"))], 2)
    reader = make_reader(kept(), service)
    asked = [
        make_query(owner(text), qtype, edns=edns)
        for text in ("192.0.2.1", "192.0.2.2", "192.0.2.200", "192.0.2.77", "2001:db8:1::5", "203.0.113.1", "1.1.1.1")
        for qtype, edns in ((12, None), (12, Edns(options=((10, b"abcdefgh"),))), (1, None))
    ]

    def ask(count):
        for number in range(count):
            for query in asked:
                for snapshot in (managed, kept()):
                    reader.respond(snapshot, query, CLIENT, NOW + number)
            if number % 10 == 0:
                make_reader(kept(), service)
                with pytest.raises(ValueError, match="other zones"):
                    datapath._compiled.Reader(**arguments(zones=[]))
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(gc.get_objects()), sys.getallocatedblocks()

    ask(300)
    before = ask(100)
    after = ask(int(os.environ.get("PTRD_LEAK_ROUNDS", "2000")))
    assert after[0] - before[0] < 1024, "kilobytes"
    assert abs(after[1] - before[1]) < 50 and abs(after[2] - before[2]) < 500


def test_a_udp_socket_of_a_closed_descriptor_counts_the_error():
    """A descriptor that is none any more gives nothing, and counts what the kernel says."""
    counts = memoryview(bytearray(8 * blocks.BLOCK)).cast("Q")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp = make_udp_socket(sock, counts, wildcard=False)
    sock.close()
    assert udp.answer(make_reader(kept(), Service(Options())), kept()) == 0
    assert counts[blocks.DROP_RECEIVE] > 0
