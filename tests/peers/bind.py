"""BIND: what its configuration begins with, in front of generated zones, and as a resolver. One thread, no control.

A distribution whose AppArmor profile keeps named out of /tmp needs that profile in complain mode.
"""

from __future__ import annotations

from typing import ClassVar

from tests.peers.asking import make_query, udp_ask
from tests.peers.process import Peer, settle


def write_named_conf(peer: Peer, sections: str, options: str = "") -> list[str]:
    """Write named.conf: nothing but one address and the peer's folder; give the program's arguments.

    `options` are of the section `options`, and `sections` come behind it.
    """
    usual = f"""\
  directory "{peer.folder}";
  listen-on port {peer.port} {{ {peer.address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  lock-file none;
  session-keyfile none;
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
"""
    config = peer.folder / "named.conf"
    config.write_text(
        f"options {{\n{peer.settled(settle(usual, options))}\n}};\ncontrols {{ }};\n{sections}", encoding="ascii"
    )
    return ["-g", "-n", "1", "-c", str(config)]


class BindServer(Peer):
    """named, which does not check whether zones make sense; rate limiting is off by default."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"
    hopeless: ClassVar[str] = "not loaded due to errors"

    def configure(self) -> list[str]:
        """Write named.conf."""
        zones = "".join(
            f'zone "{origin}" {{ type primary; file "{path}"; {self.zone_settings} }};\n'
            for origin, path in self.zone_files().items()
        )
        options = """\
  server-id "peer";
  version none;
  notify no;
  minimal-responses yes;
  minimal-any no;
  answer-cookie no;
  allow-query { any; };
  allow-transfer { any; };
  max-udp-size 1232;
  max-records-per-type 0;
  tcp-idle-timeout 600;
  rrset-order { order none; };
  check-names primary ignore;
  check-dup-records ignore;
  check-integrity no;
  check-mx ignore;
  check-mx-cname ignore;
  check-sibling no;
  check-spf ignore;
  check-srv-cname ignore;
  check-wildcard no;
  masterfile-format text;
"""
        return write_named_conf(self, zones, options)


class BindResolver(Peer):
    """named as a resolver that asks one server for everything; it sends DNS cookies unless told not to."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"

    def __init__(self, zone: str, server: str, port: int, *, cookies: bool = True) -> None:
        super().__init__({zone: ""})
        self.server = server
        self.server_port = port
        self.cookies = cookies

    def ready(self) -> bool:
        """Ask who it is; nothing that it would have to ask the server for."""
        query = make_query("id.server", 16, qclass=3)
        return udp_ask(self.address, self.port, query, seconds=0.5) is not None

    def configure(self) -> list[str]:
        """Write named.conf."""
        options = f"""\
  server-id "peer";
  recursion yes;
  send-cookie {"yes" if self.cookies else "no"};
  forwarders {{ {self.server} port {self.server_port}; }};
  forward only;
"""
        return write_named_conf(self, "", options)
