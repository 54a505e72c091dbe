"""BIND in front of generated zones: one thread, no checks of the zones' good sense, no control channel.

A distribution whose AppArmor profile keeps named out of /tmp needs that profile in complain mode.
"""

from __future__ import annotations

from typing import ClassVar

from tests.peers.asking import make_query, udp_ask
from tests.peers.process import Peer


class BindServer(Peer):
    """named; rate limiting is off by default."""

    program: ClassVar[str] = "named"
    package: ClassVar[str] = "bind9"
    hopeless: ClassVar[str] = "not loaded due to errors"

    def configure(self) -> list[str]:
        """Write named.conf."""
        zones = "".join(
            f'zone "{origin}" {{ type primary; file "{path}"; {self.zone_settings} }};\n'
            for origin, path in self.zone_files().items()
        )
        options = f"""\
  directory "{self.folder}";
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  lock-file none;
  session-keyfile none;
  server-id "peer";
  version none;
  recursion no;
  notify no;
  dnssec-validation no;
  empty-zones-enable no;
  minimal-responses yes;
  minimal-any no;
  answer-cookie no;
  allow-query {{ any; }};
  allow-transfer {{ any; }};
  max-udp-size 1232;
  max-records-per-type 0;
  tcp-idle-timeout 600;
  rrset-order {{ order none; }};
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
        config = self.folder / "named.conf"
        config.write_text(
            f"""\
options {{
{self.settled(options)}
}};
controls {{ }};
{zones}""",
            encoding="ascii",
        )
        return ["-g", "-n", "1", "-c", str(config)]


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
        config = self.folder / "named.conf"
        config.write_text(
            f"""\
options {{
  directory "{self.folder}";
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  lock-file none;
  session-keyfile none;
  server-id "peer";
  recursion yes;
  dnssec-validation no;
  empty-zones-enable no;
  send-cookie {"yes" if self.cookies else "no"};
  forwarders {{ {self.server} port {self.server_port}; }};
  forward only;
}};
controls {{ }};
""",
            encoding="ascii",
        )
        return ["-g", "-n", "1", "-c", str(config)]
