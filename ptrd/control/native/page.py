"""The native API for people: one page made of the OpenAPI document, with nothing remote and no script in it."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

from ptrd.control.native.problems import KINDS

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
_STYLE: Final = """\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem;overflow:auto}
summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;width:4.5rem}
table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15rem 1rem .15rem 0}
h2{border-bottom:1px solid #ccc;margin-top:2rem}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}pre{background:#282828}a{color:#8bf}}
"""


def page(document: dict[str, Any]) -> bytes:
    """Write the page."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}: native API</h1>",
        *(f"<p>{_text(paragraph)}</p>" for paragraph in info["description"].split("\n\n")),
        f"<p>All paths begin with <code>{escape(document['servers'][0]['url'])}</code>.",
        " The same for programs: <a href=openapi.json>openapi.json</a>.</p>",
    ]
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in _operations(document)):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [
            _operation(method, path, operation)
            for method, path, operation in _operations(document)
            if operation["tags"][0] == tag
        ]
    parts.append("<h2>Problems</h2><table><tr><th>code<th>status<th>meaning")
    parts += [
        f"<tr id={escape(str(code))}><td><code>{escape(str(code))}</code><td>{kind.status}<td>{escape(kind.title)}"
        for code, kind in KINDS.items()
    ]
    parts.append("</table><h2>Schemas</h2>")
    parts += [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "".join([*parts, "</html>\n"]).encode()


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<details id=op-{escape(operation['operationId'])}>",
        f"<summary><b>{method}</b> <code>{escape(path)}</code> {_text(operation['summary'])}</summary>",
    ]
    if "description" in operation:
        parts.append(f"<p>{_text(operation['description'])}</p>")
    if "parameters" in operation:
        parts.append("<table>")
        parts += [
            f"<tr><td><code>{escape(parameter['name'])}</code><td>{parameter['in']}"
            f"<td>{_text(parameter.get('description', ''))}"
            for parameter in operation["parameters"]
        ]
        parts.append("</table>")
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_content(operation['requestBody'])}</p>")
    parts.append("<table>")
    parts += [
        f"<tr><td>{status}<td>{_text(answer['description'])}<td>{_content(answer)}"
        for status, answer in operation["responses"].items()
    ]
    return "".join([*parts, "</table></details>"])


def _content(holder: dict[str, Any]) -> str:
    """Write the media type and schema of a body."""
    written = []
    for media, content in holder.get("content", {}).items():
        schemas = content["schema"].get("anyOf", [content["schema"]])
        names = [schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema]
        links = " or ".join(f"<a href=#schema-{escape(name)}>{escape(name)}</a>" for name in names)
        written.append(links or f"<code>{escape(media)}</code>")
    return ", ".join(written)


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return (
        f"<details id=schema-{escape(name)}><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>"
    )


def _text(text: str) -> str:
    """Write a sentence; what stands between backquotes is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
