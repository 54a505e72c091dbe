"""Default host names: what a template says, the name it makes for an address, and the way back.

A Template that exists can make a valid name for every address of its range: `parse_template` refuses all others.
`find` and `partial` accept exactly the spelling that `render` makes, ASCII case apart, and nothing else.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from ptrd import PtrdError
from ptrd.snapshot.fields import Label, fold, make_names, spell_label
from ptrd.snapshot.forms import DOT, KINDS, LITERAL, ONLY, TAIL, Form, Piece, Shape, load_form
from ptrd.wire.names import MAX_LABEL, MAX_NAME, ROOT, is_below, labels_of
from ptrd.wire.reverse import BITS, OCTETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrd.records.model import Prefix

_ALLOWED: Final = {
    version: ", ".join(f"{{{name}}}" for name in (*KINDS, "zone") if name not in ONLY[10 - version])
    for version in (4, 6)
}
_MAX_TEXT: Final = 8 * MAX_NAME  # no token is longer, and each makes a byte at least
_PART: Final = re.compile(r"\{([^{}]*)\}|([^{}.]+)|(\.)|[{}]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


class TemplateError(PtrdError):
    """A template cannot be used; the sentence says what is wrong, what was read, and what would be right."""


class Template:
    """A default host name for the addresses of one prefix."""

    def __init__(self, form: Form, prefix: Prefix, text: str | None = None) -> None:
        self.form = form
        self.prefix = prefix
        self._text = text
        self._free = (1 << BITS[prefix.version] - prefix.length) - 1

    @property
    def text(self) -> str:
        """Give the template as written, or when it was loaded with {zone} written out."""
        return self.form.text if self._text is None else self._text

    @cached_property
    def shape(self) -> Shape:
        """Give the template in fields; shared by the ranges that have the same text."""
        return self.form.shape(self.prefix.length)

    @cached_property
    def render(self) -> Callable[[int], bytes]:
        """Make the name of an address of the range, in wire form; capitals of the template are kept."""
        labels, tail = self._fold()
        return make_names(labels, tail)

    @cached_property
    def suffix(self) -> bytes:
        """Give the longest wire suffix, in lower case, that every name of the range ends with."""
        shape = self.shape
        return shape.tail if shape.last_mask & self._free else self._fold()[1].lower()

    @property
    def identifies(self) -> bool:
        """Tell whether no two addresses of the range have the same name."""
        return not self._free & ~self.shape.mask

    def find(self, name: bytes) -> int | None:
        """Give the address whose name this is, compared in lower case; None too when the template cannot identify."""
        texts = self.shape.split(name)
        if texts is None or len(texts) != len(self.shape.labels) or not self.identifies:
            return None
        prefix = self.prefix.number
        for mask, value in self.shape.reader.read(texts):
            number = prefix & ~mask | value
            if number ^ prefix <= self._free and self.render(number).lower() == name:
                return number
        return None

    def partial(self, name: bytes) -> tuple[int, int] | None:
        """Give (mask, value) of the address bits that a proper ancestor, in lower case, of the range's names fixes.

        (0, 0) for an ancestor of all of them; None for a name that is an ancestor of none.
        """
        shape = self.shape
        texts = shape.split(name)
        if texts is None:
            return (0, 0) if len(name) < len(shape.tail) and is_below(shape.tail, name) else None
        if len(texts) >= len(shape.labels):
            return None
        prefix = self.prefix.number
        for mask, value in shape.read_ancestor(texts):
            if (prefix & ~mask | value) ^ prefix <= self._free:
                return mask, value
        return None

    def folded_labels(self) -> list[Label]:
        """Give the labels in lower case with what the range's prefix fixes written out."""
        return [fold(label, self.prefix) for label in self.shape.lower]

    def _fold(self) -> tuple[list[Label], bytes]:
        """Write out what the prefix fixes and move the labels that become static at the end into the tail."""
        labels = [fold(label, self.prefix) for label in self.shape.labels]
        tail = self.form.tail
        while labels and all(isinstance(piece, bytes) for piece in labels[-1]):
            text = spell_label(labels.pop(), 0)
            tail = bytes((len(text),)) + text + tail
        return labels, tail


def parse_template(text: str, prefix: Prefix, zone: bytes) -> Template:
    """Read a template for a range; `zone` is the reverse zone's name, for {zone}.

    Raises TemplateError when some name that it makes in this range could not be served.
    """
    form = _parse_form(text, prefix.version, zone)
    template = Template(form, prefix, text)
    if not form.is_harmless:
        _check_names(template)
    return template


def dump_template(template: Template) -> bytes:
    """Write a template for an image, the same bytes for all ranges that have the same text; see `Form.dumped`."""
    return template.form.dumped


def load_template(data: bytes, prefix: Prefix) -> Template:
    """Read back what `dump_template` wrote, without checking it again."""
    return Template(load_form(bytes(data), prefix.version), prefix)


@lru_cache(maxsize=4096)
def _parse_form(text: str, version: int, zone: bytes) -> Form:
    labels = _read_labels(text, version, zone)
    tail = ROOT
    while labels and all(kind == LITERAL for kind, _ in labels[-1]):
        literal = b"".join([data for _, data in labels.pop()])
        _check_length(text, literal)
        tail = bytes((len(literal),)) + literal + tail
    if len(tail) > MAX_NAME:
        raise TemplateError(f"the names of template {text!r} take {len(tail)} bytes and more; {MAX_NAME} are allowed")
    pieces: list[Piece] = []
    for label in labels:
        literal = b""
        for kind, data in label:
            if kind == LITERAL:
                literal += data
                continue
            pieces += [(LITERAL, literal), (kind, b"")] if literal else [(kind, b"")]
            literal = b""
        pieces += [(LITERAL, literal), (DOT, b"")] if literal else [(DOT, b"")]
    for _, literal in pieces:
        _check_length(text, literal)
    return Form(version, (*pieces, (TAIL, tail)))


def _check_length(text: str, literal: bytes) -> None:
    if len(literal) > MAX_LABEL:
        raise TemplateError(
            f"a label of template {text!r} has {len(literal)} bytes; at most {MAX_LABEL} are allowed, so shorten it"
        )


def _read_labels(text: str, version: int, zone: bytes) -> list[list[Piece]]:
    """Split a template into labels of pieces; what holds for every range is checked here."""
    if len(text) > _MAX_TEXT:
        raise TemplateError(
            f"a template of {len(text)} characters, {text[:40]!r} and so on, is too long; a name has {MAX_NAME} bytes"
        )
    where = f"in template {text!r}"
    labels: list[list[Piece]] = [[]]
    body = text.removesuffix(".")
    if not body:
        raise TemplateError(f"template {text!r} is no name; write one such as '{{ip}}.dyn.example.net'")
    last = "."  # the part before, to see where labels begin and end
    decimal = ""  # the decimal token that no non-digit has ended yet
    for found in _PART.finditer(body):
        word, literal, dot = found.groups()
        if dot:
            if not labels[-1]:
                raise TemplateError(f"the label number {len(labels)} {where} is empty; write one dot between labels")
            if last.endswith("-"):
                break
            labels.append([])
            decimal = ""
        elif literal:
            _check_literal(literal, where)
            if literal.startswith("-") and last == ".":
                last = "-"
                break
            labels[-1].append((LITERAL, literal.encode("ascii")))
            decimal = "" if literal.strip("0123456789") else decimal
        elif word is None:
            raise TemplateError(f"a brace {where} has no partner; write tokens as {_ALLOWED[version]}")
        elif word == "zone":
            for number, label in enumerate(labels_of(zone)):
                if number:
                    labels.append([])
                    decimal = ""
                labels[-1].append((LITERAL, label))
                decimal = "" if label.strip(b"0123456789") else decimal
        else:
            kind = _kind_of(word, version, where)
            if decimal and version == 4 and word != "hex":
                raise TemplateError(
                    f"{{{decimal}}} and {{{word}}} {where} could not be told apart; "
                    f"write a dash, a letter or a dot between them, as in '{{{decimal}}}-{{{word}}}'"
                )
            labels[-1].append((kind, b""))
            decimal = word if version == 4 and word != "hex" else decimal
        last = found.group()
    if last.endswith("-"):
        raise TemplateError(f"a label {where} begins or ends with a dash, which no host name may; take the dash away")
    if not labels[-1]:
        raise TemplateError(f"the last label {where} is empty; end it with one dot or none")
    return labels


def _check_literal(literal: str, where: str) -> None:
    found = _PLAIN.match(literal)
    if found is None or found.end() < len(literal):
        wrong = literal[found.end() if found else 0]
        advice = "" if wrong.isascii() else ", and the A-label (xn--...) of an internationalized name"
        raise TemplateError(
            f"the character {wrong!r} {where} cannot stand in a host name; "
            f"use letters, digits, dashes and underscores{advice}"
        )


def _kind_of(token: str, version: int, where: str) -> int:
    kind = KINDS.get(token)
    if kind is None:
        read = "{" + token + "}"
        raise TemplateError(f"there is no token {read!r}, as written {where}; there are {_ALLOWED[version]}")
    if token in ONLY[10 - version]:
        raise TemplateError(
            f"the token {{{token}}} {where} is for IPv{10 - version} and the range is IPv{version}, "
            f"which has {_ALLOWED[version]}"
        )
    return kind


def _check_names(template: Template) -> None:
    """Check the longest name of the range, which is that of its last address.

    All its free bits are one. For decimal and hexadecimal numbers that is plainly the longest. For the shortest form
    of an IPv6 address too: a field of ones is never shorter, and a run of zeros that the prefix fixes can only be
    written out when a longer run stands in the free bits, which loses more than it gains.
    """
    names = []
    for number in (template.prefix.number, template.prefix.last):
        labels = [spell_label(label, number) for label in template.shape.labels]
        names.append(labels + labels_of(template.form.tail))
    first, longest = names
    worst = max(longest, key=len)
    if len(worst) > MAX_LABEL:
        raise TemplateError(
            f"template {template.text!r} makes labels of up to {len(worst)} bytes, such as "
            f"{worst.decode('latin-1')!r}; at most {MAX_LABEL} are allowed, so take something out or put a dot in"
        )
    size = sum(map(len, longest)) + len(longest) + 1
    if size > MAX_NAME:
        raise TemplateError(
            f"template {template.text!r} makes names that take up to {size} bytes; at most {MAX_NAME} are allowed, "
            "so shorten it"
        )
    if len(first) == 4 and all(label in OCTETS for label in first):
        raise TemplateError(
            f"template {template.text!r} makes names that are addresses, such as {b'.'.join(first).decode()!r}; "
            "add a domain, as in '{ip}.dyn.example.net'"
        )
