"""Other servers as primaries: they sign, tell a secondary on a port when a zone has changed, and keep differences.

`change` writes a zone anew and has the server load it. Each is made as `NsdPrimary(zones, notify=PORT)`, where PORT of
127.0.0.1 is the secondary's.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, ClassVar

from tests.peers.bind import write_named_conf
from tests.peers.knot import write_knot_conf
from tests.peers.nsd import write_nsd_conf
from tests.peers.pdns import FORGETFUL, use_master_files, write_pdns_conf
from tests.peers.process import Peer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = "primary-key"
SECRET = "c2l4dGVlbiBieXRlcyBhcmUgZmV3OyB0aGlydHktdHdv"  # noqa: S105 - of servers that a test starts


class Primary(Peer):
    """A server that has zones for a secondary."""

    def __init__(self, zones: Mapping[str, str | Path], *, notify: int, seconds: float = 30.0) -> None:
        super().__init__(zones, seconds=seconds)
        self.notify = notify

    def change(self, origin: str, text: str) -> None:
        """Have another version of a zone served."""
        self.zones[origin] = text
        self.zone_files()
        assert self.child is not None
        self.child.process.send_signal(signal.SIGHUP)


class NsdPrimary(Primary):
    """NSD, which makes its differences when it loads a zone."""

    program: ClassVar[str] = "nsd"
    package: ClassVar[str] = "nsd"

    def configure(self) -> list[str]:
        """Write nsd.conf."""
        zones = "".join(
            f'zone:\n  name: "{origin}"\n  zonefile: "{path}"\n  provide-xfr: 127.0.0.1 {KEY}\n'
            f"  notify: 127.0.0.1@{self.notify} {KEY}\n  store-ixfr: yes\n  create-ixfr: yes\n"
            for origin, path in self.zone_files().items()
        )
        key = f'key:\n  name: "{KEY}"\n  algorithm: hmac-sha256\n  secret: "{SECRET}"\n'
        return write_nsd_conf(self, key + zones)


class KnotPrimary(Primary):
    """Knot, with a journal of what changes between loads."""

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"

    def configure(self) -> list[str]:
        """Write knot.conf."""
        zones = "".join(f'  - domain: "{origin}"\n    file: "{path}"\n' for origin, path in self.zone_files().items())
        sections = f"""\
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: secondary
    address: 127.0.0.1@{self.notify}
    key: {KEY}
acl:
  - id: secondaries
    key: {KEY}
    action: transfer
template:
  - id: default
    storage: "{self.folder}"
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    notify: secondary
    acl: secondaries
zone:
{zones}"""
        return write_knot_conf(self, sections)


class BindPrimary(Primary):
    """BIND, which makes differences out of what it loads."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"

    def configure(self) -> list[str]:
        """Write named.conf."""
        zones = "".join(
            f'zone "{origin}" {{ type primary; file "{path}"; ixfr-from-differences yes; }};\n'
            for origin, path in self.zone_files().items()
        )
        key = f'key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
        options = f"""\
  allow-transfer {{ key "{KEY}"; }};
  notify explicit;
  notify-delay 0;
  also-notify {{ 127.0.0.1 port {self.notify} key "{KEY}"; }};
  check-names primary ignore;
  check-integrity no;
  masterfile-format text;
"""
        return write_named_conf(self, key + zones, options)


class PowerDnsPrimary(Primary):
    """PowerDNS with BIND's files as its backend, which knows no IXFR; it looks for changed files by itself."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-bind"

    def configure(self) -> list[str]:
        """Write pdns.conf and the list of zones."""
        options = f"""\
bind-check-interval=1
primary=yes
xfr-cycle-interval=1
only-notify=
also-notify=127.0.0.1:{self.notify}
allow-axfr-ips=127.0.0.1
allow-notify-from=
"""
        return write_pdns_conf(self, use_master_files(self) + options + FORGETFUL)

    def change(self, origin: str, text: str) -> None:
        """Have another version of a zone served: it finds out by itself when the file is asked for."""
        self.zones[origin] = text
        self.zone_files()
