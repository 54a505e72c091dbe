"""Zone files compiled here and now, for the commands that need no running server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrd.control.compiler import Compiled
    from ptrd.control.options import PublishOptions
    from ptrd.snapshot.view import Snapshot


def compile_zones(options: PublishOptions) -> tuple[Compiled, Snapshot | None]:
    """Compile files and folders in memory; there is no snapshot when they hold an error."""
    # What `ptrd serve` does without would add a fifth to the time until it answers.
    from ptrd.control.compiler import compile_sources  # noqa: PLC0415
    from ptrd.snapshot.image import open_image  # noqa: PLC0415

    compiled = compile_sources(
        options.zones,
        time.time(),
        limit=options.max_records,
        keys=options.keys,
        received=options.received,
        catalog=options.catalog,
    )
    if compiled.built is None:
        return compiled, None
    return compiled, open_image(b"".join(compiled.built.parts), verify=False)
