"""Bits of an address as text: how the variable parts of a default name are spelled and read, each in one place.

A label is a tuple of pieces, literal bytes or a Field. What `make_names` makes, a Reader reads back; a Reader also
reads what is never made (an octet over 255, an address not in its shortest form), so whoever uses one makes the name
again and compares.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ptrd.wire.names import MAX_LABEL
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ptrd.records.model import Prefix

DECIMAL: Final = 1  # without leading zeros
HEX: Final = 2  # `width` digits in lower case
IP6: Final = 3  # an IPv6 address in its shortest form, see `spell_ip6`

HEX_DIGITS: Final = b"0123456789abcdef"


class Field(NamedTuple):
    """The bits `number >> shift & mask` as text; `host` marks {host}, whose mask depends on the range."""

    kind: int
    shift: int
    mask: int
    width: int = 0
    host: bool = False


Label: TypeAlias = tuple[bytes | Field, ...]

_LENGTHS: Final = tuple(bytes((length,)) for length in range(MAX_LABEL + 1))
_OCTETS: Final = tuple(b"%d" % octet for octet in range(256))
_groups: Final = struct.Struct(">8H").unpack
_GAPS: Final = tuple(b"-" + b"0-" * zeros for zeros in range(8, 1, -1))


def spell_ip6(number: int) -> bytes:
    """Write an IPv6 address as RFC 5952, 4 without mixed notation, with dashes, as a label may hold it.

    Never begins or ends with a dash, never has two dashes in places 3 and 4 (RFC 5891, 4.2.3.1): `::1` is `0--1`,
    `2001:db8::` is `2001-db8--0`, `64::1` is `64-0--1`.
    """
    text = b"-%x-%x-%x-%x-%x-%x-%x-%x-" % _groups(number.to_bytes(16, "big"))
    if b"-0-0-" not in text:  # one zero group alone is written out (RFC 5952, 4.2.2)
        return text[1:-1]
    for gap in _GAPS:  # the longest run, of equal ones the first (4.2.3)
        at = text.find(gap)
        if at >= 0:
            break
    left, right = text[1:at], text[at + len(gap) : -1]
    if len(left) == 2:
        left += b"-0"
    return (left or b"0") + b"--" + (right or b"0")


def read_ip6(text: bytes) -> int | None:
    """Read groups of hex digits joined by dashes, two dashes standing for missing groups; else None."""
    left, gap, right = text.partition(b"--")
    head, rest = left.split(b"-"), right.split(b"-") if gap else []
    zeros = 8 - len(head) - len(rest)
    if zeros < 0 or (zeros and not gap):
        return None
    groups = [*head, *[b"0"] * zeros, *rest]
    digits = b"".join([group.rjust(4, b"0") for group in groups])
    if len(digits) != 32 or b"" in groups or digits.translate(None, HEX_DIGITS):
        return None
    return int(digits, 16)


def spell(piece: bytes | Field, number: int) -> bytes:
    """Write one piece of a label for an address."""
    if isinstance(piece, bytes):
        return piece
    if piece.kind == IP6:
        return spell_ip6(number)
    value = number >> piece.shift & piece.mask
    return b"%d" % value if piece.kind == DECIMAL else b"%0*x" % (piece.width, value)


def spell_label(label: Label, number: int) -> bytes:
    """Write a label for an address."""
    return b"".join([spell(piece, number) for piece in label])


def fold(label: Label, prefix: Prefix) -> Label:
    """Write out the fields that are the same for every address of a prefix and join neighbouring literals."""
    free = (1 << BITS[prefix.version] - prefix.length) - 1
    folded: list[bytes | Field] = []
    for part in label:
        piece = part
        if isinstance(piece, Field) and not piece.mask << piece.shift & free:
            piece = spell(piece, prefix.number)
        if isinstance(piece, bytes) and folded and isinstance(folded[-1], bytes):
            folded[-1] += piece
        else:
            folded.append(piece)
    return tuple(folded)


def make_names(labels: Sequence[Label], tail: bytes) -> Callable[[int], bytes]:
    """Give the function from an address to a name: the labels, folded, then the wire form of the static rest.

    The shapes that matter are unrolled: one dynamic label of up to four octets takes 0.3 to 0.6 µs.
    """
    if not labels:
        return lambda _number: tail
    if len(labels) == 1:
        return _label_maker(labels[0], tail)
    makers = []
    at = 0
    while at < len(labels):
        run = _nibbles(labels, at)
        first = labels[at][0]
        if run > 1 and isinstance(first, Field):
            makers.append(_nibbles_maker(first.shift, run))
        else:
            makers.append(_label_maker(labels[at], b""))
        at += run
    return lambda number: b"".join([make(number) for make in makers]) + tail


def _label_maker(label: Label, tail: bytes) -> Callable[[int], bytes]:
    fields = [piece for piece in label if isinstance(piece, Field)]
    if not fields:
        text = spell_label(label, 0)
        whole = _LENGTHS[len(text)] + text + tail
        return lambda _number: whole
    octets = all(field.kind == DECIMAL and field.mask < 256 for field in fields)
    if octets and len(fields) <= 4:
        return _octets_maker(_format_of(label, octets=True), [(field.shift, field.mask) for field in fields], tail)
    form = _format_of(label, octets=False)
    if any(field.kind == IP6 for field in fields):

        def make_ip6(number: int) -> bytes:
            text = form % tuple(
                [spell_ip6(number) if kind == IP6 else number >> shift & mask for kind, shift, mask, _, _ in fields]
            )
            return _LENGTHS[len(text)] + text + tail

        def make_plain_ip6(number: int) -> bytes:
            text = spell_ip6(number)
            return _LENGTHS[len(text)] + text + tail

        return make_plain_ip6 if label == (fields[0],) else make_ip6
    cuts = [(field.shift, field.mask) for field in fields]

    def make(number: int) -> bytes:
        text = form % tuple([number >> shift & mask for shift, mask in cuts])
        return _LENGTHS[len(text)] + text + tail

    return make


def _octets_maker(form: bytes, cuts: list[tuple[int, int]], tail: bytes) -> Callable[[int], bytes]:
    (s1, m1), (s2, m2), (s3, m3), (s4, m4) = (cuts + [(0, 0)] * 3)[:4]

    def make1(number: int) -> bytes:
        text = form % _OCTETS[number >> s1 & m1]
        return _LENGTHS[len(text)] + text + tail

    def make2(number: int) -> bytes:
        text = form % (_OCTETS[number >> s1 & m1], _OCTETS[number >> s2 & m2])
        return _LENGTHS[len(text)] + text + tail

    def make3(number: int) -> bytes:
        text = form % (_OCTETS[number >> s1 & m1], _OCTETS[number >> s2 & m2], _OCTETS[number >> s3 & m3])
        return _LENGTHS[len(text)] + text + tail

    def make4(number: int) -> bytes:
        text = form % (
            _OCTETS[number >> s1 & m1],
            _OCTETS[number >> s2 & m2],
            _OCTETS[number >> s3 & m3],
            _OCTETS[number >> s4 & m4],
        )
        return _LENGTHS[len(text)] + text + tail

    return (make1, make2, make3, make4)[len(cuts) - 1]


def _format_of(label: Label, *, octets: bool) -> bytes:
    parts = []
    for piece in label:
        if isinstance(piece, bytes):
            parts.append(piece.replace(b"%", b"%%"))
        elif piece.kind == IP6 or octets:
            parts.append(b"%b")
        else:
            parts.append(b"%d" if piece.kind == DECIMAL else b"%%0%dx" % piece.width)
    return b"".join(parts)


def _nibbles(labels: Sequence[Label], at: int) -> int:
    """Count the labels from `at` on that are one nibble each, every one four bits above the last: {rev}; else 1."""
    first = labels[at][0]
    if not isinstance(first, Field) or first != Field(HEX, first.shift, 15, 1):
        return 1
    count = 0
    while at + count < len(labels) and labels[at + count] == (first._replace(shift=first.shift + 4 * count),):
        count += 1
    return count or 1


def _nibbles_maker(shift: int, count: int) -> Callable[[int], bytes]:
    mask = (1 << 4 * count) - 1
    form = b"%%0%dx" % count

    def make(number: int) -> bytes:
        text = bytearray(b"\1" * (2 * count))
        text[1::2] = (form % (number >> shift & mask))[::-1]
        return bytes(text)

    return make


class Reader:
    """What the last labels of a name say about the address; made of a template's labels, in lower case."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels
        self._patterns: dict[int, _Pattern] = {}

    def read(self, texts: list[bytes]) -> list[tuple[int, int]]:
        """Give (mask, value) of the address bits that these, the last labels before the static rest, may mean.

        None or one, but for odd templates whose labels can be split in several ways.
        """
        count = len(texts)
        pattern = self._patterns.get(count)
        if pattern is None:
            pattern = self._patterns[count] = _pattern_of(self._labels[len(self._labels) - count :])
        text = texts[0] if count == 1 else b"\0".join(texts)
        match = pattern.match(text)
        if match is None:
            return []
        mask = pattern.mask
        if pattern.is_loose:
            windows = {text[at : at + 8] for at in range(len(text) - 7)}
            return [(mask, int(window, 16)) for window in windows if not window.strip(HEX_DIGITS)]
        value = 0
        for (base, shift), digits in zip(pattern.fields, match.groups(), strict=True):
            if base:
                value |= int(digits, base) << shift
            else:
                number = read_ip6(digits)
                if number is None:
                    return []
                value |= number
        return [] if value & ~mask else [(mask, value)]


class _Pattern(NamedTuple):
    match: Callable[[bytes], re.Match[bytes] | None]
    fields: list[tuple[int, int]]  # base, 0 for an IPv6 address, and shift of each group
    mask: int  # the bits that the labels fix
    is_loose: bool


def _pattern_of(labels: Sequence[Label]) -> _Pattern:
    """Compile labels, joined by zero bytes, to a pattern with one group a field."""
    fields: list[Field] = []
    spelled = []
    for label in labels:
        parts = []
        for piece in label:
            if isinstance(piece, bytes):
                parts.append(re.escape(piece))
            elif piece.kind == HEX:
                fields.append(piece)
                parts.append(b"([0-9a-f]{%d})" % piece.width)
            elif piece.kind == DECIMAL:
                fields.append(piece)
                parts.append(b"(0|[1-9][0-9]{0,%d})" % (len(str(piece.mask)) - 1))
            elif piece in fields:
                parts.append(b"(?P=ip)")
            else:
                fields.append(piece)
                parts.append(b"(?P<ip>[0-9a-f-]{3,39})")
        spelled.append(b"".join(parts))
    mask = 0
    for field in fields:
        mask |= field.mask << field.shift
    bases = {DECIMAL: 10, HEX: 16, IP6: 0}
    return _Pattern(
        re.compile(b"\\x00".join(spelled), re.DOTALL).fullmatch,
        [(bases[field.kind], field.shift) for field in fields],
        mask,
        any(_is_loose(label) for label in labels),
    )


def _is_loose(label: Label) -> bool:
    """Tell whether {hex} stands between two decimal numbers of a label without anything but hex digits beside it.

    A pattern might then settle on a wrong split: in `{a}{hex}b{hex}{d}` any of several `b` may be the literal one.
    """
    decimal = between = False
    for piece in label:
        if isinstance(piece, bytes):
            decimal = decimal and not piece.strip(HEX_DIGITS)
        elif piece.kind == HEX:
            between = True
        elif piece.kind == DECIMAL:
            if decimal and between:
                return True
            decimal, between = True, False
    return False
