"""Work that gives way to the answers: it has a core when nobody else wants it, and a part of it where that is never."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Final

_NICE: Final = 10  # on a core that is busy with answers it gets a tenth
_LOOK: Final = 10.0  # seconds
_STARVED: Final = 0.1  # of a core, had for so long
_NO_PRIORITY: Final = os.sched_param(0)  # these policies have none


def give_way(look: float = _LOOK) -> None:
    """Have the main thread of this process give way to others of the supervisor and its workers.

    SCHED_IDLE is interrupted by whoever wakes up; SCHED_BATCH with a low priority may first end its slice of some
    milliseconds (sched(7)). On a core that is never idle it would stand still, so after `look` seconds with less than a
    tenth of a core it leaves SCHED_IDLE. To leave it takes CAP_SYS_NICE or RLIMIT_NICE, so who may not does not enter.
    """
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(_NICE)
    threading.Thread(target=_watch, args=(os.getpid(), look), daemon=True).start()


def _watch(work: int, look: float) -> None:
    """Put a thread into SCHED_IDLE, and into SCHED_BATCH when it gets nothing there, as far as that is allowed."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(work, os.SCHED_IDLE if _may_return() else os.SCHED_BATCH, _NO_PRIORITY)
        had = time.process_time()
        while os.sched_getscheduler(work) == os.SCHED_IDLE:
            time.sleep(look)
            before, had = had, time.process_time()
            if had - before < look * _STARVED:
                os.sched_setscheduler(work, os.SCHED_BATCH, _NO_PRIORITY)


def _may_return() -> bool:
    """Tell whether a thread that is in SCHED_IDLE may leave it, by the example of this one."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, _NO_PRIORITY)
        os.sched_setscheduler(0, os.SCHED_OTHER, _NO_PRIORITY)
    except OSError:
        return False
    return True
