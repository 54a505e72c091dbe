"""Other servers as primaries: they sign, tell a secondary on a port when a zone has changed, and keep differences.

`change` writes a zone anew and has the server load it. Each is made as `NsdPrimary(zones, notify=PORT)`, where PORT of
127.0.0.1 is the secondary's.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, ClassVar

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
        config = self.folder / "nsd.conf"
        config.write_text(
            f"""\
server:
  ip-address: {self.address}@{self.port}
  server-count: 1
  username: ""
  zonesdir: "{self.folder}"
  database: ""
  zonelistfile: "{self.folder}/zone.list"
  xfrdfile: ""
  xfrdir: "{self.folder}"
  pidfile: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
key:
  name: "{KEY}"
  algorithm: hmac-sha256
  secret: "{SECRET}"
{zones}""",
            encoding="ascii",
        )
        return ["-d", "-c", str(config)]


class KnotPrimary(Primary):
    """Knot, with a journal of what changes between loads."""

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"

    def configure(self) -> list[str]:
        """Write knot.conf."""
        zones = "".join(f'  - domain: "{origin}"\n    file: "{path}"\n' for origin, path in self.zone_files().items())
        config = self.folder / "knot.conf"
        config.write_text(
            f"""\
server:
  rundir: "{self.folder}"
  listen: {self.address}@{self.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: "{self.folder}"
control:
  listen: "{self.folder}/knot.sock"
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
{zones}""",
            encoding="ascii",
        )
        return ["-c", str(config)]


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
        config = self.folder / "named.conf"
        config.write_text(
            f"""\
key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
options {{
  directory "{self.folder}";
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  lock-file none;
  session-keyfile none;
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  allow-transfer {{ key "{KEY}"; }};
  notify explicit;
  notify-delay 0;
  also-notify {{ 127.0.0.1 port {self.notify} key "{KEY}"; }};
  check-names primary ignore;
  check-integrity no;
  masterfile-format text;
}};
controls {{ }};
{zones}""",
            encoding="ascii",
        )
        return ["-g", "-n", "1", "-c", str(config)]


class PowerDnsPrimary(Primary):
    """PowerDNS with BIND's files as its backend, which knows no IXFR; it looks for changed files by itself."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-bind"

    def configure(self) -> list[str]:
        """Write pdns.conf and the list of zones."""
        zones = "".join(
            f'zone "{origin}" {{ type master; file "{path}"; }};\n' for origin, path in self.zone_files().items()
        )
        (self.folder / "named.conf").write_text(zones, encoding="ascii")
        (self.folder / "pdns.conf").write_text(
            f"""\
launch=bind
bind-config={self.folder}/named.conf
bind-check-interval=1
local-address={self.address}
local-port={self.port}
socket-dir={self.folder}
primary=yes
xfr-cycle-interval=1
only-notify=
also-notify=127.0.0.1:{self.notify}
allow-axfr-ips=127.0.0.1
allow-notify-from=
receiver-threads=1
distributor-threads=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
guardian=no
daemon=no
disable-syslog=yes
log-timestamp=no
write-pid=no
""",
            encoding="ascii",
        )
        return [f"--config-dir={self.folder}"]

    def change(self, origin: str, text: str) -> None:
        """Have another version of a zone served: it finds out by itself when the file is asked for."""
        self.zones[origin] = text
        self.zone_files()
