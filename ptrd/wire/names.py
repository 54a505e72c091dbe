"""Domain names in bytes.

A name is always its uncompressed wire form, with length bytes and the final zero byte. `lower()` of such bytes is
safe: a length byte is at most 63 and so never an ASCII capital. Names in ptrd are lower-cased where they are keys.
"""

from __future__ import annotations

from typing import Final

from ptrd import PtrdError

MAX_NAME: Final = 255  # RFC 1035, 2.3.4, with length bytes and the root's zero
MAX_LABEL: Final = 63
ROOT: Final = b"\0"

# Printable ASCII that stands for itself in a master file; everything else is escaped (RFC 1035, 5.1).
_PLAIN: Final = frozenset(b"!#%&'*+,-/0123456789:<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~")
_SPELLING: Final = tuple(
    chr(byte) if byte in _PLAIN else "\\" + chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03d}" for byte in range(256)
)


class NameError_(PtrdError):  # noqa: N818, N801 - NameError is Python's own
    """A text or a byte string is not a domain name; the sentence says why."""


def labels_of(name: bytes) -> list[bytes]:
    """Split a name into its labels, leftmost first, without the root."""
    found = []
    at = 0
    while size := name[at]:
        found.append(name[at + 1 : at + 1 + size])
        at += size + 1
    return found


def join_labels(labels: list[bytes]) -> bytes:
    """Make a name of labels, leftmost first.

    Raises NameError_ for an empty label, one over 63 bytes, or a name over 255 bytes.
    """
    for label in labels:
        if not label:
            raise NameError_("it has an empty label")
        if len(label) > MAX_LABEL:
            raise NameError_(f"its label {_spell(label)!r} has {len(label)} bytes, at most {MAX_LABEL} are allowed")
    name = b"".join([bytes((len(label),)) + label for label in labels]) + ROOT
    if len(name) > MAX_NAME:
        raise NameError_(f"it takes {len(name)} bytes, at most {MAX_NAME} are allowed")
    return name


def parse_name(text: str) -> bytes:
    r"""Read an absolute name in master-file notation; the final dot is optional, `.` is the root.

    `\\DDD` and `\\X` are understood (RFC 1035, 5.1); case is kept. Raises NameError_.
    """
    if text == ".":
        return ROOT
    if not text:
        raise NameError_("it is empty")
    if "\\" in text or not text.isascii():
        return join_labels(_escaped_labels(text))
    return join_labels(text.removesuffix(".").encode("ascii").split(b"."))


def format_name(name: bytes) -> str:
    """Write a name in master-file notation with its final dot; never holds a control byte, space or quote bare."""
    if name == ROOT:
        return "."
    return "".join([_spell(label) + "." for label in labels_of(name)])


def offsets_of(name: bytes) -> tuple[int, ...]:
    """Give where each label begins in the name, the root's last: `len()` is the number of labels plus one."""
    found = [0]
    at = 0
    while size := name[at]:
        at += size + 1
        found.append(at)
    return tuple(found)


def is_below(name: bytes, ancestor: bytes) -> bool:
    """Tell whether a name equals the ancestor or lies below it; both in lower case."""
    at = len(name) - len(ancestor)
    return at >= 0 and name.endswith(ancestor) and at in offsets_of(name)


def sort_key(name: bytes) -> bytes:
    r"""Give the key that orders names canonically (RFC 4034, 6.1) when compared as bytes.

    The labels, rightmost first, joined by zero bytes; bytes 0 and 1 within a label become `\1\1` and `\1\2`. Names
    below N are then exactly the keys that begin with `key(N) + b"\0"`. The name is in lower case; the root's key is
    empty.
    """
    sizes = name[:-1:2]
    if sizes.count(1) == len(sizes) and 0 not in name[1::2] and 1 not in name[1::2]:  # nibbles, mostly
        nibbles = bytearray(max(len(name) - 2, 0))
        nibbles[0::2] = name[-2::-2]
        return bytes(nibbles)
    labels = labels_of(name)
    labels.reverse()
    key = b"\0".join(labels)
    if key.count(0) >= len(labels) or 1 in key:
        return b"\0".join([label.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for label in labels])
    return key


def name_of_key(key: bytes) -> bytes:
    """Give back the name of a sort key."""
    labels = [label.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1") for label in key.split(b"\0")] if key else []
    labels.reverse()
    return join_labels(labels)


def _spell(label: bytes) -> str:
    return "".join([_SPELLING[byte] for byte in label])


def _escaped_labels(text: str) -> list[bytes]:
    labels: list[bytes] = []
    label = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == ".":
            labels.append(bytes(label))
            label.clear()
            continue
        if char == "\\":
            if text[at : at + 3].isdigit() and len(text[at : at + 3]) == 3 and text[at : at + 3].isascii():
                if int(text[at : at + 3]) > 0xFF:
                    raise NameError_(f"its escape \\{text[at : at + 3]} is above 255")
                label.append(int(text[at : at + 3]))
                at += 3
                continue
            if at == len(text):
                raise NameError_("it ends in a lone backslash")
            char = text[at]
            if char in "0123456789":
                raise NameError_(f"its escape \\{text[at : at + 3]} is not three digits")
            at += 1
        if not char.isascii():
            raise NameError_(f"it holds {char!r}, which is not ASCII; write an internationalized name as xn--…")
        label += char.encode("ascii")
    if label or not labels:
        labels.append(bytes(label))
    return labels
