"""ptrd by call: zone files compiled in this process, and `respond()` as a target that needs no socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.control.compiler import compile_sources
from ptrd.engine.responder import Options, Service, respond
from ptrd.snapshot.image import open_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ptrd.snapshot.view import Snapshot


class Called:
    """ptrd's engine on one snapshot, as a target."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.service = Service(Options())

    def ask(self, query: bytes, tcp: bool) -> bytes | None:  # noqa: FBT001 - as the engine's respond()
        """Give the answer, or None for silence."""
        return respond(self.snapshot, self.service, query, int(tcp))[0] or None


def write_zones(folder: Path, texts: Sequence[str]) -> Path:
    """Write each text into a zone file of its own; the folder is what `zones:` names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def compile_world(folder: Path, texts: Sequence[str]) -> Snapshot:
    """Compile zone documents; an error in them is an AssertionError that lists the problems."""
    compiled = compile_sources([str(write_zones(folder, texts))], 1_700_000_000.0)
    errors = [str(problem) for problem in compiled.problems if not problem.warning]
    if errors or compiled.built is None:
        raise AssertionError("\n".join(["ptrd refuses a valid world", *errors]))
    return open_image(b"".join(compiled.built.parts))
