"""nsd.conf: its zones and their files, those of patterns among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.foreign.record import Fetch, ZoneFile
from ptrd.records.foreign.settings import Block, read_settings
from ptrd.records.model import Problem
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECTIONS: Final = frozenset(
    {"server", "zone", "pattern", "key", "tls-auth", "remote-control", "verify", "dnstap", "xdp", "metrics"}
)


def read_nsd(text: str, file: str, fetch: Fetch | None = None) -> tuple[list[ZoneFile], str, list[Problem]]:
    """Give the zones, the folder where relative files lie (empty where nothing is said), and the problems."""
    blocks, problems = read_settings(text, file, fetch, _SECTIONS)
    patterns = {block.first("name"): block for block in blocks if block.section == "pattern"}
    folder = next((block.first("zonesdir") for block in blocks if block.first("zonesdir")), "")
    zones = []
    for block in blocks:
        if block.section != "zone":
            continue
        name = block.first("name")
        written = _find(block, "zonefile", patterns)
        if not name:
            problems.append(Problem(block.place, "the zone has no name; write `name: NAME`"))
        elif not written:
            message = f"zone {quote(name)} has no zonefile; import it with `ptrd import axfr`, or from its primary"
            problems.append(Problem(block.place, message))
        else:
            zones.append(ZoneFile(name, fill_in(written, name), block.place))
    return zones, folder, problems


def _find(block: Block, key: str, patterns: Mapping[str, Block], depth: int = 10) -> str:
    """Give a setting of a zone or of the patterns that it includes."""
    own = block.first(key)
    if own or depth <= 0:
        return own
    for name in block.all("include-pattern"):
        found = _find(patterns[name], key, patterns, depth - 1) if name in patterns else ""
        if found:
            return found
    return ""


def fill_in(file: str, zone: str) -> str:
    """Write out a file's name: %s is the zone's, %1 %2 %3 its characters, %z %y %x its last labels."""
    bare = zone.rstrip(".")
    labels = bare.split(".")
    values = {"s": bare, "1": bare[:1] or ".", "2": bare[1:2] or ".", "3": bare[2:3] or "."}
    values |= {letter: labels[-at] if len(labels) >= at else "." for at, letter in ((1, "z"), (2, "y"), (3, "x"))}
    return re.sub(r"%([s123zyx])", lambda found: values[found[1]], file)
