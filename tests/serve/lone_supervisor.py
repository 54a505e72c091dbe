"""A supervisor that prints its workers' process numbers and waits to be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ptrd.metrics.blocks import RANGE_BLOCK, make_block
from ptrd.serve.options import ServeOptions
from ptrd.serve.pool import WorkerPool
from ptrd.serve.sockets import open_sockets
from tests.serve.fakes import FakeOptions


async def main():
    """Serve until killed."""
    options = ServeOptions(listen=(("127.0.0.1", 0),), workers=2)
    command = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]
    pool = WorkerPool(open_sockets(options), options, FakeOptions(), failed=print, command=command)
    pool.start()
    image = os.memfd_create("image")
    os.write(image, b"image")
    await pool.publish(1, image, make_block(2 * RANGE_BLOCK)[0])
    print(*pool.pids, flush=True)  # noqa: T201 - for the test
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
