"""The names of an address, asked for and judged together."""

from __future__ import annotations

import asyncio

from ptrd.client.confirm import confirm
from ptrd.records.management import Address
from ptrd.records.trust import Found, Outcome, Verdict

ADDRESS = Address(4, 0xC000020A)


def test_each_name_is_judged_in_its_place():
    """Findings come in the order of the names, whichever was answered first, each with its own verdict."""

    async def ask(name, version):
        assert version == 4
        if name == "mail.example.net.":
            await asyncio.sleep(0)
            return Found(Outcome.ADDRESSES, (ADDRESS,))
        return Found(Outcome.NO_NAME)

    findings = asyncio.run(confirm(ADDRESS, ["mail.example.net.", "gone.example.net."], ask))
    assert [(finding.name, finding.verdict) for finding in findings] == [
        ("mail.example.net.", Verdict.CONFIRMED),
        ("gone.example.net.", Verdict.NO_NAME),
    ]
    assert asyncio.run(confirm(ADDRESS, [], ask)) == ()
