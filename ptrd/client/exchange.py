"""One question to one server, and the bytes of its answer.

Bytes count as the answer only when they come from the server that was asked and carry the id and the question;
whatever else arrives is passed over (RFC 5452, 9).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.name
import dns.rdatatype

if TYPE_CHECKING:
    from ptrd.client.endpoints import Endpoint

PAYLOAD: Final = 1232  # bytes of an answer over UDP that no path cuts into pieces
_OPT: Final = b"\0\0\x29" + PAYLOAD.to_bytes(2, "big") + bytes(6)
_CLASS_IN: Final = b"\0\1"
_TO_QUESTION: Final = b"\xc0\x0c"
_SIZES: Final = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 16}


class Question(NamedTuple):
    """The bytes of a query; the question itself stands in them from 12 to `end`."""

    wire: bytes
    end: int
    rtype: dns.rdatatype.RdataType


def make_question(
    name: dns.name.Name, rtype: dns.rdatatype.RdataType, *, recursion: bool = True, edns: bool = True
) -> Question:
    """Write a query of class IN with an id that nobody can guess."""
    head = secrets.token_bytes(2) + (b"\1\0" if recursion else b"\0\0") + b"\0\1\0\0\0\0\0" + bytes((edns,))
    labels = b"".join([bytes((len(label),)) + label for label in name.labels])
    asked = head + labels + int(rtype).to_bytes(2, "big") + _CLASS_IN
    return Question(asked + _OPT if edns else asked, len(asked), rtype)


async def exchange(server: Endpoint, question: Question) -> bytes:
    """Ask once, over TCP too where the answer over UDP is cut. Raises OSError; where nothing comes it never returns.

    Each question has a socket of its own: the kernel picks a random port and drops what comes from elsewhere.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)  # noqa: FBT003 - positional only
        sock.connect(server)
        await loop.sock_sendall(sock, question.wire)
        data = await loop.sock_recv(sock, 65535)
        while not _is_answer(data, question):
            await asyncio.sleep(0)  # what comes without a pause is read without one, and no timeout would be noticed
            data = await loop.sock_recv(sock, 65535)
    return await _exchange_stream(server, question) if data[2] & 2 else data


def addresses_of(data: bytes, question: Question) -> list[int] | None:
    """Read an answer of nothing but addresses of the very name that was asked for; None for any other.

    That is what nearly all answers are, and reading no further takes a tenth of the time of the whole message.
    """
    size = _SIZES.get(question.rtype)
    count = int.from_bytes(data[6:8], "big")
    if size is None or not count or data[3] & 15 or data[4:6] != b"\0\1":
        return None
    head = _TO_QUESTION + int(question.rtype).to_bytes(2, "big") + _CLASS_IN
    length = size.to_bytes(2, "big")
    found = []
    at = question.end
    for _ in range(count):
        end = at + 12 + size
        if data[at : at + 6] != head or data[at + 10 : at + 12] != length or end > len(data):
            return None
        found.append(int.from_bytes(data[at + 12 : end], "big"))
        at = end
    return found


async def _exchange_stream(server: Endpoint, question: Question) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(len(question.wire).to_bytes(2, "big") + question.wire)
        data = b""
        while not _is_answer(data, question):
            await asyncio.sleep(0)  # as above
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError:
        raise ConnectionError(0, "it closes connections without an answer") from None
    finally:
        writer.close()
    return data


def _is_answer(data: bytes, question: Question) -> bool:
    """Tell whether bytes are an answer to this question; an error may leave the question out."""
    if len(data) < 12 or data[:2] != question.wire[:2] or data[2] & 0xF8 != 0x80:
        return False
    if data[4:6] == b"\0\0":
        return data[3] & 15 not in {0, 3}
    return data[4:6] == b"\0\1" and data[12 : question.end].lower() == question.wire[12 : question.end].lower()
