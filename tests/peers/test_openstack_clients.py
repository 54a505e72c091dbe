"""The real OpenStack clients, unmodified, name an address and take the name away; after each step DNS says the same."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import dns.rdatatype
import dns.reversename
import pytest

from tests.peers.asking import make_query, read_reply, udp_ask
from tests.peers.process import unable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOUR, SIX = "192.0.2.10", "2001:db8::10"
PATIENCE = 10.0  # seconds until a change is served, at the very most


class Cloud:
    """What a user of the clients knows of a server: where it is, a token, the EIPs; and what DNS says."""

    def __init__(self, server: Any, home: Path) -> None:
        self.server = server
        self.home = home
        self.before = {address: self.names(address) for address in (FOUR, SIX)}  # what the zone files say

    def id(self, address: str) -> str:
        """Give a floating IP's id, as clients write it."""
        return f"{self.server.region}:{self.server.eips[address]}"

    def names(self, address: str) -> list[tuple[str, int]]:
        """Ask DNS for the names of an address, with their TTLs."""
        query = make_query(dns.reversename.from_address(address).to_text(), dns.rdatatype.PTR)
        reply = read_reply(query, udp_ask(self.server.address, self.server.port, query))
        assert not isinstance(reply, str), reply
        found = [(rdata, ttl) for _, rtype, ttl, rdata in reply.answer if rtype == "PTR"]
        return sorted((dns.name.from_wire(rdata, 0)[0].to_text(), ttl) for rdata, ttl in found)

    def check(self, address: str, names: list[tuple[str, int]] | None = None) -> None:
        """Wait until DNS says exactly this of an address, or what it said at first; fail when it does not."""
        wanted = self.before[address] if names is None else names
        end = time.monotonic() + PATIENCE
        while (found := self.names(address)) != wanted and time.monotonic() < end:
            time.sleep(0.01)
        assert found == wanted

    def environment(self, **settings: str) -> dict[str, str]:
        """Give what a client is to see: none of the variables and files of whoever runs the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "XDG_", "PYTHON"))}
        return kept | {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")} | settings

    def run(self, *arguments: str, fails: bool = False, **settings: str) -> str:
        """Run `openstack`; give what it printed, or what it complained of when it is to fail."""
        environment = self.environment(**(self.token_settings() | settings))
        command = [sys.executable, "-m", "openstackclient.shell", *arguments]
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=120, env=environment, cwd=self.home
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    def run_json(self, *arguments: str, **settings: str) -> Any:
        """Run a command of `openstack` that prints something; give it."""
        return json.loads(self.run(*arguments, "-f", "json", **settings))

    def token_settings(self) -> dict[str, str]:
        """Say how to come in with a token and a bare endpoint; the command line would show the token to everybody."""
        endpoint = f"{self.server.http_url}/openstack/v2"
        return {"OS_AUTH_TYPE": "admin_token", "OS_ENDPOINT": endpoint, "OS_TOKEN": self.server.token}

    def password_settings(self) -> dict[str, str]:
        """Say how to come in with a name and a password, as a cloud's openrc file does."""
        return {
            "auth_type": "password",
            "auth_url": f"{self.server.http_url}/openstack/v3",
            "username": self.server.user,
            "password": self.server.password,
            "project_id": self.server.project,
            "user_domain_name": "Default",
        }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home to all clients: what they find out about themselves is kept there, which saves seconds each time."""
    return tmp_path_factory.mktemp("home")


def require(module: str, package: str) -> None:
    """Skip the test when a client is not installed."""
    if importlib.util.find_spec(module) is None:
        unable(f"{package} is not installed; pip install {package}")


@pytest.fixture
def designate() -> None:
    """Want `openstack ptr record`. This and the next two come before a server is started in vain."""
    require("openstackclient", "python-openstackclient")
    require("designateclient", "python-designateclient")


@pytest.fixture
def otc() -> None:
    """Want `openstack dns ptr record`."""
    require("openstackclient", "python-openstackclient")
    require("otcextensions", "otcextensions")


@pytest.fixture
def sdk() -> None:
    """Want openstacksdk."""
    require("openstack", "openstacksdk")


@pytest.fixture
def cloud(api_server: Any, home: Path) -> Iterator[Cloud]:
    """Give a server whose addresses have no record yet; each test leaves them so."""
    made = Cloud(api_server, home)
    yield made
    for address in (FOUR, SIX):
        made.check(address)


def connect(**settings: Any) -> Any:
    """Open a connection of openstacksdk that reads no file and no variable."""
    import openstack  # noqa: PLC0415 - the client need not be there

    return openstack.connect(load_yaml_config=False, load_envvars=False, **settings)


def steady(client: Any, one: str) -> Any:
    """Wait until a change is done: a worker may answer with it before all have said that they do."""
    end = time.monotonic() + PATIENCE
    while (shown := client.get_floating_ip(one)).status == "PENDING" and time.monotonic() < end:
        time.sleep(0.01)
    return shown


def unhurried(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an answer what depends on how soon the workers had the change."""
    assert answer["status"] in {"ACTIVE", "PENDING", "INACTIVE"}
    return {key: value for key, value in answer.items() if key not in {"status", "action"}}


@pytest.mark.usefixtures("designate")
def test_openstack_ptr_record(cloud: Cloud) -> None:
    """`openstack ptr record` sets, lists, shows, changes and unsets, with nothing but a token and an endpoint."""
    one = cloud.id(FOUR)
    set_ = ("ptr", "record", "set", one)
    told = cloud.run_json(*set_, "Mail.Example.com.", "--ttl", "600", "--description", "my mail")
    wanted = {"id": one, "ptrdname": "mail.example.com.", "description": "my mail", "ttl": 600, "address": FOUR}
    assert unhurried(told) == wanted
    cloud.check(FOUR, [("mail.example.com.", 600)])
    assert cloud.run_json("ptr", "record", "show", one) == {**wanted, "status": "ACTIVE", "action": "NONE"}

    told = cloud.run_json(*set_, "mail2.example.com")  # the rest stays as it is
    assert unhurried(told) == {**wanted, "ptrdname": "mail2.example.com."}
    cloud.check(FOUR, [("mail2.example.com.", 600)])
    rows = {row.pop("id"): row for row in cloud.run_json("ptr", "record", "list")}
    assert rows[one] == {"ptrdname": "mail2.example.com.", "description": "my mail", "ttl": 600}
    assert rows[cloud.id(SIX)] == {"ptrdname": "", "description": "", "ttl": ""}  # how it writes null

    assert not cloud.run("ptr", "record", "unset", one)
    cloud.check(FOUR)
    nothing = {"ptrdname": None, "description": None, "ttl": None, "status": "INACTIVE", "action": "NONE"}
    assert cloud.run_json("ptr", "record", "show", one) == {"id": one, "address": FOUR, **nothing}


@pytest.mark.usefixtures("designate")
def test_openstack_ptr_record_of_an_ipv6_address(cloud: Cloud) -> None:
    """`openstack ptr record` names an IPv6 address, by a bare endpoint that is without /v2."""
    bare = {"OS_ENDPOINT": f"{cloud.server.http_url}/openstack"}
    told = cloud.run_json("ptr", "record", "set", cloud.id(SIX), "six.example.com.", **bare)
    assert (told["address"], told["ttl"]) == (SIX, 300)
    cloud.check(SIX, [("six.example.com.", 300)])
    assert not cloud.run("ptr", "record", "unset", cloud.id(SIX), **bare)
    cloud.check(SIX)


@pytest.mark.usefixtures("designate")
def test_openstack_says_what_was_wrong(cloud: Cloud) -> None:
    """`openstack` fails, and prints our sentence, at a bad name, an absent EIP, a missing right, no token."""
    one = cloud.id(FOUR)
    assert "one label" in cloud.run("ptr", "record", "set", one, "mail", fails=True)
    assert "no such EIP" in cloud.run("ptr", "record", "show", f"{cloud.server.region}:none", fails=True)
    assert "operator" in cloud.run("ptr", "record", "list", "--all-projects", fails=True)
    wrong = {"OS_TOKEN": "wrong"}
    assert cloud.run("ptr", "record", "unset", one, fails=True, **wrong)


@pytest.mark.usefixtures("otc")
def test_otcextensions(cloud: Cloud) -> None:
    """`openstack dns ptr record` of otcextensions does so too, at the same endpoint."""
    # It calls itself `dns` as designateclient does, and only one is heard where both are installed.
    shadow = cloud.home / "without" / "python_designateclient-0.dist-info"
    shadow.mkdir(parents=True)
    (shadow / "METADATA").write_text("Metadata-Version: 2.1\nName: python-designateclient\nVersion: 0\n")
    alone = {"PYTHONPATH": str(shadow.parent)}

    one = cloud.id(FOUR)
    told = cloud.run_json("dns", "ptr", "record", "set", one, "www.example.com", "--ttl", "600", **alone)
    assert (told["id"], told["ptrdname"], told["ttl"]) == (one, "www.example.com.", 600)
    cloud.check(FOUR, [("www.example.com.", 600)])
    told = cloud.run_json("dns", "ptr", "record", "show", one, **alone)
    assert (told["ptrdname"], told["status"], told["address"]) == ("www.example.com.", "ACTIVE", FOUR)
    assert one in [row["id"] for row in cloud.run_json("dns", "ptr", "record", "list", **alone)]
    assert not cloud.run("dns", "ptr", "record", "unset", one, **alone)
    cloud.check(FOUR)


@pytest.mark.usefixtures("sdk")
@pytest.mark.filterwarnings("ignore:::openstack")  # it warns of what it will itself remove
@pytest.mark.parametrize("way", ["admin_token", "http_basic", "password", "token"])
def test_openstacksdk(cloud: Cloud, way: str) -> None:
    """The SDK sets, shows, changes a part, lists and unsets, however it comes in: four ways, two of them logins."""
    server = cloud.server
    bare = {"endpoint": f"{server.http_url}/openstack/v2"}
    login = {"auth_url": f"{server.http_url}/openstack/v3", "project_id": server.project}
    person = {"username": server.user, "password": server.password}
    auth = {
        "admin_token": {**bare, "token": server.token},
        "http_basic": {**bare, **person},
        "password": {**login, **person, "user_domain_name": "Default"},
        "token": {**login, "token": server.token},
    }
    connection = connect(auth_type=way, auth=auth[way], region_name=server.region)
    one = cloud.id(FOUR)
    with connection:
        client = connection.dns
        told = client.update_floating_ip(one, ptrdname="mail.example.com.", ttl=600, description="x")
        assert (told.ptrdname, told.ttl, told.address) == ("mail.example.com.", 600, FOUR)
        cloud.check(FOUR, [("mail.example.com.", 600)])

        told = client.update_floating_ip(one, ttl=700)
        assert (told.ptrdname, told.ttl, told.description) == ("mail.example.com.", 700, "x")
        cloud.check(FOUR, [("mail.example.com.", 700)])
        client.update_floating_ip(one, description=None)
        shown = steady(client, one)
        assert (shown.status, shown.ptrdname, shown.ttl, shown.description) == ("ACTIVE", "mail.example.com.", 700, "")

        found = [found.id for found in client.floating_ips()]
        assert found.count(one) == 1
        assert [found.id for found in client.floating_ips(limit=1)] == found  # it is content with one whole page

        assert client.unset_floating_ip(one).ptrdname is None
        cloud.check(FOUR)
        assert steady(client, one).status == "INACTIVE"


@pytest.mark.usefixtures("designate")
def test_a_login_with_a_password_on_the_command_line(cloud: Cloud) -> None:
    """An ordinary openrc (name, password, project, login address) is all that `openstack ptr record` needs."""
    settings = {f"OS_{name.upper()}": value for name, value in cloud.password_settings().items()}
    one = cloud.id(FOUR)
    settings |= {"OS_ENDPOINT": "", "OS_TOKEN": ""}
    told = cloud.run_json("ptr", "record", "set", one, "mail.example.com.", **settings)
    cloud.check(FOUR, [(told["ptrdname"], told["ttl"])])
    assert not cloud.run("ptr", "record", "unset", one, **settings)
    cloud.check(FOUR)
