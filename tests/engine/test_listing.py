"""A zone listed as a whole: found by name or prefix, described, and with just the names that would be answered."""

from __future__ import annotations

import pytest

from ptrd.cli.files import compile_zones
from ptrd.control.options import PublishOptions
from ptrd.engine.listing import ListingError, describe_zone, find_zone, list_records
from ptrd.records.changes import Change
from ptrd.wire.names import format_name, parse_name
from tests.serving import serve
from tests.store.zonetexts import HEAD

PARENT = f"""\
zone: 192.0.2.0/24
{HEAD}records: {{192.0.2.1: a.example.net}}
defaults: {{192.0.2.0/29: "{{ip}}.dyn.example.net", 192.0.2.4/31: ~}}
delegations: {{192.0.2.64/26: {{ns: [ns.customer.example]}}}}
rrsets: "6 IN CNAME x.example."
"""
CHILD = f"zone: 64-26.2.0.192.in-addr.arpa\ncovers: 192.0.2.64/26\n{HEAD}records: {{192.0.2.65: c.example.net}}\n"
FORWARD = f"zone: dyn.example.net\n{HEAD}forward: [192.0.2.0/24]\nrrsets: '192-0-2-2 IN A 192.0.2.99'\n"


@pytest.fixture
def snapshot():
    """Serve a reverse zone, a classless one below it and a forward zone."""
    return serve(PARENT, CHILD, FORWARD)


def names(snapshot, zone, *, expand):
    """Give the relative owner and type of each record that is listed."""
    listed = list_records(snapshot, find_zone(snapshot, zone), expand=expand)
    return sorted((format_name(bytes.fromhex(owner) + b"\0"), rtype) for owner, rtype, _, _ in listed)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("192.0.2.0/24", "2.0.192.in-addr.arpa"),
        ("2.0.192.IN-ADDR.arpa.", "2.0.192.in-addr.arpa"),
        ("192.0.2.64/26", "64-26.2.0.192.in-addr.arpa"),
        ("dyn.example.net", "dyn.example.net"),
    ],
)
def test_a_zone_is_found_by_name_or_prefix(snapshot, text, origin):
    """The prefix of a classless zone is the one it covers."""
    assert find_zone(snapshot, text).origin == parse_name(origin)


@pytest.mark.parametrize("text", ["192.0.3.0/24", "192.0.2.0/25", "192.0.2.1", "example.net", "", "a..b"])
def test_what_is_no_zone_is_told_with_those_that_are(snapshot, text):
    """A prefix or a name without a zone is a sentence."""
    with pytest.raises(ListingError, match=r"there is no zone .*; there are: |is neither a prefix nor"):
        find_zone(snapshot, text)


def test_a_zone_that_never_came_is_not_listed(tmp_path):
    """Of a zone whose primary was never reached nothing is known."""
    (tmp_path / "a.yaml").write_text('zone: 192.0.2.0/24\nprimaries: ["198.51.100.53"]\n')
    compiled, snapshot = compile_zones(PublishOptions((str(tmp_path),)))
    assert snapshot is not None, compiled.problems
    with pytest.raises(ListingError, match="has not come from its primaries"):
        find_zone(snapshot, "192.0.2.0/24")


def test_defaults_are_listed_where_they_would_be_answered(snapshot):
    """Records, aliases, `~` and delegations leave no room for a default; a forward zone's own A replaces a made one."""
    plain = names(snapshot, "192.0.2.0/24", expand=False)
    made = names(snapshot, "192.0.2.0/24", expand=True)
    assert sorted(set(made) - set(plain)) == [(f"{octet}.", 12) for octet in (0, 2, 3, 7)]
    assert ("1.", 12) in plain and ("6.", 5) in plain and ("64-26.", 2) in plain
    forward = names(snapshot, "dyn.example.net", expand=True)
    assert [name for name, rtype in forward if rtype == 1] == [f"192-0-2-{octet}." for octet in (0, 1, 2, 3, 6, 7)]


def test_a_managed_record_is_listed_unless_something_hides_it(snapshot):
    """A managed record replaces a default and a zone file's record; one at an alias is told apart."""
    target = parse_name("managed.example.")
    changed = snapshot.with_overlay(
        [Change(4, 0xC0000200 | octet, 60, (target,)) for octet in (1, 2, 6, 200)], revision=2
    )
    zone = find_zone(changed, "192.0.2.0/24")
    listed = {(owner, rdata) for owner, rtype, _, rdata in list_records(changed, zone, expand=True) if rtype == 12}
    managed = {bytes.fromhex(owner) for owner, rdata in listed if rdata == target.hex()}
    assert managed == {b"\0011", b"\0012", b"\003200"}
    assert describe_zone(changed, zone)["hidden"] == ["6.2.0.192.in-addr.arpa. 60 IN PTR managed.example."]
    assert describe_zone(snapshot, zone)["hidden"] == []


def test_a_description_has_what_records_do_not_say(snapshot):
    """Ranges with and without template, forward prefixes, and how many names are made at most."""
    described = describe_zone(snapshot, find_zone(snapshot, "192.0.2.0/24"))
    assert sorted((text or "~", ttl) for _, text, ttl in described["defaults"]) == [
        ("{ip}.dyn.example.net", 3600),
        ("~", 3600),
    ]
    assert described["made"] == 6 and described["forward"] == [] and not described["covers"]
    forward = describe_zone(snapshot, find_zone(snapshot, "dyn.example.net"))
    assert forward["forward"] == [[4, 0xC0000200, 24]] and forward["made"] == 6 and forward["prefix"] is None
