"""Zones that come from a primary: what is said of them is served, and who sends NOTIFY does not set the pace."""

import asyncio
import contextlib
import json
import sys
from types import SimpleNamespace

import pytest

from ptrd.control import fetching
from ptrd.control.fetching import FetchJob, fetch
from ptrd.control.secondarycommands import SecondaryCommands
from ptrd.control.secondaryzones import SecondaryZones
from ptrd.records.received import Record
from ptrd.records.transfer import NotifyTarget
from ptrd.snapshot.stubs import dump_stub, load_stub
from ptrd.store.received import content_path, note_path, parse_received, stat_received, write_note, write_received
from ptrd.wire.names import parse_name
from tests.client.primary import ORIGIN, ZONE, Primary, ptr, wires

NS = f"{ZONE} 3600 IN NS ns.example.net."
DEAD = NotifyTarget("127.0.0.1", 9, None)
EMPTY = {"place": ["zone.yaml", 1, 1], "ttl": 60, "prefix": [4, 0xC0000200, 24], "covers": False}


def soa(serial, retry=3600):
    """Give an SOA as text."""
    return f"{ZONE} 3600 IN SOA ns1.example.net. hostmaster.example.net. {serial} 3600 {retry} 86400 60"


def stub(*primaries, origin=ORIGIN):
    """Give a zone that is written with these primaries."""
    rest = {"defaults": [], "access": [], "transfer": None, "keys": [], "primaries": []}
    return load_stub({"origin": origin.hex(), **EMPTY, **rest, "primaries": [list(each) for each in primaries]})


class Version:
    """What a primary has: `lines` between the SOAs of a serial; `asked` lists the types of what it was asked."""

    def __init__(self, serial, *lines):
        self.serial = serial
        self.lines = lines
        self.asked = []

    def answer(self, query):
        """Answer a question for a transfer or the SOA."""
        rtype = query.question[0].rdtype
        self.asked.append(int(rtype))
        if rtype == 6:
            return wires(query, [soa(self.serial)])
        return wires(query, [soa(self.serial), NS, *self.lines, soa(self.serial)])

    def start(self):
        """Give the server."""
        return Primary(self.answer, udp=self.answer)


class Following:
    """Zones over a folder, and a publication that takes what is there, or says what `trouble` says."""

    def __init__(self, folder, *stubs):
        self.folder = folder
        self.stubs = stubs
        self.trouble = ""
        self.published = 0
        self.zones = SecondaryZones(folder, (), self.publish)

    async def publish(self):
        """Stand in for the publisher."""
        if not self.trouble:
            self.published += 1
            self.follow(*self.stubs)
        return SimpleNamespace(ok=not self.trouble, report=SimpleNamespace(error=self.trouble))

    def follow(self, *stubs):
        """Have these zones live, with what is there of them."""
        self.stubs = stubs
        paths = [str(content_path(self.folder, each.origin)) for each in stubs]
        self.zones.follow(stubs, [stat_received(path) for path in paths])

    async def refresh(self):
        """Run the command, and give its reply."""
        return await SecondaryCommands(self.zones).refresh({"zone": ZONE})

    @property
    def state(self):
        """Give what status says of the zone."""
        (described,) = SecondaryCommands(self.zones).describe()
        return described["state"], described["serial"]


def run(work):
    """Run something that is bounded."""
    return asyncio.run(asyncio.wait_for(work, 30))


@contextlib.asynccontextmanager
async def following(folder, *stubs):
    """Follow zones for a while."""
    following = Following(folder, *stubs)
    following.follow(*stubs)
    try:
        yield following
    finally:
        await following.zones.close()


async def until(condition):
    """Wait for a condition; whoever waits for us has a bound."""
    while not condition():  # noqa: ASYNC110 - it is not ours to announce
        await asyncio.sleep(0.005)


def test_what_cannot_be_served_is_not_called_current(tmp_path):
    """While the publication fails, refresh fails and status tells the serial that is served; later it comes."""

    async def work():
        version = Version(11, ptr(1))
        async with version.start() as primary, following(tmp_path / "r", stub(target(primary))) as world:
            await until(lambda: world.state == ("current", 11))
            version.serial = 12
            world.trouble = "a worker does not answer"
            reply = await world.refresh()
            assert (reply["ok"], reply["result"]["serial"]) == (False, 11)
            assert reply["error"] == f"serial 12 of {ZONE} is here, and cannot be served: a worker does not answer"
            assert world.state == ("stale", 11)
            world.trouble = ""
            await until(lambda: world.state == ("current", 12))

    run(work())


def test_what_expired_is_called_expired_when_it_is_gone(tmp_path):
    """A zone that nobody confirms is stale for as long as it is still served, and expired from then on."""

    async def work():
        path = content_path(tmp_path, ORIGIN)
        write_received(path, [Record(ORIGIN, 6, 60, b"\0\0" + b"\0\0\0\7" + b"\0\0\0\1" * 4)])
        write_note(path, 1.0, [DEAD])
        world = Following(tmp_path)
        world.trouble = "a worker does not answer"
        world.follow(stub(DEAD))
        await until(lambda: world.zones.followed[0].expired)
        reply = await world.refresh()
        assert world.state == ("stale", 7)
        assert f"{ZONE} is still served, and should not be" in reply["error"]
        world.trouble = ""
        await world.refresh()
        assert world.state == ("expired", 7)
        await world.zones.close()

    run(work())


def test_a_serial_that_was_refused_is_not_fetched_again(tmp_path):
    """Whatever NOTIFY says; what is newer is fetched, and so is the same when somebody asks for it."""

    async def work():
        version = Version(3, f"{ZONE} 300 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d")
        async with version.start() as primary, following(tmp_path / "r", stub(target(primary))) as world:
            await until(lambda: world.zones.followed[0].error)
            assert "it is signed" in world.zones.followed[0].error
            world.zones.notified(ORIGIN)
            await until(lambda: version.asked.count(6) == 2 and not world.zones.followed[0].notified)
            assert version.asked.count(252) == 1
            assert not (await world.refresh())["ok"]
            assert version.asked.count(252) == 2
            version.serial, version.lines = 4, (ptr(1),)
            assert (await world.refresh())["ok"]
            assert world.state == ("current", 4)

    run(work())


def test_after_a_failure_only_the_first_notify_counts_at_once(tmp_path):
    """A stream of NOTIFY makes one more try, and then one after the time that doubles with each."""

    async def work():
        version = Version(3)
        version.answer = lambda query: version.asked.append(query) or wires(query, [], rcode=5)
        async with version.start() as primary, following(tmp_path / "r", stub(target(primary))) as world:
            zone = world.zones.followed[0]
            await until(lambda: zone.failures == 1)
            zone.failures = 8  # as if it had been so for long: no try by itself for minutes
            await asyncio.sleep(0)
            for _ in range(150):
                world.zones.notified(ORIGIN)
                await asyncio.sleep(0.005)
            assert len(version.asked) == 2
            assert zone.hints == 1

    run(work())


def test_what_came_from_others_is_not_used(tmp_path):
    """When none of its primaries is left, what they sent is removed; when one is, it stays."""

    async def work():
        path = content_path(tmp_path, ORIGIN)
        other = NotifyTarget("127.0.0.1", 10, None)

        def write():
            write_received(path, [Record(ORIGIN, 6, 60, b"\0\0" + b"\0\0\0\7" + b"\0\1\0\0" * 4)])
            write_note(path, 2e9, [DEAD])

        write()
        async with following(tmp_path, stub(other, DEAD)) as world:
            assert world.state == ("current", 7)
            world.follow(stub(DEAD))
            assert world.state == ("current", 7)
            asking = asyncio.create_task(world.refresh())
            await asyncio.sleep(0)
            world.follow(stub(other))
            world.follow(stub(other))
            assert world.state == ("absent", None)
            assert "no longer fetched" in (await asking)["error"]
            assert not path.exists()
        write()
        async with following(tmp_path, stub(other)) as world:
            assert not path.exists()
            world.follow(stub(other))
            assert world.state == ("absent", None)

    run(work())


def test_what_is_left_of_zones_that_went_is_removed(tmp_path):
    """What is there of a zone that is not followed any more goes at start, and so does what a crash left."""

    async def work():
        kept, gone = content_path(tmp_path, ORIGIN), content_path(tmp_path, parse_name("gone.example."))
        for path in (kept, gone):
            write_received(path, [Record(ORIGIN, 6, 60, b"\0\0" + b"\0\0\0\7" + b"\0\1\0\0" * 4)])
            write_note(path, 2e9, [DEAD])
        (tmp_path / f".{kept.name}.0123.new").touch()
        async with following(tmp_path, stub(DEAD)):
            assert set(tmp_path.iterdir()) == {kept, note_path(kept)}

    run(work())


def test_many_zones_share_processes(tmp_path, monkeypatch):
    """Forty zones come with a few processes, and the one that is refused says so without harm to the others."""
    started = []
    real = asyncio.create_subprocess_exec

    async def count(*arguments, **options):
        started.append(arguments)
        return await real(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", count)

    async def work():
        names = [f"z{number}.{ZONE}" for number in range(40)]

        def answer(query):
            zone = query.question[0].name.to_text()
            head = soa(5).replace(ZONE, zone, 1)
            if query.question[0].rdtype == 6:
                return wires(query, [head])
            return wires(query, [head, *([] if zone.startswith("z7.") else [NS.replace(ZONE, zone)]), head])

        async with Primary(answer, udp=answer) as primary:
            stubs = [stub(target(primary), origin=parse_name(name)) for name in names]
            async with following(tmp_path / "r", *stubs) as world:
                await until(lambda: all(zone.served or zone.error for zone in world.zones.followed))
                errors = [zone.error for zone in world.zones.followed if zone.error]
                assert len(errors) == 1
                assert "it has no NS at its apex" in errors[0]
                assert len(started) < 12

    run(work())


def job(endpoint, path):
    """Give a job that fetches the whole zone."""
    return FetchJob(dump_stub(stub(DEAD)), str(path), str(path), endpoint.host, endpoint.port, None)


def test_a_record_that_comes_twice_is_one(tmp_path):
    """Duplicates take no room and do not count; only so many records are taken."""

    async def work():
        version = Version(3, *[ptr(1)] * 500, ptr(2))
        async with version.start() as primary:
            return await fetch(job(primary.endpoint, tmp_path / "a.zone"))

    report = run(work())
    assert (report.error, report.records) == ("", 4)
    assert len(parse_received((tmp_path / "a.zone").read_bytes(), "a.zone")) == 4


def test_a_zone_of_too_many_records_is_refused(tmp_path, monkeypatch):
    """A transfer is given up as soon as it is longer than any zone may be, and nothing is written."""
    monkeypatch.setattr(fetching, "MOST_RECORDS", 1000)

    async def work():
        def answer(query):
            if query.question[0].rdtype == 6:
                yield from wires(query, [soa(3)])
            yield from wires(query, [soa(3), NS])
            for number in range(20):
                yield from wires(query, [ptr(number * 64 + step) for step in range(64)])

        async with Primary(answer) as primary:
            return await fetch(job(primary.endpoint, tmp_path / "a.zone"))

    report = run(work())
    assert report.refused
    assert report.error.endswith("is not taken: it has over 1000 records")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_fetches_has_so_much_memory(tmp_path):
    """Beyond its share of the machine's memory a transfer fails with a sentence, and the process reports it."""

    async def work():
        script = (
            "import asyncio, json, sys; from ptrd.control import fetching\n"
            "fetching._SHARE, fetching._LEAST_MEMORY = 1 << 40, 160 << 20\n"
            "fetching.main()\n"
        )

        def answer(query):
            yield from wires(query, [soa(3), NS])
            (wire,) = wires(query, [f"x.{ZONE} 60 IN NULL \\# 60000 {'00' * 60000}"])
            for number in range(10_000):
                yield wire[:-8] + number.to_bytes(8, "big")

        async with Primary(answer) as primary:
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=-1, stdout=-1)
            process.stdin.write(fetching.dump_jobs([job(primary.endpoint, tmp_path / "a.zone")]))
            line = await process.stdout.readline()
            process.stdin.close()
            await process.wait()
            return json.loads(line)

    number, report = run(work())
    assert (number, report["memory"]) == (0, True)
    assert report["error"].endswith("is not taken: it cannot be held in memory within 160 MiB")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checked": "x"}', '{"checked": 1, "primaries": 5}'])
def test_a_note_that_is_lost_costs_nothing(tmp_path, text):
    """What came counts as confirmed when it came."""
    path = content_path(tmp_path, ORIGIN)
    write_received(path, [Record(ORIGIN, 6, 60, b"\0\0" + b"\0\0\0\7" + b"\0\1\0\0" * 4)])
    note_path(path).write_text(text)
    SecondaryZones(tmp_path, (), asyncio.Event().wait).sweep()
    assert path.exists()


def target(primary):
    """Give a server as a primary in a zone file."""
    return NotifyTarget(primary.endpoint.host, primary.endpoint.port, None)
