"""What belongs to another project is, for whoever asks, just not there: the same status, code and sentence."""

from __future__ import annotations

import pytest

from tests.control.huaweiworld import (
    ABSENT,
    BATCH,
    FOREIGN,
    LIST,
    OTHER_PROJECT,
    PTRS,
    READER,
    REGION,
    RESOURCE,
    STRANGER,
    TAGS,
    WRITER,
    World,
)

NO_PROJECT = "00000000000000000000000000000000"


@pytest.fixture
def world(tmp_path):
    """Give two tenants, each with a record with a tag."""
    world = World(tmp_path)
    world.named(tags=[{"key": "k", "value": "mine"}])
    body = {"ptrdname": "secret.example.com", "tags": [{"key": "k", "value": "theirs"}]}
    world.ok("PATCH", f"{LIST}/{FOREIGN}", body, status=202, actor=STRANGER)
    yield world
    world.close()


def requests(resource, pointer):
    """Give every operation on one record, by either of its ids."""
    tag = {"key": "a", "value": "b"}
    region, _, eip = resource.partition(":")
    yield "GET", f"{LIST}/{resource}", None
    for body in (
        {"ptrdname": "taken.example.com"},
        {"ptrdname": None},
        {},
        {"ptrname": "null"},
        {"ttl": 5},
        {"description": "x", "tags": [tag]},
        {"ptrdname": "null"},
        {"what": 1},
    ):
        yield "PATCH", f"{LIST}/{resource}", body
    yield "DELETE", BATCH, {"floatingip_ids": [resource]}
    yield "DELETE", BATCH, {"floatingip_ids": [RESOURCE, resource]}
    yield "DELETE", BATCH, {"floatingip_ids": [pointer]}
    yield "POST", PTRS, {"publicip": {"region": region, "id": eip}, "ptrdnames": ["taken.example.com"]}
    yield "GET", f"{PTRS}/{pointer}", None
    yield "PUT", f"{PTRS}/{pointer}", {"ptrdnames": ["taken.example.com"]}
    yield "DELETE", f"{PTRS}/{pointer}", None
    for identity in (resource, resource.replace(":", "%3A"), pointer):
        path = f"{TAGS}/{identity}/tags"
        yield "GET", path, None
        yield "POST", path, {"tag": tag}
        yield "POST", f"{path}/action", {"action": "create", "tags": [tag]}
        yield "POST", f"{path}/action", {"action": "delete", "tags": [{"key": "k"}]}
        yield "DELETE", f"{path}/k", None
    for path in (LIST, PTRS):
        yield "GET", f"{path}?marker={resource}", None


@pytest.mark.parametrize("actor", [WRITER, READER], ids=["writer", "reader"])
@pytest.mark.parametrize("header", [None, "If-Match"])
def test_anothers_is_not_told_from_what_is_not_there(world, actor, header):
    """Each operation with another project's ids is refused exactly as with ids that nothing has; nothing changes."""
    before, theirs = world.link.revision, world.record(FOREIGN)
    headers = [(header, f'"{theirs.revision}"')] if header else []
    absent = "f" * 32
    pairs = zip(requests(FOREIGN, theirs.id), requests(ABSENT, absent), strict=True)
    for (method, path, body), (_, other_path, other_body) in pairs:
        there = world.call(method, path, body, actor=actor, headers=headers)
        nowhere = world.call(method, other_path, other_body, actor=actor, headers=headers)
        assert there.status >= 400, (method, path, body)
        said = str(there.body).replace("foreign", "absent").replace(theirs.id, absent)
        assert (there.status, said, there.headers) == (nowhere.status, str(nowhere.body), nowhere.headers)
    assert (world.link.revision, world.record(FOREIGN)) == (before, theirs)


def test_lists_hold_what_is_ones_own(world):
    """Lists, counts, all tags and searches show nothing of another project, however they are asked."""
    theirs = world.record(FOREIGN)
    for target in (LIST, PTRS, f"{LIST}?tags=k,*", f"{PTRS}?enterprise_project_id=0", f"{LIST}?status=ACTIVE"):
        page = world.ok("GET", target)
        assert page["metadata"]["total_count"] == len(page["floatingips"]) == 1
        assert "secret" not in str(page)
    assert world.ok("GET", f"{LIST}?tags=k,theirs")["floatingips"] == []
    assert world.ok("GET", f"{TAGS}/tags") == {"tags": [{"key": "k", "values": ["mine"]}]}
    found = world.ok("POST", f"{TAGS}/resource_instances/action", {"action": "filter", "tags": [{"key": "k"}]})
    assert [item["resource_id"] for item in found["resources"]] == [RESOURCE]
    assert world.ok("GET", "/v2/quotamg/dns/quotas")["quotas"][0]["used"] == 1
    for marker in (theirs.id, "f" * 32, "0" * 32):  # a place in the order of ids, whether something is there or not
        assert "secret" not in str(world.ok("GET", f"{LIST}?marker={marker}"))


def test_another_project_in_the_path_is_refused(world):
    """The path of tags names the credential's own project; any other is refused alike, there or not."""
    tag = {"key": "a", "value": "b"}
    for project in (OTHER_PROJECT, NO_PROJECT, "nope"):
        root = f"/v2/{project}/DNS-ptr_record"
        for method, path, body in (
            ("GET", f"{root}/tags", None),
            ("POST", f"{root}/resource_instances/action", {"action": "filter"}),
            ("GET", f"{root}/{RESOURCE}/tags", None),
            ("GET", f"{root}/{FOREIGN}/tags", None),
            ("POST", f"{root}/{FOREIGN}/tags", {"tag": tag}),
            ("POST", f"{root}/{FOREIGN}/tags/action", {"action": "create", "tags": [tag]}),
            ("DELETE", f"{root}/{FOREIGN}/tags/k", None),
        ):
            response = world.call(method, path, body)
            assert (response.status, response.body["code"]) == (403, "DNS.0013")
            assert response.body["message"].replace(project, "X") == "'X' is not the project of this credential"


def test_an_address_within_anothers_prefix_is_not_there(world):
    """`eip~address` of a prefix of another project is refused as one of no prefix at all."""
    for actor in (STRANGER,):
        there = world.call("GET", f"{LIST}/{REGION}:net~2001:db8::1", actor=actor)
        nowhere = world.call("GET", f"{LIST}/{REGION}:nets~2001:db8::1", actor=actor)
        assert (there.status, there.body) == (nowhere.status, nowhere.body) == (404, there.body)
