"""knot.conf: its zones and their files, and the modules that make names for ranges (mod-synthrecord).

A module of type reverse is a template for its networks. One of type forward is what a `forward` zone does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.foreign.record import Fetch, Range, ZoneFile
from ptrd.records.foreign.settings import Block, read_settings
from ptrd.records.foreign.spans import prefixes_between
from ptrd.records.model import Place, Prefix, Problem
from ptrd.records.values import StrayBits, ValueText, parse_address, parse_duration, parse_prefix, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTIONS: Final = frozenset(
    {
        *("server", "xdp", "control", "log", "statistics", "database", "keystore", "key", "remote", "remotes", "acl"),
        *("submission", "dnskey-sync", "policy", "template", "zone", "external"),
        *(f"mod-{name}" for name in ("synthrecord", "rrl", "cookies", "dnsproxy", "dnstap", "geoip", "noudp", "stats")),
        *("mod-onlinesign", "mod-queryacl", "mod-whoami", "mod-authsignal", "mod-probe", "mod-azzurra"),
    }
)
_TTL: Final = 3600
_MODULE: Final = "mod-synthrecord"


class Synthesis(NamedTuple):
    """One module: whether it makes names of addresses (`reverse`), its templates for ranges, the zones that use it."""

    reverse: bool
    ranges: list[Range]
    zones: list[str]
    origin: str
    place: Place


class KnotConf(NamedTuple):
    """What a knot.conf says; files are relative to the folders that are written with them, else to the storage."""

    zones: list[ZoneFile]
    modules: list[Synthesis]
    problems: list[Problem]


def read_knot(text: str, file: str, fetch: Fetch | None = None) -> KnotConf:
    """Read a configuration."""
    blocks, problems = read_settings(text, file, fetch, _SECTIONS)
    templates = {block.first("id"): block for block in blocks if block.section == "template"}
    default = templates.get("default", Block("template", [], Place(file, 1, 1)))
    used: dict[str, list[str]] = {}
    zones = []
    for block in blocks:
        name = block.first("domain")
        if block.section != "zone" or not block.settings:
            continue
        if not name:
            problems.append(Problem(block.place, "the zone has no domain; write `- domain: NAME`"))
            continue
        chosen = templates.get(block.first("template"), default)
        for module in block.all("module") or chosen.all("module") or default.all("module"):
            used.setdefault(module, []).append(name)
        written = block.first("file") or chosen.first("file") or default.first("file") or "%s.zone"
        storage = block.first("storage") or chosen.first("storage") or default.first("storage") or "/var/lib/knot"
        path = _fill_in(written, name)
        zones.append(ZoneFile(name, path if path.startswith("/") else f"{storage}/{path}", block.place))
    modules: list[Synthesis] = []
    for block in blocks:
        if block.section == _MODULE and block.settings:
            modules += _read_module(block, used.get(f"{_MODULE}/{block.first('id')}", []), problems)
    return KnotConf(zones, modules, problems)


def _read_module(block: Block, zones: list[str], problems: list[Problem]) -> Iterable[Synthesis]:
    what = f"the module {quote(block.first('id'))}"
    kind = block.first("type")
    if kind not in {"reverse", "forward"}:
        problems.append(Problem(block.place, f"{what} has the type {quote(kind)}; it is forward or reverse"))
        return
    origin = block.first("origin").rstrip(".")
    if kind == "reverse" and not origin:
        problems.append(Problem(block.place, f"{what} has no origin, in which its names lie; write `origin: NAME`"))
        return
    ttl = _TTL
    if block.first("ttl"):
        try:
            ttl = parse_duration(block.first("ttl"))
        except ValueText as error:
            problems.append(Problem(block.place, f"{what}: {error}"))
    ranges: list[Range] = []
    domain = origin if kind == "reverse" else zones[0].rstrip(".") if zones else ""
    for text in block.all("network"):
        for prefix in _read_network(text, what, block.place, problems):
            short = prefix.version == 4 or block.first("reverse-short", "on") in {"on", "true"}
            if short and prefix.version == 6 and not any(item.prefix.version == 6 for item in ranges):
                message = (
                    f"{what}: of several runs of zeros in an IPv6 address, Knot leaves out the first and ptrd the "
                    "longest (RFC 5952), so that names such as those of 2001:db8:0:0:1:: differ"
                )
                problems.append(Problem(block.place, message, warning=True))
            token = "ip" if short else "groups"
            ranges.append(Range(prefix, f"{block.first('prefix')}{{{token}}}.{domain}", ttl, block.place))
    if not ranges:
        problems.append(Problem(block.place, f"{what} has no network that can be read; write `network: 192.0.2.0/24`"))
        return
    yield Synthesis(kind == "reverse", ranges, zones, origin, block.place)


def _read_network(text: str, what: str, place: Place, problems: list[Problem]) -> list[Prefix]:
    """Read `ADDRESS/LENGTH`, `ADDRESS`, or `ADDRESS-ADDRESS`."""
    try:
        first, dash, last = (part.strip() for part in text.partition("-"))
        if dash:
            version, number = parse_address(first)
            return prefixes_between(version, number, parse_address(last)[1])
        if "/" not in text:
            version, number = parse_address(text)
            return prefixes_between(version, number, number)
        return [parse_prefix(text)]
    except StrayBits as error:
        return [error.prefix]
    except ValueText as error:
        problems.append(Problem(place, f"{what}: {error}"))
        return []


def _fill_in(file: str, zone: str) -> str:
    """Write out a file's name: %s is the zone's, %c[N] and %c[N-M] characters of it, %l[N] a label from the right."""
    bare = zone.rstrip(".")
    labels = bare.split(".")

    def one(found: re.Match[str]) -> str:
        if found[1] == "s":
            return bare.replace("/", "_")
        first, last = int(found[3]), int(found[4] or found[3])
        if found[2] == "l":
            return labels[-1 - first] if first < len(labels) else ""
        return bare[first : last + 1]

    return re.sub(r"%(?:(s)|([cl])\[([0-9]{1,3})(?:-([0-9]{1,3}))?\])", one, file)
