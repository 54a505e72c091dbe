"""ptrd with tenants: an account, a project with EIPs, and credentials of every kind, made over the control socket."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Self

from tests.peers.ptrd import PtrdServer

if TYPE_CHECKING:
    from pathlib import Path

ZONES = {
    "four.yaml": """\
zone: 192.0.2.0/24
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
records: {192.0.2.9: file.example.net}
defaults: {192.0.2.0/24: "{ip}.dyn.example.net"}
""",
    "six.yaml": """\
zone: 2001:db8::/32
soa: {mname: ns1.example.net, rname: hostmaster@example.net}
ns: [ns1.example.net]
""",
}
EIPS = {
    "192.0.2.10": "c5504932-bf23-4171-b655-b87a6bc59334",
    "2001:db8::10": "0f1e2d3c-0000-4000-8000-000000000010",
}


class ApiError(Exception):
    """The server said no; the text is its answer."""


class ApiServer(PtrdServer):
    """A server whose project `shop` of the account `acme` owns the EIPs.

    `token` and `access_key` with `secret_key` may change what the project has; `user` has a password and the same role.
    """

    region = "eu-1"
    user, password = "ada", "correct horse battery"

    def __init__(self, folder: Path, **options: Any) -> None:
        options.setdefault("origins", ["2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"])
        super().__init__(folder, options.pop("zones", ZONES), **options)
        self.http_url = f"http://127.0.0.1:{self.http_port}"
        self.eips = dict(EIPS)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.furnish()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def furnish(self) -> None:
        """Make everything that a tenant needs."""
        self.api("POST", "/api/v1/accounts", {"name": "acme"})
        self.project = self.api("POST", "/api/v1/projects", {"name": "shop", "account": "acme"})["id"]
        for address, eip in self.eips.items():
            self.api("POST", "/api/v1/eips", {"address": address, "id": eip, "region": self.region, "project": "shop"})
        self.token = self.api("POST", "/api/v1/tokens", {"project": "shop"})["secret"]
        key = self.api("POST", "/api/v1/keys", {"project": "shop"})
        self.access_key, self.secret_key = key["id"], key["secret"]
        self.api("POST", "/api/v1/users", {"name": self.user, "password": self.password})
        self.api("PUT", f"/api/v1/users/{self.user}/projects/shop", {"role": "writer"})

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the native API over the control socket, as the operator; give the body. Raises ApiError."""
        request = {"command": "api", "method": method, "path": path, "query": [], "headers": headers}
        request["body"] = None if body is None else json.dumps(body)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self.socket))
            client.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(client.makefile("rb").readline())
        if not reply["ok"] or reply["result"]["status"] >= 400:
            raise ApiError(f"{method} {path}: {reply}")
        return reply["result"]["body"]
