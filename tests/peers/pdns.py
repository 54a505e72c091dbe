"""PowerDNS: what its configuration begins with, in front of generated zones, and as a secondary with zones in SQLite.

One thread answers, in the thread that receives.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.peers.process import Peer, require_program, settle
from tests.peers.secondaries import Secondary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
FORGETFUL = "cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n"


def write_pdns_conf(peer: Peer, options: str) -> list[str]:
    """Write pdns.conf: one thread that answers, all files in the peer's folder; give the program's arguments."""
    usual = f"""\
daemon=no
guardian=no
setuid=
setgid=
write-pid=no
socket-dir={peer.folder}
local-address={peer.address}
local-port={peer.port}
receiver-threads=1
distributor-threads=1
resolver=127.0.0.1:1
version-string=anonymous
loglevel=4
"""
    (peer.folder / "pdns.conf").write_text(peer.settled(settle(usual, options)) + "\n", encoding="ascii")
    return [f"--config-dir={peer.folder}"]


def use_master_files(peer: Peer) -> str:
    """Write the list of a peer's zones in BIND's form; give the options that have them served."""
    lines = [f'zone "{origin}" {{ type master; file "{path}"; }};\n' for origin, path in peer.zone_files().items()]
    (peer.folder / "named.conf").write_text("".join(lines), encoding="ascii")
    return f"launch=bind\nbind-config={peer.folder}/named.conf\n"


def use_sqlite(path: Path) -> str:
    """Give the options that have the zones in a database served; it need not be safe from a loss of power."""
    return f"launch=gsqlite3\ngsqlite3-database={path}\ngsqlite3-pragma-synchronous=0\n"


def fill_sqlite(
    path: Path, zones: Iterable[tuple[str, str]], primary: int, key: Sequence[str] | None, facts: Iterable[str] = ()
) -> None:
    """Make a database of (zone, kind), all from the primary at a port; `facts` are metadata that are set to 1."""
    if not SCHEMA.exists():
        require_program(str(SCHEMA), "pdns-backend-sqlite3")
    metadata = [(fact, "1") for fact in facts] + ([("AXFR-MASTER-TSIG", key[0])] if key else [])
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(SCHEMA.read_text(encoding="ascii"))
        for zone, kind in zones:
            row = connection.execute(
                "INSERT INTO domains (name, master, type) VALUES (?, ?, ?)",
                (zone.rstrip("."), f"127.0.0.1:{primary}", kind),
            )
            connection.executemany(
                "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)",
                [(row.lastrowid, *fact) for fact in metadata],
            )
        if key:
            connection.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)", tuple(key))
    connection.close()


class PdnsServer(Peer):
    """PowerDNS with the bind backend: zones in memory, no database, no DNSSEC."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-bind"

    def configure(self) -> list[str]:
        """Write pdns.conf, and the zones' list in BIND's form."""
        limits = "max-tcp-connections=100\nmax-ent-entries=10000000\ndisable-axfr=yes\n"
        return write_pdns_conf(self, use_master_files(self) + limits)


class PdnsSecondary(Secondary):
    """PowerDNS; it asks for IXFR, and remembers nothing of its answers."""

    program: ClassVar[str] = "pdns_server"
    package: ClassVar[str] = "pdns-server pdns-backend-sqlite3"

    def configure(self) -> list[str]:
        """Write pdns.conf, and the database when there is none yet."""
        database = self.folder / "pdns.sqlite3"
        if not database.exists():
            fill_sqlite(database, [(zone, "SLAVE") for zone in self.zones], self.primary, self.key, ["IXFR"])
        options = "secondary=yes\nautosecondary=no\nxfr-cycle-interval=1\nretrieval-threads=1\nloglevel=5\n"
        return write_pdns_conf(self, use_sqlite(database) + options + FORGETFUL)
