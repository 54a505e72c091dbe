"""`ptrd import`: what is written, what is said, and the exit status."""

from __future__ import annotations

import io
import sys

import pytest

from ptrd.cli import asking, importing, main
from ptrd.store.zonefile import load_zone_file
from ptrd.wire.names import parse_name

HEAD = "$TTL 1h\n@ SOA ns1.example.net. hostmaster.example.net. 7 4h 1h 2w 5m\n@ NS ns1.example.net.\n"
GOOD = HEAD + "1 PTR a.example.net.\n"
RUN = HEAD + "$GENERATE 1-254 $ PTR host-$.example.net.\n"


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run `ptrd import` in a folder of its own; give status, output and messages."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        status = main(["import", *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def zones_of(text):
    """Read what was printed; it has no error."""
    zones, problems = load_zone_file("out", text.encode())
    assert [str(problem) for problem in problems if not problem.warning] == []
    return zones


def test_a_master_file_becomes_a_zone_file(call, tmp_path):
    """The zone is written to standard output, and nothing else; `--zone` takes a name or a prefix."""
    (tmp_path / "db").write_text(GOOD)
    status, out, err = call("zonefile", "db", "--zone", "2.0.192.in-addr.arpa")
    assert (status, err) == (0, "")
    assert out == (
        "zone: 192.0.2.0/24\nsoa:\n  mname: ns1.example.net\n  rname: hostmaster.example.net\n  serial: 7\n"
        "ns: [ns1.example.net]\nrecords:\n  192.0.2.1: a.example.net\n"
    )
    assert call("zonefile", "db", "--zone", "192.0.2.0/24") == (0, out, "")
    (tmp_path / "db").write_text("$ORIGIN 2.0.192.in-addr.arpa.\n" + GOOD)
    assert call("zonefile", "db") == (0, out, "")


def test_what_cannot_be_imported_is_listed(call, tmp_path):
    """A problem has its place on standard error, the rest is written, and the status is 1 unless --lenient is said."""
    (tmp_path / "db").write_text(GOOD + "x NSEC y A\nother.example. A 192.0.2.1\n")
    status, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24")
    assert status == 1
    assert len(zones_of(out)[0].records) == 1
    lines = err.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["db:6:1:", "db:5:1:", "ptrd:"]
    assert lines[2] == "ptrd: 2 problems above: not all was imported; --lenient accepts that"
    assert call("zonefile", "db", "--zone", "192.0.2.0/24", "--lenient")[:2] == (0, out)


def test_nothing_at_all_is_a_failure(call, tmp_path):
    """A file without the zone's SOA gives nothing, and a file that is not there is one sentence."""
    (tmp_path / "db").write_text("$TTL 1h\n1 PTR a.\n")
    status, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24", "--lenient")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == "ptrd: nothing was imported"
    assert call("zonefile", "gone", "--zone", "192.0.2.0/24") == (
        1,
        "",
        "ptrd: gone cannot be read: No such file or directory\n",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("zonefile", "db"),
        ("zonefile", "db", "--zone", "192.0.2.1/24"),
        ("zonefile", "db", "--zone", "a.", "--zone", "b."),
        ("zonefile", "db", "--zone", "a.", "--covers", "192.0.2.0/24"),
        ("hosts", "db"),
        ("hosts", "db", "--ns", "192.0.2.1"),
        ("csv", "db", "--ns", "a.b", "--zone", "example.net"),
        ("axfr", "zone"),
        ("sideways", "db"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_status_2(call, tmp_path, words):
    """What is missing on the command line is told, and nothing is written."""
    (tmp_path / "db").write_text("1 PTR a.\n")
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert err


def test_templates_are_shown_and_written_when_asked_for(call, tmp_path):
    """A run is shown as a template; without a terminal the records are written, and with --templates the template."""
    (tmp_path / "db").write_text(RUN + "300.x PTR a.\n7 60 TXT x\n")
    status, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24")
    assert status == 0
    assert len(zones_of(out)[0].records) == 254
    what = "2.0.192.in-addr.arpa. template 'host-{d}.example.net' (TTL 3600) for 192.0.2.0/24"
    assert err.splitlines() == [
        f"{what}: makes 254 records, 192.0.2.1 to 192.0.2.254",
        "  without a name, and excluded so that they get none: 192.0.2.0/32, 192.0.2.255/32",
        "ptrd: these records are written out; say --templates to write the templates instead",
    ]
    status, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24", "--templates")
    zone = zones_of(out)[0]
    assert (status, zone.records, len(zone.defaults)) == (0, [], 3)
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize(("answer", "records"), [("y\n", 0), ("n\n", 254), ("", 254)])
def test_a_terminal_is_asked_about_templates(call, tmp_path, monkeypatch, answer, records):
    """At a terminal a person decides, and silence means no."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    (tmp_path / "db").write_text(RUN)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    _, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24")
    assert len(zones_of(out)[0].records) == records
    assert "write these templates instead of the records. Go on? [y/N]" in err
    assert asking.confirm("x", yes=True)


def test_files_are_never_written_over_unasked(call, tmp_path):
    """With --out each zone has a file; when one is there nothing is written, unless --force is said."""
    (tmp_path / "hosts").write_text("192.0.2.1 a.example.net\n2001:db8::1 b.example.net\n")
    words = ("hosts", "hosts", "--ns", "ns1.example.net", "--out", "out")
    status, out, _ = call(*words)
    files = ["out/2.0.192.in-addr.arpa.yaml", "out/0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.yaml"]
    assert (status, sorted(out.split())) == (0, sorted(files))
    assert [len(zones_of((tmp_path / name).read_text())[0].records) for name in files] == [1, 1]
    (tmp_path / files[0]).write_text("mine")
    (tmp_path / files[1]).unlink()
    status, out, err = call(*words)
    assert (status, out) == (1, "")
    assert "there is already out/2.0.192.in-addr.arpa.yaml; nothing was written" in err
    assert (tmp_path / files[0]).read_text() == "mine" and not (tmp_path / files[1]).exists()
    assert call(*words, "--force")[0] == 0
    assert (tmp_path / files[0]).read_text() != "mine"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa.yaml"),
        ("64/26.2.0.192.in-addr.arpa", "64%2F26.2.0.192.in-addr.arpa.yaml"),
        ("\\.\\./etc.example", "%5C.%5C.%2Fetc.example.yaml"),
        ("\\000.example", "%5C000.example.yaml"),
        (".", "root.yaml"),
    ],
)
def test_a_zones_name_is_never_a_path(name, file):
    """Whatever a zone is called, its file lies in the folder, is not hidden, and belongs to it alone."""
    assert importing.file_name(parse_name(name)) == file
    assert len(importing.file_name(parse_name(".".join(["\\001" * 60] * 4)))) < 255


def test_a_configuration_gives_all_its_zones(call, tmp_path):
    """Zones of named.conf, nsd.conf and knot.conf come with their files, those that lie elsewhere below --root."""
    (tmp_path / "tree" / "z").mkdir(parents=True)
    for number in (2, 3):
        (tmp_path / "tree" / "z" / f"{number}.db").write_text(GOOD)
    names = [f"{number}.0.192.in-addr.arpa" for number in (2, 3)]
    named = "".join(f'zone "{name}" {{ type master; file "{name[0]}.db"; }};\n' for name in names)
    named += 'zone "gone" { type master; file "gone"; };\n'
    (tmp_path / "named.conf").write_text('options { directory "/z"; };\n' + named)
    nsd = "".join(f"zone:\n  name: {name}\n  zonefile: {name[0]}.db\n" for name in names)
    (tmp_path / "nsd.conf").write_text('server:\n  zonesdir: "/z"\n' + nsd)
    knot = "".join(f"  - domain: {name}\n    file: {name[0]}.db\n" for name in names)
    (tmp_path / "knot.conf").write_text("template:\n  - id: default\n    storage: /z\nzone:\n" + knot)
    for program, expected in (("named", 1), ("nsd", 0), ("knot", 0)):
        status, out, err = call(program, f"{program}.conf", "--root", str(tmp_path / "tree"))
        assert status == expected, err
        assert [zone.origin for zone in zones_of(out)] == [parse_name(name) for name in names]
        assert ("zone 'gone' is not imported" in err) == (program == "named")
        status, out, err = call(program, f"{program}.conf", "--root", str(tmp_path / "tree"), "--zone", names[1])
        assert (status, len(zones_of(out))) == (0, 1), err


def test_a_view_is_chosen(call, tmp_path):
    """Of a zone in two views the first is imported with an error, or that of --view without."""
    for name in ("in", "out"):
        (tmp_path / name).write_text(HEAD + f"1 PTR {name}.example.net.\n")
    block = 'view "{0}" {{ zone "2.0.192.in-addr.arpa" {{ type master; file "{0}"; }}; }};\n'
    (tmp_path / "named.conf").write_text(block.format("in") + block.format("out"))
    status, out, _ = call("named", "named.conf")
    assert status == 1 and "in.example.net" in out
    status, out, err = call("named", "named.conf", "--view", "out")
    assert (status, err) == (0, "") and "out.example.net" in out


def test_a_raw_file_of_bind_is_told(call, tmp_path):
    """A file in BIND's binary format is not read as text; the command that makes text of it is given."""
    (tmp_path / "db").write_bytes(b"\0\0\0\2\0\0\0\1" + bytes(40))
    status, out, err = call("zonefile", "db", "--zone", "192.0.2.0/24")
    assert (status, out) == (1, "")
    assert "named-compilezone -f raw -F text" in err


def test_tinydns_zones_and_the_rest(call, tmp_path):
    """Lines of tinydns go to the zones that it serves; PTR of others make zones when --ns says who serves them."""
    (tmp_path / "data").write_text(
        ".2.0.192.in-addr.arpa:192.0.2.53:a\n=h.example.net:192.0.2.1\n=i.example.net:192.0.3.1\n"
    )
    status, out, err = call("tinydns", "data")
    assert status == 1
    assert [len(zone.records) for zone in zones_of(out)] == [1]
    assert zones_of(out)[0].soa.serial is None
    assert err.count("lies in none of the zones") == 3
    status, out, err = call("tinydns", "data", "--ns", "ns1.example.net")
    assert [len(zone.records) for zone in zones_of(out)] == [1, 1]
    assert err.count("lies in none of the zones") == 2


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "address,names,ttl\n192.0.2.1,a.example,60\n"),
        ("netbox", '[{"address": "192.0.2.1/24", "dns_name": "a.example"}]'),
        ("openstack", '[{"address": "192.0.2.1", "ptrdname": "a.example."}]'),
        ("designate", '[{"name": "1.2.0.192.in-addr.arpa.", "type": "PTR", "records": "a.example."}]'),
        ("dnsmasq", "ptr-record=1.2.0.192.in-addr.arpa,a.example\n"),
        ("hosts", "192.0.2.1 a.example\n"),
    ],
)
def test_lists_become_zones(call, tmp_path, form, text):
    """Each list of names becomes the zone of its addresses, with the name servers and TTL that were said."""
    (tmp_path / "source").write_text(text)
    words = (form, "source", "--ns", "ns1.example.net", "--ns", "ns2.example.net", "--mailbox", "a@b.c", "--ttl", "2h")
    status, out, err = call(*words)
    assert (status, err) == (0, "")
    zone = zones_of(out)[0]
    assert (zone.ttl, len(zone.ns), zone.soa.rname) == (7200, 2, parse_name("a.b.c"))
    assert [(record.number, record.targets) for record in zone.records] == [(0xC0000201, (parse_name("a.example"),))]
    assert call(*words, "--zone", "192.0.3.0/24")[0] == 1


def test_names_of_ranges_are_templates(call, tmp_path):
    """synth-domain and synthrecord are templates; one that could not be used is told and left out."""
    (tmp_path / "d").write_text("synth-domain=x.example,192.0.2.0/24,i-\nsynth-domain=a_,192.0.3.0/24,ö\n")
    status, out, err = call("dnsmasq", "d", "--ns", "ns1.example.net")
    assert status == 1 and "d:2:1: error: the character" in err
    assert [[item.template for item in zone.defaults] for zone in zones_of(out)] == [["i-{ip}.x.example"], []]
    (tmp_path / "k").write_text(
        "mod-synthrecord:\n  - id: r\n    type: reverse\n    origin: d.example\n    network: 192.0.2.0/24\n"
        "  - id: f\n    type: forward\n    network: 192.0.2.0/24\n"
        "  - id: g\n    type: forward\n    network: 10.0.0.0/24\n"
        "zone:\n  - domain: d.example\n    module: [ mod-synthrecord/f, mod-synthrecord/g ]\n"
    )
    status, out, err = call("knot-synthrecord", "k", "--ns", "ns1.example.net")
    assert status == 1 and err.count("error: ") == 1 and "k:9:" in err
    reverse, forward = zones_of(out)
    assert [item.template for item in reverse.defaults] == ["{ip}.d.example"]
    assert [prefix.length for prefix, _ in forward.forward] == [24] and forward.origin == parse_name("d.example")
