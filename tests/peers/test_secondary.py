"""ptrd as a secondary of NSD, Knot, BIND and PowerDNS: what they serve is what it serves, through whatever happens."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from tests.peers.asking import TcpClient, make_query
from tests.peers.primaries import KEY, SECRET, BindPrimary, KnotPrimary, NsdPrimary, PowerDnsPrimary
from tests.peers.process import Child, free_port, require_program
from tests.peers.ptrd import PtrdServer

ZONE = "2.0.192.in-addr.arpa"
PTR, NS, SOA, TXT, A, CNAME = 12, 2, 6, 16, 1, 5
SECONDS = 30.0

Said = tuple[int, bool, list[tuple[str, ...]]]


def text(serial: int, names: dict[int, str]) -> str:
    """Write a version of the zone."""
    records = "".join(f"{number} 300 IN PTR {name}.\n" for number, name in names.items())
    return f"""\
$ORIGIN {ZONE}.
@ 3600 IN SOA ns.example.net. hostmaster.example.net. {serial} 3600 1 3600 60
@ 7200 IN NS ns.example.net.
@ 7200 IN NS ns2.{ZONE}.
ns2 300 IN A 192.0.2.53
@ 300 IN TXT "a \\"quoted\\" text" "and another"
*.lab 60 IN PTR lab.example.net.
sub 300 IN NS ns.sub
ns.sub 300 IN A 192.0.2.54
64-26 300 IN NS ns.customer.example.
251 300 IN CNAME 251.64-26
odd 300 IN TYPE65280 \\# 3 010203
{records}"""


def names_of(count: int, generation: int) -> dict[int, str]:
    """Give names to some addresses, others in each generation."""
    return {
        number: f"host-{number}.{'abcdef'[number % 6]}.example.org"
        for number in range(1, 1 + count)
        if (number + generation) % 9
    }


def ask(port: int, name: str, rtype: int) -> Said:
    """Ask over TCP."""
    with TcpClient("127.0.0.1", port) as client:
        return read(client.ask(make_query(name, rtype)))


def read(wire: bytes) -> Said:
    """Give rcode, AA, and the answer and the SOA of the authority section in an order of their own."""
    import dns.message  # noqa: PLC0415 - only these tests need it

    reply = dns.message.from_wire(wire)
    sections = [
        (section, rrset.name.to_text().lower(), str(rrset.rdtype), str(rrset.ttl), record.to_text().lower())
        for section, rrsets in (("answer", reply.answer), ("authority", reply.authority))
        for rrset in rrsets
        for record in rrset
        if section == "answer" or rrset.rdtype == SOA
    ]
    return reply.rcode(), bool(reply.flags & 0x400), sorted(sections)


def everything(port: int) -> dict[tuple[str, int], Said]:
    """Ask for every name that the zone could have."""
    names = [(f"{number}.{ZONE}", PTR) for number in range(256)]
    names += [(ZONE, SOA), (ZONE, NS), (ZONE, TXT), (f"ns2.{ZONE}", A), (f"x.lab.{ZONE}", PTR), (f"lab.{ZONE}", PTR)]
    names += [(f"www.sub.{ZONE}", A), (f"251.{ZONE}", CNAME), (f"odd.{ZONE}", 65280), (f"missing.{ZONE}", PTR)]
    with TcpClient("127.0.0.1", port) as client:
        return {(name, rtype): read(client.ask(make_query(name, rtype))) for name, rtype in names}


def serial_at(port: int) -> int | None:
    """Give the serial that a server tells, None while it does not."""
    try:
        rcode, _, records = ask(port, ZONE, SOA)
    except OSError:  # it is just loading another version
        return None
    return int(records[0][4].split()[2]) if rcode == 0 and records else None


def wait_for_serial(server: PtrdServer, serial: int) -> None:
    """Wait until the secondary has a version."""
    deadline = time.monotonic() + SECONDS
    while serial_at(server.port) != serial:
        assert time.monotonic() < deadline, (serial_at(server.port), server.child and server.child.said())
        time.sleep(0.05)


def secondary(folder, port: int, own_port: int, key: str = "") -> PtrdServer:
    """Make a secondary of the server on a port."""
    settings = f"keys: {{{KEY}: {{algorithm: hmac-sha256, secret: {SECRET}}}}}\n" if key else ""
    zone = f"zone: 192.0.2.0/24\nprimaries: ['127.0.0.1:{port}{' ' + key if key else ''}']\n"
    return PtrdServer(folder, {"zone.yaml": zone}, settings=settings, port=own_port)


def run(server: PtrdServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ptrd's command line against a server."""
    return subprocess.run(server.command(*arguments), capture_output=True, check=False, text=True, timeout=60)


@pytest.mark.parametrize("make", [NsdPrimary, KnotPrimary, BindPrimary, PowerDnsPrimary])
def test_a_secondary_serves_what_its_primary_serves(tmp_path, make):
    """First the whole zone, then what changes after NOTIFY, also over restarts of either; every name is compared."""
    own = free_port()
    key = "" if make is PowerDnsPrimary else KEY
    with make({ZONE: text(1, names_of(250, 0))}, notify=own) as primary:
        with secondary(tmp_path, primary.port, own, key) as server:
            wait_for_serial(server, 1)
            assert everything(server.port) == everything(primary.port)
            for serial in range(2, 4):  # the zone's refresh is an hour: what comes soon comes by NOTIFY
                primary.change(ZONE, text(serial, names_of(250, serial)))
                wait_for_serial(server, serial)
            assert everything(server.port) == everything(primary.port)
            if make in {KnotPrimary, BindPrimary}:  # the two that always have differences
                assert "as differences" in server.child.log.read_text()
        primary.change(ZONE, text(4, names_of(200, 4)))
        with secondary(tmp_path, primary.port, own, key) as server:  # its state folder is the same
            wait_for_serial(server, 4)
            assert everything(server.port) == everything(primary.port)


def test_what_came_is_served_without_the_primary_until_it_expires(tmp_path):
    """A restart without the primary serves what came; SERVFAIL after `expire`; the zone comes back with the primary."""
    own = free_port()
    short = text(7, names_of(20, 0)).replace(" 3600 1 3600 60", " 1 1 6 60")
    with NsdPrimary({ZONE: short}, notify=own) as primary:
        with secondary(tmp_path, primary.port, own, KEY) as server:
            wait_for_serial(server, 7)
        primary.stop()
        with secondary(tmp_path, primary.port, own, KEY) as server:
            assert serial_at(server.port) == 7
            deadline = time.monotonic() + SECONDS
            while ask(server.port, f"1.{ZONE}", PTR)[0] != 2:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert ask(server.port, ZONE, SOA) == (2, False, [])
            status = run(server, "status", "-o", "json")
            (zone,) = json.loads(status.stdout)["result"]["received"]
            assert (zone["state"], zone["serial"]) == ("expired", 7)
            assert "cannot be reached" in zone["error"]
            program = require_program(primary.program, primary.package)
            primary.child = Child([program, "-d", "-c", str(primary.folder / "nsd.conf")], primary.folder / "log2")
            wait_for_serial(server, 7)


def test_a_serial_that_goes_back_and_defaults_that_are_laid_over(tmp_path):
    """An older serial is an error until somebody wants the whole zone; addresses without a record have our default."""
    own = free_port()
    with (
        NsdPrimary({ZONE: text(9, names_of(20, 0))}, notify=own) as primary,
        secondary(tmp_path, primary.port, own, KEY) as server,
    ):
        wait_for_serial(server, 9)
        primary.change(ZONE, text(5, names_of(20, 1)))
        deadline = time.monotonic() + SECONDS
        while serial_at(primary.port) != 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        done = run(server, "refresh", ZONE)
        assert done.returncode == 1
        assert "has serial 5 of 2.0.192.in-addr.arpa., older than 9, which is here" in done.stderr
        assert ask(server.port, f"9.{ZONE}", PTR)[0] == 3
        done = run(server, "refresh", "--whole", ZONE)
        assert (done.returncode, done.stdout.split()[:3]) == (0, [f"{ZONE}.", "serial", "5"]), done.stderr
        assert ask(server.port, f"9.{ZONE}", PTR)[0] == 0
        assert serial_at(server.port) == 10  # what this server says never goes back
        file = server.zone_folder / "zone.yaml"
        file.write_text(file.read_text() + 'defaults: {192.0.2.128/25: "{ip}.dyn.example.net"}\n')
        assert run(server, "reload").returncode == 0
        assert ask(server.port, f"200.{ZONE}", PTR)[2][0][4] == "192-0-2-200.dyn.example.net."
        assert ask(server.port, f"100.{ZONE}", PTR)[0] == 3
        assert serial_at(server.port) == 11
        file.unlink()
        assert run(server, "reload").returncode == 0
        assert ask(server.port, ZONE, SOA)[0] == 5
        assert list((server.folder / "state" / "received").iterdir()) == []


def test_a_wrong_key_a_signed_zone_and_nobody_there(tmp_path):
    """Nothing is served of a zone that may not be had, or comes signed; the log and `refresh` say why."""
    own = free_port()
    signed = text(3, {1: "a.example"}) + "@ 300 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d\n"
    with BindPrimary({ZONE: signed}, notify=own) as primary:
        with secondary(tmp_path / "unsigned", primary.port, own) as server:
            assert ask(server.port, ZONE, SOA)[0] == 2
            done = run(server, "refresh", ZONE)
            assert done.returncode == 1
            assert f"refuses {ZONE}.: allow this machine's address, or use a key" in done.stderr
        with secondary(tmp_path / "signed", primary.port, own, KEY) as server:
            done = run(server, "refresh", ZONE)
            assert done.returncode == 1
            assert "it is signed (DNSKEY at" in done.stderr
            assert "ptrd does not serve DNSSEC" in done.stderr
            assert ask(server.port, ZONE, SOA)[0] == 2
