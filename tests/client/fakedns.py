"""A DNS server on loopback that says what a test tells it to, nonsense and silence included.

It answers over UDP and TCP on one free port, in a thread of its own, until the `with` block ends.
"""

from __future__ import annotations

import selectors
import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from ptrd.client.endpoints import Endpoint

SOA = "example. 300 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 300"


class FakeDns:
    """What it has been asked is in `asked`, as (name, type, "udp" or "tcp")."""

    def __init__(self):
        self.asked = []
        self._told = {}
        self._udp = self._tcp = None
        while self._udp is None:
            tcp = socket.create_server(("127.0.0.1", 0))
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
            except OSError:  # taken for UDP
                tcp.close()
                udp.close()
                continue
            self._udp, self._tcp = udp, tcp
        self.endpoint = Endpoint(*self._udp.getsockname())
        self.send = self._udp.sendto
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def tell(self, name, *records, rcode="NOERROR", authority=(), flags="QR RD RA", rtype=None):
        """Have it answer a name, whatever the type or for one type, with records in master-file notation."""

        def answer(query, _way):
            return [make_answer(query, records, rcode, authority, flags)]

        self.tell_by(name, answer, rtype)

    def tell_by(self, name, answer, rtype=None):
        """Have a function (query, "udp" or "tcp") give what goes out for a name, messages or bytes."""
        self._told[name.lower(), rtype] = answer

    def count(self, name):
        """Count the questions for a name."""
        return sum(asked == name.lower() for asked, _, _ in self.asked)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._stop.send(b"x")
        self._thread.join(10)
        assert not self._thread.is_alive()
        for sock in (self._udp, self._tcp, self._stop, self._stopped):
            sock.close()

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for sock in (self._udp, self._tcp, self._stopped):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._stopped in ready:
                    return
                if self._udp in ready:
                    data, sender = self._udp.recvfrom(65535)
                    for message in self._answers(data, "udp"):
                        self.send(message, sender)
                if self._tcp in ready:
                    self._serve_stream(self._tcp.accept()[0])

    def _serve_stream(self, connection):
        with connection:
            connection.settimeout(5)
            try:
                data = connection.recv(65535)
                for message in self._answers(data[2:], "tcp"):
                    connection.sendall(len(message).to_bytes(2, "big") + message)
            except OSError:
                return  # the client went away, which is its right

    def _answers(self, data, way):
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().lower()
        rtype = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, rtype, way))
        told = self._told.get((name, rtype)) or self._told.get((name, None))
        said = told(query, way) if told else [make_answer(query, rcode="NXDOMAIN", authority=[SOA])]
        return [one if isinstance(one, bytes) else one.to_wire(max_size=65535) for one in said]


def make_answer(query, records=(), rcode="NOERROR", authority=(), flags="QR RD RA"):
    """Make an answer to a query, of records in master-file notation."""
    answer = dns.message.make_response(query)
    answer.flags = dns.flags.from_text(flags)
    answer.set_rcode(dns.rcode.from_text(rcode))
    for section, lines in ((answer.answer, records), (answer.authority, authority)):
        for line in lines:
            owner, ttl, _, rtype, rdata = line.split(maxsplit=4)
            section.append(dns.rrset.from_text(owner, int(ttl), "IN", rtype, rdata))
    return answer
