"""What primaries sent becomes segments: composed with what is written here of each zone, or reused as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptrd.records.model import Problem
from ptrd.records.received import compose
from ptrd.snapshot.image import Input
from ptrd.snapshot.segment import compile_segment
from ptrd.snapshot.stubs import load_stub, stub_behind
from ptrd.store.received import ReceivedError, content_path, is_from, parse_received, stat_received

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrd.snapshot.image import Buffer


def received_segment(
    stub: dict[str, Any], folder: str, known: Mapping[Input, memoryview]
) -> tuple[Input, Buffer, list[Problem]]:
    """Give the segment of a zone that comes from its primaries, what it was made of, and what is wrong with that.

    `known` is what an image has of inputs that have not changed since. A zone of which nothing is there is absent, and
    so is one whose content came from servers of which none is its primary any more.
    """
    zone = load_stub(stub)
    path = content_path(Path(folder), zone.origin) if folder else Path()
    source = stat_received(str(path)) if folder else Input("", 0, 0, 0, 0)
    if source.size and not is_from(path, zone.primaries):
        source = Input(source.path, 0, 0, 0, 0)
    old = known.get(source)
    if old is not None and stub_behind(old) == stub:
        return source, old, []
    problems = []
    if source.size:
        try:
            zone = compose(zone, parse_received(path.read_bytes(), str(path)))
        except (ReceivedError, OSError) as error:
            problems.append(Problem(zone.place, f"what its primary sent cannot be read: {error}", warning=True))
    return source, compile_segment(source.path, [zone], received=True), problems
