"""Changes that are flushed to the disk together: each whole or not at all by itself, and served as one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ptrd.records.changes import Entry
from ptrd.store.database import Committed, Job
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ptrd.records.changes import Change
    from ptrd.store.database import Transaction

    # work, actor, request id, dry run, who waits
    Queued = tuple[Callable[[Transaction], Any], str, str, bool, asyncio.Future[Committed]]


class Batch:
    """A batch for the database: its jobs, and what comes of them together. `serial_of` gives a change's zone."""

    def __init__(self, serial_of: Callable[[Change], tuple[bytes, int] | None], batch: list[Queued]) -> None:
        self._serial_of = serial_of
        self._serials: dict[bytes, int] = {}
        now = time.time()
        self.jobs = [
            Job(work, actor, request_id, now, None if dry_run else self._finish, dry_run)
            for work, actor, request_id, dry_run, _ in batch
        ]

    def committed(self, outcomes: list[Committed | Exception]) -> tuple[int, Entry]:
        """Put together what was committed: the first revision, and an entry of the last with all changes."""
        done = [
            outcome
            for outcome, job in zip(outcomes, self.jobs, strict=True)
            if isinstance(outcome, Committed) and not job.dry_run
        ]
        changes = [change for outcome in done for change in outcome.changes]
        first = min([outcome.revision for outcome in done if outcome.changes], default=0)
        last = max([outcome.revision for outcome in done], default=0)
        return first, Entry(last, changes, self._serials)

    def _finish(self, transaction: Transaction, changes: list[Change]) -> None:
        """Give the zones that a job changes their next serials."""
        pairs: dict[bytes, tuple[int | None, int]] = {}
        for zone, serial in filter(None, map(self._serial_of, changes)):
            if zone not in pairs:
                old = self._serials.get(zone, serial)
                pairs[zone] = old, old + 1 & 0xFFFFFFFF
        if pairs:
            transaction.set_serials({format_name(zone): pair for zone, pair in pairs.items()})
            self._serials |= {zone: new for zone, (_, new) in pairs.items()}
