"""One PTR record: created, changed, deleted; and what is true of it at every moment."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from ptrd.control.refs import ref_of_address, ref_of_eip, ref_of_id
from ptrd.records.management import Tag
from ptrd.wire.names import parse_name
from tests.control.fakelink import OPERATOR, address, make_cases, make_project

ONE = "192.0.2.1"
OTHER = "192.0.2.9"  # somebody else's


def test_a_new_record_has_defaults_and_is_published(work):
    """A record has a TTL of 300 and nothing else that was not asked for, and DNS says its names, in lower case."""
    edit = work.do(work.set(work.shop, ref_of_eip("north", "eip-1"), "Mail.Example.com", "www.example.com."))
    pointer = edit.after.pointer
    assert edit.before.pointer is None and edit.before.status == "INACTIVE"
    assert pointer.names == ("mail.example.com.", "www.example.com.")
    assert (pointer.ttl, pointer.description, pointer.tags, pointer.enterprise_project) == (300, "", (), "0")
    assert (pointer.eip, pointer.region, pointer.project) == ("eip-1", "north", work.shop.project)
    revision, change = work.link.published[-1]
    assert revision == pointer.revision == work.link.revision
    assert change == (4, address(ONE).number, 300, (parse_name("mail.example.com"), parse_name("www.example.com")))
    assert (edit.after.status, edit.after.action, edit.after.served) == ("ACTIVE", "NONE", pointer.names)


def test_a_change_keeps_what_it_does_not_name(work):
    """TTL, description, tags and enterprise project stay on a change of names, and names on a change of these."""
    fields = {"ttl": 60, "description": "mail", "tags": [Tag("k", "v")], "enterprise_project": "e-1"}
    first = work.do(work.set(work.shop, ONE, "a.example.com", **fields)).after.pointer
    second = work.do(work.set(work.shop, ONE, "b.example.com")).after.pointer
    assert (second.ttl, second.description, second.tags, second.enterprise_project) == (
        60,
        "mail",
        (("k", "v"),),
        "e-1",
    )
    assert (second.id, second.created) == (first.id, first.created) and second.revision > first.revision
    third = work.do(work.set(work.shop, ONE, ttl=61, description="")).after.pointer
    assert (third.names, third.ttl, third.description) == (("b.example.com.",), 61, "")
    assert work.link.published[-1][1].ttl == 61


def test_the_same_again_changes_nothing(work):
    """A set that finds everything as it asks takes no revision, publishes nothing and is not in the journal."""
    first = work.do(work.set(work.shop, ONE, "a.example.com", ttl=60))
    before = work.link.revision, len(work.link.published), len(work.journal())
    again = work.do(work.set(work.shop, ONE, "A.example.com.", ttl=60))
    assert (work.link.revision, len(work.link.published), len(work.journal())) == before
    assert again.before == again.after == first.after


def test_a_description_is_not_published(work):
    """DNS does not say descriptions: they take a revision, which is the record's, and no Change."""
    first = work.do(work.set(work.shop, ONE, "a.example.com")).after.pointer
    published = len(work.link.published)
    second = work.do(work.set(work.shop, ONE, description="x")).after.pointer
    assert len(work.link.published) == published and second.revision == first.revision + 1


def test_deleting_reverts_to_the_zone_files(work):
    """After a delete DNS says what the zone files say, and the address may be named again, with a new id."""
    work.link.defaults[address(ONE)] = ("default.example.net.",)
    first = work.do(work.set(work.shop, ONE, "a.example.com")).after.pointer
    assert work.link.says(ONE) == ("a.example.com.",)
    edit = work.do(work.delete(work.shop, ONE))
    assert edit.before.pointer == first and edit.after.pointer is None
    assert work.link.published[-1][1] == (4, address(ONE).number, 0, ())
    assert work.link.says(ONE) == edit.after.served == ("default.example.net.",)
    assert edit.after.status == "INACTIVE"
    again = work.do(work.set(work.shop, ONE, "b.example.com", must="new")).after.pointer
    assert again.id != first.id and again.ttl == 300
    assert work.code(work.cases.pointers.show(work.shop, ref_of_id(first.id))) == ("no_record", "id")


def test_deleting_nothing(work):
    """Without a record a delete is NO_RECORD, or nothing at all when that is fine."""
    assert work.code(work.delete(work.shop, ONE)) == ("no_record", "id")
    before = work.link.revision
    assert work.do(work.delete(work.shop, ONE, missing_ok=True)).after.status == "INACTIVE"
    assert work.link.revision == before


def test_must_says_create_or_change(work):
    """`new` refuses what is there, `old` what is not; names that are kept need a record."""
    assert work.code(work.set(work.shop, ONE, "a.example.com", must="old")) == ("no_record", "id")
    assert work.code(work.set(work.shop, ONE, ttl=60)) == ("no_record", "id")
    assert work.code(work.set(work.shop, ONE, ttl=60, must="new")) == ("invalid", "names")
    work.do(work.set(work.shop, ONE, "a.example.com", must="new"))
    assert work.code(work.set(work.shop, ONE, "a.example.com", must="new")) == ("exists", "address")
    assert work.do(work.set(work.shop, ONE, "b.example.com", must="old")).after.served == ("b.example.com.",)


def test_if_match(work):
    """A change or delete that names another revision than the record's is STALE, also when there is no record."""
    first = work.do(work.set(work.shop, ONE, "a.example.com")).after.pointer
    second = work.do(work.set(work.shop, ONE, "b.example.com", if_match=first.revision)).after.pointer
    assert work.code(work.set(work.shop, ONE, "c.example.com", if_match=first.revision)) == ("stale", "")
    assert work.code(work.delete(work.shop, ONE, if_match=first.revision)) == ("stale", "")
    assert work.code(work.delete(work.shop, ONE, if_match=second.revision + 1)) == ("stale", "")
    assert work.code(work.set(work.shop, "192.0.2.2", "c.example.com", if_match=first.revision)) == ("stale", "")
    work.do(work.delete(work.shop, ONE, if_match=second.revision))


def test_a_dry_run_tells_and_changes_nothing(work):
    """A dry run gives before and after, and refuses what would be refused; nothing is kept of it."""
    work.do(work.set(work.shop, ONE, "a.example.com"))
    before = work.link.revision, work.journal(), list(work.link.published)
    edit = work.do(work.set(work.shop, ONE, "b.example.com", dry_run=True))
    assert (edit.before.served, edit.after.served) == (("a.example.com.",), ("b.example.com.",))
    assert work.do(work.delete(work.shop, ONE, dry_run=True)).after.pointer is None
    assert work.code(work.set(work.shop, OTHER, "b.example.com", dry_run=True)) == ("no_eip", "eip")
    assert (work.link.revision, work.journal(), work.link.published) == before
    assert work.show(work.shop, ONE).served == ("a.example.com.",)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"names": []}, "names"),
        ({"names": ["null"]}, "names"),
        ({"names": ["a b.example.com"]}, "names"),
        ({"names": ["a.example.com", "A.example.com."]}, "names"),
        ({"names": [f"h{number}.example.com" for number in range(11)]}, "names"),
        ({"names": "mail.example.com"}, "names"),
        ({"names": [5]}, "names"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": 2**31}, "ttl"),
        ({"ttl": "300"}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"description": "x" * 256}, "description"),
        ({"description": None}, "description"),
        ({"description": "\ud800"}, "description"),
        ({"tags": [Tag(f"k{number}", "") for number in range(21)]}, "tag_quota"),
        ({"tags": [Tag("_sys_a", "")]}, "tags"),
        ({"tags": [Tag("a", "1"), Tag("a", "2")]}, "tags"),
        ({"tags": ["a"]}, "tags"),
        ({"tags": None}, "tags"),
        ({"enterprise_project": ""}, "enterprise_project"),
    ],
)
def test_every_field_has_its_limits(work, fields, field):
    """A field beyond its limits is INVALID with its name, for an address of ours and of others alike."""
    fields = {"names": ["a.example.com"]} | fields | {"request_id": "req"}
    for text in (ONE, OTHER, "203.0.113.1"):
        assert work.code(work.cases.pointers.set(work.shop, ref_of_address(text), **fields)) == ("invalid", field)


def test_statuses_are_what_workers_have(work):
    """A record is PENDING until workers have its revision, and becomes ACTIVE without anything being written."""
    work.link.live = work.link.revision
    pending = work.do(work.set(work.shop, ONE, "a.example.com")).after
    assert (pending.status, pending.action, pending.served) == ("PENDING_CREATE", "CREATE", ("a.example.com.",))
    superseding = work.do(work.set(work.shop, ONE, "b.example.com")).after
    assert (superseding.status, superseding.action) == ("PENDING_UPDATE", "UPDATE")
    work.link.live = pending.revision
    assert work.show(work.shop, ONE).status == "PENDING_UPDATE"
    work.link.live = superseding.revision
    assert (work.show(work.shop, ONE).status, work.show(work.shop, ONE).action) == ("ACTIVE", "NONE")
    deleted = work.do(work.delete(work.shop, ONE)).after
    assert (deleted.status, deleted.action) == ("PENDING_DELETE", "DELETE") == _state(work.show(work.shop, ONE))
    renamed = work.do(work.set(work.shop, ONE, "c.example.com")).after
    assert renamed.status == "PENDING_CREATE"
    work.do(work.delete(work.shop, ONE))
    work.link.live = work.link.revision
    assert _state(work.show(work.shop, ONE)) == ("INACTIVE", "NONE")


def test_waiting_ends_when_it_is_live(work):
    """With `wait` a change comes back ACTIVE."""
    work.link.live = work.link.revision
    assert work.do(work.set(work.shop, ONE, "a.example.com", wait=True)).after.status == "ACTIVE"
    assert work.do(work.delete(work.shop, ONE, wait=True)).after.status == "INACTIVE"


def test_trouble_is_an_error_with_its_reason(work):
    """A record that is committed and not answered is ERROR, says why, and what DNS says instead."""
    work.link.defaults[address(ONE)] = ("default.example.net.",)
    work.do(work.set(work.shop, ONE, "a.example.com"))
    work.link.troubles[address(ONE)] = "no zone holds it any more"
    view = work.show(work.shop, ONE)
    assert (view.status, view.reason) == ("ERROR", "no zone holds it any more")
    assert view.served == ("default.example.net.",)


def test_what_would_not_be_served_is_not_created(work):
    """A record is refused where no zone of ours would answer; one that is there may still change, and go."""
    work.link.unserved[address(ONE)] = "it lies under a cut"
    error = work.refused(work.set(work.shop, ONE, "a.example.com"))
    assert (error.code, error.field) == ("not_served", "address") and "under a cut" in str(error)
    assert work.code(work.set(OPERATOR, ONE, "a.example.com"))[0] == "not_served"
    work.link.unserved.clear()
    work.do(work.set(work.shop, ONE, "a.example.com"))
    work.link.unserved[address(ONE)] = "it lies under a cut"
    work.do(work.set(work.shop, ONE, "b.example.com"))
    work.do(work.delete(work.shop, ONE))


def test_any_address_of_a_prefix_may_be_named(work):
    """An address in a granted prefix is named by itself or as `eip~address`, and each has one record."""
    ref = ref_of_eip("north", "net~2001:db8:1::a")
    view = work.do(work.set(work.shop, ref, "a.example.com")).after
    assert view.resource == "north:net~2001:db8:1::a" and view.eip.id == "net"
    assert work.show(work.shop, "2001:db8:1::a").pointer == view.pointer
    assert work.code(work.set(work.shop, "2001:db8:1::a", "b.example.com", must="new"))[0] == "exists"
    work.do(work.set(work.shop, "2001:db8:1::ffff:ffff:ffff:ffff", "b.example.com"))
    for outside in ("2001:db8:1:1::", "2001:db8:0:ffff::"):
        assert work.code(work.set(work.shop, outside, "b.example.com")) == ("no_eip", "eip")
        assert work.code(work.set(work.shop, ref_of_eip("north", f"net~{outside}"), "b.example.com"))[0] == "no_eip"


def test_a_prefix_is_no_address_and_an_address_no_prefix(work):
    """The id of a prefix alone names no address; `~` behind a single address's EIP names nothing."""
    assert work.code(work.set(work.shop, ref_of_eip("north", "net"), "a.example.com")) == ("invalid", "eip")
    assert work.code(work.cases.pointers.show(work.shop, ref_of_eip("north", f"eip-1~{ONE}"))) == ("no_eip", "eip")
    assert work.show(work.shop, ONE).resource == "north:eip-1"


def test_the_journal_has_every_change_whole(work):
    """Each change is a row with actor, request, address and the record before and after, and no other."""
    start = work.link.revision
    first = work.do(work.set(work.shop, ONE, "a.example.com", tags=[Tag("k", "v")], request_id="req-a")).after.pointer
    work.do(work.set(work.shop, ONE, "b.example.com"))
    work.do(work.delete(work.shop, ONE))
    work.do(work.set(work.shop, ONE, "c.example.com"))
    work.do(work.delete(work.shop, ONE, action="deletePtrRecord"))
    rows = work.journal(after=start)
    actions = ["setPTRRecord", "setPTRRecord", "resetPTRRecord", "setPTRRecord", "deletePtrRecord"]
    assert [row.action for row in rows] == actions
    assert [row.revision for row in rows] == list(range(start + 1, start + 6))
    assert {(row.actor, row.project, row.address) for row in rows} == {("token:shop", work.shop.project, address(ONE))}
    assert rows[0].request_id == "req-a" and rows[0].before is None
    assert rows[0].after == rows[1].before
    assert rows[0].after == {
        "id": first.id,
        "address": ONE,
        "region": "north",
        "eip": "eip-1",
        "project": work.shop.project,
        "names": ["a.example.com."],
        "ttl": 300,
        "description": "",
        "tags": [{"key": "k", "value": "v"}],
        "enterprise_project": "0",
    }
    assert rows[1].after == rows[2].before and rows[2].after is None


def test_a_hundred_at_once_for_the_last_place(tmp_path):
    """Of 100 parallel creates at 49 of 50 exactly one succeeds, over all projects of the account."""

    async def run():
        cases = make_cases(tmp_path)
        shop = await make_project(cases, "shop", account="one")
        twin = await make_project(cases, "twin", account="one")
        for number in range(150):
            await cases.inventory.add_eip(
                OPERATOR,
                f"198.51.100.{number}",
                id=f"e{number}",
                region="r",
                project="shop" if number % 2 else "twin",
                request_id="",
            )

        def create(number):
            actor = shop if number % 2 else twin
            ref = ref_of_eip("r", f"e{number}")
            return cases.pointers.set(actor, ref, names=[f"h{number}.example.com"], must="new", request_id="")

        for number in range(49):
            await create(number)
        results = await asyncio.gather(*map(create, range(50, 150)), return_exceptions=True)
        refused = [result.code for result in results if isinstance(result, Exception)]
        assert len(results) == 100 and refused == ["quota"] * 99
        assert await cases.inventory.quota_of(shop) == await cases.inventory.quota_of(twin) == (50, 50)
        assert len(cases.link.published) == 50
        cases.link.close()

    asyncio.run(run())


def test_the_quota_is_free_from_the_commit_of_a_delete(work):
    """A delete that is still pending has freed its place, and lowering a quota takes nothing away."""
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 1, request_id=""))
    work.link.live = work.link.revision
    work.do(work.set(work.shop, ONE, "a.example.com"))
    assert work.code(work.set(work.shop, "192.0.2.2", "b.example.com")) == ("quota", "quota")
    work.do(work.set(work.shop, ONE, "c.example.com"))
    work.do(work.delete(work.shop, ONE))
    assert work.show(work.shop, ONE).status == "PENDING_DELETE"
    work.do(work.set(work.shop, "192.0.2.2", "b.example.com"))
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 0, request_id=""))
    assert work.show(work.shop, "192.0.2.2").served == ("b.example.com.",)
    assert work.do(work.cases.inventory.quota_of(work.shop)) == (0, 1)


def test_no_status_is_stored(work, tmp_path):
    """Nothing in the database says whether a record is live."""
    work.do(work.set(work.shop, ONE, "a.example.com"))
    with sqlite3.connect(tmp_path / "ptrd.db") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "a.example.com" in dump
    assert "PENDING" not in dump and "ACTIVE" not in dump


def _state(view):
    return view.status, view.action
