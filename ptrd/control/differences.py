"""At which names the zones of a new image differ from those of the image before, for secondaries that have the latter.

Found where the image is compiled; what stands at the names is looked up where both are served, with managed records.
"""

from __future__ import annotations

import contextlib
import mmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ptrd.snapshot.history import changed_names
from ptrd.snapshot.image import open_image
from ptrd.snapshot.layout import ImageError
from ptrd.wire.names import format_name, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ptrd.snapshot.view import Snapshot

MOST_NAMES: Final = 10_000  # of one zone; beyond them its secondaries get all of it
MOST_NAMES_IN_ALL: Final = 50_000  # of all zones of one publication


class Differing(NamedTuple):
    """The relative names at which zones differ from the image of revision `compared`, by the zones' names."""

    compared: int = -1
    names: Mapping[bytes, Sequence[bytes]] = {}

    def names_since(self, base: Snapshot | None) -> Mapping[bytes, Sequence[bytes]]:
        """Give the names when this snapshot, without what is managed, is what was compared; else none."""
        return self.names if base is not None and base.revision == self.compared else {}


def find_differing(old: Any, path: Path, changed: Iterable[str]) -> dict[str, Any]:  # noqa: ANN401 - an mmap or bytes
    """Compare an old image with the new one at `path`, in zones whose serial moved; JSON-able. Raises OSError."""
    names: dict[str, list[str]] = {}
    left = MOST_NAMES_IN_ALL
    with path.open("rb") as file, contextlib.suppress(ImageError):
        before = open_image(old, verify=False)
        after = open_image(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), verify=False)
        for zone in changed:
            origin = parse_name(zone)
            if origin in before.zones_by_name and origin in after.zones_by_name:
                found = changed_names(before, after, origin, min(MOST_NAMES, left))
                if found is not None:
                    left -= len(found)
                    names[format_name(origin)] = [name.hex() for name in found]
        return {"compared": before.revision, "names": names}
    return {}


def load_differing(dumped: Mapping[str, Any]) -> Differing:
    """Read back what `find_differing` gave."""
    if not dumped:
        return Differing()
    names = {parse_name(zone): [bytes.fromhex(name) for name in found] for zone, found in dumped["names"].items()}
    return Differing(dumped["compared"], names)
