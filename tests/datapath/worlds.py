"""Worlds for the compiled data path: those of the differential tests, and what these leave out.

Access lists, absent zones, zones within zones, names of odd bytes, every token in ranges of every length.
"""

from __future__ import annotations

import ipaddress
import random
from functools import cache

from ptrd.records.model import Prefix
from ptrd.records.values import format_prefix
from ptrd.snapshot.templates import TemplateError, parse_template
from ptrd.wire.names import parse_name
from ptrd.wire.reverse import BITS
from tests.differential.fixed import FIXED
from tests.differential.worlds import random_world
from tests.serving import serve

HEAD = "soa: {mname: ns1.example.net, rname: hostmaster@example.net}\nns: [ns1.example.net]\n"
KEPT = f"""\
zone: 192.0.2.0/24
{HEAD}records: {{192.0.2.1: one.example.net, 192.0.2.9: [a.example.net, b.example.net]}}
defaults: {{192.0.2.128/25: "Pool-{{d}}.dyn.example.net"}}
rrsets: |
  inner CNAME 1.100.51.198.in-addr.arpa.
  \\000\\001\\255 TXT "odd"
  x.\\000 PTR below-odd.example.net.
  y.\\001z PTR below-odd.example.net.
  \\001.a PTR odd.example.net.
  b\\.c PTR dot.example.net.
  UP.Per PTR Upper.Example.net.
  3.2.1 TXT "below an empty non-terminal"
---
zone: 198.51.100.0/24
{HEAD}records: {{198.51.100.1: inner.example.net}}
access:
  allow: [10.0.0.0/8, "2001:db8::/32"]
  drop: 10.6.0.0/16
---
zone: 203.0.113.0/24
primaries: [127.0.0.1]
---
zone: 10.0.0.0/8
{HEAD}defaults: {{10.0.0.0/8: "{{ip}}.ten.example.net"}}
delegations:
  10.1.0.0/16: {{ns: [ns.example.org]}}
  10.2.2.64/26: {{ns: [ns.example.org]}}
---
zone: 10.3.3.0/24
{HEAD}defaults: {{10.3.3.128/26: "{{a}}.{{b}}.{{zone}}"}}
---
zone: 10.3.3.7/32
{HEAD}defaults: {{10.3.3.7/32: "{{hex}}.example.net"}}
---
zone: 64-26.2.2.10.in-addr.arpa
covers: 10.2.2.64/26
{HEAD}records: {{10.2.2.65: www.customer.example}}
defaults: {{10.2.2.96/27: "c{{host}}.customer.example"}}
---
zone: 2001:db8::/32
{HEAD}records: {{2001:db8::1: one.example.net}}
defaults:
  2001:db8:1::/48: "{{ip}}.six.example.net"
  2001:db8:1:8000::/49: ~
  2001:db8:1:8000::/64: "{{host}}.six.example.net"
---
zone: 2001:db8:2::/48
{HEAD}defaults: {{2001:db8:2::/48: "{{groups}}.six.example.net"}}
---
zone: six.example.net
{HEAD}forward: [2001:db8::/32]
---
zone: fd00::/32
{HEAD}defaults: {{fd00::/33: "{{rev}}.example.net"}}
access: {{refuse: "10.0.0.0/8"}}
"""
TOKENS = {
    4: ("ip", "a", "b", "c", "d", "hex", "host", "rev", "zone"),
    6: ("ip", "groups", "hex", "host", "rev", "zone"),
}
LITERALS = ("", "", "-", "x", "Pool-", "0", "_", "a1", "1", "zZz")
TAILS = ("", ".dyn.example.net", ".X", ".7.x", ".{zone}", ".{host}.example", ".a.b.c.d")
ROOTS = {4: "in-addr.arpa", 6: "ip6.arpa"}


@cache
def kept():
    """Give the world of access lists, absent zones and zones within zones."""
    return serve(KEPT)


@cache
def fixed(number):
    """Give a world of the differential tests that was made by hand."""
    return serve(*FIXED[number].texts)


def made(seed):
    """Give a random world of the differential tests."""
    return serve(*random_world(seed).texts)


def template_text(version, dice):
    """Write a template of any tokens, which is not always one that may be."""
    labels = []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        parts = [
            dice.choice(LITERALS) + f"{{{dice.choice(TOKENS[version])}}}" for _ in range(dice.choice((1, 1, 2, 4)))
        ]
        labels.append("".join(parts) + dice.choice(LITERALS))
    return ".".join(labels) + dice.choice(TAILS)


def spelled(version, seed):
    """Give a world with one range of every prefix length, each within the one before, and the templates of all."""
    dice = random.Random(f"{version} {seed}")
    bits = BITS[version]
    groups = [dice.choice((0, 0, 0, 1, 0x64, 0xFF, 0x100, 0xFFFF, dice.randrange(65536))) for _ in range(bits // 16)]
    number = int.from_bytes(b"".join([group.to_bytes(2, "big") for group in groups]), "big")
    zone = parse_name(ROOTS[version])
    lines = []
    for length in range(bits + 1):
        prefix = Prefix(version, number >> bits - length << bits - length, length)
        for _ in range(20):
            text = template_text(version, dice)
            try:
                parse_template(text, prefix, zone)
            except TemplateError:
                continue
            lines.append(f'  "{format_prefix(prefix)}": "{text}"')
            break
    return serve(f"zone: {ROOTS[version]}\n{HEAD}defaults:\n" + "\n".join(lines) + "\n")


def owner(text):
    """Give the wire form of an address's name in the reverse tree."""
    return parse_name(ipaddress.ip_address(text).reverse_pointer)
