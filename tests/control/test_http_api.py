"""The API over HTTP: requests reach the dialects as they were sent, and nobody costs more than his share."""

import asyncio
import gzip
import json
import logging

import pytest

from ptrd.control import edge, http
from tests.control.httpsite import ADDRESS, RESOURCE, Site, read_answer, run
from tests.serve.fakes import until

FLOATING = "/v2/reverse/floatingips"


def test_a_request_reaches_the_handler_as_it_was_sent(tmp_path):
    """Path and query are there raw and decoded, colons and %3A alike, headers in order with those that stand twice."""

    async def work():
        async with Site(tmp_path) as site:
            raw = "/echo/eu:a%3Ab%20c?x=%3A1&x=2&empty=&y=a+b"
            told = await site.told(raw, "X-Twice: 1", "X-Other: ü", "x-twice:  2 ", method="POST", body=b'{"a":1}\n')
            assert told["raw_path"] == raw
            assert told["path"] == "/echo/eu:a:b c"
            assert told["query"] == [["x", ":1"], ["x", "2"], ["empty", ""], ["y", "a b"]]
            found = [pair for pair in told["headers"] if pair[0].lower().startswith("x-")]
            assert found == [["X-Twice", "1"], ["X-Other", "ü"], ["x-twice", "2"]]
            assert told["body"] == '{"a":1}\n' and told["method"] == "POST"
            assert (told["source"], told["secure"]) == ("127.0.0.1", False)

    run(work())


def test_a_target_may_be_a_whole_url(tmp_path):
    """Scheme and host before the path, as proxies write them, are no part of it (RFC 9112, 3.2.2)."""

    async def work():
        async with Site(tmp_path) as site:
            told = await site.told("http://elsewhere/echo/a:b?c")
            assert (told["raw_path"], told["path"], told["query"]) == ("/echo/a:b?c", "/echo/a:b", [["c", ""]])

    run(work())


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v2/nothing", {"code", "message"}),
        ("/v2.1/nothing", {"code", "message"}),
        ("/openstack/nothing", {"code", "type", "message", "request_id"}),
        ("/v3/nothing", {"error"}),
        ("/api/v1/nothing", {"type", "title", "status", "detail", "code", "request_id"}),
        ("/nothing", {"type", "title", "status", "detail", "code", "request_id"}),
    ],
)
def test_what_is_not_there_is_said_in_the_dialect_of_the_path(tmp_path, path, shape):
    """404 has the body that clients of that path know, and the request's id in both headers."""

    async def work():
        async with Site(tmp_path) as site:
            status, headers, body = await site.get(path)
            assert (status, set(json.loads(body))) == (404, shape)
            assert headers["x-request-id"] == headers["x-openstack-request-id"]
            assert headers["x-request-id"].startswith("req-") and len(headers["x-request-id"]) == 40

    run(work())


def test_a_token_opens_what_is_its_projects(tmp_path):
    """A real token is let in and its absence is not, in each dialect; HEAD is GET without a body."""

    async def work():
        async with Site(tmp_path) as site:
            _, writer = await site.tokens()
            token = f"X-Auth-Token: {writer}"
            for path in (FLOATING, "/openstack/v2/reverse/floatingips", f"/api/v1/ptrs/{ADDRESS}"):
                assert (await site.get(path))[0] == 401
                assert (await site.get(path, "X-Auth-Token: wrong"))[0] == 401
            status, headers, body = await site.get("/openstack/v2/reverse/floatingips", token)
            assert status == 200 and [one["id"] for one in json.loads(body)["floatingips"]] == [RESOURCE]
            assert headers["cache-control"] == "no-store" and headers["content-type"] == "application/json"
            status, headers, nothing = await site.send("HEAD", "/openstack/v2/reverse/floatingips", token)
            assert (status, nothing, headers["content-length"]) == (200, "", str(len(body.encode())))
            named = json.dumps({"ptrdname": "mail.example.com"}).encode()
            status, _, body = await site.send("PATCH", f"{FLOATING}/{RESOURCE}", token, body=named)
            assert status == 202 and json.loads(body)["ptrdname"] == "mail.example.com."
            assert (await site.get(f"{FLOATING}/{RESOURCE}", f"Authorization: Bearer {writer}"))[0] == 200

    run(work())


def test_options_and_other_methods(tmp_path):
    """OPTIONS tells the methods of a path; another method is answered as its dialect's clients need."""

    async def work():
        async with Site(tmp_path) as site:
            status, headers, _ = await site.send("OPTIONS", f"{FLOATING}/{RESOURCE}")
            assert (status, headers["allow"]) == (204, "GET, HEAD, OPTIONS, PATCH")
            assert (await site.send("OPTIONS", "/v2/nothing"))[0] == 404
            assert (await site.send("PUT", FLOATING))[0] == 405
            assert (await site.send("PUT", "/openstack/v2/reverse/floatingips"))[0] == 404
            assert (await site.send("TRACE", FLOATING))[0] == 405

    run(work())


def test_the_versions_are_at_the_root(tmp_path):
    """`GET /` of a program is the version document, whose links begin with what the client said in Host."""

    async def work():
        async with Site(tmp_path) as site:
            for accept in ((), ("Accept: */*",), ("Accept: application/json",)):
                status, _, body = await site.get("/", *accept)
                assert status == 200
                assert json.loads(body)["versions"][0]["links"][0]["href"].startswith("http://localhost/v2")

    run(work())


def test_a_host_that_is_none_is_refused(tmp_path):
    """A Host header that would spoil links, and a compressed body, are refused before anything else looks at them."""

    async def work():
        async with Site(tmp_path) as site:
            reader, writer = await site.connect()
            writer.write(b"GET /v2 HTTP/1.1\r\nHost: a\xffb/c\r\nConnection: close\r\n\r\n")
            status, _, body = await read_answer(reader)
            writer.close()
            assert status == 400 and json.loads(body)["code"] == "DNS.0002"
            packed = gzip.compress(b"{}")
            status, _, body = await site.send("POST", "/echo/x", "Content-Encoding: gzip", body=packed)
            assert status == 400 and "without Content-Encoding" in body

    run(work())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(tmp_path, chunked):
    """413 in the dialect's shape as soon as it is known, whether the length was told or not; imports may be larger."""

    async def work():
        async with Site(tmp_path) as site:
            operator, _ = await site.tokens()
            for size, path, expected in (
                ((1 << 20) + 1, "/v2.1/ptrs", 413),
                ((1 << 20) + 1, "/api/v1/eips:import?dry_run=true", 400),  # no such columns
                ((4 << 20) + 1, "/api/v1/eips:import?dry_run=true", 413),
            ):
                reader, writer = await site.connect()
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {operator}\r\nContent-Type: text/csv\r\n"
                if chunked:
                    writer.write(f"{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode())
                    writer.write(b"a" * size + b"\r\n0\r\n\r\n")
                else:
                    writer.write(f"{head}Connection: close\r\nContent-Length: {size}\r\n\r\n".encode())
                    writer.write(b"a" * size)
                status, headers, body = await read_answer(reader)
                writer.close()
                assert status == expected, (path, body)
                assert "code" in json.loads(body) and headers["connection"] == "close"

    run(work())


def test_a_body_that_is_slow_is_refused(tmp_path, monkeypatch):
    """A body that does not arrive is an error in the dialect's shape, and the connection ends."""
    monkeypatch.setattr(edge, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http, "LINGER", 0.3)

    async def work():
        async with Site(tmp_path) as site:
            reader, writer = await site.connect()
            writer.write(b"POST /v2.1/ptrs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            status, _, body = await read_answer(reader)
            writer.close()
            assert status == 400 and "did not arrive within" in json.loads(body)["message"]

    run(work())


def test_a_body_that_breaks_off_is_refused(tmp_path, monkeypatch, caplog):
    """A client that goes away in the middle of its body, or counts wrongly, costs a refusal and no line of the log."""
    monkeypatch.setattr(edge, "BODY_SECONDS", 2.0)
    monkeypatch.setattr(http, "LINGER", 0.3)

    async def work():
        async with Site(tmp_path) as site:
            head = b"POST /echo/x HTTP/1.1\r\nHost: x\r\n"
            reader, writer = await site.connect()
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc")
            await writer.drain()
            await site.get("/readyz")
            writer.write(b"de\r\nnonsense\r\n\r\n")
            status, _, _ = await read_answer(reader)
            assert status == 400
            writer.close()
            for reset in (False, True):
                _, writer = await site.connect()
                writer.write(head + b"Content-Length: 100\r\n\r\n{")
                await writer.drain()
                await site.get("/readyz")
                if reset:
                    writer.transport.abort()
                writer.close()
                await until(lambda: len(site.server._reception._deadlines) <= 1)
            assert (await site.send("POST", "/echo/x", body=b"a"))[0] == 200

    run(work())
    assert not caplog.records


def test_an_answer_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    """A handler that hangs is ended, and its client told to look what became of it."""
    monkeypatch.setattr(edge, "ANSWER_SECONDS", 0.2)

    async def work():
        async with Site(tmp_path) as site:
            status, _, body = await site.get("/echo/wait")
            assert status == 400 and json.loads(body)["echo"] == "busy"

    run(work())


def test_requests_at_once_are_bounded(tmp_path, monkeypatch):
    """Beyond the cap of one source it alone is told to try again, beyond that of all everybody; pages go on."""
    monkeypatch.setattr(edge, "MAX_REQUESTS", 3)
    monkeypatch.setattr(edge, "MAX_REQUESTS_PER_SOURCE", 2)

    async def work():
        async with Site(tmp_path) as site:
            waiting = [asyncio.create_task(site.get("/echo/wait")) for _ in range(2)]
            await until(lambda: site.echo.waiting == 2)
            status, headers, body = await site.get("/openstack")
            assert (status, json.loads(body)["type"]) == (503, "service_unavailable") and "retry-after" in headers
            assert (await site.get("/openstack", source="127.0.0.2"))[0] == 200
            waiting.append(asyncio.create_task(site.get("/echo/wait", source="127.0.0.2")))
            await until(lambda: site.echo.waiting == 3)
            status, _, body = await site.get("/api/v1/openapi.json", source="127.0.0.3")
            assert (status, json.loads(body)["code"]) == (503, "busy")
            assert (await site.get("/metrics"))[0] == (await site.get("/healthz"))[0] == 200
            site.echo.gate.set()
            assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200] * 3
            assert (await site.get("/openstack"))[0] == 200

    run(work())


def test_bodies_at_once_are_bounded(tmp_path, monkeypatch):
    """The bytes that all requests together may hold are bounded, and free again when they are answered."""
    monkeypatch.setattr(edge, "MAX_HELD", 1000)

    async def work():
        async with Site(tmp_path) as site:
            status, _, body = await site.send("POST", "/echo/x", body=b"a" * 1001)
            assert status == 400 and json.loads(body)["echo"] == "busy"
            for _ in range(2):
                assert (await site.send("POST", "/echo/x", body=b"a" * 900))[0] == 200

    run(work())


def test_a_fault_of_ours_is_said_in_the_dialect(tmp_path, monkeypatch, caplog):
    """An exception in a handler is a 500 in the shape of its dialect, and one record of the log, which has its id."""

    async def fail(*_arguments, **_options):
        raise RuntimeError("oops")

    async def work():
        async with Site(tmp_path) as site:
            _, writer = await site.tokens()
            for name in ("find", "list_eips", "show"):
                monkeypatch.setattr(site.cases.pointers, name, fail)
            for path, field, value in (
                (FLOATING, "code", "DNS.0001"),
                ("/openstack/v2/reverse/floatingips", "code", 500),
                (f"/api/v1/ptrs/{ADDRESS}", "code", "internal"),
                ("/echo/surrogate", "echo", "failed"),
            ):
                caplog.clear()
                with caplog.at_level(logging.ERROR):
                    status, headers, body = await site.get(path, f"X-Auth-Token: {writer}")
                assert status == 500 and json.loads(body)[field] == value
                (record,) = caplog.records
                assert headers["x-request-id"] in record.getMessage() and path in record.getMessage()
                assert record.exc_info is not None
                assert writer not in caplog.text

    run(work())


def test_a_client_that_talks_nonsense_fills_no_log(tmp_path, caplog):
    """What is no HTTP is refused and not logged."""

    async def work():
        async with Site(tmp_path) as site:
            for nonsense in (b"\x16\x03\x01\x02\x00", b"GET /v2\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
                reader, writer = await site.connect()
                writer.write(nonsense + b"\r\n\r\n")
                assert b"400" in await asyncio.wait_for(reader.read(), 10)
                writer.close()

    run(work())
    assert not caplog.records
