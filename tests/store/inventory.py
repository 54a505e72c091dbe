"""A small inventory for tests of the store, and short ways to read and write."""

from __future__ import annotations

from contextlib import contextmanager
from ipaddress import ip_address, ip_network

from ptrd.records.management import Account, Address, Eip, Pointer, Project
from ptrd.records.model import Prefix
from ptrd.store.sqlite import SqliteDatabase

ACCOUNTS = [Account("a" * 32, "first"), Account("b" * 32, "second", quota=5, disabled=True, created=2.5)]
PROJECTS = [
    Project("1" * 32, "web", ACCOUNTS[0].id),
    Project("2" * 32, "mail", ACCOUNTS[0].id, created=1.5),
    Project("3" * 32, "other", ACCOUNTS[1].id, disabled=True),
]


def address(text):
    """Read an address."""
    found = ip_address(text)
    return Address(found.version, int(found))


def prefix(text):
    """Read a prefix."""
    found = ip_network(text)
    return Prefix(found.version, int(found.network_address), found.prefixlen)


EIPS = [
    Eip("e1", "north", PROJECTS[0].id, prefix("192.0.2.0/28"), 7.25),
    Eip("e1", "south", PROJECTS[1].id, prefix("198.51.100.9/32")),
    Eip("e2", "north", PROJECTS[2].id, prefix("2001:db8::/64")),
]


def pointer(where, eip=EIPS[0], **fields):
    """Make the pointer of an address."""
    where = address(where)
    fields = {"id": f"{where.number:032x}", "names": ("www.example.com.",)} | fields
    return Pointer(address=where, eip=eip.id, region=eip.region, project=eip.project, **fields)


def write(database, work, **options):
    """Do a transaction as somebody, at some time."""
    return database.write(work, actor="token:ci", request_id="req-1", now=1000.5, **options)


def fill(transaction):
    """Write the inventory."""
    for account in ACCOUNTS:
        transaction.put_account(account)
    for project in PROJECTS:
        transaction.put_project(project)
    for eip in EIPS:
        transaction.put_eip(eip)
    transaction.note("createEip", after={"count": len(EIPS)})


@contextmanager
def opened(path, *, filled=False):
    """Have a database, with the inventory in it when that is wanted."""
    database = SqliteDatabase(path)
    try:
        if filled:
            write(database, fill)
        yield database
    finally:
        database.close()


def everything(database):
    """Give all that a database says, as one value."""
    return database.read(
        lambda transaction: (
            database.revision,
            transaction.accounts(),
            transaction.projects(),
            transaction.eips(),
            list(transaction.every_pointer()),
            transaction.freezes(),
            transaction.serials(),
            transaction.journal(limit=10**9),
        )
    )
