"""`ptrd import` beside real servers: what they serve, and what their own configuration says, is what is imported."""

from __future__ import annotations

import dns.message
import dns.query
import dns.rdatatype
import dns.reversename
import pytest

from ptrd.cli import main
from ptrd.records.model import Prefix
from ptrd.records.values import parse_address
from ptrd.snapshot.templates import parse_template
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import format_name
from tests.peers.bind import BindServer
from tests.peers.knot import KnotServer
from tests.peers.nsd import NsdServer
from tests.peers.primaries import KEY, SECRET, BindPrimary, KnotPrimary, NsdPrimary, PowerDnsPrimary
from tests.peers.process import free_port
from tests.records.masterfiles import by_dnspython

HEAD = "$TTL 1h\n@ SOA ns1.example.net. hostmaster.example.net. 7 4h 1h 2w 5m\n@ NS ns1.example.net.\n"
ADDRESSES = """192.0.2.0 192.0.2.77 192.0.2.255 2001:db8:: 2001:db8::1 2001:db8:1::2 2001:db8:1:2:3:4:5:6 2001:db8:1::
64:: 64::1 64:1:: 64:0:1::1 64:ff::ffff 2001:db9::1 2001:db9:1::""".split()  # noqa: SIM905 - a list of quoted words says less


@pytest.fixture
def call(capsys):
    """Run `ptrd import`; give status, zones and messages."""

    def run(*words):
        status = main(["import", *words])
        printed = capsys.readouterr()
        zones, problems = load_zone_file("out", printed.out.encode())
        assert [str(problem) for problem in problems if not problem.warning] == []
        return status, zones, printed.err

    return run


def ask(server, address):
    """Ask a server for the PTR of an address."""
    query = dns.message.make_query(dns.reversename.from_address(address), "PTR")
    answer = dns.query.udp(query, server.address, port=server.port, timeout=5)
    return [(rrset.ttl, rrset[0].target.to_text()) for rrset in answer.answer]


def made(zones, address):
    """Give what the defaults of imported zones make for an address."""
    version, number = parse_address(address)
    whole = Prefix(version, number, 32 if version == 4 else 128)
    return [
        (item.ttl, format_name(parse_template(item.template, item.prefix, zone.origin).render(number)))
        for zone in zones
        for item in zone.defaults
        if item.prefix.contains(whole)
    ]


def test_synthrecord_makes_the_names_that_knot_makes(call):
    """The names of an imported knot.conf are those that Knot itself answers, at the edges of how it writes IPv6 too."""
    synth = {
        "2.0.192.in-addr.arpa": "type: reverse\nprefix: dyn-\norigin: dyn.example.net\nttl: 400\nnetwork: 192.0.2.0/24",
        "8.b.d.0.1.0.0.2.ip6.arpa": "type: reverse\norigin: v6.example.net\nnetwork: 2001:db8::/32",
        "4.6.0.0.ip6.arpa": "type: reverse\norigin: v6.example.net\nnetwork: [ 64::/16 ]",
        "9.b.d.0.1.0.0.2.ip6.arpa": "type: reverse\nprefix: x\norigin: v6.example.net\nnetwork: 2001:db9::/32\n"
        "reverse-short: off",
    }
    with KnotServer(dict.fromkeys(synth, HEAD), synth=synth) as server:
        status, zones, said = call("knot", str(server.folder / "knot.conf"))
        assert status == 0
        assert said.count("warning: ") == len(said.splitlines()) == 2
        several = "2001:db8:0:0:1::"  # of which the warnings are
        assert (made(zones, several), ask(server, several)) == (
            [(3600, "2001-db8-0-0-1--0.v6.example.net.")],
            [(3600, "2001-db8--1-0-0-0.v6.example.net.")],
        )
        for address in ADDRESSES:
            answer = ask(server, address)
            assert len(answer) == 1, address
            assert made(zones, address) == answer, address
        config = str(server.folder / "knot.conf")
        _, alone, _ = call("knot-synthrecord", config, "--ns", "ns1.example.net", "--lenient")
        assert [made(alone, address) for address in ADDRESSES] == [made(zones, address) for address in ADDRESSES]


@pytest.mark.parametrize("peer", [NsdPrimary, KnotPrimary, BindPrimary, PowerDnsPrimary])
def test_a_running_server_is_imported_like_its_file(call, peer, tmp_path):
    """What comes by AXFR, to who has the key, is the zone that its master file is, whichever server gives it."""
    text = HEAD + '1 PTR a.example.net.\n2 60 PTR b.example.net.\nx TXT "a;b"\n64-26 NS ns.c.example.\n'
    text += "".join(f"{n} CNAME {n}.64-26\n" for n in range(64, 128))
    (tmp_path / "db").write_text(text)
    _, expected, _ = call("zonefile", str(tmp_path / "db"), "--zone", "192.0.2.0/24")
    config = tmp_path / "ptrd.yaml"
    config.write_text(f"keys: {{{KEY}: {{algorithm: hmac-sha256, secret: {SECRET}}}}}\n")
    with peer({"2.0.192.in-addr.arpa": text}, notify=free_port()) as server:
        source = f"192.0.2.0/24@{server.address}:{server.port}"
        signed = () if peer is PowerDnsPrimary else ("--key", KEY, "--config", str(config))  # it goes by the address
        assert call("axfr", source)[0] == (1 if signed else 0)
        status, zones, said = call("axfr", source, *signed)
        assert (status, said) == (0, ""), said
        for one, other in zip(zones, expected, strict=True):
            for part in ("soa", "ns", "ttl", "prefix"):
                assert getattr(one, part) == getattr(other, part)
            assert [record[:3] for record in one.records] == [record[:3] for record in other.records]
            assert [item[:4] for item in one.delegations] == [item[:4] for item in other.delegations]
            assert {item[:4] for item in one.rrsets} == {item[:4] for item in other.rrsets}
        assert len(zones[0].delegations) == 1


def test_a_server_that_refuses_is_told(call):
    """A server that does not have the zone is one sentence, and nothing is written."""
    with NsdServer({"2.0.192.in-addr.arpa": HEAD}) as server:
        status, zones, said = call("axfr", f"192.0.3.0/24@{server.address}:{server.port}")
        assert (status, zones) == (1, []) and said.startswith("ptrd: ")


def test_the_configuration_of_a_real_server_is_read(call):
    """named.conf and nsd.conf with which servers run give the zones that they serve."""
    text = HEAD + "1 PTR a.example.net.\n"
    for peer, form, name in ((BindServer, "named", "named.conf"), (NsdServer, "nsd", "nsd.conf")):
        with peer({"2.0.192.in-addr.arpa": text, "64/26.2.0.192.in-addr.arpa": text}) as server:
            status, zones, said = call(form, str(server.folder / name))
            assert status == 0, said
            assert sorted(format_name(zone.origin) for zone in zones) == [
                "2.0.192.in-addr.arpa.",
                "64/26.2.0.192.in-addr.arpa.",
            ]
            assert by_dnspython(text)[b"\1" + b"1" + zones[0].origin, dns.rdatatype.PTR]
