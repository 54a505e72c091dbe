"""The dialect of OpenStack Designate for PTR records of floating IPs, at /openstack/v2: it only translates.

Every EIP of the project is a floating IP, named or not. One without a record is {"ptrdname": null}, INACTIVE, and never
404; unsetting a name is answered with an object, for openstacksdk crashes on the `null` that Designate itself sends. A
list is never in pages: designateclient would follow any `next` for ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Code, ControlError, Role
from ptrd.control.exchange import Response, Route
from ptrd.control.openstack import errors
from ptrd.control.openstack.errors import REQUEST_ID, UNKNOWN_FIELD
from ptrd.control.refs import ref_of_eip
from ptrd.control.settings import base_url
from ptrd.control.views import KEEP, confirmation_headers
from ptrd.records.management import DEFAULT_TTL
from ptrd.records.values import quote

if TYPE_CHECKING:
    from ptrd.control.actors import Actor
    from ptrd.control.cases import Cases
    from ptrd.control.exchange import Handler, Request
    from ptrd.control.refs import Ref
    from ptrd.control.settings import ApiSettings
    from ptrd.control.views import View

MOUNT: Final = "/openstack"
COLLECTION: Final = "/reverse/floatingips"
FIELDS: Final = ("ptrdname", "ttl", "description")
_UPDATED: Final = "2022-06-29T00:00:00Z"  # what Designate says of its v2
_TRUE: Final = frozenset({"1", "t", "true", "on", "y", "yes"})  # as oslo.utils reads a header

# Designate knows four statuses. A frozen record is there and not served.
_STATUSES: Final = {"ACTIVE": "ACTIVE", "ERROR": "ERROR", "INACTIVE": "INACTIVE", "FREEZE": "INACTIVE"}


class OpenStackApi:
    """The dialect. Its handlers answer whatever happens, except for faults of ours."""

    def __init__(self, cases: Cases, settings: ApiSettings) -> None:
        self._cases = cases
        self._settings = settings

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether a path is of this dialect. The logins below /openstack/v3 are not."""
        return (path == MOUNT or path.startswith(f"{MOUNT}/")) and not f"{path}/".startswith(f"{MOUNT}/v3/")

    def routes(self) -> list[Route]:
        """List the operations. An endpoint that was given without /v2 is asked without it, so both are there."""
        found = [
            Route("GET", f"{MOUNT}{path}", self._answered(self._versions), "openstack_versions", public=True)
            for path in ("", "/", "/v2", "/v2/")
        ]
        for endpoint in (f"{MOUNT}/v2", MOUNT):
            one = f"{endpoint}{COLLECTION}/{{id}}"
            found += [
                Route("GET", f"{endpoint}{COLLECTION}", self._answered(self._list), "openstack_list"),
                Route("GET", one, self._answered(self._show), "openstack_show"),
                Route("PATCH", one, self._answered(self._change), "openstack_change"),
            ]
        return found

    def refuse(self, request: Request, error: ControlError) -> Response:
        """Give the answer to an error, of a use case or of what stands before the handlers."""
        return errors.refuse(request, error, self._url(request, "/v3"))

    def nothing_here(self, request: Request, methods: list[str]) -> Response:
        """Answer where no route is: always 404, for clients take 405 for success."""
        there = f"it has {', '.join(sorted(set(methods)))}" if methods else f"see {MOUNT}/v2{COLLECTION}"
        sentence = f"there is no {quote(request.method)} of {quote(request.path)}; {there}"
        return self.refuse(request, ControlError(Code.NO_SUCH, sentence))

    def failed(self, request: Request) -> Response:
        """Answer for a fault of ours, which was logged under the request's id."""
        return errors.failed(request)

    def _answered(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except ControlError as error:
                return self.refuse(request, error)
            response.headers[REQUEST_ID] = request.id
            return response

        return answer

    def _url(self, request: Request, path: str) -> str:
        return f"{base_url(request, self._settings)}{MOUNT}{path}"

    async def _versions(self, request: Request) -> Response:
        link = {"rel": "self", "href": self._url(request, "/v2")}
        version = {"id": "v2", "status": "CURRENT", "updated": _UPDATED, "links": [link]}
        return Response(200, {"versions": [version]})

    async def _list(self, request: Request) -> Response:
        actor, project = _scope(request)
        views = await self._cases.pointers.list_eips(actor, project=project)
        # openstacksdk, told to ask for pages, asks until it has as many as there are.
        body = {
            "floatingips": [self._floating_ip(request, view) for view in views],
            "links": {"self": self._url(request, f"/v2{COLLECTION}")},
            "metadata": {"total_count": len(views)},
        }
        return Response(200, body)

    async def _show(self, request: Request) -> Response:
        actor, _ = _scope(request)
        view = await self._cases.pointers.show(actor, _ref(request))
        return Response(200, self._floating_ip(request, view), confirmation_headers(view))

    async def _change(self, request: Request) -> Response:
        """Set, unset, or change only the TTL or the description; a body of nothing changes nothing."""
        actor, _ = _scope(request)
        ref = _ref(request)
        body = _read_change(request)
        pointers = self._cases.pointers
        if not body:
            return Response(202, self._floating_ip(request, await pointers.show(actor, ref)))
        if "ptrdname" in body and body["ptrdname"] is None:
            edit = await pointers.delete(actor, ref, missing_ok=True, action="resetPTRRecord", request_id=request.id)
        else:
            edit = await pointers.set(
                actor,
                ref,
                names=[body["ptrdname"]] if "ptrdname" in body else None,
                ttl=_or(body.get("ttl", KEEP), DEFAULT_TTL),
                description=_or(body.get("description", KEEP), ""),
                request_id=request.id,
            )
        return Response(202, self._floating_ip(request, edit.after), confirmation_headers(edit.after))

    def _floating_ip(self, request: Request, view: View) -> dict[str, Any]:
        """Write one. A second name, and why something is in error or frozen, is said beside what Designate has."""
        pointer = view.pointer
        found: dict[str, Any] = {
            "id": view.resource,
            "ptrdname": pointer.names[0] if pointer else None,
            "description": pointer.description if pointer else None,
            "ttl": pointer.ttl if pointer else None,
            "address": str(view.address),
            "status": _STATUSES.get(view.status, "PENDING"),
            "action": view.action,
            "links": {"self": self._url(request, f"/v2{COLLECTION}/{view.resource}")},
        }
        if pointer and pointer.names[1:]:
            found["ptrdnames"] = list(pointer.names)
        if view.reason:
            found["reason"] = view.reason
        return found


def _scope(request: Request) -> tuple[Actor, str | None]:
    """Say as whom a request is done, and whose floating IPs are listed, None for everybody's. Raises ControlError.

    An operator may ask for those of all projects, or act as one of a project's writers.
    """
    actor = request.actor
    if actor is None:
        raise ControlError(Code.UNAUTHENTICATED, "send a token in X-Auth-Token")
    everybody = _is_true(request.header("X-Auth-All-Projects"))
    sudo = request.header("X-Auth-Sudo-Project-ID")
    if not actor.is_operator:
        if everybody or sudo or _is_true(request.header("X-Designate-Edit-Managed-Records")):
            raise ControlError(Code.FORBIDDEN, "only an operator may look beyond one project")
        return actor, actor.project
    if sudo:
        return replace(actor, role=Role.WRITER, project=sudo, account=None), sudo
    return actor, None if everybody else actor.project


def _ref(request: Request) -> Ref:
    """Read `region:id`, or `region:id~address` in a prefix grant. Raises ControlError."""
    region, colon, eip = request.values["id"].partition(":")
    if not colon:
        raise ControlError(Code.INVALID, f"{quote(region)} is no id of a floating IP; write REGION:ID", "id")
    return ref_of_eip(region, eip)


def _read_change(request: Request) -> dict[str, Any]:
    """Read the body of a change, with the types that the use cases leave to us. Raises ControlError."""
    body = request.json()
    if not isinstance(body, dict):
        raise ControlError(Code.INVALID, 'the body is a JSON object, such as {"ptrdname": "mail.example.com."}', "body")
    for key in body:
        if key not in FIELDS:
            sentence = f"a floating IP has no {quote(key)} to change; it has {', '.join(FIELDS)}"
            raise ControlError(Code.INVALID, sentence, UNKNOWN_FIELD)
    if not isinstance(body.get("ptrdname"), str | None):
        raise ControlError(Code.INVALID, "ptrdname is a host name, or null to unset it", "names")
    return body


def _or(value: Any, default: Any) -> Any:  # noqa: ANN401 - whatever was sent; the use cases check it
    return default if value is None else value


def _is_true(text: str | None) -> bool:
    return text is not None and text.strip().lower() in _TRUE
