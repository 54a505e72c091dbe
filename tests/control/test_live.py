"""From commit to workers: order, what is live, serials, publications in between, failures, and who goes away."""

from __future__ import annotations

import asyncio

import pytest

from ptrd import PtrdError
from ptrd.control.live import BATCH, PAUSE, Link, change_of
from ptrd.records.management import Account, Address, Eip, Pointer, Project
from ptrd.records.model import Prefix
from ptrd.store.sqlite import SqliteDatabase
from ptrd.wire.names import parse_name
from tests.control.fakelink import OPERATOR
from tests.serving import serve

ZONE = """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net, serial: 100}
ns: [ns1.example.net]
records: {192.0.2.1: file.example.net}
defaults: {192.0.2.0/25: "{ip}.dyn.example.net"}
delegations: {192.0.2.192/26: {ns: [ns.example.org]}}
"""
ORIGIN = parse_name("2.0.192.in-addr.arpa")
BASE = 192 << 24 | 2 << 8


def at(octet):
    """Give an address."""
    return Address(4, BASE + octet)


def pointer(octet, name, revision=0):
    """Make a pointer of an address."""
    return Pointer(f"{octet:032x}", at(octet), "grant", "r", "p", (name,), revision=revision)


def setting(octet, name):
    """Give a work that names an address."""

    def work(transaction):
        made = pointer(octet, name, transaction.revision)
        transaction.put_pointer(made)
        transaction.publish(change_of(made))
        transaction.note("setPTRRecord", address=at(octet))
        return transaction.revision

    return work


class Workers:
    """What workers were told, in order; each entry is acknowledged when `gate` is open, or refused by `trouble`."""

    def __init__(self):
        self.entries = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble = None

    async def apply(self, entry):
        """Take an entry."""
        self.entries.append(entry)
        await self.gate.wait()
        if self.trouble:
            raise PtrdError(self.trouble)


def run(folder, test, text=ZONE):
    """Run a test with a link that has published a zone, on a database with one prefix grant."""

    async def whole():
        database = SqliteDatabase(folder / "ptrd.db")

        def furnish(transaction):
            transaction.put_account(Account("a", "acme"))
            transaction.put_project(Project("p", "shop", "a"))
            transaction.put_eip(Eip("grant", "r", "p", Prefix(4, BASE, 24)))

        if not database.revision and not database.read(lambda transaction: transaction.accounts()):
            database.write(furnish, actor="test", request_id="", now=0.0)
        workers = Workers()
        link = Link(database, workers.apply)
        published = []

        async def spread(entry):
            published.append(entry)

        await link.publish(serve(text), [("2.0.192.in-addr.arpa.", None, 100)], spread, fresh=True)
        try:
            await test(link, workers, published)
        finally:
            workers.gate.set()
            await link.close()

    asyncio.run(asyncio.wait_for(whole(), 30))


def change(link, octet, name, **options):
    """Name an address."""
    return link.change(setting(octet, name), actor=OPERATOR, request_id="req", **options)


def serials(link):
    """Give (old, new) of the zone from the journal, by revision."""
    return asyncio.get_running_loop().run_in_executor(None, link._database.read, lambda tx: tx.journal())


def test_a_revision_is_live_when_workers_have_it_and_those_before(tmp_path):
    """What is committed is not live before it is acknowledged; a waiter returns then; it stays live."""

    async def test(link, workers, _):
        workers.gate.clear()
        revision = await change(link, 5, "one.example.net.")
        waiting = asyncio.ensure_future(change(link, 6, "two.example.net.", wait=True))
        note = await link.change(
            lambda transaction: (transaction.note("createEip"), transaction.revision)[1], actor=OPERATOR, request_id=""
        )
        assert note == revision + 2 or note == revision + 1
        assert not link.is_live(revision) and not link.is_live(note) and not waiting.done()
        assert not await link.wait_live(revision, 0.01)
        workers.gate.set()
        assert await link.wait_live(revision + 2, 5)
        assert await waiting in {revision + 1, revision + 2} and link.is_live(note)

    run(tmp_path, test)


def test_entries_come_in_order_with_rising_serials(tmp_path):
    """Concurrent changes are told in the order of their revisions, each one's serial above the last."""

    async def test(link, workers, _):
        await asyncio.gather(
            *[change(link, octet, f"n{octet}.example.net.", wait=True) for octet in range(10, 10 + 3 * BATCH)]
        )
        revisions = [entry.revision for entry in workers.entries]
        found = [entry.serials[ORIGIN] for entry in workers.entries]
        assert revisions == sorted(set(revisions)) and found == sorted(set(found))
        assert found[-1] == 100 + 3 * BATCH  # each change has its own
        told = [one.number for entry in workers.entries for one in entry.changes]
        assert sorted(told) == [BASE + octet for octet in range(10, 10 + 3 * BATCH)]
        rows = await serials(link)
        pairs = [row.serials["2.0.192.in-addr.arpa."] for row in rows if row.action == "setPTRRecord"]
        assert all(new == old + 1 for old, new in pairs)
        assert [old for old, _ in pairs][1:] == [new for _, new in pairs][:-1]
        assert link.snapshot.zones_by_name[ORIGIN].serial == found[-1]

    run(tmp_path, test, ZONE.partition("delegations")[0])


def test_a_stream_of_changes_is_told_in_batches(tmp_path):
    """Workers are told of changes at most every so often, however fast these come one by one, and then of all."""

    async def test(link, workers, _):
        loop = asyncio.get_running_loop()
        times, apply = [], link._apply

        async def timed(entry):
            times.append(loop.time())
            await apply(entry)

        link._apply = timed
        asked = []
        for octet in range(10, 60):
            asked.append(asyncio.ensure_future(change(link, octet, f"n{octet}.example.net.", wait=True)))
            await asyncio.sleep(PAUSE / 10)
        await asyncio.gather(*asked)
        assert len(times) <= (times[-1] - times[0]) / PAUSE + 2
        assert sum(len(entry.changes) for entry in workers.entries) == 50

    run(tmp_path, test)


def test_one_that_fails_takes_no_other_with_it(tmp_path):
    """Of changes that are committed together one that raises changes nothing, and the others are done."""

    async def test(link, workers, _):
        def bad(transaction):
            transaction.put_pointer(pointer(30, "bad.example.net."))
            raise PtrdError("no")

        def broken(transaction):  # its EIP is not there: refused at the commit, by the database
            transaction.put_pointer(Pointer("f" * 32, at(31), "nobody", "r", "p", ("x.example.net.",)))
            transaction.note("setPTRRecord", address=at(31))

        works = [change(link, 20, "a.example.net."), change(link, 21, "b.example.net.")]
        works += [link.change(work, actor=OPERATOR, request_id="") for work in (bad, broken)]
        works += [change(link, 22, "c.example.net.", wait=True)]
        outcomes = await asyncio.gather(*works, return_exceptions=True)
        assert [isinstance(outcome, PtrdError) for outcome in outcomes] == [False, False, True, True, False]
        kept = await link.read(lambda transaction: [str(one.address) for one in transaction.every_pointer()])
        assert kept == ["192.0.2.20", "192.0.2.21", "192.0.2.22"]
        assert sorted(one.number for entry in workers.entries for one in entry.changes) == [
            BASE + n for n in (20, 21, 22)
        ]

    run(tmp_path, test)


def test_a_failure_of_the_whole_leaves_the_next_ones_their_turn(tmp_path, monkeypatch):
    """When a batch fails as a whole everybody in it is told, and what comes later is done."""

    async def test(link, workers, _):
        with monkeypatch.context() as patch:
            patch.setattr(link._database, "write_many", lambda _jobs: 1 / 0)
            works = [change(link, octet, "lost.example.net.") for octet in (20, 21)]
            outcomes = await asyncio.gather(*works, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2
        await change(link, 22, "done.example.net.", wait=True)
        assert [one.number for entry in workers.entries for one in entry.changes] == [BASE + 22]

    run(tmp_path, test)


def test_a_dry_run_reaches_nobody(tmp_path):
    """A dry run gives its result; no revision is used, nothing is kept, no worker is told, no serial moves."""

    async def test(link, workers, _):
        before = link.revision
        await change(link, 40, "dry.example.net.", dry_run=True, wait=True)
        assert (link.revision, workers.entries) == (before, [])
        assert not await link.read(lambda transaction: list(transaction.every_pointer()))
        await change(link, 40, "wet.example.net.", wait=True)
        assert workers.entries[0].serials == {ORIGIN: 101}

    run(tmp_path, test)


def test_who_goes_away_leaves_what_is_committed_served(tmp_path):
    """A caller that is cancelled in the midst does not keep its change from the workers."""

    async def test(link, workers, _):
        task = asyncio.ensure_future(change(link, 50, "gone.example.net."))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await change(link, 51, "stays.example.net.", wait=True)
        assert {one.number - BASE for entry in workers.entries for one in entry.changes} == {50, 51}

    run(tmp_path, test)


def test_what_workers_refuse_is_trouble_until_it_is_served(tmp_path):
    """A refused change has a reason, is not waited for for ever, and has none any more when a later one is served."""

    async def test(link, workers, _):
        workers.trouble = "worker 0 cannot serve it"
        revision = await change(link, 60, "x.example.net.", wait=True)
        assert link.trouble(at(60), revision) == link.trouble(at(60), revision + 5) == workers.trouble
        workers.trouble = None
        assert link.trouble(at(60), await change(link, 60, "y.example.net.", wait=True)) == ""

    run(tmp_path, test)


def test_a_publication_carries_what_is_managed(tmp_path):
    """An image goes out with all managed records; changes during its spread come behind it, none is lost."""

    async def test(link, workers, published):
        await change(link, 1, "one.example.net.", wait=True)
        started, finish = asyncio.Event(), asyncio.Event()
        told = []

        async def spread(entry):
            told.append(entry)
            started.set()
            await finish.wait()

        image = serve(ZONE.replace("file.example.net", "other.example.net"), now=0.0)
        moved = [("2.0.192.in-addr.arpa.", 100, 100)]
        publication = asyncio.ensure_future(link.publish(image, moved, spread, fresh=True))
        await started.wait()
        await change(link, 2, "two.example.net.", wait=True)
        finish.set()
        revision = await publication
        assert [entry.revision for entry in published + told] == [published[0].revision, revision]
        assert [one.number for one in told[0].changes] == [BASE + 1]
        assert told[0].serials == {ORIGIN: 102}  # above what the change before had given it
        assert workers.entries[-1].revision > revision and workers.entries[-1].serials == {ORIGIN: 103}
        overlay = link.snapshot.overlays[0]
        assert set(overlay) == {b"\x011", b"\x012"} and link.snapshot.zones_by_name[ORIGIN].serial == 103
        assert link.is_live(workers.entries[-1].revision) and link.managed == 2

    run(tmp_path, test)


def test_a_restart_goes_on(tmp_path):
    """Another run knows the records, the revision, and serials that the image of last time does not have."""

    async def first(link, _workers, _published):
        await change(link, 7, "seven.example.net.", wait=True)

    async def second(link, _workers, published):
        assert [one.number for one in published[0].changes] == [BASE + 7]
        assert published[0].serials[ORIGIN] == 102 and link.revision == 3
        assert link.default_name(at(7)) == ("192-0-2-7.dyn.example.net.",)
        assert link.default_name(at(1)) == ("file.example.net.",) and link.default_name(at(150)) == ()

    run(tmp_path, first)
    run(tmp_path, second)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (at(5), None),
        (at(1), None),
        (at(200), "the name of 192.0.2.200 is an alias (CNAME) for another name"),
        (Address(4, 1), "no zone that is served here holds 0.0.0.1"),
        (Address(6, 1), "no zone that is served here holds ::1"),
    ],
)
def test_where_a_record_would_not_be_answered(tmp_path, address, reason):
    """A record needs a zone of ours that answers at its name itself."""

    async def test(link, _workers, _published):
        assert link.placement(address) == reason

    run(tmp_path, test)


def test_a_delegated_range_takes_no_record(tmp_path):
    """Below a plain zone cut a record would never be seen."""

    async def test(link, _workers, _published):
        assert link.placement(Address(4, 10 << 24 | 5)) == "10.0.0.5 lies in a range that is delegated to other servers"

    text = "zone: 10.0.0.0/8\nsoa: {mname: ns1.example.net, rname: h@example.net}\nns: [ns1.example.net]\n"
    text += "delegations: {10.0.0.0/24: {ns: [ns.example.org]}}\ndefaults: {10.0.0.0/8: '{ip}.x.example'}\n"

    async def whole():
        link = Link(SqliteDatabase(tmp_path / "other.db"), Workers().apply)

        async def spread(_entry):
            pass

        await link.publish(serve(text), [], spread, fresh=False)
        await test(link, None, None)
        await link.close()

    asyncio.run(whole())


def test_a_zone_that_comes_back_has_a_higher_serial_when_records_changed(tmp_path):
    """While a zone's file is away its records change unseen; when it is back its serial says so, to secondaries too."""

    async def test(link, _workers, published):
        await change(link, 5, "one.example.net.", wait=True)  # 101

        async def spread(entry):
            published.append(entry)

        other = ZONE.replace("192.0.2", "198.51.100").partition("delegations")[0]
        await link.publish(serve(other), [], spread, fresh=True)
        what = "1 managed record is not served, the first of them 192.0.2.5"
        assert link.orphans == f"{what}: no zone that is served here holds 192.0.2.5"
        assert link.trouble(at(5), 0)
        await change(link, 5, "two.example.net.", wait=True)
        await link.publish(serve(ZONE), [], spread, fresh=True)
        assert link.orphans == "" and published[-1].serials[ORIGIN] == 102

    run(tmp_path, test)


def test_a_zone_that_takes_records_from_another_moves_both_serials(tmp_path):
    """A deeper zone takes a record over and gives it back: each time the parent's serial rises."""

    async def test(link, _workers, published):
        await change(link, 5, "one.example.net.", wait=True)

        async def spread(entry):
            published.append(entry)

        covering = (
            "zone: 0-29.2.0.192.in-addr.arpa\ncovers: 192.0.2.0/29\n"
            "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
            "defaults: {192.0.2.0/29: '{ip}.other.example.net'}\n"
        )
        await link.publish(serve(ZONE, covering), [], spread, fresh=True)
        assert published[-1].serials[ORIGIN] == 102
        await link.publish(serve(ZONE), [], spread, fresh=True)
        assert published[-1].serials[ORIGIN] == 103

    run(tmp_path, test)


def test_a_database_that_is_older_than_the_image_is_told(tmp_path, caplog):
    """Where the image of last time knows a later revision, the log says that something was lost and what to do."""

    async def test(link, _workers, _published):
        async def spread(_entry):
            pass

        await link.publish(serve(ZONE, revision=99), [], spread, fresh=False)
        assert "older than the image of last time with 99" in caplog.text and "ptrd restore" in caplog.text

    run(tmp_path, test)
