"""What the use cases need of the rest: the store behind its order of commits, and what DNS says and workers have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.records.management import Address
    from ptrd.store.database import Transaction

T = TypeVar("T")


class Link(Protocol):
    """The one way to read and to change. What is not async here is called by works too, in whatever thread."""

    @property
    def revision(self) -> int:
        """Give the newest revision."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading from one consistent state."""

    async def change(
        self,
        work: Callable[[Transaction], T],
        *,
        actor: Actor,
        request_id: str,
        dry_run: bool = False,
        wait: bool = False,
    ) -> T:
        """Do one durable transaction; what it published goes to all workers, in order of revisions.

        With `wait` this returns when they have it. A dry run changes nothing, sends nothing and waits for nothing.
        """

    def is_live(self, revision: int) -> bool:
        """Tell whether every worker has acknowledged all up to a revision; one that published nothing counts too."""

    async def wait_live(self, revision: int, seconds: float) -> bool:
        """Wait until a revision is live, and tell whether it is."""

    def placement(self, address: Address) -> str | None:
        """Give None when a record there would be answered, else the sentence why not."""

    def default_name(self, address: Address) -> tuple[str, ...]:
        """Give what the zone files say for an address: a record's names or the default one; () for nothing."""

    def trouble(self, address: Address, revision: int) -> str:
        """Give why a record is not answered although its revision is known, else an empty text."""
