"""Asking the running server over its control socket: one JSON object a line each way.

Whatever goes wrong on the way is Unreachable with a sentence; what the server itself refuses is its reply.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONNECT_PATIENCE: Final = 5.0  # seconds; the answer itself may take as long as it takes to compile the zones


class UnreachableError(PtrdError):
    """No running server could be asked; the sentence says why."""


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send one command to the server and wait for its reply. Raises UnreachableError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(CONNECT_PATIENCE)
            connection.connect(str(path))
            connection.settimeout(None)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        except (FileNotFoundError, ConnectionRefusedError):
            raise UnreachableError(f"no server runs here: nothing answers on {path}") from None
        except PermissionError:
            raise UnreachableError(
                f"this user may not open {path}: only root, the server's user and members of admin_group may"
            ) from None
        except OSError as error:
            raise UnreachableError(f"cannot ask the server on {path}: {error.strerror or error}") from None
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise UnreachableError(f"the server on {path} went away without an answer")
    return reply
