"""Tags by Huawei's routes: set, taken away, listed, and records found by them, under either id of a record."""

from __future__ import annotations

import pytest

from tests.control.fakelink import OPERATOR
from tests.control.huaweiworld import LIST, PROJECT, READER, REGION, RESOURCE, TAGS, World

SEARCH = f"{TAGS}/resource_instances/action"


@pytest.fixture
def world(tmp_path):
    """Give two tenants and the dialect, and a record without tags."""
    world = World(tmp_path)
    world.named()
    yield world
    world.close()


@pytest.fixture(params=["v2", "v2 escaped", "v2.1"])
def tags(request, world):
    """Give the path of the record's tags, spelled as one client or another does."""
    spelled = {"v2": RESOURCE, "v2 escaped": RESOURCE.replace(":", "%3A"), "v2.1": world.record().id}
    return f"{TAGS}/{spelled[request.param]}/tags"


def tag(key, value=""):
    """Write a tag."""
    return {"key": key, "value": value}


def test_tags_come_and_go(world, tags):
    """One is added, one with its key takes its place, several come at once, and each can be taken away."""
    assert world.ok("GET", tags) == {"tags": []}
    world.ok("POST", tags, {"tag": tag("k2", "v2")}, status=204)
    world.ok("POST", tags, {"tag": tag("k2", "new")}, status=204)
    world.ok("POST", f"{tags}/action", {"action": "create", "tags": [tag("k3", "中文"), tag("k2", "v2")]}, status=204)
    assert world.ok("GET", tags) == {"tags": [tag("k2", "v2"), tag("k3", "中文")]}
    world.ok("DELETE", f"{tags}/k2", status=204)
    world.ok(
        "POST", f"{tags}/action", b'{"action":"delete","tags":[{"key":"k3","value":"v"},{"key":"x"}]}\n', status=204
    )
    assert world.ok("GET", tags) == {"tags": []}
    assert {action for action, _ in world.journal()[-4:]} == {"createPTRRecordSetTag", "deletePTRRecordTag"}


def test_taking_away_what_is_not_there_succeeds(world, tags):
    """A delete of an absent tag changes nothing, and is a success."""
    revision = world.link.revision
    world.ok("DELETE", f"{tags}/absent", status=204)
    world.ok("POST", f"{tags}/action", {"action": "delete", "tags": [{"key": "absent"}]}, status=204)
    assert world.link.revision == revision


def test_answers_of_changes_have_no_body(world, tags):
    """204 is empty."""
    assert world.call("POST", tags, {"tag": tag("a")}).data() == b""


def test_a_key_may_hold_spaces_and_signs(world, tags):
    """A key in a path is read as it was before it was escaped."""
    key = "a b:c=d+e@f"
    world.ok("POST", tags, {"tag": tag(key)}, status=204)
    world.ok("DELETE", f"{tags}/a%20b%3Ac%3Dd%2Be%40f", status=204)
    assert world.ok("GET", tags) == {"tags": []}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"tag": None}, "DNS.1003"),
        ({}, "DNS.1003"),
        ({"tag": [tag("a")]}, "DNS.1003"),
        ({"tag": tag("")}, "DNS.1003"),
        ({"tag": tag("_sys_a")}, "DNS.1003"),
        ({"tag": tag("a", 7)}, "DNS.1003"),
        ({"tag": tag("a") | {"x": 1}}, "DNS.1003"),
        ({"tags": [tag("a")]}, "DNS.0002"),
        ([], "DNS.0002"),
        (b"", "DNS.0603"),
    ],
)
def test_a_bad_tag_is_refused(world, body, code):
    """One tag is an object with key and value, within their limits."""
    assert world.refused("POST", f"{TAGS}/{RESOURCE}/tags", body) == (400, code)
    assert world.record().tags == ()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "create"}, "DNS.1003"),
        ({"action": "create", "tags": []}, "DNS.1003"),
        ({"action": "create", "tags": [tag("a"), tag("a", "b")]}, "DNS.1003"),
        ({"action": "create", "tags": "a"}, "DNS.1003"),
        ({"action": "delete", "tags": [{"value": "b"}]}, "DNS.1003"),
        ({"action": "delete"}, "DNS.1003"),
        ({"action": "update", "tags": [tag("a")]}, "DNS.0002"),
        ({"tags": [tag("a")]}, "DNS.0002"),
        ({"action": "create", "tags": [tag("a")], "x": 1}, "DNS.0002"),
        ({"action": "create", "tags": [tag(f"k{number}") for number in range(21)]}, "DNS.1001"),
    ],
)
def test_a_bad_change_of_tags_is_refused(world, body, code):
    """Several tags are refused whole: none is set, none is taken away."""
    world.ok("POST", f"{TAGS}/{RESOURCE}/tags", {"tag": tag("a", "kept")}, status=204)
    assert world.refused("POST", f"{TAGS}/{RESOURCE}/tags/action", body) == (400, code)
    assert world.record().tags == (("a", "kept"),)


def test_a_record_has_at_most_twenty_tags(world):
    """The 21st is refused, one that takes another's place is not."""
    full = [tag(f"k{number}") for number in range(20)]
    world.ok("POST", f"{TAGS}/{RESOURCE}/tags/action", {"action": "create", "tags": full}, status=204)
    assert world.refused("POST", f"{TAGS}/{RESOURCE}/tags", {"tag": tag("one more")}) == (400, "DNS.1001")
    world.ok("POST", f"{TAGS}/{RESOURCE}/tags", {"tag": tag("k7", "new")}, status=204)
    assert len(world.record().tags) == 20


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        (f"{REGION}:one", (404, "DNS.0507")),
        (f"{REGION}:nope", (404, "DNS.0502")),
        ("0" * 32, (404, "DNS.0507")),
        ("nonsense", (400, "DNS.0501")),
        (f"{REGION}:a b", (400, "DNS.0504")),
    ],
)
def test_a_record_must_be_there(world, resource, wanted):
    """Every route about the tags of one record says that there is no EIP, or no record, or no such id."""
    path = f"{TAGS}/{resource.replace(' ', '%20')}/tags"
    create = {"action": "create", "tags": [tag("a")]}
    for method, target, body in (
        ("GET", path, None),
        ("POST", path, {"tag": tag("a")}),
        ("POST", f"{path}/action", create),
        ("POST", f"{path}/action", create | {"action": "delete"}),
        ("DELETE", f"{path}/a", None),
    ):
        assert world.refused(method, target, body) == wanted


def test_a_project_has_its_tags(world):
    """All keys of a project's records come with all their values."""
    for name, value in (("one", "x"), ("two", "y"), ("three", "x")):
        world.named("a.example.com", f"{REGION}:{name}", tags=[tag("k", value), tag(name)])
    found = world.ok("GET", f"{TAGS}/tags")
    assert found == {
        "tags": [
            {"key": "k", "values": ["x", "y"]},
            {"key": "one", "values": [""]},
            {"key": "three", "values": [""]},
            {"key": "two", "values": [""]},
        ]
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["www", "one", "two", "three"]),
        ({"tags": [{"key": "k", "values": ["x"]}]}, ["one", "three"]),
        ({"tags": [{"key": "k", "values": ["x", "y"]}]}, ["one", "two", "three"]),
        ({"tags": [{"key": "k", "values": []}]}, ["one", "two", "three"]),
        ({"tags": [{"key": "k"}, {"key": "one", "values": [""]}]}, ["one"]),
        ({"tags_any": [{"key": "one"}, {"key": "two"}]}, ["one", "two"]),
        ({"not_tags": [{"key": "k", "values": ["x"]}, {"key": "one"}]}, ["www", "two", "three"]),
        ({"not_tags_any": [{"key": "k", "values": ["x"]}]}, ["www", "two"]),
        ({"tags": [], "tags_any": None, "not_tags": [], "matches": []}, ["www", "one", "two", "three"]),
        ({"matches": [{"key": "resource_name", "value": "two"}]}, ["two"]),
        ({"matches": [{"key": "resource_name", "value": "EXAMPLE"}]}, ["www", "one", "two", "three"]),
        ({"tags": [{"key": "absent"}]}, []),
    ],
)
def test_records_are_found_by_tags(world, query, wanted):
    """All, any, not all and none of some tags, and a part of the name; `count` tells how many."""
    for name, value in (("one", "x"), ("two", "y"), ("three", "x")):
        world.named(f"{name}.example.com", f"{REGION}:{name}", tags=[tag("k", value), tag(name)])
    found = world.ok("POST", SEARCH, {"action": "filter", **query})
    assert [item["resource_name"].partition(".")[0] for item in found["resources"]] == wanted
    assert found["total_count"] == len(wanted)
    assert world.ok("POST", SEARCH, {"action": "count", **query}) == {"total_count": len(wanted)}


@pytest.mark.parametrize(("limit", "offset"), [(2, 1), ("2", "1")])
def test_a_search_has_pages(world, limit, offset):
    """Limit and offset come as numbers or as text; the total is of all."""
    for name in ("one", "two", "three"):
        world.named(f"{name}.example.com", f"{REGION}:{name}", tags=[tag(name, "v")])
    body = {"action": "filter", "limit": limit, "offset": offset, "tags": [], "matches": []}
    found = world.ok("POST", SEARCH, body)
    assert found == {
        "resources": [
            {
                "resource_id": f"{REGION}:{name}",
                "resource_name": f"{name}.example.com.",
                "resource_detail": None,
                "tags": [tag(name, "v")],
            }
            for name in ("one", "two")
        ],
        "total_count": 4,
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "DNS.0002"),
        ({"action": "list"}, "DNS.0002"),
        ({"action": "filter", "x": 1}, "DNS.0002"),
        ({"action": "filter", "limit": 0}, "DNS.0006"),
        ({"action": "filter", "limit": "1001"}, "DNS.0006"),
        ({"action": "filter", "limit": True}, "DNS.0006"),
        ({"action": "filter", "limit": 1.5}, "DNS.0006"),
        ({"action": "filter", "offset": -1}, "DNS.0017"),
        ({"action": "filter", "offset": "x"}, "DNS.0017"),
        ({"action": "filter", "tags": {}}, "DNS.1003"),
        ({"action": "filter", "tags": ["a"]}, "DNS.1003"),
        ({"action": "filter", "tags": [{"key": ""}]}, "DNS.1003"),
        ({"action": "filter", "tags": [{"values": []}]}, "DNS.1003"),
        ({"action": "filter", "tags": [{"key": "a", "value": "b"}]}, "DNS.1003"),
        ({"action": "filter", "tags_any": [{"key": "a", "values": "b"}]}, "DNS.1003"),
        ({"action": "filter", "not_tags": [{"key": "a", "values": [7]}]}, "DNS.1003"),
        ({"action": "filter", "matches": [{"key": "zone", "value": "b"}]}, "DNS.0002"),
        ({"action": "filter", "matches": [{"key": "resource_name"}]}, "DNS.0002"),
        ({"action": "filter", "matches": "x"}, "DNS.0002"),
        (b"[]", "DNS.0002"),
        (b"", "DNS.0603"),
    ],
)
def test_a_bad_search_is_refused(world, body, code):
    """A condition that cannot be understood is not left out: it would find too much."""
    assert world.refused("POST", SEARCH, body) == (400, code)


def test_only_ptr_records_have_tags_here(world):
    """The tags of zones are somebody else's."""
    for path in ("tags", f"{RESOURCE}/tags"):
        assert world.refused("GET", f"/v2/{PROJECT}/DNS-public_zone/{path}") == (400, "DNS.1002")


def test_a_reader_reads_tags(world):
    """A credential that may only read sees tags and finds records, and changes nothing."""
    path = f"{TAGS}/{RESOURCE}/tags"
    world.ok("GET", path, actor=READER)
    world.ok("GET", f"{TAGS}/tags", actor=READER)
    world.ok("POST", SEARCH, {"action": "count"}, actor=READER)
    create = {"action": "create", "tags": [tag("a")]}
    for method, target, body in (
        ("POST", path, {"tag": tag("a")}),
        ("POST", f"{path}/action", create),
        ("POST", f"{path}/action", create | {"action": "delete"}),
        ("DELETE", f"{path}/a", None),
    ):
        assert world.refused(method, target, body, actor=READER) == (403, "DNS.1802")


def test_a_frozen_record_keeps_its_tags(world):
    """The tenant of a frozen address changes no tag; an operator does."""
    world.run(world.cases.pointers.freeze(OPERATOR, world.ref(), "abuse", request_id="req-2"))
    path = f"{TAGS}/{RESOURCE}/tags"
    assert world.refused("POST", path, {"tag": tag("a")}) == (403, "DNS.0030")
    assert world.refused("DELETE", f"{path}/a") == (403, "DNS.0030")
    world.ok("POST", path, {"tag": tag("a")}, status=204, actor=OPERATOR)
    assert world.ok("GET", f"{LIST}?tags=a")["metadata"] == {"total_count": 1}
