"""What the native API says of names that were looked at, and how a project's policy is set."""

from __future__ import annotations

from ptrd.records.confirmation import Confirmation
from ptrd.records.trust import Verdict
from tests.control.fakelink import OPERATOR, address
from tests.control.nativeclient import opened, ptr, run

ONE = "192.0.2.1"


def test_a_record_says_what_was_found(tmp_path):
    """A record nobody has looked at has null; then verdict, reason, remarks and time; lists narrow by it."""

    async def work():
        async with opened(tmp_path) as here:
            made = await here.shop.expect(201, "PUT", ptr(ONE), {"names": ["a.example.com"]})
            assert made["confirmation"] is made["confirmation_checked"] is None
            assert (made["confirmation_reason"], made["confirmation_remarks"]) == ("", [])
            found = Confirmation(("a.example.com.",), Verdict.NO_NAME, "it does not exist", ("x",), 1e9, "and so on")
            await here.link.change(
                lambda transaction: transaction.put_finding(address(ONE), found, 2e9), actor=OPERATOR, request_id=""
            )
            shown = await here.shop.get(ptr(ONE))
            assert (shown["confirmation"], shown["confirmation_remarks"]) == ("no_name", ["x"])
            assert shown["confirmation_reason"] == "it does not exist; and so on"
            assert shown["confirmation_checked"].startswith("2001-09-09T01:46:40")
            assert shown["revision"] == made["revision"]
            for wanted, total in (("unconfirmed", 1), ("no_name", 1), ("confirmed", 0), ("unchecked", 0)):
                page = await here.shop.get(f"/ptrs?confirmation={wanted}")
                assert (page["total"], len(page["records"])) == (total, total)
            assert (await here.other.get("/ptrs?confirmation=unconfirmed"))["total"] == 0
            await here.shop.refused(400, "invalid", "GET", "/ptrs?confirmation=bad", field="confirmation")

    run(work())


def test_a_project_has_a_policy(tmp_path):
    """An operator sets it, one thing at a time; null takes it back; a tenant sees it and sets nothing."""

    async def work():
        async with opened(tmp_path) as here:
            assert (await here.operator.get("/projects/shop"))["policy"] is None
            for policy in ("warn", "require", "off", None):
                body = await here.operator.expect(200, "PATCH", "/projects/shop", {"policy": policy})
                assert body["policy"] == policy
            await here.operator.expect(200, "PATCH", "/projects/shop", {"policy": "warn"})
            assert (await here.shop.get(f"/projects/{here.shop.actor.project}"))["policy"] == "warn"
            assert (await here.operator.expect(200, "PATCH", "/projects/shop", {"disabled": True}))["policy"] == "warn"
            for body in ({"policy": "strict"}, {}, {"policy": "warn", "disabled": False}):
                await here.operator.refused(400, "invalid", "PATCH", "/projects/shop", body)
            await here.shop.refused(403, "forbidden", "PATCH", "/projects/shop", {"policy": "off"})
            entries = (await here.operator.get("/journal?limit=1000"))["entries"]
            changed = [entry for entry in entries if entry["action"] == "setProjectPolicy"]
            assert changed[-1]["after"]["policy"] == "warn" and "policy" not in changed[-1]["before"]

    run(work())
