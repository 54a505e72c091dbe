"""Whether a JSON value has the shape that the document promises: its types, its keys, what must be there.

The schemas are those of the OpenAPI document itself, so that it cannot say one thing and the server do another. How
long or how large a value may be is decided by the use cases, which say it better than a schema.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ptrd.control.actors import Code
from ptrd.control.native.problems import Fault, FaultsError
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]

_KINDS: Final[dict[str, tuple[type, str]]] = {
    "string": (str, "text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "null": (type(None), "null"),
}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LISTS: Final = ("operations",)  # whose items a fault counts by `index`


def read_shape(value: object, schema: Schema, schemas: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - JSON, as checked
    """Give the value back when it has the shape of the schema. Raises FaultsError with everything that is wrong."""
    faults = list(_faults(value, schema, schemas, "", None))
    if faults:
        raise FaultsError(faults[:100])
    return value


def _faults(
    value: object, schema: Schema, schemas: Mapping[str, Schema], field: str, index: int | None
) -> Iterator[Fault]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    where = field or "body"
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(_is_of(value, kind) for kind in kinds):
        wanted = " or ".join(_KINDS[kind][1] for kind in kinds)
        yield Fault(index, where, Code.INVALID, f"{_named(field)} is {wanted}, not {_seen(value)}")
    elif isinstance(value, dict):
        yield from _faults_of_object(value, schema, schemas, field, index)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield Fault(index, where, Code.INVALID, f"{_named(field)} is empty; it has at least one item")
        for number, item in enumerate(value):
            if field in _LISTS:
                yield from _faults(item, schema["items"], schemas, "", number)
            else:
                yield from _faults(item, schema["items"], schemas, where, index)
    elif isinstance(value, str):
        if not _is_unicode(value):
            yield Fault(index, where, Code.INVALID, f"{_named(field)} has half a character: {quote(value)}")
        elif "enum" in schema and value not in schema["enum"]:
            known = ", ".join(item for item in schema["enum"] if item is not None)
            yield Fault(index, where, Code.INVALID, f"{_named(field)} is one of {known}, not {quote(value)}")


def _faults_of_object(
    value: dict[str, Any], schema: Schema, schemas: Mapping[str, Schema], field: str, index: int | None
) -> Iterator[Fault]:
    known = schema.get("properties", {})
    other = schema.get("additionalProperties", False)
    for key, item in value.items():
        if key in known:
            yield from _faults(item, known[key], schemas, key, index)
        elif other is False:
            name = key if key.isprintable() and len(key) <= 80 else "body"
            known_keys = ", ".join(known) or "none"
            yield Fault(index, name, Code.INVALID, f"{quote(key)} is no key here; the keys are {known_keys}")
        elif not _is_unicode(key):
            yield Fault(index, field or "body", Code.INVALID, f"{_named(field)} has half a character: {quote(key)}")
        else:
            yield from _faults(item, other, schemas, field, index)
    for key in schema.get("required", ()):
        if key not in value:
            yield Fault(index, key, Code.INVALID, f"{key} is missing")


def _is_of(value: object, kind: str) -> bool:
    return isinstance(value, _KINDS[kind][0]) and not (kind == "integer" and isinstance(value, bool))


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no lone surrogate, which JSON can spell and UTF-8 cannot."""
    return not _SURROGATE.search(text)


def _named(field: str) -> str:
    return field or "the body"


def _seen(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, int | float):
        return f"the number {quote(str(value))[1:-1]}" if abs(value) < 10**30 else "so large a number"
    return "an object" if isinstance(value, dict) else "a list"
