"""Messages between the supervisor and a worker: JSON objects, with descriptors beside them.

Each message arrives whole and in order with exactly its descriptors, or the channel is lost. A send never blocks: what
the other side is slow to take waits here, descriptors duplicated. Neither side is trusted to be sane, both to be ours.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.changes import Change
from ptrd.serve.options import ServeError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

Message = dict[str, Any]

MAX_MESSAGE: Final = 64 << 20  # bytes of JSON
MAX_DESCRIPTORS: Final = 250  # a message; the kernel's SCM_MAX_FD is 253
_PIECE: Final = 32768  # bytes a packet
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode  # made once, since json.dumps makes one a call
_LAST, _MORE = b"\0", b"\1"  # a packet's first byte; the second counts its descriptors


class ChannelError(ServeError):
    """A message cannot be sent, or what arrived is no message."""


def make_channel() -> tuple[socket.socket, socket.socket]:
    """Make the two ends. Packets keep their boundaries, so bytes and descriptors stay together."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Channel:
    """One end. `receive` gets each message and owns its descriptors then; `lost` is called once, at the end."""

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        receive: Callable[[Message, list[int]], None],
        lost: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._loop = loop
        self._receive = receive
        self._lost = lost
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        self._pieces: list[bytes] = []
        self._size = 0
        self._descriptors: list[int] = []
        sock.settimeout(0)
        loop.add_reader(sock.fileno(), self._read)

    def send(self, message: Message, descriptors: Iterable[int] = ()) -> None:
        """Send a message; the descriptors stay the caller's. Raises ChannelError for one that is too large."""
        data = _encode(message).encode()
        beside = list(descriptors)
        if len(data) > MAX_MESSAGE or len(beside) > MAX_DESCRIPTORS:
            raise ChannelError(
                f"a message of {len(data)} bytes and {len(beside)} descriptors is too large for a worker"
            )
        for at in range(0, len(data), _PIECE):
            last = at + _PIECE >= len(data)
            mine = beside if last else []
            packet = (_LAST if last else _MORE) + bytes((len(mine),)) + data[at : at + _PIECE]
            if self._waiting or not self._send(packet, mine):
                self._waiting.append((packet, [os.dup(descriptor) for descriptor in mine]))
        if self._waiting and self._sock.fileno() >= 0:
            self._loop.add_writer(self._sock.fileno(), self._write)

    def close(self) -> None:
        """End the channel, without `lost`."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        for _, descriptors in self._waiting:
            _close(descriptors)
        self._waiting.clear()
        _close(self._descriptors)
        self._descriptors = []

    def _send(self, packet: bytes, descriptors: list[int]) -> bool:
        """Send one packet; False when it must wait. A dead other end is noticed by reading."""
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self._sock.sendmsg([packet], beside)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _write(self) -> None:
        while self._waiting:
            packet, descriptors = self._waiting[0]
            if not self._send(packet, descriptors):
                return
            _close(descriptors)
            self._waiting.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _read(self) -> None:
        """Read one message, as far as it is there; between two of them the loop does what else there is to do."""
        while self._sock.fileno() >= 0:
            try:
                if not self._read_packet():
                    continue
                message = json.loads(b"".join(self._pieces))
            except BlockingIOError:
                return
            except (OSError, ValueError, ChannelError):
                self._end()
                return
            descriptors = self._descriptors
            self._pieces, self._size, self._descriptors = [], 0, []
            self._receive(message, descriptors)
            return

    def _read_packet(self) -> bool:
        """Read a packet and tell whether it ends a message. Raises ChannelError at the end of the channel, OSError."""
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)
        packet, ancillary, flags, _ = self._sock.recvmsg(_PIECE + 2, space, socket.MSG_CMSG_CLOEXEC)
        found = array.array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found.frombytes(data[: len(data) - len(data) % found.itemsize])
        self._descriptors += found
        if len(packet) < 2 or packet[1] != len(found) or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
            raise ChannelError("the channel has ended")
        self._pieces.append(packet[2:])
        self._size += len(packet)
        if self._size > 2 * MAX_MESSAGE or len(self._descriptors) > MAX_DESCRIPTORS:
            raise ChannelError("a message is too large")
        return packet[:1] == _LAST

    def _end(self) -> None:
        self.close()
        self._lost()


def write_change(change: Change) -> list[Any]:
    """Write a change as JSON can hold it; each byte of a name becomes the character of that number."""
    return [change.version, change.number, change.ttl, [target.decode("latin-1") for target in change.targets]]


def read_change(values: list[Any]) -> Change:
    """Read back what `write_change` wrote."""
    version, number, ttl, targets = values
    return Change(version, number, ttl, tuple([target.encode("latin-1") for target in targets]))


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
