"""The compiler as a child process: a fresh interpreter and never a fork, so it shares nothing but files.

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
    from ptrd.control.jobs import Job, Report


class CompilerError(PtrdError):
    """The compiler ended without a report."""


async def run_compiler(job: Job) -> Report:
    """Have a job done in a process of its own, which ends with this call however it ends. Raises CompilerError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # as for the supervisor's own modules, the working folder is no place to find them
        "-m",
        "ptrd.control.compiler",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,  # signals of the terminal are for the supervisor
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(dump_line(job))
            await process.stdin.drain()
        line = await process.stdout.read()
        status = await process.wait()
    finally:
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if not line.endswith(b"\n"):
        raise CompilerError(f"the compiler {_ending(status)}")
    return load_report(line)


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed, perhaps since memory ran out"
    if status < 0:
        return f"was ended by signal {-status} ({signal.strsignal(-status)})"
    return f"ended with status {status} and no report"
