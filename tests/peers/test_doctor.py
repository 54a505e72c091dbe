"""`ptrd doctor` in a world of good and bad name servers: each finding is provoked, and a sound zone has none.

The world is one network namespace with a root, a parent, NSD, ptrd, and odd servers; see doctorworld.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ptrd.records.advice import ADVICE
from tests.peers.doctorworld import NUMBERS, PARENT_ADDRESS, PUBLIC
from tests.peers.namespace import Inside
from tests.peers.process import require_program

pytestmark = pytest.mark.xdist_group("doctor")  # one world for all, which takes some time to make

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ROOT = ["--root", "127.0.0.1"]
QUICK = [*ROOT, "--timeout", "0.3"]

# What `ptrd doctor` finds of 10.N.0.0/16, the worst first.
FINDINGS = {
    1: [],
    2: ["one_server"],
    3: ["one_address"],
    4: ["same_prefix"],
    5: [],
    6: ["serials_differ", "soa_differs"],
    7: ["refuses", "ns_differ"],  # a third server, which one of the two lists, does not have the zone
    8: ["refuses", "ns_parent"],  # the same, and both list it
    9: ["ns_alias"],
    10: ["ns_unresolved", "ns_unresolved"],
    11: ["glue_missing"],
    12: ["glue_differs", "silent"],
    13: ["glue_incomplete"],
    14: ["soa_retry", "soa_expire", "soa_minimum", "soa_rname", "soa_refresh", "soa_mname"],
    15: ["silent"],  # at its IPv6 address
    16: [],  # its IPv6 address cannot be reached from here
    17: ["ns_unresolved"],  # two zones without glue have their servers in each other
    18: [],
    19: ["silent", "silent"],
    20: [],  # signed
    21: ["ds_without_dnskey"],
    22: ["ds_mismatch"],
    23: ["dnskey_signature"],
    24: ["ds_stale"],
    25: ["not_secured"],
    30: [],
    31: ["below_dead"],
    99: ["not_delegated"],
}
TEMPERS = {
    "right": [],
    "correct": [],
    "silent": ["silent"],
    "mute": ["silent"],
    "refusing": ["refuses"],
    "failing": ["fails"],
    "denying": ["lame"],
    "caching": ["lame"],
    "split": ["tcp_differs"],
    "recursive": ["recursive"],
    "tcponly": ["no_udp"],
    "udponly": ["no_tcp"],
    "dropping": ["edns_silent"],
    "old": ["no_edns"],
    "ignorant": ["no_edns"],
    "echoing": ["edns_option"],
    "narrow": ["edns_option"],
    "versionless": ["edns_version"],
    "garbled": ["garbled"],
}
FINDINGS |= {NUMBERS[temper]: codes for temper, codes in TEMPERS.items()}
OTHERS = {
    "not_yet_delegated": (["10.98.0.0/16", *ROOT, "--ns", "ns1.good.test", "--ns", "NS2.good.test."], 0),
    "classless_alias": (["0-26.4.40.10.in-addr.arpa", *ROOT], 1),
    "below_lame": (["10.30.0.0/16", *QUICK, "--config", "CONFIG"], 1),
    "private_address": (["10.1.0.0/16", *ROOT, "--parent", PUBLIC], 1),
}


@pytest.fixture(scope="module")
def doctor(tmp_path_factory):
    """Run `ptrd doctor` in the world; give (status, standard output, what the terminal shows)."""
    for program, package in (("nsd", "nsd"), ("ip", "iproute2")):
        require_program(program, package)
    with Inside("tests.peers.doctorworld", str(tmp_path_factory.mktemp("world"))) as world:
        yield lambda *words, how="call": world.ask([how, list(words)])


def examine(doctor, *words):
    """Run it, and give its status and what it says as JSON."""
    status, out, err = doctor(*words, "-o", "json")
    assert err == ""
    return status, json.loads(out)


@pytest.mark.parametrize("number", FINDINGS)
def test_each_fault_is_found_and_nothing_else(doctor, number):
    """Each zone has just the findings that were built into it, and the exit status says whether one is an error."""
    status, found = examine(doctor, f"10.{number}.0.0/16", *QUICK)
    assert [finding["code"] for finding in found["findings"]] == FINDINGS[number]
    errors = [finding for finding in found["findings"] if finding["severity"] == "error"]
    assert status == bool(errors)
    assert found["zone"] == f"{number}.10.in-addr.arpa."
    assert found["parent"]["zone"] == "in-addr.arpa." and found["parent"]["address"] == PARENT_ADDRESS


@pytest.mark.parametrize("code", OTHERS)
def test_faults_that_need_more_than_a_zone_are_found(doctor, code):
    """Proposed servers, a classless zone, a configuration and a public parent are looked at as they are."""
    words, expected = OTHERS[code]
    status, found = examine(doctor, *words)
    assert code in {finding["code"] for finding in found["findings"]}
    assert status == expected


def test_every_finding_is_provoked():
    """There is no finding but those of this file, and the bound, which tests/client meets."""
    provoked = {code for codes in FINDINGS.values() for code in codes} | set(OTHERS)
    assert provoked == set(ADVICE) - {"gave_up"}


def test_a_finding_names_server_and_address(doctor):
    """What is wrong with one server is said with its name and address; each finding has its three sentences."""
    _, found = examine(doctor, f"10.{NUMBERS['refusing']}.0.0/16", *QUICK)
    (finding,) = found["findings"]
    assert (finding["server"], finding["severity"]) == ("refusing.odd.test.", "error")
    assert finding["address"] in finding["found"] and "REFUSED" in finding["found"]
    assert finding["why"].endswith(".") and finding["remedy"].endswith(".")


def test_the_zone_files_tell_the_delegations_below(doctor):
    """With the configuration, the servers of each delegation in the zone are asked, a classless one's too."""
    _, found = examine(doctor, "10.30.0.0/16", *QUICK, "--config", "CONFIG")
    texts = {finding["code"]: finding["found"] for finding in found["findings"]}
    assert texts.keys() == {"below_dead", "below_lame"}
    assert "3.30.10.in-addr.arpa." in texts["below_dead"] and "silent.odd.test." in texts["below_dead"]
    assert "2.30.10.in-addr.arpa." in texts["below_lame"] and "missing.good.test. has no address" in texts["below_lame"]
    assert found["unchecked"] == []


def test_what_is_not_checked_is_said(doctor):
    """Delegations that nobody tells, and addresses without a route, are no finding and not passed over in silence."""
    _, closed = examine(doctor, "10.18.0.0/16", *QUICK)
    assert ["delegations below the zone" in sentence for sentence in closed["unchecked"]] == [True]
    _, unrouted = examine(doctor, "10.16.0.0/16", *QUICK)
    assert ["no route" in sentence for sentence in unrouted["unchecked"]] == [True]


def test_a_given_parent_is_asked_instead_of_the_root(doctor):
    """`--parent` says who has the delegation, and `--resolver` where the name servers are; no root is needed."""
    status, found = examine(doctor, "10.1.0.0/16", "--parent", PARENT_ADDRESS, "--resolver", PARENT_ADDRESS)
    assert (status, found["findings"]) == (0, [])
    assert {server["name"] for server in found["servers"]} == {"ns1.good.test.", "ns3.good.test."}
    assert {server["serial"] for server in found["servers"]} == {7}


def test_a_parent_that_has_the_zone_too_is_no_mistake(doctor):
    """A server of the parent that answers for the zone itself gives no referral; that its list is unseen is said."""
    status, found = examine(doctor, "10.1.0.0/16", *ROOT, "--parent", "127.0.3.1")
    assert (status, found["findings"]) == (0, [])
    assert any("gives no referral" in sentence for sentence in found["unchecked"])


@pytest.mark.parametrize("parent", ["127.0.0.9", "127.0.3.1"])
def test_a_parent_that_cannot_be_asked_is_status_3(doctor, parent):
    """A parent that is silent, or has nothing to do with the zone, is told with what to do instead."""
    status, out, err = doctor("10.2.0.0/16", "--parent", parent, "--timeout", "0.2")
    assert (status, out) == (3, "")
    assert parent in err and "--parent ADDRESS" in err and err.count("\n") == 1


def test_a_zone_that_is_not_delegated_is_told_apart(doctor):
    """The last line says that nobody has the zone, and what a registry would make of the servers, if any are known."""
    _, nobody, _ = doctor("10.99.0.0/16", *ROOT)
    assert "99.10.in-addr.arpa. is not delegated, and nobody says which servers" in nobody.splitlines()[-1]
    _, ahead, _ = doctor(*OTHERS["not_yet_delegated"][0])
    assert ahead.endswith("98.10.in-addr.arpa. is not delegated; a registry would delegate it: 1 notice\n")


def test_warnings_count_where_they_are_to(doctor):
    """`--strict` turns the exit status of a zone with warnings into 1, and leaves a zone with notices alone."""
    assert doctor("10.6.0.0/16", *QUICK)[0] == 0
    assert doctor("10.6.0.0/16", *QUICK, "--strict")[0] == 1
    assert doctor("10.4.0.0/16", *QUICK, "--strict")[0] == 0


def test_silent_servers_do_not_hold_it_up(doctor):
    """A zone whose servers all are silent is examined in the end, and how far it is stands on the terminal."""
    status, out, err = doctor("10.19.0.0/16", *QUICK, how="run")
    assert status == 1
    assert out.endswith("a registry would not delegate 19.10.in-addr.arpa.: 2 errors\n")
    assert re.search(r"asking name servers \[#+\] 2/2", err) and err.endswith("\x1b[K")


def test_the_example_of_the_readme_is_so(doctor):
    """The report in README.md is the one that is printed."""
    line, _, shown = re.search(r"^```text\n\$ (ptrd doctor .*?)^```$", README, re.MULTILINE | re.DOTALL)[1].partition(
        "\n"
    )
    status, out, _ = doctor(*line.split()[2:], *ROOT)
    assert (status, out) == (1, shown)
