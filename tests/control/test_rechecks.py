"""Names that are looked at again: what is due and nothing else, gently, without losing what was known."""

from __future__ import annotations

import asyncio

import pytest

from ptrd.control.rechecks import Rechecks
from ptrd.records.management import Policy
from ptrd.records.trust import Verdict
from ptrd.store.database import PointerQuery
from tests.control.fakelink import OPERATOR
from tests.control.test_confirmation import ONE, OTHER, SIX, TWO, Confirmed, confirmed  # noqa: F401 - a fixture


class Again:
    """Rechecks over use cases, with a clock that a test sets and as many ticks as it wants."""

    def __init__(self, work):
        self.work = work
        self.rechecks = Rechecks(work.link, work.confirmer, lambda: work.link.now)
        self.reads = 0
        read = work.link.read

        async def counted(job):
            self.reads += 1
            return await read(job)

        work.link.read = counted

    def round(self):
        """Begin what is due, let it end, and write what it found."""
        self.work.do(self._round())

    async def _round(self):
        await self.rechecks.tick()
        for _ in range(200):
            if all(task.done() for task in self.rechecks._open.values()):
                break
            await asyncio.sleep(0.01)
        await self.rechecks.tick()

    def verdict(self, text):
        """Give what is known of an address."""
        found = self.work.show(OPERATOR, text).finding
        return None if found is None else str(found.verdict)


@pytest.fixture
def again(confirmed):  # noqa: F811 - the fixture that is imported
    """Give a maker of rechecks with a policy."""
    return lambda policy=Policy.WARN, **options: Again(confirmed(policy, **{"rate": 1000} | options))


def test_what_was_never_looked_at_is_looked_at_when_a_policy_begins(again):
    """Records from before the policy are looked at in the background, and only those of projects that have it."""
    all_ = again(Policy.OFF)
    work = all_.work
    work.resolver.names = {"good.example.com.": [ONE, OTHER]}
    for actor, text in ((work.shop, ONE), (work.shop, TWO), (work.rival, OTHER)):
        work.do(work.set(actor, text, "good.example.com"))
    all_.round()
    assert work.resolver.asked == [] and all_.rechecks.counts == {}
    work.policy(Policy.WARN)
    all_.round()
    assert (all_.verdict(ONE), all_.verdict(TWO), all_.verdict(OTHER)) == ("confirmed", "elsewhere", None)
    assert all_.rechecks.counts == {"confirmed": 1, "elsewhere": 1, "unchecked": 0}
    found = dict(all_.rechecks.samples()["ptrd_managed_confirmations"])
    assert found["confirmed",] == found["elsewhere",] == 1 and found["no_name",] == 0


@pytest.mark.parametrize("policy", [Policy.OFF, Policy.WARN])
def test_nothing_is_read_while_nothing_is_due(again, policy):
    """Without a policy, or with every finding fresh, a round does not touch the database until something changes."""
    all_ = again(policy)
    work = all_.work
    work.resolver.names = {"good.example.com.": [ONE]}
    work.do(work.set(work.shop, ONE, "good.example.com"))
    all_.round()
    before = all_.reads
    for _ in range(5):
        all_.round()
    assert all_.reads == before
    work.do(work.set(work.shop, TWO, "good.example.com"))
    before = all_.reads
    all_.round()
    assert all_.reads == before + 1


def test_a_record_that_stops_leading_back_is_noticed(again):
    """After the interval a record is looked at again, and its finding, reason and time are the new ones."""
    all_ = again(interval=100.0)
    work = all_.work
    work.resolver.names = {"good.example.com.": [ONE]}
    first = work.do(work.set(work.shop, ONE, "good.example.com")).after
    revision, journal = work.link.revision, len(work.journal())
    work.resolver.names = {"good.example.com.": [TWO]}
    work.link.now += 99.0
    all_.round()
    assert all_.verdict(ONE) == "confirmed"
    work.link.now += 2.0
    all_.round()
    found = work.show(work.shop, ONE)
    assert found.finding.verdict is Verdict.ELSEWHERE and found.finding.checked == work.link.now
    assert "192.0.2.2" in found.finding.reason and found.pointer == first.pointer
    assert (work.link.revision, len(work.journal())) == (revision, journal)
    work.resolver.names = {"good.example.com.": [ONE]}
    work.link.now += 101.0
    all_.round()
    assert all_.verdict(ONE) == "confirmed"


def test_a_dead_resolver_takes_nothing_away_at_once(again):
    """When nobody answers, what was known stays, with its time and a note; after three intervals it counts no more."""
    all_ = again(interval=100.0, timeout=0.02)
    work = all_.work
    work.resolver.names = {"good.example.com.": [ONE]}
    work.do(work.set(work.shop, ONE, "good.example.com"))
    first = work.link.now
    work.resolver.silent = {"good.example.com."}
    for _ in range(2):
        work.link.now += 101.0
        all_.round()
        found = work.show(work.shop, ONE).finding
        assert (found.verdict, found.checked) == (Verdict.CONFIRMED, first)
        assert found.reason == "nobody answered when it was looked at again, " + (
            "1970-01-12T13:48:21Z" if work.link.now < first + 150 else "1970-01-12T13:50:02Z"
        )
    work.link.now += 101.0
    all_.round()
    found = work.show(work.shop, ONE).finding
    assert found.verdict is Verdict.NO_ANSWER and found.checked == work.link.now
    work.resolver.silent.clear()
    work.link.now += 101.0
    all_.round()
    found = work.show(work.shop, ONE).finding
    assert (found.verdict, found.reason) == (Verdict.CONFIRMED, "")


def test_what_nobody_answered_is_tried_again_soon(again):
    """A day is long for what is not known: five minutes are enough."""
    all_ = again(timeout=0.02)
    work = all_.work
    work.resolver.silent = {"slow.example.com."}
    work.do(work.set(work.shop, ONE, "slow.example.com"))
    all_.round()
    assert all_.verdict(ONE) == "no_answer"
    work.resolver.silent.clear()
    work.resolver.names = {"slow.example.com.": [ONE]}
    work.link.now += 301.0
    all_.round()
    assert all_.verdict(ONE) == "confirmed"


def test_names_that_changed_meanwhile_keep_their_own_finding(again):
    """What was found about names that a record no longer has is thrown away."""
    all_ = again(Policy.OFF, timeout=0.5)
    work = all_.work
    work.do(work.set(work.shop, ONE, "slow.example.com"))
    work.policy(Policy.WARN)
    work.resolver.silent = {"slow.example.com."}
    work.resolver.names = {"good.example.com.": [ONE]}

    async def change_meanwhile():
        await all_.rechecks.tick()
        await work.resolver.reached.wait()
        await work.set(work.shop, ONE, "good.example.com")

    work.do(change_meanwhile())
    all_.round()
    assert all_.verdict(ONE) == "confirmed"
    work.do(work.delete(work.shop, ONE))
    all_.round()
    assert work.show(work.shop, ONE).finding is None


def test_so_many_in_a_second(again):
    """A round begins no more looks than the rate, and goes on with the others in the next."""
    all_ = again(Policy.OFF, rate=3)
    work = all_.work
    for number in range(1, 9):
        work.do(work.set(work.shop, f"2001:db8:1::{number:x}", "six.example.com"))
    work.policy(Policy.WARN)
    work.do(all_.rechecks.tick())
    assert len(all_.rechecks._open) == 3
    for _ in range(6):
        all_.round()
    assert all_.rechecks.counts["no_name"] == 8 and len(work.resolver.asked) == 8
    assert all_.verdict(SIX) == "no_name"


def test_an_end_leaves_nothing_running(again):
    """When the server ends, looks that wait for an answer end with it."""
    all_ = again(Policy.OFF, timeout=60.0)
    work = all_.work
    work.do(work.set(work.shop, ONE, "slow.example.com"))
    work.policy(Policy.WARN)
    work.resolver.silent = {"slow.example.com."}

    async def end():
        running = asyncio.create_task(all_.rechecks.run())
        await work.resolver.reached.wait()
        running.cancel()
        looks = list(all_.rechecks._open.values())
        await asyncio.gather(running, *looks, return_exceptions=True)

    work.do(end())
    assert work.resolver.open == 0


def test_a_fault_of_a_round_ends_nothing(again, caplog, monkeypatch):
    """Whatever goes wrong in one round is logged, and the next one begins nevertheless."""
    all_ = again(Policy.OFF)
    work = all_.work
    monkeypatch.setattr("ptrd.control.rechecks.TICK", 0.01)
    rounds = []
    enough = asyncio.Event()

    async def fail():
        rounds.append(1)
        if len(rounds) == 3:
            enough.set()
        raise RuntimeError("a defect")

    async def go_on():
        running = asyncio.create_task(all_.rechecks.run())
        async with asyncio.timeout(20):
            await enough.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    monkeypatch.setattr(all_.rechecks, "tick", fail)
    work.do(go_on())
    assert "names cannot be looked at again" in caplog.text and "a defect" in caplog.text


def test_what_was_found_for_a_policy_is_forgotten_with_it(again, monkeypatch):
    """When a policy becomes off, its records are unchecked again, a few in each round, and those of others are not."""
    monkeypatch.setattr("ptrd.control.rechecks.FORGOTTEN", 1)
    all_ = again()
    work = all_.work
    for actor, text in ((work.shop, ONE), (work.shop, TWO), (work.rival, OTHER)):
        work.do(work.set(actor, text, "none.example.com"))
    revision = work.link.revision
    work.policy(Policy.OFF)
    all_.round()
    all_.round()
    assert [all_.verdict(text) for text in (ONE, TWO, OTHER)] == [None, None, "no_name"]
    assert work.link.revision == revision + 1
    listed = work.do(work.cases.pointers.find(OPERATOR, PointerQuery(confirmation="unconfirmed")))
    assert [str(view.address) for view in listed.items] == [OTHER]
    before = all_.reads
    all_.round()
    assert all_.reads == before
    work.policy(Policy.WARN)
    all_.round()
    assert all_.verdict(ONE) == "no_name"


def test_a_fault_of_a_look_is_logged_and_tried_again(again, caplog):
    """Whatever goes wrong in one look, the record is not forgotten."""
    all_ = again(Policy.OFF)
    work = all_.work
    work.do(work.set(work.shop, ONE, "good.example.com"))
    work.policy(Policy.WARN)

    def fail():
        raise RuntimeError("a defect")

    work.resolver.before = fail
    all_.round()
    assert "the names of 192.0.2.1 could not be looked at" in caplog.text and all_.verdict(ONE) is None
    work.resolver.before = lambda: None
    work.resolver.names = {"good.example.com.": [ONE]}
    all_.round()
    all_.round()
    assert all_.verdict(ONE) == "confirmed"
