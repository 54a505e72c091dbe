"""What is asked of whom: the same zone as YAML and as a master file, and the same questions for every server.

A scenario of records writes every PTR out; a scenario of default names has one range, which only ptrd and Knot's
mod-synthrecord know without writing it out.
"""

from __future__ import annotations

import ipaddress
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVERS = ("ptrd", "nsd", "knot", "bind")
SYNTHESIZERS = ("ptrd", "knot")
_SOA = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
_MASTER = """\
$TTL 3600
@ IN SOA ns1.example.net. hostmaster.example.net. 1 14400 3600 1209600 300
@ IN NS ns1.example.net.
"""


class Scenario(NamedTuple):
    """One zone in all its forms, with the servers that can serve it and the file of questions for dnsperf."""

    name: str
    origin: str
    yaml: Path
    master: Path
    questions: Path
    servers: tuple[str, ...]
    synth: str = ""


def write_records(folder: Path, count: int, questions: int, seed: int) -> Scenario:
    """Write a zone of so many PTR records, 10.0.0.0 and on, and questions for random ones of them."""
    rng = random.Random(seed)
    origin, prefix, tail = (
        ("0.10.in-addr.arpa", "10.0.0.0/16", 2) if count <= 65_536 else ("10.in-addr.arpa", "10.0.0.0/8", 3)
    )
    base = int(ipaddress.IPv4Address("10.0.0.0"))

    def octets(number: int) -> tuple[int, int, int, int]:
        number += base
        return number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255

    def yaml_lines() -> Iterator[str]:
        yield f"zone: {prefix}\n{_SOA}records:\n"
        for number in range(count):
            a, b, c, d = octets(number)
            yield f"  {a}.{b}.{c}.{d}: host-{b}-{c}-{d}.customer.example.net\n"

    def master_lines() -> Iterator[str]:
        yield f"$ORIGIN {origin}.\n{_MASTER}"
        for number in range(count):
            _, b, c, d = octets(number)
            owner = f"{d}.{c}" if tail == 2 else f"{d}.{c}.{b}"
            yield f"{owner} PTR host-{b}-{c}-{d}.customer.example.net.\n"

    def question_lines() -> Iterator[str]:
        for _ in range(questions):
            a, b, c, d = octets(rng.randrange(count))
            yield f"{d}.{c}.{b}.{a}.in-addr.arpa PTR\n"

    return _write(folder, f"{count} records", origin, yaml_lines(), master_lines(), question_lines(), SERVERS)


def write_defaults(folder: Path, version: int, questions: int, seed: int) -> Scenario:
    """Write a zone with one range and no records, and questions for random addresses of it."""
    rng = random.Random(seed)
    network = ipaddress.ip_network("10.0.0.0/16" if version == 4 else "2001:db8::/32")
    origin = "0.10.in-addr.arpa" if version == 4 else "8.b.d.0.1.0.0.2.ip6.arpa"
    yaml = [f'zone: {network}\n{_SOA}defaults:\n  {network}: "{{ip}}.dyn.example.net"\n']
    names = (f"{network[rng.randrange(network.num_addresses)].reverse_pointer} PTR\n" for _ in range(questions))
    synth = f"type: reverse\nprefix: dyn-\norigin: dyn.example.net\nttl: 3600\nnetwork: {network}"
    master = [f"$ORIGIN {origin}.\n{_MASTER}"]
    return _write(folder, f"IPv{version} defaults", origin, iter(yaml), iter(master), names, SYNTHESIZERS, synth)


def _write(
    folder: Path,
    name: str,
    origin: str,
    yaml: Iterator[str],
    master: Iterator[str],
    questions: Iterator[str],
    servers: tuple[str, ...],
    synth: str = "",
) -> Scenario:
    folder.mkdir(parents=True)
    scenario = Scenario(
        name, origin, folder / "zone.yaml", folder / "zone.master", folder / "questions", servers, synth
    )
    for path, lines in ((scenario.yaml, yaml), (scenario.master, master), (scenario.questions, questions)):
        with path.open("w", encoding="ascii") as file:
            file.writelines(lines)
    return scenario
