"""NSD, Knot, BIND and PowerDNS are told of changes, and fetch them at once; with a catalog they find new zones too.

No zone here says to look again before a minute has passed, so what comes sooner comes because of a NOTIFY.
"""

from __future__ import annotations

import dns.message
import pytest

from tests.peers.asking import UdpClient, make_query
from tests.peers.consumers import KEY, SECRET, BindConsumer, KnotConsumer, NsdConsumer, PowerDnsConsumer
from tests.peers.process import free_port
from tests.peers.ptrd import PtrdServer
from tests.talking import PTR, fetch, send, status_of, until, up

REFUSED = 5
CATALOG = "catalog.example.net"
ZONE = """\
zone: 192.0.{number}.0/24
soa: {{mname: ns1.example.net, rname: hostmaster.example.net}}
ns: [ns1.example.net]
records: {{192.0.{number}.1: {name}}}
defaults: {{192.0.{number}.0/28: "{{ip}}.dyn.example.net"}}
transfer: {transfer}
"""


class Pair:
    """A consumer and a ptrd that tells it; `write` writes the file of zone 192.0.NUMBER.0/24."""

    def __init__(self, folder, kind, *, key=False, catalog=False):
        self.port = free_port()
        self.catalog = CATALOG if catalog else ""
        origins = [] if catalog else [origin(2)]
        self.consumer = kind(self.port, catalog=self.catalog, origins=origins, key=key)
        self.folder = folder
        self.key = key

    def __enter__(self):
        self.consumer.__enter__()
        try:
            who = KEY if self.key else "127.0.0.1"
            target = f"127.0.0.1:{self.consumer.port}" + (f" {KEY}" if self.key else "")
            self.transfer = f'{{allow: [{who}], notify: ["{target}"]}}'
            settings = f"keys: {{{KEY}: {{algorithm: hmac-sha256, secret: {SECRET}}}}}\n"
            if self.catalog:
                settings += f"catalog: {{zone: {CATALOG}, transfer: {self.transfer}}}\n"
            zones = {"2.yaml": self.text(2, "one.example.net")}
            self.ptrd = PtrdServer(self.folder, zones, origins=[origin(2)], port=self.port, settings=settings)
            self.ptrd.__enter__()
            up(self.ptrd)
        except BaseException:
            self.consumer.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error):
        self.ptrd.__exit__(*error)
        self.consumer.__exit__(*error)

    def text(self, number, name):
        """Give the text of a zone file."""
        return ZONE.format(number=number, name=name, transfer=self.transfer)

    def publish(self, number, name):
        """Write a zone file, or remove it, and have it published."""
        path = self.ptrd.zone_folder / f"{number}.yaml"
        if name is None:
            path.unlink()
        else:
            path.write_text(self.text(number, name))
        reply = send(self.ptrd, "reload")
        assert reply["ok"], reply

    def name_at(self, number, address=1):
        """Ask the consumer for a name; give it, or what else it says."""
        with UdpClient("127.0.0.1", self.consumer.port) as client:
            wire = client.ask(make_query(f"{address}.{origin(number)}", PTR))
        if wire is None:
            return None
        reply = dns.message.from_wire(wire)
        return str(reply.answer[0][0].target) if reply.answer else reply.rcode()

    def wait(self, number, wanted, address=1):
        """Wait until the consumer says this."""
        try:
            until(lambda: self.name_at(number, address) == wanted, 25)
        except AssertionError:
            told = [send(self.ptrd, "status", secondaries=True)["result"]["standings"], self.name_at(number, address)]
            pytest.fail(f"{wanted} is not served, but: {told}\n{self.ptrd.said()}\n{self.consumer.said()}")


def origin(number):
    """Give the name of 192.0.NUMBER.0/24."""
    return f"{number}.0.192.in-addr.arpa"


@pytest.mark.parametrize("kind", [NsdConsumer, KnotConsumer, BindConsumer, PowerDnsConsumer])
def test_a_change_is_fetched_at_once(tmp_path, kind):
    """A secondary that waits for its primary has the zone when that starts, and each change soon after it is live."""
    with Pair(tmp_path, kind, key=True) as pair:
        pair.wait(2, "one.example.net.")
        pair.wait(2, "192-0-2-9.dyn.example.net.", 9)
        pair.publish(2, "two.example.net")
        pair.wait(2, "two.example.net.")
        until(lambda: status_of(pair.ptrd)["secondaries"] == {"total": 1, "behind": 0})
        metrics = fetch(pair.ptrd, "/metrics")[1]
        labels = f'{{secondary="127.0.0.1:{pair.consumer.port}",zone="{origin(2)}."}}'
        assert f"ptrd_secondary_lag_seconds{labels} 0.0" in metrics
        assert f"ptrd_secondary_acknowledged_serial{labels}" in metrics
        assert f"ptrd_secondary_serial{labels}" in metrics


@pytest.mark.parametrize(("kind", "key"), [(KnotConsumer, True), (BindConsumer, True), (PowerDnsConsumer, False)])
def test_a_new_zone_is_served_by_itself(tmp_path, kind, key):
    """A zone file that is published is served by the consumer of the catalog; it is gone there when the file is.

    PowerDNS 4.7 transfers the members without a key, whatever the catalog has.
    """
    with Pair(tmp_path, kind, catalog=True, key=key) as pair:
        pair.wait(2, "one.example.net.")
        pair.publish(7, "seven.example.net")
        pair.wait(7, "seven.example.net.")
        pair.publish(7, "changed.example.net")
        pair.wait(7, "changed.example.net.")
        pair.publish(7, None)
        pair.wait(7, REFUSED)
        assert pair.name_at(2) == "one.example.net."
