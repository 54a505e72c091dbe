"""Small reads that go together: each has its own answer, or its own refusal."""

from __future__ import annotations

import asyncio

import pytest

from ptrd.control.actors import Code, ControlError
from ptrd.control.together import Together
from ptrd.store.database import DatabaseError
from tests.control.fakelink import OPERATOR, FakeLink

WITHIN = 10.0  # seconds, long after which something hangs


class CountingLink(FakeLink):
    """A link that counts trips; each waits for `gate`."""

    def __init__(self, folder):
        super().__init__(folder)
        self.trips = 0
        self.under_way = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, work):
        """Do some reading when the gate is open."""
        self.trips += 1
        self.under_way.set()
        await self.gate.wait()
        return await super().read(work)


def run(folder, test):
    """Run a test with a link and small reads over it."""

    async def whole():
        link = CountingLink(folder)
        try:
            async with asyncio.timeout(WITHIN):
                await test(link, Together(link))
        finally:
            link.close()

    asyncio.run(whole())


def refuse(_transaction):
    """Say no, as a use case does."""
    raise ControlError(Code.NO_EIP, "there is no such EIP")


def fail(_transaction):
    """Fail by a fault of ours."""
    raise ZeroDivisionError


def ask(transaction):
    """Ask the database what it does not understand."""
    return transaction.row("SELECT nonsense")


def test_reads_of_one_moment_share_a_trip(tmp_path):
    """What is asked for while a trip is under way goes together in the next one, and each gets its own answer."""

    async def test(link, together):
        link.gate.clear()
        first = asyncio.ensure_future(together.read(lambda _: "first"))
        await link.under_way.wait()
        others = [asyncio.ensure_future(together.read(lambda _, n=n: n)) for n in range(30)]
        await asyncio.sleep(0)
        link.gate.set()
        assert [await first, *await asyncio.gather(*others)] == ["first", *range(30)]
        assert link.trips == 2
        assert await together.read(lambda _: "later") == "later"

    run(tmp_path, test)


@pytest.mark.parametrize(("work", "error"), [(refuse, ControlError), (fail, ZeroDivisionError), (ask, DatabaseError)])
def test_one_that_fails_takes_no_other_with_it(tmp_path, work, error):
    """A refusal, a fault of ours and an error of the database reach who asked for it, and nobody else."""

    async def test(_, together):
        asked = [together.read(one) for one in (lambda _: 1, work, lambda _: 2, work)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert (found[0], found[2]) == (1, 2)
        assert [type(found[n]) for n in (1, 3)] == [error, error]
        assert await together.read(lambda _: 3) == 3

    run(tmp_path, test)


def test_who_goes_away_holds_up_nobody(tmp_path):
    """Who asked first may go while the trip is under way; the others have their answers."""

    async def test(link, together):
        link.gate.clear()
        asked = [asyncio.ensure_future(together.read(lambda _, n=n: n)) for n in range(3)]
        await link.under_way.wait()
        asked[0].cancel()
        await asyncio.sleep(0)
        link.gate.set()
        assert await asyncio.gather(*asked[1:]) == [1, 2]

    run(tmp_path, test)


def test_what_was_committed_before_is_seen(tmp_path):
    """Who reads after a change was answered sees it, also when a trip that began before is under way."""

    async def test(link, together):
        link.gate.clear()
        early = asyncio.ensure_future(together.read(lambda transaction: transaction.revision))
        await link.under_way.wait()
        await link.change(lambda transaction: transaction.note("x"), actor=OPERATOR, request_id="")
        late = asyncio.ensure_future(together.read(lambda transaction: transaction.revision))
        await asyncio.sleep(0)
        link.gate.set()
        assert await late == link.revision
        assert await early <= link.revision

    run(tmp_path, test)
