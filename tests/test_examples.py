"""The example zones teach only what is true: they load without a problem and answer as their comments say."""

from __future__ import annotations

import re
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest

from ptrd.cli.files import compile_zones
from ptrd.config import load_config
from ptrd.engine.edns import TCP
from ptrd.engine.responder import Service, respond

ROOT = Path(__file__).parents[1]
CONFIG = load_config(ROOT / "config" / "ptrd.yaml")
FILES = sorted((ROOT / "zones").glob("*.yaml"))
# `#   NAME  TYPE  ANSWER...` below `# What it answers:`
CLAIM = re.compile(r"#   (\S+) +([A-Z]+) +(\S.*)")
NOTHING = {"NXDOMAIN", "NODATA", "REFERRAL"}


def claims():
    """Give (file name, name or address, type, what is answered) of every comment that says what is answered."""
    for path in FILES:
        head = path.read_text(encoding="utf-8").partition("# What it answers:\n")[2].partition("\n\n")[0]
        for line in head.splitlines():
            found = CLAIM.fullmatch(line)
            assert found, f"{path}: {line!r} claims nothing"
            yield pytest.param(*found.groups(), id=f"{path.name}-{found[1]}-{found[2]}")


@pytest.fixture(scope="module")
def snapshot():
    """Give the example zones as the example configuration names them, compiled."""
    compiled, snapshot = compile_zones(CONFIG.publish)
    assert compiled.problems == []
    return snapshot


def test_the_examples_load_without_a_problem(snapshot):
    """The example configuration names six example zones, and they have neither error nor warning."""
    assert [Path(zone) for zone in CONFIG.publish.zones] == [ROOT / "zones"]
    assert len(snapshot.zones) == len(FILES) == 6


@pytest.mark.parametrize(("name", "rtype", "expected"), list(claims()))
def test_an_example_answers_as_it_says(snapshot, name, rtype, expected):
    """What an example's comment says is answered, is answered."""
    is_address = re.fullmatch(r"[0-9.]+|[0-9a-f]*:[0-9a-f:]+", name)
    owner = dns.reversename.from_address(name) if is_address else dns.name.from_text(name)
    query = dns.message.make_query(owner, rtype, use_edns=0)
    reply = dns.message.from_wire(respond(snapshot, Service(CONFIG.answers), query.to_wire(), TCP)[0])
    first = expected.split()[0]
    assert reply.rcode() == (dns.rcode.NXDOMAIN if first == "NXDOMAIN" else dns.rcode.NOERROR)
    assert bool(reply.flags & dns.flags.AA) == (first != "REFERRAL")
    if first in NOTHING:
        assert reply.answer == []
        servers = [item.to_text() for rrset in reply.authority for item in rrset if rrset.rdtype == dns.rdatatype.NS]
        assert sorted(servers) == expected.split()[1:]
        return
    found = [item.to_text() for rrset in reply.answer if rrset.name == owner for item in rrset]
    if rtype == "PTR":
        assert sorted(found) == sorted(expected.split())
    else:
        assert [text.lower().replace(" ", "") for text in found] == [expected.lower().replace(" ", "")]


def test_the_examples_use_documentation_names_and_addresses_only():
    """No example names an address outside RFC 5737 and RFC 3849, nor a domain outside RFC 2606."""
    for path in FILES:
        text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        for address in re.findall(r"(?<![\d.-])\d+\.\d+\.\d+\.\d+\b(?!\.in-addr)", text):
            assert address.startswith(("192.0.2.", "198.51.100.", "203.0.113.")), f"{path}: {address}"
        for address in re.findall(r"\b[0-9a-f]+:[0-9a-f:]+", text):
            assert address.startswith("2001:db8:"), f"{path}: {address}"
        for name in re.findall(r"[a-z0-9}-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b", text):
            assert name.endswith((".example", "example.net", "in-addr.arpa", "ip6.arpa")), f"{path}: {name}"
