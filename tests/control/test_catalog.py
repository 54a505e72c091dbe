"""The catalog zone: what it lists, who may ask for it, and when its serial moves (RFC 9432)."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from ptrd.config import ConfigError, read_config
from ptrd.control.compiler import compile_sources
from ptrd.control.jobs import Job, dump_line, load_job
from ptrd.engine.responder import Options, Service, respond
from ptrd.records.catalog import catalog_zone, dump_catalog, load_catalog, member_label
from ptrd.snapshot.image import open_image
from ptrd.wire.names import parse_name

HEAD = "zone: {}\nsoa: {{mname: ns1.example.net, rname: hostmaster.example.net}}\nns: [ns1.example.net]\n"
ALLOW = "transfer: {allow: [127.0.0.1]}\n"
CATALOG = "catalog: {zone: Catalog.example.net, transfer: {allow: [ALLOWED], notify: [192.0.2.53]}}\n"


def configured(allowed="192.0.2.53"):
    """Read the catalog of a configuration."""
    keys = "keys: {k1: {algorithm: hmac-sha256, secret: MDEyMzQ1Njc4OWFiY2RlZg==}}\n"
    return read_config("/etc/ptrd/ptrd.yaml", (keys + CATALOG.replace("ALLOWED", allowed)).encode()).publish.catalog


class Files:
    """Zone files in a folder, compiled with a catalog as often as the test wants."""

    def __init__(self, folder, catalog):
        self.folder = folder
        self.catalog = catalog
        self.serials = None
        self.old = None
        self.now = 1e9

    def write(self, name, zone, text=ALLOW):
        """Write a zone file."""
        (self.folder / name).write_text(HEAD.format(zone) + text)

    def compile(self, **options):
        """Compile all, and give the snapshot."""
        self.now += 100
        compiled = compile_sources(
            [str(self.folder)], self.now, serials=self.serials, old=self.old, catalog=self.catalog, **options
        )
        self.problems = [str(problem) for problem in compiled.problems if not problem.warning]
        if compiled.built is None:
            return None
        self.serials = compiled.built.serials
        self.changed = [zone for zone, _, _ in compiled.built.changed]
        self.old = b"".join(compiled.built.parts)
        return open_image(self.old)


@pytest.fixture
def files(tmp_path):
    """Give a folder of zone files with a catalog."""
    return Files(tmp_path, configured())


def records_of(snapshot):
    """List what the catalog holds: (name, type, text)."""
    zone = snapshot.zones_by_name[parse_name("catalog.example.net")]
    found = []
    for relative, rrsets in snapshot.walk(zone):
        for rrset in rrsets:
            query = dns.message.make_query("catalog.example.net", "SOA").to_wire()
            wire = query[:2] + b"\x84\0\0\1" + rrset.number.to_bytes(2, "big") + query[8:12] + query[12:37]
            message = dns.message.from_wire(wire + rrset.records)
            for answered in message.answer:
                found += [(relative, answered.rdtype.name, record.to_text()) for record in answered]
    return found


def test_the_catalog_is_as_the_rfc_has_it(files):
    """It has an SOA and one NS that lead nowhere, the version 2, and a PTR for each member below `zones` (4.1, 4.2)."""
    files.write("a.yaml", "192.0.2.0/24")
    files.write("b.yaml", "example.net")
    found = records_of(files.compile())
    serial = open_image(files.old).zones_by_name[parse_name("catalog.example.net")].serial
    below = b"\x05zones"
    assert found[:2] == [
        (b"", "SOA", f"invalid. invalid. {serial} 3600 600 2147483646 0"),
        (b"", "NS", "invalid."),
    ]
    assert (b"\x07version", "TXT", '"2"') in found
    members = {name: text for name, rtype, text in found if rtype == "PTR"}
    assert members == {
        member_label(parse_name(name)) + below: name for name in ("2.0.192.in-addr.arpa.", "example.net.")
    }


def test_the_label_of_a_member_never_changes():
    """A member's label is made of its name alone; with another one secondaries would drop the zone and begin anew."""
    assert member_label(parse_name("2.0.192.in-addr.arpa")) == b"\x200eac81fa486e3e23af0bf9393e37770b"


def test_only_zones_that_somebody_may_transfer_are_members(files):
    """A zone without `transfer`, or with targets alone, is not listed, since nobody could serve it."""
    files.write("a.yaml", "192.0.2.0/24")
    files.write("b.yaml", "198.51.100.0/24", "")
    files.write("c.yaml", "203.0.113.0/24", "transfer: {notify: [192.0.2.53]}\n")
    assert [text for _, rtype, text in records_of(files.compile()) if rtype == "PTR"] == ["2.0.192.in-addr.arpa."]


def test_its_serial_moves_when_the_set_of_zones_does(files):
    """A change within a zone leaves the catalog as it is; one more zone moves its serial, and one less does."""
    files.write("a.yaml", "192.0.2.0/24")
    files.compile()
    assert files.changed == ["2.0.192.in-addr.arpa.", "catalog.example.net."]
    files.write("a.yaml", "192.0.2.0/24", ALLOW + "records: {192.0.2.1: a.example.net}\n")
    files.compile()
    assert files.changed == ["2.0.192.in-addr.arpa."]
    files.compile()
    assert files.changed == []
    files.write("b.yaml", "198.51.100.0/24")
    files.compile()
    assert files.changed == ["100.51.198.in-addr.arpa.", "catalog.example.net."]
    (files.folder / "a.yaml").unlink()
    files.compile()
    assert files.changed == ["catalog.example.net."]


def test_its_name_may_not_be_that_of_a_zone(files):
    """A zone file of the catalog's name is an error that says where both stand."""
    files.write("a.yaml", "catalog.example.net")
    assert files.compile() is None
    assert len(files.problems) == 1 and "ptrd.yaml" in files.problems[0]


def test_an_unknown_key_is_told(tmp_path):
    """A key that the catalog names and the configuration does not have is an error at the catalog."""
    files = Files(tmp_path, configured("no-such-key"))
    files.write("a.yaml", "192.0.2.0/24")
    assert files.compile(keys=[parse_name("k1")]) is None
    assert files.problems[0].startswith("/etc/ptrd/ptrd.yaml:2:")


def rcode_for(snapshot, host):
    """Ask for the catalog's SOA from an address."""
    query = dns.message.make_query("catalog.example.net", "SOA")
    wire, *_ = respond(snapshot, Service(Options()), query.to_wire(), 0, (host, 5353))
    return dns.rcode.to_text(dns.message.from_wire(wire).rcode())


def test_only_who_may_have_it_may_ask(files):
    """Queries are answered to addresses that may transfer the catalog, and refused to others (RFC 9432, 7)."""
    files.write("a.yaml", "192.0.2.0/24")
    snapshot = files.compile()
    assert [rcode_for(snapshot, host) for host in ("192.0.2.53", "192.0.2.54", "2001:db8::1")] == [
        "NOERROR",
        "REFUSED",
        "REFUSED",
    ]
    files.catalog = configured("192.0.2.53 k1")
    assert rcode_for(files.compile(), "192.0.2.53") == "REFUSED"  # not signed
    files.catalog = configured("0.0.0.0/0")
    snapshot = files.compile()
    assert [rcode_for(snapshot, host) for host in ("198.51.100.1", "2001:db8::1")] == ["NOERROR", "REFUSED"]


def test_a_catalog_travels_to_the_compiler():
    """What the configuration says of the catalog arrives in the child as it was, and no secret with it."""
    catalog = configured("192.0.2.0/24, k1, '2001:db8::/32 k1'")
    assert load_catalog(dump_catalog(catalog)) == catalog
    job = Job((), 1, "", "", "", "", "", 1, 0.0, catalog=dump_catalog(catalog))
    assert load_catalog(load_job(dump_line(job)).catalog) == catalog
    assert dump_catalog(None) is None and load_catalog(None) is None
    assert catalog_zone(catalog, []).transfer == catalog.transfer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("catalog: catalog.example.net\n", ":1:10: error: catalog is a mapping; write for example catalog: {"),
        ("catalog: {zone: catalog.example.net}\n", ":1:10: error: catalog: `transfer` must stand here"),
        ("catalog: {transfer: {allow: [k1]}}\n", ":1:10: error: catalog: `zone` must stand here"),
        ("catalog: {zone: ., transfer: {allow: [k1]}}\n", ":1:17: error: `zone`: '.' cannot hold the names"),
        ("catalog: {zone: a..b, transfer: {allow: [k1]}}\n", ":1:17: error: `zone`: 'a..b' is no domain name"),
        (
            "catalog: {zone: c.example, transfer: {allow: [k1], defaults: expand}}\n",
            "error: a catalog has no default names; leave out `defaults`",
        ),
        (
            "notify: {source: [192.0.2.1, 192.0.2.2]}\n",
            "error: notify.source: this is the second address of its family",
        ),
        ("notify: {source: ['192.0.2.1:53']}\n", "error: notify.source: "),
    ],
)
def test_mistakes_are_told(text, expected):
    """What cannot be meant is told with its place and what would be right."""
    with pytest.raises(ConfigError) as raised:
        read_config("ptrd.yaml", text.encode())
    assert expected in str(raised.value)


def test_sources_of_notify():
    """`notify.source` takes one address of each family."""
    config = read_config("ptrd.yaml", b"notify: {source: [192.0.2.1, '2001:DB8::1']}\n")
    assert config.notify_sources == ("192.0.2.1", "2001:db8::1")
    assert read_config("ptrd.yaml", b"catalog: ~\nnotify: ~\n").publish.catalog is None
