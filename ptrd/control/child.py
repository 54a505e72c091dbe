"""Work in a child process: a fresh interpreter and never a fork, so it shares nothing but files, and its memory goes.

It ends with the call that started it, and with the supervisor, however these end: its standard input stays open only
as long as somebody wants the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from ptrd import PtrdError
from ptrd.control.jobs import dump_line, load_report

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ptrd.control.jobs import Job, Report


class ChildError(PtrdError):
    """A child process ended without a report."""


async def run_compiler(job: Job) -> Report:
    """Have zone files compiled. Raises ChildError."""
    return load_report(await run_child("the compiler", "ptrd.control.compiler", dump_line(job)))


async def run_child(what: str, module: str, line: bytes) -> bytes:
    """Give a line to a module that runs in a process of its own, and give the line that it prints.

    The process ends with this call, however that ends. Raises ChildError.
    """
    answer = b""
    async with contextlib.aclosing(follow_child(what, module, line)) as lines:
        async for told in lines:
            answer = told
    return answer


async def follow_child(what: str, module: str, line: bytes) -> AsyncGenerator[bytes, None]:
    """Give a line to a module that runs in a process of its own, and give each line that it prints, when it does.

    The process ends with this iteration, however that ends. Raises ChildError when it ends in the middle of a line,
    before the first, or with a status that is not 0.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # as for the supervisor's own modules, the working folder is no place to find them
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,  # signals of the terminal are for the supervisor
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(line)
            await process.stdin.drain()
        rest: list[bytes] = []
        told = False
        while chunk := await process.stdout.read(1 << 16):
            *whole, last = chunk.split(b"\n")
            for part in whole:
                yield b"".join([*rest, part, b"\n"])
                rest, told = [], True
            rest.append(last)
        status = await process.wait()
    finally:
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if status or not told or any(rest):
        raise ChildError(f"{what} {_ending(status)}")


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed, perhaps since memory ran out"
    if status < 0:
        return f"was ended by signal {-status} ({signal.strsignal(-status)})"
    return f"ended with status {status} and no report"
