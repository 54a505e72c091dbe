"""A zone means exactly its expansion, done the long way round: YAML in, master files out, every default written out.

This shares no code with ptrd: it is what `ptrd` is measured by. It is naive on purpose, checks nothing and is slow.
Names are tuples of lower-case labels, leftmost first. A range of more than LARGE addresses is written out only for
the addresses in `probes`; `Expansion.knows` says which names may then be asked for.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dns.name
import dns.rdatatype
import dns.zonefile
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE = 4096
Labels = tuple[bytes, ...]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass
class Range:
    """A default of one zone; a template of None takes defaults away."""

    network: Network
    template: str | None
    ttl: int

    @property
    def large(self) -> bool:
        """Tell whether it is written out for the probes only."""
        return self.network.num_addresses > LARGE


@dataclass
class Zone:
    """One zone, written out: the lines of its master file and the types that stand at each name."""

    origin: Labels
    covers: Network | None
    ttl: int
    lines: list[str] = field(default_factory=list)
    types: dict[Labels, set[str]] = field(default_factory=dict)
    ranges: list[Range] = field(default_factory=list)
    delegated: list[Network] = field(default_factory=list)
    made: dict[Labels, Address] = field(default_factory=dict)

    def add(self, owner: Labels, ttl: int, rtype: str, rdata: str) -> None:
        """Write one record."""
        self.types.setdefault(owner, set()).add(rtype)
        self.lines.append(f"{spell(owner)} {ttl} IN {rtype} {rdata}")

    def owner_of(self, address: Address) -> Labels:
        """Give the owner name of an address in this zone."""
        if self.covers:
            return (str(address.packed[-1]).encode(), *self.origin)
        return reverse(address)

    def range_of(self, address: Address) -> Range | None:
        """Find the longest range of this zone that covers an address."""
        found = [one for one in self.ranges if address in one.network]
        return max(found, key=lambda one: one.network.prefixlen, default=None)

    def text(self) -> str:
        """Give the master file."""
        return "\n".join(self.lines) + "\n"


@dataclass
class Expansion:
    """All zones of a world, written out."""

    zones: list[Zone]
    probes: set[Address]

    def master_files(self) -> dict[str, str]:
        """Give {origin: master-file text} for a peer."""
        return {spell(zone.origin): zone.text() for zone in self.zones}

    def zone_of(self, name: Labels) -> Zone | None:
        """Find the deepest zone that a name lies in."""
        found = [zone for zone in self.zones if is_below(name, zone.origin)]
        return max(found, key=lambda zone: len(zone.origin), default=None)

    def hidden(self, zone: Zone, name: Labels) -> bool:
        """Tell whether data at a name is out of sight: at or below a cut, below a DNAME, or in a deeper zone."""
        if any(is_below(name, other.origin) for other in self.zones if is_proper(other.origin, zone.origin)):
            return True
        return any(
            ("NS" in zone.types.get(above, ())) or (above != name and "DNAME" in zone.types.get(above, ()))
            for above in ancestors(name)
            if is_proper(above, zone.origin)
        ) or ("DNAME" in zone.types.get(zone.origin, ()) and name != zone.origin)

    def knows(self, name: Labels) -> bool:
        """Tell whether the written-out world says all there is to say about a name."""
        network = network_of(name)
        if network is None:
            return True
        for zone in self.zones:
            inside = [one for one in zone.ranges if network.version == one.network.version and one.network != network]
            around = [
                one for one in zone.ranges if network.version == one.network.version and covers(one.network, network)
            ]
            nearest = max(around, key=lambda one: one.network.prefixlen, default=None)
            affected = [one for one in inside if covers(network, one.network)] + ([nearest] if nearest else [])
            if any(one.large and one.template is not None for one in affected):
                if network.num_addresses == 1:
                    if network[0] not in self.probes:
                        return False
                elif not any(is_below(owner, name) for owner in zone.types):
                    return False
        return True


def expand(texts: Iterable[str], probes: Iterable[Address] = ()) -> Expansion:
    """Write the zones of YAML texts out."""
    documents = [document for text in texts for document in yaml.load_all(text, yaml.BaseLoader) if document]
    world = Expansion([_read(document) for document in documents], set(probes))
    for zone in world.zones:
        world.probes.update(
            network[0] for network in map(network_of, zone.types) if network and network.num_addresses == 1
        )
    for zone in world.zones:
        _write_defaults(world, zone)
    for zone, document in zip(world.zones, documents, strict=True):
        _write_forward(world, zone, [ipaddress.ip_network(text) for text in document.get("forward", [])])
    return world


def _read(document: dict[str, Any]) -> Zone:
    ttl = seconds(document.get("ttl", "1h"))
    origin = origin_of(document["zone"])
    network = ipaddress.ip_network(document["covers"]) if "covers" in document else None
    zone = Zone(origin, network, ttl)
    soa = document["soa"]
    times = [seconds(soa.get(key, default)) for key, default in _SOA_DEFAULTS]
    rname = soa["rname"]
    if "@" in rname:
        local, _, domain = rname.rpartition("@")
        rname = local.replace(".", "\\.") + "." + domain
    numbers = " ".join(map(str, [soa["serial"], *times]))
    zone.lines.append(f"$ORIGIN {spell(origin)}")
    zone.add(origin, ttl, "SOA", f"{absolute(soa['mname'])} {absolute(rname)} {numbers}")
    for server in document["ns"]:
        zone.add(origin, ttl, "NS", absolute(server))
    for text, value in (document.get("records") or {}).items():
        fields = value if isinstance(value, dict) else {"ptr": value}
        targets = fields["ptr"] if isinstance(fields["ptr"], list) else [fields["ptr"]]
        for target in targets:
            owner = zone.owner_of(ipaddress.ip_address(text))
            zone.add(owner, seconds(fields.get("ttl", str(ttl))), "PTR", absolute(target))
    for text, value in (document.get("defaults") or {}).items():
        fields = value if isinstance(value, dict) else {"name": value}
        name = None if fields["name"] in ("", "~", "null") else fields["name"]
        zone.ranges.append(Range(ipaddress.ip_network(text), name, seconds(fields.get("ttl", str(ttl)))))
    for text, value in (document.get("delegations") or {}).items():
        _delegate(zone, ipaddress.ip_network(text), value)
    if rrsets := document.get("rrsets"):
        _write_rrsets(zone, rrsets)
    return zone


_SOA_DEFAULTS = (("refresh", "4h"), ("retry", "1h"), ("expire", "14d"), ("minimum", "5m"))


def origin_of(text: str) -> Labels:
    """Read what stands at `zone:`, a prefix or a name; `64/26.2.0.192.in-addr.arpa` is a name."""
    if not re.fullmatch(r"[0-9A-Fa-f:.]+/[0-9]+", text):
        return read_name(text)
    network = ipaddress.ip_network(text)
    labels = reverse(network[0])
    host = (network.max_prefixlen - network.prefixlen) // (8 if network.version == 4 else 4)
    return labels[host:]


def _delegate(zone: Zone, network: Network, value: dict[str, Any]) -> None:
    zone.delegated.append(network)
    if network.version == 4 and network.prefixlen > 24:
        label = value.get("label", f"{network[0].packed[-1]}-{network.prefixlen}").lower().encode()
        base = zone.origin if zone.covers else reverse(network[0])[1:]
        cuts: list[Labels] = [(label, *base)]
        for address in network:
            last = str(address.packed[-1]).encode()
            zone.add((last, *base), zone.ttl, "CNAME", spell((last, label, *base)))
    else:
        stride = 8 if network.version == 4 else 4
        length = -(-network.prefixlen // stride) * stride
        host = (network.max_prefixlen - length) // stride
        cuts = [reverse(block[0])[host:] for block in network.subnets(new_prefix=length)]
    for cut in cuts:
        for server in value["ns"]:
            zone.add(cut, zone.ttl, "NS", absolute(server))
        for ds in value.get("ds", []):
            zone.add(cut, zone.ttl, "DS", ds)


def _write_rrsets(zone: Zone, text: str) -> None:
    origin = dns.name.from_text(spell(zone.origin))
    rrsets = dns.zonefile.read_rrsets(
        text, origin=origin, relativize=False, default_ttl=zone.ttl, rdclass=None, default_rdclass="IN"
    )
    for rrset in rrsets:
        owner = tuple(label.lower() for label in rrset.name.labels[:-1])
        zone.types.setdefault(owner, set()).add(dns.rdatatype.to_text(rrset.rdtype))
    zone.lines += [f"$ORIGIN {spell(zone.origin)}", f"$TTL {zone.ttl}", text]


def _write_defaults(world: Expansion, zone: Zone) -> None:
    explicit = {name: set(types) for name, types in zone.types.items()}
    for one in zone.ranges:
        if one.template is None:
            continue
        for address in _addresses(world, one):
            owner = zone.owner_of(address)
            if zone.range_of(address) is not one or explicit.get(owner, set()) & {"PTR", "CNAME"}:
                continue
            if not world.hidden(zone, owner):
                zone.add(owner, one.ttl, "PTR", absolute(render(one.template, address, one.network, zone.origin)))
                zone.made[owner] = address


def _write_forward(world: Expansion, forward: Zone, networks: list[Network]) -> None:
    explicit = {name: set(types) for name, types in forward.types.items()}
    made = [(zone, one) for zone in world.zones for one in zone.ranges if one.template is not None]
    for zone, one in made:
        for address in _addresses(world, one):
            if zone.range_of(address) is not one or not any(address in network for network in networks):
                continue
            if not zone.covers and any(other.covers and address in other.covers for other in world.zones):
                continue  # "an address belongs to the `covers` zone that contains it"
            owner = zone.owner_of(address)
            deeper = [other for other in world.zones if is_proper(other.origin, zone.origin)]
            if any(address in network for network in zone.delegated) or any(is_below(owner, z.origin) for z in deeper):
                continue
            if any("NS" in zone.types.get(above, ()) for above in ancestors(owner) if is_proper(above, zone.origin)):
                continue  # delegated in `rrsets`
            name = read_name(render(one.template or "", address, one.network, zone.origin))
            rtype = "A" if address.version == 4 else "AAAA"
            if world.zone_of(name) is not forward or world.hidden(forward, name):
                continue
            if not explicit.get(name, set()) & {rtype, "CNAME"}:
                forward.add(name, one.ttl, rtype, str(ipaddress.ip_address(address)))
                forward.made[name] = address


def _addresses(world: Expansion, one: Range) -> Iterable[Address]:
    if one.large:
        return sorted((address for address in world.probes if address in one.network), key=int)
    return map(one.network.__getitem__, range(one.network.num_addresses))


def render(template: str, address: Address, network: Network, origin: Labels) -> str:
    """Make the default name of an address, as zone-format.md's table says."""
    size = network.max_prefixlen - network.prefixlen
    host = int(address) & ((1 << size) - 1)
    values = {"zone": spell(origin).removesuffix("."), "hex": address.packed.hex()}
    values["rev"] = ".".join(label.decode() for label in reverse(address)[:-2])
    if address.version == 4:
        values |= dict(zip("abcd", map(str, address.packed), strict=True))
        values |= {"ip": "-".join(map(str, address.packed)), "host": str(host)}
    else:
        values["groups"] = "-".join(address.packed[at : at + 2].hex() for at in range(0, 16, 2))
        values["host"] = f"{host:0{max(1, -(-size // 4))}x}"
        values["ip"] = _short(address)
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template)


def _short(address: Address) -> str:
    groups = [int.from_bytes(address.packed[at : at + 2]) for at in range(0, 16, 2)]
    runs = []
    at = 0
    for zero, run in itertools.groupby(groups, key=lambda group: group == 0):
        length = len(list(run))
        if zero and length > 1:
            runs.append((-length, at))
        at += length
    text = "-".join(f"{group:x}" for group in groups)
    if runs:
        length, start = min(runs)
        head = "-".join(f"{group:x}" for group in groups[:start])
        text = head + "--" + "-".join(f"{group:x}" for group in groups[start - length :])
    text = "0" + text if text.startswith("-") else text
    text = text + "0" if text.endswith("-") else text
    return text[:2] + "-0" + text[2:] if text[2:4] == "--" else text


def reverse(address: Address) -> Labels:
    """Give the labels of an address's reverse name."""
    return tuple(label.encode() for label in address.reverse_pointer.split("."))


def network_of(name: Labels) -> Network | None:
    """Read the address or prefix that a reverse name spells, in its one right spelling."""
    for version, size, base, bits, suffix in ((4, 4, 10, 8, "in-addr.arpa"), (6, 32, 16, 4, "ip6.arpa")):
        end = tuple(suffix.encode().split(b"."))
        digits = name[:-2]
        if name[-2:] == end and len(digits) <= size:
            number = 0
            for label in reversed(digits):
                if label not in [f"{value:{'d' if base == 10 else 'x'}}".encode() for value in range(1 << bits)]:
                    return None
                number = number << bits | int(label, base)
            number <<= bits * (size - len(digits))
            make = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
            return make((number, bits * len(digits)))
    return None


def covers(outer: Network, inner: Network) -> bool:
    """Tell whether a network holds another of the same version, or is it."""
    return outer.prefixlen <= inner.prefixlen and inner[0] in outer


def seconds(text: str) -> int:
    """Read a TTL."""
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)


def absolute(text: str) -> str:
    """Write a name's text with its final dot."""
    return text if text.endswith(".") else text + "."


def spell(name: Labels) -> str:
    """Write a name in master-file notation."""
    return dns.name.Name((*name, b"")).to_text()


def read_name(text: str) -> Labels:
    """Read a name in master-file notation."""
    return tuple(label.lower() for label in dns.name.from_text(text).labels[:-1])


def ancestors(name: Labels) -> list[Labels]:
    """List a name and all above it but the root, deepest first."""
    return [name[at:] for at in range(len(name))]


def is_below(name: Labels, above: Labels) -> bool:
    """Tell whether a name lies at or below another."""
    return len(name) >= len(above) and name[len(name) - len(above) :] == above


def is_proper(name: Labels, above: Labels) -> bool:
    """Tell whether a name lies strictly below another."""
    return len(name) > len(above) and is_below(name, above)
