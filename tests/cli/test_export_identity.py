"""What is exported and read again is what it was, for any zone, as far as each form can say it."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrd.cli.forms import spell_record, write_hosts, write_table, write_yaml, write_zonefile
from ptrd.cli.listings import list_file_zones
from ptrd.engine.listing import describe_zone, list_records
from ptrd.records.cuts import span_of
from ptrd.records.foreign.assembly import _is_host
from ptrd.records.foreign.master import find_origin, read_master
from ptrd.records.foreign.names import read_csv, read_hosts
from ptrd.records.values import format_address
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS
from ptrd.wire.rrtypes import PTR
from tests.differential.worlds import random_world
from tests.serving import serve

MOST = 2000  # default names that are written out
SEEDS = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
_worlds = st.integers(0, 1 << 32).map(random_world)


def listings(snapshot, expand):
    """List every zone."""
    return list_file_zones(snapshot, snapshot.zones, "a test", expand)


def exported(write, listing):
    """Give the text of a form, and what was left out of it."""
    stream, left_out = io.StringIO(), []
    write(listing, stream, left_out.append)
    return stream.getvalue(), left_out


def describe(snapshot, zone):
    """Describe a zone, with its ranges in order."""
    described = describe_zone(snapshot, zone)
    return described | {"defaults": sorted(described["defaults"], key=str), "forward": sorted(described["forward"])}


def canonical(records):
    """Give records as comparable values, names in lower case."""
    return sorted((owner, rtype, ttl, rdata.lower()) for owner, rtype, ttl, rdata, *_ in records)


@SEEDS
@given(_worlds)
def test_a_master_file_says_every_record(world):
    """All records, made ones too, are read back from the master file; only settings and uncountable ranges are not."""
    for expand in (None, MOST):
        again = listings(serve(*world.texts), expand)
        for listing in listings(serve(*world.texts), expand):
            text, left_out = exported(write_zonefile, listing)
            assert all(line.startswith(("default ", "forward ", "`access`")) for line in left_out)
            origin = listing.zone.origin
            assert find_origin(text) == origin
            records, problems = read_master(text, origin, "export")
            assert [problem for problem in problems if not problem.warning] == []
            same = next(one for one in again if one.zone.origin == origin)
            assert canonical(records) == canonical(same.records)


@SEEDS
@given(_worlds)
def test_yaml_says_everything(world):
    """Zone files made of all zones mean what the ones they came from mean: records, ranges, forwards, settings."""
    snapshot = serve(*world.texts)
    texts = []
    for listing in listings(snapshot, None):
        text, left_out = exported(write_yaml, listing)
        assert left_out == []
        texts.append(text)
    again = serve(*texts)
    for zone in snapshot.zones:
        other = again.zones_by_name[zone.origin]
        described = describe(snapshot, zone)
        assert describe(again, other) == described
        for expand in (False, True) if described["made"] <= MOST else (False,):
            assert sorted(list_records(again, other, expand=expand)) == sorted(
                list_records(snapshot, zone, expand=expand)
            )


@SEEDS
@given(_worlds)
def test_addresses_are_in_csv_and_hosts(world):
    """CSV has each PTR of an address with its TTL, a hosts file its name; each other record is told as left out.

    So is a name that is no host name, which `rrsets` of a zone file can give an address.
    """
    snapshot = serve(*world.texts)
    for expand in (None, MOST):
        for listing in listings(snapshot, expand):
            listing = listing._replace(records=list(listing.records))  # noqa: PLW2901 - it is read several times
            places = {record: span_of(listing.zone, record.owner) for record in listing.records if record.rtype == PTR}
            said = {record: place for record, place in places.items() if place and place.length == BITS[place.version]}
            others = sorted(spell_record(record) for record in listing.records if record not in said)
            for write, read in (
                (write_table, read_csv),
                (write_hosts, read_hosts),
            ):
                text, left_out = exported(write, listing)
                if write is write_hosts and listing.zone.prefix is None:
                    continue  # a zone of names: its addresses
                named, problems = read(text, "export")
                readable = {record: place for record, place in said.items() if _is_host(record.rdata)}
                with_ttl = write is write_table
                assert problems == []
                assert set(left_out) >= {
                    f"{format_address(place.version, place.number)} {format_name(record.rdata).removesuffix('.')}"
                    for record, place in said.items()
                    if record not in readable
                }
                assert sorted((one.version, one.number, one.target, one.ttl) for one in named) == sorted(
                    (place.version, place.number, record.rdata, record.ttl if with_ttl else None)
                    for record, place in readable.items()
                )
                assert sorted(line for line in left_out if " IN " in line) == others
