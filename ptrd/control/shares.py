"""How many questions about names may be open: so many of one party, so many in all, and a turn for everybody.

Who waits here is in our own queue, which says nothing about whom the question is for: no timeout of a question runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MAX_OPEN: Final = 200  # questions of all; each may hold two descriptors
MAX_OPEN_OF_ONE: Final = 50  # of them, of one party
MAX_LOOKS: Final = 100  # changes that wait for names to lead back
MAX_LOOKS_OF_ONE: Final = 20  # of them, of one party


class Shares:
    """The shares of parties, each by its name: a project, the operators, what is looked at again."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_OPEN)
        self._own: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MAX_OPEN_OF_ONE))
        self._users = Counter[str]()
        self._looks = Counter[str]()

    @asynccontextmanager
    async def hold(self, party: str, patience: float | None = None) -> AsyncIterator[None]:
        """Hold room for one question, in the order of asking. Raises TimeoutError after `patience` seconds without."""
        own = self._own[party]
        self._users[party] += 1
        try:
            async with asyncio.timeout(patience):
                await own.acquire()
            try:
                async with asyncio.timeout(patience):
                    await self._all.acquire()
                try:
                    yield
                finally:
                    self._all.release()
            finally:
                own.release()
        finally:
            self._users[party] -= 1
            if not self._users[party]:
                del self._users[party], self._own[party]

    @contextmanager
    def wait(self, party: str) -> Iterator[None]:
        """Count a change that waits for its names. Raises ControlError (BUSY) when there are too many."""
        if self._looks[party] >= MAX_LOOKS_OF_ONE or self._looks.total() >= MAX_LOOKS:
            raise ControlError(
                Code.BUSY, "too many changes wait for their names to be looked at; try again in a moment"
            )
        self._looks[party] += 1
        try:
            yield
        finally:
            self._looks[party] -= 1
            if not self._looks[party]:
                del self._looks[party]
