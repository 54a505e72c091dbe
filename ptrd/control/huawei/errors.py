"""How the Huawei dialect says no: one table from the codes of use cases to HTTP statuses and Huawei's own codes.

Every code of `actors.Code` is in it, and every error body is {"code", "message"}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Response

if TYPE_CHECKING:
    from ptrd.records.management import FieldError

INVALID_REQUEST: Final = "DNS.0002"
MAX_MESSAGE: Final = 512

# (code, field) -> (status, Huawei's code); the row without a field is for all fields that have none of their own.
TABLE: Final[dict[tuple[Code, str], tuple[int, str]]] = {
    (Code.INVALID, ""): (400, INVALID_REQUEST),
    (Code.INVALID, "limit"): (400, "DNS.0006"),
    (Code.INVALID, "marker"): (400, "DNS.0007"),
    (Code.INVALID, "offset"): (400, "DNS.0017"),
    (Code.INVALID, "status"): (400, "DNS.0315"),
    (Code.INVALID, "quota"): (400, "DNS.0401"),
    (Code.INVALID, "id"): (400, "DNS.0501"),
    (Code.INVALID, "eip"): (400, "DNS.0504"),
    (Code.INVALID, "names"): (400, "DNS.0505"),
    (Code.INVALID, "ttl"): (400, "DNS.0506"),
    (Code.INVALID, "description"): (400, "DNS.0508"),
    (Code.INVALID, "region"): (400, "DNS.0601"),
    (Code.INVALID, "address"): (400, "DNS.0602"),
    (Code.INVALID, "empty"): (400, "DNS.0603"),
    (Code.INVALID, "tag_quota"): (400, "DNS.1001"),
    (Code.INVALID, "resource_type"): (400, "DNS.1002"),
    (Code.INVALID, "tags"): (400, "DNS.1003"),
    (Code.INVALID, "enterprise_project"): (400, "DNS.1905"),
    (Code.UNAUTHENTICATED, ""): (401, "DNS.0005"),
    (Code.FORBIDDEN, ""): (403, "DNS.0013"),
    (Code.FORBIDDEN, "role"): (403, "DNS.1802"),
    (Code.THROTTLED, ""): (403, "DNS.0014"),
    (Code.NO_EIP, ""): (404, "DNS.0502"),
    (Code.NO_RECORD, ""): (404, "DNS.0507"),
    (Code.NO_SUCH, ""): (404, INVALID_REQUEST),
    (Code.NO_SUCH, "enterprise_project"): (404, "DNS.1906"),
    (Code.EXISTS, ""): (400, "DNS.0016"),
    (Code.FROZEN, ""): (403, "DNS.0030"),
    (Code.QUOTA, ""): (403, "DNS.0405"),
    (Code.NOT_SERVED, ""): (400, "DNS.0504"),
    (Code.UNCONFIRMED, ""): (400, "DNS.0505"),
    (Code.STALE, ""): (409, "DNS.0503"),
    (Code.KEY_REUSED, ""): (409, "DNS.0021"),
    (Code.NEEDS_YES, ""): (400, INVALID_REQUEST),
    (Code.BATCH_TOO_LARGE, ""): (400, "DNS.0327"),
    (Code.TOO_LARGE, ""): (413, "DNS.0027"),
    (Code.BUSY, ""): (500, "DNS.0000"),
}
INTERNAL: Final = "DNS.0001"
DATABASE: Final = "DNS.0003"


def refuse(error: ControlError) -> Response:
    """Give the answer to an error of a use case, or of reading a request."""
    status, code = TABLE.get((error.code, error.field)) or TABLE[error.code, ""]
    return say(status, code, str(error))


def refuse_field(error: FieldError) -> Response:
    """Give the answer to a field that is not as it may be."""
    return refuse(ControlError(Code.INVALID, str(error), error.field))


def say(status: int, code: str, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Give an error of this dialect."""
    return Response(status, {"code": code, "message": sentence[:MAX_MESSAGE]}, headers or {})
