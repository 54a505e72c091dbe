"""The Huawei dialect: its routes at the root, and the shape of every answer it gives, refusals included.

It translates and decides nothing: what may be done is said by the use cases, and what they refuse is said in Huawei's
codes by one table. Read `huaweirecords.HuaweiRecords.change_v2` first: it is where clients differ most.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.huawei import errors
from ptrd.control.huawei.about import HuaweiAbout
from ptrd.control.huawei.records import HuaweiRecords
from ptrd.control.huawei.tags import HuaweiTags
from ptrd.records.management import FieldError
from ptrd.records.values import quote
from ptrd.store.database import DatabaseError

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.control.exchange import Handler, Request, Response, Route
    from ptrd.control.settings import ApiSettings

log = logging.getLogger("ptrd")

ROOTS: Final = ("/v2", "/v2.1")


class HuaweiApi:
    """The dialect: handlers over the use cases."""

    def __init__(self, cases: Cases, settings: ApiSettings) -> None:
        self._about = HuaweiAbout(cases, settings)
        self._rooms = (HuaweiRecords(cases, settings), self._about, HuaweiTags(cases))

    def routes(self) -> list[Route]:
        """Give the routes. Their handlers raise none of the errors that are a client's, and name the request."""
        return [
            route._replace(handler=self._wrap(route.handler, public=route.public))
            for room in self._rooms
            for route in room.routes()
        ]

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether a decoded path is of this dialect."""
        return path in ROOTS or path.startswith(tuple(f"{root}/" for root in ROOTS))

    async def versions(self, request: Request) -> Response:
        """Answer `GET /` of an API client."""
        return _sign(request, await self._about.versions(request))

    def refuse(self, request: Request, error: ControlError) -> Response:
        """Give the answer to an error that came up before the handler did, or within it."""
        return _sign(request, errors.refuse(error))

    def nothing_here(self, request: Request, methods: list[str]) -> Response:
        """Give the answer where no route is: 405 when other methods have one, else 404."""
        if not methods:
            return _sign(request, errors.say(404, errors.INVALID_REQUEST, "there is no such API"))
        allowed = ", ".join(sorted(set(methods)))
        sentence = f"{request.method} is not possible here; there is {allowed}"
        return _sign(request, errors.say(405, errors.INVALID_REQUEST, sentence, {"Allow": allowed}))

    def failed(self, request: Request) -> Response:
        """Give the answer to an error that is ours."""
        sentence = f"something went wrong here; the server's log has more, under {request.id}"
        return _sign(request, errors.say(500, errors.INTERNAL, sentence))

    def _wrap(self, handler: Handler, *, public: bool) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                if not public:
                    _check_scope(request)
                response = await handler(request)
            except ControlError as error:
                response = errors.refuse(error)
            except FieldError as error:
                response = errors.refuse_field(error)
            except DatabaseError as error:
                log.error("%s %s: %s", request.id, request.path, error)  # noqa: TRY400 - it says all; no trace
                response = errors.say(500, errors.DATABASE, "the database cannot be used at this moment")
            return _sign(request, response)

        return answer


def _check_scope(request: Request) -> None:
    """Hold a tenant to its own project and account, whichever the headers name. Raises ControlError.

    The header need not be signed, so it never widens anything: it can only be wrong.
    """
    actor = request.actor
    if actor is None:
        raise ControlError(Code.UNAUTHENTICATED, "authentication is required: a signature or X-Auth-Token")
    if actor.is_operator:
        return
    for name, own in (("X-Project-Id", actor.project), ("X-Domain-Id", actor.account)):
        value = request.header(name)
        if value and value != own:
            raise ControlError(Code.FORBIDDEN, f"{name} {quote(value)} is not what this credential is for")


def _sign(request: Request, response: Response) -> Response:
    response.headers.setdefault("X-Request-Id", request.id)
    return response
