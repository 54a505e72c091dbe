"""Users and what they may do in which projects, in the native API. A password is taken, and never given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.exchange import Response
from ptrd.control.native.call import Call, Operation
from ptrd.control.native.inventory import edited, gone, made, write_time

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.control.credentialviews import User


class UserOperations:
    """The operations on /users."""

    def __init__(self, cases: Cases) -> None:
        self._credentials = cases.credentials

    def operations(self) -> list[Operation]:
        """List the operations."""
        return [
            Operation(
                "listUsers", "GET", "/users", "List users", self._list, {200: "Users"}, role=Role.OPERATOR
            ),
            Operation(
                "createUser", "POST", "/users", "Create a user", self._create, {200: "UserEdit", 201: "User"},
                body="UserCreate", codes=(Code.EXISTS,), role=Role.OPERATOR, writes=True,
            ),
            Operation(
                "getUser", "GET", "/users/{name}", "Show a user", self._show, {200: "User"}, codes=(Code.NO_SUCH,),
                role=Role.OPERATOR,
            ),
            Operation(
                "modifyUser", "PATCH", "/users/{name}", "Set a user's password, or disable or enable the user",
                self._modify, {200: "User"}, body="UserModify", codes=(Code.NO_SUCH,), role=Role.OPERATOR,
                writes=True,
            ),
            Operation(
                "deleteUser", "DELETE", "/users/{name}", "Delete a user", self._delete, {200: "UserEdit", 204: ""},
                codes=(Code.NO_SUCH,), role=Role.OPERATOR, writes=True,
            ),
            Operation(
                "listUserProjects", "GET", "/users/{name}/projects", "List the projects that a user is in",
                self._memberships, {200: "Memberships"}, codes=(Code.NO_SUCH,), role=Role.OPERATOR,
            ),
            Operation(
                "addUserToProject", "PUT", "/users/{name}/projects/{project}",
                "Put a user into a project, or give another role there", self._add, {200: "User"},
                body="MembershipSet", codes=(Code.NO_SUCH,), role=Role.OPERATOR, writes=True,
            ),
            Operation(
                "removeUserFromProject", "DELETE", "/users/{name}/projects/{project}",
                "Take a user out of a project", self._remove, {200: "User"}, codes=(Code.NO_SUCH,),
                role=Role.OPERATOR, writes=True,
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Response:
        return Response(200, {"users": [_user(user) for user in await self._credentials.users(call.actor)]})

    async def _create(self, call: Call) -> Response:
        user = await self._credentials.create_user(
            call.actor, call.body["name"], call.body["password"], dry_run=call.dry_run, request_id=call.request_id
        )
        return made(call, _user(user), "users", user.name)

    async def _show(self, call: Call) -> Response:
        return Response(200, _user(await self._credentials.user(call.actor, call.values["name"])))

    async def _modify(self, call: Call) -> Response:
        body = call.body
        if len(body) != 1:
            raise ControlError(Code.INVALID, "say either password or disabled", "body")
        before = await self._credentials.user(call.actor, call.values["name"])
        options: dict[str, Any] = {"dry_run": call.dry_run, "request_id": call.request_id}
        if "password" in body:
            after = await self._credentials.set_password(call.actor, before.id, body["password"], **options)
        elif body["disabled"]:
            after = await self._credentials.disable_user(call.actor, before.id, **options)
        else:
            after = await self._credentials.enable_user(call.actor, before.id, **options)
        return edited(call, _user(before), _user(after))

    async def _delete(self, call: Call) -> Response:
        user = await self._credentials.delete_user(
            call.actor, call.values["name"], dry_run=call.dry_run, request_id=call.request_id
        )
        return gone(call, _user(user))

    async def _memberships(self, call: Call) -> Response:
        user = await self._credentials.user(call.actor, call.values["name"])
        return Response(200, {"projects": _projects(user)})

    async def _add(self, call: Call) -> Response:
        before = await self._credentials.user(call.actor, call.values["name"])
        after = await self._credentials.add_member(
            call.actor, before.id, project=call.values["project"], role=call.body["role"], dry_run=call.dry_run,
            request_id=call.request_id,
        )  # fmt: skip
        return edited(call, _user(before), _user(after))

    async def _remove(self, call: Call) -> Response:
        before = await self._credentials.user(call.actor, call.values["name"])
        after = await self._credentials.remove_member(
            call.actor, before.id, project=call.values["project"], dry_run=call.dry_run, request_id=call.request_id
        )
        return edited(call, _user(before), _user(after))


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "disabled": user.disabled,
        "created": write_time(user.created),
        "projects": _projects(user),
    }


def _projects(user: User) -> list[dict[str, Any]]:
    return [{"project_id": one.project, "role": str(one.role)} for one in user.memberships]
