"""Deadlines and warnings follow from priority and start alone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import sla
from flowops.domain.handoffs import Priority
from flowops.domain.sla import Clock
from tests.domain import make

PRIORITIES, CLOCKS = st.sampled_from(Priority), st.sampled_from(Clock)
GAPS = st.timedeltas(timedelta(microseconds=1), timedelta(days=30))
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
