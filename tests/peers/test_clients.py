"""What people ask with gets right answers from the example zones: command-line tools, glibc, a strict resolver."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import dns.rdatatype
import dns.reversename
import pytest

from tests.peers.asking import RD, Edns, Reply, UdpClient, make_query, read_reply
from tests.peers.inside import get_names
from tests.peers.process import require_program
from tests.peers.ptrd import PROJECT, PtrdServer
from tests.peers.unbound import UnboundServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("clients")  # they have one server

ZONES = (
    *("2.0.192.in-addr.arpa", "64-26.2.0.192.in-addr.arpa", "113.0.203.in-addr.arpa", "dyn.example.net"),
    *("8.b.d.0.1.0.0.2.ip6.arpa", "f.8.b.d.0.1.0.0.2.ip6.arpa"),
)
HEX = "home-20010db801000000000000000000beef.v6.dyn.example.net"
POINTERS = {  # every kind of name
    "192.0.2.10": ["mail.company-a.example"],  # fixed
    "192.0.2.11": ["www.company-a.example", "shop.company-a.example"],
    "192.0.2.250": ["router.example.net"],  # fixed, in a hole
    "192.0.2.1": ["192-0-2-1.dyn.example.net"],  # default
    "192.0.2.130": ["pool-130.dyn.example.net"],
    "203.0.113.7": ["h7.dyn.example.net"],
    "192.0.2.64": ["gw.customer-b.example"],  # classless
    "192.0.2.70": ["host-70.customer-b.example"],
    "2001:db8::1": ["ns1.example.net"],  # IPv6, fixed, with synthesis all around
    "2001:db8::2": ["2001-db8--2.v6.dyn.example.net"],
    "2001:db8:1::25": ["mail.company-a.example"],
    "2001:db8:1::26": ["2001-db8-1--26.v6.dyn.example.net"],
    "2001:db8:100::beef": [HEX],
    "2001:db8:200:5::1:2": ["guest-00050000000000010002.v6.dyn.example.net"],
    "2001:db8:f000::1": ["parent.example.net"],
}
NOTHING = ("192.0.2.248", "2001:db8:ffff::2", "2001:db8:f000::2")
FORWARD = {
    "192-0-2-1.dyn.example.net": "192.0.2.1",
    "pool-130.dyn.example.net": "192.0.2.130",
    "h7.dyn.example.net": "203.0.113.7",
    "2001-db8--2.v6.dyn.example.net": "2001:db8::2",
    HEX: "2001:db8:100::beef",
}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PtrdServer]:
    """Serve the example zones."""
    with PtrdServer(tmp_path_factory.mktemp("ptrd"), [PROJECT / "zones"], origins=ZONES) as server:
        yield server


def run(command: list[str]) -> str:
    """Run a client and give what it printed."""
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=30).stdout


@pytest.mark.parametrize("transport", ["+notcp", "+tcp", "+noedns", "+dnssec"])
def test_dig_finds_every_kind_of_name(examples: PtrdServer, transport: str) -> None:
    """`dig -x` prints the names, over UDP and TCP, with and without EDNS."""
    dig = require_program("dig", "bind9-dnsutils")
    base = [dig, "+short", "+tries=1", transport, "-p", str(examples.port), f"@{examples.address}"]
    for address, names in POINTERS.items():
        found = run([*base, "-x", address]).split()
        assert {f"{name}." for name in names} <= set(found), address
    for address in NOTHING:
        assert run([*base, "-x", address]) == ""
    for name, address in FORWARD.items():
        assert run([*base, name, "AAAA" if ":" in address else "A"]).split() == [address]


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_kdig_finds_every_kind_of_name(examples: PtrdServer, transport: str) -> None:
    """`kdig -x` prints the names."""
    kdig = require_program("kdig", "knot-dnsutils")
    base = [kdig, "+short", transport, "-p", str(examples.port), f"@{examples.address}"]
    for address, names in POINTERS.items():
        assert {f"{name}." for name in names} <= set(run([*base, "-x", address]).split()), address
    for name, address in FORWARD.items():
        assert run([*base, name, "AAAA" if ":" in address else "A"]).split() == [address]


def test_host_finds_every_kind_of_name(examples: PtrdServer) -> None:
    """`host ADDRESS SERVER` prints the names, and `host NAME SERVER` the addresses."""
    host = require_program("host", "bind9-host")
    for address, names in POINTERS.items():
        found = re.findall(
            r"pointer (\S+)\.$", run([host, "-p", str(examples.port), address, examples.address]), re.MULTILINE
        )
        assert sorted(found) == sorted(names), address
    for address in NOTHING:
        assert "NXDOMAIN" in run([host, "-p", str(examples.port), address, examples.address])
    for name, address in FORWARD.items():
        assert f" address {address}" in run([host, "-p", str(examples.port), name, examples.address])


def test_nslookup_finds_every_kind_of_name(examples: PtrdServer) -> None:
    """`nslookup ADDRESS SERVER` prints the names."""
    nslookup = require_program("nslookup", "bind9-dnsutils")
    for address, names in POINTERS.items():
        found = re.findall(
            r"\tname = (\S+)\.$", run([nslookup, f"-port={examples.port}", address, examples.address]), re.MULTILINE
        )
        assert sorted(found) == sorted(names), address


@pytest.mark.parametrize("options", ["", "edns0", "use-vc", "edns0 trust-ad"])
def test_glibc_finds_every_kind_of_name(tmp_path: Path, options: str) -> None:
    """getnameinfo, which is what programs call, gets the names through glibc's stub resolver, over UDP and TCP."""
    found = get_names(tmp_path, options, [*POINTERS, *NOTHING])
    for address, names in POINTERS.items():
        assert found[address] in names, address
    for address in NOTHING:
        assert "not known" in found[address]


def test_a_resolver_with_strict_qname_minimisation_finds_every_kind_of_name(examples: PtrdServer) -> None:
    """Unbound that asks label by label, and believes each NXDOMAIN (RFC 9156, RFC 8020), resolves every name."""
    with (
        UnboundServer(ZONES, examples.address, examples.port) as resolver,
        UdpClient(resolver.address, resolver.port) as client,
    ):

        def resolve(name: str, rtype: str) -> Reply:
            query = make_query(name, int(dns.rdatatype.from_text(rtype)), flags=RD, edns=Edns())
            reply = read_reply(query, client.ask(query, seconds=10))
            assert isinstance(reply, Reply), reply
            return reply

        def targets(reply: Reply, rtype: str) -> set[bytes]:
            return {record[3] for record in reply.answer if record[1] == rtype}

        for address, names in POINTERS.items():
            reply = resolve(dns.reversename.from_address(address).to_text(), "PTR")
            wanted = {dns.name.from_text(name).to_wire() for name in names}
            assert reply.rcode == "NOERROR" and targets(reply, "PTR") == wanted, f"{address}: {reply}"
        for address in NOTHING:
            assert resolve(dns.reversename.from_address(address).to_text(), "PTR").rcode == "NXDOMAIN"
        for name, address in FORWARD.items():
            rtype = "AAAA" if ":" in address else "A"
            reply = resolve(name, rtype)
            assert len(reply.answer) == 1 and dns.rdata.from_text("IN", rtype, address).to_wire() in targets(
                reply, rtype
            )
