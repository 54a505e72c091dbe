"""HTTP: who a client is, and who may read the metrics from where."""

import json

import pytest

from ptrd.control.edge import Members, client_of
from ptrd.records.values import parse_prefix
from tests.control.httpsite import Site, run

PROXIES = tuple(map(parse_prefix, ("192.0.2.0/24", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("198.51.100.1", {}, ("198.51.100.1", False)),
        ("198.51.100.1", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, ("198.51.100.1", False)),
        ("192.0.2.1", {}, ("192.0.2.1", False)),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.9"}, ("203.0.113.9", False)),
        ("192.0.2.1", {"x-forwarded-for": "10.0.0.1, 203.0.113.9"}, ("203.0.113.9", False)),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.9, 192.0.2.2"}, ("203.0.113.9", False)),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.9", "X-forwarded-for": "192.0.2.2"}, ("203.0.113.9", False)),
        ("192.0.2.1", {"X-Forwarded-For": "192.0.2.3, 192.0.2.2"}, ("192.0.2.3", False)),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.9, nonsense"}, ("192.0.2.1", False)),
        ("192.0.2.1", {"X-Forwarded-For": ""}, ("192.0.2.1", False)),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.9:4711"}, ("203.0.113.9", False)),
        ("2001:db8::1%eth0", {"X-Forwarded-For": "[2001:db9::1]:443"}, ("2001:db9::1", False)),
        ("192.0.2.1", {"X-Forwarded-For": "::ffff:203.0.113.9"}, ("203.0.113.9", False)),
        ("192.0.2.1", {"X-Forwarded-Proto": "https"}, ("192.0.2.1", True)),
        ("192.0.2.1", {"X-Forwarded-Proto": "https, http"}, ("192.0.2.1", False)),
        ("", {"X-Forwarded-For": "203.0.113.9"}, ("0.0.0.0", False)),  # noqa: S104 - nothing is bound
    ],
)
def test_only_trusted_proxies_say_who_a_client_is(peer, headers, expected):
    """The last address counts that no trusted proxy has; what others say of themselves is worth nothing."""
    assert client_of(peer, tuple(headers.items()), Members(PROXIES), secure=False) == expected


def test_nobody_is_trusted_unless_it_is_written(tmp_path):
    """A forged X-Forwarded-For changes nothing without `trusted_proxies`, and with it says who asks."""

    async def work():
        forged = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
        (tmp_path / "a").mkdir()
        async with Site(tmp_path / "a") as site:
            told = await site.told("/echo/x", *forged)
            assert (told["source"], told["secure"]) == ("127.0.0.1", False)
        (tmp_path / "b").mkdir()
        async with Site(tmp_path / "b", trusted_proxies=(parse_prefix("127.0.0.1/32"),)) as site:
            told = await site.told("/echo/x", *forged)
            assert (told["source"], told["secure"]) == ("203.0.113.9", True)

    run(work())


def test_metrics_are_guarded_beyond_loopback(tmp_path):
    """On another address than loopback, metrics are for `metrics_allow` and operators; who else asks is told so."""

    async def work():
        allowed = (parse_prefix("127.0.0.2/32"),)
        async with Site(tmp_path, "0.0.0.0", metrics_allow=allowed) as site:  # noqa: S104 - a port of the test
            site.address = ("127.0.0.1", site.address[1])
            operator, writer = await site.tokens()
            status, _, body = await site.get("/metrics")
            assert status == 401 and json.loads(body)["code"] == "unauthenticated"
            assert (await site.get("/metrics", "X-Forwarded-For: 127.0.0.2"))[0] == 401
            assert (await site.get("/metrics", "X-Auth-Token: wrong"))[0] == 401
            status, _, body = await site.get("/metrics", f"X-Auth-Token: {writer}")
            assert status == 403 and "http.metrics_allow" in json.loads(body)["detail"]
            for answer in (
                await site.get("/metrics", f"Authorization: Bearer {operator}"),
                await site.get("/metrics", f"X-Auth-Token: {operator}"),
                await site.get("/metrics", source="127.0.0.2"),
            ):
                assert answer[0] == 200 and "ptrd_answer 42.0" in answer[2]
            assert (await site.get("/healthz"))[0] == 200

    run(work())


def test_a_proxy_on_this_machine_opens_no_metrics(tmp_path):
    """On loopback metrics are for everybody there, but not for whom a trusted proxy forwards from elsewhere."""

    async def work():
        async with Site(tmp_path, trusted_proxies=(parse_prefix("127.0.0.1/32"),)) as site:
            assert (await site.get("/metrics"))[0] == 200
            assert (await site.get("/metrics", "X-Forwarded-For: 203.0.113.9"))[0] == 401

    run(work())


def test_without_an_api_metrics_are_for_loopback(tmp_path):
    """When no credential can be read, pages are answered, the API says so, and metrics never leave the machine."""

    async def work():
        (tmp_path / "a").mkdir()
        async with Site(tmp_path / "a", has_api=False) as site:
            assert (await site.get("/metrics"))[0] == (await site.get("/"))[0] == 200
            status, headers, body = await site.get("/v2")
            assert status == 503 and "nothing can be managed" in body and "x-request-id" in headers
        (tmp_path / "b").mkdir()
        async with Site(tmp_path / "b", "0.0.0.0", has_api=False) as site:  # noqa: S104 - a port of the test
            site.address = ("127.0.0.1", site.address[1])
            assert (await site.get("/metrics"))[0] == 503
            assert (await site.get("/healthz"))[0] == 200

    run(work())
