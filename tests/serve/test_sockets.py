"""Listening sockets: nobody else's port is taken, and each socket has one reader."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from ptrd.serve.options import ServeError, ServeOptions, read_options, write_options
from ptrd.serve.sockets import IP_MTU_DISCOVER, PMTUDISC_OMIT, TCP, UDP, _explain, adopt_sockets, open_sockets


@pytest.fixture
def opened():
    """Open sockets that are closed after the test."""
    every = []

    def start(*listen, workers=1):
        every.append(open_sockets(ServeOptions(listen=listen, workers=workers)))
        return every[-1]

    yield start
    for listening in every:
        listening.close()


def hand_over(*sockets):
    """Give descriptors as an init system would, and close the originals."""
    descriptors = [os.dup(sock.fileno()) for sock in sockets]
    for sock in sockets:
        sock.close()
    return descriptors


def bound(kind, address=("127.0.0.1", 0), *, share=True):
    """Make a bound socket, listening when it is TCP."""
    sock = socket.socket(socket.AF_INET, kind)
    if share:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    if kind == TCP:
        sock.listen()
    return sock


def test_port_0_is_one_port_for_everything(opened):
    """With port 0 each address has one free port, the same for UDP, TCP and all workers."""
    listening = opened(("127.0.0.1", 0), ("::1", 0), workers=3)
    assert [len(share) for share in listening.shares] == [4, 4, 4]
    assert len(listening.addresses) == 2
    assert all(address.port for address in listening.addresses)
    assert {sock.type for sock in listening.shares[2]} == {UDP, TCP}


def test_datagrams_reach_every_worker_and_none_is_lost(opened):
    """The first socket, which took SO_REUSEPORT only after it was bound, shares the port with those that joined."""
    listening = opened(("127.0.0.1", 0), workers=3)
    for _ in range(200):
        with socket.socket(socket.AF_INET, UDP) as client:
            client.sendto(b"?", listening.addresses[0])
    received = []
    for share in listening.shares:
        received.append(0)
        try:
            while share[0].recv(10):
                received[-1] += 1
        except BlockingIOError:
            pass
    assert sum(received) == 200
    assert min(received) > 20


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", [UDP, TCP])
def test_a_busy_port_is_noticed(opened, kind, workers):
    """A port that is in use, even by a socket that would share it, ends start-up with the address and a remedy."""
    with bound(kind) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=rf"^cannot listen on 127\.0\.0\.1:{port} .*: it is in use; .*listen"):
            opened(("127.0.0.1", port), workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_server_is_noticed(opened, workers):
    """A second ptrd on the same port does not steal queries: it does not start."""
    listening = opened(("127.0.0.1", 0), workers=workers)
    with pytest.raises(ServeError, match="in use"):
        opened(listening.addresses[0], workers=2)


def test_a_failure_leaves_no_socket_open(opened):
    """When one address cannot be had, those opened before it are free again."""
    with bound(UDP) as free:
        address = free.getsockname()
    with pytest.raises(ServeError):
        opened(address, ("192.0.2.1", 5300))
    opened(address)


def test_an_address_of_another_machine_is_named():
    """An address that no interface has is an error that says so."""
    with pytest.raises(ServeError, match=r"192\.0\.2\.1:5300 \(UDP\): no interface"):
        open_sockets(ServeOptions(listen=(("192.0.2.1", 5300),)))


def test_a_missing_right_is_named():
    """A port below 1024 without the right to it says which right."""
    error = _explain(OSError(errno.EACCES, "Permission denied"), "::", 53, UDP)
    assert "cannot listen on [::]:53 (UDP): port 53 needs CAP_NET_BIND_SERVICE" in str(error)


def test_a_name_is_no_address():
    """Host names are not looked up."""
    with pytest.raises(ServeError, match="no IPv4 or IPv6 address"):
        open_sockets(ServeOptions(listen=(("localhost", 5300),)))


def test_socket_options(opened):
    """Sockets do not block, do not fragment by a forged path MTU, and an IPv6 wildcard leaves IPv4 alone."""
    listening = opened(("0.0.0.0", 0), workers=2)  # noqa: S104 - that is the case
    port = listening.addresses[0].port
    listening = opened(("::", port), workers=2)
    for share in listening.shares:
        for sock in share:
            assert sock.gettimeout() == 0
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    with opened(("127.0.0.1", 0)).shares[0][0] as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == PMTUDISC_OMIT
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0


def test_handed_over_sockets_are_dealt_out():
    """Sockets of one address go to the workers in turn, each to exactly one, and no others are opened."""
    first, listener = bound(UDP), bound(TCP)
    udp, tcp = first.getsockname(), listener.getsockname()
    sockets = [first, bound(UDP, udp), bound(UDP, udp), listener, bound(TCP, tcp), bound(TCP, tcp)]
    listening = adopt_sockets(hand_over(*sockets), ServeOptions(workers=3))
    assert [[sock.type for sock in share] for share in listening.shares] == [[UDP, TCP]] * 3
    assert {tuple(address) for address in listening.addresses} == {udp, tcp}
    listening.close()


def test_a_shared_socket_has_one_reader():
    """One socket for all goes to one worker, and there is no worker that has nothing to read."""
    listening = adopt_sockets(hand_over(bound(UDP), bound(TCP)), ServeOptions(workers=4))
    assert [[sock.type for sock in share] for share in listening.shares] == [[UDP, TCP]]
    listening.close()


def test_what_cannot_be_served_is_refused():
    """A handed-over socket that is neither UDP nor listening TCP is an error, and so is a lack of UDP."""
    silent = socket.socket(socket.AF_INET, TCP)
    with pytest.raises(ServeError, match="does not listen"):
        adopt_sockets(hand_over(silent), ServeOptions())
    with pytest.raises(ServeError, match="neither a UDP nor a TCP"):
        adopt_sockets(hand_over(socket.socket(socket.AF_UNIX, UDP)), ServeOptions())
    with pytest.raises(ServeError, match="ListenDatagram="):
        adopt_sockets(hand_over(bound(TCP)), ServeOptions())


def test_options_travel_as_text():
    """What is written for a worker reads back equal."""
    options = ServeOptions(listen=(("::1", 53),), workers=2, tcp_idle_seconds=0.5)
    assert read_options(ServeOptions, write_options(options)) == options
    assert ServeOptions(workers=3).worker_count() == 3
    assert ServeOptions().worker_count() == len(os.sched_getaffinity(0))


def test_tls_has_sockets_of_its_own():
    """Each worker has a TCP socket on each address for TLS, apart from the others, with the same real port."""
    listening = open_sockets(ServeOptions(listen=(("127.0.0.1", 0),), workers=3))
    try:
        listening.add_tls([("127.0.0.1", 0), ("::1", 0)], ServeOptions())
        assert [[sock.type for sock in share] for share in listening.secure] == [[TCP, TCP]] * 3
        assert [address.host for address in listening.tls_addresses] == ["127.0.0.1", "::1"]
        assert [len(share) for share in listening.shares] == [2, 2, 2]
        assert not set(listening.addresses) & set(listening.tls_addresses)
    finally:
        listening.close()


def test_a_busy_port_for_tls_is_noticed():
    """A port of TLS that is taken ends the start with the key to change, and closes what was opened."""
    with bound(TCP, share=False) as taken:
        listening = open_sockets(ServeOptions(listen=(("127.0.0.1", 0),), workers=2))
        with pytest.raises(ServeError, match=r"\(TCP\): it is in use; .* stop that or change `tls.listen`"):
            listening.add_tls([taken.getsockname()], ServeOptions())
        assert all(sock.fileno() < 0 for share in listening.shares for sock in share)


def test_tls_stands_beside_sockets_that_were_handed_over():
    """Sockets that an init system hands over are for UDP and TCP; those for TLS are opened beside them."""
    listening = adopt_sockets(hand_over(bound(UDP), bound(TCP)), ServeOptions(workers=4))
    try:
        listening.add_tls([("127.0.0.1", 0)], ServeOptions())
        assert [len(share) for share in listening.secure] == [1] * len(listening.shares)
    finally:
        listening.close()
