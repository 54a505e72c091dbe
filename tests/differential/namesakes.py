"""Worlds made by hand about names: cuts, aliases, wildcards and odd bytes. Each is valid."""

from __future__ import annotations

from tests.differential.world import APEX, DIGEST, World

CUTS = World(
    "cuts",
    (
        f"""\
zone: 10.0.0.0/8
{APEX}
defaults:
  10.1.0.0/26: "{{ip}}.a.example.net"
  10.1.2.0/24: "{{ip}}.hidden-by-deeper-zone.example.net"
  10.1.2.248/29: "{{ip}}.hidden-too.example.net"
  10.3.0.0/23: "{{ip}}.b.example.net"
  10.9.9.0/28: "{{ip}}.c.example.net"
records:
  10.200.1.1: one.example
  10.4.0.1: occluded.example
delegations:
  10.4.0.0/16: {{ns: [ns.4.10.in-addr.arpa, ns.example.org]}}
  10.32.0.0/12:
    ns: [ns1.customer.example]
    ds: ["1 13 2 {DIGEST}", "2 8 1 0123456789abcdef0123456789abcdef01234567"]
  10.3.1.128/25: {{ns: [ns.3.10.in-addr.arpa]}}
rrsets: |
  ns.4 IN A 10.4.0.53
  ns.4 IN AAAA 2001:db8::53
  deep.ns.4 IN TXT "occluded"
  ns.3 IN A 10.3.0.53
  2.1 IN NS ns1.example.net.
  2.1 IN DS 77 13 2 {DIGEST}
  77.3.2.1 IN PTR occluded.by.the.deeper.zone.example.
  5.0.3 IN NS ns.elsewhere.example.
  5.0.3 IN TXT "occluded at the cut"
  5.0.3 IN PTR occluded.at.the.cut.example.
  6.0.3 IN NS ns.6.0.3
  6.0.3 IN DS 6 13 2 {DIGEST}
  ns.6.0.3 IN A 10.3.0.6
  a.b.6.0.3 IN NS ns.occluded.example.
  a.b.c.7 IN NS ns.seven.example.
  *.b.c.7 IN PTR wild.example.
  8.9.9 IN NS ns.nine.example.
  9.9.9 IN DS 9 13 2 {DIGEST}
""",
        f"""\
zone: 2.1.10.in-addr.arpa
{APEX}
defaults:
  10.1.2.0/25: "{{ip}}.child.example.net"
records:
  10.1.2.200: child.example.net
rrsets: |
  @ IN TXT "child"
  201 IN NS ns.grandchild.example.
""",
        f"""\
zone: 3.1.10.in-addr.arpa
{APEX}
defaults:
  10.1.3.0/28: "{{ip}}.nowhere-delegated.example.net"
""",
        f"""\
zone: 201.2.1.10.in-addr.arpa
{APEX}
defaults:
  10.1.2.201/32: "{{ip}}.apex.example.net"
""",
        f"""\
zone: 10.1.4.4/32
{APEX}
records: {{10.1.4.4: lonely.example}}
""",
    ),
)

ALIASES = World(
    "aliases",
    (
        f"""\
zone: 198.51.100.0/24
{APEX}
defaults:
  198.51.100.0/26: "{{ip}}.dyn.example.net"
records:
  198.51.100.200: target.example.net
rrsets: |
  100 IN CNAME 1
  101 IN CNAME 100
  102 IN CNAME 101
  103 IN CNAME 200
  104 IN CNAME nothing
  105 IN CNAME a.example.net.
  106 IN CNAME into.cut.example.net.
  107 IN CNAME cut.example.net.
  108 IN CNAME www.elsewhere.example.
  109 IN CNAME 109
  110 IN CNAME 111
  111 IN CNAME 110
  112 IN CNAME x.wild
  113 IN CNAME wild
  114 IN CNAME ent
  115 IN CNAME 1.d.example.net.
  116 IN CNAME cc.example.net.
  117 IN CNAME nothing.example.net.
  118 IN CNAME 300
  2   IN TXT "beside"
  3   IN CNAME 1
  *.wild IN CNAME 1
  y.wild IN TXT "not wild"
  *.loop IN CNAME x.loop
  *.far IN CNAME www.elsewhere.example.
  x.ent IN TXT "below"
  d IN DNAME example.net.
  d IN TXT "beside a DNAME"
  e IN DNAME long.label-of-some-length-that-makes-the-name-too-long.example.net.
  g IN DNAME 100.51.198.in-addr.arpa.
  h IN DNAME elsewhere.example.
  i IN DNAME cut.example.net.
  j IN DNAME wild
  k IN DNAME a.example.net.
""",
        f"""\
zone: example.net
{APEX}
rrsets: |
  a IN PTR a.target.example.
  a IN A 198.51.100.1
  cut IN NS ns.cut
  cut IN DS 1 13 2 {DIGEST}
  ns.cut IN A 198.51.100.2
  cc IN CNAME 1.100.51.198.in-addr.arpa.
  d IN DNAME 100.51.198.in-addr.arpa.
  *.d2 IN DNAME a.example.net.
  ns1 IN A 198.51.100.3
  ns1 IN AAAA 2001:db8::3
  mx IN MX 10 ns1
  mx IN MX 20 cc
  srv IN SRV 0 0 53 ns1
  b IN CNAME c
  c IN CNAME d.e
  d.e IN CNAME e
  e IN CNAME f
  f IN CNAME g
  g IN CNAME h
  h IN CNAME i
  i IN CNAME j
  j IN CNAME k
  k IN CNAME l
  l IN CNAME m
  m IN CNAME n
  n IN CNAME o
  o IN CNAME p
  p IN TXT "the end of a chain of fourteen"
""",
        f"""\
zone: dname.example
{APEX}
rrsets: |
  @ IN DNAME example.net.
  @ IN TXT "an apex with a DNAME"
""",
    ),
)

WILDCARDS = World(
    "wildcards",
    (
        f"""\
zone: 203.0.113.0/24
{APEX}
defaults:
  203.0.113.0/27: "{{ip}}.dyn.example.net"
  203.0.113.16/29: ~
records:
  203.0.113.100: real.example
rrsets: |
  * IN PTR wild.example.
  * IN TXT "wild"
  *.100 IN PTR below-a-record.example.
  *.1 IN PTR below-a-default.example.
  *.17 IN PTR below-a-hole.example.
  x.*.sub IN TXT "below a wildcard"
  *.*.two IN TXT "two stars"
  sub IN TXT "sub"
  *.sub IN CNAME 100
  *.mx IN MX 10 mail.example.
  host.mx IN A 203.0.113.1
  a.b.c.mx IN TXT "deep"
  cut2 IN NS ns.example.
  *.cut2 IN TXT "occluded"
  *.dn IN DNAME example.org.
  **.lab IN TXT "not a wildcard"
  *a.lab IN TXT "not a wildcard"
  \\042.esc IN TXT "a wildcard, escaped"
""",
        f"""\
zone: wild.example
{APEX}
rrsets: |
  * IN CNAME *.b
  *.b IN TXT "a"
""",
    ),
)

ODD = World(
    "odd",
    (
        f"""\
zone: 100.51.198.in-addr.arpa
{APEX}
defaults:
  198.51.100.0/28: "{{ip}}.dyn.example.net"
  198.51.100.240/28: "{{hex}}.dyn.example.net"
records:
  198.51.100.0: zero.example
  198.51.100.20: UPPER.and.Lower.example
  198.51.100.21: under_score.example
rrsets: |
  300 IN PTR three-hundred.example.
  007 IN PTR seven.example.
  x.007 IN PTR seven.example.
  00 IN TXT "zeros"
  foo IN PTR foo.example.
  1.2.3.4 IN PTR deep.example.
  -1 IN TXT "minus"
  \\+1 IN TXT "plus"
  1_0 IN TXT "underscore"
  \\000 IN TXT "zero byte"
  \\255\\254 IN TXT "not UTF-8"
  a\\.b IN TXT "a dot in a label"
  a.b IN TXT "two labels"
  \\032 IN TXT "space"
  UPPER.Case IN TXT "case"
  \\200 IN TXT "byte 200"
  x.\\200 IN TXT "below"
  \\001 IN TXT "byte 1"
  \\001.\\000 IN TXT "bytes 1 and 0"
  \\000.\\001 IN TXT "bytes 0 and 1"
  type IN TYPE65280 \\# 4 01020304
  type IN TYPE65281 \\# 0
  type IN TYPE1 \\# 4 c0000201
  22 IN PTR odd\\000bytes\\255.\\032.example.
  2 IN TYPE65280 \\# 3 abcdef
  abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk IN TXT "63 bytes"
  caa IN CAA 0 issue "ca.example"
  many IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
  many IN HINFO "PDP-11" "UNIX"
  many IN RP who.example. text.example.
  many IN NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:info@example.net!i" .
  many IN SSHFP 1 1 0123456789abcdef0123456789abcdef01234567
  many IN TLSA 3 1 1 {DIGEST}
  many IN AFSDB 1 afs.example.
  many IN KX 1 kx.example.
  many IN APL 1:192.168.32.0/21 !1:192.168.38.0/28
  many IN SPF "v=spf1 -all"
  many IN URI 10 1 "https://example.net/"
  many IN SVCB 1 svc.example. alpn=h2 port=8443
  many IN HTTPS 0 svc.example.
  many IN EUI48 00-00-5e-00-53-2a
""",
    ),
)
