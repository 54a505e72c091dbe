"""Addresses as names under in-addr.arpa and ip6.arpa (RFC 1035, 3.5; RFC 3596, 2.5).

An address is a version (4 or 6) and a number. Only the one spelling that is written here is read back: octets 0-255
in plain decimal without leading zeros, nibbles as one hex digit.
"""

from __future__ import annotations

from typing import Final

from ptrd.wire.names import labels_of

IN_ADDR_ARPA: Final = b"\7in-addr\4arpa\0"
IP6_ARPA: Final = b"\3ip6\4arpa\0"
BITS: Final = {4: 32, 6: 128}
STRIDE: Final = {4: 8, 6: 4}  # bits a label

OCTETS: Final = {str(number).encode(): number for number in range(256)}
NIBBLES: Final = {b"%x" % number: number for number in range(16)}
_V4_LABELS: Final = tuple(bytes((len(text),)) + text for text in OCTETS)
_V6_LABELS: Final = tuple(b"\1" + text for text in NIBBLES)


def reverse_name(version: int, number: int, length: int | None = None) -> bytes:
    """Write the owner name of an address, or of a prefix of `length` bits (a multiple of 8 for IPv4, 4 for IPv6)."""
    bits = BITS[version]
    length = bits if length is None else length
    number >>= bits - length
    if version == 4:
        return b"".join([_V4_LABELS[number >> shift & 255] for shift in range(0, length, 8)]) + IN_ADDR_ARPA
    return b"".join([_V6_LABELS[number >> shift & 15] for shift in range(0, length, 4)]) + IP6_ARPA


def prefix_of(name: bytes) -> tuple[int, int, int] | None:
    """Read (version, number, length in bits) of a lower-case name under in-addr.arpa or ip6.arpa, else None.

    The number has its host bits zero; a length of 32 or 128 is an address.
    """
    labels = labels_of(name)
    if labels[-1:] != [b"arpa"]:
        return None
    version, table = {b"in-addr": (4, OCTETS), b"ip6": (6, NIBBLES)}.get(b"".join(labels[-2:-1]), (0, {}))
    if not version or (len(labels) - 2) * STRIDE[version] > BITS[version]:
        return None
    number = 0
    for label in reversed(labels[:-2]):
        digit = table.get(label)
        if digit is None:
            return None
        number = number << STRIDE[version] | digit
    length = (len(labels) - 2) * STRIDE[version]
    return version, number << (BITS[version] - length), length
