"""A link over a database in a folder, with workers that acknowledge when a test says so.

`dns` is what they would say: the names of the last change that was published for each address.
"""

from __future__ import annotations

import asyncio
from itertools import count

from ptrd.control.actors import Actor, Role
from ptrd.control.cases import Cases
from ptrd.control.inventory import Inventory
from ptrd.control.pointers import Pointers
from ptrd.control.repeats import remembering
from ptrd.records.management import Address
from ptrd.records.values import parse_address
from ptrd.store.sqlite import SqliteDatabase
from ptrd.wire.names import format_name

OPERATOR = Actor("local:root", Role.OPERATOR)


def address(text):
    """Read an address."""
    return Address(*parse_address(text))


class FakeLink:
    """The link. `live` is the last revision that workers have; None is for each as soon as it is committed.

    `unserved` and `defaults` say by address why a record would not be answered, and what the zone files say;
    `troubles` says why a record is not answered although it is committed.
    """

    def __init__(self, folder):
        self.database = SqliteDatabase(folder / "ptrd.db")
        self.live = None
        self.unserved = {}
        self.defaults = {}
        self.troubles = {}
        self.dns = {}
        self.published = []  # (revision, change), in order
        self.now = 1_000_000.0
        self._order = asyncio.Lock()

    @property
    def revision(self):
        """Give the newest revision."""
        return self.database.revision

    async def read(self, work):
        """Do some reading."""
        return await asyncio.to_thread(self.database.read, work)

    async def change(self, work, *, actor, request_id, dry_run=False, wait=False):
        """Do a transaction; with `wait` the workers have it, whatever the test says of others."""
        work = remembering(work)
        async with self._order:
            committed = await asyncio.to_thread(
                self.database.write, work, actor=actor.name, request_id=request_id, now=self.now, dry_run=dry_run
            )
            if not dry_run:
                for change in committed.changes:
                    self.published.append((committed.revision, change))
                    self.dns[Address(change.version, change.number)] = tuple(map(format_name, change.targets))
        if wait and not dry_run and self.live is not None:
            self.live = max(self.live, committed.revision)
        return committed.result

    def is_live(self, revision):
        """Tell whether the workers have a revision."""
        return revision <= (self.revision if self.live is None else self.live)

    async def wait_live(self, revision, seconds):
        """Wait until the workers have a revision, for so many seconds."""
        for _ in range(int(seconds * 100)):
            if self.is_live(revision):
                return True
            await asyncio.sleep(0.01)
        return self.is_live(revision)

    def placement(self, address):
        """Say why a record would not be answered."""
        return self.unserved.get(address)

    def default_name(self, address):
        """Give what the zone files say."""
        return self.defaults.get(address, ())

    def trouble(self, address, revision):  # noqa: ARG002 - a test says it of the address
        """Say why a record is not answered."""
        return self.troubles.get(address, "")

    def says(self, text):
        """Give what DNS says of an address."""
        return self.dns.get(address(text)) or self.default_name(address(text))

    def close(self):
        """End."""
        self.database.close()


def make_cases(folder, credentials=None, **settings):
    """Give use cases over a new link in a folder; `settings` are of the inventory."""
    link = FakeLink(folder)
    numbers = count(1)
    return Cases(Pointers(link, lambda: f"{next(numbers):032x}"), Inventory(link, **settings), credentials, link)


async def make_project(cases, name="shop", *, account=None, role=Role.WRITER, quota=50):
    """Make a project (and its account, `NAME-account`, unless it is there); give an actor of it."""
    account = account or f"{name}-account"
    known = [one.name for one in await cases.inventory.accounts(OPERATOR)]
    if account not in known:
        await cases.inventory.create_account(OPERATOR, account, quota=quota, request_id="req-0")
    project = await cases.inventory.create_project(OPERATOR, name, account=account, request_id="req-0")
    return Actor(f"token:{name}", role, project.id, project.account)
