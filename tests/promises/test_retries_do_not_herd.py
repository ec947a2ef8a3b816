"""A thousand jobs that fail together do not come back together."""

import random
from datetime import timedelta

import pytest

from flowops import app as application
from flowops.domain import retries
from tests import bells, herds
from tests.conftest import Clock

RUNS = 30


def test_the_busiest_second_of_every_later_try_is_at_most_three_times_the_mean() -> None:
    """What is to be expected of a second, over many runs: the last tries come less than once a second in each."""
    tries = [herds.returns(random.Random(seed)) for seed in range(RUNS)]
    for number in range(1, retries.USUAL.tries - 1):
        busiest, mean = herds.herd([at for run in tries for at in run[number]], RUNS)
        assert busiest <= 3 * mean, f"try {number + 2}"


def test_the_busiest_second_of_the_third_try_is_at_most_three_times_the_mean() -> None:
    for seed in range(RUNS):
        third, *later = herds.returns(random.Random(seed))[1:]
        busiest, mean = herds.herd(third)
        assert busiest <= 3 * mean
        assert all(herds.herd(at)[0] <= 3 * mean for at in later)


def test_waits_without_dice_would_herd() -> None:
    busiest, mean = herds.herd([wait for _ in range(100) for wait in (10.0, 60.0)])
    assert busiest > 3 * mean


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_jobs_that_failed_together_in_the_database_are_spread(app: application.App, clock: Clock) -> None:
    with bells.hung():
        _, third = herds.real_returns(app, clock, tries=2, number=500)
    busiest, mean = herds.herd(third)
    assert busiest <= 4 * mean  # of fewer jobs chance makes more
    assert max(third) - min(third) > timedelta(seconds=40).total_seconds()
