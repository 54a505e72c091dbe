"""What is wrong with a delegation, from observations alone: each rule, its edges, and that it says a fault once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ptrd.records.advice import ADVICE, Severity
from ptrd.records.diagnosis import diagnose, is_delegable
from ptrd.records.management import Address
from ptrd.records.model import Soa
from ptrd.records.observations import (
    Alias,
    Below,
    Ds,
    Examination,
    Keys,
    NameServer,
    Reach,
    Referral,
    Reply,
    Server,
)
from ptrd.records.trust import Found, Outcome
from ptrd.records.values import parse_address
from ptrd.wire.names import parse_name

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ZONE = "2.0.192.in-addr.arpa."
NS = ("ns1.example.net.", "ns2.example.net.")
SOA = Soa(parse_name("ns1.example.net"), parse_name("hostmaster.example.net"), 14400, 3600, 1209600, 300, 7)
RIGHT = Reply(Reach.ANSWERED, "NOERROR", authoritative=True, records=1, soa=SOA)
LISTED = RIGHT._replace(soa=None, ns=NS, edns=0)
REFUSED = Reply(Reach.ANSWERED, "REFUSED")
SILENT = Reply(Reach.SILENT)
DS = Ds(12345, 13, 2, known=True)
KEYS = Keys((12345,), (True,))


def address(text):
    """Read an address."""
    return Address(*parse_address(text))


def found(*texts, outcome=Outcome.ADDRESSES, chain=()):
    """Make what a name leads to."""
    return Found(outcome, tuple(map(address, texts)), chain)


NOTHING = found(outcome=Outcome.NO_DATA)


def server(name, text, **changes):
    """Make a server that answers everything rightly, but for the changes."""
    bad = Reply(Reach.ANSWERED, "BADVERS", edns=0)
    right = Server(
        name,
        address(text),
        udp=RIGHT,
        tcp=RIGHT,
        edns=RIGHT._replace(edns=0),
        option=RIGHT._replace(edns=0),
        version=bad,
        ns=LISTED,
        foreign=REFUSED,
        keys=Keys(),
    )
    return right._replace(**changes)


FIRST, SECOND = server(NS[0], "9.9.9.1"), server(NS[1], "8.8.8.1")
SOUND = Examination(
    ZONE,
    Referral("192.in-addr.arpa.", "ns.registry.example.", address("1.1.1.1"), ns=NS),
    (NameServer(NS[0], (found("9.9.9.1"), NOTHING)), NameServer(NS[1], (found("8.8.8.1"), NOTHING))),
    (FIRST, SECOND),
)


def codes(seen):
    """Give the codes of the findings."""
    return [finding.code for finding in diagnose(seen)]


def with_second(**changes):
    """Change what the second server answers."""
    return SOUND._replace(servers=(FIRST, SECOND._replace(**changes)))


def with_soa(**changes):
    """Change the SOA at both servers."""
    reply = RIGHT._replace(soa=SOA._replace(**changes))
    return SOUND._replace(
        servers=tuple(one._replace(udp=reply, tcp=reply, edns=reply._replace(edns=0)) for one in SOUND.servers)
    )


def with_keys(ds, *keys):
    """Give the parent DS records, and the servers their keys."""
    return SOUND._replace(
        referral=SOUND.referral._replace(ds=ds),
        servers=tuple(one._replace(keys=some) for one, some in zip(SOUND.servers, keys, strict=True)),
    )


def with_names(*names, glue=(), servers=None):
    """Put other name servers into the parent's list and the zone's."""
    listed = tuple(sorted(name.name for name in names))
    replies = tuple(
        one._replace(ns=LISTED._replace(ns=listed)) for one in (SOUND.servers if servers is None else servers)
    )
    return SOUND._replace(
        referral=SOUND.referral._replace(ns=listed, glue=glue), name_servers=tuple(names), servers=replies
    )


def test_a_sound_delegation_has_no_finding():
    """When everything is as it should be, nothing is said, and a registry would delegate."""
    assert diagnose(SOUND) == () and is_delegable(SOUND, ())
    assert diagnose(with_keys((DS,), KEYS, KEYS)) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"udp": SILENT, "tcp": SILENT, "edns": SILENT}, ["silent"]),
        ({"udp": SILENT, "tcp": Reply(Reach.CLOSED), "edns": SILENT}, ["silent"]),
        ({"udp": Reply(Reach.GARBLED), "tcp": Reply(Reach.GARBLED), "edns": Reply(Reach.GARBLED)}, ["garbled"]),
        ({"udp": SILENT, "edns": SILENT}, ["no_udp"]),
        ({"tcp": SILENT}, ["no_tcp"]),
        ({"tcp": Reply(Reach.CLOSED)}, ["no_tcp"]),
        ({"udp": REFUSED, "tcp": REFUSED, "edns": REFUSED._replace(edns=0)}, ["refuses"]),
        ({"udp": REFUSED._replace(rcode="SERVFAIL"), "tcp": REFUSED}, ["fails"]),
        ({"udp": RIGHT._replace(soa=None), "tcp": RIGHT._replace(soa=None)}, ["lame"]),
        ({"udp": RIGHT._replace(authoritative=False)}, ["lame"]),
        ({"udp": REFUSED._replace(rcode="NXDOMAIN")}, ["lame"]),
        ({"tcp": REFUSED}, ["tcp_differs"]),
        ({"foreign": Reply(Reach.ANSWERED, "NOERROR", recursion=True, records=13)}, ["recursive"]),
        ({"foreign": Reply(Reach.ANSWERED, "NXDOMAIN", recursion=True)}, ["recursive"]),
        ({"foreign": Reply(Reach.ANSWERED, "NOERROR", recursion=True)}, []),  # an empty referral resolves nothing
        ({"foreign": REFUSED._replace(recursion=True)}, []),
        ({"foreign": Reply(Reach.ANSWERED, "NOERROR", authoritative=True, records=13)}, []),  # a root server
        ({"edns": SILENT}, ["edns_silent"]),
        ({"edns": Reply(Reach.ANSWERED, "FORMERR")}, ["no_edns"]),
        ({"edns": RIGHT}, ["no_edns"]),
        ({"option": SILENT}, ["edns_option"]),
        ({"option": Reply(Reach.ANSWERED, "FORMERR", edns=0)}, ["edns_option"]),
        ({"option": RIGHT._replace(edns=0, echo=True)}, ["edns_option"]),
        ({"version": RIGHT._replace(edns=0)}, ["edns_version"]),
        ({"version": SILENT}, ["edns_version"]),
        ({"udp": Reply(Reach.NO_ROUTE), "tcp": Reply(Reach.NO_ROUTE), "edns": Reply(Reach.NO_ROUTE)}, []),
        (dict.fromkeys(("udp", "tcp", "edns", "option", "version", "ns", "foreign"), Reply()), []),
    ],
)
def test_each_fault_of_a_server_is_said_once(changes, expected):
    """What one server does wrong is one finding about it, and what was not asked or not reached is none."""
    findings = diagnose(with_second(**changes))
    assert [finding.code for finding in findings] == expected
    assert all((finding.server, finding.address) == (NS[1], "8.8.8.1") for finding in findings)
    assert all(finding.found.startswith("ns2.example.net. (8.8.8.1) ") for finding in findings)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"refresh": 1199, "retry": 600}, ["soa_refresh"]),
        ({"refresh": 1200, "retry": 600}, []),
        ({"retry": 14400}, ["soa_retry"]),
        ({"retry": 14399}, []),
        ({"expire": 604799}, ["soa_expire"]),
        ({"expire": 604800}, []),
        ({"refresh": 600000, "retry": 4800, "expire": 604800}, ["soa_expire"]),
        ({"minimum": 86401}, ["soa_minimum"]),
        ({"minimum": 86400}, []),
        ({"minimum": 0}, []),
        ({"rname": parse_name("hostmaster\\@example.net")}, ["soa_rname"]),
        ({"rname": parse_name(".")}, ["soa_rname"]),
        ({"rname": parse_name("root")}, ["soa_rname"]),
        ({"rname": parse_name("john\\.doe.example.net")}, []),
    ],
)
def test_the_soa_is_judged_at_its_edges(changes, expected):
    """Each value is accepted up to its bound, and told past it."""
    assert codes(with_soa(**changes)) == expected


def test_a_primary_that_nobody_finds_is_a_notice():
    """An MNAME without an address is told, unless it is a listed name server; a hidden primary is not."""
    hidden = with_soa(mname=parse_name("primary.example.net"))
    assert codes(hidden) == []
    assert codes(hidden._replace(primary=False)) == ["soa_mname"]
    assert codes(SOUND._replace(primary=False)) == []


def test_servers_that_disagree_are_told():
    """Serials, the rest of the SOA and the lists of name servers are each compared; case in a name is no difference."""
    other = RIGHT._replace(soa=SOA._replace(serial=8))
    assert codes(with_second(udp=other)) == ["serials_differ"]
    assert codes(with_second(udp=RIGHT._replace(soa=SOA._replace(expire=1209601)))) == ["soa_differs"]
    assert codes(with_second(udp=RIGHT._replace(soa=SOA._replace(mname=parse_name("NS1.example.net"))))) == []
    assert codes(with_second(ns=LISTED._replace(ns=(*NS, "ns3.example.net.")))) == ["ns_differ"]


def test_a_list_that_the_parent_does_not_have_is_told():
    """When all servers agree on another list than the parent's, both differences are named."""
    one = ("ns1.example.net.", "ns3.example.net.")
    seen = SOUND._replace(servers=tuple(server._replace(ns=LISTED._replace(ns=one)) for server in SOUND.servers))
    (finding,) = diagnose(seen)
    assert finding.code == "ns_parent"
    assert "only in the zone: ns3.example.net.; only at the parent: ns2.example.net." in finding.found
    assert codes(seen._replace(referral=seen.referral._replace(inside=True))) == []


def test_a_zone_wants_two_servers_in_two_places():
    """One name, one address for all, and one network are told from each other, over both families."""
    only = NameServer(NS[0], (found("9.9.9.1"), NOTHING))
    assert codes(with_names(only, servers=(FIRST,))) == ["one_server"]
    same = NameServer(NS[1], (found("9.9.9.1"), NOTHING))
    assert codes(with_names(only, same)) == ["one_address"]
    near = NameServer(NS[1], (found("9.9.9.2"), NOTHING))
    assert codes(with_names(only, near)) == ["same_prefix"]
    beyond = NameServer(NS[1], (found("9.9.10.1"), NOTHING))
    assert codes(with_names(only, beyond)) == []
    far = NameServer(NS[1], (found("9.9.9.2"), found("2600::1")))
    six = NameServer(NS[0], (found("9.9.9.1"), found("2601::1")))
    assert codes(with_names(six, far)) == []


def test_a_zone_that_nobody_has_yet_is_judged_by_its_proposed_servers():
    """It is an error unless it is checked ahead; only what is wrong with the servers keeps a registry from it."""
    none = SOUND.referral._replace(exists=False, ns=())
    nobody = SOUND._replace(referral=none, name_servers=(), servers=())
    assert codes(nobody) == ["not_delegated"] and not is_delegable(nobody, diagnose(nobody))
    filed = SOUND._replace(referral=none, proposed=NS)
    assert codes(filed) == ["not_delegated"] and is_delegable(filed, diagnose(filed))
    assert codes(filed._replace(asked_ahead=True)) == ["not_yet_delegated"]
    other = filed._replace(asked_ahead=True, proposed=(NS[0], "ns3.example.net."))
    findings = diagnose(other)
    assert [finding.code for finding in findings] == ["ns_parent", "not_yet_delegated"]
    assert "among those proposed" in findings[0].found and not is_delegable(other, findings)


def test_name_servers_have_public_addresses_of_their_own():
    """Aliases, missing addresses and private ones are told; private ones not where the parent has one itself."""
    first = SOUND.name_servers[0]
    alias = NameServer(NS[1], (found("8.8.8.1", chain=("www.example.net.",)), NOTHING))
    assert codes(with_names(first, alias)) == ["ns_alias"]
    for outcome in (Outcome.NO_DATA, Outcome.NO_NAME, Outcome.SILENT, Outcome.FAILED):
        assert codes(with_names(first, NameServer(NS[1], (found(outcome=outcome),) * 2))) == ["ns_unresolved"]
    private = with_names(first, NameServer(NS[1], (found("10.0.0.1"), NOTHING)))
    assert codes(private) == ["private_address"]
    assert codes(private._replace(referral=private.referral._replace(address=address("127.0.0.1")))) == []


def test_glue_is_compared_with_what_the_servers_say():
    """A server within the zone needs glue; glue that is wrong is an error, an address that lacks there a warning."""
    first, name = SOUND.name_servers[0], f"ns.{ZONE}"
    right = (found("8.8.8.1"), found("2600::1"))

    def glued(*texts, of=name, addresses=right):
        glue = tuple(map(address, texts))
        seen = with_names(first, NameServer(of, addresses, glue), glue=tuple((of, one) for one in glue))
        return codes(seen)

    assert glued("8.8.8.1", "2600::1") == []
    assert glued() == ["glue_missing"]
    assert glued("8.8.8.2") == ["glue_differs"]
    assert glued("8.8.8.1") == ["glue_incomplete"]
    assert glued("8.8.8.1", "2600::1", "2600::2") == ["glue_differs"]
    assert glued("8.8.8.1", of=NS[1]) == []  # elsewhere, glue is a courtesy
    assert glued("8.8.8.1", addresses=(found(outcome=Outcome.SILENT),) * 2) == []  # its silence is told elsewhere


def test_what_was_not_asked_for_want_of_time_is_not_judged():
    """A name server that could not be looked up before the bound is not called missing; one that does not exist is."""
    first = SOUND.name_servers[0]
    unknown = with_names(first, NameServer(NS[1], (found(outcome=Outcome.SILENT),) * 2))
    assert codes(unknown._replace(gave_up="it had taken 60 seconds")) == ["gave_up"]
    gone = with_names(first, NameServer(NS[1], (found(outcome=Outcome.NO_NAME),) * 2))
    assert codes(gone._replace(gave_up="it had taken 60 seconds")) == ["ns_unresolved", "gave_up"]


def test_a_ds_vouches_for_a_key_that_is_there():
    """A DS without keys, without its key, or without its signature makes the zone bogus; leftovers are notices."""
    other = Keys((999,), (False,))
    stale = Ds(999, 13, 2, known=True)
    assert codes(with_keys((DS,), Keys(), Keys())) == ["ds_without_dnskey"]
    assert codes(with_keys((DS,), KEYS, Keys())) == ["ds_without_dnskey"]
    assert codes(with_keys((DS,), other, other)) == ["ds_mismatch"]
    assert codes(with_keys((DS,), KEYS, KEYS._replace(fault="expired"))) == ["dnskey_signature"]
    assert codes(with_keys((DS, stale), *[Keys((12345,), (True, False))] * 2)) == ["ds_stale"]
    assert codes(with_keys((), KEYS._replace(matches=()), KEYS._replace(matches=()))) == ["not_secured"]
    unknown = Ds(1, 13, 250, known=False)
    assert codes(with_keys((unknown,), *[Keys((12345,), (False,))] * 2)) == []  # not comparable, so not wrong
    assert codes(with_keys((DS,), None, None)) == []


def test_delegations_below_are_dead_or_lame_in_part():
    """Nobody who answers is an error that a registry does not look for, somebody who does not a warning."""
    right, bad = ("a.", address("8.8.8.1"), RIGHT), ("b.", address("8.8.8.2"), REFUSED)
    unrouted = ("c.", address("2600::1"), Reply(Reach.NO_ROUTE))
    for servers, unresolved, expected in (
        ((right,), (), []),
        ((right, unrouted), (), []),
        ((right, bad), (), ["below_lame"]),
        ((right,), ("d.",), ["below_lame"]),
        ((bad,), (), ["below_dead"]),
        ((bad, unrouted), ("d.",), ["below_dead"]),
        ((), ("d.",), ["below_dead"]),
        ((), (), []),
    ):
        seen = SOUND._replace(below=(Below(f"1.{ZONE}", ("a.",), servers, unresolved),))
        assert codes(seen) == expected
        assert is_delegable(seen, diagnose(seen))


def test_a_classless_zone_is_reached_by_aliases():
    """The zone above leads each address into the zone; one that leads elsewhere or nowhere is told."""
    name = f"64.{ZONE}"
    assert codes(SOUND._replace(aliases=(Alias(name, f"64.64-26.{ZONE}"),))) == []
    for target in ("", "64.example.net.", f"x{ZONE}"):
        assert codes(SOUND._replace(aliases=(Alias(name, target),))) == ["classless_alias"]


def test_errors_come_first_and_decide():
    """Findings are in the order of their severity; a registry refuses for an error, and for nothing less."""
    soa = with_soa(refresh=600, retry=300, minimum=90000)
    bad = soa._replace(servers=(*soa.servers[:1], SECOND._replace(udp=REFUSED)), gave_up="it was long")
    findings = diagnose(bad)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert {finding.code for finding in findings} >= {"refuses", "soa_minimum", "gave_up", "soa_refresh"}
    assert not is_delegable(bad, findings)
    assert is_delegable(soa, diagnose(soa))


def test_the_readme_lists_the_findings():
    """DELEGATION has each code with its severity, and no other; each finding has a reason and a remedy."""
    part = README.partition("\n## DELEGATION\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \|", part, re.MULTILINE)
    assert rows == [(code, advice.severity.value) for code, advice in ADVICE.items()]
    for advice in ADVICE.values():
        assert advice.why.endswith(".") and advice.remedy.endswith(".")
