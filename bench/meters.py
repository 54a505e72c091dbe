"""What a server costs, read from /proc: CPU time and memory of all its processes together.

CPU time is user and system time; memory is PSS, which counts a page that several processes share once. And what the
machine itself does not get from its host, where it is a virtual one.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> tuple[float, float]:
    """Give the user and the system time that processes have used so far, in seconds."""
    user = system = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            user += int(fields[11])
            system += int(fields[12])
    return user * TICK, system * TICK


def run_seconds(pids: Iterable[int]) -> float:
    """Give the time that processes have run so far, exactly, where `cpu_seconds` counts hundredths of a second."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def stolen_seconds() -> float:
    """Give the time that all cores together wanted and did not get from the host of a virtual machine (proc(5))."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)
    return int(fields[8]) * TICK


def pss_bytes(pids: Iterable[int]) -> int:
    """Give the proportional set size of processes together."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
