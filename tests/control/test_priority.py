"""Work that gives way: how it is scheduled, and that it does not stand still for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = """\
import os, sys
from ptrd.control.priority import give_way
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
give_way({look})
while os.sched_getscheduler(0) != {policy}:
    pass
print(os.getpriority(os.PRIO_PROCESS, 0))
"""
UNPRIVILEGED = """\
import resource
from ptrd.serve.confine import give_up_capabilities
resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
give_up_capabilities()
"""
NICER = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)  # than these tests
BURNER = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(flush=True)\nwhile True: pass"


def nice_of_work(policy: int, *, look: float = 60.0, before: str = "") -> int:
    """Have a process give way until it has a policy; give how nice it is then."""
    code = before + WORK.format(look=look, policy=policy)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    return int(done.stdout)


def may_return() -> bool:
    """Tell whether this process may leave SCHED_IDLE."""
    code = "from ptrd.control.priority import _may_return\nprint(_may_return())"
    return subprocess.check_output([sys.executable, "-c", code]).strip() == b"True"


@pytest.fixture
def burner() -> Iterator[None]:
    """Keep the first core busy."""
    with subprocess.Popen([sys.executable, "-c", BURNER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def test_that_work_has_what_nobody_wants() -> None:
    """It enters SCHED_IDLE, and is nice as well, for the day when it leaves that."""
    if not may_return():
        pytest.skip("leaving SCHED_IDLE takes root, or `ulimit -e 10`")
    assert nice_of_work(os.SCHED_IDLE) == NICER


@pytest.mark.usefixtures("burner")
def test_that_work_which_gets_nothing_takes_a_part() -> None:
    """On a core that is never idle it leaves SCHED_IDLE."""
    if not may_return():
        pytest.skip("leaving SCHED_IDLE takes root, or `ulimit -e 10`")
    assert nice_of_work(os.SCHED_BATCH, look=0.3) == NICER


def test_that_who_could_not_come_back_does_not_go() -> None:
    """Without the right to leave SCHED_IDLE it is never entered; a low priority is all."""
    assert nice_of_work(os.SCHED_BATCH, before=UNPRIVILEGED) == NICER
