r"""BIND's $GENERATE: one line that stands for many, written out.

`$` is the counter, `${OFFSET,WIDTH,BASE}` the counter changed and formatted, `\$` and `$$` a dollar sign. How many
lines come is known before the first is made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ptrd.records.masterfile import EntryError
from ptrd.records.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANGE: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?:/([0-9]{1,10}))?", re.ASCII)
_PART: Final = re.compile(r"\\.|\$\$|\$\{([^{}]*)\}|\$")
_FORMAT: Final = re.compile(r"([+-]?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?", re.ASCII)
_MOST: Final = 2**31 - 1  # as BIND has it


def expand_generate(span: str, record: str, at: int) -> tuple[int, Iterator[str]]:
    """Give how many lines there are, and the lines: `span` is the range, `record` what stands behind it.

    Raises EntryError; `record` is empty where something is missing.
    """
    if not record:
        raise EntryError("write $GENERATE RANGE NAME TYPE DATA, such as: $GENERATE 1-254 $ PTR host-$.example.net.", at)
    start, stop, step = _read_range(span, at)
    pieces = _read_pieces(record, at)
    numbers = range(start, stop + 1, step)
    return len(numbers), ("".join([_spell(piece, number) for piece in pieces]) for number in numbers)


def _read_range(text: str, at: int) -> tuple[int, int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise EntryError(f"{quote(text)} is no range; write START-STOP or START-STOP/STEP, such as 1-254", at)
    start, stop, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if start > stop or not step or max(stop, step) > _MOST:
        if max(stop, step) > _MOST:
            raise EntryError(f"the range {quote(text)} has a number above {_MOST}; write a smaller one", at)
        raise EntryError(f"the range {quote(text)} is empty; write the smaller number first, and a step above 0", at)
    return start, stop, step


_Piece = str | tuple[int, int, str]


def _read_pieces(text: str, at: int) -> list[_Piece]:
    """Split a text into what stays and what is counted."""
    pieces: list[_Piece] = []
    last = 0
    for found in _PART.finditer(text):
        part = found[0]
        if part[0] == "\\" and part != "\\$":
            continue  # an escape of the master file, and part of the text
        pieces.append(text[last : found.start()])
        last = found.end()
        if part in {"\\$", "$$"}:
            pieces.append("\\$")  # which begins no directive
        elif part == "$":
            pieces.append((0, 0, "d"))
        else:
            form = _FORMAT.fullmatch(found[1])
            if form is None:
                raise EntryError(f"{quote(part)} is no counter; write ${{OFFSET,WIDTH,BASE}}, such as ${{0,3,d}}", at)
            width = int(form[2] or 0)
            if width > 255:
                raise EntryError(f"the width of {quote(part)} is above 255, and a name has no more; write less", at)
            pieces.append((int(form[1]), width, form[3] or "d"))
    pieces.append(text[last:])
    return pieces


def _spell(piece: _Piece, number: int) -> str:
    if isinstance(piece, str):
        return piece
    offset, width, base = piece
    value = number + offset
    if base in "nN":
        return _spell_nibbles(value & 0xFFFF_FFFF, width, upper=base == "N")
    return f"{value:0{width}{base}}"


def _spell_nibbles(value: int, width: int, *, upper: bool) -> str:
    """Write nibbles with dots, the least significant first; the width counts the dots too."""
    digits = f"{value:X}" if upper else f"{value:x}"
    text = ".".join(reversed(digits))
    while len(text) < width:
        text += ".0" if len(text) + 1 < width else "."
    return text
