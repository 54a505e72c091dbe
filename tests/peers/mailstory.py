"""What a mail server thinks of addresses while their names change, in a network where nobody else is.

Run as `unshare --net --mount --uts python -m tests.peers.mailstory FOLDER`. Two hosts, each with an IPv4 and an IPv6
address, send mail to Postfix, whose glibc asks Unbound on 127.0.0.1:53, which asks ptrd for the reverse zones and for
the names that ptrd makes, and NSD for the tenant's own names. Standard output is one JSON object: what each step showed
of each address. The records have a TTL of one second, so each step waits until Unbound has forgotten the old ones and
says what ptrd says; in the last three the TTL is an hour, and Unbound's operator flushes the zones.
"""

from __future__ import annotations

import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.message
import dns.rdatatype
import dns.reversename

from tests.peers.api import ApiServer
from tests.peers.asking import RD, make_query, udp_ask
from tests.peers.namespace import bring_up
from tests.peers.nsd import NsdServer
from tests.peers.postfix import DOMAIN, PostfixServer
from tests.peers.ptrd import PROJECT
from tests.peers.unbound import UnboundServer

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST = ("192.0.2.10", "2001:db8::10")  # have no default name at first
SECOND = ("192.0.2.11", "2001:db8::11")  # have one
BOTH = (*FIRST, *SECOND)
RECEIVER = ("192.0.2.25", "2001:db8::25")
GREETING = "says-so-itself.example"  # what the senders call themselves, which counts for nothing
ORIGINS = ["2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "dyn.example.net"]
SOA = "soa: {mname: ns1.example.net, rname: hostmaster@example.net, minimum: 1}\nns: [ns1.example.net]\nttl: 1\n"
ZONES = {
    "four.yaml": f'zone: 192.0.2.0/24\n{SOA}defaults:\n  192.0.2.0/24: "{{ip}}.dyn.example.net"\n  192.0.2.10/32: ~\n',
    "six.yaml": f"zone: 2001:db8::/32\n{SOA}defaults:\n"
    '  2001:db8::/32: "{ip}.dyn.example.net"\n  2001:db8::10/128: ~\n',
    "dyn.yaml": f"zone: dyn.example.net\n{SOA}forward: [192.0.2.0/24, 2001:db8::/32]\n",
}
TENANT = """\
$ORIGIN tenant.example.
$TTL 1
@ IN SOA ns1 hostmaster 1 3600 600 86400 1
@ IN NS ns1
ns1 IN A 127.0.0.1
mail IN A 192.0.2.10
mail IN AAAA 2001:db8::10
other IN A 192.0.2.200
other IN AAAA 2001:db8::200
"""


class Story:
    """The servers, the tenant at the command line, and the senders; `seen` is what each step showed.

    `verdicts` is what `ptrd verify` said at the steps that differ for it.
    """

    def __init__(self, ptrd: ApiServer, resolver: UnboundServer, receiver: PostfixServer) -> None:
        self.ptrd = ptrd
        self.resolver = resolver
        self.receiver = receiver
        self.seen: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[str, dict[str, str]] = {}
        self._sent = 0

    def tell(self) -> None:
        """Go through the story, a step for each change."""
        self.step("nothing")
        self.verdicts["nothing"] = self.verify()
        self.change("create", FIRST, "mail.tenant.example", "--ttl", "1")
        self.step("named")
        self.verdicts["named"] = self.verify()
        self.change("create", SECOND, "other.tenant.example", "--ttl", "1")
        self.step("elsewhere")
        self.verdicts["elsewhere"] = self.verify()
        self.change("modify", SECOND, "missing.tenant.example")
        self.step("missing")
        self.verdicts["missing"] = self.verify()
        self.change("modify", SECOND, "mail.lame.example")
        self.step("unanswered")
        self.verdicts["unanswered"] = self.verify()
        self.run("ptr", "delete", *SECOND, "--wait", "--url", self.ptrd.http_url)
        self.step("reverted")
        self.run("ptr", "delete", *FIRST, "--wait", "--url", self.ptrd.http_url)
        self.step("deleted")
        self.give_defaults()
        self.step("default")
        self.verdicts["default"] = self.verify()
        self.change("create", FIRST, "mail.tenant.example", "--ttl", "3600")
        self.step("remembered")
        self.change("modify", FIRST, "other.tenant.example")
        self.step("honoured", caught_up=SECOND)
        for origin in ORIGINS:
            self.resolver.flush_zone(origin)
        self.step("flushed")

    def step(self, name: str, *, caught_up: Iterable[str] = BOTH) -> None:
        """Wait until the resolver says of the addresses what ptrd says; then send a message from each sender."""
        for address in caught_up:
            self.wait_for_resolver(address)
        self.seen[name] = {address: self.send(address) for address in BOTH}

    def change(self, verb: str, addresses: Iterable[str], *words: str) -> None:
        """Have the tenant change the records, over HTTP and with its own token."""
        for address in addresses:
            self.run("ptr", verb, address, *words, "--wait", "--url", self.ptrd.http_url)

    def verify(self) -> dict[str, str]:
        """Ask `ptrd verify` what it says of each address; give the verdicts."""
        done = self.run("verify", *BOTH, "-o", "json", "--config", str(self.ptrd.config), statuses=(0, 1))
        verdicts = {row["address"]: row["verdict"] for row in json.loads(done.stdout)}
        if (done.returncode == 0) != (set(verdicts.values()) == {"confirmed"}):
            raise AssertionError(f"verify ends with {done.returncode}: {done.stdout}{done.stderr}")
        return verdicts

    def give_defaults(self) -> None:
        """Have the operator take the exceptions out of the zone files, so that every address has a default name."""
        for name in ("four.yaml", "six.yaml"):
            path = self.ptrd.zone_folder / name
            path.write_text(re.sub(r".*: ~\n", "", path.read_text(encoding="utf-8")), encoding="utf-8")
        self.run("reload", "--config", str(self.ptrd.config))

    def run(self, *arguments: str, statuses: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run ptrd's command line, which must end with one of these."""
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "PTRD_TOKEN": self.ptrd.token}
        command = [sys.executable, "-m", "ptrd", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60, env=environment)
        if done.returncode not in statuses:
            raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def wait_for_resolver(self, address: str) -> None:
        """Wait out the TTL of what the resolver remembers."""
        deadline = time.monotonic() + 30
        while (known := names_of(self.resolver, address)) != (true := names_of(self.ptrd, address)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{address} is {true}, and the resolver says {known}")
            time.sleep(0.05)

    def send(self, address: str) -> dict[str, Any]:
        """Send a message from an address; give the reply to the recipient, and what the Received header says."""
        host = RECEIVER[":" in address]
        self._sent += 1
        message_id = f"<{self._sent}@{GREETING}>"
        with smtplib.SMTP(host, 25, local_hostname=GREETING, source_address=(address, 0), timeout=60) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("shop@tenant.example")
            code, said = client.rcpt(f"inbox@{DOMAIN}")
            if code != 250:
                return {"code": code, "said": said.decode(), "received": None}
            code, said = client.data(f"Message-ID: {message_id}\r\nSubject: who am I\r\n\r\nHello\r\n")
        message = self.receiver.delivered(message_id)
        return {"code": code, "said": said.decode(), "received": " ".join(str(message["Received"]).split())}


def names_of(server: ApiServer | UnboundServer, address: str) -> list[str]:
    """Ask a server once who an address is; the names are in order, and an answer without any is an empty list."""
    name = dns.reversename.from_address(address)
    reply = udp_ask(server.address, server.port, make_query(name.to_text(), 12, flags=RD), seconds=5)
    if reply is None:
        return ["no answer"]
    answer = dns.message.from_wire(reply).answer
    return sorted(str(record.target) for rrset in answer for record in rrset)


def make_network(folder: Path) -> None:
    """Bring loopback up with everybody's addresses, and have glibc ask 127.0.0.1 for names and nobody else.

    The machine gets a name too, since Postfix's `virtual` ends where it has one that is all digits.
    """
    socket.sethostname("mx")
    bring_up((*BOTH, *RECEIVER))
    for name, text in (
        ("resolv.conf", "nameserver 127.0.0.1\nsearch .\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nservices: files\nprotocols: files\nhosts: dns\n"),
    ):
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o644)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True, timeout=20)


def main(folder: Path) -> None:
    """Build the world, tell the story, and say what is left of Postfix afterwards."""
    make_network(folder)
    ptrd = ApiServer(folder / "ptrd", zones=ZONES, origins=ORIGINS)
    ptrd.eips = {address: f"eip-{number}" for number, address in enumerate(BOTH)}
    with (
        ptrd,
        NsdServer({"tenant.example": TENANT}) as tenant,
        UnboundServer(
            ORIGINS,
            ptrd.address,
            ptrd.port,
            # the second zone is one that the server does not have, so it refuses
            others=dict.fromkeys(("tenant.example", "lame.example"), f"{tenant.address}@{tenant.port}"),
            listen=53,
        ) as resolver,
        PostfixServer(RECEIVER) as receiver,
    ):
        story = Story(ptrd, resolver, receiver)
        try:
            story.tell()
        except BaseException:
            print(receiver.said(), file=sys.stderr)  # noqa: T201 - a program
            raise
        ran = len(receiver.living())
    left = [str(receiver.folder)] * receiver.folder.exists() + [str(pid) for pid in receiver.living()]
    json.dump({"steps": story.seen, "verdicts": story.verdicts, "ran": ran, "left": left}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
