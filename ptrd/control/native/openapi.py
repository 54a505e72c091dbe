"""The OpenAPI 3.1 document of the native API: made of its operations and their schemas, so that it says what is so.

It refers to nothing outside itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ptrd import __version__
from ptrd.control.actors import Code, Role
from ptrd.control.native.parameters import HEADERS, PARAMETERS, PATH_VALUES
from ptrd.control.native.problems import INTERNAL, KINDS, MEDIA, MEDIA_TYPE
from ptrd.control.native.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrd.control.native.call import Operation

ROOT: Final = "/api/v1"
_EVERYWHERE: Final = (Code.INVALID, Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.THROTTLED, Code.BUSY, INTERNAL)
_WITH_BODY: Final = (Code.TOO_LARGE, MEDIA)
_RAW: Final = {"application/json": "object", "text/html": "string"}  # answers that have no schema of their own
_INTRODUCTION: Final = """\
PTR records of the addresses that projects have, live in DNS within a second.

Every answer names the request in `X-Request-Id`. A change is answered when it is committed; its `status` is `PENDING_*`
until every worker serves it, and `?wait=SECONDS` waits for that. `?dry_run=true` checks a change and tells what it
would do. `ETag` and `If-Match` keep two people from overwriting each other; `Idempotency-Key` lets a change be repeated
safely. What is not your project's is answered like what does not exist."""
_ROLES: Final = {
    Role.READER: "Any credential.",
    Role.WRITER: "Needs the role writer.",
    Role.OPERATOR: "Needs an operator.",
}


def document(operations: Iterable[Operation], public_url: str = "") -> dict[str, Any]:
    """Write the document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ptrd", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": public_url.rstrip("/") + ROOT}],
        "security": [{"token": []}, {"bearer": []}, {"basic": []}, {"signature": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "SDK-HMAC-SHA256 with an access key",
                },
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [re.split(r"[/:]", operation.path)[1]],
        "responses": _responses(operation),
    }
    if operation.public:
        written["security"] = []
    else:
        written["description"] = _ROLES[operation.role]
    if parameters := _parameters(operation):
        written["parameters"] = parameters
    if operation.media != "application/json":
        written["requestBody"] = {"required": True, "content": {operation.media: {"schema": {"type": "string"}}}}
    elif operation.body:
        written["requestBody"] = {"required": True, "content": {operation.media: {"schema": _see(operation.body)}}}
    return written


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    found = [{"name": name, "in": "path", "required": True, **PATH_VALUES[name]} for name in names]
    found += [{"name": name, "in": "query", **PARAMETERS[name]} for name in operation.parameters]
    headers = [*operation.headers, *(["Idempotency-Key"] if operation.writes else [])]
    return found + [{"name": name, "in": "header", **HEADERS[name]} for name in headers]


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, name in operation.answers.items():
        description = {201: "Created", 204: "Done"}.get(status, "As asked")
        found[str(status)] = {"description": description}
        if name:
            schema: dict[str, Any]
            schema, media = (_see(name), "application/json") if name in SCHEMAS else ({"type": _RAW[name]}, name)
            if operation.writes and status == 200 and name + "Edit" in SCHEMAS:
                schema = {"anyOf": [schema, _see(name + "Edit")]}
            found[str(status)]["content"] = {media: {"schema": schema}}
    codes = [*(() if operation.public else _EVERYWHERE), *operation.codes]
    if operation.writes:
        codes.append(Code.KEY_REUSED)
    if operation.body or operation.media != "application/json":
        codes += _WITH_BODY
    for code in codes:
        status, title = KINDS[code]
        known = found.setdefault(str(status), {"description": "", "content": {MEDIA_TYPE: {"schema": _see("Problem")}}})
        known["description"] = "; ".join(filter(None, [known["description"], f"`{code}`: {title}"]))
    return dict(sorted(found.items()))


def _see(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
