"""The command line against a real server: what a command says is what DNS says, and what a backup held comes back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.talking import ORIGIN, name_of, until, up, zone

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(ptrd_server):
    """Start a server whose zone has a default name for each address."""
    return up(ptrd_server({"one.yaml": zone()}, origins=[ORIGIN], workers=2))


def run(server, *arguments, status=0, text="", **environment):
    """Run a command as a process; give what it prints."""
    done = subprocess.run(
        server.command(*arguments), input=text, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def test_what_a_command_says_is_what_dns_says(server):
    """Created, modified, imported, frozen and deleted: with --wait each is in DNS when the command has ended."""
    run(server, "account", "create", "acme")
    run(server, "project", "create", "shop", "--account", "acme")
    run(server, "eip", "add", "192.0.2.0/24", "--id", "net", "--region", "north", "--project", "shop")
    run(server, "ptr", "create", "192.0.2.5", "mail.example.com", "--wait")
    assert name_of(server, 5) == "mail.example.com."
    run(server, "ptr", "modify", "192.0.2.5", "b.example.com", "--wait")
    assert name_of(server, 5) == "b.example.com."
    token = json.loads(run(server, "token", "create", "--project", "shop", "-o", "json"))["token"]
    url = ("--url", f"http://127.0.0.1:{server.http_port}")
    lines = "address,names\n192.0.2.5,c.example.com\n192.0.2.6,six.example.com\n"
    assert run(server, "ptr", "import", "-", "--wait", *url, text=lines, PTRD_TOKEN=token) == (
        "1 created, 1 modified, 0 unchanged\n"
    )
    assert (name_of(server, 5), name_of(server, 6)) == ("c.example.com.", "six.example.com.")
    run(server, "ptr", "freeze", "192.0.2.5", "--reason", "spam")
    until(lambda: name_of(server, 5) == "192-0-2-5.dyn.example.net.")
    assert "frozen" in run(server, "ptr", "delete", "192.0.2.5", *url, status=1, PTRD_TOKEN=token)
    run(server, "ptr", "delete", "192.0.2.5", "192.0.2.6", "--wait")
    assert name_of(server, 6) == "192-0-2-6.dyn.example.net."
    assert token not in run(server, "log", "-o", "json") + server.said()


def test_a_backup_comes_back(server, tmp_path):
    """A backup is taken while the server runs, put back only while it does not, and then DNS says what it held."""
    backup = str(tmp_path / "backup.db")
    run(server, "account", "create", "acme")
    run(server, "project", "create", "shop", "--account", "acme")
    run(server, "eip", "add", "192.0.2.5", "--id", "web", "--region", "north", "--project", "shop")
    run(server, "ptr", "create", "192.0.2.5", "mail.example.com", "--wait")
    run(server, "backup", backup)
    run(server, "ptr", "delete", "192.0.2.5", "--wait")
    assert "stop the server first" in run(server, "restore", backup, status=1)
    server.stop()
    assert "the server goes on from revision" in run(server, "restore", backup)
    server.start()
    until(lambda: name_of(server, 5) == "mail.example.com.")
    run(server, "ptr", "delete", "192.0.2.5", "--wait")
    assert name_of(server, 5) == "192-0-2-5.dyn.example.net."
