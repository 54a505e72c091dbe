"""Conversations: each file of `cases/` is run by call, over UDP and over TCP."""

from __future__ import annotations

from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
import yaml

from tests.serving import ask, serve

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
SECTIONS = ("answer", "authority", "additional")


def load(path):
    """Read a case file."""
    return yaml.safe_load(path.read_text())


def make_query(step):
    """Make the query of a step."""
    name, rtype = step["ask"].rsplit(" ", 1)
    query = dns.message.make_query(dns.name.from_text(name), rtype, id=4711)
    edns = step.get("edns")
    if edns is not None:
        query.use_edns(edns.get("version", 0), dns.flags.DO if edns.get("do") else 0, edns.get("size", 1232))
    return query


def lines_of(section):
    """Write a section as one line a record, sorted."""
    return sorted(line for rrset in section for line in rrset.to_text().splitlines())


def agree(expected, found):
    """Compare lines; a `*` at the end of an expected line stands for anything."""
    expected = sorted(line.replace("\\", "\\") for line in expected)
    return len(expected) == len(found) and all(
        line == other or (line.endswith("*") and other.startswith(line[:-1]))
        for line, other in zip(expected, found, strict=True)
    )


def check(step, query, reply):
    """Compare a reply with what the step expects."""
    said = f"{step['ask']}\n{reply}"
    assert reply.id == query.id and reply.question == query.question, said
    assert reply.flags & dns.flags.QR and not reply.flags & (dns.flags.RA | dns.flags.AD | dns.flags.CD), said
    if "rcode" in step:
        assert dns.rcode.to_text(reply.rcode()) == step["rcode"], said
    if "flags" in step:
        found = [name for name in ("aa", "tc") if reply.flags & dns.flags.from_text(name.upper())]
        assert found == step["flags"].split(), said
    for section in SECTIONS:
        if section in step:
            assert agree(step[section], lines_of(getattr(reply, section))), said


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_conversation_by_call(path):
    """What the responder says to each question of the file is what the file expects."""
    case = load(path)
    snapshot = serve(case["zones"])
    for step in case["steps"]:
        query = make_query(step)
        check(step, query, ask(snapshot, query))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_conversation_over_the_network(path, ptrd_server):
    """A running server says the same over UDP and over TCP."""
    case = load(path)
    server = ptrd_server({"case.yaml": case["zones"]})
    for step in case["steps"]:
        query = make_query(step)
        check(step, query, dns.query.udp(query, server.address, port=server.port, timeout=10))
        check(step, query, dns.query.tcp(query, server.address, port=server.port, timeout=10))
