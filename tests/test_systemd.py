"""The systemd units: as closed as they claim, clean by systemd's own judgement, and a sandbox that ptrd lives in."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ptrd.config import load_config
from tests.peers.asking import make_query
from tests.peers.process import missing, require_program
from tests.peers.ptrd import PtrdServer
from tests.sandbox import UNAVAILABLE, allowed_calls

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "systemd"
SERVICE = UNITS / "ptrd.service"
DROP_IN = UNITS / "ptrd-socket-activated.conf"
PROGRAM = "/opt/ptrd/bin/ptrd"


@pytest.fixture
def analyze():
    """Run systemd-analyze, or skip where there is none."""
    program = require_program("systemd-analyze", "systemd")

    def run(*arguments):
        return subprocess.run(
            [program, "--no-pager", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
        )

    return run


def settings(path):
    """Give the `name=value` lines of a unit, as a mapping from name to values in order."""
    found = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def exposure(analyze, folder, *parts):
    """Give systemd's exposure level of a unit made of these parts, which is how systemd reads a drop-in."""
    unit = folder / "ptrd.service"
    unit.write_text("\n".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8")
    done = analyze("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for ptrd\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def test_the_service_is_closed(analyze, tmp_path):
    """ptrd.service has an exposure of at most 1.6, and of what README.md says."""
    level = exposure(analyze, tmp_path, SERVICE)
    assert level <= 1.6
    assert f"gives it {level}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_socket_activated_service_is_closed_further(analyze, tmp_path):
    """With the drop-in for socket activation the exposure is at most 1.2, and what README.md says."""
    level = exposure(analyze, tmp_path, SERVICE, DROP_IN)
    assert level <= 1.2
    assert f"({level})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("activated", [False, True])
def test_systemd_finds_nothing_wrong(analyze, tmp_path, activated):
    """`systemd-analyze verify` has nothing to say about the units, with the program where they look for it."""
    text = SERVICE.read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
    (tmp_path / "ptrd.service").write_text(text, encoding="utf-8")
    (tmp_path / "ptrd.socket").write_bytes((UNITS / "ptrd.socket").read_bytes())
    if activated:
        (tmp_path / "ptrd.service.d").mkdir()
        (tmp_path / "ptrd.service.d" / "socket-activated.conf").write_bytes(DROP_IN.read_bytes())
    done = analyze("verify", tmp_path / "ptrd.service", tmp_path / "ptrd.socket")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_socket_hands_over_udp_and_tcp():
    """ptrd.socket opens port 53 for UDP and TCP, IPv4 and IPv6, the same number of times each, for several workers."""
    socket = settings(UNITS / "ptrd.socket")
    assert socket["ReusePort"] == ["yes"] and socket["BindIPv6Only"] == ["ipv6-only"]
    assert socket["ListenDatagram"] == socket["ListenStream"]
    counts = {address: socket["ListenStream"].count(address) for address in socket["ListenStream"]}
    assert set(counts) == {"0.0.0.0:53", "[::]:53"} and len(set(counts.values())) == 1 and min(counts.values()) > 1


def test_the_service_starts_what_the_configuration_says():
    """The configuration for systemd keeps state and control socket in the folders that the unit makes."""
    service = settings(SERVICE)
    config = load_config(UNITS / "ptrd.yaml")
    assert config.state == Path("/var/lib") / service["StateDirectory"][0]
    assert config.local.path == Path("/run") / service["RuntimeDirectory"][0] / "control.sock"
    for command in (*service["ExecStart"], *service["ExecReload"]):
        assert command.startswith(f"{PROGRAM} ") and command.endswith(" --config /etc/ptrd/ptrd.yaml")


class SandboxedServer(PtrdServer):
    """The real server under the system call filter of the unit."""

    def command(self, *arguments):
        """Give the command line, behind the program that confines it."""
        return [sys.executable, str(ROOT / "tests" / "sandbox.py"), str(SERVICE), *super().command(*arguments)]


@pytest.fixture
def sandboxed(analyze, tmp_path):
    """Start the example zones under the unit's filter, or skip where the kernel or libseccomp does not allow it."""
    assert analyze("syscall-filter", "@default").returncode == 0
    trial = [sys.executable, str(ROOT / "tests" / "sandbox.py"), str(SERVICE), "/bin/true"]
    if subprocess.run(trial, capture_output=True, timeout=60, check=False).returncode == UNAVAILABLE:
        missing("libseccomp", "libseccomp2")
    with SandboxedServer(tmp_path / "ptrd", [ROOT / "zones"], workers=2) as server:
        yield server


def test_the_server_lives_in_its_sandbox(sandboxed):
    """Under the unit's filter ptrd answers over UDP and TCP, compiles, reloads, gives metrics and replaces a worker."""
    question = make_query("10.2.0.192.in-addr.arpa.", 12)
    with sandboxed.udp() as udp, sandboxed.tcp() as tcp:
        assert b"company-a" in udp.ask(question) and b"company-a" in tcp.ask(question)
    with urllib.request.urlopen(f"http://127.0.0.1:{sandboxed.http_port}/metrics", timeout=30) as metrics:
        assert b"\nptrd_process_proportional_memory_bytes" in metrics.read()
    (sandboxed.zone_folder / "x").touch()
    for command in ("reload", "status"):
        done = subprocess.run(
            sandboxed.command(command),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    before = set(sandboxed.pids())
    os.kill(max(before), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(set(sandboxed.pids()) - before) < 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert set(sandboxed.pids()) - before
    assert "Operation not permitted" not in sandboxed.said()
    status = Path(f"/proc/{max(sandboxed.pids())}/status").read_text(encoding="ascii")
    assert "Seccomp:\t2\n" in status and "NoNewPrivs:\t1\n" in status


def test_the_filter_holds_no_privileged_call(analyze):
    """What the unit allows has no call that changes owners, users, the clock, mounts or other processes' memory."""
    assert analyze("syscall-filter", "@default").returncode == 0
    allowed = allowed_calls(SERVICE.read_text(encoding="utf-8"))
    for call in ("chown", "setuid", "settimeofday", "mount", "ptrace", "bpf", "init_module", "reboot"):
        assert call not in allowed
    assert {"landlock_create_ruleset", "landlock_restrict_self", "prctl"} <= allowed  # what workers give up
    assert {"setpriority", "sched_setscheduler"} <= allowed  # how a reload gives way
    assert {"recvfrom", "sendmsg", "mmap", "epoll_wait", "memfd_create"} <= allowed
