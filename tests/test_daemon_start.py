"""The server's start: what is in its way is one sentence; and its dealings with systemd."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.process import free_port
from tests.peers.ptrd import PtrdServer
from tests.talking import ORIGIN, exists, fetch, name_of, send, status_of, stopped, until, up, zone

ROOT = Path(__file__).parents[1]


@pytest.fixture
def start(ptrd_server):
    """Start a server on one zone file, and wait until it has greeted."""
    return lambda **options: up(ptrd_server({"one.yaml": zone()}, origins=[ORIGIN], **options))


@pytest.fixture
def prepare(tmp_path):
    """Give servers that are configured but not started."""
    servers = []

    def prepare(zones=None):
        servers.append(PtrdServer(tmp_path / f"server{len(servers)}", zones or {"one.yaml": zone()}, origins=[ORIGIN]))
        return servers[-1]

    yield prepare
    for server in servers:
        server.__exit__(None, None, None)


def change(server, old, new):
    """Change a server's ptrd.yaml."""
    text = server.config.read_text()
    assert str(old) in text
    server.config.write_text(text.replace(str(old), str(new)))


def refusal(server):
    """Run a server that cannot start; give its one sentence."""
    done = subprocess.run(
        server.command("serve"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=server.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *log, sentence = done.stderr.splitlines()
    assert not [line for line in log if not line.startswith(("error: ", "warning: "))]
    assert sentence.startswith("ptrd: ")
    return sentence.removeprefix("ptrd: ")


def test_a_second_server_on_the_same_state(start, prepare):
    """The state folder has one owner; the second server is told who that is, and the first goes on."""
    first = start()
    second = prepare()
    second.config.write_text(
        second.config.read_text().replace(str(second.folder / "state"), str(first.folder / "state"))
    )
    pid = status_of(first)["pid"]
    assert refusal(second) == f"another ptrd (process {pid}) already runs on the state folder {first.folder}/state"
    assert name_of(first) == "one.example.net."


def test_a_second_server_on_the_same_port(start, prepare):
    """A second server of the same user does not steal queries: the port is taken."""
    first = start()
    second = prepare()
    change(second, second.port, first.port)
    assert refusal(second).startswith(f"cannot listen on 127.0.0.1:{first.port} (UDP): it is in use; ")


def test_a_busy_tcp_port(prepare):
    """A port that somebody else has over TCP only is busy too."""
    server = prepare()
    with socket.create_server(("127.0.0.1", server.port)):
        assert refusal(server).startswith(f"cannot listen on 127.0.0.1:{server.port} (TCP): it is in use; ")


def test_a_busy_http_port(prepare):
    """A busy HTTP port is noticed before the first query is answered."""
    server = prepare()
    with socket.create_server(("127.0.0.1", server.http_port)):
        assert refusal(server).startswith(f"cannot listen on 127.0.0.1:{server.http_port} for HTTP: it is in use; ")


def test_a_second_server_on_the_same_control_socket(start, prepare):
    """A control socket that a server listens on is not taken from it."""
    first = start()
    second = prepare()
    change(second, second.socket, first.socket)
    assert refusal(second) == f"cannot make the control socket {first.socket}: another server listens on it"
    assert status_of(first)["degraded"] == ""


def test_an_overlong_control_socket(prepare):
    """A path that the kernel cannot take ends the start."""
    server = prepare()
    long = f"/tmp/{'x' * 120}"  # noqa: S108 - never made
    change(server, server.socket, long)
    assert refusal(server).startswith(f"the control socket's path {long} has 125 bytes, at most 107 are possible")


def test_a_missing_zone_file(prepare, tmp_path):
    """A zone file that is not there, at a first start, is the end of it."""
    server = prepare(zones=[tmp_path / "missing.yaml"])
    assert refusal(server) == "there is nothing to serve: the zone files have 1 error"


def test_a_bad_zone_file(prepare):
    """Each problem of a bad zone file is a line of the log."""
    server = prepare(zones={"one.yaml": zone() + "nonsense: 1\n", "two.yaml": "zone: [\n"})
    assert refusal(server) == "there is nothing to serve: the zone files have 2 errors"


def test_a_state_folder_that_cannot_be(prepare):
    """A state folder that cannot be made is named."""
    server = prepare()
    (server.folder / "state").write_text("")
    assert refusal(server) == f"cannot use the state folder {server.folder}/state: File exists"


def test_a_foreign_address(prepare):
    """An address of another machine cannot be listened on."""
    server = prepare()
    change(server, f"127.0.0.1:{server.port}", f"192.0.2.1:{server.port}")
    assert refusal(server).startswith(f"cannot listen on 192.0.2.1:{server.port} (UDP): no interface of this machine")


@contextlib.contextmanager
def running(command, **options):
    """Run a command; it is killed when the test does not see to its end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as child:
        try:
            yield child
        finally:
            child.kill()


def test_sigterm_ends_a_start(prepare):
    """A server that is still compiling ends at once, with the compiler, and status 0."""
    records = "".join(f"  10.{n >> 16}.{n >> 8 & 255}.{n & 255}: h{n}.example.net\n" for n in range(300_000))
    text = zone().partition("records:")[0].replace("192.0.2.0/24", "10.0.0.0/8") + "records:\n" + records
    server = prepare(zones={"big.yaml": text})
    with running(server.command("serve"), cwd=server.folder, env=os.environ | {"PYTHONPATH": str(ROOT)}) as child:
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        pids = until(lambda: (found := children.read_text().split()) and len(found) == 2 and found)
        child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0
        assert b"Traceback" not in child.stdout.read()
    until(lambda: not [pid for pid in pids if exists(pid)])
    assert sorted(path.name for path in (server.folder / "state").iterdir()) == ["cookie.secret", "lock", "ptrd.db"]


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def wait_for(self, line):
        """Wait for a datagram with this line; give the whole of it."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            if line in lines:
                return lines


def test_systemd_is_told(prepare, tmp_path, monkeypatch):
    """Systemd hears when the server is ready, reloads, is well, and ends; a sick worker ends the good news."""
    with Systemd(tmp_path / "notify") as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        server = prepare()
        server.start()
        assert "STATUS=serving 1 zones" in systemd.wait_for("READY=1")
        systemd.wait_for("WATCHDOG=1")
        systemd.wait_for("WATCHDOG=1")
        status = status_of(up(server))
        os.kill(status["pid"], signal.SIGHUP)
        assert any(line.startswith("MONOTONIC_USEC=") for line in systemd.wait_for("RELOADING=1"))
        systemd.wait_for("READY=1")
        with stopped(status["workers"][0]["pid"]):
            systemd.socket.settimeout(1)
            with pytest.raises(TimeoutError):
                systemd.wait_for("nothing is said in this time")
        systemd.socket.settimeout(20)
        systemd.wait_for("WATCHDOG=1")
        environment = Path(f"/proc/{status['workers'][0]['pid']}/environ").read_bytes()
        assert b"NOTIFY_SOCKET" not in environment
        assert server.stop() == 0
        systemd.wait_for("STOPPING=1")


def test_sockets_are_handed_over(prepare):
    """Sockets of systemd's are read, and no others are opened; queries wait in them while the server restarts."""
    server = prepare()
    port = free_port()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_server(("127.0.0.1", port)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        udp.bind(("127.0.0.1", port))
        client.connect(("127.0.0.1", port))
        client.settimeout(20)
        client.send(b"\0\7\0\0\0\1\0\0\0\0\0\0\1\x31" + b"\x012\x010\x03192\x07in-addr\x04arpa\0\0\x0c\0\1")
        script = (
            "import fcntl, os, sys; udp, tcp = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]); "
            "os.dup2(udp, 3); os.dup2(tcp, 4); os.environ['LISTEN_PID'] = str(os.getpid()); "
            "os.execv(sys.executable, [sys.executable, *sys.argv[3:]])"
        )
        command = [sys.executable, "-c", script, str(udp.fileno()), str(tcp.fileno()), *server.command("serve")[1:]]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "dns:dns"}
        descriptors = [udp.fileno(), tcp.fileno()]
        with running(command, pass_fds=descriptors, env=environment, cwd=server.folder) as child:
            assert client.recv(4096)[:2] == b"\0\7"
            server.port = port
            assert name_of(server) == "one.example.net."
            until(lambda: fetch(server, "/readyz")[0] == 200)
            assert status_of(server)["listen"] == [f"127.0.0.1:{port}"]
            assert send(server, "reload")["ok"]
            child.terminate()
            assert child.wait(10) == 0
            assert b"2 sockets were handed over" in child.stdout.read()


def test_no_answer_waits_for_what_only_some_features_need():
    """The server is loaded without dnspython, aiohttp and cryptography: they come when something asks for them."""
    unwanted = ("dns", "aiohttp", "cryptography")
    code = f"import sys, ptrd.daemon.run; print([name for name in {unwanted} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
