"""Where secondaries stand, as metrics and as plain values for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ptrd.client.endpoints import Endpoint
from ptrd.wire.names import format_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ptrd.control.secondaries import Standing
    from ptrd.records.transfer import NotifyTarget

EACH: Final = 1000  # secondaries of all zones that have metrics of their own; of the others the longest lag is told
_OTHER: Final = ("other", "other")

Samples = dict[str, list[tuple[tuple[str, ...], float]]]


def samples_of(standings: Iterable[Standing]) -> Samples:
    """Give the metrics of secondaries, by their names, as (labels, value)."""
    acknowledged: list[tuple[tuple[str, ...], float]] = []
    serials: list[tuple[tuple[str, ...], float]] = []
    lags: list[tuple[tuple[str, ...], float]] = []
    others = []
    for number, standing in enumerate(standings):
        if number >= EACH:
            others.append(standing.behind or 0.0)
            continue
        labels = format_name(standing.zone), name_of(standing.target)
        if standing.acknowledged is not None:
            acknowledged.append((labels, standing.acknowledged))
        if standing.serial is not None:
            serials.append((labels, standing.serial))
        if standing.behind is not None:
            lags.append((labels, standing.behind))
    if others:
        lags.append((_OTHER, max(others)))
    return {
        "ptrd_secondary_acknowledged_serial": acknowledged,
        "ptrd_secondary_serial": serials,
        "ptrd_secondary_lag_seconds": lags,
    }


def describe(standings: Sequence[Standing], *, each: bool) -> dict[str, Any]:
    """Count the secondaries of our zones, and those that are behind; with `each` list them, the last ones first."""
    behind = sum(bool(standing.behind) for standing in standings)
    found: dict[str, Any] = {"secondaries": {"total": len(standings), "behind": behind}}
    if each:
        found["standings"] = [
            {
                "secondary": name_of(standing.target),
                "zone": format_name(standing.zone),
                "acknowledged": standing.acknowledged,
                "serial": standing.serial,
                "newest": standing.newest,
                "behind": None if standing.behind is None else round(standing.behind, 3),
                "trouble": standing.trouble,
            }
            for standing in sorted(standings, key=lambda standing: -(standing.behind or 0.0))
        ]
    return found


def name_of(target: NotifyTarget) -> str:
    """Write a secondary's address, with the port where it is not 53."""
    return str(Endpoint(target.host, target.port))
