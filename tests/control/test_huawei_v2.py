"""One record by Huawei's v2: what is set is shown, three spellings delete it, and nothing else does."""

from __future__ import annotations

import pytest

from ptrd.control.exchange import Request
from ptrd.control.settings import ApiSettings, base_url
from tests.control.fakelink import OPERATOR
from tests.control.huaweiworld import ADDRESS, BATCH, LIST, ONE, READER, REGION, RESOURCE, URL, World

SET = {
    "ptrdname": "WWW.Example.com",
    "description": "Description for this PTR record",
    "ttl": 600,
    "enterprise_project_id": "abc-1",
    "tags": [{"key": "key1", "value": "value1"}],
}


@pytest.fixture
def world(tmp_path):
    """Give two tenants and the dialect."""
    world = World(tmp_path)
    yield world
    world.close()


def test_a_set_is_answered_with_the_whole_record(world):
    """A new record is PENDING_CREATE with action CREATE, its name in lower case with the final dot."""
    world.link.live = world.link.revision
    response = world.call("PATCH", ONE, SET)
    assert response.status == 202
    assert response.headers["X-Request-Id"] == "req-1"
    assert response.body == {
        "id": RESOURCE,
        "ptrdname": "www.example.com.",
        "description": "Description for this PTR record",
        "ttl": 600,
        "address": ADDRESS,
        "status": "PENDING_CREATE",
        "action": "CREATE",
        "links": {"self": f"{URL}{ONE}"},
        "enterprise_project_id": "abc-1",
    }
    assert world.link.says(ADDRESS) == ("www.example.com.",)


def test_a_record_becomes_active_and_changes(world):
    """What workers have acknowledged is ACTIVE and NONE; a change is PENDING_UPDATE and UPDATE until they have it."""
    world.named()
    shown = world.ok("GET", ONE)
    assert (shown["status"], shown["action"]) == ("ACTIVE", "NONE")
    world.link.live = world.link.revision
    changed = world.named("mail.example.com", ttl=700)
    assert (changed["status"], changed["action"]) == ("PENDING_UPDATE", "UPDATE")
    assert world.ok("GET", ONE) == changed
    world.link.live = None
    assert world.ok("GET", ONE)["status"] == "ACTIVE"


def test_what_a_set_leaves_out_has_its_default_and_is_kept_later(world):
    """A new record has TTL 300, no description, no tags, enterprise project 0; a change keeps what it does not name."""
    made = world.named()
    assert (made["ttl"], made["description"], made["enterprise_project_id"]) == (300, "", "0")
    world.ok("PATCH", ONE, SET, status=202)
    kept = world.named("mail.example.com")
    assert (kept["ttl"], kept["description"], kept["enterprise_project_id"]) == (600, SET["description"], "abc-1")
    assert world.record().tags == (("key1", "value1"),)


def test_what_terraform_sends_clears_a_description(world):
    """Terraform resends name, TTL and an empty description: the description is gone, the rest is there."""
    world.ok("PATCH", ONE, SET, status=202)
    again = world.named("www.example.com.", description="", ttl=6000)
    assert (again["ptrdname"], again["description"], again["ttl"]) == ("www.example.com.", "", 6000)


@pytest.mark.parametrize("body", [b'{"ptrdname": null}', b"{}", b'{"ptrname":"null"}\n', b" {} \n"])
def test_three_spellings_delete(world, body):
    """What openstacksdk, Huawei's Python SDK and golangsdk send as a delete deletes, and then a GET is 404."""
    world.link.defaults[world.record_address()] = ("default.example.net.",)
    world.ok("PATCH", ONE, SET, status=202)
    gone = world.ok("PATCH", ONE, body, status=202)
    assert (gone["id"], gone["status"], gone["action"]) == (RESOURCE, "PENDING_DELETE", "DELETE")
    assert (gone["ptrdname"], gone["ttl"]) == ("www.example.com.", 600)
    assert world.refused("GET", ONE) == (404, "DNS.0507")
    assert world.link.says(ADDRESS) == ("default.example.net.",)
    assert world.journal()[-1] == ("resetPTRRecord", None)


def test_the_fourth_spelling_is_a_bad_name(world):
    """A user who forces the text "null" is told that it is no name, and keeps the record."""
    world.named()
    assert world.refused("PATCH", ONE, {"ptrdname": "null"}) == (400, "DNS.0505")
    assert world.ok("GET", ONE)["ptrdname"] == "www.example.com."


def test_a_delete_is_404_from_its_commit_on(world):
    """Before any worker has heard of a delete, the record is gone for Huawei's clients, and may be made again."""
    world.named()
    world.link.live = world.link.revision
    world.ok("PATCH", ONE, {"ptrdname": None}, status=202)
    assert world.refused("GET", ONE) == (404, "DNS.0507")
    assert world.ok("GET", LIST)["floatingips"] == []
    assert world.named("new.example.com")["ptrdname"] == "new.example.com."


def test_a_repeated_delete_is_answered_like_the_first(world):
    """A client that did not hear the answer asks again, and is told the same: there is no record."""
    world.named()
    world.ok("PATCH", ONE, {}, status=202)
    revision = world.link.revision
    again = world.ok("PATCH", ONE, {}, status=202)
    assert (again["id"], again["ptrdname"], again["status"]) == (RESOURCE, None, "PENDING_DELETE")
    assert world.link.revision == revision


@pytest.mark.parametrize(
    ("body", "ttl", "description", "tags", "enterprise"),
    [
        ({"ttl": 700}, 700, "Description for this PTR record", 1, "abc-1"),
        ({"description": None}, 600, "", 1, "abc-1"),
        ({"description": "new"}, 600, "new", 1, "abc-1"),
        ({"tags": []}, 600, "Description for this PTR record", 0, "abc-1"),
        ({"enterprise_project_id": "0"}, 600, "Description for this PTR record", 1, "0"),
        ({"ttl": None, "tags": None, "enterprise_project_id": None}, 300, "Description for this PTR record", 0, "0"),
    ],
)
def test_a_partial_update_changes_what_it_names(world, body, ttl, description, tags, enterprise):
    """Without a ptrdname the fields that are there change, null puts one back to its default, and the name stays."""
    world.ok("PATCH", ONE, SET, status=202)
    world.ok("PATCH", ONE, body, status=202)
    found = world.record()
    assert (found.names, found.ttl, found.description) == (("www.example.com.",), ttl, description)
    assert (len(found.tags), found.enterprise_project) == (tags, enterprise)


@pytest.mark.parametrize("body", [{"ttl": 700}, {"description": None}, {"tags": []}, {"enterprise_project_id": "0"}])
def test_a_partial_update_of_nothing_is_404(world, body):
    """An address without a record has nothing to update."""
    assert world.refused("PATCH", ONE, body) == (404, "DNS.0507")


@pytest.mark.parametrize(
    "body",
    [
        {"ptrname": "www.example.com"},
        {"ptrname": None},
        {"ptrname": "null", "ttl": 300},
        {"ptrdname": None, "tll": 300},
        {"ptrdname": "www.example.com", "ptrname": "null"},
        {"Ptrdname": None},
        {"ptrdnames": ["www.example.com"]},
        {"ttl": 300, "status": "ACTIVE"},
        [],
        "null",
        b"null",
        b"{",
        b'{"ptrdname": null, "ptrdname": null}',
        b'{"ttl": NaN}',
        b"\xff",
    ],
)
def test_a_typo_never_deletes(world, body):
    """A key that nobody knows, or a body that is no object, is refused, and the record stays as it was."""
    world.ok("PATCH", ONE, SET, status=202)
    before = world.record()
    assert world.refused("PATCH", ONE, body) == (400, "DNS.0002")
    assert world.record() == before


@pytest.mark.parametrize("body", [b"", b"\n"])
def test_no_body_deletes_nothing(world, body):
    """A PATCH without a body is refused: only an object says what is meant."""
    world.named()
    assert world.refused("PATCH", ONE, body) == (400, "DNS.0603")
    assert world.record() is not None


@pytest.mark.parametrize(
    ("field", "values", "code"),
    [
        (
            "ptrdname",
            ["", "null", "localhost", "a b.example.com", "-a.example.com", "*.example.com", 7, True],
            "DNS.0505",
        ),
        ("ptrdname", [["www.example.com"], {}, "a" * 64 + ".example.com", "a." * 127 + "com", "ü.example"], "DNS.0505"),
        ("ttl", [0, -1, 2**31, "300", 1.5, True, [300], {}], "DNS.0506"),
        ("description", ["x" * 256, 7, [], {}, False, "a\x00b"], "DNS.0508"),
        ("tags", ["a=b", {"key": "a"}, [7], [{"value": "b"}], [{"key": 7}], [{"key": "a", "value": 7}]], "DNS.1003"),
        (
            "tags",
            [[{"key": "a"}, {"key": "a"}], [{"key": "_sys_a"}], [{"key": " a"}], [{"key": "a", "x": 1}]],
            "DNS.1003",
        ),
        (
            "tags",
            [[{"key": ""}], [{"key": "a" * 129}], [{"key": "a", "value": "b" * 256}], [{"key": "a/b"}]],
            "DNS.1003",
        ),
        ("tags", [[{"key": f"k{number}"} for number in range(21)]], "DNS.1001"),
        ("enterprise_project_id", ["x" * 37, "", 0, [], "a b"], "DNS.1905"),
    ],
)
def test_a_bad_field_is_refused_with_its_code(world, field, values, code):
    """Each field has its limits and its types, on creation, on change and beside a delete; nothing changes."""
    for value in values:
        assert world.refused("PATCH", ONE, {"ptrdname": "www.example.com", field: value}) == (400, code), value
    assert world.record() is None
    world.named()
    before = world.record()
    for value in values:
        assert world.refused("PATCH", ONE, {field: value}) == (400, code), value
        if field != "ptrdname":
            assert world.refused("PATCH", ONE, {"ptrdname": None, field: value}) == (400, code), value
    assert world.record() == before


def test_fields_at_their_limits_are_taken(world):
    """The shortest and the longest of everything passes."""
    tags = [{"key": f"k{number:0127}", "value": "/" * 255} for number in range(20)]
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    made = world.named(name, ttl=2**31 - 1, description="x" * 255, tags=tags, enterprise_project_id="e" * 36)
    assert (made["ptrdname"], made["ttl"], len(world.record().tags)) == (f"{name}.", 2**31 - 1, 20)
    assert world.named("a.b", ttl=1, description="", tags=[{"key": "k"}])["ttl"] == 1


@pytest.mark.parametrize(
    ("resource", "status", "code"),
    [
        ("nocolon", 400, "DNS.0501"),
        ("0123456789abcdef0123456789abcdef", 400, "DNS.0501"),
        (f"{REGION}:", 400, "DNS.0504"),
        (f"{REGION}:a b", 400, "DNS.0504"),
        (f"{REGION}:{'a' * 65}", 400, "DNS.0504"),
        (f"{REGION}:net~nonsense", 400, "DNS.0504"),
        (":one", 400, "DNS.0601"),
        ("no region:one", 400, "DNS.0601"),
        (f"{REGION}:nope", 404, "DNS.0502"),
        ("elsewhere:one", 404, "DNS.0502"),
        (f"{REGION}:net~192.0.2.9", 404, "DNS.0502"),
    ],
)
def test_a_bad_id_is_refused_with_its_code(world, resource, status, code):
    """What is no id is told apart from an EIP that is not there, in GET and PATCH alike."""
    path = f"{LIST}/{resource}"
    for method, body in (
        ("GET", None),
        ("PATCH", {"ptrdname": "www.example.com"}),
        ("PATCH", {}),
        ("PATCH", {"ttl": 5}),
    ):
        assert world.refused(method, path, body) == (status, code)


def test_the_colon_may_be_escaped(world):
    """A path with %3A is the same path."""
    world.named()
    assert world.ok("GET", ONE.replace(":", "%3A"))["id"] == RESOURCE


def test_an_address_of_a_prefix_has_a_record(world):
    """In a prefix that was granted whole, an address is named by `region:eip~address`, and a whole prefix is not."""
    made = world.named("six.example.com", f"{REGION}:net~2001:db8::6")
    assert (made["id"], made["address"]) == (f"{REGION}:net~2001:db8::6", "2001:db8::6")
    assert world.ok("GET", f"{LIST}/{REGION}:net~2001:0db8::0006")["ptrdname"] == "six.example.com."
    assert world.refused("PATCH", f"{LIST}/{REGION}:net", {"ptrdname": "a.example.com"}) == (400, "DNS.0504")
    assert [item["id"] for item in world.ok("GET", LIST)["floatingips"]] == [made["id"]]
    world.ok("DELETE", BATCH, {"floatingip_ids": [made["id"]]}, status=202)
    assert world.refused("GET", f"{LIST}/{made['id']}") == (404, "DNS.0507")


def test_v2_shows_the_first_of_several_names_and_sets_one(world):
    """A record made with several names by v2.1 shows its first; a v2 set gives it just that name."""
    world.ok(
        "POST", "/v2.1/ptrs", {"publicip": {"region": REGION, "id": "one"}, "ptrdnames": ["b.x", "a.x"]}, status=202
    )
    assert world.ok("GET", f"{LIST}/{REGION}:one")["ptrdname"] == "b.x."
    world.ok("PATCH", f"{LIST}/{REGION}:one", {"ttl": 5}, status=202)
    assert world.record(f"{REGION}:one").names == ("b.x.", "a.x.")
    world.named("c.x", f"{REGION}:one")
    assert world.record(f"{REGION}:one").names == ("c.x.",)


def test_a_frozen_address_is_shown_and_not_changed(world):
    """The operator's freeze shows as FREEZE; the tenant's every change of it is refused, the record stays."""
    world.named()
    ref = world.ref()
    world.run(world.cases.pointers.freeze(OPERATOR, ref, "abuse", request_id="req-2"))
    assert world.ok("GET", ONE)["status"] == "FREEZE"
    for body in ({"ptrdname": "new.example.com"}, {}, {"ttl": 5}, {"ptrdname": None}):
        assert world.refused("PATCH", ONE, body) == (403, "DNS.0030")
    assert world.refused("DELETE", BATCH, {"floatingip_ids": [RESOURCE]}) == (403, "DNS.0030")
    assert world.record().names == ("www.example.com.",)
    world.run(world.cases.pointers.unfreeze(OPERATOR, ref, request_id="req-3"))
    assert world.named("new.example.com")["ptrdname"] == "new.example.com."


def test_if_match_guards_a_change(world):
    """An answer's ETag, sent back as If-Match, lets a change pass once; a stale one is refused, a malformed one too."""
    made = world.call("PATCH", ONE, SET)
    tag = made.headers["ETag"]
    assert world.call("GET", ONE).headers["ETag"] == tag
    world.ok("PATCH", ONE, {"ttl": 5}, status=202, headers=[("If-Match", tag)])
    for body in ({"ttl": 6}, {}, {"ptrdname": "new.example.com"}):
        assert world.refused("PATCH", ONE, body, headers=[("If-Match", tag)]) == (409, "DNS.0503")
        assert world.refused("PATCH", ONE, body, headers=[("If-Match", "W/what")]) == (400, "DNS.0002")
    assert world.record().ttl == 5
    world.ok("PATCH", ONE, {}, status=202, headers=[("if-match", "*")])


def test_a_reader_reads(world):
    """A credential that may only read sees everything and changes nothing."""
    world.named()
    assert world.ok("GET", ONE, actor=READER)["ptrdname"] == "www.example.com."
    assert len(world.ok("GET", LIST, actor=READER)["floatingips"]) == 1
    for body in ({"ptrdname": "new.example.com"}, {}, {"ttl": 5}):
        assert world.refused("PATCH", ONE, body, actor=READER) == (403, "DNS.1802")
    assert world.record().names == ("www.example.com.",)


def test_an_error_of_a_record_is_told(world):
    """A record that DNS cannot answer is ERROR."""
    world.named()
    world.link.troubles[world.record_address()] = "its zone is gone"
    assert world.ok("GET", ONE)["status"] == "ERROR"
    assert [item["status"] for item in world.ok("GET", f"{LIST}?status=ERROR")["floatingips"]] == ["ERROR"]


def test_links_follow_the_host_without_a_public_url(world):
    """Without `http.public_url` links begin with what the client called us, and with https when it came so."""
    headers = (("host", "ptr.test:8053"),)
    assert base_url(Request("GET", "/", headers=headers), ApiSettings()) == "http://ptr.test:8053"
    assert base_url(Request("GET", "/", headers=headers, secure=True), ApiSettings()) == "https://ptr.test:8053"
    assert base_url(Request("GET", "/", headers=headers), ApiSettings("https://a.example/")) == "https://a.example"
    assert world.named()["links"]["self"].startswith(URL)
