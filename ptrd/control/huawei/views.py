"""A record as Huawei's clients read it: in v2 with its first name and an id `region:eip`, in v2.1 with all its names.

The v2 id of a record in a prefix grant is `region:eip~address`. What a delete takes away is still shown by its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from ptrd.control.exchange import Request
    from ptrd.control.views import Page, View
    from ptrd.records.management import Pointer, Tag

LIST_V2 = "/v2/reverse/floatingips"
LIST_V21 = "/v2.1/ptrs"


def show_v2(view: View, pointer: Pointer, base: str) -> dict[str, Any]:
    """Write a record as PtrV2."""
    return {
        "id": view.resource,
        "ptrdname": pointer.names[0],
        "description": pointer.description,
        "ttl": pointer.ttl,
        "address": str(view.address),
        "status": view.status,
        "action": view.action,
        "links": {"self": f"{base}{LIST_V2}/{view.resource}"},
        "enterprise_project_id": pointer.enterprise_project,
    }


def show_v21(view: View, pointer: Pointer, base: str) -> dict[str, Any]:
    """Write a record as PtrV21."""
    region, _, eip = view.resource.partition(":")
    return {
        "id": pointer.id,
        "publicip": {"region": region, "id": eip, "address": str(view.address)},
        "ptrdnames": list(pointer.names),
        "description": pointer.description,
        "ttl": pointer.ttl,
        "status": view.status,
        "links": {"self": f"{base}{LIST_V21}/{pointer.id}"},
        "enterprise_project_id": pointer.enterprise_project,
    }


def show_removed(view: View, pointer: Pointer | None, base: str) -> dict[str, Any]:
    """Write what the answer to an unset in v2 says: the record that goes, or that there was none."""
    found = {"id": view.resource, "ptrdname": None, "description": "", "address": str(view.address)}
    if pointer is not None:
        found = show_v2(view, pointer, base)
    return found | {
        "status": "PENDING_DELETE",
        "action": "DELETE",
        "links": {"self": f"{base}{LIST_V2}/{view.resource}"},
    }


def tags_of(tags: tuple[Tag, ...] | list[Tag]) -> list[dict[str, str]]:
    """Write tags."""
    return [{"key": tag.key, "value": tag.value} for tag in tags]


def page_links(request: Request, page: Page, base: str, limit: int) -> dict[str, str]:
    """Write the links of a page: `next` only when something follows, with the last record's 32 hex digits as marker.

    A marker of that form holds even when its record is deleted in between.
    """
    path = quote(request.path, safe="/")
    links = {"self": f"{base}{path}" + (f"?{urlencode(request.query)}" if request.query else "")}
    last = page.items[-1].pointer if page.items else None
    if page.more and last is not None:
        kept = [pair for pair in request.query if pair[0] not in {"marker", "offset", "limit"}]
        links["next"] = f"{base}{path}?" + urlencode([*kept, ("limit", limit), ("marker", last.id)])
    return links
