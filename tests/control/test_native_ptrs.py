"""PTR records in the native API: each operation, each refusal, and what a request must never do."""

from __future__ import annotations

import pytest

from ptrd.control.actors import Role
from tests.control.fakelink import OPERATOR, address
from tests.control.nativeclient import PREFIX_ADDRESS, opened, ptr, run

ADDRESS = "192.0.2.1"
HOST = {"names": ["Mail.example.com"]}
WRONG_BODIES = [
    ({}, "names"),
    ({"address": ADDRESS}, "names"),
    ({"names": ["a.example.com"]}, "address"),
    ({"address": ADDRESS, "eip_id": "web1", "region": "north", "names": ["a.example.com"]}, "address"),
    ({"eip_id": "web1", "names": ["a.example.com"]}, "address"),
    ({"region": "no way", "eip_id": "web1", "names": ["a.example.com"]}, "region"),
    ({"region": "north", "eip_id": "a b", "names": ["a.example.com"]}, "eip_id"),
    ({"address": "192.0.2.1/32", "names": ["a.example.com"]}, "address"),
    ({"address": "192.0.2.001", "names": ["a.example.com"]}, "address"),
    ({"address": 1, "names": ["a.example.com"]}, "address"),
    ({"address": ADDRESS, "names": []}, "names"),
    ({"address": ADDRESS, "names": "a.example.com"}, "names"),
    ({"address": ADDRESS, "names": None}, "names"),
    ({"address": ADDRESS, "names": [7]}, "names"),
    ({"address": ADDRESS, "names": ["-a.example.com"]}, "names"),
    ({"address": ADDRESS, "names": ["a.example.com"] * 2}, "names"),
    ({"address": ADDRESS, "names": [f"a{n}.example.com" for n in range(11)]}, "names"),
    ({"address": ADDRESS, "names": ["\ud800.example.com"]}, "names"),
    ({"address": ADDRESS, **HOST, "ttl": 0}, "ttl"),
    ({"address": ADDRESS, **HOST, "ttl": 2**31}, "ttl"),
    ({"address": ADDRESS, **HOST, "ttl": "300"}, "ttl"),
    ({"address": ADDRESS, **HOST, "ttl": True}, "ttl"),
    ({"address": ADDRESS, **HOST, "ttl": None}, "ttl"),
    ({"address": ADDRESS, **HOST, "description": "x" * 256}, "description"),
    ({"address": ADDRESS, **HOST, "description": "\x00"}, "description"),
    ({"address": ADDRESS, **HOST, "tags": [{"key": "a", "value": "b"}]}, "tags"),
    ({"address": ADDRESS, **HOST, "tags": {"a": 1}}, "tags"),
    ({"address": ADDRESS, **HOST, "tags": {"\udc00": "x"}}, "tags"),
    ({"address": ADDRESS, **HOST, "tags": {"_sys_a": "x"}}, "tags"),
    ({"address": ADDRESS, **HOST, "tags": {f"k{n}": "" for n in range(21)}}, "tags"),
    ({"address": ADDRESS, **HOST, "enterprise_project_id": "no way"}, "enterprise_project_id"),
    ({"address": ADDRESS, **HOST, "ttls": 300}, "ttls"),
    ({"address": ADDRESS, **HOST, "\udc00": 300}, "body"),
    ([], "body"),
    ("text", "body"),
    (b"{", "body"),
    (b'{"names": ["a.example.com"], "names": []}', "body"),
    (b"NaN", "body"),
    (b"\xff", "body"),
    (b"[" * 100_000, "body"),
    (b"", "body"),
]


def test_a_record_lives_and_dies(tmp_path):
    """POST, GET, PUT, PATCH and DELETE of an address do what DNS then says."""

    async def work():
        async with opened(tmp_path) as here:
            here.link.defaults[address(ADDRESS)] = ("default.example.net.",)
            made = await here.shop.expect(
                201, "POST", "/ptrs", {"address": ADDRESS, **HOST, "ttl": 60, "tags": {"team": "web"}}
            )
            assert made["names"] == ["mail.example.com."] == made["served"] and made["status"] == "ACTIVE"
            assert made["tags"] == {"team": "web"} and made["ttl"] == 60 and made["region"] == "north"
            assert made["project_id"] == here.shop.actor.project and made["eip_id"] == "web1"
            assert here.link.says(ADDRESS) == ("mail.example.com.",)
            assert await here.shop.get(ptr(ADDRESS)) == made
            changed = await here.shop.expect(200, "PATCH", ptr(ADDRESS), {"description": "front"})
            assert (changed["names"], changed["ttl"], changed["description"]) == (made["names"], 60, "front")
            assert changed["id"] == made["id"] and changed["revision"] > made["revision"]
            replaced = await here.shop.expect(200, "PUT", ptr(ADDRESS), {"names": ["a.example.com", "b.example.com"]})
            assert (replaced["ttl"], replaced["description"], replaced["tags"]) == (300, "", {})
            gone = await here.shop.expect(200, "DELETE", ptr(ADDRESS))
            assert gone["id"] is None and gone["served"] == ["default.example.net."] and gone["status"] == "INACTIVE"
            assert here.link.says(ADDRESS) == ("default.example.net.",)
            await here.shop.refused(404, "no_record", "GET", ptr(ADDRESS))

    run(work())


def test_a_created_record_says_where_it_is_and_what_it_is(tmp_path):
    """201 comes with Location and ETag; PUT makes a new record with 201 as well."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.shop.send("PUT", ptr(PREFIX_ADDRESS), HOST)
            assert made.status == 201 and made.headers["Location"] == "/api/v1/ptrs/2001%3Adb8%3A1%3A%3A7"
            assert made.headers["ETag"] == f'"{made.body["revision"]}"'
            assert (await here.shop.send("GET", ptr("2001:DB8:1:0::7"))).headers["ETag"] == made.headers["ETag"]

    run(work())


def test_a_record_is_created_by_its_eip(tmp_path):
    """Region and EIP name an address, and `id~address` one of a prefix."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.shop.expect(201, "POST", "/ptrs", {"region": "north", "eip_id": "web1", **HOST})
            assert made["address"] == ADDRESS
            place = {"region": "north", "eip_id": f"net~{PREFIX_ADDRESS}"}
            assert (await here.shop.expect(201, "POST", "/ptrs", {**place, **HOST}))["address"] == PREFIX_ADDRESS

    run(work())


def test_a_wrong_body_names_the_field(tmp_path):
    """Each field's limits, types and unknown keys are refused with 400 and the field, and nothing changes."""

    async def work():
        async with opened(tmp_path) as here:
            before = here.link.revision
            for body, field in WRONG_BODIES:
                await here.shop.refused(400, "invalid", "POST", "/ptrs", body, field=field)
            assert here.link.revision == before

    run(work())


def test_an_unknown_key_is_named_with_those_that_there_are(tmp_path):
    """A misspelt key is refused with the known ones; several faults come all at once."""

    async def work():
        async with opened(tmp_path) as here:
            problem = await here.shop.refused(400, "invalid", "PATCH", ptr(ADDRESS), {"name": "x", "ttl": "1"})
            assert "'name'" in problem["detail"] and "names, ttl, description" in problem["detail"]
            assert [fault["field"] for fault in problem["errors"]] == ["name", "ttl"]

    run(work())


@pytest.mark.parametrize(
    "query", ["dryrun=true", "dry_run=yes", "dry_run=", "wait=soon", "wait=61", "wait=-1", "wait=1&wait=1", "limit=1"]
)
def test_a_wrong_parameter_changes_nothing(tmp_path, query):
    """A misspelt or unreadable parameter of a write is refused, and nothing is written."""

    async def work():
        async with opened(tmp_path) as here:
            before = here.link.revision
            body = {"address": ADDRESS, **HOST}
            await here.shop.refused(400, "invalid", "POST", f"/ptrs?{query}", body, field=query.partition("=")[0])
            assert here.link.revision == before

    run(work())


def test_refusals_of_the_use_cases_have_their_statuses(tmp_path):
    """What is there, frozen, not served, over quota or not there is 409, 403, 422, 403 and 404."""

    async def work():
        async with opened(tmp_path, quota=1) as here:
            await here.shop.refused(404, "no_eip", "POST", "/ptrs", {"address": "198.51.100.9", **HOST})
            here.link.unserved[address(ADDRESS)] = "no zone of ours holds it"
            await here.shop.refused(422, "not_served", "POST", "/ptrs", {"address": ADDRESS, **HOST})
            del here.link.unserved[address(ADDRESS)]
            await here.shop.refused(404, "no_record", "PATCH", ptr(ADDRESS), {"ttl": 1})
            await here.shop.refused(404, "no_record", "DELETE", ptr(ADDRESS))
            await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            await here.shop.refused(409, "exists", "POST", "/ptrs", {"address": ADDRESS, **HOST})
            await here.shop.refused(403, "quota", "PUT", ptr(PREFIX_ADDRESS), HOST)
            await here.operator.expect(200, "PUT", f"{ptr(ADDRESS)}/freeze", {"reason": "spam"})
            for method, body in [("PUT", HOST), ("PATCH", {"ttl": 1}), ("DELETE", None)]:
                await here.shop.refused(403, "frozen", method, ptr(ADDRESS), body)

    run(work())


def test_a_frozen_address_shows_so_until_it_is_thawed(tmp_path):
    """Freezing keeps the record and serves what the zone files say; a reason is needed, and only an operator may."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            await here.operator.refused(400, "invalid", "PUT", f"{ptr(ADDRESS)}/freeze", {"reason": ""}, field="reason")
            await here.shop.refused(403, "forbidden", "PUT", f"{ptr(ADDRESS)}/freeze", {"reason": "x"})
            tried = await here.operator.expect(200, "PUT", f"{ptr(ADDRESS)}/freeze?dry_run=true", {"reason": "spam"})
            assert tried["after"]["status"] in {"FREEZE", "PENDING_FREEZE"} and tried["before"]["status"] == "ACTIVE"
            frozen = await here.operator.expect(200, "PUT", f"{ptr(ADDRESS)}/freeze", {"reason": "spam"})
            assert frozen["status"] == "FREEZE" and frozen["names"] and frozen["served"] == []
            await here.shop.refused(403, "forbidden", "DELETE", f"{ptr(ADDRESS)}/freeze")
            assert (await here.operator.expect(200, "DELETE", f"{ptr(ADDRESS)}/freeze"))["status"] == "ACTIVE"

    run(work())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/ptrs", {"address": PREFIX_ADDRESS, **HOST}),
        ("PUT", ptr(ADDRESS), {"names": ["new.example.com"]}),
        ("PATCH", ptr(ADDRESS), {"ttl": 5}),
        ("DELETE", ptr(ADDRESS), None),
        ("POST", "/ptrs:bulk", {"operations": [{"op": "delete", "address": ADDRESS}]}),
    ],
)
def test_a_dry_run_tells_and_changes_nothing(tmp_path, method, path, body):
    """`dry_run` gives before and after, and neither the store, the journal nor DNS moves."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            before = here.link.revision, list(here.link.published)
            tried = await here.shop.expect(200, method, f"{path}?dry_run=true", body)
            assert tried["dry_run"]
            change = tried["changes"][0] if "changes" in tried else tried
            assert change["before"] != change["after"]
            assert (here.link.revision, here.link.published) == before
            assert await here.shop.get(ptr(ADDRESS)) == made
            await here.shop.refused(400, "invalid", method, f"{path}?dry_run=true", {"ttl": "x"})

    run(work())


def test_if_match_keeps_from_overwriting(tmp_path):
    """A stale or weak tag is 412 and changes nothing; the right one, and `*`, let the change through."""

    async def work():
        async with opened(tmp_path) as here:
            missing = {"headers": {"If-Match": "*"}}
            await here.shop.refused(412, "stale", "PUT", ptr(ADDRESS), HOST, **missing)
            made = await here.shop.send("PUT", ptr(ADDRESS), HOST, headers={"If-None-Match": "*"})
            assert made.status == 201
            await here.shop.refused(412, "stale", "PUT", ptr(ADDRESS), HOST, headers={"If-None-Match": "*"})
            tag = made.headers["ETag"]
            for wrong in ('"999"', f"W/{tag}", tag.strip('"'), f'{tag}, "1"', '"9999999999999999999"', "x"):
                for method, body in [("PUT", HOST), ("PATCH", {"ttl": 9}), ("DELETE", None)]:
                    await here.shop.refused(412, "stale", method, ptr(ADDRESS), body, headers={"If-Match": wrong})
            changed = await here.shop.send("PATCH", ptr(ADDRESS), {"ttl": 9}, headers={"If-Match": tag})
            assert changed.status == 200 and changed.headers["ETag"] != tag
            await here.shop.refused(412, "stale", "DELETE", ptr(ADDRESS), headers={"If-Match": tag})
            await here.shop.expect(200, "DELETE", ptr(ADDRESS), headers={"If-Match": "*"})
            await here.shop.refused(
                400,
                "invalid",
                "POST",
                "/ptrs",
                {"address": ADDRESS, **HOST},
                field="If-Match",
                headers=missing["headers"],
            )

    run(work())


def test_a_change_is_pending_until_the_workers_have_it(tmp_path):
    """Without `wait` the status is PENDING_*; with it the answer comes when it is live, or the time is over."""

    async def work():
        async with opened(tmp_path) as here:
            here.link.live = here.link.revision
            made = await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            assert made["status"] == "PENDING_CREATE"
            changed = await here.shop.expect(200, "PATCH", f"{ptr(ADDRESS)}?wait=0.05", {"ttl": 9})
            assert changed["status"].startswith("PENDING_")
            here.link.live = None
            assert (await here.shop.expect(200, "DELETE", f"{ptr(ADDRESS)}?wait=5"))["status"] == "INACTIVE"

    run(work())


def test_records_are_found_by_each_filter(tmp_path):
    """Region, prefix, tag, status, enterprise project and project choose; limit and marker page through all."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST, "tags": {"team": "web"}})
            place = {"address": PREFIX_ADDRESS, "names": ["six.example.com"], "enterprise_project_id": "7"}
            await here.shop.expect(201, "POST", "/ptrs", place)

            async def found(query):
                return [one["address"] for one in (await here.shop.get(f"/ptrs?{query}"))["records"]]

            assert set(await found("")) == {ADDRESS, PREFIX_ADDRESS}
            assert await found("within=2001:db8::/32") == [PREFIX_ADDRESS]
            assert await found("within=192.0.2.0/24") == [ADDRESS]
            assert await found("region=south") == []
            assert await found("tag=team%3Dweb") == [ADDRESS] == await found("tag=team") == await found("tag=team=*e")
            assert await found("tag=team=web&tag=other") == []
            assert await found("enterprise_project_id=7") == [PREFIX_ADDRESS]
            assert len(await found("status=ACTIVE")) == 2 and await found("status=ERROR") == []
            assert len(await found(f"project={here.shop.actor.project}")) == 2 == len(await found("project=shop"))
            first = await here.shop.get("/ptrs?limit=1")
            assert first["total"] == 2 and len(first["records"]) == 1
            second = await here.shop.get(f"/ptrs?limit=1&marker={first['next_marker']}")
            assert second["next_marker"] is None and second["records"][0] != first["records"][0]
            for wrong in ("limit=0", "limit=1001", "within=192.0.2.1", "status=GOOD", "colour=red", "limit=%FF"):
                await here.shop.refused(400, "invalid", "GET", f"/ptrs?{wrong}", field=wrong.partition("=")[0])

    run(work())


def test_addresses_are_shown_with_a_record_or_without(tmp_path):
    """An address without a record shows what DNS says of it; lists have each address, and each tag with its values."""

    async def work():
        async with opened(tmp_path) as here:
            here.link.defaults[address(ADDRESS)] = ("default.example.net.",)
            bare = await here.shop.get(f"/addresses/{ADDRESS}")
            assert (bare["status"], bare["names"], bare["served"]) == ("INACTIVE", [], ["default.example.net."])
            assert (await here.shop.get("/addresses"))["addresses"] == [bare]
            body = {"address": PREFIX_ADDRESS, **HOST, "tags": {"team": "web", "a": ""}}
            made = await here.shop.expect(201, "POST", "/ptrs", body)
            found = (await here.shop.get("/addresses"))["addresses"]
            assert sorted(one["address"] for one in found) == [ADDRESS, PREFIX_ADDRESS] and made in found
            assert len((await here.operator.get("/addresses?project=shop&region=north"))["addresses"]) == 2
            assert (await here.shop.get("/addresses?region=south"))["addresses"] == []
            assert (await here.shop.get("/tags"))["tags"] == {"team": ["web"], "a": [""]}
            await here.shop.refused(404, "no_eip", "GET", "/addresses/198.51.100.1", field="address")

    run(work())


def test_a_reader_reads_and_changes_nothing(tmp_path):
    """Every write of a reader is 403; what it may read it reads."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            reader = here.reader
            assert reader.actor.role is Role.READER
            before = here.link.revision
            await reader.get(ptr(ADDRESS))
            assert (await reader.get("/ptrs"))["total"] == 1
            for method, path, body in [
                ("POST", "/ptrs", {"address": PREFIX_ADDRESS, **HOST}),
                ("PUT", ptr(ADDRESS), HOST),
                ("PATCH", ptr(ADDRESS), {"ttl": 1}),
                ("DELETE", ptr(ADDRESS), None),
                ("POST", "/ptrs:bulk", {"operations": [{"op": "delete", "address": ADDRESS}]}),
            ]:
                await reader.refused(403, "forbidden", method, path, body)
                await reader.refused(403, "forbidden", method, f"{path}?dry_run=true", body)
            assert here.link.revision == before

    run(work())


def test_an_operator_writes_for_a_project(tmp_path):
    """An operator changes any record, and finds those of a project by its name."""

    async def work():
        async with opened(tmp_path) as here:
            assert here.operator.actor == OPERATOR
            made = await here.operator.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            assert made["project_id"] == here.shop.actor.project
            assert (await here.operator.get("/ptrs?project=shop"))["total"] == 1
            assert (await here.operator.get("/ptrs?project=other"))["total"] == 0
            await here.operator.refused(404, "no_such", "GET", "/ptrs?project=nowhere")

    run(work())
