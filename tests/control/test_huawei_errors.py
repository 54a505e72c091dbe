"""What the Huawei dialect says around records: refusals, each with its code, quota, versions, and what is not there."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request
from ptrd.control.huawei.dialect import HuaweiApi
from ptrd.control.huawei.errors import TABLE, refuse
from ptrd.store.database import DatabaseError
from tests.control.fakelink import OPERATOR
from tests.control.huaweiworld import (
    ACCOUNT,
    LIST,
    ONE,
    OTHER_ACCOUNT,
    PROJECT,
    PTRS,
    REGION,
    TAGS,
    URL,
    WRITER,
    World,
)

QUOTAS = "/v2/quotamg/dns/quotas"
# What Huawei's documentation lists, with its status.
DOCUMENTED = """
    400 DNS.0002  401 DNS.0005  400 DNS.0006  400 DNS.0007  403 DNS.0013  403 DNS.0014  400 DNS.0016  400 DNS.0017
    409 DNS.0021  413 DNS.0027  403 DNS.0030  400 DNS.0315  400 DNS.0327  400 DNS.0401  403 DNS.0405  400 DNS.0501
    404 DNS.0502  409 DNS.0503  400 DNS.0504  400 DNS.0505  400 DNS.0506  404 DNS.0507  400 DNS.0508  400 DNS.0601
    400 DNS.0602  400 DNS.0603  400 DNS.1001  400 DNS.1002  400 DNS.1003  403 DNS.1802  400 DNS.1905  404 DNS.1906
    500 DNS.0000
"""


@pytest.fixture
def world(tmp_path):
    """Give two tenants and the dialect; the first may have two records."""
    world = World(tmp_path, quota=2)
    yield world
    world.close()


def test_every_refusal_has_a_row():
    """Each code of the use cases is in the table, with a status and a code that Huawei documents together."""
    documented = {(int(status), code) for status, code in re.findall(r"(\d+) (DNS\.\d+)", DOCUMENTED)}
    for code in Code:
        response = refuse(ControlError(code, "a sentence", "a field that has no row"))
        assert response.body == {"code": TABLE[code, ""][1], "message": "a sentence"}
    undocumented = {(404, "DNS.0002")}  # what has no code of its own: accounts and such, which no route here names
    assert set(TABLE.values()) == documented | undocumented


def test_a_long_sentence_is_cut():
    """A message has at most 512 characters."""
    assert len(refuse(ControlError(Code.INVALID, "x" * 1000)).body["message"]) == 512


def test_the_quota_is_kept(world):
    """One record more than the account may have is refused, by v2 and v2.1; a change of one that is there is not."""
    for name in ("one", "two"):
        world.named("a.example.com", f"{REGION}:{name}")
    body = {"publicip": {"region": REGION, "id": "three"}, "ptrdnames": ["c.example.com"]}
    assert world.refused("PATCH", f"{LIST}/{REGION}:three", {"ptrdname": "c.example.com"}) == (403, "DNS.0405")
    assert world.refused("POST", PTRS, body) == (403, "DNS.0405")
    world.named("b.example.com", f"{REGION}:one")
    world.ok("PATCH", f"{LIST}/{REGION}:one", {}, status=202)
    world.ok("POST", PTRS, body, status=202)


def test_the_quota_is_told(world):
    """Limit and use are the account's, whether its id is sent or not."""
    world.named()
    quota = {"quotas": [{"quota_key": "ptr_record", "quota_limit": 2, "used": 1, "unit": "count"}]}
    assert world.ok("GET", f"{QUOTAS}?domain_id={ACCOUNT}") == quota
    assert world.ok("GET", QUOTAS) == quota
    assert world.ok("GET", f"{QUOTAS}?domain_id={ACCOUNT}", actor=OPERATOR) == quota
    world.ok("PATCH", ONE, {}, status=202)
    assert world.ok("GET", QUOTAS)["quotas"][0]["used"] == 0


def test_the_quota_of_others_is_refused(world):
    """Another account, there or not, is refused alike; an operator is told what there is."""
    for domain in (OTHER_ACCOUNT, "nope"):
        assert world.refused("GET", f"{QUOTAS}?domain_id={domain}") == (403, "DNS.0013")
    assert world.ok("GET", f"{QUOTAS}?domain_id={OTHER_ACCOUNT}", actor=OPERATOR)["quotas"][0]["quota_limit"] == 50
    assert world.refused("GET", f"{QUOTAS}?domain_id=nope", actor=OPERATOR) == (404, "DNS.0002")
    assert world.refused("GET", QUOTAS, actor=OPERATOR)[0] == 400


def test_an_address_that_is_not_served_gets_no_record(world):
    """Where no zone of ours would answer, a record is refused with the reason."""
    world.link.unserved[world.record_address()] = "no zone of ours holds 10.113.0.203.in-addr.arpa"
    response = world.call("PATCH", ONE, {"ptrdname": "www.example.com"})
    assert (response.status, response.body["code"]) == (400, "DNS.0504")
    assert "no zone of ours" in response.body["message"]
    assert world.record() is None


def test_nobody_is_told_to_authenticate(world):
    """A request without an actor is 401 on every route but those that are public."""
    for route in world.api.routes():
        path = re.sub(r"\{\w+\}", "x", route.pattern)
        response = world.call(route.method, path, {}, actor=None)
        assert (response.status if route.public else (response.status, response.body["code"])) == (
            200 if route.public else (401, "DNS.0005")
        ), route.name


@pytest.mark.parametrize("name", ["X-Project-Id", "x-project-id", "X-Domain-Id"])
def test_a_header_never_widens_what_a_credential_is_for(world, name):
    """A project or account in a header must be the credential's own; any other is refused, there or not."""
    own = ACCOUNT if "omain" in name else PROJECT
    world.ok("GET", LIST, headers=[(name, own)])
    for value in ("fedcba9876543210fedcba9876543210", "dom2", "nope", own.upper() + "x"):
        assert world.refused("GET", LIST, headers=[(name, value)]) == (403, "DNS.0013")
        assert world.refused("PATCH", ONE, {"ptrdname": "a.example.com"}, headers=[(name, value)])[0] == 403
    assert world.record() is None


def test_an_operator_sees_all_or_one_project(world):
    """An operator lists everything, or the project that X-Project-Id names."""
    world.named()
    other = [("X-Project-Id", "fedcba9876543210fedcba9876543210")]
    assert world.ok("GET", LIST, actor=OPERATOR)["metadata"]["total_count"] == 1
    assert world.ok("GET", LIST, actor=OPERATOR, headers=other)["metadata"]["total_count"] == 0


def test_a_disabled_project_changes_nothing(world):
    """What a disabled project has stays, and it changes nothing."""
    world.named()
    project = world.run(world.link.read(lambda store: store.project(PROJECT)))
    disable = replace(project, disabled=True)
    world.run(world.link.change(lambda store: store.put_project(disable), actor=OPERATOR, request_id="req-2"))
    assert world.refused("PATCH", ONE, {}) == (403, "DNS.0013")
    assert world.record() is not None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", LIST, "GET"),
        ("PUT", ONE, "GET, PATCH"),
        ("DELETE", ONE, "GET, PATCH"),
        ("GET", "/v2.1/reverse/floatingips", "DELETE"),
        ("PATCH", PTRS, "GET, POST"),
        ("PATCH", f"{PTRS}/{'0' * 32}", "DELETE, GET, PUT"),
        ("PUT", f"{TAGS}/{REGION}:one/tags", "GET, POST"),
        ("GET", f"{TAGS}/{REGION}:one/tags/action", "DELETE, POST"),
        ("POST", "/v2", "GET"),
    ],
)
def test_a_method_that_is_not_there_is_405(world, method, path, allowed):
    """The answer names the methods that are, and has this dialect's shape."""
    response = world.call(method, path, {})
    assert (response.status, response.headers["Allow"]) == (405, allowed)
    assert world.refused(method, path, {}) == (405, "DNS.0002")


@pytest.mark.parametrize("path", ["/v2/zones", "/v2.1/ptrs/a/b", "/v2/reverse", f"{LIST}/", "/v2/x/DNS-ptr_record"])
def test_a_path_that_is_not_there_is_404(world, path):
    """What this server does not have is not found, in this dialect's shape."""
    assert world.refused("GET", path) == (404, "DNS.0002")


def test_paths_of_the_dialect():
    """What is at and below /v2 and /v2.1 is the dialect's; nothing else is."""
    for path in ("/v2", "/v2/", "/v2.1", "/v2.1/ptrs", "/v2/what"):
        assert HuaweiApi.owns(path)
    for path in ("/", "/v20", "/v3", "/openstack/v2", "/api/v1", "/V2/", "/metrics"):
        assert not HuaweiApi.owns(path)


def test_versions_are_an_array(world):
    """`GET /` lists the version as an array, which Huawei's SDK and keystoneauth read; `GET /v2` gives it alone."""
    response = world.run(world.api.versions(Request("GET", "/", id="req-1")))
    (version,) = response.body["versions"]
    assert (version["id"], version["status"]) == ("v2", "CURRENT")
    assert version["links"] == [{"href": f"{URL}/v2", "rel": "self"}]
    assert response.headers["X-Request-Id"] == "req-1"
    for path in ("/v2", "/v2/", "/v2.1"):
        assert world.ok("GET", path, actor=None) == {"version": version}


def test_what_is_ours_is_500(world, monkeypatch, caplog):
    """A database that cannot be used is DNS.0003, anything unforeseen DNS.0001; only the log tells what is inside."""

    async def break_down(*_arguments, **_options):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(world.cases.pointers._link, "read", break_down)
    response = world.call("GET", ONE)
    assert (response.status, response.body["code"]) == (500, "DNS.0003")
    assert "disk" not in response.body["message"]
    assert "req-1" in caplog.text and "the disk is full" in caplog.text
    response = world.api.failed(Request("GET", ONE, id="req-1", actor=WRITER))
    assert (response.status, response.body["code"]) == (500, "DNS.0001")
    assert "req-1" in response.body["message"]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ControlError(Code.UNAUTHENTICATED, "the signature is wrong"), (401, "DNS.0005")),
        (ControlError(Code.THROTTLED, "too many failures"), (403, "DNS.0014")),
        (ControlError(Code.TOO_LARGE, "the body is too large"), (413, "DNS.0027")),
        (ControlError(Code.BUSY, "too many requests at once"), (500, "DNS.0000")),
        (ControlError(Code.KEY_REUSED, "another body"), (409, "DNS.0021")),
    ],
)
def test_errors_before_a_handler_have_the_same_shape(world, error, wanted):
    """What the server refuses before a handler is asked comes in this dialect too."""
    response = world.api.refuse(Request("GET", ONE, id="req-1"), error)
    assert (response.status, response.body["code"]) == wanted
    assert response.headers["X-Request-Id"] == "req-1"
