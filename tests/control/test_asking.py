"""Who is asked where a name leads: our own zones, then a resolver, and again the zone's servers where one can."""

from __future__ import annotations

import asyncio

import pytest

from ptrd.client.endpoints import ClientError, Endpoint
from ptrd.control import asking
from ptrd.control.asking import Asker, resolver_maker
from ptrd.records.trust import Found, Outcome
from tests.control.fakelink import address
from tests.serving import serve

WORLD = serve("""\
zone: example.net
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
rrsets: |
  mail IN A 192.0.2.1
  away IN CNAME www.example.org.
""")
OLD = Found(Outcome.NO_NAME)
NEW = Found(Outcome.ADDRESSES, (address("192.0.2.1"),), ("end.example.org.",))


class Two:
    """A resolver that remembers OLD, before a zone whose own servers say `fresh`, or nothing when it is None."""

    def __init__(self, fresh):
        self.fresh = fresh
        self.asked = []

    async def addresses(self, name, _version):
        """Answer from what is remembered."""
        self.asked.append(name)
        return OLD

    async def authority(self, _name, _version):
        """Answer as the zone's own servers do."""
        if self.fresh is None:
            await asyncio.sleep(3600)
        return self.fresh


def ask(asker, name, *, afresh=False):
    """Ask for IPv4 addresses."""
    return asyncio.run((asker.afresh if afresh else asker.addresses)(name, 4))


def test_a_name_of_ours_makes_no_resolver():
    """What our zones know is answered before a resolver exists; the first other name makes one, once."""
    made = []

    def make():
        made.append(Two(NEW))
        return made[-1]

    asker = Asker(lambda: WORLD, make)
    assert ask(asker, "mail.example.net.") == Found(Outcome.ADDRESSES, (address("192.0.2.1"),))
    assert ask(asker, "none.example.net.", afresh=True) == Found(Outcome.NO_NAME)
    assert made == []
    assert ask(asker, "mail.example.org.") == ask(asker, "x.example.org.") == OLD
    assert [one.asked for one in made] == [["mail.example.org.", "x.example.org."]]


def test_an_alias_out_of_our_zones_goes_on_elsewhere():
    """The chain of an alias has our part of it, then the others'."""
    asker = Asker(lambda: WORLD, lambda: Two(NEW))
    assert ask(asker, "away.example.net.").chain == ("www.example.org.",)
    found = ask(asker, "away.example.net.", afresh=True)
    assert found == Found(Outcome.ADDRESSES, NEW.addresses, ("www.example.org.", "end.example.org."))


@pytest.mark.parametrize("fresh", [None, Found(Outcome.SILENT), Found(Outcome.FAILED)])
def test_a_network_that_lets_resolvers_out_only(fresh):
    """Where a zone's own servers do not answer in time, the resolver's word counts, which was asked beside them."""
    resolver = Two(fresh)
    asker = Asker(lambda: None, lambda: resolver)

    async def impatient():
        asking = asyncio.create_task(asker.afresh("mail.example.org.", 4, 0.05))
        await asyncio.sleep(0)  # the task begins,
        await asyncio.sleep(0)  # and so does the resolver's
        assert resolver.asked == ["mail.example.org."]
        return await asking

    assert asyncio.run(impatient()) == OLD


@pytest.mark.parametrize("afresh", [False, True])
def test_an_alias_of_others_into_our_zones(afresh):
    """What an alias leads to in a zone of ours is said by that zone, whatever resolvers remember of it."""

    class Stale(Two):
        async def addresses(self, name, _version):
            end = {"a": "mail", "b": "none", "c": "away"}[name[0]]
            return Found(Outcome.ADDRESSES, (address("192.0.2.99"),), ("x.example.org.", f"{end}.example.net."))

        async def authority(self, name, version):
            return await self.addresses(name, version)

    asker = Asker(lambda: WORLD, lambda: Stale(NEW))
    found = ask(asker, "a.example.org.", afresh=afresh)
    assert found == Found(Outcome.ADDRESSES, (address("192.0.2.1"),), ("x.example.org.", "mail.example.net."))
    found = ask(asker, "b.example.org.", afresh=afresh)
    assert found == Found(Outcome.NO_NAME, (), ("x.example.org.", "none.example.net."))
    found = ask(asker, "c.example.org.", afresh=afresh)  # and out again, to what only others know
    assert found.addresses == (address("192.0.2.99"),)


def test_the_machines_resolvers_may_change(monkeypatch):
    """After silence the machine's resolvers are read again; while they are the same, so is what asks them."""
    servers = [Endpoint("127.0.0.1", 5301)]
    monkeypatch.setattr(asking, "system_resolvers", lambda: tuple(servers))
    make = resolver_maker(())
    first = make()
    assert make() is first
    servers[:] = [Endpoint("127.0.0.1", 5302)]
    asker = Asker(lambda: None, make)
    assert tuple(make().servers) == (Endpoint("127.0.0.1", 5302),)

    class Silent(Two):
        async def addresses(self, _name, _version):
            return Found(Outcome.SILENT)

    given = [Silent(NEW), Two(NEW)]
    asker = Asker(lambda: None, lambda: given.pop(0))
    assert ask(asker, "mail.example.org.").outcome is Outcome.SILENT
    assert ask(asker, "mail.example.org.") == ask(asker, "mail.example.org.") == OLD


def test_without_a_resolver_nothing_is_known():
    """When there is no way to find a resolver, that is what is said, and it is tried again the next time."""
    tries = []

    def make():
        tries.append(1)
        if len(tries) == 1:
            raise ClientError("cannot read /etc/resolv.conf: Permission denied")
        return Two(NEW)

    asker = Asker(lambda: None, make)
    found = ask(asker, "mail.example.org.")
    assert found.outcome is Outcome.SILENT and "Permission denied" in found.said
    assert ask(asker, "mail.example.org.") == OLD


def test_the_resolvers_of_the_configuration_are_asked():
    """Resolvers that are configured are taken, and the machine's own are not looked for."""
    resolver = resolver_maker((Endpoint("127.0.0.1", 5353),))()
    assert tuple(resolver.servers) == (Endpoint("127.0.0.1", 5353),)
