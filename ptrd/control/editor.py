"""What may be done to a record, step by step within one transaction: whoever asks, and through whichever dialect.

A step that is refused has written nothing. A step that changes nothing takes no revision and no row of the journal.
What DNS says for an address is the last Change that was published for it: nothing of a frozen one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf, nextafter
from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.fields import changed_pointer, pointer_row, tag_rows
from ptrd.control.live import change_of
from ptrd.control.removal import drop_pointer, nothing_at
from ptrd.control.scope import NO_RECORD, check_enabled, find
from ptrd.control.views import BulkError, Facts
from ptrd.records.management import Freeze, Pointer
from ptrd.store.database import PointerQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.control.confirmation import Looks
    from ptrd.control.fields import Fields
    from ptrd.control.refs import Ref
    from ptrd.records.management import Account, Address, Project, Tag
    from ptrd.store.database import Transaction

FEW: Final = 10  # of so many records any part may be deleted unasked
SHARE: Final = 0.3  # of more, at most this part

Pair = tuple[Facts, Facts]  # before and after


class Editor:
    """The steps of one transaction. `placement` says why an address is not served; `new_id` gives 32 hex digits.

    With `once`, an address that comes a second time is refused. `looks` is what was found about the names that are to
    be written; without it nothing is asked of names.
    """

    def __init__(
        self,
        transaction: Transaction,
        actor: Actor,
        placement: Callable[[Address], str | None],
        new_id: Callable[[], str],
        *,
        once: bool = False,
        looks: Looks | None = None,
    ) -> None:
        self._looks = looks
        self._transaction = transaction
        self._actor = actor
        self._placement = placement
        self._new_id = new_id
        self._seen: set[Address] | None = set() if once else None
        self._created: Counter[str] = Counter()  # by project
        self._deleted: Counter[str] = Counter()
        self._owner = check_enabled(transaction, actor)

    def set(self, ref: Ref, fields: Fields, *, must: str | None, if_match: int | None) -> Pair:
        """Create or change a record. Raises ControlError."""
        facts = self._open(ref)
        old = facts.pointer
        if old is None and (must == "old" or fields.names is None):
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        if old is not None and must == "new":
            raise ControlError(Code.EXISTS, f"{facts.address} has a PTR record already; change that one", "address")
        _check_match(old, if_match)
        if old is None:
            self._check_room(facts)
            new = changed_pointer(self._blank(facts), fields)
            self._created[facts.eip.project] += 1
        else:
            new = changed_pointer(old, fields)
            if new == old:
                return facts, facts
        renamed = old is None or old.names != new.names
        if renamed and self._looks is not None:
            self._looks.check(new, self._owner_of(new.project))
        new = self._stamp(new, old)
        if facts.freeze is None and (old is None or (old.names, old.ttl) != (new.names, new.ttl)):
            self._transaction.publish(change_of(new))
        self._put(new, old, "setPTRRecord")
        finding = facts.finding
        if renamed:
            finding = None if self._looks is None else self._looks.note(self._transaction, new)
        revision = self._transaction.revision
        return facts, facts._replace(pointer=new, revision=revision, removed=False, finding=finding)

    def delete(self, ref: Ref, *, missing_ok: bool, if_match: int | None, action: str) -> Pair:
        """Delete a record; DNS goes back to what the zone files say. Raises ControlError."""
        facts = self._open(ref)
        old = facts.pointer
        if old is None:
            if missing_ok:
                return facts, facts
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        _check_match(old, if_match)
        drop_pointer(self._transaction, old, action, published=facts.freeze is None)
        self._deleted[facts.eip.project] += 1
        revision = self._transaction.revision
        return facts, facts._replace(pointer=None, revision=revision, removed=True, finding=None)

    def tag(self, ref: Ref, change: Callable[[tuple[Tag, ...]], tuple[Tag, ...]], action: str) -> Pair:
        """Change the tags of a record, which DNS says nothing of. Raises ControlError."""
        facts = self._open(ref)
        old = facts.pointer
        if old is None:
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        tags = change(old.tags)
        if tags == old.tags:
            return facts, facts
        new = self._stamp(replace(old, tags=tags), old)
        self._transaction.put_pointer(new, old)
        before, after = {"id": old.id, "tags": tag_rows(old.tags)}, {"id": new.id, "tags": tag_rows(new.tags)}
        self._transaction.note(action, project=new.project, address=new.address, before=before, after=after)
        return facts, facts._replace(pointer=new, revision=self._transaction.revision)

    def freeze(self, ref: Ref, reason: str) -> Pair:
        """Freeze an address, with a record or without: DNS says what the zone files say. Raises ControlError."""
        facts = self._open(ref)
        old = facts.freeze
        if old is not None and old.reason == reason:
            return facts, facts
        new = Freeze(facts.address, reason, self._transaction.now if old is None else old.since)
        self._transaction.put_freeze(new)
        if facts.pointer is not None and old is None:
            self._transaction.publish(nothing_at(facts.address))
        self._note_freeze("freezePTRRecord", facts, old, new)
        return facts, facts._replace(freeze=new, revision=self._transaction.revision, removed=False)

    def unfreeze(self, ref: Ref) -> Pair:
        """Thaw an address: DNS says its record again, if it has one. Raises ControlError."""
        facts = self._open(ref)
        if facts.freeze is None:
            return facts, facts
        self._transaction.drop_freeze(facts.address)
        if facts.pointer is not None:
            self._transaction.publish(change_of(facts.pointer))
        self._note_freeze("unfreezePTRRecord", facts, facts.freeze, None)
        return facts, facts._replace(freeze=None, revision=self._transaction.revision, removed=False)

    def every(self, steps: list[Callable[[], Pair]], *, yes: bool) -> list[Pair]:
        """Do all steps. Raises BulkError with all that is wrong, or NEEDS_YES when too much would be deleted."""
        done: list[Pair] = []
        problems: list[tuple[int, ControlError]] = []
        for index, step in enumerate(steps):
            try:
                done.append(step())
            except ControlError as error:
                problems.append((index, error))
        if problems:
            raise BulkError(problems)
        if not yes:
            self._check_share()
        return done

    def _open(self, ref: Ref) -> Facts:
        facts = find(self._transaction, self._actor, ref)
        if self._seen is not None:
            if facts.address in self._seen:
                raise ControlError(Code.INVALID, f"{facts.address} is meant twice; name it once", "id")
            self._seen.add(facts.address)
        if facts.freeze is not None and not self._actor.is_operator:
            raise ControlError(Code.FROZEN, f"{facts.address} is frozen by the operator; ask there", "address")
        return facts

    def _blank(self, facts: Facts) -> Pointer:
        eip = facts.eip
        return Pointer(
            self._new_id(), facts.address, eip.id, eip.region, eip.project, (), created=self._transaction.now
        )

    def _stamp(self, new: Pointer, old: Pointer | None) -> Pointer:
        """Give a record its revision and time: one that changed is newer than it was created, whatever clocks say."""
        now = self._transaction.now
        updated = now if old is None else max(now, nextafter(old.created, inf))
        return replace(new, revision=self._transaction.revision, updated=updated)

    def _put(self, new: Pointer, old: Pointer | None, action: str) -> None:
        self._transaction.put_pointer(new, old)
        before = None if old is None else pointer_row(old)
        self._transaction.note(action, project=new.project, address=new.address, before=before, after=pointer_row(new))

    def _note_freeze(self, action: str, facts: Facts, old: Freeze | None, new: Freeze | None) -> None:
        before = None if old is None else {"reason": old.reason}
        after = None if new is None else {"reason": new.reason}
        self._transaction.note(action, project=facts.eip.project, address=facts.address, before=before, after=after)

    def _owner_of(self, project: str) -> tuple[Project, Account] | None:
        """Give a project with its account, which no step changes: read anew only where steps go from one to another."""
        if self._owner is None or self._owner[0].id != project:
            self._owner = self._transaction.owner(project)
        return self._owner

    def _check_room(self, facts: Facts) -> None:
        """Let pass a record more: within the account's quota, and where DNS would say it."""
        owner = self._owner_of(facts.eip.project)
        if owner is None:
            raise ControlError(Code.NO_EIP, "the project of this EIP is gone", "eip")
        _, account = owner
        used = self._transaction.count_pointers(PointerQuery(account=account.id))
        if used >= account.quota:
            sentence = f"the account has {used} of {account.quota} PTR records; delete one, or ask for a larger quota"
            raise ControlError(Code.QUOTA, sentence, "quota")
        reason = self._placement(facts.address)
        if reason is not None:
            raise ControlError(Code.NOT_SERVED, f"a name for {facts.address} would not be served: {reason}", "address")

    def _check_share(self) -> None:
        for project, deleted in self._deleted.items():
            left = self._transaction.count_pointers(PointerQuery(project=project))
            there = left + deleted - self._created[project]
            if there > FEW and deleted > SHARE * there:
                sentence = f"this deletes {deleted} of {there} PTR records of one project; say yes to go on"
                raise ControlError(Code.NEEDS_YES, sentence)


def _check_match(pointer: Pointer | None, if_match: int | None) -> None:
    if if_match is not None and (pointer is None or pointer.revision != if_match):
        raise ControlError(Code.STALE, "the record has changed since it was read; read it again, then change it")
