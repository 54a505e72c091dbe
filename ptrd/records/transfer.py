"""What an operator says about transfers: keys, who may have a zone, who is told, what becomes of default names.

Names of keys are wire form in lower case. A zone says nothing of secrets: it names keys, which the configuration has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.records.model import Prefix
from ptrd.wire.names import format_name, parse_name
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS: Final = ("hmac-sha256", "hmac-sha384", "hmac-sha512")  # RFC 8945, 6: those that are not on their way out
EXPAND, OMIT, REFUSE = DEFAULTS = ("expand", "omit", "refuse")
DNS_PORT: Final = 53


@dataclass(frozen=True, slots=True)
class Key:
    """A secret that two servers share (RFC 8945). `algorithm` is one of ALGORITHMS."""

    name: bytes
    algorithm: str
    secret: bytes = field(repr=False)


class AllowItem(NamedTuple):
    """Who may have a zone: clients of a prefix, who signs with a key, or, with both, who is and does."""

    prefix: Prefix | None
    key: bytes | None


class NotifyTarget(NamedTuple):
    """Who is told that a zone has changed: an address and a port, and the key that signs, if one does."""

    host: str
    port: int
    key: bytes | None


class Transfer(NamedTuple):
    """The `transfer` of a zone. `defaults` is one of DEFAULTS, None where nothing is written."""

    allow: tuple[AllowItem, ...] = ()
    notify: tuple[NotifyTarget, ...] = ()
    defaults: str | None = None

    def allows(self, version: int, number: int, key: bytes | None) -> bool:
        """Tell whether a client at an address, whose query was signed with `key` or not at all, may have the zone."""
        return any(
            (item.prefix is None or item.prefix.contains(Prefix(version, number, BITS[version])))
            and (item.key is None or item.key == key)
            for item in self.allow
        )

    def opens(self, version: int, number: int, key: bytes) -> bool:
        """Tell whether a client may have the zone because of the key that it signed with, and not by its address."""
        return self.allows(version, number, key) and not self.allows(version, number, None)

    @property
    def keys(self) -> set[bytes]:
        """Give the names of the keys that are needed."""
        named = [*[item.key for item in self.allow], *[target.key for target in self.notify]]
        return {key for key in named if key is not None}


def dump_transfer(transfer: Transfer | None) -> dict[str, Any] | None:
    """Write a `transfer` as JSON can hold it."""
    if transfer is None:
        return None
    return {
        "allow": [[_dump_prefix(item.prefix), _dump_key(item.key)] for item in transfer.allow],
        "notify": [[item.host, item.port, _dump_key(item.key)] for item in transfer.notify],
        "defaults": transfer.defaults,
    }


def load_transfer(dumped: Mapping[str, Any] | None) -> Transfer | None:
    """Read back what `dump_transfer` wrote."""
    if dumped is None:
        return None
    return Transfer(
        tuple([AllowItem(_load_prefix(prefix), _load_key(key)) for prefix, key in dumped["allow"]]),
        tuple([NotifyTarget(host, port, _load_key(key)) for host, port, key in dumped["notify"]]),
        dumped["defaults"],
    )


def _dump_prefix(prefix: Prefix | None) -> list[object] | None:
    return None if prefix is None else [prefix.version, f"{prefix.number:x}", prefix.length]


def _load_prefix(dumped: list[Any] | None) -> Prefix | None:
    return None if dumped is None else Prefix(dumped[0], int(dumped[1], 16), dumped[2])


def _dump_key(name: bytes | None) -> str | None:
    return None if name is None else format_name(name)


def _load_key(text: str | None) -> bytes | None:
    return None if text is None else parse_name(text)
