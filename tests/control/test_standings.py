"""Where secondaries stand, as metrics that stay few and as a list that begins with the worst."""

from __future__ import annotations

from ptrd.control.secondaries import Standing
from ptrd.control.standings import EACH, describe, samples_of
from ptrd.records.transfer import NotifyTarget
from ptrd.wire.names import parse_name


def standing(number, behind, serial=7):
    """Give a standing of zone `number`."""
    target = NotifyTarget("2001:db8::53", 5300, None)
    return Standing(parse_name(f"z{number}.example"), target, serial, 9, behind, "")


def test_metrics_of_secondaries_are_bounded():
    """The first thousand have metrics of their own; of the others only the longest lag is told."""
    found = samples_of([standing(number, float(number)) for number in range(EACH + 500)])
    assert len(found["ptrd_secondary_serial"]) == EACH
    assert len(found["ptrd_secondary_lag_seconds"]) == EACH + 1
    assert found["ptrd_secondary_serial"][3] == (("z3.example.", "[2001:db8::53]:5300"), 7)
    assert found["ptrd_secondary_lag_seconds"][-1] == (("other", "other"), EACH + 499.0)


def test_what_is_not_known_is_not_told():
    """A secondary without a known serial, or without a lag that could be known, has no such metric."""
    found = samples_of([standing(1, None, None)])
    assert found == {
        "ptrd_secondary_acknowledged_serial": [],
        "ptrd_secondary_serial": [],
        "ptrd_secondary_lag_seconds": [],
    }


def test_the_last_come_first():
    """Secondaries are counted, and listed by how long they are behind."""
    standings = [standing(1, 0.0), standing(2, 5.0), standing(3, None), standing(4, 60.0)]
    assert describe(standings, each=False) == {"secondaries": {"total": 4, "behind": 2}}
    listed = describe(standings, each=True)["standings"]
    assert [(item["zone"], item["behind"]) for item in listed][:2] == [("z4.example.", 60.0), ("z2.example.", 5.0)]
    assert listed[-1]["behind"] is None
