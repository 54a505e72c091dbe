"""What the real OpenStack clients sent when they were recorded is answered with what they accept."""

import json
from pathlib import Path

import pytest

from ptrd.control.exchange import Request
from tests.control.openstackcalls import MAIL, World

RECORDINGS = Path(__file__).parent / "recordings"
FLOATING_IP = {"id", "ptrdname", "description", "ttl", "address", "status", "action", "links"}
BEYOND = {"X-Auth-All-Projects", "X-Auth-Sudo-Project-ID"}
CLIENTS = ["openstack_cli_designateclient-7.0.0", "openstacksdk-4.22.0", "otcextensions-0.34.8"]


def read(client):
    """Give (request, answer of the server that recorded it) of each exchange."""
    lines = (RECORDINGS / f"{client}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(json.loads(line)["req"], json.loads(line)["resp"]) for line in lines]


@pytest.mark.parametrize("client", CLIENTS)
def test_recorded_requests_are_answered_as_clients_need(tmp_path, client):
    """Each request, at our mount, has the status that it was recorded with, and what it set is there afterwards.

    Where a server in Huawei's manner said 404 (a discovery, a bare endpoint, an unset record), ours has an answer.
    """
    world = World(tmp_path)
    world.do(world.add_eip(MAIL, "203.0.113.99", "eu-de", world.shop))  # otcextensions' EIP
    name = None
    for sent, recorded in read(client):
        answer = world.send(as_request(sent, world.shop))
        if BEYOND & set(sent["headers"]):  # a tenant's: the server that recorded it let everybody do so
            assert answer.status == 403
            continue
        name = json.loads(sent["body"] or "{}").get("ptrdname", name)
        huawei = str((recorded["body"] or {}).get("code")).startswith("DNS.")
        assert answer.status == (200 if huawei else recorded["status"])
        if "versions" in answer.body:
            assert set(answer.body["versions"][0]) == {"id", "status", "updated", "links"}
        elif answer.status < 400:
            found = answer.body.get("floatingips", [answer.body])
            assert all(set(one) == FLOATING_IP for one in found)
            names = {one["ptrdname"] for one in found if one["id"].endswith(MAIL)}
            assert (name and name.lower().rstrip(".") + ".") in names
    world.link.close()


def as_request(sent, actor):
    """Send what was recorded to where we serve it, as who the authenticator found."""
    return Request(
        sent["method"],
        "/openstack" + sent["path"].rstrip("/"),
        headers=tuple(sent["headers"].items()),
        body=sent["body"].encode(),
        id="req-1",
        actor=actor if {"X-Auth-Token", "Authorization"} & set(sent["headers"]) else None,
    )


def test_recordings_are_of_all_that_clients_do():
    """The recordings have lists, shows, sets, unsets, partial changes and discovery."""
    sent = [request for client in CLIENTS for request, _ in read(client)]
    bodies = {tuple(json.loads(one["body"])) for one in sent if one["body"]}
    assert {one["method"] for one in sent} == {"GET", "PATCH"}
    assert {("ttl",), ("description",), ("ptrdname",)} <= bodies
    assert {"/", "/v2", "/reverse/floatingips"} <= {one["path"] for one in sent}
