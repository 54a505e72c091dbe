"""Master files by chance, and what others read from a master file: dnspython, BIND's and NSD's checkers."""

from __future__ import annotations

import subprocess

import dns.zone
from hypothesis import strategies as st

from tests.peers.process import require_program

ORIGIN = "2.0.192.in-addr.arpa."
HEAD = "@ IN SOA ns1.example.net. hostmaster.example.net. ( 7 ; serial\n  4h 1h\n 2w 5m )\n  NS ns1.example.net.\n"

OWNERS = ["", "@", "1", "17", "x", "a.b", "*", "*.w", "\\065b", "q\\.r", "\\$", "un_der", "1.2.0.192.in-addr.arpa."]
OWNERS += ["UPPER", "64/26", "254", "y\\;z", "\\032s"]
TTLS = ["", "", "", "60", "1h", "1d12h", "0"]
CLASSES = ["", "", "IN", "in"]
DATA = [
    ("PTR", ["host.example.net.", "rel", "@", "a\\.b.example.", "CaSe.Example.", "h.example. ; comment"]),
    ("NS", ["ns.example.net.", "ns.sub"]),
    ("A", ["192.0.2.1", "192.0.2.255", "( 192.0.2.7 )"]),
    ("AAAA", ["2001:db8::1", "::ffff:192.0.2.1"]),
    (
        "TXT",
        [
            '"a;b"',
            "plain words",
            '"q\\"uote" "(" ")"',
            '"\\009\\255"',
            '( "multi"\n  "line" ; with a comment\n )',
            '""',
        ],
    ),
    ("MX", ["10 mail.example.net.", "0 ."]),
    ("SRV", ["0 5 443 h.example.net.", "1 2 3 rel"]),
    ("CAA", ['0 issue "ca.example.net"']),
    ("LOC", ["52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"]),
    ("SSHFP", ["1 1 ( 0123456789abcdef 0123456789abcdef01234567 )"]),
    ("TYPE65280", ["\\# 0", "\\# 4 0a0b0c0d", "\\# 4 ( 0a0b\n  0c0d )"]),
    ("TYPE1", ["\\# 4 c0000201"]),
    ("A", ["\\# 4 c0000202"]),
    ("DS", ["12345 13 2 " + "ab" * 32]),
    ("HINFO", ['"a b" c']),
]
GENERATE = ["$GENERATE 1-5 $ PTR host-$.example.net.", "$GENERATE 10-40/10 $ A 192.0.2.$"]
GENERATE += [
    "$GENERATE 0-3 n${0,3,d} PTR x${8,2,x}.${-0,4,o}.example.",
    "$GENERATE 3-4 $.g CNAME $.h",
    "$GENERATE 7-7 ${1} 300 IN TXT y$",
]


@st.composite
def master_files(draw, *, ttl_first=True):
    """Make the text of a master file of the zone ORIGIN."""
    lines = ["$TTL 3h"] if ttl_first or draw(st.booleans()) else []
    lines.append(HEAD.rstrip("\n"))
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.integers(0, 14))
        if kind == 0:
            lines.append(
                draw(st.sampled_from(["$ORIGIN sub", "$ORIGIN " + ORIGIN, "$ORIGIN a.b." + ORIGIN, "; only this", ""]))
            )
        elif kind == 1:
            lines.append(draw(st.sampled_from(["$TTL 5m", "$TTL 0", "$ttl 1h30m"])))
        elif kind == 2:
            lines += [draw(st.sampled_from(GENERATE)), "@ TXT x"]  # dnspython takes the owner from within
        else:
            rtype, data = draw(st.sampled_from(DATA))
            between = [draw(st.sampled_from(TTLS)), draw(st.sampled_from(CLASSES))]
            if draw(st.booleans()):
                between.reverse()
            fields = [*between, rtype, draw(st.sampled_from(data))]
            lines.append("\t".join([draw(st.sampled_from(OWNERS)) or " ", *filter(None, fields)]))
    return "\n".join(lines) + "\n"


def by_dnspython(text, origin=ORIGIN):
    """Give {(owner, type): (TTL, rdatas)} as dnspython reads it, in wire form, owners and names in lower case."""
    zone = dns.zone.from_text(text, origin, relativize=False, check_origin=False)
    found = {}
    for name, ttl, rdata in zone.iterate_rdatas():
        key = name.to_wire().lower(), int(rdata.rdtype)
        found.setdefault(key, (ttl, set()))[1].add(rdata.to_digestable())
    return found


def by_records(records):
    """Give the same of records that ptrd has read; RRsets have the lowest TTL."""
    found = {}
    for record in records:
        key = record.owner, record.rtype
        ttl, rdatas = found.get(key, (record.ttl, set()))
        rdatas.add(canonical(record.rtype, record.rdata))
        found[key] = min(ttl, record.ttl), rdatas
    return found


def without_disputed(found, records):
    """Leave out the TTLs of RRsets whose records differ in it: BIND takes the first of them, ptrd the lowest."""
    written = {}
    for record in records:
        written.setdefault((record.owner, record.rtype), set()).add(record.ttl)
    return {key: (ttl if len(written.get(key, ())) < 2 else None, rdatas) for key, (ttl, rdatas) in found.items()}


def canonical(rtype, rdata):
    """Give rdata with the names in it in lower case."""
    return dns.rdata.from_wire("IN", rtype, rdata, 0, len(rdata)).to_digestable()


def by_named(path, origin=ORIGIN):
    """Give what BIND reads from a file: (what `by_dnspython` gives of its output, "") or (None, what it says)."""
    program = require_program("named-compilezone", "bind9-utils")
    lenient = [word for option in "inkmMrSWT" for word in (f"-{option}", "none" if option == "i" else "ignore")]
    done = run([program, "-q", *lenient, "-o", "-", origin, path.name], path.parent)
    return (by_dnspython(done.stdout, origin), "") if done.returncode == 0 else (None, done.stdout + done.stderr)


def by_nsd(path, origin=ORIGIN):
    """Give what NSD reads from a file, likewise."""
    program = require_program("nsd-checkzone", "nsd")
    done = run([program, "-p", origin, path.name], path.parent)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("zone ", ";"))]
    return (
        (by_dnspython("\n".join(lines) + "\n", origin), "")
        if done.returncode == 0
        else (None, done.stdout + done.stderr)
    )


def run(command, folder):
    """Run a program to its end."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
