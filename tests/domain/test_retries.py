"""Waiting grows, is capped and spread, and claims come to an end."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import retries
from flowops.domain.retries import Schedule

SCHEDULES = st.sampled_from([retries.USUAL, retries.PATIENT])
CLAIMS = st.integers(1, 1000)
DICE = st.floats(0, 1, exclude_max=True)


@given(SCHEDULES, CLAIMS, DICE)
def test_a_wait_is_never_longer_than_the_longest_ceiling(schedule: Schedule, claims: int, dice: float) -> None:
    assert timedelta(0) <= schedule.wait(claims, dice) <= max(schedule.ceilings)


@given(SCHEDULES, CLAIMS, DICE)
def test_the_next_wait_is_not_shorter_for_the_same_dice(schedule: Schedule, claims: int, dice: float) -> None:
    assert schedule.wait(claims, dice) <= schedule.wait(claims + 1, dice)


@given(SCHEDULES, CLAIMS, DICE, st.timedeltas(timedelta(0), timedelta(hours=1)))
def test_what_the_other_side_asked_for_is_honoured(
    schedule: Schedule, claims: int, dice: float, asked: timedelta
) -> None:
    assert schedule.wait(claims, dice, asked) >= asked


def test_jobs_that_failed_together_are_spread_over_the_whole_wait() -> None:
    waits = [retries.USUAL.wait(4, dice / 100) for dice in range(100)]
    assert len(set(waits)) == 100
    assert (min(waits), max(waits) > timedelta(minutes=20)) == (timedelta(0), True)


@pytest.mark.parametrize(("schedule", "tries"), [(retries.USUAL, 5)])
def test_a_job_is_spent_after_so_many_claims(schedule: Schedule, tries: int) -> None:
    assert [schedule.is_spent(claims) for claims in (1, tries - 1, tries, tries + 1)] == [False, False, True, True]


def test_what_others_must_mend_is_tried_ten_times_over_75_hours_on_average() -> None:
    patient = retries.PATIENT
    assert patient.tries == 10
    assert round(sum((patient.wait(n, 0.5) for n in range(1, 10)), timedelta()) / timedelta(hours=1)) == 75
    assert (patient.is_spent(9), patient.is_spent(10)) == (False, True)
