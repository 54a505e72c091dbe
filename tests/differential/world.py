"""What a world is: zone documents that belong together."""

from __future__ import annotations

from typing import NamedTuple

APEX = """\
soa: {mname: ns1.example.net, rname: host.master@example.net, serial: 7}
ns: [ns1.example.net, ns2.example.org]
"""
DIGEST = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


class World(NamedTuple):
    """Zone documents, and the addresses for which ranges too large to be written out are."""

    name: str
    texts: tuple[str, ...]
    probes: tuple[str, ...] = ()
