"""Secondaries, one by one, by a clock of the test's own: when each is told and asked, and since when it is behind."""

from __future__ import annotations

import itertools
import random

from ptrd.control.secondaries import GRAIN, REMEMBERED, Agenda, History, Pace, Secondary
from ptrd.records.transfer import NotifyTarget

PACE = Pace()
ZONE = b"\x07example\0"
TARGET = NotifyTarget("192.0.2.53", 53, None)


def make(serial=1, now=0.0, **options):
    """Give a secondary of a zone that has a serial."""
    return Secondary(ZONE, TARGET, History(serial, now), now, PACE, **options)


def test_the_first_notify_goes_out_at_once():
    """A secondary that was not told lately is told of a change at the moment of the change."""
    assert make().change(5.0, None) == 5.0


def test_a_notify_without_an_answer_is_sent_less_and_less_often():
    """It is sent six times, after 1, 2, 4, 8 and 16 seconds, and has failed 32 seconds after the last."""
    secondary = make()
    at = secondary.change(0.0, None)
    times = []
    while secondary.expire():
        times.append(at)
        at = secondary.send(at)
    assert times == [0, 1, 3, 7, 15, 31]
    assert at == 63
    assert secondary.unheard == "does not answer NOTIFY"


def test_the_next_change_begins_anew():
    """After it has failed the next change is told at once, and again after one second."""
    secondary = make()
    at = secondary.change(0.0, None)
    while secondary.expire():
        at = secondary.send(at)
    assert secondary.change(100.0, None) == 100.0
    assert secondary.expire()
    assert secondary.send(100.0) == 101.0


def test_changes_do_not_hasten_who_is_silent():
    """While a NOTIFY is out another change sends nothing; under a stream of changes it goes on, a minute apart."""
    secondary = make()
    at = secondary.change(0.0, None)
    gaps = []
    for serial in range(2, 20):
        assert secondary.expire()
        then = secondary.send(at)
        gaps.append(then - at)
        secondary.history.add(serial, at)
        assert secondary.change(at + 0.1, then) is None
        at = then
    assert gaps == [1, 2, 4, 8, 16, 32] + [60] * 12


def test_one_notify_is_out_at_most_and_the_newest_serial_wins():
    """Changes while a NOTIFY is out make one more after its answer, half a second after the last at the earliest."""
    secondary = make()
    assert secondary.change(0.0, None) == 0
    secondary.send(0.0)
    for number in range(100):
        secondary.history.add(2 + number, 0.001 * number)
        assert secondary.change(0.001 * number, 1.0) is None
    assert secondary.acknowledge(1, 0.2) == 0.5
    secondary.send(0.5)
    assert secondary.acknowledge(101, 0.6) is None


def test_a_stream_of_changes_is_told_twice_a_second():
    """With a thousand changes in ten seconds and prompt answers, 20 NOTIFYs go out, and the last says the last."""
    secondary = make()
    sent = []
    due = None
    for step in range(1, 1200):
        now = step / 100
        if step <= 1000:
            secondary.history.add(1 + step, now)
            found = secondary.change(now, due)
            due = found if found is not None else due
        if due is not None and due <= now:
            secondary.send(now)
            sent.append((now, secondary.history.newest))
            due = secondary.acknowledge(secondary.history.newest, now + 0.002)
    assert 18 <= len(sent) <= 21
    assert min(b[0] - a[0] for a, b in itertools.pairwise(sent)) > PACE.gap - 1e-9
    assert sent[-1][1] == 1001


def test_another_rcode_is_no_acknowledgement():
    """A secondary that refuses is told again, and the trouble says what it answers."""
    secondary = make()
    at = secondary.send(0.0)
    secondary.decline("REFUSED")
    assert at == 1.0
    assert secondary.expire()
    assert secondary.unheard == "answers NOTIFY with REFUSED"


def test_a_secondary_is_behind_since_the_first_change_that_it_lacks():
    """The lag counts from the change after the serial that it serves, not from the newest one."""
    secondary = make(serial=10, now=0.0)
    assert secondary.serve(10, 1.0) == 1.0 + secondary.refresh
    assert secondary.standing(50.0).behind == 0
    for number in range(1, 5):
        secondary.history.add(10 + number, 100.0 * number)
        secondary.change(100.0 * number, None)
    secondary.serve(12, 450.0)
    assert secondary.standing(460.0).behind == 160.0  # since serial 13
    secondary.serve(14, 470.0)
    assert secondary.standing(480.0).behind == 0
    secondary.serve(15, 490.0)  # newer than ours: it lacks nothing of ours
    assert secondary.standing(500.0).behind == 0


def test_serials_are_compared_around_the_end_of_their_circle():
    """A secondary at 4294967295 lacks serial 0 (RFC 1982)."""
    secondary = make(serial=0xFFFFFFFF, now=0.0)
    secondary.serve(0xFFFFFFFF, 1.0)
    secondary.history.add(0, 10.0)
    secondary.change(10.0, None)
    secondary.serve(0xFFFFFFFF, 20.0)
    assert secondary.standing(30.0).behind == 20.0


def test_a_secondary_that_was_never_heard_is_behind_from_the_start():
    """Who does not answer at all has a lag that grows, and a reason."""
    secondary = make()
    asked = [0.0]
    for _ in range(12):
        asked.append(secondary.miss("", asked[-1]))
    gaps = [b - a for a, b in itertools.pairwise(asked)]
    assert gaps == [4, 8, 16, 32, 64, 128, 256, *[300] * 5]
    assert secondary.standing(1000.0)[2:] == (None, 1, 1000.0, "does not answer", None)


def test_a_secondary_that_makes_progress_is_asked_soon():
    """One that is behind is asked twice as late each time, unless it has moved since."""
    secondary = make(serial=100)
    assert [secondary.serve(50, 0.0), secondary.serve(50, 0.0), secondary.serve(50, 0.0)] == [2, 4, 8]
    assert secondary.serve(60, 0.0) == 2


def test_a_secretive_secondary_has_no_lag():
    """A secondary that refuses to tell the serial of a catalog is not said to be behind, nor up to date."""
    secondary = make(secretive=True)
    assert secondary.miss("REFUSED", 5.0) == 5.0 + secondary.refresh
    assert secondary.standing(10.0).behind is None
    open_hearted = make()
    open_hearted.miss("REFUSED", 5.0)
    assert open_hearted.standing(10.0)[3:] == (1, 10.0, "answers REFUSED when asked for the SOA", None)


def test_the_history_of_serials_is_bounded():
    """Changes of a few seconds are remembered as one, so an hour of them takes few places."""
    history = History(0, 0.0)
    for second in range(1, 3601):
        history.add(second, float(second))
    assert len(history._steps) == REMEMBERED
    oldest = history._steps[0][1]
    assert oldest <= 3600 - (REMEMBERED - 1) * GRAIN
    assert history.lacking_since(3600) is None
    for serial in (int(oldest) + 7, 3000, 3599):
        since = history.lacking_since(serial)
        assert serial + 1 <= since <= serial + 1 + GRAIN
    assert not history.add(3600, 9999.0)


def test_an_agenda_has_each_item_once_in_order_of_time():
    """What is put again has its new time, what is dropped never comes, and the earliest comes first."""
    chance = random.Random(4)
    agenda = Agenda()
    due = {}
    for _ in range(2000):
        item, at = chance.randrange(100), chance.random() * 100
        if chance.random() < 0.2:
            agenda.drop(item)
            due.pop(item, None)
        else:
            agenda.put(item, at)
            due[item] = at
    assert len(agenda) == len(due)
    taken = []
    for now in range(101):
        assert agenda.next_at is None or agenda.next_at > now - 1
        while (item := agenda.take(now)) is not None:
            assert due[item] <= now
            taken.append(item)
    assert taken == sorted(due, key=due.get)
    assert agenda.next_at is None
