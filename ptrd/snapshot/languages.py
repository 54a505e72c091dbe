"""Whether two templates could ever make the same name, judged by how their labels can be spelled.

The spellings are taken a little too wide (an octet is up to three digits), so that "no" is certain and "yes" comes
with a name to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ptrd.snapshot.fields import DECIMAL, HEX, HEX_DIGITS, Field, Label
from ptrd.wire.names import ROOT, NameError_, join_labels, labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_END: Final = 256  # stands for the end of a label; no byte of one

_Piece: TypeAlias = tuple[int, ...] | Field
_State: TypeAlias = tuple[int, ...]  # which piece, and how far in it
_Move: TypeAlias = tuple[frozenset[int], _State]

_ZERO: Final = frozenset(b"0")
_DIGITS: Final = frozenset(b"0123456789")
_HEX: Final = frozenset(HEX_DIGITS)
_DASH: Final = frozenset(b"-")
_FREE: Final = bytes(HEX_DIGITS + b"-")  # all that a field can be spelled with


def skeleton(labels: Sequence[Label], tail: bytes) -> tuple[bytes, ...]:
    """Give, label by label, the bytes that no field can make; names of different skeletons are never the same."""
    literals = [b"".join([piece for piece in label if isinstance(piece, bytes)]) for label in labels]
    return tuple([text.translate(None, _FREE) for text in (*literals, *labels_of(tail))])


def edges(labels: Sequence[Label], tail: bytes) -> tuple[bytes, bytes]:
    """Give the bytes that every name begins with, after the first length byte, and those that every name ends with.

    Of two equal names one beginning begins with the other, and one end ends with the other.
    """
    if not labels:
        return labels_of(tail)[0] if tail != ROOT else b"", tail
    lead = b""
    for piece in labels[0]:
        if isinstance(piece, Field):
            break
        lead += piece
    trail = b""
    for piece in reversed(labels[-1]):
        if isinstance(piece, Field):
            break
        trail = piece + trail
    else:
        trail = b""  # all of the label is literal, so its length byte would stand before it
    return lead, trail + tail


def common_name(one: tuple[Sequence[Label], bytes], other: tuple[Sequence[Label], bytes]) -> bytes | None:
    """Give a name that both (labels, tail) may make, in wire form; None when it is certain that there is none.

    The root stands for one that is too long to try. A walk over the pairs of states of two automata whose bytes agree.
    """
    first, second = _Automaton(*one), _Automaton(*other)
    if first.count != second.count:
        return None
    start = (first.start, second.start)
    came: dict[tuple[_State, _State], tuple[tuple[_State, _State], int] | None] = {start: None}
    stack = [start]
    while stack:
        pair = stack.pop()
        if first.is_end(pair[0]) and second.is_end(pair[1]):
            return _name_of_path(came, pair)
        for ours, after in first.moves(pair[0]):
            for theirs, then in second.moves(pair[1]):
                if (after, then) in came:
                    continue
                agreed = ours & theirs
                if agreed:
                    came[after, then] = pair, min(agreed)
                    stack.append((after, then))
    return None


def _name_of_path(
    came: dict[tuple[_State, _State], tuple[tuple[_State, _State], int] | None], pair: tuple[_State, _State]
) -> bytes:
    path = []
    step = came[pair]
    while step is not None:
        path.append(step[1])
        step = came[step[0]]
    path.reverse()
    labels: list[bytes] = []
    label = bytearray()
    for byte in path:
        if byte == _END:
            labels.append(bytes(label))
            label.clear()
        else:
            label.append(byte)
    try:
        return join_labels(labels)
    except NameError_:  # longer than any range makes it, which is no proof that shorter ones differ
        return ROOT


class _Automaton:
    """Accepts the texts of a template, each label ended by _END."""

    def __init__(self, labels: Sequence[Label], tail: bytes) -> None:
        self._pieces: list[_Piece] = []
        for label in (*labels, *[(text,) for text in labels_of(tail)]):
            self._pieces += [tuple(piece) if isinstance(piece, bytes) else piece for piece in label if piece]
            self._pieces.append((_END,))
        self.count = self._pieces.count((_END,))
        self.start = self._begin(0)
        self._known: dict[_State, list[_Move]] = {}

    def is_end(self, state: _State) -> bool:
        return state[0] == len(self._pieces)

    def moves(self, state: _State) -> list[_Move]:
        """List the bytes that may follow, each set with the state that it leads to."""
        found = self._known.get(state)
        if found is None:
            found = self._known[state] = []
            at = state[0]
            if at < len(self._pieces):
                for bytes_, inside, leaves, stays in _steps(self._pieces[at], state[1:]):
                    if stays:
                        found.append((bytes_, (at, *inside)))
                    if leaves:
                        found.append((bytes_, self._begin(at + 1)))
        return found

    def _begin(self, at: int) -> _State:
        piece = self._pieces[at] if at < len(self._pieces) else ()
        return (at, 1, 0, 0) if isinstance(piece, Field) and piece.kind not in {DECIMAL, HEX} else (at, 0)


def _steps(piece: _Piece, inside: _State) -> list[tuple[frozenset[int], _State, bool, bool]]:
    """List (bytes, state within the piece after them, whether the piece may end there, whether it may go on)."""
    done = inside[0]
    if not isinstance(piece, Field):
        return [(frozenset((piece[done],)), (done + 1,), done + 1 == len(piece), done + 1 < len(piece))]
    if piece.kind == HEX:
        return [(_HEX, (done + 1,), done + 1 == piece.width, done + 1 < piece.width)]
    if piece.kind == DECIMAL:
        goes_on = done + 1 < len(str(piece.mask))
        if done:
            return [(_DIGITS, (done + 1,), True, goes_on)]
        return [(_ZERO, (1,), True, False), (_DIGITS - _ZERO, (1,), True, goes_on)]
    groups, digits, gap = inside  # groups begun, digits of the last one, whether two dashes have been seen
    steps: list[tuple[frozenset[int], _State, bool, bool]] = []
    ends = bool(gap) or groups == 8
    if not digits:
        steps.append((_ZERO, (groups, 4, gap), ends, True))
        steps.append((_HEX - _ZERO, (groups, 1, gap), ends, True))
        if not gap and groups > 1:
            steps.append((_DASH, (groups, 0, 1), False, True))
    elif digits < 4:
        steps.append((_HEX, (groups, digits + 1, gap), ends, True))
    if digits and groups < 8:
        steps.append((_DASH, (groups + 1, 0, gap), False, True))
    return steps
