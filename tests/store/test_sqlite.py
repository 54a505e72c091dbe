"""The store on SQLite: transactions, revisions, what is found and what is refused."""

import stat
import threading
from dataclasses import replace

import pytest

from ptrd.records.changes import Change
from ptrd.records.management import Freeze, Tag
from ptrd.store.database import DatabaseError, PointerQuery
from ptrd.store.sqlite import SqliteDatabase
from tests.store.inventory import (
    ACCOUNTS,
    EIPS,
    PROJECTS,
    address,
    everything,
    fill,
    opened,
    pointer,
    prefix,
    write,
)

CHANGE = Change(4, 1, 300, (b"\x01a\x00",))


@pytest.fixture
def database(tmp_path):
    """Have a database with the inventory, at revision 1."""
    with opened(tmp_path / "ptrd.db", filled=True) as found:
        yield found


def pointers(database, **query):
    """Give the last octets of the addresses that a query finds, in order, and compare their number."""
    found = database.read(lambda transaction: transaction.pointers(PointerQuery(**query)))
    counted = {key: value for key, value in query.items() if key not in {"after", "offset", "limit"}}
    whole = database.read(lambda transaction: transaction.pointers(PointerQuery(**counted)))
    assert database.read(lambda transaction: transaction.count_pointers(PointerQuery(**query))) == len(whole)
    return [item.address.number & 0xFF for item in found]


def test_files_are_private(database):
    """The database and its log are for their owner's eyes only."""
    for path in database.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_commit_is_flushed(database):
    """Each commit waits for the disk, in a write-ahead log, and contradictions are looked for."""
    settings = ["synchronous", "journal_mode", "foreign_keys"]
    found = [database._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
    assert found == [2, "wal", 1]


def test_a_database_comes_back_as_it_was(tmp_path):
    """What was committed is there after the file was closed and opened, and the next revision follows."""
    with opened(tmp_path / "ptrd.db", filled=True) as database:
        write(database, lambda transaction: transaction.put_pointer(pointer("192.0.2.1", tags=(Tag("k", "v"),))))
        before = everything(database)
    with opened(tmp_path / "ptrd.db") as database:
        assert everything(database) == before and database.revision == 1
        assert write(database, lambda transaction: transaction.note("x")).revision == 2


def test_inventory_is_found(database):
    """Accounts and projects are found by id and by name, EIPs by id, by project, by region, by page and by address."""

    def look(transaction):
        assert transaction.accounts() == ACCOUNTS
        assert [transaction.account(ACCOUNTS[1].id), transaction.account("second")] == [ACCOUNTS[1]] * 2
        assert [transaction.project(PROJECTS[2].id), transaction.project("other")] == [PROJECTS[2]] * 2
        assert transaction.account("third") is transaction.project("third") is transaction.eip("west", "e1") is None
        assert transaction.projects(ACCOUNTS[0].id) == [PROJECTS[1], PROJECTS[0]]
        assert transaction.owner(PROJECTS[2].id) == (PROJECTS[2], ACCOUNTS[1])
        assert transaction.owner("other") is None  # by its id alone, as an actor has it
        assert transaction.eip("south", "e1") == EIPS[1]
        assert transaction.eips() == [EIPS[0], EIPS[2], EIPS[1]]
        assert transaction.eips(region="north", limit=1) == [EIPS[0]]
        assert transaction.eips(after=("north", "e1")) == [EIPS[2], EIPS[1]]
        assert transaction.eips(PROJECTS[1].id, "south") == [EIPS[1]]
        assert transaction.eips(PROJECTS[1].id, "north") == []

    database.read(look)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.1.255", None),
        ("192.0.2.0", 0),
        ("192.0.2.15", 0),
        ("192.0.2.16", None),
        ("198.51.100.9", 1),
        ("198.51.100.10", None),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ("2001:db8::", 2),
        ("2001:db8::ffff:ffff:ffff:ffff", 2),
        ("2001:db8:0:1::", None),
        ("::c000:201", None),
        ("255.255.255.255", None),
    ],
)  # fmt: skip - a table
def test_the_eip_at_an_address(database, text, found):
    """An address finds the EIP whose prefix holds it, at both of its ends, and none just outside them."""
    expected = None if found is None else EIPS[found]
    assert database.read(lambda transaction: transaction.eip_at(address(text))) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.0.0.0/0", [0, 1]),
        ("192.0.2.8/29", [0]),
        ("192.0.2.16/28", []),
        ("192.0.2.0/28", [0]),
        ("192.0.2.0/32", [0]),
        ("::/0", [2]),
        ("2001:db8::8000:0:0:0/66", [2]),
        ("2001:db8:0:1::/64", []),
    ],
)  # fmt: skip - a table
def test_the_eips_within_a_prefix(database, text, found):
    """A prefix finds the EIPs that it holds, that it equals, and the one that holds it."""
    assert database.read(lambda transaction: transaction.eips_within(prefix(text))) == [EIPS[item] for item in found]


def test_rows_are_replaced_and_dropped(database):
    """Each row is written over by its key, and can be taken out."""

    def change(transaction):
        transaction.put_account(replace(ACCOUNTS[0], name="renamed", quota=7))
        transaction.put_project(replace(PROJECTS[0], name="shop", disabled=True))
        transaction.put_eip(replace(EIPS[0], prefix=prefix("203.0.113.0/24")))
        transaction.put_freeze(Freeze(address("192.0.2.1"), "spam", 3.5))
        transaction.put_freeze(Freeze(address("192.0.2.1"), "worse", 4.5))
        transaction.put_pointer(pointer("203.0.113.9", id="f" * 32, tags=(Tag("a", ""), Tag("b", "c"))))
        transaction.put_pointer(pointer("203.0.113.9", id="e" * 32, ttl=5, tags=(Tag("b", "d"),)))

    write(database, change)
    assert everything(database)[1:6] == (
        [replace(ACCOUNTS[0], name="renamed", quota=7), ACCOUNTS[1]],
        [PROJECTS[1], PROJECTS[2], replace(PROJECTS[0], name="shop", disabled=True)],
        [replace(EIPS[0], prefix=prefix("203.0.113.0/24")), EIPS[2], EIPS[1]],
        [pointer("203.0.113.9", id="e" * 32, ttl=5, tags=(Tag("b", "d"),))],
        [Freeze(address("192.0.2.1"), "worse", 4.5)],
    )

    def clear(transaction):
        assert transaction.pointer_by_id("e" * 32) == transaction.known(address("203.0.113.9")).pointer
        transaction.drop_account(ACCOUNTS[0].id)  # what refers to it may go later in the same transaction
        transaction.drop_freeze(address("192.0.2.1"))
        for project in PROJECTS[:2]:
            transaction.drop_project(project.id)
        for eip in EIPS[:2]:
            transaction.drop_eip(eip.region, eip.id)
        transaction.drop_pointer(address("203.0.113.9"))
        assert (
            transaction.known(address("203.0.113.9")).pointer is transaction.known(address("192.0.2.1")).freeze is None
        )

    write(database, clear)
    assert everything(database)[1:6] == ([ACCOUNTS[1]], [PROJECTS[2]], [EIPS[2]], [], [])


def test_pointers_are_found(database):
    """Pointers come by id, page by page, and are found by all that a query can say."""

    def change(transaction):
        for number, (eip, where) in enumerate(
            [(0, "192.0.2.3"), (0, "192.0.2.1"), (1, "198.51.100.9"), (2, "2001:db8::7")]
        ):
            transaction.put_pointer(
                pointer(
                    where, EIPS[eip], id=f"{number:032x}", enterprise_project=str(number % 2),
                    tags=(Tag("env", ("production", "")[number % 2]), Tag(f"t{number}", "x")),
                )
            )  # fmt: skip

    write(database, change)
    assert pointers(database) == [3, 1, 9, 7]
    assert pointers(database, offset=1, limit=2) == [1, 9]
    assert pointers(database, after=f"{1:032x}", offset=1) == [9, 7]
    assert pointers(database, limit=0) == []
    assert pointers(database, project=PROJECTS[0].id) == [3, 1]
    assert pointers(database, account=ACCOUNTS[0].id) == [3, 1, 9]
    assert pointers(database, account=ACCOUNTS[0].id, project=PROJECTS[2].id) == []
    assert pointers(database, region="north", enterprise_project="1") == [1, 7]
    assert pointers(database, within=prefix("192.0.2.0/31")) == [1]
    assert pointers(database, within=prefix("::/0")) == [7]
    assert pointers(database, tags=(("env", ""),)) == [1, 7]
    assert pointers(database, tags=(("env", None), ("t2", "x"))) == [9]
    assert pointers(database, tags=(("env", "*oduct"),)) == [3, 9]
    assert pointers(database, tags=(("env", "*"),)) == [3, 1, 9, 7]
    assert pointers(database, tags=(("env", "product"),)) == []
    everywhere = database.read(lambda transaction: [str(item.address) for item in transaction.every_pointer()])
    assert everywhere == ["192.0.2.1", "192.0.2.3", "198.51.100.9", "2001:db8::7"]


def test_a_revision_is_used_up_by_what_it_says(database):
    """A row of the journal or a published change takes the next revision; a write without either takes none."""
    assert database.revision == 1
    assert (
        write(database, lambda transaction: transaction.put_freeze(Freeze(address("192.0.2.1"), "", 0.0))).revision == 1
    )
    assert write(database, lambda transaction: transaction.publish(CHANGE)) == (None, 2, [CHANGE])
    assert write(database, lambda transaction: transaction.note("x") or transaction.revision)[:2] == (3, 3)
    assert database.revision == 3
    assert database.read(lambda transaction: transaction.revision) == 3


def test_nothing_stays_of_work_that_fails(database):
    """When the work or its finish raises, its error comes through, and neither rows nor the revision have changed."""
    before = everything(database)

    def fail(transaction, changes=None):
        transaction.drop_eip("north", "e1")
        transaction.note("releaseEip")
        raise KeyError(changes)

    for options in ({}, {"finish": fail}):
        with pytest.raises(KeyError):
            write(database, fill if options else fail, **options)
        assert everything(database) == before


def test_a_dry_run_changes_nothing(database):
    """A dry run gives what the work gave and would have published, ends as it began, and its finish is called."""
    before = everything(database)
    seen = []

    def work(transaction):
        transaction.publish(CHANGE)
        transaction.put_pointer(pointer("192.0.2.1"))
        return transaction.known(address("192.0.2.1")).pointer

    result = write(database, work, finish=lambda _, changes: seen.extend(changes), dry_run=True)
    assert result == (pointer("192.0.2.1"), 1, [CHANGE]) and seen == [CHANGE]
    assert everything(database) == before


def test_the_journal_says_who_did_what(database):
    """A row has all that was said of it, and its transaction's time, actor, request and serials."""

    def work(transaction):
        transaction.note(
            "setPTRRecord", project="p", address=address("2001:db8::1"), before={"ttl": 1}, after={"ü": ["a"]}
        )
        transaction.note("publish")

    serials = {"a.": (None, 2**32 - 1), "b.": (4, 5)}
    write(database, work, finish=lambda transaction, _: transaction.set_serials(serials))
    rows = database.read(lambda transaction: transaction.journal(after=1))
    assert [(row.revision, row.action, row.serials) for row in rows] == [
        (2, "setPTRRecord", serials),
        (2, "publish", serials),
    ]
    assert (rows[0].time, rows[0].actor, rows[0].request_id) == (1000.5, "token:ci", "req-1")
    assert (rows[0].project, rows[0].address, rows[0].before) == ("p", address("2001:db8::1"), {"ttl": 1})
    assert rows[0].after == {"ü": ["a"]} and rows[1].after is None
    assert database.read(lambda transaction: transaction.serials()) == {"a.": 2**32 - 1, "b.": 5}


def test_the_journal_is_read_in_pages_without_a_gap(database):
    """A page ends with a whole revision, so asking on from its last revision misses no row, in either order."""
    where = [address("192.0.2.1"), address("192.0.2.2")]
    for size in (1, 5, 2):
        write(
            database,
            lambda transaction, size=size: [
                transaction.note(f"{size}.{n}", project="p", address=where[n % 2]) for n in range(size)
            ],
        )

    def actions(**query):
        return [row.action for row in database.read(lambda transaction: transaction.journal(**query))]

    five = [f"5.{n}" for n in range(5)]
    assert actions(after=1, limit=3) == ["1.0", *five]
    assert actions(after=3, limit=3) == ["2.0", "2.1"]
    assert actions(limit=1, newest_first=True) == ["2.1", "2.0"]
    assert actions(after=1, limit=3, newest_first=True) == ["2.1", "2.0", *reversed(five)]
    assert actions(limit=2, address=where[1]) == ["5.1", "5.3"]
    assert actions(project="q") == []
    assert actions(project="p", limit=1, address=where[0], newest_first=True) == ["2.0"]
    touched = [database.read(lambda transaction, item=item: transaction.last_touched(item)) for item in where]
    assert touched == [4, 4]
    assert database.read(lambda transaction: transaction.last_touched(address("::"))) == 0


@pytest.mark.parametrize(
    "work",
    [
        lambda transaction: transaction.drop_account(ACCOUNTS[0].id),
        lambda transaction: transaction.drop_project(PROJECTS[0].id),
        lambda transaction: transaction.drop_eip("north", "e1"),
        lambda transaction: transaction.put_eip(replace(EIPS[0], project=PROJECTS[1].id)),
        lambda transaction: transaction.put_eip(replace(EIPS[0], id="e9")),
        lambda transaction: transaction.put_project(replace(PROJECTS[0], id="9" * 32)),
        lambda transaction: transaction.put_account(replace(ACCOUNTS[0], id="9" * 32)),
        lambda transaction: transaction.put_pointer(pointer("192.0.2.2", id=f"{0xC0000201:032x}")),
        lambda transaction: transaction.put_pointer(replace(pointer("192.0.2.2"), project=PROJECTS[1].id)),
    ],
)
def test_contradictions_are_refused(database, work):
    """An owner may not go before what it owns, nothing has two of a name or id, a pointer has its EIP's project."""
    write(database, lambda transaction: transaction.put_pointer(pointer("192.0.2.1")))
    before = everything(database)
    with pytest.raises(
        DatabaseError, match=r"ptrd.db refuses a change that would contradict what is there, and nothing"
    ):
        write(database, work)
    assert everything(database) == before


def test_a_reader_sees_one_moment(database):
    """A reading that began before a commit does not see it, and does not make the writer wait."""

    def look(transaction):
        before = transaction.eips()
        writer = threading.Thread(target=write, args=(database, lambda other: other.drop_eip("north", "e1")))
        writer.start()
        writer.join(30)
        assert not writer.is_alive() and transaction.eips() == before
        return before

    before = database.read(look)
    assert database.read(lambda transaction: transaction.eips()) == before[1:]


def test_a_reader_changes_nothing(database):
    """Who writes in a reading is refused."""
    with pytest.raises(DatabaseError, match="readonly"):
        database.read(lambda transaction: transaction.drop_eip("north", "e1"))
    assert database.read(lambda transaction: len(transaction.eips())) == 3


def test_many_threads_read(database):
    """Readers in many threads get what is there, with no more connections than there were readers at a time."""
    barrier = threading.Barrier(8)
    found = []

    def look():
        found.append(database.read(lambda transaction: (barrier.wait(30), len(transaction.eips()))[1]))
        found.append(database.read(lambda transaction: len(transaction.eips())))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [3] * 16
    assert len(database._idle) == 8


def test_a_closed_database(tmp_path):
    """After the end nothing is read or written, and no log stays beside the file."""
    database = SqliteDatabase(tmp_path / "ptrd.db")
    database.read(lambda transaction: transaction.accounts())
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ptrd.db"]
    for use in (lambda: write(database, fill), lambda: database.read(lambda transaction: transaction.accounts())):
        with pytest.raises(DatabaseError, match="closed"):
            use()


def test_counting_does_not_look_at_each_pointer(database):
    """The number of an account's pointers, on which its quota rests, is kept, and stays right as projects change."""

    def count(account):
        return database.read(lambda transaction: transaction.count_pointers(PointerQuery(account=account.id)))

    write(database, lambda transaction: [transaction.put_pointer(pointer(f"192.0.2.{n}")) for n in range(3)])
    assert [count(account) for account in ACCOUNTS] == [3, 0]

    def move(transaction):
        transaction.put_eip(replace(EIPS[0], project=PROJECTS[2].id))
        for n in range(3):
            transaction.put_pointer(replace(pointer(f"192.0.2.{n}"), project=PROJECTS[2].id))
        transaction.drop_pointer(address("192.0.2.0"))

    write(database, move)
    assert [count(account) for account in ACCOUNTS] == [0, 2]
    plan = database._writer.execute(
        "EXPLAIN QUERY PLAN SELECT total(pointers) FROM pointer_counts WHERE project = ?", ("",)
    ).fetchall()
    assert "SEARCH pointer_counts" in plan[0][3]
