"""Resource record types, classes and rcodes: numbers, and types' names by dnspython's table (RFC 3597 for the rest)."""

from __future__ import annotations

from typing import Final

from ptrd import PtrdError

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
DNAME: Final = 39
OPT: Final = 41
DS: Final = 43
TSIG: Final = 250
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

IN: Final = 1
CH: Final = 3

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
YXDOMAIN: Final = 6
NOTAUTH: Final = 9
BADVERS: Final = 16
BADCOOKIE: Final = 23

RCODES: Final = {
    NOERROR: "NOERROR",
    FORMERR: "FORMERR",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
    YXDOMAIN: "YXDOMAIN",
    NOTAUTH: "NOTAUTH",
    BADVERS: "BADVERS",
    BADCOOKIE: "BADCOOKIE",
}

# RFC 1035 types whose rdata begins (after the given number of bytes) with this many compressible names; only these
# may be compressed when written (RFC 3597, 4): NS MD MF CNAME MB MG MR PTR, SOA and MINFO with two, MX after two bytes.
NAMES_IN_RDATA: Final = {
    2: (0, 1),
    3: (0, 1),
    4: (0, 1),
    5: (0, 1),
    6: (0, 2),
    7: (0, 1),
    8: (0, 1),
    9: (0, 1),
    12: (0, 1),
    14: (0, 2),
    15: (2, 1),
}


# Names of the types above that can be asked for, for who cannot load dnspython's table.
ORDINARY: Final = {
    A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA", SRV: "SRV",
    DNAME: "DNAME", DS: "DS", ANY: "ANY",
}  # fmt: skip


class TypeNameError(PtrdError):
    """A text is not the name of a resource record type."""


def type_of(text: str) -> int:
    """Read a type's name, `PTR` or `TYPE65280`, in any case. Raises TypeNameError."""
    import dns.exception  # noqa: PLC0415 - workers never need dnspython's tables
    import dns.rdatatype  # noqa: PLC0415

    try:
        return int(dns.rdatatype.from_text(text))
    except (dns.exception.DNSException, ValueError):
        raise TypeNameError(f"{text!r} is no record type; write one such as PTR, A or TYPE65280") from None


def name_of(rtype: int) -> str:
    """Write a type's name."""
    import dns.rdatatype  # noqa: PLC0415 - as above

    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))
