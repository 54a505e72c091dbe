"""The zones' histories across restarts: written into the state folder now and then when they change, and at the end.

A history counts only where it ends in what is served, so one that is lost or late costs secondaries a whole transfer.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ptrd.snapshot.history import carry
from ptrd.snapshot.steps import Histories, dump_histories, load_histories
from ptrd.store.atomic import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ptrd.control.differences import Differing
    from ptrd.records.changes import Entry
    from ptrd.snapshot.view import Snapshot

INTERVAL: Final = 20.0  # seconds between two looks

log = logging.getLogger("ptrd")


class HistoryKeeper:
    """Keeps the histories of what `snapshot` gives in a file."""

    def __init__(self, path: Path, snapshot: Callable[[], Snapshot | None]) -> None:
        self._path = path
        self._snapshot = snapshot
        self._kept = Histories()

    def load(self) -> Histories:
        """Read what was kept; nothing when there is none that can be read."""
        try:
            self._kept, _ = load_histories(memoryview(self._path.read_bytes()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read (%s): secondaries will get whole zones", self._path, error)
        return self._kept

    async def run(self) -> None:
        """Write the file whenever there is something new. Never returns."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """Write the file if there is something new."""
        snapshot = self._snapshot()
        if snapshot is None or snapshot.histories is self._kept or (not snapshot.histories and not self._kept):
            return
        histories = snapshot.histories
        try:
            replace(self._path, dump_histories(histories, snapshot.most_steps))
        except OSError as error:
            log.warning("cannot write %s: %s", self._path, error.strerror)
        self._kept = histories


def go_on(
    base: Snapshot,
    entry: Entry,
    before: tuple[Snapshot | None, Snapshot | None],
    differing: Differing | None,
    known: Histories,
    most: int,
) -> None:
    """Give an image the zones' histories, which go on from what is served, or from what is `known` when nothing is.

    `entry` is what is managed over the image, `before` what is served without and with what is managed. It takes a
    while when much has changed, so no loop should wait for it.
    """
    base.remember(Histories(), most)
    whole = base.with_overlay(entry.changes, entry.revision, entry.serials, past=True)
    names = {} if differing is None else differing.names_since(before[0])
    base.remember(carry(before[1], whole, names, known), most)
