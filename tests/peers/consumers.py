"""Other servers as secondaries of ptrd: of zones that they are told of, and of all that a catalog lists (RFC 9432).

Each is made as `KnotConsumer(PORT, catalog=NAME)`, PORT being where ptrd will listen on 127.0.0.1; it is ready as soon
as it answers anything. With `key` it signs what it asks, and wants it of NOTIFY.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.peers.asking import make_query, udp_ask
from tests.peers.bind import write_named_conf
from tests.peers.knot import write_knot_conf
from tests.peers.nsd import write_nsd_conf
from tests.peers.pdns import FORGETFUL, fill_sqlite, use_sqlite, write_pdns_conf
from tests.peers.process import Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = "transfer-key"
SECRET = base64.b64encode(b"thirty-two bytes are what it has").decode()
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


class Consumer(Peer):
    """A secondary of ptrd."""

    def __init__(
        self, primary: int, *, catalog: str = "", origins: Sequence[str] = (), key: bool = False, seconds: float = 30.0
    ) -> None:
        super().__init__({}, seconds=seconds)
        self.primary = primary
        self.catalog = catalog
        self.origins = list(origins)
        self.key = key

    def ready(self) -> bool:
        """Ask who it is: whatever it answers will do."""
        return udp_ask(self.address, self.port, make_query("id.server", 16, qclass=3), seconds=0.5) is not None


class KnotConsumer(Consumer):
    """Knot."""

    program: ClassVar[str] = "knotd"
    package: ClassVar[str] = "knot"

    def configure(self) -> list[str]:
        """Write knot.conf."""
        key = f"key:\n  - id: {KEY}\n    algorithm: hmac-sha256\n    secret: {SECRET}\n" if self.key else ""
        signed = f"\n    key: {KEY}" if self.key else ""
        zones = "".join(f'  - domain: "{origin}"\n    template: member\n' for origin in self.origins)
        if self.catalog:
            zones += (
                f'  - domain: "{self.catalog}"\n    template: member\n'
                "    catalog-role: interpret\n    catalog-template: member\n"
            )
        sections = f"""\
{key}remote:
  - id: primary
    address: 127.0.0.1@{self.primary}{signed}
acl:
  - id: told
    address: 127.0.0.1{signed}
    action: notify
template:
  - id: default
    storage: "{self.folder}"
  - id: member
    storage: "{self.folder}"
    master: primary
    acl: told
    semantic-checks: off
    zonefile-sync: -1
    refresh-min-interval: 60
    retry-min-interval: 1
    retry-max-interval: 2
zone:
{zones}"""
        return write_knot_conf(self, sections)


class BindConsumer(Consumer):
    """BIND."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"

    def configure(self) -> list[str]:
        """Write named.conf."""
        key = f'key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n' if self.key else ""
        primaries = f"127.0.0.1 port {self.primary}" + (f' key "{KEY}"' if self.key else "") + ";"
        catalogs = (
            f'  catalog-zones {{ zone "{self.catalog}" default-primaries {{ {primaries} }} in-memory yes '
            "min-update-interval 1; };\n"
            if self.catalog
            else ""
        )
        zones = "".join(
            f'zone "{origin}" {{ type secondary; primaries {{ {primaries} }}; }};\n'
            for origin in [*self.origins, *([self.catalog] if self.catalog else [])]
        )
        options = f"""\
  notify no;
  max-retry-time 2;
  min-retry-time 1;
  serial-query-rate 1000;
{catalogs}"""
        return write_named_conf(self, key + zones, options)


class PowerDnsConsumer(Consumer):
    """PowerDNS, with its zones in SQLite."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-sqlite3"

    def configure(self) -> list[str]:
        """Write pdns.conf and the database."""
        path = self.folder / "pdns.sqlite3"
        path.unlink(missing_ok=True)
        zones = [(origin, "SLAVE") for origin in self.origins]
        if self.catalog:
            zones.append((self.catalog, "CONSUMER"))
        fill_sqlite(path, zones, self.primary, (KEY, "hmac-sha256", SECRET) if self.key else None)
        options = "gsqlite3-dnssec=yes\nsecondary=yes\nxfr-cycle-interval=1\nallow-notify-from=127.0.0.1\n"
        return write_pdns_conf(self, use_sqlite(path) + options + FORGETFUL)


class NsdConsumer(Consumer):
    """NSD; it knows catalog zones from 4.9.0 on only."""

    program: ClassVar[str] = "nsd"
    package: ClassVar[str] = "nsd"

    def configure(self) -> list[str]:
        """Write nsd.conf."""
        name = KEY if self.key else "NOKEY"
        key = f'key:\n  name: "{KEY}"\n  algorithm: hmac-sha256\n  secret: "{SECRET}"\n' if self.key else ""
        zones = "".join(
            f'zone:\n  name: "{origin}"\n  request-xfr: 127.0.0.1@{self.primary} {name}\n'
            f"  allow-notify: 127.0.0.1 {name}\n  max-retry-time: 2\n  min-retry-time: 1\n"
            for origin in self.origins
        )
        options = f"""\
  xfrdfile: "{self.folder}/xfrd.state"
  xfrd-reload-timeout: 0
  zonefiles-write: 0
"""
        return write_nsd_conf(self, key + zones, options)
