"""Who may do what: readers, tenants of others, frozen addresses, disabled projects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ptrd.control.actors import Actor, Role
from ptrd.control.refs import ref_of_address, ref_of_eip, ref_of_id
from ptrd.control.views import Operation, TagQuery
from ptrd.records.management import Tag
from ptrd.store.database import PointerQuery
from tests.control.fakelink import OPERATOR, address

ONE = "192.0.2.1"
NAME = ["a.example.com"]

WRITES = {
    "set": lambda cases, actor, ref: cases.set(actor, ref, names=NAME, request_id=""),
    "change": lambda cases, actor, ref: cases.set(actor, ref, names=None, ttl=60, request_id=""),
    "delete": lambda cases, actor, ref: cases.delete(actor, ref, request_id=""),
    "delete if there": lambda cases, actor, ref: cases.delete(actor, ref, missing_ok=True, request_id=""),
    "batch": lambda cases, actor, ref: cases.delete_many(actor, [ref], request_id=""),
    "bulk": lambda cases, actor, ref: cases.bulk(actor, [Operation("set", ref, NAME)], request_id=""),
    "bulk delete": lambda cases, actor, ref: cases.bulk(actor, [Operation("delete", ref)], request_id=""),
    "tag": lambda cases, actor, ref: cases.set_tags(actor, ref, [Tag("k", "v")], request_id=""),
    "untag": lambda cases, actor, ref: cases.delete_tags(actor, ref, ["k"], request_id=""),
}
READS = {
    "show": lambda cases, actor, ref: cases.show(actor, ref),
    "tags": lambda cases, actor, ref: cases.get_tags(actor, ref),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@every_write
def test_readers_only_read(work, write):
    """A reader's writes are FORBIDDEN, of its own addresses and of others alike; what it reads is what writers read."""
    work.do(work.set(work.shop, ONE, *NAME))
    for text in (ONE, "192.0.2.9", "203.0.113.1"):
        assert work.code(write(work.cases.pointers, work.reader, ref_of_address(text))) == ("forbidden", "role")
    assert work.show(work.reader, ONE) == work.show(work.shop, ONE)


@pytest.mark.parametrize("use", [*WRITES.values(), *READS.values()], ids=[*WRITES, *READS])
def test_what_is_of_others_does_not_exist(work, use):
    """An EIP, an address and a record of another project are refused exactly like those that nobody has."""
    stranger = work.do(work.set(work.rival, "192.0.2.9", *NAME)).after.pointer
    work.add("2001:db8:2::/64", "net-2", "rival")
    pairs = [
        (ref_of_eip("north", "other"), ref_of_eip("north", "nobodys")),
        (ref_of_eip("north", "net-2"), ref_of_eip("north", "nobodys")),
        (ref_of_eip("north", "net-2~2001:db8:2::1"), ref_of_eip("north", "nobodys~2001:db8:2::1")),
        (ref_of_eip("north", "net-2~192.0.2.1"), ref_of_eip("north", "nobodys~192.0.2.1")),
        (ref_of_address("192.0.2.9"), ref_of_address("203.0.113.1")),
        (ref_of_address("2001:db8:2::1"), ref_of_address("2001:db8:3::1")),
        (ref_of_id(stranger.id), ref_of_id("f" * 32)),
    ]
    for theirs, nobodys in pairs:
        errors = [work.refused(use(work.cases.pointers, work.shop, ref)) for ref in (theirs, nobodys)]
        told = [(str(error), error.code, error.field, type(error)) for error in errors]
        assert told[0] == told[1] and str(told[0][1]) == ("no_record" if theirs.id else "no_eip")
    assert work.show(work.rival, "192.0.2.9").pointer == stranger


def test_another_state_of_a_stranger_changes_no_answer(work):
    """Whether somebody else's address is named, frozen, pending or disabled makes no difference to others."""

    def answers():
        refs = [ref_of_address("192.0.2.9"), ref_of_eip("north", "other")]
        uses = [*WRITES.values(), *READS.values()]
        return [str(work.refused(use(work.cases.pointers, work.shop, ref))) for use in uses for ref in refs]

    before = answers()
    work.link.live = work.link.revision
    work.do(work.set(work.rival, "192.0.2.9", *NAME))
    assert answers() == before
    work.do(work.cases.pointers.freeze(OPERATOR, ref_of_address("192.0.2.9"), "spam", request_id=""))
    assert answers() == before
    work.do(work.cases.inventory.disable_project(OPERATOR, "rival", request_id=""))
    assert answers() == before
    work.do(work.cases.inventory.release_eip(OPERATOR, "north", "other", request_id=""))
    assert answers() == before


def test_lists_have_what_is_of_the_project(work):
    """No list of a tenant has anything of another's, and one that names another project is FORBIDDEN."""
    pointers = work.cases.pointers
    work.do(work.set(work.rival, "192.0.2.9", *NAME, tags=[Tag("k", "v")]))
    assert work.do(pointers.find(work.shop, PointerQuery())).items == []
    assert work.do(pointers.find(work.shop, PointerQuery(account=work.rival.account))).total == 0
    assert work.do(pointers.find(work.shop, PointerQuery(), "ACTIVE")).items == []
    assert work.do(pointers.find_by_tags(work.shop, TagQuery())).items == []
    assert {view.eip.project for view in work.do(pointers.list_eips(work.shop))} == {work.shop.project}
    for project in (work.rival.project, "f" * 32, "rival"):
        assert work.code(pointers.find(work.shop, PointerQuery(project=project))) == ("forbidden", "")
        assert work.code(pointers.list_eips(work.shop, project=project)) == ("forbidden", "")
        assert work.code(pointers.all_tags(work.shop, project=project)) == ("forbidden", "")
        assert work.code(pointers.find_by_tags(work.shop, TagQuery(), project=project)) == ("forbidden", "")
    assert work.do(pointers.find(OPERATOR, PointerQuery())).total == 1
    assert work.do(pointers.find(OPERATOR, PointerQuery(project=work.shop.project))).total == 0


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_a_tenant_without_a_project_sees_nothing(work, role):
    """A credential that belongs to no project finds nothing and changes nothing."""
    nobody = Actor("token:nobody", role)
    assert work.code(work.cases.pointers.show(nobody, ref_of_address(ONE))) == ("no_eip", "eip")
    assert work.code(work.set(nobody, ONE, *NAME))[0] == "forbidden"
    assert work.code(work.cases.pointers.find(nobody, PointerQuery()))[0] == "forbidden"
    assert work.code(work.cases.pointers.list_eips(nobody))[0] == "forbidden"
    assert work.code(work.cases.inventory.journal(nobody))[0] == "forbidden"


def freeze(work, text=ONE, reason="spam"):
    """Freeze an address."""
    return work.do(work.cases.pointers.freeze(OPERATOR, ref_of_address(text), reason, request_id="")).after


def unfreeze(work, text=ONE):
    """Thaw an address."""
    return work.do(work.cases.pointers.unfreeze(OPERATOR, ref_of_address(text), request_id="")).after


@every_write
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_frozen_address_is_not_the_tenants(work, write, named):
    """Whatever a tenant would change of a frozen address is FROZEN, with a record or without; reading is not."""
    if named:
        work.do(work.set(work.shop, ONE, *NAME))
    freeze(work)
    assert work.code(write(work.cases.pointers, work.shop, ref_of_address(ONE))) == ("frozen", "address")
    view = work.show(work.shop, ONE)
    assert (view.status, view.reason, view.pointer is not None) == ("FREEZE", "spam", named)


def test_freezing_serves_the_zone_files_and_keeps_the_record(work):
    """While an address is frozen DNS says what the zone files say; then the record again, as it was."""
    work.link.defaults[address(ONE)] = ("default.example.net.",)
    pointer = work.do(work.set(work.shop, ONE, *NAME)).after.pointer
    work.link.live = work.link.revision
    frozen = freeze(work)
    assert (frozen.status, frozen.pointer) == ("PENDING_FREEZE", pointer)
    assert work.link.says(ONE) == frozen.served == ("default.example.net.",)
    work.link.live = work.link.revision
    assert work.show(work.shop, ONE).status == "FREEZE"
    thawed = unfreeze(work)
    assert (thawed.status, thawed.action, thawed.pointer) == ("PENDING_UPDATE", "UPDATE", pointer)
    assert work.link.says(ONE) == ("a.example.com.",)
    work.link.live = work.link.revision
    assert work.show(work.shop, ONE).status == "ACTIVE"
    actions = [row.action for row in work.journal(address=address(ONE))]
    assert actions == ["createEip", "setPTRRecord", "freezePTRRecord", "unfreezePTRRecord"]


def test_freezing_twice_and_thawing_twice(work):
    """A second freeze changes the reason only, and the same again changes nothing at all."""
    work.do(work.set(work.shop, ONE, *NAME))
    freeze(work)
    published, revision = len(work.link.published), work.link.revision
    freeze(work)
    assert work.link.revision == revision
    assert freeze(work, reason="worse").reason == "worse"
    assert (work.link.revision, len(work.link.published)) == (revision + 1, published)
    unfreeze(work)
    revision = work.link.revision
    unfreeze(work)
    assert work.link.revision == revision


def test_an_operator_edits_what_is_frozen_and_nothing_of_it_is_served(work):
    """An operator may change the record of a frozen address, and DNS hears of it when it thaws."""
    freeze(work)
    work.do(work.set(OPERATOR, ONE, "b.example.com"))
    assert work.link.published == [] and work.link.says(ONE) == ()
    unfreeze(work)
    assert work.link.says(ONE) == ("b.example.com.",)
    freeze(work)
    published = len(work.link.published)
    work.do(work.delete(OPERATOR, ONE))
    assert len(work.link.published) == published
    assert unfreeze(work).status == "INACTIVE" and work.link.says(ONE) == ()


def test_a_freeze_outlives_its_record_and_ends_with_the_eip(work):
    """A freeze stays when the record is gone, and releasing the EIP clears it."""
    work.do(work.set(work.shop, ONE, *NAME))
    work.do(work.set(work.shop, "2001:db8:1::1", *NAME))
    freeze(work)
    freeze(work, "2001:db8:1::1")
    work.do(work.delete(OPERATOR, ONE))
    assert work.code(work.set(work.shop, ONE, *NAME))[0] == "frozen"
    for eip_id, text in (("eip-1", ONE), ("net", "2001:db8:1::1")):
        work.do(work.cases.inventory.release_eip(OPERATOR, "north", eip_id, request_id=""))
        work.add(text, f"{eip_id}-again", "shop")
        assert work.do(work.set(work.shop, text, *NAME)).after.status == "ACTIVE"


def test_only_operators_freeze(work):
    """Tenants neither freeze nor thaw, a freeze has a reason, and an address without an EIP cannot be frozen."""
    pointers, ref = work.cases.pointers, ref_of_address(ONE)
    assert work.code(pointers.freeze(work.shop, ref, "x", request_id="")) == ("forbidden", "")
    assert work.code(pointers.unfreeze(work.shop, ref, request_id="")) == ("forbidden", "")
    for reason in ("", "x" * 256, None):
        assert work.code(pointers.freeze(OPERATOR, ref, reason, request_id="")) == ("invalid", "description")
    assert work.code(pointers.freeze(OPERATOR, ref_of_address("203.0.113.1"), "x", request_id=""))[0] == "no_eip"


@every_write
@pytest.mark.parametrize("what", ["project", "account"])
def test_a_disabled_tenant_changes_nothing_and_stays_served(work, write, what):
    """Tenants of a disabled project or account are FORBIDDEN to write, also what is not theirs; DNS stays."""
    work.do(work.set(work.shop, ONE, *NAME))
    name = "shop" if what == "project" else "shop-account"
    published = len(work.link.published)
    work.do(getattr(work.cases.inventory, f"disable_{what}")(OPERATOR, name, request_id=""))
    for text in (ONE, "192.0.2.9", "203.0.113.1"):
        assert work.code(write(work.cases.pointers, work.shop, ref_of_address(text))) == ("forbidden", "")
    assert work.link.says(ONE) == ("a.example.com.",) and len(work.link.published) == published
    assert work.show(work.shop, ONE).status == "ACTIVE"
    work.do(work.set(OPERATOR, ONE, "b.example.com"))
    work.do(getattr(work.cases.inventory, f"enable_{what}")(OPERATOR, name, request_id=""))
    work.do(work.set(work.shop, ONE, *NAME))


def test_the_next_owner_never_sees_the_old_name(work):
    """A released EIP's record is gone in the same transaction; who gets the address finds it as if new."""
    work.link.defaults[address(ONE)] = ("default.example.net.",)
    old = work.do(work.set(work.shop, ONE, "secret.example.com", description="secret", tags=[Tag("k", "secret")]))
    work.link.live = work.link.revision
    work.do(work.cases.inventory.release_eip(OPERATOR, "north", "eip-1", request_id=""))
    assert work.link.says(ONE) == ("default.example.net.",)
    work.add(ONE, "eip-1", "rival")
    view = work.show(work.rival, ONE)
    assert (view.pointer, view.status, view.action) == (None, "INACTIVE", "NONE")
    assert view.served == ("default.example.net.",)
    named = work.do(work.set(work.rival, ONE, *NAME))
    assert named.after.pointer.tags == () and named.after.pointer.id != old.after.pointer.id
    work.do(work.delete(work.rival, ONE))
    rows = work.do(work.cases.inventory.journal(work.rival, address=address(ONE)))
    assert [row.action for row in rows] == ["createEip", "setPTRRecord", "resetPTRRecord"]
    assert "secret" not in str([rows, work.do(work.cases.pointers.list_eips(work.rival)), view, named])
    assert work.code(work.cases.pointers.show(work.shop, ref_of_id(old.after.pointer.id))) == ("no_record", "id")


def hand_over(work, project):
    """Take the prefix back, and give it to a project."""
    work.do(work.cases.inventory.release_eip(OPERATOR, "north", "net", request_id=""))
    work.add("2001:db8:1::/64", "net", project)


def test_the_next_owner_of_a_prefix_sees_no_pending_delete(work):
    """An address within a prefix that changed hands is not PENDING_DELETE for its new owner."""
    text = "2001:db8:1::1"
    work.do(work.set(work.shop, text, *NAME))
    work.link.live = work.link.revision
    hand_over(work, "rival")
    assert work.show(work.rival, text).status == "INACTIVE"
    work.do(work.set(work.rival, text, *NAME))
    work.do(work.delete(work.rival, text))
    assert work.show(work.rival, text).status == "PENDING_DELETE"
    hand_over(work, "shop")
    work.do(work.set(work.shop, text, *NAME))
    hand_over(work, "rival")
    assert work.show(work.rival, text).status == "INACTIVE"


def test_an_actor_of_two_projects_of_one_account_is_of_one(work):
    """A credential of one project sees nothing of its account's other projects."""
    twin = work.do(work.cases.inventory.create_project(OPERATOR, "twin", account="shop-account", request_id=""))
    actor = replace(work.shop, project=twin.id)
    assert work.code(work.cases.pointers.show(actor, ref_of_address(ONE))) == ("no_eip", "eip")
    assert work.do(work.cases.pointers.list_eips(actor)) == []
