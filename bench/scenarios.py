"""The zones of the benchmarks: the same records as YAML and as a master file, written line by line at any size.

The IPv4 zone is 10.0.0.0/8: record n belongs to 10.0.0.0 + n (ten million end at 10.152.150.127), nobody is at
10.160.0.0/11, and ptrd has one default for 10.192.0.0/10. The IPv6 zone is 2001:db8::/32: record n is host n % 65,536
of the /64 n // 65,536 in 2001:db8::/33, so that records share most of their empty non-terminals, which spares every
server memory; the default is for 2001:db8:8000::/33. A default costs ptrd nothing where it is not asked for. The master
file does not hold it: of the others only Knot can make names, and it is told apart (peers.py).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = int(ipaddress.IPv4Address("10.160.0.0")), 1 << 21  # the first address without a name, and how many there are
MADE = {4: ipaddress.ip_network("10.192.0.0/10"), 6: ipaddress.ip_network("2001:db8:8000::/33")}
MOST_RECORDS = NOBODY[0] - int(ipaddress.IPv4Address("10.0.0.0"))
SUFFIX = "customer.example.net"
SYNTH = "type: reverse\nprefix: dyn-\norigin: dyn.example.net\nttl: 3600\nnetwork: {}"
_PREFIXES = {4: "10.0.0.0/8", 6: "2001:db8::/32"}
_ORIGINS = {4: "10.in-addr.arpa", 6: "8.b.d.0.1.0.0.2.ip6.arpa"}
_NIBBLES = [f"{byte & 15:x}.{byte >> 4:x}" for byte in range(256)]
_YAML = """\
zone: {prefix}
soa: {{mname: ns1.example.net, rname: hostmaster@example.net}}
ns: [ns1.example.net]
defaults: {{{made}: "{{ip}}.dyn.example.net"}}
records:
"""
_MASTER = """\
$ORIGIN {origin}.
$TTL 3600
@ IN SOA ns1.example.net. hostmaster.example.net. {serial} 14400 3600 1209600 300
@ IN NS ns1.example.net.
"""


class World(NamedTuple):
    """One zone of so many records in both forms."""

    version: int
    records: int
    yaml: Path
    master: Path

    @property
    def origin(self) -> str:
        """The zone's name."""
        return _ORIGINS[self.version]

    @property
    def synth(self) -> str:
        """The default as settings of Knot's mod-synthrecord; the prefix is what it wants before an address."""
        return SYNTH.format(MADE[self.version])


def write_world(folder: Path, version: int, records: int) -> World:
    """Write a zone."""
    if records > MOST_RECORDS:
        raise ValueError(f"a zone has at most {MOST_RECORDS:,} records here")
    folder.mkdir(parents=True)
    world = World(version, records, folder / "zone.yaml", folder / "zone.master")
    write_yaml(world)
    write_master(world)
    return world


def write_yaml(world: World, *, serial: int = 1, changed: int = 0) -> None:
    """Write the YAML file, replacing it whole; the first `changed` records have names of this serial."""

    def lines() -> Iterator[str]:
        yield _YAML.format(prefix=_PREFIXES[world.version], made=MADE[world.version])
        for number in range(world.records):
            address = address_of(world.version, number)
            text = f'"{address}"' if world.version == 6 else address
            yield f"  {text}: {name_of(number, serial if number < changed else 1)}\n"

    _replace(world.yaml, lines())


def write_master(world: World, *, serial: int = 1, changed: int = 0) -> None:
    """Write the master file, replacing it whole; the first `changed` records have names of this serial."""

    def lines() -> Iterator[str]:
        yield _MASTER.format(origin=world.origin, serial=serial)
        for number in range(world.records):
            owner = owner_of(world.version, number)
            yield f"{owner} PTR {name_of(number, serial if number < changed else 1)}.\n"

    _replace(world.master, lines())


def name_of(number: int, serial: int = 1) -> str:
    """Give the host name of record `number` in the zone with this serial, without the last dot."""
    version = f"-v{serial}" if serial > 1 else ""
    return f"host-{number >> 16}-{number >> 8 & 255}-{number & 255}{version}.{SUFFIX}"


def address_of(version: int, number: int) -> str:
    """Give the address of record `number` as text."""
    if version == 4:
        return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return f"2001:db8:0:{number >> 16:x}::{number & 0xFFFF:x}"


def owner_of(version: int, number: int) -> str:
    """Give the owner name of record `number` below its zone."""
    if version == 4:
        return f"{number & 255}.{number >> 8 & 255}.{number >> 16}"
    nibbles = _NIBBLES
    low, high = number & 0xFFFF, number >> 16
    # 32 nibbles of the address without the 8 of the zone: host 16, subnet 4, and 4 of the /48 that are 0
    return (
        f"{nibbles[low & 255]}.{nibbles[low >> 8]}.0.0.0.0.0.0.0.0.0.0.0.0."
        f"{nibbles[high & 255]}.{nibbles[high >> 8]}.0.0.0.0"
    )


def _replace(path: Path, lines: Iterator[str]) -> None:
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="ascii", buffering=1 << 20) as file:
        file.writelines(lines)
    draft.replace(path)
