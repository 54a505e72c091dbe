"""EIPs, accounts, projects, quotas and the journal in the native API."""

from __future__ import annotations

from tests.control.fakelink import address
from tests.control.nativeclient import opened, ptr, run

HOST = {"names": ["mail.example.com"]}


def test_an_eip_is_given_listed_and_taken_back(tmp_path):
    """POST gives an address or prefix, GET shows it, DELETE drops it with its record; each has a dry run."""

    async def work():
        async with opened(tmp_path) as here:
            operator = here.operator
            body = {"id": "new1", "region": "south", "project": "shop", "address": "203.0.113.5"}
            before = here.link.revision
            tried = await operator.expect(200, "POST", "/eips?dry_run=true", body)
            assert tried["before"] is None and tried["after"]["address"] == "203.0.113.5"
            assert here.link.revision == before
            made = await operator.send("POST", "/eips", body)
            assert made.status == 201 and made.headers["Location"] == "/api/v1/eips/south/new1"
            assert made.body["after"] == await here.shop.get("/eips/south/new1")
            assert made.body["after"]["prefix"] == "203.0.113.5/32" and made.body["warning"] == ""
            await operator.refused(409, "exists", "POST", "/eips", body)
            await operator.refused(404, "no_such", "POST", "/eips", {**body, "project": "nowhere"})
            await operator.refused(400, "invalid", "POST", "/eips", {**body, "id": "a/b"}, field="id")
            await operator.refused(
                400, "invalid", "POST", "/eips", {**body, "address": "192.0.2.1/24"}, field="address"
            )
            await operator.refused(400, "invalid", "POST", "/eips", {**body, "region": "a b"}, field="region")
            await operator.refused(400, "invalid", "POST", "/eips", {**body, "owner": "x"}, field="owner")
            await here.shop.expect(201, "PUT", ptr("203.0.113.5"), HOST)
            tried = await operator.expect(200, "DELETE", "/eips/south/new1?dry_run=true")
            assert tried["released"] == ["203.0.113.5"] and await here.shop.get(ptr("203.0.113.5"))
            gone = await operator.expect(200, "DELETE", "/eips/south/new1")
            assert (gone["after"], gone["released"]) == (None, ["203.0.113.5"])
            await operator.refused(404, "no_eip", "GET", "/eips/south/new1")
            assert here.link.says("203.0.113.5") == ()

    run(work())


def test_an_eip_that_is_not_served_is_given_with_a_warning(tmp_path):
    """The answer says why names of the EIP would not be served."""

    async def work():
        async with opened(tmp_path) as here:
            here.link.unserved[address("203.0.113.5")] = "no zone of ours holds it"
            body = {"region": "south", "project": "shop", "address": "203.0.113.5"}
            made = await here.operator.expect(201, "POST", "/eips", body)
            assert "no zone of ours" in made["warning"] and len(made["after"]["id"]) == 36

    run(work())


def test_eips_are_paged(tmp_path):
    """A limit and the marker of the page before go through all EIPs, each once."""

    async def work():
        async with opened(tmp_path) as here:
            seen, marker = [], ""
            for _ in range(3):
                page = await here.operator.get(f"/eips?limit=1{marker}")
                seen += [one["id"] for one in page["eips"]]
                marker = f"&marker={page['next_marker']}"
            assert sorted(seen) == ["net", "secret1", "web1"] and page["next_marker"] is None
            assert len((await here.operator.get("/eips?project=shop"))["eips"]) == 2
            assert (await here.operator.get("/eips?region=south"))["eips"] == []
            await here.operator.refused(400, "invalid", "GET", "/eips?marker=x", field="marker")

    run(work())


def test_a_list_of_eips_is_added_whole_or_not_at_all(tmp_path):
    """CSV adds all lines; faults come with their lines and stop everything; another media type is 415."""

    async def work():
        async with opened(tmp_path) as here:
            operator = here.operator
            head = b"address_or_prefix,id,region,project\n"
            good = head + b"203.0.113.5,c1,north,shop\n203.0.113.8/29,c2,north,other\n"
            tried = await operator.expect(200, "POST", "/eips:import?dry_run=true", good, media="text/csv")
            assert tried["dry_run"] and len(tried["added"]) == 2
            await operator.refused(404, "no_eip", "GET", "/eips/north/c1")
            done = await operator.expect(200, "POST", "/eips:import", good, media="text/csv; charset=utf-8")
            assert [one["id"] for one in done["added"]] == ["c1", "c2"]
            again = await operator.expect(200, "POST", "/eips:import", good, media="text/csv")
            assert (again["added"], again["unchanged"]) == ([], 2)
            bad = head + b"203.0.113.77,d1,north,shop\nnonsense,d2,north,shop\n203.0.113.5,d3,north,nowhere\n"
            problem = await operator.expect(400, "POST", "/eips:import", bad, media="text/csv")
            assert [fault["index"] for fault in problem["errors"]] == [3, 4]
            await operator.refused(404, "no_eip", "GET", "/eips/north/d1")
            for odd in (b"", b"\x00", b'"', head + b'"\n', head + b"a" * 200_000, head + b"a,,,,,", b"x" + head):
                await operator.refused(400, "invalid", "POST", "/eips:import", odd, media="text/csv")
            await operator.refused(415, "media_type", "POST", "/eips:import", good)
            await operator.refused(400, "invalid", "POST", "/eips:import", b"\xff\xfe", field="body", media="text/csv")

    run(work())


def test_accounts_and_projects_live_and_die(tmp_path):
    """They are created, shown by name and id, limited, disabled, enabled and deleted, each with a dry run."""

    async def work():
        async with opened(tmp_path) as here:
            operator = here.operator
            before = here.link.revision
            assert (await operator.expect(200, "POST", "/accounts?dry_run=true", {"name": "acme"}))["before"] is None
            assert here.link.revision == before
            account = await operator.expect(201, "POST", "/accounts", {"name": "acme", "quota": 7})
            assert (account["quota"], account["used"]) == (7, 0)
            assert await operator.get("/accounts/acme") == account == await operator.get(f"/accounts/{account['id']}")
            await operator.refused(409, "exists", "POST", "/accounts", {"name": "acme"})
            tried = await operator.expect(200, "PATCH", "/accounts/acme?dry_run=true", {"quota": 9})
            assert (tried["before"]["quota"], tried["after"]["quota"]) == (7, 9)
            assert (await operator.expect(200, "PATCH", "/accounts/acme", {"quota": 9}))["quota"] == 9
            assert (await operator.expect(200, "PATCH", "/accounts/acme", {"disabled": True}))["disabled"]
            assert not (await operator.expect(200, "PATCH", "/accounts/acme", {"disabled": False}))["disabled"]
            for body, field in [({}, "body"), ({"quota": 1, "disabled": True}, "body"), ({"quota": -1}, "quota")]:
                await operator.refused(400, "invalid", "PATCH", "/accounts/acme", body, field=field)

            await operator.expect(200, "POST", "/projects?dry_run=true", {"name": "web", "account": "acme"})
            project = await operator.expect(201, "POST", "/projects", {"name": "web", "account": "acme"})
            assert project["account_id"] == account["id"] and await operator.get("/projects/web") == project
            assert (await operator.get("/projects?account=acme"))["projects"] == [project]
            assert (await operator.expect(200, "PATCH", "/projects/web?dry_run=true", {"disabled": True}))["dry_run"]
            assert not (await operator.get("/projects/web"))["disabled"]
            assert (await operator.expect(200, "PATCH", "/projects/web", {"disabled": True}))["disabled"]
            assert not (await operator.expect(200, "PATCH", "/projects/web", {"disabled": False}))["disabled"]

            await operator.refused(409, "exists", "DELETE", "/accounts/acme")
            assert (await operator.expect(200, "DELETE", "/projects/web?dry_run=true"))["before"] == project
            await operator.expect(204, "DELETE", "/projects/web")
            await operator.refused(404, "no_such", "GET", "/projects/web")
            assert (await operator.expect(200, "DELETE", "/accounts/acme?dry_run=true"))["after"] is None
            await operator.expect(204, "DELETE", "/accounts/acme")
            await operator.refused(404, "no_such", "GET", "/accounts/acme")
            assert len((await operator.get("/accounts"))["accounts"]) == 2

    run(work())


def test_a_disabled_project_changes_nothing(tmp_path):
    """A tenant of a disabled project, or account, is refused, and what is served stays."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "PUT", ptr("192.0.2.1"), HOST)
            await here.operator.expect(200, "PATCH", "/projects/shop", {"disabled": True})
            await here.shop.refused(403, "forbidden", "PATCH", ptr("192.0.2.1"), {"ttl": 5})
            assert here.link.says("192.0.2.1") == ("mail.example.com.",)

    run(work())


def test_a_quota_is_the_accounts(tmp_path):
    """A tenant sees its own; an operator names an account; another's is refused."""

    async def work():
        async with opened(tmp_path, quota=3) as here:
            await here.shop.expect(201, "PUT", ptr("192.0.2.1"), HOST)
            mine = await here.shop.get("/quota")
            assert mine == {"account_id": here.shop.actor.account, "limit": 3, "used": 1}
            assert await here.operator.get("/quota?account=shop-account") == mine
            await here.operator.refused(400, "invalid", "GET", "/quota", field="account")
            await here.shop.refused(403, "forbidden", "GET", "/quota?account=other-account")

    run(work())


def test_the_journal_tells_who_did_what(tmp_path):
    """Each change has its row, with its request's id; pages follow each other, and the newest can come first."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.shop.send("PUT", ptr("192.0.2.1"), HOST)
            await here.shop.expect(200, "DELETE", ptr("192.0.2.1"))
            entries = (await here.operator.get("/journal?address=192.0.2.1"))["entries"]
            assert [one["action"] for one in entries] == ["createEip", "setPTRRecord", "deletePtrRecord"][
                -len(entries) :
            ]
            row = next(one for one in entries if one["action"] == "setPTRRecord")
            assert row["revision"] == made.body["revision"] and row["actor"] == "token:shop"
            assert row["after"]["names"] == ["mail.example.com."] and row["request_id"].startswith("req-")
            newest = (await here.operator.get("/journal?newest_first=true&limit=1"))["entries"]
            assert newest[0]["action"] == "deletePtrRecord"
            seen, after = [], 0
            while after is not None:
                page = await here.operator.get(f"/journal?limit=2&after={after}")
                seen += [one["revision"] for one in page["entries"]]
                after = page["next_after"]
            assert seen == sorted(seen) and seen[-1] == here.link.revision
            assert (await here.operator.get("/journal?project=shop"))["entries"]
            await here.operator.refused(404, "no_such", "GET", "/journal?project=nowhere")
            await here.operator.refused(400, "invalid", "GET", "/journal?address=x", field="address")
            await here.operator.refused(400, "invalid", "GET", "/journal?after=9223372036854775808", field="after")

    run(work())


def test_who_one_is(tmp_path):
    """`/whoami` tells name, role, project and account."""

    async def work():
        async with opened(tmp_path) as here:
            actor = here.reader.actor
            assert await here.reader.get("/whoami") == {
                "name": "token:reader", "role": "reader", "project_id": actor.project, "account_id": actor.account,
            }  # fmt: skip
            assert (await here.operator.get("/whoami"))["role"] == "operator"

    run(work())
