"""PTR records for Huawei's clients: set, update, restore, show, list and batch delete, in v2 and in v2.1.

A delete is spelt {"ptrdname": null}, {} or {"ptrname": "null"} on one and the same PATCH, by one client or another,
and in no other way: {"ptrdname": "null"} is a bad name, and other bodies without a ptrdname change what they name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request, Response, Route
from ptrd.control.huawei import forms, views
from ptrd.control.refs import Ref, ref_of_eip, ref_of_id, ref_of_resource
from ptrd.control.scope import NO_RECORD
from ptrd.control.settings import ApiSettings, base_url
from ptrd.control.views import confirmation_headers
from ptrd.records.management import MAX_BATCH
from ptrd.records.values import quote
from ptrd.store.database import PointerQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.control.actors import Actor
    from ptrd.control.cases import Cases
    from ptrd.control.views import Edit, Page, View
    from ptrd.records.management import Pointer

RECORD_KEYS: Final = ("ptrdname", "description", "ttl", "tags", "enterprise_project_id")
CREATE_KEYS: Final = ("publicip", "ptrdnames", "description", "ttl", "tags", "enterprise_project_id")
UPDATE_KEYS: Final = ("ptrdnames", "description", "ttl")
MISSPELT_DELETE: Final = {"ptrname": "null"}  # what golangsdk's Delete sends, and with it Terraform
Show: TypeAlias = "Callable[[View, Pointer, str], dict[str, Any]]"
_HEX: Final = re.compile(r"[0-9a-f]{32}")


def actor_of(request: Request) -> Actor:
    """Give who asks. Raises ControlError when nobody was authenticated."""
    if request.actor is None:
        raise ControlError(Code.UNAUTHENTICATED, "authentication is required: a signature or X-Auth-Token")
    return request.actor


class HuaweiRecords:
    """The routes of records."""

    def __init__(self, cases: Cases, settings: ApiSettings) -> None:
        self._cases = cases
        self._settings = settings

    def routes(self) -> list[Route]:
        """Give the routes."""
        one_v2, one_v21 = views.LIST_V2 + "/{resource}", views.LIST_V21 + "/{pointer}"
        return [
            Route("GET", views.LIST_V2, self.list_v2, "huawei_list_v2"),
            Route("GET", one_v2, self.show_v2, "huawei_show_v2"),
            Route("PATCH", one_v2, self.change_v2, "huawei_change_v2"),
            Route("DELETE", "/v2.1/reverse/floatingips", self.delete_many, "huawei_delete_many"),
            Route("GET", views.LIST_V21, self.list_v21, "huawei_list_v21"),
            Route("POST", views.LIST_V21, self.create_v21, "huawei_create_v21"),
            Route("GET", one_v21, self.show_v21, "huawei_show_v21"),
            Route("PUT", one_v21, self.update_v21, "huawei_update_v21"),
            Route("DELETE", one_v21, self.delete_v21, "huawei_delete_v21"),
        ]

    async def list_v2(self, request: Request) -> Response:
        """List records, each with its first name."""
        page = await self._find(request)
        return self._page(request, page, views.show_v2)

    async def list_v21(self, request: Request) -> Response:
        """List records with all their names."""
        kind = request.parameter("resource_type")
        if kind not in {None, "", "publicip"}:
            raise ControlError(
                Code.INVALID, f"{quote(str(kind))} is no resource type; there is publicip", "resource_type"
            )
        page = await self._find(request)
        return self._page(request, page, views.show_v21)

    async def show_v2(self, request: Request) -> Response:
        """Show a record, else 404: Terraform asks after a delete until it gets one."""
        view = await self._cases.pointers.show(actor_of(request), _ref_v2(request))
        pointer = _present(view)
        return Response(200, views.show_v2(view, pointer, self._base(request)), _headers(view, pointer))

    async def show_v21(self, request: Request) -> Response:
        """Show a record."""
        view = await self._cases.pointers.show(actor_of(request), ref_of_id(request.values["pointer"]))
        pointer = _present(view)
        return Response(200, views.show_v21(view, pointer, self._base(request)), _headers(view, pointer))

    async def change_v2(self, request: Request) -> Response:
        """Set, update or restore."""
        actor, ref = actor_of(request), _ref_v2(request)
        body = forms.read_object(request, RECORD_KEYS, whole=False)
        if body in ({}, MISSPELT_DELETE):
            return await self._restore(request, actor, ref)
        fields = forms.read_fields(forms.known_keys(body, RECORD_KEYS, "the body"))
        name = body.get("ptrdname")
        if "ptrdname" in body and name is None:
            return await self._restore(request, actor, ref)
        edit = await self._cases.pointers.set(
            actor,
            ref,
            names=[forms.read_text(name, "ptrdname", "names")] if "ptrdname" in body else None,
            **fields._asdict(),
            must=None if "ptrdname" in body else "old",
            if_match=forms.if_match(request),
            request_id=request.id,
        )
        return self._changed(request, edit, views.show_v2)

    async def create_v21(self, request: Request) -> Response:
        """Create a record where there is none."""
        body = forms.read_object(request, CREATE_KEYS)
        place = body.get("publicip")
        if not isinstance(place, dict):
            raise ControlError(Code.INVALID, 'publicip is missing, or is not {"region": …, "id": …}', "eip")
        forms.known_keys(place, ("region", "id"), "publicip")
        region = forms.read_text(place.get("region"), "the region of publicip", "region")
        edit = await self._cases.pointers.set(
            actor_of(request),
            ref_of_eip(region, forms.read_text(place.get("id"), "the id of publicip", "eip")),
            names=forms.read_names(body.get("ptrdnames")),
            **forms.read_fields(body)._asdict(),
            must="new",
            request_id=request.id,
        )
        return self._changed(request, edit, views.show_v21)

    async def update_v21(self, request: Request) -> Response:
        """Change a record that is there."""
        body = forms.read_object(request, UPDATE_KEYS)
        edit = await self._cases.pointers.set(
            actor_of(request),
            ref_of_id(request.values["pointer"]),
            names=forms.read_names(body.get("ptrdnames")),
            **forms.read_fields(body)._asdict(),
            must="old",
            if_match=forms.if_match(request),
            request_id=request.id,
        )
        return self._changed(request, edit, views.show_v21)

    async def delete_v21(self, request: Request) -> Response:
        """Delete a record; a body, which some clients send, says nothing."""
        await self._cases.pointers.delete(
            actor_of(request),
            ref_of_id(request.values["pointer"]),
            action="deletePtrRecord",
            if_match=forms.if_match(request),
            request_id=request.id,
        )
        return Response(202)

    async def delete_many(self, request: Request) -> Response:
        """Delete up to 50 records, all or none."""
        body = forms.read_object(request, ("floatingip_ids",))
        listed = body.get("floatingip_ids")
        if not isinstance(listed, list):
            raise ControlError(Code.INVALID, "floatingip_ids is a list of ids such as region:eip", "body")
        if not listed:
            raise ControlError(Code.INVALID, "floatingip_ids is empty; name one record at least", "empty")
        if len(listed) > MAX_BATCH:
            raise ControlError(Code.BATCH_TOO_LARGE, f"{len(listed)} records at once; at most {MAX_BATCH}")
        refs = [ref_of_resource(forms.read_text(item, "an id in floatingip_ids", "id")) for item in listed]
        await self._cases.pointers.delete_many(
            actor_of(request),
            list(dict.fromkeys(refs)),
            yes=True,  # nobody is there to be asked, and 50 is the cap
            action="deletePtrRecord",
            request_id=request.id,
        )
        return Response(202)

    async def _restore(self, request: Request, actor: Actor, ref: Ref) -> Response:
        """Give an address back its default name. A repeat is answered alike: a client retries what it did not hear."""
        edit = await self._cases.pointers.delete(
            actor,
            ref,
            missing_ok=True,
            action="resetPTRRecord",
            if_match=forms.if_match(request),
            request_id=request.id,
        )
        return Response(202, views.show_removed(edit.after, edit.was.pointer, self._base(request)))

    async def _find(self, request: Request) -> Page:
        actor = actor_of(request)
        after = await self._marker(actor, request.parameter("marker"))
        query = PointerQuery(
            project=actor.project or request.header("X-Project-Id"),
            enterprise_project=request.parameter("enterprise_project_id") or None,
            tags=forms.tag_filter(request.parameter("tags")),
            after=after,
            offset=forms.offset_of(request) if after is None else 0,
            limit=forms.limit_of(request),
        )
        return await self._cases.pointers.find(actor, query, forms.status_filter(request.parameter("status")))

    async def _marker(self, actor: Actor, marker: str | None) -> str | None:
        """Give the id of the record behind which a page begins, from either of its ids."""
        if not marker:
            return None
        if _HEX.fullmatch(marker):
            return marker
        try:
            return _present(await self._cases.pointers.show(actor, ref_of_resource(marker))).id
        except ControlError:
            sentence = f"{quote(marker)} is no marker; send the id of the last record of the page before"
            raise ControlError(Code.INVALID, sentence, "marker") from None

    def _page(self, request: Request, page: Page, show: Show) -> Response:
        base = self._base(request)
        body = {
            "links": views.page_links(request, page, base, forms.limit_of(request)),
            "metadata": {"total_count": page.total},
            "floatingips": [
                show(view, view.pointer, base) | {"tags": views.tags_of(view.pointer.tags)}
                for view in page.items
                if view.pointer is not None
            ],
        }
        return Response(200, body)

    def _changed(self, request: Request, edit: Edit, show: Show) -> Response:
        pointer = _present(edit.after)
        return Response(202, show(edit.after, pointer, self._base(request)), _headers(edit.after, pointer))

    def _base(self, request: Request) -> str:
        return base_url(request, self._settings)


def _ref_v2(request: Request) -> Ref:
    """Read `region:eip`. Raises ControlError."""
    region, colon, eip = request.values["resource"].partition(":")
    if not colon:
        raise ControlError(Code.INVALID, f"{quote(region)} is no id of a PTR record: REGION:EIP", "id")
    return ref_of_eip(region, eip)


def _present(view: View) -> Pointer:
    """Give the record of a view. Raises ControlError when it has none, or none any more."""
    if view.pointer is None:
        raise ControlError(Code.NO_RECORD, NO_RECORD)
    return view.pointer


def _headers(view: View, pointer: Pointer) -> dict[str, str]:
    return {"ETag": f'"{pointer.revision}"', **confirmation_headers(view)}
