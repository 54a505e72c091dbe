"""The secret that DNS cookies are made with, when the configuration names none.

It is made once and kept, so that clients' cookies outlive a restart; nobody but the owner may read the file, and a
file that others could read, or that is damaged, holds no secret any more and is replaced.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from ptrd.store.atomic import replace
from ptrd.store.state import StateError

if TYPE_CHECKING:
    from pathlib import Path

_SIZE: Final = 16

log = logging.getLogger("ptrd")


def keep_cookie_secret(path: Path) -> bytes:
    """Read the secret, 16 bytes, or make it. Raises StateError."""
    try:
        secret = _read(path)
        if secret is None:
            if path.exists():
                log.warning("%s is no secret of mode 0600, so a new one is made: clients get new cookies", path)
            secret = secrets.token_bytes(_SIZE)
            replace(path, [secret.hex().encode() + b"\n"])
    except OSError as error:
        raise StateError(f"cannot keep the secret of DNS cookies in {path}: {error.strerror}") from None
    return secret


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            return None
        text = os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        return None
    return secret if len(secret) == _SIZE else None
