"""`ptrd ptr import` and `export`: files go in by chunks, and what comes out changes nothing on its way in."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest
import yaml

from tests.control.fakelink import address

CSV = """\
address,names,ttl,description,tags
192.0.2.10,mail.example.com.,600,"the mail, here",env=prod;team=a b
2001:db8:1::2,two.example.com. also.example.com.,300,,
"""


class Bytes(io.TextIOWrapper):
    """Standard input."""

    def __init__(self, text):
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


@pytest.fixture
def file(shop):
    """Write a file into the server's folder: `file(text)` gives its path."""

    def write(text, name="records.csv"):
        path = shop.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_what_is_exported_can_be_imported(shop, file):
    """An export in each format, imported again, changes nothing; a file that is imported is what is exported."""
    assert shop.do("ptr", "import", file(CSV)) == "2 created, 0 modified, 0 unchanged\n"
    assert shop.link.says("2001:db8:1::2") == ("two.example.com.", "also.example.com.")
    assert shop.do("ptr", "export") == CSV
    shop.do("ptr", "create", "2001:db8:1::3", "x.example.com", "--description", 'a\n"b" #: - ~', "--tag", "x=yes")
    body = {"address": "2001:db8:1:0:1:1:1:1", "names": ["y.example.com"], "tags": {"a=b": "c=d", "e": " f "}}
    with_equals = json.dumps({"operations": [{"op": "create", **body}]})
    shop.ask("POST", "/api/v1/ptrs:bulk", with_equals)
    revision = shop.link.revision
    for name in ("a.csv", "a.yaml", "a.yml", "a.json"):
        path = str(shop.folder / name)
        shop.do("ptr", "export", path)
        assert shop.do("ptr", "import", path) == "0 created, 0 modified, 4 unchanged\n"
    assert yaml.safe_load((shop.folder / "a.yaml").read_text()) == json.loads((shop.folder / "a.json").read_text())
    assert shop.link.revision == revision
    exported = shop.do("ptr", "export", "--within", "2001:db8:1::/64")
    addresses = [row[0] for row in csv.reader(io.StringIO(exported, newline=""))]
    assert addresses == ["address", "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1:0:1:1:1:1"]


def test_an_import_changes_only_what_differs(shop, file, monkeypatch):
    """Of a file only what is new or other is sent; a column that is not there, and an empty TTL, change nothing."""
    shop.do("ptr", "import", file(CSV))
    monkeypatch.setattr(
        sys, "stdin", Bytes("names,address,ttl\nnew.example.com,192.0.2.10,\nc.example.com,192.0.2.11,\n")
    )
    done = json.loads(shop.do("ptr", "import", "-", "--wait", "-o", "json"))
    assert {key: done[key] for key in ("dry_run", "created", "modified", "unchanged")} == {
        "dry_run": False, "created": 1, "modified": 1, "unchanged": 0,
    }  # fmt: skip
    assert done["changes"][0]["after"]["names"] == ["new.example.com."]
    record = json.loads(shop.do("ptr", "show", "192.0.2.10", "-o", "json"))
    assert (record["ttl"], record["description"], record["tags"]) == (
        600,
        "the mail, here",
        {"env": "prod", "team": "a b"},
    )
    text = (
        "- {address: 192.0.2.10, names: [a.example.com], tags: {}}\n- address: 2001:DB8:1::2\n  names: b.example.com\n"
    )
    assert shop.do("ptr", "import", file(text, "b.yaml")) == "0 created, 2 modified, 0 unchanged\n"
    assert shop.link.says("192.0.2.10") == ("a.example.com.",)
    assert json.loads(shop.do("ptr", "show", "192.0.2.10", "-o", "json"))["tags"] == {}


def test_a_dry_run_says_what_an_import_would_do(shop, file):
    """--dry-run shows each record that would change, and how many, and changes nothing."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--ttl", "600")
    revision = shop.link.revision
    assert shop.do("ptr", "import", file(CSV), "--dry-run") == (
        "would modify 192.0.2.10\n+ description: the mail, here\n+ tags: env=prod;team=a b\n"
        "would create 2001:db8:1::2\n+ names: two.example.com. also.example.com.\n+ ttl: 300\n"
        "1 would be created, 1 would be modified, 0 unchanged\n"
    )
    assert shop.do("ptr", "import", file(CSV), "--dry-run", "-o", "csv") == (
        "dry_run,created,modified,unchanged\nyes,1,1,0\n"
    )
    assert shop.link.revision == revision


def test_a_long_file_goes_in_chunks(shop, file):
    """A file of more records than a request takes goes in several, each of them one revision; nothing is left out."""
    shop.do("account", "quota", "acme", "5000")
    lines = [f"2001:db8:1::{number:x},host-{number}.example.com" for number in range(1, 1201)]
    revision = shop.link.revision
    shop.sent.clear()
    path = file("address,names\n" + "\n".join(lines) + "\n")
    assert shop.do("ptr", "import", path) == "1200 created, 0 modified, 0 unchanged\n"
    assert shop.link.revision == revision + 3 and len(shop.sent) == 6
    assert len(shop.do("ptr", "list", "-o", "csv").splitlines()) == 1201
    assert shop.do("ptr", "import", path) == "0 created, 0 modified, 1200 unchanged\n"
    assert shop.link.revision == revision + 3


def test_what_the_server_refuses_is_told_by_its_line(shop, file):
    """Every line that the server would refuse is told before anything is changed."""
    text = "address,names\n192.0.2.10,ok.example.com\n\n192.0.2.99,x.example.com\n192.0.2.11,nodots\n"
    path = file(text)
    assert shop.refused("ptr", "import", path) == (
        f"{path}:4: there is no such EIP in this project\n"
        f"{path}:5: 'nodots' is one label; write a whole name such as mail.example.com\n"
        "ptrd: nothing was changed: the server refuses what the file says\n"
    )


def test_an_import_that_stops_says_how_far_it_came(shop, file):
    """When a quota ends an import between two chunks, what is done is told, and stays."""
    shop.do("account", "quota", "acme", "600")
    lines = [f"2001:db8:1::{number:x},host-{number}.example.com" for number in range(1, 801)]
    path = file("address,names\n" + "\n".join(lines) + "\n")
    code, out, err = shop.run("ptr", "import", path)
    assert (code, out) == (1, "") and f"{path}:602: the account has 600 of 600 PTR records" in err
    assert err.endswith("ptrd: 500 of 800 changes are done; import the file again for the others\n")
    assert shop.link.says("2001:db8:1::1f4") and not shop.link.says("2001:db8:1::1f5")


def test_waiting_for_an_import(shop, file):
    """--wait ends with 4 when not all of the file is live in time."""
    shop.link.live = shop.link.revision
    code, out, err = shop.run("ptr", "import", file(CSV), "--wait", "0.1")
    assert (code, out) == (4, "2 created, 0 modified, 0 unchanged\n") and "not all is live after 0.1 s" in err
    assert shop.link.dns[address("192.0.2.10")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: the file is empty; its first line is address,names,ttl,description,tags"),
        ("address\n192.0.2.10\n", "1: names is missing; the first line names the columns: address,names"),
        ("address,names,colour\n", "1: there is no 'colour': a record has address, names, ttl"),
        ("address,names,names\n", "1: names stands twice; write it once"),
        ("address,names\n192.0.2.10\n", "2: the line has 1 fields, not 2"),
        ("address,names\n192.0.2.300,x.example.com\n", "2: '192.0.2.300' is no address"),
        ("address,names\n192.0.2.10,\n", "2: names is empty; `ptrd ptr delete` deletes a record"),
        ("address,names,ttl\n192.0.2.10,x.example.com,1h\n", "2: ttl is a number of seconds, not '1h'"),
        ("address,names,tags\n192.0.2.10,x.example.com,env\n", "2: tags is written key=value;key=value, not 'env'"),
        ("address,names,tags\n192.0.2.10,x.example.com,a=1;a=2\n", "2: the tag a stands twice; write it once"),
        ("address,names,tags\n192.0.2.10,x.example.com,{\n", "2: tags is no JSON object of texts"),
        ('address,names\n192.0.2.10,"x\n', "2: this is no CSV: unexpected end of data"),
        (
            "address,names\n192.0.2.10,x.example.com\n192.0.2.10,y.example.com\n",
            "3: 192.0.2.10 stands also in line 2; write it once",
        ),
    ],
)
def test_a_mistake_in_a_csv_file(shop, file, text, complaint):
    """A mistake is told by its line, and nothing is sent."""
    shop.sent.clear()
    path = file(text)
    err = shop.refused("ptr", "import", path)
    assert err.startswith(f"{path}:{complaint}")
    assert err.endswith("ptrd: nothing was changed: the file has mistakes\n") and shop.sent == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: the file is a list of records, each with address and names"),
        ("address: 192.0.2.10\n", "1: the file is a list of records"),
        ("- 192.0.2.10\n", "1: a record: this is no mapping; write keys and values"),
        ("- {address: 192.0.2.10}\n", "1: names is missing"),
        ("- {address: 192.0.2.10, names: [[x]]}\n", "1: a name is one text"),
        ("\n- {address: 192.0.2.10, names: x.example.com, names: y}\n", "2: names stands twice"),
        ("- {address: 192.0.2.10, names: x.example.com, tags: [a]}\n", "1: tags: this is no mapping"),
        ("- {address: 192.0.2.10, names: x.example.com, nams: y}\n", "1: there is no 'nams'"),
        ("- {address: 192.0.2.10\n- b\n", "3: this is no YAML: "),
        ("- &a [*a]\n", "1: a record: this is no mapping"),
        ("[" * 5000, "1: this is no YAML: "),
    ],
)
def test_a_mistake_in_a_yaml_file(shop, file, text, complaint):
    """A mistake is told by its line, and nothing is sent."""
    path = file(text, "records.yaml")
    assert shop.refused("ptr", "import", path).startswith(f"{path}:{complaint}")


def test_a_file_that_cannot_be_read_or_written(shop, file):
    """A file that is not there, is no text, or may not be written is a sentence."""
    assert shop.refused("ptr", "import", "/nonexistent/a.csv") == (
        "ptrd: cannot read /nonexistent/a.csv: No such file or directory\n"
    )
    assert "is no text in UTF-8" in shop.refused("ptr", "import", file(b"\xff\xfe"))
    assert shop.refused("ptr", "export", "/nonexistent/a.csv") == (
        "ptrd: cannot write /nonexistent/a.csv: No such file or directory\n"
    )
    assert "invalid choice: 'xml'" in shop.refused("ptr", "export", "-o", "xml", status=2)
    assert "nobody" in shop.refused("ptr", "export", "--project", "nobody")
    assert "required: FILE" in shop.refused("ptr", "import", status=2)


def test_a_progress_bar_is_for_a_terminal(shop, file, monkeypatch):
    """Bulk work shows on a terminal at standard error how far it is, and clears that away when it ends."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    assert shop.run("ptr", "import", file(CSV))[0] == 0
    assert "changing [##############################] 2/2" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")
