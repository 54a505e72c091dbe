"""What a person reads when the server has started: what it serves, where, and a question to try."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import islice
from typing import TYPE_CHECKING, Final

from ptrd import __version__
from ptrd.snapshot.layout import NODE_OCCLUDED
from ptrd.wire.names import offsets_of
from ptrd.wire.rrtypes import PTR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ptrd.snapshot.view import Snapshot

_LOOK_AT: Final = 1000  # names of a zone, in search of an example
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to ask who listens on every address


def greet(
    snapshot: Snapshot,
    addresses: Sequence[tuple[str, int]],
    workers: int,
    http: tuple[str, int] | None,
    control: Path,
    tls: Sequence[tuple[str, int]] = (),
    *,
    https: bool = False,
) -> str:
    """Write the greeting, several lines. `tls` is where DNS over TLS is answered; `https` says that `http` has TLS."""
    about = snapshot.statistics()
    what = ", ".join(_count(about[kind], kind) for kind in ("zones", "records", "ranges"))
    lines = [
        f"ptrd {__version__} serves {what}",
        f"  DNS      {', '.join(format_endpoint(*address) for address in addresses)} ({_count(workers, 'workers')})",
    ]
    if tls:
        lines.append(f"  DoT      {', '.join(format_endpoint(*address) for address in tls)}")
    if http is not None:
        lines.append(f"  HTTP     http{'s' * https}://{format_endpoint(*http)}/ (metrics, healthz, readyz)")
    lines.append(f"  control  {control} (ptrd status, lookup, reload)")
    example = example_address(snapshot)
    if example is not None and addresses:
        host, port = min(addresses, key=lambda address: ":" in address[0])
        lines.append(f"try: dig @{_HERE.get(host, host)} -p {port} -x {example}")
    return "\n".join(lines)


def format_endpoint(host: str, port: int) -> str:
    """Write an address and a port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def example_address(snapshot: Snapshot) -> str | None:
    """Find an address with a name, preferably one that somebody wrote, and IPv4."""
    zones = sorted((zone for zone in snapshot.zones if zone.version), key=lambda zone: zone.version)
    for zone in zones:
        for node in islice(zone.walk(), _LOOK_AT):
            name = zone.relative_name(node) + zone.origin
            number = zone.address_at(name, offsets_of(name))
            if number >= 0 and PTR in zone.rtypes(node) and not zone.flags(node) & NODE_OCCLUDED:
                return _address(zone.version, number)
    for index in range(min(snapshot.range_count, _LOOK_AT)):
        prefix = snapshot.range(index).prefix
        number = min(prefix.number + 1, prefix.last)
        if snapshot.range_of(prefix.version, number) == index:
            return _address(prefix.version, number)
    return None


def _address(version: int, number: int) -> str:
    return str(ip_address(number.to_bytes(4 if version == 4 else 16, "big")))


def _count(number: int, plural: str) -> str:
    return f"{number:,} {plural if number != 1 else plural.removesuffix('s')}"
