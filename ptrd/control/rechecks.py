"""Names that were looked at are looked at again, gently, as long as somebody's policy asks for it.

What nobody has looked at comes first, then what waits longest; what was found for a policy that is off by now is
forgotten. At most so many looks begin in a second; what they find is written together once a second, beside the changes
and as one of them. While nothing is due, nothing is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.control.actors import Actor, Role
from ptrd.control.asking import Asker, resolver_maker
from ptrd.control.confirmation import KEPT, RECHECKS, Confirmer, next_look
from ptrd.records.confirmation import UNCHECKED, renew
from ptrd.records.trust import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ptrd.client.endpoints import Endpoint
    from ptrd.control.link import Link
    from ptrd.control.live import Link as LiveLink
    from ptrd.control.options import ConfirmOptions
    from ptrd.records.confirmation import Confirmation
    from ptrd.records.management import Address
    from ptrd.store.database import DueFinding, Transaction

TICK: Final = 1.0  # seconds between two rounds
MAX_OPEN: Final = 1000  # looks that may be waiting for answers
FORGOTTEN: Final = 1000  # findings that are forgotten in a round, when a policy has become off
_SERVER: Final = Actor("server", Role.OPERATOR)

log = logging.getLogger("ptrd")


def start_confirming(
    link: LiveLink, options: ConfirmOptions, resolvers: tuple[Endpoint, ...]
) -> tuple[Confirmer, Rechecks]:
    """Make what looks at names, before changes and again: in the zones that are served, then at resolvers."""
    asker = Asker(lambda: link.snapshot, resolver_maker(resolvers))
    confirmer = Confirmer(link, options, asker)
    return confirmer, Rechecks(link, confirmer)


class Rechecks:
    """Looks again. `counts` is how many records there are of each verdict, where there is a policy."""

    def __init__(self, link: Link, confirmer: Confirmer, clock: Callable[[], float] = time.time) -> None:
        self.counts: Mapping[str, int] = {}
        self._link = link
        self._confirmer = confirmer
        self._clock = clock
        self._seen = -1  # the revision at which the database was read
        self._due: float | None = None  # when the next look is
        self._open: dict[Address, asyncio.Task[None]] = {}
        self._done: list[tuple[DueFinding, Confirmation]] = []

    def samples(self) -> dict[str, list[tuple[tuple[str, ...], float]]]:
        """Give what is counted, as metrics."""
        checks = self._confirmer.checks
        return {
            "ptrd_managed_confirmations": [
                ((verdict,), self.counts.get(verdict, 0)) for verdict in (*map(str, Verdict), UNCHECKED)
            ],
            "ptrd_confirmation_checks_total": [((str(verdict),), checks[verdict]) for verdict in Verdict],
        }

    async def run(self) -> None:
        """Go on for ever."""
        try:
            while True:
                try:
                    await self.tick()
                except PtrdError as error:  # a full disk; it is tried again
                    log.error("names cannot be looked at again: %s", error)  # noqa: TRY400 - a sentence
                except Exception:
                    log.exception("names cannot be looked at again")
                await asyncio.sleep(TICK)
        finally:
            for task in self._open.values():
                task.cancel()

    async def tick(self) -> None:
        """Write what was found, and begin the looks of the next second."""
        done, self._done = self._done, []
        try:
            if done:
                await self._link.change(
                    lambda transaction: self._write(transaction, done), actor=_SERVER, request_id=""
                )
        finally:  # what could not be written is looked at again
            for one, _ in done:
                self._open.pop(one.address, None)
        now, revision = self._clock(), self._link.revision
        is_due = self._due is not None and self._due <= now
        if not done and revision == self._seen and (not is_due or len(self._open) >= MAX_OPEN):
            return
        options = self._confirmer.options
        room = min(options.rate, MAX_OPEN - len(self._open))

        def read(transaction: Transaction) -> tuple[list[DueFinding], float | None, dict[str, int], bool]:
            policy = options.policy
            due = transaction.due_findings(policy, now, room + len(self._open)) if room > 0 else []
            outdated = transaction.has_outdated_findings(policy)
            return due, transaction.next_due(policy), transaction.count_findings(policy), outdated

        due, self._due, self.counts, outdated = await self._link.read(read)
        if outdated:  # or they would be shown for ever, as nobody renews them
            await self._link.change(
                lambda transaction: transaction.forget_findings(options.policy, FORGOTTEN),
                actor=_SERVER,
                request_id="",
            )
        self._seen = -1 if outdated else revision  # there may be more of them
        fresh = [one for one in due if one.address not in self._open][:room]
        for number, one in enumerate(fresh):
            self._open[one.address] = asyncio.create_task(self._look(one, number / options.rate))

    async def _look(self, one: DueFinding, delay: float) -> None:
        await asyncio.sleep(delay)
        confirmer = self._confirmer
        try:
            found = await confirmer.examine(one.address, one.names, ask=confirmer.ask, party=RECHECKS)
        except Exception:
            log.exception("the names of %s could not be looked at", one.address)
            self._open.pop(one.address, None)  # so that it is tried again
            return
        if found is None:
            self._open.pop(one.address, None)  # its turn did not come, and will
        else:
            self._done.append((one, found))

    def _write(self, transaction: Transaction, done: list[tuple[DueFinding, Confirmation]]) -> None:
        options = self._confirmer.options
        for (address, _, old), new in done:
            written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(new.checked))
            found = renew(old, new, written, keep=KEPT * options.interval)
            transaction.put_finding(address, found, next_look(found, new.checked, options))
