"""NSD in front of generated zones: one process that answers, no rate limit, no remote control."""

from __future__ import annotations

from typing import ClassVar

from tests.peers.process import Peer


class NsdServer(Peer):
    """NSD. Debian's build limits rates by default, so that is switched off; ANY is answered whole."""

    program: ClassVar[str] = "nsd"
    package: ClassVar[str] = "nsd"

    def configure(self) -> list[str]:
        """Write nsd.conf."""
        zones = "".join(
            f'zone:\n  name: "{origin}"\n  zonefile: "{path}"\n  provide-xfr: 127.0.0.1 NOKEY\n'
            for origin, path in self.zone_files().items()
        )
        options = f"""\
  ip-address: {self.address}@{self.port}
  server-count: 1
  username: ""
  zonesdir: "{self.folder}"
  database: ""
  zonelistfile: "{self.folder}/zone.list"
  xfrdfile: ""
  xfrdir: "{self.folder}"
  pidfile: ""
  identity: "peer"
  nsid: "ascii_peer"
  hide-version: yes
  minimal-responses: yes
  refuse-any: no
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  tcp-query-count: 0
  tcp-timeout: 60
  ipv4-edns-size: 1232
  round-robin: no
  zonefiles-write: 0
"""
        config = self.folder / "nsd.conf"
        config.write_text(
            f"""\
server:
{self.settled(options)}
remote-control:
  control-enable: no
{zones}""",
            encoding="ascii",
        )
        return ["-d", "-c", str(config)]
