"""Tokens, access keys, application credentials and users in the native API."""

from __future__ import annotations

import json

import pytest

from tests.control.nativeclient import opened, run

PASSWORD = "correct horse battery"  # noqa: S105 - a test's
KINDS = {
    "tokens": {"name": "deploy", "project": "shop"},
    "keys": {"name": "deploy", "project": "shop"},
    "application-credentials": {"name": "deploy", "user": "carol"},
}


async def add_carol(here):
    """Make a user who may write in shop."""
    await here.operator.expect(201, "POST", "/users", {"name": "carol", "password": PASSWORD})
    return await here.operator.expect(200, "PUT", "/users/carol/projects/shop", {"role": "writer"})


@pytest.mark.parametrize(("path", "body"), KINDS.items())
def test_a_credential_lives_and_dies(tmp_path, path, body):
    """Its secret is in the answer that makes it and nowhere else; it can be disabled, enabled and revoked."""

    async def work():
        async with opened(tmp_path) as here:
            await add_carol(here)
            operator = here.operator
            before = here.link.revision
            tried = await operator.expect(200, "POST", f"/{path}?dry_run=true", body)
            assert tried["before"] is None and "secret" not in tried["after"] and here.link.revision == before
            made = await operator.expect(201, "POST", f"/{path}", {**body, "role": "reader"})
            secret = made.pop("secret")
            assert len(secret) >= 32 and made["project_id"] == here.shop.actor.project and made["role"] == "reader"
            one = f"/{path}/{made['id']}"
            assert await operator.get(one) == made
            assert (await operator.get(f"/{path}"))["credentials"] == [made]
            assert (await operator.get(f"/{path}?project=shop"))["credentials"] == [made]
            assert (await operator.get(f"/{path}?project=other"))["credentials"] == []
            assert (await operator.expect(200, "PATCH", f"{one}?dry_run=true", {"disabled": True}))["after"]["disabled"]
            assert not (await operator.get(one))["disabled"]
            assert (await operator.expect(200, "PATCH", one, {"disabled": True}))["disabled"]
            assert not (await operator.expect(200, "PATCH", one, {"disabled": False}))["disabled"]
            assert (await operator.expect(200, "DELETE", f"{one}?dry_run=true"))["before"] == made
            await operator.get(one)
            await operator.expect(204, "DELETE", one)
            await operator.refused(404, "no_such", "GET", one)
            await operator.refused(404, "no_such", "DELETE", one)
            journal = json.dumps((await operator.get("/journal?limit=1000"))["entries"])
            assert secret not in journal and PASSWORD not in journal
            for wrong, field in [({"roles": "reader"}, "roles"), ({"role": "king"}, "role")]:
                await operator.refused(400, "invalid", "POST", f"/{path}", {**body, **wrong}, field=field)

    run(work())


def test_a_token_may_end_by_itself(tmp_path):
    """`expires` is a time of RFC 3339 with its zone; anything else is refused by its field."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.operator.expect(
                201, "POST", "/tokens", {"project": "shop", "expires": "2100-01-01T01:00:00+01:00"}
            )
            assert made["expires"] == "2100-01-01T00:00:00.000Z"
            for wrong in ("tomorrow", "2100-01-01", "2100-01-01T00:00:00", "0001-01-01T00:00:00Z", "1971-01-01T00:00Z"):
                await here.operator.refused(
                    400, "invalid", "POST", "/tokens", {"project": "shop", "expires": wrong}, field="expires"
                )
            assert (await here.operator.expect(201, "POST", "/tokens", {}))["role"] == "operator"

    run(work())


def test_a_user_lives_and_dies(tmp_path):
    """A user is created, put into projects with a role, disabled, given another password and deleted."""

    async def work():
        async with opened(tmp_path) as here:
            operator = here.operator
            body = {"name": "carol", "password": PASSWORD}
            before = here.link.revision
            assert (await operator.expect(200, "POST", "/users?dry_run=true", body))["after"]["name"] == "carol"
            assert here.link.revision == before
            user = await add_carol(here)
            assert user["projects"] == [{"project_id": here.shop.actor.project, "role": "writer"}]
            assert await operator.get("/users/carol") == user
            assert (await operator.get("/users"))["users"] == [user]
            assert (await operator.get("/users/carol/projects"))["projects"] == user["projects"]
            await operator.refused(409, "exists", "POST", "/users", body)
            await operator.refused(400, "invalid", "POST", "/users", {"name": "dan", "password": ""}, field="password")
            one = "/users/carol/projects/shop"
            tried = await operator.expect(200, "PUT", f"{one}?dry_run=true", {"role": "reader"})
            assert tried["before"]["projects"] != tried["after"]["projects"]
            assert (await operator.expect(200, "PUT", one, {"role": "reader"}))["projects"][0]["role"] == "reader"
            await operator.refused(400, "invalid", "PUT", one, {"role": "operator"}, field="role")
            await operator.refused(404, "no_such", "PUT", "/users/carol/projects/nowhere", {"role": "reader"})
            assert (await operator.expect(200, "DELETE", f"{one}?dry_run=true"))["after"]["projects"] == []
            assert (await operator.expect(200, "DELETE", one))["projects"] == []
            assert (await operator.expect(200, "PATCH", "/users/carol", {"disabled": True}))["disabled"]
            assert not (await operator.expect(200, "PATCH", "/users/carol", {"disabled": False}))["disabled"]
            await operator.expect(200, "PATCH", "/users/carol", {"password": "another horse battery"})
            await operator.refused(400, "invalid", "PATCH", "/users/carol", {}, field="body")
            assert (await operator.expect(200, "DELETE", "/users/carol?dry_run=true"))["after"] is None
            await operator.expect(204, "DELETE", "/users/carol")
            await operator.refused(404, "no_such", "GET", "/users/carol")

    run(work())
