"""The control socket: who is heard, and what no client can do to another."""

import asyncio
import contextlib
import grp
import json
import os
import pwd
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ptrd.control import local
from ptrd.control.local import CommandError, LocalError, LocalServer
from ptrd.control.options import LocalOptions


async def echo(request):
    """Give the request back."""
    return {"ok": True, "result": request}


async def refuse(_request):
    """Refuse with a sentence."""
    raise CommandError("not today")


async def fail(_request):
    """Fail as no command should."""
    raise RuntimeError("oops")


async def sign(request, user):
    """Give the request back with the name of who sent it."""
    return {"ok": True, "result": [request["path"], user]}


COMMANDS = {"echo": echo, "refuse": refuse, "fail": fail}


def converse(path, *lines, timeout=10.0):
    """Send each line and read one answer for it; None where the server has closed."""
    answers = []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(path))
        file = client.makefile("rwb")
        for line in lines:
            with contextlib.suppress(OSError):
                file.write(line)
                file.flush()
            answer = file.readline()
            answers.append(json.loads(answer) if answer else None)
        with contextlib.suppress(OSError):
            file.close()
    return answers


def serve(options, client, commands=COMMANDS):
    """Run a server on the options while `client` runs in a thread, and give what the client gave."""

    async def run():
        server = LocalServer(options, commands)
        await server.start()
        try:
            return await asyncio.to_thread(client)
        finally:
            await server.close()

    return asyncio.run(run())


@pytest.fixture
def path():
    """Give a path that is short enough, in a folder that any user can reach."""
    with tempfile.TemporaryDirectory(prefix="ptrd-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "control.sock")


def test_commands_are_answered_in_turn(path):
    """One connection may send several commands; each gets one line."""
    first, second = serve(
        LocalOptions(path), lambda: converse(path, b'{"command": "echo", "x": 1}\n', b'{"command": "refuse"}\n')
    )
    assert first == {"ok": True, "result": {"command": "echo", "x": 1}}
    assert second == {"ok": False, "error": "not today", "problems": [], "status": 1}


def test_a_failing_command_is_an_answer(path, caplog):
    """An unexpected error in a command is logged, answered, and ends nothing."""
    first, second = serve(
        LocalOptions(path), lambda: converse(path, b'{"command": "fail"}\n', b'{"command": "echo"}\n')
    )
    assert first["error"] == "the server made an internal error; its log says more"
    assert second["ok"]
    assert "oops" in caplog.text


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"hello\n", "not a JSON object"),
        (b"\n", "not a JSON object"),
        (b"[1]\n", "not a JSON object"),
        (b"\xff\xfe\n", "not a JSON object"),
        (b"[" * 60_000 + b"\n", "not a JSON object"),
        (b'{"command": "nothing"}\n', "no such command; there are: echo, fail, refuse"),
        (b'{"command": ["echo"]}\n', "no such command"),
        (b"{}\n", "no such command"),
        (b'{"command": "echo", "x": "' + b"y" * (9 << 20) + b'"}\n', "longer than 8388608 bytes"),
    ],
)
def test_malformed_requests_are_answered(path, line, sentence):
    """Whatever a client sends, it gets a sentence, and the next client is served."""
    first, second = serve(LocalOptions(path), lambda: converse(path, line) + converse(path, b'{"command": "echo"}\n'))
    assert sentence in first["error"]
    assert first["ok"] is False
    assert second["ok"]


def test_a_silent_client_is_dropped(path, monkeypatch):
    """A client that says nothing, or half a line, is closed after a while."""
    monkeypatch.setattr(local, "PATIENCE", 0.2)
    assert serve(LocalOptions(path), lambda: converse(path, b"") + converse(path, b'{"command"')) == [None, None]


def test_there_is_a_cap_on_clients(path, monkeypatch):
    """Clients beyond the cap are told so at once."""
    monkeypatch.setattr(local, "MAX_CLIENTS", 2)

    def client():
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
            one.connect(str(path))
            two.connect(str(path))
            return converse(path, b"")

    assert serve(LocalOptions(path), client)[0]["error"] == "too many clients are connected; try again"


def test_the_socket_is_private_and_goes_with_the_server(path):
    """Only its owner may open the socket, and no name is left behind."""
    mode = serve(LocalOptions(path), lambda: path.stat().st_mode)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


def test_a_stale_socket_is_replaced(path):
    """The socket that a killed server left behind is no obstacle."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert serve(LocalOptions(path), lambda: converse(path, b'{"command": "echo"}\n'))[0]["ok"]


def test_a_live_socket_is_not_replaced(path):
    """Where a server listens, a second one does not start, and the first one keeps its socket."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(LocalError, match="another server listens on it"):
            LocalServer(LocalOptions(path), COMMANDS)
        assert path.exists()


def test_a_file_in_the_way_is_not_removed(path):
    """A file that is no socket is somebody's."""
    path.write_text("precious")
    with pytest.raises(LocalError, match="a file that is no socket has that name"):
        LocalServer(LocalOptions(path), COMMANDS)
    assert path.read_text() == "precious"


def test_an_overlong_path_is_said_to_be_one(tmp_path):
    """A path that the kernel cannot take is a sentence with the numbers."""
    path = tmp_path / ("x" * 120)
    with pytest.raises(LocalError, match=r"has \d+ bytes, at most 107 are possible: set `socket` to a shorter one"):
        LocalServer(LocalOptions(path), COMMANDS)


def test_a_missing_folder_is_a_sentence(path):
    """A folder that is not there is named."""
    with pytest.raises(LocalError, match=r"cannot make the control socket .*/missing/s: No such file"):
        LocalServer(LocalOptions(path.parent / "missing" / "s"), COMMANDS)


def test_an_unknown_group_is_a_sentence(path):
    """A group that does not exist is a mistake in the configuration."""
    with pytest.raises(LocalError, match="admin_group: there is no group called nosuchgroup"):
        LocalServer(LocalOptions(path, "nosuchgroup"), COMMANDS)


def test_the_socket_of_a_successor_is_left_alone(path):
    """A server that ends does not remove the socket of the one that took its place."""

    def client():
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))

    serve(LocalOptions(path), client)
    assert path.exists()


ASK = """
import json, os, socket, sys
uid, gid, groups, path = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
client = socket.socket(socket.AF_UNIX)
os.chdir(os.path.dirname(path))
os.setgroups(groups)
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
client.connect(os.path.basename(path))
client.sendall(b'{"command": "echo"}\\n')
print(client.makefile().readline())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("group", "uid", "gid", "groups", "admitted"),
    [
        (None, 0, 0, [], True),
        (None, 65534, 65534, [], False),
        ("daemon", 65534, "daemon", [], True),
        ("daemon", 65534, 65534, ["daemon"], True),
        ("daemon", 65534, 65534, ["daemon", *range(5000, 6000)], False),  # nobody is no member in /etc/group
        ("daemon", 65534, 65534, [], False),
        ("daemon", 1, 65534, [], False),
    ],
)
def test_peers_are_admitted_by_what_the_kernel_says(path, group, uid, gid, groups, admitted):
    """Root and the server's user are heard, members of the group by primary or other group, and nobody else."""
    named = {"daemon": grp.getgrnam("daemon").gr_gid}

    def client():
        if group is not None:
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert path.stat().st_gid == named[group]
        path.chmod(0o666)  # what is tested is the check behind the mode
        numbers = json.dumps([named.get(one, one) for one in groups])
        command = [sys.executable, "-c", ASK, str(uid), str(named.get(gid, gid)), numbers, str(path)]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)

    answer = serve(LocalOptions(path, group), client)
    assert answer["ok"] is admitted
    if not admitted:
        assert "are admitted" in answer["error"]


def test_a_personal_command_knows_who_sent_it(path):
    """A command that wants it is told the name of the user at the other end, whatever the request says of it."""

    async def run():
        server = LocalServer(LocalOptions(path), COMMANDS, {"sign": sign})
        await server.start()
        try:
            lines = [b'{"command": "sign", "path": "/x", "user": "nobody"}\n', b'{"command": "gone"}\n']
            return await asyncio.to_thread(converse, path, *lines)
        finally:
            await server.close()

    signed, refused = asyncio.run(run())
    assert signed == {"ok": True, "result": ["/x", pwd.getpwuid(os.geteuid()).pw_name]}
    assert refused["error"] == "there is no such command; there are: echo, fail, refuse, sign"


def test_a_line_may_hold_what_an_import_has(path):
    """A request of some megabytes is answered, and the next one on the connection too."""
    text = "x" * (5 << 20)
    lines = [json.dumps({"command": "echo", "text": text}).encode() + b"\n", b'{"command": "echo"}\n']
    first, second = serve(LocalOptions(path), lambda: converse(path, *lines))
    assert first["result"]["text"] == text and second["ok"]
