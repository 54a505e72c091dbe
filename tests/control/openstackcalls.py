"""The OpenStack dialect by call: two projects with EIPs, and a client that checks of every answer what clients need."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple
from urllib.parse import unquote

from ptrd.control.actors import ControlError
from ptrd.control.exchange import Request, Routes
from ptrd.control.openstack.dialect import OpenStackApi
from ptrd.control.settings import ApiSettings
from tests.control.fakelink import OPERATOR, make_cases, make_project

HERE = "http://dns.example"
REGION = "RegionOne"
MAIL = "c5504932-bf23-4171-b655-b87a6bc59334"  # the EIPs of `shop`, as in the recordings
SPARE = "c5504932-bf23-4171-b655-b87a6bc59335"
SIX = "c5504932-bf23-4171-b655-b87a6bc59336"
BLOCK = "c5504932-bf23-4171-b655-b87a6bc59337"
FAR = "c5504932-bf23-4171-b655-b87a6bc59338"
THEIRS = "aaaaaaaa-bf23-4171-b655-b87a6bc59334"  # of `bakery`
EIPS = {
    MAIL: ("203.0.113.10", REGION),
    SPARE: ("203.0.113.11", REGION),
    SIX: ("2001:db8::25", REGION),
    BLOCK: ("2001:db8:7::/64", REGION),
    FAR: ("203.0.113.12", "eu-de"),
}
COLLECTION = "/openstack/v2/reverse/floatingips"
UNDERSTOOD = {200, 202, 400, 401, 403, 404, 409, 413, 500, 503}  # designateclient takes any other for success


class Answer(NamedTuple):
    """What a client gets."""

    status: int
    body: dict
    headers: dict


def key(eip, region=REGION):
    """Give the path of a floating IP."""
    return f"{COLLECTION}/{region}:{eip}"


class World:
    """The dialect over a store in a folder."""

    def __init__(self, folder, *, quota=50, public_url=HERE):
        self.cases = make_cases(folder)
        self.link = self.cases.link
        self.api = OpenStackApi(self.cases, ApiSettings(public_url))
        self.routes = Routes(self.api.routes())
        asyncio.run(self._fill(quota))

    async def _fill(self, quota):
        self.shop = await make_project(self.cases, quota=quota)
        self.bakery = await make_project(self.cases, "bakery")
        for eip, (address, region) in EIPS.items():
            await self.add_eip(eip, address, region, self.shop)
        await self.add_eip(THEIRS, "198.51.100.7", REGION, self.bakery)

    async def add_eip(self, eip, address, region, owner):
        """Give an address or a prefix to a project."""
        await self.cases.inventory.add_eip(
            OPERATOR, address, id=eip, region=region, project=owner.project, request_id="req-0"
        )

    def do(self, coroutine):
        """Run a use case beside the dialect."""
        return asyncio.run(coroutine)

    def ask(self, method, path, body=None, *, actor="shop", headers=(), query=(), raw=None):
        """Send a request as an edge would, with the actor that the authenticator found, and check the answer."""
        request = Request(
            method,
            unquote(path),
            query=tuple(query),
            headers=(("Host", "other.example"), *headers),
            body=raw if raw is not None else b"" if body is None else json.dumps(body).encode(),
            raw_path=path,
            id="req-7f3c",
            actor=getattr(self, actor) if isinstance(actor, str) else actor,
        )
        return self.send(request)

    def send(self, request):
        """Route a request; whatever the answer is, it is one that each client can read."""
        assert self.api.owns(request.path)
        route, values, methods = self.routes.find(request.method, request.path)
        if route is None:
            response = self.api.nothing_here(request, methods)
        elif request.actor is None and not route.public:
            response = self.api.refuse(request, ControlError("unauthenticated", "send a token"))
        else:
            request.values = dict(values)
            response = asyncio.run(route.handler(request))
        body = json.loads(response.data())
        assert response.status in UNDERSTOOD
        assert response.headers["x-openstack-request-id"] == request.id
        assert isinstance(body, dict) and body  # an empty one crashes `set`, null crashes openstacksdk
        assert "next" not in body.get("links", {})  # would be followed for ever
        if response.status >= 400:
            assert body["code"] == response.status and body["type"] and body["message"]
            assert body["request_id"] == request.id
        return Answer(response.status, body, response.headers)

    def set(self, eip=MAIL, name="mail.example.com.", *, region=REGION, **fields):
        """Name an address."""
        return self.ask("PATCH", key(eip, region), {"ptrdname": name, **fields})

    def show(self, eip=MAIL, region=REGION):
        """Show an address."""
        return self.ask("GET", key(eip, region))
