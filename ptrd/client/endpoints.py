"""Who is asked: an address with a port, written as ptrd.yaml and command lines have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from ptrd import PtrdError
from ptrd.records.values import ValueText, format_address, parse_address, quote

PORT: Final = 53
RESOLV_CONF: Final = Path("/etc/resolv.conf")


class ClientError(PtrdError):
    """Another server cannot be asked, or what came from it is of no use; the text says which and why."""


class Endpoint(NamedTuple):
    """A server's address and port."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        """Write it as `read_endpoint` reads it; the port only where it is not 53."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.host if self.port == PORT else f"{host}:{self.port}"


def read_endpoint(text: str) -> Endpoint:
    """Read `192.0.2.53`, `192.0.2.53:5300`, `2001:db8::53` or `[2001:db8::53]:5300`. Raises ValueText."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        well = bool(bracket) and (not rest or rest.startswith(":"))
        port = rest[1:] or port if well else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueText(f"{quote(text)} is no server; write an address, such as 192.0.2.53 or [2001:db8::53]:5300")
    try:
        version, number = parse_address(host)
    except ValueText:
        raise ValueText(
            f"{quote(text)} is no server; write an address, not a name, such as 192.0.2.53 or [2001:db8::53]:5300"
        ) from None
    return Endpoint(format_address(version, number), int(port))


def system_resolvers(path: Path = RESOLV_CONF) -> tuple[Endpoint, ...]:
    """Give the resolvers that this machine uses, 127.0.0.1 when it names none, as resolv.conf(5) says.

    Raises ClientError when the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from None
    found = []
    for line in lines:
        words = line.split()
        if words[:1] == ["nameserver"] and words[1:]:
            try:
                found.append(read_endpoint(f"[{words[1]}]" if "%" in words[1] else words[1]))
            except ValueText:
                continue  # a scoped address, or a mistake that the C library passes over too
    return tuple(dict.fromkeys(found)) or (Endpoint("127.0.0.1"),)
