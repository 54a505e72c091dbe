"""What a process gives up is gone, and what a kernel refuses is told and leaves the rest."""

import asyncio
import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ptrd.serve import confine
from tests.serve.fakes import ask, make_query, text_of
from tests.serve.pools import run
from tests.tracing import traced

ROOT = Path(__file__).parents[2]

PROBE = """
import json, logging, os, resource, signal, socket, sys
from ptrd.serve import confine

def outcome(do):
    try:
        do()
    except OSError as error:
        return error.strerror
    return "done"

memory = os.memfd_create("certificate")
os.write(memory, b"what it holds")
listener = socket.create_server(("127.0.0.1", 0))
before = os.open("/dev/null", os.O_WRONLY)
confine.confine_worker(64)
other = os.getppid()
print(json.dumps({
    "read a file": outcome(lambda: open("/etc/passwd")),
    "list a folder": outcome(lambda: os.listdir("/")),
    "write a file": outcome(lambda: open("/dev/null", "w")),
    "make a folder": outcome(lambda: os.mkdir("/tmp/ptrd-test-never")),
    "read its own memory": outcome(lambda: open("/proc/self/mem")),
    "run a program": outcome(lambda: os.execv("/bin/true", ["true"])),
    "signal another": outcome(lambda: os.kill(other, 0)),
    "connect": outcome(lambda: socket.create_connection(listener.getsockname())),
    "write what was open": outcome(lambda: os.write(before, b"x")),
    "memory": open(f"/proc/self/fd/{memory}").read(),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "processes": resource.getrlimit(resource.RLIMIT_NPROC),
}), flush=True)
sys.stdin.readline()
"""


def landlock_abi():
    """Give the version of Landlock that the kernel has; 0 for none."""
    libc = ctypes.CDLL(None)
    return max(libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1)), 0)


def status_of(pid):
    """Read /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def confined():
    """Run the probe; give what it could do, and its /proc/PID/status."""
    command = [sys.executable, "-c", PROBE]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            assert line, "the probe has ended"
            yield json.loads(line), status_of(child.pid)
        finally:
            child.kill()


def test_capabilities_and_limits_are_gone(confined):
    """No capability in any set, nothing to gain, few descriptors, no core dump, no other process."""
    found, status = confined
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert found["files"] == [64, 64] and found["processes"] == [0, 0]
    assert found["core"][0] in {0, 1} and found["core"][1] in {0, 1}


def test_no_path_opens(confined):
    """Nothing opens by path, runs, or is signalled; what is open stays open, and memory files open by /proc/self/fd."""
    found, _ = confined
    if landlock_abi() < 1:
        pytest.skip("this kernel has no Landlock")
    assert found["memory"] == "what it holds" and found["write what was open"] == "done"
    for what in ("read a file", "list a folder", "write a file", "make a folder", "read its own memory"):
        assert found[what] == "Permission denied", what
    assert found["run a program"] == "Permission denied"
    assert found["connect"] == "Permission denied" or landlock_abi() < 4
    assert found["signal another"] == "Operation not permitted" or landlock_abi() < 6


def test_a_kernel_that_refuses_is_no_failure():
    """Where capset, prctl and Landlock are refused, the limits are set all the same, and the log tells what is not."""
    script = (
        "import logging, resource, types\n"
        "from ptrd.serve import confine\n"
        "logging.basicConfig(level=logging.DEBUG, format='%(levelname)s %(message)s')\n"
        "refuse = lambda *_: -1\n"
        "confine._libc = types.SimpleNamespace(prctl=refuse, capset=refuse, capget=refuse, syscall=refuse)\n"
        "confine.confine_worker(77)\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE), open('/dev/null').read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "(77, 77)"
    capabilities, privileges, paths = done.stderr.splitlines()
    assert capabilities.startswith("INFO this process keeps its capabilities")
    assert privileges == "INFO this kernel knows no no_new_privs"
    assert paths.startswith("INFO this kernel has no Landlock")


@pytest.mark.parametrize(("abi", "size"), [(1, 8), (2, 8), (3, 8), (4, 16), (5, 16), (6, 24), (9, 24)])
def test_a_kernel_is_asked_for_what_it_knows(monkeypatch, abi, size):
    """An older Landlock gets a shorter rule set without the rights that it does not know, so that it takes it."""
    asked = []

    def syscall(number, *arguments):
        if arguments[0] is None:
            return abi
        if number.value == 446:
            return 0
        asked.append((arguments[0]._obj.files, arguments[0]._obj.net, arguments[0]._obj.scoped, arguments[1].value))
        return -1

    monkeypatch.setattr(confine._libc, "syscall", syscall)
    assert not confine._shut_paths()
    ((files, net, scoped, length),) = asked
    rights = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 9: 16}[abi]
    assert (files, length) == ((1 << rights) - 1, size)
    assert (net, scoped) == (3 if abi >= 4 else 0, 3 if abi >= 6 else 0)


def test_a_failure_is_logged_without_a_path(tmp_path, capfd):
    """A message on which the engine fails is logged with its traceback, by a worker that can read no source file."""

    async def talk(bench):
        await bench.publish(1)
        (pid,) = bench.pool.pids
        with traced(pid, tmp_path / "trace") as trace:
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(ask, bench.address, make_query(label=b"raise"), 0.2)
            assert text_of(await asyncio.to_thread(ask, bench.address))[0] == "image1"
            await bench.publish(2)
        assert trace.calls("recvmsg", "recvfrom")
        tried, succeeded = trace.opened()
        assert not succeeded if landlock_abi() else all("O_RDONLY" in line for line in tried)

    run(talk, workers=1, log_format="json")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (failure,) = [line for line in lines if "traceback" in line]
    assert failure["process"] == "worker 0" and failure["level"] == "error"
    assert failure["traceback"].endswith("RuntimeError: asked for")
