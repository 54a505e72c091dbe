"""The whole server as a child process: what it serves, restart, reload, and every way to end."""

import os
import signal
import threading
import time

import dns.message
import pytest

from tests.peers.asking import UdpClient, make_query
from tests.talking import ORIGIN, PTR, exists, fetch, name_of, send, serial_of, status_of, stopped, until, up, zone


@pytest.fixture
def start(ptrd_server):
    """Start a server on one zone file, or those given, and wait until it has greeted."""

    def start(zones=None, **options):
        options.setdefault("workers", 2)
        server = ptrd_server(zones or {"one.yaml": zone()}, origins=[ORIGIN], **options)
        return up(server)

    return start


def test_it_says_what_it_serves(start):
    """The greeting tells a person what is served and where, and its question has an answer."""
    server = start()
    said = server.said()
    assert "serves 1 zone, 1 record, 1 range\n" in said
    assert f"127.0.0.1:{server.port} (2 workers)\n" in said
    assert f"http://127.0.0.1:{server.http_port}/" in said
    assert f"try: dig @127.0.0.1 -p {server.port} -x 192.0.2.1\n" in said
    assert name_of(server) == "one.example.net."
    assert name_of(server, 7) == "192-0-2-7.dyn.example.net."


def test_it_gives_an_account_of_itself(start):
    """`status`, `lookup` and the pages over HTTP tell what is served, by whom, and that all is well."""
    server = start()
    status = status_of(server)
    assert (status["zones"], status["records"], status["ranges"]) == (1, 1, 1)
    assert status["listen"] == [f"127.0.0.1:{server.port}"]
    assert [worker["revision"] for worker in status["workers"]] == [1, 1]
    assert {status["pid"], *(worker["pid"] for worker in status["workers"])} == set(server.pids())
    assert (status["degraded"], status["publish"]["outcome"]) == ("", "compiled")
    found = send(server, "lookup", name=f"1.{ORIGIN}", type="PTR")["result"]
    assert any("one.yaml:5" in reason for reason in found["why"])
    assert not send(server, "lookup", name="a..b")["ok"]
    assert not send(server, "lookup", name="a.b", type="NOTHING")["ok"]
    assert fetch(server, "/healthz") == (200, "ok\n")
    assert fetch(server, "/readyz") == (200, "ready\n")
    name_of(server)
    _, metrics = fetch(server, "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert float(lines["ptrd_snapshot_revision"]) == float(lines["ptrd_last_publish_successful"]) == 1
    assert float(lines["ptrd_workers"]) == 2
    assert float(lines['ptrd_response_sources_total{source="record"}']) >= 1


def test_a_restart_maps_yesterdays_image(start):
    """With unchanged files the second run compiles nothing, and answers the same."""
    server = start()
    serial = serial_of(server)
    assert server.stop() == 0
    server.start()
    up(server)
    assert status_of(server)["publish"]["outcome"] == "mapped"
    assert serial_of(server) == serial


def test_reload_by_command_and_by_signal(start):
    """A change is live when `reload` returns; SIGHUP does the same; the serial grows each time."""
    server = start()
    serials = [serial_of(server)]
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    reply = send(server, "reload")
    assert reply["ok"]
    assert reply["result"]["revision"] == 2
    assert name_of(server) == "two.example.net."
    serials.append(serial_of(server))
    (server.zone_folder / "one.yaml").write_text(zone("three.example.net"))
    os.kill(status_of(server)["pid"], signal.SIGHUP)
    until(lambda: name_of(server) == "three.example.net.")
    serials.append(serial_of(server))
    assert serials[0] < serials[1] < serials[2]


def test_a_bad_file_changes_nothing(start):
    """A bad file is refused with file, line and column; the old zones go on, over a restart too, until it is mended."""
    server = start()
    bad = server.zone_folder / "one.yaml"
    bad.write_text(zone() + "nonsense: 1\n")
    reply = send(server, "reload")
    assert not reply["ok"]
    assert reply["status"] == 1
    assert reply["problems"][0].startswith(f"{bad}:8:1: error: ")
    assert name_of(server) == "one.example.net."
    assert server.stop() == 0
    server.start()
    up(server)
    assert name_of(server) == "one.example.net."
    assert status_of(server)["degraded"] == "the zone files have 1 error"
    assert fetch(server, "/readyz") == (200, "ready, but degraded: the zone files have 1 error\n")
    assert "ptrd_last_publish_successful 0.0" in fetch(server, "/metrics")[1]
    assert f"error: {bad}:8:1: " in server.said()
    bad.write_text(zone())
    assert send(server, "reload")["ok"]
    assert fetch(server, "/readyz") == (200, "ready\n")


def test_changed_files_are_read_by_themselves(start):
    """With `watch` a change goes live without a word."""
    server = start(settings="watch: 1s\n")
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    until(lambda: name_of(server) == "two.example.net.")


def test_serials_survive_a_lost_image(start):
    """When the image is gone, the same content keeps its serial and a change gets a higher one."""
    server = start()
    serial = serial_of(server)
    server.stop()
    (server.folder / "state" / "zones.image").unlink()
    server.start()
    assert serial_of(server) == serial
    server.stop()
    (server.folder / "state" / "zones.image").unlink()
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    server.start()
    assert serial_of(server) > serial


class Load:
    """Queries at full rate from one socket, 32 of them on their way, until `stop`; counts what is not answered."""

    def __init__(self, server):
        self.client = UdpClient("127.0.0.1", server.port)
        self.client.socket.settimeout(5)
        self.stopping = threading.Event()
        self.sent = self.lost = 0
        self.answers = set()
        self.failure = None

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)
        self.client.socket.close()

    def run(self):
        """Ask for one name, again and again."""
        query = make_query(f"1.{ORIGIN}", PTR)[2:]
        waiting = set()
        while waiting or not self.stopping.is_set():
            while len(waiting) < 32 and not self.stopping.is_set():
                self.sent += 1
                identity = (self.sent & 0xFFFF).to_bytes(2, "big")
                waiting.add(identity)
                self.client.socket.send(identity + query)
            try:
                reply = self.client.socket.recv(4096)
            except TimeoutError:
                self.lost += len(waiting)
                return
            waiting.remove(reply[:2])
            self.answers.add(reply[2:])


def test_fifty_reloads_lose_no_query(start):
    """Queries at full rate, over UDP and over one TCP connection, are all answered through 50 reloads."""
    server = start(settings="tcp: {first_query_timeout: 60s, idle_timeout: 60s}\n")
    with Load(server) as load, server.tcp() as tcp:
        for number in range(50):
            until(lambda seen=number + 1: len(load.answers) == seen)
            (server.zone_folder / "one.yaml").write_text(zone(f"host{number}.example.net"))
            reply = send(server, "reload")
            assert reply["ok"], reply
            wire = tcp.ask(make_query(f"1.{ORIGIN}", PTR))
            assert str(dns.message.from_wire(wire).answer[0][0].target) == f"host{number}.example.net."
        until(lambda: len(load.answers) == 51)
    assert load.lost == 0
    assert load.sent > 1000
    assert status_of(server)["restarts"] == 0


def test_sigterm_drains(start):
    """SIGTERM with queries on their way ends everything within 5 s with status 0, and leaves nothing behind."""
    server = start()
    pids = server.pids()
    with Load(server) as load:
        until(lambda: load.sent > 500)
        began = time.monotonic()
        load.stopping.set()
        os.kill(server.child.process.pid, signal.SIGTERM)
        assert server.child.process.wait(10) == 0
        assert time.monotonic() - began < 5
    assert load.lost == 0
    assert not [pid for pid in pids if exists(pid)]
    assert not server.socket.exists()
    names = {"cookie.secret", "lock", "master.key", "ptrd.db", "serials.json", "zones.image"}
    assert {path.name for path in (server.folder / "state").iterdir()} == names
    assert "Traceback" not in server.said()


def test_a_second_signal_ends_at_once(start):
    """Whoever asks twice does not wait: a stopped worker holds nothing up."""
    server = start()
    pids = server.pids()
    with stopped(status_of(server)["workers"][0]["pid"]):
        os.kill(server.child.process.pid, signal.SIGINT)
        until(lambda: "SIGINT: ending" in server.said())
        began = time.monotonic()
        os.kill(server.child.process.pid, signal.SIGINT)
        assert server.child.process.wait(10) == 128 + signal.SIGINT
        assert time.monotonic() - began < 1
    until(lambda: not [pid for pid in pids if exists(pid)])


def test_a_stopped_worker_does_not_hold_up_the_end(start):
    """A worker that does not end by itself is killed in time."""
    server = start()
    with stopped(status_of(server)["workers"][0]["pid"]):
        began = time.monotonic()
        os.kill(server.child.process.pid, signal.SIGTERM)
        assert server.child.process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_a_killed_server_takes_its_workers_with_it(start):
    """When the supervisor is killed the workers end, and the next run finds nothing in its way."""
    server = start()
    pids = server.pids()
    os.kill(server.child.process.pid, signal.SIGKILL)
    server.child.process.wait(10)
    until(lambda: not [pid for pid in pids if exists(pid)])
    assert server.socket.exists()
    server.start()
    assert name_of(up(server)) == "one.example.net."


def test_a_killed_worker_is_replaced(start):
    """A worker that dies is replaced and counted, and health is restored."""
    server = start()
    os.kill(status_of(server)["workers"][1]["pid"], signal.SIGKILL)
    until(lambda: status_of(server)["restarts"] == 1)
    until(lambda: fetch(server, "/healthz") == (200, "ok\n"))
    assert "ptrd_worker_restarts_total 1.0" in fetch(server, "/metrics")[1]
    assert all(worker["revision"] == 1 for worker in status_of(server)["workers"])
