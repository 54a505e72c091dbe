"""The store against plain dictionaries: whatever transactions there were, both say the same."""

import copy
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrd.records.changes import Change
from ptrd.records.management import Address, Eip, Freeze, JournalEntry, Pointer, Tag
from ptrd.records.model import Prefix
from ptrd.store.database import PointerQuery
from ptrd.wire.reverse import BITS
from tests.store.inventory import ACCOUNTS, PROJECTS, opened

BASES = {4: 0xC0000200, 6: 0x20010DB8 << 96}
REGIONS = ["north", "south"]
FIRST = [
    Eip("x", "north", PROJECTS[0].id, Prefix(4, BASES[4], 30)),
    Eip("x", "south", PROJECTS[1].id, Prefix(4, BASES[4] + 7, 32)),
    Eip("y", "north", PROJECTS[2].id, Prefix(6, BASES[6], 126)),
]
ACCOUNT_OF = {project.id: project.account for project in PROJECTS}


@dataclass
class Model:
    """What there is, by its key."""

    eips: dict = field(default_factory=dict)
    pointers: dict = field(default_factory=dict)
    freezes: dict = field(default_factory=dict)
    journal: list = field(default_factory=list)
    serials: dict = field(default_factory=dict)
    revision: int = 0

    def eip_at(self, address):
        """Give the EIP of an address."""
        one = Prefix(*address, BITS[address.version])
        return next((eip for eip in self.eips.values() if eip.prefix.contains(one)), None)

    def eips_within(self, prefix):
        """Give the EIPs that overlap a prefix, by address."""
        found = [eip for eip in self.eips.values() if eip.prefix.contains(prefix) or prefix.contains(eip.prefix)]
        return sorted(found, key=lambda eip: eip.prefix)

    def find(self, query):
        """Give the pointers that a query asks for, but for its pages."""
        found = [pointer for pointer in self.pointers.values() if matches(pointer, query)]
        return sorted(found, key=lambda pointer: pointer.id)


def matches(pointer, query):
    """Tell whether a query asks for a pointer."""
    one = Prefix(*pointer.address, BITS[pointer.address.version])
    values = dict(pointer.tags)
    return (
        query.project in {None, pointer.project}
        and query.region in {None, pointer.region}
        and query.account in {None, ACCOUNT_OF[pointer.project]}
        and query.enterprise_project in {None, pointer.enterprise_project}
        and (query.within is None or query.within.contains(one))
        and all(
            key in values
            and (wanted is None or (wanted[1:] in values[key] if wanted.startswith("*") else wanted == values[key]))
            for key, wanted in query.tags
        )
    )


def identity(address):
    """Give the id of the pointer of an address, of which the order is not that of addresses."""
    return f"{address.number * 7919 % 2**128:032x}"


@st.composite
def prefixes(draw):
    """Make prefixes that meet each other often."""
    version = draw(st.sampled_from([4, 6]))
    length = draw(st.integers(24, 32) if version == 4 else st.sampled_from([32, 64, 96, 127, 128]))
    number = BASES[version] | draw(st.integers(0, 15)) | draw(st.integers(0, 1)) << 64 * (version == 6)
    shift = BITS[version] - length
    return Prefix(version, number >> shift << shift, length)


addresses = st.sampled_from([Address(version, base | low) for version, base in BASES.items() for low in range(8)])
tags = st.dictionaries(st.sampled_from(["env", "team", "ü"]), st.sampled_from(["", "a", "ab", "%", "_b"])).map(
    lambda found: tuple(Tag(*item) for item in sorted(found.items()))
)
ttls = st.integers(1, 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
operations = st.one_of(
    st.tuples(st.just("eip"), prefixes(), st.sampled_from(REGIONS), st.sampled_from("xyz"), st.sampled_from(PROJECTS)),
    st.tuples(st.just("eip"), prefixes(), st.sampled_from(REGIONS), st.sampled_from("xyz"), st.sampled_from(PROJECTS)),
    st.tuples(st.just("release"), st.sampled_from(REGIONS), st.sampled_from("xyz")),
    st.tuples(st.just("pointer"), addresses, texts, tags, ttls, st.sampled_from(["0", "7"]), st.booleans()),
    st.tuples(st.just("pointer"), addresses, texts, tags, ttls, st.sampled_from(["0", "7"]), st.booleans()),
    st.tuples(st.just("drop"), addresses),
    st.tuples(st.just("freeze"), addresses, texts),
    st.tuples(st.just("thaw"), addresses),
    st.tuples(st.just("note"), addresses | st.none(), st.sampled_from(PROJECTS) | st.none(), texts),
    st.tuples(st.just("publish"), addresses),
    st.tuples(st.just("serial"), st.sampled_from(["a.", "b."]), st.integers(0, 2**32 - 1)),
)
endings = st.sampled_from(["commit", "commit", "commit", "fail", "dry"])
transactions = st.tuples(st.lists(operations, min_size=3, max_size=10), endings)
queries = st.builds(
    PointerQuery,
    project=st.none() | st.sampled_from([project.id for project in PROJECTS]),
    region=st.none() | st.sampled_from(REGIONS),
    account=st.none() | st.sampled_from([account.id for account in ACCOUNTS]),
    enterprise_project=st.none() | st.sampled_from(["0", "7"]),
    within=st.none() | prefixes(),
    tags=st.lists(
        st.tuples(st.sampled_from(["env", "ü"]), st.none() | st.sampled_from(["", "a", "*", "*b", "*%"])), max_size=2
    ).map(tuple),
    after=st.none() | addresses.map(identity),
    offset=st.integers(0, 3),
    limit=st.none() | st.integers(0, 4),
)


class Abandoned(Exception):  # noqa: N818 - it is how the work ends
    """The work ends half way."""


def perform(operation, transaction, model, revision):
    """Do one operation on both, and give whether it uses the revision up."""
    kind, *values = operation
    if kind == "eip":
        prefix, region, eip_id, project = values
        overlapping = model.eips_within(prefix)
        assert transaction.eips_within(prefix) == overlapping
        assert transaction.eip(region, eip_id) == model.eips.get((region, eip_id))
        if not overlapping and (region, eip_id) not in model.eips:
            eip = Eip(eip_id, region, project.id, prefix, 0.5)
            transaction.put_eip(eip)
            model.eips[region, eip_id] = eip
    elif kind == "release":
        region, eip_id = values
        transaction.drop_eip(region, eip_id)
        if model.eips.pop((region, eip_id), None):
            for address, pointer in list(model.pointers.items()):
                if (pointer.region, pointer.eip) == (region, eip_id):
                    transaction.drop_pointer(address)
                    del model.pointers[address]
    elif kind == "pointer":
        address, text, pointer_tags, ttl, enterprise_project, hides_old = values
        eip = model.eip_at(address)
        assert transaction.eip_at(address) == eip
        old = model.pointers.get(address)
        assert transaction.known(address)[:2] == (old, model.freezes.get(address))
        if eip is not None:
            pointer = Pointer(
                identity(address),
                address,
                eip.id,
                eip.region,
                eip.project,
                ("a.example.", text),
                ttl,
                text,
                pointer_tags,
                enterprise_project,
                revision,
                1.25,
                2.5,
            )  # fmt: skip - one line more says less
            transaction.put_pointer(pointer, None if hides_old else old)
            model.pointers[address] = pointer
    elif kind == "drop":
        transaction.drop_pointer(*values)
        model.pointers.pop(*values, None)
    elif kind == "freeze":
        transaction.put_freeze(Freeze(*values, 3.5))
        model.freezes[values[0]] = Freeze(*values, 3.5)
    elif kind == "thaw":
        transaction.drop_freeze(*values)
        model.freezes.pop(*values, None)
    elif kind == "note":
        address, project, text = values
        said = {"action": text, "project": project and project.id, "address": address, "after": {"text": text}}
        transaction.note(**said)
        model.journal.append(JournalEntry(revision, 9.5, "somebody", request_id="r", **said))
        return True
    elif kind == "publish":
        transaction.publish(Change(*values[0], 300, ()))
        return True
    else:
        zone, serial = values
        transaction.set_serials({zone: (model.serials.get(zone), serial)})
        model.serials[zone] = serial
        return True
    return False


def compare(database, model, query):
    """Hold all that the store says against the model."""
    assert database.revision == model.revision

    def look(transaction):
        assert transaction.revision == model.revision
        assert transaction.eips() == [model.eips[key] for key in sorted(model.eips)]
        assert list(transaction.every_pointer()) == [model.pointers[key] for key in sorted(model.pointers)]
        assert transaction.freezes() == [model.freezes[key] for key in sorted(model.freezes)]
        assert transaction.serials() == model.serials
        rows = transaction.journal(limit=10**6)
        assert [replace(row, serials={}) for row in rows] == model.journal
        for address in model.pointers | model.freezes:
            newest = max([row.revision for row in model.journal if row.address == address], default=0)
            assert transaction.last_touched(address) == newest
            kept = model.pointers.get(address), model.freezes.get(address), None, newest
            assert transaction.known(address) == kept
        for project in PROJECTS:
            ours = PointerQuery(project=project.id)
            assert transaction.count_pointers(ours) == len(model.find(ours))
        found = model.find(query)
        assert transaction.count_pointers(query) == len(found)
        page = [item for item in found if item.id > query.after] if query.after else found[query.offset :]
        assert transaction.pointers(query) == page[: query.limit]

    database.read(look)


def set_up(transaction):
    """Write who there is, which no transaction below changes, and the first EIPs."""
    for account in ACCOUNTS:
        transaction.put_account(account)
    for project in PROJECTS:
        transaction.put_project(project)
    for eip in FIRST:
        transaction.put_eip(eip)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(transactions, queries), min_size=5, max_size=12))
def test_the_store_equals_a_model(steps):
    """After any transactions, committed, failed or dry, each row and each answer is that of the model."""
    model = Model({(eip.region, eip.id): eip for eip in FIRST})
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "ptrd.db") as database:
        database._writer.execute("PRAGMA synchronous = OFF")  # what is asked here does not hang on the disk
        database.write(set_up, actor="", request_id="", now=0.0)
        for (operations_, ending), query in steps:
            changed = copy.deepcopy(model)

            def work(transaction, changed=changed, operations_=operations_, ending=ending):
                used = [perform(item, transaction, changed, changed.revision + 1) for item in operations_]
                if ending == "fail":
                    raise Abandoned
                return any(used)

            try:
                done = database.write(work, actor="somebody", request_id="r", now=9.5, dry_run=ending == "dry")
            except Abandoned:
                done = None
            if ending == "commit":
                changed.revision += done.result
                model = changed
                assert done.revision == model.revision
            compare(database, model, query)
