"""Use cases called one after another, without `await`: two tenants of two accounts, and an operator."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

import pytest

from ptrd.control.actors import ControlError, Role
from ptrd.control.refs import ref_of_address
from tests.control.fakelink import OPERATOR, make_cases, make_project

EIPS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")  # of `shop`
PREFIX = "2001:db8:1::/64"  # of `shop`
OTHERS = "192.0.2.9"  # of `rival`


class Casework:
    """The use cases. `shop` has EIPs named `eip-1` and so on and the prefix `net`; `rival` has one named `other`."""

    def __init__(self, folder, **settings):
        self._runner = asyncio.Runner()
        self._requests = count(1)
        self.cases = make_cases(folder, **settings)
        self.link = self.cases.link
        self.shop = self.do(make_project(self.cases, "shop"))
        self.rival = self.do(make_project(self.cases, "rival"))
        self.reader = replace(self.shop, name="token:reader", role=Role.READER)
        for number, text in enumerate(EIPS, 1):
            self.add(text, f"eip-{number}", "shop")
        self.add(PREFIX, "net", "shop")
        self.add(OTHERS, "other", "rival")

    def do(self, coroutine):
        """Run something to its end."""
        return self._runner.run(coroutine)

    def refused(self, coroutine):
        """Give the error with which something is refused, when nothing changed by it."""
        before = self.link.revision, len(self.link.published)
        with pytest.raises(ControlError) as caught:
            self.do(coroutine)
        assert (self.link.revision, len(self.link.published)) == before
        return caught.value

    def code(self, coroutine):
        """Give the code and the field with which something is refused."""
        error = self.refused(coroutine)
        return str(error.code), error.field

    def add(self, text, eip_id, project, region="north"):
        """Give an EIP to a project."""
        new = self.cases.inventory.add_eip(
            OPERATOR, text, id=eip_id, region=region, project=project, request_id=self.request_id()
        )
        return self.do(new)

    def set(self, actor, ref, *names, **fields):
        """Make the coroutine that names an address; without names those that it has are kept."""
        ref = ref_of_address(ref) if isinstance(ref, str) else ref
        fields.setdefault("request_id", self.request_id())
        return self.cases.pointers.set(actor, ref, names=list(names) or None, **fields)

    def delete(self, actor, ref, **fields):
        """Make the coroutine that deletes a record."""
        ref = ref_of_address(ref) if isinstance(ref, str) else ref
        return self.cases.pointers.delete(actor, ref, request_id=self.request_id(), **fields)

    def show(self, actor, text):
        """Show an address."""
        return self.do(self.cases.pointers.show(actor, ref_of_address(text)))

    def journal(self, **query):
        """Give rows of the journal."""
        return self.do(self.cases.inventory.journal(OPERATOR, **{"limit": 10_000} | query))

    def request_id(self):
        """Make up an id."""
        return f"req-{next(self._requests)}"

    def close(self):
        """End."""
        self.link.close()
        self._runner.close()
