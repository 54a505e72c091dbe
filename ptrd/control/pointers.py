"""The use cases about PTR records. Each is one transaction, and says no with a ControlError before anything changed.

What may be done is decided in `editor`, what may be seen in `scope`, what a status means in `views`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from uuid import uuid4

from ptrd.control.actors import Code, ControlError
from ptrd.control.confirmation import LookFirst, Looks, Wish
from ptrd.control.editor import Editor, Pair
from ptrd.control.fields import checked, read_fields
from ptrd.control.logins import check_standing
from ptrd.control.scope import NO_RECORD, check_operator, check_writer, facts_of, find, project_for
from ptrd.control.tagging import gather_tags, is_meant, read_keys, read_tags, with_tags, without_tags
from ptrd.control.together import Together
from ptrd.control.views import KEEP, Edit, Keep, Page, View, edit_of, view_of
from ptrd.records.management import MAX_BATCH, Address, FieldError, Pointer, Tag, check_description, read_names
from ptrd.store.database import PointerQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.control.confirmation import Confirmer
    from ptrd.control.link import Link
    from ptrd.control.refs import Ref
    from ptrd.control.views import Facts, Operation, TagQuery
    from ptrd.store.database import Transaction

T = TypeVar("T")


def new_record_id() -> str:
    """Make up 32 hex digits."""
    return uuid4().hex


class Pointers:
    """Use cases about PTR records, and the addresses that may have one.

    Every method takes who asks first. All raise ControlError; FORBIDDEN for a reader that would change something, or
    a tenant of something disabled; NO_EIP or NO_RECORD for what does not exist or is somebody else's.
    """

    def __init__(
        self, link: Link, new_id: Callable[[], str] = new_record_id, confirmer: Confirmer | None = None
    ) -> None:
        self._link = link
        self._together = Together(link)
        self._new_id = new_id
        self._confirmer = confirmer

    async def set(
        self,
        actor: Actor,
        ref: Ref,
        *,
        names: list[str] | None,
        ttl: int | Keep = KEEP,
        description: str | Keep = KEEP,
        tags: list[Tag] | Keep = KEEP,
        enterprise_project: str | Keep = KEEP,
        must: Literal["new", "old"] | None = None,
        if_match: int | None = None,
        dry_run: bool = False,
        wait: bool = False,
        patience: float = 0.0,
        request_id: str,
    ) -> Edit:
        """Create or change the record of an address. With what it has already, nothing happens.

        `must` is `new` to create only (else EXISTS), `old` to change only (else NO_RECORD). Names of None are kept, and
        so need a record. `if_match` is the revision that the record must have (else STALE). INVALID comes with its
        field; FROZEN, QUOTA and NOT_SERVED as they say. `wait` returns when all workers serve it. Names that do not
        lead back to the address, where the project's policy requires it, are UNCONFIRMED, after `patience` seconds.
        """
        check_writer(actor)
        if must == "new" and names is None:
            raise ControlError(Code.INVALID, "a new record needs names", "names")
        fields = read_fields(names, ttl, description, tags, enterprise_project)

        def work(editor: Editor) -> Pair:
            return editor.set(ref, fields, must=must, if_match=if_match)

        edit = partial(self._edit, actor, work, request_id, dry_run=dry_run, wait=wait)
        if self._confirmer is None:
            return await edit()
        try:
            return await edit(looks=Looks(self._confirmer.options, done=False))
        except LookFirst:
            wish = Wish(ref, fields.names, must)
            return await edit(looks=await self._confirmer.look(actor, [wish], 0.0 if dry_run else patience))

    async def delete(
        self,
        actor: Actor,
        ref: Ref,
        *,
        missing_ok: bool = False,
        if_match: int | None = None,
        action: Literal["resetPTRRecord", "deletePtrRecord"] = "resetPTRRecord",
        dry_run: bool = False,
        wait: bool = False,
        request_id: str,
    ) -> Edit:
        """Delete a record: DNS goes back to what the zone files say. `action` is what the journal calls it.

        Without a record this is NO_RECORD, or nothing at all with `missing_ok`.
        """
        check_writer(actor)

        def work(editor: Editor) -> Pair:
            return editor.delete(ref, missing_ok=missing_ok, if_match=if_match, action=action)

        return await self._edit(actor, work, request_id, dry_run=dry_run, wait=wait)

    async def delete_many(
        self,
        actor: Actor,
        refs: list[Ref],
        *,
        yes: bool = False,
        action: Literal["resetPTRRecord", "deletePtrRecord"] = "deletePtrRecord",
        dry_run: bool = False,
        wait: bool = False,
        request_id: str,
    ) -> list[Edit]:
        """Delete all these records, or none: BulkError tells which cannot be. Tenants name at most 50.

        More than 30 % of a project's records (when it has more than 10) need `yes`, else NEEDS_YES; a dry run does not.
        """
        check_writer(actor)
        if not refs:
            raise ControlError(Code.INVALID, "name at least one record", "id")
        if len(refs) > MAX_BATCH and not actor.is_operator:
            raise ControlError(
                Code.BATCH_TOO_LARGE, f"at most {MAX_BATCH} records may be deleted at once, not {len(refs)}"
            )

        def steps(editor: Editor) -> list[Callable[[], Pair]]:
            return [partial(editor.delete, ref, missing_ok=False, if_match=None, action=action) for ref in refs]

        return await self._edit_all(actor, steps, request_id, yes=yes, dry_run=dry_run, wait=wait)

    async def bulk(
        self,
        actor: Actor,
        operations: list[Operation],
        *,
        yes: bool = False,
        dry_run: bool = False,
        wait: bool = False,
        patience: float = 0.0,
        request_id: str,
    ) -> list[Edit]:
        """Do all operations in their order, or none: BulkError tells what is wrong with which.

        No address may come twice. What is to be deleted is limited as for `delete_many`; `patience` is as for `set`.
        """
        check_writer(actor)
        looks = None
        if self._confirmer is not None:
            looks = await self._confirmer.look(actor, map(_wish, operations), 0.0 if dry_run else patience)

        def steps(editor: Editor) -> list[Callable[[], Pair]]:
            return [partial(_operate, editor, operation) for operation in operations]

        return await self._edit_all(actor, steps, request_id, yes=yes, dry_run=dry_run, wait=wait, looks=looks)

    async def show(self, actor: Actor, ref: Ref) -> View:
        """Show an address, with its record or without (`pointer` is None then)."""
        return view_of(await self._together.read(lambda transaction: find(transaction, actor, ref)), self._link)

    async def find(self, actor: Actor, query: PointerQuery, status: str | None = None) -> Page:
        """Find records, in order of their ids; with `status`, those that have it now.

        A tenant finds what its project has; FORBIDDEN when the query names another one.
        """
        query = _scoped(actor, query)
        whole = replace(query, after=None, offset=0, limit=None)

        def work(transaction: Transaction) -> Page:
            if status is not None:
                views = self._views(transaction, transaction.pointers(whole))
                return _page([view for view in views if view.status == status], query)
            total = transaction.count_pointers(whole)
            extra = None if query.limit is None else query.limit + 1  # one more tells that there is more
            found = transaction.pointers(replace(query, limit=extra))
            more = query.limit is not None and len(found) > query.limit
            return Page(self._views(transaction, found[: query.limit]), total, more)

        return await self._link.read(work)

    async def list_eips(self, actor: Actor, region: str | None = None, *, project: str | None = None) -> list[View]:
        """List all EIPs, named or not, in order of region and id; of a prefix grant the named addresses.

        An operator sees those of all projects, unless it names one by its id.
        """
        wanted = project_for(actor, project)

        def work(transaction: Transaction) -> list[View]:
            pointers: dict[tuple[str, str], list[Pointer]] = {}
            for pointer in transaction.pointers(PointerQuery(project=wanted, region=region)):
                pointers.setdefault((pointer.region, pointer.eip), []).append(pointer)
            found: list[Facts] = []
            for eip in transaction.eips(wanted, region):
                named = sorted(pointers.get((eip.region, eip.id), ()), key=lambda pointer: pointer.address)
                found += [facts_of(transaction, eip, pointer.address) for pointer in named]
                if eip.is_address and not named:
                    found.append(facts_of(transaction, eip, Address(eip.prefix.version, eip.prefix.number)))
            return [view_of(facts, self._link) for facts in found]

        return await self._link.read(work)

    async def get_tags(self, actor: Actor, ref: Ref) -> tuple[Tag, ...]:
        """Give the tags of a record, in order of their keys."""
        view = await self.show(actor, ref)
        if view.pointer is None:
            raise ControlError(Code.NO_RECORD, NO_RECORD, "id")
        return view.pointer.tags

    async def set_tags(
        self, actor: Actor, ref: Ref, tags: list[Tag], *, dry_run: bool = False, request_id: str
    ) -> Edit:
        """Add tags to a record, in place of those with the same keys; a key that comes twice is INVALID."""
        check_writer(actor)
        new = read_tags(tags)

        def work(editor: Editor) -> Pair:
            return editor.tag(ref, lambda old: with_tags(old, new), "createPTRRecordSetTag")

        return await self._edit(actor, work, request_id, dry_run=dry_run)

    async def delete_tags(
        self, actor: Actor, ref: Ref, keys: list[str], *, dry_run: bool = False, request_id: str
    ) -> Edit:
        """Take tags from a record; one that it does not have is no error."""
        check_writer(actor)
        old_keys = read_keys(keys)

        def work(editor: Editor) -> Pair:
            return editor.tag(ref, lambda old: without_tags(old, old_keys), "deletePTRRecordTag")

        return await self._edit(actor, work, request_id, dry_run=dry_run)

    async def all_tags(self, actor: Actor, *, project: str | None = None) -> dict[str, tuple[str, ...]]:
        """Give every key that a project's records have, with its values, both in order."""
        query = _scoped(actor, PointerQuery(project=project))
        return await self._link.read(lambda transaction: gather_tags(transaction.pointers(query)))

    async def find_by_tags(
        self, actor: Actor, query: TagQuery, *, limit: int | None = None, offset: int = 0, project: str | None = None
    ) -> Page:
        """Find records that a filter means, in order of their ids."""
        scoped = _scoped(actor, PointerQuery(project=project))

        def work(transaction: Transaction) -> Page:
            found = [pointer for pointer in transaction.pointers(scoped) if is_meant(pointer, query)]
            end = None if limit is None else offset + limit
            more = end is not None and len(found) > end
            return Page(self._views(transaction, found[offset:end]), len(found), more)

        return await self._link.read(work)

    async def freeze(
        self, actor: Actor, ref: Ref, reason: str, *, dry_run: bool = False, wait: bool = False, request_id: str
    ) -> Edit:
        """Freeze an address: the zone files' name is served, and only operators, who alone freeze, may change it."""
        check_operator(actor)
        if not checked(check_description, reason):
            raise ControlError(Code.INVALID, "say why the address is frozen", "description")
        return await self._edit(
            actor, lambda editor: editor.freeze(ref, reason), request_id, dry_run=dry_run, wait=wait
        )

    async def unfreeze(
        self, actor: Actor, ref: Ref, *, dry_run: bool = False, wait: bool = False, request_id: str
    ) -> Edit:
        """Thaw an address: its record is served again. Operators only."""
        check_operator(actor)
        return await self._edit(actor, lambda editor: editor.unfreeze(ref), request_id, dry_run=dry_run, wait=wait)

    async def _edit(
        self,
        actor: Actor,
        work: Callable[[Editor], Pair],
        request_id: str,
        *,
        dry_run: bool = False,
        wait: bool = False,
        looks: Looks | None = None,
    ) -> Edit:
        def run(transaction: Transaction) -> Pair:
            if looks is not None and looks.found:  # that took its time, and the credential may be revoked by now
                check_standing(transaction, actor, transaction.now)
            return work(self._editor(transaction, actor, looks=looks))

        pair = await self._link.change(run, actor=actor, request_id=request_id, dry_run=dry_run, wait=wait)
        return edit_of(pair, self._link)

    async def _edit_all(
        self,
        actor: Actor,
        steps: Callable[[Editor], list[Callable[[], Pair]]],
        request_id: str,
        *,
        yes: bool,
        dry_run: bool,
        wait: bool,
        looks: Looks | None = None,
    ) -> list[Edit]:
        def run(transaction: Transaction) -> list[Pair]:
            if looks is not None and looks.found:
                check_standing(transaction, actor, transaction.now)
            editor = self._editor(transaction, actor, once=True, looks=looks)
            return editor.every(steps(editor), yes=yes or dry_run)

        pairs = await self._link.change(run, actor=actor, request_id=request_id, dry_run=dry_run, wait=wait)
        return [edit_of(pair, self._link) for pair in pairs]

    def _editor(
        self, transaction: Transaction, actor: Actor, *, once: bool = False, looks: Looks | None = None
    ) -> Editor:
        return Editor(transaction, actor, self._link.placement, self._new_id, once=once, looks=looks)

    def _views(self, transaction: Transaction, pointers: list[Pointer]) -> list[View]:
        found = []
        for pointer in pointers:
            eip = transaction.eip(pointer.region, pointer.eip)
            if eip is not None:
                found.append(view_of(facts_of(transaction, eip, pointer.address), self._link))
        return found


_MUST: Final[dict[str, str | None]] = {"create": "new", "modify": "old", "set": None}


def _wish(operation: Operation) -> Wish:
    """Give what an operation wants of names; nothing where it will be refused for them."""
    names = None
    if operation.kind != "delete" and operation.names is not None:
        with suppress(FieldError):
            names = read_names(operation.names)
    return Wish(operation.ref, names, _MUST.get(operation.kind))


def _operate(editor: Editor, operation: Operation) -> Pair:
    if operation.kind == "delete":
        return editor.delete(operation.ref, missing_ok=False, if_match=operation.if_match, action="resetPTRRecord")
    fields = read_fields(
        operation.names, operation.ttl, operation.description, operation.tags, operation.enterprise_project
    )
    if operation.kind == "create" and fields.names is None:
        raise ControlError(Code.INVALID, "a new record needs names", "names")
    return editor.set(operation.ref, fields, must=_MUST[operation.kind], if_match=operation.if_match)


def _scoped(actor: Actor, query: PointerQuery) -> PointerQuery:
    return replace(query, project=project_for(actor, query.project))


def _page(views: list[View], query: PointerQuery) -> Page:
    """Cut a page out of everything."""
    if query.after is None:
        start = query.offset
    else:
        start = sum(1 for view in views if view.pointer is not None and view.pointer.id <= query.after)
    end = None if query.limit is None else start + query.limit
    return Page(views[start:end], len(views), end is not None and len(views) > end)
