"""Whether names lead back to the addresses that they are given to: looked at before a change, and never within it.

The look is for the names that the change is to write; the transaction takes it along, and refuses names that were not
looked at where the policy requires it. So no network is waited for while others wait for the database.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.client.confirm import confirm
from ptrd.control.actors import Code, ControlError
from ptrd.control.scope import check_enabled, find
from ptrd.records.confirmation import Confirmation, sum_up
from ptrd.records.management import Policy
from ptrd.records.trust import Found, Outcome, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from ptrd.control.actors import Actor
    from ptrd.control.asking import Asker
    from ptrd.control.link import Link
    from ptrd.control.options import ConfirmOptions
    from ptrd.control.refs import Ref
    from ptrd.records.management import Address, Pointer
    from ptrd.store.database import Transaction

    Ask = Callable[[str, int], Awaitable[Found]]

AT_ONCE: Final = 50  # records of one change that are looked at together
RETRY: Final = 300.0  # seconds after which one is looked at again of which nothing is known
KEPT: Final = 3  # intervals for which a finding counts when nobody answers any more
_PAUSE: Final = 0.5  # seconds between two looks at names that are waited for,
_LONGEST_PAUSE: Final = 2.0  # growing up to here


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


@dataclass(frozen=True, slots=True)
class Looks:
    """What was found before a change, for its transaction."""

    options: ConfirmOptions
    found: Mapping[Address, Confirmation] = field(default_factory=dict)

    def check(self, transaction: Transaction, pointer: Pointer) -> None:
        """Let pass a record with new names that its project may have. Raises ControlError."""
        if policy_of(transaction, pointer.project, self.options.policy) is not Policy.REQUIRE:
            return
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

    async def look(self, actor: Actor, wishes: Iterable[Wish], patience: float = 0.0) -> Looks:
        """Look at what a change wants to write, as far as it may and its projects' policies ask for it.

        Where names are required to lead back and do not, they are looked at again for `patience` seconds.
        """
        listed = [wish for wish in wishes if wish.names is not None]
        if not listed:
            return Looks(self.options)
        questions = await self._link.read(lambda transaction: self._questions(transaction, actor, listed))
        strict = [question for question in questions if question.policy is Policy.REQUIRE]
        lenient = [question for question in questions if question.policy is Policy.WARN]
        found: dict[Address, Confirmation] = {}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_a_while(lenient, found))
            group.create_task(self._look_until(strict, found, patience))
        return Looks(self.options, found)

    async def examine(self, address: Address, names: tuple[str, ...], *, seconds: float, ask: Ask) -> Confirmation:
        """Look at the names of one address, for so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                findings = await confirm(address, names, ask)
        except TimeoutError:
            silence = Found(Outcome.SILENT, said=f"nobody answered within {seconds:g} s")
            findings = tuple(judge(address, name, silence) for name in names)
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
            check_enabled(transaction, actor)
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
            policy = policy_of(transaction, facts.eip.project, self.options.policy)
            if policy is not Policy.OFF:
                found.append(Question(facts.address, names, policy))
        return found

    async def _look_for_a_while(self, questions: list[Question], found: dict[Address, Confirmation]) -> None:
        """Look at all, as far as one can within the time that a change waits for it."""
        try:
            async with asyncio.timeout(self.options.timeout):
                await self._look_at_all(questions, found, self._asker.addresses, self.options.timeout)
        except TimeoutError:
            return  # it is looked at in the background

    async def _look_until(self, questions: list[Question], found: dict[Address, Confirmation], patience: float) -> None:
        """Look at all, and again at what does not lead back until it does or patience ends."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + patience, _PAUSE
        await self._look_at_all(questions, found, self._asker.addresses, self.options.timeout)
        while True:
            questions = [one for one in questions if found[one.address].verdict is not Verdict.CONFIRMED]
            left = end - loop.time()
            if not questions or left <= 0:
                return
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            seconds = min(self.options.timeout, max(end - loop.time(), _PAUSE))
            # Resolvers remember that there was nothing; the zone's own servers know what was written a moment ago.
            await self._look_at_all(questions, found, self._asker.afresh, seconds)

    async def _look_at_all(
        self, questions: list[Question], found: dict[Address, Confirmation], ask: Ask, seconds: float
    ) -> None:
        waiting = iter(questions)

        async def work(waiting: Iterator[Question]) -> None:
            for address, names, _ in waiting:
                found[address] = await self.examine(address, names, seconds=seconds, ask=ask)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(questions))):
                group.create_task(work(waiting))


def policy_of(transaction: Transaction, project: str, policy: Policy) -> Policy:
    """Give what is asked of the names of a project: what it has of its own, else the `policy` of the configuration."""
    found = transaction.project(project)
    return policy if found is None or found.policy is None else found.policy


def next_look(found: Confirmation, now: float, options: ConfirmOptions) -> float:
    """Say when names are looked at again, in Unix time: soon when nobody answered."""
    unknown = found.verdict is Verdict.NO_ANSWER or found.note
    return now + (min(RETRY, options.interval) if unknown else options.interval)
