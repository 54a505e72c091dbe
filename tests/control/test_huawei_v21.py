"""Records with several names by Huawei's v2.1, and the batch delete, which takes all or nothing."""

from __future__ import annotations

import pytest

from tests.control.huaweiworld import ADDRESS, BATCH, EIP, LIST, ONE, PTRS, READER, REGION, RESOURCE, URL, World

PUBLICIP = {"region": REGION, "id": EIP}
CREATE = {
    "publicip": PUBLICIP,
    "ptrdnames": ["A.example.com", "b.example.com."],
    "description": "d",
    "ttl": 400,
    "tags": [{"key": "k", "value": "v"}],
    "enterprise_project_id": "abc",
}


@pytest.fixture
def world(tmp_path):
    """Give two tenants and the dialect."""
    world = World(tmp_path)
    yield world
    world.close()


def test_a_record_is_made_shown_changed_and_deleted(world):
    """The whole life by the 32-digit id; all names are served, and after the delete the id is unknown."""
    world.link.live = world.link.revision
    made = world.ok("POST", PTRS, CREATE, status=202)
    pointer = made["id"]
    assert made == {
        "id": pointer,
        "publicip": {"region": REGION, "id": EIP, "address": ADDRESS},
        "ptrdnames": ["a.example.com.", "b.example.com."],
        "description": "d",
        "ttl": 400,
        "status": "PENDING_CREATE",
        "links": {"self": f"{URL}{PTRS}/{pointer}"},
        "enterprise_project_id": "abc",
    }
    assert len(pointer) == 32
    world.link.live = None
    assert world.ok("GET", f"{PTRS}/{pointer}") == made | {"status": "ACTIVE"}
    assert world.link.says(ADDRESS) == ("a.example.com.", "b.example.com.")
    body = {"ptrdnames": ["c.example.com"], "description": "", "ttl": 1}
    changed = world.ok("PUT", f"{PTRS}/{pointer}", body, status=202)
    assert (changed["ptrdnames"], changed["description"], changed["ttl"]) == (["c.example.com."], "", 1)
    assert world.link.says(ADDRESS) == ("c.example.com.",)
    response = world.call("DELETE", f"{PTRS}/{pointer}", b'{"any": "body"}\n')
    assert (response.status, response.data()) == (202, b"")
    for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
        assert world.refused(method, f"{PTRS}/{pointer}", sent) == (404, "DNS.0507")
    assert world.journal()[-1] == ("deletePtrRecord", None)


def test_both_versions_show_one_record(world):
    """What v2 sets v2.1 shows, by the id that its list gives."""
    world.named(ttl=77)
    (item,) = world.ok("GET", PTRS)["floatingips"]
    assert world.ok("GET", f"{PTRS}/{item['id']}")["ttl"] == 77
    world.ok("DELETE", f"{PTRS}/{item['id']}", status=202)
    assert world.refused("GET", ONE) == (404, "DNS.0507")


def test_a_put_keeps_what_it_leaves_out(world):
    """Names are all that a PUT must have."""
    pointer = world.ok("POST", PTRS, CREATE, status=202)["id"]
    kept = world.ok("PUT", f"{PTRS}/{pointer}", {"ptrdnames": ["c.example.com"]}, status=202)
    assert (kept["description"], kept["ttl"], kept["enterprise_project_id"]) == ("d", 400, "abc")
    assert world.record().tags == (("k", "v"),)


def test_if_match_guards_by_v21(world):
    """A stale ETag lets neither a change nor a delete pass, a fresh one does."""
    made = world.call("POST", PTRS, CREATE)
    path, stale = f"{PTRS}/{made.body['id']}", [("If-Match", made.headers["ETag"])]
    changed = world.call("PUT", path, {"ptrdnames": ["c.example.com"]}, headers=stale)
    assert world.refused("PUT", path, {"ptrdnames": ["d.example.com"]}, headers=stale) == (409, "DNS.0503")
    assert world.refused("DELETE", path, headers=stale) == (409, "DNS.0503")
    assert world.call("GET", path).headers["ETag"] == changed.headers["ETag"]
    world.ok("DELETE", path, status=202, headers=[("If-Match", changed.headers["ETag"])])


def test_an_address_is_named_once(world):
    """A second create for an EIP is refused, whichever version made the first."""
    world.named()
    assert world.refused("POST", PTRS, CREATE) == (400, "DNS.0016")
    assert world.ok("GET", ONE)["ptrdname"] == "www.example.com."


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"publicip": None}, "DNS.0504"),
        ({"publicip": "one"}, "DNS.0504"),
        ({"publicip": {"region": REGION}}, "DNS.0504"),
        ({"publicip": {"region": REGION, "id": 7}}, "DNS.0504"),
        ({"publicip": {"id": EIP}}, "DNS.0601"),
        ({"publicip": {"region": "a b", "id": EIP}}, "DNS.0601"),
        ({"publicip": PUBLICIP | {"address": ADDRESS}}, "DNS.0002"),
        ({"ptrdnames": None}, "DNS.0505"),
        ({"ptrdnames": []}, "DNS.0505"),
        ({"ptrdnames": "a.example.com"}, "DNS.0505"),
        ({"ptrdnames": ["a.example.com", "A.example.com."]}, "DNS.0505"),
        ({"ptrdnames": [7]}, "DNS.0505"),
        ({"ptrdnames": [f"n{number}.example.com" for number in range(11)]}, "DNS.0505"),
        ({"ptrdname": "a.example.com"}, "DNS.0002"),
        ({"ttl": 0}, "DNS.0506"),
        ({"description": 7}, "DNS.0508"),
        ({"tags": {}}, "DNS.1003"),
        ({"enterprise_project_id": "a b"}, "DNS.1905"),
    ],
)
def test_a_bad_create_is_refused_with_its_code(world, change, code):
    """Each field is checked, and nothing is made."""
    assert world.refused("POST", PTRS, CREATE | change) == (400, code)
    assert world.record() is None


@pytest.mark.parametrize("missing", ["publicip", "ptrdnames"])
def test_a_create_needs_eip_and_names(world, missing):
    """Neither may be left out."""
    body = {key: value for key, value in CREATE.items() if key != missing}
    assert world.refused("POST", PTRS, body)[0] == 400
    assert world.record() is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "DNS.0505"),
        ({"ttl": 5}, "DNS.0505"),
        ({"ptrdnames": None}, "DNS.0505"),
        ({"ptrdnames": ["c.example.com"], "ttl": "5"}, "DNS.0506"),
        ({"ptrdnames": ["c.example.com"], "publicip": PUBLICIP}, "DNS.0002"),
        ({"ptrdnames": ["c.example.com"], "tags": []}, "DNS.0002"),
        ([], "DNS.0002"),
        (b"", "DNS.0603"),
    ],
)
def test_a_bad_put_is_refused_with_its_code(world, body, code):
    """A PUT has names, and may have description and TTL; the EIP of a record cannot be changed."""
    pointer = world.ok("POST", PTRS, CREATE, status=202)["id"]
    before = world.record()
    assert world.refused("PUT", f"{PTRS}/{pointer}", body) == (400, code)
    assert world.record() == before


def test_an_id_of_v21_is_32_hex_digits(world):
    """Anything else is no id, and 32 digits that nothing has are not found."""
    body = {"ptrdnames": ["c.example.com"]}
    for pointer, wanted in (("nope", (400, "DNS.0501")), (RESOURCE, (400, "DNS.0501")), ("0" * 32, (404, "DNS.0507"))):
        for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
            assert world.refused(method, f"{PTRS}/{pointer}", sent) == wanted


def test_an_address_of_a_prefix_is_named_by_v21(world):
    """The EIP's id is `eip~address` there, in what is sent and in what is answered."""
    body = {"publicip": {"region": REGION, "id": "net~2001:db8::6"}, "ptrdnames": ["six.example.com"]}
    made = world.ok("POST", PTRS, body, status=202)
    assert made["publicip"] == body["publicip"] | {"address": "2001:db8::6"}


def test_a_batch_deletes_all(world):
    """Up to 50 records go at once, by either id and however often one is named; the answer has no body."""
    for name in ("one", "two", "three"):
        world.named(f"{name}.example.com", f"{REGION}:{name}")
    ids = [f"{REGION}:one", world.record(f"{REGION}:two").id, f"{REGION}:one"]
    response = world.call("DELETE", BATCH, {"floatingip_ids": ids})
    assert (response.status, response.data()) == (202, b"")
    assert [item["id"] for item in world.ok("GET", LIST)["floatingips"]] == [f"{REGION}:three"]
    assert [action for action, _ in world.journal()[-2:]] == ["deletePtrRecord"] * 2


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        (f"{REGION}:nope", (404, "DNS.0502")),
        (f"{REGION}:three", (404, "DNS.0507")),
        ("0" * 32, (404, "DNS.0507")),
        ("nonsense", (400, "DNS.0501")),
        (7, (400, "DNS.0501")),
        (None, (400, "DNS.0501")),
        (":one", (400, "DNS.0601")),
    ],
)
def test_a_batch_deletes_all_or_nothing(world, extra, wanted):
    """One id that cannot be, and nothing of the batch goes."""
    for name in ("one", "two"):
        world.named(f"{name}.example.com", f"{REGION}:{name}")
    revision = world.link.revision
    ids = [f"{REGION}:one", extra, f"{REGION}:two"]
    assert world.refused("DELETE", BATCH, {"floatingip_ids": ids}) == wanted
    assert (world.link.revision, len(world.ok("GET", LIST)["floatingips"])) == (revision, 2)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "DNS.0603"),
        ({"floatingip_ids": []}, "DNS.0603"),
        ({}, "DNS.0002"),
        ([f"{REGION}:one"], "DNS.0002"),
        ({"floatingip_ids": f"{REGION}:one"}, "DNS.0002"),
        ({"floatingip_ids": [f"{REGION}:one"], "force": True}, "DNS.0002"),
        ({"floatingip_ids": [f"{REGION}:e{number}" for number in range(51)]}, "DNS.0327"),
    ],
)
def test_a_bad_batch_is_refused_with_its_code(world, body, code):
    """What is no list of 1 to 50 ids deletes nothing."""
    world.named("one.example.com", f"{REGION}:one")
    assert world.refused("DELETE", BATCH, body) == (400, code)
    assert world.record(f"{REGION}:one") is not None


def test_a_reader_changes_nothing_by_v21(world):
    """Create, change, delete and batch delete are a writer's."""
    pointer = world.ok("POST", PTRS, CREATE, status=202)["id"]
    world.ok("GET", f"{PTRS}/{pointer}", actor=READER)
    refused = [
        ("POST", PTRS, CREATE),
        ("PUT", f"{PTRS}/{pointer}", {"ptrdnames": ["c.example.com"]}),
        ("DELETE", f"{PTRS}/{pointer}", None),
        ("DELETE", BATCH, {"floatingip_ids": [RESOURCE]}),
    ]
    for method, path, body in refused:
        assert world.refused(method, path, body, actor=READER) == (403, "DNS.1802")
    assert world.record().names == ("a.example.com.", "b.example.com.")
