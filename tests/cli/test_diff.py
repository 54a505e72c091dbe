"""`ptrd diff`: files, name servers and what is live are compared, and the exit status says how that went."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from contextlib import contextmanager

import pytest

from ptrd.cli import main
from tests.client.primary import KEY, SIGNED, Primary, make_message, ptr, soa, wires
from tests.peers.nsd import NsdServer
from tests.peers.process import free_port
from tests.store.zonetexts import HEAD

ZONE = f"zone: 192.0.2.0/24\n{HEAD}records:\n  192.0.2.1: a.example.net\n  192.0.2.2: b.example.net\n"
DEFAULTS = 'defaults: {192.0.2.8/30: "{ip}.dyn.example.net"}\n'
OTHER = ZONE.replace("192.0.2", "192.0.3")
ORIGIN = "2.0.192.in-addr.arpa"
MASTER = f"""\
$ORIGIN {ORIGIN}.
$TTL 1h
@ IN SOA ns1.example.net. hostmaster.example.net. 5 4h 1h 14d 5m
@ IN NS NS1.example.net.
1 IN PTR a.example.net.
2 IN PTR b.example.net.
"""


@pytest.fixture
def diff(tmp_path, capsys, monkeypatch):
    """Write files {name: text} and compare two sides: (exit status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    secret = base64.b64encode(KEY.secret).decode()
    (tmp_path / "ptrd.yaml").write_text(f"keys: {{xfer.example: {{algorithm: hmac-sha256, secret: {secret}}}}}\n")

    def run(a, b, *arguments, files=None, config="ptrd.yaml"):
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        capsys.readouterr()
        code = int(main(["diff", a, b, *arguments, "--config", config]))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@contextmanager
def primary(answer):
    """Run a scripted primary in a thread of its own; give its address and port."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    found, done = [], asyncio.Event()

    async def serve():
        async with Primary(answer) as server:
            found.append(str(server.endpoint))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()


def test_what_differs_is_printed_by_name(diff):
    """Lines of - and + in canonical order, first what is gone, then a summary; the status is 1."""
    other = MASTER.replace("2 IN PTR b", "2 60 IN PTR b").replace("1 IN PTR a", "1 IN PTR x")
    other += "10 IN PTR ten.example.\n"
    code, out, err = diff("a.zone", "b.zone", files={"a.zone": MASTER, "b.zone": other})
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "--- a.zone",
        "+++ b.zone",
        f"- 1.{ORIGIN}. 3600 IN PTR a.example.net.",
        f"+ 1.{ORIGIN}. 3600 IN PTR x.example.net.",
        f"+ 10.{ORIGIN}. 3600 IN PTR ten.example.",
        f"- 2.{ORIGIN}. 3600 IN PTR b.example.net.",
        f"+ 2.{ORIGIN}. 60 IN PTR b.example.net.",
        "2 records removed, 3 records added",
    ]


def test_json_has_the_same(diff):
    """Programs get records as objects, the serials, and whether the two are the same."""
    other = MASTER.replace("hostmaster", "root").replace(" 5 4h", " 6 4h")
    code, out, _ = diff("a.zone", "b.zone", "-o", "json", files={"a.zone": MASTER, "b.zone": other})
    told = json.loads(out)
    assert code == 1 and not told["same"] and told["serials"] == [5, 6]
    assert told["removed"] == [
        {"owner": f"{ORIGIN}.", "ttl": 3600, "type": "SOA",
         "data": "ns1.example.net. hostmaster.example.net. SERIAL 14400 3600 1209600 300"}
    ]  # fmt: skip
    assert [row["data"].split()[1] for row in told["added"]] == ["root.example.net."]


def test_serials_case_and_order_do_not_count(diff):
    """Another serial is noted; capitals, the order of records and the notation make no difference."""
    lines = MASTER.replace(" 5 4h", " 77 14400").replace("a.example", "A.Example").splitlines()
    other = "\n".join([*lines[:3], *reversed(lines[3:])]) + "\n"
    code, out, _ = diff("a.zone", "b.zone", files={"a.zone": MASTER, "b.zone": other})
    assert (code, out) == (0, "no differences; the serials, 5 and 77, are not counted\n")


def test_yaml_is_compared_with_a_master_file(diff):
    """YAML and the master file that says the same are the same; default names are then written out."""
    files = {"a.yaml": ZONE + DEFAULTS, "b.zone": MASTER}
    code, out, _ = diff("a.yaml", "b.zone", files=files)
    assert code == 1
    assert [line for line in out.splitlines()[2:] if line[0] in "-+"] == [
        f"- {octet}.{ORIGIN}. 3600 IN PTR 192-0-2-{octet}.dyn.example.net." for octet in (10, 11, 8, 9)
    ]
    assert diff("a.yaml", "b.zone", "--defaults", "omit")[0] == 0
    assert diff("b.zone", "zones", "--defaults", "omit", files={"zones/a.yaml": ZONE, "zones/b.yaml": OTHER})[0] == 0
    (code, _, err) = diff("a.yaml", "b.zone", config="other.yaml", files={"other.yaml": "transfer: {expand: 3}\n"})
    assert code == 2 and "a.yaml has 4 default host names, more than `transfer.expand` (3)" in err


def test_two_zone_files_are_compared_by_their_templates(diff):
    """Between two files of ptrd a template is one line, however many names it makes; --defaults expand writes them."""
    files = {"a.yaml": ZONE + DEFAULTS, "b.yaml": ZONE + DEFAULTS.replace("dyn", "pool")}
    code, out, _ = diff("a.yaml", "b.yaml", files=files)
    assert code == 1 and out.splitlines()[2:4] == [
        '- default 192.0.2.8/30 1h "{ip}.dyn.example.net"',
        '+ default 192.0.2.8/30 1h "{ip}.pool.example.net"',
    ]
    assert out.splitlines()[4].startswith("1 range removed, 1 range added")
    assert "4 records removed, 4 records added" in diff("a.yaml", "b.yaml", "--defaults", "expand")[1]
    assert diff("a.yaml", "b.yaml", "--defaults", "omit")[0] == 0


def test_a_name_server_is_compared_by_axfr(diff):
    """NSD's zone is fetched and compared; a refusal, and a server that is not there, are no difference."""
    with NsdServer({ORIGIN: MASTER}) as nsd:
        server = f"127.0.0.1:{nsd.port}"
        assert diff("a.yaml", f"axfr:192.0.2.0/24@{server}", files={"a.yaml": ZONE})[0] == 0
        code, out, _ = diff(f"axfr:{ORIGIN}@{server}", "a.yaml", files={"a.yaml": ZONE.replace("b.", "c.")})
        assert code == 1 and f"- 2.{ORIGIN}. 3600 IN PTR b.example.net." in out
        code, out, err = diff(f"axfr:other.example@{server}", f"axfr:other.example@{server}")
        assert (code, out) == (2, "") and "is not authoritative for other.example." in err
    code, out, err = diff("a.yaml", f"axfr:{ORIGIN}@127.0.0.1:{free_port()}")
    assert (code, out) == (3, "") and "cannot be reached: Connection refused" in err


def test_axfr_is_signed_with_a_key_of_the_configuration(diff):
    """--key signs; a transfer that breaks off is no zone, and is not compared."""
    lines = [soa(5).replace(" 1 1 1 1", " 14400 3600 1209600 300"), f"{ORIGIN}. 3600 IN NS ns1.example.net.",
             ptr(1, "a.example.net."), ptr(2, "b.example.net.")]  # fmt: skip

    def answer(query):
        if not query.had_tsig:
            return [make_message(query, rcode=5).to_wire()]
        return wires(query, lines, [lines[0]], key=SIGNED)

    with primary(answer) as server:
        side = f"axfr:{ORIGIN}@{server}"
        assert diff("a.zone", side, "--key", "xfer.example", files={"a.zone": MASTER})[0] == 0
        code, _, err = diff("a.zone", side)
        assert code == 2 and "allow this machine's address, or use a key" in err
        code, _, err = diff("a.zone", side, "--key", "nokey")
        assert code == 2 and "there is no key nokey in `keys` of ptrd.yaml; there are: xfer.example" in err
    with primary(lambda query: wires(query, lines)) as server:
        code, out, err = diff("a.zone", f"axfr:{ORIGIN}@{server}")
        assert (code, out) == (2, "") and "ended in the middle" in err


def test_what_is_live_is_compared(api_server, capsys):
    """live: has the managed records; against the zone files it shows just them."""

    def run(*arguments):
        code = int(main([*map(str, arguments), "--config", str(api_server.config)]))
        return code, *capsys.readouterr()

    assert run("ptr", "create", "192.0.2.10", "mail.example.com", "--ttl", "300", "--wait")[0] == 0
    four = api_server.zone_folder / "four.yaml"
    code, out, _ = run("diff", four, "live:192.0.2.0/24")
    assert code == 1 and out.splitlines()[2:-1] == [f"+ 10.{ORIGIN}. 300 IN PTR mail.example.com."]
    code, out, _ = run("diff", four, f"live:{ORIGIN}", "--defaults", "expand")
    assert out.splitlines()[2:-1] == [
        f"- 10.{ORIGIN}. 3600 IN PTR 192-0-2-10.dyn.example.net.",
        f"+ 10.{ORIGIN}. 300 IN PTR mail.example.com.",
    ]
    assert run("diff", f"live:{ORIGIN}", f"live:{ORIGIN}")[0] == 0
    assert run("diff", four, "live:198.51.100.0/24")[0] == 2
    api_server.stop()
    code, out, err = run("diff", four, f"live:{ORIGIN}")
    assert (code, out) == (3, "") and "no server runs here" in err


@pytest.mark.parametrize(
    ("a", "b", "arguments", "sentence"),
    [
        ("missing.zone", "a.zone", (), "missing.zone cannot be read: No such file or directory"),
        ("missing.yaml", "a.zone", (), "missing.yaml cannot be compared: it has errors"),
        ("bad.zone", "a.zone", (), "bad.zone:3:10: error: the data of SOA"),
        ("bad.yaml", "a.zone", (), "the key `soa` is missing"),
        ("axfr:x", "a.zone", (), "'axfr:x' says no server; write axfr:2.0.192.in-addr.arpa@192.0.2.53"),
        ("axfr:x@host", "a.zone", (), "'host' is no server"),
        ("live:", "a.zone", (), "'live:' says no zone"),
        ("a.zone", "a.zone", ("--zone", "192.0.2.0/25"), "192.0.2.0/25 is the prefix of no reverse zone"),
        ("two.yaml", "two.yaml", (), "which zone of two.yaml is meant? Write `--zone` with one of: "),
        ("relative.zone", "relative.zone", (), "which zone is relative.zone? Write `--zone NAME`"),
        ("other.zone", "a.zone", (), "other.example. and 2.0.192.in-addr.arpa. are different zones"),
        ("a.zone", "axfr:other.example@127.0.0.1", ("--zone", ORIGIN), "are different zones"),
    ],
)
def test_what_cannot_be_compared_is_no_difference(diff, a, b, arguments, sentence):
    """Whatever keeps from comparing is a sentence and status 2, never 1."""
    files = {
        "a.zone": MASTER,
        "bad.zone": MASTER.replace("@ IN SOA", "@ IN SOA x"),
        "other.zone": MASTER.replace(ORIGIN, "other.example"),
        "relative.zone": MASTER.partition("\n")[2],
        "bad.yaml": "zone: 192.0.2.0/24\nns: [a.example]\n",
        "two.yaml": f"{ZONE}---\n{OTHER}",
    }
    code, out, err = diff(a, b, *arguments, files=files)
    assert (code, out) == (2, "") and sentence in err
    assert diff("two.yaml", "a.zone")[0] == 0


def test_colours_are_for_a_terminal(diff, monkeypatch):
    """On a terminal removed lines are red and added ones green, unless NO_COLOR is set."""
    files = {"a.zone": MASTER, "b.zone": MASTER.replace("a.example", "x.example")}
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    out = diff("a.zone", "b.zone", files=files)[1]
    assert f"\x1b[31m- 1.{ORIGIN}." in out and f"\x1b[32m+ 1.{ORIGIN}." in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in diff("a.zone", "b.zone")[1]


def test_what_secondaries_get_is_what_is_live(ptrd_server, capsys):
    """AXFR from ptrd, signed, is the live zone with its default names written out, in as many messages as it takes."""
    secret = base64.b64encode(KEY.secret).decode()
    zone = f"zone: 10.2.0.0/16\n{HEAD}defaults: {{10.2.0.0/20: '{{ip}}.dyn.example.net', 10.2.3.0/24: ~}}\n"
    zone += "records: {10.2.0.7: seven.example.net}\ntransfer: {allow: [xfer.example], defaults: expand}\n"
    settings = f"keys: {{xfer.example: {{algorithm: hmac-sha256, secret: {secret}}}}}\n"
    server = ptrd_server({"ten.yaml": zone}, settings=settings, origins=["2.10.in-addr.arpa"])

    def run(*arguments):
        code = int(main([*map(str, arguments), "--config", str(server.config)]))
        return code, *capsys.readouterr()

    side = f"axfr:10.2.0.0/16@127.0.0.1:{server.port}"
    assert run("diff", "live:10.2.0.0/16", side, "--key", "xfer.example") == (0, "no differences\n", "")
    code, out, _ = run("diff", "live:10.2.0.0/16", side, "--key", "xfer.example", "--defaults", "omit")
    assert code == 1 and out.splitlines()[-1] == f"{15 * 256 - 1} records added"
    code, _, err = run("diff", "live:10.2.0.0/16", side)
    assert code == 2 and "refuses 2.10.in-addr.arpa." in err
