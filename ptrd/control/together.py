"""Small reads that are asked for at the same moment, done in one transaction and one trip to a thread.

Each sees all that was committed when it was asked for, and one that fails fails alone. A read that visits many rows has
no place here: others would wait for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from ptrd import PtrdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.link import Link
    from ptrd.store.database import Transaction

T = TypeVar("T")


class Together:
    """Small reads over a link: while one trip is under way, what is asked for waits, and then goes together."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self._trips: asyncio.Task[None] | None = None

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading from one consistent state. Raises what `work` raises."""
        asked: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.append((work, asked))
        if self._trips is None:
            self._trips = asyncio.create_task(self._travel())
        return await asked

    async def _travel(self) -> None:
        """Read until nobody asks. Whoever asks during the last trip finds it under way."""
        try:
            while self._asked:
                batch, self._asked = self._asked, []
                try:
                    await self._read(batch)
                except BaseException:
                    for _, asked in batch + self._asked:
                        asked.cancel()
                    self._asked = []
                    raise
        finally:
            self._trips = None

    async def _read(self, batch: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]]) -> None:
        def read(transaction: Transaction) -> list[tuple[Any, PtrdError | None]]:
            return [_try(work, transaction) for work, _ in batch]

        try:
            outcomes = await self._link.read(read)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
            if len(batch) > 1:  # one of them is to blame
                for one in batch:
                    await self._read([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, asked), (found, refusal) in zip(batch, outcomes, strict=True):
            if asked.done():  # who asked has gone
                continue
            if refusal is None:
                asked.set_result(found)
            else:
                asked.set_exception(refusal)


def _try(work: Callable[[Transaction], Any], transaction: Transaction) -> tuple[Any, PtrdError | None]:
    """Give what a work gives, or how it says no: only a fault of ours, or of the database, ends the trip."""
    try:
        return work(transaction), None
    except PtrdError as error:
        return None, error
