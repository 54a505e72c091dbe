"""What a primary says to a secondary and hears from it: NOTIFY (RFC 1996), and the question which SOA it serves.

An Exchange is one message and the judge of what comes back: only an answer to just this message counts, and where it
was signed (RFC 8945), only one that is signed with the same key.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig

if TYPE_CHECKING:
    from dns.rdtypes.ANY.SOA import SOA

    from ptrd.records.transfer import Key


class Heard(NamedTuple):
    """A secondary's answer: its rcode, and the serial where it gave the zone's SOA with authority."""

    rcode: str
    serial: int | None = None


class Exchange:
    """A message to one server, in `wire`, and what it may answer."""

    __slots__ = ("_message", "identity", "wire")

    def __init__(self, message: dns.message.Message, key: Key | None) -> None:
        if key is not None:
            message.use_tsig(
                dns.tsig.Key(dns.name.from_wire(key.name, 0)[0], key.secret, dns.name.from_text(key.algorithm))
            )
        self.wire = message.to_wire()
        self.identity = message.id
        self._message = message

    def read(self, data: bytes) -> Heard | None:
        """Read a datagram; None when it is no answer to this message, or not signed as it must be."""
        message = self._message
        try:
            reply = dns.message.from_wire(data, keyring=message.keyring, request_mac=message.mac)
        except (dns.exception.DNSException, ValueError, struct.error, IndexError):
            return None
        if reply.id != message.id or not reply.flags & dns.flags.QR or reply.opcode() != message.opcode():
            return None
        if message.keyring and not reply.had_tsig:
            return None
        if reply.question and reply.question != message.question:
            return None
        rcode = dns.rcode.to_text(reply.rcode())
        if message.opcode() != dns.opcode.QUERY or not reply.question:
            return Heard(rcode)
        return Heard(rcode, _serial_in(reply))


def notification(zone: bytes, soa: tuple[int, bytes], identity: int, key: Key | None) -> Exchange:
    """Write a NOTIFY (RFC 1996, 3.7) that says a zone's SOA, given as (TTL, rdata)."""
    name = dns.name.from_wire(zone, 0)[0]
    message = _question(name, identity)
    message.set_opcode(dns.opcode.NOTIFY)
    message.flags |= dns.flags.AA
    ttl, rdata = soa
    record = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.SOA, rdata, 0, len(rdata))
    message.answer.append(dns.rrset.from_rdata(name, ttl, record))
    return Exchange(message, key)


def serial_question(zone: bytes, identity: int, key: Key | None) -> Exchange:
    """Write the question for a zone's SOA."""
    return Exchange(_question(dns.name.from_wire(zone, 0)[0], identity), key)


def _question(name: dns.name.Name, identity: int) -> dns.message.QueryMessage:
    message = dns.message.make_query(name, dns.rdatatype.SOA, id=identity)
    message.flags = dns.flags.Flag(0)  # nobody shall recurse
    return message


def _serial_in(reply: dns.message.Message) -> int | None:
    """Give the serial of an authoritative answer."""
    if reply.rcode() != dns.rcode.NOERROR or not reply.flags & dns.flags.AA:
        return None
    question = reply.question[0]
    found = reply.get_rrset(reply.answer, question.name, dns.rdataclass.IN, dns.rdatatype.SOA)
    return cast("SOA", found[0]).serial if found else None
