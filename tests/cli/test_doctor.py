"""`ptrd doctor` before it asks anybody: which zone is meant, and mistakes on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ptrd.cli import doctor, main
from ptrd.cli.options import UsageError
from ptrd.wire.names import format_name

ZONES = Path(__file__).parents[2] / "zones"


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    """Load the example zones, as a configuration names them."""
    config = tmp_path_factory.mktemp("config") / "ptrd.yaml"
    config.write_text(f"zones: [{ZONES}]\n")
    return doctor._load_zones(str(config))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("192.0.2.0/24", "2.0.192.in-addr.arpa."),
        ("10.0.0.0/8", "10.in-addr.arpa."),
        ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa."),
        ("2.0.192.IN-ADDR.arpa", "2.0.192.in-addr.arpa."),
        ("64/26.2.0.192.in-addr.arpa.", "64/26.2.0.192.in-addr.arpa."),
        ("example.net", "example.net."),
        ("192.0.2.64/26", "64-26.2.0.192.in-addr.arpa."),  # as the configuration has it
    ],
)
def test_a_zone_is_a_prefix_or_a_name(zones, text, name):
    """A prefix stands for its zone, a classless one for the zone that covers it; a name is taken as it is."""
    assert format_name(doctor._read_zone(text, zones)) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("192.0.2.300", "192.0.2.300 is no zone; write a prefix such as 192.0.2.0/24, or a name: 2.0.192.in-addr.arpa"),
        ("192.0.2", "192.0.2 is no zone; write a prefix such as 192.0.2.0/24"),
        ("192.0.2.10", "is an address, no zone; write the prefix that is delegated, such as 192.0.2.0/24"),
        ("2001:db8::1", "is an address, no zone; write the prefix that is delegated, such as 2001:db8::/32"),
        ("192.0.2.1/24", "the prefix is 192.0.2.0/24"),
        ("192.0.2.128/26", "such as 128-26.2.0.192.in-addr.arpa.; write that name"),
        ("10.0.0.0/22", "4 zones of a /24 each; write one of them, such as 0.0.10.in-addr.arpa."),
        ("0.0.0.0/0", "256 zones of a /8 each"),
        ("2001:db8::/47", "2 zones of a /48 each; write one of them, such as 0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
        (".", "the root is delegated by nobody"),
        ("192.0.2.0/x", "it is a number from 0 to 32"),
        ("10.0.0/24", "is no prefix"),
        ("a..b", "write a prefix such as 192.0.2.0/24, or a zone's name"),
    ],
)
def test_what_is_no_zone_is_told_what_to_write(zones, text, sentence):
    """A mistake about the zone is a sentence that says what would be right."""
    with pytest.raises(UsageError) as error:
        doctor._read_zone(text, zones)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["192.0.2.10"], "is an address, no zone"),
        (["192.0.2.0/24", "--parent", "ns.example.net"], "write an address, not a name"),
        (["192.0.2.0/24", "--root", "127.0.0.1:0"], "is no server"),
        (["192.0.2.0/24", "--ns", "192.0.2.53"], "looks like an address"),
        (["192.0.2.0/24", "--timeout", "1m"], "is no number of seconds from 0.1 to 30"),
        ([], "ZONE"),
    ],
)
def test_a_wrong_command_line_is_status_2(capsys, words, sentence):
    """What cannot be meant is told before anybody is asked."""
    assert main(["doctor", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_configuration_that_is_named_must_be_there(capsys, tmp_path):
    """The default configuration may be missing, one that was named may not."""
    assert main(["doctor", "192.0.2.0/24", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err


def test_the_configuration_says_what_is_delegated_below(zones):
    """Each cut of the zone is known with its servers: plain ones, classless ones, and those of `rrsets`."""
    own = {format_name(zone.origin): zone for zone in zones}
    known = doctor._what_is_known("2.0.192.in-addr.arpa.", own["2.0.192.in-addr.arpa."], ())
    assert known.below == {"64-26.2.0.192.in-addr.arpa.": ("ns1.customer-b.example.", "ns2.customer-b.example.")}
    assert known.proposed == ("ns1.example.net.", "ns2.example.net.") and not known.asked_ahead
    ahead = doctor._what_is_known("2.0.192.in-addr.arpa.", own["2.0.192.in-addr.arpa."], ("ns.example.",))
    assert ahead.proposed == ("ns.example.",) and ahead.asked_ahead
    (parent,) = [zone for zone in zones if zone.prefix and zone.prefix.length == 36]
    cuts = doctor._what_is_known(format_name(parent.origin), parent, ()).below
    assert len(cuts) == 3 and {len(names) for names in cuts.values()} == {2}


def test_a_classless_zone_knows_its_addresses(zones):
    """The first and the last address come from `covers`, or from a label such as 64-26, 64/26 or 64-127."""
    own = {format_name(zone.origin): zone for zone in zones}
    ends = ("64.2.0.192.in-addr.arpa.", "127.2.0.192.in-addr.arpa.")
    name = "64-26.2.0.192.in-addr.arpa."
    assert doctor._aliases_of(name, own[name]) == ends
    for label in ("64-26", "64/26", "64-127"):
        assert doctor._aliases_of(f"{label}.2.0.192.in-addr.arpa.", None) == ends
    for other in ("2.0.192.in-addr.arpa.", "customer.2.0.192.in-addr.arpa.", "900-26.2.0.192.in-addr.arpa.", "net."):
        assert doctor._aliases_of(other, None) == ()


def test_a_timeout_is_seconds_in_its_bounds():
    """Seconds from 0.1 to 30, nothing else."""
    assert doctor._read_timeout("0.1") == 0.1 and doctor._read_timeout("30") == 30
    for text in ("0", "31", "-1", "nan", "1e1", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            doctor._read_timeout(text)
