"""What real clients were seen to send is answered with what they accept, step by step.

The requests are those of Huawei's Python SDK, of Terraform's Go SDK and of otcextensions; the answers beside them are
a stand-in's, of which only the statuses are looked at.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptrd.control.exchange import Request
from tests.control.huaweiworld import World

RECORDINGS = Path(__file__).with_name("recordings")
CLIENTS = ("huaweicloudsdkdns-3.1.219_python", "golangsdk_terraform-huaweicloud", "otcextensions-0.34.8")


@pytest.fixture
def world(tmp_path):
    """Give the tenant of the recordings, whose EIP has no name yet."""
    world = World(tmp_path)
    yield world
    world.close()


def exchanges(client):
    """Give what a client sent, and the status that it went on with."""
    for line in (RECORDINGS / f"{client}.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        yield exchange["req"], exchange["resp"]


def accepted(client, request, recorded):
    """Give the statuses that the client goes on with after a request."""
    if request["body"] == '{"ptrdname": "null"}':
        return {400}  # the stand-in took it for a name
    if recorded >= 400:
        return {recorded}
    if client.startswith("golangsdk"):
        if "/tags" in request["path"]:
            return {200, 202} if request["method"] == "GET" else {200, 204}
        return {200} if request["method"] == "GET" else {200, 202}
    return {200, 201, 202, 204}


@pytest.mark.parametrize("client", CLIENTS)
def test_recorded_requests_are_accepted(world, client):
    """Every request of a client's life gets a status with which that client goes on, and the fields that it reads."""
    ours = {}  # the id that the stand-in gave -> the one that we gave
    count = 0
    for request, answer in exchanges(client):
        count += 1
        path = request["path"]
        for theirs, own in ours.items():
            path = path.replace(theirs, own)
        headers = tuple(request["headers"].items())
        if path == "/":
            response = world.run(world.api.versions(Request("GET", "/", headers=headers, id="req-1")))
        else:
            response = world.call(request["method"], path, request["body"].encode(), headers=headers)
        sent = f"{request['method']} {path} {request['body']}"
        assert response.status in accepted(client, request, answer["status"]), (sent, response)
        body = answer["body"]
        if request["method"] == "POST" and path == "/v2.1/ptrs":
            ours[body["id"]] = response.body["id"]
        if response.status < 300 and isinstance(body, dict) and "ptrdname" in body:
            assert body.keys() - {"tags"} <= response.body.keys(), sent
            assert response.body["ptrdname"] == body["ptrdname"], sent
            assert response.body["ttl"] == body["ttl"], sent
            assert response.body["status"] in {"ACTIVE", "PENDING_DELETE"}
        if response.status == 404:
            assert response.body["code"] == body["code"], sent
    assert count >= 5


def test_bodies_end_and_colons_are_as_clients_write_them():
    """The recordings hold what breaks a naive server: a final newline, {}, a misspelt key, %3A and a raw colon."""
    sent = [request for client in CLIENTS for request, _ in exchanges(client)]
    assert any(request["body"].endswith("\n") for request in sent)
    assert any(request["body"] == "{}" for request in sent)
    assert any("ptrname" in request["body"] for request in sent)
    assert any("%3A" in request["path"] for request in sent) and any(":" in request["path"] for request in sent)
    assert any(request["method"] == "DELETE" and request["body"] for request in sent)
