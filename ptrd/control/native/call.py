"""One operation of the native API, and one call of it: what was asked for, read and checked before a use case sees it.

A query parameter that an operation does not have is refused, so that a misspelt `dry_run` never changes anything.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Actor, Code, ControlError, Role
from ptrd.control.native.parameters import HEADERS, PARAMETERS
from ptrd.control.native.schemas import MAX_REVISION
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ptrd.control.exchange import Request, Response

_ENTITY_TAG: Final = re.compile(r'"([0-9]{1,19})"')
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_SECONDS: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what the route table, the checks of a request and the document are made of.

    `answers` maps a status to the schema of its body, "" for none; `codes` are the refusals that it has beyond those
    that every operation has. `writes` says that it changes something, and has a dry run and idempotency keys.
    """

    name: str
    method: str
    path: str  # below /api/v1
    summary: str
    run: Callable[[Call], Awaitable[Response]]
    answers: dict[int, str]
    body: str = ""  # the name of its schema
    media: str = "application/json"  # of the body
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    role: Role = Role.READER
    writes: bool = False
    public: bool = False
    fields: tuple[tuple[str, str], ...] = ()  # what the use cases call a field, and what it is called here

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the query parameters."""
        return (*self.query, "dry_run") if self.writes else self.query


@dataclass(slots=True)
class Call:
    """A request for one operation; `body` has the shape that its schema promises."""

    operation: Operation
    request: Request
    actor: Actor
    body: Any = None
    values: dict[str, str] = field(default_factory=dict)  # taken from the path
    query: dict[str, Any] = field(default_factory=dict)  # in the types of their schemas
    began: float = field(default_factory=time.monotonic)

    @property
    def dry_run(self) -> bool:
        """Tell whether nothing is to change."""
        return bool(self.query.get("dry_run", False))

    @property
    def wait(self) -> float:
        """Give for how many seconds to wait until it is live."""
        return float(self.query.get("wait", 0.0))

    @property
    def left(self) -> float:
        """Give what is left of that time, and a second at least where names have taken all of it."""
        return max(self.wait - (time.monotonic() - self.began), min(self.wait, 1.0))

    @property
    def request_id(self) -> str:
        """Give the id of the request, for the journal."""
        return self.request.id

    @property
    def if_match(self) -> int | None:
        """Give the revision that If-Match names, if any. Raises ControlError.

        A list, or a weak tag, matches nothing that we ever gave (RFC 9110, 13.1.1).
        """
        text = self.request.header("If-Match")
        if text is None or text.strip() == "*":
            return None
        found = _ENTITY_TAG.fullmatch(text.strip())
        if found is None or int(found[1]) > MAX_REVISION:
            raise ControlError(Code.STALE, 'If-Match is the ETag of an answer, such as "42", or *', "If-Match")
        return int(found[1])

    @property
    def must_exist(self) -> bool:
        """Tell whether `If-Match: *` asks that something is there (RFC 9110, 13.1.1)."""
        return (self.request.header("If-Match") or "").strip() == "*"

    @property
    def must_be_new(self) -> bool:
        """Tell whether `If-None-Match: *` asks that nothing is there (RFC 9110, 13.1.2). Raises ControlError."""
        text = self.request.header("If-None-Match")
        if text is not None and text.strip() != "*":
            raise ControlError(Code.INVALID, "If-None-Match can only be *", "If-None-Match")
        return text is not None


def read_query(operation: Operation, request: Request) -> dict[str, Any]:
    """Read the query parameters into the types of their schemas. Raises ControlError."""
    found: dict[str, Any] = {}
    if not request.query:
        return found
    for name, count in Counter(name for name, _ in request.query).items():
        if name not in operation.parameters:
            known = ", ".join(operation.parameters) or "none"
            raise ControlError(Code.INVALID, f"{quote(name)} is no parameter here; there are: {known}", _field(name))
        if count > 1 and PARAMETERS[name]["schema"]["type"] != "array":
            raise ControlError(Code.INVALID, f"{name} stands {count} times; write it once", name)
    for name, text in request.query:
        schema = PARAMETERS[name]["schema"]
        if schema["type"] == "array":
            found.setdefault(name, []).append(_read(name, text, schema["items"]))
        else:
            found[name] = _read(name, text, schema)
    return found


def read_path(request: Request) -> dict[str, str]:
    """Give what the pattern took from the path. Raises ControlError for what is no text."""
    for name, text in request.values.items():
        _check_text(name, text)
    return dict(request.values)


def check_headers(operation: Operation, request: Request) -> None:
    """Refuse a condition that the operation would not heed. Raises ControlError."""
    for name in HEADERS:
        if request.header(name) is not None and name not in operation.headers and name.startswith("If-"):
            raise ControlError(Code.INVALID, f"{name} means nothing for this operation; leave it out", name)


def _read(name: str, text: str, schema: dict[str, Any]) -> Any:  # noqa: ANN401 - of the schema's type
    _check_text(name, text)
    if schema["type"] == "boolean":
        if text not in {"true", "false"}:
            raise ControlError(Code.INVALID, f"{name} is true or false, not {quote(text)}", name)
        return text == "true"
    if schema["type"] == "integer":
        return _within(name, text, schema, int(text) if _NUMBER.fullmatch(text) and text.isascii() else None)
    if schema["type"] == "number":
        return _within(name, text, schema, float(text) if _SECONDS.fullmatch(text) and text.isascii() else None)
    if "enum" in schema and text not in schema["enum"]:
        raise ControlError(Code.INVALID, f"{name} is one of {', '.join(schema['enum'])}, not {quote(text)}", name)
    return text


def _within(name: str, text: str, schema: dict[str, Any], number: float | None) -> float:
    low, high = schema["minimum"], schema["maximum"]
    if number is None or not low <= number <= high:
        raise ControlError(Code.INVALID, f"{name} is a number from {low} to {high}, not {quote(text)}", name)
    return number


def _check_text(name: str, text: str) -> None:
    if _NO_TEXT.search(text):
        raise ControlError(Code.INVALID, f"{name} is no text in UTF-8: {quote(text)}", name)


def _field(name: str) -> str:
    return name if name.isprintable() and len(name) <= 80 else "query"
