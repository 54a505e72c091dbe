"""Accounts, projects, EIPs and quotas: kept by operators, seen by whose they are."""

from __future__ import annotations

import re

import pytest

from ptrd.control.refs import ref_of_address
from ptrd.control.views import BulkError
from tests.control.casework import Casework
from tests.control.fakelink import OPERATOR, address

USES = {
    "create account": lambda cases, actor: cases.create_account(actor, "new", request_id=""),
    "set quota": lambda cases, actor: cases.set_quota(actor, "shop-account", 999, request_id=""),
    "disable account": lambda cases, actor: cases.disable_account(actor, "rival-account", request_id=""),
    "enable account": lambda cases, actor: cases.enable_account(actor, "rival-account", request_id=""),
    "delete account": lambda cases, actor: cases.delete_account(actor, "shop-account", force=True, request_id=""),
    "create project": lambda cases, actor: cases.create_project(actor, "new", account="shop-account", request_id=""),
    "disable project": lambda cases, actor: cases.disable_project(actor, "rival", request_id=""),
    "enable project": lambda cases, actor: cases.enable_project(actor, "rival", request_id=""),
    "delete project": lambda cases, actor: cases.delete_project(actor, "shop", force=True, request_id=""),
    "add EIP": lambda cases, actor: cases.add_eip(actor, "203.0.113.1", region="r", project="shop", request_id=""),
    "release EIP": lambda cases, actor: cases.release_eip(actor, "north", "eip-1", request_id=""),
    "import EIPs": lambda cases, actor: cases.import_eips(actor, "203.0.113.1,e,r,shop", request_id=""),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_the_inventory_is_the_operators(work, use):
    """No tenant, reader or writer, changes accounts, projects, quotas or EIPs, its own included."""
    assert work.code(use(work.cases.inventory, work.shop)) == ("forbidden", "")
    assert work.code(use(work.cases.inventory, work.reader)) == ("forbidden", "")


def test_accounts_and_projects_are_made_shown_and_deleted(work):
    """Each has a name and an id of 32 hex digits, and is found by either."""
    inventory = work.cases.inventory
    account = work.do(inventory.create_account(OPERATOR, "new account", request_id=""))
    project = work.do(inventory.create_project(OPERATOR, "new.project", account=account.id, request_id=""))
    assert re.fullmatch("[0-9a-f]{32}", account.id) and re.fullmatch("[0-9a-f]{32}", project.id)
    assert (account.quota, account.disabled, project.account) == (50, False, account.id)
    assert work.do(inventory.account(OPERATOR, "new account")) == work.do(inventory.account(OPERATOR, account.id))
    assert work.do(inventory.project(OPERATOR, project.id)) == work.do(inventory.project(OPERATOR, "new.project"))
    assert [one.name for one in work.do(inventory.accounts(OPERATOR))] == [
        "new account",
        "rival-account",
        "shop-account",
    ]
    assert work.do(inventory.projects(OPERATOR, "new account")) == [project]
    assert work.code(inventory.delete_account(OPERATOR, "new account", request_id="")) == ("exists", "")
    work.do(inventory.delete_project(OPERATOR, "new.project", request_id=""))
    work.do(inventory.delete_account(OPERATOR, "new account", request_id=""))
    assert work.code(inventory.account(OPERATOR, account.id)) == ("no_such", "name")
    assert work.code(inventory.delete_project(OPERATOR, project.id, request_id="")) == ("no_such", "name")
    actions = [row.action for row in work.journal()][-4:]
    assert actions == ["createAccount", "createProject", "deleteProject", "deleteAccount"]


@pytest.mark.parametrize("name", ["", "a/b", " a", "x" * 65, "0123456789abcdef" * 2, None, 5])
def test_names_have_limits(work, name):
    """A name is a label, and none that could be an id."""
    inventory = work.cases.inventory
    assert work.code(inventory.create_account(OPERATOR, name, request_id="")) == ("invalid", "name")
    create = inventory.create_project(OPERATOR, name, account="shop-account", request_id="")
    assert work.code(create) == ("invalid", "name")


def test_names_are_unique_on_the_server(work):
    """Two accounts never have one name, nor two projects, whoever owns them."""
    inventory = work.cases.inventory
    assert work.code(inventory.create_account(OPERATOR, "shop-account", request_id="")) == ("exists", "name")
    create = inventory.create_project(OPERATOR, "shop", account="rival-account", request_id="")
    assert work.code(create) == ("exists", "name")
    create = inventory.create_project(OPERATOR, "new", account="nobody", request_id="")
    assert work.code(create) == ("no_such", "name")


def test_tenants_see_their_own(work):
    """A tenant sees its account and project, and others' no more than those that do not exist."""
    inventory = work.cases.inventory
    assert [one.name for one in work.do(inventory.accounts(work.shop))] == ["shop-account"]
    assert [one.name for one in work.do(inventory.projects(work.shop))] == ["shop"]
    assert work.do(inventory.project(work.shop, "shop")).id == work.shop.project
    for theirs, nobodys, show in (
        ("rival", "nobody", inventory.project),
        ("rival-account", "nobody", inventory.account),
        ("rival-account", "nobody", inventory.projects),
    ):
        told = [str(work.refused(show(work.shop, name))).replace(name, "NAME") for name in (theirs, nobodys)]
        assert told[0] == told[1]
    told = [str(work.refused(inventory.eip(work.shop, "north", eip_id))) for eip_id in ("other", "nobodys")]
    assert told[0] == told[1]
    assert [eip.id for eip in work.do(inventory.eips(work.shop))] == ["eip-1", "eip-2", "eip-3", "net"]
    assert work.code(inventory.eips(work.shop, project=work.rival.project)) == ("forbidden", "")


def test_quotas(work):
    """A quota is of the account, over all its projects; a tenant asks for its own only."""
    inventory = work.cases.inventory
    twin = work.do(inventory.create_project(OPERATOR, "twin", account="shop-account", request_id=""))
    work.add("198.51.100.1", "twin-1", "twin")
    work.do(work.set(work.shop, "192.0.2.1", "a.example.com"))
    work.do(work.set(OPERATOR, "198.51.100.1", "b.example.com"))
    assert work.show(OPERATOR, "198.51.100.1").pointer.project == twin.id
    assert work.do(inventory.quota_of(work.shop)) == (50, 2)
    assert work.do(inventory.quota_of(work.shop, work.shop.account)) == (50, 2)
    assert work.do(inventory.quota_of(OPERATOR, "shop-account")) == (50, 2)
    told = {
        str(work.refused(inventory.quota_of(work.shop, name))) for name in (work.rival.account, "rival-account", "no")
    }
    assert len(told) == 1
    assert work.code(inventory.quota_of(work.shop, work.rival.account)) == ("forbidden", "")
    assert work.code(inventory.quota_of(OPERATOR)) == ("invalid", "name")
    assert work.code(inventory.quota_of(OPERATOR, "nobody")) == ("no_such", "name")


@pytest.mark.parametrize("quota", [-1, 10**9 + 1, True, "50", None, 1.5])
def test_a_quota_is_a_number(work, quota):
    """A quota is a whole number from 0."""
    inventory = work.cases.inventory
    assert work.code(inventory.set_quota(OPERATOR, "shop-account", quota, request_id="")) == ("invalid", "quota")
    assert work.code(inventory.create_account(OPERATOR, "new", quota=quota, request_id="")) == ("invalid", "quota")


def test_the_same_state_again_changes_nothing(work):
    """Setting the quota that is, or disabling what is disabled, takes no revision."""
    inventory = work.cases.inventory
    work.do(inventory.disable_project(OPERATOR, "shop", request_id=""))
    before = work.link.revision
    work.do(inventory.disable_project(OPERATOR, "shop", request_id=""))
    work.do(inventory.set_quota(OPERATOR, "shop-account", 50, request_id=""))
    work.do(inventory.enable_account(OPERATOR, "shop-account", request_id=""))
    assert work.link.revision == before


def add(work, text, **fields):
    """Make the coroutine that gives an EIP to `shop`."""
    fields = {"id": "new", "region": "north", "project": "shop", "request_id": ""} | fields
    return work.cases.inventory.add_eip(OPERATOR, text, **fields)


def test_an_eip_is_an_address_or_a_prefix(work):
    """IPv4 and IPv6 addresses and prefixes are given; without an id one is made up."""
    for number, text in enumerate(["198.51.100.1", "198.51.100.8/29", "2001:db8:9::1", "2001:db8:8::/48"]):
        added = work.do(add(work, text, id=f"new-{number}"))
        assert added.warning == "" and added.eip.project == work.shop.project
        assert added.eip.is_address == ("/" not in text)
    made_up = work.do(add(work, "198.51.100.2/32", id=None)).eip
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made_up.id) and made_up.is_address
    assert work.do(work.cases.inventory.eip(work.shop, "north", made_up.id)) == made_up
    work.do(work.set(work.shop, "198.51.100.15", "a.example.com"))
    assert work.show(work.shop, "198.51.100.15").eip.id == "new-1"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": "192.0.2.1"}, ("exists", "address")),
        ({"text": "192.0.2.0/24"}, ("exists", "address")),
        ({"text": "2001:db8:1::5"}, ("exists", "address")),
        ({"text": "2001:db8:1::/65"}, ("exists", "address")),
        ({"id": "eip-1"}, ("exists", "eip")),
        ({"project": "nobody"}, ("no_such", "project")),
        ({"project": ""}, ("invalid", "project")),
        ({"project": None}, ("invalid", "project")),
        ({"region": "a b"}, ("invalid", "region")),
        ({"id": "a b"}, ("invalid", "eip")),
        ({"id": "a~b"}, ("invalid", "eip")),
        ({"id": ""}, ("invalid", "eip")),
        ({"text": "203.0.113.1/24"}, ("invalid", "address")),
        ({"text": "mail.example.com"}, ("invalid", "address")),
        ({"text": "203.0.113.0/33"}, ("invalid", "address")),
        ({"text": None}, ("invalid", "address")),
    ],
)
def test_an_eip_has_limits(work, fields, code):
    """An address is one EIP's, an id is one EIP's in its region, and each field is as it may be."""
    fields = {"text": "203.0.113.1"} | fields
    assert work.code(add(work, fields.pop("text"), **fields)) == code


def test_one_id_may_be_in_two_regions(work):
    """Ids of EIPs are unique in a region."""
    work.do(add(work, "203.0.113.1", id="eip-1", region="south"))
    there = [work.do(work.cases.inventory.eip(work.shop, region, "eip-1")) for region in ("north", "south")]
    assert [eip.prefix.number for eip in there] == [address("192.0.2.1").number, address("203.0.113.1").number]
    assert work.do(work.cases.inventory.eips(work.shop, region="south")) == there[1:]


def test_regions_are_those_of_the_configuration(tmp_path):
    """With regions configured, an EIP is in one of them."""
    work = Casework(tmp_path, regions=("north", "east"))
    error = work.refused(add(work, "203.0.113.1", region="south"))
    assert (error.code, error.field) == ("invalid", "region") and "north, east" in str(error)
    work.do(add(work, "203.0.113.1", region="east"))
    work.close()


def test_an_eip_that_is_not_served_is_a_warning(work):
    """The operator hears that a name would not be served, of a prefix by its ends; the EIP is there all the same."""
    work.link.unserved[address("203.0.113.1")] = "no zone of ours holds it"
    assert "no zone of ours" in work.do(add(work, "203.0.113.1")).warning
    work.link.unserved[address("2001:db8:5:ffff:ffff:ffff:ffff:ffff")] = "it lies under a cut"
    assert "under a cut" in work.do(add(work, "2001:db8:5::/48", id="new-2")).warning
    assert work.do(work.cases.inventory.eip(OPERATOR, "north", "new-2")).id == "new-2"


def test_releasing_takes_the_records_along(work):
    """A release gives back what it dropped, publishes each revert, and is one transaction."""
    for text in ("2001:db8:1::1", "2001:db8:1::2", "192.0.2.1"):
        work.do(work.set(work.shop, text, "a.example.com"))
    before = work.link.revision
    dry = work.do(work.cases.inventory.release_eip(OPERATOR, "north", "net", dry_run=True, request_id=""))
    assert len(dry.pointers) == 2 and work.link.revision == before
    released = work.do(work.cases.inventory.release_eip(OPERATOR, "north", "net", request_id=""))
    assert sorted(str(pointer.address) for pointer in released.pointers) == ["2001:db8:1::1", "2001:db8:1::2"]
    assert [row.action for row in work.journal(after=before)] == ["deletePtrRecord", "deletePtrRecord", "releaseEip"]
    assert work.link.revision == before + 1
    assert work.link.says("2001:db8:1::1") == work.link.says("2001:db8:1::2") == ()
    assert work.link.says("192.0.2.1") == ("a.example.com.",)
    assert work.do(work.cases.inventory.quota_of(work.shop)) == (50, 1)
    release = work.cases.inventory.release_eip(OPERATOR, "north", "net", request_id="")
    assert work.code(release) == ("no_eip", "eip")


@pytest.mark.parametrize("what", ["project", "account"])
def test_deleting_is_for_what_is_empty_or_by_force(work, what):
    """A project with EIPs and an account with projects stay; with force all of it goes, and DNS reverts."""
    delete = getattr(work.cases.inventory, f"delete_{what}")
    name = "shop" if what == "project" else "shop-account"
    work.do(work.set(work.shop, "192.0.2.1", "a.example.com"))
    freeze = work.cases.pointers.freeze(OPERATOR, ref_of_address("192.0.2.2"), "spam", request_id="")
    work.do(freeze)
    assert work.code(delete(OPERATOR, name, request_id="")) == ("exists", "")
    work.do(delete(OPERATOR, name, force=True, dry_run=True, request_id=""))
    assert work.link.says("192.0.2.1") == ("a.example.com.",)
    work.do(delete(OPERATOR, name, force=True, request_id=""))
    assert work.link.says("192.0.2.1") == ()
    assert [eip.id for eip in work.do(work.cases.inventory.eips(OPERATOR))] == ["other"]
    assert work.code(work.set(work.shop, "192.0.2.1", "a.example.com")) == ("forbidden", "")
    work.add("192.0.2.2", "again", "rival")
    work.do(work.set(work.rival, "192.0.2.2", "b.example.com"))


LIST = """address_or_prefix,id,region,project
# what the provider gave us
203.0.113.1,a,north,shop

2001:db8:7::/64, b ,north,shop
203.0.113.2,,north,rival
192.0.2.1,eip-1,north,shop
"""


def test_a_list_is_imported(work):
    """Lines become EIPs; a line that says what is there already stays as it is, and again all of them do."""
    work.link.unserved[address("203.0.113.2")] = "no zone of ours holds it"
    inventory = work.cases.inventory
    before = work.link.revision
    dry = work.do(inventory.import_eips(OPERATOR, LIST, dry_run=True, request_id=""))
    assert len(dry.added) == 3 and work.link.revision == before
    done = work.do(inventory.import_eips(OPERATOR, LIST, request_id=""))
    assert [eip.id for eip in done.added][:2] == ["a", "b"] and done.unchanged == 1
    assert [line for line, _ in done.warnings] == [6] and "no zone" in done.warnings[0][1]
    assert work.link.revision == before + 1
    again = LIST.replace(",,", f",{done.added[2].id},").replace("\n", "\r\n")
    done = work.do(inventory.import_eips(OPERATOR, "\N{ZERO WIDTH NO-BREAK SPACE}" + again, request_id=""))
    assert (done.added, done.unchanged, done.warnings) == ([], 4, [])
    assert work.link.revision == before + 1


def test_a_list_with_problems_is_not_imported(work):
    """All that is wrong is told with its line, and no line is done."""
    text = """203.0.113.1,a,north,shop
203.0.113.1,b,north,shop
203.0.113.3,a,north,shop
203.0.113.4,c,north,nobody
203.0.113.5,d,north
mail.example.com,e,north,shop
"203.0.113.6"x,f,north,shop
192.0.2.1,eip-1,north,rival
address_or_prefix,id,region,project
"""
    error = work.refused(work.cases.inventory.import_eips(OPERATOR, text, request_id=""))
    assert isinstance(error, BulkError)
    assert [(line, str(problem.code), problem.field) for line, problem in error.problems] == [
        (2, "exists", "address"),
        (3, "exists", "eip"),
        (4, "no_such", "project"),
        (5, "invalid", "body"),
        (6, "invalid", "address"),
        (7, "invalid", "body"),
        (8, "exists", "eip"),
        (9, "invalid", "address"),
    ]


def test_eips_are_listed_in_pages(work):
    """Behind (region, id) the list goes on."""
    inventory = work.cases.inventory
    first = work.do(inventory.eips(OPERATOR, limit=2))
    rest = work.do(inventory.eips(OPERATOR, after=(first[-1].region, first[-1].id)))
    assert [eip.id for eip in first + rest] == ["eip-1", "eip-2", "eip-3", "net", "other"]


def test_the_journal_is_seen_by_whose_it_is(work):
    """A tenant reads the rows of its project, an operator all; another project's are FORBIDDEN."""
    work.do(work.set(work.shop, "192.0.2.1", "a.example.com"))
    work.do(work.set(work.rival, "192.0.2.9", "a.example.com"))
    rows = work.do(work.cases.inventory.journal(work.shop))
    assert {row.project for row in rows} == {work.shop.project} and rows[-1].action == "setPTRRecord"
    assert work.do(work.cases.inventory.journal(work.shop, address=address("192.0.2.9"))) == []
    assert work.code(work.cases.inventory.journal(work.shop, project=work.rival.project)) == ("forbidden", "")
    newest = work.do(work.cases.inventory.journal(OPERATOR, limit=1, newest_first=True))
    assert [row.address for row in newest] == [address("192.0.2.9")]
