"""How the native API says no: one table from reasons to statuses, and one body for all of them (RFC 9457).

Whatever goes wrong, the body is an `application/problem+json` object whose `code` a program can act on and whose
`detail` a person can. A problem never tells whether something exists that is not the asker's.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Response
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ptrd.control.exchange import Request

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "/api/v1/docs#"  # a problem's type is a place in the documentation


_SAME: Final[Mapping[str, str]] = {}


class Kind(NamedTuple):
    """A kind of problem: the HTTP status, and what it is in a few words."""

    status: int
    title: str


NO_PATH: Final = "no_path"
METHOD: Final = "method_not_allowed"
MEDIA: Final = "media_type"
INTERNAL: Final = "internal"

KINDS: Final[dict[str, Kind]] = {
    Code.INVALID: Kind(400, "Something in the request is not as it may be"),
    Code.UNAUTHENTICATED: Kind(401, "A valid credential is needed"),
    Code.FORBIDDEN: Kind(403, "The credential does not allow this"),
    Code.THROTTLED: Kind(429, "Too many requests"),
    Code.NO_EIP: Kind(404, "No such EIP"),
    Code.NO_RECORD: Kind(404, "The address has no record"),
    Code.NO_SUCH: Kind(404, "There is no such thing"),
    Code.EXISTS: Kind(409, "It is there already"),
    Code.FROZEN: Kind(403, "The address is frozen"),
    Code.QUOTA: Kind(403, "The quota is reached"),
    Code.NOT_SERVED: Kind(422, "No zone here would answer with it"),
    Code.UNCONFIRMED: Kind(422, "A name does not lead back to its address"),
    Code.STALE: Kind(412, "It has changed since"),
    Code.KEY_REUSED: Kind(409, "The idempotency key was used for something else"),
    Code.NEEDS_YES: Kind(409, "So much is deleted only with `yes`"),
    Code.BATCH_TOO_LARGE: Kind(400, "Too much at once"),
    Code.TOO_LARGE: Kind(413, "The body is too large"),
    Code.BUSY: Kind(503, "Try again in a moment"),
    NO_PATH: Kind(404, "Nothing is at this path"),
    METHOD: Kind(405, "The path does not have this method"),
    MEDIA: Kind(415, "The body is of another type"),
    INTERNAL: Kind(500, "The server failed"),
}
STATUSES: Final = tuple(sorted({kind.status for kind in KINDS.values()}))


class Fault(NamedTuple):
    """One of several things that are wrong; `number` counts the operations of a bulk, or the lines of a file."""

    number: int | None
    field: str
    code: str
    detail: str


class FaultsError(ControlError):
    """Several things are wrong at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        several = f" ({len(faults)} things are wrong; `errors` has each)" if len(faults) > 1 else ""
        place = "" if first.number is None else f"number {first.number}: "
        super().__init__(Code(first.code), place + first.detail + several, first.field)
        self.faults = tuple(faults)


def problem_of(error: ControlError, request: Request, names: Mapping[str, str] = _SAME) -> Response:
    """Write a use case's no; `names` says what fields are called here that it calls otherwise."""
    headers = {}
    if error.code is Code.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="ptrd"'  # RFC 6750, 3
    elif error.code in {Code.THROTTLED, Code.BUSY}:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    faults = [fault._replace(field=names.get(fault.field, fault.field)) for fault in faults_of(error)]
    return _problem(error.code, str(error), request, names.get(error.field, error.field), faults, headers)


def faults_of(error: ControlError) -> tuple[Fault, ...]:
    """Give the single faults of an error that has several, else none."""
    if isinstance(error, FaultsError):
        return error.faults
    return tuple(
        Fault(index, inner.field, inner.code, str(inner)) for index, inner in getattr(error, "problems", None) or ()
    )


def nothing_here(request: Request, methods: list[str]) -> Response:
    """Answer where no route is: 404, or 405 when the path has other methods (RFC 9110, 15.5.6)."""
    if not methods:
        return _problem(
            NO_PATH, f"there is nothing at {quote(request.path)}; /api/v1/docs lists what there is", request
        )
    allowed = ", ".join(sorted(set(methods)))
    return _problem(METHOD, f"{quote(request.path)} has {allowed}", request, headers={"Allow": allowed})


def wrong_media(request: Request, wanted: str) -> Response:
    """Refuse a body of another media type (RFC 9110, 15.5.16)."""
    return _problem(MEDIA, f"send the body as {wanted}, and say so in Content-Type", request)


def failed(request: Request) -> Response:
    """Answer for a fault of ours, which was logged under the request's id."""
    return _problem(INTERNAL, f"the server's log says more about the request {request.id}", request)


def _problem(
    code: str,
    detail: str,
    request: Request,
    field: str = "",
    faults: Sequence[Fault] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    kind = KINDS[code]
    body: dict[str, Any] = {
        "type": f"{TYPES}{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": str(code),
        "request_id": request.id,
    }
    if field:
        body["field"] = field
    if faults:
        body["errors"] = [_fault(fault) for fault in faults]
    return Response(kind.status, body, {"Content-Type": MEDIA_TYPE, **(headers or {})})


def _fault(fault: Fault) -> dict[str, Any]:
    written: dict[str, Any] = {"code": str(fault.code), "detail": fault.detail}
    if fault.number is not None:
        written["index"] = fault.number
    if fault.field:
        written["field"] = fault.field
    return written
