"""Worlds made by hand about addresses: ranges, classless children, spellings, forward zones, sizes. Each is valid."""

from __future__ import annotations

from tests.differential.world import APEX, DIGEST, World


def hosts(count: int) -> str:
    """List host names in YAML."""
    return ", ".join(f"host-{number}.of.{count}.a-name-of-some-length.example" for number in range(count))


PLAIN = World(
    "plain",
    (
        f"""\
zone: 192.0.2.0/24
{APEX}
ttl: 2h
records:
  192.0.2.10: Mail.Company-A.example
  192.0.2.11: [a.example, b.example, c.example]
  192.0.2.12: {{ptr: c.example, ttl: 5m}}
  192.0.2.130: fixed.pool.example.net
  192.0.2.250: within-a-hole.example
defaults:
  192.0.2.0/24: "{{ip}}.dyn.example.net"
  192.0.2.128/25: {{name: "Pool-{{d}}.dyn.example.net", ttl: 10m}}
  192.0.2.192/27: ~
  192.0.2.200/29: "deep-{{host}}.dyn.example.net"
  192.0.2.202/31: ~
  192.0.2.248/29: ~
delegations:
  192.0.2.64/26: {{ns: [ns1.customer.example, ns.64-26.2.0.192.in-addr.arpa]}}
  192.0.2.32/28:
    label: 32/28
    ns: [ns1.other.example]
    ds: ["12345 13 2 {DIGEST}"]
  192.0.2.50/32: {{label: Customer, ns: [ns1.other.example]}}
rrsets: |
  @      IN TXT   "reverse zone of Example Net"
  foo    IN CNAME bar.example.net.
  *.lab  IN PTR   lab.example.net.
  1      IN TXT   "beside a default" "and" "more"
  10     300 IN TXT   "beside a record"
  2      IN CNAME 2.two
  2.two  IN PTR   two.example.net.
  3      IN CNAME 10
  4      IN PTR   written.example.net.
  x.5    IN PTR   below.an.address.example.net.
  160    IN CNAME 161
""",
        f"""\
zone: 64-26.2.0.192.in-addr.arpa
covers: 192.0.2.64/26
{APEX}
records:
  192.0.2.66: host66.customer.example
  192.0.2.67: host67.customer.example
defaults:
  192.0.2.64/26: "c{{d}}.dyn.example.net"
  192.0.2.96/28: ~
  192.0.2.100/30: "cc{{d}}.dyn.example.net"
rrsets: |
  68 IN CNAME other.host.example.
  ns IN A 192.0.2.99
  69 IN TXT "customer"
""",
        f"""\
zone: dyn.example.net
{APEX}
forward: [192.0.2.0/24]
rrsets: |
  @ IN A 192.0.2.1
  192-0-2-20 IN A 203.0.113.9
  192-0-2-21 IN TXT "beside"
  192-0-2-22 IN CNAME 192-0-2-23
  * IN A 203.0.113.10
  sub IN NS ns1.sub
  ns1.sub IN A 203.0.113.11
  pool-140.dyn.example.net. IN AAAA 2001:db8::1
""",
    ),
)

SIZES = World(
    "sizes",
    (
        "\n".join(
            [
                "zone: 2.0.192.in-addr.arpa",
                APEX.rstrip(),
                "records:",
                *(
                    f"  192.0.2.{count}: [{hosts(count)}]"
                    for count in (1, 2, 5, 9, 10, 12, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 50, 90)
                ),
                "delegations:",
                "  192.0.2.128/25:",
                f"    ns: [{', '.join(f'ns{number}.in.2.0.192.in-addr.arpa' for number in range(13))}]",
                "rrsets: |",
                *(f"  ns{number}.in IN A 192.0.2.{number}" for number in range(13)),
                *(f"  ns{number}.in IN AAAA 2001:db8::{number}" for number in range(13)),
                *(
                    f'  t{size} IN TXT "{"x" * min(size, 255)}" "{"y" * min(max(size - 255, 0), 255)}"'
                    for size in range(440, 486, 3)
                ),
                f"  big IN TYPE65280 \\# 1100 {'ab' * 1100}",
                f"  big2 IN TYPE65280 \\# 2000 {'cd' * 2000}",
                "  c IN CNAME 90",
                "  d IN CNAME big",
            ]
        )
        + "\n",
    ),
)

IP6 = World(
    "ip6",
    (
        f"""\
zone: 2001:db8::/32
{APEX}
records:
  2001:db8::1: one.example.net
  2001:DB8:0:1::2: two.example.net
  2001:db8:cafe:1::53: [ns.example.net, resolver.example.net]
  2001:db8:beef::1: alone.example.net
defaults:
  2001:db8:cafe:1::/120: "{{ip}}.six.example.net"
  2001:db8:cafe:1::40/123: ~
  2001:db8:cafe:1::50/125: {{name: "n{{host}}.six.example.net", ttl: 60}}
  2001:db8:1::/122: "{{groups}}.six.example.net"
  2001:db8:1::10/125: "{{rev}}.rev.six.example.net"
  2001:db8:2::/119: "{{hex}}.{{zone}}"
  2001:db8:3:fffc::/62: ~
  2001:db8:4::/48: ~
  2001:db8:4::f0/124: "{{ip}}.six.example.net"
  2001:db8:8000::/33: "h{{host}}.big.example.net"
  2001:db8:8000:1::/64: "{{ip}}.six.example.net"
  2001:db8:8000:2::/64: ~
  2001:db8:ffff:ffff:ffff:ffff:ffff:ff80/121: "{{ip}}.six.example.net"
delegations:
  2001:db8:d000::/49: {{ns: [ns1.customer.example, ns2.customer.example]}}
  2001:db8:8000:3::/64:
    ns: [ns1.customer.example]
    ds: ["12345 13 2 {DIGEST}"]
  2001:db8:8000:1::f00/120: {{ns: [ns1.customer.example]}}
rrsets: |
  @ IN TXT "six"
  f.f.0.0 IN TXT "a name above nothing"
  1.0.0.0.e.f.a.c IN TXT "a name above a range"
  *.a.b.c.d IN PTR wild.example.net.
  g IN PTR not-a-nibble.example.net.
  10 IN PTR not-a-nibble.example.net.
""",
        f"""\
zone: 5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa
{APEX}
defaults:
  2001:db8:5:1::/121: "{{ip}}.deeper.example.net"
""",
        f"""\
zone: six.example.net
{APEX}
forward: [2001:db8::/32]
rrsets: |
  @ IN AAAA 2001:db8::1
  2001-db8-cafe-1--7 IN AAAA 2001:db8::7
  2001-db8-cafe-1--8 IN A 192.0.2.8
""",
    ),
    (
        "2001:db8:8000::",
        "2001:db8:8000::1",
        "2001:db8:ffff::",
        "2001:db8:8000:1::",
        "2001:db8:8000:1::a:0:0",
        "2001:db8:8000:1::eff",
        "2001:db8:8000:1::f01",
        "2001:db8:8000:1:ffff:ffff:ffff:ffff",
        "2001:db8:8000:2::1",
        "2001:db8:8000:3::1",
        "2001:db8:9000:0:0:1::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe",
    ),
)

IP6_SPELLINGS = World(
    "ip6-spellings",
    (
        f"""\
zone: ip6.arpa
{APEX}
defaults:
  ::/120: "{{ip}}.six.example.net"
  ::ffff:c000:200/122: "{{ip}}.six.example.net"
  64::/124: "{{ip}}.six.example.net"
  "64:ff9b::/124": "x-{{ip}}.six.example.net"
  a::/123: "{{ip}}-y.six.example.net"
  fe80::1:0:0:0/122: "{{ip}}.six.example.net"
  1:0:2:0:3:0:4:0/122: "{{ip}}.six.example.net"
  1:2:3:4:5:6:7:0/124: "{{ip}}.six.example.net"
  1:0:0:2:0:0:0:10/124: "{{ip}}.six.example.net"
""",
        f"""\
zone: six.example.net
{APEX}
forward: ["::/0"]
""",
    ),
)

FORWARD = World(
    "forward",
    (
        f"""\
zone: 172.16.0.0/16
{APEX}
defaults:
  172.16.0.0/22: "{{ip}}.fwd.example.net"
  172.16.1.0/26: "h{{d}}.one.fwd.example.net"
  172.16.1.64/26: "{{rev}}.fwd.example.net"
  172.16.1.128/26: "{{hex}}.hex.fwd.example.net"
  172.16.1.192/26: "a{{host}}b.fwd.example.net"
  172.16.2.0/25: "{{d}}.{{c}}.ex.fwd.example.net"
  172.16.2.128/26: "{{d}}-{{c}}x{{b}}y{{a}}.fwd.example.net"
  172.16.2.192/27: "{{ip}}.elsewhere.example.org"
  172.16.2.224/27: "same.elsewhere.example.org"
  172.16.3.0/27: ~
  172.16.3.32/27: "{{ip}}.sub.fwd.example.net"
  172.16.3.64/27: "{{ip}}.cut.fwd.example.net"
  172.16.3.96/27: "{{ip}}.dn.fwd.example.net"
  172.16.3.128/27: "{{ip}}.deeper.fwd.example.net"
  172.16.3.160/27: "UPPER{{host}}.fwd.example.net"
  172.16.4.0/30: "{{ip}}.not-listed.fwd.example.net"
records:
  172.16.0.1: fixed.example.net
delegations:
  172.16.0.128/26: {{ns: [ns.customer.example]}}
""",
        f"""\
zone: fwd.example.net
{APEX}
ttl: 30m
forward: [172.16.0.0/22]
rrsets: |
  172-16-0-2 IN A 203.0.113.1
  172-16-0-2 IN A 203.0.113.2
  172-16-0-3 IN CNAME 172-16-0-4
  172-16-0-5 IN AAAA 2001:db8::5
  172-16-0-6 IN TXT "six"
  x.172-16-0-7 IN TXT "below a made name"
  * IN TXT "wild"
  *.one IN A 203.0.113.3
  h5.one IN MX 10 h6.one
  cut IN NS ns.cut
  cut IN NS ns.other.example.
  ns.cut IN A 203.0.113.4
  dn IN DNAME one
  alias IN CNAME h7.one
  hex IN TXT "above made names"
""",
        f"""\
zone: deeper.fwd.example.net
{APEX}
rrsets: |
  172-16-3-130 IN TXT "deeper"
""",
    ),
)
