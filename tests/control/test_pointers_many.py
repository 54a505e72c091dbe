"""Many PTR records: changed all or not at all, found, listed, and their tags."""

from __future__ import annotations

import pytest

from ptrd.control.actors import ControlError
from ptrd.control.refs import ref_of_address, ref_of_eip, ref_of_id
from ptrd.control.views import BulkError, Operation, TagMatch, TagQuery
from ptrd.records.management import MAX_BATCH, Tag
from ptrd.store.database import PointerQuery
from tests.control.fakelink import OPERATOR

NAME = ["a.example.com"]


def in_prefix(number):
    """Give an address of the prefix that `shop` has."""
    return f"2001:db8:1::{number:x}"


def fill(work, count):
    """Name so many addresses of the prefix."""
    operations = [Operation("create", ref_of_address(in_prefix(number)), NAME) for number in range(1, count + 1)]
    work.do(work.cases.pointers.bulk(work.shop, operations, request_id="req"))


def refs(*numbers):
    """Refer to addresses of the prefix."""
    return [ref_of_address(in_prefix(number)) for number in numbers]


def delete_many(work, wanted, actor=None, **fields):
    """Make the coroutine that deletes many."""
    return work.cases.pointers.delete_many(actor or work.shop, wanted, request_id="req", **fields)


def bulk(work, *operations, actor=None, **fields):
    """Make the coroutine of a bulk change."""
    return work.cases.pointers.bulk(actor or work.shop, list(operations), request_id="req", **fields)


def problems(work, coroutine):
    """Give (index, code, field) of all problems of what is refused."""
    error = work.refused(coroutine)
    assert isinstance(error, BulkError)
    assert (error.code, error.field) == (error.problems[0][1].code, error.problems[0][1].field)
    return [(index, str(problem.code), problem.field) for index, problem in error.problems]


def test_many_are_deleted_in_one_revision(work):
    """A batch is one transaction: one revision, a row and a change for each record."""
    fill(work, 3)
    before = work.link.revision
    edits = work.do(delete_many(work, refs(1, 3)))
    assert work.link.revision == before + 1
    assert [row.action for row in work.journal(after=before)] == ["deletePtrRecord", "deletePtrRecord"]
    assert [str(edit.before.address) for edit in edits] == [in_prefix(1), in_prefix(3)]
    assert all(edit.after.pointer is None for edit in edits)
    assert work.show(work.shop, in_prefix(2)).pointer is not None


def test_one_that_cannot_be_deleted_saves_all(work):
    """A batch with a record that is missing, a stranger's EIP or one address twice deletes nothing, and tells each."""
    fill(work, 3)
    wanted = [*refs(1, 9), ref_of_eip("north", "other"), ref_of_eip("north", f"net~{in_prefix(1)}")]
    assert problems(work, delete_many(work, wanted)) == [
        (1, "no_record", "id"),
        (2, "no_eip", "eip"),
        (3, "invalid", "id"),
    ]


def test_a_batch_has_limits(work):
    """Tenants delete at most 50 at once, operators more; nobody none."""
    assert work.code(delete_many(work, [])) == ("invalid", "id")
    fill(work, MAX_BATCH)
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 60, request_id=""))
    work.do(work.set(work.shop, "192.0.2.1", "a.example.com"))
    wanted = [*refs(*range(1, MAX_BATCH + 1)), ref_of_address("192.0.2.1")]
    assert work.code(delete_many(work, wanted, yes=True)) == ("batch_too_large", "")
    assert len(work.do(delete_many(work, wanted, actor=OPERATOR, yes=True))) == MAX_BATCH + 1


@pytest.mark.parametrize("who", ["shop", "operator"])
def test_deleting_much_needs_a_yes(work, who):
    """More than 30 % of a project's records go only with a yes, when it has more than ten; a dry run shows them."""
    actor = OPERATOR if who == "operator" else work.shop
    fill(work, 20)
    assert work.code(delete_many(work, refs(*range(1, 8)), actor=actor)) == ("needs_yes", "")
    assert len(work.do(delete_many(work, refs(*range(1, 8)), actor=actor, dry_run=True))) == 7
    work.do(delete_many(work, refs(*range(1, 7)), actor=actor))  # 30 %
    work.do(delete_many(work, refs(*range(7, 17)), actor=actor, yes=True))
    work.do(delete_many(work, refs(*range(17, 21)), actor=actor))  # all of four


def test_what_is_created_at_once_does_not_count_as_there(work):
    """The share is of what was there before a bulk change, however much it creates."""
    fill(work, 11)
    creations = [Operation("create", ref, NAME) for ref in refs(*range(100, 120))]
    deletions = [Operation("delete", ref) for ref in refs(*range(1, 6))]
    assert work.code(bulk(work, *creations, *deletions)) == ("needs_yes", "")
    assert len(work.do(bulk(work, *creations, *deletions, yes=True))) == 25


def test_a_bulk_change_is_one_transaction(work):
    """Creates, changes and deletes take one revision, and come back in their order."""
    fill(work, 2)
    before = work.link.revision
    first, second, third = refs(1, 2, 3)
    edits = work.do(
        bulk(
            work,
            Operation("modify", first, ["b.example.com"], ttl=60),
            Operation("delete", second),
            Operation("create", third, ["c.example.com"], tags=[Tag("k", "v")]),
            Operation("set", ref_of_address("192.0.2.1"), ["d.example.com"]),
        )
    )
    assert work.link.revision == before + 1
    assert [edit.after.pointer and edit.after.pointer.names[0] for edit in edits] == [
        "b.example.com.",
        None,
        "c.example.com.",
        "d.example.com.",
    ]
    actions = ["setPTRRecord", "resetPTRRecord", "setPTRRecord", "setPTRRecord"]
    assert [row.action for row in work.journal(after=before)] == actions


def test_a_bulk_change_tells_all_that_is_wrong(work):
    """Every operation that cannot be done is named with its index and its field, and none is done."""
    fill(work, 1)
    wrong = [
        Operation("create", *refs(2), NAME),
        Operation("create", *refs(1), NAME),
        Operation("create", *refs(3), ["no name"]),
        Operation("create", *refs(4)),
        Operation("modify", *refs(5), NAME),
        Operation("delete", *refs(6)),
        Operation("set", *refs(7), NAME, ttl=0),
        Operation("set", ref_of_eip("north", "other"), NAME),
        Operation("set", *refs(2), NAME),
    ]
    assert problems(work, bulk(work, *wrong)) == [
        (1, "exists", "address"),
        (2, "invalid", "names"),
        (3, "invalid", "names"),
        (4, "no_record", "id"),
        (5, "no_record", "id"),
        (6, "invalid", "ttl"),
        (7, "no_eip", "eip"),
        (8, "invalid", "id"),
    ]
    assert work.show(work.shop, in_prefix(2)).pointer is None


def test_the_quota_holds_within_a_bulk_change(work):
    """The records that a bulk change creates count against the quota one by one, and those it deletes do not."""
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 2, request_id=""))
    three = [Operation("create", ref, NAME) for ref in refs(1, 2, 3)]
    assert problems(work, bulk(work, *three)) == [(2, "quota", "quota")]
    work.do(bulk(work, *three[:2]))
    work.do(bulk(work, Operation("delete", *refs(1)), three[2]))


def test_a_stale_operation_stops_a_bulk_change(work):
    """If-Match holds for each operation of its own."""
    fill(work, 2)
    revision = work.show(work.shop, in_prefix(1)).pointer.revision
    good = Operation("modify", *refs(1), ["b.example.com"], if_match=revision)
    bad = Operation("delete", *refs(2), if_match=revision - 1)
    assert problems(work, bulk(work, good, bad)) == [(1, "stale", "")]
    assert work.show(work.shop, in_prefix(1)).served == ("a.example.com.",)


def test_a_dry_bulk_change(work):
    """A dry run gives what would be, and nothing has changed."""
    before = work.link.revision
    edits = work.do(bulk(work, Operation("create", *refs(1), NAME), dry_run=True))
    assert edits[0].after.served == ("a.example.com.",)
    assert work.link.revision == before and work.show(work.shop, in_prefix(1)).pointer is None


def test_pages_have_everything_once(work):
    """Pages by offset and by marker are the whole in order of ids; the total does not depend on them."""
    fill(work, 7)
    whole = work.do(work.cases.pointers.find(work.shop, PointerQuery()))
    assert (len(whole.items), whole.total, whole.more) == (7, 7, False)
    ids = [view.pointer.id for view in whole.items]
    assert ids == sorted(ids)
    for status in (None, "ACTIVE"):
        by_offset, by_marker, after = [], [], None
        for offset in range(0, 9, 3):
            page = work.do(work.cases.pointers.find(work.shop, PointerQuery(offset=offset, limit=3), status))
            by_offset += [view.pointer.id for view in page.items]
            assert (page.total, page.more) == (7, offset < 6)
            page = work.do(work.cases.pointers.find(work.shop, PointerQuery(after=after, limit=3), status))
            by_marker += [view.pointer.id for view in page.items]
            after = by_marker[-1]
        assert by_offset == by_marker == ids
        assert work.do(work.cases.pointers.find(work.shop, PointerQuery(offset=9, limit=3), status)).items == []
        last = work.do(work.cases.pointers.find(work.shop, PointerQuery(offset=4, limit=3), status))
        assert (len(last.items), last.more) == (3, False)
        nothing = work.do(work.cases.pointers.find(work.shop, PointerQuery(limit=0), status))
        assert (nothing.items, nothing.total, nothing.more) == ([], 7, True)


def test_records_are_found_by_their_status(work):
    """A status is asked of what workers have now."""
    fill(work, 2)
    work.link.live = work.link.revision
    work.do(work.set(work.shop, in_prefix(1), "b.example.com"))
    found = work.do(work.cases.pointers.find(work.shop, PointerQuery(), "PENDING_UPDATE"))
    assert [str(view.address) for view in found.items] == [in_prefix(1)] and found.total == 1
    assert work.do(work.cases.pointers.find(work.shop, PointerQuery(), "FREEZE")).items == []


def test_records_are_found_by_tags_and_enterprise_project(work):
    """What the store can narrow down is narrowed down within the project."""
    work.do(work.set(work.shop, in_prefix(1), *NAME, tags=[Tag("k", "abc")], enterprise_project="e-1"))
    work.do(work.set(work.rival, "192.0.2.9", *NAME, tags=[Tag("k", "abc")], enterprise_project="e-1"))
    for query in (
        PointerQuery(tags=(("k", "*b"),)),
        PointerQuery(enterprise_project="e-1"),
        PointerQuery(region="north"),
    ):
        page = work.do(work.cases.pointers.find(work.shop, query))
        assert [str(view.address) for view in page.items] == [in_prefix(1)] and page.total == 1


def test_all_eips_are_listed_and_of_a_prefix_what_is_named(work):
    """A list of EIPs has each single address, named or not, and each named address of a prefix."""
    work.do(work.set(work.shop, "192.0.2.2", *NAME))
    work.do(work.set(work.shop, in_prefix(2), *NAME))
    work.do(work.set(work.shop, in_prefix(1), *NAME))
    listed = work.do(work.cases.pointers.list_eips(work.shop))
    assert [(view.resource, view.status) for view in listed] == [
        ("north:eip-1", "INACTIVE"),
        ("north:eip-2", "ACTIVE"),
        ("north:eip-3", "INACTIVE"),
        ("north:net~2001:db8:1::1", "ACTIVE"),
        ("north:net~2001:db8:1::2", "ACTIVE"),
    ]
    assert work.do(work.cases.pointers.list_eips(work.shop, "south")) == []
    assert len(work.do(work.cases.pointers.list_eips(OPERATOR))) == 6
    assert len(work.do(work.cases.pointers.list_eips(OPERATOR, "north", project=work.rival.project))) == 1


def test_tags_are_set_and_taken(work):
    """Setting replaces tags of the same keys, taking what is not there is fine, and the record's revision is new."""
    pointers = work.cases.pointers
    first = work.do(work.set(work.shop, "192.0.2.1", *NAME, tags=[Tag("a", "1"), Tag("b", "2")])).after.pointer
    published, start = len(work.link.published), work.link.revision
    ref = ref_of_id(first.id)
    edit = work.do(pointers.set_tags(work.shop, ref, [Tag("b", "3"), Tag("c", "")], request_id="req"))
    assert edit.after.pointer.tags == (("a", "1"), ("b", "3"), ("c", ""))
    assert edit.after.pointer.revision > first.revision
    work.do(pointers.delete_tags(work.shop, ref_of_eip("north", "eip-1"), ["a", "zzz"], request_id="req"))
    assert work.do(pointers.get_tags(work.shop, ref)) == (("b", "3"), ("c", ""))
    assert [row.action for row in work.journal(after=start)] == ["createPTRRecordSetTag", "deletePTRRecordTag"]
    work.do(pointers.delete_tags(work.shop, ref, ["zzz"], request_id="req"))
    work.do(pointers.set_tags(work.shop, ref, [Tag("c", "")], request_id="req"))
    assert work.link.revision == start + 2 and len(work.link.published) == published


def test_tags_have_limits(work):
    """Twenty-one tags, a key twice, none at all, and tags of nothing are refused."""
    pointers, ref = work.cases.pointers, ref_of_address("192.0.2.1")
    one = [Tag("k", "v")]
    assert work.code(pointers.set_tags(work.shop, ref, one, request_id="req")) == ("no_record", "id")
    assert work.code(pointers.get_tags(work.shop, ref)) == ("no_record", "id")
    work.do(work.set(work.shop, "192.0.2.1", *NAME, tags=[Tag(f"k{number}", "") for number in range(20)]))
    for tags, field in ((one, "tag_quota"), ([*one, *one], "tags"), ([], "tags"), ([Tag(" k", "")], "tags")):
        assert work.code(pointers.set_tags(work.shop, ref, tags, request_id="req")) == ("invalid", field)
    for keys in ([], [5], ["_sys_x"]):
        assert work.code(pointers.delete_tags(work.shop, ref, keys, request_id="req")) == ("invalid", "tags")


def test_tags_of_a_project(work):
    """Keys come with all their values, of the actor's project only."""
    work.do(work.set(work.shop, "192.0.2.1", *NAME, tags=[Tag("b", "2"), Tag("a", "1")]))
    work.do(work.set(work.shop, "192.0.2.2", *NAME, tags=[Tag("b", "1")]))
    work.do(work.set(work.rival, "192.0.2.9", *NAME, tags=[Tag("c", "3")]))
    assert work.do(work.cases.pointers.all_tags(work.shop)) == {"a": ("1",), "b": ("1", "2")}
    assert work.do(work.cases.pointers.all_tags(OPERATOR, project=work.rival.project)) == {"c": ("3",)}
    assert set(work.do(work.cases.pointers.all_tags(OPERATOR))) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (TagQuery(), "123"),
        (TagQuery(tags=(TagMatch("a"),)), "12"),
        (TagQuery(tags=(TagMatch("a", ("1", "9")), TagMatch("b"))), "1"),
        (TagQuery(tags_any=(TagMatch("a", ("2",)), TagMatch("b", ("1",)))), "12"),
        (TagQuery(not_tags=(TagMatch("a"), TagMatch("b"))), "23"),
        (TagQuery(not_tags_any=(TagMatch("a"), TagMatch("b"))), "3"),
        (TagQuery(tags=(TagMatch("a"),), not_tags_any=(TagMatch("b"),)), "2"),
        (TagQuery(name="MAIL"), "2"),
        (TagQuery(tags=(TagMatch("a"),), name="www"), ""),
    ],
)
def test_records_are_filtered_by_tags(work, query, found):
    """All conditions of a filter hold, and a value is one of those that are named."""
    work.do(work.set(work.shop, "192.0.2.1", "one.example.com", tags=[Tag("a", "1"), Tag("b", "1")]))
    work.do(work.set(work.shop, "192.0.2.2", "mail.example.com", tags=[Tag("a", "2")]))
    work.do(work.set(work.shop, "192.0.2.3", "three.example.com"))
    work.do(work.set(work.rival, "192.0.2.9", "mail.example.com", tags=[Tag("a", "1")]))
    page = work.do(work.cases.pointers.find_by_tags(work.shop, query))
    assert "".join([str(view.address)[-1] for view in page.items]) == found and page.total == len(found)
    page = work.do(work.cases.pointers.find_by_tags(work.shop, query, limit=1, offset=1))
    assert (len(page.items), page.total, page.more) == (len(found[1:2]), len(found), len(found) > 2)


def test_the_error_of_many_says_how_many():
    """The sentence is the first's, with how many more there are."""
    first, second = ControlError("quota", "too many", "quota"), ControlError("stale", "changed")
    assert str(BulkError([(0, first)])) == "too many"
    assert str(BulkError([(0, first), (4, second)])) == "too many (and 1 more)"
