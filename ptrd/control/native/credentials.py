"""Tokens, access keys and application credentials in the native API. A secret is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.credentialviews import Kind
from ptrd.control.exchange import Response
from ptrd.control.native.call import Call, Operation
from ptrd.control.native.inventory import edited, gone, made, project_id, write_time

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.control.credentialviews import Credential

PATHS: Final = {Kind.TOKEN: "tokens", Kind.KEY: "keys", Kind.APPLICATION: "application-credentials"}
_CALLED: Final = {
    Kind.TOKEN: ("Token", "a token"),
    Kind.KEY: ("Key", "an access key"),
    Kind.APPLICATION: ("ApplicationCredential", "an application credential"),
}


class CredentialOperations:
    """The operations on /tokens, /keys and /application-credentials, which are alike."""

    def __init__(self, cases: Cases) -> None:
        self._credentials = cases.credentials
        self._inventory = cases.inventory

    def operations(self) -> list[Operation]:
        """List the operations."""
        return [operation for kind in PATHS for operation in self._operations(kind)]

    def _operations(self, kind: Kind) -> list[Operation]:
        path, (name, called) = f"/{PATHS[kind]}", _CALLED[kind]
        several = called.partition(" ")[2] + "s"
        return [
            Operation(
                f"list{name}s", "GET", path, f"List {several}", partial(self._list, kind), {200: "Credentials"},
                query=("project", "user") if kind is Kind.APPLICATION else ("project",), codes=(Code.NO_SUCH,),
                role=Role.OPERATOR,
            ),
            Operation(
                f"create{name}", "POST", path, f"Create {called}; its secret is in this answer only",
                partial(self._create, kind), {200: "CredentialEdit", 201: "CreatedCredential"}, body=f"{name}Create",
                codes=(Code.NO_SUCH, Code.EXISTS), role=Role.OPERATOR, writes=True,
            ),
            Operation(
                f"get{name}", "GET", f"{path}/{{id}}", f"Show {called}", partial(self._show, kind),
                {200: "Credential"}, codes=(Code.NO_SUCH,), role=Role.OPERATOR,
            ),
            Operation(
                f"modify{name}", "PATCH", f"{path}/{{id}}", f"Disable or enable {called}",
                partial(self._modify, kind), {200: "Credential"}, body="CredentialModify", codes=(Code.NO_SUCH,),
                role=Role.OPERATOR, writes=True,
            ),
            Operation(
                f"revoke{name}", "DELETE", f"{path}/{{id}}", f"Revoke {called}", partial(self._revoke, kind),
                {200: "CredentialEdit", 204: ""}, codes=(Code.NO_SUCH,), role=Role.OPERATOR, writes=True,
            ),
        ]  # fmt: skip

    async def _list(self, kind: Kind, call: Call) -> Response:
        found = await self._credentials.credentials(
            call.actor, kind, project=await project_id(self._inventory, call), user=call.query.get("user")
        )
        return Response(200, {"credentials": [_credential(one) for one in found]})

    async def _create(self, kind: Kind, call: Call) -> Response:
        options = {**call.body, "dry_run": call.dry_run, "request_id": call.request_id}
        if "expires" in options:
            options["expires"] = _read_time(options["expires"])
        if kind is Kind.TOKEN:
            created = await self._credentials.create_token(call.actor, options.pop("name", None), **options)
        elif kind is Kind.KEY:
            created = await self._credentials.create_key(call.actor, **options)
        else:
            created = await self._credentials.create_application(call.actor, options.pop("name"), **options)
        written = _credential(created.credential)
        if not call.dry_run:
            written = {**written, "secret": created.secret}
        return made(call, written, PATHS[kind], created.credential.id)

    async def _show(self, kind: Kind, call: Call) -> Response:
        return Response(200, _credential(await self._credentials.credential(call.actor, kind, call.values["id"])))

    async def _modify(self, kind: Kind, call: Call) -> Response:
        before = await self._credentials.credential(call.actor, kind, call.values["id"])
        change = self._credentials.disable if call.body["disabled"] else self._credentials.enable
        after = await change(call.actor, kind, before.id, dry_run=call.dry_run, request_id=call.request_id)
        return edited(call, _credential(before), _credential(after))

    async def _revoke(self, kind: Kind, call: Call) -> Response:
        revoked = await self._credentials.revoke(
            call.actor, kind, call.values["id"], dry_run=call.dry_run, request_id=call.request_id
        )
        return gone(call, _credential(revoked))


def _credential(credential: Credential) -> dict[str, Any]:
    return {
        "kind": credential.kind.value,
        "id": credential.id,
        "name": credential.name,
        "role": credential.role.value,
        "project_id": credential.project,
        "user_id": credential.user,
        "expires": None if credential.expires is None else write_time(credential.expires),
        "disabled": credential.disabled,
        "created": write_time(credential.created),
        "last_used": None if credential.last_used is None else write_time(credential.last_used),
    }


def _read_time(text: str) -> float:
    """Read a time of RFC 3339 into Unix time. Raises ControlError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1971 < found.year < 9999:
        raise ControlError(Code.INVALID, "expires is a time such as 2030-01-31T12:00:00Z (RFC 3339)", "expires")
    return found.timestamp()
