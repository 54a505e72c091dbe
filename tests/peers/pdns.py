"""PowerDNS: in front of generated zones by its bind backend, and as a secondary of one primary with zones in SQLite.

One thread answers, in the thread that receives.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import ClassVar

from tests.peers.process import Peer, require_program
from tests.peers.secondaries import Secondary

SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


class PdnsServer(Peer):
    """PowerDNS with the bind backend: zones in memory, no database, no DNSSEC."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-bind"

    def configure(self) -> list[str]:
        """Write pdns.conf, and the zones' list in BIND's form."""
        zones = "".join(
            f'zone "{origin}" {{ type master; file "{path}"; }};\n' for origin, path in self.zone_files().items()
        )
        (self.folder / "named.conf").write_text(zones, encoding="ascii")
        options = f"""\
daemon=no
guardian=no
setuid=
setgid=
socket-dir={self.folder}
local-address={self.address}
local-port={self.port}
launch=bind
bind-config={self.folder}/named.conf
receiver-threads=1
distributor-threads=1
max-tcp-connections=100
max-ent-entries=10000000
disable-axfr=yes
resolver=127.0.0.1:1
version-string=anonymous
loglevel=4
"""
        (self.folder / "pdns.conf").write_text(self.settled(options) + "\n", encoding="ascii")
        return [f"--config-dir={self.folder}"]


class PdnsSecondary(Secondary):
    """PowerDNS; it asks for IXFR, and remembers nothing of its answers."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-sqlite3"

    def configure(self) -> list[str]:
        """Write pdns.conf, and the database when there is none yet."""
        database = self.folder / "pdns.sqlite3"
        if not database.exists():
            self._fill(database)
        (self.folder / "pdns.conf").write_text(
            f"""\
daemon=no
guardian=no
setuid=
setgid=
socket-dir={self.folder}
local-address={self.address}
local-port={self.port}
launch=gsqlite3
gsqlite3-database={database}
gsqlite3-pragma-synchronous=0
secondary=yes
autosecondary=no
xfr-cycle-interval=1
receiver-threads=1
retrieval-threads=1
distributor-threads=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
resolver=127.0.0.1:1
version-string=anonymous
loglevel=5
""",
            encoding="ascii",
        )
        return [f"--config-dir={self.folder}"]

    def _fill(self, database: Path) -> None:
        if not SCHEMA.exists():
            require_program(str(SCHEMA), "pdns-backend-sqlite3")
        connection = sqlite3.connect(database)
        with connection:
            connection.executescript(SCHEMA.read_text(encoding="ascii"))
            for zone in self.zones:
                row = connection.execute(
                    "INSERT INTO domains (name, master, type) VALUES (?, ?, 'SLAVE')",
                    (zone.rstrip("."), f"127.0.0.1:{self.primary}"),
                )
                facts = [("IXFR", "1")] + ([("AXFR-MASTER-TSIG", self.key.name)] if self.key else [])
                connection.executemany(
                    "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)",
                    [(row.lastrowid, kind, content) for kind, content in facts],
                )
            if self.key:
                connection.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)", self.key)
        connection.close()
