"""Who is told of serials that are live: after the workers, never before, and not when they could not have them."""

from __future__ import annotations

import asyncio

from tests.control.notifying import until
from tests.control.test_live import ORIGIN, ZONE, change, run
from tests.serving import serve


def noting(link, workers):
    """Keep what the link tells, with how many entries the workers had acknowledged then."""
    told = []
    link.moved = lambda serials, published: told.append((dict(serials), published, len(workers.entries)))
    return told


def test_a_change_is_told_when_every_worker_has_it(tmp_path):
    """While workers have not answered nobody is told; then the zone's new serial is."""

    async def test(link, workers, _):
        told = noting(link, workers)
        workers.gate.clear()
        task = asyncio.ensure_future(change(link, 6, "two.example.net.", wait=True))
        await until(lambda: workers.entries)
        assert not told
        workers.gate.set()
        await task
        assert told == [({ORIGIN: workers.entries[0].serials[ORIGIN]}, False, 1)]

    run(tmp_path, test)


def test_what_workers_refuse_is_not_told(tmp_path):
    """An entry that is committed and not served is no news for secondaries; the next one that is served, is."""

    async def test(link, workers, _):
        told = noting(link, workers)
        workers.trouble = "a worker cannot"
        await change(link, 6, "two.example.net.")
        await until(lambda: workers.entries)
        workers.trouble = None
        await change(link, 6, "three.example.net.", wait=True)
        assert [serials[ORIGIN] for serials, _, _ in told] == [workers.entries[1].serials[ORIGIN]]

    run(tmp_path, test)


def test_a_publication_is_told_with_the_serials_that_it_moved(tmp_path):
    """After an image is live everywhere its moved serials are told; those of a restart with old images are none."""

    async def test(link, workers, published):
        told = noting(link, workers)
        order = []

        async def spread(entry):
            order.append("spread")
            published.append(entry)

        link.moved = lambda serials, fresh: (order.append("told"), told.append((dict(serials), fresh)))
        await link.publish(serve(ZONE), [("2.0.192.in-addr.arpa.", 100, 101)], spread, fresh=True)
        assert order == ["spread", "told"]
        assert told[-1] == ({ORIGIN: link.snapshot.zones_by_name[ORIGIN].serial}, True)
        await link.publish(serve(ZONE), (), spread, fresh=False)
        assert told[-1] == ({}, True)

    run(tmp_path, test)
