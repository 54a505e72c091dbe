"""What is wrong with one server's answers about a zone: reached over both transports, authoritative, EDNS.

A fault is said once: a server that does not serve the zone is not also blamed for what it says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ptrd.records.observations import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrd.records.observations import Reply, Server

Seen = tuple[str, str, str, str]  # code, server, address, what was found

_NOTHING: Final = {
    Reach.SILENT: "does not answer",
    Reach.CLOSED: "refuses the connection",
    Reach.GARBLED: "sends what is no answer",
}
_NO_EDNS: Final = frozenset(("FORMERR", "NOTIMP"))


def server_findings(server: Server, zone: str) -> Iterator[Seen]:
    """Judge one address of one name server."""
    found = list(_transport(server, zone))
    for code, text in [*found, *_edns(server, zone), *_recursion(server)]:
        yield code, server.name, str(server.address), f"{server.name} ({server.address}) {text}"


def answer_fault(reply: Reply, zone: str) -> tuple[str, str] | None:
    """Give the code and the predicate of what is wrong with an answer about a zone's SOA, if anything is."""
    if not reply.answered:
        return ("garbled" if reply.reach is Reach.GARBLED else "silent"), _NOTHING.get(reply.reach, "was not asked")
    if reply.rcode == "REFUSED":
        return "refuses", f"refuses to answer for {zone} (REFUSED)"
    if reply.rcode == "NXDOMAIN":
        return "lame", f"says that {zone} does not exist (NXDOMAIN)"
    if reply.rcode != "NOERROR":
        return "fails", f"fails to answer for {zone} ({reply.rcode})"
    if reply.soa is None:
        return "lame", f"has no SOA for {zone}: it does not serve the zone"
    if not reply.authoritative:
        return "lame", f"answers for {zone} without authority (no AA flag), as from a cache"
    return None


def _transport(server: Server, zone: str) -> Iterator[tuple[str, str]]:
    """Check that the zone is answered over UDP and TCP alike."""
    udp, tcp = server.udp, server.tcp
    if {udp.reach, tcp.reach} & {Reach.NO_ROUTE}:
        return
    fault = answer_fault(server.reply, zone)
    if not server.reply.answered:
        if udp.reach is not Reach.UNASKED:
            which = "over UDP nor TCP" if udp.reach is Reach.SILENT else ""
            text = f"answers neither {which}" if which else f"{_NOTHING[udp.reach]} over UDP, and over TCP neither"
            yield ("garbled" if udp.reach is Reach.GARBLED else "silent"), text
        return
    if fault is not None:
        yield fault
    if not udp.answered and not server.edns.answered and udp.reach is not Reach.UNASKED:
        yield (
            ("garbled" if udp.reach is Reach.GARBLED else "no_udp"),
            f"{_NOTHING[udp.reach]} over UDP, but answers over TCP",
        )
    if not tcp.answered:
        if tcp.reach is not Reach.UNASKED:
            yield "no_tcp", f"{_NOTHING[tcp.reach]} over TCP, but answers over UDP"
    elif fault is None and (other := answer_fault(tcp, zone)) is not None:
        yield "tcp_differs", f"answers over UDP, but over TCP it {other[1]}"


def _edns(server: Server, zone: str) -> Iterator[tuple[str, str]]:
    """Check that EDNS works, and that what the server does not know of it does no harm."""
    edns, option, version = server.edns, server.option, server.version
    if not server.udp.answered or edns.reach in {Reach.UNASKED, Reach.NO_ROUTE}:
        return
    if not edns.answered:
        yield "edns_silent", f"{_NOTHING[edns.reach]} when it is asked with EDNS, but does without"
    elif edns.rcode in _NO_EDNS and edns.rcode != server.udp.rcode:
        yield "no_edns", f"answers {edns.rcode} when it is asked with EDNS, but not without"
    elif edns.edns < 0:
        yield "no_edns", "answers questions with EDNS as if they had none"
    elif answer_fault(edns, zone) is None:
        if option.reach in _NOTHING or (option.answered and option.rcode != edns.rcode):
            what = f"answers {option.rcode}" if option.answered else _NOTHING[option.reach]
            yield "edns_option", f"{what} when a question has an EDNS option that it does not know"
        elif option.echo:
            yield "edns_option", "sends an EDNS option back that it cannot know"
        if version.reach in _NOTHING or (version.answered and version.rcode != "BADVERS"):
            what = f"answers {version.rcode}" if version.answered else _NOTHING[version.reach]
            yield "edns_version", f"{what} when it is asked with EDNS version 1"


def _recursion(server: Server) -> Iterator[tuple[str, str]]:
    """Check that it does not resolve what is not its own for anybody."""
    foreign = server.foreign
    if (
        foreign.answered
        and foreign.recursion
        and not foreign.authoritative
        and (foreign.records or foreign.rcode == "NXDOMAIN")
    ):
        yield "recursive", "resolves names that are not its own, for this machine and perhaps for everybody (RA flag)"
