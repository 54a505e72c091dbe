"""Names that nobody answers for: what they cost is their own project's, ends with the client, and hides nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from ptrd.control import confirmation, shares
from ptrd.control.actors import Code, ControlError
from ptrd.control.asking import Asker
from ptrd.control.confirmation import Confirmer
from ptrd.control.options import ConfirmOptions
from ptrd.control.views import MAX_HEADER, confirmation_headers
from ptrd.records.management import Policy
from ptrd.records.trust import Verdict
from tests.control.httpsite import ADDRESS, Site, run
from tests.control.test_confirmation import ONE, OTHER, TWO, FakeResolver, confirmed  # noqa: F401 - a fixture
from tests.serve.fakes import until


def silent_bulk(work, many, number=0, **fields):
    """Make the coroutine of a bulk of names that nobody answers for, and have the resolver not answer."""
    hosts = [number * many + host for host in range(1, many + 1)]
    work.resolver.silent |= {f"s{host}.example.com." for host in hosts}
    return work.bulk(work.shop, *(("set", f"2001:db8:1::{host:x}", f"s{host}.example.com") for host in hosts), **fields)


def test_nobody_takes_the_questions_of_others(confirmed):  # noqa: F811 - the fixture that is imported
    """However much one project has us ask of silence, another project's name is confirmed."""
    work = confirmed(Policy.REQUIRE, timeout=1.0)
    work.resolver.names = {"good.example.com.": [OTHER]}

    async def both():
        bulks = [asyncio.create_task(silent_bulk(work, 60, number, patience=60.0)) for number in range(6)]
        await until(lambda: work.resolver.open == shares.MAX_OPEN_OF_ONE)
        edit = await work.set(work.rival, OTHER, "good.example.com")
        assert work.resolver.most == shares.MAX_OPEN_OF_ONE + 1  # and that of the other
        for bulk in bulks:
            bulk.cancel()
        await asyncio.gather(*bulks, return_exceptions=True)
        return edit

    assert work.do(both()).after.finding.verdict is Verdict.CONFIRMED
    assert work.resolver.open == 0 and work.confirmer._shares._own == {}


def test_our_own_queue_is_no_silence(confirmed, monkeypatch):  # noqa: F811 - as above
    """Time in the queue is no time of a name, and who waited there in vain is told to try again."""
    monkeypatch.setattr(shares, "MAX_OPEN_OF_ONE", 1)
    work = confirmed(Policy.REQUIRE, timeout=0.4)
    work.resolver.names = {"good.example.com.": [ONE]}

    async def behind(queue):
        monkeypatch.setattr(confirmation, "_QUEUE", queue)
        work.resolver.reached.clear()
        bulk = asyncio.create_task(silent_bulk(work, 1))
        await work.resolver.reached.wait()
        try:
            return await work.set(work.shop, ONE, "good.example.com")
        finally:
            await asyncio.gather(bulk, return_exceptions=True)

    error = work.refused(behind(0.05))
    assert error.code is Code.BUSY and "too many names wait to be looked at before those of 192.0.2.1" in str(error)
    work.resolver.asked.clear()
    assert work.do(behind(30.0)).after.finding.verdict is Verdict.CONFIRMED  # although it waited for all of 0.4 s


def test_so_many_changes_wait(confirmed, monkeypatch):  # noqa: F811 - as above
    """Of one project only so many changes wait for names; others wait nevertheless, and a place is free again."""
    monkeypatch.setattr(shares, "MAX_LOOKS_OF_ONE", 2)
    work = confirmed(Policy.REQUIRE, timeout=60.0)
    work.resolver.names = {"good.example.com.": [ONE, OTHER]}

    async def too_many():
        waiting = [asyncio.create_task(silent_bulk(work, 1, number)) for number in range(2)]
        await until(lambda: work.resolver.open == 2)
        with pytest.raises(ControlError) as caught:
            await work.set(work.shop, ONE, "good.example.com")
        await work.set(work.rival, OTHER, "good.example.com")
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await work.set(work.shop, ONE, "good.example.com")
        return caught.value.code

    assert work.do(too_many()) is Code.BUSY


def test_silence_hides_nothing_that_was_found(confirmed):  # noqa: F811 - as above
    """A name that does not exist is refused for that, whatever nobody answers when it is asked for again."""
    work = confirmed(Policy.REQUIRE, timeout=0.2)

    def fall_silent():
        if work.resolver.asked == ["none.example.com."]:
            return
        work.resolver.silent = {"none.example.com."}

    work.resolver.before = fall_silent
    error = work.refused(work.set(work.shop, ONE, "none.example.com", patience=1.5))
    assert "none.example.com. does not exist; publish" in str(error) and len(work.resolver.asked) > 2


def test_the_resolver_is_heard_where_authorities_are_not(confirmed):  # noqa: F811 - as above
    """With a timeout shorter than what a zone's own servers get, what the resolver has learned is found."""
    work = confirmed(Policy.REQUIRE, timeout=0.3)

    async def nobody(_name, _version):
        if len(work.resolver.asked) > 2:
            work.resolver.names = {"new.example.com.": [TWO]}
        await asyncio.sleep(3600)

    work.resolver.authority = nobody
    edit = work.do(work.set(work.shop, TWO, "new.example.com", patience=30.0))
    assert edit.after.finding.verdict is Verdict.CONFIRMED


@pytest.mark.parametrize("path", ["/api/v1/ptrs:bulk?wait=60", f"/api/v1/ptrs/{ADDRESS}?wait=60"])
def test_a_look_ends_with_its_client(tmp_path, path):
    """When the client of a request that waits for names goes away, no more is asked and nothing is written."""

    async def work():
        resolver = FakeResolver()
        options, asker = ConfirmOptions(Policy.REQUIRE, timeout=0.2), Asker(lambda: None, lambda: resolver)
        confirmers = []

        def make(link):
            confirmers.append(Confirmer(link, options, asker))
            return confirmers[-1]

        async with Site(tmp_path, confirmer=make) as site:
            _, token = await site.tokens()
            confirmer = confirmers[0]
            one = {"names": ["none.example.com"]}
            body = one
            if "bulk" in path:
                body = {"operations": [{"op": "set", "address": ADDRESS, **one}]}
            data = json.dumps(body).encode()
            method = "POST" if "bulk" in path else "PUT"
            _, writer = await site.connect()
            head = (
                f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: {token}\r\nContent-Length: {len(data)}"
            )
            writer.write(f"{head}\r\nContent-Type: application/json\r\n\r\n".encode() + data)
            await until(lambda: len(resolver.asked) >= 3)
            assert confirmer._shares._looks.total() == 1
            writer.close()
            await until(lambda: confirmer._shares._looks.total() == 0)
            asked = len(resolver.asked)
            resolver.names = {"none.example.com.": [ADDRESS]}
            await asyncio.sleep(1.2)  # in which it would be asked again
            assert len(resolver.asked) == asked and site.link.published == []

    run(work())


def test_a_header_has_an_end(confirmed):  # noqa: F811 - as above
    """What a header says of a name is cut, however long names and reasons are."""
    work = confirmed(Policy.WARN)
    name = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.example.com"
    view = work.do(work.set(work.shop, ONE, name)).after
    header = confirmation_headers(view)["X-Ptrd-Confirmation"]
    assert len(view.finding.reason) > MAX_HEADER >= len(header) and header.startswith("no_name; a")
    assert header.endswith("...")
