"""Secrets at rest: what must be read again, such as the secret of an access key, is sealed under a master key.

The master key is never in the database, and so in no backup: it is a file that only its owner can read, or a systemd
credential. What was sealed opens only in the context that it was sealed for, so that swapped rows are noticed.

A master key file has a key a line, 64 hex digits. The first seals, all open: a new key goes above the old ones. A
sealed secret is a version byte, 8 bytes that say which key, a nonce of 12 and AES-256-GCM's output (NIST SP 800-38D),
with the version, the key's id and the context authenticated. Nonces are random, which is safe for 2^32 secrets a key.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ptrd import PtrdError
from ptrd.store.atomic import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

CREDENTIAL: Final = "ptrd-master-key"  # its name for systemd
_VERSION: Final = b"\1"
_KEY_SIZE: Final = 32
_ID_SIZE: Final = 8
_NONCE_SIZE: Final = 12
_NAME_SIZE: Final = len(_VERSION) + _ID_SIZE
_HEADER_SIZE: Final = _NAME_SIZE + _NONCE_SIZE
_LARGEST_FILE: Final = 65536


class VaultError(PtrdError):
    """A master key cannot be used, or does not open what is there; the sentence says what to do."""


class Vault:
    """The master keys, 32 bytes each: the first seals, all open. `place` says in sentences where they are from."""

    def __init__(self, keys: Sequence[bytes], place: str) -> None:
        self._place = place
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self._sealer = _id_of(keys[0])

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """Make a secret unreadable without the master key. `context` says what it belongs to, such as `key:ID`."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        header = _VERSION + self._sealer
        return header + nonce + self._ciphers[self._sealer].encrypt(nonce, secret, header + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Read what was sealed in the same context. Raises VaultError."""
        header, nonce = sealed[:_NAME_SIZE], sealed[_NAME_SIZE:_HEADER_SIZE]
        if sealed[:1] != _VERSION or len(sealed) < _HEADER_SIZE:
            raise VaultError("a sealed secret in the database is damaged; make that credential again")
        cipher = self._ciphers.get(header[1:])
        if cipher is None:
            raise VaultError(
                f"a secret was sealed under the master key {header[1:].hex()}, which is not in {self._place};"
                " put that key back as a line of its own, or make the credential again"
            )
        try:
            return cipher.decrypt(nonce, sealed[_HEADER_SIZE:], header + context)
        except InvalidTag:
            raise VaultError("a sealed secret in the database was changed; make that credential again") from None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a secret is sealed under the first key, so that the others are not needed for it."""
        return sealed[:_NAME_SIZE] == _VERSION + self._sealer


def open_vault(path: Path, credentials: str | None = None, *, make: bool) -> Vault:
    """Read the master keys: of systemd's folder of `credentials` when it has them, else of the file at `path`.

    A file that is missing is made when that is allowed, which it is as long as nothing was sealed. Raises VaultError.
    """
    if credentials:
        given = Path(credentials) / CREDENTIAL
        text = _read(given, private=False)  # systemd's folder is ours alone, whatever the file's mode
        if text is not None:
            return Vault(_keys_of(text, given), str(given))
    text = _read(path, private=True)
    if text is None:
        if not make:
            raise VaultError(
                f"the master key {path} is missing, and the database has secrets that only it opens;"
                " put the file back from where you keep it, it is not in backups"
            )
        text = f"{secrets.token_hex(_KEY_SIZE)}\n"
        try:
            replace(path, [text.encode()])
        except OSError as error:
            raise VaultError(f"cannot make the master key {path}: {error.strerror}") from None
    return Vault(_keys_of(text, path), str(path))


def _keys_of(text: str, path: Path) -> list[bytes]:
    """Read a key a line; empty lines and those that begin with # say nothing."""
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        digits = line.strip()
        if not digits or digits.startswith("#"):
            continue
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            key = b""
        if len(key) != _KEY_SIZE:
            raise VaultError(f"{path}:{number}: a master key is {2 * _KEY_SIZE} hex digits; put the right file there")
        keys.append(key)
    if not keys:
        raise VaultError(
            f"{path} has no master key; put the right file there, or the line of {2 * _KEY_SIZE} hex digits"
        )
    return keys


def _read(path: Path, *, private: bool) -> str | None:
    """Read a small file, None when it is missing. Raises VaultError, also when it ought to be private and is not."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise VaultError(f"cannot read the master key {path}: {why}") from None
    try:
        if private and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise VaultError(
                f"others can read the master key {path}; `chmod 600` it, and if they may have, put a new key"
                " above it and make the access keys again"
            )
        return os.read(descriptor, _LARGEST_FILE).decode("ascii", "replace")
    except OSError as error:
        raise VaultError(f"cannot read the master key {path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"ptrd master key\0" + key).digest()[:_ID_SIZE]
