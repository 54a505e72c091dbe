"""A client of the native API, by call: routes as the edge does, and every answer is held against the document."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from jsonschema import Draft202012Validator

from ptrd.control.actors import Actor, Role
from ptrd.control.credentials import Credentials
from ptrd.control.exchange import Request, Routes
from ptrd.control.native.dialect import NativeApi
from ptrd.control.native.openapi import ROOT
from ptrd.control.repeats import Repeats
from ptrd.control.settings import ApiSettings
from ptrd.store.vault import open_vault
from tests.control.fakelink import OPERATOR, FakeLink, make_cases, make_project

PREFIX_ADDRESS = "2001:db8:1::7"  # in a prefix of shop
EIPS = (
    ("192.0.2.1", "web1", "shop"),
    ("2001:db8:1::/64", "net", "shop"),
    ("192.0.2.99", "secret1", "other"),
)
_numbers = count(1)


@dataclass
class Here:
    """An API over a database in a folder, with two projects: `shop`, which has two EIPs, and `other`, with one."""

    api: NativeApi
    cases: object
    link: FakeLink
    operator: Client
    shop: Client
    reader: Client  # of shop
    other: Client


@asynccontextmanager
async def opened(folder, quota=50):
    """Give an API with EIPs `north:web1` (192.0.2.1) and `north:net` (2001:db8:1::/64) of shop, one of other."""
    bare = make_cases(folder)
    vault = open_vault(folder / "master.key", make=True)
    cases = replace(bare, credentials=Credentials(bare.link, vault))
    try:
        shop = await make_project(cases, "shop", quota=quota)
        other = await make_project(cases, "other")
        for place, eip, project in EIPS:
            await cases.inventory.add_eip(OPERATOR, place, id=eip, region="north", project=project, request_id="req-0")
        api = NativeApi(cases, ApiSettings(), Repeats(cases.link, vault))
        reader = Actor("token:reader", Role.READER, shop.project, shop.account, "2" * 32)
        yield Here(
            api,
            cases,
            cases.link,
            Client(api, OPERATOR),
            Client(api, shop),
            Client(api, reader),
            Client(api, other),
        )
    finally:
        cases.link.close()


class Client:
    """Speaks for one actor; `as_` gives one that speaks for another."""

    def __init__(self, api, actor):
        self.api = api
        self.actor = actor
        self._routes = Routes(api.routes())

    def as_(self, actor):
        """Give a client of another actor."""
        return Client(self.api, actor)

    async def send(self, method, path, body=None, *, headers=None, media="application/json"):
        """Send a request to a path below /api/v1, as it stands in a URL; a body is JSON unless it is bytes."""
        parts = urlsplit(path)
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = dict(headers or {})
        if content and media:
            sent.setdefault("Content-Type", media)
        request = Request(
            method,
            unquote(ROOT + parts.path, errors="surrogateescape"),
            tuple(parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")),
            tuple(sent.items()),
            content,
            raw_path=ROOT + path,
            id=f"req-{next(_numbers)}",
            actor=self.actor,
        )
        route, values, methods = self._routes.find(method, request.path)
        if route is None:
            response = self.api.nothing_here(request, methods)
            check(self.api.document, "Problem", response)
            return response
        request.values = dict(values)
        response = await route.handler(request)
        check_answer(self.api.document, method, route.pattern.removeprefix(ROOT), response)
        return response

    async def get(self, path, status=200):
        """Get what must be there; give its body."""
        return await self.expect(status, "GET", path)

    async def expect(self, status, method, path, body=None, **more):
        """Send a request that must be answered with a status; give the body."""
        response = await self.send(method, path, body, **more)
        assert response.status == status, (response.status, response.body)
        return response.body

    async def refused(self, status, code, method, path, body=None, field=None, **more):
        """Send a request that must be refused with a status, a code and perhaps a field; give the problem."""
        problem = await self.expect(status, method, path, body, **more)
        assert problem["code"] == code, problem
        assert field is None or problem.get("field") == field, problem
        return problem


def ptr(address):
    """Give the path of an address."""
    return f"/ptrs/{quote(address, safe='')}"


def check_answer(document, method, path, response):
    """Hold an answer against what the document has for it."""
    known = document["paths"][path][method.lower()]["responses"]
    assert str(response.status) in known, (method, path, response.status, response.body)
    content = known[str(response.status)].get("content")
    if content is None:
        assert response.data() == b""
        return
    media = re.split(" *;", response.headers.get("Content-Type", "application/json"))[0]
    assert media in content, (method, path, media)
    if media.endswith("json"):
        schema = content[media]["schema"]
        _validate(document, schema, json.loads(response.data()))


def check(document, name, response):
    """Hold a body against a schema by its name."""
    _validate(document, {"$ref": f"#/components/schemas/{name}"}, json.loads(response.data()))


def _validate(document, schema, body):
    whole = {**schema, "components": document["components"]}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(body)]
    assert not errors, (errors, body)


def run(work):
    """Run a coroutine to its end, within a minute."""
    return asyncio.run(asyncio.wait_for(work, 60))
