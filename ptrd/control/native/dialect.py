"""The native API: `/api/v1`. It only translates, between JSON and the use cases, and describes itself.

A request is read whole (parameters, headers, body, in that order) before a use case sees any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.exchange import Response, Route
from ptrd.control.native import page, problems
from ptrd.control.native.body import read_shape
from ptrd.control.native.call import Call, Operation, check_headers, read_path, read_query
from ptrd.control.native.credentials import CredentialOperations
from ptrd.control.native.inventory import InventoryOperations
from ptrd.control.native.journal import JournalOperations
from ptrd.control.native.openapi import ROOT, document
from ptrd.control.native.ptrs import PointerOperations
from ptrd.control.native.schemas import SCHEMAS
from ptrd.control.native.users import UserOperations
from ptrd.control.scope import check_operator

if TYPE_CHECKING:
    from ptrd.control.cases import Cases
    from ptrd.control.exchange import Handler, Request
    from ptrd.control.repeats import Repeats
    from ptrd.control.settings import ApiSettings


_NOBODY: Final = Actor("nobody", Role.READER)  # who asks for what is public


class NativeApi:
    """The dialect. `repeats` remembers the answers of requests that have an Idempotency-Key."""

    def __init__(self, cases: Cases, settings: ApiSettings, repeats: Repeats) -> None:
        self._repeats = repeats
        self.operations: tuple[Operation, ...] = (
            *PointerOperations(cases).operations(),
            *InventoryOperations(cases).operations(),
            *CredentialOperations(cases).operations(),
            *UserOperations(cases).operations(),
            *JournalOperations(cases).operations(),
            Operation(
                "getOpenApi", "GET", "/openapi.json", "This description, for programs", self._describe,
                {200: "application/json"}, public=True,
            ),
            Operation(
                "getDocs", "GET", "/docs", "This description, for people", self._show, {200: "text/html"}, public=True
            ),
        )  # fmt: skip
        self.document = document(self.operations, settings.public_url)

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route(operation.method, ROOT + operation.path, self._handler(operation), operation.name, operation.public)
            for operation in self.operations
        ]

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether a path is of this dialect."""
        return path == "/api" or path.startswith("/api/")

    @staticmethod
    def refuse(request: Request, error: ControlError) -> Response:
        """Write an error of the authenticator or of the edge."""
        return problems.problem_of(error, request)

    @staticmethod
    def nothing_here(request: Request, methods: list[str]) -> Response:
        """Answer where no route is: 404, or 405 when the path has other methods."""
        return problems.nothing_here(request, methods)

    @staticmethod
    def failed(request: Request) -> Response:
        """Answer for a fault of ours, after it was logged."""
        return problems.failed(request)

    def _handler(self, operation: Operation) -> Handler:
        names = dict(operation.fields)

        async def handle(request: Request) -> Response:
            try:
                return await self._answer(operation, request)
            except ControlError as error:
                return problems.problem_of(error, request, names)

        return handle

    async def _answer(self, operation: Operation, request: Request) -> Response:
        actor = _NOBODY if operation.public else request.actor
        if actor is None:
            raise ControlError(Code.UNAUTHENTICATED, "send a token in X-Auth-Token, or as a Bearer")
        if operation.role is Role.OPERATOR:
            check_operator(actor)  # before anything is looked up; the use cases check it again
        call = Call(operation, request, actor, values=read_path(request))
        call.query = read_query(operation, request)
        check_headers(operation, request)
        if request.body and not _is_media(operation, request):
            return problems.wrong_media(request, operation.media)
        call.body = _read_body(operation, request)
        key = request.header("Idempotency-Key") if operation.writes and not call.dry_run else None
        if key is None:
            return await operation.run(call)

        async def run(_request: Request) -> Response:
            return await operation.run(call)

        return await self._repeats.once(request, _check_key(key), run)

    async def _describe(self, _call: Call) -> Response:
        return Response(200, self.document)

    async def _show(self, _call: Call) -> Response:
        return Response(200, page.page(self.document), dict(page.HEADERS))


def _is_media(operation: Operation, request: Request) -> bool:
    """Tell whether a body says that it is of the operation's media type, or does not say what it is."""
    said = request.header("Content-Type")
    return said is None or said.partition(";")[0].strip().lower() == operation.media


def _read_body(operation: Operation, request: Request) -> Any:  # noqa: ANN401 - of the shape of the schema
    is_json = operation.media == "application/json"
    if is_json and not operation.body:
        if request.body and request.method != "GET":
            raise ControlError(Code.INVALID, f"{operation.method} {operation.path} takes no body", "body")
        return None
    if not request.body:
        what = "a JSON object" if is_json else operation.media
        raise ControlError(Code.INVALID, f"the body is missing; it is {what}", "body")
    if is_json:
        return read_shape(request.json(), SCHEMAS[operation.body], SCHEMAS)
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise ControlError(Code.INVALID, "the body is no text in UTF-8", "body") from None


def _check_key(key: str) -> str:
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise ControlError(Code.INVALID, "an idempotency key has 1 to 255 printable characters", "Idempotency-Key")
    return key
