"""What use cases take and give about PTR records. A status is what workers have acknowledged, and is never stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ptrd.control.actors import ControlError

if TYPE_CHECKING:
    from ptrd.control.link import Link
    from ptrd.control.refs import Ref
    from ptrd.records.confirmation import Confirmation
    from ptrd.records.management import Address, Eip, Freeze, Pointer, Tag

REMOVALS: Final = frozenset({"resetPTRRecord", "deletePtrRecord"})  # actions that take a record away
MAX_HEADER: Final = 300  # characters of what a header says of a record's names; proxies refuse long ones


class Keep(Enum):
    """The type of KEEP."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP  # a field that was not sent: kept on a change, its default on a create


class Facts(NamedTuple):
    """What the store says of an address, within one transaction."""

    pointer: Pointer | None
    eip: Eip
    address: Address
    freeze: Freeze | None
    revision: int  # of the newest row of the journal about the address, 0 for none
    removed: bool  # that row took a record of this EIP's project away
    finding: Confirmation | None = None  # about the names of the record, when somebody has looked


@dataclass(frozen=True, slots=True)
class View:
    """An address of an EIP, with its record or without, as `actor` may see it.

    `status`: ACTIVE, PENDING_CREATE, PENDING_UPDATE, PENDING_DELETE (from the commit of a delete until it is live),
    FREEZE, PENDING_FREEZE (the address is frozen, with a record or without), ERROR (`reason` says why), INACTIVE (no
    record). `action`: CREATE, UPDATE, DELETE while pending, else NONE. `served`: what DNS says once `revision` is live:
    the record's names, else what the zone files say, with final dots.
    """

    pointer: Pointer | None
    eip: Eip
    address: Address
    status: str
    action: str
    reason: str
    served: tuple[str, ...]
    revision: int  # of the last change to anything about the address; wait for this one
    finding: Confirmation | None = None  # about the names of the record, when somebody has looked

    @property
    def resource(self) -> str:
        """Give `region:eip`, or `region:eip~address` in a prefix grant."""
        whole = f"{self.eip.region}:{self.eip.id}"
        return whole if self.eip.is_address else f"{whole}~{self.address}"


class Edit:
    """An address before and after a change, as its transaction saw it.

    What that means now is worked out when somebody asks: most never ask what was before, and who waits until a change
    is live looks again.
    """

    def __init__(self, was: Facts, facts: Facts, link: Link) -> None:
        self.was = was
        self.facts = facts
        self._link = link

    @cached_property
    def before(self) -> View:
        """Show what there was; without a record its `pointer` is None, here and below."""
        return view_of(self.was, self._link)

    @cached_property
    def after(self) -> View:
        """Show what there is."""
        return view_of(self.facts, self._link)


class Page(NamedTuple):
    """Some of what was found: `total` counts all, `more` tells whether something follows."""

    items: list[View]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a bulk change. `set` creates or modifies; names None keeps them (not for create)."""

    kind: Literal["create", "modify", "set", "delete"]
    ref: Ref
    names: list[str] | None = None
    ttl: int | Keep = KEEP
    description: str | Keep = KEEP
    tags: list[Tag] | Keep = KEEP
    enterprise_project: str | Keep = KEEP
    if_match: int | None = None


class BulkError(ControlError):
    """Something done all or not at all was refused. Code and field are those of the first of `problems`.

    Each problem is (index, error): the index counts operations from 0; in a file it is the line, from 1.
    """

    def __init__(self, problems: list[tuple[int, ControlError]]) -> None:
        first = problems[0][1]
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        super().__init__(first.code, f"{first}{more}", first.field)
        self.problems = problems


class TagMatch(NamedTuple):
    """A tag's key, with any of these values; no values stand for any value."""

    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagQuery:
    """Which records by their tags : all conditions hold. `name` is part of the first host name."""

    tags: tuple[TagMatch, ...] = ()  # has all
    tags_any: tuple[TagMatch, ...] = ()  # has one of them
    not_tags: tuple[TagMatch, ...] = ()  # has not all
    not_tags_any: tuple[TagMatch, ...] = ()  # has none
    name: str = ""


def confirmation_headers(view: View) -> dict[str, str]:
    """Write what is known of a record's names as a header, for dialects whose bodies have no place for it."""
    found = view.finding
    if view.pointer is None or found is None:
        return {}
    text = "; ".join(filter(None, (str(found.verdict), found.reason)))
    if len(text) > MAX_HEADER:
        text = f"{text[: MAX_HEADER - 3]}..."
    return {"X-Ptrd-Confirmation": "".join(char if " " <= char <= "~" else "?" for char in text)}


def view_of(facts: Facts, link: Link) -> View:
    """Say what the facts mean now that workers have acknowledged what they have."""
    pointer, freeze, revision = facts.pointer, facts.freeze, facts.revision
    live = link.is_live(revision)
    action, reason, status = "NONE", "", "ACTIVE" if pointer else "INACTIVE"
    if freeze is not None:
        status, reason = ("FREEZE" if live else "PENDING_FREEZE"), freeze.reason
        action = "NONE" if live else "UPDATE"
    elif pointer is not None and (trouble := link.trouble(facts.address, revision)):
        status, reason = "ERROR", trouble
    elif pointer is not None and not live:
        is_new = pointer.created == pointer.updated and pointer.revision == revision
        action = "CREATE" if is_new else "UPDATE"
        status = f"PENDING_{action}"
    elif pointer is None and facts.removed and not live:
        status, action = "PENDING_DELETE", "DELETE"
    if pointer is not None and freeze is None and status != "ERROR":
        served = pointer.names
    else:
        served = link.default_name(facts.address)
    return View(pointer, facts.eip, facts.address, status, action, reason, served, revision, facts.finding)


def edit_of(pair: tuple[Facts, Facts], link: Link) -> Edit:
    """Say what the facts before and after a change mean."""
    return Edit(*pair, link)
