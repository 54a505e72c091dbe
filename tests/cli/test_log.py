"""`ptrd log`, `backup`, `restore` and `completion`."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from ptrd.cli import log, main
from ptrd.cli.arguments import _COMMANDS, make_parser
from tests.control.fakelink import FakeLink


def test_the_journal_as_lines(shop):
    """`ptrd log` prints the newest entries, the oldest of them first, each with who did what to what."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--tag", "a=b")
    shop.do("ptr", "modify", "192.0.2.10", "--ttl", "60")
    shop.do("ptr", "freeze", "192.0.2.10", "--reason", "spam")
    lines = shop.do("log", "-n", "3").splitlines()
    who = lines[0].split()[4]
    assert who.startswith("local:")
    first = "region: north; eip: web1; names: mail.example.com.; ttl: 300; tags: a=b; enterprise_project: 0"
    assert lines == [
        f"2027-01-15 08:00:00 UTC  6  {who} setPTRRecord 192.0.2.10 {first}",
        f"2027-01-15 08:00:00 UTC  7  {who} setPTRRecord 192.0.2.10 ttl: 60 (was 300)",
        f"2027-01-15 08:00:00 UTC  8  {who} freezePTRRecord 192.0.2.10 reason: spam",
    ]
    assert len(shop.do("log").splitlines()) == 8
    assert [one["revision"] for one in json.loads(shop.do("log", "--after", "5", "-n", "2", "-o", "json"))] == [6, 7]
    assert len(json.loads(shop.do("log", "--address", "192.0.2.10", "-o", "json"))) == 4
    assert shop.do("log", "-n", "1", "-o", "csv").startswith("revision,time,actor,action,project_id,address,before,")
    assert "action: freezePTRRecord\n" in shop.do("log", "-n", "1", "-o", "yaml", "--project", "shop")


def test_a_line_of_a_publication():
    """A publication is told by the zones' serials, a change of a record by what changed."""
    entry = {
        "revision": 3, "time": "2026-11-23T14:28:35.123Z", "actor": "file", "action": "publish", "address": None,
        "before": None, "after": None, "serials": {"2.0.192.in-addr.arpa.": [1, 2], "example.": [None, 1]},
    }  # fmt: skip
    start = "2026-11-23 14:28:35 UTC  3  file publish "
    assert log._line(entry) == f"{start}2.0.192.in-addr.arpa. serial 2, example. serial 1"
    changed = {"names": ["a."], "ttl": 60, "tags": [{"key": "a", "value": "b\x1b"}]}
    assert log._line(entry | {"after": changed}) == f"{start}names: a.; ttl: 60; tags: a=b\\x1b"
    assert log._line(entry | {"before": changed, "after": {**changed, "ttl": 5}}) == f"{start}ttl: 5 (was 60)"


def test_follow_shows_what_comes(shop, monkeypatch):
    """With --follow each later entry is printed once, as one JSON value a line, until Ctrl-C."""

    def pause(seconds):
        if len(pauses) == 3:
            raise KeyboardInterrupt
        shop.ask("POST", "/api/v1/accounts", json.dumps({"name": f"new-{len(pauses)}"}))
        pauses.append(seconds)

    pauses = []
    monkeypatch.setattr(log.time, "sleep", pause)
    code, out, err = shop.run("log", "--follow", "-n", "1", "-o", "json")
    assert (code, err) == (130, "")
    assert [json.loads(line)["revision"] for line in out.splitlines()] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--limit", "0"], 2, "--limit is a number from 1 to 1000"),
        (["--limit", "x"], 2, "invalid int value: 'x'"),
        (["--after", "-1"], 1, "after is a number from 0"),
        (["--address", "x"], 1, "'x'"),
        (["--project", "nobody"], 1, "there is no project 'nobody'"),
    ],
)
def test_a_mistake_about_the_journal(shop, arguments, status, sentence):
    """What cannot be asked for is a sentence."""
    assert sentence in shop.refused("log", *arguments, status=status)


def test_a_backup_comes_back(shop, capsys, tmp_path):
    """A backup of a running server has what was committed; restored while it is stopped, all of it is there again."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com")
    backup = tmp_path / "backup.db"
    assert shop.do("backup", str(backup)) == (
        f"{backup} has the whole database, {backup.stat().st_size} bytes; the master key is not in it\n"
    )
    assert backup.stat().st_mode & 0o777 == 0o600
    shop.do("backup", str(backup), "-o", "json")
    other = tmp_path / "other"
    (other / "state").mkdir(parents=True)
    (other / "ptrd.yaml").write_text("zones: [zones]\n")
    config = ["--config", str(other / "ptrd.yaml")]
    assert main(["restore", str(backup), *config]) == 0
    assert capsys.readouterr().out == "revision 6 is restored; the server goes on from revision 7\n"
    assert main(["restore", str(backup), "-o", "json", *config]) == 0
    restored = json.loads(capsys.readouterr().out)
    assert restored["kept"].endswith(".before-restore") and restored["revision"] == 8
    link = FakeLink(other / "state")
    try:
        rows = link.database.read(lambda transaction: transaction.journal(limit=100))
    finally:
        link.close()
    assert [row.action for row in rows][-2:] == ["setPTRRecord", "restore"] and rows[-1].actor.startswith("local:")


def test_a_mistake_about_a_backup(shop, tmp_path, capsys):
    """A backup to nowhere, over the database, or of nothing is a sentence; so is restoring what is no backup."""
    database = str(shop.folder / "state" / "ptrd.db")
    assert "No such file or directory" in shop.refused("backup", "/nonexistent/x")
    assert "is the database itself" in shop.refused("backup", database)
    assert "required: FILE" in shop.refused("backup", status=2)
    assert "there is no backup /nonexistent/x" in shop.refused("restore", "/nonexistent/x")
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk" * 1000)
    assert "is not restored" in shop.refused("restore", str(junk))
    assert "required: FILE" in shop.refused("restore", status=2)
    (tmp_path / "empty.yaml").write_text(f"zones: [zones]\nstate: {tmp_path}/nothing\n")
    assert main(["backup", str(junk), "--config", str(tmp_path / "empty.yaml")]) == 1
    assert "there is no database" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(shell, capsys, tmp_path):
    """The script for each shell names every command and verb, and the shell, where it is there, can read it."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*_COMMANDS, "release", "unfreeze", "--if-match", "--token-file"):
        assert word.removeprefix("--") in script
    program = shutil.which(shell)
    if program is not None:
        (tmp_path / "script").write_text(script)
        done = subprocess.run(
            [program, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_a_line(capsys, tmp_path):
    """A shell gives the verbs that begin as a word does, and the values of an option."""
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    ask = """
        source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        complete_function=$(complete -p ptrd | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $complete_function ptrd "${COMP_WORDS[COMP_CWORD]}"; echo "${COMPREPLY[@]}"
    """

    def complete(*words):
        done = subprocess.run(
            ["bash", "-c", ask, "bash", str(tmp_path / "script"), *words],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return sorted(done.stdout.split())

    assert complete("ptrd", "res") == ["restore"]
    assert complete("ptrd", "ptr", "un") == ["unfreeze"]
    assert complete("ptrd", "ptr", "list", "--output", "") == ["csv", "json", "table", "yaml"]


@pytest.mark.parametrize("arguments", [["completion"], ["completion", "tcsh"], ["completion", "bash", "x"]])
def test_a_mistake_about_completion(arguments, capsys):
    """A shell that is not known, or none, ends with 2."""
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ptrd")


def test_no_option_takes_a_secret():
    """No command has an option or argument for a password, a token or a secret key."""

    def options(parser):
        for action in parser._actions:
            if (action.option_strings, action.metavar) != (["--key"], "NAME"):  # the name of one of ptrd.yaml
                yield from action.option_strings or [action.dest]
            for one in (action.choices or {}).values() if hasattr(action.choices, "values") else ():
                yield from options(one)

    found = set(options(make_parser()))
    assert {"--token-file", "--dry-run", "--if-match"} <= found
    assert not {name for name in found if "password" in name or "secret" in name or name in {"--token", "--key"}}
