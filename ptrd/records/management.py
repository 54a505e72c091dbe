"""What is managed: accounts, projects, EIPs, pointers (managed PTR records); and how each field may be.

Pure values: names are text in lower case with their final dot, addresses are (version, number). Whether something may
be done is decided in `control`, and what is live is known there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd import PtrdError
from ptrd.records.values import ValueText, format_address, parse_host, quote
from ptrd.wire.names import format_name
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from ptrd.records.model import Prefix

QUOTA: Final = 50  # pointers of an account, unless set otherwise
MAX_NAMES: Final = 10
MAX_TTL: Final = 2**31 - 1
DEFAULT_TTL: Final = 300
MAX_DESCRIPTION: Final = 255
MAX_TAGS: Final = 20
MAX_BATCH: Final = 50
_REGION: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EIP_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LABEL: Final = re.compile(r"[A-Za-z0-9 ._-]{1,64}")  # names of accounts, projects, users
_TAG: Final = re.compile(r"[\w .:=+@-]*", re.UNICODE)
_TAG_VALUE: Final = re.compile(r"[\w .:=+@/-]*", re.UNICODE)
_ENTERPRISE: Final = re.compile(r"[A-Za-z0-9-]{1,36}")


class FieldError(PtrdError):
    """A field is not as it may be. `field` names it as in `Pointer`, the text says what would be right."""

    def __init__(self, field_: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field_


class Policy(StrEnum):
    """Whether a name has to lead back to the address that it is given to."""

    OFF = "off"  # nothing is looked at
    WARN = "warn"  # the finding is told
    REQUIRE = "require"  # else the record is refused


class Address(NamedTuple):
    """One address."""

    version: int
    number: int

    def __str__(self) -> str:
        """Write it as RFC 5952 says."""
        return format_address(self.version, self.number)


class Tag(NamedTuple):
    """A key with a value, which may be empty."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays: its pointers, over all its projects, have one quota. `created` is Unix time, here and below."""

    id: str  # 32 hex digits
    name: str
    quota: int = QUOTA
    disabled: bool = False
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Project:
    """What owns EIPs and pointers."""

    id: str  # 32 hex digits
    name: str
    account: str  # its id
    disabled: bool = False
    created: float = 0.0
    policy: Policy | None = None  # about its names; None is for that of the configuration


@dataclass(frozen=True, slots=True)
class Eip:
    """An address, or a prefix in which any address may be named, given to a project in a region."""

    id: str
    region: str
    project: str  # its id
    prefix: Prefix
    created: float = 0.0

    @property
    def is_address(self) -> bool:
        """Tell whether it is one address."""
        return self.prefix.length == BITS[self.prefix.version]


@dataclass(frozen=True, slots=True)
class Pointer:
    """The managed PTR record of one address. `revision` is that of its last change, and its entity tag."""

    id: str  # 32 hex digits
    address: Address
    eip: str  # its id
    region: str
    project: str  # its id
    names: tuple[str, ...]
    ttl: int = DEFAULT_TTL
    description: str = ""
    tags: tuple[Tag, ...] = ()
    enterprise_project: str = "0"
    revision: int = 0
    created: float = 0.0
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """An address whose pointer is not served, and which only an operator may change."""

    address: Address
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that changed. Entries of one transaction have one revision. `before` and `after` hold no secret."""

    revision: int
    time: float
    actor: str
    action: str  # setPTRRecord, resetPTRRecord, createPTRRecordSetTag, deletePTRRecordTag, publish, createEip, …
    project: str | None = None
    address: Address | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    request_id: str = ""
    serials: dict[str, tuple[int | None, int]] = field(default_factory=dict)  # zone -> old and new


def read_names(texts: list[str]) -> tuple[str, ...]:
    """Check 1 to 10 host names; the final dot is optional, no name stands twice. Raises FieldError."""
    if not 1 <= len(texts) <= MAX_NAMES:
        raise FieldError("names", f"an address has 1 to {MAX_NAMES} names, not {len(texts)}")
    found = []
    for text in texts:
        if "*" in text or not text.isascii():
            hint = "" if text.isascii() else ", an international one in its ASCII form (xn--…)"
            raise FieldError("names", f"{quote(text)} is no host name; write one such as mail.example.com{hint}")
        try:
            name = format_name(parse_host(text).lower())
        except ValueText as error:
            raise FieldError("names", str(error)) from None
        if len(name) > 254:
            raise FieldError("names", f"{quote(text)} is longer than 253 characters")
        if "." not in name[:-1]:
            raise FieldError("names", f"{quote(text)} is one label; write a whole name such as mail.example.com")
        if name in found:
            raise FieldError("names", f"{quote(text)} stands twice; write it once")
        found.append(name)
    return tuple(found)


def check_ttl(ttl: object) -> int:
    """Check a TTL in seconds. Raises FieldError."""
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not 1 <= ttl <= MAX_TTL:
        raise FieldError("ttl", f"the TTL is a whole number of seconds from 1 to {MAX_TTL}")
    return ttl


def check_description(text: object) -> str:
    """Check a description. Raises FieldError."""
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION or not _is_text(text):
        raise FieldError(
            "description", f"the description is text of at most {MAX_DESCRIPTION} characters, none of them a control"
        )
    return text


def check_tags(tags: list[Tag]) -> tuple[Tag, ...]:
    """Check all tags of a pointer. Raises FieldError."""
    if len(tags) > MAX_TAGS:
        raise FieldError("tag_quota", f"a record has at most {MAX_TAGS} tags, not {len(tags)}")
    for tag in tags:
        check_tag(tag)
    keys = [tag.key for tag in tags]
    for key in keys:
        if keys.count(key) > 1:
            raise FieldError("tags", f"the tag {quote(key)} stands twice; write it once")
    return tuple(sorted(tags))


def check_tag(tag: Tag) -> Tag:
    """Check one tag. Raises FieldError."""
    check_tag_key(tag.key)
    if not isinstance(tag.value, str) or len(tag.value) > 255 or not _TAG_VALUE.fullmatch(tag.value):
        raise FieldError("tags", f"the value of the tag {quote(tag.key)} has letters, digits and _ . : = + - @ /")
    return tag


def check_tag_key(key: object) -> str:
    """Check a tag's key. Raises FieldError."""
    well = isinstance(key, str) and 1 <= len(key) <= 128 and _TAG.fullmatch(key) and key == key.strip()
    if not isinstance(key, str) or not well or key.startswith("_sys_"):
        raise FieldError(
            "tags", "a tag's key has 1 to 128 letters, digits, spaces within and _ . : = + - @; not _sys_ at its start"
        )
    return key


def check_region(text: object, regions: tuple[str, ...] = ()) -> str:
    """Check the name of a region, one of `regions` when there are any. Raises FieldError."""
    if not isinstance(text, str) or not _REGION.fullmatch(text) or (regions and text not in regions):
        known = f"; there are {', '.join(regions)}" if regions else ""
        raise FieldError("region", f"{quote(str(text))} is no region{known}")
    return text


def check_eip_id(text: object) -> str:
    """Check the id of an EIP. Raises FieldError."""
    if not isinstance(text, str) or not _EIP_ID.fullmatch(text):
        raise FieldError("eip", f"{quote(str(text))} is no id of an EIP: 1 to 64 letters, digits and . _ -")
    return text


def check_label(text: object, what: str) -> str:
    """Check the name of an account, a project or a user. Raises FieldError."""
    if not isinstance(text, str) or not _LABEL.fullmatch(text) or text != text.strip():
        raise FieldError("name", f"the name of {what} has 1 to 64 letters, digits, spaces within and . _ -")
    return text


def check_enterprise_project(text: object) -> str:
    """Check an enterprise project id. Raises FieldError."""
    if not isinstance(text, str) or not _ENTERPRISE.fullmatch(text):
        raise FieldError("enterprise_project", "an enterprise project id has 1 to 36 letters, digits and hyphens")
    return text


def _is_text(text: str) -> bool:
    """Tell whether a text is without control characters and surrogates."""
    return all(char.isprintable() or char in "\n\t" for char in text)
