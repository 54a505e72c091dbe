"""A stand-in for the engine, so that sockets and processes are tested alone; and clients to ask it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

QUESTION = b"\0\x10\0\1"  # TXT, IN


@dataclass(frozen=True, slots=True)
class FakeOptions:
    """Options with every kind of value that travels to a worker."""

    greeting: str = "hello"
    secret: bytes = b"\0\xff"
    names: tuple[str, ...] = ()

    @staticmethod
    def take_notified():
        """No primary has said anything."""
        return set()

    @staticmethod
    def take_news(_snapshot):
        """Have nothing to say."""
        return []


class FakeZone:
    """A zone with a name."""

    origin = b"\1z\0"
    absent = False


class FakeSnapshot:
    """What an image says; `zones` as the probe wants them. It keeps its map, in a cycle as real ones are."""

    def __init__(self, text, changes=(), buffer=None):
        self.text = text
        self.changes = changes
        self.buffer = buffer
        self.zones = [FakeZone()]
        self.itself = self

    def with_overlay(self, changes, revision, _serials, **_):
        """Add changes; one to address 666 cannot be, and those from address 1,000,000 on take long and are not told."""
        if any(change.number == 666 for change in changes):
            raise ValueError("666")
        if changes and changes[0].number >= 1_000_000:
            time.sleep(0.004)
            return self
        return FakeSnapshot(
            self.text, (*self.changes, *(f"{revision}:{change.number}" for change in changes)), self.buffer
        )


def open_image(buffer):
    """Open an image: its text is served; some texts misbehave."""
    text = bytes(buffer).decode()
    if text.startswith("bad"):
        raise ValueError(text)
    if text.startswith("crash"):
        os._exit(3)
    return FakeSnapshot(text, buffer=buffer)


def respond(snapshot, options, data, tcp, *_):
    """Answer with a TXT: what is served, by whom. First labels `raise`, `hang`, `long`, `ttl` misbehave or vary."""
    if len(data) < 12 or data[2] & 0x80:
        return b"", 1, -1, -1
    label = data[13 : 13 + data[12]]
    if label == b"raise":
        raise RuntimeError("asked for")
    if label == b"hang":
        time.sleep(60)
    text = f"{snapshot.text} {os.getpid()} {','.join(snapshot.changes)} {options.greeting}".encode()
    if label == b"long":
        text = text.ljust(4000, b".") if tcp else b""
    flags = b"\x86\0" if label == b"long" and not tcp else b"\x84\0"
    record = b"\xc0\x0c\0\x10\0\1\0\0\0\0" + struct.pack(">H", len(text)) + text
    wire = data[:2] + flags + b"\0\1\0\1\0\0\0\0" + data[12:] + record
    return wire, 3, int.from_bytes(data[-4:-2], "big"), 7


def make_query(number=1, label=b"a", rest=QUESTION):
    """Make a query."""
    return struct.pack(">HHHHHH", number, 0, 1, 0, 0, 0) + bytes((len(label),)) + label + b"\1z\0" + rest


def text_of(wire, label=b"a"):
    """Give the words of the answer's text: what is served, the process, the changes, the greeting."""
    return wire[len(make_query(1, label)) + 12 :].decode().split(" ")


def ask(address, query=None, timeout=5.0):
    """Ask over UDP from a fresh port."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(address)
        client.send(query or make_query())
        return client.recv(65535)


def ask_tcp(address, query=None, timeout=5.0):
    """Ask over TCP on a fresh connection."""
    with socket.create_connection(address, timeout) as client:
        client.sendall(framed(query or make_query()))
        stream = client.makefile("rb")
        return stream.read(int.from_bytes(stream.read(2), "big"))


def framed(message):
    """Put the length before a message."""
    return struct.pack(">H", len(message)) + message


async def until(condition, seconds=30.0):
    """Wait for a condition while the loop runs."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


def wait_until(condition, seconds=30.0):
    """Wait for a condition, and fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def open_descriptors():
    """Count this process's open descriptors, without those of maps that other tests have left to the collector."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
