"""Whatever two tenants and an operator do, in any order: DNS says what a plain model says, and tenants never meet."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ptrd.control.actors import ControlError
from ptrd.control.refs import ref_of_address
from ptrd.control.views import Operation
from ptrd.records.management import Tag
from ptrd.store.database import PointerQuery
from tests.control.casework import EIPS, OTHERS, Casework
from tests.control.fakelink import OPERATOR, address

ADDRESSES = (EIPS[0], EIPS[1], OTHERS)
QUOTA = 2
NAMES = ("a.example.com.", "b.example.com.")


class Model:
    """What ought to be: per address its project, record (name, TTL), freeze; and which projects are disabled."""

    def __init__(self):
        self.owner = {EIPS[0]: "shop", EIPS[1]: "shop", OTHERS: "rival"}
        self.record = {}
        self.frozen = set()
        self.disabled = set()

    def dns(self):
        """Give what DNS says of each address."""
        return {text: () if text in self.frozen else self.record.get(text, ())[:1] for text in ADDRESSES}

    def refusal(self, who, text):
        """Give the code with which somebody's change of an address is refused, whatever the change is."""
        if who in self.disabled:
            return "forbidden"
        if text not in self.owner or who not in {self.owner[text], "operator"}:
            return "no_eip"
        return "frozen" if text in self.frozen and who != "operator" else None

    def set(self, who, text, name, ttl, must):
        """Create or change; gives the code of a refusal, else None."""
        code, old = self.refusal(who, text), self.record.get(text)
        if code is None and must == "new" and old:
            code = "exists"
        if code is None and old is None:
            used = [one for one in self.record if self.owner[one] == self.owner[text]]
            code = "no_record" if must == "old" else "quota" if len(used) >= QUOTA else None
        if code is None:
            self.record[text] = name, ttl if ttl is not None else old[1] if old else 300
        return code

    def delete(self, who, text):
        """Delete; gives the code of a refusal, else None."""
        code = self.refusal(who, text)
        if code is None and text not in self.record:
            code = "no_record"
        if code is None:
            del self.record[text]
        return code

    def release(self, text):
        """Take an EIP back."""
        if text not in self.owner:
            return "no_eip"
        del self.owner[text]
        self.record.pop(text, None)
        self.frozen.discard(text)
        return None


tenants = st.sampled_from(["shop", "rival"])
people = st.sampled_from(["shop", "shop", "rival", "operator"])
texts = st.sampled_from(ADDRESSES)
sets = st.tuples(
    st.just("set"),
    people,
    texts,
    st.sampled_from(NAMES),
    st.sampled_from([None, 60]),
    st.sampled_from([None, "new", "old"]),
)
steps = st.one_of(
    sets,
    sets,
    st.tuples(st.just("delete"), people, texts),
    st.tuples(st.just("batch"), people, st.lists(texts, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("bulk"), people, texts, texts, st.sampled_from(NAMES)),
    st.tuples(st.just("tag"), people, texts, st.sampled_from("12")),
    st.tuples(st.just("freeze"), texts),
    st.tuples(st.just("unfreeze"), texts),
    st.tuples(st.just("release"), texts),
    st.tuples(st.just("give"), texts, tenants),
    st.tuples(st.just("disable"), tenants),
    st.tuples(st.just("enable"), tenants),
)


class Play:
    """Steps, done in the use cases and in the model."""

    def __init__(self, folder):
        self.work = Casework(folder)
        self.model = Model()
        self.actors = {"shop": self.work.shop, "rival": self.work.rival, "operator": OPERATOR}
        self.given = 0
        for account in ("shop-account", "rival-account"):
            self.work.do(self.work.cases.inventory.set_quota(OPERATOR, account, QUOTA, request_id=""))

    def attempt(self, coroutine):
        """Do something; gives the code of a refusal, else None."""
        try:
            self.work.do(coroutine)
        except ControlError as error:
            return str(error.code)
        return None

    def step(self, kind, *values):
        """Do one step in both, which refuse it for the same reason or not at all."""
        expected, found = getattr(self, kind)(*values)
        assert found == expected, (kind, values)

    def set(self, who, text, name, ttl, must):
        """Create or change."""
        fields = {} if ttl is None else {"ttl": ttl}
        found = self.attempt(self.work.set(self.actors[who], text, name, must=must, **fields))
        return self.model.set(who, text, name, ttl, must), found

    def delete(self, who, text):
        """Delete."""
        return self.model.delete(who, text), self.attempt(self.work.delete(self.actors[who], text))

    def batch(self, who, chosen):
        """Delete all or none."""
        refs = [ref_of_address(text) for text in chosen]
        found = self.attempt(self.work.cases.pointers.delete_many(self.actors[who], refs, request_id=""))
        codes = [self.model.refusal(who, text) or ("no_record", None)[text in self.model.record] for text in chosen]
        expected = next((code for code in codes if code), None)
        if expected is None:
            for text in chosen:
                del self.model.record[text]
        return expected, found

    def bulk(self, who, gone, named, name):
        """Delete one and name another, or neither."""
        operations = [
            Operation("delete", ref_of_address(gone)),
            Operation("set", ref_of_address(named), [name]),
        ]
        found = self.attempt(self.work.cases.pointers.bulk(self.actors[who], operations, request_id=""))
        before = dict(self.model.record)
        first = self.model.delete(who, gone)
        second = "invalid" if gone == named else self.model.set(who, named, name, None, None)
        if who in self.model.disabled:
            first = "forbidden"
        if first or second:
            self.model.record = before
        return first or second, found

    def tag(self, who, text, value):
        """Tag a record."""
        tags = [Tag("k", value)]
        found = self.attempt(
            self.work.cases.pointers.set_tags(self.actors[who], ref_of_address(text), tags, request_id="")
        )
        return self.model.refusal(who, text) or ("no_record", None)[text in self.model.record], found

    def freeze(self, text):
        """Freeze an address."""
        found = self.attempt(self.work.cases.pointers.freeze(OPERATOR, ref_of_address(text), "spam", request_id=""))
        if text in self.model.owner:
            self.model.frozen.add(text)
        return None if text in self.model.owner else "no_eip", found

    def unfreeze(self, text):
        """Thaw an address."""
        self.model.frozen.discard(text)
        found = self.attempt(self.work.cases.pointers.unfreeze(OPERATOR, ref_of_address(text), request_id=""))
        return None if text in self.model.owner else "no_eip", found

    def release(self, text):
        """Take an EIP back."""

        async def run():
            view = await self.work.cases.pointers.show(OPERATOR, ref_of_address(text))
            await self.work.cases.inventory.release_eip(OPERATOR, view.eip.region, view.eip.id, request_id="")

        return self.model.release(text), self.attempt(run())

    def give(self, text, project):
        """Give an EIP to a project."""
        self.given += 1
        found = self.attempt(
            self.work.cases.inventory.add_eip(
                OPERATOR, text, id=f"given-{self.given}", region="north", project=project, request_id=""
            )
        )
        expected = "exists" if text in self.model.owner else None
        self.model.owner.setdefault(text, project)
        return expected, found

    def disable(self, project):
        """Disable a project."""
        self.model.disabled.add(project)
        return None, self.attempt(self.work.cases.inventory.disable_project(OPERATOR, project, request_id=""))

    def enable(self, project):
        """Enable a project."""
        self.model.disabled.discard(project)
        return None, self.attempt(self.work.cases.inventory.enable_project(OPERATOR, project, request_id=""))

    def seen_by(self, who):
        """Give all that a tenant sees."""
        actor, cases = self.actors[who], self.work.cases

        async def run():
            return (
                await cases.pointers.list_eips(actor),
                await cases.pointers.find(actor, PointerQuery()),
                await cases.pointers.all_tags(actor),
                await cases.inventory.quota_of(actor),
                await cases.inventory.projects(actor),
                await cases.inventory.accounts(actor),
                await cases.inventory.eips(actor),
                await cases.inventory.journal(actor, limit=10_000),
            )

        return self.work.do(run())

    def check(self):
        """Compare what DNS, the store and its views say with the model."""
        expected = self.model.dns()
        assert {text: self.work.link.says(text) for text in ADDRESSES} == expected
        everything = self.work.do(self.work.cases.pointers.find(OPERATOR, PointerQuery())).items
        assert {
            str(view.address): (view.pointer.names[0], view.pointer.ttl) for view in everything
        } == self.model.record
        for who in ("shop", "rival"):
            for view in self.work.do(self.work.cases.pointers.list_eips(self.actors[who])):
                text = str(view.address)
                if view.eip.is_address:
                    assert self.model.owner[text] == who if text in ADDRESSES else who == "shop"
                    assert view.served == expected.get(text, ())
        last = {row.address: row.revision for row in self.work.journal()}
        for view in everything:
            assert view.pointer.revision <= last[view.address] == view.revision
            assert view.pointer.address == address(str(view.address))


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, min_size=5, max_size=30))
def test_dns_says_what_the_model_says_and_tenants_never_meet(chosen):
    """After every step DNS has the last published change, as in the model, and no tenant's step shows to another."""
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder))
        try:
            for step in chosen:
                other = {"shop": "rival", "rival": "shop"}.get(step[1]) if step[0] not in _OPERATORS else None
                before = other and play.seen_by(other)
                play.step(*step)
                play.check()
                assert before == (other and play.seen_by(other))
        finally:
            play.work.close()


_OPERATORS = {"freeze", "unfreeze", "release", "give", "disable", "enable"}
