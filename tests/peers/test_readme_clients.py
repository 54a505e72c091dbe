"""The examples of README.md for OpenStack's and Huawei's clients, as they stand there, against a real server."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import pytest

from tests.peers.api import EIPS, ApiServer
from tests.peers.asking import make_query, udp_ask
from tests.peers.process import unable

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ADDRESS = "192.0.2.150"


def block(language: str) -> str:
    """Give the one example of MANAGEMENT in a language."""
    management = README.partition("\n## MANAGEMENT\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", management, re.MULTILINE | re.DOTALL)
    return str(found)


def need(module: str, package: str) -> None:
    """Skip without a client."""
    if importlib.util.find_spec(module) is None:
        unable(f"{package} is not installed; pip install {package}")


def run(server: ApiServer, folder: Path, command: list[str], **environment: str) -> str:
    """Run a command in a folder that has the token, with the interpreter's programs at hand; give what it prints."""
    (folder / "token").write_text(server.token)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PATH": path} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def name_of(server: ApiServer) -> str:
    """Ask DNS for the name of the address."""
    octet = ADDRESS.rpartition(".")[2]
    reply = udp_ask(server.address, server.port, make_query(f"{octet}.2.0.192.in-addr.arpa", 12), seconds=5)
    assert reply is not None
    return str(dns.message.from_wire(reply).answer[0][0].target)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """Start a server whose project has the EIP of the examples."""
    made = ApiServer(tmp_path / "api")
    made.eips = EIPS | {ADDRESS: "eip-150"}
    with made:
        yield made


def test_the_openstack_example(server: ApiServer, tmp_path: Path) -> None:
    """The line for `openstack ptr record set` names the address, in DNS too."""
    need("designateclient", "python-designateclient")
    need("openstackclient", "python-openstackclient")
    run(server, tmp_path, ["sh", "-c", block("sh").replace("http://127.0.0.1:9153", server.http_url)])
    assert name_of(server) == "www.example.com."


def test_the_huawei_example(server: ApiServer, tmp_path: Path) -> None:
    """The program for Huawei's SDK names the address, in DNS too."""
    need("huaweicloudsdkdns", "huaweicloudsdkdns")
    program = block("python").replace("http://127.0.0.1:9153", server.http_url)
    keys = {"ACCESS_KEY": server.access_key, "SECRET_KEY": server.secret_key, "PROJECT_ID": server.project}
    assert run(server, tmp_path, [sys.executable, "-c", program], **keys) == "shop.example.com.\n"
    assert name_of(server) == "shop.example.com."
