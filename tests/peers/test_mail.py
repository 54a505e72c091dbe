"""A real mail server, behind a real resolver, accepts mail from an address when its name leads back, and only then.

The story is told once, in `mailstory.py`; each test here reads another part of what it showed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.peers.mailstory import BOTH, FIRST, SECOND
from tests.peers.namespace import spaces
from tests.peers.postfix import DAEMONS
from tests.peers.process import missing, require_program, unable
from tests.peers.ptrd import PROJECT

pytestmark = pytest.mark.xdist_group("mail")  # the story is told once

NAMES = {
    "192.0.2.10": "192-0-2-10.dyn.example.net",
    "192.0.2.11": "192-0-2-11.dyn.example.net",
    "2001:db8::10": "2001-db8--10.dyn.example.net",
    "2001:db8::11": "2001-db8--11.dyn.example.net",
}
NO_NAME = 550  # the server has found out that there is no name, or that it does not lead back
NO_ANSWER = 450  # it could not find out, so the sender should try again


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Tell the story in namespaces of its own, for network, mounts and host name; give all that it showed."""
    for program, package in (
        ("postfix", "postfix"),
        ("unbound", "unbound"),
        ("unbound-control", "unbound"),
        ("nsd", "nsd"),
        ("ip", "iproute2"),
    ):
        require_program(program, package)
    if not (DAEMONS / "master").exists():
        missing(str(DAEMONS / "master"), "postfix")
    if os.geteuid() != 0:
        unable("this test wants root, since Postfix's processes change their user; run it as root")
    command = [*spaces(), "--uts", sys.executable, "-m", "tests.peers.mailstory", str(tmp_path_factory.mktemp("mail"))]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300, cwd=PROJECT)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def steps(told):
    """Give what each step showed of each address."""
    return told["steps"]


def name_in(shown, address):
    """Give the name of the client that the Received header shows; the message must have been accepted."""
    assert shown["code"] == 250, shown
    greeting, name, literal = shown["received"].replace("(", "").replace(")", "").split()[1:4]
    assert greeting == "says-so-itself.example" and literal == f"[{'IPv6:' * (':' in address)}{address}]"
    return name


def assert_refused(shown, address, code=NO_NAME):
    """Hold the reply to what Postfix says to a client that has no name it believes."""
    assert shown["code"] == code and shown["received"] is None, shown
    assert shown["said"] == f"{code // 100}.7.25 Client host rejected: cannot find your hostname, [{address}]"


@pytest.mark.parametrize("address", FIRST)
def test_an_address_without_a_name_is_refused(steps, address):
    """Where a range has its default taken away and there is no record, mail is refused for good."""
    assert_refused(steps["nothing"][address], address)


@pytest.mark.parametrize("address", FIRST)
def test_a_name_that_leads_back_is_accepted(steps, address):
    """After `ptrd ptr create ADDRESS NAME --wait` mail is accepted, and its Received header shows the name."""
    assert name_in(steps["named"][address], address) == "mail.tenant.example"


@pytest.mark.parametrize("address", SECOND)
def test_a_default_name_is_accepted(steps, address):
    """A default name that a forward zone of ptrd confirms is as good as a record's."""
    assert name_in(steps["nothing"][address], address) == NAMES[address]


@pytest.mark.parametrize("address", SECOND)
@pytest.mark.parametrize("step", ["elsewhere", "missing"])
def test_a_name_that_does_not_lead_back_is_refused(steps, address, step):
    """A name that leads to another address, or that does not exist, is refused for good."""
    assert_refused(steps[step][address], address)


@pytest.mark.parametrize("address", SECOND)
def test_a_name_that_nobody_answers_for_is_put_off(steps, address):
    """Where the name's servers refuse to answer, the mail server says to come back later."""
    assert_refused(steps["unanswered"][address], address, NO_ANSWER)


@pytest.mark.parametrize("address", SECOND)
def test_a_deleted_record_gives_the_default_name_back(steps, address):
    """After `ptrd ptr delete` the Received header shows the default name, which the forward zone confirms."""
    assert name_in(steps["reverted"][address], address) == NAMES[address]


@pytest.mark.parametrize("address", FIRST)
def test_a_deleted_record_leaves_nothing_where_there_is_no_default(steps, address):
    """After `ptrd ptr delete` mail is refused where there is no default, until the operator gives the range one."""
    assert_refused(steps["deleted"][address], address)
    assert name_in(steps["default"][address], address) == NAMES[address]


def test_a_change_touches_no_other_address(steps):
    """While one host is renamed, the other host's mail is taken with its own name all along."""
    for step in ("named", "elsewhere", "missing", "unanswered", "reverted"):
        assert [name_in(steps[step][address], address) for address in FIRST] == ["mail.tenant.example"] * 2, step
    for step in ("nothing", "named", "reverted", "deleted", "default", "remembered", "honoured", "flushed"):
        shown = [name_in(steps[step][address], address) for address in SECOND]
        assert shown == [NAMES[address] for address in SECOND], step


@pytest.mark.parametrize("address", FIRST)
def test_a_change_is_seen_when_the_resolver_has_forgotten(steps, address):
    """With a TTL of an hour the old name still counts after a change, and the new one after `flush_zone`."""
    assert name_in(steps["remembered"][address], address) == "mail.tenant.example"
    assert name_in(steps["honoured"][address], address) == "mail.tenant.example"
    assert_refused(steps["flushed"][address], address)


def test_verify_says_what_the_mail_server_does(told):
    """Mail is taken just where `ptrd verify` says `confirmed`, put off where it says `no_answer`, and refused else."""
    replies = {"confirmed": 250, "no_answer": NO_ANSWER} | dict.fromkeys(("elsewhere", "no_name", "no_record"), NO_NAME)
    verdicts_told = set()
    for step, verdicts in told["verdicts"].items():
        codes = {address: shown["code"] for address, shown in told["steps"][step].items()}
        assert codes == {address: replies[verdict] for address, verdict in verdicts.items()}, step
        verdicts_told.update(verdicts.values())
    assert verdicts_told == set(replies)


def test_every_step_sends_from_every_address(steps):
    """No step leaves an address out."""
    assert len(steps) == 11 and all(tuple(seen) == BOTH for seen in steps.values())


def test_nothing_is_left_of_the_mail_server(told):
    """When it is over, no process and no file of Postfix is left."""
    assert told["ran"] > 3 and told["left"] == []
