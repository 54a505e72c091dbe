"""Names that look generated, in families: the records that one template could make.

A family is a guess, made cheaply from what names have alike. Who uses one renders its template and compares.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from ptrd.records.model import Prefix
from ptrd.snapshot.templates import Template, parse_template
from ptrd.wire.names import ROOT, format_name
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.records.model import PtrRecord

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_DIGITS: Final = re.compile(r"(?<![0-9])(0|[1-9][0-9]{0,9})(?![0-9])")
_HEX_RUN: Final = re.compile(r"[0-9a-f]+")
_TOKEN: Final = re.compile(r"(\{[a-z]+\}(?:[-.]\{[a-z]+\})*)")
_OCTETS: Final = (("d", 0), ("c", 8), ("b", 16), ("a", 24))
_SHARE: Final = 4  # an octet is taken for a token where a quarter of the names have it


class Family(NamedTuple):
    """The addresses whose names one template makes. With {host} it can stand at `anchor` only."""

    template: str
    ttl: int
    anchor: Prefix | None
    numbers: tuple[int, ...]


_Row = tuple[int, tuple[str, ...], tuple[int, ...]]  # address, what stands between numbers, the numbers


def families_of(version: int, records: Iterable[PtrRecord], least: int) -> list[Family]:
    """Sort the records of one name by the template that could make them, at least so many each."""
    outlined = _outline4 if version == 4 else _outline6
    groups: dict[tuple[int, tuple[str, ...]], list[_Row]] = {}
    found: dict[tuple[str, int, Prefix | None], list[int]] = {}
    for record in records:
        if len(record.targets) != 1:
            continue
        text = format_name(record.targets[0])[:-1]
        if not _PLAIN.fullmatch(text):
            continue
        outline, anchor = outlined(text, record.number)
        if version == 6:
            found.setdefault((outline, record.ttl, anchor), []).append(record.number)
            continue
        between, numbers = _split(outline)
        groups.setdefault((record.ttl, between), []).append((record.number, between, numbers))
    for (ttl, between), rows in groups.items():
        if len(rows) >= least:
            for template, anchor, number in _name_tokens(between, rows, least):
                found.setdefault((template, ttl, anchor), []).append(number)
    families = []
    for (template, ttl, anchor), members in found.items():
        place = _narrow(anchor, members) if anchor else None
        if len(members) >= least and (anchor is None or place is not None):
            families.append(Family(template, ttl, place, tuple(sorted(members))))
    return families


def _outline4(text: str, number: int) -> tuple[str, None]:
    """Put a token in the place of a whole IPv4 address."""
    a, b, c, d = number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255
    for token, spelled in (
        ("{ip}", f"{a}-{b}-{c}-{d}"),
        ("{rev}", f"{d}.{c}.{b}.{a}"),
        ("{d}-{c}-{b}-{a}", f"{d}-{c}-{b}-{a}"),
        ("{a}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d}"),
        ("{hex}", f"{number:08x}"),
    ):
        at = text.find(spelled)
        if at >= 0:
            after = at + len(spelled)
            beside = text[at - 1 : at] + text[after : after + 1]
            if token == "{hex}" or not any(char.isdigit() for char in beside):  # noqa: S105 - a token of a template
                return text[:at] + token + text[after:], None
    return text, None


def _split(outline: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Split a text into what stands between numbers, and the numbers; tokens stay as they are."""
    between = [""]
    numbers = []
    for part in _TOKEN.split(outline):
        if part[:1] == "{":
            between[-1] += part
            continue
        last = 0
        for run in _DIGITS.finditer(part):
            between[-1] += part[last : run.start()]
            between.append("")
            numbers.append(int(run[1]))
            last = run.end()
        between[-1] += part[last:]
    return tuple(between), tuple(numbers)


def _name_tokens(between: tuple[str, ...], rows: list[_Row], least: int) -> Iterable[tuple[str, Prefix | None, int]]:
    """Give for each name the template that it could be made by: numbers become octets, {host}, or stay."""
    chosen: list[str | None] = []  # at each place: an octet's letter, "host", or nothing
    bases: Counter[int] = Counter()
    threshold = max(least, len(rows) // _SHARE)
    for place in range(len(between) - 1):
        values = {row[2][place] for row in rows}
        if len(values) == 1:
            chosen.append(None)
            continue
        counts = [sum(row[0] >> shift & 255 == row[2][place] for row in rows) for _, shift in _OCTETS]
        best = max(range(4), key=lambda index: counts[index])
        base = Counter(row[0] - row[2][place] for row in rows)
        by_host = sum(count for count in base.values() if count >= least)
        if "host" not in chosen and by_host > counts[best] and by_host >= threshold:
            chosen.append("host")
            bases = base
        else:
            chosen.append(_OCTETS[best][0] if counts[best] >= threshold else None)
    shifts = dict(_OCTETS)
    for number, _, values_ in rows:
        text = between[0]
        anchor = None
        for place, value in enumerate(values_):
            token = chosen[place]
            if token == "host" and bases[number - value] >= least and number >= value:  # noqa: S105 - as above
                anchor = Prefix(4, number - value, 32)
                text += "{host}"
            elif token in shifts and number >> shifts[token] & 255 == value:
                text += f"{{{token}}}"
            else:
                text += str(value)
            text += between[place + 1]
        yield text, anchor, number


def _narrow(anchor: Prefix, numbers: Sequence[int]) -> Prefix | None:
    """Give the longest prefix that holds all the addresses and has {host} mean the same as at the anchor, if any."""
    bits = BITS[anchor.version]
    free = (max(numbers) - anchor.number).bit_length()
    if anchor.version == 6:  # whole nibbles are written, as many as at the anchor
        free = max(free, bits - anchor.length - 3)
    return None if anchor.number & (1 << free) - 1 else Prefix(anchor.version, anchor.number, bits - free)


_ANY: Final = Prefix(6, 0, 0)
_SHORT: Final[Template] = parse_template("{ip}.x", _ANY, ROOT)


def _outline6(text: str, number: int) -> tuple[str, Prefix | None]:
    """Put a token in the place of a whole IPv6 address, or of its last bits in hex."""
    digits = f"{number:032x}"
    label = _SHORT.render(number)
    for token, spelled in (
        ("{hex}", digits),
        ("{groups}", "-".join([digits[at : at + 4] for at in range(0, 32, 4)])),
        ("{rev}", ".".join(reversed(digits))),
        ("{ip}", label[1 : 1 + label[0]].decode("ascii")),
    ):
        at = text.find(spelled)
        if at >= 0:
            return text[:at] + token + text[at + len(spelled) :], None
    for run in _HEX_RUN.finditer(text):
        size = run.end() - run.start()
        if size <= 32 and digits.endswith(run[0]):
            free = 4 * size
            return text[: run.start()] + "{host}" + text[run.end() :], Prefix(6, number >> free << free, 128 - free)
    return text, None
