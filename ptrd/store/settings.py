"""Texts of ptrd.yaml into values: one reader for each kind of value. All raise ValueText with what would be right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.management import FieldError, Policy, check_region
from ptrd.records.model import Prefix
from ptrd.records.values import (
    StrayBits,
    ValueText,
    format_address,
    parse_address,
    parse_duration,
    parse_prefix,
    quote,
)
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Callable

_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?"
)
_ADDRESS: Final = re.compile(r"(?:\[([^][]+)\]|([^][:]+)):([^][:]+)")


def read_address(text: str) -> tuple[str, int]:
    """Read an address and a port, `192.0.2.53:53` or `[2001:db8::53]:53`."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueText(f"{quote(text)} is no ADDRESS:PORT; write one such as 192.0.2.53:53 or [2001:db8::53]:53")
    version, number = parse_address(found[1] or found[2])
    if version != (6 if found[1] else 4):
        raise ValueText(f"{quote(text)}: brackets are for IPv6; write one such as 192.0.2.53:53 or [2001:db8::53]:53")
    return format_address(version, number), number_between(0, 65535)(found[3])


def read_source(text: str) -> str:
    """Read an address of this machine, which messages are to leave from."""
    return format_address(*parse_address(text))


def read_workers(text: str) -> int | None:
    """Read a number of workers; None for `auto`."""
    if text == "auto":
        return None
    try:
        return number_between(1, 256)(text)
    except ValueText:
        raise ValueText(f"{quote(text)} is no number of workers; write auto, or a number from 1 to 256") from None


def read_path(text: str) -> str:
    """Read a path as it is written."""
    if not text or not text.isprintable():
        raise ValueText(f"{quote(text)} is no path")
    return text


def read_user_name(text: str) -> str:
    """Read the name of a user."""
    if not text or not text.isprintable() or " " in text:
        raise ValueText(f"{quote(text)} is no name of a user")
    return text


def read_log_format(text: str) -> str:
    """Read how log lines are written."""
    if text not in {"text", "json"}:
        raise ValueText(f"{quote(text)} is neither text nor json")
    return text


def read_data_path(text: str) -> str:
    """Read what answers ordinary queries over UDP."""
    if text not in {"auto", "compiled", "python"}:
        raise ValueText(f"{quote(text)} is none of auto, compiled and python")
    return text


def read_group_name(text: str) -> str:
    """Read the name of a group."""
    if not text or not text.isprintable() or " " in text:
        raise ValueText(f"{quote(text)} is no name of a group")
    return text


def read_period(text: str) -> int:
    """Read a time of at least a second, in seconds."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueText(f"{quote(text)} is no time at all; write at least 1s")
    return seconds


def read_character_string(text: str) -> str:
    """Read a text of at most 255 bytes."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > 255:  # RFC 1035, 3.3: a <character-string>
        raise ValueText(f"the text has {size} bytes, at most 255 are possible")
    return text


def read_secret(text: str) -> bytes:
    """Read a secret of 16 bytes from 32 hex digits."""
    if re.fullmatch(r"[0-9A-Fa-f]{32}", text) is None:  # what was read is not told: it may be most of a secret
        raise ValueText("this is no secret of 32 hex digits; make one with `openssl rand -hex 16`")
    return bytes.fromhex(text)


def read_prefix(text: str) -> Prefix:
    """Read a prefix, or an address as the prefix of it alone."""
    if "/" in text:
        return parse_prefix(text)
    version, number = parse_address(text)
    return Prefix(version, number, BITS[version])


def read_told(text: str) -> str | Prefix:
    """Read `all`, `none`, or a prefix."""
    if text in {"all", "none"}:
        return text
    try:
        return read_prefix(text)
    except StrayBits:
        raise
    except ValueText:
        raise ValueText(f"{quote(text)} is neither all nor none nor a prefix such as 192.0.2.0/24") from None


def read_yes(text: str) -> str:
    """Read `yes` or `no`."""
    if text not in {"yes", "no"}:
        raise ValueText(f"{quote(text)} is neither yes nor no")
    return text


def read_policy(text: str) -> Policy:
    """Read what is asked of names: `off`, `warn` or `require`."""
    if text not in set(Policy):
        raise ValueText(f"{quote(text)} is none of off, warn and require")
    return Policy(text)


def read_url(text: str) -> str:
    """Read the address of a server, `https://ptr.example.net`, perhaps with a port and a path; gives no final slash."""
    found = _URL.fullmatch(text)
    if found is None or int(found[1] or 0) > 65535:
        raise ValueText(f"{quote(text)} is no URL of a server; write one such as https://ptr.example.net")
    return text.rstrip("/")


def read_region(text: str) -> str:
    """Read the name of a region."""
    try:
        return check_region(text)
    except FieldError:
        raise ValueText(
            f"{quote(text)} is no name of a region; write 1 to 100 letters, digits, dots, hyphens and underscores"
        ) from None


def number_between(least: int, most: int) -> Callable[[str], int]:
    """Make the reader of a number in a span."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueText(f"{quote(text)} is no number from {least} to {most}")
        return int(text)

    return read
