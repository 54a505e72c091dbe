"""What all operations of the native API share: methods, media types, idempotency keys, errors of one shape."""

from __future__ import annotations

import json

from openapi_spec_validator import validate

from ptrd.control.actors import Code, ControlError
from ptrd.control.exchange import Request
from ptrd.control.native.problems import KINDS, Fault, FaultsError
from tests.control.nativeclient import check, opened, ptr, run

ADDRESS = "192.0.2.1"
HOST = {"names": ["mail.example.com"]}


def test_the_document_is_valid_and_public(tmp_path):
    """The OpenAPI document is served without a credential, is valid, and refers to nothing outside itself."""

    async def work():
        async with opened(tmp_path) as here:
            nobody = here.shop.as_(None)
            document = json.loads((await nobody.send("GET", "/openapi.json")).data())
            validate(document)
            assert document["openapi"] == "3.1.0"
            text = json.dumps(document)
            assert "http://" not in text and "https://" not in text
            names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
            assert len(names) == len(set(names)) == len(here.api.operations)
            for operation in here.api.operations:
                assert operation.method.lower() in document["paths"][operation.path]

    run(work())


def test_every_schema_is_of_use(tmp_path):
    """No schema is left that nothing refers to."""

    async def work():
        async with opened(tmp_path) as here:
            text = json.dumps(here.api.document)
            for name in here.api.document["components"]["schemas"]:
                assert f'#/components/schemas/{name}"' in text, name

    run(work())


def test_the_page_needs_nothing_else(tmp_path):
    """The documentation is one page without scripts, that has every operation, schema and code."""

    async def work():
        async with opened(tmp_path) as here:
            response = await here.shop.as_(None).send("GET", "/docs")
            page = response.data().decode()
            assert "<script" not in page and "http" not in page.replace("HTTP", "").replace("http-equiv", "")
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            for operation in here.api.operations:
                assert f"id=op-{operation.name}>" in page
            for code in KINDS:
                assert f"id={code}>" in page

    run(work())


def test_every_reason_has_a_status():
    """The table has every code that a use case may raise."""
    assert set(Code) <= set(KINDS)
    assert {kind.status for kind in KINDS.values()} <= {400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503}


def test_every_refusal_is_a_problem(tmp_path):
    """A refusal of any kind has the one body, and the headers that its status asks for."""

    async def work():
        async with opened(tmp_path) as here:
            request = Request("GET", "/api/v1/ptrs", id="req-7")
            for code in Code:
                response = here.api.refuse(request, ControlError(code, "a sentence", "names"))
                check(here.api.document, "Problem", response)
                assert response.headers["Content-Type"] == "application/problem+json"
                assert (response.body["detail"], response.body["request_id"]) == ("a sentence", "req-7")
                assert ("Retry-After" in response.headers) == (response.status in {429, 503})
                assert ("WWW-Authenticate" in response.headers) == (response.status == 401)
            late = here.api.refuse(request, ControlError(Code.THROTTLED, "a sentence", retry_after=12.1))
            assert late.headers["Retry-After"] == "13"
            check(here.api.document, "Problem", here.api.failed(request))
            assert here.api.owns("/api/v1/ptrs") and here.api.owns("/api") and not here.api.owns("/apis")

    run(work())


def test_a_path_or_method_that_is_not_there(tmp_path):
    """404 for a path, 405 with Allow for a method, 401 without a credential."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.refused(404, "no_path", "GET", "/ptr")
            await here.shop.refused(404, "no_path", "GET", "/ptrs/a/b/c/%FF")
            for path in ("/ptrs/%FF", "/eips/%FF/x", "/accounts/%00", "/projects/%ED%A0%80", "/ptrs?region=%FF"):
                await here.shop.refused(400, "invalid", "GET", path)
            response = await here.shop.send("DELETE", "/ptrs")
            assert response.status == 405 and response.headers["Allow"] == "GET, POST"
            await here.shop.as_(None).refused(401, "unauthenticated", "GET", "/ptrs")

    run(work())


def test_a_body_of_another_type_is_refused(tmp_path):
    """415 for a form, 400 for a body where none belongs; JSON may come without a Content-Type."""

    async def work():
        async with opened(tmp_path) as here:
            form = {"media": "application/x-www-form-urlencoded"}
            await here.shop.refused(415, "media_type", "PUT", ptr(ADDRESS), HOST, **form)
            await here.shop.expect(201, "PUT", ptr(ADDRESS), HOST, media=None)
            await here.shop.expect(200, "PUT", ptr(ADDRESS), HOST, media="Application/JSON; charset=utf-8")
            await here.shop.refused(400, "invalid", "DELETE", ptr(ADDRESS), {"x": 1}, field="body")

    run(work())


def test_a_repeat_with_its_key_gets_the_first_answer(tmp_path):
    """The same key and body at the same path: the same answer, and nothing is done again, whatever happened since."""

    async def work():
        async with opened(tmp_path) as here:
            key = {"headers": {"Idempotency-Key": "k1"}}
            body = {"address": ADDRESS, **HOST}
            first = await here.shop.send("POST", "/ptrs", body, **key)
            await here.shop.expect(200, "DELETE", ptr(ADDRESS))
            before = here.link.revision
            again = await here.shop.send("POST", "/ptrs", body, **key)
            assert (again.status, again.body) == (first.status, first.body) and first.status == 201
            assert again.headers == first.headers and here.link.revision == before
            await here.shop.refused(404, "no_record", "GET", ptr(ADDRESS))
            await here.shop.refused(409, "key_reused", "POST", "/ptrs", {**body, "ttl": 5}, **key)
            assert here.link.revision == before

    run(work())


def test_a_key_is_its_credentials(tmp_path):
    """Another credential's key of the same text is another key, and a dry run does not use one up."""

    async def work():
        async with opened(tmp_path) as here:
            key = {"headers": {"Idempotency-Key": "k1"}}
            await here.shop.expect(200, "PUT", f"{ptr(ADDRESS)}?dry_run=true", HOST, **key)
            await here.shop.expect(201, "PUT", ptr(ADDRESS), HOST, **key)
            await here.other.refused(404, "no_eip", "PUT", ptr(ADDRESS), HOST, **key)
            await here.operator.expect(200, "PUT", ptr(ADDRESS), {"names": ["b.example.com"]}, **key)

    run(work())


def test_a_refused_request_leaves_its_key_free(tmp_path):
    """What was refused may be sent again with the same key, and is carried out then."""

    async def work():
        async with opened(tmp_path) as here:
            key = {"headers": {"Idempotency-Key": "k1"}}
            await here.shop.refused(404, "no_record", "PATCH", ptr(ADDRESS), {"ttl": 5}, **key)
            await here.shop.expect(201, "PUT", ptr(ADDRESS), HOST)
            assert (await here.shop.expect(200, "PATCH", ptr(ADDRESS), {"ttl": 5}, **key))["ttl"] == 5

    run(work())


def test_a_made_secret_comes_again_with_its_key(tmp_path):
    """A token made with a key is made once, and a repeat gets the same secret."""

    async def work():
        async with opened(tmp_path) as here:
            key = {"headers": {"Idempotency-Key": "k1"}}
            first = await here.operator.expect(201, "POST", "/tokens", {"project": "shop"}, **key)
            assert await here.operator.expect(201, "POST", "/tokens", {"project": "shop"}, **key) == first
            assert len((await here.operator.get("/tokens"))["credentials"]) == 1

    run(work())


def test_a_key_has_a_form(tmp_path):
    """An idempotency key has 1 to 255 printable characters."""

    async def work():
        async with opened(tmp_path) as here:
            for wrong in ("", "x" * 256, "a\tb", "é"):
                await here.shop.refused(
                    400, "invalid", "PUT", ptr(ADDRESS), HOST, field="Idempotency-Key",
                    headers={"Idempotency-Key": wrong},
                )  # fmt: skip

    run(work())


def test_many_faults_are_counted():
    """The sentence of several faults is the first one's, and says how many there are."""
    problem = FaultsError([Fault(None, "names", Code.INVALID, "one"), Fault(3, "ttl", Code.INVALID, "two")])
    assert "2 things are wrong" in str(problem) and problem.field == "names"
