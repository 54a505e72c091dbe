"""Listening sockets: who may read which one.

Each socket has exactly one reader, a worker's slot. The first socket of an address is bound without SO_REUSEPORT, so a
busy port or a second ptrd is noticed, and takes the option afterwards; those of the other workers join it then. There
is no moment in which somebody else could slip in between.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.serve.options import ServeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.serve.options import ServeOptions

_ATTEMPTS: Final = 50  # at a port that is free for UDP and for TCP
_MOST: Final = 240  # sockets a worker: what one message can hand over (SCM_MAX_FD is 253)
# From linux/in.h and linux/in6.h; the socket module does not know them all.
IP_MTU_DISCOVER: Final = 10
IPV6_MTU_DISCOVER: Final = 23
PMTUDISC_OMIT: Final = 5
IP_PKTINFO: Final = 8
UDP: Final = socket.SOCK_DGRAM
TCP: Final = socket.SOCK_STREAM


class BusyError(ServeError):
    """An address is in use."""


class Address(NamedTuple):
    """An address that is listened on, with its real port."""

    host: str
    port: int


class Listening:
    """The sockets, by worker: `shares[i]` are read by worker i only. Kept open here while workers come and go.

    `secure[i]` are those of worker i for DNS over TLS, once `add_tls` has opened them.
    """

    def __init__(self, shares: list[list[socket.socket]]) -> None:
        self.shares = [share for share in shares if share]
        self.secure: list[list[socket.socket]] = [[] for _ in self.shares]
        self._check()

    def add_tls(self, listen: Iterable[tuple[str, int]], options: ServeOptions) -> None:
        """Open a TCP socket for TLS on each address for each worker. Raises ServeError as `open_sockets` does."""
        try:
            for host, port in listen:
                family, address = _resolve(host, port)
                self.secure[0].append(_open(address, family, TCP, options, key="tls.listen"))
            _join(self.secure, options)
        except BaseException:
            self.close()
            raise
        self._check()

    @property
    def addresses(self) -> list[Address]:
        """Give the addresses for UDP and TCP, in order, each once."""
        return _addresses(self.shares)

    @property
    def tls_addresses(self) -> list[Address]:
        """Give the addresses for TLS, in order, each once."""
        return _addresses(self.secure)

    def close(self) -> None:
        """Close the sockets here; workers have their own descriptors of them."""
        for share in (*self.shares, *self.secure):
            for sock in share:
                sock.close()

    def _check(self) -> None:
        if any(len(share) + len(secure) > _MOST for share, secure in zip(self.shares, self.secure, strict=True)):
            self.close()
            raise ServeError(f"a worker would have more than {_MOST} sockets; listen on fewer addresses")


def open_sockets(options: ServeOptions) -> Listening:
    """Open a UDP and a TCP socket on each address for each worker.

    Port 0 takes one that is free for both. Raises ServeError, whose sentence names the address and what to do.
    """
    workers = max(1, options.worker_count())
    shares: list[list[socket.socket]] = [[] for _ in range(workers)]
    try:
        for host, port in options.listen:
            shares[0] += _open_pair(host, port, options)
        _join(shares, options)
    except BaseException:
        for share in shares:
            for sock in share:
                sock.close()
        raise
    return Listening(shares)


def adopt_sockets(descriptors: Iterable[int], options: ServeOptions) -> Listening:
    """Take sockets that were handed over (systemd) and spread them over the workers, each to exactly one.

    Those of one address are dealt out in turn; there are no more workers than that gives a socket to. Raises
    ServeError for one that is neither UDP nor listening TCP.
    """
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    shares: list[list[socket.socket]] = [[] for _ in range(max(1, options.worker_count()))]
    try:
        _check_adopted(sockets)
        for kind in UDP, TCP:
            mine = sorted((sock for sock in sockets if sock.type == kind), key=_group)
            for turn, sock in enumerate(mine):
                _prepare(sock, options)
                shares[turn % len(shares)].append(sock)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return Listening(shares)


def is_wildcard(sock: socket.socket) -> bool:
    """Tell whether the socket is bound to 0.0.0.0 or ::."""
    return sock.getsockname()[0] in {"0.0.0.0", "::"}  # noqa: S104 - asked, not bound


def _join(shares: list[list[socket.socket]], options: ServeOptions) -> None:
    """Give the other workers sockets that join those of the first, and have TCP listen."""
    if len(shares) > 1:
        for sock in shares[0]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for share in shares[1:]:
            for first in shares[0]:
                share.append(_open(first.getsockname(), first.family, first.type, options, join=True))
    for share in shares:
        for sock in share:
            if sock.type == TCP:
                sock.listen(options.tcp_backlog)


def _addresses(shares: list[list[socket.socket]]) -> list[Address]:
    every = (Address(*sock.getsockname()[:2]) for share in shares for sock in share)
    return list(dict.fromkeys(every))


def _resolve(host: str, port: int) -> tuple[int, Sequence[object]]:
    """Give the family and the socket address of a numeric address. Raises ServeError."""
    try:
        found = socket.getaddrinfo(host, port, type=UDP, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        raise ServeError(f"cannot listen on {host!r}: it is no IPv4 or IPv6 address") from None
    return found[0][0], found[0][4]


def _open_pair(host: str, port: int, options: ServeOptions) -> list[socket.socket]:
    """Open the first UDP and TCP socket of an address."""
    family, address = _resolve(host, port)
    for _ in range(_ATTEMPTS if port == 0 else 1):
        datagrams = _open(address, family, UDP, options)
        try:
            return [datagrams, _open(datagrams.getsockname(), family, TCP, options)]
        except BusyError as error:
            datagrams.close()
            busy = error
        except BaseException:
            datagrams.close()
            raise
    raise busy


def _open(
    address: Sequence[object],
    family: socket.AddressFamily | int,
    kind: socket.SocketKind | int,
    options: ServeOptions,
    *,
    join: bool = False,
    key: str = "listen",
) -> socket.socket:
    """Open and bind one socket, into the group of those that are there with `join`. Raises ServeError.

    `key` is where the operator wrote the address.
    """
    sock = None
    try:
        sock = socket.socket(family, kind)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == TCP:
            # Else connections in TIME_WAIT of the run before keep the port; two listeners still exclude each other.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if join:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(tuple(address))
        _prepare(sock, options)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise _explain(error, str(address[0]), int(str(address[1])), kind, key) from None
    return sock


def _prepare(sock: socket.socket, options: ServeOptions) -> None:
    """Set what a socket of ours needs, before it listens."""
    sock.settimeout(0)
    if sock.type == TCP:
        # Accepted connections inherit it: the kernel would let a client that never reads hold megabytes.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.tcp_unsent_bytes)
        return
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < options.udp_receive_buffer:
        # A handed-over socket may have more than we could ask for: root passes the kernel's limit, we do not.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.udp_receive_buffer)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.udp_send_buffer)
    with contextlib.suppress(OSError):
        # A forged "fragmentation needed" must not make us send fragments that can be tampered with (RFC 9715).
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_OMIT)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_OMIT)
    if is_wildcard(sock):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def _check_adopted(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type not in {UDP, TCP}:
            raise ServeError(f"descriptor {sock.fileno()} that was handed over is neither a UDP nor a TCP socket")
        if sock.type == TCP and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ServeError(f"the TCP socket {sock.fileno()} that was handed over does not listen; use Accept=no")
    if not any(sock.type == UDP for sock in sockets):
        raise ServeError("no UDP socket was handed over; ptrd.socket needs ListenDatagram= beside ListenStream=")


def _group(sock: socket.socket) -> tuple[int, str]:
    return sock.family, str(sock.getsockname())


def _explain(error: OSError, host: str, port: int, kind: int, key: str = "listen") -> ServeError:
    """Say what is wrong with an address, and what to do."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    where = f"cannot listen on {where} ({'UDP' if kind == UDP else 'TCP'})"
    if error.errno == errno.EADDRINUSE:
        return BusyError(
            f"{where}: it is in use; `ss -lnp 'sport = :{port}'` shows by whom: stop that or change `{key}`"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ServeError(
            f"{where}: port {port} needs CAP_NET_BIND_SERVICE; start ptrd with systemd (ptrd.service has it) or as "
            "root, or listen on a port from 1024 up"
        )
    if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        off = ", or IPv6 is off" if ":" in host else ""
        return ServeError(f"{where}: no interface of this machine has that address{off}; add it or change `{key}`")
    return ServeError(f"{where}: {error.strerror}")
