"""README.md says what is so: its examples run, and what there is to configure, watch and call stands in it."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ptrd import __version__
from ptrd.cli.arguments import _COMMANDS, make_parser
from ptrd.cli.exits import Exit
from ptrd.config import KEYS
from ptrd.control.huawei.dialect import HuaweiApi
from ptrd.control.native.dialect import NativeApi
from ptrd.control.openstack.dialect import OpenStackApi
from ptrd.control.openstack.keystone import Keystone
from ptrd.control.settings import ApiSettings
from ptrd.engine.responder import SOURCES
from ptrd.metrics.names import METRICS
from tests.client.fakedns import FakeDns
from tests.peers.process import require_program

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
QUICK_START, TEST_COMMAND = re.findall(r"^python3 -m venv \.venv.*$", README, re.MULTILINE)


def section(title):
    """Give the text of a section."""
    return re.split(r"^## ", README.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(title):
    """Give what stands in backquotes in the first column of a section's tables."""
    rows = re.findall(r"^\| *(.+?) *\|", section(title), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def table(title):
    """Give the rows of a section's table, as lists of cells."""
    lines = re.findall(r"^\| (.*) \|$", section(title), re.MULTILINE)
    return [re.split(r" *(?<!\\)\| *", line) for line in lines]


@pytest.fixture
def resolver():
    """Start what stands for the world of the README's reader, in which nobody has delegated the example zones.

    It is a resolver that knows the names of their customers, and the parent of a reverse zone.
    """
    with FakeDns() as world:
        soa = "in-addr.arpa. 3600 IN SOA b.in-addr-servers.arpa. nstld.iana.org. 1 1800 900 604800 3600"
        world.tell("113.0.203.in-addr.arpa.", rcode="NXDOMAIN", flags="QR AA", authority=[soa])
        world.tell("mail.company-a.example.", "mail.company-a.example. 60 IN A 192.0.2.10")
        for name in ("www.company-a.example.", "shop.company-a.example."):
            world.tell(name, f"{name} 60 IN A 198.51.100.7")
        for place, names in (("10", ["mail"]), ("11", ["www", "shop"]), ("12", ["test"])):
            owner = f"{place}.2.0.192.in-addr.arpa."
            world.tell(owner, *(f"{owner} 60 IN PTR {name}.company-a.example." for name in names))
        yield world  # and of every other name it says that it does not exist


@pytest.fixture
def shell(ptrd_server, resolver, tmp_path):
    """Run command lines of the README, against a server on the example zones, in a folder of their own."""
    require_program("dig", "bind9-dnsutils")
    require_program("curl", "curl")
    settings = f"chaos: {{version: ptrd, id: example}}\nresolvers: ['{resolver.endpoint}']\n"
    server = ptrd_server([ROOT / "zones"], settings=settings)
    folder = tmp_path / "folder"
    (folder / "bin").mkdir(parents=True)
    command = " ".join(map(shlex.quote, [sys.executable, "-m", "ptrd"]))
    (folder / "bin" / "ptrd").write_text(f'#!/bin/sh\nexec env PYTHONPATH={shlex.quote(str(ROOT))} {command} "$@"\n')
    (folder / "bin" / "ptrd").chmod(0o755)

    def run(line):
        line = line.replace("config/ptrd.yaml", str(server.config))
        line = line.replace("ptrd doctor", f"ptrd doctor --parent {resolver.endpoint} --resolver {resolver.endpoint}")
        line = line.replace("-p 5300", f"-p {server.port}").replace(":9153", f":{server.http_port}")
        done = subprocess.run(
            ["bash", "-c", f"PATH={shlex.quote(str(folder / 'bin'))}:$PATH; {line}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        out = (done.stdout + done.stderr).replace(str(server.socket), "/srv/ptrd/state/control.sock")
        return out.replace(str(ROOT), "/srv/ptrd").replace(f":{server.port}", ":5300")

    return run


def test_every_console_example_runs(shell):
    """Each `$` line in a console block prints what stands below it; `...` stands for what differs from run to run."""
    examples = [example for block in BLOCKS for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(examples) > 10
    for example in examples:
        line, _, expected = example.partition("\n")
        pattern = ".*".join(map(re.escape, expected.split("...")))
        printed = shell(line)
        assert re.fullmatch(pattern, printed), f"$ {line}\nprints\n{printed}\ninstead of\n{expected}"


def test_the_quick_start_is_two_lines():
    """One line serves the examples and one runs the tests, with nothing but Python and pip."""
    assert QUICK_START == (
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/ptrd serve --config config/ptrd.yaml"
    )
    assert TEST_COMMAND == (
        "python3 -m venv .venv-test && .venv-test/bin/pip install -q -e '.[test]' "
        "&& .venv-test/bin/python -m pytest -n 4 --dist loadgroup"
    )


def test_ci_calls_the_readmes_test_command():
    """.ci/run runs the tests by the very line that the README gives."""
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_configuration_key_is_described():
    """CONFIGURATION lists just the keys that there are, in their order in the code."""
    assert [row[0].strip("`") for row in table("CONFIGURATION")[1:]] == list(KEYS)


def test_every_default_is_the_real_one():
    """CONFIGURATION gives the defaults that are in force."""
    shown = {row[0].strip("`"): row[1].strip("`") for row in table("CONFIGURATION")[1:]}
    for name, key in KEYS.items():
        text = shown[name]
        if key.many:
            real = [
                key.read(item) for item in re.findall(r"[^][\", ]\S*?(?=[\",\]])|\[::\]:\d+", text.strip("[]") + ",")
            ]
            assert real == key.default or name == "listen"
        elif text == "~":
            assert key.default is None and key.optional
        elif name != "socket":
            assert key.read(text) == key.default
    assert shown["listen"] == '["0.0.0.0:53", "[::]:53"]'


def test_every_metric_is_described():
    """METRICS lists just the metrics that there are, with their labels, and the README names no other."""
    rows = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in table("METRICS")[1:]}
    assert rows == {name: list(metric.labels) for name, metric in METRICS.items()}
    named = set(re.findall(r"\bptrd_[a-z_]+", README))
    assert named <= set(METRICS)


def test_every_source_is_described():
    """METRICS names every source of an answer, but the one of messages that get none."""
    for source in SOURCES:
        assert f"`{source}`" in section("METRICS") or source == "ignored"


def test_every_route_is_described():
    """HTTP ROUTES lists just the routes that the server has."""
    source = (ROOT / "ptrd" / "control" / "http.py").read_text(encoding="utf-8")
    routes = re.findall(r"^ +\"(/[a-z]*)\": self\.", source, re.MULTILINE)
    assert routes and first_column("HTTP ROUTES") == routes


def test_every_command_is_described():
    """SYNOPSIS and COMMANDS have every command, and no other."""
    assert re.findall(r"(?:^|\. )\*\*([a-z-]+)\*\*\s", section("COMMANDS"), re.MULTILINE) == list(_COMMANDS)
    assert re.findall(r"^    ptrd ([a-z][a-z-]*)", section("SYNOPSIS"), re.MULTILINE) == list(_COMMANDS)


def verbs_of(parser, words=()):
    """Give each verb of each noun with its options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from verbs_of(one, (*words, name))
    if len(words) == 2:
        yield " ".join(words), {name for action in parser._actions for name in action.option_strings if name[1] == "-"}


def test_every_verb_and_option_is_described():
    """COMMANDS has a row for each verb with just its own options, and SYNOPSIS names the verbs."""
    verbs = dict(verbs_of(make_parser()))
    shared = {"--help", "--config", "--url", "--token-file", "--insecure-http", "--output", "--dry-run"}
    rows = {re.match(r"`([a-z-]+ [a-z-]+)", row[0])[1]: row[1] for row in table("COMMANDS")[1:]}
    assert list(rows) == list(verbs)
    for verb, options in verbs.items():
        assert set(re.findall(r"`(--[a-z-]+)", rows[verb])) == options - shared, verb
    for option in shared - {"--help", "--output", "--config"}:
        assert f"`{option}" in section("COMMANDS")
    synopsis = re.findall(r"^    ptrd ([a-z-]+) ([a-z-]+(?:\|[a-z-]+)+)$", section("SYNOPSIS"), re.MULTILINE)
    listed = [f"{noun} {verb}" for noun, verbs in synopsis for verb in verbs.split("|")]
    assert [name for name in listed if not name.startswith("completion ")] == list(verbs)


def test_every_exit_status_is_described():
    """EXIT STATUS lists just the statuses that there are."""
    assert [int(row[0]) for row in table("EXIT STATUS")[1:]] == [int(status) for status in Exit]


def test_every_file_that_is_named_exists():
    """A file of the project that the README names is there."""
    for path in re.findall(r"(?<![\w/])((?:systemd|config|zones)/[\w.-]+\.\w+)", README):
        assert (ROOT / path).exists(), path
    for unit in re.findall(r"\bptrd[\w-]*\.(?:socket|service|conf)\b", README):
        assert unit == "ptrd.service" or (ROOT / "systemd" / unit).exists(), unit


def test_the_changelog_is_in_its_form():
    """CHANGELOG.md has an Unreleased section and the headings of Keep a Changelog, Security first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "\n## [Unreleased]\n" in text
    order = ["Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"]
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (\w+)$", part, re.MULTILINE)
        assert headings == sorted(headings, key=order.index)


def test_the_version_is_the_packages():
    """The version in the examples is the one that the package has."""
    assert f"\nversion   {__version__}\n" in README


class _Anything:
    """Stands for whatever a dialect needs to list its routes."""

    def __getattr__(self, name):
        return _Anything()


def test_every_route_of_the_api_is_described():
    """MANAGEMENT lists each path of each dialect with its methods; aliases stand beside what they stand for."""
    anything: Any = _Anything()
    dialects = (
        HuaweiApi(anything, ApiSettings()),
        OpenStackApi(anything, ApiSettings()),
        Keystone(anything, anything, ApiSettings()),
        NativeApi(anything, ApiSettings(), anything),
    )
    real = {}
    for dialect in dialects:
        for route in dialect.routes():
            pattern = route.pattern.rstrip("/")
            pattern = re.sub("^/openstack/v3", "/v3", pattern)
            pattern = re.sub("^/openstack/reverse", "/openstack/v2/reverse", pattern)
            real.setdefault(pattern, set()).add(route.method)
    shown = {path: set(row[1].split()) for row in table("MANAGEMENT")[1:] for path in re.findall(r"`([^`]+)`", row[0])}
    assert shown == real
