"""Faults of the world around a running server: what is served is never wrong, and the service comes back by itself."""

import contextlib
import errno
import os
import random
import resource
import signal
import socket
import struct
import threading

import dns.message
import pytest

from ptrd.engine.responder import Options, Service, respond
from ptrd.metrics import blocks
from ptrd.serve.live import Live
from ptrd.serve.udp import make_reader
from tests.peers.asking import UdpClient, make_query
from tests.serving import build, serve
from tests.talking import ORIGIN, PTR, exists, fetch, name_of, send, serial_of, status_of, until, up, zone

QUERY = make_query(f"1.{ORIGIN}", PTR)[2:]
OTHERS = ("ptrd.db", "ptrd.db-wal", "ptrd.db-shm", "master.key")


@pytest.fixture
def start(ptrd_server):
    """Start a server on one zone file and wait until it has greeted."""
    return lambda text=None, **options: up(ptrd_server({"one.yaml": text or zone()}, origins=[ORIGIN], **options))


class Asking:
    """A client that asks one thing again and again until the `with` block ends; it minds wrong answers, not late ones.

    Each question comes from a port of its own, so that all workers have their share.
    """

    def __init__(self, server, seconds=0.2):
        self.server = server
        self.seconds = seconds
        self.stopping = threading.Event()
        self.answers = set()
        self.answered = self.lost = 0
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def run(self):
        """Ask, and remember what was said."""
        while not self.stopping.is_set():
            identity = random.randrange(65536).to_bytes(2, "big")
            with UdpClient(self.server.address, self.server.port) as client:
                reply = client.ask(identity + QUERY, seconds=self.seconds)
            if reply is None:
                self.lost += 1
            else:
                self.answered += 1
                self.answers.add(reply[2:])


def serving(server):
    """Give the processes of the workers that serve, when all do."""
    pids = [worker["pid"] for worker in status_of(server)["workers"] if worker["revision"] and worker["pid"]]
    return len(pids) == 2 and pids


def names_in(answers):
    """Read the names out of answers without an id."""
    return {str(dns.message.from_wire(b"\0\0" + answer).answer[0][0].target) for answer in answers}


def test_workers_are_killed_in_a_loop(start):
    """Six kills, now of one worker, now of both: no answer is wrong, and each time all come back."""
    server = start(workers=2)
    killed = []
    with Asking(server) as asking:
        for number in range(4):
            pids = until(lambda: serving(server))
            victims = pids if number % 2 else [pids[number // 2 % 2]]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            killed += victims
            before, deaths = asking.answered, len(killed)
            until(lambda deaths=deaths: status_of(server)["restarts"] == deaths)
            until(lambda before=before: asking.answered > before)
        until(lambda: serving(server))
    assert len(killed) == 6
    assert names_in(asking.answers) == {"one.example.net."}
    assert len(asking.answers) == 1
    assert fetch(server, "/healthz") == (200, "ok\n")
    assert not [pid for pid in killed if exists(pid)]
    assert "Traceback" not in server.said()


def flip(data, at):
    """Flip one bit of some bytes."""
    return data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :]


def test_the_supervisor_is_killed_and_its_image_damaged(start):
    """Its workers go with it; an image that is cut short or changed meanwhile is made anew, and the log says so."""
    server = start(workers=2)
    serial = serial_of(server)
    image = server.folder / "state" / "zones.image"
    whole = image.read_bytes()
    for content, sentence in (
        (whole[: len(whole) // 2], "it is cut short"),
        (flip(whole, len(whole) - 3), "its index does not match its checksum"),
    ):
        pids = server.pids()
        os.kill(server.child.process.pid, signal.SIGKILL)
        server.child.process.wait(10)
        until(lambda pids=pids: not [pid for pid in pids if exists(pid)])
        image.write_bytes(content)
        os.utime(image)
        server.start()
        assert (name_of(up(server)), serial_of(server)) == ("one.example.net.", serial)
        assert status_of(server)["publish"]["outcome"] == "compiled"
        assert f"warning: the image of last time cannot be used: {sentence}" in server.said()
        assert not list(image.parent.glob("*.tmp*"))


ABUSE = [
    b"",
    b"G",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000,
    b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000,
    b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n" + b"a" * 70_000,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    bytes(range(256)) * 100,
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
]


def test_http_is_abused_while_dns_is_answered(start):
    """Clients that stop, flood, talk nonsense or go away in mid-answer cost no DNS answer, and HTTP is there after."""
    server = start(workers=2)
    with contextlib.ExitStack() as stack, Asking(server, seconds=5) as asking:
        for number in range(120):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port), timeout=5))
            client.settimeout(0.5)
            with contextlib.suppress(OSError):  # it may be closed while we write, and that is well
                client.sendall(ABUSE[number % len(ABUSE)])
            if number % 3 == 0:  # a reset, whatever is on its way
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        assert fetch(server, "/healthz") == (200, "ok\n")
        before = asking.answered
        until(lambda: asking.answered > before + 100)
    assert asking.lost == 0
    assert names_in(asking.answers) == {"one.example.net."}
    assert fetch(server, "/readyz") == (200, "ready\n")
    assert "Traceback" not in server.said()


def files_of(state):
    """Give the files of a state folder but those of the database, which has a disk's trouble of its own."""
    return {path.name: path.read_bytes() for path in state.iterdir() if path.name not in OTHERS}


def test_an_image_that_is_damaged_while_it_is_served(start):
    """A byte that is changed in the image, and the loss of nearly all of it, change no answer and end no process."""
    server = start(workers=2)
    pids = set(server.pids())
    image = server.folder / "state" / "zones.image"
    data = image.read_bytes()
    at = data.index(b"\x03one\x07example")
    with image.open("r+b") as file:
        file.seek(at + 1)
        file.write(b"X")
    assert name_of(server) == "one.example.net."
    os.truncate(image, 100)
    assert name_of(server) == "one.example.net." and set(server.pids()) == pids
    os.kill(min(pids - {server.child.process.pid}), signal.SIGKILL)
    until(
        lambda: (
            status_of(server)["restarts"] == 1 and all(worker["revision"] for worker in status_of(server)["workers"])
        )
    )
    assert name_of(server) == "one.example.net."
    (server.zone_folder / "one.yaml").write_text(zone("two.example.net"))
    assert send(server, "reload")["ok"] and name_of(server) == "two.example.net."


def test_a_full_disk_while_publishing(start):
    """A reload that cannot be written says so; the old zones stay, nothing half-made lies about, and the next works."""
    server = start()
    state = server.folder / "state"
    before = files_of(state)
    many = "".join(f"    10.0.{number >> 8}.{number & 255}: h{number}.example.net\n" for number in range(9000))
    (server.zone_folder / "two.yaml").write_text(
        "zone: 10.0.0.0/8\nsoa: {mname: a.example.net, rname: b.example.net}\nns: [a.example.net]\nrecords:\n" + many
    )
    pid = status_of(server)["pid"]
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    with Asking(server, seconds=5) as asking:
        for _ in range(3):
            reply = send(server, "reload")
            assert not reply["ok"]
            assert reply["error"].endswith(f"cannot write to {state}: File too large")
    assert (asking.lost, len(asking.answers)) == (0, 1)
    assert files_of(state) == before
    assert status_of(server)["degraded"]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert send(server, "reload")["ok"]
    assert status_of(server)["records"] == 9001
    assert not status_of(server)["degraded"]


def test_a_clock_that_jumps_back_an_hour():
    """A zone's serial goes on from the last one, once for each change, and stays when nothing has changed."""
    now = 1_700_000_000.0
    first = build(zone(), now=now)
    origin = next(iter(first.serials))
    same = build(zone(), serials=first.serials, now=now - 3600)
    assert same.serials == first.serials and not same.changed
    serials = first.serials
    for step in range(1, 4):
        changed = build(zone(f"host{step}.example.net"), serials=serials, now=now - 3600 + step)
        assert changed.serials[origin][1] == first.serials[origin][1] + step
        serials = changed.serials
    caught_up = build(zone(), serials=serials, now=now + 60)
    assert caught_up.serials[origin][1] == int(now) + 60


def test_zone_files_from_the_future(start):
    """A file whose time lies an hour ahead, as after a clock went back, is read, and read again when it changes."""
    server = start()
    path = server.zone_folder / "one.yaml"
    serial = serial_of(server)
    for number, shift in enumerate((3600, -3600)):
        path.write_text(zone(f"host{number}.example.net"))
        at = path.stat().st_mtime + shift
        os.utime(path, (at, at))
        assert send(server, "reload")["ok"]
        assert name_of(server) == f"host{number}.example.net."
        serial, last = serial_of(server), serial
        assert serial > last


class Broken:
    """A wildcard socket whose sends fail as often as a test wants; it stands in for a kernel without memory."""

    family = socket.AF_INET

    def __init__(self, failures):
        self.waiting = [identity.to_bytes(2, "big") + QUERY for identity in range(len(failures) + 1)]
        self.failures = list(failures)
        self.sent = []

    def getsockname(self):
        """Stand on every address."""
        return ("0.0.0.0", 53)  # noqa: S104 - nothing is bound

    def recvmsg(self, _size, _space):
        """Give the next query."""
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(0), [], 0, ("192.0.2.200", 1053)

    def sendmsg(self, buffers, *_):
        """Fail, or take the answer."""
        if self.failures:
            error = self.failures.pop(0)
            raise OSError(error, os.strerror(error))
        self.sent.append(b"".join(buffers))

    recvfrom = sendto = None


def test_sends_that_fail_cost_their_own_answer_only():
    """ENOBUFS, EMSGSIZE and an interface that is gone are counted, and the next query has its right answer."""
    names = ["ENOBUFS", "ENOMEM", "EMSGSIZE", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "ENODEV", "EPERM"]
    broken = Broken([getattr(errno, name) for name in names])
    counts = blocks.make_block()[1]
    live = Live(serve(zone()), Service(Options()), blocks.make_block(blocks.RANGE_BLOCK)[1])
    assert make_reader(broken, live, respond, counts)() == len(names) + 1
    assert [reply[:2] for reply in broken.sent] == [len(names).to_bytes(2, "big")]
    assert names_in({broken.sent[0][2:]}) == {"one.example.net."}
    dropped = dict(zip(blocks.DROP_REASONS, counts[blocks.DROPPED :], strict=False))
    assert {reason: count for reason, count in dropped.items() if count} == {
        "send_no_buffers": 2,
        "send_too_long": 1,
        "send_unreachable": 2,
        "send_failed": 3,
    }
