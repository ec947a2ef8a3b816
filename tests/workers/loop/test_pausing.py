"""While effects are paused their jobs are neither claimed nor used up, nor does anything else wait for them."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from flowops import app as application
from flowops import errors
from flowops.actions import leases, switch
from flowops.domain import access, jobs
from flowops.storage import tables
from flowops.workers import handlers, lanes
from flowops.workers import outbox as work
from tests.delivery import Ring, attempts, claim, enqueue, statuses, wait_until, working
from tests.workers.loop.conftest import Bells

TOPIC = jobs.ExecuteEffect.topic
EFFECTS = [jobs.ExecuteEffect(effect_id=f"eff_{number}", case_id=f"req_{number}") for number in range(20)]


def pause(app: application.App) -> None:
    with app.unit(access.SYSTEM) as unit:
        switch.pause(unit, "stop")


def resume(app: application.App) -> None:
    with app.unit(access.SYSTEM) as unit:
        switch.resume(unit)


def claims(app: application.App) -> list[tuple[int, int]]:
    """Of each job that is left how many claims count, and how many there were."""
    row = tables.Job
    with app.view() as view:
        found = view.session.execute(select(row.claims, row.claim_token).order_by(row.seq))
        return [(counted, made) for counted, made in found]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The effects that were begun, each once by this handler."""
    begun: list[str] = []

    def execute(app: application.App, job: jobs.ExecuteEffect, fence: handlers.Fence) -> None:
        with app.unit(access.SYSTEM) as unit:
            switch.refuse_paused(unit)
        begun.append(job.effect_id)

    monkeypatch.setitem(handlers.TABLE, TOPIC, handlers.Handler(jobs.ExecuteEffect, access.SYSTEM, execute))
    return begun


def test_jobs_of_effects_are_not_even_claimed_while_they_are_paused_and_others_are_done(
    app: application.App, bells: Bells, begun: list[str]
) -> None:
    pause(app)
    ids = enqueue(app, *EFFECTS)
    with working(app):
        rung = enqueue(app, Ring(bell="a"))
        wait_until(lambda: statuses(app, rung) == {jobs.Status.DONE})
        time.sleep(1)
        assert claims(app) == [(0, 0)] * len(EFFECTS)
        assert begun == []
        resume(app)
        wait_until(lambda: statuses(app, ids) == {jobs.Status.DONE}, seconds=10)
    assert sorted(begun) == sorted(job.effect_id for job in EFFECTS)


def test_a_job_that_meets_the_pause_comes_back_within_seconds_and_was_not_tried(
    app: application.App, begun: list[str]
) -> None:
    [id] = enqueue(app, EFFECTS[0])
    [job] = claim(app)
    pause(app)
    with pytest.raises(errors.EffectsPaused) as met:
        work.perform(app, job)
    work.fail(app, job, met.value)
    assert attempts(app, id) == []
    with app.view() as view:
        [row] = view.session.scalars(select(tables.Job))
        assert (row.status, row.claims, row.error) == (jobs.Status.PENDING, 0, None)
        assert row.run_at <= view.now + timedelta(seconds=switch.SOON)


def test_jobs_that_were_claimed_ahead_are_given_back_when_effects_are_paused(
    app: application.App, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may do them after the resume, and what the lane holds does not each find out for itself."""

    def slow(app: application.App, job: jobs.ExecuteEffect, fence: handlers.Fence) -> None:
        begun.append(job.effect_id)
        time.sleep(0.02 if len(begun) < 4 else 1)

    monkeypatch.setitem(handlers.TABLE, TOPIC, handlers.Handler(jobs.ExecuteEffect, access.SYSTEM, slow, threads=1))
    monkeypatch.setattr(lanes, "AHEAD", 10)  # seconds of work
    enqueue(app, *EFFECTS)
    with working(app):
        wait_until(lambda: len(begun) >= 4)
        pause(app)
        wait_until(lambda: [count for count, _ in claims(app)].count(0) == len(claims(app)))
        assert len(begun) < len(EFFECTS)
        assert len(claims(app)) == len(EFFECTS) - len(begun)
        resume(app)


def test_a_job_that_is_to_run_alone_waits_for_the_resume_and_keeps_nothing_up(
    app: application.App, bells: Bells, begun: list[str]
) -> None:
    [id] = enqueue(app, EFFECTS[0])
    with app.unit(access.SYSTEM) as unit:
        unit.session.execute(update(tables.Job).values(waits=jobs.Waits.ALONE))
    pause(app)
    with app.view() as view:
        assert leases.is_one_to_run_alone(view)
        assert not leases.is_one_to_run_alone(view, {TOPIC})
    with app.unit(access.SYSTEM) as unit:
        assert leases.claim_alone(unit, "w1", app.settings.outbox_lease, {TOPIC}) == []
    with working(app):
        time.sleep(2)
        rung = enqueue(app, Ring(bell="a"))
        wait_until(lambda: statuses(app, rung) == {jobs.Status.DONE})
        assert claims(app) == [(0, 0)]
        with app.view() as view:
            alone = select(func.count()).where(tables.Job.waits == jobs.Waits.ALONE)
            assert view.session.scalar(alone) == 1, "it is still to run alone"
        resume(app)
        wait_until(lambda: statuses(app, [id]) == {jobs.Status.DONE})
