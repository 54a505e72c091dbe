"""Questions worth asking of a world: what exists, all that is above it, what is just not there, and plain junk.

Every question is of opcode QUERY and class IN and of any type but ANY and the meta types. The same world and seed
always give the same questions.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

import dns.name
import dns.rdatatype

from tests.differential.expansion import Expansion, Labels, Zone, ancestors, is_below, network_of, reverse
from tests.peers.asking import AD, CD, DO, RD, Edns, make_query, wire_of

if TYPE_CHECKING:
    import random

JUNK: tuple[bytes, ...] = (
    *(
        b"300",
        b"256",
        b"007",
        b"00",
        b"+1",
        b"-1",
        b"1_0",
        b" 1",
        b"1 ",
        b"0x1",
        b"1e1",
        b"foo",
        b"g",
        b"A",
        b"fF",
        b"ff",
        b"10",
    ),
    *(
        "٣".encode(),
        "²".encode(),
        b"\0",
        b"\xff",
        b"a.b",
        b"*",
        b"**",
        b"a" * 63,
        b"0",
        b"9",
        b"255",
        b"64-26",
        b"64/26",
        b"1\0",
    ),
)
TYPES = (
    *(
        "PTR",
        "PTR",
        "PTR",
        "PTR",
        "A",
        "AAAA",
        "NS",
        "SOA",
        "CNAME",
        "DNAME",
        "DS",
        "DS",
        "TXT",
        "MX",
        "SRV",
        "HINFO",
        "CAA",
    ),
    *(
        "DNSKEY",
        "NSEC",
        "NSEC3PARAM",
        "SVCB",
        "HTTPS",
        "LOC",
        "TYPE65280",
        "TYPE65281",
        "TYPE1000",
        "TYPE65535",
        "NAPTR",
        "URI",
    ),
)
STRAY = (0x0400, 0x0200, 0x0080, 0x0040)  # AA, TC, RA and Z mean nothing in a question
SHAPES = (
    *(None, None, None),
    *(
        Edns(),
        Edns(512),
        Edns(4096),
        Edns(flags=DO),
        Edns(4096, DO),
        Edns(0),
        Edns(100),
        Edns(700),
        Edns(1231),
        Edns(65535),
    ),
    Edns(flags=0x7FFF),
    Edns(options=((65001, b"odd"),)),
    Edns(options=((65001, b""), (12, bytes(31)), (65001, b"twice"))),
    Edns(options=((3, b""),)),
    Edns(options=((8, b"\0\1\x18\0\xc0\0\2"),)),
    Edns(1400, DO, ((65534, bytes(100)),)),
)


class Question(NamedTuple):
    """One question in bytes, and whether it is put over TCP."""

    query: bytes
    tcp: bool
    text: str


def questions(world: Expansion, rng: random.Random, count: int) -> list[Question]:
    """Make questions about a world."""
    pool = _Pool(world, rng)
    found: list[Question] = []
    while len(found) < count:
        name = pool.name()
        lower = tuple(label.lower() for label in name)
        if not is_name(name) or not world.knows(lower) or not pool.knows_forward(lower):
            continue
        wire = wire_of(name)
        if rng.random() < 0.3:
            wire = bytes(
                byte ^ 0x20 if chr(byte).isalpha() and byte < 128 and rng.random() < 0.5 else byte for byte in wire
            )
        qtype = pool.qtype(lower)
        flags = (RD * (rng.random() < 0.3)) | (CD * (rng.random() < 0.2)) | (AD * (rng.random() < 0.2))
        flags |= rng.choice(STRAY) * (rng.random() < 0.1)
        edns = rng.choice(SHAPES)
        query = make_query(wire, qtype, identity=rng.randrange(65536), flags=flags, edns=edns)
        tcp = rng.random() < 0.15
        rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype))
        text = f"{dns.name.from_wire(wire, 0)[0]} {rtype} flags={flags:#06x} {edns} {'TCP' * tcp}"
        found.append(Question(query, tcp, text))
    return found


def every_ancestor(world: Expansion) -> list[tuple[Labels, str]]:
    """List each name at and above a PTR and a range that makes one, up to the apex, with the reason it exists.

    Out of sight data and ranges whose first address makes no name are left out.
    """
    found: dict[Labels, str] = {}
    for zone in world.zones:
        for owner, types in zone.types.items():
            if "PTR" in types and world.zone_of(owner) is zone and not world.hidden(zone, owner):
                found |= {name: f"PTR at {owner!r}" for name in ancestors(owner) if is_below(name, zone.origin)}
        for one in zone.ranges:
            owner = zone.owner_of(one.network[0])
            visible = world.zone_of(owner) is zone and not world.hidden(zone, owner)
            if one.template is not None and zone.range_of(one.network[0]) is one and visible:
                found |= {name: f"range {one.network}" for name in ancestors(owner) if is_below(name, zone.origin)}
    aliased = {name for zone in world.zones for name, types in zone.types.items() if "CNAME" in types}
    return [(name, reason) for name, reason in found.items() if name not in aliased]


def is_name(name: Labels) -> bool:
    """Tell whether labels fit into a name."""
    return sum(map(len, name)) + len(name) + 1 <= 255 and all(0 < len(label) <= 63 for label in name)


class _Pool:
    """Where names are drawn from."""

    def __init__(self, world: Expansion, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        explicit = [[name for name in zone.types if name not in zone.made] for zone in world.zones]
        self.explicit = [names for names in explicit if names]
        self.made = [list(zone.made) for zone in world.zones if zone.made]
        self.existing = {above for zone in world.zones for name in zone.types for above in ancestors(name)}
        self.closed = [zone for zone in world.zones if zone.made and zone.origin[-1] != b"arpa" and self._large()]

    def _large(self) -> bool:
        return any(one.large and one.template for zone in self.world.zones for one in zone.ranges)

    def knows_forward(self, name: Labels) -> bool:
        """Tell whether a name is not perhaps one of the many of a large range that were not written out."""
        return name in self.existing or not any(is_below(name, zone.origin) for zone in self.closed)

    def name(self) -> Labels:
        rng = self.rng
        name = rng.choice(rng.choice(self.made if self.made and rng.random() < 0.4 else self.explicit))
        match rng.randrange(12):
            case 0 | 1 | 2:
                return name
            case 3 | 4:
                return name[rng.randrange(len(name)) :]
            case 5:
                return (self._label(), *name)
            case 6:
                return (self._label(), *name[1:])
            case 7:
                name = name[rng.randrange(len(name)) :]
                return (self._label(), *name[rng.randrange(2) :])
            case 8:
                return tuple(self._label() if label == b"*" else label for label in name)
            case 9:
                return self._address(rng.choice(self.world.zones))
            case 10:
                return (*[self._label() for _ in range(rng.randrange(1, 5))], *name)
            case _:
                room = 255 - (sum(map(len, name)) + len(name) + 1)
                filler: list[bytes] = []
                while room > 2 and rng.random() < 0.9:
                    size = min(room - 1, 63)
                    filler.append(b"x" * size)
                    room -= size + 1
                return (*filler, *name)

    def qtype(self, name: Labels) -> int:
        """Choose a type; one that stands at the name more often than not."""
        zone = self.world.zone_of(name)
        types = sorted(zone.types.get(name, ())) if zone else []
        if types and self.rng.random() < 0.5:
            return int(dns.rdatatype.from_text(self.rng.choice(types)))
        return int(dns.rdatatype.from_text(self.rng.choice(TYPES)))

    def _label(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.5:
            return rng.choice(JUNK)
        return rng.choice(
            [str(rng.randrange(256)).encode(), b"%x" % rng.randrange(16), rng.choice(rng.choice(self.explicit))[0]]
        )

    def _address(self, zone: Zone) -> Labels:
        network = zone.covers or network_of(zone.origin)
        if network is None:
            return (self._label(), *zone.origin)
        near = [one.network for one in zone.ranges] + zone.delegated
        network = self.rng.choice(near) if near and self.rng.random() < 0.8 else network
        number = int(network[0]) + self.rng.choice(
            [0, 1, -1, network.num_addresses, self.rng.randrange(network.num_addresses)]
        )
        make = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
        address = make(number % (1 << network.max_prefixlen))
        return zone.owner_of(address) if self.rng.random() < 0.7 else reverse(address)
