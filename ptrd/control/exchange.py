"""A request and its response as values, and the table of routes: what every dialect of the API is written in.

Nothing here knows aiohttp, so the same handlers answer over HTTP and over the control socket.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ptrd.control.actors import Actor, Code, ControlError

MAX_BODY: Final = 1 << 20  # bytes

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps makes one a call


@dataclass(slots=True)
class Request:
    """What a client sent. `path` is decoded, `raw_path` as sent; `headers` are (name as sent, value), in order."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()  # decoded, in order
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw_path: str = ""  # with the query, as sent
    id: str = ""  # req- and a UUID; every response names it
    source: str = ""  # the client's address
    secure: bool = False  # came over TLS, or over the control socket
    actor: Actor | None = None
    values: dict[str, str] = field(default_factory=dict)  # what the pattern of the route took from the path
    _named: dict[str, list[str]] = field(init=False, repr=False, compare=False)  # headers by name in lower case

    def __post_init__(self) -> None:
        """Sort the headers by their names, once for all who look for one."""
        self._named = {}
        for name, value in self.headers:
            self._named.setdefault(name.lower(), []).append(value)

    def header(self, name: str) -> str | None:
        """Give a header's first value, whatever its case."""
        found = self._named.get(name.lower())
        return found[0] if found else None

    def every_header(self, name: str) -> list[str]:
        """Give all values of a header, whatever its case, in the order in which they were sent."""
        return self._named.get(name.lower(), [])

    def parameter(self, name: str) -> str | None:
        """Give a query parameter's first value."""
        return next((value for key, value in self.query if key == name), None)

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is `true`. Raises ControlError when it is neither true nor false."""
        value = self.parameter(name)
        if value not in {None, "true", "false"}:
            raise ControlError(Code.INVALID, f"{name} is true or false", "body")
        return value == "true"

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Read the body as JSON; None when it is empty. Raises ControlError."""
        if not self.body:
            return None
        try:
            return json.loads(self.body, object_pairs_hook=_object, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ControlError(Code.INVALID, f"the body is no JSON: {error}", "body") from None


@dataclass(slots=True)
class Response:
    """What is answered: `body` is JSON-able, or bytes as they are, or None for none."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def data(self) -> bytes:
        """Give the bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else _encode(self.body).encode()


Handler = Callable[[Request], Awaitable[Response]]


class Route(NamedTuple):
    """One operation. `pattern` is a path with `{name}` for one segment; a public one needs no credential."""

    method: str
    pattern: str
    handler: Handler
    name: str
    public: bool = False


class Routes:
    """A table of routes, matched on the decoded path."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self._compiled = [(route, _compile(route.pattern)) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route | None, Mapping[str, str], list[str]]:
        """Find the route; else give None and the methods that the path has, which are none when nothing is there."""
        methods = []
        for route, pattern in self._compiled:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == method:
                return route, found.groupdict(), []
            methods.append(route.method)
        return None, {}, methods


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern)))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
