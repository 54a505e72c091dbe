"""Random worlds: the same seed always gives the same valid set of zones, nested, cut, aliased and odd.

Each world is small enough to be written out; ranges that are not are asked only about its probes. What a random
world may not hold is what zone-format.md calls an error, so a server that refuses one is wrong.
"""

from __future__ import annotations

import ipaddress
import random
import re
from typing import Any

import yaml

from tests.differential.expansion import (
    Address,
    Labels,
    Network,
    ancestors,
    is_below,
    is_proper,
    origin_of,
    read_name,
    reverse,
    spell,
)
from tests.differential.world import World

LABELS = (
    *("a", "b", "foo", "300", "007", "x", "ent", "UP", "-1", "10", "g", "f", "0", "1", "2", "7", "200", "64-26", "1_0"),
    *("\\000", "\\255", "\\032", "a\\.b", "\\001", "\\200\\201", "*", "*", "*", "z" * 63),
)
DS = "13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
DATA = {
    "TXT": '"text"',
    "TYPE65280": "\\# 3 0badc0",
    "HINFO": '"A" "B"',
    "CAA": '0 issue "ca.example"',
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
}
TARGETED = {"PTR": "", "MX": "10 ", "SRV": "0 0 53 ", "CNAME": "", "DNAME": ""}
V4_TEMPLATES = ("{ip}", "i{ip}", "{hex}", "h{host}", "{rev}", "{d}-{c}x{b}y{a}", "{a}.{b}.{c}.{d}", "P{ip}p")
V6_TEMPLATES = ("{ip}", "{hex}", "{groups}", "{rev}", "{ip}-e", "x-{ip}", "{host}.h")


class Dumper(yaml.SafeDumper):
    """Writes YAML without aliases, which zone files do not know."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Never make an alias."""
        return True


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def random_world(seed: int) -> World:
    """Make the world of a seed."""
    return _Maker(random.Random(seed)).make(f"seed {seed}")


class _Maker:
    """Builds one world; `taken` says which types stand at each name of each zone, so that it stays valid."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.zones: dict[Labels, dict[str, Any]] = {}
        self.taken: dict[Labels, dict[Labels, set[str]]] = {}
        self.probes: list[str] = []
        self.templates = 0
        self.forwards: list[str] = ["dyn.example.net"] if rng.random() < 0.7 else []
        if self.forwards and rng.random() < 0.4:
            self.forwards.append("sub.dyn.example.net")

    def make(self, name: str) -> World:
        """Make the world."""
        rng = self.rng
        reverse_zones: list[tuple[Labels, Network]] = []
        if rng.random() < 0.8:
            reverse_zones += self._family([f"10.{rng.randrange(4)}.0.0/16", "10.0.0.0/8", "192.0.2.0/24"])
        if rng.random() < 0.6:
            reverse_zones += self._family(["2001:db8::/32", "2001:db8::/48", "fd00::/8"])
        for domain in [*self.forwards, "example.net", "aliases.example"]:
            self._zone(domain)
        self._write(read_name("example.net"), read_name("ns1.example.net"), "A", "192.0.2.53")
        covered = [self._fill(origin, network) for origin, network in reverse_zones]
        for child in [one for ones in covered for one in ones]:
            self._fill_child(*child)
        for domain in self.forwards if reverse_zones else []:
            self.zones[read_name(domain)]["forward"] = sorted({self._root(network) for _, network in reverse_zones})
        self._aliases()
        texts = [yaml.dump(zone, Dumper=Dumper, sort_keys=False, width=200) for zone in self.zones.values()]
        rng.shuffle(texts)
        return World(name, tuple(texts), tuple(self.probes))

    def _root(self, network: Network) -> str:
        return str(network if self.rng.random() < 0.5 else ("0.0.0.0/0" if network.version == 4 else "::/0"))

    def _zone(self, text: str, **more: Any) -> Labels:
        origin = origin_of(text)
        soa = {"mname": "ns1.example.net", "rname": "hostmaster@example.net", "serial": str(self.rng.randrange(1, 99))}
        zone: dict[str, Any] = {"zone": text, "soa": soa, "ns": ["ns1.example.net", "ns2.example.org"], **more}
        if self.rng.random() < 0.5:
            zone["ttl"] = self.rng.choice(["300", "1h", "2d"])
        self.zones[origin] = zone
        self.taken[origin] = {origin: {"SOA", "NS"}}
        return origin

    def _family(self, choices: list[str]) -> list[tuple[Labels, Network]]:
        """Make a reverse zone and perhaps zones within it, cut off by the parent or not."""
        rng = self.rng
        networks = [ipaddress.ip_network(rng.choice(choices))]
        stride = 8 if networks[0].version == 4 else 4
        while rng.random() < 0.5 and len(networks) < 4:
            parent = rng.choice(networks)
            steps = range(
                parent.prefixlen + stride, min(parent.max_prefixlen, parent.prefixlen + 5 * stride) + 1, stride
            )
            if not steps:
                break
            child = inside(rng, parent, rng.choice(steps))
            if child not in networks:
                networks.append(child)
        networks.sort(key=lambda network: network.prefixlen)
        found = [(self._zone(str(network)), network) for network in networks]
        for origin, _ in found[1:]:
            parent_zone = max((z for z in self.zones if is_proper(origin, z)), key=len)
            if rng.random() < 0.6:
                self._write(parent_zone, origin, "NS", "ns1.example.net.")
                if rng.random() < 0.5:
                    self._write(parent_zone, origin, "DS", "1 " + DS)
        return found

    def _fill(self, origin: Labels, network: Network) -> list[tuple[str, Labels, Network]]:
        """Put ranges, delegations, records and rrsets into a reverse zone; give the classless children to make."""
        rng, zone = self.rng, self.zones[origin]
        areas = self._ranges(zone, network)
        children = []
        for _ in range(rng.choice([0, 0, 1, 2, 3])):
            child = self._delegate(origin, network, rng.choice(areas) if areas else network)
            if child and rng.random() < 0.6:
                children.append(child)
        records: dict[str, Any] = zone.setdefault("records", {})
        for _ in range(rng.randrange(8)):
            address = pick(rng, rng.choice([*areas, network]))
            owner = reverse(address)
            if any("PTR" in types for name, types in self.taken[origin].items() if name == owner):
                continue
            delegated = [ipaddress.ip_network(text) for text in zone.get("delegations", {})]
            if not any(address in one and one.prefixlen > 24 for one in delegated) and self._take(origin, owner, "PTR"):
                chosen = dict.fromkeys(self._host() for _ in range(rng.choice([1, 1, 1, 2, 3])))
                targets = [spell(target).removesuffix(".") for target in chosen]
                value: Any = targets if len(targets) > 1 else targets[0]
                records[str(address)] = value if rng.random() < 0.7 else {"ptr": value, "ttl": "5m"}
                if address.version == 6:
                    self.probes.append(str(address))
        self._rrsets(origin, [reverse(pick(rng, area)) for area in areas for _ in range(2)])
        return children

    def _ranges(self, zone: dict[str, Any], network: Network) -> list[Network]:
        rng = self.rng
        areas: list[Network] = []
        smallest = network.max_prefixlen
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            length = rng.randrange(smallest - 9, smallest + 1)
            if rng.random() < 0.15:
                length = (
                    rng.randrange(network.prefixlen, smallest - 14) if network.prefixlen < smallest - 14 else smallest
                )
            area = inside(rng, network, max(length, network.prefixlen))
            areas.append(area)
            while rng.random() < 0.5 and area.prefixlen < smallest:  # nested, two or three deep
                low = max(area.prefixlen + 1, smallest - 9)
                area = inside(rng, area, rng.randrange(low, smallest + 1)) if low < smallest else area
                areas.append(area)
        areas = list(dict.fromkeys(areas))
        zone["defaults"] = {str(area): self._template(area) for area in areas}
        for area in areas:
            if area.num_addresses > 4096:
                self.probes += [str(pick(rng, area)) for _ in range(3)] + [str(area[0]), str(area[-1])]
            else:
                self.probes += [str(address) for address in area if area.num_addresses <= 16]
        return areas

    def _template(self, area: Network) -> Any:
        rng = self.rng
        if rng.random() < 0.2:
            return None
        self.templates += 1
        token = rng.choice(V4_TEMPLATES if area.version == 4 else V6_TEMPLATES)
        domain = rng.choice([*self.forwards, "example.net", "elsewhere.example"])
        unique = f".r{self.templates}" if "{host}" in token or rng.random() < 0.5 else ""
        text = f"{token}{unique}.{domain}"
        return text if rng.random() < 0.7 else {"name": text, "ttl": rng.choice(["60", "1d"])}

    def _delegate(self, origin: Labels, network: Network, area: Network) -> tuple[str, Labels, Network] | None:
        """Delegate a part of the zone, if nothing stands in the way; give a classless child that may be made."""
        rng, zone = self.rng, self.zones[origin]
        delegations = zone.setdefault("delegations", {})
        low = max(network.prefixlen + 1, area.prefixlen)
        if low > area.max_prefixlen:
            return None
        part = inside(rng, area, min(area.max_prefixlen, low + rng.randrange(5)))
        blocks = blocks_of(part)
        if len(blocks) > 16 or any(part.overlaps(ipaddress.ip_network(text)) for text in delegations):
            return None
        servers = [spell(self._host()), spell((b"ns", *blocks[0]))][: rng.choice([1, 2])]
        value: dict[str, Any] = {"ns": servers}
        if part.version == 4 and part.prefixlen > 24:
            label = rng.choice(
                [
                    f"{part[0].packed[-1]}-{part.prefixlen}",
                    f"{part[0].packed[-1]}/{part.prefixlen}",
                    f"Cust{len(delegations)}",
                ]
            )
            base = reverse(part[0])[1:]
            if not is_below(base, origin):  # a zone of one address has no room for a child
                return None
            cut = (label.lower().encode(), *base)
            owners = [reverse(address) for address in part]
            if any(self.taken[origin].get(owner) for owner in [cut, *owners]):
                return None
            self.taken[origin] |= {cut: {"NS", "DS", "delegation"}} | {owner: {"CNAME"} for owner in owners}
            delegations[str(part)] = value | {"label": label}
            return (spell(cut).removesuffix("."), cut, part)
        if any(self.taken[origin].get(cut) for cut in blocks):
            return None
        self.taken[origin] |= {cut: {"NS", "DS", "delegation"} for cut in blocks}
        delegations[str(part)] = value | ({"ds": ["5 " + DS]} if rng.random() < 0.5 else {})
        return None

    def _fill_child(self, text: str, origin: Labels, network: Network) -> None:
        """Make the zone of a classless delegation."""
        rng = self.rng
        spans = [ipaddress.ip_network(zone["covers"]) for zone in self.zones.values() if "covers" in zone]
        if origin in self.zones or any(network.overlaps(span) for span in spans):  # an address belongs to one of them
            return
        self._zone(text, covers=str(network))
        zone = self.zones[origin]
        self._ranges(zone, network)
        zone["records"] = {}
        for _ in range(rng.randrange(4)):
            address = pick(rng, network)
            owner = (str(address.packed[-1]).encode(), *origin)
            if self._take(origin, owner, "PTR"):
                zone["records"][str(address)] = spell(self._host())
        self._rrsets(origin, [(str(pick(rng, network).packed[-1]).encode(), *origin) for _ in range(4)])

    def _aliases(self) -> None:
        """Fill the zones that hold no addresses."""
        for origin, zone in self.zones.items():
            if "covers" not in zone and origin[-1:] != (b"arpa",):
                self._rrsets(origin, [])

    def _rrsets(self, origin: Labels, seeds: list[Labels]) -> None:
        rng = self.rng
        owners = [origin, *seeds]
        for _ in range(rng.randrange(14)):
            owner = rng.choice(owners)
            while rng.random() < 0.55:
                owner = (*read_name(rng.choice(LABELS)), *owner)
            if sum(map(len, owner)) + len(owner) > 240:
                continue
            owners.append(owner)
            rtype = rng.choice(
                ["TXT", "TXT", "PTR", "PTR", "CNAME", "CNAME", "CNAME", "NS", "NS", "DNAME", "MX", "SRV", *DATA]
            )
            if rtype == "NS":
                if b"*" not in owner and owner != origin:
                    self._cut(origin, owner)
            elif rtype == "DNAME" and b"*" in owner:
                continue
            elif rtype in TARGETED:
                target = self._target()
                if rtype != "DNAME" or not is_below(target, owner):  # each server ends such a loop elsewhere
                    self._write(origin, owner, rtype, TARGETED[rtype] + spell(target))
            else:
                self._write(origin, owner, rtype, DATA[rtype])

    def _cut(self, origin: Labels, owner: Labels) -> None:
        rng = self.rng
        server = rng.choice([(b"ns", *owner), (b"ns1", b"example", b"net"), self._target()])
        if not self._write(origin, owner, "NS", spell(server)):
            return
        if rng.random() < 0.5:
            self._write(origin, owner, "DS", "6 " + DS)
        if is_below(server, origin) and rng.random() < 0.8:
            self._write(origin, server, "A", "192.0.2.53")

    def _target(self) -> Labels:
        """Choose a name to point at: something that exists, something below it, or something elsewhere."""
        rng = self.rng
        names = [name for taken in self.taken.values() for name in taken]
        name = rng.choice(
            [rng.choice(names), rng.choice(names), (b"ns1", b"example", b"net"), read_name("www.elsewhere.example")]
        )
        if rng.random() < 0.3:
            name = (*read_name(rng.choice(LABELS)), *name)
        return name if sum(map(len, name)) + len(name) < 240 else (b"www", b"elsewhere", b"example")

    def _host(self) -> Labels:
        """Choose a target that is a host's name, as `records` wants it."""
        target = self._target()
        ok = all(re.fullmatch(rb"[a-z0-9_]([a-z0-9-]*[a-z0-9])?", label) for label in target)
        return target if ok else (b"host", b"example")

    def _take(self, origin: Labels, owner: Labels, rtype: str) -> bool:
        """Note a type at a name unless it may not stand there."""
        taken = self.taken[origin]
        there = taken.get(owner, set())
        single = {"CNAME", "DNAME"}
        if "CNAME" in there or (rtype == "CNAME" and there) or (rtype in single and rtype in there):
            return False
        if "delegation" in there and rtype in {"NS", "DS"}:
            return False
        if owner != origin and {rtype, *there} >= {"DNAME", "NS"}:
            return False
        if (rtype == "NS" and owner == origin) or (rtype == "DS" and "NS" not in there):
            return False
        if rtype == "DNAME" and any(is_proper(name, owner) for names in self.taken.values() for name in names):
            return False
        if any("DNAME" in names.get(above, ()) for names in self.taken.values() for above in ancestors(owner)[1:]):
            return False
        taken.setdefault(owner, set()).add(rtype)
        return True

    def _write(self, origin: Labels, owner: Labels, rtype: str, rdata: str) -> bool:
        if rtype == "PTR" and "PTR" in self.taken[origin].get(owner, ()):
            return False
        if not self._take(origin, owner, rtype):
            return False
        zone = self.zones[origin]
        zone["rrsets"] = zone.get("rrsets", "") + f"{spell(owner)} IN {rtype} {rdata}\n"
        return True


def blocks_of(network: Network) -> list[Labels]:
    """List the octet- or nibble-aligned blocks that a prefix covers, as names; more than 16 are not listed all."""
    stride = 8 if network.version == 4 else 4
    length = -(-network.prefixlen // stride) * stride
    drop = (network.max_prefixlen - length) // stride
    found = []
    for block in network.subnets(new_prefix=length):
        found.append(reverse(block[0])[drop:])
        if len(found) > 16:
            break
    return found


def inside(rng: random.Random, network: Network, length: int) -> Network:
    """Choose a prefix of some length inside another, near its ends more often than not."""
    count = 1 << (length - network.prefixlen)
    number = rng.choice([0, min(1, count - 1), count - 1, rng.randrange(count)])
    size = network.max_prefixlen - length
    make = ipaddress.IPv4Network if network.version == 4 else ipaddress.IPv6Network
    return make((int(network[0]) + (number << size), length))


def pick(rng: random.Random, network: Network) -> Address:
    """Choose an address of a network."""
    return network[rng.choice([0, -1, rng.randrange(network.num_addresses), rng.randrange(network.num_addresses)])]
