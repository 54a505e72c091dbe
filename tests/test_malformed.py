"""Hostile bytes: each file of `cases/malformed/` is run by call, over UDP and over TCP.

A step sends exact bytes: hexadecimal, text between single quotes for itself, `(...)*N` for N times the same. It says
what comes back: `silence: true`; or `reply`, every byte; or `header`, the first twelve, and `length` of the whole.
`tcp` holds what differs over TCP. `source` is the CVE or RFC section that the step is about.
"""

from __future__ import annotations

import functools
import re
import socket
import struct
from pathlib import Path

import pytest
import yaml

from ptrd.engine.responder import Options, Service, respond
from tests.peers.asking import TcpClient, make_query
from tests.serving import serve

CASES = sorted((Path(__file__).parent / "cases" / "malformed").glob("*.yaml"))
SEEN = ("silence", "reply", "header", "length")
FORMERR, NOTIMP, REFUSED = 1, 4, 5
OPT = b"\0\0\x29"
OPTIONS = Options(cookie_secrets=(bytes(16),))
SERVICE = Service(OPTIONS)
LAST = make_query("last.example", 1, identity=0xFFFF)  # what is asked when a step may meet silence


@functools.cache
def load(path):
    """Read a case file; its steps have their bytes and what is expected over UDP and over TCP."""
    case = yaml.safe_load(path.read_text())
    for step in case["steps"]:
        assert step.keys() <= {"what", "source", "send", "tcp", *SEEN}, step
        step["data"] = bytes_of(step["send"])
        said = {key: step[key] for key in SEEN if key in step}
        step["expected"] = {"udp": said, "tcp": said | step.get("tcp", {})}
    return case


def bytes_of(text):
    """Read the notation of bytes."""
    text = re.sub(r"\(([^)]*)\)\*(\d+)", lambda found: (found[1] + " ") * int(found[2]), text)
    parts = re.findall(r"'([^']*)'|([0-9a-f ]+)", text)
    assert sum(len(quoted) + 2 if quoted else len(digits) for quoted, digits in parts) == len(text), text
    return b"".join(quoted.encode() if quoted else bytes.fromhex(digits) for quoted, digits in parts)


def check(step, transport, reply):
    """Compare a reply with what the step expects, and with what holds for every reply."""
    data, expected = step["data"], step["expected"][transport]
    said = f"{step['what']}\n{transport} sent     {data.hex(' ')}\n{transport} received {reply.hex(' ')}"
    if expected.get("silence"):
        assert reply == b"", said
        return
    assert len(data) >= 12 and not data[2] & 0x80, said  # a reply to less than a header, or to a reply, is a loop
    assert reply[:2] == data[:2] and reply[2] & 0x80, said
    assert len(reply) <= (1232 if transport == "udp" else 65535), said
    if reply[3] & 15 in {FORMERR, NOTIMP, REFUSED}:
        assert len(reply.partition(OPT)[0]) <= len(data), said
    if "reply" in expected:
        assert reply == bytes_of(expected["reply"]), said
    else:
        assert reply[:12] == bytes_of(expected["header"]), said
        assert len(reply) == expected["length"], said


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_hostile_bytes_by_call(path):
    """What the responder says to each message of the file is what the file expects, on either transport."""
    case = load(path)
    snapshot = serve(case["zones"])
    for step in case["steps"]:
        for transport in ("udp", "tcp"):
            wire, *_ = respond(
                snapshot, SERVICE, step["data"], int(transport == "tcp"), ("127.0.0.1", 1053), 1_700_000_000.0
            )
            check(step, transport, wire)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_hostile_bytes_over_the_network(path, ptrd_server):
    """A running server says the same; silence is followed by the answer to the next query, over TCP by the end."""
    case = load(path)
    server = ptrd_server({"case.yaml": case["zones"]})  # one worker: it answers in the order of the questions
    with server.udp() as client:
        client.socket.settimeout(10)
        for step in case["steps"]:
            client.socket.send(step["data"])
            client.socket.send(LAST)
            reply = client.socket.recv(65535)
            silent = reply[:2] == LAST[:2]
            check(step, "udp", b"" if silent else reply)
            assert silent or client.socket.recv(65535)[:2] == LAST[:2], step
    for step in case["steps"]:
        with server.tcp() as client:
            check(step, "tcp", ask_tcp(client, step["data"]))
    with server.tcp() as client:
        assert client.ask(LAST)
    assert "Traceback" not in server.said()


def ask_tcp(client: TcpClient, data: bytes) -> bytes:
    """Send one message and finish sending; give the only reply, or nothing when the connection ends without one."""
    client.socket.sendall(struct.pack("!H", len(data)) + data)
    client.socket.shutdown(socket.SHUT_WR)
    received = client.stream.read()
    assert not received or len(received) == 2 + struct.unpack_from("!H", received)[0]
    return received[2:]


def test_every_step_names_what_it_is_about():
    """Each step has a sentence of its own and a CVE or an RFC with its section."""
    steps = [step for path in CASES for step in load(path)["steps"]]
    assert len(steps) > 80
    assert len({step["what"] for step in steps}) == len(steps)
    for step in steps:
        assert re.search(r"CVE-\d{4}-\d{4,}|RFC \d{3,4}, \d", step["source"]), step["what"]
