"""What a scrape of /metrics wants to know, gathered from who knows it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ptrd.metrics.blocks import RANGES, RangeCounts
from ptrd.metrics.exposition import Readings

if TYPE_CHECKING:
    from ptrd.control.live import Link
    from ptrd.control.notify import ZoneNotifier
    from ptrd.control.publish import Publisher
    from ptrd.control.rechecks import Rechecks
    from ptrd.control.secondaryzones import SecondaryZones
    from ptrd.serve.pool import WorkerPool
    from ptrd.snapshot.view import Snapshot


def count_ranges(snapshot: Snapshot, workers: int) -> RangeCounts:
    """Make the counters of a snapshot's ranges."""
    return RangeCounts(workers, (snapshot.range_labels(number) for number in range(min(snapshot.range_count, RANGES))))


def take_readings(
    publisher: Publisher,
    pool: WorkerPool,
    link: Link,
    notices: ZoneNotifier,
    zones: SecondaryZones,
    *,
    started: float,
    ranges: RangeCounts | None,
    published: int,
    refused: int,
    rechecks: Rechecks | None,
    certificate_expires: float,
) -> Readings:
    """Read everything; times are Unix time, `published` and `refused` count publications."""
    live, outcome = publisher.live, publisher.outcome
    statistics = live.statistics if live is not None else {}
    return Readings(
        blocks=pool.blocks,
        ranges=ranges,
        started=started,
        workers=sum(link.is_current(acknowledged) for acknowledged in pool.acknowledged),
        restarts=pool.restarts,
        revision=link.revision if live is not None else 0,
        records=statistics.get("records", 0),
        managed=link.managed,
        range_count=statistics.get("ranges", 0),
        zones=statistics.get("zones", 0),
        image_bytes=statistics.get("bytes", 0),
        published=published,
        refused=refused,
        last_publish_ok=outcome is not None and outcome.ok,
        last_publish_time=outcome.at if outcome is not None else 0.0,
        last_publish_seconds=outcome.seconds if outcome is not None else 0.0,
        certificate_expires=certificate_expires,
        more={**notices.samples(), **zones.samples(), **(rechecks.samples() if rechecks is not None else {})},
        processes={"supervisor": os.getpid()} | {f"worker{number}": pid for number, pid in enumerate(pool.pids) if pid},
    )
