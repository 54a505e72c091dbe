"""A small Internet for `ptrd doctor`: a root, a parent, and name servers of which some are good and most are not.

Run as a program in a network of its own, by `namespace.Inside`. It starts everything, says `true`, and then, for each
["call" or "run", arguments] that it reads, runs `ptrd doctor` and says [status, standard output, standard error].
The zones are 10.N.0.0/16; the good servers are NSD at 127.0.1.1 and 127.0.2.1, and ptrd at 127.0.3.1.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import ptrd.cli
from tests.peers.namespace import bring_up
from tests.peers.nsd import NsdServer
from tests.peers.oddserver import TEMPERS, OddServers
from tests.peers.ptrd import PROJECT, PtrdServer
from tests.peers.signing import make_key, sign

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

NS1, NS2, PTRD = "ns1.good.test.", "ns2.good.test.", "ns3.good.test."
BOTH = (NS1, NS2)
PARENT_ADDRESS = "192.0.2.53"
PUBLIC = "9.9.9.9"  # the parent has this address too, which is one of the Internet
ODD = {temper: f"127.0.{number}.1" for number, temper in enumerate(TEMPERS, 10)}
SOA = "ns1.good.test. hostmaster.good.test. 7 14400 3600 1209600 300"
ODD_SOA = "nowhere.good.test. hostmaster\\@good.test. 7 600 900 1000 604800"

# Zone number -> who has it at the parent, where that is not the default. Those of the odd servers follow from 100 on.
PARENT: dict[int, tuple[str, ...]] = {
    1: (NS1, PTRD),
    2: (NS1,),
    3: (NS1, "same.good.test."),
    4: (NS1, "near.good.test."),
    5: (NS1, PTRD),
    6: BOTH,
    7: BOTH,
    8: BOTH,
    9: (NS1, "alias.good.test."),
    10: (NS1, "missing.good.test.", "empty.good.test."),
    11: (NS1, "ns.11.10.in-addr.arpa."),
    12: (NS1, "ns.12.10.in-addr.arpa."),
    13: (NS1, "ns.13.10.in-addr.arpa."),
    14: BOTH,
    15: (NS1, "half.good.test."),
    16: (NS1, "far.good.test."),
    17: (NS1, "ns.loop1.test."),
    18: ("right.odd.test.", "correct.odd.test."),
    19: ("silent.odd.test.", "mute.odd.test."),
    20: BOTH,
    21: BOTH,
    22: BOTH,
    23: BOTH,
    24: BOTH,
    25: BOTH,
    30: (PTRD, NS1),
    31: BOTH,
}
NUMBERS = {temper: number for number, temper in enumerate(TEMPERS, 100)}
PARENT |= {number: (NS1, f"{temper}.odd.test.") for temper, number in NUMBERS.items()}
HOSTS = """\
$ORIGIN test.
$TTL 3600
@ IN SOA ns.registry.example. hostmaster 1 14400 3600 1209600 300
@ IN NS ns.registry.example.
ns1.good IN A 127.0.1.1
ns1.good IN AAAA fd00:1::1
ns2.good IN A 127.0.2.1
ns2.good IN AAAA fd00:2::1
ns3.good IN A 127.0.3.1
same.good IN A 127.0.1.1
same.good IN AAAA fd00:1::1
near.good IN A 127.0.1.2
alias.good IN CNAME ns2.good
empty.good IN TXT "no address"
half.good IN A 127.0.2.1
half.good IN AAAA fd00:9::9
far.good IN A 127.0.2.1
far.good IN AAAA 2001:db8::1
loop1 IN NS ns.loop2
loop2 IN NS ns.loop1
""" + "".join(f"{temper}.odd IN A {address}\n" for temper, address in ODD.items())
ROOT = """\
$ORIGIN .
$TTL 3600
@ IN SOA ns.root. hostmaster.root. 1 14400 3600 1209600 300
@ IN NS ns.root.
ns.root. IN A 127.0.0.1
in-addr.arpa. IN NS ns.registry.example.
test. IN NS ns.registry.example.
example. IN NS ns.registry.example.
example.net. IN NS ns.registry.example.
ns.registry.example. IN A 192.0.2.53
"""
REGISTRY = """\
@ IN SOA ns.registry.example. hostmaster.registry.example. 1 14400 3600 1209600 300
@ IN NS ns.registry.example.
"""
REGISTRY_ZONE = f"$ORIGIN example.\n$TTL 3600\n{REGISTRY}ns.registry IN A 192.0.2.53\n"
EXAMPLE_NET = f"$ORIGIN example.net.\n$TTL 3600\n{REGISTRY}ns1 IN A 198.51.100.53\nns2 IN A 203.0.113.53\n"
EXAMPLE = """\
$ORIGIN 2.0.192.in-addr.arpa.
$TTL 3600
@ IN SOA ns1.example.net. hostmaster.example.net. 1 14400 3600 1209600 300
@ IN NS ns1.example.net.
@ IN NS ns2.example.net.
"""
IN_ADDR = """\
2.0.192 IN NS ns1.example.net.
2.0.192 IN NS ns2.example.net.
ns.12.10 IN A 127.0.9.250
ns.13.10 IN A 127.0.1.1
; a classless zone whose last address has been forgotten
0-26.4.40.10 IN NS ns1.good.test.
0-26.4.40.10 IN NS ns2.good.test.
0.4.40.10 IN CNAME 0.0-26.4.40.10.in-addr.arpa.
"""
CHILDREN = (
    *("1.30.10.in-addr.arpa.", "2.30.10.in-addr.arpa.", "0-26.4.30.10.in-addr.arpa.", "1.31.10.in-addr.arpa."),
    *("0-26.4.40.10.in-addr.arpa.", "98.10.in-addr.arpa."),
)
CONFIGURED_APEX = """\
soa: {mname: ns1.good.test, rname: hostmaster.good.test, serial: 7}
ns: [ns1.good.test, ns3.good.test]
"""
DELEGATIONS = """\
delegations:
  10.30.1.0/24: {ns: [ns1.good.test, ns2.good.test]}
  10.30.2.0/24: {ns: [ns1.good.test, refusing.odd.test, missing.good.test]}
  10.30.3.0/24: {ns: [silent.odd.test]}
  10.30.4.0/26: {ns: [ns1.good.test]}
"""
BELOW = """\
1 IN NS ns1.good.test.
1 IN NS ns2.good.test.
2 IN NS refusing.odd.test.
"""


def zone(number: int, *, soa: str = SOA, ns: tuple[str, ...] | None = None, more: str = "") -> str:
    """Write one of the zones."""
    names = PARENT[number] if ns is None else ns
    listed = "".join(f"@ IN NS {name}\n" for name in names)
    return f"$ORIGIN {name_of(number)}\n$TTL 3600\n@ IN SOA {soa}\n{listed}{more}"


def name_of(number: int) -> str:
    """Give the name of a zone."""
    return f"{number}.10.in-addr.arpa."


class Nsd(NsdServer):
    """NSD on port 53 of several addresses, the first of them given as `address`."""

    def __init__(self, zones: Mapping[str, str], address: str, *more: str) -> None:
        super().__init__(zones, address=address, port=53)
        self.more = more

    def configure(self) -> list[str]:
        """Write nsd.conf with all addresses."""
        arguments = super().configure()
        config = self.folder / "nsd.conf"
        text = config.read_text(encoding="ascii")
        lines = "".join(f"  ip-address: {address}@53\n" for address in self.more)
        config.write_text(text.replace("server:\n", f"server:\n{lines}", 1), encoding="ascii")
        return arguments


class World:
    """The zones of every server."""

    def __init__(self) -> None:
        self.first = {number: zone(number) for number in PARENT}
        self.second = {number: zone(number) for number in PARENT}
        self.ds: dict[int, list[str]] = {}
        self.break_content()
        self.break_signatures()

    def break_content(self) -> None:
        """Have the two good servers disagree with each other, with the parent, or with good sense."""
        self.second[6] = zone(6, soa=SOA.replace(" 7 14400", " 6 14401"))
        self.second[7] = zone(7, ns=(NS1, PTRD))
        self.first[8] = self.second[8] = zone(8, ns=(NS1, NS2, PTRD))
        self.first[14] = self.second[14] = zone(14, soa=ODD_SOA)
        # ns.13 has an address that the parent does not give
        for number, address in ((11, "127.0.2.1"), (12, "127.0.2.1"), (13, "127.0.1.1")):
            more = f"ns IN A {address}\n" + ("ns IN AAAA fd00:2::1\n" if number == 13 else "")
            self.first[number] = self.second[number] = zone(number, more=more)
        self.first[31] = self.second[31] = zone(31, more=BELOW)

    def break_signatures(self) -> None:
        """Sign some zones, and give the parent DS records that do or do not fit."""
        key, other = make_key(), make_key()
        lifetime = 86400 * 30
        right, wrong = key.ds, other.ds
        # 20 is right, 21 unsigned, 22 has another key, 23 has expired, 24 has a DS too many, 25 none
        signed = {
            20: ([right], lifetime),
            22: ([wrong], lifetime),
            23: ([right], -86400),
            24: ([right, wrong], lifetime),
            25: ([], lifetime),
        }
        for number, (records, seconds) in signed.items():
            origin = name_of(number)
            self.first[number] = self.second[number] = sign(self.first[number], origin, key, seconds)
            self.ds[number] = [make(origin) for make in records]
        self.ds[21] = [right(name_of(21))]

    def parent_zone(self) -> str:
        """Write in-addr.arpa."""
        lines = [f"{name_of(number)} IN NS {name}\n" for number, names in PARENT.items() for name in names]
        lines += [f"{name_of(number)} IN DS {ds}\n" for number, records in self.ds.items() for ds in records]
        return "".join([f"$ORIGIN in-addr.arpa.\n$TTL 3600\n{REGISTRY}", *lines, IN_ADDR])

    def start(self, stack: contextlib.ExitStack, folder: Path) -> PtrdServer:
        """Start every server; they stop with the stack."""
        children = {
            name: f"$ORIGIN {name}\n$TTL 3600\n@ IN SOA {SOA}\n@ IN NS {NS1}\n@ IN NS {NS2}\n" for name in CHILDREN
        }
        first = (
            {name_of(number): text for number, text in self.first.items()}
            | children
            | {"2.0.192.in-addr.arpa.": EXAMPLE}
        )
        second = {name_of(number): text for number, text in self.second.items()} | children
        odd: dict[tuple[str, str], list[str]] = {}
        for number in (18, 19, *NUMBERS.values()):
            odd[name_of(number), "SOA"] = [SOA]
            odd[name_of(number), "NS"] = list(PARENT[number])
        parent = {
            "in-addr.arpa.": self.parent_zone(),
            "test.": HOSTS,
            "example.": REGISTRY_ZONE,
            "example.net.": EXAMPLE_NET,
        }
        servers = [
            Nsd({".": ROOT}, "127.0.0.1"),
            Nsd(parent, PARENT_ADDRESS, PUBLIC),
            Nsd(first, "127.0.1.1", "127.0.1.2", "fd00:1::1", "198.51.100.53"),
            Nsd(second, "127.0.2.1", "fd00:2::1", "203.0.113.53"),
        ]
        served = {f"{number}.yaml": f"zone: 10.{number}.0.0/16\n{CONFIGURED_APEX}" for number in (1, 5)}
        served["30.yaml"] = f"zone: 10.30.0.0/16\n{CONFIGURED_APEX}{DELEGATIONS}"
        ptrd = PtrdServer(folder / "ptrd", served, address="127.0.3.1", port=53, origins=["1.10.in-addr.arpa"])
        for server in (OddServers({address: temper for temper, address in ODD.items()}, odd), *servers, ptrd):
            stack.enter_context(server)
        return ptrd


def main(folder: str) -> None:
    """Start the world, and do as is asked until there is no more."""
    bring_up(
        [
            *("fd00:1::1/128", "fd00:2::1/128", "fd00:9::9/128", f"{PUBLIC}/32", f"{PARENT_ADDRESS}/32"),
            *("198.51.100.53/32", "203.0.113.53/32"),
        ]
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    environment.pop("PTRD_URL", None)

    def run(words: list[str]) -> list[Any]:
        """Run it as the process of an operator at a terminal."""
        shown, terminal = os.openpty()
        with os.fdopen(shown, "rb", 0) as screen:
            command = [sys.executable, "-m", "ptrd", "doctor", *words]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=terminal, check=False, timeout=50, env=environment
            )
            os.close(terminal)
            return [done.returncode, done.stdout.decode(), screen.read(65536).decode()]

    def call(words: list[str]) -> list[Any]:
        """Call it here: fifty interpreters take half a minute to start."""
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            status = ptrd.cli.main(["doctor", *words])
        return [status, out.getvalue(), err.getvalue()]

    with contextlib.ExitStack() as stack:
        config = str(World().start(stack, Path(folder)).config)
        print("true", flush=True)  # noqa: T201 - what it is for
        for line in sys.stdin:
            how, words = json.loads(line)
            words = [word.replace("CONFIG", config) for word in words]
            print(json.dumps((run if how == "run" else call)(words)), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main(sys.argv[1])
