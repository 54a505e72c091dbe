"""DNS messages to begin with: queries of every kind, whole, bent and broken."""

from __future__ import annotations

import struct

from ptrd.wire.names import parse_name

OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
DO = b"\0\0\x29\xff\xff\0\0\x80\0\0\0"
LATER = b"\0\0\x29\x02\0\0\1\0\0\0\0"
COOKIE = b"\0\x0a\0\x08abcdefgh"
NAMES = (
    "10.2.0.192.in-addr.arpa",
    "200.2.0.192.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "20.3.0.192.in-addr.arpa",
    "one.3.0.192.in-addr.arpa",
    "many.3.0.192.in-addr.arpa",
    "1.2.3.10.in-addr.arpa",
    "65.3.3.10.in-addr.arpa",
    "x.7.10.in-addr.arpa",
    "a.loop.10.in-addr.arpa",
    "a.wild.10.in-addr.arpa",
    "5.6.1.10.in-addr.arpa",
    "1.0." + "0." * 22 + "8.b.d.0.1.0.0.2.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    "192-0-2-10.dyn.example.net",
    "2001-db8--1.dyn.example.net",
    "version.bind",
    "\\255\\000.example",
    ".",
)
TYPES = (12, 1, 28, 255, 6, 2, 5, 39, 43, 252, 251, 250, 41, 65280)


def opt_with(options, head=OPT):
    """Write an OPT that carries options."""
    return head[:9] + struct.pack(">H", len(options)) + options


def message(name="10.2.0.192.in-addr.arpa", rtype=12, rclass=1, flags=0x100, counts=(1, 0, 0, 0), rest=b""):
    """Write a message of one question."""
    question = parse_name(name) + struct.pack(">HH", rtype, rclass)
    return struct.pack(">HHHHHH", 0xABCD, flags, *counts) + question + rest


def seeds():
    """Give messages."""
    edns = (1, 0, 0, 1)
    plain = message()
    found = [message(name, TYPES[at % len(TYPES)]) for at, name in enumerate(NAMES)]
    found += [message(name, 12, counts=edns, rest=DO if at % 2 else OPT) for at, name in enumerate(NAMES)]
    found += [message(rtype=rtype) for rtype in TYPES]
    found += [message(rclass=rclass) for rclass in (3, 4, 254, 255)]
    found += [message("version.bind", 16, 3), message("version.bind", 16, 3, counts=edns, rest=OPT)]
    found += [message(flags=opcode << 11) for opcode in (1, 2, 4, 5, 6, 15)]
    options = [
        COOKIE,
        COOKIE[:3] + b"\x10" + b"abcdefgh" * 2,
        b"\0\x0a\0\1x",
        b"\0\3\0\0",
        b"\0\x0b\0\0",
        b"\0\x0c\0\4\0\0\0\0",
    ]
    options += [b"\0\x08\0\7\0\1\x18\0\xc0\0\2", b"\xfd\xe9\0\2hi", COOKIE * 2, b"\0\x0a\xff\xff", b"\0\x0f\0\2\0\x14"]
    found += [message(counts=edns, rest=opt_with(option)) for option in [*options, b"".join(options)]]
    found += [message(counts=(1, 0, 0, 2), rest=OPT * 2), message(counts=edns, rest=LATER), message(rest=b"junk")]
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"
    found += [message(counts=(1, 1, 1, 2), rest=record * 3 + OPT), message(counts=(1, 1, 0, 0), rest=OPT)]
    found += [message(counts=edns, rest=b"\3key\0\0\xfa\0\xff\0\0\0\0\0\0"), message(counts=(1, 65535, 65535, 65535))]
    found += [message(counts=(0, 0, 0, 0)), message(counts=(2, 0, 0, 0)), message(flags=0x8180), plain[:11], plain[:-1]]
    found += [plain[:12] + b"\xc0\x0c\0\x0c\0\1", plain[:12] + b"\x40" * 80, plain[:12] + b"\x3f" + b"a" * 400]
    found += [plain[:12] + b"\1a" * 127 + b"\0\0\x0c\0\1", plain[:12] + b"\1a" * 128 + b"\0\0\x0c\0\1"]
    deep = "a." * 110  # each ancestor of such a name once cost a search of its own
    found += [message(f"{deep}{name}", 1) for name in ("dyn.example.net", "pool.dyn.example.net", "10.in-addr.arpa")]
    return found


WORDS = (
    b"\7in-addr\4arpa\0",
    b"\3ip6\4arpa\0",
    b"\xc0\x0c",
    b"\0\x0c\0\1",
    OPT,
    DO,
    LATER,
    COOKIE,
    b"\0\0\xfa\0\xff",
    b"\1*",
    b"\3dyn\7example\3net\0",
)
