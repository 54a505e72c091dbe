"""Tags of PTR records for Huawei's clients: of one record, of a project, and records found by their tags.

A record is addressed by either of its ids; the project in the path must be the credential's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request, Response, Route
from ptrd.control.huawei import forms, views
from ptrd.control.huawei.records import actor_of
from ptrd.control.refs import Ref, ref_of_resource
from ptrd.records.management import check_tag_key
from ptrd.records.values import quote

if TYPE_CHECKING:
    from ptrd.control.actors import Actor
    from ptrd.control.cases import Cases
    from ptrd.control.views import View

RESOURCE_TYPE: Final = "DNS-ptr_record"
SEARCH_KEYS: Final = ("action", "limit", "offset", "tags", "tags_any", "not_tags", "not_tags_any", "matches")


class HuaweiTags:
    """The routes of tags."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def routes(self) -> list[Route]:
        """Give the routes; `type` is checked by the handlers, since a wrong one has an error of its own."""
        whole = "/v2/{project_id}/DNS-{type}"
        one = whole + "/{resource}/tags"
        return [
            Route("GET", whole + "/tags", self.all_tags, "huawei_all_tags"),
            Route("POST", whole + "/resource_instances/action", self.search, "huawei_search_tags"),
            Route("GET", one, self.show, "huawei_show_tags"),
            Route("POST", one, self.add, "huawei_add_tag"),
            Route("POST", one + "/action", self.change, "huawei_change_tags"),
            Route("DELETE", one + "/{key}", self.remove, "huawei_remove_tag"),
        ]

    async def show(self, request: Request) -> Response:
        """Show the tags of a record."""
        actor, ref = _scope(request), _ref(request)
        return Response(200, {"tags": views.tags_of(await self._cases.pointers.get_tags(actor, ref))})

    async def add(self, request: Request) -> Response:
        """Give a record one tag; one that has its key is overwritten."""
        actor, ref = _scope(request), _ref(request)
        body = forms.read_object(request, ("tag",))
        tags = forms.read_tags([body.get("tag")])
        await self._cases.pointers.set_tags(actor, ref, tags, request_id=request.id)
        return Response(204)

    async def change(self, request: Request) -> Response:
        """Give a record several tags, or take several from it; what is not there is taken away too."""
        actor, ref = _scope(request), _ref(request)
        body = forms.read_object(request, ("action", "tags"))
        if not body.get("tags"):
            raise ControlError(Code.INVALID, "tags is empty or missing; name one tag at least", "tags")
        tags = forms.read_tags(body["tags"])
        if body.get("action") == "create":
            await self._cases.pointers.set_tags(actor, ref, tags, request_id=request.id)
        elif body.get("action") == "delete":
            await self._cases.pointers.delete_tags(actor, ref, [tag.key for tag in tags], request_id=request.id)
        else:
            raise ControlError(Code.INVALID, "action is create or delete", "body")
        return Response(204)

    async def remove(self, request: Request) -> Response:
        """Take one tag from a record."""
        actor, ref = _scope(request), _ref(request)
        key = check_tag_key(request.values["key"])
        await self._cases.pointers.delete_tags(actor, ref, [key], request_id=request.id)
        return Response(204)

    async def all_tags(self, request: Request) -> Response:
        """List the tags that the project's records have."""
        actor = _scope(request)
        found = await self._cases.pointers.all_tags(actor, project=request.values["project_id"])
        return Response(200, {"tags": [{"key": key, "values": list(values)} for key, values in found.items()]})

    async def search(self, request: Request) -> Response:
        """Find or count records by their tags."""
        actor = _scope(request)
        body = forms.read_object(request, SEARCH_KEYS)
        action = body.get("action")
        if action not in {"filter", "count"}:
            raise ControlError(Code.INVALID, "action is filter or count", "body")
        limit, offset = forms.window_of(body)
        query = forms.read_tag_query(body)
        page = await self._cases.pointers.find_by_tags(
            actor, query, project=request.values["project_id"], limit=limit, offset=offset
        )
        if action == "count":
            return Response(200, {"total_count": page.total})
        resources = [_resource(view) for view in page.items]
        return Response(200, {"resources": resources, "total_count": page.total})


def _scope(request: Request) -> Actor:
    """Give who asks, when the path names its project and what there are tags of. Raises ControlError."""
    actor, project, kind = actor_of(request), request.values["project_id"], f"DNS-{request.values['type']}"
    if not actor.is_operator and project != actor.project:
        raise ControlError(Code.FORBIDDEN, f"{quote(project)} is not the project of this credential")
    if kind != RESOURCE_TYPE:
        raise ControlError(
            Code.INVALID, f"{quote(kind)} is not what has tags here; {RESOURCE_TYPE} has", "resource_type"
        )
    return actor


def _ref(request: Request) -> Ref:
    return ref_of_resource(request.values["resource"])


def _resource(view: View) -> dict[str, object]:
    pointer = view.pointer
    return {
        "resource_id": view.resource,
        "resource_name": "" if pointer is None else pointer.names[0],
        "resource_detail": None,
        "tags": [] if pointer is None else views.tags_of(pointer.tags),
    }
