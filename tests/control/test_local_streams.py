"""Commands of the control socket that answer with many lines: whole or told, and at the pace of who reads them."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from threading import Thread

import pytest

from ptrd.cli.client import UnreachableError, ask_many
from ptrd.control import local
from ptrd.control.local import CommandError, LocalServer
from ptrd.control.options import LocalOptions

MANY = 20_000


async def count(request):
    """Give numbers, and an error where one is wanted."""
    for number in range(request["to"]):
        if number == request.get("refuse"):
            raise CommandError("no further")
        if number == request.get("fail"):
            raise RuntimeError("oops")
        yield {"ok": True, "number": number, "filler": "x" * 200}
    yield {"ok": True, "end": True}


async def echo(request):
    """Give the request back."""
    return {"ok": True, "result": request}


@pytest.fixture
def path(tmp_path):
    """Give a place for a socket."""
    return tmp_path / "control.sock"


def serve(path, client):
    """Serve while `client` runs in a thread; give what it gave."""

    async def run():
        server = LocalServer(LocalOptions(path, None), {"echo": echo}, streams={"count": count})
        await server.start()
        try:
            return await asyncio.to_thread(client)
        finally:
            await server.close()

    return asyncio.run(run())


def test_a_stream_is_given_whole(path):
    """Every line arrives in order, the last one with `end`."""
    replies = serve(path, lambda: list(ask_many(path, {"command": "count", "to": MANY})))
    assert [reply.get("number") for reply in replies] == [*range(MANY), None]
    assert replies[-1] == {"ok": True, "end": True}


def test_a_stream_that_fails_ends_with_the_sentence(path, caplog):
    """A refusal behind some lines is the last line; an internal error too, and the log has it."""
    for how, sentence in (("refuse", "no further"), ("fail", "the server made an internal error; its log says more")):
        replies = serve(path, lambda how=how: list(ask_many(path, {"command": "count", "to": 9, how: 3})))
        assert len(replies) == 4
        assert (replies[-1]["ok"], replies[-1]["error"]) == (False, sentence)
    assert "oops" in caplog.text


def test_a_stream_leaves_the_connection_for_more(path):
    """Another command may follow on the same connection."""

    def client():
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(10)
            one.connect(str(path))
            file = one.makefile("rwb")
            file.write(b'{"command": "count", "to": 2}\n{"command": "echo"}\n')
            file.flush()
            lines = [json.loads(file.readline()) for _ in range(4)]
            file.close()
            return lines

    lines = serve(path, client)
    assert [line.get("number") for line in lines[:2]] == [0, 1]
    assert lines[2] == {"ok": True, "end": True} and lines[3]["result"] == {"command": "echo"}


def test_who_does_not_read_a_stream_is_dropped(path, monkeypatch):
    """A client that takes nothing costs a bounded buffer, is dropped in time, and holds nobody else up."""
    monkeypatch.setattr(local, "PATIENCE", 0.5)

    def client():
        with socket.socket(socket.AF_UNIX) as idle:
            idle.settimeout(20)
            idle.connect(str(path))
            idle.sendall(b'{"command": "count", "to": 100000000}\n')
            assert len(list(ask_many(path, {"command": "count", "to": 3}))) == 4
            ended = select.poll()
            ended.register(idle, select.POLLHUP)
            assert ended.poll(20_000)
            data = 0
            while chunk := idle.recv(1 << 20):
                data += len(chunk)
            return data

    assert serve(path, client) < 4 << 20


def test_a_server_that_goes_away_in_the_middle_is_no_answer(path):
    """Without the last line an answer is not whole, and who asked is told so."""

    def answer(listener, *lines):
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(b"".join(lines))

    for lines in ((b'{"ok": true, "number": 1}\n',), (b'{"ok": true, "num',), ()):
        with socket.socket(socket.AF_UNIX) as listener:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            listener.listen()
            thread = Thread(target=answer, args=(listener, *lines))
            thread.start()
            with pytest.raises(UnreachableError, match="went away"):
                list(ask_many(path, {"command": "count"}))
            thread.join(10)
