"""DNS over UDP: a batch of datagrams a wake-up, in rounds: some are received, then answered, then their answers sent.

Nothing that a client sends or the kernel reports ends the loop: a message that cannot be answered is counted and
dropped. A batch is answered from the one snapshot that was live when it began. Counting is spelled out in the loop,
since a call for each counter would cost as much as the rest.
"""

from __future__ import annotations

import socket
from time import perf_counter_ns, time
from typing import TYPE_CHECKING, Any, Final

from ptrd.datapath.sockets import make_udp_socket
from ptrd.metrics.blocks import (
    ANSWERS,
    DROP_BY_ERRNO,
    DROP_PORT_ZERO,
    DROP_RECEIVE,
    DROP_SEND,
    LATENCY,
    LATENCY_SUM,
    QTYPE_SLOTS,
    QUERIES,
    RANGES,
    SILENT,
    TRUNCATED,
    UDP4,
    UDP6,
    extended_rcode,
)
from ptrd.serve.live import count_failure
from ptrd.serve.sockets import IP_PKTINFO, is_wildcard

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.datapath._compiled import UdpSocket
    from ptrd.serve.live import Live, Respond

BATCH: Final = 64  # datagrams a wake-up, so that TCP and the supervisor get their turn
# Datagrams a round. Answering and the kernel drive each other out of the processor's caches: taking turns less often
# saves a seventh of the time here, and four times as many would save no more. The first answer waits for the others.
_ROUND: Final = 16
_DATAGRAM: Final = 4096  # no honest query is longer, and a buffer for 65,535 bytes costs 1.2 µs a datagram


def make_compiled_reader(sock: socket.socket, live: Live, respond: Respond, counts: memoryview) -> Callable[[], int]:
    """Make the same as `make_reader`, with ordinary queries answered by the compiled data path while it is there."""
    compiled = make_udp_socket(sock, counts, wildcard=is_wildcard(sock))
    read_plain = make_reader(sock, live, respond, counts)
    read_left = make_reader(sock, live, respond, counts, compiled)

    def read_batch() -> int:
        if live.reader is None:
            return read_plain()
        try:
            handled = compiled.answer(live.reader, live.snapshot)
        except Exception:  # noqa: BLE001 - as in `distrust`
            live.distrust()
            return read_plain()
        if compiled.waiting:
            read_left()
        return handled

    return read_batch


def make_reader(
    sock: socket.socket,
    live: Live,
    respond: Respond,
    counts: memoryview,
    received: UdpSocket | None = None,
) -> Callable[[], int]:
    """Make the function that answers what waits in the socket, at most BATCH datagrams, and gives their number.

    With `received` it answers what was received already and handed over by the compiled data path.
    """
    wildcard = is_wildcard(sock)
    queries = QUERIES + 32 * (UDP6 if sock.family == socket.AF_INET6 else UDP4)
    recvfrom, recvmsg = (received or sock).recvfrom, (received or sock).recvmsg
    space = socket.CMSG_SPACE(20)  # struct in6_pktinfo
    sendto, sendmsg = sock.sendto, sock.sendmsg
    qtypes, clock = QTYPE_SLOTS, perf_counter_ns
    asked: list[tuple[int, int, bytes]] = []  # the address of the query before; most come to one
    source_address = asked

    def read_batch() -> int:
        nonlocal asked, source_address
        snapshot, service, ranges = live.snapshot, live.service, live.ranges
        date = time()
        handled = 0
        while handled < BATCH:
            arrived: list[tuple[Any, ...]] = []  # the message first, who sent it last
            failed = 0
            for _ in range(_ROUND):
                try:
                    arrived.append(recvmsg(_DATAGRAM, space) if wildcard else recvfrom(_DATAGRAM))
                except BlockingIOError:
                    break
                except OSError:  # an ICMP error of an answer sent earlier
                    counts[DROP_RECEIVE] += 1
                    failed += 1
            began = clock()
            answers = []
            for datagram in arrived:
                data, peer = datagram[0], datagram[-1]
                if not peer[1]:  # nobody listens there: a forged query that wants a loop (CVE-2024-2169)
                    counts[DROP_PORT_ZERO] += 1
                    continue
                try:
                    wire, source, qtype, number = respond(snapshot, service, data, 0, peer, date)
                    counts[queries + qtypes[qtype]] += 1
                    if not wire:
                        counts[ANSWERS + (source << 5 | SILENT)] += 1
                        continue
                    rcode = wire[3] & 15
                    if not wire[7] and not wire[9] and rcode != 5:
                        rcode = extended_rcode(wire, rcode)
                    if wildcard and datagram[1] != asked:
                        asked = datagram[1]
                        source_address = answer_from(asked)
                    answers.append((wire, peer, ANSWERS + (source << 5 | rcode), number, source_address, data))
                except Exception:  # noqa: BLE001 - counted and logged; the loop goes on
                    count_failure(counts, data)
            for wire, peer, slot, number, address, data in answers:
                try:
                    if wildcard:
                        sendmsg((wire,), address, 0, peer)
                    else:
                        sendto(wire, peer)
                    counts[slot] += 1
                    if wire[2] & 2:
                        counts[TRUNCATED] += 1
                    if number >= 0:
                        ranges[number if number < RANGES else RANGES] += 1  # noqa: FURB136 - min() is dearer
                except OSError as error:
                    counts[DROP_BY_ERRNO.get(error.errno or 0, DROP_SEND)] += 1
                except Exception:  # noqa: BLE001 - as above
                    count_failure(counts, data)
            if arrived:  # what they took from receipt to dispatch, each an equal part
                elapsed = clock() - began
                counts[LATENCY + (elapsed // len(arrived)).bit_length()] += len(arrived)
                counts[LATENCY_SUM] += elapsed
            handled += len(arrived) + failed
            if len(arrived) + failed < _ROUND:
                break
        return handled

    return read_batch


def answer_from(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Give the control message that sends an answer from the address its query was sent to.

    The interface stays open: the route back may be another (RFC 1123, 4.1.3.5 asks for the address only).
    """
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return [(level, kind, data[:16] + b"\0\0\0\0")]
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return [(level, kind, b"\0\0\0\0" + data[4:8] + b"\0\0\0\0")]
    return []
