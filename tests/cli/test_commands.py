"""The command line, by call: what each command prints and how it ends, with no server or with one that is played."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from ptrd import __version__
from ptrd.cli import main

ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
records:
  192.0.2.10: mail.example.net
  192.0.2.66: lab.example.net
defaults:
  192.0.2.0/25: "{ip}.dyn.example.net"
  192.0.2.64/26: ~
"""
BROKEN = ZONE.replace("192.0.2.10:", "192.0.3.10:").replace("soa:", "sao:")


@pytest.fixture
def site(tmp_path):
    """Give a folder with ptrd.yaml and one zone file."""
    (tmp_path / "ptrd.yaml").write_text("zones: [zones]\n")
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "a.yaml").write_text(ZONE)
    return tmp_path


@pytest.fixture
def run(site, capsys):
    """Run a command on that folder's configuration: (exit status, standard output, standard error)."""

    def run_command(*arguments):
        code = main([*arguments, "--config", str(site / "ptrd.yaml")])
        return int(code), *capsys.readouterr()

    return run_command


@pytest.fixture
def played_server(site):
    """Play a server on the control socket: `played_server(reply, ...)` answers one request each, and keeps them."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    (site / "state").mkdir()
    listener.bind(str(site / "state" / "control.sock"))
    listener.listen()
    requests = []
    threads = []

    def play(*replies):
        def serve():
            for reply in replies:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as lines:
                    requests.append(json.loads(lines.readline()))
                    connection.sendall(reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n")

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return requests

    yield play
    for thread in threads:
        thread.join(5)
    listener.close()


def test_version(capsys):
    """`ptrd --version` prints name and version, and ends well."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ptrd {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "check", "lookup", "reload", "status"])
def test_each_command_helps(command, capsys):
    """`--help` of each command says what it does, and the general help lists it."""
    assert main([command, "--help"]) == 0
    assert "--config FILE" in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert f"\n    {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["bogus"], ["lookup"], ["check", "--bogus"], ["status", "-o", "xml"], ["--conf", "x", "status"]]
)
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    """A command line that cannot be meant ends with 2 and says on standard error how it is used."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("usage: ptrd")


def test_config_stands_before_or_after_the_command(site, capsys):
    """`--config` means the same on either side of the command, and the later one wins."""
    path = str(site / "ptrd.yaml")
    for arguments in (
        ["--config", path, "check"],
        ["check", "--config", path],
        ["--config", "/x", "check", "--config", path],
    ):
        assert main(arguments) == 0
        assert capsys.readouterr().out == "1 file: 1 zone, 2 records, 1 range; no problems\n"


def test_check_prints_all_problems(run, site):
    """`ptrd check` prints each problem of each file, with its place, and ends with 1."""
    (site / "zones" / "b.yaml").write_text(BROKEN)
    code, out, err = run("check")
    lines = out.splitlines()
    assert code == 1 and err == ""
    assert lines[-1] == f"{len(lines) - 1} errors"
    assert all(line.startswith(f"{site}/zones/b.yaml:") and ": error: " in line for line in lines[:-1])
    assert any(":2:1: " in line and "'sao'" in line for line in lines)


def test_check_as_json(run, site):
    """`ptrd check -o json` prints one object: ok, the problems, and what was found."""
    code, out, _ = run("check", "-o", "json")
    found = {"files": 1, "zones": 1, "records": 2, "ranges": 1}
    assert code == 0 and json.loads(out) == {"ok": True, "problems": [], "result": found}
    (site / "zones" / "a.yaml").write_text(BROKEN)
    code, out, _ = run("check", "-o", "json")
    assert code == 1 and json.loads(out)["ok"] is False and len(json.loads(out)["problems"]) >= 2


def test_a_warning_is_no_error(run, site):
    """A warning is printed, counted, and leaves the exit status 0."""
    (site / "zones" / "a.yaml").write_text(ZONE + "  192.0.2.192/26: ~\n")
    code, out, _ = run("check")
    assert code == 0 and ": warning: " in out and out.endswith("; 1 warning\n")


def test_check_takes_files_as_the_whole_set(site, capsys):
    """With FILEs no configuration is read, and places are as the files were named."""
    (site / "zones" / "b.yaml").write_text(BROKEN)
    assert main(["check", str(site / "zones" / "a.yaml"), "--config", "/nonexistent"]) == 0
    assert main(["check", str(site / "zones"), "--config", "/nonexistent"]) == 1
    assert main(["check", str(site / "missing.yaml")]) == 1
    assert f"{site}/missing.yaml:1:1: error: " in capsys.readouterr().out


def test_a_bad_configuration_is_told_by_every_command(run, site):
    """A mistake in ptrd.yaml ends each command with 1, with its place and no traceback."""
    (site / "ptrd.yaml").write_text("zones: [zones]\nhtpt: x\n")
    for arguments in (["check"], ["serve"], ["status"], ["reload"], ["lookup", "192.0.2.10"]):
        code, out, err = run(*arguments)
        assert code == 1
        assert f"{site}/ptrd.yaml:2:1: error: unknown key 'htpt'; did you mean 'http'?" in (out + err).splitlines()


def test_no_server_is_status_3(run, site):
    """Where nothing answers on the control socket, `reload` and `status` end with 3 and say where they asked."""
    for command in ("reload", "status"):
        code, out, err = run(command)
        assert (code, out) == (3, "")
        assert err == f"ptrd: no server runs here: nothing answers on {site}/state/control.sock\n"


def test_lookup_without_a_server_reads_the_files(run, site):
    """Where no server runs, `ptrd lookup` answers from the zone files and says so."""
    code, out, err = run("lookup", "192.0.2.10")
    assert (code, err) == (0, "")
    assert "10.2.0.192.in-addr.arpa. 3600 IN PTR mail.example.net." in out
    assert f"{site}/zones/a.yaml:5" in out
    assert "the zone files; no server runs here" in out


def test_lookup_says_why(run, site):
    """A made name is told with its range and template; a missing one with what took it away."""
    assert (
        f"192.0.2.0/25 with template '{{ip}}.dyn.example.net' in {site}/zones/a.yaml:8:3"
        in run("lookup", "192.0.2.1")[1]
    )
    code, out, _ = run("lookup", "192.0.2.65")
    assert code == 0 and "NXDOMAIN" in out and "192.0.2.64/26" in out
    assert "no record and no default range covers 192.0.2.200" in run("lookup", "192.0.2.200")[1]
    assert "REFUSED" in run("lookup", "www.example.org")[1]


def test_lookup_as_json(run):
    """`ptrd lookup -o json` prints one object that says who was asked."""
    result = json.loads(run("lookup", "192.0.2.10", "--type", "ptr", "-o", "json")[1])
    assert (result["rcode"], result["type"], result["source"]) == ("NOERROR", "PTR", "record")
    assert result["asked"].startswith("the zone files; ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["192.0.2.0/24"], "'192.0.2.0/24' is a prefix; write one address"),
        (["2001:db8::g"], "'2001:db8::g' is no address"),
        (["a..b"], "'a..b' is neither an address nor a name"),
        (["192.0.2.1", "--type", "FOO"], "'FOO' is no record type"),
    ],
)
def test_a_question_that_cannot_be_asked(run, arguments, sentence):
    """An argument that is no address, name or type ends with 1 and one sentence."""
    code, out, err = run("lookup", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"ptrd: {sentence}") and err.count("\n") == 1


def test_lookup_with_broken_files_and_no_server(run, site):
    """Where neither a server nor good files answer, the problems are printed and the exit status is 1."""
    (site / "zones" / "a.yaml").write_text(BROKEN)
    code, out, err = run("lookup", "192.0.2.10")
    assert (code, out) == (1, "")
    assert f"{site}/zones/a.yaml:2:1: error: " in err


def test_lookup_asks_the_server_first(run, played_server, site):
    """A running server is asked, first A and then AAAA for a name that is no address's."""
    empty = {"name": "n.", "rcode": "NOERROR", "answer": [], "authority": [], "additional": [], "why": ["b"]}
    full = empty | {"type": "AAAA", "answer": ["n. 60 IN AAAA 2001:db8::1"]}
    requests = played_server({"ok": True, "result": empty | {"type": "A"}}, {"ok": True, "result": full})
    code, out, _ = run("lookup", "N")
    assert code == 0 and "n. 60 IN AAAA 2001:db8::1" in out and f"the server on {site}/state/control.sock" in out
    assert requests == [{"command": "lookup", "name": "n.", "type": rtype} for rtype in ("A", "AAAA")]


def test_a_refusal_of_the_server_is_status_1(run, played_server):
    """What the server refuses is its sentence on standard error and exit status 1."""
    refusal = {"ok": False, "error": "you are not admitted", "problems": [], "status": 1}
    played_server(refusal, refusal, refusal)
    for arguments in (["status"], ["reload"], ["lookup", "192.0.2.1"]):
        assert run(*arguments) == (1, "", "ptrd: you are not admitted\n")


def test_a_refused_reload_prints_the_problems(run, played_server):
    """`ptrd reload` prints the problems that the server found, why it refused, and ends with 1."""
    reply = {"ok": False, "error": "nothing was published: 1 error", "problems": ["a.yaml:1:1: error: x"], "status": 1}
    played_server(reply, reply)
    assert run("reload") == (1, "a.yaml:1:1: error: x\n", "ptrd: nothing was published: 1 error\n")
    code, out, _ = run("reload", "-o", "json")
    assert code == 1 and json.loads(out) == reply


def test_a_server_that_goes_away_is_status_3(run, played_server):
    """A connection that ends without an answer is no answer."""
    played_server(b"", b"{not json\n")
    assert run("status")[0] == 3
    assert run("status")[0] == 3


def test_an_overlong_socket_path_is_a_sentence(run, site):
    """A control socket's path that no socket can have ends in a sentence, not in a traceback."""
    (site / "ptrd.yaml").write_text(f"socket: {'x' * 200}\n")
    code, _, err = run("status")
    assert code == 3 and "cannot ask the server" in err
