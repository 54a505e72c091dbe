"""Who asks: what a socket address means to access lists, limits and cookies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ptrd.records.access import ALLOW, AccessList
from ptrd.records.values import parse_address

if TYPE_CHECKING:
    from ptrd.engine.options import Options

_PREFIX_BYTES: Final = {4: 3, 6: 7}  # /24 and /56


@dataclass(slots=True)
class Client:
    """A host. `prefix` is what its limits count it under, empty when it has none; `verdict` is records.access's.

    `key` is the name of the TSIG key that it signed with. Once judged it does not change.
    """

    version: int
    number: int
    address: bytes
    prefix: bytes = b""
    verdict: int = ALLOW
    told: bool = True  # the reasons of refusals
    key: bytes | None = None


class Judge:
    """What an operator says of hosts. Without `limits` none has any."""

    def __init__(self, options: Options, *, limits: bool) -> None:
        self._access = AccessList(options.access)
        self._told = AccessList(options.extended_errors)
        self._exempt = AccessList(options.limit_exempt) if options.limit_exempt else None
        self._limits = limits

    def judge(self, host: str) -> Client:
        """Give what there is to know of a host."""
        client = client_of(host)
        client.verdict, exempt = self.standing(client.version, client.number)
        client.prefix = b"" if exempt else client.address[: _PREFIX_BYTES[client.version]]
        client.told = self._told.decide(client.version, client.number) == ALLOW
        return client

    def standing(self, version: int, number: int) -> tuple[int, bool]:
        """Give the verdict on an address, and whether it has no limits."""
        exempt = not self._limits or (self._exempt is not None and self._exempt.decide(version, number) == ALLOW)
        return self._access.decide(version, number), exempt


def client_of(host: str) -> Client:
    """Give the address of a socket address's host; an IPv6 one may name its interface after `%`."""
    version, number = parse_address(host.partition("%")[0])
    return Client(version, number, number.to_bytes(4 if version == 4 else 16, "big"))
