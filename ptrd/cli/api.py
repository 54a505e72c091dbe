"""One client of the native API, whichever way it goes: over the control socket, or over HTTP with a token.

What the server refuses is RefusedError with its sentence; that it cannot be asked is UnreachableError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from ptrd import PtrdError
from ptrd.cli.client import UnreachableError, ask
from ptrd.cli.options import DEFAULT_CONFIG, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

ROOT: Final = "/api/v1"
PAGE: Final = 1000
MAX_BODY: Final = 500_000  # bytes of a request that is one of several: what a server takes at once, and to spare

_TOKEN_HINT: Final = "name a valid one in PTRD_TOKEN or in a file with --token-file"  # noqa: S105 - a sentence


class Message(NamedTuple):
    """A request: `path` is percent-encoded, `body` is text or None."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: str | None


class Answer(NamedTuple):
    """What came back: `body` is the JSON value, or text, or None for none."""

    status: int
    body: Any


Sender = Callable[[Message], Answer]


class RefusedError(PtrdError):
    """The server said no. `code` is for programs; each of `faults` has detail, perhaps index and field."""

    def __init__(self, sentence: str, code: str = "", faults: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(sentence)
        self.code = code
        self.faults = tuple(faults)


class Api:
    """The native API of one server."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def get(self, *path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Get what is there. A parameter that is None is left out; a list is one parameter several times."""
        return self.call("GET", *path, query=query)

    def call(
        self,
        method: str,
        *path: str,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask for one thing; give the JSON value of the answer. A body is JSON, unless it is text of another media."""
        sent = dict(headers or {})
        text: str | None = None
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            sent["Content-Type"] = media
        place = "/".join([ROOT, *(quote(part, safe=":") for part in path)])
        answer = self._send(Message(method, place, list(_pairs(query or {})), sent, text))
        if 200 <= answer.status < 300:
            return answer.body
        raise _refusal(answer)

    def pages(self, path: str, key: str, **query: object) -> Iterator[dict[str, Any]]:
        """Give the items of all pages of a list."""
        marker = None
        while True:
            page = self.get(path, marker=marker, limit=PAGE, **query)
            yield from page[key]
            marker = page["next_marker"]
            if marker is None:
                return


def open_api(arguments: argparse.Namespace) -> Api:
    """Give the API of the server that the command line means. Raises UsageError, PtrdError."""
    # A configuration that is named means the server that runs on it, whatever the environment says.
    url = arguments.url or (os.environ.get("PTRD_URL") if arguments.config == DEFAULT_CONFIG else None)
    if url:
        from ptrd.cli.http import open_http  # noqa: PLC0415 - the control socket needs nothing of it

        return Api(open_http(url, arguments.token_file, insecure=arguments.insecure_http))
    if arguments.token_file or arguments.insecure_http:
        raise UsageError("--token-file and --insecure-http go with --url; the control socket needs no token")
    from ptrd.config import load_config  # noqa: PLC0415 - over HTTP no configuration is read

    return Api(over_socket(load_config(arguments.config).local.path))


def over_socket(path: Path) -> Sender:
    """Send over the control socket, where whoever may open it is an operator."""

    def send(message: Message) -> Answer:
        reply = ask(path, {"command": "api", **message._asdict()})
        if not reply.get("ok"):
            raise RefusedError(str(reply.get("error", "the server gave no reason")))
        return Answer(reply["result"]["status"], reply["result"].get("body"))

    return send


def _pairs(query: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, bool):
                if item:
                    yield name, "true"
            elif item is not None:
                yield name, f"{item:g}" if isinstance(item, float) else str(item)


def _refusal(answer: Answer) -> PtrdError:
    problem = answer.body
    if not isinstance(problem, dict) or "detail" not in problem:
        return UnreachableError(f"what answers there is no ptrd: it said {answer.status} without a reason")
    code = str(problem.get("code", ""))
    sentence = str(problem["detail"])
    if code == "unauthenticated":
        sentence = f"the token is not accepted: {sentence}; {_TOKEN_HINT}"
    return RefusedError(sentence, code, problem.get("errors", ()))
