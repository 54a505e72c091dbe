"""The Huawei dialect over use cases in a folder, with two tenants that must not see each other; asked by call."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl, unquote, urlsplit

from ptrd.control.actors import Actor, Role
from ptrd.control.exchange import Request, Routes
from ptrd.control.huawei.dialect import HuaweiApi
from ptrd.control.refs import ref_of_resource
from ptrd.control.settings import ApiSettings
from ptrd.records.management import Account, Eip, Project
from ptrd.records.values import parse_prefix
from tests.control.fakelink import OPERATOR, address, make_cases

URL = "https://ptr.example.net"
ACCOUNT, PROJECT = "dom1", "0123456789abcdef0123456789abcdef"
OTHER_ACCOUNT, OTHER_PROJECT = "dom2", "fedcba9876543210fedcba9876543210"
REGION, EIP = "cn-north-4", "c5504932-bf23-4171-b655-b87a6bc59334"
RESOURCE = f"{REGION}:{EIP}"
ADDRESS = "203.0.113.10"
ONE = f"/v2/reverse/floatingips/{RESOURCE}"
LIST = "/v2/reverse/floatingips"
BATCH = "/v2.1/reverse/floatingips"
PTRS = "/v2.1/ptrs"
TAGS = f"/v2/{PROJECT}/DNS-ptr_record"
FOREIGN, ABSENT = f"{REGION}:foreign", f"{REGION}:absent"

WRITER = Actor("key:AKEXAMPLE", Role.WRITER, PROJECT, ACCOUNT)
READER = Actor("token:reader", Role.READER, PROJECT, ACCOUNT)
STRANGER = Actor("key:OTHER", Role.WRITER, OTHER_PROJECT, OTHER_ACCOUNT)


class World:
    """Use cases over a new store, and the dialect; `quota` is that of the first account.

    The first tenant has the EIP of the recordings, the same id in eu-de, `one` to `nine` (198.51.100.1 and on), and the
    prefix `net`, 2001:db8::/64. The second has `foreign`, 192.0.2.1.
    """

    def __init__(self, folder, quota=50):
        self.loop = asyncio.new_event_loop()
        self.cases = make_cases(folder)
        self.link = self.cases.link
        self.api = HuaweiApi(self.cases, ApiSettings(public_url=URL))
        self.routes = Routes(self.api.routes())
        self.run(self.link.change(lambda store: _fill(store, quota), actor=OPERATOR, request_id="req-0"))

    def close(self):
        """End."""
        self.link.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, coroutine):
        """Wait for something."""
        return self.loop.run_until_complete(coroutine)

    def call(self, method, target, body=None, *, actor=WRITER, headers=()):
        """Send one request as the HTTP server would; give its Response. `body` is bytes as sent, or JSON-able."""
        parts = urlsplit(target)
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(
            method, unquote(parts.path), query, tuple(headers), data, raw_path=target, id="req-1", actor=actor
        )
        route, values, methods = self.routes.find(request.method, request.path)
        if route is None:
            return self.api.nothing_here(request, methods)
        request.values = dict(values)
        response = self.run(route.handler(request))
        response.data()  # every body can be written
        return response

    def ok(self, method, target, body=None, *, status=200, **options):
        """Send a request that succeeds; give the body of its answer."""
        response = self.call(method, target, body, **options)
        assert response.status == status, (method, target, body, response)
        return response.body

    def refused(self, method, target, body=None, **options):
        """Send a request that is refused; give (status, code)."""
        response = self.call(method, target, body, **options)
        assert response.status >= 400, (method, target, body, response)
        assert set(response.body) == {"code", "message"}
        assert 8 <= len(response.body["code"]) <= 36
        assert 2 <= len(response.body["message"]) <= 512
        assert response.headers["X-Request-Id"] == "req-1"
        return response.status, response.body["code"]

    def named(self, name="www.example.com", resource=RESOURCE, **fields):
        """Give an address a name, and what else it is to have; gives the answer."""
        return self.ok("PATCH", f"{LIST}/{resource}", {"ptrdname": name, **fields}, status=202)

    def ref(self, resource=RESOURCE):
        """Refer to an address."""
        return ref_of_resource(resource)

    def record_address(self):
        """Give the address that most tests name."""
        return address(ADDRESS)

    def record(self, resource=RESOURCE):
        """Give the record behind an id, None when there is none."""
        return self.run(self.cases.pointers.show(OPERATOR, ref_of_resource(resource))).pointer

    def journal(self):
        """Give all that was noted: (action, after) of each row."""
        return [(entry.action, entry.after) for entry in self.run(self.link.read(lambda store: store.journal()))]


def _fill(store, quota):
    for account, limit in ((ACCOUNT, quota), (OTHER_ACCOUNT, 50)):
        store.put_account(Account(account, f"account {account}", limit))
    store.put_project(Project(PROJECT, "shop", ACCOUNT))
    store.put_project(Project(OTHER_PROJECT, "rival", OTHER_ACCOUNT))
    store.put_eip(Eip(EIP, REGION, PROJECT, parse_prefix(f"{ADDRESS}/32")))
    store.put_eip(Eip(EIP, "eu-de", PROJECT, parse_prefix("203.0.113.11/32")))
    for number, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), 1):
        store.put_eip(Eip(name, REGION, PROJECT, parse_prefix(f"198.51.100.{number}/32")))
    store.put_eip(Eip("net", REGION, PROJECT, parse_prefix("2001:db8::/64")))
    store.put_eip(Eip("foreign", REGION, OTHER_PROJECT, parse_prefix("192.0.2.1/32")))
