"""Many jobs that fail in the same moment, and when they come back."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from flowops import errors
from flowops.app import App
from flowops.domain import jobs, retries
from flowops.storage import tables
from flowops.workers import outbox
from tests import delivery
from tests.bells import Toll
from tests.conftest import Clock

JOBS = 1000


def returns(dice: random.Random, number: int = JOBS, schedule: retries.Schedule = retries.USUAL) -> list[list[float]]:
    """For each try but the first, the seconds after which each of the jobs comes back, when every try fails at once."""
    at, tries = [0.0] * number, []
    for claims in range(1, schedule.tries):
        at = [each + schedule.wait(claims, dice.random()).total_seconds() for each in at]
        tries.append(at)
    return tries


def real_returns(app: App, clock: Clock, tries: int, number: int = JOBS) -> list[list[float]]:
    """The same of jobs in a database whose clock is moved by seconds, up to so many tries after the first."""
    delivery.enqueue(app, *(Toll(tower=str(each)) for each in range(number)))
    found: list[list[float]] = [[] for _ in range(tries)]
    began, row = clock.now, tables.Job
    silence = errors.Unavailable(what="billing", reason="timed out")
    while min(map(len, found)) < number:
        for job in delivery.claim(app, number, topic=Toll.topic):
            if job.claims > 1:
                found[job.claims - 2].append((clock.now - began).total_seconds())
            if job.claims <= tries:
                outbox.fail(app, job, silence)
            else:
                delivery.finish(app, job)
        with app.view() as view:
            due_at = view.session.scalar(select(func.min(row.run_at)).where(row.status == jobs.Status.PENDING))
        if due_at is not None:
            clock.now = max(clock.now, due_at)
            clock.now += timedelta(seconds=1) - timedelta(microseconds=(clock.now - began).microseconds)
    return found


def herd(at: Sequence[float], runs: int = 1) -> tuple[float, float]:
    """How many come in the busiest second, and in a second on average, in one of several `runs`."""
    seconds = Counter(int(each) for each in at)
    span = max(seconds) - min(seconds) + 1
    return max(seconds.values()) / runs, len(at) / span / runs
