"""What a Huawei client sends, read strictly: bodies, query parameters, tags.

A key that nobody knows is an error, so that a typo never deletes; a query parameter that nobody knows is not. A null
puts a field back to what it is when nothing is sent on creation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.control.actors import Code, ControlError
from ptrd.control.views import KEEP, Keep, TagMatch, TagQuery
from ptrd.records.management import (
    DEFAULT_TTL,
    Tag,
    check_description,
    check_enterprise_project,
    check_tag_key,
    check_tags,
    check_ttl,
)
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.control.exchange import Request

MAX_LIMIT: Final = 500
MAX_OFFSET: Final = 2**31 - 1
MAX_FILTER_LIMIT: Final = 1000  # of a search by tags
STATUSES: Final = frozenset(
    {
        *("ACTIVE", "PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE", "PENDING_FREEZE", "FREEZE", "ERROR"),
        *("ILLEGAL", "POLICE", "PENDING_DISABLE", "DISABLE"),  # Huawei has them, and we never do
    }
)
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_ETAG: Final = re.compile(r'"?([0-9]{1,18})"?')


class Fields(NamedTuple):
    """The fields of a record, as `Pointers.set` takes them."""

    ttl: int | Keep = KEEP
    description: str | Keep = KEEP
    tags: list[Tag] | Keep = KEEP
    enterprise_project: str | Keep = KEEP


def read_object(request: Request, known: Iterable[str], *, whole: bool = True) -> dict[str, Any]:
    """Read a body that is one JSON object with known keys only; `whole` is False where the caller checks them.

    Raises ControlError.
    """
    if not request.body.strip():
        raise ControlError(Code.INVALID, "the body is empty; send a JSON object", "empty")
    body = request.json()
    if not isinstance(body, dict):
        raise ControlError(Code.INVALID, "the body is no JSON object", "body")
    return known_keys(body, known, "the body") if whole else body


def known_keys(value: dict[str, Any], known: Iterable[str], where: str, field: str = "body") -> dict[str, Any]:
    """Refuse keys that are not known. Raises ControlError."""
    names = list(known)
    for key in value:
        if key not in names:
            raise ControlError(Code.INVALID, f"{where} has no {quote(key)}; it has {', '.join(names)}", field)
    return value


def read_fields(body: dict[str, Any]) -> Fields:
    """Read ttl, description, tags and enterprise_project_id, where they are. Raises FieldError or ControlError."""
    found: dict[str, Any] = {}
    if "ttl" in body:
        found["ttl"] = DEFAULT_TTL if body["ttl"] is None else check_ttl(body["ttl"])
    if "description" in body:
        found["description"] = "" if body["description"] is None else check_description(body["description"])
    if "tags" in body:
        found["tags"] = [] if body["tags"] is None else read_tags(body["tags"])
    if "enterprise_project_id" in body:
        text = body["enterprise_project_id"]
        found["enterprise_project"] = "0" if text is None else check_enterprise_project(text)
    return Fields(**found)


def read_names(value: object) -> list[str]:
    """Read `ptrdnames`: a list of texts; what they hold is the use case's to check. Raises ControlError."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ControlError(Code.INVALID, "ptrdnames is a list of 1 to 10 host names", "names")
    return value


def read_text(value: object, name: str, field: str) -> str:
    """Read one text. Raises ControlError."""
    if not isinstance(value, str):
        raise ControlError(Code.INVALID, f"{name} is missing, or no text", field)
    return value


def read_tags(value: object) -> list[Tag]:
    """Read tags [{"key", "value"}], no key twice; a value left out is empty. Raises FieldError or ControlError."""
    if not isinstance(value, list):
        raise ControlError(Code.INVALID, 'tags is a list of {"key": …, "value": …}', "tags")
    return list(check_tags([read_tag(item) for item in value]))


def read_tag(value: object) -> Tag:
    """Read one tag, unchecked but for its types. Raises ControlError."""
    if not isinstance(value, dict) or "key" not in value:
        raise ControlError(Code.INVALID, 'a tag is {"key": …, "value": …}', "tags")
    known_keys(value, ("key", "value"), "a tag", "tags")
    key, text = value["key"], value.get("value")
    if not isinstance(key, str) or not (text is None or isinstance(text, str)):
        raise ControlError(Code.INVALID, "key and value of a tag are text", "tags")
    return Tag(key, text or "")


def read_tag_query(body: dict[str, Any]) -> TagQuery:
    """Read the conditions of a search by tags. Raises FieldError or ControlError."""
    matches: dict[str, tuple[TagMatch, ...]] = {}
    for condition in ("tags", "tags_any", "not_tags", "not_tags_any"):
        value = body.get(condition)
        if value is not None:
            matches[condition] = tuple(_tag_matches(value, condition))
    name = ""
    for match in _objects(body.get("matches") or [], "matches", "body"):
        known_keys(match, ("key", "value"), "an item of matches")
        if match.get("key") != "resource_name":
            raise ControlError(Code.INVALID, "matches knows the key resource_name only", "body")
        name = read_text(match.get("value"), "the value of resource_name", "body")
    return TagQuery(**matches, name=name)


def tag_filter(text: str | None) -> tuple[tuple[str, str | None], ...]:
    """Read `k1,v1|k2,v2`: tags that a record must have; a key alone is for any value. Raises FieldError."""
    found = []
    for item in (text or "").split("|"):
        key, comma, value = item.partition(",")
        if item:
            found.append((check_tag_key(key), value if comma else None))
    return tuple(found)


def status_filter(text: str | None) -> str | None:
    """Read the status to look for. Raises ControlError."""
    if not text:
        return None
    if text not in STATUSES:
        raise ControlError(Code.INVALID, f"{quote(text)} is no status of a PTR record", "status")
    return text


def limit_of(request: Request) -> int:
    """Read the query's limit, 0 to 500 and 500 unless given. Raises ControlError."""
    return _number(request.parameter("limit"), "limit", 0, MAX_LIMIT, MAX_LIMIT)


def offset_of(request: Request) -> int:
    """Read the query's offset, 0 unless given. Raises ControlError."""
    return _number(request.parameter("offset"), "offset", 0, MAX_OFFSET, 0)


def window_of(body: dict[str, Any]) -> tuple[int, int]:
    """Read limit and offset of a search by tags, which clients send as numbers or as text. Raises ControlError."""
    limit, offset = body.get("limit"), body.get("offset")
    return (
        _number(limit, "limit", 1, MAX_FILTER_LIMIT, MAX_FILTER_LIMIT),
        _number(offset, "offset", 0, MAX_OFFSET, 0),
    )


def if_match(request: Request) -> int | None:
    """Read the revision that a change insists on; None when it does not. Raises ControlError."""
    text = request.header("If-Match")
    if text is None or text.strip() == "*":
        return None
    found = _ETAG.fullmatch(text.strip())
    if found is None:
        raise ControlError(Code.INVALID, f"If-Match is an ETag that we gave, not {quote(text)}", "body")
    return int(found[1])


def _number(value: object, name: str, least: int, most: int, default: int) -> int:
    if value is None or value == "":
        return default
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ControlError(Code.INVALID, f"{name} is a number from {least} to {most}", name)
    return value


def _objects(value: object, name: str, field: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ControlError(Code.INVALID, f"{name} is a list of objects", field)
    return value


def _tag_matches(value: object, condition: str) -> Iterable[TagMatch]:
    for item in _objects(value, condition, "tags"):
        known_keys(item, ("key", "values"), f"an item of {condition}", "tags")
        values = item.get("values")
        if values is None:
            values = []
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            raise ControlError(Code.INVALID, f"values in {condition} is a list of texts", "tags")
        yield TagMatch(check_tag_key(item.get("key")), tuple(values))
