"""A secondary of a test's own, on loopback, and a notifier that tells it: what tests of NOTIFY are made of."""

from __future__ import annotations

import asyncio
import json

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rrset
import dns.tsig

from ptrd.client.endpoints import ClientError
from ptrd.control.notify import ZoneNotifier
from ptrd.control.secondaries import Pace, Standing
from ptrd.records.transfer import Key, NotifyTarget
from ptrd.wire.names import parse_name
from tests.serving import serve

ORIGIN = parse_name("2.0.192.in-addr.arpa")
QUICK = Pace(gap=0.05, first=0.05, tries=3, longest=1.0, first_look=0.1, last_look=0.4)
PATIENT = QUICK._replace(first=10.0)  # for who counts messages: a slow machine gives no cause to send one again
KEY = Key(parse_name("transfer-key"), "hmac-sha256", b"0123456789abcdef")
RING = {dns.name.from_text("transfer-key"): dns.tsig.Key("transfer-key", KEY.secret, "hmac-sha256")}
ZONE = """\
zone: {origin}
soa: {{mname: ns1.example.net, rname: hostmaster.example.net, serial: 100}}
ns: [{servers}]
transfer: {{allow: [127.0.0.1]{targets}}}
"""


class LoneSecondary(asyncio.DatagramProtocol):
    """The secondary. `told` holds every NOTIFY, with its time; `serial` is what it serves, None for nothing.

    `answer` makes the replies to a NOTIFY out of it: a list of messages or bytes, none for silence.
    """

    def __init__(self, keyring=None):
        self.keyring = keyring
        self.told = []
        self.asked = []
        self.serial = None
        self.answer = lambda notify: [dns.message.make_response(notify)]
        self.transport = None

    async def open(self, address="127.0.0.1"):
        """Begin, and give the port."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(address, 0))
        return self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, addr):
        """Take a message, and answer it."""
        message = dns.message.from_wire(data, keyring=self.keyring)
        if message.opcode() == dns.opcode.NOTIFY:
            self.told.append((asyncio.get_running_loop().time(), message, addr))
            for reply in self.answer(message):
                self.say(reply, addr)
            return
        self.asked.append(message)
        reply = dns.message.make_response(message)
        if self.serial is None:
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            reply.flags |= dns.flags.AA
            text = f"ns1.example.net. hostmaster.example.net. {self.serial} 1 1 1 1"
            reply.answer.append(dns.rrset.from_text(message.question[0].name, 60, "IN", "SOA", text))
        self.say(reply, addr)

    def say(self, reply, addr):
        """Send a message, or bytes."""
        self.transport.sendto(reply if isinstance(reply, bytes) else reply.to_wire(), addr)

    @property
    def serials(self):
        """Give the serials that it was told, in order."""
        return [message.answer[0][0].serial for _, message, _ in self.told]


async def until(condition, seconds=15.0):
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - anything may be waited for
            await asyncio.sleep(0.005)


def zone(*targets, origin="192.0.2.0/24", servers="ns1.example.net"):
    """Write a zone file with these targets."""
    listed = f", notify: {json.dumps(targets)}" if targets else ""
    return ZONE.format(origin=origin, servers=servers, targets=listed)


def told(message):
    """Give what a NOTIFY says: name, serial."""
    return str(message.answer[0].name), message.answer[0][0].serial


NOWHERE = Standing(b"", NotifyTarget("", 0, None), None, 0, None, "")


class Primary:
    """A notifier with what it serves; `move` gives a zone another serial."""

    def __init__(self, *texts, **options):
        self.snapshot = serve(*texts) if texts else None
        options = {"pace": QUICK, "lookup": self.look_up} | options
        self.notifier = ZoneNotifier(lambda: self.snapshot, **options)
        self.addresses = {}
        self.sought = []

    async def look_up(self, name):
        """Find addresses as the test has them."""
        self.sought.append(name)
        if name not in self.addresses:
            raise ClientError("no resolver answers")
        return self.addresses[name]

    def move(self, serial, origin=ORIGIN):
        """Have a serial go live."""
        self.snapshot.zones_by_name[origin].set_serial(serial)
        self.notifier.moved({origin: serial}, False)  # noqa: FBT003 - as the link calls it

    def publish(self, *texts):
        """Have zone files go live, their serials unmoved."""
        self.snapshot = serve(*texts)
        self.notifier.moved({}, True)  # noqa: FBT003 - as the link calls it

    def standing(self, number=0):
        """Give where a secondary stands; nowhere while there is none."""
        standings = list(self.notifier.standings())
        return standings[number] if number < len(standings) else NOWHERE


def run(test, *, keyring=None, address="127.0.0.1"):
    """Run a test with a secondary and its port, in a loop of its own."""

    async def whole():
        secondary = LoneSecondary(keyring)
        port = await secondary.open(address)
        primaries = []

        def primary(*texts, **options):
            primaries.append(Primary(*texts, **options))
            return primaries[-1]

        try:
            await test(secondary, port, primary)
        finally:
            for made in primaries:
                await made.notifier.close()
            secondary.transport.close()

    asyncio.run(asyncio.wait_for(whole(), 30))
