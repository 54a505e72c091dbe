"""The state folder: what one ptrd remembers between two runs.

At most one process owns the folder at a time, by a lock that dies with the process. A zone's serial is on the disk
before an image that says it has its place, so a serial that was ever answered is never forgotten.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Final

from ptrd import PtrdError
from ptrd.snapshot.serials import is_newer
from ptrd.store.atomic import SUFFIX, replace
from ptrd.wire.names import NameError_, format_name, parse_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Serials = dict[bytes, tuple[bytes, int]]  # zone -> (digest of its content, SOA serial)

RECEIVED: Final = "received"  # the folder of what primaries sent, within the state folder
_VERSION: Final = 1


class StateError(PtrdError):
    """The state folder cannot be used."""


class SerialsError(StateError):
    """The file of serials is there but damaged."""


class State:
    """The state folder, owned by this process until `close`. Made by `open_state`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.image = folder / "zones.image"
        self.serials = folder / "serials.json"
        self.history = folder / "zones.history"
        self.cookie_secret = folder / "cookie.secret"
        self.database = folder / "ptrd.db"
        self.master_key = folder / "master.key"
        self.received = folder / RECEIVED
        self._lock = lock

    def close(self) -> None:
        """Let another process have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def open_state(folder: Path) -> State:
    """Take the state folder, made with mode 0700 when missing, and sweep what a crash left half written.

    Raises StateError: another ptrd has it, or it cannot be made or written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"cannot use the state folder {folder}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        who = f" (process {owner})" if owner.isdigit() else ""
        raise StateError(f"another ptrd{who} already runs on the state folder {folder}") from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        for leftover in folder.glob(f".*{SUFFIX}"):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        os.close(lock)
        raise StateError(f"cannot write to the state folder {folder}: {error.strerror}") from None
    return State(folder, lock)


def load_serials(path: Path) -> Serials:
    """Read the zones' digests and serials; none when there is no file. Raises SerialsError, StateError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    try:
        return _serials_of(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, NameError_):
        raise SerialsError(f"{path} is damaged, and it holds the zones' SOA serials") from None


def raise_serials(path: Path, serials: Mapping[bytes, int]) -> None:
    """Write serials that are newer than the file's into it; zones that it does not know are left out.

    A damaged file is left as it is, for who compiles to report. Raises StateError, OSError.
    """
    try:
        known = load_serials(path)
    except SerialsError:
        return
    newer = {
        zone: (known[zone][0], serial)
        for zone, serial in serials.items()
        if zone in known and is_newer(serial, known[zone][1])
    }
    if newer:
        replace(path, [dump_serials(known | newer)])


def dump_serials(serials: Serials) -> bytes:
    """Write the zones' digests and serials as the text that `load_serials` reads."""
    zones = {format_name(name): [digest.hex(), serial] for name, (digest, serial) in sorted(serials.items())}
    return json.dumps({"version": _VERSION, "zones": zones}, indent=1).encode() + b"\n"


def _serials_of(content: dict[str, Any]) -> Serials:
    if content["version"] != _VERSION:
        raise ValueError("version")
    found: Serials = {}
    for name, (digest, serial) in content["zones"].items():
        if type(serial) is not int or not 0 <= serial <= 0xFFFFFFFF:
            raise ValueError("serial")
        found[parse_name(name)] = (bytes.fromhex(digest), serial)
    return found
