"""Every finding that there is about a delegation: how bad it is, why it matters, and what to do.

The codes are a contract with scripts; README.md lists them. What was found, and where, is said by `diagnosis`.
Severities follow what registries refuse: IANA's technical requirements for authoritative name servers, and the
checks of RIPE NCC, ARIN and APNIC before and after they delegate a reverse zone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # a registry refuses or withdraws the delegation, or resolvers fail
    WARNING = "warning"  # it works, until something else goes wrong
    NOTICE = "notice"  # may be meant


class Advice(NamedTuple):
    """What is said of every finding of one kind."""

    severity: Severity
    why: str
    remedy: str


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTICE

ADVICE: Final = {
    # the delegation
    "not_delegated": Advice(
        _E,
        "Without a delegation no resolver finds the zone, and no address in it has a name.",
        "Ask the holder of the parent zone to delegate it; at a registry, create the domain object with its name "
        "servers. To check servers before that, name them with --ns.",
    ),
    "not_yet_delegated": Advice(
        _N,
        "The servers are checked as if they were delegated to; until they are, no resolver finds the zone.",
        "When nothing else is found, ask the holder of the parent zone for the delegation.",
    ),
    "one_server": Advice(
        _E,
        "A zone has at least two name servers, or it is gone whenever one fails (RFC 1034, 4.1; RFC 2182, 5).",
        "List a second name server, in the zone and at the parent.",
    ),
    "one_address": Advice(
        _E,
        "Several names for one machine are one server: the zone is gone whenever it fails (RFC 2182, 3.1).",
        "Give the second name server a machine and an address of its own.",
    ),
    "same_prefix": Advice(
        _N,
        "One broken router or line takes all of them away at once (RFC 2182, 3.1).",
        "Put one of the servers into another network.",
    ),
    "ns_parent": Advice(
        _E,
        "Resolvers use the parent's list first and the zone's own afterwards: who stands in one only is asked "
        "sometimes, and outages come and go.",
        "Make the NS records of the zone and the list at the parent the same.",
    ),
    "ns_differ": Advice(
        _E,
        "Servers that disagree serve different versions of the zone, or one has stopped transferring it.",
        "Compare the zone on these servers, and have all of them load the same one.",
    ),
    "ns_alias": Advice(
        _E,
        "The name of a name server must not be an alias; many resolvers give up there (RFC 2181, 10.3).",
        "List the name that it leads to, or give it address records of its own.",
    ),
    "ns_unresolved": Advice(
        _E,
        "A name server without an address cannot be asked.",
        "Give it an A or AAAA record, or take it off the lists of the zone and of the parent.",
    ),
    "private_address": Advice(
        _E,
        "Nobody on the Internet reaches that address, so questions sent there are lost.",
        "Give the name server a public address, or list another.",
    ),
    "glue_missing": Advice(
        _E,
        "The server's name lies within the zone, so that only the parent can say its address; without it, the server "
        "cannot be found (RFC 1034, 4.2.1).",
        "Have the parent add the address of the name server to the delegation.",
    ),
    "glue_differs": Advice(
        _E,
        "Resolvers ask at the parent's address first, where the server no longer is, or never was.",
        "Have the parent replace the address, or correct the A and AAAA records of the name server.",
    ),
    "glue_incomplete": Advice(
        _W,
        "Resolvers that reach the server at this address only, over one of IPv4 and IPv6, do not find it.",
        "Have the parent add the address, or remove the record.",
    ),
    # each server
    "silent": Advice(
        _E,
        "Every resolver that tries this server first waits for its timeout before it tries another.",
        "See that the server runs, and that UDP and TCP port 53 are open on it and on every firewall before it.",
    ),
    "no_udp": Advice(
        _E,
        "Resolvers ask over UDP first, and take a server that is silent there for dead.",
        "Open UDP port 53 on the server and on every firewall before it.",
    ),
    "no_tcp": Advice(
        _E,
        "Answers that do not fit into a datagram are asked for again over TCP, which is no option (RFC 7766, 5).",
        "Have the server listen on TCP port 53, and open it on every firewall before it.",
    ),
    "garbled": Advice(
        _E,
        "Resolvers drop what is no answer to their question, and wait for their timeout.",
        "Look for something between that changes DNS messages, or replace the server's software.",
    ),
    "refuses": Advice(
        _E,
        "The delegation is lame: the server is listed, but does not serve the zone, or keeps clients away from it.",
        "Add the zone to the server, or open its access list to everybody, or take it off the lists.",
    ),
    "fails": Advice(
        _E,
        "The server knows the zone and cannot serve it: most often the zone file has an error, or a secondary's copy "
        "has expired.",
        "Read the server's log; correct the zone or its transfer.",
    ),
    "lame": Advice(
        _E,
        "The delegation is lame: the server is listed, but does not serve the zone with authority, so its answers are "
        "thrown away. Registries withdraw such delegations.",
        "Load the zone on the server, or take it off the lists of the zone and of the parent.",
    ),
    "tcp_differs": Advice(
        _E,
        "Which answer a client gets depends on the transport: most often two servers share the address.",
        "See which program listens on TCP port 53 of the server.",
    ),
    "recursive": Advice(
        _E,
        "A server that resolves for everybody can be made to attack others, and its cache can be poisoned "
        "(RFC 5358). Registries refuse open resolvers.",
        "Switch recursion off on the authoritative server, or restrict it to your own clients; where this machine is "
        "one of them, ask from another network.",
    ),
    "edns_silent": Advice(
        _E,
        "Resolvers ask with EDNS; those that follow the DNS flag day take a server that is silent then for dead.",
        "Upgrade the server, or repair the firewall that drops such questions (RFC 6891).",
    ),
    "no_edns": Advice(
        _W,
        "Without EDNS there is neither DNSSEC nor an answer above 512 bytes over UDP, and resolvers ask twice.",
        "Upgrade the server's software, or switch EDNS on (RFC 6891).",
    ),
    "edns_option": Advice(
        _W,
        "A server ignores options that it does not know (RFC 6891, 6.1.2), or resolvers with a new option fail there.",
        "Upgrade the server, or repair the firewall before it.",
    ),
    "edns_version": Advice(
        _W,
        "A version that a server does not have is answered with BADVERS (RFC 6891, 6.1.3).",
        "Upgrade the server, or repair the firewall before it.",
    ),
    # what the servers say
    "serials_differ": Advice(
        _W,
        "For a moment after a change this is so; when it stays, a secondary no longer transfers the zone, and serves "
        "old names until it expires.",
        "Ask again in some minutes; then look into the log of the server with the lower serial.",
    ),
    "soa_differs": Advice(
        _W,
        "Servers that disagree about the SOA serve different versions of the zone.",
        "Compare the zone on these servers, and have all of them load the same one.",
    ),
    "soa_refresh": Advice(
        _N,
        "Secondaries ask so often whether something has changed, which is rarely meant (RFC 1912, 2.2).",
        "Write a refresh of 20 minutes or more; the primary's NOTIFY makes changes known at once.",
    ),
    "soa_retry": Advice(
        _W,
        "Retry is how soon a failed refresh is tried again; not sooner than the next refresh, it does nothing.",
        "Write a retry that is shorter than refresh, such as 1h beside 4h.",
    ),
    "soa_expire": Advice(
        _W,
        "When the primary is away for so long, secondaries stop answering; a week survives a holiday (RFC 1912, 2.2).",
        "Write an expire of one week or more, which is longer than refresh and retry together, such as 14d.",
    ),
    "soa_minimum": Advice(
        _W,
        "Resolvers remember for so long that a name does not exist, so a new name stays unseen (RFC 2308, 5).",
        "Write a minimum of a day or less, such as 5m.",
    ),
    "soa_mname": Advice(
        _N,
        "It should name the primary server; dynamic updates and some checks go there (RFC 1035, 3.3.13).",
        "Write the name of the primary server into the SOA, or give that name an address.",
    ),
    "soa_rname": Advice(
        _W,
        "It is where people write to when the zone does harm or fails (RFC 1035, 3.3.13).",
        "Write a mailbox with a dot for the @, such as hostmaster.example.net.",
    ),
    # DNSSEC
    "ds_without_dnskey": Advice(
        _E,
        "The zone is bogus: the parent says that it is signed, so validating resolvers refuse every answer of it.",
        "Sign the zone with the key that the DS belongs to, or have the parent remove the DS.",
    ),
    "ds_mismatch": Advice(
        _E,
        "The zone is bogus: no key of it is one that the parent vouches for, so validating resolvers refuse it.",
        "Give the parent the DS of the key that signs the zone's DNSKEY records.",
    ),
    "dnskey_signature": Advice(
        _E,
        "The zone is bogus: its keys are not signed by the one that the parent vouches for.",
        "Sign the zone anew, and see that whatever renews its signatures runs.",
    ),
    "ds_stale": Advice(
        _N,
        "It is right during a change of keys, and left over when that is long ago.",
        "When no key is being changed, have the parent remove it.",
    ),
    "not_secured": Advice(
        _N,
        "Signatures that no DS vouches for are checked by nobody.",
        "Give the parent the DS of the key, or stop signing.",
    ),
    # below and beside
    "below_lame": Advice(
        _W,
        "Names in that range come late, after a resolver's timeout or second try.",
        "Tell who holds the range; correct its delegation in this zone, or the server.",
    ),
    "below_dead": Advice(
        _E,
        "No address in that range has a name: nobody answers for it with authority.",
        "Tell who holds the range, or remove the delegation, so that this zone answers itself.",
    ),
    "classless_alias": Advice(
        _E,
        "An address of a classless zone is found only through a CNAME in the zone above (RFC 2317, 4).",
        "Ask the holder of the zone above for CNAME records from each address into this zone.",
    ),
    "gave_up": Advice(
        _W,
        "The examination is bounded, so that it ends; what was not asked in time is not judged.",
        "Correct what was found, and ask again; or give --timeout a lower or higher number of seconds.",
    ),
}
