"""Real clients take our cookies and bring them back, and every worker and every node with the secret accepts them."""

from __future__ import annotations

import re
import subprocess

from tests.peers.process import require_program

ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
records: {192.0.2.1: one.example.net}
"""
CLIENT = "0123456789abcdef"
SECRETS = ["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]


def run(server, program, *arguments):
    """Ask a server with dig or kdig, and give what was printed."""
    package = "bind9-dnsutils" if program == "dig" else "knot-dnsutils"
    command = [require_program(program, package), "-p", str(server.port), f"@{server.address}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout


def cookie_of(server, cookie=CLIENT, name="1.2.0.192.in-addr.arpa", *more):
    """Ask with dig and a cookie; give the cookie of the answer, which dig has found good."""
    said = run(server, "dig", f"+cookie={cookie}", "+tries=1", *more, name, "PTR")
    assert "one.example.net." in said
    return re.search(r"COOKIE: ([0-9a-f]{48}) \(good\)", said)[1]


def test_dig_is_given_a_cookie_and_it_is_accepted(ptrd_server):
    """Round one gives dig a server cookie; in round two each worker knows it and gives the same back, over TCP too."""
    server = ptrd_server({"a.yaml": ZONE}, workers=2)
    first = cookie_of(server)
    assert first.startswith(f"{CLIENT}01000000")
    assert {cookie_of(server, first, "1.2.0.192.in-addr.arpa", *more) for more in [()] * 8 + [("+tcp",)]} == {first}
    assert "status: FORMERR" in run(
        server, "dig", "+cookie=0123456789abcd", "+tries=1", "1.2.0.192.in-addr.arpa", "PTR"
    )


def test_dig_asks_for_a_cookie_alone(ptrd_server):
    """A query without a question gets a cookie, and BADCOOKIE when it brings a wrong one (RFC 7873, 5.4)."""
    server = ptrd_server({"a.yaml": ZONE})
    said = run(server, "dig", "+header-only", f"+cookie={CLIENT}", "+tries=1")
    assert "status: NOERROR" in said and "QUERY: 0, ANSWER: 0" in said and "(good)" in said
    said = run(server, "dig", "+header-only", "+nobadcookie", f"+cookie={CLIENT}{'0' * 32}", "+tries=1")
    assert "status: BADCOOKIE" in said


def test_kdig_is_given_a_cookie_and_it_is_accepted(ptrd_server):
    """A server cookie is given to kdig, and the same again when it brings that one."""
    server = ptrd_server({"a.yaml": ZONE})
    found = set()
    cookie = CLIENT
    for _ in range(3):
        said = run(server, "kdig", f"+cookie={cookie}", "+retry=0", "-x", "192.0.2.1")
        assert "one.example.net." in said
        cookie = re.search(r"COOKIE: ([0-9A-Fa-f]{48})", said)[1].lower()
        found.add(cookie)
    assert len(found) == 1 and found.pop().startswith(CLIENT)


def test_nodes_with_the_same_secret_accept_each_others_cookies(ptrd_server):
    """A cookie of one server is good at another that has its secret, also in second place, which then renews it."""
    one = ptrd_server({"a.yaml": ZONE}, settings=f"cookies: {{secrets: [{SECRETS[0]}]}}\n")
    two = ptrd_server({"a.yaml": ZONE}, settings=f"cookies: {{secrets: [{', '.join(SECRETS)}]}}\n")
    three = ptrd_server({"a.yaml": ZONE}, settings=f"cookies: {{secrets: [{SECRETS[1]}, {SECRETS[0]}]}}\n")
    cookie = cookie_of(one)
    assert cookie_of(two, cookie) == cookie
    assert cookie_of(three, cookie) != cookie
    for server in (one, two, three):
        said = run(server, "dig", "+header-only", "+nobadcookie", f"+cookie={cookie}", "+tries=1")
        assert "status: NOERROR" in said
    assert not (one.folder / "state" / "cookie.secret").exists()


def test_a_cookie_outlives_a_restart(ptrd_server):
    """The secret that a server made for itself stays in its state folder, for the owner only."""
    server = ptrd_server({"a.yaml": ZONE})
    cookie = cookie_of(server)
    server.stop()
    server.start()
    assert cookie_of(server, cookie) == cookie
    assert (server.folder / "state" / "cookie.secret").stat().st_mode & 0o777 == 0o600


def test_cookies_can_be_off_and_the_server_named(ptrd_server):
    """With `cookies: ~` dig gets no cookie back; `+nsid` is told the name, and nobody else is."""
    server = ptrd_server({"a.yaml": ZONE}, settings="cookies: ~\nnsid: ns1.example\nextended_errors: none\n")
    said = run(server, "dig", f"+cookie={CLIENT}", "+nsid", "+tries=1", "1.2.0.192.in-addr.arpa", "PTR")
    assert "(good)" not in said and '("ns1.example")' in said
    assert not (server.folder / "state" / "cookie.secret").exists()
    assert "NSID" not in run(server, "dig", "+tries=1", "1.2.0.192.in-addr.arpa", "PTR")
    assert "EDE" not in run(server, "dig", "+tries=1", "example.org", "A")
