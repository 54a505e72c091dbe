"""`keys` of ptrd.yaml: secrets that two servers share, each by a name of its own, written there or in a file.

What a secret is never stands in a message.
"""

from __future__ import annotations

import base64
import binascii
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.model import Place, Problem
from ptrd.records.transfer import ALGORITHMS, Key
from ptrd.records.values import ValueText, quote
from ptrd.store.nodevalues import is_null, read_value
from ptrd.store.settings import read_path
from ptrd.store.yamlevents import Node, Report, Table, Text, read_fields
from ptrd.store.zonetransfer import parse_key_name
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_FIELDS: Final = ("algorithm", "secret", "secret_file")
_EXAMPLE: Final = "keys: {transfer-key: {algorithm: hmac-sha256, secret_file: transfer-key.secret}}"
_LARGEST: Final = 4096  # bytes of a file with a secret


class KeyEntry(NamedTuple):
    """A key as it is written: with its secret, or with the path of the file that holds it."""

    name: bytes
    algorithm: str
    secret: bytes | None
    file: str | None
    place: Place


class SecretPlace(NamedTuple):
    """A file that holds a secret, and where the configuration has to do with it."""

    path: Path
    place: Place
    key: str


def read_keys(node: Node, report: Report) -> list[KeyEntry]:
    """Read the mapping of keys by their names."""
    if not isinstance(node, Table):
        report.error(node, f"keys is a mapping of names; write for example {_EXAMPLE}")
        return []
    found: dict[bytes, KeyEntry] = {}
    for key, value in node.pairs:
        name = read_value(key, "the name of a key", parse_key_name, report)
        if name is None:
            continue
        if name in found:
            report.error(key, f"the key {quote(key.value)} stands twice, first in line {found[name].place.line}")
        elif not isinstance(value, Table):
            report.error(value, f"a key is a mapping; write for example {_EXAMPLE}")
        else:
            entry = _read_entry(name, key, value, report)
            if entry is not None:
                found[name] = entry
    return list(found.values())


def load_keys(entries: Iterable[KeyEntry], absolute: Callable[[str], Path]) -> tuple[tuple[Key, ...], list[Problem]]:
    """Make the keys, and read the files of secrets; a file that cannot be used is a problem."""
    keys = []
    problems = []
    for entry in entries:
        secret = entry.secret
        if secret is None:
            path = absolute(entry.file or "")
            try:
                with path.open("rb") as file:
                    secret = read_base64(file.read(_LARGEST).decode("ascii", "replace"))
            except OSError as error:
                problems.append(Problem(entry.place, f"secret_file: cannot read {path}: {error.strerror}"))
                continue
            except ValueText as error:
                problems.append(Problem(entry.place, f"secret_file: {path}: {error}"))
                continue
        keys.append(Key(entry.name, entry.algorithm, secret))
    return tuple(keys), problems


def secret_places(
    entries: Iterable[KeyEntry], config: Path, absolute: Callable[[str], Path]
) -> tuple[SecretPlace, ...]:
    """List the files that hold secrets."""
    return tuple(
        [
            SecretPlace(
                config if entry.file is None else absolute(entry.file),
                entry.place,
                format_name(entry.name).removesuffix("."),
            )
            for entry in entries
        ]
    )


def exposures(places: Iterable[SecretPlace]) -> list[Problem]:
    """Warn of secrets in files that every user of the machine can read."""
    problems = []
    for path, place, key in places:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IROTH:
            problems.append(
                Problem(
                    place,
                    f"the secret of the key {key} stands in {path}, which every user can read; `chmod o= {path}` keeps "
                    "them out",
                    warning=True,
                )
            )
    return problems


def read_base64(text: str) -> bytes:
    """Read a secret of at least 16 bytes from Base64. Raises ValueText, which does not tell what was read."""
    try:
        secret = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueText("this is not Base64; make a secret with `openssl rand -base64 32`") from None
    if len(secret) < 16:
        raise ValueText(
            f"the secret has {len(secret)} bytes, too few to be one; make one with `openssl rand -base64 32`"
        )
    return secret


def _read_entry(name: bytes, key: Text, node: Table, report: Report) -> KeyEntry | None:
    fields = {field: value for field, (_, value) in read_fields(node, _FIELDS, report).items() if not is_null(value)}
    algorithm = secret = file = None
    if "algorithm" in fields:
        algorithm = read_value(fields["algorithm"], "`algorithm`", _read_algorithm, report)
    else:
        report.error(key, f"the key has no `algorithm`; write one of {', '.join(ALGORITHMS)}")
    if ("secret" in fields) == ("secret_file" in fields):
        report.error(key, "a key has either `secret` or `secret_file`; write one of them")
    elif "secret" in fields:
        secret = read_value(fields["secret"], "`secret`", read_base64, report)
    else:
        file = read_value(fields["secret_file"], "`secret_file`", read_path, report)
    if algorithm is None or (secret is None and file is None):
        return None
    return KeyEntry(name, algorithm, secret, file, report.place(key))


def _read_algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise ValueText(f"{quote(text)} is no algorithm here; write one of {', '.join(ALGORITHMS)}")
    return text
