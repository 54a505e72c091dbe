"""Every parameter that an operation of the native API may have: in the path, in the query, in a header."""

from __future__ import annotations

from typing import Any, Final

from ptrd.control.native.schemas import MAX_PAGE, MAX_REVISION, MAX_WAIT, STATUSES
from ptrd.records.confirmation import UNCHECKED, UNCONFIRMED
from ptrd.records.trust import Verdict

Parameter = dict[str, Any]


def _text(description: str, **more: Any) -> Parameter:  # noqa: ANN401 - JSON
    return {"description": description, "schema": {"type": "string", **more}}


def _flag(description: str) -> Parameter:
    return {"description": description, "schema": {"type": "boolean", "default": False}}


PATH_VALUES: Final[dict[str, Parameter]] = {
    "address": _text("IPv4 or IPv6"),
    "region": _text("the name of a region"),
    "id": _text("an id, or a name where there is one"),
    "name": _text("a user's name or id"),
    "project": _text("a project's id or name"),
}

PARAMETERS: Final[dict[str, Parameter]] = {
    "dry_run": _flag("check everything, tell before and after, and change nothing"),
    "wait": {
        "description": "seconds to wait until every worker serves it, as the `status` tells; before that, where names"
        " have to lead back to their addresses, until they do",
        "schema": {"type": "number", "minimum": 0, "maximum": MAX_WAIT, "default": 0},
    },
    "project": _text("of this project; its id or, for operators, its name"),
    "account": _text("of this account; its id or name"),
    "user": _text("of this user; id or name"),
    "region": _text("in this region"),
    "within": _text("of addresses within this prefix"),
    "tag": {
        "description": "`KEY=VALUE`, or `KEY` with any value; `KEY=*PART` for values that hold the rest; several: all",
        "schema": {"type": "array", "items": {"type": "string"}},
    },
    "status": _text("that has this status now", enum=list(STATUSES)),
    "confirmation": _text(
        "of which this was found; `unconfirmed`: anything but `confirmed`; `unchecked`: nothing yet",
        enum=[UNCONFIRMED, UNCHECKED, *map(str, Verdict)],
    ),
    "enterprise_project_id": _text("of this enterprise project"),
    "marker": _text("`next_marker` of the page before"),
    "limit": {
        "description": "how many at most",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100},
    },
    "after": {
        "description": "of later revisions",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_REVISION, "default": 0},
    },
    "address": _text("about this address"),
    "newest_first": _flag("the newest first; there are no further pages then"),
    "force": _flag("with all that is left in it"),
}

HEADERS: Final[dict[str, Parameter]] = {
    "If-Match": _text('the ETag, such as `"42"`, that the record must have; `*` when any will do'),
    "If-None-Match": _text("`*`: only when the address has no record"),
    "Idempotency-Key": _text(
        "a repeat with the same key and body gets the first answer and changes nothing", minLength=1, maxLength=255
    ),
}
