"""Pointers that take the place of others: what is the same is not written again, and what is written is whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ptrd.records.confirmation import Confirmation
from ptrd.records.management import Freeze, Tag
from ptrd.records.trust import Verdict
from ptrd.store.pointertables import _KNOWN
from tests.store.inventory import EIPS, PROJECTS, address, opened, pointer, prefix, write

WHERE = "192.0.2.1"
OLD = pointer(WHERE, tags=(Tag("a", "1"), Tag("b", "2")), created=5.0, updated=5.0)
FOUND = Confirmation(OLD.names, Verdict.CONFIRMED, "", (), 900.0)


@pytest.fixture
def database(tmp_path):
    """Have a database with one pointer, whose names have been looked at."""
    with opened(tmp_path / "ptrd.db", filled=True) as made:
        write(made, lambda transaction: transaction.put_pointer(OLD))
        write(made, lambda transaction: transaction.put_finding(OLD.address, FOUND, 2000.0))
        yield made


@pytest.mark.parametrize(
    "fields",
    [
        {"names": ("mail.example.com.",), "ttl": 5, "revision": 7, "updated": 6.0},
        {"description": "another", "enterprise_project": "7"},
        {"tags": (Tag("a", "1"), Tag("c", ""))},
        {"tags": ()},
        {"id": "f" * 32, "created": 6.0},
        {"project": PROJECTS[1].id, "eip": "e9"},
    ],
)
def test_a_pointer_takes_the_place_of_another(database, fields):
    """Whatever differs is written, whether the old one is handed over or not; the counts follow."""
    new = replace(OLD, **fields)

    def work(transaction):
        if new.eip != OLD.eip:
            transaction.put_eip(replace(EIPS[0], prefix=prefix("192.0.2.8/29")))
            transaction.put_eip(replace(EIPS[0], id="e9", project=new.project, prefix=prefix("192.0.2.0/29")))
        transaction.put_pointer(new, OLD)
        return transaction.known(OLD.address).pointer

    assert write(database, work).result == new
    assert database.read(lambda transaction: list(transaction.every_pointer())) == [new]
    counted = database._writer.execute("SELECT project, pointers FROM pointer_counts WHERE pointers > 0").fetchall()
    assert counted == [(new.project, 1)]


def test_another_name_has_not_been_looked_at(database):
    """A finding goes with the names that it is about, and stays when they do."""

    def finding_after(**fields):
        def work(transaction):
            transaction.put_pointer(replace(OLD, **fields), transaction.known(OLD.address).pointer)
            return transaction.known(OLD.address).finding

        return write(database, work).result

    assert finding_after(ttl=5) == FOUND
    assert finding_after(names=("mail.example.com.",)) is None


def test_all_that_is_kept_about_an_address_is_found_at_once(database):
    """Pointer, freeze, finding and the newest revision of an address are found together, each where there is one."""
    frozen = Freeze(address("192.0.2.2"), "abuse", 3.5)
    write(database, lambda transaction: transaction.put_freeze(frozen))
    for _ in range(2):
        write(database, lambda transaction: transaction.note("freezePTRRecord", address=frozen.address))

    def look(transaction):
        assert transaction.known(OLD.address) == (OLD, None, FOUND, 0)
        assert transaction.known(frozen.address) == (None, frozen, None, database.revision)
        assert transaction.known(address("192.0.2.3")) == (None, None, None, 0)

    database.read(look)


def test_no_address_is_looked_for_among_all(database):
    """What is kept about one address is found by indexes alone, however many there are."""
    steps = database._writer.execute(f"EXPLAIN QUERY PLAN {_KNOWN}", (4, bytes(16))).fetchall()
    assert {text for *_, text in steps if text.startswith("SCAN")} <= {"SCAN CONSTANT ROW", "SCAN asked"}  # the address
