"""PTR records in the native API: found by their address, created, replaced, modified, deleted, frozen; one or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.exchange import Response
from ptrd.control.native.call import Call, Operation
from ptrd.control.native.inventory import location, project_id, write_time
from ptrd.control.native.problems import Fault, FaultsError
from ptrd.control.refs import Ref, ref_of_address, ref_of_eip, ref_of_id
from ptrd.control.views import KEEP
from ptrd.control.views import Operation as Step
from ptrd.records.management import DEFAULT_TTL, Tag
from ptrd.records.values import StrayBits, ValueText, parse_prefix
from ptrd.store.database import PointerQuery

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.control.views import Edit, View
    from ptrd.records.confirmation import Confirmation
    from ptrd.records.model import Prefix

_CHANGE_CODES = (Code.NO_EIP, Code.FROZEN, Code.NOT_SERVED, Code.STALE)
_NAME_CODES = (*_CHANGE_CODES, Code.UNCONFIRMED)
_CONDITIONS = ("If-Match",)
_NAMES = (("enterprise_project", "enterprise_project_id"), ("tag_quota", "tags"))
_BY_ADDRESS = (*_NAMES, ("eip", "address"))
_BY_EITHER = (*_NAMES, ("eip", "eip_id"))


class PointerOperations:
    """The operations on /ptrs."""

    def __init__(self, cases: Cases) -> None:
        self._pointers = cases.pointers
        self._inventory = cases.inventory
        self._link = cases.link

    def operations(self) -> list[Operation]:
        """List the operations."""
        return [
            Operation(
                "listPtrs", "GET", "/ptrs", "List records", self._list, {200: "RecordPage"},
                query=(
                    "project", "region", "within", "tag", "status", "confirmation", "enterprise_project_id", "marker",
                    "limit",
                ),
                codes=(Code.NO_SUCH,), fields=_NAMES,
            ),
            Operation(
                "createPtr", "POST", "/ptrs", "Create a record", self._create, {200: "RecordEdit", 201: "Record"},
                body="RecordCreate", query=("wait",), codes=(*_NAME_CODES, Code.EXISTS, Code.QUOTA),
                role=Role.WRITER, writes=True, fields=_BY_EITHER,
            ),
            Operation(
                "bulkPtrs", "POST", "/ptrs:bulk", "Create, modify and delete many records: all of it, or nothing",
                self._bulk, {200: "BulkResult"}, body="Bulk", query=("wait",),
                codes=(
                    *_NAME_CODES, Code.NO_RECORD, Code.EXISTS, Code.QUOTA, Code.NEEDS_YES, Code.BATCH_TOO_LARGE,
                ),
                role=Role.WRITER, writes=True, fields=_BY_EITHER,
            ),
            Operation(
                "getPtr", "GET", "/ptrs/{address}", "Show the record of an address", self._show, {200: "Record"},
                codes=(Code.NO_EIP, Code.NO_RECORD), fields=_BY_ADDRESS,
            ),
            Operation(
                "putPtr", "PUT", "/ptrs/{address}", "Create the record of an address, or replace it whole",
                self._put, {200: "Record", 201: "Record"}, body="RecordReplace", query=("wait",),
                headers=("If-Match", "If-None-Match"),
                codes=(*_NAME_CODES, Code.NO_RECORD, Code.EXISTS, Code.QUOTA), role=Role.WRITER, writes=True,
                fields=_BY_ADDRESS,
            ),
            Operation(
                "modifyPtr", "PATCH", "/ptrs/{address}", "Modify the record of an address", self._modify,
                {200: "Record"}, body="RecordModify", query=("wait",), headers=_CONDITIONS,
                codes=(*_NAME_CODES, Code.NO_RECORD), role=Role.WRITER, writes=True, fields=_BY_ADDRESS,
            ),
            Operation(
                "deletePtr", "DELETE", "/ptrs/{address}",
                "Delete the record of an address, which reverts to its default name", self._delete, {200: "Record"},
                query=("wait",), headers=_CONDITIONS, codes=(*_CHANGE_CODES, Code.NO_RECORD), role=Role.WRITER,
                writes=True, fields=_BY_ADDRESS,
            ),
            Operation(
                "freezePtr", "PUT", "/ptrs/{address}/freeze",
                "Freeze an address: what the zone files say is served, and its project cannot change it", self._freeze,
                {200: "Record"}, body="Freeze", query=("wait",), codes=(Code.NO_EIP,), role=Role.OPERATOR, writes=True,
                fields=(*_BY_ADDRESS, ("description", "reason")),
            ),
            Operation(
                "unfreezePtr", "DELETE", "/ptrs/{address}/freeze", "Unfreeze an address", self._unfreeze,
                {200: "Record"}, query=("wait",), codes=(Code.NO_EIP,), role=Role.OPERATOR, writes=True,
                fields=_BY_ADDRESS,
            ),
            Operation(
                "listAddresses", "GET", "/addresses",
                "List the addresses of EIPs, with a record or without; of a prefix, those with a record",
                self._list_addresses, {200: "Addresses"}, query=("project", "region"), codes=(Code.NO_SUCH,),
            ),
            Operation(
                "getAddress", "GET", "/addresses/{address}", "Show an address, with a record or without",
                self._show_address, {200: "Record"}, codes=(Code.NO_EIP,), fields=_BY_ADDRESS,
            ),
            Operation(
                "listTags", "GET", "/tags", "List the tags that records have", self._list_tags, {200: "TagValues"},
                query=("project",), codes=(Code.NO_SUCH,),
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Response:
        limit = call.query.get("limit", 100)
        query = PointerQuery(
            project=await project_id(self._inventory, call),
            region=call.query.get("region"),
            enterprise_project=call.query.get("enterprise_project_id"),
            within=_prefix(call.query["within"]) if "within" in call.query else None,
            tags=tuple(_tag_condition(text) for text in call.query.get("tag", ())),
            confirmation=call.query.get("confirmation"),
            after=call.query.get("marker"),
            limit=limit,
        )
        page = await self._pointers.find(call.actor, query, call.query.get("status"))
        last = page.items[-1].pointer if page.items and page.more else None
        return Response(
            200,
            {
                "records": [record(view) for view in page.items],
                "total": page.total,
                "next_marker": None if last is None else last.id,
            },
        )

    async def _show(self, call: Call) -> Response:
        view = await self._pointers.show(call.actor, ref_of_address(call.values["address"]))
        if view.pointer is None:
            raise ControlError(Code.NO_RECORD, f"{view.address} has no record; what DNS says for it is the default")
        return _response(200, view)

    async def _list_addresses(self, call: Call) -> Response:
        found = await self._pointers.list_eips(
            call.actor, call.query.get("region"), project=await project_id(self._inventory, call)
        )
        return Response(200, {"addresses": [record(view) for view in found]})

    async def _show_address(self, call: Call) -> Response:
        return _response(200, await self._pointers.show(call.actor, ref_of_address(call.values["address"])))

    async def _list_tags(self, call: Call) -> Response:
        found = await self._pointers.all_tags(call.actor, project=await project_id(self._inventory, call))
        return Response(200, {"tags": {key: list(values) for key, values in found.items()}})

    async def _create(self, call: Call) -> Response:
        fields = _fields(call.body)
        edit = await self._pointers.set(
            call.actor, _ref(call.body), must="new", if_match=None, dry_run=call.dry_run, patience=call.wait,
            request_id=call.request_id, **{"names": None, **fields},
        )  # fmt: skip
        return await self._edited(call, edit)

    async def _put(self, call: Call) -> Response:
        fields = {
            "ttl": DEFAULT_TTL, "description": "", "tags": [], "enterprise_project": "0", **_fields(call.body)
        }  # fmt: skip
        must = "new" if call.must_be_new else "old" if call.must_exist else None
        try:
            return await self._set(call, must, fields)
        except ControlError as error:
            if must is None or error.code not in {Code.EXISTS, Code.NO_RECORD}:
                raise
            raise ControlError(Code.STALE, str(error), "If-None-Match" if must == "new" else "If-Match") from None

    async def _modify(self, call: Call) -> Response:
        return await self._set(call, "old", {"names": None, **_fields(call.body)})

    async def _set(self, call: Call, must: Any, fields: dict[str, Any]) -> Response:  # noqa: ANN401 - new, old, None
        edit = await self._pointers.set(
            call.actor, ref_of_address(call.values["address"]), must=must, if_match=call.if_match,
            dry_run=call.dry_run, patience=call.wait, request_id=call.request_id, **fields,
        )  # fmt: skip
        return await self._edited(call, edit)

    async def _delete(self, call: Call) -> Response:
        edit = await self._pointers.delete(
            call.actor, ref_of_address(call.values["address"]), action="deletePtrRecord", missing_ok=False,
            if_match=call.if_match, dry_run=call.dry_run, wait=False, request_id=call.request_id,
        )  # fmt: skip
        return await self._edited(call, edit)

    async def _freeze(self, call: Call) -> Response:
        edit = await self._pointers.freeze(
            call.actor, ref_of_address(call.values["address"]), call.body["reason"], dry_run=call.dry_run,
            request_id=call.request_id,
        )  # fmt: skip
        return await self._edited(call, edit)

    async def _unfreeze(self, call: Call) -> Response:
        edit = await self._pointers.unfreeze(
            call.actor, ref_of_address(call.values["address"]), dry_run=call.dry_run, request_id=call.request_id
        )
        return await self._edited(call, edit)

    async def _bulk(self, call: Call) -> Response:
        edits = await self._pointers.bulk(
            call.actor, _steps(call.body["operations"]), yes=call.body.get("yes", False),
            dry_run=call.dry_run, patience=call.wait, request_id=call.request_id,
        )  # fmt: skip
        newest = max((edit.facts.revision for edit in edits), default=0)
        befores, afters = [edit.before for edit in edits], [edit.after for edit in edits]
        if call.wait and not call.dry_run:
            await self._link.wait_live(newest, call.left)
            afters = [await self._again(call, edit) for edit in edits]
        changes = [
            {"before": existing(before), "after": existing(after)}
            for before, after in zip(befores, afters, strict=True)
        ]
        is_live = not call.dry_run and self._link.is_live(newest)
        return Response(200, {"dry_run": call.dry_run, "live": is_live, "changes": changes})

    async def _edited(self, call: Call, edit: Edit) -> Response:
        """Answer a change of one record: with what would be, or with what is, when it is asked so once it is live."""
        if call.dry_run:
            return Response(200, {"dry_run": True, "before": existing(edit.before), "after": existing(edit.after)})
        if call.wait:
            await self._link.wait_live(edit.facts.revision, call.left)
        is_new = 201 in call.operation.answers and edit.was.pointer is None
        return _response(201 if is_new else 200, await self._again(call, edit) if call.wait else edit.after)

    async def _again(self, call: Call, edit: Edit) -> View:
        """Look again; when somebody has taken the EIP away meanwhile, it is as it was."""
        try:
            return await self._pointers.show(call.actor, ref_of_address(edit.facts.address))
        except ControlError:
            return edit.after


def existing(view: View | None) -> dict[str, Any] | None:
    """Write a record; None when the address has none."""
    return None if view is None or view.pointer is None else record(view)


def record(view: View) -> dict[str, Any]:
    """Write an address with its record, or without one."""
    pointer = view.pointer
    return {
        "address": str(view.address),
        "names": [] if pointer is None else list(pointer.names),
        "ttl": None if pointer is None else pointer.ttl,
        "description": "" if pointer is None else pointer.description,
        "tags": {} if pointer is None else {tag.key: tag.value for tag in pointer.tags},
        "enterprise_project_id": None if pointer is None else pointer.enterprise_project,
        "project_id": view.eip.project,
        "region": view.eip.region,
        "eip_id": view.eip.id,
        "id": None if pointer is None else pointer.id,
        "status": view.status,
        "reason": view.reason,
        "served": list(view.served),
        **_confirmation(view.finding),
        "revision": view.revision if pointer is None else pointer.revision,
        "created": None if pointer is None else write_time(pointer.created),
        "updated": None if pointer is None else write_time(pointer.updated),
    }


def _confirmation(found: Confirmation | None) -> dict[str, Any]:
    """Write what is known of the names of a record."""
    return {
        "confirmation": None if found is None else str(found.verdict),
        "confirmation_reason": "" if found is None else found.reason,
        "confirmation_remarks": [] if found is None else list(found.remarks),
        "confirmation_checked": None if found is None else write_time(found.checked),
    }


def _response(status: int, view: View) -> Response:
    headers = {}
    if view.pointer is not None:
        headers["ETag"] = f'"{view.pointer.revision}"'
    if status == 201:
        headers |= location("ptrs", str(view.address))
    return Response(status, record(view), headers)


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of a record that a body has, by the names that the use cases have for them."""
    fields: dict[str, Any] = {key: body[key] for key in ("names", "ttl", "description") if key in body}
    if "tags" in body:
        fields["tags"] = [Tag(key, value) for key, value in body["tags"].items()]
    if "enterprise_project_id" in body:
        fields["enterprise_project"] = body["enterprise_project_id"]
    return fields


def _steps(bodies: list[dict[str, Any]]) -> list[Step]:
    """Read the operations of a bulk. Raises FaultsError with each that cannot be read."""
    steps, faults = [], []
    for number, body in enumerate(bodies):
        try:
            steps.append(_step(body))
        except ControlError as error:
            faults.append(Fault(number, error.field, error.code, str(error)))
    if faults:
        raise FaultsError(faults)
    return steps


def _step(body: dict[str, Any]) -> Step:
    fields = {"ttl": KEEP, "description": KEEP, "tags": KEEP, "enterprise_project": KEEP, "names": None}
    return Step(kind=body["op"], ref=_ref(body), if_match=body.get("if_match"), **{**fields, **_fields(body)})


def _ref(body: dict[str, Any]) -> Ref:
    """Read which address a body means. Raises ControlError."""
    ways = [key for key in ("address", "eip_id", "id") if key in body]
    if len(ways) != 1 or ("region" in body) != (ways == ["eip_id"]):
        raise ControlError(Code.INVALID, "say which address: either address, or region and eip_id", "address")
    if "id" in body:
        return ref_of_id(body["id"])
    return ref_of_address(body["address"]) if "address" in body else ref_of_eip(body["region"], body["eip_id"])


def _prefix(text: str) -> Prefix:
    try:
        return parse_prefix(text)
    except StrayBits as error:
        return error.prefix
    except ValueText as error:
        raise ControlError(Code.INVALID, str(error), "within") from None


def _tag_condition(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    return key, value if equals else None
