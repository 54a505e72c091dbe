"""The responder: no exception, no reply to a reply, none longer than the rules allow, and every library reads it.

The compiled data path says the same, and counts the same.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import dns.flags
import dns.message
import yaml
from dnslib import DNSRecord

from ptrd.engine.cookies import make_cookie
from ptrd.engine.edns import PADDED_TO, PADDING, TCP, TLS, UDP
from ptrd.engine.limiter import WORDS as WORDS_OF_TABLE
from ptrd.engine.responder import SOURCES, Options, Service, respond
from ptrd.wire.message import find_opt
from ptrd.wire.reader import IgnoredError, MalformedError, read_query
from tests.fuzz import messages
from tests.fuzz.compiled import Beside
from tests.fuzz.work import bounded
from tests.serving import serve

LONGEST = 2048
MOST = 12000  # lines of Python: a chain of 16 aliases with every RRset that an answer can have
OPT_MOST = 11 + 512  # our OPT with everything that is asked for
CASES = Path(__file__).parents[1] / "cases"
LARGE = f"""
zone: 192.0.3.0/24
soa: {{mname: ns1.example.net, rname: hostmaster@example.net}}
ns: [{", ".join(f"ns{number}.a-rather-long-domain-name.example" for number in range(13))}]
records:
  192.0.3.20: [{", ".join(f"host-{number}.a-rather-long-domain-name.example" for number in range(70))}]
defaults: {{192.0.3.0/24: "{{a}}.{{b}}.{{hex}}.{{zone}}"}}
delegations:
  192.0.3.128/26: {{ns: [ns.128-26.3.0.192.in-addr.arpa], ds: ["1 13 2 {"AB" * 32}"]}}
rrsets: |
  many IN TXT {" ".join(f'"{number:03}{"x" * 200}"' for number in range(12))}
  many IN MX 10 mail.example.net.
  one IN TYPE65280 \\# 3 010203
  one IN A 192.0.2.1
  * IN TXT "any"
  0.one IN CNAME one
  ns.128-26 IN A 192.0.3.130
"""
SNAPSHOT = serve(
    *(yaml.safe_load((CASES / f"{name}.yaml").read_text())["zones"] for name in ("cuts", "forward")), LARGE
)
NOW = 1_700_000_000.0
CLIENT = ("192.0.2.7", 5353)
SECRET = bytes(range(16))
OPTIONS = Options(
    chaos={"version.bind": "ptrd"},
    cookie_secrets=(SECRET, bytes(16)),
    nsid=b"ns1",
    limit_records=1,
    limit_made=1,
    limit_denied=1,
    limit_badcookie=True,
)
SERVICE = Service(OPTIONS)
LIMITED = Service(OPTIONS, memoryview(bytearray(8 * WORDS_OF_TABLE)).cast("Q"), SECRET)
# The other way, without limits and with; what it hands over is counted in the same table.
MIXED = Service(OPTIONS, memoryview(bytearray(8 * WORDS_OF_TABLE)).cast("Q"), SECRET)
BESIDE, BESIDE_LIMITED = Beside(SNAPSHOT, SERVICE), Beside(SNAPSHOT, MIXED)
ADDRESS = bytes((192, 0, 2, 7))
VALID = b"\0\x0a\0\x18" + make_cookie(SECRET, b"abcdefgh", ADDRESS, NOW - 60)
WORDS = (*messages.WORDS, VALID)
NO_ERRORS = (0, 3, 6)  # NOERROR, NXDOMAIN, YXDOMAIN: those that may carry records


def seeds():
    """Give messages, some with a cookie that is valid here."""
    found = messages.seeds()
    opts = [messages.opt_with(VALID), messages.opt_with(VALID[:-1] + b"\0"), messages.opt_with(VALID + b"\0\3\0\0")]
    opts += [messages.opt_with(VALID, messages.DO), messages.opt_with(messages.COOKIE)]
    for opt in opts:
        found.append(messages.message(counts=(1, 0, 0, 1), rest=opt))
        found.append(b"\0\1\1\0\0\0\0\0\0\0\0\1" + opt)
    return found


def check(data):
    """Send bytes over UDP, with and without limits, over TCP and over TLS."""
    udp, *about = bounded(MOST + len(data), respond, SNAPSHOT, SERVICE, data, UDP, CLIENT, NOW)
    tcp, *about_tcp = respond(SNAPSHOT, SERVICE, data, TCP, CLIENT, NOW)
    answer = respond(SNAPSHOT, LIMITED, data, UDP, CLIENT, NOW)
    limited, *_ = answer
    assert BESIDE.ask(data, ADDRESS, NOW) in {None, (udp, *about)}
    assert answer == (BESIDE_LIMITED.ask(data, ADDRESS, NOW) or respond(SNAPSHOT, MIXED, data, UDP, CLIENT, NOW))
    assert BESIDE_LIMITED.ask(data, ADDRESS, NOW, stream=True) in {None, (tcp, *about_tcp)}
    assert 0 <= about[0] < len(SOURCES)
    assert bool(udp) == bool(tcp)
    if len(data) < 12 or data[2] & 0x80:
        assert udp == b""
    if not udp:
        assert not limited
        return
    limit = 512
    end = 12
    query = None
    with contextlib.suppress(IgnoredError, MalformedError):
        query = read_query(data)
        end = query.end
        if query.edns is not None:
            limit = min(max(query.edns.udp_size, 512), OPTIONS.udp_size)
    assert len(udp) <= limit <= 1232 and len(tcp) <= 65535
    check_reply(data, query, udp)
    check_reply(data, query, tcp)
    if limited and limited != udp:  # truncated, or BADCOOKIE
        assert limited[6:10] == bytes(4) and len(limited) <= len(udp) + 28
        check_reply(data, query, limited)
    if query is not None:
        check_padding(data, query, tcp)
    assert not tcp[2] & 2 or query is None
    if not udp[2] & 2:
        assert udp[2:10] == tcp[2:10] and udp[12:end] == tcp[12:end]


def check_padding(data, query, tcp):
    """Hold what is said over TLS against what is said over TCP: it is the same, but for the padding asked for."""
    tls, *_ = respond(SNAPSHOT, SERVICE, data, TLS, CLIENT, NOW)
    wanted = query.edns is not None and any(code == PADDING for code, _ in query.edns.options)
    if not wanted or len(tcp) > 65535 - PADDED_TO:
        assert wanted or tls == tcp
        return
    check_reply(data, query, tls[: len(tcp)] if tls == tcp else unpadded(tls, tcp))
    assert len(tls) % PADDED_TO == 0 or query.opcode


def unpadded(tls, tcp):
    """Take the padding off a message, which is the last option of its OPT."""
    padding = len(tls) - len(tcp)
    assert tls[len(tcp) :] == b"\0\x0c" + (padding - 4).to_bytes(2, "big") + bytes(padding - 4)
    at = find_opt(tls)
    assert at == find_opt(tcp) and tls[:at] == tcp[:at] and tls[at + 11 : len(tcp)] == tcp[at + 11 :]
    return tcp


def check_reply(data, query, reply):
    """Hold one reply against its query."""
    assert reply[:2] == data[:2]
    assert reply[2] & 0x80 and (reply[2] ^ data[2]) & 0x79 == 0  # QR; opcode and RD as they came
    assert reply[3] & 0xF0 == 0  # RA, Z, AD, CD
    read = dns.message.from_wire(reply)
    assert read.rcode() != 2, "an exception became SERVFAIL"
    if all(byte < 0x80 for byte in reply[12 : query.end if query else None]):  # dnslib knows no other labels
        DNSRecord.parse(reply)
    if query is None:
        assert reply[12:] == data[12 : len(reply)]
        assert len(reply) <= len(data) and not reply[2] & 4
        return
    assert query.opcode or reply[12 : query.end] == data[12 : query.end]
    if query.edns is None:
        assert read.edns < 0
    elif query.opcode == 0:
        assert read.edns == 0 and read.ednsflags & 0xFFFF == query.edns.dnssec_ok
    if read.rcode() not in NO_ERRORS:
        opt = OPT_MOST if read.edns >= 0 else 0
        assert not (read.answer or read.authority or read.additional) and len(reply) <= query.end + opt
    if query.name and read.rcode() in NO_ERRORS:
        check_sections(query, read)


def check_sections(query, read):
    """Hold the sections of an answer against the question."""
    assert read.question[0].name.canonicalize().to_wire() == query.name
    if read.answer and query.qtype != 255:
        assert read.answer[0].name.canonicalize().to_wire() == query.name or read.answer[0].rdtype == 39
    if not read.answer and read.flags & dns.flags.AA and not read.flags & dns.flags.TC:
        assert any(rrset.rdtype == 6 for rrset in read.authority)
