"""A DNS server as people write one with dnslib: a dictionary, a resolver class, dnslib's own server around it.

`python -m bench.dnslibserver ADDRESS PORT MASTERFILE`. It reads the benchmarks' master files, one record a line, and
nothing else. No EDNS, one thread, one query at a time; UDP alone, since dnslib's TCP server closes after each answer.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dnslib import PTR, QTYPE, RCODE, RR, SOA, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer


class DictResolver(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Answers PTR and SOA from a dictionary of names."""

    def __init__(self, path: Path) -> None:
        self.origin = ""
        self.serial = 0
        self.names: dict[str, str] = {}
        with path.open(encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[0] == "$ORIGIN":
                    self.origin = fields[1]
                elif "SOA" in fields:
                    self.serial = int(fields[5])
                elif fields[1] == "PTR":
                    self.names[f"{fields[0]}.{self.origin}"] = fields[2]

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:  # noqa: ARG002 - dnslib's interface
        """Answer a query."""
        reply = request.reply(ra=0)
        name = str(request.q.qname).lower()
        target = self.names.get(name)
        times = (self.serial, 14400, 3600, 1209600, 300)
        soa = RR(self.origin, QTYPE.SOA, ttl=300, rdata=SOA("ns1.example.net.", "hostmaster.example.net.", times))
        if target is not None and request.q.qtype == QTYPE.PTR:
            reply.add_answer(RR(request.q.qname, QTYPE.PTR, ttl=3600, rdata=PTR(target)))
        elif name == self.origin and request.q.qtype == QTYPE.SOA:
            reply.add_answer(soa)
        else:
            if target is None and name != self.origin:
                reply.header.rcode = RCODE.NXDOMAIN
            reply.add_auth(soa)
        return reply


def main() -> None:
    """Serve until killed."""
    address, port, path = sys.argv[1:4]
    server = DNSServer(DictResolver(Path(path)), address, int(port), logger=DNSLogger(logf=lambda _: None))
    server.start_thread()
    while server.isAlive():
        time.sleep(1)


if __name__ == "__main__":
    main()
