"""The use cases about accounts, projects, EIPs, quotas and the journal. Operators keep them; tenants see their own.

Each is one transaction, and says no with a ControlError before anything changed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from ptrd.control.actors import Code, ControlError
from ptrd.control.eips import (
    Added,
    Imported,
    Released,
    add_eip,
    find_eip,
    import_eips,
    read_eip,
    read_list,
    release_eip,
)
from ptrd.control.fields import account_row, checked, project_row
from ptrd.control.scope import check_operator, project_for
from ptrd.records.management import QUOTA, Account, Policy, Project, check_label
from ptrd.records.values import quote
from ptrd.store.database import PointerQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.control.link import Link
    from ptrd.records.management import Address, Eip, JournalEntry
    from ptrd.store.database import Transaction

MAX_QUOTA: Final = 10**9
_LIKE_AN_ID: Final = re.compile(r"[0-9a-f]{32}")

T = TypeVar("T")


class Inventory:
    """Use cases about who there is and what they have. `regions` are those that there are; empty for any.

    Every method takes who asks first, and those that change something are for operators: FORBIDDEN to others. An
    account or project is named by its name or its id; NO_SUCH when it does not exist, or is somebody else's.
    """

    def __init__(self, link: Link, regions: tuple[str, ...] = ()) -> None:
        self.regions = regions
        self._link = link

    async def create_account(
        self, actor: Actor, name: str, *, quota: int = QUOTA, dry_run: bool = False, request_id: str
    ) -> Account:
        """Create an account. EXISTS when the name is taken."""
        check_operator(actor)
        _check_name(name, "an account")
        _check_quota(quota)

        def work(transaction: Transaction) -> Account:
            if transaction.account(name) is not None:
                raise ControlError(Code.EXISTS, f"there is an account {quote(name)} already", "name")
            account = Account(uuid4().hex, name, quota, created=transaction.now)
            transaction.put_account(account)
            transaction.note("createAccount", after=account_row(account))
            return account

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def accounts(self, actor: Actor) -> list[Account]:
        """List accounts by name: all, or a tenant's own."""
        everything = await self._link.read(lambda transaction: transaction.accounts())
        return [account for account in everything if actor.is_operator or account.id == actor.account]

    async def account(self, actor: Actor, name: str) -> Account:
        """Show an account."""
        return await self._link.read(lambda transaction: _account(transaction, actor, name))

    async def set_quota(
        self, actor: Actor, name: str, quota: int, *, dry_run: bool = False, request_id: str
    ) -> Account:
        """Set how many records an account may have; what it has already stays, even when that is more."""
        check_operator(actor)
        _check_quota(quota)
        return await self._change_account(actor, name, "setAccountQuota", request_id, dry_run=dry_run, quota=quota)

    async def disable_account(self, actor: Actor, name: str, *, dry_run: bool = False, request_id: str) -> Account:
        """Refuse all that tenants of an account would change. What is served stays."""
        check_operator(actor)
        return await self._change_account(actor, name, "disableAccount", request_id, dry_run=dry_run, disabled=True)

    async def enable_account(self, actor: Actor, name: str, *, dry_run: bool = False, request_id: str) -> Account:
        """End what `disable_account` began."""
        check_operator(actor)
        return await self._change_account(actor, name, "enableAccount", request_id, dry_run=dry_run, disabled=False)

    async def delete_account(
        self, actor: Actor, name: str, *, force: bool = False, dry_run: bool = False, request_id: str
    ) -> Account:
        """Delete an account that has no project; with `force`, its projects with it. EXISTS while it has one."""
        check_operator(actor)

        def work(transaction: Transaction) -> Account:
            account = _account(transaction, actor, name)
            projects = transaction.projects(account.id)
            if projects and not force:
                sentence = f"the account {quote(account.name)} has {len(projects)} projects; delete them first"
                raise ControlError(Code.EXISTS, f"{sentence}, or with force all of it")
            for project in projects:
                _delete_project(transaction, project, force=True)
            transaction.drop_account(account.id)
            transaction.note("deleteAccount", before=account_row(account))
            return account

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def create_project(
        self, actor: Actor, name: str, *, account: str, dry_run: bool = False, request_id: str
    ) -> Project:
        """Create a project of an account. EXISTS when the name is taken."""
        check_operator(actor)
        _check_name(name, "a project")

        def work(transaction: Transaction) -> Project:
            owner = _account(transaction, actor, account)
            if transaction.project(name) is not None:
                raise ControlError(Code.EXISTS, f"there is a project {quote(name)} already", "name")
            project = Project(uuid4().hex, name, owner.id, created=transaction.now)
            transaction.put_project(project)
            transaction.note("createProject", project=project.id, after=project_row(project))
            return project

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def projects(self, actor: Actor, account: str | None = None) -> list[Project]:
        """List projects by name: all, those of an account, or a tenant's own."""

        def work(transaction: Transaction) -> list[Project]:
            owner = None if account is None else _account(transaction, actor, account).id
            found = transaction.projects(owner)
            return [project for project in found if actor.is_operator or project.id == actor.project]

        return await self._link.read(work)

    async def project(self, actor: Actor, name: str) -> Project:
        """Show a project."""
        return await self._link.read(lambda transaction: _project(transaction, actor, name))

    async def disable_project(self, actor: Actor, name: str, *, dry_run: bool = False, request_id: str) -> Project:
        """Refuse all that tenants of a project would change. What is served stays."""
        check_operator(actor)
        return await self._change_project(actor, name, "disableProject", request_id, dry_run=dry_run, disabled=True)

    async def set_policy(
        self, actor: Actor, name: str, policy: Policy | None, *, dry_run: bool = False, request_id: str
    ) -> Project:
        """Say whether names of a project have to lead back to their addresses; None is for the configuration's word."""
        check_operator(actor)
        return await self._change_project(actor, name, "setProjectPolicy", request_id, dry_run=dry_run, policy=policy)

    async def enable_project(self, actor: Actor, name: str, *, dry_run: bool = False, request_id: str) -> Project:
        """End what `disable_project` began."""
        check_operator(actor)
        return await self._change_project(actor, name, "enableProject", request_id, dry_run=dry_run, disabled=False)

    async def delete_project(
        self, actor: Actor, name: str, *, force: bool = False, dry_run: bool = False, request_id: str
    ) -> Project:
        """Delete a project that has no EIP; with `force`, its EIPs and records with it. EXISTS while it has one."""
        check_operator(actor)

        def work(transaction: Transaction) -> Project:
            project = _project(transaction, actor, name)
            _delete_project(transaction, project, force=force)
            return project

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def add_eip(
        self,
        actor: Actor,
        address: str,
        *,
        id: str | None = None,  # noqa: A002 - it is called so everywhere
        region: str,
        project: str,
        dry_run: bool = False,
        request_id: str,
    ) -> Added:
        """Give an address, or a prefix, to a project in a region; without an id it gets a UUID.

        EXISTS when the id is taken in the region, or an address is another EIP's. The warning says why a name would
        not be served.
        """
        check_operator(actor)
        new = read_eip(address, id, region, project, self.regions)

        def work(transaction: Transaction) -> Added:
            return add_eip(transaction, new, self._link.placement)

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def eip(self, actor: Actor, region: str, eip_id: str) -> Eip:
        """Show an EIP. NO_EIP when it does not exist, or is somebody else's."""
        return await self._link.read(lambda transaction: find_eip(transaction, actor, region, eip_id))

    async def eips(
        self,
        actor: Actor,
        *,
        project: str | None = None,
        region: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Eip]:
        """List EIPs by region and id, behind `after` (such a pair): all, a project's (by its id), a tenant's own."""
        wanted = project_for(actor, project)
        return await self._link.read(lambda transaction: transaction.eips(wanted, region, after, limit))

    async def release_eip(
        self, actor: Actor, region: str, eip_id: str, *, dry_run: bool = False, wait: bool = False, request_id: str
    ) -> Released:
        """Take an EIP back: its records go, its freezes end, and DNS goes back to what the zone files say."""
        check_operator(actor)

        def work(transaction: Transaction) -> Released:
            return release_eip(transaction, find_eip(transaction, actor, region, eip_id))

        return await self._change(actor, work, request_id, dry_run=dry_run, wait=wait)

    async def import_eips(self, actor: Actor, text: str, *, dry_run: bool = False, request_id: str) -> Imported:
        """Add all EIPs of a list in CSV (`address_or_prefix,id,region,project`), or none.

        Those that are there with the same fields stay as they are. BulkError tells all that is wrong, by line.
        """
        check_operator(actor)
        wanted, problems = read_list(text, self.regions)

        def work(transaction: Transaction) -> Imported:
            return import_eips(transaction, wanted, problems, self._link.placement)

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def quota_of(self, actor: Actor, account: str | None = None) -> tuple[int, int]:
        """Give how many records an account may have, and how many it has over all its projects.

        A tenant's own account is meant when none is named; FORBIDDEN for any other, whether it exists or not.
        """
        name = account if actor.is_operator and account is not None else actor.account
        if name is None:
            raise ControlError(Code.INVALID, "name the account whose quota you ask for", "name")

        def work(transaction: Transaction) -> tuple[int, int]:
            found = _account(transaction, actor, name)
            if not actor.is_operator and account not in {None, found.id, found.name}:
                raise ControlError(Code.FORBIDDEN, "this credential is for another account")
            return found.quota, transaction.count_pointers(PointerQuery(account=found.id))

        return await self._link.read(work)

    async def journal(
        self,
        actor: Actor,
        *,
        after: int = 0,
        limit: int = 100,
        project: str | None = None,
        address: Address | None = None,
        newest_first: bool = False,
    ) -> list[JournalEntry]:
        """Give rows of the journal of revisions above `after`: all, a project's (by its id), or a tenant's own.

        `limit` rows, and the rest of the last one's revision.
        """
        wanted = project_for(actor, project)
        return await self._link.read(
            lambda transaction: transaction.journal(
                after, limit, project=wanted, address=address, newest_first=newest_first
            )
        )

    async def _change_account(
        self,
        actor: Actor,
        name: str,
        action: str,
        request_id: str,
        *,
        dry_run: bool,
        **values: Any,  # noqa: ANN401 - fields of Account
    ) -> Account:
        def work(transaction: Transaction) -> Account:
            old = _account(transaction, actor, name)
            new = replace(old, **values)
            if new != old:
                transaction.put_account(new)
                transaction.note(action, before=account_row(old), after=account_row(new))
            return new

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def _change_project(
        self,
        actor: Actor,
        name: str,
        action: str,
        request_id: str,
        *,
        dry_run: bool,
        **values: Any,  # noqa: ANN401 - fields of Project
    ) -> Project:
        def work(transaction: Transaction) -> Project:
            old = _project(transaction, actor, name)
            new = replace(old, **values)
            if new != old:
                transaction.put_project(new)
                transaction.note(action, project=old.id, before=project_row(old), after=project_row(new))
            return new

        return await self._change(actor, work, request_id, dry_run=dry_run)

    async def _change(
        self, actor: Actor, work: Callable[[Transaction], T], request_id: str, *, dry_run: bool, wait: bool = False
    ) -> T:
        return await self._link.change(work, actor=actor, request_id=request_id, dry_run=dry_run, wait=wait)


def _account(transaction: Transaction, actor: Actor, name: str) -> Account:
    account = transaction.account(name)
    if account is None or not (actor.is_operator or actor.account == account.id):
        raise ControlError(Code.NO_SUCH, f"there is no account {quote(name)}", "name")
    return account


def _project(transaction: Transaction, actor: Actor, name: str) -> Project:
    project = transaction.project(name)
    if project is None or not (actor.is_operator or actor.project == project.id):
        raise ControlError(Code.NO_SUCH, f"there is no project {quote(name)}", "name")
    return project


def _delete_project(transaction: Transaction, project: Project, *, force: bool) -> None:
    eips = transaction.eips(project.id)
    if eips and not force:
        sentence = f"the project {quote(project.name)} has {len(eips)} EIPs; release them first"
        raise ControlError(Code.EXISTS, f"{sentence}, or with force all of it")
    for eip in eips:
        release_eip(transaction, eip)
    transaction.drop_credentials_of(project.id)
    transaction.drop_project(project.id)
    transaction.note("deleteProject", project=project.id, before=project_row(project))


def _check_name(name: object, what: str) -> None:
    """Let pass a name that is none of an id. Raises ControlError."""
    if _LIKE_AN_ID.fullmatch(checked(check_label, name, what)):
        raise ControlError(Code.INVALID, f"the name of {what} does not look like an id (32 hex digits)", "name")


def _check_quota(quota: object) -> None:
    if isinstance(quota, bool) or not isinstance(quota, int) or not 0 <= quota <= MAX_QUOTA:
        raise ControlError(Code.INVALID, f"a quota is a whole number from 0 to {MAX_QUOTA}", "quota")
