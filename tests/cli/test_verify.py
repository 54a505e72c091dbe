"""`ptrd verify`, by call, against a resolver that says what the test wants: each verdict, each source, each mistake."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ptrd.cli import main
from tests.client.fakedns import SOA, FakeDns
from tests.peers.process import free_port

HEAD = "soa: {mname: ns1.example, rname: hostmaster@example}\nns: [ns1.example]\n"
ZONE = f"""\
zone: 192.0.2.0/24
{HEAD}records:
  192.0.2.1: mail.example
  192.0.2.2: gone.example
  192.0.2.3: empty.example
  192.0.2.4: moved.example
  192.0.2.5: sick.example
  192.0.2.6: circle.example
  192.0.2.7: dangling.example
  192.0.2.8: [alias.example, mail8.example]
"""
DEFAULTS = f"""\
zone: 198.51.100.0/24
{HEAD}records:
  198.51.100.0: first.example
defaults:
  198.51.100.0/24: "{{ip}}.dyn.example"
  198.51.100.128/25: "p{{d}}.example"
  198.51.100.64/26: ~
"""
DELEGATED = f"""\
zone: 203.0.113.0/24
{HEAD}records:
  203.0.113.1: mail.example
delegations:
  203.0.113.64/26: {{ns: [ns.customer.example]}}
rrsets: |
  9     IN CNAME other.example.
  *.lab IN PTR   lab.example.
"""


@pytest.fixture
def resolver():
    """Give a resolver that knows what the names of ZONE lead to."""
    with FakeDns() as fake:
        fake.tell("mail.example.", "mail.example. 60 IN A 192.0.2.1")
        fake.tell("empty.example.", authority=[SOA])
        fake.tell("moved.example.", "moved.example. 60 IN A 198.51.100.7")
        fake.tell("sick.example.", rcode="SERVFAIL")
        fake.tell("circle.example.", "circle.example. 60 IN CNAME circle.example.")
        fake.tell("dangling.example.", "dangling.example. 60 IN CNAME gone.example.", rcode="NXDOMAIN")
        fake.tell("alias.example.", "alias.example. 60 IN CNAME mail8.example.", "mail8.example. 60 IN A 192.0.2.8")
        fake.tell("mail8.example.", "mail8.example. 60 IN A 192.0.2.8")
        for place, name in ((0, "192-0-2-0.dyn.example."), (1, "Mail.example."), (3, "empty.example.")):
            owner = f"{place}.2.0.192.in-addr.arpa."
            fake.tell(owner, f"{owner} 60 IN PTR {name}")
        yield fake


@pytest.fixture
def verify(tmp_path, capsys, resolver):
    """Run the command on the files that are given: `verify(*arguments, zones={…}, settings="…")`."""

    def run(*arguments, zones=None, resolvers=(resolver.endpoint,), settings=""):
        (tmp_path / "ptrd.yaml").write_text(f"zones: [zones]\n{settings}")
        (tmp_path / "zones").mkdir(exist_ok=True)
        for name, text in (zones or {"a.yaml": ZONE}).items():
            (tmp_path / "zones" / name).write_text(text)
        options = [f"--resolver={one}" for one in resolvers]
        code = int(main(["verify", "--config", str(tmp_path / "ptrd.yaml"), *options, *arguments]))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return run


def addresses_in(out):
    """Give the addresses that JSON output has, in order."""
    return [row["address"] for row in json.loads(out)]


def test_each_verdict_has_its_line(verify, resolver):
    """What is not confirmed, or has a remark, is told with what it leads to and what to do; the rest is counted."""
    code, out, err = verify()
    instead = "or give the address a name that leads to it"
    told = {
        "192.0.2.2: no_name": f"gone.example. does not exist; publish gone.example. A 192.0.2.2, {instead}",
        "192.0.2.3: no_address": f"empty.example. has no A record; publish empty.example. A 192.0.2.3, {instead}",
        "192.0.2.4: elsewhere": "moved.example. leads to 198.51.100.7, not to 192.0.2.4; "
        f"publish moved.example. A 192.0.2.4, {instead}",
        "192.0.2.5: no_answer": f"nothing is known of sick.example.: {resolver.endpoint} answers SERVFAIL; "
        "ask again later, or another resolver; look whether the servers of its zone answer",
        "192.0.2.6: broken_alias": "circle.example. is an alias (CNAME) that never ends: it leads through "
        "circle.example.; mend the alias, or replace it by circle.example. A 192.0.2.6",
        "192.0.2.7: broken_alias": "dangling.example. is an alias (CNAME) for gone.example., and gone.example. does "
        "not exist; mend the alias, or replace it by dangling.example. A 192.0.2.7",
        "192.0.2.8: remark": "alias.example. is an alias (CNAME) for mail8.example.; some mail servers distrust "
        "that in a host's name; give the address a name of its own that says what it does",
    }
    *lines, counts = out.splitlines()
    assert code == 1
    assert lines == [f"{what}: {sentence}" for what, sentence in told.items()]
    assert counts == (
        "9 names of 8 addresses: 3 confirmed, 1 no_name, 1 no_address, 1 elsewhere, 1 no_answer, 2 broken_alias; "
        "1 with remarks"
    )
    assert err.startswith("ptrd: managed records are not looked at: no server runs here")


def test_all_is_well(verify):
    """When every name is confirmed nothing but the counts is printed, and the status is 0; --strict minds remarks."""
    zone = {"a.yaml": f"zone: 192.0.2.0/24\n{HEAD}records: {{192.0.2.1: mail.example}}\n"}
    assert verify(zones=zone)[:2] == (0, "1 name of 1 address: 1 confirmed\n")
    assert verify("--strict", zones=zone)[0] == 0
    zone["a.yaml"] = zone["a.yaml"].replace("192.0.2.1: mail.example", "192.0.2.8: alias.example")
    code, out, _ = verify(zones=zone)
    assert code == 0 and out.endswith("\n1 name of 1 address: 1 confirmed; 1 with remarks\n")
    assert verify("--strict", zones=zone)[0] == 1


def test_nothing_to_verify(verify, resolver):
    """A configuration without names ends well, says so, and asks nobody."""
    zone = {"a.yaml": f"zone: 192.0.2.0/24\n{HEAD}"}
    assert verify(zones=zone)[:2] == (0, "nothing to verify: there is no record and no default name\n")
    assert json.loads(verify("-o", "json", zones=zone)[1]) == []
    assert verify("-o", "csv", zones=zone)[1].count("\n") == 1
    assert resolver.asked == []


def test_json_and_csv_hold_every_name(verify):
    """Programs get all names with the same fields, and the counts on standard error."""
    code, out, err = verify("-o", "json")
    rows = json.loads(out)
    assert code == 1 and len(rows) == 9
    assert "9 names of 8 addresses" in err
    assert rows[3] == {
        "address": "192.0.2.4",
        "name": "moved.example.",
        "source": "record",
        "verdict": "elsewhere",
        "reason": "moved.example. leads to 198.51.100.7, not to 192.0.2.4",
        "leads_to": ["198.51.100.7"],
        "remarks": [],
        "advice": "publish moved.example. A 192.0.2.4, or give the address a name that leads to it",
    }
    read = list(csv.DictReader(io.StringIO(verify("-o", "csv")[1])))
    assert [row["verdict"] for row in read] == [row["verdict"] for row in rows]
    assert list(read[0]) == list(rows[0])


def test_default_names_are_sampled(verify, resolver):
    """Of each range the first, the last and some between are asked, where the default name is what is answered."""
    zones = {"a.yaml": DEFAULTS}
    code, out, _ = verify("-o", "json", "--sample", "3", zones=zones)
    assert code == 1
    assert [(row["address"], row["name"]) for row in json.loads(out)] == [
        ("198.51.100.0", "first.example."),
        ("198.51.100.128", "p128.example."),
        ("198.51.100.191", "p191.example."),
        ("198.51.100.255", "p255.example."),
    ]
    assert addresses_in(verify("-o", "json", "--sample", "0", zones=zones)[1]) == ["198.51.100.0"]
    everything = addresses_in(verify("-o", "json", "--sample", "256", zones=zones)[1])
    assert len(everything) == len(set(everything)) == 1 + 63 + 128
    for place in range(128, 256):
        resolver.tell(f"p{place}.example.", f"p{place}.example. 60 IN A 198.51.100.{place}")
    assert verify("198.51.100.128/25", zones=zones)[:2] == (0, "16 names of 16 addresses: 16 confirmed\n")


def test_default_names_may_look_generic(verify, resolver):
    """That the name of a range looks generic is counted, not listed, unless the very address is asked for."""
    zones = {"a.yaml": f'zone: 192.0.2.0/24\n{HEAD}defaults: {{192.0.2.0/24: "{{ip}}.dyn.example"}}\n'}
    resolver.tell("192-0-2-0.dyn.example.", "192-0-2-0.dyn.example. 60 IN A 192.0.2.0")
    code, out, _ = verify("--sample", "1", "--strict", zones=zones)
    assert (code, out) == (0, "1 name of 1 address: 1 confirmed; 1 default name looking generic\n")
    code, out, _ = verify("--strict", "192.0.2.0", zones=zones)
    assert code == 1
    first, second, last = out.splitlines()
    assert first == "192.0.2.0: confirmed: 192-0-2-0.dyn.example. leads to 192.0.2.0"
    assert second.startswith("192.0.2.0: remark: 192-0-2-0.dyn.example. holds the address itself, as names of dial-up")
    assert last == "1 name of 1 address: 1 confirmed; 1 with remarks"


def test_what_is_not_answered_as_a_ptr_record_is_left_out(verify):
    """Aliases, delegated ranges and names that are no address are not looked at."""
    assert addresses_in(verify("-o", "json", zones={"a.yaml": DELEGATED})[1]) == ["203.0.113.1"]


def test_addresses_and_prefixes(verify):
    """ADDRESS is what is answered for it, PREFIX what lies within; what is named twice is asked once."""
    assert addresses_in(verify("-o", "json", "192.0.2.2/31", "192.0.2.3", "192.0.2.1")[1]) == [
        "192.0.2.3", "192.0.2.1", "192.0.2.2",
    ]  # fmt: skip
    assert verify("192.0.2.1")[:2] == (
        0,
        "192.0.2.1: confirmed: mail.example. leads to 192.0.2.1\n1 name of 1 address: 1 confirmed\n",
    )
    assert verify("-o", "json", "203.0.113.0/24")[:2] == (0, "[\n]\n")


def test_an_address_without_a_name(verify):
    """It is a verdict of its own, with a row for programs, and the status is 1."""
    code, out, _ = verify("192.0.2.77")
    assert code == 1
    line, counts = out.splitlines()
    assert line == (
        "192.0.2.77: no_record: 192.0.2.77 has no name, and mail servers refuse such an address: no record and no "
        "default range covers 192.0.2.77; give it a name: `ptrd ptr create` does, or a record or a default in its zone "
        "file"
    )
    assert counts == "0 names of 1 address: 0 confirmed, 1 no_record"
    code, out, _ = verify("-o", "json", "192.0.2.77", "192.0.2.1")
    assert code == 1
    assert [(row["address"], row["name"], row["verdict"]) for row in json.loads(out)] == [
        ("192.0.2.77", "", "no_record"),
        ("192.0.2.1", "mail.example.", "confirmed"),
    ]


def test_what_resolvers_tell_of_an_address_may_differ(verify, resolver):
    """That the world is told another name than the one that is answered here is a remark."""
    owner = "1.2.0.192.in-addr.arpa."
    for records, said in (([f"{owner} 60 IN PTR old.example."], "old.example."), ([], "that there is no name")):
        resolver.tell(owner, *records)
        code, out, _ = verify("192.0.2.1")
        assert code == 0
        assert out.splitlines()[1].startswith(f"192.0.2.1: remark: resolvers say {said}, not mail.example.: ")
        assert verify("--strict", "192.0.2.1")[0] == 1
    resolver.tell(owner, rcode="SERVFAIL")
    assert verify("--strict", "192.0.2.1")[0] == 0


def test_an_address_of_somebody_else(verify, resolver):
    """An address in no zone that is served here has the name that resolvers tell, aliases included."""
    resolver.tell(
        "1.113.0.203.in-addr.arpa.",
        "1.113.0.203.in-addr.arpa. 60 IN CNAME 1.0-25.113.0.203.in-addr.arpa.",
        "1.0-25.113.0.203.in-addr.arpa. 60 IN PTR far.example.",
    )
    resolver.tell("far.example.", "far.example. 60 IN A 203.0.113.1")
    code, out, err = verify("203.0.113.1")
    assert code == 0
    assert out.startswith("203.0.113.1: confirmed: far.example. leads to 203.0.113.1\n")
    assert "203.0.113.1 has no name here, so the one that resolvers tell is looked at: no zone that is served" in err
    resolver.tell("2.113.0.203.in-addr.arpa.", rcode="SERVFAIL")
    code, out, _ = verify("203.0.113.2")
    assert code == 1 and "nothing is known of 203.0.113.2: no zone that is served holds" in out
    assert "answers SERVFAIL" in out


def test_an_address_without_any_configuration(capsys, monkeypatch, resolver, tmp_path):
    """Whoever has no ptrd.yaml is told of an address, or a file, what resolvers say; a prefix needs one."""
    monkeypatch.setattr("ptrd.cli.verify.DEFAULT_CONFIG", str(tmp_path / "missing.yaml"))
    shared = [f"--resolver={resolver.endpoint}", "--config", str(tmp_path / "missing.yaml")]
    assert main(["verify", "192.0.2.1", *shared]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("192.0.2.1: confirmed: Mail.example. leads to 192.0.2.1\n")
    assert printed.err.endswith(": there is no configuration here\n")
    assert main(["verify", "192.0.2.0/24", *shared]) == 1
    assert "missing.yaml" in capsys.readouterr().err


def test_files(verify, tmp_path):
    """A zone file, a folder or a CSV file is looked at as it is, whatever is configured."""
    other = tmp_path / "other.yaml"
    other.write_text(DELEGATED)
    assert addresses_in(verify("-o", "json", str(other))[1]) == ["203.0.113.1"]
    listed = tmp_path / "records.csv"
    listed.write_text("address,names,ttl\n192.0.2.1,mail.example.,300\n192.0.2.8,mail8.example mail8.example.,300\n")
    code, out, err = verify(str(listed))
    assert (code, out, err) == (0, "2 names of 2 addresses: 2 confirmed\n", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "1: the file is empty; its first line is address,names"),
        ("address,name\n", "1: the first line names the columns, address and names among them"),
        ("address,names\n192.0.2.1\n", "2: the line has 1 fields, not 2"),
        ("address,names\n192.0.2.300,a.example\n", "2: '192.0.2.300' is no address"),
        ("address,names\n192.0.2.1,a..example\n", "2: 'a..example' is no host name"),
        ("address,names\n192.0.2.1,\n", "2: 192.0.2.1 has no names"),
        ('address,names\n192.0.2.1,"a.example\n', "2: this is no CSV: unexpected end of data"),
    ],
)
def test_a_csv_file_with_a_mistake_asks_nobody(verify, resolver, tmp_path, text, sentence):
    """The line and what is wrong with it are told before anything is asked."""
    path = tmp_path / "records.csv"
    path.write_text(text)
    code, out, err = verify(str(path))
    assert (code, out, resolver.asked) == (1, "", [])
    assert err.startswith(f"ptrd: {path}:{sentence}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nofile.yaml"], "there is no file 'nofile.yaml', and it is no address and no prefix either"),
        (["192.0.2.1/24"], "'192.0.2.1/24' has bits set beyond its length of 24; the prefix is 192.0.2.0/24"),
        (["192.0.2.0/33"], "has the prefix length '33'; it is a number from 0 to 32"),
        (["192.0.2.256"], "'192.0.2.256' is no address; write one such as 192.0.2.10"),
        (["2001:db8::/32/1"], "'2001:db8::/32/1' is no address"),
        (["--resolver", "dns.example"], "'dns.example' is no server; write an address, not a name"),
        (["--tries", "0"], "'0' is no number from 1 to 20"),
        (["--timeout", "soon"], "'soon' is no number from 0.05 to 60"),
        (["--at-once", "100000"], "'100000' is no number from 1 to 800"),
        (["--sample", "-1"], "'-1' is no number from 0 to 10000"),
    ],
)
def test_a_wrong_command_line(verify, resolver, arguments, sentence):
    """What cannot be meant ends with 2 and says what would be right."""
    code, out, err = verify(*arguments)
    assert (code, out, resolver.asked) == (2, "", [])
    assert sentence in err


def test_zone_files_with_mistakes(verify, resolver):
    """Each problem is told with its place, and nobody is asked."""
    for arguments in ([], ["192.0.2.0/24"], ["192.0.2.1"]):
        code, out, err = verify(*arguments, zones={"a.yaml": ZONE.replace("soa:", "sao:")})
        assert (code, out, resolver.asked) == (1, "", [])
        assert "/a.yaml:2:1: error: " in err


def test_no_resolver_answers(verify):
    """A resolver that is not there, or says nothing, ends it with 3, one sentence, and no verdicts."""
    port = free_port()
    for output in ("table", "json", "csv"):
        code, out, err = verify("-o", output, resolvers=[f"127.0.0.1:{port}"])
        assert (code, out) == (3, "")
        assert err.splitlines()[-1] == (
            f"ptrd: no resolver answered: 127.0.0.1:{port} cannot be asked: Connection refused; "
            "name one that does with --resolver ADDRESS[:PORT], or as resolvers in ptrd.yaml"
        )


def test_silence_ends_before_all_has_been_tried(verify, resolver, tmp_path):
    """When the first names get no answer at all, the others are given up with them."""
    rows = [f"10.0.{n >> 8}.{n & 255},h{n}.example" for n in range(3000)]
    (tmp_path / "many.csv").write_text("\n".join(["address,names", *rows]))
    for n in range(3000):
        resolver.tell_by(f"h{n}.example.", lambda _query, _way: [])
    code, out, err = verify(str(tmp_path / "many.csv"), "--timeout", "0.05", "--tries", "1", "--at-once", "8")
    assert (code, out) == (3, "")
    assert "did not answer within 0.05 s" in err
    assert len(resolver.asked) < 200


def test_the_resolvers_of_the_configuration(verify, resolver):
    """Without --resolver those of ptrd.yaml are asked, the second when the first is dead."""
    settings = f'resolvers: ["127.0.0.1:{free_port()}", "{resolver.endpoint}"]\n'
    code, out, _ = verify("192.0.2.1", resolvers=(), settings=settings)
    assert (code, out.splitlines()[-1]) == (0, "1 name of 1 address: 1 confirmed")


def test_many_names_are_streamed_in_order(verify, resolver, tmp_path):
    """More names than are begun at a time come out whole, each once, in the order of the file."""
    rows = [f"10.0.{n >> 8}.{n & 255},h{n}.example" for n in range(300)]
    path = tmp_path / "many.csv"
    path.write_text("\n".join(["address,names", *rows, rows[0]]))
    code, out, _ = verify(str(path), "-o", "json", "--at-once", "4")
    assert code == 1
    assert [row["name"] for row in json.loads(out)] == [f"h{n}.example." for n in range(300)]
    assert len(resolver.asked) == 300


def test_managed_records_replace_those_of_files(shop, resolver):
    """With a server running, its managed records are looked at, and what they replace in zone files is not."""
    (shop.folder / "zones").mkdir(exist_ok=True)
    (shop.folder / "zones" / "a.yaml").write_text(
        f"zone: 192.0.2.0/24\n{HEAD}records: {{192.0.2.10: gone.example, 192.0.2.1: mail.example}}\n"
    )
    shop.do("ptr", "create", "192.0.2.10", "new.example")
    resolver.tell("new.example.", "new.example. 60 IN A 192.0.2.10")
    for arguments in ([], ["192.0.2.0/24"]):
        code, out, err = shop.run("verify", f"--resolver={resolver.endpoint}", "-o", "csv", *arguments)
        assert code == 0
        assert [line.split(",")[:4] for line in out.splitlines()[1:]] == [
            ["192.0.2.10", "new.example.", "managed", "confirmed"],
            ["192.0.2.1", "mail.example.", "record", "confirmed"],
        ]
        assert err == "ptrd: 2 names of 2 addresses: 2 confirmed\n"
