"""What may be asked of the running server, and the greeting; on a snapshot made in process."""

import asyncio
import json
from pathlib import Path

import pytest

from ptrd.control.commands import Commands, WorkerState
from ptrd.control.greeting import example_address, greet
from ptrd.control.jobs import Report
from ptrd.control.local import CommandError
from ptrd.control.publish import Live, Outcome
from ptrd.records.model import Place, Problem
from ptrd.wire.rrtypes import TypeNameError
from tests.serving import serve

HEAD = "zone: {}\nsoa: {{mname: ns1.example.net, rname: hostmaster.example.net}}\nns: [ns1.example.net]\n"
V4 = HEAD.format("192.0.2.0/24")
TEN = HEAD.format("10.0.0.0/8")
V6 = HEAD.format("2001:db8::/32")


class Publisher:
    """Stands in for the publisher."""

    def __init__(self, snapshot=None, outcome=None):
        self.live = None if snapshot is None else Live(None, snapshot, snapshot.statistics())
        self.outcome = outcome
        self.degraded = "" if outcome is None else outcome.report.error

    async def reload(self):
        """End at once."""
        return self.outcome


class Link:
    """What is served, without anything managed."""

    def __init__(self, publisher):
        self.snapshot = publisher.live.snapshot if publisher.live else None
        self.revision = self.snapshot.revision if self.snapshot else 0
        self.managed = 0
        self.orphans = ""


class Fleet:
    """Stands in for the workers."""

    restarts = 3
    revision = 1

    def workers(self):
        """Two of them."""
        return [WorkerState(11, 1), WorkerState(12, self.revision)]


def ask(command, request, publisher, fleet=None, renew=None):
    """Carry out one command; the reply must be something that JSON can say."""
    commands = Commands(publisher, Link(publisher), fleet or Fleet(), 0.0, ["127.0.0.1:53"], renew)
    reply = asyncio.run(commands.by_name()[command](request))
    assert json.loads(json.dumps(reply)) == reply
    return reply


def test_lookup_answers_and_says_why():
    """A lookup gives the answer and where it was written, whatever the case of the name and the type."""
    snapshot = serve(V4 + "records: {192.0.2.1: a.example.net}\n")
    result = ask("lookup", {"name": "1.2.0.192.IN-ADDR.arpa", "type": "ptr"}, Publisher(snapshot))["result"]
    assert result["answer"] == ["1.2.0.192.in-addr.arpa. 3600 IN PTR a.example.net."]
    assert any("zones/0.yaml:4" in reason for reason in result["why"])


@pytest.mark.parametrize(
    ("request_", "error", "sentence"),
    [
        ({}, CommandError, "lookup needs a `name`"),
        ({"name": 5}, CommandError, "lookup needs a `name`"),
        ({"name": "a", "type": None}, CommandError, "lookup needs a `name`"),
        ({"name": "a..b"}, CommandError, "'a..b' is no domain name: it has an empty label"),
        ({"name": "a.b", "type": "NONSENSE"}, TypeNameError, "NONSENSE"),
    ],
)
def test_lookups_that_mean_nothing(request_, error, sentence):
    """What cannot be looked up is a sentence."""
    with pytest.raises(error, match=sentence):
        ask("lookup", request_, Publisher(serve(V4)))


def test_nothing_can_be_looked_up_before_the_start():
    """Before anything is served a lookup says so, and status has nothing to count."""
    with pytest.raises(CommandError, match="nothing is served yet"):
        ask("lookup", {"name": "a"}, Publisher())
    result = ask("status", {}, Publisher())["result"]
    assert (result["revision"], result["publish"]) == (0, None)


def test_reload_tells_what_changed_or_what_is_wrong():
    """A publication's serials are told when it went well; its problems, and that they are not all, when it did not."""
    good = Outcome("compiled", 1.0, 0.5, Report(changed=[("a.", None, 1), ("b.", 1, 2)], files=2, reused=1))
    reply = ask("reload", {}, Publisher(serve(V4), good))
    assert reply["ok"]
    assert reply["result"]["changed"] == [{"zone": "a.", "old": None, "new": 1}, {"zone": "b.", "old": 1, "new": 2}]
    report = Report("the zone files have 2 errors", [Problem(Place("z.yaml", 1, 2), "bad")], 1)
    reply = ask("reload", {}, Publisher(serve(V4), Outcome("refused", 1.0, 0.5, report)))
    assert (reply["ok"], reply["status"]) == (False, 1)
    assert reply["error"] == "nothing was published: the zone files have 2 errors"
    assert reply["problems"] == ["z.yaml:1:2: error: bad", "1 more; `ptrd check` prints them all"]


@pytest.mark.parametrize(("how", "ok"), [("", True), ("unchanged", True), ("replaced", True), ("refused", False)])
def test_reload_tells_of_the_certificate(how, ok):
    """A reload reads the certificate of DNS over TLS too, and fails when it is refused, though the zones are live."""

    async def renew():
        return how, "" if ok else "tls.key: gone", 2e9

    good = Outcome("compiled", 1.0, 0.5, Report())
    reply = ask("reload", {}, Publisher(serve(V4), good), renew=renew)
    assert (reply["ok"], reply["result"]["outcome"]) == (ok, "compiled")
    if not how:
        assert "certificate" not in reply["result"]
    else:
        assert reply["result"]["certificate"]["outcome"] == how
    if not ok:
        assert reply["error"] == "the certificate that is in use stays: tls.key: gone"
        assert reply["status"] == 1
        bad = Outcome("refused", 1.0, 0.5, Report("one error"))
        error = ask("reload", {}, Publisher(serve(V4), bad), renew=renew)["error"]
        assert error.startswith("nothing was published: one error; the certificate")


def test_readiness_needs_a_worker():
    """The server is ready when zones are live and some worker serves them."""

    def unready(publisher, **changes):
        fleet = Fleet()
        fleet.workers = lambda: [WorkerState(11, changes.get("revision", 1))]
        return Commands(publisher, Link(publisher), fleet, 0.0, []).unready()

    assert unready(Publisher()) == ["no zones are served yet"]
    assert unready(Publisher(serve(V4)), revision=0) == ["no worker serves the zones at this moment"]
    assert unready(Publisher(serve(V4))) == []


@pytest.mark.parametrize(
    ("texts", "address"),
    [
        ([V4], None),
        ([V4 + 'defaults: {192.0.2.0/24: "{ip}.example.net"}\n'], "192.0.2.1"),
        ([V4 + 'defaults: {192.0.2.0/24: "{ip}.example.net", 192.0.2.0/25: ~}\n'], None),
        ([V4 + 'records: {192.0.2.9: a.b}\ndefaults: {192.0.2.0/24: "{ip}.example.net"}\n'], "192.0.2.9"),
        ([V6 + "records: {2001:db8::5: a.b}\n"], "2001:db8::5"),
        ([V6 + "records: {2001:db8::5: a.b}\n", V4 + "records: {192.0.2.9: a.b}\n"], "192.0.2.9"),
        ([TEN + "records: {10.1.0.9: a.b}\ndelegations: {10.1.0.0/16: {ns: [n.a]}}\n"], None),
    ],
)
def test_the_example_has_an_answer(texts, address):
    """The address to try has a name: one that somebody wrote, else a default, IPv4 first; never an occluded one."""
    assert example_address(serve(*texts)) == address


def test_the_greeting_can_be_followed():
    """Wildcard addresses are asked at the loopback, and numbers agree with their nouns."""
    snapshot = serve(V4 + "records: {192.0.2.9: [a.b, c.d]}\n")
    text = greet(snapshot, [("::", 53), ("0.0.0.0", 53)], 1, ("::1", 80), Path("/run/control.sock"))  # noqa: S104
    assert "serves 1 zone, 1 record, 0 ranges\n" in text
    assert "[::]:53, 0.0.0.0:53 (1 worker)\n" in text
    assert "http://[::1]:80/" in text
    assert text.endswith("try: dig @127.0.0.1 -p 53 -x 192.0.2.9")
    secure = greet(snapshot, [("::", 53)], 1, None, Path("/run/control.sock"), [("::1", 853), ("127.0.0.1", 853)])
    assert "\n  DoT      [::1]:853, 127.0.0.1:853\n" in secure and "DoT" not in text
    assert "HTTP" not in greet(snapshot, [("::", 53)], 1, None, Path("/run/control.sock"))
