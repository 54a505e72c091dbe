"""A network interface that goes away and comes back, in a network of the test's own: loopback never misses an answer.

A pair of interfaces leads from the server's network to that of its clients; both exist only in this process, and the
kernel clears them away when it has left them.
"""

import contextlib
import ctypes
import os
import re
import subprocess

import pytest

from tests.peers.asking import TcpClient, UdpClient, make_query
from tests.peers.process import find_program, require_program, unable
from tests.peers.ptrd import PtrdServer
from tests.talking import ORIGIN, PTR, fetch, status_of, stopped, until, up, zone
from tests.test_faults import Asking

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
HERE = ("198.51.100.1", "2001:db8:51::1")
THERE = ("198.51.100.2", "2001:db8:51::2")
LENGTHS = ("/24", "/64")
QUESTION = make_query(f"1.{ORIGIN}", PTR)


def ip(*arguments):
    """Run `ip`, which must succeed."""
    done = subprocess.run([find_program("ip"), *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, (arguments, done.stderr)


class Networks:
    """Two networks: this thread is in the server's, but for `among_clients`."""

    def __init__(self):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._before = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._clients = self._servers = -1
        try:
            self._clients = self._make()
            ip("link", "set", "lo", "up")
            self._servers = self._make()
            ip("link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def _make(self):
        """Make a network and go there. Raises PermissionError where that is not allowed."""
        if self._libc.unshare(NEW_NETWORK) != 0:
            raise PermissionError(ctypes.get_errno(), "a network of one's own is not allowed here")
        return os.open("/proc/self/ns/net", os.O_RDONLY)

    def _go(self, network):
        if self._libc.setns(network, NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        """Go back; the networks end with what is left in them."""
        if self._clients >= 0:
            self._go(self._before)
        for descriptor in {self._before, self._clients, self._servers} - {-1}:
            os.close(descriptor)

    @contextlib.contextmanager
    def among_clients(self):
        """Be in the clients' network; a socket made there stays there."""
        self._go(self._clients)
        try:
            yield
        finally:
            self._go(self._servers)

    def plug_in(self):
        """Make the pair of interfaces, with addresses, up."""
        ip(
            "link",
            "add",
            "server0",
            "type",
            "veth",
            "peer",
            "name",
            "client0",
            "netns",
            f"/proc/{os.getpid()}/fd/{self._clients}",
        )
        with self.among_clients():
            self.address("client0", THERE)
        self.address("server0", HERE)

    @staticmethod
    def address(interface, addresses):
        """Give an interface its addresses, and take it up."""
        for address, length in zip(addresses, LENGTHS, strict=True):
            ip("addr", "add", address + length, "dev", interface, *(["nodad"] if ":" in address else []))
        ip("link", "set", interface, "up")


@pytest.fixture
def networks():
    """Put this thread, and what it starts, into a network of its own."""
    require_program("ip", "iproute2")
    try:
        networks = Networks()
    except OSError as error:
        unable(f"this test wants root: {error.strerror}")
    try:
        yield networks
    finally:
        networks.close()


@pytest.fixture(params=["addresses", "wildcard"])
def server(request, networks, tmp_path):
    """Start a server that listens on loopback and on the interface, by addresses or on everything."""
    networks.plug_in()
    server = PtrdServer(tmp_path / "ptrd", {"one.yaml": zone()}, origins=[ORIGIN], workers=2)
    hosts = ["127.0.0.1", *HERE] if request.param == "addresses" else ["0.0.0.0", "::"]  # noqa: S104 - no other network
    listen = ", ".join(f'"[{host}]:{server.port}"' if ":" in host else f'"{host}:{server.port}"' for host in hosts)
    server.config.write_text(re.sub(r"(?m)^listen: .*$", f"listen: [{listen}]", server.config.read_text()))
    with server:
        yield up(server)


def dropped(server):
    """Give how many answers could not be sent, for whatever reason."""
    found = re.findall(
        r'^ptrd_dropped_messages_total\{reason="send_\w+"\} ([\d.]+)$', fetch(server, "/metrics")[1], re.MULTILINE
    )
    assert len(found) > 2
    return sum(map(float, found))


def answers(networks, server):
    """Tell whether clients over there are answered, on both addresses, over UDP and TCP."""
    for address in HERE:
        with networks.among_clients(), contextlib.ExitStack() as stack:
            try:
                udp = stack.enter_context(UdpClient(address, server.port))
                tcp = stack.enter_context(TcpClient(address, server.port, seconds=1))
                if not udp.ask(QUESTION, seconds=0.5) or not tcp.ask(QUESTION):
                    return False
            except OSError:
                return False
    return True


def ask_and_cut(networks, server, cut):
    """Send questions from over there, have the interface go before any worker has read them, and let them be read."""
    with contextlib.ExitStack() as stack:
        for worker in status_of(server)["workers"]:
            stack.enter_context(stopped(worker["pid"]))
        with networks.among_clients():
            for address in HERE:
                for _ in range(8):  # from ports of their own, so that each worker has some
                    client = stack.enter_context(UdpClient(address, server.port))
                    client.socket.send(QUESTION)
        cut()


def take_down():
    """Take the interface down, as a switch or an administrator does."""
    ip("link", "set", "server0", "down")


def remove_addresses():
    """Take the addresses off the interface, as a DHCP client does."""
    ip("addr", "flush", "dev", "server0")


def unplug():
    """Remove the interface."""
    ip("link", "delete", "server0")


def test_an_interface_goes_away_and_comes_back(networks, server):
    """Down, without addresses, or gone: what cannot be sent is counted, loopback is answered, and all comes back."""
    until(lambda: answers(networks, server))
    workers = status_of(server)["workers"]
    with Asking(server, seconds=10) as asking:
        for cut, mend in (
            (take_down, lambda: (ip("addr", "flush", "dev", "server0"), networks.address("server0", HERE))),
            (remove_addresses, lambda: networks.address("server0", HERE)),
            (unplug, networks.plug_in),
        ):
            counted, before = dropped(server), asking.answered
            ask_and_cut(networks, server, cut)
            until(lambda counted=counted: dropped(server) > counted)
            until(lambda before=before: asking.answered > before + 100)
            assert not answers(networks, server)
            mend()
            until(lambda: answers(networks, server))
    assert asking.lost == 0 and len(asking.answers) == 1
    assert status_of(server)["workers"] == workers and status_of(server)["restarts"] == 0
    assert fetch(server, "/healthz") == (200, "ok\n")
    assert "Traceback" not in server.said()
