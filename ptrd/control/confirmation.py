"""Whether names lead back to the addresses that they are given to: looked at before a change, and never within it.

The look is for the names that the change is to write; the transaction takes it along, and refuses names that were not
looked at where the policy requires it; a change of one record is tried without it, for most projects have no policy. So
no network is waited for while others wait for the database. A look ends with the client that it is for, and time in our
own queue says nothing about a name.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.client.confirm import confirm
from ptrd.control.actors import Code, ControlError
from ptrd.control.asking import AUTHORITY
from ptrd.control.scope import check_enabled, find
from ptrd.control.shares import Shares
from ptrd.records.confirmation import Confirmation, sum_up
from ptrd.records.management import Policy
from ptrd.records.trust import Found, Outcome, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping

    from ptrd.control.actors import Actor
    from ptrd.control.asking import Asker
    from ptrd.control.link import Link
    from ptrd.control.options import ConfirmOptions
    from ptrd.control.refs import Ref
    from ptrd.records.management import Account, Address, Pointer, Project
    from ptrd.store.database import Transaction

    Ask = Callable[[str, int], Awaitable[Found]]

AT_ONCE: Final = 50  # records of one change that are looked at together
RETRY: Final = 300.0  # seconds after which one is looked at again of which nothing is known
KEPT: Final = 3  # intervals for which a finding counts when nobody answers any more
_PAUSE: Final = 0.5  # seconds between two looks at names that are waited for,
_LONGEST_PAUSE: Final = 2.0  # growing up to here,
_AGAIN: Final = 50  # and long enough for no more than so many names a second
_QUEUE: Final = 20.0  # seconds for a name that has to lead back to wait for its turn
_GLANCE: Final = 0.25  # seconds between two glances at whether the client is still there
RECHECKS: Final = "rechecks"  # whose share of the questions looking again has
_OPERATORS: Final = "operators"

# Tells whether who sent the request that is being answered has gone away.
client_gone: ContextVar[Callable[[], bool]] = ContextVar("client_gone", default=lambda: False)


class Wish(NamedTuple):
    """That what a reference is to gets names, None to keep those it has; `must` as in `Pointers.set`."""

    ref: Ref
    names: tuple[str, ...] | None
    must: str | None = None


class Question(NamedTuple):
    """An address that is to have names, and how much depends on it."""

    address: Address
    names: tuple[str, ...]
    policy: Policy


class LookFirst(PtrdError):  # noqa: N818 - it says what to do
    """Names are to be looked at before they are written. Seen by whoever can look, and by nobody else."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What was found before a change, for its transaction; `done` tells whether anybody has looked."""

    options: ConfirmOptions
    found: Mapping[Address, Confirmation] = field(default_factory=dict)
    late: frozenset[Address] = frozenset()  # whose turn did not come
    done: bool = True

    def check(self, pointer: Pointer, owner: tuple[Project, Account] | None) -> None:
        """Let pass a record with new names that its project may have. Raises LookFirst, ControlError."""
        policy = policy_of(owner, self.options.policy)
        if policy is not Policy.OFF and not self.done:
            raise LookFirst("these names have not been looked at")
        if policy is not Policy.REQUIRE:
            return
        if pointer.address in self.late:
            raise ControlError(
                Code.BUSY, f"too many names wait to be looked at before those of {pointer.address}; try again", "names"
            )
        found = self.found.get(pointer.address)
        if found is None or found.names != pointer.names:
            raise ControlError(
                Code.BUSY, f"{pointer.address} was changed while its names were looked at; try again", "names"
            )
        if found.verdict is not Verdict.CONFIRMED:
            sentence = f"names here have to lead back to their addresses, and for {pointer.address} they do not"
            raise ControlError(Code.UNCONFIRMED, f"{sentence}: {found.sentence}", "names")

    def note(self, transaction: Transaction, pointer: Pointer) -> Confirmation | None:
        """Write down, beside a record with new names, what was found about them; give it."""
        found = self.found.get(pointer.address)
        if found is None or found.names != pointer.names:
            return None
        transaction.put_finding(pointer.address, found, next_look(found, found.checked, self.options))
        return found


class _Look:
    """A look that is under way for a change: what it has found, and what it could not look at in its turn."""

    def __init__(self, party: str) -> None:
        self.party = party
        self.found: dict[Address, Confirmation] = {}
        self.late: set[Address] = set()

    def take(self, address: Address, found: Confirmation) -> None:
        """Take a finding; that nobody answers never takes the place of an earlier one."""
        if found.verdict is not Verdict.NO_ANSWER or address not in self.found:
            self.found[address] = found


class Confirmer:
    """Looks at names. `checks` counts what was found, whoever asked; `clock` gives Unix time."""

    def __init__(
        self, link: Link, options: ConfirmOptions, asker: Asker, clock: Callable[[], float] = time.time
    ) -> None:
        self.options = options
        self.checks: Counter[str] = Counter()
        self._link = link
        self._asker = asker
        self._clock = clock
        self._shares = Shares()

    async def look(self, actor: Actor, wishes: Iterable[Wish], patience: float = 0.0) -> Looks:
        """Look at what a change wants to write, as far as it may and its projects' policies ask for it.

        Where names are required to lead back and do not, they are looked at again for `patience` seconds. Raises
        ControlError (BUSY) when too many changes wait for that.
        """
        listed = [wish for wish in wishes if wish.names is not None]
        if not listed:
            return Looks(self.options)
        questions = await self._link.read(lambda transaction: self._questions(transaction, actor, listed))
        strict = [question for question in questions if question.policy is Policy.REQUIRE]
        lenient = [question for question in questions if question.policy is Policy.WARN]
        look = _Look(actor.project or _OPERATORS)
        if lenient:
            await _while_client_stays(self._look_for_a_while(lenient, look))
        if strict:
            with self._shares.wait(look.party):
                await _while_client_stays(self._look_until(strict, look, patience))
        return Looks(self.options, look.found, frozenset(look.late))

    async def examine(
        self, address: Address, names: tuple[str, ...], *, ask: Ask, party: str, end: float = math.inf
    ) -> Confirmation | None:
        """Look at the names of one address until `end`, in the time of the loop, each for `timeout` from its turn on.

        None when a turn did not come, which a party with too many questions waits for.
        """
        now = asyncio.get_running_loop().time
        late = False

        async def in_turn(name: str, version: int) -> Found:
            nonlocal late
            asked, seconds = False, 0.0
            try:
                async with self._shares.hold(party, min(_QUEUE, end - now())):
                    asked, seconds = True, min(self.options.timeout, end - now())
                    async with asyncio.timeout(seconds):
                        return await ask(name, version)
            except TimeoutError:
                late = late or not asked
                return Found(Outcome.SILENT, said=f"nobody answered within {round(seconds, 1):g} s")

        findings = await confirm(address, names, in_turn)
        if late:
            return None
        found = sum_up(address, names, findings, self._clock())
        self.checks[found.verdict] += 1
        return found

    @property
    def ask(self) -> Ask:
        """Give how a name is asked of."""
        return self._asker.addresses

    def _questions(self, transaction: Transaction, actor: Actor, wishes: list[Wish]) -> list[Question]:
        """List what has to be looked at: nothing for whoever will be refused anyway, or where names stay."""
        found = []
        try:
            own = check_enabled(transaction, actor)
        except ControlError:
            return []
        for ref, names, must in wishes:
            try:
                facts = find(transaction, actor, ref)
            except ControlError:
                continue
            old = facts.pointer
            if names is None or (must == "new" and old is not None) or (must == "old" and old is None):
                continue
            if (old is not None and old.names == names) or (facts.freeze is not None and not actor.is_operator):
                continue
            policy = policy_of(own or transaction.owner(facts.eip.project), self.options.policy)
            if policy is not Policy.OFF:
                found.append(Question(facts.address, names, policy))
        return found

    async def _look_for_a_while(self, questions: list[Question], look: _Look) -> None:
        """Look at all within the time that a change waits for it; what was not reached then has no answer."""
        seconds = self.options.timeout
        end = asyncio.get_running_loop().time() + seconds
        await self._look_at_all(questions, look, self._asker.addresses, end)
        for address, names, _ in questions:
            if address not in look.found:
                silence = Found(Outcome.SILENT, said=f"there was no time to ask within {round(seconds, 1):g} s")
                findings = [judge(address, name, silence) for name in names]
                look.take(address, sum_up(address, names, findings, self._clock()))
                self.checks[Verdict.NO_ANSWER] += 1

    async def _look_until(self, questions: list[Question], look: _Look, patience: float) -> None:
        """Look at all, and again at what does not lead back until it does or patience ends."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + patience, _PAUSE
        await self._look_at_all(questions, look, self._asker.addresses)
        look.late.update(question.address for question in questions if question.address not in look.found)
        while True:
            questions = [
                question
                for question in questions
                if question.address in look.found and look.found[question.address].verdict is not Verdict.CONFIRMED
            ]
            spare = end - loop.time() - _PAUSE  # less than that is no look
            if not questions or look.late or spare <= 0:
                return
            await asyncio.sleep(min(max(pause, sum(len(question.names) for question in questions) / _AGAIN), spare))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            # Resolvers remember that there was nothing; the zone's own servers know what was written a moment ago.
            seconds = min(self.options.timeout, max(end - loop.time(), _PAUSE))
            ask = partial(self._asker.afresh, patience=min(AUTHORITY, seconds / 2))
            await self._look_at_all(questions, look, ask, end)

    async def _look_at_all(self, questions: list[Question], look: _Look, ask: Ask, end: float = math.inf) -> None:
        """Look at what one can until `end`, in the time of the loop."""
        waiting = iter(questions)
        now = asyncio.get_running_loop().time

        async def work(waiting: Iterator[Question]) -> None:
            for address, names, _ in waiting:
                if now() >= end:
                    return
                found = await self.examine(address, names, ask=ask, party=look.party, end=end)
                if found is not None:
                    look.take(address, found)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(questions))):
                group.create_task(work(waiting))


async def _while_client_stays(work: Coroutine[None, None, None]) -> None:
    """Do some looking, which changes nothing, for as long as who wants it is there. Raises ControlError."""
    gone = client_gone.get()
    looking = asyncio.ensure_future(work)
    try:
        while not looking.done():
            await asyncio.wait({looking}, timeout=_GLANCE)
            if gone():
                raise ControlError(Code.BUSY, "who asked has gone away; nothing was changed")
        looking.result()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def policy_of(owner: tuple[Project, Account] | None, policy: Policy) -> Policy:
    """Give what is asked of the names of a project: what it has of its own, else the `policy` of the configuration."""
    return policy if owner is None or owner[0].policy is None else owner[0].policy


def next_look(found: Confirmation, now: float, options: ConfirmOptions) -> float:
    """Say when names are looked at again, in Unix time: soon when nobody answered."""
    unknown = found.verdict is Verdict.NO_ANSWER or found.note
    return now + (min(RETRY, options.interval) if unknown else options.interval)
