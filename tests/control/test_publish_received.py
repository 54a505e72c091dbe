"""What primaries sent is published by itself: over the zone files as they were published last, and not too often."""

import asyncio

import pytest

from ptrd.control.options import PublishOptions
from ptrd.control.publish import Publisher
from ptrd.records.received import Record
from ptrd.store.received import content_path, write_received
from ptrd.store.state import open_state
from ptrd.wire.names import parse_name
from tests.control.test_publish import TWO, site, zone

__all__ = ["site"]


def write_secondary(site, folder, name):
    """Have a zone with a primary in a zone file, and a version of it in a folder of what primaries sent."""
    site.write("two.yaml", "zone: 198.51.100.0/24\nprimaries: [192.0.2.53]\n")
    origin = parse_name("100.51.198.in-addr.arpa.")
    times = b"".join(number.to_bytes(4, "big") for number in (7, 3600, 600, 86400, 60))
    records = [
        Record(origin, 6, 60, b"\0\0" + times),
        Record(origin, 2, 60, parse_name("ns.example.")),
        Record(parse_name("1.100.51.198.in-addr.arpa."), 12, 60, parse_name(name)),
    ]
    folder.mkdir(exist_ok=True)
    write_received(content_path(folder, origin), records)


def names_in(publisher):
    """Give the targets of all PTR records of an image."""
    return {
        name for name in (b"\1a\3two\0", b"\1b\3two\0", b"\4half\6edited\0") if name in publisher.live.image.buffer[:]
    }


@pytest.mark.parametrize("text", [zone("half.edited"), zone() + "nonsense: 1\n"])
def test_what_primaries_sent_is_published_without_the_files(site, tmp_path, text):
    """It goes live whatever the zone files hold by then; these stay as published, and the next reload sees them."""
    received = tmp_path / "received"
    write_secondary(site, received, "a.two.")

    async def work(publisher):
        await publisher.start()
        assert names_in(publisher) == {b"\1a\3two\0"}
        site.write("one.yaml", text)
        write_secondary(site, received, "b.two.")
        assert (await publisher.publish_received()).how == "compiled"
        assert names_in(publisher) == {b"\1b\3two\0"}
        assert publisher.outcome.how == "compiled"
        assert (await publisher.publish_received()).how == "unchanged"
        reloaded = await publisher.reload()
        write_secondary(site, received, "a.two.")
        assert (await publisher.publish_received()).ok
        assert b"\1a\3two\0" in names_in(publisher)
        assert publisher.outcome is reloaded
        assert (reloaded.ok, bool(publisher.degraded)) == (("half" in text), ("half" not in text))
        assert (b"\4half\6edited\0" in names_in(publisher)) == reloaded.ok

    site.run(work, received=str(received))


def test_what_comes_in_a_burst_is_published_at_once(site, tmp_path):
    """Twenty versions within a moment cost a few publications; the last of them is live when its turn is over."""
    received = tmp_path / "received"
    write_secondary(site, received, "a.two.")

    async def work(publisher):
        await publisher.start()
        asked = []
        for number in range(20):
            write_secondary(site, received, "ab"[number % 2] + ".two.")
            asked.append(asyncio.create_task(publisher.publish_received()))
            await asyncio.sleep(0.02)
        assert all(outcome.ok for outcome in await asyncio.gather(*asked))
        assert names_in(publisher) == {b"\1b\3two\0"}
        assert len(site.outcomes) < 6

    site.run(work, received=str(received))


def test_a_file_that_is_no_longer_named_is_no_longer_served(site):
    """An image of two files is not the one of the first of them alone."""
    site.write("two.yaml", zone(text=TWO))

    def start(*names):
        async def run():
            state = open_state(site.state)
            try:
                options = PublishOptions(tuple(str(site.zones / name) for name in names))
                publisher = Publisher(options, state, site.spread, dict, site.outcomes.append)
                await publisher.start()
                return len(publisher.live.snapshot.zones)
            finally:
                state.close()

        return asyncio.run(asyncio.wait_for(run(), 60))

    assert start("one.yaml", "two.yaml") == 2
    assert start("one.yaml") == 1
