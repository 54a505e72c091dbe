"""The compiled data path beside what a harness asks: it says the same or hands over, and makes the same names.

Where nothing is compiled the harnesses hold what they always held.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from ptrd.datapath.reader import MISSING, make_reader
from ptrd.engine.responder import Options, Service
from ptrd.records.cuts import owner_of
from ptrd.snapshot.layout import HEADER, INDEX, RANGE, ZONE
from ptrd.snapshot.templates import dump_template
from tests.serving import serve

ROOTS = {4: ("in-addr.arpa", "0.0.0.0/0"), 6: ("ip6.arpa", "::/0")}
NOBODY = b""


class Beside:
    """The other way to the answers of a service about a snapshot."""

    def __init__(self, snapshot, service):
        self.snapshot = snapshot
        self.reader = make_reader(snapshot, service)

    def ask(self, data, address, now, *, stream=False):
        """Give the answer, over UDP or as over TCP and TLS, or None when it is handed over."""
        return None if self.reader is None else self.reader.respond(self.snapshot, data, address, now, stream)


def check_names(template, names):
    """Hold the default names of a template, {address: name}, against those that the compiled data path makes."""
    if MISSING:
        return
    version, _, length = template.prefix
    zone, snapshot = _root(version)
    stand_in = _with_template(snapshot, dump_template(template), version, length)
    reader = make_reader(stand_in, Service(Options()))
    for number, name in names.items():
        question = owner_of(zone, version, number) + b"\0\x0c\0\1"
        found = reader.respond(stand_in, b"\0\1\0\0\0\1\0\0\0\0\0\0" + question, NOBODY, 0.0)
        assert found is not None, "a default name is left to the responder"
        assert found[0][12 + len(question) + 12 :] == name


@cache
def _root(version):
    """Give a zone of all addresses of a version, whose one range makes the name of each."""
    origin, prefix = ROOTS[version]
    snapshot = serve(
        f'zone: {origin}\nsoa: {{mname: a.b, rname: h@b.c}}\nns: [a.b]\ndefaults: {{"{prefix}": "x{{ip}}.example"}}\n'
    )
    return snapshot.zones[0], snapshot


def _with_template(snapshot, dumped, version, length):
    """Put another template in the place of the image's only one; behind the pool lies what the image says of itself."""
    image = bytearray(snapshot.buffer)
    *head, index, index_size, checksum = HEADER.unpack_from(image)
    *counts, pool_at, _ = INDEX.unpack_from(image, index)
    at = index + INDEX.size + ZONE.size
    zone, ttl, _, _, _, _, address = RANGE.unpack_from(image, at)
    RANGE.pack_into(image, at, zone, ttl, version, length, len(dumped), index_size - pool_at, address)
    INDEX.pack_into(image, index, *counts, pool_at, index_size + len(dumped))
    HEADER.pack_into(image, 0, *head, index, index_size + len(dumped), checksum)
    return SimpleNamespace(
        buffer=bytes(image) + dumped, zones=snapshot.zones, names_above=snapshot.names_above, overlays={}
    )
