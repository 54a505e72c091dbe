"""Unbound as a resolver in front of the server under test, with the strictest QNAME minimisation (RFC 9156)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, ClassVar

from tests.peers.asking import make_query, udp_ask
from tests.peers.process import SOA, Peer, require_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Zones that Unbound answers by itself unless it is told not to (RFC 6303, RFC 5737, RFC 3849).
_BUILT_IN = (
    "10.in-addr.arpa 168.192.in-addr.arpa 2.0.192.in-addr.arpa 100.51.198.in-addr.arpa 113.0.203.in-addr.arpa "
    "8.b.d.0.1.0.0.2.ip6.arpa d.f.ip6.arpa 254.169.in-addr.arpa 0.in-addr.arpa 127.in-addr.arpa 64.100.in-addr.arpa "
    + " ".join(f"{octet}.172.in-addr.arpa" for octet in range(16, 32))
).split()


class UnboundServer(Peer):
    """Unbound that finds `zones` at one authoritative server, `others` at "ADDRESS@PORT", and reaches nothing else."""

    program: ClassVar[str] = "unbound"
    package: ClassVar[str] = "unbound"

    def __init__(
        self,
        zones: Sequence[str],
        server: str,
        port: int,
        *,
        others: Mapping[str, str] | None = None,
        listen: int | None = None,
    ) -> None:
        super().__init__(dict.fromkeys(zones, ""), port=listen)
        self.stubs = dict.fromkeys(zones, f"{server}@{port}") | dict(others or {})

    def ready(self) -> bool:
        """Ask for a zone's SOA through it."""
        query = make_query(next(iter(self.zones)), SOA, flags=0x0100)
        reply = udp_ask(self.address, self.port, query, seconds=0.5)
        return reply is not None and reply[3] & 15 == 0

    def flush_zone(self, zone: str) -> None:
        """Have it forget what it remembers of a zone, as its operator does with unbound-control."""
        control = require_program("unbound-control", "unbound")
        command = [control, "-c", str(self.folder / "unbound.conf"), "flush_zone", zone]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    def configure(self) -> list[str]:
        """Write unbound.conf."""
        own = "".join(f'  local-zone: "{zone}" nodefault\n' for zone in _BUILT_IN)
        stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {server}\n' for zone, server in self.stubs.items())
        config = self.folder / "unbound.conf"
        config.write_text(
            f"""\
server:
  interface: {self.address}@{self.port}
  directory: "{self.folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 1
  num-threads: 1
  do-ip6: no
  module-config: "iterator"
  qname-minimisation: yes
  qname-minimisation-strict: yes
  do-not-query-localhost: no
  trust-anchor-file: ""
{own}remote-control:
  control-enable: yes
  control-interface: "{self.folder}/control"
  control-use-cert: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@1
{stubs}""",
            encoding="ascii",
        )
        return ["-d", "-c", str(config)]
