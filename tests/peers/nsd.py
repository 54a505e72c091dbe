"""NSD: what its configuration begins with, and in front of generated zones; no rate limit, no remote control."""

from __future__ import annotations

from typing import ClassVar

from tests.peers.process import Peer, settle


def write_nsd_conf(peer: Peer, sections: str, options: str = "") -> list[str]:
    """Write nsd.conf: one process that answers, all files in the peer's folder; give the program's arguments.

    `options` are of the section `server`, and `sections` come behind it. Debian's build limits rates by default.
    """
    usual = f"""\
  ip-address: {peer.address}@{peer.port}
  server-count: 1
  username: ""
  zonesdir: "{peer.folder}"
  database: ""
  zonelistfile: "{peer.folder}/zone.list"
  xfrdfile: ""
  xfrdir: "{peer.folder}"
  pidfile: ""
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
"""
    config = peer.folder / "nsd.conf"
    config.write_text(
        f"""\
server:
{peer.settled(settle(usual, options))}
remote-control:
  control-enable: no
{sections}""",
        encoding="ascii",
    )
    return ["-d", "-c", str(config)]


class NsdServer(Peer):
    """NSD; ANY is answered whole."""

    program: ClassVar[str] = "nsd"
    package: ClassVar[str] = "nsd"

    def configure(self) -> list[str]:
        """Write nsd.conf."""
        zones = "".join(
            f'zone:\n  name: "{origin}"\n  zonefile: "{path}"\n  provide-xfr: 127.0.0.1 NOKEY\n'
            for origin, path in self.zone_files().items()
        )
        options = """\
  identity: "peer"
  nsid: "ascii_peer"
  hide-version: yes
  minimal-responses: yes
  refuse-any: no
  tcp-query-count: 0
  tcp-timeout: 60
  ipv4-edns-size: 1232
  round-robin: no
  zonefiles-write: 0
"""
        return write_nsd_conf(self, zones, options)
