"""Publishing: all or nothing, yesterday's image, serials that never go back. The compiler is the real child."""

import asyncio
import itertools
import json
import logging
import os
import resource
import signal
import time

import pytest

from ptrd.control import child, publish
from ptrd.control.jobs import Job
from ptrd.control.options import PublishOptions
from ptrd.control.publish import Publisher, PublishError
from ptrd.serve.options import ServeError
from ptrd.snapshot.image import serials_of
from ptrd.store.state import open_state

ONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster.example.net}
ns: [ns1.example.net]
records:
  192.0.2.1: NAME
defaults:
  192.0.2.0/24: "{ip}.dyn.example.net"
"""
TWO = ONE.replace("192.0.2", "198.51.100")
ORIGIN = b"\x012\x010\x03192\x07in-addr\x04arpa\0"


def zone(name="one.example.net", text=ONE):
    """Give a zone file with one record."""
    return text.replace("NAME", name)


class Site:
    """A folder of zones and a state folder; each `publisher()` is a new run of the server."""

    def __init__(self, folder):
        self.zones = folder / "zones"
        self.state = folder / "state"
        self.zones.mkdir()
        self.live = []  # (revision, name of 192.0.2.1's zone serial) in the order they went live
        self.outcomes = []
        self.fail = None
        self.serials = {}  # that managed records have given to zones

    def write(self, name, text):
        """Write a zone file."""
        (self.zones / name).write_text(text)

    async def spread(self, live, _moved):
        """Stand in for the workers."""
        if self.fail:
            raise ServeError(self.fail)
        self.live.append((live.snapshot.revision, serials_of(live.snapshot).get(ORIGIN)))
        return live.snapshot.revision

    def run(self, work, **options):
        """Run `work(publisher)` as one run of the server, and give what it gave."""

        async def run():
            state = open_state(self.state)
            try:
                options_ = PublishOptions((str(self.zones),), **options)
                return await work(Publisher(options_, state, self.spread, lambda: self.serials, self.outcomes.append))
            finally:
                state.close()

        return asyncio.run(asyncio.wait_for(run(), 60))

    def start(self, **options):
        """Start and end; give the outcome."""

        async def work(publisher):
            await publisher.start()
            return publisher.outcome

        return self.run(work, **options)


async def until(condition):
    """Wait for a condition; whoever waits for us has a bound."""
    while not condition():  # noqa: ASYNC110 - it is not ours to announce
        await asyncio.sleep(0.001)


@pytest.fixture
def site(tmp_path):
    """Give a site with one good zone file, and see that no run leaves anything but its three files."""
    site = Site(tmp_path)
    site.write("one.yaml", zone())
    yield site
    assert {path.name for path in site.state.iterdir()} <= {"lock", "serials.json", "zones.image"}


def forbid_compiler(monkeypatch):
    """Make every compilation fail the test."""

    async def run_compiler(_job):
        pytest.fail("it was compiled")

    monkeypatch.setattr(publish, "run_compiler", run_compiler)


def test_the_first_start_compiles_and_the_second_maps(site, monkeypatch):
    """With unchanged files a restart serves yesterday's image without compiling anything."""
    first = site.start()
    assert (first.how, first.report.files, first.ok) == ("compiled", 1, True)
    forbid_compiler(monkeypatch)
    assert site.start().how == "mapped"
    assert site.live[0] == site.live[1]


def test_other_settings_compile_again(site):
    """An image that was made under other settings is not yesterday's; none of it is reused."""
    site.start()
    outcome = site.start(max_records=50)
    assert (outcome.how, outcome.report.reused) == ("compiled", 0)


def test_only_what_changed_is_read_again(site):
    """An unchanged file's segment is taken from the old image, and its serial stays."""
    site.write("two.yaml", zone(text=TWO))
    site.start()
    site.write("two.yaml", zone("other.example.net", TWO))
    outcome = site.start()
    assert (outcome.how, outcome.report.files, outcome.report.reused) == ("compiled", 2, 1)
    assert [zone for zone, _, _ in outcome.report.changed] == ["100.51.198.in-addr.arpa."]
    assert site.live[0][1] == site.live[1][1]


def test_a_bad_file_at_start_leaves_yesterdays_image(site, caplog):
    """With a valid image of last time a bad file degrades the server: it serves that image, and logs every problem."""
    site.start()
    site.write("one.yaml", zone() + "nonsense: 1\n")
    site.write("two.yaml", "zone: [\n")

    async def work(publisher):
        await publisher.start()
        return publisher.degraded, publisher.live.snapshot.revision

    assert site.run(work) == ("the zone files have 2 errors", 1)
    assert site.outcomes[-1].how == "refused"
    assert f"{site.zones}/one.yaml:8:1: " in caplog.text
    assert f"{site.zones}/two.yaml:" in caplog.text


def test_a_bad_file_at_a_first_start_is_the_end(site):
    """Without an image of last time there is nothing to serve."""
    site.write("one.yaml", "zone: [\n")
    with pytest.raises(PublishError, match="there is nothing to serve: the zone files have 1 error"):
        site.start()


def test_a_missing_folder_is_one_error(site):
    """A source that is not there is reported once."""
    (site.zones / "one.yaml").unlink()
    site.zones.rmdir()
    with pytest.raises(PublishError, match=r"the zone files have 1 error$"):
        site.start()


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "foreign"])
def test_a_damaged_image_is_made_anew(site, damage, caplog):
    """An image that does not match its checksums is never served; the log says so, and serials stay."""
    site.start()
    path = site.state / "zones.image"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(
        {"flipped": bytes(data), "truncated": bytes(data[:-100]), "empty": b"", "foreign": b"x" * 5000}[damage]
    )
    assert site.start().how == "compiled"
    assert "the image of last time cannot be used" in caplog.text
    assert site.live[0][1] == site.live[1][1]


def test_an_image_that_cannot_be_read_is_made_anew(site, monkeypatch, caplog):
    """However an image of another program disappoints, the server starts."""
    site.start()

    def open_image(buffer):
        if not seen:
            seen.append(buffer)
            raise TypeError("not what it seems")
        return real(buffer)

    seen = []
    real = publish.open_image
    monkeypatch.setattr(publish, "open_image", open_image)
    assert site.start().how == "compiled"
    assert "the image of last time cannot be used: TypeError('not what it seems')" in caplog.text


def test_reload_publishes_refuses_and_recovers(site, caplog):
    """A good change goes live; a bad one leaves what is served and says why; the repair ends the degraded state."""
    caplog.set_level(logging.INFO)

    async def work(publisher):
        await publisher.start()
        assert (await publisher.reload()).how == "unchanged"
        site.write("one.yaml", zone("new.example.net"))
        assert (await publisher.reload()).how == "compiled"
        site.write("one.yaml", zone("bad..name"))
        refused = await publisher.reload()
        assert refused.report.error == "the zone files have 1 error"
        assert refused.report.problems[0].place.line == 5
        assert publisher.live.snapshot.revision == 2
        assert publisher.degraded == refused.report.error
        site.write("one.yaml", zone("new.example.net"))
        assert (await publisher.reload()).ok
        assert not publisher.degraded

    site.run(work)
    assert [outcome.how for outcome in site.outcomes] == ["compiled", "unchanged", "compiled", "refused", "compiled"]
    assert [revision for revision, _ in site.live] == [1, 2, 3]
    assert "nothing is published, revision 2 stays: the zone files have 1 error" in caplog.text
    serials = [serial for _, serial in site.live]
    assert serials[0] < serials[1] == serials[2]


def test_requests_share_the_next_publication(site):
    """Requests that come while a publication runs share the next one, which sees what they have written."""

    async def work(publisher):
        await publisher.start()
        site.write("one.yaml", zone("a.example.net"))
        first = asyncio.create_task(publisher.reload())
        await until(lambda: not publisher._next and publisher._turn.locked())
        others = [asyncio.create_task(publisher.reload()) for _ in range(20)]
        site.write("one.yaml", zone("b.example.net"))
        return await first, await asyncio.gather(*others)

    first, others = site.run(work)
    assert first.ok
    assert len(set(map(id, others))) == 1
    assert others[0] is not first
    assert others[0].ok
    assert len(site.outcomes) == 3


def test_a_client_that_goes_away_stops_nothing(site):
    """A request that is cancelled leaves the publication to those who still wait."""

    async def work(publisher):
        await publisher.start()
        site.write("one.yaml", zone("a.example.net"))
        first = asyncio.create_task(publisher.reload())
        second = asyncio.create_task(publisher.reload())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert site.run(work).how == "compiled"


def test_what_workers_refuse_is_not_published(site):
    """When the workers do not take an image, the old one stays live, and the next try has a revision of its own."""

    async def work(publisher):
        await publisher.start()
        site.write("one.yaml", zone("a.example.net"))
        site.fail = "worker 0 cannot serve it"
        refused = await publisher.reload()
        assert (refused.how, refused.report.error) == ("refused", "worker 0 cannot serve it")
        assert publisher.live.snapshot.revision == 1
        site.fail = None
        await publisher.reload()
        assert publisher.live.snapshot.revision == 3

    site.run(work)


def test_serials_never_go_back(site):
    """Over restarts, a lost image, lost serials and a clock that went back, a zone's serial only grows."""
    future = int(time.time()) + 1_000_000
    names = map("host{}.example.net".format, itertools.count())
    site.start()
    saved = json.loads((site.state / "serials.json").read_text())
    saved["zones"]["2.0.192.in-addr.arpa."][1] = future  # as if the clock had been a million seconds ahead then
    (site.state / "serials.json").write_text(json.dumps(saved))
    site.write("one.yaml", zone(next(names)))
    site.start()
    (site.state / "zones.image").unlink()
    site.start()  # the content is the same
    site.write("one.yaml", zone(next(names)))
    (site.state / "zones.image").unlink()
    site.start()
    (site.state / "serials.json").unlink()
    site.write("one.yaml", zone(next(names)))
    site.start()
    (site.state / "serials.json").write_text("{")
    site.write("one.yaml", zone(next(names)))
    outcome = site.start()
    assert "serials.json is damaged" in str(outcome.report.problems[0])
    assert "those of the last image are used" in str(outcome.report.problems[0])
    assert [serial - future for _, serial in site.live[1:]] == [1, 1, 2, 3, 4]


def test_damaged_serials_without_an_image_are_an_error(site):
    """When nothing tells what the serials were, the operator decides."""
    site.start()
    (site.state / "serials.json").write_text("{")
    (site.state / "zones.image").unlink()
    with pytest.raises(PublishError, match=r"serials.json is damaged, .*: put back a copy of it, or remove it"):
        site.start()


def test_a_full_disk_leaves_the_old_image(site, caplog):
    """When the new image cannot be written whole, the old one is served, and stays on the disk."""
    site.start()
    before = (site.state / "zones.image").read_bytes()
    site.write("one.yaml", zone() + "".join(f"  192.0.2.{octet}/32: a{octet}.example.net\n" for octet in range(2, 99)))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limit[1]))
    try:
        outcome = site.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert outcome.report.error == f"cannot write to {site.state}: File too large"
    assert "nothing is published, revision 1 stays" in caplog.text
    assert (site.state / "zones.image").read_bytes() == before
    assert site.start().how == "compiled"


def fake_interpreter(tmp_path, monkeypatch, script):
    """Put a shell script in the place of the interpreter that compiles."""
    path = tmp_path / "interpreter"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setattr(child.sys, "executable", str(path))


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("kill -KILL $$", "the compiler was killed, perhaps since memory ran out"),
        ("kill -SEGV $$", "the compiler was ended by signal 11 (Segmentation fault)"),
        ("exit 3", "the compiler ended with status 3 and no report"),
    ],
)
def test_a_compiler_that_dies_is_an_error(site, tmp_path, monkeypatch, script, sentence):
    """However the compiler ends, the server goes on with what it has."""

    async def work(publisher):
        await publisher.start()
        site.write("one.yaml", zone("a.example.net"))
        fake_interpreter(tmp_path, monkeypatch, script)
        return await publisher.reload()

    assert site.run(work).report.error == sentence


def test_the_compiler_ends_with_its_job(tmp_path, monkeypatch):
    """A compilation that nobody waits for any more is ended."""
    fake_interpreter(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 100")
    job = Job((), 100, "", "", "", "", "", 1, 0.0)

    async def work():
        task = asyncio.create_task(child.run_compiler(job))
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 30))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


def test_changed_files_are_noticed(site):
    """With `watch` a change is published by itself, and a bad file is tried once until it changes again."""

    async def work(publisher):
        await publisher.start()
        watching = asyncio.create_task(publisher.watch(0.05))
        await asyncio.sleep(0.06)
        for name, how in ("a.example.net", "compiled"), ("b..name", "refused"), ("c.example.net", "compiled"):
            known = len(site.outcomes)
            site.write("one.yaml", zone(name))
            await until(lambda known=known: len(site.outcomes) > known)
            assert site.outcomes[-1].how == how
        watching.cancel()

    site.run(work)
    assert len(site.outcomes) == 4
