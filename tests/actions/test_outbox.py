"""A job is given to one worker at a time, in order, never lost, and only its holder can say how it ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from flowops import app as application
from flowops import errors
from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.domain import access, jobs, retries
from flowops.queries import outbox as queries
from flowops.storage import tables
from tests.conftest import Clock
from tests.delivery import LEASE, Ring, bury, claim, finish, recover


def enqueue(app: application.App, *bells: str, run_at: datetime | None = None) -> list[str]:
    with app.unit(access.SYSTEM) as unit:
        return [unit.enqueue(Ring(bell=bell), run_at) for bell in bells]


def stored(app: application.App, job_id: str) -> tables.Job:
    with app.view() as view:
        return view.session.scalars(select(tables.Job).where(tables.Job.id == job_id)).one()


def attempts(app: application.App, job_id: str) -> list[tuple[jobs.AttemptOutcome | None, str | None]]:
    with app.view() as view:
        return [(attempt.outcome, attempt.error) for attempt in queries.get(view, job_id).attempts]


def left(app: application.App) -> list[tables.FinishedJob]:
    with app.view() as view:
        return list(view.session.scalars(select(tables.FinishedJob)))


def ids(rows: list[Claimed]) -> list[str]:
    return [row.id for row in rows]


def test_a_claim_counts_and_gives_a_lease(app: application.App, clock: Clock) -> None:
    [job_id] = enqueue(app, "a")
    [job] = claim(app)
    assert (job.id, job.claims, job.claim_token, job.worker) == (job_id, 1, 1, "w1")
    row = stored(app, job_id)
    assert (row.status, row.claims, row.claim_token) == (jobs.Status.PROCESSING, 1, 1)
    assert (row.worker, row.started_at, row.lease_until) == ("w1", clock.now, clock.now + LEASE)
    assert attempts(app, job_id) == [(None, None)]


def test_a_claimed_job_is_nobody_elses(app: application.App) -> None:
    enqueue(app, "a", "b")
    assert len(claim(app)) == 2
    assert claim(app, worker="w2") == []


def test_a_batch_holds_the_jobs_that_waited_longest(app: application.App, clock: Clock) -> None:
    late = enqueue(app, "late")
    early = enqueue(app, "early", run_at=clock.now - timedelta(minutes=1))
    assert ids(claim(app, limit=1)) == early
    assert ids(claim(app, limit=1)) == late


def test_a_job_does_not_run_before_its_time(app: application.App, clock: Clock) -> None:
    job = enqueue(app, "a", run_at=clock.now + timedelta(seconds=10))
    assert claim(app) == []
    clock.forward(seconds=10)
    assert ids(claim(app)) == job


def test_a_topic_is_claimed_by_itself(app: application.App) -> None:
    enqueue(app, "a")
    assert claim(app, topic="mail.send") == []
    assert len(claim(app, topic="bell.ring")) == 1


def test_jobs_of_one_key_run_one_at_a_time_in_order(app: application.App) -> None:
    first, second, other = enqueue(app, "a", "a", "b")
    claimed = claim(app)
    assert ids(claimed) == [first, other]
    assert claim(app) == []
    finish(app, claimed[0])
    assert ids(claim(app)) == [second]


def test_a_job_waits_for_an_earlier_one_of_its_key_that_is_not_due_yet(app: application.App, clock: Clock) -> None:
    enqueue(app, "a", run_at=clock.now + timedelta(minutes=1))
    enqueue(app, "a")
    assert claim(app) == []


def test_a_dead_job_frees_its_key(app: application.App) -> None:
    _, second = enqueue(app, "a", "a")
    [job] = claim(app)
    bury(app, job)
    assert ids(claim(app)) == [second]


def test_a_finished_job_leaves_the_hot_table(app: application.App, clock: Clock) -> None:
    [job_id] = enqueue(app, "a")
    [job] = claim(app)
    finish(app, job)
    [row] = left(app)
    assert (row.id, row.status, row.payload, row.claims) == (job_id, jobs.Status.DONE, {"bell": "a", "how": ""}, 1)
    assert row.finished_at == clock.now
    assert attempts(app, job_id) == [(jobs.AttemptOutcome.DONE, None)]
    assert claim(app) == []


def test_a_job_put_off_waits_and_keeps_its_error(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry(unit, job, "billing did not answer", unit.now + timedelta(seconds=5))
    assert claim(app) == []
    clock.forward(seconds=5)
    [again] = claim(app)
    assert (again.claims, again.claim_token) == (2, 2)
    assert stored(app, job.id).error == "billing did not answer"
    assert attempts(app, job.id) == [(jobs.AttemptOutcome.RETRY, "billing did not answer"), (None, None)]


def test_a_buried_job_keeps_payload_and_error(app: application.App) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    bury(app, job, "refused for good")
    row = stored(app, job.id)
    assert (row.status, row.error, row.payload) == (jobs.Status.DEAD, "refused for good", {"bell": "a", "how": ""})
    assert attempts(app, job.id) == [(jobs.AttemptOutcome.DEAD, "refused for good")]


def test_giving_back_does_not_count(app: application.App) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit:
        leases.give_back(unit, [job])
    assert attempts(app, job.id) == []
    [again] = claim(app)
    assert (again.claims, again.claim_token) == (1, 2)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    "finish": outbox.finish,
    "retry": lambda unit, job: outbox.retry(unit, job, "late", unit.now),
    "bury": lambda unit, job: outbox.bury(unit, job, "late"),
    "hold": outbox.hold,
}


@pytest.mark.parametrize("settlement", SETTLEMENTS)
def test_a_job_given_to_another_worker_is_fenced(app: application.App, clock: Clock, settlement: str) -> None:
    enqueue(app, "a")
    [stale] = claim(app, worker="stalled")
    clock.forward(seconds=31)
    recover(app)
    [fresh] = claim(app, worker="other")
    with app.unit(access.SYSTEM) as unit, pytest.raises(errors.Fenced):
        SETTLEMENTS[settlement](unit, stale)
    row = stored(app, fresh.id)
    assert (row.status, row.worker, row.claim_token) == (jobs.Status.PROCESSING, "other", 2)
    finish(app, fresh)
    with app.unit(access.SYSTEM) as unit, pytest.raises(errors.Fenced):
        SETTLEMENTS[settlement](unit, stale)


def test_what_a_fenced_worker_wrote_is_rolled_back(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    [stale] = claim(app)
    clock.forward(seconds=31)
    recover(app)

    def settle_late() -> None:
        with app.unit(access.SYSTEM) as unit:
            unit.enqueue(Ring(bell="phantom"))
            outbox.finish(unit, stale)

    with pytest.raises(errors.Fenced):
        settle_late()
    assert ids(claim(app)) == [stale.id]


def test_a_heartbeat_keeps_a_job(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    claimed = claim(app)
    for _ in range(5):
        clock.forward(seconds=20)
        with app.unit(access.SYSTEM) as unit:
            leases.beat(unit, "w1", [job.seq for job in claimed], LEASE)
        assert recover(app) == 0
    finish(app, claimed[0])


def test_a_heartbeat_does_not_take_a_job_back(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    stale = claim(app, worker="stalled")
    clock.forward(seconds=31)
    recover(app)
    [fresh] = claim(app, worker="other")
    with app.unit(access.SYSTEM) as unit:
        leases.beat(unit, "stalled", [job.seq for job in stale], timedelta(hours=1))
    assert stored(app, fresh.id).lease_until == clock.now + LEASE


def test_a_process_is_known_until_it_leaves(app: application.App, clock: Clock) -> None:
    def known() -> list[tuple[str, datetime, datetime]]:
        with app.view() as view:
            return [(row.worker, row.started_at, row.seen_at) for row in view.session.scalars(select(tables.Heartbeat))]

    started = clock.now
    for _ in range(2):
        clock.forward(seconds=10)
        with app.unit(access.SYSTEM) as unit:
            leases.beat(unit, "w1", [], LEASE)
    assert known() == [("w1", started + timedelta(seconds=10), started + timedelta(seconds=20))]
    with app.unit(access.SYSTEM) as unit:
        leases.leave(unit, "w1")
    assert known() == []


def test_a_process_not_heard_of_for_a_day_is_forgotten(app: application.App, clock: Clock) -> None:
    with app.unit(access.SYSTEM) as unit:
        leases.beat(unit, "killed", [], LEASE)
    clock.forward(days=1, seconds=1)
    recover(app)
    with app.view() as view:
        assert view.session.scalars(select(tables.Heartbeat)).all() == []


def test_a_lost_workers_job_is_taken_back(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    clock.forward(seconds=30)
    assert recover(app) == 0
    clock.forward(seconds=1)
    assert recover(app) == 1
    assert attempts(app, job.id) == [(jobs.AttemptOutcome.FENCED, leases.LOST)]
    assert ids(claim(app)) == [job.id]


def test_a_job_that_kills_its_worker_is_buried_after_five_claims(app: application.App, clock: Clock) -> None:
    [job_id] = enqueue(app, "a")
    claims = 0
    while claim(app):
        claims += 1
        clock.forward(seconds=31)
        recover(app)
    assert claims == retries.USUAL.tries == 5
    assert stored(app, job_id).status is jobs.Status.DEAD
    assert attempts(app, job_id)[-1] == (jobs.AttemptOutcome.DEAD, leases.LOST)


def lose(app: application.App, clock: Clock, times: int) -> list[str]:
    """Let these jobs be claimed and lost so often."""
    for _ in range(times):
        lost = claim(app, worker="killed")
        clock.forward(seconds=31)
        recover(app)
    return ids(lost)


def test_a_job_that_was_lost_once_goes_on_behind_what_is_due(app: application.App, clock: Clock) -> None:
    lost = enqueue(app, "a", "b")
    claim(app, worker="killed")
    clock.forward(seconds=31)
    others = enqueue(app, "c", "d")
    clock.forward(seconds=1)
    recover(app)
    assert ids(claim(app, limit=2)) == others
    assert ids(claim(app)) == lost


def test_a_job_that_was_lost_twice_runs_alone(app: application.App, clock: Clock) -> None:
    lost = enqueue(app, "a", "b")
    lose(app, clock, times=2)
    others = enqueue(app, "c", "d")
    with app.unit(access.SYSTEM) as unit:
        assert leases.is_one_to_run_alone(unit.view)
        assert ids(leases.claim(unit, "w1", Ring.topic, 10, LEASE)) == others
        assert ids(leases.claim_alone(unit, "w1", LEASE)) == lost[:1]
        assert ids(leases.claim_alone(unit, "w2", LEASE)) == lost[1:]
        assert leases.claim_alone(unit, "w2", LEASE) == []
        assert not leases.is_one_to_run_alone(unit.view)


def test_a_job_that_failed_once_and_was_lost_once_need_not_run_alone(app: application.App, clock: Clock) -> None:
    [job_id] = enqueue(app, "a")
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry(unit, job, "the other side was down", unit.now)
    lose(app, clock, times=1)
    with app.unit(access.SYSTEM) as unit:
        assert not leases.is_one_to_run_alone(unit.view)
    assert ids(claim(app)) == [job_id]


def test_a_suspect_that_must_wait_for_another_of_its_key_hides_no_other_suspect(
    app: application.App, clock: Clock
) -> None:
    dead, *_ = enqueue(app, "a")
    [job] = claim(app)
    bury(app, job)
    _, other = enqueue(app, "a", "b")
    lose(app, clock, times=2)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry_dead(unit, dead)
        unit.write()
        assert leases.is_one_to_run_alone(unit.view)
        assert ids(leases.claim_alone(unit, "w1", LEASE)) == [other]
        assert not leases.is_one_to_run_alone(unit.view)


def test_a_job_that_failed_alone_need_not_run_alone_again(app: application.App, clock: Clock) -> None:
    enqueue(app, "a")
    lose(app, clock, times=2)
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry(unit, job, "it failed, and its worker lives", unit.now)
        assert not leases.is_one_to_run_alone(unit.view)


def test_a_dead_job_can_be_retried_from_the_start(app: application.App) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    bury(app, job)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry_dead(unit, job.id)
    [again] = claim(app)
    assert (again.id, again.claims, again.claim_token) == (job.id, 1, 2)
    with app.view() as view:
        assert [entry.event for entry in view.session.scalars(select(tables.AuditEntry))] == ["job.retried"]


def test_dead_jobs_are_retried_by_topic_and_error(app: application.App) -> None:
    enqueue(app, "a", "b")
    for job, error in zip(claim(app), ("timed out", "100 % wrong"), strict=True):
        bury(app, job, error)
    with app.unit(access.SYSTEM) as unit:
        assert outbox.retry_all_dead(unit, topic="mail.send") == 0
        assert outbox.retry_all_dead(unit, error="%") == 1
        assert outbox.retry_all_dead(unit, topic="bell.ring") == 1


def test_so_many_dead_jobs_are_retried_at_once_and_no_more(
    app: application.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    enqueue(app, "a", "b", "c")
    first, second, third = claim(app)
    for job in (third, first, second):
        bury(app, job)
    for expected in (2, 1, 0):
        with app.unit(access.SYSTEM) as unit:
            assert outbox.retry_all_dead(unit) == expected
            assert first.id in unit.session.scalars(select(tables.Job.id).where(tables.Job.status == "pending")).all()


def test_a_dead_job_can_be_discarded_with_a_reason(app: application.App) -> None:
    enqueue(app, "a")
    [job] = claim(app)
    bury(app, job, "refused")
    with app.unit(access.SYSTEM) as unit:
        outbox.discard(unit, job.id, "done by hand")
    [row] = left(app)
    assert (row.id, row.status, row.error) == (job.id, jobs.Status.DISCARDED, "refused")
    with app.view() as view:
        [entry] = view.session.scalars(select(tables.AuditEntry))
        assert (entry.event, entry.data["job_id"]) == ("job.discarded", job.id)


@pytest.mark.parametrize("act", [outbox.retry_dead, lambda unit, job_id: outbox.discard(unit, job_id, "why")])
def test_only_a_dead_job_can_be_retried_or_discarded(app: application.App, act: Callable[..., None]) -> None:
    [job_id] = enqueue(app, "a")
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit, pytest.raises(errors.NotDead, match="is processing"):
        act(unit, job_id)
    finish(app, job)
    with app.unit(access.SYSTEM) as unit, pytest.raises(errors.NotDead, match="is done"):
        act(unit, job_id)
    with app.unit(access.SYSTEM) as unit, pytest.raises(errors.NotFound):
        act(unit, "job_none")
