"""HTTP: the pages that are no API, and what no client can do to another."""

import asyncio
import socket

import pytest

from ptrd.control import http, reception
from ptrd.control.http import HttpError, bind_http, prefers_html
from ptrd.control.options import HttpOptions
from tests.control.httpsite import Site, closed, run
from tests.serve.fakes import until


def test_metrics_are_written_for_prometheus(tmp_path):
    """Both formats that Prometheus asks for are given, each under its own content type."""

    async def work():
        async with Site(tmp_path) as site:
            status, headers, body = await site.get("/metrics")
            assert status == 200
            assert headers["content-type"].startswith("text/plain; version=")
            assert "ptrd_answer 42.0" in body
            status, headers, body = await site.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0")
            assert headers["content-type"].startswith("application/openmetrics-text")
            assert body.endswith("# EOF\n")

    run(work())


def test_health_is_the_workers(tmp_path):
    """/healthz is 200 while every worker answers, else 503 with the reasons, a line each."""

    async def work():
        async with Site(tmp_path, "::1") as site:
            assert (await site.get("/healthz"))[::2] == (200, "ok\n")
            site.health.sick = ["worker 0 does not answer", "worker 1 does not answer"]
            assert (await site.get("/healthz"))[::2] == (503, "worker 0 does not answer\nworker 1 does not answer\n")

    run(work())


def test_readiness_is_the_zones(tmp_path):
    """/readyz is 503 until zones are served; being degraded is said but is no reason to send queries elsewhere."""

    async def work():
        async with Site(tmp_path) as site:
            site.health.reasons = ["no zones are served yet"]
            assert (await site.get("/readyz"))[::2] == (503, "no zones are served yet\n")
            site.health.reasons = []
            assert (await site.get("/readyz"))[::2] == (200, "ready\n")
            site.health.degraded = "the zone files have 1 error"
            assert (await site.get("/readyz"))[::2] == (200, "ready, but degraded: the zone files have 1 error\n")
            assert (await site.get("/healthz"))[::2] == (200, "ok, but degraded: the zone files have 1 error\n")

    run(work())


def test_other_pages(tmp_path):
    """There is a page for people, and the server does not tell what it is made of; HEAD has no body."""

    async def work():
        async with Site(tmp_path) as site:
            status, headers, body = await site.get("/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
            assert status == 200 and headers["content-type"].startswith("text/html")
            assert "/metrics" in body
            assert headers["server"] == "ptrd" and headers["x-request-id"].startswith("req-")
            assert (await site.get("/../etc/passwd"))[0] == 404
            assert (await site.send("DELETE", "/metrics"))[0] == 404
            assert (await site.get("/%72eadyz?x=y"))[0] == 200  # however it is spelled
            assert (await site.get("/metrics", "X: " + "y" * 9000))[0] == 400
            status, headers, body = await site.send("HEAD", "/healthz")
            assert (status, headers["content-length"], body) == (200, "3", "")

    run(work())


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/*", True),
        ("application/json;q=0.5, text/html;q=0.4", False),
        ("text/html;q=x", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
    ],
)
def test_browsers_want_html(accept, html):
    """HTML is for whoever wants it more than JSON (RFC 9110, 12.5.1)."""
    assert prefers_html(accept) is html


@pytest.mark.parametrize(
    "sent", [b"", b"GET /metr", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"]
)
def test_idle_connections_are_closed(tmp_path, monkeypatch, sent):
    """A client that stops, before, in or after a request, is closed after a while, and others are answered."""
    monkeypatch.setattr(reception, "PATIENCE", 0.5)
    monkeypatch.setattr(http, "PATIENCE", 0.5)

    async def work():
        async with Site(tmp_path) as site:
            reader, writer = await site.connect()
            writer.write(sent)
            assert (await site.get("/healthz"))[0] == 200
            await asyncio.wait_for(closed(reader), 10)
            writer.close()

    run(work())


def test_a_full_house_makes_room(tmp_path, monkeypatch):
    """At the cap the connection that is idle longest is closed, and the newcomer is answered."""
    monkeypatch.setattr(reception, "MAX_CONNECTIONS", 3)

    async def work():
        async with Site(tmp_path) as site:
            sleepers = [await site.connect() for _ in range(3)]
            for _ in range(2):
                assert (await site.get("/healthz"))[0] == 200
            await asyncio.wait_for(closed(sleepers[0][0]), 10)
            for _, writer in sleepers:
                writer.close()

    run(work())


def test_a_house_at_work_is_not_disturbed(tmp_path, monkeypatch):
    """At the cap a newcomer is turned away when every connection has a request that is being carried out."""
    monkeypatch.setattr(reception, "MAX_CONNECTIONS", 2)

    async def work():
        async with Site(tmp_path) as site:
            busy = [asyncio.create_task(site.get("/echo/wait")) for _ in range(2)]
            await until(lambda: site.echo.waiting == 2)
            reader, writer = await site.connect()
            await asyncio.wait_for(closed(reader), 10)
            writer.close()
            site.echo.gate.set()
            assert [status for status, _, _ in await asyncio.gather(*busy)] == [200, 200]

    run(work())


def test_the_end_waits_for_no_request_that_hangs(tmp_path):
    """A server that is closed while a request is being carried out ends its connection, soon."""

    async def work():
        async with Site(tmp_path) as site:
            reader, writer = await site.connect()
            writer.write(b"GET /echo/wait HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: site.echo.waiting == 1)
            await asyncio.wait_for(site.server.close(), 10)
            await asyncio.wait_for(closed(reader), 10)
            writer.close()

    run(work())


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
