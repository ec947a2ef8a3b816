"""The loop delivers what is due, shows that it lives, stops when told to, and outlives a lost database."""

import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import false, select, update

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import leases
from flowops.domain import access, jobs
from flowops.queries import outbox as queries
from flowops.storage import tables
from flowops.storage.unit import Unit
from flowops.workers import handlers, loop
from tests.delivery import Ring, attempts, deliver, enqueue, statuses, wait_until, working
from tests.workers.loop.conftest import THREADS, Bells


def test_what_is_due_is_done(app: application.App, bells: Bells) -> None:
    ids = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(20)))
    deliver(app)
    assert sorted(bells.rung) == sorted(f"bell {number}" for number in range(20))
    assert statuses(app, ids) == {jobs.Status.DONE}


def test_no_more_jobs_run_at_once_than_there_are_threads(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    ids = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(5)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        time.sleep(0.5)  # more would have begun by now
        assert len(bells.rung) == THREADS
        assert statuses(app, ids[THREADS:]) == {jobs.Status.PENDING}  # left for other processes
        bells.go_on.set()
        wait_until(lambda: len(bells.rung) == 5)


def test_a_slow_topic_delays_no_other(app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def signal(app: application.App, job: jobs.CopySignals, fence: handlers.Fence) -> None:
        told.append(job.handoff_id)

    monkeypatch.setitem(
        handlers.TABLE, jobs.CopySignals.topic, handlers.Handler(jobs.CopySignals, access.SYSTEM, signal)
    )
    bells.go_on.clear()
    enqueue(app, *(Ring(bell=f"bell {number}") for number in range(20)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        enqueue(app, jobs.CopySignals(handoff_id="hnd_1"))
        wait_until(lambda: told == ["hnd_1"])
        assert len(bells.rung) == THREADS
        bells.go_on.set()


def test_a_busy_process_finds_new_jobs_although_it_is_told_of_none(
    app: application.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own jobs wake it again and again, so that it never waits in vain."""
    told: list[str] = []

    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        time.sleep(0.002)  # a job short enough to keep the worker busy

    def signal(app: application.App, job: jobs.CopySignals, fence: handlers.Fence) -> None:
        told.append(job.handoff_id)

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, ring))
    signals = handlers.Handler(jobs.CopySignals, access.SYSTEM, signal)
    monkeypatch.setitem(handlers.TABLE, jobs.CopySignals.topic, signals)
    monkeypatch.setattr(app.database.hints, "heard_by", lambda wake: nullcontext())
    monkeypatch.setattr(app.database.hints, "give", lambda topics: None)
    monkeypatch.setattr(loop, "LONGEST_UNRECOVERED", 3600)
    busy = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(3000)))
    with working(app):
        wait_until(lambda: jobs.Status.DONE in statuses(app, busy[:1]))
        enqueue(app, jobs.CopySignals(handoff_id="hnd_1"))
        wait_until(lambda: told == ["hnd_1"])
        assert statuses(app, busy[-1:]) == {jobs.Status.PENDING}


def test_a_job_that_never_returns_is_tried_again_and_the_others_go_on(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = handlers.Handler(Ring, access.SYSTEM, bells.ring, threads=1, limit=timedelta(seconds=0.5))
    monkeypatch.setitem(handlers.TABLE, Ring.topic, handler)
    bells.go_on.clear()
    [endless] = enqueue(app, Ring(bell="endless"))
    with working(app):
        wait_until(lambda: attempts(app, endless)[:1] == ["retry"])
        with app.view() as view:
            assert "took longer than it may" in (queries.get(view, endless).job.error or "")
        [other] = enqueue(app, Ring(bell="other"))
        wait_until(lambda: "other" in bells.rung)
        bells.go_on.set()
        wait_until(lambda: statuses(app, [other]) == {jobs.Status.DONE})


def test_a_topic_nobody_handles_is_buried_at_once(app: application.App) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DEAD}, seconds=5)
    with app.view() as view:
        assert "No handler is registered for the topic bell.ring" in (queries.get(view, job_id).job.error or "")


def test_a_job_that_was_lost_twice_runs_with_nothing_beside_it(app: application.App, bells: Bells) -> None:
    def lose() -> None:
        with app.unit(access.SYSTEM) as unit:
            claimed = leases.claim(unit, "killed", Ring.topic, 1, timedelta(0))
            claimed += leases.claim_alone(unit, "killed", timedelta(0))
        wait_until(lambda: app.now() > claimed[0].started_at)
        with app.unit(access.SYSTEM) as unit:
            leases.recover(unit)

    enqueue(app, Ring(bell="suspect"))
    lose()
    lose()
    bells.go_on.clear()
    others = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(5)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        time.sleep(2.5)  # long enough were the others preferred; now what runs is waited for
        bells.go_on.set()
        wait_until(lambda: "suspect" in bells.rung)
        assert bells.rung.index("suspect") == THREADS
        wait_until(lambda: statuses(app, others) == {jobs.Status.DONE})


def test_a_suspect_delays_nobody_for_longer_than_a_lease(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while it waits for what runs to end, nor while it runs itself, however long they take."""
    go_on = threading.Event()

    def signal(app: application.App, job: jobs.CopySignals, fence: handlers.Fence) -> None:
        assert go_on.wait(60)

    slow = handlers.Handler(jobs.CopySignals, access.SYSTEM, signal)
    monkeypatch.setitem(handlers.TABLE, jobs.CopySignals.topic, slow)
    suspects = enqueue(app, jobs.CopySignals(handoff_id="hnd_1"))
    with app.unit(access.SYSTEM) as unit:
        unit.session.execute(update(tables.Job).values(waits=jobs.Waits.ALONE))
    enqueue(app, jobs.CopySignals(handoff_id="hnd_2"))
    with working(app):
        wait_until(lambda: statuses(app, suspects) == {jobs.Status.PROCESSING})
        for number in range(3):
            enqueue(app, Ring(bell=f"bell {number}"))
            wait_until(partial(bells.rung.__contains__, f"bell {number}"))
            time.sleep(1)  # so that they come at every stage of the suspect's
        go_on.set()
        wait_until(lambda: statuses(app, suspects) == {jobs.Status.DONE})


def test_an_old_job_behind_one_that_somebody_locks_is_found_all_the_same(
    database_url: str, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the usual look, which does not go far back, is there to find it."""
    monkeypatch.setattr(loop, "LONGEST_UNRECOVERED", 3600)
    settings = configuration.load(database_url=database_url, secret_key="k" * 32, outbox_lease="1h", stop_grace="1s")
    app = application.build(settings)
    bells.go_on.clear()
    monkeypatch.setattr(leases, "_SET_APART", select(tables.Job.seq).where(false()))  # as when all is locked
    with app.unit(access.SYSTEM) as unit:
        old = unit.now - timedelta(minutes=1)
        first, *_, last = (unit.enqueue(Ring(bell=bell), old) for bell in ("hot", *["hot"] * 5, "cold"))
    with working(app):
        wait_until(lambda: statuses(app, [first]) == {jobs.Status.PROCESSING})
        time.sleep(1)  # several of the usual looks
        bells.go_on.set()
        wait_until(lambda: statuses(app, [last]) == {jobs.Status.DONE})
    app.close()


def test_a_job_longer_than_its_lease_stays_with_its_worker(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        time.sleep(app.settings.outbox_lease.total_seconds() * 2)
        bells.go_on.set()
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert attempts(app, job_id) == ["done"]


def test_a_job_that_fails_leaves_its_thread_working(app: application.App, monkeypatch: pytest.MonkeyPatch) -> None:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        if job.how == "wrong":
            raise ZeroDivisionError

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, ring))
    enqueue(app, *(Ring(bell=f"wrong {number}", how="wrong") for number in range(4)))
    ids = enqueue(app, *(Ring(bell=f"right {number}") for number in range(4)))
    with working(app):
        wait_until(lambda: statuses(app, ids) == {jobs.Status.DONE})


def test_a_process_shows_that_it_lives_until_it_stops(app: application.App) -> None:
    def seen() -> list[datetime]:
        with app.view() as view:
            return [heartbeat.seen_at for heartbeat in queries.heartbeats(view)]

    with working(app):
        wait_until(seen)
        [first] = seen()
        wait_until(lambda: seen() != [first])
    assert seen() == []


def test_stopping_waits_no_longer_than_the_grace(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        asked = time.monotonic()
    assert 1 <= time.monotonic() - asked < 3
    assert statuses(app, [job_id]) == {jobs.Status.PROCESSING}


def test_a_job_claimed_while_stopping_is_given_back_uncounted(app: application.App, bells: Bells) -> None:
    stop = threading.Event()

    def tell() -> datetime:
        """The loop learns that it is to stop the first time it looks at the clock: before it claims."""
        stop.set()
        return datetime.now(UTC)

    [job_id] = enqueue(app, Ring(bell="a"))
    late = application.build(app.settings, tell)
    loop.run(late, stop)
    late.close()
    with app.view() as view:
        job = queries.get(view, job_id).job
        assert (job.status, job.claims) == (jobs.Status.PENDING, 0)
    assert (bells.rung, attempts(app, job_id)) == ([], [])


def test_lost_jobs_are_taken_back_without_anyones_help(app: application.App, bells: Bells) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with app.unit(access.SYSTEM) as unit:
        leases.claim(unit, "killed", Ring.topic, 1, timedelta(seconds=1))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE}, seconds=5)
    assert attempts(app, job_id) == ["fenced", "done"]


def test_a_chore_that_goes_wrong_keeps_nobody_from_delivering(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purge(unit: Unit) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("flowops.actions.idempotency.purge", purge)
    monkeypatch.setattr(loop, "PURGE_EVERY", 0.0)
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})


def test_old_jobs_are_pruned_some_at_a_time_also_of_a_topic_nobody_knows(
    app: application.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowops.actions.outbox.AT_ONCE", 1)
    with app.unit(access.SYSTEM) as unit:
        for age in (33, 32, 31, 29):
            at = unit.now - timedelta(days=age)
            unit.session.add(
                tables.FinishedJob(
                    id=f"job_{age}",
                    topic="no.longer" if age % 2 else jobs.SendMail.topic,
                    key="",
                    payload={},
                    status=jobs.Status.DONE,
                    claims=1,
                    claim_token=1,
                    created_at=at,
                    finished_at=at,
                )
            )

    def kept() -> int:
        with app.view() as view:
            return len(view.session.scalars(select(tables.FinishedJob.id)).all())

    with working(app):
        wait_until(lambda: kept() == 1)


def test_old_idempotency_keys_are_purged(app: application.App) -> None:
    def keys() -> list[str]:
        with app.view() as view:
            return list(view.session.scalars(select(tables.IdempotencyKey.key)))

    with app.unit(access.SYSTEM) as unit:
        for key, age in (("old", timedelta(hours=49)), ("young", timedelta(hours=47))):
            unit.session.add(
                tables.IdempotencyKey(caller_id="usr_1", key=key, request_sha256="", created_at=unit.now - age)
            )
    with working(app):
        wait_until(lambda: keys() == ["young"])
