"""What is asked: files of whole messages as dnsperf -B and paced.c read them, each behind two bytes of length.

The messages are made here and not by dnsperf, so that every server gets the same bytes, those that a resolver sends: no
RD, EDNS with 1232 bytes and no options, but for `mix`. Whoever sends them puts another identity into each.
"""

from __future__ import annotations

import ipaddress
import random
import struct
from typing import TYPE_CHECKING, NamedTuple

from bench.scenarios import MADE, NOBODY, owner_of
from tests.peers.asking import DO, Edns, make_query, udp_ask, wire_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.scenarios import World

PTR, NS, SOA, A = 12, 2, 6, 1
COOKIE = 10  # RFC 7873, 4
OPT = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)
HEAD = struct.pack("!6H", 0, 0, 1, 0, 0, 1)
TAIL = struct.pack("!HH", PTR, 1) + OPT
CLIENTS = 64  # in the mix: so many client cookies
SIZES = (1232, 1232, 1232, 1400, 4096)  # that resolvers say: Unbound, BIND, PowerDNS, Google, older ones


class Load(NamedTuple):
    """A kind of question: its name, the zone's IP version, what tables call it, the transport, who can answer it."""

    name: str
    version: int
    title: str
    transport: str = "udp"
    made: bool = False  # only servers that make names


LOADS = {
    load.name: load
    for load in (
        Load("hits", 4, "PTR records"),
        Load("nxdomain", 4, "NXDOMAIN"),
        Load("six", 6, "IPv6 PTR records"),
        Load("made4", 4, "default names, IPv4", made=True),
        Load("made6", 6, "default names, IPv6", made=True),
        Load("mix", 4, "mix with DO, cookies"),
        Load("tcp", 4, "PTR records over TCP", transport="tcp"),
        Load("limited", 4, "PTR records, rate limiting on"),
    )
}


def write_questions(path: Path, world: World, load: str, count: int, seed: int, cookies: list[bytes]) -> None:
    """Write so many questions; `cookies` are those of the mix, by client."""
    rng = random.Random(f"{load} {world.version} {world.records} {seed}")
    with path.open("wb", buffering=1 << 20) as file:
        for message in _messages(world, load, count, rng, cookies):
            file.write(struct.pack("!H", len(message)) + message)


def samples(world: World, load: str, count: int, cookies: list[bytes]) -> list[bytes]:
    """Give some questions of a load, with identities of their own; always the same, but for the cookies."""
    messages = _messages(world, load, count, random.Random(7), cookies)
    return [struct.pack("!H", number) + message[2:] for number, message in enumerate(messages, 1)]


def fetch_cookies(address: str, port: int, origin: str) -> list[bytes]:
    """Ask a server for a cookie of each client; where the server has none, that is the client's (RFC 7873, 5.1)."""
    cookies = []
    for client in range(CLIENTS):
        half = random.Random(client).randbytes(8)
        reply = udp_ask(address, port, make_query(origin, SOA, edns=Edns(1232, 0, ((COOKIE, half),))))
        at = reply.rfind(half) if reply else -1
        length = struct.unpack_from("!H", reply, at - 2)[0] if reply and at > 0 else 8
        cookies.append(reply[at : at + length] if reply and at > 0 else half)
    return cookies


def _messages(world: World, load: str, count: int, rng: random.Random, cookies: list[bytes]) -> Iterator[bytes]:
    if load == "mix":
        return (_mixed(world, rng, cookies) for _ in range(count))
    owner = _owners(world, load, rng)
    return (HEAD + owner() + TAIL for _ in range(count))


def _owners(world: World, load: str, rng: random.Random) -> Callable[[], bytes]:
    """Give a function that draws the wire form of an owner name."""
    if load == "made6":
        network = MADE[6]
        first, size = int(network.network_address), network.num_addresses
        digits = {f"{nibble:x}": b"\1%x" % nibble for nibble in range(16)}
        end = b"\3ip6\4arpa\0"
        return lambda: b"".join([digits[it] for it in f"{first + rng.randrange(size):032x}"[::-1]]) + end
    if world.version == 6:
        end = wire_name(world.origin)
        digits = {f"{nibble:x}": b"\1%x" % nibble for nibble in range(16)}
        return lambda: b"".join([digits[it] for it in owner_of(6, rng.randrange(world.records))[::2]]) + end
    base = int(ipaddress.IPv4Address("10.0.0.0"))
    first, size = base, world.records
    if load == "made4":
        first, size = int(MADE[4].network_address), MADE[4].num_addresses
    elif load == "nxdomain":
        first, size = NOBODY
    labels = [bytes((len(str(number)),)) + b"%d" % number for number in range(256)]
    end = b"\x0210\x07in-addr\x04arpa\0"

    def four() -> bytes:
        number = first + rng.randrange(size)
        return labels[number & 255] + labels[number >> 8 & 255] + labels[number >> 16 & 255] + end

    return four


def _mixed(world: World, rng: random.Random, cookies: list[bytes]) -> bytes:
    """Draw a question as resolvers send them.

    Of names 75 % are records, 17 % do not exist, 8 % are what resolvers that minimise names ask on the way (RFC 9156:
    type A at /24 and /16). A tenth has no EDNS; of the rest 70 % have DO, and 30 % a cookie that the server has given:
    to half a cookie some servers answer BADCOOKIE, which would be other work. A tenth has upper case in its name, and
    5 % ask with RD.
    """
    number, kind = rng.randrange(world.records), rng.random()
    third, second = number >> 8 & 255, number >> 16
    owner, qtype = f"{number & 255}.{third}.{second}.10.in-addr.arpa", PTR
    if kind < 0.17:
        owner = ipaddress.IPv4Address(NOBODY[0] + rng.randrange(NOBODY[1])).reverse_pointer
    elif kind < 0.25:
        owner, qtype = rng.choice((f"{third}.{second}.10.in-addr.arpa", f"{second}.10.in-addr.arpa")), A
    if rng.random() < 0.1:
        owner = "".join(rng.choice((letter.upper(), letter)) for letter in owner)
    edns = None
    if rng.random() >= 0.1:
        options: tuple[tuple[int, bytes], ...] = ()
        if rng.random() < 0.3:
            options = ((COOKIE, rng.choice(cookies)),)
        edns = Edns(rng.choice(SIZES), DO if rng.random() < 0.7 else 0, options)
    return make_query(owner, qtype, flags=0x0100 if rng.random() < 0.05 else 0, edns=edns)
