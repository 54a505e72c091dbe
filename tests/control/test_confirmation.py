"""Whether names lead back: what each policy does with them, before anything is written, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ptrd.control.actors import Code, ControlError
from ptrd.control.asking import Asker
from ptrd.control.confirmation import Confirmer
from ptrd.control.credentials import Credentials
from ptrd.control.credentialviews import Kind
from ptrd.control.options import ConfirmOptions
from ptrd.control.pointers import Pointers
from ptrd.control.refs import ref_of_address
from ptrd.control.views import BulkError, Operation
from ptrd.records.management import Policy
from ptrd.records.trust import Found, Outcome, Verdict
from tests.control.casework import Casework
from tests.control.fakelink import OPERATOR, address

ONE, TWO, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.9"
SIX = "2001:db8:1::7"


class FakeResolver:
    """A resolver that knows what a test tells it: addresses by name. `new` is what only the zone's servers know.

    Names in `silent` are never answered. `asked` has every name in order, `open` how many wait, `most` the most ever.
    """

    def __init__(self):
        self.names = {}
        self.new = {}
        self.silent = set()
        self.asked = []
        self.open = self.most = 0
        self.reached = asyncio.Event()  # set by a question that is not answered
        self.before = lambda: None  # called at each question

    async def addresses(self, name, version):
        """Answer from what is remembered."""
        return await self._answer(self.names, name, version)

    async def authority(self, name, version):
        """Answer as the zone's own servers do."""
        return await self._answer(self.names | self.new, name, version)

    async def _answer(self, names, name, version):
        self.asked.append(name)
        self.before()
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if name in self.silent:
                self.reached.set()
            await asyncio.sleep(3600 if name in self.silent else 0)
        finally:
            self.open -= 1
        if name not in names:
            return Found(Outcome.NO_NAME)
        found = tuple(address(text) for text in names[name] if (":" in text) == (version == 6))
        return Found(Outcome.ADDRESSES if found else Outcome.NO_DATA, found)


class Confirmed(Casework):
    """The use cases with a policy, and a resolver to tell things."""

    def __init__(self, folder, policy, **options):
        super().__init__(folder)
        self.resolver = FakeResolver()
        self.options = ConfirmOptions(policy, **{"timeout": 0.2} | options)
        self.confirmer = Confirmer(
            self.link, self.options, Asker(lambda: None, lambda: self.resolver), lambda: self.link.now
        )
        object.__setattr__(self.cases, "pointers", Pointers(self.link, confirmer=self.confirmer))

    def policy(self, policy, project="shop"):
        """Give a project a policy of its own."""
        self.do(self.cases.inventory.set_policy(OPERATOR, project, policy, request_id="req-0"))

    def bulk(self, actor, *operations, **fields):
        """Make the coroutine of a bulk of (kind, address, name)."""
        steps = [Operation(kind, ref_of_address(text), [name]) for kind, text, name in operations]
        return self.cases.pointers.bulk(actor, steps, request_id="req-0", **fields)


@pytest.fixture
def confirmed(tmp_path):
    """Give a maker of use cases with a policy."""
    made = []

    def make(policy=Policy.OFF, **options):
        made.append(Confirmed(tmp_path, policy, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_nothing_is_asked_when_the_policy_is_off(confirmed):
    """Without a policy nobody is asked anything, and nothing is known of a record's names."""
    work = confirmed()
    edit = work.do(work.set(work.shop, ONE, "mail.example.com"))
    assert edit.after.finding is None and work.resolver.asked == []
    assert work.show(work.shop, ONE).finding is None


@pytest.mark.parametrize("policy", list(Policy))
def test_who_is_refused_anyway_has_nobody_asked(confirmed, policy):
    """A change that cannot be, whatever its names are, is refused as such, and its names are not looked at."""
    work = confirmed(policy)
    assert work.code(work.set(work.shop, ONE, "mail.example.com", if_match=7)) == ("stale", "")
    assert work.resolver.asked == []


def test_warn_makes_the_record_and_says_what_was_found(confirmed):
    """The finding is on the answer and stays on the record; a name that leads back is confirmed."""
    work = confirmed(Policy.WARN)
    work.resolver.names = {"good.example.com.": [ONE], "bad.example.com.": ["198.51.100.7"]}
    edit = work.do(work.set(work.shop, ONE, "good.example.com"))
    assert (edit.after.finding.verdict, edit.after.finding.reason) == (Verdict.CONFIRMED, "")
    edit = work.do(work.set(work.shop, ONE, "bad.example.com"))
    assert edit.before.finding.verdict is Verdict.CONFIRMED and edit.after.finding.verdict is Verdict.ELSEWHERE
    assert (
        "198.51.100.7" in edit.after.finding.reason
        and "publish bad.example.com. A 192.0.2.1" in edit.after.finding.reason
    )
    assert work.link.says(ONE) == ("bad.example.com.",)
    assert work.show(work.shop, ONE).finding == edit.after.finding
    assert edit.after.finding.checked == work.link.now
    edit = work.do(work.set(work.shop, SIX, "good.example.com"))
    assert edit.after.finding.verdict is Verdict.NO_ADDRESS and "AAAA" in edit.after.finding.reason


def test_a_record_is_confirmed_when_all_its_names_are(confirmed):
    """The worst of several names stands for the record."""
    work = confirmed(Policy.WARN)
    work.resolver.names = {"good.example.com.": [ONE], "also.example.com.": [ONE, TWO]}
    edit = work.do(work.set(work.shop, ONE, "good.example.com", "also.example.com"))
    assert edit.after.finding.verdict is Verdict.CONFIRMED
    edit = work.do(work.set(work.shop, ONE, "good.example.com", "none.example.com"))
    assert edit.after.finding.verdict is Verdict.NO_NAME and "none.example.com." in edit.after.finding.reason


def test_warn_waits_only_so_long(confirmed):
    """A resolver that says nothing holds a change up for `timeout`; the record is made, and says so."""
    work = confirmed(Policy.WARN, timeout=0.3)
    work.resolver.silent = {"slow.example.com."}
    edit = work.do(work.set(work.shop, ONE, "slow.example.com"))
    found = edit.after.finding
    assert found.verdict is Verdict.NO_ANSWER and "nobody answered within 0.3 s" in found.reason
    assert work.show(work.shop, ONE).finding == found and work.link.says(ONE) == ("slow.example.com.",)
    assert work.resolver.open == 0 and work.confirmer.checks == {"no_answer": 1}
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 1000, request_id="req-0"))
    operations = [("set", f"2001:db8:1::{number:x}", "slow.example.com") for number in range(1, 121)]
    edits = work.do(work.bulk(work.shop, *operations))
    assert {edit.after.finding.verdict for edit in edits} == {Verdict.NO_ANSWER}
    assert "there was no time to ask" in edits[-1].after.finding.reason and work.confirmer.checks["no_answer"] == 121


def test_require_refuses_before_anything_is_written(confirmed):
    """What does not lead back is refused with what was found and what to do; what does is made."""
    work = confirmed(Policy.REQUIRE)
    work.resolver.names = {"good.example.com.": [ONE]}
    error = work.refused(work.set(work.shop, ONE, "none.example.com"))
    assert (error.code, error.field) == (Code.UNCONFIRMED, "names")
    assert "none.example.com. does not exist; publish none.example.com. A 192.0.2.1" in str(error)
    work.do(work.set(work.shop, ONE, "good.example.com"))
    error = work.refused(work.set(work.shop, ONE, "good.example.com", "none.example.com"))
    assert error.code is Code.UNCONFIRMED
    assert work.link.says(ONE) == ("good.example.com.",)
    assert work.code(work.set(OPERATOR, ONE, "none.example.com")) == ("unconfirmed", "names")


def test_require_refuses_when_nobody_answers(confirmed):
    """What is not known is not confirmed: a dead resolver stops new names, and the sentence says so."""
    work = confirmed(Policy.REQUIRE, timeout=0.05)
    work.resolver.silent = {"slow.example.com."}
    error = work.refused(work.set(work.shop, ONE, "slow.example.com"))
    assert error.code is Code.UNCONFIRMED and "nobody answered within 0.1 s" in str(error)
    assert work.resolver.open == 0


def test_changes_that_keep_the_names_are_not_looked_at(confirmed):
    """TTL, description, tags, a delete and a freeze ask nobody, even when the names lead nowhere by now."""
    work = confirmed(Policy.REQUIRE)
    work.resolver.names = {"good.example.com.": [ONE]}
    found = work.do(work.set(work.shop, ONE, "good.example.com")).after.finding
    work.resolver.names.clear()
    asked = len(work.resolver.asked)
    assert work.do(work.set(work.shop, ONE, ttl=60)).after.finding == found
    assert work.do(work.set(work.shop, ONE, "good.example.com", description="x")).after.finding == found
    work.do(work.cases.pointers.freeze(OPERATOR, ref_of_address(ONE), "spam", request_id="req-0"))
    work.do(work.cases.pointers.unfreeze(OPERATOR, ref_of_address(ONE), request_id="req-0"))
    assert work.do(work.delete(work.shop, ONE)).after.finding is None
    assert len(work.resolver.asked) == asked


def test_what_is_refused_anyway_is_not_looked_at(confirmed):
    """Nobody has us ask for names by requests that are refused: other people's addresses, or a record that is there."""
    work = confirmed(Policy.REQUIRE)
    work.resolver.names = {"good.example.com.": [ONE]}
    work.do(work.set(work.shop, ONE, "good.example.com"))
    asked = len(work.resolver.asked)
    assert work.code(work.set(work.shop, OTHER, "x.example.com")) == ("no_eip", "eip")
    assert work.code(work.set(work.shop, ONE, "x.example.com", must="new")) == ("exists", "address")
    assert work.code(work.set(work.shop, TWO, "x.example.com", must="old")) == ("no_record", "id")
    assert work.code(work.set(work.reader, TWO, "x.example.com")) == ("forbidden", "role")
    work.do(work.cases.pointers.freeze(OPERATOR, ref_of_address(ONE), "spam", request_id="req-0"))
    assert work.code(work.set(work.shop, ONE, "x.example.com")) == ("frozen", "address")
    assert len(work.resolver.asked) == asked


def test_a_project_has_its_own_policy(confirmed):
    """What a project says goes before the configuration, and `None` gives the word back to it."""
    work = confirmed(Policy.REQUIRE)
    work.policy(Policy.OFF)
    work.do(work.set(work.shop, ONE, "none.example.com"))
    assert work.resolver.asked == []
    assert work.code(work.set(work.rival, OTHER, "none.example.com")) == ("unconfirmed", "names")
    work.policy(Policy.WARN)
    assert work.do(work.set(work.shop, ONE, "also.example.com")).after.finding.verdict is Verdict.NO_NAME
    work.policy(None)
    assert work.code(work.set(work.shop, ONE, "third.example.com")) == ("unconfirmed", "names")
    assert [one.action for one in work.journal()].count("setProjectPolicy") == 3
    assert work.code(work.cases.inventory.set_policy(work.shop, "shop", None, request_id="r")) == ("forbidden", "")


def test_with_patience_it_is_tried_again(confirmed):
    """A name that the zone's own servers know a moment later is confirmed then, whatever a resolver remembers."""
    work = confirmed(Policy.REQUIRE)

    def publish():
        if len(work.resolver.asked) == 1:
            work.resolver.new = {"new.example.com.": [ONE]}

    work.resolver.before = publish
    edit = work.do(work.set(work.shop, ONE, "new.example.com", patience=30.0))
    assert edit.after.finding.verdict is Verdict.CONFIRMED and len(work.resolver.asked) == 3
    work.resolver.before = lambda: None
    error = work.refused(work.set(work.shop, TWO, "never.example.com", patience=0.6))
    assert error.code is Code.UNCONFIRMED and work.resolver.asked.count("never.example.com.") >= 2


def test_who_is_revoked_meanwhile_changes_nothing(confirmed):
    """A credential that is taken away while names are waited for is no good when they lead back at last."""
    work = confirmed(Policy.REQUIRE)
    credentials = Credentials(work.link, None)
    identity = work.do(credentials.create_token(OPERATOR, project="shop", request_id="r")).credential.id
    actor = replace(work.shop, credential=f"token:{identity}")
    tasks = []

    def revoke():
        if not tasks:
            gone = credentials.revoke(OPERATOR, Kind.TOKEN, identity, request_id="r")
            tasks.append(asyncio.ensure_future(gone))
            work.resolver.new = {"new.example.com.": [ONE]}

    work.resolver.before = revoke
    with pytest.raises(ControlError) as caught:
        work.do(work.set(actor, ONE, "new.example.com", patience=30.0))
    assert caught.value.code is Code.UNAUTHENTICATED
    assert tasks[0].done() and work.show(work.shop, ONE).pointer is None


def test_a_dry_run_says_what_would_be_refused(confirmed):
    """A dry run looks at names, does not wait for them, and writes no finding."""
    work = confirmed(Policy.REQUIRE)
    assert work.code(work.set(work.shop, ONE, "none.example.com", dry_run=True, patience=60.0)) == (
        "unconfirmed",
        "names",
    )
    work.resolver.names = {"good.example.com.": [ONE]}
    edit = work.do(work.set(work.shop, ONE, "good.example.com", dry_run=True))
    assert edit.after.finding.verdict is Verdict.CONFIRMED
    assert work.show(work.shop, ONE).pointer is None


def test_a_bulk_is_all_or_nothing(confirmed):
    """In a bulk each name that does not lead back is told with its number, beside all other mistakes."""
    work = confirmed(Policy.REQUIRE)
    work.resolver.names = {"good.example.com.": [ONE]}
    error = work.refused(
        work.bulk(
            work.shop,
            ("set", ONE, "good.example.com"),
            ("create", TWO, "none.example.com"),
            ("modify", "192.0.2.3", "good.example.com"),
            ("set", SIX, "no such name"),
        )
    )
    assert isinstance(error, BulkError)
    assert [(number, str(one.code)) for number, one in error.problems] == [
        (1, "unconfirmed"),
        (2, "no_record"),
        (3, "invalid"),
    ]
    edits = work.do(work.bulk(work.shop, ("set", ONE, "good.example.com")))
    assert edits[0].after.finding.verdict is Verdict.CONFIRMED


def test_a_bulk_asks_many_at_once_and_not_all(confirmed):
    """Names of a bulk are looked at together, so many at a time."""
    work = confirmed(Policy.WARN, timeout=30.0)
    operations = [("set", f"2001:db8:1::{number:x}", f"h{number}.example.com") for number in range(1, 201)]
    work.do(work.cases.inventory.set_quota(OPERATOR, "shop-account", 1000, request_id="req-0"))
    edits = work.do(work.bulk(work.shop, *operations))
    assert {edit.after.finding.verdict for edit in edits} == {Verdict.NO_NAME}
    assert len(work.resolver.asked) == 200 and 10 < work.resolver.most <= 50


def test_names_that_changed_meanwhile_are_not_written_unseen(confirmed):
    """A policy that becomes strict, or a record that changes, while names are looked at never lets any pass unseen."""
    work = confirmed()
    work.policy(Policy.WARN)
    work.resolver.names = {"good.example.com.": [ONE]}
    work.do(work.set(work.shop, ONE, "good.example.com"))

    async def strict_meanwhile():
        looking = asyncio.create_task(work.set(work.shop, TWO, "slow.example.com"))
        await work.resolver.reached.wait()
        await work.cases.inventory.set_policy(OPERATOR, "shop", Policy.REQUIRE, request_id="req-0")
        with pytest.raises(ControlError) as caught:
            await looking
        return caught.value

    work.resolver.silent = {"slow.example.com."}
    error = work.do(strict_meanwhile())
    assert error.code is Code.UNCONFIRMED and work.show(work.shop, TWO).pointer is None

    async def renamed_meanwhile():
        work.resolver.before = lambda: None
        looking = asyncio.create_task(work.bulk(work.shop, ("set", ONE, "good.example.com"), ("set", TWO, "slow.org")))
        await work.resolver.reached.wait()
        await work.cases.inventory.set_policy(OPERATOR, "shop", None, request_id="req-0")
        await work.set(work.shop, ONE, "other.example.com")
        await work.cases.inventory.set_policy(OPERATOR, "shop", Policy.REQUIRE, request_id="req-0")
        with pytest.raises(BulkError) as caught:
            await looking
        return [str(one.code) for _, one in caught.value.problems]

    work.policy(Policy.WARN)
    work.resolver.silent = {"slow.org."}
    work.resolver.reached.clear()
    assert work.do(renamed_meanwhile()) == ["busy", "unconfirmed"]


def test_no_network_within_a_transaction(confirmed):
    """While names are looked at, others' changes go on."""
    work = confirmed(Policy.WARN, timeout=30.0)

    async def both():
        looking = asyncio.create_task(work.set(work.shop, ONE, "slow.example.com"))
        await work.resolver.reached.wait()
        await work.set(work.rival, OTHER, "fast.example.com")
        assert not looking.done()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    work.resolver.silent = {"slow.example.com."}
    work.do(both())
    assert work.link.says(OTHER) == ("fast.example.com.",)
    assert work.resolver.open == 0 and work.show(work.shop, ONE).pointer is None


def test_who_goes_away_leaves_nothing_behind(confirmed):
    """A client that gives up while its names are waited for leaves no question open and no record."""
    work = confirmed(Policy.REQUIRE)

    async def give_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8):
                await work.set(work.shop, ONE, "none.example.com", patience=60.0)
        asked = len(work.resolver.asked)
        await asyncio.sleep(0.6)
        assert len(work.resolver.asked) == asked
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert work.do(give_up()) == []


def test_looks_are_counted(confirmed):
    """Every look counts under its verdict."""
    work = confirmed(Policy.WARN)
    work.resolver.names = {"good.example.com.": [ONE]}
    work.do(work.set(work.shop, ONE, "good.example.com"))
    work.do(work.set(work.shop, TWO, "good.example.com"))
    work.do(work.set(work.shop, ONE, "none.example.com"))
    assert work.confirmer.checks == {"confirmed": 1, "elsewhere": 1, "no_name": 1}
