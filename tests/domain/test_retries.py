"""Waiting grows, is capped and spread, and claims come to an end."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import retries

CLAIMS = st.integers(1, 1000)
DICE = st.floats(0, 1, exclude_max=True)


@given(CLAIMS, DICE)
def test_a_wait_is_never_longer_than_the_cap(claims: int, dice: float) -> None:
    assert timedelta(0) <= retries.wait(claims, dice) <= retries.LONGEST_WAIT


@given(CLAIMS, DICE)
def test_the_next_wait_is_not_shorter_for_the_same_dice(claims: int, dice: float) -> None:
    assert retries.wait(claims, dice) <= retries.wait(claims + 1, dice)


@given(CLAIMS, DICE, st.timedeltas(timedelta(0), timedelta(hours=1)))
def test_what_the_other_side_asked_for_is_honoured(claims: int, dice: float, asked: timedelta) -> None:
    assert retries.wait(claims, dice, asked) >= asked


def test_jobs_that_failed_together_are_spread_over_the_whole_wait() -> None:
    waits = [retries.wait(4, dice / 100) for dice in range(100)]
    assert len(set(waits)) == 100
    assert (min(waits), max(waits) > timedelta(seconds=15)) == (timedelta(0), True)


def test_a_job_is_spent_after_five_claims() -> None:
    assert [retries.is_spent(claims) for claims in (1, 4, 5, 6)] == [False, False, True, True]
