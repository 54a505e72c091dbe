"""What a template says, in tokens and in fields, whatever the addresses of its range.

A Form is valid or does not exist: only `templates` makes one of an operator's text, and it checks. Ranges that share a
text share its Form, and a Shape for each prefix length at most.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from ptrd.snapshot.fields import DECIMAL, HEX, IP6, Field, Label, Reader, spell_label
from ptrd.wire.names import MAX_LABEL, MAX_NAME, ROOT, format_name, labels_of
from ptrd.wire.reverse import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Kinds of pieces. TAIL ends a template: the labels without tokens, in wire form.
TAIL: Final = 0
LITERAL: Final = 1
DOT: Final = 2  # the label that began after the last DOT is complete
KINDS: Final = {"ip": 3, "a": 4, "b": 5, "c": 6, "d": 7, "groups": 8, "hex": 9, "host": 10, "rev": 11}
NAMES: Final = {kind: name for name, kind in KINDS.items()}

# Tokens that one version of addresses has and the other has not.
ONLY: Final = {4: ("a", "b", "c", "d"), 6: ("groups",)}

Piece = tuple[int, bytes]


class Form:
    """What a template says whatever the length of its range: pieces, {zone} written out, the last one the tail."""

    def __init__(self, version: int, pieces: tuple[Piece, ...]) -> None:
        self.version = version
        self.pieces = pieces
        self.tail = pieces[-1][1]
        self._by_host = any(kind == KINDS["host"] for kind, _ in pieces)
        self._shapes: dict[int, Shape] = {}

    def shape(self, length: int) -> Shape:
        """Give the fields for a range of this prefix length."""
        key = length if self._by_host else 0
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = Shape(_labels_of_pieces(self.pieces, self.version, length), self.tail)
        return shape

    @cached_property
    def text(self) -> str:
        """Write the template."""
        head = "".join(
            "." if kind == DOT else data.decode("latin-1") if kind == LITERAL else f"{{{NAMES[kind]}}}"
            for kind, data in self.pieces[:-1]
        )
        return head[:-1] if self.tail == ROOT else head + format_name(self.tail).removesuffix(".")

    @cached_property
    def is_harmless(self) -> bool:
        """Tell whether even the longest names of any range are short enough, and do not look like an address."""
        labels = self.shape(0).labels
        rest = labels_of(self.tail)
        numbers = (0, (1 << BITS[self.version]) - 1)
        shortest, longest = ([*[spell_label(label, number) for label in labels], *rest] for number in numbers)
        return (
            max(map(len, longest)) <= MAX_LABEL
            and sum(map(len, longest)) + len(longest) < MAX_NAME
            and not (len(shortest) == 4 and all(text.isdigit() for text in shortest))
        )

    @cached_property
    def dumped(self) -> bytes:
        """Write the number of pieces, then kind, length and bytes of each.

        A reader writes the bytes of LITERAL and what the tokens (`KINDS`) mean into the current label, closes it at
        DOT, as {rev} also does within itself, and ends the name with the bytes of TAIL.
        """
        return bytes((len(self.pieces),)) + b"".join([bytes((kind, len(data))) + data for kind, data in self.pieces])


class Shape:
    """A template in fields: the labels that hold one, leftmost first, and the static rest in wire form."""

    def __init__(self, labels: list[Label], tail: bytes) -> None:
        self.labels = labels
        self.lower: tuple[Label, ...] = tuple(
            [tuple([piece.lower() if isinstance(piece, bytes) else piece for piece in label]) for label in labels]
        )
        self.tail = tail.lower()
        self.last_mask = _bits_of(labels[-1]) if labels else 0
        self.mask = 0
        for label in labels:
            self.mask |= _bits_of(label)

    @cached_property
    def reader(self) -> Reader:
        """Give what reads the labels back."""
        return Reader(self.lower)

    def split(self, name: bytes) -> list[bytes] | None:
        """Give the labels of a name before the static rest; None when it does not end with that."""
        if not name.endswith(self.tail):
            return None
        end = len(name) - len(self.tail)
        texts = []
        at = 0
        while at < end:
            start = at + 1
            at = start + name[at]
            texts.append(name[start:at])
        return texts if at == end else None

    def read_ancestor(self, texts: list[bytes]) -> list[tuple[int, int]]:
        """Give (mask, value) of the address bits that the last of the labels mean, spelled exactly like this."""
        labels = self.lower[len(self.lower) - len(texts) :]
        return [
            (mask, value)
            for mask, value in self.reader.read(texts)
            if texts == [spell_label(label, value) for label in labels]
        ]


@lru_cache(maxsize=4096)
def load_form(data: bytes, version: int) -> Form:
    """Read back what `Form.dumped` is, without checking it again."""
    pieces = []
    at = 1
    for _ in range(data[0]):
        start = at + 2
        end = start + data[at + 1]
        pieces.append((data[at], data[start:end]))
        at = end
    return Form(version, tuple(pieces))


def _labels_of_pieces(pieces: tuple[Piece, ...], version: int, length: int) -> list[Label]:
    labels: list[Label] = []
    label: list[bytes | Field] = []
    for kind, data in pieces:
        if kind == LITERAL:
            label.append(data)
        elif kind == DOT:
            labels.append(tuple(label))
            label = []
        elif kind == KINDS["host"]:
            label.append(_host_field(version, length))
        elif kind != TAIL:
            first, *others = _TOKENS[kind, version]
            label += first
            for other in others:  # of {rev}
                labels.append(tuple(label))
                label = list(other)
    return labels


def _host_field(version: int, length: int) -> Field:
    free = BITS[version] - length
    if version == 4:
        return Field(DECIMAL, 0, (1 << free) - 1, host=True)
    return Field(HEX, 0, (1 << free) - 1, max(1, -(-free // 4)), host=True)


def _list_tokens() -> Iterator[tuple[tuple[int, int], tuple[Label, ...]]]:
    """Give for each kind and version the labels, most often one, that a token adds to the name."""
    a, b, c, d = (Field(DECIMAL, shift, 255) for shift in (24, 16, 8, 0))
    groups = [Field(HEX, shift, 0xFFFF, 4) for shift in range(112, -16, -16)]
    yield (KINDS["ip"], 4), ((a, b"-", b, b"-", c, b"-", d),)
    yield (KINDS["ip"], 6), ((Field(IP6, 0, (1 << 128) - 1),),)
    for name, octet in zip(ONLY[4], (a, b, c, d), strict=True):
        yield (KINDS[name], 4), ((octet,),)
    yield (KINDS["groups"], 6), (tuple([part for group in groups for part in (b"-", group)][1:]),)
    yield (KINDS["hex"], 4), ((Field(HEX, 0, (1 << 32) - 1, 8),),)
    yield (KINDS["hex"], 6), ((Field(HEX, 0, (1 << 128) - 1, 32),),)
    yield (KINDS["rev"], 4), ((d,), (c,), (b,), (a,))
    yield (KINDS["rev"], 6), tuple([(Field(HEX, shift, 15, 1),) for shift in range(0, 128, 4)])


_TOKENS: Final = dict(_list_tokens())


def _bits_of(label: Label) -> int:
    bits = 0
    for piece in label:
        if isinstance(piece, Field):
            bits |= piece.mask << piece.shift
    return bits
