"""`ptrd export`: what is live leaves in every form, other name servers take it, and nothing is dropped in silence."""

from __future__ import annotations

import csv
import io
import json
import subprocess

import dns.message
import pytest

from ptrd.cli import main
from tests.peers.asking import make_query, udp_ask
from tests.peers.nsd import NsdServer
from tests.peers.process import require_program
from tests.serving import serve
from tests.store.zonetexts import HEAD

ZONE = """\
zone: 192.0.2.0/24
ttl: 2h
soa: {mname: ns1.example.net, rname: host\\.master.example.net, serial: 7}
ns: [ns1.example.net, ns2.example.net]
access: {allow: [192.0.2.0/24]}
transfer: {allow: [192.0.2.53], notify: ["192.0.2.53:5300"], defaults: omit}
records:
  192.0.2.1: a.example.net
  192.0.2.2: {ptr: [b.example.net, C.example.net], ttl: 5m}
defaults:
  192.0.2.0/25: {name: "{ip}.dyn.example.net", ttl: 10m}
  192.0.2.8/29: ~
delegations:
  192.0.2.64/26: {ns: [ns.customer.example], ds: ["12345 13 2 %s"]}
rrsets: |
  @     IN TXT "a \\"b\\" ; c" "\\200"
  *.lab IN PTR lab.example.net.
  \\@ IN TXT "at"
  \\$.x\\.y  IN TYPE65280 \\# 2 abcd
  s IN SRV 0 5 443 host.example.net.
""" % ("00" * 32)
SIX = (
    f"zone: 2001:db8::/32\n{HEAD}records: {{'2001:db8::1': six.example.net}}\n"
    "defaults: {'2001:db8::/64': '{ip}.x.example'}\n"
)
NAMES = f"zone: dyn.example.net\n{HEAD}forward: [192.0.2.0/24]\nrrsets: 'www IN A 192.0.2.80'\n"
CHECKS = (
    ("named-checkzone", "bind9-utils", ["-k", "fail"]),
    ("nsd-checkzone", "nsd", []),
    ("kzonecheck", "knot-dnssecutils", ["-o"]),
)


@pytest.fixture
def ptrd(tmp_path, capsys):
    """Call ptrd on zone files where no server runs: (exit status, standard output, lines on standard error)."""
    (tmp_path / "zones").mkdir()
    for name, text in (("four", ZONE), ("six", SIX), ("names", NAMES)):
        (tmp_path / "zones" / f"{name}.yaml").write_text(text)
    (tmp_path / "ptrd.yaml").write_text("zones: [zones]\n")

    def run(*arguments):
        capsys.readouterr()
        code = int(main([*map(str, arguments), "--config", str(tmp_path / "ptrd.yaml")]))
        printed = capsys.readouterr()
        lines = printed.err.splitlines()
        if arguments[0] == "export" and lines:
            first = lines.pop(0)
            assert "no server runs here" in first and first.endswith("what the zone files say, without managed records")
        return code, printed.out, [line.removeprefix("ptrd: ") for line in lines]

    run.folder = tmp_path
    return run


@pytest.mark.parametrize(("program", "package", "options"), CHECKS, ids=[check[0] for check in CHECKS])
def test_other_servers_checkers_take_the_master_file(ptrd, program, package, options):
    """BIND's, NSD's and Knot's checkers accept every zone, with default names written out."""
    path = require_program(program, package)
    for zone in ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "dyn.example.net"):
        code, text, _ = ptrd("export", zone, "--format", "zonefile")
        assert code == 0
        (ptrd.folder / "zone").write_text(text)
        done = subprocess.run(
            [path, *options, zone, ptrd.folder / "zone"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_nsd_answers_the_exported_zone_as_ptrd_does(ptrd, ptrd_server):
    """Every address of the zone has the same answer from NSD with the master file as from ptrd with its YAML."""
    text = ptrd("export", "192.0.2.0/24", "--format", "zonefile")[1]
    origin = "2.0.192.in-addr.arpa"
    server = ptrd_server({"four.yaml": ZONE.replace("access: {allow: [192.0.2.0/24]}\n", "")}, origins=[origin])
    with NsdServer({origin: text}) as nsd:
        for owner in [*(f"{octet}." for octet in range(256)), "", "q.lab.", "nothing.", "q.64-26.", "s."]:
            for rtype in (12, 16, 33):
                answers = []
                for port in (server.port, nsd.port):
                    reply = udp_ask("127.0.0.1", port, make_query(owner + origin, rtype))
                    found = dns_records(reply)
                    answers.append(found)
                assert answers[0] == answers[1], (owner, rtype)


def dns_records(reply):
    """Give the rcode, and the records of answer and authority, in lower case and in any order."""
    message = dns.message.from_wire(reply)
    sections = [sorted(str(rrset).lower() for rrset in section) for section in (message.answer, message.authority)]
    return message.rcode(), [sorted(line for text in section for line in text.split("\n")) for section in sections]


def test_yaml_keeps_templates_and_all_else(ptrd):
    """The YAML has each key that was written, and the serial that is served."""
    code, text, left_out = ptrd("export", "192.0.2.0/24", "--format", "yaml")
    assert (code, left_out) == (0, [])
    for line in (
        "zone: 192.0.2.0/24",
        "ttl: 2h",
        "  serial: 7",
        "  allow: [192.0.2.0/24]",
        "  defaults: omit",
        "  192.0.2.1: a.example.net",
        "  192.0.2.2: {ptr: [b.example.net, C.example.net], ttl: 5m}",
        '  192.0.2.0/25: {name: "{ip}.dyn.example.net", ttl: 10m}',
        "  192.0.2.8/29: ~",
        "  192.0.2.64/26:",
    ):
        assert line in text.splitlines()
    assert "forward: [192.0.2.0/24]" in ptrd("export", "dyn.example.net", "--format", "yaml")[1]
    assert serve(text).zones[0].serial >= 7


def test_csv_and_hosts_say_what_they_cannot(ptrd):
    """Addresses stand there in order; each other record is on standard error, and settings and TTLs as such."""
    code, text, left_out = ptrd("export", "192.0.2.0/24", "--format", "csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert code == 0 and rows[:4] == [
        ["address", "names", "ttl"],
        ["192.0.2.0", "192-0-2-0.dyn.example.net", "600"],
        ["192.0.2.1", "a.example.net", "7200"],
        ["192.0.2.2", "b.example.net C.example.net", "300"],
    ]
    assert len(rows) == 1 + 64 - 8
    for line in (
        "left out: `access` of the zone",
        "left out: `transfer` of the zone",
        "left out: 2.0.192.in-addr.arpa. 7200 IN NS ns2.example.net.",
        "left out: *.lab.2.0.192.in-addr.arpa. 7200 IN PTR lab.example.net.",
        "left out: 65.2.0.192.in-addr.arpa. 7200 IN CNAME 65.64-26.2.0.192.in-addr.arpa.",
    ):
        assert line in left_out
    code, text, left_out = ptrd("export", "192.0.2.0/24", "--format", "hosts", "--defaults", "omit")
    assert text == "192.0.2.1 a.example.net\n192.0.2.2 b.example.net\n192.0.2.2 C.example.net\n"
    assert "left out: TTLs, which a hosts file does not have" in left_out
    assert 'left out: default 192.0.2.0/25 10m "{ip}.dyn.example.net"' in left_out


def test_a_hosts_file_of_a_zone_of_names_has_its_addresses(ptrd):
    """A and AAAA of a zone that is no reverse zone, made ones too, are lines of a hosts file."""
    code, text, _ = ptrd("export", "dyn.example.net", "--format", "hosts")
    lines = text.splitlines()
    assert code == 0 and "192.0.2.80 www.dyn.example.net" in lines
    assert "192.0.2.7 192-0-2-7.dyn.example.net" in lines and len(lines) == 1 + 64 - 8


def test_more_default_names_than_are_wanted_are_left_out_or_refused(ptrd):
    """2^64 names are left out with a notice, which the master file has as a comment; asked for, they are refused."""
    code, text, left_out = ptrd("export", "2001:db8::/32", "--format", "zonefile")
    assert code == 0 and "six.example.net." in text
    assert left_out[0] == (
        "2001:db8::/32 has 18446744073709551616 default host names, more than `transfer.expand` (1000000): they are "
        "left out"
    )
    assert left_out[1:] == ['left out: default 2001:db8::/64 1h "{ip}.x.example"']
    assert '; left out: default 2001:db8::/64 1h "{ip}.x.example"\n' in text
    code, text, left_out = ptrd("export", "2001:db8::/32", "--format", "yaml", "--defaults", "expand")
    assert (code, text) == (1, "") and "which keeps templates" in left_out[0]
    code, text, left_out = ptrd("export", "2001:db8::/32", "--format", "yaml", "--defaults", "omit")
    assert code == 0 and "defaults" not in text
    assert left_out == ['left out: default 2001:db8::/64 1h "{ip}.x.example"']


def test_an_export_that_is_imported_is_the_same_zone(ptrd, monkeypatch):
    """Master file and YAML come back whole, CSV and hosts with every name: `ptrd diff` finds nothing else."""
    monkeypatch.chdir(ptrd.folder)
    zone = "zones/four.yaml"
    assert ptrd("export", "192.0.2.0/24", "--format", "zonefile", "a.zone")[0] == 0
    assert ptrd("export", "192.0.2.0/24", "--format", "yaml", "a.yaml")[0] == 0
    assert ptrd("import", "zonefile", "a.zone", "--out", "imported")[0] == 0
    assert ptrd("diff", zone, "imported")[0] == 1  # where a template was there are records
    assert ptrd("diff", zone, "imported", "--defaults", "expand")[:2] == (0, "no differences\n")
    assert ptrd("diff", zone, "a.zone")[:2] == (0, "no differences\n")
    assert ptrd("diff", "imported", "a.zone")[:2] == (0, "no differences\n")
    assert ptrd("diff", zone, "a.yaml")[:2] == (0, "no differences\n")
    for form in ("csv", "hosts"):
        assert ptrd("export", "192.0.2.0/24", "--format", form, f"a.{form}")[0] == 0
        options = ["--zone", "192.0.2.0/24", "--ns", "ns1.example.net", "--ns", "ns2.example.net", "--ttl", "2h"]
        code, text, told = ptrd("import", form, f"a.{form}", *options, "--mailbox", "host.master@example.net")
        assert code == 0, told
        (ptrd.folder / f"{form}.yaml").write_text(text)
        code, out, _ = ptrd("diff", f"{form}.yaml", "a.zone", "-o", "json")
        changes = json.loads(out)
        lost = {record["type"] for record in changes["added"]}
        assert lost <= {"NS", "CNAME", "TXT", "PTR", "TYPE65280", "SRV", "DS"} | ({"SOA"} if form == "hosts" else set())
        pointers = [record["owner"] for record in changes["added"] if record["type"] == "PTR"]
        if form == "csv":
            assert pointers == ["*.lab.2.0.192.in-addr.arpa."] and changes["removed"] == []
    assert ptrd("import", "zonefile", "a.zone", "--zone", "192.0.2.0/24")[0] == 0


def test_a_file_is_replaced_when_it_is_whole(ptrd):
    """FILE has the export; where it cannot be made, the older one stays and nothing is left beside it."""
    path = ptrd.folder / "out" / "zone.csv"
    assert ptrd("export", "192.0.2.0/24", "--format", "csv", path)[0] == 1
    path.parent.mkdir()
    assert ptrd("export", "192.0.2.0/24", "--format", "csv", path)[:2] == (0, "")
    before = path.read_bytes()
    assert before.startswith(b"address,names,ttl\n")
    assert ptrd("export", "192.0.2.0/24", path, "--format", "hosts")[0] == 0
    assert path.read_bytes() != before
    assert list(path.parent.iterdir()) == [path]
    code, out, told = ptrd("export", "192.0.2.0/26", "--format", "csv", path)
    assert (code, out) == (1, "") and told[0].startswith("there is no zone 192.0.2.0/26; there are: ")


def test_what_is_live_is_exported(api_server, capsys):
    """A managed record leaves with the zone, in each form and over the control socket; a hidden one is told."""

    def run(*arguments):
        code = int(main([*map(str, arguments), "--config", str(api_server.config)]))
        return code, *capsys.readouterr()

    assert run("ptr", "create", "192.0.2.10", "mail.example.com", "--ttl", "300", "--wait")[0] == 0
    for form, line in (
        ("zonefile", "10 300 IN PTR mail.example.com."),
        ("yaml", "  192.0.2.10: {ptr: mail.example.com, ttl: 5m}"),
        ("csv", "192.0.2.10,mail.example.com,300"),
        ("hosts", "192.0.2.10 mail.example.com"),
    ):
        code, out, err = run("export", "192.0.2.0/24", "--format", form)
        assert code == 0 and "no server" not in err
        assert line in out.splitlines()
        assert "192-0-2-10.dyn" not in out
    four = api_server.zone_folder / "four.yaml"
    four.write_text(four.read_text() + "rrsets: '10 IN CNAME elsewhere.example.'\n")
    assert run("reload")[0] == 0
    code, out, err = run("export", "192.0.2.0/24", "--format", "csv")
    assert code == 0 and "mail.example.com" not in out
    assert (
        "left out: 10.2.0.192.in-addr.arpa. 300 IN PTR mail.example.com., a managed record that is not served: "
        "something hides it" in err
    )
    code, out, err = run("export", "198.51.100.0/24", "--format", "csv")
    assert (code, out) == (1, "") and "there is no zone 198.51.100.0/24" in err


def test_a_zone_is_exported_while_it_is_published(api_server, capsys):
    """Fifty changes come in while the zone is exported again and again: each export is of one moment, and whole."""
    seen = set()
    for number in range(50):
        api_server.api("PUT", "/api/v1/ptrs/192.0.2.10", {"names": [f"host{number}.example.com"]})
        if number % 10 == 0:
            assert int(main(["export", "192.0.2.0/24", "--format", "csv", "--config", str(api_server.config)])) == 0
            lines = capsys.readouterr().out.splitlines()
            assert len(lines) == 257
            seen.add(next(line for line in lines if line.startswith("192.0.2.10,")))
    assert len(seen) == 5
