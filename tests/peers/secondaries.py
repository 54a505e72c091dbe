"""NSD, Knot and BIND as secondaries of one primary, with or without TSIG; what they hold outlives a restart.

They take a zone when they start, and its changes when they are notified; nobody may ask them for more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import dns.message
import dns.opcode
import dns.query

from tests.peers.bind import write_named_conf
from tests.peers.knot import write_knot_conf
from tests.peers.nsd import write_nsd_conf
from tests.peers.process import Peer

if TYPE_CHECKING:
    from collections.abc import Sequence


class Key(NamedTuple):
    """A key of TSIG; the secret is Base64."""

    name: str
    algorithm: str
    secret: str


class Secondary(Peer):
    """A secondary of the zones that a primary serves on loopback; its port stays over a restart."""

    def __init__(self, zones: Sequence[str], primary: int, key: Key | None = None, *, seconds: float = 30.0) -> None:
        super().__init__(dict.fromkeys(zones, ""), seconds=seconds)
        self.primary = primary
        self.key = key

    def restart(self) -> None:
        """End the program and start it again, with what it had written."""
        self.stop()
        self.fixed_port = self.port
        self.start()

    def notify(self, zone: str) -> None:
        """Tell it that a zone has changed, as its primary would."""
        message = dns.message.make_query(zone, "SOA")
        message.set_opcode(dns.opcode.NOTIFY)
        message.flags = dns.opcode.to_flags(dns.opcode.NOTIFY) | 0x0400
        dns.query.udp(message, self.address, port=self.port, timeout=5)


class NsdSecondary(Secondary):
    """NSD."""

    program: ClassVar[str] = "nsd"
    package: ClassVar[str] = "nsd"

    def mishaps(self) -> int:
        """Count how often since its start NSD has thrown differences away by itself, and then takes a zone whole."""
        assert self.child is not None
        return self.child.log.read_text(errors="replace").count("update failed, restarting transfer")

    def has_written(self, zone: str, serial: int) -> bool:
        """Tell whether a version is in the zone's file; with an older one NSD takes the zone whole after a restart."""
        path = self.folder / f"{list(self.zones).index(zone)}.zone"
        return path.exists() and str(serial) in path.read_text(encoding="ascii").split()

    def configure(self) -> list[str]:
        """Write nsd.conf."""
        key = self.key
        keys = f'key:\n  name: "{key.name}"\n  algorithm: {key.algorithm}\n  secret: "{key.secret}"\n' if key else ""
        signer = key.name if key else "NOKEY"
        zones = "".join(
            f'zone:\n  name: "{zone}"\n  zonefile: "{self.folder}/{number}.zone"\n'
            f"  request-xfr: 127.0.0.1@{self.primary} {signer}\n  allow-notify: 127.0.0.1 NOKEY\n"
            f"  allow-notify: 127.0.0.1 {signer}\n"
            for number, zone in enumerate(self.zones)
        )
        options = f"""\
  xfrdfile: "{self.folder}/xfrd.state"
  minimal-responses: yes
  refuse-any: no
  round-robin: no
  zonefiles-write: 1
"""
        return [*write_nsd_conf(self, keys + zones, options), "-V", "2"]


class KnotSecondary(Secondary):
    """Knot."""

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"

    def configure(self) -> list[str]:
        """Write knot.conf."""
        key = self.key
        keys = f"key:\n  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n" if key else ""
        signer = f"    key: {key.name}\n" if key else ""
        zones = "".join(
            f'  - domain: "{zone}"\n    master: primary\n    acl: [notified, notified_signed]\n' for zone in self.zones
        )
        sections = f"""\
{keys}remote:
  - id: primary
    address: 127.0.0.1@{self.primary}
{signer}acl:
  - id: notified
    address: 127.0.0.1
    action: notify
  - id: notified_signed
    address: 127.0.0.1
    action: notify
{signer}template:
  - id: default
    storage: "{self.folder}"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: none
    journal-content: all
    refresh-min-interval: 2
zone:
{zones}"""
        return write_knot_conf(self, sections)


class BindSecondary(Secondary):
    """BIND."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"

    def configure(self) -> list[str]:
        """Write named.conf."""
        key = self.key
        keys = f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n' if key else ""
        signer = f' key "{key.name}"' if key else ""
        zones = "".join(
            f'zone "{zone}" {{ type secondary; primaries {{ 127.0.0.1 port {self.primary}{signer}; }}; '
            f'file "{number}.zone"; }};\n'
            for number, zone in enumerate(self.zones)
        )
        options = """\
  notify no;
  minimal-responses yes;
  minimal-any no;
  max-records-per-type 0;
  check-names secondary ignore;
  request-ixfr yes;
  serial-query-rate 500;
  allow-notify { 127.0.0.1; };
"""
        return write_named_conf(self, keys + zones, options)
