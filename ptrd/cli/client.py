"""Asking the running server over its control socket: one JSON object a line each way.

Whatever goes wrong on the way is Unreachable with a sentence; what the server itself refuses is its reply.
"""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONNECT_PATIENCE: Final = 5.0  # seconds; the answer itself may take as long as it takes to compile the zones


class UnreachableError(PtrdError):
    """No running server could be asked; the sentence says why."""


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send one command to the server and wait for its reply. Raises UnreachableError."""
    with _asked(path, request) as connection, connection.makefile("rb") as answers:
        line = answers.readline()
    return _parse(path, line)


def ask_many(path: Path, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Send one command that is answered by several replies, and give them; the last has `end`, or is a refusal.

    All have come before the first is given, since the server does not wait for who takes them. Raises
    UnreachableError.
    """
    import shutil  # noqa: PLC0415 - `ptrd serve` does without this module's weight
    from tempfile import TemporaryFile  # noqa: PLC0415 - the same

    with TemporaryFile() as spool:
        with _asked(path, request) as connection, connection.makefile("rb") as answers:
            connection.shutdown(socket.SHUT_WR)  # so that the server closes behind its last reply
            shutil.copyfileobj(answers, spool)
        spool.seek(0)
        reply = None
        for line in spool:
            reply = _parse(path, line)
            yield reply
        if reply is None or (reply["ok"] and "end" not in reply):
            raise UnreachableError(f"the server on {path} went away in the middle of its answer")


@contextmanager
def _asked(path: Path, request: Mapping[str, Any]) -> Iterator[socket.socket]:
    """Connect and send a request; errors while the answer is read are told in the same way."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(CONNECT_PATIENCE)
            connection.connect(str(path))
            connection.settimeout(None)
            connection.sendall(json.dumps(request).encode() + b"\n")
            yield connection
        except (FileNotFoundError, ConnectionRefusedError):
            raise UnreachableError(f"no server runs here: nothing answers on {path}") from None
        except PermissionError:
            raise UnreachableError(
                f"this user may not open {path}: only root, the server's user and members of admin_group may"
            ) from None
        except OSError as error:
            raise UnreachableError(f"cannot ask the server on {path}: {error.strerror or error}") from None


def _parse(path: Path, line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise UnreachableError(f"the server on {path} went away without an answer")
    return reply
