"""The end of the link: who waits is told, whatever the wait was for."""

from __future__ import annotations

import asyncio

from tests.control.test_live import change, run


def test_who_waits_for_the_next_flush_is_told_at_the_end(tmp_path):
    """A change that waits for its turn when the link is closed does not wait for ever."""

    async def test(link, _workers, _):
        await change(link, 20, "a.example.net.")
        waiting = [asyncio.create_task(change(link, octet, "b.example.net.")) for octet in (21, 22)]
        await asyncio.sleep(0)  # they are queued
        await link.close()
        assert not (await asyncio.wait(waiting, timeout=20))[1]

    run(tmp_path, test)
