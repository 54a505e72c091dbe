"""The API by call: which dialect answers, who is asked for a credential, and what every answer has."""

import logging

import pytest

from ptrd.control.actors import Actor, Role
from ptrd.control.api import allowed, max_body, split_target
from ptrd.control.exchange import Request
from ptrd.control.local import CommandError
from ptrd.control.mount import make_api, make_cases
from ptrd.control.settings import ApiSettings
from ptrd.store.database import DatabaseError
from ptrd.store.vault import Vault
from tests.control.fakelink import OPERATOR, FakeLink, make_project
from tests.control.httpsite import ADDRESS, EIP, REGION, RESOURCE, run

LIST = "/v2/reverse/floatingips"


class Mounted:
    """The API as the daemon builds it, over a link in a folder."""

    def __init__(self, folder, **settings):
        self.link = FakeLink(folder)
        vault = Vault([bytes(32)], "the test")
        self.cases = make_cases(self.link, vault, ("eu-1", "eu-2"))
        self.api = make_api(self.cases, vault, ApiSettings(**settings))

    async def __aenter__(self):
        self.tenant = await make_project(self.cases)
        await self.cases.inventory.add_eip(OPERATOR, ADDRESS, id=EIP, region=REGION, project="shop", request_id="req-0")
        return self

    async def __aexit__(self, *_):
        self.link.close()

    async def ask(self, method, target, *, actor=None, headers=(), body=b""):
        """Send a request and give the answer."""
        raw, path, query = split_target(target)
        request = Request(method, path, query, tuple(headers), body, raw_path=raw, id="req-7", actor=actor)
        return await self.api.answer(request)


def test_each_path_has_its_dialect(tmp_path):
    """Keystone stands among OpenStack's paths, Huawei has the rest of the root's versions, native its own."""

    async def work():
        async with Mounted(tmp_path) as mounted:
            for target, key in (
                ("/v3", "version"),
                ("/openstack/v3", "version"),
                ("/openstack/v2", "versions"),
                ("/v2", "version"),
                ("/", "versions"),
                ("/api/v1/openapi.json", "openapi"),
            ):
                answer = await mounted.ask("GET", target)
                assert answer.status == 200 and key in answer.body, target
                assert mounted.api.owns(target) == (target != "/")
                assert answer.headers["X-Request-Id"] == answer.headers["x-openstack-request-id"] == "req-7"
            assert not mounted.api.owns("/metrics")

    run(work())


def test_links_begin_with_the_public_url(tmp_path):
    """`public_url` makes every link, whatever the Host header says."""

    async def work():
        async with Mounted(tmp_path, public_url="https://ptr.example.net") as mounted:
            answer = await mounted.ask("GET", "/", headers=[("Host", "elsewhere")])
            assert answer.body["versions"][0]["links"][0]["href"].startswith("https://ptr.example.net/v2")

    run(work())


def test_who_is_known_is_not_asked(tmp_path):
    """A request whose actor is set is not authenticated again; one without needs a credential."""

    async def work():
        async with Mounted(tmp_path) as mounted:
            assert (await mounted.ask("GET", LIST)).status == 401
            assert (await mounted.ask("GET", LIST, headers=[("X-Auth-Token", "wrong")])).status == 401
            assert (await mounted.ask("GET", LIST, actor=mounted.tenant)).status == 200
            made = await mounted.cases.credentials.create_token(
                OPERATOR, project=mounted.tenant.project, role="reader", request_id="req-0"
            )
            token = [("X-Auth-Token", made.secret)]
            assert (await mounted.ask("GET", LIST, headers=token)).status == 200
            assert (await mounted.ask("HEAD", LIST, headers=token)).status == 200
            answer = await mounted.ask("PATCH", f"{LIST}/{RESOURCE}", headers=token, body=b'{"ptrdname": "a.example"}')
            assert (answer.status, answer.body["code"]) == (403, "DNS.1802")
            elsewhere = [*token, ("X-Project-Id", "another")]
            assert (await mounted.ask("GET", LIST, headers=elsewhere)).status == 403

    run(work())


def test_what_fails_is_logged_once_with_its_id(tmp_path, monkeypatch, caplog):
    """A fault of ours is one record that names the request, and the answer has its dialect's shape."""

    async def fail(*_arguments, **_options):
        raise RuntimeError("oops")

    async def work():
        async with Mounted(tmp_path) as mounted:
            monkeypatch.setattr(mounted.cases.pointers, "find", fail)
            with caplog.at_level(logging.ERROR):
                answer = await mounted.ask("GET", LIST, actor=mounted.tenant)
            assert (answer.status, answer.body["code"]) == (500, "DNS.0001")
            assert [record.getMessage() for record in caplog.records] == [f"GET {LIST} failed, request req-7"]

    run(work())


def test_a_store_that_fails_says_why_to_operators(tmp_path, monkeypatch, caplog):
    """A full disk is one sentence in the log; an operator is told it, a tenant only that it is not their fault."""

    async def fail(*_arguments, **_options):
        raise DatabaseError("the disk is full; make room in /var/lib/ptrd")

    async def work():
        async with Mounted(tmp_path) as mounted:
            monkeypatch.setattr(mounted.cases.pointers, "find", fail)
            with caplog.at_level(logging.ERROR):
                tenant = await mounted.ask("GET", "/api/v1/ptrs", actor=mounted.tenant)
                operator = await mounted.ask("GET", "/api/v1/ptrs", actor=OPERATOR)
            assert "make room" not in str(tenant.body) and "try again" in str(tenant.body)
            assert "make room in /var/lib/ptrd" in str(operator.body)
            assert tenant.status == operator.status == 503
            assert [record.exc_info for record in caplog.records] == [None, None]

    run(work())


def test_the_control_socket_asks_as_an_operator(tmp_path):
    """The command `api` carries a request out for a local user, who is in the journal; JSON comes back as values."""

    async def work():
        async with Mounted(tmp_path) as mounted:
            sent = {"method": "put", "path": f"/api/v1/ptrs/{ADDRESS}", "body": {"names": ["mail.example.com"]}}
            reply = await mounted.api.command(sent, "alice")
            result = reply["result"]
            assert reply["ok"] and result["status"] in {200, 201}, result
            assert mounted.link.says(ADDRESS) == ("mail.example.com.",)
            sent = {"path": "/api/v1/ptrs", "query": [["limit", "5"], ["region", REGION]], "headers": {"Accept": "*/*"}}
            result = (await mounted.api.command(sent, "alice"))["result"]
            assert result["status"] == 200 and [one["address"] for one in result["body"]["records"]] == [ADDRESS]
            entries = await mounted.cases.inventory.journal(OPERATOR, limit=10, newest_first=True)
            assert entries[0].actor == "local:alice"
            page = (await mounted.api.command({"path": "/api/v1/docs"}, "alice"))["result"]["body"]
            assert "<html" in page
            result = (await mounted.api.command({"path": "/nothing"}, "alice"))["result"]
            assert result["status"] == 404 and result["headers"]["X-Request-Id"].startswith("req-")
            sent = {"method": "POST", "path": "/v2.1/ptrs", "body": "x" * (1 << 20) + "x"}
            assert (await mounted.api.command(sent, "alice"))["result"]["status"] == 413

    run(work())


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"path": 1},
        {"path": "v2"},
        {"path": "/", "method": 1},
        {"path": "/", "headers": [1]},
        {"path": "/", "headers": {"a": 1}},
        {"path": "/", "query": "a=b"},
        {"path": "/", "query": [["a"]]},
        {"path": "/", "query": {"a": 1}},
    ],
)
def test_a_command_of_the_wrong_shape_is_refused(tmp_path, sent):
    """What is no request is a sentence, and no fault of ours."""

    async def work():
        async with Mounted(tmp_path) as mounted:
            with pytest.raises(CommandError, match=r"^(api needs|`headers` is|`query` is)"):
                await mounted.api.command(sent, "alice")

    run(work())


def test_a_signed_change_that_comes_again_has_its_answer(tmp_path):
    """What `Repeats` gives for a repeated request is named after the request that was asked now."""

    class Old:
        async def answer(self, request, handler):
            response = await handler(request)
            response.headers["X-Request-Id"] = "req-old"
            return response

    async def work():
        async with Mounted(tmp_path) as mounted:
            mounted.api._repeats = Old()  # as if it had been remembered
            answer = await mounted.ask("GET", LIST, actor=Actor("key:A", Role.OPERATOR))
            assert answer.headers["X-Request-Id"] == "req-7"

    run(work())


def test_a_target_is_split_as_it_was_sent():
    """The raw target is kept, the path decoded once, and bytes that are no text become the replacement character."""
    assert split_target("/a%2525:b?c=%3A&d") == ("/a%2525:b?c=%3A&d", "/a%25:b", (("c", ":"), ("d", "")))
    assert split_target("https://h:1/a?b") == ("/a?b", "/a", (("b", ""),))
    assert split_target("/%ff")[1] == "/\ufffd"
    assert split_target("*")[1] == "/"


def test_limits_and_methods():
    """Imports may be larger than other bodies; Allow has what every path has."""
    assert max_body("/api/v1/eips:import") == 4 << 20 and max_body("/v2") == 1 << 20
    assert allowed(["PATCH", "GET", "GET"]) == "GET, HEAD, OPTIONS, PATCH" and allowed(["POST"]) == "OPTIONS, POST"
