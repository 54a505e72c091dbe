"""strace on a process that runs: what it asks of the kernel while a test does something to it."""

import contextlib
import re
import subprocess
from pathlib import Path

from tests.peers.process import require_program, unable
from tests.talking import until

OPENING = ("open", "openat", "openat2", "creat", "connect", "execve", "execveat", "fork", "vfork", "clone", "clone3")
TALKING = ("recvmsg", "sendmsg", "recvfrom", "sendto")


class Trace:
    """What strace wrote."""

    def __init__(self, path):
        self.path = path

    def calls(self, *names):
        """Give the lines of these system calls."""
        lines = self.path.read_text(errors="replace").splitlines()
        return [line for line in lines if re.match(rf"(?:\d+ +)?(?:{'|'.join(names)})\(", line)]

    def opened(self):
        """Give the calls that reach for a path, a peer or another process; and of these, those that succeeded."""
        tried = self.calls(*OPENING)
        return tried, [line for line in tried if not re.search(r"= -1 E[A-Z]+ ", line)]


@contextlib.contextmanager
def traced(pid, path):
    """Trace a process and its threads; skip where strace is missing."""
    program = require_program("strace", "strace")
    calls = ",".join(f"?{call}" for call in (*OPENING, *TALKING))  # ?: not every machine has each
    command = [program, "-f", "-q", "-e", f"trace={calls}", "-o", str(path), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            until(lambda: child.poll() is not None or is_traced(pid))
            if child.poll() is not None:
                unable(f"a process cannot be traced here: {child.stderr.read()}")
            yield Trace(path)
        finally:
            child.terminate()
            child.wait(20)


def is_traced(pid):
    """Tell whether a process has a tracer."""
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
