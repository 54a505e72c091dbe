"""Who there is and what they have, in the native API: EIPs, accounts, projects, quotas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quote_path

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.exchange import Response
from ptrd.control.native.call import Call, Operation
from ptrd.records.management import Address, Policy
from ptrd.records.values import format_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.control.cases import Cases
    from ptrd.control.inventory import Inventory
    from ptrd.records.management import Account, Eip, Project


class InventoryOperations:
    """The operations on /eips, /accounts, /projects and /quota."""

    def __init__(self, cases: Cases) -> None:
        self._inventory = cases.inventory

    def operations(self) -> list[Operation]:
        """List the operations."""
        return [
            Operation(
                "listEips", "GET", "/eips", "List EIPs", self._list_eips, {200: "EipPage"},
                query=("project", "region", "marker", "limit"), codes=(Code.NO_SUCH,),
            ),
            Operation(
                "addEip", "POST", "/eips", "Give an address, or a prefix, to a project", self._add_eip,
                {200: "EipEdit", 201: "EipEdit"}, body="EipCreate", codes=(Code.NO_SUCH, Code.EXISTS),
                role=Role.OPERATOR, writes=True, fields=(("eip", "id"),),
            ),
            Operation(
                "importEips", "POST", "/eips:import",
                "Add all EIPs of a list (`address_or_prefix,id,region,project`), or none", self._import_eips,
                {200: "EipImport"}, media="text/csv", codes=(Code.NO_SUCH, Code.EXISTS), role=Role.OPERATOR,
                writes=True, fields=(("eip", "id"),),
            ),
            Operation(
                "getEip", "GET", "/eips/{region}/{id}", "Show an EIP", self._show_eip, {200: "Eip"},
                codes=(Code.NO_EIP,), fields=(("eip", "id"),),
            ),
            Operation(
                "releaseEip", "DELETE", "/eips/{region}/{id}", "Take an EIP back, and its records with it",
                self._release_eip, {200: "EipEdit"}, codes=(Code.NO_EIP,), role=Role.OPERATOR, writes=True,
                fields=(("eip", "id"),),
            ),
            Operation(
                "listAccounts", "GET", "/accounts", "List accounts", self._list_accounts, {200: "Accounts"}
            ),
            Operation(
                "createAccount", "POST", "/accounts", "Create an account", self._create_account,
                {200: "AccountEdit", 201: "Account"}, body="AccountCreate", codes=(Code.EXISTS,), role=Role.OPERATOR,
                writes=True,
            ),
            Operation(
                "getAccount", "GET", "/accounts/{id}", "Show an account", self._show_account, {200: "Account"},
                codes=(Code.NO_SUCH,),
                fields=(("name", "id"),),
            ),
            Operation(
                "modifyAccount", "PATCH", "/accounts/{id}", "Set an account's quota, or disable or enable it",
                self._modify_account, {200: "Account"}, body="AccountModify", codes=(Code.NO_SUCH,),
                role=Role.OPERATOR, writes=True,
                fields=(("name", "id"),),
            ),
            Operation(
                "deleteAccount", "DELETE", "/accounts/{id}", "Delete an account", self._delete_account,
                {200: "AccountEdit", 204: ""}, query=("force",), codes=(Code.NO_SUCH, Code.EXISTS),
                role=Role.OPERATOR, writes=True,
                fields=(("name", "id"),),
            ),
            Operation(
                "listProjects", "GET", "/projects", "List projects", self._list_projects, {200: "Projects"},
                query=("account",), codes=(Code.NO_SUCH,),
            ),
            Operation(
                "createProject", "POST", "/projects", "Create a project", self._create_project,
                {200: "ProjectEdit", 201: "Project"}, body="ProjectCreate", codes=(Code.NO_SUCH, Code.EXISTS),
                role=Role.OPERATOR, writes=True,
            ),
            Operation(
                "getProject", "GET", "/projects/{id}", "Show a project", self._show_project, {200: "Project"},
                codes=(Code.NO_SUCH,),
                fields=(("name", "id"),),
            ),
            Operation(
                "modifyProject", "PATCH", "/projects/{id}",
                "Disable or enable a project, or say what is asked of its names", self._modify_project,
                {200: "Project"}, body="ProjectModify", codes=(Code.NO_SUCH,), role=Role.OPERATOR, writes=True,
                fields=(("name", "id"),),
            ),
            Operation(
                "deleteProject", "DELETE", "/projects/{id}", "Delete a project", self._delete_project,
                {200: "ProjectEdit", 204: ""}, query=("force",), codes=(Code.NO_SUCH, Code.EXISTS),
                role=Role.OPERATOR, writes=True,
                fields=(("name", "id"),),
            ),
            Operation(
                "getQuota", "GET", "/quota", "Show an account's quota: one's own, or any to an operator",
                self._quota, {200: "Quota"}, query=("account",), codes=(Code.NO_SUCH,), fields=(("name", "account"),),
            ),
        ]  # fmt: skip

    async def _list_eips(self, call: Call) -> Response:
        after = None
        if (marker := call.query.get("marker")) is not None:
            region, colon, eip_id = marker.partition(":")
            if not colon:
                raise ControlError(Code.INVALID, "a marker is the next_marker of the page before", "marker")
            after = (region, eip_id)
        limit = call.query.get("limit", 100)
        found = await self._inventory.eips(
            call.actor, project=await project_id(self._inventory, call), region=call.query.get("region"), after=after,
            limit=limit + 1,
        )  # fmt: skip
        last = found[limit - 1] if len(found) > limit else None
        return Response(
            200,
            {
                "eips": [_eip(eip) for eip in found[:limit]],
                "next_marker": None if last is None else f"{last.region}:{last.id}",
            },
        )

    async def _add_eip(self, call: Call) -> Response:
        body = call.body
        eip, warning = await self._inventory.add_eip(
            call.actor, body["address"], id=body.get("id"), region=body["region"], project=body["project"],
            dry_run=call.dry_run, request_id=call.request_id,
        )  # fmt: skip
        answer = _eip_edit(call, None, _eip(eip), warning=warning)
        if call.dry_run:
            return Response(200, answer)
        return Response(201, answer, location("eips", eip.region, eip.id))

    async def _import_eips(self, call: Call) -> Response:
        done = await self._inventory.import_eips(
            call.actor, call.body, dry_run=call.dry_run, request_id=call.request_id
        )
        return Response(
            200,
            {
                "dry_run": call.dry_run,
                "added": [_eip(eip) for eip in done.added],
                "unchanged": done.unchanged,
                "warnings": [{"line": line, "detail": sentence} for line, sentence in done.warnings],
            },
        )

    async def _show_eip(self, call: Call) -> Response:
        return Response(200, _eip(await self._inventory.eip(call.actor, call.values["region"], call.values["id"])))

    async def _release_eip(self, call: Call) -> Response:
        eip, pointers = await self._inventory.release_eip(
            call.actor, call.values["region"], call.values["id"], dry_run=call.dry_run, request_id=call.request_id
        )
        released = [str(pointer.address) for pointer in pointers]
        return Response(200, _eip_edit(call, _eip(eip), None, released=released))

    async def _list_accounts(self, call: Call) -> Response:
        accounts = await self._inventory.accounts(call.actor)
        return Response(200, {"accounts": [await self._account(call, account) for account in accounts]})

    async def _create_account(self, call: Call) -> Response:
        account = await self._inventory.create_account(
            call.actor, dry_run=call.dry_run, request_id=call.request_id, **call.body
        )
        return made(call, {**_account(account), "used": 0}, "accounts", account.id)

    async def _show_account(self, call: Call) -> Response:
        account = await self._inventory.account(call.actor, call.values["id"])
        return Response(200, await self._account(call, account))

    async def _modify_account(self, call: Call) -> Response:
        name, body = call.values["id"], call.body
        if len(body) != 1:
            raise ControlError(Code.INVALID, "say either quota or disabled", "body")
        before = await self._inventory.account(call.actor, name)
        options: dict[str, Any] = {"dry_run": call.dry_run, "request_id": call.request_id}
        if "quota" in body:
            after = await self._inventory.set_quota(call.actor, name, body["quota"], **options)
        elif body["disabled"]:
            after = await self._inventory.disable_account(call.actor, name, **options)
        else:
            after = await self._inventory.enable_account(call.actor, name, **options)
        return edited(call, await self._account(call, before), await self._account(call, after))

    async def _delete_account(self, call: Call) -> Response:
        written = await self._account(call, await self._inventory.account(call.actor, call.values["id"]))
        await self._inventory.delete_account(
            call.actor, call.values["id"], force=call.query.get("force", False), dry_run=call.dry_run,
            request_id=call.request_id,
        )  # fmt: skip
        return gone(call, written)

    async def _list_projects(self, call: Call) -> Response:
        projects = await self._inventory.projects(call.actor, call.query.get("account"))
        return Response(200, {"projects": [_project(project) for project in projects]})

    async def _create_project(self, call: Call) -> Response:
        project = await self._inventory.create_project(
            call.actor, call.body["name"], account=call.body["account"], dry_run=call.dry_run,
            request_id=call.request_id,
        )  # fmt: skip
        return made(call, _project(project), "projects", project.id)

    async def _show_project(self, call: Call) -> Response:
        return Response(200, _project(await self._inventory.project(call.actor, call.values["id"])))

    async def _modify_project(self, call: Call) -> Response:
        body = call.body
        if len(body) != 1:
            raise ControlError(Code.INVALID, "say either disabled or policy", "body")
        before = await self._inventory.project(call.actor, call.values["id"])
        if "policy" in body:
            policy = None if body["policy"] is None else Policy(body["policy"])
            after = await self._inventory.set_policy(
                call.actor, before.id, policy, dry_run=call.dry_run, request_id=call.request_id
            )
            return edited(call, _project(before), _project(after))
        change = self._inventory.disable_project if body["disabled"] else self._inventory.enable_project
        after = await change(call.actor, before.id, dry_run=call.dry_run, request_id=call.request_id)
        return edited(call, _project(before), _project(after))

    async def _delete_project(self, call: Call) -> Response:
        project = await self._inventory.delete_project(
            call.actor, call.values["id"], force=call.query.get("force", False), dry_run=call.dry_run,
            request_id=call.request_id,
        )  # fmt: skip
        return gone(call, _project(project))

    async def _quota(self, call: Call) -> Response:
        account = call.query.get("account")
        limit, used = await self._inventory.quota_of(call.actor, account)
        owner = await self._inventory.account(call.actor, account or call.actor.account or "")
        return Response(200, {"account_id": owner.id, "limit": limit, "used": used})

    async def _account(self, call: Call, account: Account) -> dict[str, Any]:
        _, used = await self._inventory.quota_of(call.actor, account.id)
        return {**_account(account), "used": used}


async def project_id(inventory: Inventory, call: Call) -> str | None:
    """Give the id of the project that the query names, if any. Raises ControlError.

    A tenant that names anything but its own is refused, whether it exists or not.
    """
    name: str | None = call.query.get("project")
    if name is None:
        return None
    try:
        return (await inventory.project(call.actor, name)).id
    except ControlError:
        if call.actor.is_operator:
            raise
        raise ControlError(Code.FORBIDDEN, "this credential is for another project", "project") from None


def write_time(seconds: float) -> str:
    """Write Unix time as RFC 3339 says."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def made(call: Call, written: dict[str, Any], *path: str) -> Response:
    """Answer for what came into being, or would."""
    if call.dry_run:
        return Response(200, {"dry_run": True, "before": None, "after": written})
    return Response(201, written, location(*path))


def edited(call: Call, before: dict[str, Any], after: dict[str, Any]) -> Response:
    """Answer for what changed, or would."""
    return Response(200, {"dry_run": True, "before": before, "after": after} if call.dry_run else after)


def gone(call: Call, before: dict[str, Any]) -> Response:
    """Answer for what is no more, or would not be."""
    return Response(200, {"dry_run": True, "before": before, "after": None}) if call.dry_run else Response(204)


def location(*path: str) -> dict[str, str]:
    """Say where something new is."""
    return {"Location": "/".join(["/api/v1", *(quote_path(part, safe="") for part in path)])}


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "quota": account.quota,
        "disabled": account.disabled,
        "created": write_time(account.created),
    }


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "account_id": project.account,
        "disabled": project.disabled,
        "policy": None if project.policy is None else str(project.policy),
        "created": write_time(project.created),
    }


def _eip(eip: Eip) -> dict[str, Any]:
    return {
        "region": eip.region,
        "id": eip.id,
        "prefix": format_prefix(eip.prefix),
        "address": str(Address(eip.prefix.version, eip.prefix.number)) if eip.is_address else None,
        "project_id": eip.project,
        "created": write_time(eip.created),
    }


def _eip_edit(
    call: Call,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    warning: str = "",
    released: Iterable[str] = (),
) -> dict[str, Any]:
    return {
        "dry_run": call.dry_run, "before": before, "after": after, "warning": warning, "released": list(released)
    }  # fmt: skip
