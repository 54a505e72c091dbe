"""HTTP: what is answered, and what no client can do to another."""

import asyncio
import contextlib
import socket

import pytest
from prometheus_client import CollectorRegistry, Gauge

from ptrd.control import http
from ptrd.control.http import HttpError, HttpServer, bind_http
from ptrd.control.options import HttpOptions


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


class Site:
    """A server on a free port, with a registry of one gauge."""

    def __init__(self, host="127.0.0.1"):
        registry = CollectorRegistry()
        Gauge("ptrd_answer", "The answer.", registry=registry).set(42)
        listener = bind_http(HttpOptions(host, 0))
        self.address = listener.getsockname()[:2]
        self.health = Health()
        self.server = HttpServer(listener, self.health, registry)

    async def __aenter__(self):
        await self.server.start()
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    async def connect(self):
        """Open a connection."""
        return await asyncio.open_connection(*self.address)

    async def get(self, path, *headers):
        """Fetch a path and give (status, headers, body)."""
        reader, writer = await self.connect()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body.decode()


async def closed(reader):
    """Wait until the server has closed."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass


def test_metrics_are_written_for_prometheus():
    """Both formats that Prometheus asks for are given, each under its own content type."""

    async def run():
        async with Site() as site:
            status, headers, body = await site.get("/metrics")
            assert status == 200
            assert headers["Content-Type"].startswith("text/plain; version=")
            assert "ptrd_answer 42.0" in body
            status, headers, body = await site.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0")
            assert headers["Content-Type"].startswith("application/openmetrics-text")
            assert body.endswith("# EOF\n")

    asyncio.run(run())


def test_health_is_the_workers():
    """/healthz is 200 while every worker answers, else 503 with the reasons, a line each."""

    async def run():
        async with Site("::1") as site:
            assert (await site.get("/healthz"))[::2] == (200, "ok\n")
            site.health.sick = ["worker 0 does not answer", "worker 1 does not answer"]
            assert (await site.get("/healthz"))[::2] == (503, "worker 0 does not answer\nworker 1 does not answer\n")

    asyncio.run(run())


def test_readiness_is_the_zones():
    """/readyz is 503 until zones are served; being degraded is said but is no reason to send queries elsewhere."""

    async def run():
        async with Site() as site:
            site.health.reasons = ["no zones are served yet"]
            assert (await site.get("/readyz"))[::2] == (503, "no zones are served yet\n")
            site.health.reasons = []
            assert (await site.get("/readyz"))[::2] == (200, "ready\n")
            site.health.degraded = "the zone files have 1 error"
            assert (await site.get("/readyz"))[::2] == (200, "ready, but degraded: the zone files have 1 error\n")
            assert (await site.get("/healthz"))[::2] == (200, "ok, but degraded: the zone files have 1 error\n")

    asyncio.run(run())


def test_other_pages():
    """There is a page for people, and nothing else; the server does not tell what it is made of."""

    async def run():
        async with Site() as site:
            status, headers, body = await site.get("/")
            assert status == 200
            assert "/metrics" in body
            assert headers["Server"] == "ptrd"
            assert (await site.get("/../etc/passwd"))[0] == 404
            assert (await site.get("/metrics", "X: " + "y" * 5000))[0] == 400

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent", [b"", b"GET /metr", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"]
)
def test_idle_connections_are_closed(monkeypatch, sent):
    """A client that stops, before, in or after a request, is closed after a while, and others are answered."""
    monkeypatch.setattr(http, "PATIENCE", 0.5)

    async def run():
        async with Site() as site:
            reader, writer = await site.connect()
            writer.write(sent)
            assert (await site.get("/healthz"))[0] == 200
            await asyncio.wait_for(closed(reader), 10)
            writer.close()

    asyncio.run(run())


def test_a_full_house_makes_room(monkeypatch):
    """At the cap the connection that is idle longest is closed, and the newcomer is answered."""
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 3)

    async def run():
        async with Site() as site:
            sleepers = [await site.connect() for _ in range(3)]
            for _ in range(2):
                assert (await site.get("/healthz"))[0] == 200
            await asyncio.wait_for(closed(sleepers[0][0]), 10)
            for _, writer in sleepers:
                writer.close()

    asyncio.run(run())


def test_a_busy_port_is_a_sentence():
    """A port in use is noticed when the server starts, and the sentence says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HttpError, match=rf"cannot listen on 127.0.0.1:{port} for HTTP: it is in use; .* change"):
            bind_http(HttpOptions("127.0.0.1", port))


def test_a_foreign_address_is_a_sentence():
    """An address that this machine does not have is named."""
    with pytest.raises(HttpError, match=r"cannot listen on \[2001:db8::1\]:80 for HTTP: "):
        bind_http(HttpOptions("2001:db8::1", 80))
