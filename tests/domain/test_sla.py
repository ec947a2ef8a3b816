"""Deadlines and warnings follow from priority, start and pauses alone, and the marks explain them."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import sla
from flowops.domain.handoffs import Priority
from flowops.domain.sla import Clock, Kind, Mark, State
from tests.domain import make

PRIORITIES, CLOCKS = st.sampled_from(Priority), st.sampled_from(Clock)
GAPS = st.timedeltas(timedelta(microseconds=1), timedelta(days=30))
MINUTE = timedelta(minutes=1)
NOW = make.NOW


@pytest.mark.parametrize(
    ("priority", "response", "resolution"),
    [("urgent", 0.5, 2), ("high", 1, 4), ("medium", 8, 24), ("low", 24, 72)],
)
def test_the_targets_are_those_we_promise(priority: str, response: float, resolution: float) -> None:
    assert sla.due_at(Priority(priority), Clock.RESPONSE, NOW) - NOW == timedelta(hours=response)
    assert sla.due_at(Priority(priority), Clock.RESOLUTION, NOW) - NOW == timedelta(hours=resolution)


@given(PRIORITIES, CLOCKS)
def test_a_warning_comes_after_the_start_and_before_the_deadline(priority: Priority, clock: Clock) -> None:
    due_at = sla.due_at(priority, clock, NOW)
    assert NOW < sla.warn_at(due_at, due_at - NOW) < due_at


@given(GAPS)
def test_a_warning_is_the_later_of_three_quarters_and_half_an_hour_before(promised: timedelta) -> None:
    left = promised - (sla.warn_at(NOW + promised, promised) - NOW)
    assert left <= timedelta(minutes=30)
    assert left <= promised / 4 + timedelta(microseconds=1)


@given(PRIORITIES, PRIORITIES, CLOCKS)
def test_the_more_urgent_is_due_sooner(one: Priority, other: Priority, clock: Clock) -> None:
    assert (one.rank > other.rank) == (sla.due_at(one, clock, NOW) < sla.due_at(other, clock, NOW))


@given(GAPS)
def test_a_promise_is_breached_only_after_its_deadline(gap: timedelta) -> None:
    assert sla.is_breached(NOW, NOW + gap)
    assert not sla.is_breached(NOW, NOW)
    assert not sla.is_breached(NOW, NOW - gap)


@given(GAPS)
def test_a_case_without_a_deadline_was_promised_nothing(gap: timedelta) -> None:
    assert not sla.is_breached(None, NOW + gap)


MINUTES = st.integers(0, 6000)
STEPS = st.lists(st.tuples(MINUTES, st.sampled_from([*Priority, Kind.PAUSED, Kind.RESUMED])), max_size=12)
STARTS = st.timedeltas(timedelta(0), timedelta(days=366)).map(lambda later: NOW + later)


@given(STARTS, PRIORITIES, CLOCKS, STEPS)
def test_the_time_that_is_left_is_that_of_a_counter_of_minutes(
    started_at: datetime, priority: Priority, clock: Clock, steps: list[tuple[int, Priority | Kind]]
) -> None:
    slow = make.MinuteCounter(priority, clock)
    now = started_at
    run = [Mark(now, Kind.STARTED, clock, priority, sla.due_at(priority, clock, now))]
    for minutes, step in steps:
        now += minutes * MINUTE
        slow.wait(minutes)
        assert sla.spent(run, now) == slow.counted * MINUTE
        assert sla.spent(run, now, State.PAUSED) == slow.paused * MINUTE
        assert sla.left(run, now) == slow.left * MINUTE
        assert sum((i.length(now) for i in sla.intervals(run)), timedelta(0)) == now - started_at
        if isinstance(step, Priority):
            slow.aim(step)
            due_at = sla.reached(run, now) + sla.left_under(run, step, now)
            run.append(Mark(now, Kind.RETARGETED, clock, step, due_at))
        elif slow.is_paused is (step is Kind.RESUMED):
            slow.is_paused = not slow.is_paused
            due_at = run[-1].due_at if slow.is_paused else now + sla.left(run, now)
            run.append(Mark(now, step, clock, run[-1].priority, due_at))


def test_what_is_left_stands_still_while_a_clock_is_paused_and_once_it_has_stopped() -> None:
    due_at = NOW + timedelta(hours=1)
    run = [Mark(NOW, Kind.STARTED, Clock.RESPONSE, Priority.HIGH, due_at)]
    for kind in (Kind.PAUSED, Kind.STOPPED):
        stood = [*run, Mark(NOW + 20 * MINUTE, kind, Clock.RESPONSE, Priority.HIGH, due_at)]
        assert {sla.left(stood, NOW + gap * MINUTE) for gap in (20, 21, 6000)} == {40 * MINUTE}


def test_time_in_which_a_case_was_resolved_belongs_to_no_clock() -> None:
    def mark(minute: int, kind: Kind) -> Mark:
        return Mark(NOW + minute * MINUTE, kind, Clock.RESOLUTION, Priority.HIGH, NOW + 240 * MINUTE)

    run = [mark(0, Kind.STARTED), mark(10, Kind.STOPPED), mark(100, Kind.RESUMED)]
    assert [(i.state, i.length(NOW + 105 * MINUTE)) for i in sla.intervals(run)] == [
        (State.COUNTED, 10 * MINUTE),
        (State.COUNTED, 5 * MINUTE),
    ]


def test_each_clock_has_the_marks_from_its_start_to_the_next() -> None:
    def mark(kind: Kind, clock: Clock) -> Mark:
        return Mark(NOW, kind, clock, Priority.HIGH, NOW)

    marks = [
        mark(Kind.STARTED, Clock.RESPONSE),
        mark(Kind.BREACHED, Clock.RESPONSE),
        mark(Kind.STARTED, Clock.RESOLUTION),
        mark(Kind.STOPPED, Clock.RESOLUTION),
    ]
    assert list(sla.runs(marks)) == [marks[:2], marks[2:]]
    assert list(sla.runs([])) == []
    assert list(sla.intervals([])) == []
