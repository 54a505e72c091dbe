"""What an operator writes as text, read into values: durations, addresses, prefixes, host names, mailboxes.

Every text has one meaning, or it raises ValueText with a sentence that says what is wrong, what was read, and what
would be right. Digits are ASCII digits and always decimal.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from ptrd import PtrdError
from ptrd.records.model import Prefix
from ptrd.wire.names import ROOT, NameError_, format_name, join_labels, labels_of, parse_name
from ptrd.wire.reverse import BITS

MAX_TTL: Final = 2**31 - 1  # RFC 2181, 8

_DURATION: Final = re.compile(r"([0-9]+)([smhdw]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DOTTED_QUAD: Final = re.compile(r"[0-9]+(\.[0-9]+){3}\.?")
_HOST_LABEL: Final = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_ORDINARY_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?"
)
_LENGTH_BYTES: Final = tuple(bytes((size,)) for size in range(64))


class ValueText(PtrdError):  # noqa: N818 - it names the text that it is about
    """A text is not the value that stands there."""


class StrayBits(ValueText):
    """A prefix has bits set beyond its length; `prefix` is what was probably meant."""

    def __init__(self, message: str, prefix: Prefix) -> None:
        super().__init__(message)
        self.prefix = prefix


def quote(text: str) -> str:
    """Write a text as it was read, for a message: control bytes escaped, at most 80 characters."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def escape(text: str) -> str:
    """Write somebody else's sentence, which may hold what was read, in printable characters."""
    return "".join([char if char.isprintable() else repr(char)[1:-1] for char in text])


def parse_duration(text: str) -> int:
    """Read seconds (`300`) or one number with a unit (`30s 5m 1h 1d 2w`): 0 to 2147483647 seconds (RFC 2181, 8)."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueText(f"{quote(text)} is no duration; write seconds, or a number with a unit: 30s, 5m, 1h, 1d, 2w")
    digits = found[1].lstrip("0") or "0"
    if len(digits) > 10 or int(digits) * _UNITS[found[2]] > MAX_TTL:
        raise ValueText(f"the duration {quote(text)} is too long; at most {MAX_TTL} seconds are allowed")
    return int(digits) * _UNITS[found[2]]


def parse_address(text: str) -> tuple[int, int]:
    """Read an IPv4 or IPv6 address into (version, number)."""
    try:
        if ":" in text and "%" not in text:
            return 6, int(IPv6Address(text))
        return 4, int(IPv4Address(text))
    except AddressValueError:
        if text.count("/") == 1:
            try:
                parse_address(text.partition("/")[0])
            except ValueText:
                pass
            else:
                raise ValueText(f"{quote(text)} is a prefix; write one address, such as 192.0.2.10") from None
        raise ValueText(
            f"{quote(text)} is no address; write one such as 192.0.2.10 (no leading zeros) or 2001:db8::1"
        ) from None


def format_address(version: int, number: int) -> str:
    """Write an address, IPv6 as RFC 5952 says."""
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def parse_prefix(text: str) -> Prefix:
    """Read `192.0.2.0/24` or `2001:db8::/32`. Raises StrayBits when host bits are set."""
    before, slash, after = text.partition("/")
    try:
        version, number = parse_address(before)
    except ValueText:
        raise ValueText(f"{quote(text)} is no prefix; write one such as 192.0.2.0/24 or 2001:db8::/32") from None
    bits = BITS[version]
    if not slash:
        raise ValueText(f"{quote(text)} has no prefix length; write {text}/{bits} for this one address")
    if not re.fullmatch("0|[1-9][0-9]{0,2}", after) or int(after) > bits:
        raise ValueText(f"{quote(text)} has the prefix length {quote(after)}; it is a number from 0 to {bits}")
    length = int(after)
    right = Prefix(version, number >> bits - length << bits - length, length)
    if right.number != number:
        raise StrayBits(
            f"{quote(text)} has bits set beyond its length of {length}; the prefix is {format_prefix(right)}", right
        )
    return right


def format_prefix(prefix: Prefix) -> str:
    """Write a prefix."""
    return f"{format_address(prefix.version, prefix.number)}/{prefix.length}"


def parse_domain(text: str) -> bytes:
    """Read an absolute domain name of any labels; its final dot is optional."""
    try:
        return parse_name(text)
    except NameError_ as error:
        raise ValueText(f"{quote(text)} is no domain name: {error}") from None


def parse_host(text: str) -> bytes:
    """Read an absolute host name into wire form, case as written; its final dot is optional.

    Labels are of letters, digits, hyphens within, and underscores, which the caller may warn of (RFC 1123, 2.1).
    """
    if _ORDINARY_HOST.fullmatch(text) and len(text) < 254:
        labels = text.removesuffix(".").encode().split(b".")
        return b"".join([_LENGTH_BYTES[len(label)] + label for label in labels]) + ROOT
    if ":" in text or _DOTTED_QUAD.fullmatch(text):
        raise ValueText(f"{quote(text)} looks like an address; write a host name such as host.example.net")
    try:
        name = parse_name(text)
    except NameError_ as error:
        raise ValueText(f"{quote(text)} is no host name: {error}") from None
    labels = labels_of(name)
    if not labels:
        raise ValueText("'.' is the root, no host name; write a name such as host.example.net")
    for label in labels:
        if not _HOST_LABEL.fullmatch(label):
            raise ValueText(
                f"{quote(text)} is no host name: its label {quote(label.decode('latin-1'))} is not of letters, digits "
                "and hyphens, with no hyphen at its ends; write one such as host.example.net"
            )
    if labels[-1].isdigit():
        raise ValueText(
            f"{quote(text)} is no host name: its last label is a number; write one such as host.example.net"
        )
    return name


def parse_mailbox(text: str) -> bytes:
    r"""Read the SOA's RNAME, `hostmaster@example.net` or `hostmaster.example.net`, into wire form.

    Dots of a local part before `@` stay within the first label; in the dotted form they are written `\.`
    (RFC 1035, 8).
    """
    local, at, domain = text.partition("@")
    if at:
        printable = local.isascii() and local.isprintable()
        if not local or "@" in domain or "\\" in local or " " in local or '"' in local or not printable:
            raise ValueText(f"{quote(text)} is no mailbox; write one such as hostmaster@example.net")
        try:
            return join_labels([local.encode(), *labels_of(parse_host(domain))])
        except NameError_ as error:
            raise ValueText(f"{quote(text)} is no mailbox: {error}") from None
    name = parse_domain(text)
    labels = labels_of(name)
    if len(labels) < 2:
        raise ValueText(f"{quote(text)} is no mailbox; write one such as hostmaster@example.net")
    parse_host(format_name(join_labels(labels[1:])))
    return name
