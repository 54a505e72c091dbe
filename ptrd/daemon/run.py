"""From a configuration to a server that runs until a signal ends it.

What can fail at start ends in one sentence, and the exit status 1.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.daemon.daemon import Daemon
from ptrd.logs import SUPERVISOR, write_logs

if TYPE_CHECKING:
    from ptrd.config import Config

SWITCH: Final = 0.0005  # seconds until a thread that waits has its turn: commits wait for one, and are many

log = logging.getLogger("ptrd")


def run(config: Config) -> int:
    """Serve until a signal ends it, and give the exit status. Raises PtrdError, or logs it for programs, at start."""
    write_logs(config.serve.log_format, SUPERVISOR)
    sys.setswitchinterval(SWITCH)
    try:
        return asyncio.run(_serve(config))
    except PtrdError as error:
        if config.serve.log_format == "text":
            raise
        log.critical("%s", error)  # else the command line says it, to a person
        return 1


async def _serve(config: Config) -> int:
    daemon = Daemon(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop, number)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
    try:
        await daemon.serve()
    finally:
        await daemon.close()
    return 0
