"""PTR records as OpenStack Designate has them: list, show, set, unset, partial changes, versions."""

import pytest

from ptrd.control.refs import ref_of_eip
from tests.control.fakelink import OPERATOR, address
from tests.control.openstackcalls import BLOCK, COLLECTION, FAR, HERE, MAIL, REGION, SIX, SPARE, World, key

UNSET = {"ptrdname": None, "description": None, "ttl": None, "status": "INACTIVE", "action": "NONE"}


@pytest.fixture
def world(tmp_path):
    """Make a world."""
    made = World(tmp_path)
    yield made
    made.link.close()


def part(body, *keys):
    """Give some keys of an object."""
    return {key: body[key] for key in keys}


def test_a_list_has_every_eip_named_or_not(world):
    """All floating IPs of the project are listed, in one page; of a prefix only what is named."""
    world.set()
    status, body, _ = world.ask("GET", COLLECTION)
    assert status == 200
    assert [one["id"] for one in body["floatingips"]] == [
        f"{REGION}:{MAIL}",
        f"{REGION}:{SPARE}",
        f"{REGION}:{SIX}",
        f"eu-de:{FAR}",
    ]
    assert body["links"] == {"self": f"{HERE}{COLLECTION}"}
    assert body["metadata"] == {"total_count": 4}
    named, spare = body["floatingips"][:2]
    assert part(named, "ptrdname", "status", "address") == {
        "ptrdname": "mail.example.com.",
        "status": "ACTIVE",
        "address": "203.0.113.10",
    }
    assert spare == {
        "id": f"{REGION}:{SPARE}",
        "address": "203.0.113.11",
        "links": {"self": f"{HERE}{key(SPARE)}"},
        **UNSET,
    }


def test_a_list_of_nothing_is_an_empty_list(world):
    """A project without EIPs gets an empty list."""
    empty = world.bakery.__class__("token:empty", world.bakery.role, "0" * 32)
    status, body, _ = world.ask("GET", COLLECTION, actor=empty)
    assert (status, body["floatingips"]) == (200, [])


def test_an_address_is_named_shown_and_unnamed(world):
    """Set, show and unset say what DNS says after each."""
    status, body, _ = world.set(name="Mail.Example.com.", description="my mail", ttl=600)
    assert status == 202
    assert body == {
        "id": f"{REGION}:{MAIL}",
        "ptrdname": "mail.example.com.",
        "description": "my mail",
        "ttl": 600,
        "address": "203.0.113.10",
        "status": "ACTIVE",
        "action": "NONE",
        "links": {"self": f"{HERE}{key(MAIL)}"},
    }
    assert world.link.says("203.0.113.10") == ("mail.example.com.",)
    assert world.show() == (200, body, {"x-openstack-request-id": "req-7f3c"})

    unset = world.ask("PATCH", key(MAIL), {"ptrdname": None})
    assert unset.status == 202 and part(unset.body, *UNSET) == UNSET
    assert world.link.says("203.0.113.10") == ()
    assert world.show().body == unset.body and world.show().status == 200


def test_pending_until_every_worker_has_it(world):
    """A change is PENDING with its action until it is live; an unset one says DELETE, and no name."""
    world.link.live = world.link.revision
    assert part(world.set().body, "status", "action") == {"status": "PENDING", "action": "CREATE"}
    world.link.live = world.link.revision
    assert part(world.show().body, "status", "action") == {"status": "ACTIVE", "action": "NONE"}
    assert part(world.set(ttl=60).body, "status", "action") == {"status": "PENDING", "action": "UPDATE"}
    pending = {**UNSET, "status": "PENDING", "action": "DELETE"}
    assert part(world.ask("PATCH", key(MAIL), {"ptrdname": None}).body, *UNSET) == pending
    assert part(world.show().body, *UNSET) == pending
    world.link.live = world.link.revision
    assert part(world.show().body, *UNSET) == UNSET


def test_the_final_dot_may_be_left_out(world):
    """A name without its final dot is taken as it is meant, as otcextensions sends it."""
    assert world.set(name="www.example.com").body["ptrdname"] == "www.example.com."


def test_what_set_leaves_out_stays(world):
    """TTL and description are 300 and empty at first, and kept when only the name changes."""
    assert part(world.set().body, "ttl", "description") == {"ttl": 300, "description": ""}
    world.set(ttl=600, description="x" * 255)
    kept = world.set(name="mail2.example.com.").body
    assert part(kept, "ptrdname", "ttl", "description") == {
        "ptrdname": "mail2.example.com.",
        "ttl": 600,
        "description": "x" * 255,
    }


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"ttl": 700}, {"ttl": 700}),
        ({"ttl": 1}, {"ttl": 1}),
        ({"ttl": 2**31 - 1}, {"ttl": 2**31 - 1}),
        ({"ttl": None}, {"ttl": 300}),
        ({"description": "new"}, {"description": "new"}),
        ({"description": None}, {"description": ""}),
        ({"description": "", "ttl": 9}, {"description": "", "ttl": 9}),
        ({}, {}),
    ],
)
def test_a_body_without_a_name_is_a_partial_change(world, body, changed):
    """What openstacksdk sends for one changed attribute changes that one; null is its default; nothing is no change."""
    before = world.set(ttl=600, description="old").body
    answer = world.ask("PATCH", key(MAIL), body)
    assert answer.status == 202
    assert answer.body == {**before, **changed} == world.show().body


def test_nothing_is_no_change_of_an_unnamed_address_either(world):
    """An empty object is answered with the floating IP as it is, as Designate does."""
    revision = world.link.revision
    answer = world.ask("PATCH", key(SPARE), {})
    assert answer.status == 202 and part(answer.body, *UNSET) == UNSET
    assert world.link.revision == revision


def test_unset_twice_is_no_error(world):
    """To unset what is not set succeeds and changes nothing."""
    revision = world.link.revision
    answer = world.ask("PATCH", key(SPARE), {"ptrdname": None, "description": None, "ttl": None})
    assert answer.status == 202 and part(answer.body, *UNSET) == UNSET
    assert world.link.revision == revision


def test_the_journal_names_both_ways_of_changing(world):
    """A set is setPTRRecord, an unset resetPTRRecord, with who asked and the request's id."""
    world.set()
    world.ask("PATCH", key(MAIL), {"ptrdname": None})
    rows = world.link.database.read(lambda transaction: transaction.journal(limit=100, address=address("203.0.113.10")))
    named = [(row.action, row.actor, row.request_id) for row in rows if row.action.endswith("PTRRecord")]
    assert named == [("setPTRRecord", "token:shop", "req-7f3c"), ("resetPTRRecord", "token:shop", "req-7f3c")]


def test_an_ipv6_address_is_a_floating_ip(world):
    """IPv6 is accepted, though Designate has IPv4 only."""
    body = world.set(SIX).body
    assert part(body, "address", "status") == {"address": "2001:db8::25", "status": "ACTIVE"}
    assert world.link.says("2001:db8::25") == ("mail.example.com.",)


@pytest.mark.parametrize("written", ["2001:db8:7::a", "2001:db8:7:0:0:0:0:A", "2001%3Adb8%3A7%3A%3Aa"])
def test_an_address_in_a_prefix_has_an_id_of_its_own(world, written):
    """`region:eip~address` names one address of a prefix; it is listed while it has a name."""
    one = f"{REGION}:{BLOCK}~2001:db8:7::a"
    unset = world.ask("GET", f"{COLLECTION}/{REGION}:{BLOCK}~{written}").body
    assert part(unset, "id", *UNSET) == {"id": one, **UNSET}
    answer = world.ask("PATCH", f"{COLLECTION}/{REGION}:{BLOCK}~{written}", {"ptrdname": "a.example.com."})
    assert answer.status == 202 and part(answer.body, "id", "address") == {"id": one, "address": "2001:db8:7::a"}
    assert one in [found["id"] for found in world.ask("GET", COLLECTION).body["floatingips"]]
    world.ask("PATCH", f"{COLLECTION}/{REGION}:{BLOCK}~{written}", {"ptrdname": None})
    assert one not in [found["id"] for found in world.ask("GET", COLLECTION).body["floatingips"]]


def test_a_colon_may_be_escaped(world):
    """The key's colon may come as %3A."""
    assert world.ask("GET", f"{COLLECTION}/{REGION}%3A{MAIL}").body["id"] == f"{REGION}:{MAIL}"


def test_an_endpoint_without_v2_is_served_too(world):
    """A client whose endpoint is /openstack finds the same; links name the canonical place."""
    bare = COLLECTION.replace("/v2", "")
    assert world.ask("PATCH", f"{bare}/{REGION}:{MAIL}", {"ptrdname": "mail.example.com."}).status == 202
    assert world.ask("GET", f"{bare}/{REGION}:{MAIL}") == world.show()
    assert world.ask("GET", bare) == world.ask("GET", COLLECTION)


def test_every_name_of_an_address_is_told(world):
    """An address with several names shows the first, and all beside it; a partial change keeps them all."""
    names = ["a.example.com.", "b.example.com."]
    world.do(world.cases.pointers.set(world.shop, ref_of_eip(REGION, MAIL), names=names, request_id="req-1"))
    assert part(world.show().body, "ptrdname", "ptrdnames") == {"ptrdname": names[0], "ptrdnames": names}
    assert world.ask("PATCH", key(MAIL), {"ttl": 60}).body["ptrdnames"] == names
    replaced = world.set(name="c.example.com.").body
    assert replaced["ptrdname"] == "c.example.com." and "ptrdnames" not in replaced


def test_an_error_says_why(world):
    """A record that is not served is in ERROR, with the reason."""
    world.set()
    world.link.troubles[address("203.0.113.10")] = "no zone of ours holds it"
    assert part(world.show().body, "ptrdname", "status", "reason") == {
        "ptrdname": "mail.example.com.",
        "status": "ERROR",
        "reason": "no zone of ours holds it",
    }


def test_a_frozen_record_is_there_and_inactive(world):
    """A frozen address keeps its record, is INACTIVE, and says why."""
    world.set()
    world.do(world.cases.pointers.freeze(OPERATOR, ref_of_eip(REGION, MAIL), "spam", request_id="req-1"))
    assert part(world.show().body, "ptrdname", "status", "action", "reason") == {
        "ptrdname": "mail.example.com.",
        "status": "INACTIVE",
        "action": "NONE",
        "reason": "spam",
    }


@pytest.mark.parametrize("path", ["/openstack", "/openstack/", "/openstack/v2", "/openstack/v2/"])
def test_versions_are_told_to_everybody(world, path):
    """The version document needs no credential, and names the place that `http.public_url` says."""
    version = {"id": "v2", "status": "CURRENT", "updated": "2022-06-29T00:00:00Z"}
    links = [{"rel": "self", "href": f"{HERE}/openstack/v2"}]
    assert world.ask("GET", path, actor=None)[:2] == (200, {"versions": [{**version, "links": links}]})


def test_without_a_public_url_links_follow_the_client(tmp_path):
    """Without `http.public_url` links begin with what the client called us."""
    world = World(tmp_path, public_url="")
    assert world.show().body["links"]["self"] == f"http://other.example{key(MAIL)}"
    world.link.close()


def test_logins_are_not_of_this_dialect(world):
    """What lies below /openstack/v3 is not answered here; what only looks like it is."""
    assert [world.api.owns(path) for path in ("/openstack/v3", "/openstack/v3/auth/tokens", "/openstackish")] == [
        False,
        False,
        False,
    ]
    assert all(world.api.owns(path) for path in ("/openstack", "/openstack/v3x", "/openstack/v2/zones"))
