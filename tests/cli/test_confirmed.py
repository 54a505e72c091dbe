"""Names that have to lead back, on a real server with a resolver of the test: what is told, refused and noticed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.cli.test_whole import ROOT, run
from tests.client.fakedns import FakeDns
from tests.talking import ORIGIN, fetch, name_of, send, until, up, zone

OWN = """\
zone: own.example
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
rrsets: |
  mail  IN A 192.0.2.5
  away  IN CNAME www.example.org.
"""


@pytest.fixture
def resolver():
    """Have a resolver that knows what the test tells it, and denies everything else."""
    with FakeDns() as made:
        yield made


@pytest.fixture
def server(ptrd_server, resolver):
    """Start a server with a project that has 192.0.2.0/24, and with a forward zone of its own."""
    settings = f'resolvers: ["{resolver.endpoint}"]\nconfirm: {{interval: 1s, rate: 50, timeout: 3s}}\n'
    made = up(ptrd_server({"one.yaml": zone(), "own.yaml": OWN}, origins=[ORIGIN], settings=settings))
    api(made, "POST", "accounts", {"name": "acme"})
    api(made, "POST", "projects", {"name": "shop", "account": "acme"})
    api(made, "POST", "eips", {"address": "192.0.2.0/24", "id": "net", "region": "north", "project": "shop"})
    return made


def api(server, method, path, body=None):
    """Ask over the control socket what must succeed; give the body."""
    reply = send(server, "api", method=method, path=f"/api/v1/{path}", body=body)
    assert reply["ok"] and reply["result"]["status"] < 300, reply
    return reply["result"]["body"]


def policy(server, text):
    """Give the project a policy."""
    assert api(server, "PATCH", "projects/shop", {"policy": text})["policy"] == text


def process(server, *arguments):
    """Start a command."""
    return subprocess.Popen(
        server.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def made(server, *arguments):
    """Run a command that makes a record; give the record and what is said on standard error."""
    with process(server, "ptr", *arguments, "-o", "json") as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    return json.loads(out), err


def unconfirmed(server):
    """List what is unconfirmed, as {address: verdict}."""
    listed = api(server, "GET", "ptrs?confirmation=unconfirmed")["records"]
    return {record["address"]: record["confirmation"] for record in listed}


def metric(server, name, verdict):
    """Read a metric."""
    found = re.search(rf'^{name}{{verdict="{verdict}"}} (\S+)$', fetch(server, "/metrics")[1], re.MULTILINE)
    return float(found[1])


def ask(server, token, method, path, body):
    """Ask over HTTP with a token; give (status, headers, body)."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.http_port}{path}", json.dumps(body).encode(), method=method,
        headers={"X-Auth-Token": token, "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - HTTP, on loopback
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


def test_off_asks_nobody(server, resolver):
    """Without a policy a record is made, nobody is asked, and nothing is said of its names."""
    record, err = made(server, "create", "192.0.2.6", "none.example.org", "--wait")
    assert (record["confirmation"], record["confirmation_checked"], err) == (None, None, "")
    assert unconfirmed(server) == {} and resolver.asked == []
    assert metric(server, "ptrd_managed_confirmations", "unchecked") == 0


def test_warn_makes_the_record_and_tells(server, resolver):
    """The record is live, standard error says what is wrong and what to do, and the list and the metrics have it."""
    resolver.tell("good.example.org.", "good.example.org. 60 IN A 192.0.2.6", rtype="A")
    resolver.tell("else.example.org.", "else.example.org. 60 IN A 198.51.100.7", rtype="A")
    api(server, "POST", "ptrs", {"address": "192.0.2.8", "names": ["none.example.org"]})  # before there is a policy
    run(server, "project", "policy", "shop", "warn")
    record, err = made(server, "create", "192.0.2.6", "good.example.org", "--wait")
    assert (record["confirmation"], record["confirmation_reason"], err) == ("confirmed", "", "")
    record, err = made(server, "create", "192.0.2.7", "else.example.org", "--wait")
    assert record["confirmation"] == "elsewhere" and record["confirmation_checked"] is not None
    assert err.startswith("ptrd: warning: mail from 192.0.2.7 may be refused: else.example.org. leads to 198.51.100.7")
    assert "publish else.example.org. A 192.0.2.7" in err
    assert name_of(server, 7) == "else.example.org."
    until(lambda: unconfirmed(server) == {"192.0.2.7": "elsewhere", "192.0.2.8": "no_name"})
    table = run(server, "ptr", "list", "--unconfirmed")
    assert (
        table.startswith("ADDRESS") and "CONFIRMATION REASON" in table and "none.example.org. does not exist" in table
    )
    until(lambda: metric(server, "ptrd_managed_confirmations", "elsewhere") == 1)
    assert metric(server, "ptrd_managed_confirmations", "no_name") == 1
    assert metric(server, "ptrd_confirmation_checks_total", "confirmed") >= 1
    shown = json.loads(run(server, "ptr", "show", "192.0.2.7", "-o", "json"))
    assert shown["confirmation"] == "elsewhere" and "198.51.100.7" in shown["confirmation_reason"]


def test_require_refuses_or_waits(server, resolver):
    """A name that leads nowhere is refused; with --wait it is made as soon as its A record is there."""
    run(server, "project", "policy", "shop", "require")
    err = run(server, "ptr", "create", "192.0.2.6", "new.example.org", status=1)
    assert "have to lead back" in err and "new.example.org. does not exist" in err
    assert name_of(server, 6) == "192-0-2-6.dyn.example.net."
    assert "does not exist" in run(server, "ptr", "create", "192.0.2.6", "new.example.org", "--dry-run", status=1)
    asked = resolver.count("new.example.org.")
    assert "does not exist" in run(server, "ptr", "create", "192.0.2.6", "new.example.org", "--wait", "1", status=1)
    assert resolver.count("new.example.org.") > asked + 1
    asked = resolver.count("new.example.org.")
    with process(server, "ptr", "create", "192.0.2.6", "new.example.org", "--wait", "60", "-o", "json") as running:
        until(lambda: resolver.count("new.example.org.") > asked + 1)
        assert running.poll() is None and name_of(server, 6) == "192-0-2-6.dyn.example.net."
        resolver.tell("new.example.org.", "new.example.org. 60 IN A 192.0.2.6", rtype="A")
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    assert (json.loads(out)["confirmation"], json.loads(out)["status"]) == ("confirmed", "ACTIVE")
    assert name_of(server, 6) == "new.example.org."
    run(server, "project", "policy", "shop", "default")
    assert json.loads(run(server, "project", "policy", "shop", "-o", "json"))["policy"] is None
    run(server, "ptr", "modify", "192.0.2.6", "none.example.org")


def test_our_own_zones_are_asked_first(server, resolver):
    """A name of a forward zone that is served here is known without a resolver; an alias out of it is not."""
    policy(server, "require")
    record = api(server, "POST", "ptrs", {"address": "192.0.2.5", "names": ["mail.own.example"]})
    assert record["confirmation"] == "confirmed"
    assert "none.own.example. does not exist" in run(
        server, "ptr", "create", "192.0.2.6", "none.own.example", "--wait", "1", status=1
    )
    assert not any("own.example" in name for name, _, _ in resolver.asked)
    resolver.tell("www.example.org.", "www.example.org. 60 IN A 192.0.2.6", rtype="A")
    record = api(server, "POST", "ptrs", {"address": "192.0.2.6", "names": ["away.own.example"]})
    assert record["confirmation"] == "confirmed"
    assert record["confirmation_remarks"] and "www.example.org." in record["confirmation_remarks"][0]
    (server.zone_folder / "own.yaml").write_text(OWN.replace("192.0.2.5", "192.0.2.77"))
    run(server, "reload")
    until(lambda: unconfirmed(server) == {"192.0.2.5": "elsewhere"})


def test_a_name_that_stops_leading_back_is_noticed(server, resolver):
    """The background finds that an A record went away and that it came back; a silent resolver takes nothing away."""
    resolver.tell("good.example.org.", "good.example.org. 60 IN A 192.0.2.6", rtype="A")
    policy(server, "require")
    record = api(server, "POST", "ptrs?wait=10", {"address": "192.0.2.6", "names": ["good.example.org"]})
    resolver.tell("good.example.org.", rcode="NXDOMAIN", rtype="A")
    until(lambda: unconfirmed(server) == {"192.0.2.6": "no_name"})
    now = api(server, "GET", "ptrs/192.0.2.6")
    assert (now["revision"], now["names"]) == (record["revision"], record["names"])
    until(lambda: metric(server, "ptrd_managed_confirmations", "no_name") == 1)
    resolver.tell("good.example.org.", "good.example.org. 60 IN A 192.0.2.6", rtype="A")
    until(lambda: unconfirmed(server) == {})
    resolver.tell("good.example.org.", rcode="SERVFAIL", rtype="A")

    def noted():
        found = api(server, "GET", "ptrs/192.0.2.6")
        return found["confirmation"] == "confirmed" and "nobody answered" in found["confirmation_reason"]

    until(noted)


def test_the_other_dialects_tell_in_a_header(server, resolver):
    """OpenStack's and Huawei's clients get their own bodies, the finding in a header, and a refusal as their 400."""
    resolver.tell("else.example.org.", "else.example.org. 60 IN A 198.51.100.7", rtype="A")
    token = api(server, "POST", "tokens", {"project": "shop"})["secret"]
    policy(server, "warn")
    for mount, octet in (("/openstack/v2", 6), ("/v2", 7)):
        path = f"{mount}/reverse/floatingips/north:net~192.0.2.{octet}"
        status, headers, body = ask(server, token, "PATCH", path, {"ptrdname": "else.example.org."})
        assert status == 202 and body["ptrdname"] == "else.example.org." and "confirmation" not in body
        assert headers["X-Ptrd-Confirmation"].startswith("elsewhere; else.example.org. leads to 198.51.100.7")
    policy(server, "require")
    for mount in ("/openstack/v2", "/v2"):
        path = f"{mount}/reverse/floatingips/north:net~192.0.2.9"
        status, _, body = ask(server, token, "PATCH", path, {"ptrdname": "none.example.org."})
        assert status == 400 and "none.example.org. does not exist" in body["message"]
    assert name_of(server, 9) == "192-0-2-9.dyn.example.net."


def test_one_projects_names_hold_up_nobody_else(server, resolver):
    """Six bulks of 600 names that nobody answers, whose clients have gone, end; another project's name is confirmed."""
    api(server, "DELETE", "eips/north/net")
    api(server, "PATCH", "accounts/acme", {"quota": 1000})
    api(server, "POST", "projects", {"name": "rival", "account": "acme"})
    tokens = {}
    for name, prefix in (("shop", "192.0.2.0/25"), ("rival", "192.0.2.128/25")):
        api(server, "POST", "eips", {"address": prefix, "id": name, "region": "north", "project": name})
        api(server, "PATCH", f"projects/{name}", {"policy": "require"})
        tokens[name] = api(server, "POST", "tokens", {"project": name})["secret"]
    for host in range(600):
        resolver.tell_by(f"s{host}.example.org.", lambda _query, _way: [])
    resolver.tell("good.example.org.", "good.example.org. 60 IN A 192.0.2.200", rtype="A")
    operations = [
        {
            "op": "set",
            "address": f"192.0.2.{one + 1}",
            "names": [f"s{10 * one + host}.example.org" for host in range(10)],
        }
        for one in range(60)
    ]
    data = json.dumps({"operations": operations}).encode()
    head = f"POST /api/v1/ptrs:bulk?wait=60 HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: {tokens['shop']}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port), 10))
            client.sendall(head.encode() + data)
        until(lambda: len(resolver.asked) >= 50)
        body = {"address": "192.0.2.200", "names": ["good.example.org"]}
        status, _, record = ask(server, tokens["rival"], "POST", "/api/v1/ptrs", body)
        assert (status, record["confirmation"]) == (201, "confirmed")
    asked = []

    def is_quiet():
        asked.append(sum(name.startswith("s") for name, _, _ in resolver.asked))
        time.sleep(2.5)  # longer than a try, after which the same question would come again
        return len(asked) > 1 and asked[-1] == asked[-2]

    until(is_quiet, 30)
    assert asked[-1] < 600
    assert api(server, "GET", "ptrs")["total"] == 1
