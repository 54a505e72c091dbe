"""The API: every dialect behind one door, whichever way a request comes, over HTTP or the control socket.

A request is answered by the dialect that its path belongs to, in that dialect's shape whatever goes wrong: nobody is
there, who asks is not known, the handler fails. Every answer names the request, and so does the log.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from ptrd import PtrdError
from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.exchange import MAX_BODY, Request, Response, Routes
from ptrd.control.local import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ptrd.control.exchange import Handler, Route
    from ptrd.control.local import Reply

REQUEST_IDS: Final = ("X-Request-Id", "x-openstack-request-id")  # as Huawei's and as OpenStack's clients look for it
FAILED: Final = "%s %s failed, request %s"  # what the log says of a fault of ours
MAX_IMPORT: Final = 4 << 20  # bytes of the body of an import

_NOT_NOW: Final = "nothing can be changed now, and nothing was; try again later"

log = logging.getLogger("ptrd")


class Dialect(Protocol):
    """A dialect: its routes, and how it says no."""

    def routes(self) -> list[Route]:
        """List the operations."""

    def owns(self, path: str) -> bool:
        """Tell whether answers about a decoded path are to be written here."""

    def refuse(self, request: Request, error: ControlError) -> Response:
        """Answer to an error that came up before the handler did."""

    def nothing_here(self, request: Request, methods: list[str]) -> Response:
        """Answer where no route is; `methods` are those that the path has."""

    def failed(self, request: Request) -> Response:
        """Answer for a fault of ours, after it was logged."""


class Authenticator(Protocol):
    """Knows who sent a request."""

    async def authenticate(self, request: Request, now: float) -> Actor:
        """Give who sent it, once the route's `values` are known. Raises ControlError."""


class Repeats(Protocol):
    """Carries a signed request out once."""

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Have a request answered."""


class Api:
    """The dialects, in the order in which they are asked whose a path is; the first is also for paths of nobody.

    `versions` answers `GET /`. `clock` gives Unix time.
    """

    def __init__(
        self,
        dialects: Iterable[Dialect],
        authenticator: Authenticator,
        repeats: Repeats,
        *,
        versions: Handler | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dialects = tuple((dialect, Routes(dialect.routes())) for dialect in dialects)
        self._authenticator = authenticator
        self._repeats = repeats
        self._versions = versions
        self._clock = clock

    def owns(self, path: str) -> bool:
        """Tell whether a decoded path is of some dialect."""
        return any(dialect.owns(path) for dialect, _ in self._dialects)

    async def authenticate(self, request: Request) -> Actor:
        """Give who sent a request that is of no dialect. Raises ControlError."""
        return await self._authenticator.authenticate(request, self._clock())

    async def answer(self, request: Request) -> Response:
        """Answer a request. Raises nothing that is an error of ours or of the client's.

        Unless `request.actor` is set, who asks is found out first; a public route is for everybody.
        """
        dialect, routes = self._find(request.path)
        try:
            response = await self._route(dialect, routes, request)
        except ControlError as error:
            response = dialect.refuse(request, error)
        except PtrdError as error:  # of the store: a full disk, a key that does not open what is sealed
            log.error("%s: %s", request.id, error)  # noqa: TRY400 - a sentence
            told = str(error) if request.actor is not None and request.actor.is_operator else _NOT_NOW
            response = dialect.refuse(request, ControlError(Code.BUSY, told))
        except Exception:
            log.exception(FAILED, request.method, request.path, request.id)
            response = dialect.failed(request)
        return _name(request, response)

    def refuse(self, request: Request, error: ControlError) -> Response:
        """Answer to an error of reading a request."""
        return _name(request, self._find(request.path)[0].refuse(request, error))

    def failed(self, request: Request) -> Response:
        """Answer for a fault of ours, after it was logged."""
        return _name(request, self._find(request.path)[0].failed(request))

    async def command(self, request: Mapping[str, Any], user: str) -> Reply:
        """Answer a request that a user of this machine sends over the control socket, as an operator.

        `path` is as in a URL, `query` a list of pairs or a mapping, `headers` a mapping, `body` text, another JSON
        value or null. The result has `status`, `headers` and `body`: the JSON value, else text. Raises CommandError.
        """
        read = read_command(request, user)
        limit = max_body(read.path)
        if len(read.body) > limit:
            response = self.refuse(read, ControlError(Code.TOO_LARGE, f"the body is larger than {limit} bytes"))
        else:
            response = await self.answer(read)
        body = response.body
        if isinstance(body, bytes):
            body = body.decode("utf-8", "replace")
        return {"ok": True, "result": {"status": response.status, "headers": response.headers, "body": body}}

    def _find(self, path: str) -> tuple[Dialect, Routes]:
        return next((pair for pair in self._dialects if pair[0].owns(path)), self._dialects[0])

    async def _route(self, dialect: Dialect, routes: Routes, request: Request) -> Response:
        method = request.method
        if request.path == "/" and method in {"GET", "HEAD"} and self._versions is not None:
            return await self._versions(request)
        route, values, methods = routes.find(method, request.path)
        if route is None and methods and method == "OPTIONS":
            return Response(204, None, {"Allow": allowed(methods)})
        if route is None and method == "HEAD":  # as GET, whose body the edge leaves away (RFC 9110, 9.3.2)
            route, values, methods = routes.find("GET", request.path)
        if route is None:
            return dialect.nothing_here(request, methods)
        request.values = dict(values)
        if request.actor is None and not route.public:
            request.actor = await self._authenticator.authenticate(request, self._clock())
        request.method = route.method  # only now: what was signed is what was sent
        return await self._repeats.answer(request, route.handler)


def new_id() -> str:
    """Make the id of a request, as OpenStack's clients know them."""
    return f"req-{uuid4()}"


def max_body(path: str) -> int:
    """Give how many bytes the body of a request for a decoded path may have."""
    return MAX_IMPORT if path.endswith(":import") else MAX_BODY


def allowed(methods: Iterable[str]) -> str:
    """Write the header Allow."""
    found = {*methods, "OPTIONS"}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def split_target(target: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Split what a request asks for, as sent: give (path and query as sent, decoded path, decoded query).

    Scheme and host may stand before the path (RFC 9112, 3.2.2). Bytes that are no UTF-8 become U+FFFD, as in clients.
    """
    if not target.startswith("/"):
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    path, _, query = target.partition("?")
    return target, unquote(path), tuple(parse_qsl(query, keep_blank_values=True))


def read_command(request: Mapping[str, Any], user: str) -> Request:
    """Read a request that came over the control socket. Raises CommandError."""
    method, target = request.get("method", "GET"), request.get("path")
    headers, query, body = request.get("headers") or {}, request.get("query") or (), request.get("body")
    if not (isinstance(method, str) and isinstance(target, str) and target.startswith("/")):
        raise CommandError("api needs a `path` that begins with a slash, and `method` is a text")
    pairs = list(query.items()) if isinstance(query, dict) else query
    if not (isinstance(headers, dict) and _are_texts(headers.items())):
        raise CommandError("`headers` is an object of texts")
    if not (isinstance(pairs, list | tuple) and _are_texts(pairs)):
        raise CommandError("`query` is an object of texts, or a list of pairs of texts")
    if body is None:
        data = b""
    else:
        data = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")
    raw, path, written = split_target(target)
    return Request(
        method.upper(),
        path,
        (*written, *((name, value) for name, value in pairs)),
        tuple(headers.items()),
        data,
        raw_path=raw,
        id=new_id(),
        secure=True,
        actor=Actor(f"local:{user}", Role.OPERATOR, credential=f"local:{user}"),
    )


def _are_texts(pairs: Iterable[Any]) -> bool:
    return all(
        isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in pairs
    )


def _name(request: Request, response: Response) -> Response:
    """Say in an answer which request it is to; the answer may be an earlier one's, remembered."""
    for header in REQUEST_IDS:
        response.headers[header] = request.id
    return response
