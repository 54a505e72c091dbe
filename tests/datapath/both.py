"""One query, both ways: what the compiled data path says is what `respond` says, byte for byte, or it hands over.

`Both` holds a service and a table of limits for each way. What was handed over is answered by `respond` with the
table that the compiled data path counts in, as a worker does it; so both tables have to end alike.
"""

from __future__ import annotations

import socket
from collections import Counter

from ptrd.datapath.reader import MISSING, make_reader
from ptrd.engine.edns import TCP, TLS, UDP
from ptrd.engine.limiter import WORDS
from ptrd.engine.responder import SOURCES, Options, Service, respond
from tests.peers.process import unable

COMMAND = "apt-get install gcc libc6-dev python3-dev; pip install -e ."
SECRET = bytes(range(16))
NOW = 1_700_000_000.0
STREAM = True  # it came over TCP or TLS


def require_compiled():
    """Skip the running test, or fail it where everything must run, when the compiled data path is not there."""
    if MISSING:
        unable(f"the compiled data path is missing: {MISSING}; {COMMAND}")


def new_table():
    """Make an empty table of limits."""
    return memoryview(bytearray(8 * WORDS)).cast("Q")


def host_of(address):
    """Write an address of 4 or 16 bytes as a socket address has it."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


class Both:
    """Answers from one image, both ways. `handed` and `seen` count queries by what `respond` says of them."""

    def __init__(self, snapshot, options=None, *, limits=False):
        require_compiled()
        self.options = options or Options(cookie_secrets=(SECRET, bytes(16)))
        self.tables = [new_table(), new_table()] if limits else [None, None]
        self.plain, self.mixed = (Service(self.options, table, SECRET) for table in self.tables)
        self.snapshot = snapshot
        self.reader = make_reader(snapshot, self.mixed)
        self.seen, self.handed = Counter(), Counter()
        self.streams = 0  # queries that were answered as over TCP and TLS

    def ask(self, data, address=b"\xc6\x33\x64\x07", now=NOW):
        """Ask both; gives the answer and whether it was handed over."""
        peer = (host_of(address), 4711) if address else None
        expected = respond(self.snapshot, self.plain, data, UDP, peer, now)
        found = self.reader.respond(self.snapshot, data, address, now)
        kind = SOURCES[expected[1]]
        self.seen[kind] += 1
        handed = found is None
        self._ask_stream(data, address, peer, now, answered=not handed)
        if handed:
            self.handed[kind] += 1
            if self.tables[0] is None:
                return expected, True
            found = respond(self.snapshot, self.mixed, data, UDP, peer, now)
        assert found == expected, f"{data.hex()} from {peer} at {now!r}: {found} is not {expected}"
        return expected, handed

    def _ask_stream(self, data, address, peer, now, *, answered):
        """Ask as over TCP and TLS; what was answered over UDP is not handed over there."""
        found = self.reader.respond(self.snapshot, data, address, now, STREAM)
        assert found is not None or not answered, f"{data.hex()} from {peer} at {now!r} is handed over"
        if found is not None:
            self.streams += 1
            for transport in (TCP, TLS):
                expected = respond(self.snapshot, self.plain, data, transport, peer, now)
                assert found == expected, f"{data.hex()} from {peer} at {now!r}: {found} is not {expected}"

    def check_tables(self):
        """Hold the two tables of limits against each other, and what there is to tell the operator of them."""
        one, other = self.tables
        assert one == other
        assert self.plain.take_news(self.snapshot) == self.mixed.take_news(self.snapshot)
