"""The one writable store, as `control` sees it: transactions over accounts, EIPs, pointers and the journal.

Every change is one transaction that takes one revision and writes what it changed into the journal. Reads see what was
committed. Nothing here is of one database product; `sqlite.py` is the one there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ptrd import PtrdError
from ptrd.store.credentials import CredentialRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ptrd.records.changes import Change
    from ptrd.records.confirmation import Confirmation
    from ptrd.records.management import Account, Address, Eip, Freeze, JournalEntry, Pointer, Policy, Project
    from ptrd.records.model import Prefix

T = TypeVar("T")


class DatabaseError(PtrdError):
    """The database cannot be used; the sentence says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class PointerQuery:
    """Which pointers; None is for all. Ordered by id; `after` is the id behind which to begin, else `offset` counts.

    A tag is (key, value): value None is for any, one that begins with `*` is for values that hold the rest.
    """

    project: str | None = None
    region: str | None = None
    account: str | None = None
    enterprise_project: str | None = None
    within: Prefix | None = None
    tags: tuple[tuple[str, str | None], ...] = ()  # all of them
    confirmation: str | None = None  # a verdict, `unchecked`, or `unconfirmed` for all other verdicts than confirmed
    after: str | None = None
    offset: int = 0
    limit: int | None = None


class DueFinding(NamedTuple):
    """A pointer whose names are to be looked at, and what is known of them."""

    address: Address
    names: tuple[str, ...]
    known: Confirmation | None


class Known(NamedTuple):
    """All that is kept about one address. `revision` is that of the newest row of the journal about it, 0 for none."""

    pointer: Pointer | None
    freeze: Freeze | None
    finding: Confirmation | None
    revision: int


class Job(NamedTuple):
    """What `Database.write` takes."""

    work: Callable[[Transaction], Any]
    actor: str
    request_id: str
    now: float
    finish: Callable[[Transaction, list[Change]], None] | None = None
    dry_run: bool = False


class Committed(NamedTuple):
    """What a write transaction did: what its work gave, its revision (the old one when nothing was noted), changes."""

    result: Any
    revision: int
    changes: list[Change]


class Transaction(CredentialRows, Protocol):
    """One transaction. Methods named put_ write a row whole, by its key; drop_ takes it out; others read."""

    now: float  # Unix time when it began
    actor: str
    request_id: str
    revision: int  # that its changes get

    def account(self, name_or_id: str) -> Account | None:
        """Find an account by its id or its name."""

    def accounts(self) -> list[Account]:
        """List the accounts by name."""

    def put_account(self, account: Account) -> None:
        """Write an account."""

    def drop_account(self, account_id: str) -> None:
        """Take an account out."""

    def project(self, name_or_id: str) -> Project | None:
        """Find a project by its id or its name."""

    def owner(self, project_id: str) -> tuple[Project, Account] | None:
        """Find a project by its id, with its account."""

    def projects(self, account: str | None = None) -> list[Project]:
        """List the projects by name, an account's or all."""

    def put_project(self, project: Project) -> None:
        """Write a project."""

    def drop_project(self, project_id: str) -> None:
        """Take a project out."""

    def eip(self, region: str, eip_id: str) -> Eip | None:
        """Find an EIP by its key."""

    def eip_at(self, address: Address) -> Eip | None:
        """Find the EIP that holds an address."""

    def eips(
        self,
        project: str | None = None,
        region: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Eip]:
        """List EIPs in the order of (region, id), from behind `after` on."""

    def eips_within(self, prefix: Prefix) -> list[Eip]:
        """List the EIPs that overlap a prefix."""

    def put_eip(self, eip: Eip) -> None:
        """Write an EIP."""

    def drop_eip(self, region: str, eip_id: str) -> None:
        """Take an EIP out."""

    def known(self, address: Address) -> Known:
        """Find all that is kept about an address."""

    def pointer_by_id(self, pointer_id: str) -> Pointer | None:
        """Find a pointer by its id."""

    def pointers(self, query: PointerQuery) -> list[Pointer]:
        """List pointers in the order of their ids."""

    def count_pointers(self, query: PointerQuery) -> int:
        """Count pointers; `after`, `offset` and `limit` do not count."""

    def every_pointer(self) -> Iterator[Pointer]:
        """Visit all pointers in the order of their addresses, without holding them all."""

    def put_pointer(self, pointer: Pointer, old: Pointer | None = None) -> None:
        """Write a pointer; `old` is the one that it is known to take the place of."""

    def drop_pointer(self, address: Address) -> None:
        """Take a pointer out."""

    def put_finding(self, address: Address, found: Confirmation, due: float) -> None:
        """Write what was found about names, unless the pointer has others now, and when the next look is due."""

    def due_findings(self, policy: Policy, now: float, limit: int) -> list[DueFinding]:
        """List pointers that are to be looked at, the first ones first; `policy` is of projects without one."""

    def next_due(self, policy: Policy) -> float | None:
        """Give when the next look is due."""

    def has_outdated_findings(self, policy: Policy) -> bool:
        """Tell whether there are findings of projects whose policy is off by now."""

    def forget_findings(self, policy: Policy, limit: int) -> None:
        """Forget so many findings of projects whose policy is off."""

    def count_findings(self, policy: Policy) -> dict[str, int]:
        """Count pointers by what was found, where there is a policy."""

    def freezes(self) -> list[Freeze]:
        """List the frozen addresses."""

    def put_freeze(self, freeze: Freeze) -> None:
        """Write that an address is frozen."""

    def drop_freeze(self, address: Address) -> None:
        """Take it out."""

    def publish(self, change: Change) -> None:
        """Have DNS say something else from this revision on."""

    def note(
        self,
        action: str,
        *,
        project: str | None = None,
        address: Address | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write a row of the journal."""

    def set_serials(self, serials: dict[str, tuple[int | None, int]]) -> None:
        """Write the zones' old and new serials on this revision's rows."""

    def serials(self) -> dict[str, int]:
        """Give the last serial of each zone that the journal knows."""

    def journal(
        self,
        after: int = 0,
        limit: int = 100,
        *,
        project: str | None = None,
        address: Address | None = None,
        newest_first: bool = False,
    ) -> list[JournalEntry]:
        """List rows of the journal, of revisions after `after`, or before it with `newest_first` unless it is 0."""

    def last_touched(self, address: Address) -> int:
        """Give the revision of the newest row about an address, 0 for none."""


class Database(Protocol):
    """The store. Calls block, and are made from one thread at a time (`write`) or any (`read`)."""

    @property
    def revision(self) -> int:
        """Give the newest revision."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading from one consistent state."""

    def write(
        self,
        work: Callable[[Transaction], T],
        *,
        actor: str,
        request_id: str,
        now: float,
        finish: Callable[[Transaction, list[Change]], None] | None = None,
        dry_run: bool = False,
    ) -> Committed:
        """Do some changing: committed and durable when this returns, and nothing of it when `work` raises.

        `finish` is called last within the transaction, with what was published. A dry run is rolled back at its end.
        """

    def write_many(self, jobs: Sequence[Job]) -> list[Committed | Exception]:
        """Do several jobs one after the other, with one flush to the disk at the end of all; give how each ended.

        Each is whole or not at all by itself, and takes its own revision.
        """

    def close(self) -> None:
        """End."""
