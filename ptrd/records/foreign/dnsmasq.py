"""dnsmasq.conf: names of addresses (`ptr-record`, `host-record`) and of ranges (`synth-domain`).

Options that have nothing to do with names are passed over; those that make records which no PTR is part of are told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.foreign.record import Fetch, Named, Range
from ptrd.records.foreign.spans import prefixes_between
from ptrd.records.model import Place, Problem
from ptrd.records.values import (
    ValueText,
    parse_address,
    parse_duration,
    parse_host,
    parse_prefix,
    quote,
)
from ptrd.wire.names import NameError_, parse_name
from ptrd.wire.reverse import BITS, prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES: Final = ("cname", "txt-record", "srv-host", "mx-host", "naptr-record", "dns-rr", "caa-record", "mx-target")
_LINE: Final = re.compile(r"([a-z0-9-]+)\s*(?:=\s*(.*))?")
_WRITTEN_OUT: Final = 4096  # addresses of a range whose names no template makes


class _LineError(Exception):
    """What is wrong with a line."""


class _Findings:
    """What came of all lines."""

    def __init__(self) -> None:
        self.named: list[Named] = []
        self.ranges: list[Range] = []
        self.problems: list[Problem] = []

    def tell(self, place: Place, message: str, *, warning: bool = False) -> None:
        self.problems.append(Problem(place, message, warning))


def read_dnsmasq(
    text: str, file: str, fetch: Fetch | None = None, depth: int = 10
) -> tuple[list[Named], list[Range], list[Problem]]:
    """Read a configuration; `fetch` gives what `conf-file` and `conf-dir` name."""
    found = _Findings()
    _read(text, file, found, fetch, depth)
    return found.named, found.ranges, found.problems


def _read(text: str, file: str, found: _Findings, fetch: Fetch | None, depth: int) -> None:
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"(?:^|\s)#.*", "", raw).strip()
        if not line:
            continue
        place = Place(file, number, len(raw) - len(raw.lstrip()) + 1)
        match = _LINE.fullmatch(line)
        option, value = (match[1], match[2] or "") if match else ("", "")
        words = [word.strip().strip('"') for word in value.split(",")]
        try:
            if option in _READERS:
                _READERS[option](words, place, found)
            elif option in _NAMES:
                found.tell(place, f"{option} is not imported: it makes no PTR; write it under `rrsets` of its zone")
            elif option in {"conf-file", "conf-dir"} and fetch is not None:
                if depth <= 0:
                    raise _LineError("files include each other too deeply")  # noqa: TRY301 - as for every other line
                for path, inner in fetch(words[0], file):
                    _read(inner, path, found, fetch, depth - 1)
            elif match is None:
                raise _LineError("this is no option; a line is NAME or NAME=VALUE")  # noqa: TRY301 - the same
        except (_LineError, ValueText) as error:
            found.tell(place, f"{error}: {quote(line)}")


def _synthesize(words: list[str], place: Place, found: _Findings) -> None:
    """`synth-domain=DOMAIN,RANGE[,PREFIX[*]]`; a range is ADDRESS,ADDRESS or ADDRESS/LENGTH."""
    if len(words) < 2:
        raise _LineError("write synth-domain=DOMAIN,RANGE,PREFIX")
    domain = words[0].rstrip(".")
    if "/" in words[1]:
        whole = parse_prefix(words[1])
        version, first, last, rest = whole.version, whole.number, whole.last, words[2:]
    elif len(words) > 2 and _is_address(words[2]):
        version, first = parse_address(words[1])
        last = parse_address(words[2])[1]
        rest = words[3:]
        if parse_address(words[2])[0] != version or last < first:
            raise _LineError("the range ends before it begins")
    else:
        version, first = parse_address(words[1])
        last, rest = first, words[2:]
    prefix = rest[0] if rest else ""
    if prefix.endswith("*"):
        _count(domain, prefix[:-1], version, first, last, place, found)
        return
    template = f"{prefix}{{ip}}.{domain}"
    for span in prefixes_between(version, first, last):
        found.ranges.append(Range(span, template, None, place))
    if version == 6:
        message = (
            "names of IPv6 addresses that end in :: have a 0 behind their last hyphen here, and those that begin with "
            ":: one before it; dnsmasq writes them without where a prefix is configured"
        )
        found.tell(place, message, warning=True)


def _count(domain: str, prefix: str, version: int, first: int, last: int, place: Place, found: _Findings) -> None:
    """Give a range numbers from 0 on, as dnsmasq does for a prefix that ends with `*`."""
    spans = prefixes_between(version, first, last)
    if len(spans) == 1 and version == 4:
        found.ranges.append(Range(spans[0], f"{prefix}{{host}}.{domain}", None, place))
        return
    if last - first >= _WRITTEN_OUT:
        raise _LineError("the numbers of a range that is no prefix cannot be made by a template, and are too many")
    for number in range(first, last + 1):
        name = parse_host(f"{prefix}{number - first}.{domain}")
        found.named.append(Named(version, number, name, None, place))


def _host(words: list[str], place: Place, found: _Findings) -> None:
    """`host-record=NAME[,NAME...],[IPv4],[IPv6][,TTL]`: the first name is the one that the PTR leads to."""
    names = [word for word in words if word and not _is_address(word) and not word.isdigit()]
    addresses = [word for word in words if _is_address(word)]
    if not names or not addresses:
        raise _LineError("write host-record=NAME,ADDRESS")
    ttl = parse_duration(words[-1]) if words[-1].isdigit() else None
    for address in addresses:
        found.named.append(Named(*parse_address(address), parse_host(names[0]), ttl, place))
    if names[1:]:
        message = f"the names {quote(' '.join(names[1:]))} are left out: the PTR leads to the first"
        found.tell(place, message, warning=True)


def _pointer(words: list[str], place: Place, found: _Findings) -> None:
    """`ptr-record=NAME[,TARGET]`: a reverse name, or one of another kind, which is told."""
    if len(words) < 2 or not words[1]:
        raise _LineError("there is no target; write ptr-record=NAME,TARGET")
    try:
        span = prefix_of(parse_name(words[0]).lower())
    except NameError_ as error:
        raise _LineError(str(error)) from None
    if span is None or span[2] != BITS[span[0]]:
        raise _LineError("the PTR of a name that is no address is not imported; write it under `rrsets` of its zone")
    found.named.append(Named(span[0], span[1], parse_host(words[1]), None, place))


def _address(words: list[str], place: Place, found: _Findings) -> None:
    """`address=/DOMAIN/ADDRESS`: names below a domain lead to an address, and no PTR leads back."""
    message = f"address={','.join(words)} is left out: it makes A and AAAA, and no PTR; write it under `rrsets`"
    found.tell(place, message, warning=True)


_READERS: Final[dict[str, Callable[[list[str], Place, _Findings], None]]] = {
    "synth-domain": _synthesize,
    "host-record": _host,
    "ptr-record": _pointer,
    "address": _address,
}


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueText:
        return False
    return True
