"""An HTTP server on a free port, over the real dialects and use cases in a folder, and a client that sends bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json

from prometheus_client import CollectorRegistry, Gauge

from ptrd.control.api import Api
from ptrd.control.authenticate import Authenticator
from ptrd.control.edge import Edge
from ptrd.control.exchange import Response, Route
from ptrd.control.http import HttpServer, bind_http
from ptrd.control.huawei.dialect import HuaweiApi
from ptrd.control.mount import make_cases
from ptrd.control.native.dialect import NativeApi
from ptrd.control.openstack.dialect import OpenStackApi
from ptrd.control.openstack.keystone import Keystone
from ptrd.control.options import HttpOptions
from ptrd.control.repeats import Repeats
from ptrd.control.settings import ApiSettings
from ptrd.store.certificate import CertificateKeeper
from ptrd.store.vault import Vault
from tests.control.fakelink import OPERATOR, FakeLink, make_project
from tests.serve.certificates import NAME, client_context

REGION, EIP, ADDRESS = "eu-1", "mail", "192.0.2.10"
RESOURCE = f"{REGION}:{EIP}"


class Health:
    """Commands as far as HTTP asks them."""

    def __init__(self):
        self.sick = []
        self.reasons = []
        self.degraded = ""

    async def ailments(self):
        """Say what is wrong with the workers."""
        return self.sick

    def unready(self):
        """Say why nothing is served."""
        return self.reasons


class Echo:
    """A dialect that tells what reached it; `/echo/wait` answers when `gate` is set."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.waiting = 0

    def routes(self):
        """List the operations, which are for everybody."""
        return [
            Route("GET", "/echo/wait", self.wait, "wait", public=True),
            Route("GET", "/echo/surrogate", self.surrogate, "surrogate", public=True),
            *(Route(method, "/echo/{rest}", self.tell, "tell", public=True) for method in ("GET", "POST")),
        ]

    @staticmethod
    def owns(path):
        """Tell whether a path is ours."""
        return path.startswith("/echo/")

    def refuse(self, _request, error):
        """Refuse."""
        return Response(400, {"echo": error.code, "sentence": str(error)})

    def nothing_here(self, _request, methods):
        """Say that nothing is there."""
        return Response(404, {"echo": methods})

    def failed(self, _request):
        """Say that it is our fault."""
        return Response(500, {"echo": "failed"})

    async def tell(self, request):
        """Tell all there is to a request."""
        values = ("method", "path", "raw_path", "query", "headers", "id", "source", "secure", "values")
        told = {name: getattr(request, name) for name in values}
        return Response(200, told | {"body": request.body.decode("latin-1")})

    async def wait(self, _request):
        """Answer when the gate is open."""
        self.waiting += 1
        await self.gate.wait()
        return Response(200, {})

    async def surrogate(self, _request):
        """Answer with what cannot be encoded."""
        return Response(200, {"text": "\ud800"})


class Site:
    """The server. `tls` are certificate files, `has_api` may be false; `options` are those of HttpOptions.

    `confirmer` makes what looks at names, of the link.
    """

    def __init__(self, folder, host="127.0.0.1", *, tls=None, has_api=True, confirmer=None, **options):
        registry = CollectorRegistry()
        Gauge("ptrd_answer", "The answer.", registry=registry).set(42)
        self.link = FakeLink(folder)
        vault = Vault([bytes(32)], "the test")
        self.cases = make_cases(self.link, vault, confirmer=None if confirmer is None else confirmer(self.link))
        settings = ApiSettings()
        authenticator, repeats = Authenticator(self.cases.credentials.logins), Repeats(self.link, vault)
        huawei, self.echo = HuaweiApi(self.cases, settings), Echo()
        dialects = (
            NativeApi(self.cases, settings, repeats),
            Keystone(self.cases, authenticator, settings),
            OpenStackApi(self.cases, settings),
            huawei,
            self.echo,
        )
        self.api = Api(dialects, authenticator, repeats, versions=huawei.versions)
        chosen = HttpOptions(host, 0, tls=tls, **options)
        listener = bind_http(chosen)
        self.address = listener.getsockname()[:2]
        self.health = Health()
        self.tls = tls
        keeper = None if tls is None else CertificateKeeper(tls, "http", "HTTP")
        edge = Edge(chosen, self.api) if has_api else None
        self.server = HttpServer(listener, self.health, registry, edge, keeper)

    async def __aenter__(self):
        await self.server.start()
        return self

    async def __aexit__(self, *_):
        self.echo.gate.set()
        await self.server.close()
        self.link.close()

    async def tokens(self):
        """Make a project with an EIP; give (a token of an operator, one of its writer)."""
        actor = await make_project(self.cases)
        await self.cases.inventory.add_eip(OPERATOR, ADDRESS, id=EIP, region=REGION, project="shop", request_id="req-0")
        make = self.cases.credentials.create_token
        operator = await make(OPERATOR, request_id="req-0")
        writer = await make(OPERATOR, project=actor.project, request_id="req-0")
        return operator.secret, writer.secret

    async def connect(self, source=None):
        """Open a connection, perhaps from an address of the loopback network."""
        local = None if source is None else (source, 0)
        if self.tls is None:
            return await asyncio.open_connection(*self.address, local_addr=local)
        context = client_context(self.tls)
        context.set_alpn_protocols(["http/1.1"])
        return await asyncio.open_connection(*self.address, local_addr=local, ssl=context, server_hostname=NAME)

    async def send(self, method, path, *headers, body=b"", source=None):
        """Send a request and give (status, headers, body); names of headers are in lower case."""
        reader, writer = await self.connect(source)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        with contextlib.suppress(ConnectionError):
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        try:
            return await read_answer(reader)
        finally:
            writer.close()

    async def get(self, path, *headers, source=None):
        """Fetch a path and give (status, headers, body)."""
        return await self.send("GET", path, *headers, source=source)

    async def told(self, path, *headers, method="GET", body=b""):
        """Give what `/echo/` was told."""
        status, _, text = await self.send(method, path, *headers, body=body)
        assert status == 200, text
        return json.loads(text)


async def read_answer(reader):
    """Read an answer to the end of the connection."""
    answer = await asyncio.wait_for(reader.read(), 20)
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    return int(status.split()[1]), headers, body.decode()


async def closed(reader):
    """Wait until the server has closed."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass


def run(work):
    """Run a coroutine to its end, within a minute."""
    return asyncio.run(asyncio.wait_for(work, 60))
