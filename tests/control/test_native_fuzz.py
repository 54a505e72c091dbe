"""schemathesis over the OpenAPI document: nothing is answered with 5xx, nor otherwise than the document says."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import count, cycle
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_wsgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ptrd.control.exchange import Request, Routes
from tests.control.nativeclient import opened, ptr
from tests.control.test_native_isolation import fill

EXAMPLES = 6  # of each operation, right and wrong
SECONDS = 30.0  # of this process's own time for each half; on a machine that is too slow the rest is left out
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Adapter:
    """A WSGI application over the native API, by call on a loop; clients take turns."""

    def __init__(self, loop, *clients):
        self._loop = loop
        self._clients = cycle(clients)
        self._api = clients[0].api
        self._routes = Routes(self._api.routes())
        self._numbers = count(1)
        self.statuses = set()

    def __call__(self, environ, start_response):
        """Answer one request."""
        response = self._loop.run_until_complete(self._answer(environ))
        self.statuses.add(response.status)
        content = response.data()
        headers = {"Content-Type": "application/json", **response.headers}
        if response.status == 204:
            del headers["Content-Type"]
        start_response(f"{response.status} -", list(headers.items()))
        return [content]

    async def _answer(self, environ):
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "surrogateescape")
        headers = [(key[5:].replace("_", "-"), value) for key, value in environ.items() if key.startswith("HTTP_")]
        if environ.get("CONTENT_TYPE"):
            headers.append(("Content-Type", environ["CONTENT_TYPE"]))
        request = Request(
            environ["REQUEST_METHOD"],
            path,
            tuple(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, errors="surrogateescape")),
            tuple(headers),
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
            raw_path=path,
            id=f"req-{next(self._numbers)}",
            actor=next(self._clients).actor,
        )
        route, values, methods = self._routes.find(request.method, path)
        if route is None:
            return self._api.nothing_here(request, methods)
        request.values = dict(values)
        return await route.handler(request)


def likely(known):
    """Give a strategy for what makes a random request hit something that is there."""
    names = st.lists(st.sampled_from(["a.example.com", "B.example.com.", "c-d.example.org"]), min_size=1, unique=True)
    return st.fixed_dictionaries(
        {
            "path": st.booleans(),
            "names": st.none() | names,
            "address": st.none() | st.sampled_from(["192.0.2.1", "192.0.2.99", "2001:db8:1::7", "2001:db8:1::8"]),
            "project": st.none() | st.just(known["project"]),
        }
    )


def aim(case, known, hints):
    """Put what is there into a case, where the hints say so."""
    if hints["path"]:
        ids = {"eips": "web1", "tokens": known["token"], "keys": known["key"], "accounts": known["account"]}
        ids |= {"projects": known["project"], "application-credentials": known["application"]}
        place = case.operation.path.split("/")[1]
        there = {"address": hints["address"] or "192.0.2.1", "region": "north", "name": known["user"]}
        there |= {"id": ids.get(place, "web1"), "project": known["project"]}
        case.path_parameters = {name: there[name] for name in case.path_parameters or {}}
    if isinstance(case.body, dict):
        for name in ("names", "address", "project"):
            if name in case.body and hints[name] is not None:
                case.body[name] = hints[name]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_nothing_breaks_and_everything_is_as_described(tmp_path, mode):
    """No answer is 5xx, and each has a status, a type, headers and a body that the document has for it."""
    loop = asyncio.new_event_loop()
    context = opened(tmp_path)
    try:
        here = loop.run_until_complete(context.__aenter__())
        known = loop.run_until_complete(fill(here))
        loop.run_until_complete(here.shop.expect(201, "PUT", ptr("192.0.2.1"), {"names": ["w.example.com"]}))
        adapter = Adapter(loop, here.operator, here.shop)
        operations = [one.ok() for one in from_wsgi("/api/v1/openapi.json", adapter).get_all_operations()]
        assert len(operations) == len(here.api.operations) - 1  # the document itself is how it got there
        end = time.process_time() + SECONDS
        tried = [try_operation(one, mode, known) for one in operations if time.process_time() < end]
        assert sum(tried) > EXAMPLES
        assert {200, 400, 403} <= adapter.statuses
        assert mode is GenerationMode.NEGATIVE or {201, 409} & adapter.statuses
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def try_operation(operation, mode, known):
    """Send requests that fit an operation, or do not; tell how many."""
    strategy = operation.as_strategy(generation_mode=mode)
    numbers = count()

    @seed(53)
    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy, hints=likely(known))
    def attempt(case, hints):
        next(numbers)
        aim(case, known, hints)
        case.call_and_validate(checks=CHECKS)

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with an operation that takes nothing
        attempt()
    return next(numbers)
