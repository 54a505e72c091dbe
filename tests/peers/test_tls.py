"""DNS over TLS as its users meet it: kdig against the real server, certificates that change, workers that die."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests.peers.process import free_port, require_program
from tests.peers.ptrd import PtrdServer
from tests.serve.certificates import NAME, client_context, make_pair
from tests.talking import ORIGIN, fetch, send, status_of, until, up, zone


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Make two certificates for one name."""
    folder = tmp_path_factory.mktemp("pairs")
    return make_pair(folder, "one"), make_pair(folder, "two", days=60)


@pytest.fixture
def start(ptrd_server, tmp_path, pairs):
    """Start a server with DNS over TLS, on files that the test may change; its port is `tls_port`."""

    def start(**options):
        port = free_port()
        for source, name in ((pairs[0].certificate, "chain.pem"), (pairs[0].key, "key.pem")):
            shutil.copy(source, tmp_path / name)
        settings = f"tls: {{listen: ['127.0.0.1:{port}'], certificate: ../chain.pem, key: ../key.pem}}\n"
        server = up(ptrd_server({"one.yaml": zone()}, origins=[ORIGIN], workers=2, settings=settings, **options))
        server.tls_port = port
        return server

    return start


@pytest.fixture
def put(tmp_path):
    """Put a pair in the place of the one that the server was started with."""

    def put(pair):
        for source, name in ((pair.certificate, "chain.pem"), (pair.key, "key.pem")):
            shutil.copy(source, tmp_path / "new")
            (tmp_path / "new").rename(tmp_path / name)

    return put


def kdig(server, *options):
    """Ask for the name of 192.0.2.1 with kdig over TLS, and give what it prints."""
    command = [require_program("kdig", "knot-dnsutils"), "+tls", "+retry=0", "+timeout=10", *options]
    command += ["-p", str(server.tls_port), "@127.0.0.1", "-x", "192.0.2.1"]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=30).stdout


class Session:
    """A TLS connection of Python's that asks for the name of 192.0.2.1."""

    def __init__(self, server, pair):
        plain = socket.create_connection(("127.0.0.1", server.tls_port), 10)
        self.socket = client_context(pair).wrap_socket(plain, server_hostname=NAME)
        self.stream = self.socket.makefile("rb")

    def ask(self, identity=1):
        """Ask once; give the answer."""
        query = identity.to_bytes(2, "big") + bytes((0, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        for label in f"1.{ORIGIN}".rstrip(".").split("."):
            query += bytes((len(label),)) + label.encode()
        query += b"\0\0\x0c\0\1"
        self.socket.sendall(len(query).to_bytes(2, "big") + query)
        return self.stream.read(int.from_bytes(self.stream.read(2), "big"))

    def close(self):
        """Hang up."""
        self.stream.close()
        self.socket.close()


def is_used(server, pair):
    """Tell whether new connections get this certificate."""
    try:
        session = Session(server, pair)
    except OSError:
        return False
    session.close()
    return True


def test_kdig_asks_over_tls(start, pairs):
    """The name comes, and kdig believes the certificate for its name only, and what it pads is padded (RFC 8467)."""
    server = start()
    assert f"DoT      127.0.0.1:{server.tls_port}\n" in server.said()
    assert f"127.0.0.1:{server.tls_port} (TLS)" in status_of(server)["listen"]
    assert kdig(server, "+short").split() == ["one.example.net."]
    trusted = (f"+tls-ca={pairs[0].certificate}", f"+tls-hostname={NAME}")
    printed = kdig(server, *trusted)
    assert "status: NOERROR" in printed and "TLS1.3" in printed and "one.example.net." in printed
    assert "PADDING" in printed and "Received 468 B" in printed
    assert "one.example.net." not in kdig(server, trusted[0], "+tls-hostname=elsewhere.example.net")
    assert "one.example.net." not in kdig(server, f"+tls-ca={pairs[1].certificate}", trusted[1])
    assert "PADDING" not in kdig(server, "+nopadding", "+noedns")
    metrics = fetch(server, "/metrics")[1]
    count = next(
        line for line in metrics.splitlines() if line.startswith('ptrd_queries_total{family="ipv4",transport="tls"}')
    )
    assert float(count.rsplit(" ", 1)[1]) >= 3


def test_a_certificate_is_replaced_under_load(start, put, pairs):
    """With queries going on over open connections and new ones, a reload brings a new certificate and loses nothing."""
    server = start()
    one, two = pairs
    held = [Session(server, one) for _ in range(20)]
    failures = []
    answers = [0, 0]
    stop = threading.Event()

    def ask_held():
        while not stop.is_set():
            for number, session in enumerate(held):
                reply = session.ask(number)
                if reply[:2] != number.to_bytes(2, "big") or b"\3one\7example\3net" not in reply:
                    failures.append(reply)
                answers[0] += 1

    def ask_anew():
        while not stop.is_set():
            for pair in one, two:
                try:
                    session = Session(server, pair)
                except OSError:  # it is the other's turn
                    continue
                answers[1] += bool(session.ask())
                session.close()

    def guarded(work):
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread's exception must fail the test
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (ask_held, ask_anew)]
    for thread in threads:
        thread.start()
    try:
        for pair in (two, one, two):
            before = list(answers)
            put(pair)
            reply = send(server, "reload")
            assert reply["ok"] and reply["result"]["certificate"]["outcome"] == "replaced"
            assert is_used(server, pair)
            until(lambda seen=before: failures or all(now > then for now, then in zip(answers, seen, strict=True)))
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    for session in held:
        assert session.ask()
        session.close()
    assert not is_used(server, one)
    assert status_of(server)["restarts"] == 0


def test_a_bad_certificate_is_refused_and_the_old_one_stays(start, put, pairs, tmp_path):
    """A reload with a bad pair says why and fails, though the zones are published; mended, it succeeds."""
    server = start()
    (tmp_path / "key.pem").write_text("nonsense")
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    command = subprocess.run(server.command("reload"), capture_output=True, check=False, text=True, timeout=60)
    assert command.returncode == 1
    assert f"the certificate that is in use stays: tls.key: {tmp_path / 'key.pem'}" in command.stderr
    assert kdig(server, "+short").split() == ["two.example.net."]
    assert is_used(server, pairs[0])
    put(pairs[1])
    command = subprocess.run(server.command("reload"), capture_output=True, check=False, text=True, timeout=60)
    assert command.returncode == 0
    assert command.stdout.startswith("a new certificate is in use; the next to expire does so on 20")
    assert is_used(server, pairs[1]) and not is_used(server, pairs[0])
    assert send(server, "reload")["result"]["certificate"]["outcome"] == "unchanged"


def test_sighup_takes_a_new_certificate(start, put, pairs):
    """SIGHUP reads the certificate again, and the metric tells when the one in use expires."""
    server = start()
    name = "ptrd_tls_certificate_expiry_timestamp_seconds"

    def days_left():
        line = next(line for line in fetch(server, "/metrics")[1].splitlines() if line.startswith(name + " "))
        return (float(line.rsplit(" ", 1)[1]) - time.time()) / 86400

    assert 29 < days_left() < 31
    put(pairs[1])
    os.kill(status_of(server)["pid"], signal.SIGHUP)
    until(lambda: is_used(server, pairs[1]))
    until(lambda: days_left() > 59)


def test_a_worker_that_was_replaced_speaks_tls(start, put, pairs):
    """After a reload every worker is killed; those in their places have the certificate that is in use."""
    server = start()
    put(pairs[1])
    assert send(server, "reload")["ok"]
    before = [worker["pid"] for worker in status_of(server)["workers"]]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(worker["revision"] and worker["pid"] not in before for worker in status_of(server)["workers"]))
    for _ in range(20):
        assert is_used(server, pairs[1])
    assert kdig(server, "+short").split() == ["one.example.net."]


def test_a_handshake_that_fails_is_counted(start):
    """Who speaks no TLS to the port of TLS is closed and counted, and the log says nothing of it."""
    server = start()
    with socket.create_connection(("127.0.0.1", server.tls_port), 10) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(100) == b""
    until(lambda: 'ptrd_tcp_closed_total{reason="handshake"} 1.0' in fetch(server, "/metrics")[1])
    assert "GET" not in server.said() and "SSL" not in server.said()


@pytest.mark.parametrize(
    ("tls", "sentence"),
    [
        ("{listen: ['127.0.0.1:0'], certificate: gone.pem, key: gone.pem}", "tls.certificate: cannot read /"),
        ("{listen: ['127.0.0.1:0'], certificate: ../chain.pem, key: ../other.pem}", "is not the key of /"),
        ("{listen: ['127.0.0.1:0'], key: ../key.pem}", "error: tls: `certificate` must stand here too; write for"),
        ("{listen: ['192.0.2.53:853'], certificate: ../chain.pem, key: ../key.pem}", "change `tls.listen`"),
    ],
)
def test_what_ends_the_start(tmp_path, pairs, tls, sentence):
    """A pair that cannot be used, half a pair or an address that is not there ends the start with a sentence."""
    shutil.copy(pairs[0].certificate, tmp_path / "chain.pem")
    shutil.copy(pairs[0].key, tmp_path / "key.pem")
    shutil.copy(pairs[1].key, tmp_path / "other.pem")
    server = PtrdServer(tmp_path / "ptrd", {"one.yaml": zone()}, settings=f"tls: {tls}\n")
    try:
        done = subprocess.run(server.command("serve"), capture_output=True, check=False, text=True, timeout=60)
    finally:
        shutil.rmtree(server.runtime)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
