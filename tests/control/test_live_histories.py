"""Histories across a publication: made without keeping the loop, before workers are told of anything newer."""

from __future__ import annotations

import asyncio
import threading

from tests.control.notifying import until
from tests.control.test_live import ZONE, change, run
from tests.serving import serve


def test_the_loop_goes_on_while_histories_are_made(tmp_path):
    """A publication whose histories take long holds up nothing but changes, which workers are told of after it."""

    async def test(link, workers, _):
        link._most_steps = 10
        told, begun, gate = [], threading.Event(), threading.Event()

        def prepare():
            begun.set()
            assert gate.wait(20)

        async def spread(entry):
            told.append(entry)
            assert not workers.entries

        base = serve(ZONE)
        publishing = asyncio.ensure_future(link.publish(base, (), spread, fresh=True, prepare=prepare))
        await until(begun.is_set)
        changing = asyncio.ensure_future(change(link, 5, "one.example.net.", wait=True))
        await asyncio.sleep(0)
        assert not told and not publishing.done()
        gate.set()
        revision = await publishing
        await changing
        assert [entry.revision for entry in told + workers.entries] == [revision, revision + 1]
        assert link.snapshot.most_steps == 10

    run(tmp_path, test)
