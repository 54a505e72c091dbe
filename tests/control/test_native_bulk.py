"""Many changes of PTR records at once in the native API: all of it, or nothing."""

from __future__ import annotations

from tests.control.nativeclient import PREFIX_ADDRESS, opened, run

ADDRESS = "192.0.2.1"
HOST = {"names": ["Mail.example.com"]}


def test_a_bulk_is_done_whole(tmp_path):
    """Create, set, modify and delete happen in one revision, and the answer has each change in order."""

    async def work():
        async with opened(tmp_path) as here:
            await here.shop.expect(201, "POST", "/ptrs", {"address": ADDRESS, **HOST})
            operations = [
                {"op": "create", "address": PREFIX_ADDRESS, **HOST},
                {"op": "set", "region": "north", "eip_id": "net~2001:db8:1::8", **HOST},
                {"op": "modify", "address": ADDRESS, "ttl": 5},
            ]
            before = here.link.revision
            done = await here.shop.expect(200, "POST", "/ptrs:bulk?wait=1", {"operations": operations})
            assert [change["before"] is None for change in done["changes"]] == [True, True, False]
            assert {change["after"]["revision"] for change in done["changes"]} == {before + 1}
            gone = {"op": "delete", "id": done["changes"][0]["after"]["id"]}
            after = (await here.shop.expect(200, "POST", "/ptrs:bulk", {"operations": [gone]}))["changes"][0]
            assert after["before"]["address"] == PREFIX_ADDRESS and after["after"] is None

    run(work())


def test_a_bulk_with_a_fault_changes_nothing_and_names_each(tmp_path):
    """One refused operation stops all; `errors` has the index, field and code of every one."""

    async def work():
        async with opened(tmp_path) as here:
            before = here.link.revision
            operations = [
                {"op": "create", "address": ADDRESS, **HOST},
                {"op": "create", "address": "198.51.100.1", **HOST},
                {"op": "create", "address": PREFIX_ADDRESS, "names": ["-.example.com"]},
                {"op": "delete", "address": "2001:db8:1::9"},
            ]
            problem = await here.shop.expect(404, "POST", "/ptrs:bulk", {"operations": operations})
            found = [(fault["index"], fault["code"]) for fault in problem["errors"]]
            assert found == [(1, "no_eip"), (2, "invalid"), (3, "no_record")]
            unread = [{"op": "delete", "address": "x"}, {"op": "delete"}]
            problem = await here.shop.refused(400, "invalid", "POST", "/ptrs:bulk", {"operations": unread})
            assert [(fault["index"], fault["field"]) for fault in problem["errors"]] == [(0, "address"), (1, "address")]
            shapeless = [{"op": "create", "address": ADDRESS, "ttl": "x"}, {"op": "burn"}, 7, {"op": "delete", "x": 1}]
            problem = await here.shop.refused(400, "invalid", "POST", "/ptrs:bulk", {"operations": shapeless})
            assert [(fault["index"], fault["field"]) for fault in problem["errors"]] == [
                (0, "ttl"), (1, "op"), (2, "body"), (3, "x"),
            ]  # fmt: skip
            await here.shop.refused(400, "invalid", "POST", "/ptrs:bulk", {"operations": []}, field="operations")
            assert here.link.revision == before

    run(work())


def test_deleting_much_at_once_needs_yes(tmp_path):
    """A bulk that would delete more than 30 % of the records is 409 without `yes`, and done with it."""

    async def work():
        async with opened(tmp_path) as here:
            places = [f"2001:db8:1::{number:x}" for number in range(1, 13)]
            await here.shop.expect(
                200, "POST", "/ptrs:bulk", {"operations": [{"op": "create", "address": one, **HOST} for one in places]}
            )
            body = {"operations": [{"op": "delete", "address": one} for one in places[:6]]}
            await here.shop.refused(409, "needs_yes", "POST", "/ptrs:bulk", body)
            assert (await here.shop.get("/ptrs"))["total"] == 12
            await here.shop.expect(200, "POST", "/ptrs:bulk", {**body, "yes": True})
            assert (await here.shop.get("/ptrs"))["total"] == 6

    run(work())
