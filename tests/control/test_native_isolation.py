"""What is another project's: every operation of the native API, with its ids and with ids that nobody has."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from ptrd.control.actors import Role
from ptrd.control.native.dialect import NativeApi
from ptrd.control.settings import ApiSettings
from tests.control.nativeclient import opened, ptr, run

HOST = {"names": ["mine.example.com"]}
# What each operation is sent. `%(...)s` is something of another project, or something that does not exist.
REQUESTS = {
    "listPtrs": ("/ptrs?project=%(project)s", None),
    "createPtr": ("/ptrs", {"address": "%(address)s", **HOST}),
    "bulkPtrs": ("/ptrs:bulk", {"operations": [{"op": "delete", "id": "%(record)s"}]}),
    "getPtr": ("/ptrs/%(address)s", None),
    "putPtr": ("/ptrs/%(address)s", HOST),
    "modifyPtr": ("/ptrs/%(address)s", {"ttl": 5}),
    "deletePtr": ("/ptrs/%(address)s", None),
    "freezePtr": ("/ptrs/%(address)s/freeze", {"reason": "mine"}),
    "unfreezePtr": ("/ptrs/%(address)s/freeze", None),
    "listAddresses": ("/addresses?project=%(project)s", None),
    "getAddress": ("/addresses/%(address)s", None),
    "listTags": ("/tags?project=%(project)s", None),
    "listEips": ("/eips?project=%(project)s", None),
    "addEip": ("/eips", {"id": "%(eip)s", "region": "north", "project": "%(project)s", "address": "%(address)s"}),
    "importEips": ("/eips:import", b"address_or_prefix,id,region,project\n%(address)s,%(eip)s,north,%(project)s\n"),
    "getEip": ("/eips/north/%(eip)s", None),
    "releaseEip": ("/eips/north/%(eip)s", None),
    "createAccount": ("/accounts", {"name": "%(account)s"}),
    "getAccount": ("/accounts/%(account)s", None),
    "modifyAccount": ("/accounts/%(account)s", {"quota": 1}),
    "deleteAccount": ("/accounts/%(account)s?force=true", None),
    "listProjects": ("/projects?account=%(account)s", None),
    "createProject": ("/projects", {"name": "%(project)s", "account": "%(account)s"}),
    "getProject": ("/projects/%(project)s", None),
    "modifyProject": ("/projects/%(project)s", {"disabled": True}),
    "deleteProject": ("/projects/%(project)s?force=true", None),
    "getQuota": ("/quota?account=%(account)s", None),
    "listTokens": ("/tokens?project=%(project)s", None),
    "createToken": ("/tokens", {"project": "%(project)s"}),
    "getToken": ("/tokens/%(token)s", None),
    "modifyToken": ("/tokens/%(token)s", {"disabled": True}),
    "revokeToken": ("/tokens/%(token)s", None),
    "listKeys": ("/keys?project=%(project)s", None),
    "createKey": ("/keys", {"project": "%(project)s"}),
    "getKey": ("/keys/%(key)s", None),
    "modifyKey": ("/keys/%(key)s", {"disabled": True}),
    "revokeKey": ("/keys/%(key)s", None),
    "listApplicationCredentials": ("/application-credentials?project=%(project)s", None),
    "createApplicationCredential": ("/application-credentials", {"name": "mine", "user": "%(user)s"}),
    "getApplicationCredential": ("/application-credentials/%(application)s", None),
    "modifyApplicationCredential": ("/application-credentials/%(application)s", {"disabled": True}),
    "revokeApplicationCredential": ("/application-credentials/%(application)s", None),
    "createUser": ("/users", {"name": "%(user)s", "password": "correct horse battery"}),
    "getUser": ("/users/%(user)s", None),
    "modifyUser": ("/users/%(user)s", {"disabled": True}),
    "deleteUser": ("/users/%(user)s", None),
    "listUserProjects": ("/users/%(user)s/projects", None),
    "addUserToProject": ("/users/%(user)s/projects/%(project)s", {"role": "writer"}),
    "removeUserFromProject": ("/users/%(user)s/projects/%(project)s", None),
    "listJournal": ("/journal?project=%(project)s", None),
    "listUsers": ("/users", None),
    "listAccounts": ("/accounts", None),
    "whoAmI": ("/whoami", None),
}
ABSENT = {
    "address": "198.51.100.9",
    "record": "e" * 32,
    "eip": "absent1",
    "project": "a" * 32,
    "account": "b" * 32,
    "token": "c" * 32,
    "key": "ABSENTABSENTABSENTAB",
    "application": "d" * 32,
    "user": "nobody1",
}


async def fill(here):
    """Give the project `other` one of everything; say what it is called."""
    record = await here.other.expect(201, "PUT", ptr("192.0.2.99"), {"names": ["secret.example.net"]})
    project, account = here.other.actor.project, here.other.actor.account
    operator = here.operator
    token = await operator.expect(201, "POST", "/tokens", {"name": "secret2", "project": project})
    key = await operator.expect(201, "POST", "/keys", {"name": "secret3", "project": project})
    await operator.expect(201, "POST", "/users", {"name": "secret4", "password": "correct horse battery"})
    await operator.expect(200, "PUT", f"/users/secret4/projects/{project}", {"role": "writer"})
    application = await operator.expect(201, "POST", "/application-credentials", {"name": "secret5", "user": "secret4"})
    return {
        "address": "192.0.2.99", "record": record["id"], "eip": "secret1", "project": project, "account": account,
        "token": token["id"], "key": key["id"], "application": application["id"], "user": "secret4",
    }  # fmt: skip


def written(request, names):
    """Write a request with names filled in."""
    path, body = request
    if isinstance(body, bytes):
        return path % names, (body.decode() % names).encode()
    return path % names, None if body is None else json.loads(json.dumps(body) % names)


async def tell(client, operation, request, names):
    """Send a request; give the status and the body, with what it names and its own id taken out."""
    path, body = written(request, names)
    response = await client.send(operation.method, path, body, media=operation.media)
    text = response.data().decode()
    problem = json.loads(text)
    text = text.replace(problem.get("request_id") or "\0", "ID")
    for key, name in names.items():
        text = text.replace(name, key)
    return response.status, text


def test_every_operation_is_tried():
    """The list of requests has every operation that is not public."""
    nothing = SimpleNamespace(pointers=None, inventory=None, credentials=None, link=None)
    operations = NativeApi(nothing, ApiSettings(), None).operations
    assert {operation.name for operation in operations if not operation.public} == set(REQUESTS)


@pytest.mark.parametrize("role", ["shop", "reader"])
def test_what_is_anothers_is_answered_as_what_is_not_there(tmp_path, role):
    """Each operation answers alike for another project's ids and for nobody's, tells nothing and changes nothing."""

    async def work():
        async with opened(tmp_path) as here:
            theirs = await fill(here)
            client = getattr(here, role)
            before = here.link.revision
            for operation in here.api.operations:
                if operation.public:
                    continue
                request = REQUESTS[operation.name]
                status, text = await tell(client, operation, request, theirs)
                assert (status, text) == await tell(client, operation, request, ABSENT), operation.name
                if "%" in str(request):
                    assert status in {403, 404}, (operation.name, status, text)
                assert "secret" not in text and "192.0.2.99" not in text, (operation.name, text)
                if operation.role is Role.OPERATOR or (operation.writes and role == "reader"):
                    assert status == 403, (operation.name, status, text)
            assert here.link.revision == before

    run(work())


def test_lists_have_only_ones_own(tmp_path):
    """Lists of records, EIPs, accounts, projects and the journal show a tenant its own project."""

    async def work():
        async with opened(tmp_path) as here:
            await fill(here)
            await here.shop.expect(201, "PUT", ptr("192.0.2.1"), HOST)
            records = (await here.shop.get("/ptrs"))["records"]
            assert [one["address"] for one in records] == ["192.0.2.1"]
            assert {one["id"] for one in (await here.shop.get("/eips"))["eips"]} == {"web1", "net"}
            assert [one["name"] for one in (await here.shop.get("/projects"))["projects"]] == ["shop"]
            assert [one["name"] for one in (await here.shop.get("/accounts"))["accounts"]] == ["shop-account"]
            addresses = (await here.shop.get("/addresses"))["addresses"]
            assert [one["address"] for one in addresses] == ["192.0.2.1"]
            assert (await here.shop.get("/tags"))["tags"] == {}
            entries = (await here.shop.get("/journal"))["entries"]
            assert entries and {one["project_id"] for one in entries} == {here.shop.actor.project}
            assert (await here.shop.get("/journal?address=192.0.2.99"))["entries"] == []
            assert (await here.shop.get("/quota"))["used"] == 1

    run(work())


def test_a_released_address_shows_its_new_owner_nothing(tmp_path):
    """An address given to another project has neither the record nor the journal of the old one."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "PUT", ptr("192.0.2.1"), {"names": ["old.example.com"]})
            await here.operator.expect(200, "DELETE", "/eips/north/web1")
            place = {"id": "fresh", "region": "north", "project": "other", "address": "192.0.2.1"}
            await here.operator.expect(201, "POST", "/eips", place)
            await here.other.refused(404, "no_record", "GET", ptr("192.0.2.1"))
            entries = (await here.other.get("/journal?address=192.0.2.1"))["entries"]
            assert "old.example.com" not in json.dumps(entries)
            await here.shop.refused(404, "no_eip", "GET", ptr("192.0.2.1"))

    run(work())
