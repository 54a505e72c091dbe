"""What the server gives up: root and capabilities once its ports are open, and its workers every path after start."""

import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from ptrd.serve.account import find_account
from ptrd.serve.options import ServeError
from ptrd.serve.worker import _SPARE_FILES
from tests.peers.asking import Edns, make_query
from tests.peers.process import free_port, require_program, unable
from tests.peers.ptrd import PtrdServer
from tests.serve.certificates import NAME, client_context, make_pair
from tests.talking import ORIGIN, PTR, SOA, fetch, name_of, send, status_of, until, up, zone
from tests.tracing import traced

ROOT = Path(__file__).parents[1]
USER = "nobody"
NO_CAPABILITY = "0" * 16
PIECES = [b"", b"\0", b"\0\1\0\0\0\1\0\0\0\0\0\0", b"\0\1\0\0\xff\xff\0\0\0\0\0\0\0", b"\xff" * 500]


def process_status(pid):
    """Read /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def holds_nothing(pid):
    """Tell whether a process has no capability and cannot gain any."""
    status = process_status(pid)
    sets = {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    return sets == {NO_CAPABILITY} and status["NoNewPrivs"] == ["1"]


class ForeignServer(PtrdServer):
    """The server in an interpreter that another user may run, started by `starter`."""

    starter = ()
    python = sys.executable

    def command(self, *arguments):
        """Give a command line with everything that is installed here on the path of modules."""
        path = os.pathsep.join((str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        return [*self.starter, "/usr/bin/env", f"PYTHONPATH={path}", self.python, *super().command(*arguments)[1:]]


def runs_as(user, python):
    """Tell whether a user can run the server in this interpreter."""
    command = [python, "-c", "import ptrd.daemon.run, aiohttp, prometheus_client"]
    path = os.pathsep.join((str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    done = subprocess.run(
        command, user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[], cwd="/", env={"PYTHONPATH": path},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode == 0


@pytest.fixture
def python():
    """Give an interpreter that another user can run the server in; skip where there is none, or without root."""
    if os.geteuid() != 0:
        unable("only root can become another user")
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            if runs_as(USER, candidate):
                return candidate
        except OSError:
            continue
    pytest.skip(f"{USER} can read neither this interpreter nor the project, so the server cannot run as {USER}")


@pytest.fixture
def prepare(python):
    """Give servers that may be started as another user, in folders that every user can read."""
    with ExitStack() as stack:

        def prepare(settings=f"user: {USER}\n", **options):
            folder = Path(tempfile.mkdtemp(prefix="ptrd-user-"))
            stack.callback(shutil.rmtree, folder)
            server = ForeignServer(folder, {"one.yaml": zone()}, origins=[ORIGIN], settings=settings, **options)
            server.python = python
            stack.callback(server.__exit__, None, None, None)
            folder.chmod(0o755)
            return server

        yield prepare


def refusal(server):
    """Run a server that cannot start; give its one sentence."""
    done = subprocess.run(
        server.command("serve"), capture_output=True, text=True, timeout=60, check=False, cwd=server.folder
    )
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    return sentence.removeprefix("ptrd: ")


def test_a_worker_opens_nothing_after_its_start(ptrd_server, tmp_path):
    """While it answers all kinds of messages, takes a new image and is probed, a worker does not even try to open."""
    server = up(ptrd_server({"one.yaml": zone()}, origins=[ORIGIN], settings="chaos: {version: x}\nnsid: ns1\n"))
    (worker,) = status_of(server)["workers"]
    questions = [
        make_query(f"1.{ORIGIN}", PTR),
        make_query(f"2.{ORIGIN}", PTR),
        make_query(ORIGIN, SOA),
        make_query(ORIGIN, 255),
        make_query("example.com.", 1),
        make_query("version.bind.", 16, qclass=3),
        make_query(
            f"1.{ORIGIN}", PTR, edns=Edns(options=((3, b""), (10, b"abcdefgh"), (65001, b"x")))
        ),  # NSID, a cookie
        make_query(f"1.{ORIGIN}", PTR, edns=Edns(version=1)),
    ]
    with traced(worker["pid"], tmp_path / "trace") as trace:
        with server.udp() as udp, server.tcp() as tcp:
            for question in questions:
                assert udp.ask(question, seconds=5) and tcp.ask(question)
            for piece in PIECES:
                udp.ask(piece, seconds=0.05)
        (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
        assert send(server, "reload")["ok"]
        assert name_of(server) == "two.example.net."
        assert fetch(server, "/healthz") == (200, "ok\n") and fetch(server, "/metrics")[0] == 200
    assert len(trace.calls("recvfrom", "recvmsg", "sendto", "sendmsg")) > len(questions)
    tried, _ = trace.opened()
    assert [line for line in tried if "connect(" in line or "open" in line or "exec" in line or "clone" in line] == []


def test_without_a_user_only_the_supervisor_is_root(ptrd_server):
    """Workers hold no capability whoever started the server; one that is root's is told what to set."""
    server = up(ptrd_server({"one.yaml": zone()}, origins=[ORIGIN], workers=2))
    for worker in status_of(server)["workers"]:
        assert holds_nothing(worker["pid"])
        limits = Path(f"/proc/{worker['pid']}/limits").read_text(encoding="ascii")
        soft, hard = re.findall(r"^Max open files +(\d+) +(\d+) ", limits, re.MULTILINE)[0]
        assert soft == hard and 500 < int(soft) < 500 + _SPARE_FILES + 16  # half of a thousand connections, and some
        assert re.search(r"^Max core file size +[01] +[01] ", limits, re.MULTILINE)
    assert process_status(status_of(server)["pid"])["NoNewPrivs"] == ["1"]
    assert ("warning: ptrd runs as root; set `user`" in server.said()) == (os.geteuid() == 0)


def test_root_becomes_the_user(prepare):
    """Every process is that user's, for good and without a capability; state, socket and metrics work as ever."""
    server = prepare(workers=2)
    server.start()
    entry = pwd.getpwnam(USER)
    about = status_of(up(server))
    pids = [about["pid"], *(worker["pid"] for worker in about["workers"])]
    assert len(set(pids)) == 3
    for pid in pids:
        assert process_status(pid)["Uid"] == [str(entry.pw_uid)] * 4
        assert process_status(pid)["Gid"] == [str(entry.pw_gid)] * 4
        assert "0" not in process_status(pid)["Groups"]
        assert process_status(pid)["CapBnd"] == [NO_CAPABILITY]
        assert holds_nothing(pid)
    owners = {path.stat().st_uid for path in (server.folder / "state", server.socket)}
    assert owners == {entry.pw_uid}
    page = fetch(server, "/metrics")[1]
    for process in ("supervisor", "worker0", "worker1"):
        assert f'ptrd_process_proportional_memory_bytes{{process="{process}"}}' in page
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    assert send(server, "reload")["ok"] and name_of(server) == "two.example.net."
    os.kill(pids[1], 9)
    fresh = until(lambda: [w["pid"] for w in status_of(server)["workers"] if w["revision"] and w["pid"] not in pids])
    assert holds_nothing(fresh[0]) and process_status(fresh[0])["Uid"] == [str(entry.pw_uid)] * 4
    assert "warning" not in server.said().replace("warning: worker", "")
    assert server.stop() == 0
    server.start()  # on the state that it left, which is not empty now
    assert name_of(server) == "two.example.net."


def test_a_certificate_reaches_workers_without_a_path(prepare, tmp_path):
    """With `user` and TLS, the first certificate and a new one are read as that user, and workers open memory alone."""
    server = prepare()
    port = free_port()
    pairs = [make_pair(server.folder, name) for name in ("one", "two")]
    chain, key = pairs[0].certificate, pairs[0].key
    for path in (key, pairs[1].key):
        shutil.chown(path, USER)
    with server.config.open("a") as config:
        config.write(f"tls: {{listen: ['127.0.0.1:{port}'], certificate: {chain}, key: {key}}}\n")
    server.start()
    (worker,) = status_of(up(server))["workers"]
    contexts = [client_context(pair) for pair in pairs]
    with traced(worker["pid"], tmp_path / "trace") as trace:
        assert b"\3one\7example" in ask_tls(port, contexts[0])
        shutil.copy(pairs[1].certificate, chain)
        shutil.copy(pairs[1].key, key)
        assert send(server, "reload")["ok"]
        assert b"\3one\7example" in ask_tls(port, contexts[1])
    tried, succeeded = trace.opened()
    assert tried == succeeded and len(tried) == 2
    assert all('"/proc/self/fd/' in line and "O_RDONLY" in line for line in tried)


def ask_tls(port, context):
    """Ask for the name of 192.0.2.1 over TLS."""
    question = make_query(f"1.{ORIGIN}", PTR)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as client,
    ):
        client.sendall(len(question).to_bytes(2, "big") + question)
        stream = client.makefile("rb")
        return stream.read(int.from_bytes(stream.read(2), "big"))


def test_a_capability_for_low_ports_is_given_up(prepare):
    """Started as a user with CAP_NET_BIND_SERVICE, as by the unit, no process keeps it once the ports are open."""
    setpriv = require_program("setpriv", "util-linux")
    server = prepare(settings="")
    entry = pwd.getpwnam(USER)
    os.chown(server.folder, entry.pw_uid, entry.pw_gid)
    os.chown(server.runtime, entry.pw_uid, entry.pw_gid)
    capability = "+net_bind_service"
    server.starter = (
        setpriv, "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups",
        "--inh-caps", capability, "--ambient-caps", capability,
    )  # fmt: skip
    low = next(port for port in range(1023, 0, -1) if is_free(port))
    server.config.write_text(server.config.read_text().replace(f":{server.port}", f":{low}"))
    server.port = low
    server.start()
    about = status_of(up(server))
    assert holds_nothing(about["pid"]) and holds_nothing(about["workers"][0]["pid"])


def is_free(port):
    """Tell whether nobody uses a port of 127.0.0.1."""
    lines = [line.split() for name in ("tcp", "udp") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return f"{port:04X}" not in {line[1].rpartition(":")[2] for line in lines}


def test_the_admin_group_of_a_user(prepare):
    """With `user` the control socket is open to `admin_group`, also when that user is no member of it."""
    server = prepare(f"user: {USER}\nadmin_group: daemon\n")
    server.start()
    assert up(server).socket.stat().st_gid == grp.getgrnam("daemon").gr_gid
    assert server.socket.stat().st_mode & 0o777 == 0o660


def test_a_second_server_of_a_user(prepare):
    """With `user` too, a second server on the same state folder is told who has it."""
    first, second = prepare(), prepare()
    first.start()
    pid = status_of(up(first))["pid"]
    second.config.write_text(
        second.config.read_text().replace(str(second.folder / "state"), str(first.folder / "state"))
    )
    sentence = f"another ptrd (process {pid}) already runs on the state folder {first.folder}/state"
    assert refusal(second) == sentence
    assert name_of(first) == "one.example.net."


def test_a_state_folder_of_somebody_else(prepare):
    """A folder with root's files in it is not taken over: the sentence says how to give it to the user."""
    server = prepare()
    state = server.folder / "state"
    state.mkdir()
    (state / "cookie.secret").write_text("")
    (state / "cookie.secret").chmod(0o600)
    assert refusal(server).startswith(
        f"user: {USER} cannot write to the state folder {state} or what is in it; `chown -R {USER}: {state}` gives it"
    )
    assert state.stat().st_uid == 0
    shutil.chown(state, USER)
    assert "`chown -R" in refusal(server)  # what is in it is root's still
    subprocess.run(["chown", "-R", f"{USER}:", str(state)], check=True)
    server.start()
    assert name_of(server) == "one.example.net."


def test_a_socket_folder_of_somebody_else(prepare):
    """A folder that holds other things is left alone, and the control socket wants another."""
    server = prepare()
    (server.runtime / "something").write_text("")
    assert refusal(server).startswith(
        f"user: {USER} cannot make the control socket in {server.runtime}; set `socket` to a path in a folder of that"
    )
    assert server.runtime.stat().st_uid == 0


def test_a_folder_behind_a_link_is_not_given_away(prepare):
    """An empty folder of root's that a link leads to stays root's: a link may be somebody else's."""
    server = prepare()
    with tempfile.TemporaryDirectory() as elsewhere:
        (server.folder / "state").symlink_to(elsewhere)
        assert "cannot write to the state folder" in refusal(server)
        assert Path(elsewhere).stat().st_uid == 0


def test_a_user_that_cannot_be(monkeypatch):
    """No such user, root itself, or a user that whoever starts it cannot become: each is a sentence with a way out."""
    with pytest.raises(ServeError, match=r"^user: there is no user called ptrd-none; make it with `useradd "):
        find_account("ptrd-none")
    with pytest.raises(ServeError, match=r"^user: root is root, and the point is not to be; name an ordinary user"):
        find_account("root")
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    with pytest.raises(ServeError, match=rf"^user: ptrd was started by daemon, who cannot become {USER}; start it as"):
        find_account(USER)
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam(USER).pw_uid)
    assert find_account(USER) is None
