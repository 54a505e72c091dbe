"""How the OpenStack dialect says no: the right status and type, Designate's body, nothing changed, nothing told."""

import json

import pytest

from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.exchange import Request
from ptrd.control.openstack.dialect import OpenStackApi
from ptrd.control.openstack.errors import INVALID_OBJECT, RULES, TABLE
from ptrd.control.refs import ref_of_eip
from ptrd.control.settings import ApiSettings
from tests.control.fakelink import OPERATOR, address
from tests.control.openstackcalls import (
    BLOCK,
    COLLECTION,
    FAR,
    HERE,
    MAIL,
    REGION,
    SIX,
    SPARE,
    THEIRS,
    UNDERSTOOD,
    World,
    key,
)

NOWHERE = "00000000-0000-0000-0000-000000000000"
API = OpenStackApi(None, ApiSettings(HERE))  # that answers without a store
ALL = [("X-Auth-All-Projects", "True")]


@pytest.fixture
def world(tmp_path):
    """Make a world."""
    made = World(tmp_path)
    yield made
    made.link.close()


def refused(answer):
    """Give what a program looks at."""
    return answer.status, answer.body["type"]


def ids(answer):
    """Give the last part of each listed id."""
    return [found["id"].partition(":")[2] for found in answer.body["floatingips"]]


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("field", ["", "names", "ttl", "description", "eip", "id", "tags", "body", "unknown", "role"])
def test_every_code_has_an_answer_that_clients_understand(code, field):
    """Each code, whatever its field, has a status that no client takes for success, and a body that each can read."""
    response = API.refuse(Request("GET", COLLECTION, id="req-1"), ControlError(code, "a sentence", field))
    assert response.status in UNDERSTOOD - {200, 202}
    assert response.headers["x-openstack-request-id"] == "req-1"
    assert response.body["code"] == response.status
    assert response.body["message"] == "a sentence" and response.body["request_id"] == "req-1"
    assert ("errors" in response.body) == (response.body["type"] == INVALID_OBJECT)
    json.loads(response.data())


def test_the_table_is_whole():
    """Each code has a row for all fields, and each field of an invalid object its rule."""
    assert {code for code, field in TABLE if not field} == set(Code)
    assert {field for (_, field), (_, kind) in TABLE.items() if kind == INVALID_OBJECT} == set(RULES)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"ptrdname": 7}, ["ptrdname"]),
        ({"ptrdname": ["mail.example.com."]}, ["ptrdname"]),
        ({"ptrdname": False}, ["ptrdname"]),
        ({"ptrdname": ""}, ["ptrdname"]),
        ({"ptrdname": "."}, ["ptrdname"]),
        ({"ptrdname": "null"}, ["ptrdname"]),
        ({"ptrdname": "*.example.com."}, ["ptrdname"]),
        ({"ptrdname": "-mail.example.com."}, ["ptrdname"]),
        ({"ptrdname": "ma il.example.com."}, ["ptrdname"]),
        ({"ptrdname": "m\udc80il.example.com."}, ["ptrdname"]),
        ({"ptrdname": f"{'a' * 64}.example.com."}, ["ptrdname"]),
        ({"ptrdname": "a." * 127 + "example.com."}, ["ptrdname"]),
        ({"ttl": 0}, ["ttl"]),
        ({"ttl": -1}, ["ttl"]),
        ({"ttl": 2**31}, ["ttl"]),
        ({"ttl": 1.5}, ["ttl"]),
        ({"ttl": True}, ["ttl"]),
        ({"ttl": "600"}, ["ttl"]),
        ({"ttl": []}, ["ttl"]),
        ({"description": 5}, ["description"]),
        ({"description": "x" * 256}, ["description"]),
        ({"description": "a\0b"}, ["description"]),
        ({"description": "\ud800"}, ["description"]),
        ({"ptrname": "null"}, []),
        ({"ptrdname": None, "ptrd": 1}, []),
        ({"ptrdname": "mail.example.com.", "tags": []}, []),
        ({"\ud800": 1}, []),
        ({"status": "ACTIVE"}, []),
    ],
)
def test_a_bad_field_is_named(world, body, path):
    """A field that is not as it may be is an invalid object; the answer says which and why, and nothing changed."""
    before = world.set().body
    revision = world.link.revision
    answer = world.ask("PATCH", key(MAIL), body)
    assert refused(answer) == (400, "invalid_object")
    [error] = answer.body["errors"]["errors"]
    assert error["path"] == path and error["validator"] and "validator_value" in error
    assert error["message"] == answer.body["message"]
    assert (world.link.revision, world.show().body) == (revision, before)


@pytest.mark.parametrize("name", [7, False, {}, ["mail.example.com."]])
def test_a_name_of_another_type_is_told_in_designates_words(world, name):
    """What is no text is refused in the words of this dialect, which has one name and no list."""
    answer = world.set(name=name)
    assert refused(answer) == (400, "invalid_object") and answer.body["message"].startswith("ptrdname is a host name")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b'"x"', b"7", b"\xff\xfe", b'{"ttl": NaN}', b'{"ttl": 1, "ttl": 2}', b"[" * 10**5],
)
def test_a_body_that_is_no_object_is_a_bad_request(world, raw):
    """What is no JSON object is refused, and nothing changed."""
    before = world.set().body
    assert refused(world.ask("PATCH", key(MAIL), raw=raw)) == (400, "bad_request")
    assert world.show().body == before


@pytest.mark.parametrize(
    "key_",
    [
        MAIL,
        "RegionOne:",
        f":{MAIL}",
        "Region One:x",
        f"{REGION}:a:b",
        f"{REGION}:a~",
        f"{REGION}:a~b",
        "x",
        f"{REGION}:a/~",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_key_that_is_none_is_a_bad_request(world, key_, method):
    """A key that is not region:id is refused, as Designate does; a slash makes another path."""
    answer = world.ask(method, f"{COLLECTION}/{key_}", {"ptrdname": None} if method == "PATCH" else None)
    assert refused(answer) == ((404, "not_found") if "/" in key_ else (400, "bad_request"))


def test_a_prefix_itself_has_no_name(world):
    """A prefix's own key, without an address, is refused with the way to write one."""
    answer = world.ask("GET", key(BLOCK))
    assert refused(answer) == (400, "bad_request") and f"{BLOCK}~ADDRESS" in answer.body["message"]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("body", [{"ptrdname": "evil.example.com."}, {"ptrdname": None}, {"ttl": 9}, {}])
def test_somebody_elses_eip_is_as_one_that_does_not_exist(world, method, body):
    """The answers about another project's EIP, an absent one, a wrong region and a foreign address are identical."""
    world.ask("PATCH", key(THEIRS), {"ptrdname": "bread.example.com."}, actor="bakery")
    revision = world.link.revision
    absent = [NOWHERE, f"{BLOCK}~2001:db8:8::1", f"{MAIL}~203.0.113.10", f"{NOWHERE}~2001:db8:7::1"]
    answers = [world.ask(method, key(eip), body) for eip in (THEIRS, f"{THEIRS}~198.51.100.7", *absent)]
    answers.append(world.ask(method, key(MAIL, "eu-de"), body))
    assert refused(answers[0]) == (404, "not_found")
    assert all(answer == answers[0] for answer in answers)
    assert world.link.revision == revision
    assert world.link.says("198.51.100.7") == ("bread.example.com.",)
    assert THEIRS not in ids(world.ask("GET", COLLECTION))
    assert ids(world.ask("GET", COLLECTION, actor="bakery")) == [THEIRS]


@pytest.mark.parametrize("body", [{"ttl": 700}, {"description": None}, {"ttl": 5, "description": "x"}])
def test_a_partial_change_needs_a_record(world, body):
    """Without a record there is nothing of which to change a part."""
    assert refused(world.ask("PATCH", key(SPARE), body)) == (404, "not_found")


def test_a_full_quota_is_413(tmp_path):
    """One record more than the account may have is over_quota; to change one that is there is not."""
    world = World(tmp_path, quota=1)
    assert world.set().status == 202
    assert refused(world.set(SPARE)) == (413, "over_quota")
    assert world.set(name="other.example.com.").status == 202
    world.ask("PATCH", key(MAIL), {"ptrdname": None})
    assert world.set(FAR, region="eu-de").status == 202
    world.link.close()


def test_an_address_that_is_not_served_is_a_bad_request(world):
    """A name for an address that no zone of ours has is refused, with the reason."""
    world.link.unserved[address("2001:db8::25")] = "no zone holds it"
    answer = world.set(SIX)
    assert refused(answer) == (400, "bad_request") and "no zone holds it" in answer.body["message"]


def test_a_frozen_address_is_forbidden(world):
    """A tenant cannot set, change or unset what the operator froze; the operator can, but not in the tenant's name."""
    world.set()
    world.do(world.cases.pointers.freeze(OPERATOR, ref_of_eip(REGION, MAIL), "spam", request_id="req-1"))
    sudo = [("X-Auth-Sudo-Project-ID", world.shop.project)]
    for body in ({"ptrdname": "a.example.com."}, {"ptrdname": None}, {"ttl": 9}):
        assert refused(world.ask("PATCH", key(MAIL), body)) == (403, "forbidden")
        assert refused(world.ask("PATCH", key(MAIL), body, actor=OPERATOR, headers=sudo)) == (403, "forbidden")
    assert world.ask("PATCH", key(MAIL), {"ttl": 9}, actor=OPERATOR).status == 202


def test_a_reader_only_reads(world):
    """A credential of the role reader lists and shows; what it would change is forbidden."""
    reader = Actor("token:reader", Role.READER, world.shop.project, world.shop.account)
    assert world.ask("GET", COLLECTION, actor=reader) == world.ask("GET", COLLECTION)
    assert world.ask("GET", key(MAIL), actor=reader).status == 200
    for body in ({"ptrdname": "a.example.com."}, {"ptrdname": None}, {"ttl": 9}):
        assert refused(world.ask("PATCH", key(MAIL), body, actor=reader)) == (403, "forbidden")


@pytest.mark.parametrize("path", [COLLECTION, key(MAIL), "/openstack/reverse/floatingips"])
def test_without_a_credential_nothing_is_told(world, path):
    """Without a valid credential the answer is 401, and names the logins."""
    answer = world.ask("GET", path, actor=None)
    assert refused(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://dns.example/openstack/v3"'


@pytest.mark.parametrize(
    "header",
    [
        ("X-Auth-All-Projects", "True"),
        ("x-auth-all-projects", "1"),
        ("X-Auth-Sudo-Project-ID", "BAKERY"),
        ("X-Auth-Sudo-Project-ID", NOWHERE),
        ("X-Designate-Edit-Managed-Records", "true"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_only_an_operator_looks_beyond_a_project(world, header, method):
    """A tenant that asks for other projects is forbidden, whether they exist or not."""
    name, value = header
    headers = [(name, world.bakery.project if value == "BAKERY" else value)]
    for path in (key(MAIL), key(THEIRS)) + ((COLLECTION,) if method == "GET" else ()):
        answer = world.ask(method, path, {"ptrdname": "a.example.com."}, headers=headers)
        assert refused(answer) == (403, "forbidden")
    assert world.show().body["ptrdname"] is None


def test_a_header_that_says_no_asks_for_nothing(world):
    """X-Auth-All-Projects: False is as good as none."""
    assert world.ask("GET", COLLECTION, headers=[("X-Auth-All-Projects", "False")]).status == 200


def test_an_operator_lists_whose_it_says(world):
    """An operator lists all EIPs, or those of its own project or of the one that it stands in for."""
    everything = [MAIL, SPARE, SIX, THEIRS, FAR]
    of_shop = Actor("token:root", Role.OPERATOR, world.shop.project)
    sudo = [("X-Auth-Sudo-Project-ID", world.bakery.project)]
    assert sorted(ids(world.ask("GET", COLLECTION, actor=OPERATOR))) == sorted(everything)
    assert sorted(ids(world.ask("GET", COLLECTION, actor=OPERATOR, headers=ALL))) == sorted(everything)
    assert sorted(ids(world.ask("GET", COLLECTION, actor=of_shop, headers=ALL))) == sorted(everything)
    assert THEIRS not in ids(world.ask("GET", COLLECTION, actor=of_shop))
    assert ids(world.ask("GET", COLLECTION, actor=of_shop, headers=sudo)) == [THEIRS]


def test_an_operator_stands_in_for_one_project_only(world):
    """Whoever stands in for a project has what it has; the journal names who did it."""
    sudo = [("X-Auth-Sudo-Project-ID", world.bakery.project)]
    body = {"ptrdname": "bread.example.com."}
    assert world.ask("PATCH", key(THEIRS), body, actor=OPERATOR, headers=sudo).status == 202
    assert refused(world.ask("PATCH", key(MAIL), body, actor=OPERATOR, headers=sudo)) == (404, "not_found")
    [row] = world.link.database.read(
        lambda transaction: transaction.journal(limit=1, address=address("198.51.100.7"), newest_first=True)
    )
    assert (row.action, row.actor, row.project) == ("setPTRRecord", "local:root", world.bakery.project)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", key(MAIL)),
        ("POST", COLLECTION),
        ("PUT", key(MAIL)),
        ("OPTIONS", COLLECTION),
        ("GET", "/openstack/v2/zones"),
        ("GET", "/openstack/v2/reverse"),
        ("GET", "/openstack/v1"),
        ("POST", "/openstack"),
        ("GET", f"{key(MAIL)}/x"),
        ("GET", "/openstack/v2/\udcff\ud800"),
    ],
)
def test_what_is_not_there_is_404_whatever_the_method(world, method, path):
    """A wrong path or method is 404: clients take 405 for success."""
    assert refused(world.send(Request(method, path, id="req-1", actor=world.shop))) == (404, "not_found")


def test_a_fault_of_ours_is_an_object_too():
    """An internal error is 500 with a body that clients can read, and names the request."""
    response = API.failed(Request("GET", COLLECTION, id="req-9"))
    assert (response.status, response.headers["x-openstack-request-id"]) == (500, "req-9")
    assert response.body["code"] == 500 and "req-9" in response.body["message"]


@pytest.mark.parametrize("code", [Code.THROTTLED, Code.BUSY])
def test_come_again_is_503_with_a_time(code):
    """To be throttled is 503, for 429 would be a success to clients; a time to wait is given."""
    error = ControlError(code, "too many logins")
    assert API.refuse(Request("GET", COLLECTION), error).headers["Retry-After"] == "1"
    error.retry_after = 29.6
    response = API.refuse(Request("GET", COLLECTION), error)
    assert (response.status, response.headers["Retry-After"]) == (503, "30")
