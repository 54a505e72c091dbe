"""The control socket: `ptrd lookup`, `reload` and `status` talk to the running server over it.

Only root, the server's own user and members of the configured group are heard, by what the kernel says of the peer.
One JSON object a line each way. Nothing a client sends, or fails to send, holds up another client or costs more than
one bounded line.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import logging
import os
import pwd
import socket
import stat
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from ptrd.control.options import LocalOptions

    Reply = dict[str, Any]
    Command = Callable[[Mapping[str, Any]], Awaitable[Reply]]
    Stream = Callable[[Mapping[str, Any]], AsyncIterator[Reply]]
    PersonalCommand = Callable[[Mapping[str, Any], str], Awaitable[Reply]]

MAX_PATH: Final = 107  # sun_path without its final zero, unix(7)
MAX_REQUEST: Final = 8 << 20  # bytes of one line, which may hold the body of a request to the API
MAX_CLIENTS: Final = 64
PATIENCE: Final = 10.0  # seconds for a client to send its line, or to take its answer

_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h; the socket module does not name it
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid

log = logging.getLogger("ptrd")


class LocalError(PtrdError):
    """The control socket cannot be made."""


class CommandError(PtrdError):
    """A command cannot be carried out; the text tells the person who sent it why."""


class LocalServer:
    """The listening control socket: bound when made, served from `start` to `close`. Raises LocalError.

    `personal` has the commands that are also told the name of the user who sent them; `streams` has those that answer
    with one line after another, the last of which has `end`.
    """

    def __init__(
        self,
        options: LocalOptions,
        commands: Mapping[str, Command],
        personal: Mapping[str, PersonalCommand] = MappingProxyType({}),
        streams: Mapping[str, Stream] = MappingProxyType({}),
    ) -> None:
        self._commands = commands
        self._personal = personal
        self._streams = streams
        self._path = options.path
        self._group = _group_id(options.admin_group)
        self._users = {0, os.geteuid()}
        self._socket = _listen(options.path, self._group)
        self._identity = _identity(options.path)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to answer."""
        self._server = await asyncio.start_unix_server(self._accept, sock=self._socket, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Stop answering, and remove the socket's name if it is still ours."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        if self._identity is not None and _identity(self._path) == self._identity:
            self._path.unlink(missing_ok=True)
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_unix_server runs this as a task of its own
        self._clients.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError):
                await self._converse(reader, writer)
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), PATIENCE)  # what is still unsent is sent first
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) > MAX_CLIENTS:
            await _send(writer, _refusal("too many clients are connected; try again"))
            return
        peer = writer.get_extra_info("socket")
        user, group = _peer_of(peer)
        admitted = self._admits(peer, user, group)
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), PATIENCE)
            except ValueError:
                await _send(writer, _refusal(f"the request is longer than {MAX_REQUEST} bytes"))
                return
            if not line.endswith(b"\n"):
                return
            if not admitted:
                who = "only root, the server's own user and members of admin_group are admitted"
                await _send(writer, _refusal(who))
                return
            async with contextlib.aclosing(self._answers(line, user)) as replies:
                async for reply in replies:
                    await _send(writer, reply)

    async def _answers(self, line: bytes, user: int) -> AsyncGenerator[Reply, None]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            yield _refusal("the request is not a JSON object on one line")
            return
        name = str(request.get("command"))
        try:
            if name in self._streams:
                async for reply in self._streams[name](request):
                    yield reply
            elif name in self._personal:
                yield await self._personal[name](request, await asyncio.to_thread(_name_of, user))
            elif name in self._commands:
                yield await self._commands[name](request)
            else:
                known = ", ".join(sorted({*self._commands, *self._personal, *self._streams}))
                yield _refusal(f"there is no such command; there are: {known}")
        except PtrdError as error:
            yield _refusal(str(error))
        except Exception:
            log.exception("the command %r failed", name)
            yield _refusal("the server made an internal error; its log says more")

    def _admits(self, peer: socket.socket, user: int, group: int) -> bool:
        if user in self._users:
            return True
        return self._group is not None and (group == self._group or self._group in _groups_of(peer, user))


def _listen(path: Path, group: int | None) -> socket.socket:
    length = len(os.fsencode(path))
    if length > MAX_PATH:
        raise LocalError(
            f"the control socket's path {path} has {length} bytes, at most {MAX_PATH} are possible: "
            "set `socket` to a shorter one"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_the_way(path)
        mask = os.umask(0o177)  # the name must never be open to others, not even for a moment
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        if group is not None:
            os.chown(path, -1, group)
            path.chmod(0o660)
        listener.listen(MAX_CLIENTS)
    except OSError as error:
        listener.close()
        raise LocalError(f"cannot make the control socket {path}: {error.strerror}") from None
    except LocalError:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 - positional only
    return listener


def _clear_the_way(path: Path) -> None:
    """Remove a socket that nobody listens on any more. Raises LocalError for a live one and for any other file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise LocalError(f"cannot make the control socket {path}: a file that is no socket has that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)
                return
            if error.errno == errno.ENOENT:
                return
    raise LocalError(f"cannot make the control socket {path}: another server listens on it")


def _group_id(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise LocalError(f"admin_group: there is no group called {name}") from None


def _groups_of(peer: socket.socket, user: int) -> Iterable[int]:
    """Give the peer's supplementary groups; by the system's tables where the kernel's list is too long to be read."""
    try:
        packed = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)
    except OSError:
        try:
            entry = pwd.getpwuid(user)
        except KeyError:
            return ()
        return os.getgrouplist(entry.pw_name, entry.pw_gid)
    return struct.unpack(f"{len(packed) // 4}I", packed)


def _peer_of(peer: socket.socket) -> tuple[int, int]:
    """Give the ids of user and group at the other end, as the kernel knows them."""
    _pid, user, group = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return user, group


def _name_of(user: int) -> str:
    """Give a user's name, the number where there is none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refusal(sentence: str) -> Reply:
    return {"ok": False, "error": sentence, "problems": [], "status": 1}


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(json.dumps(reply).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), PATIENCE)
