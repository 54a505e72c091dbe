"""How the OpenStack dialect says no: one table from the codes of use cases to statuses and Designate's error types.

python-designateclient takes every status for success but 400, 401, 403, 404, 409, 413 and 500 and above, so no other
is ever answered. Every error body is {"code", "type", "message", "request_id"}; one about a field has Designate's
`errors` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.control.actors import Code
from ptrd.control.exchange import Response
from ptrd.records.management import MAX_DESCRIPTION, MAX_TTL

if TYPE_CHECKING:
    from ptrd.control.actors import ControlError
    from ptrd.control.exchange import Request

REQUEST_ID: Final = "x-openstack-request-id"
INVALID_OBJECT: Final = "invalid_object"
UNKNOWN_FIELD: Final = "unknown"  # the `field` of an error about a key that the body must not have

# (code, field) -> (status, Designate's type); the row without a field is for all fields that have none of their own.
TABLE: Final[dict[tuple[Code, str], tuple[int, str]]] = {
    (Code.INVALID, ""): (400, "bad_request"),
    (Code.INVALID, "names"): (400, INVALID_OBJECT),
    (Code.INVALID, "ttl"): (400, INVALID_OBJECT),
    (Code.INVALID, "description"): (400, INVALID_OBJECT),
    (Code.INVALID, UNKNOWN_FIELD): (400, INVALID_OBJECT),
    (Code.UNAUTHENTICATED, ""): (401, "unauthorized"),
    (Code.FORBIDDEN, ""): (403, "forbidden"),
    (Code.THROTTLED, ""): (503, "service_unavailable"),  # 429 would be a success
    (Code.NO_EIP, ""): (404, "not_found"),
    (Code.NO_RECORD, ""): (404, "not_found"),
    (Code.NO_SUCH, ""): (404, "not_found"),
    (Code.EXISTS, ""): (409, "duplicate"),
    (Code.FROZEN, ""): (403, "forbidden"),
    (Code.QUOTA, ""): (413, "over_quota"),
    (Code.NOT_SERVED, ""): (400, "bad_request"),
    (Code.UNCONFIRMED, ""): (400, "bad_request"),
    (Code.STALE, ""): (409, "conflict"),
    (Code.KEY_REUSED, ""): (409, "conflict"),
    (Code.NEEDS_YES, ""): (400, "bad_request"),
    (Code.BATCH_TOO_LARGE, ""): (400, "bad_request"),
    (Code.TOO_LARGE, ""): (413, "request_entity_too_large"),
    (Code.BUSY, ""): (503, "service_unavailable"),
}


class Rule(NamedTuple):
    """What a field broke, in the words of the JSON schema that Designate's clients know."""

    path: tuple[str, ...]
    validator: str
    value: Any


RULES: Final[dict[str, Rule]] = {
    "names": Rule(("ptrdname",), "format", "hostname"),
    "ttl": Rule(("ttl",), "maximum", MAX_TTL),
    "description": Rule(("description",), "maxLength", MAX_DESCRIPTION),
    UNKNOWN_FIELD: Rule((), "additionalProperties", False),  # noqa: FBT003 - the value that a schema has there
}


def refuse(request: Request, error: ControlError, keystone: str) -> Response:
    """Give the answer to an error; `keystone` is where a client without a valid credential is sent."""
    status, kind = TABLE.get((error.code, error.field)) or TABLE[error.code, ""]
    sentence = str(error)
    body: dict[str, Any] = {"code": status, "type": kind, "message": sentence, "request_id": request.id}
    if kind == INVALID_OBJECT:
        path, validator, value = RULES[error.field]
        detail = {"path": list(path), "message": sentence, "validator": validator, "validator_value": value}
        body["errors"] = {"errors": [detail]}
    headers = {REQUEST_ID: request.id}
    if status == 401:
        headers["WWW-Authenticate"] = f'Keystone uri="{keystone}"'
    elif status == 503:
        headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after", 1))))
    return Response(status, body, headers)


def failed(request: Request) -> Response:
    """Answer for a fault of ours, which was logged under the request's id."""
    sentence = f"the server failed; its log says more about the request {request.id}"
    body = {"code": 500, "type": "unknown", "message": sentence, "request_id": request.id}
    return Response(500, body, {REQUEST_ID: request.id})
