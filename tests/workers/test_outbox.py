"""A job ends in exactly one of the ways there are: done, put off, buried, or given to somebody else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Text, select, type_coerce, update
from sqlalchemy.pool import QueuePool

from flowops import app as application
from flowops import errors
from flowops.actions import leases
from flowops.actions.leases import Claimed
from flowops.domain import access, events, jobs, retries
from flowops.queries import outbox as queries
from flowops.storage import tables
from flowops.storage.unit import Unit
from flowops.workers import handlers, outbox
from tests import delivery
from tests.conftest import Clock
from tests.delivery import Ring, attempts, enqueue

Ringer = Callable[[application.App, Ring, handlers.Fence], handlers.Settle | None]
Register = Callable[[Ringer], None]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Let this function handle `bell.ring`."""

    def add(ringer: Ringer) -> None:
        monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, ringer))

    return add


def claim(app: application.App) -> Claimed:
    [job] = delivery.claim(app)
    return job


def lose(app: application.App, clock: Clock) -> None:
    """The lease of every claimed job runs out, and the jobs are taken back."""
    clock.forward(seconds=31)
    with app.unit(access.SYSTEM) as unit:
        leases.recover(unit)


def attempt(app: application.App) -> queries.Row:
    """Claim a job and run it, as the loop does; the row as it is afterwards."""
    job = claim(app)
    try:
        outbox.run(app, job)
    except Exception as error:  # noqa: BLE001 - stands in for the loop, which survives anything
        outbox.fail(app, job, error)
    with app.view() as view:
        return queries.get(view, job.id).job


def failing(error: Exception) -> Ringer:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        raise error

    return ring


def entries(app: application.App) -> list[dict[str, str]]:
    with app.view() as view:
        return [entry.data for entry in view.session.scalars(select(tables.AuditEntry))]


def test_what_the_handler_did_and_the_end_of_the_job_are_one_transaction(
    app: application.App, register: Register
) -> None:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
        return lambda unit: unit.record(events.JobRead(job_id=job.bell))

    register(ring)
    enqueue(app, Ring(bell="a"))
    assert attempt(app).status is jobs.Status.DONE
    assert entries(app) == [{"job_id": "a"}]


def test_a_handler_runs_with_no_transaction_open(app: application.App, register: Register) -> None:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        pool = app.database.engine.pool
        assert isinstance(pool, QueuePool)
        kept = 0 if app.settings.is_sqlite else 1  # to give hints
        delivery.wait_until(lambda: pool.checkedout() == kept)

    register(ring)
    enqueue(app, Ring(bell="a"))
    assert attempt(app).status is jobs.Status.DONE


@pytest.mark.parametrize(
    "error",
    [
        errors.Invalid(reason="wrong"),
        errors.NotFound(kind="handoff", id="hnd_1"),
        errors.AlreadyDecided(status="done"),
        errors.NotPermitted(permission="p", role=None),
    ],
)
def test_what_would_fail_again_is_buried_at_once(
    app: application.App, register: Register, error: errors.FlowOpsError
) -> None:
    register(failing(error))
    enqueue(app, Ring(bell="a"))
    job = attempt(app)
    assert (job.status, job.claims, job.error) == (jobs.Status.DEAD, 1, f"{type(error).__name__}: {error}")


def test_an_outage_and_a_defect_are_tried_again(app: application.App, register: Register, clock: Clock) -> None:
    register(failing(errors.Unavailable(what="billing", reason="timed out")))
    enqueue(app, Ring(bell="a"))
    job = attempt(app)
    assert isinstance(job, tables.Job)
    assert job.status is jobs.Status.PENDING
    assert clock.now <= job.run_at <= clock.now + retries.USUAL.ceilings[0]
    clock.forward(seconds=10)
    register(failing(ZeroDivisionError("division by zero")))
    again = attempt(app)
    assert (again.status, again.error) == (jobs.Status.PENDING, "ZeroDivisionError: division by zero")


def test_the_other_sides_wish_to_wait_is_respected(app: application.App, register: Register, clock: Clock) -> None:
    register(failing(errors.Unavailable(what="billing", reason="busy", retry_after=120)))
    enqueue(app, Ring(bell="a"))
    job = attempt(app)
    assert isinstance(job, tables.Job)
    assert job.run_at >= clock.now + timedelta(seconds=120)


def test_a_job_that_keeps_failing_is_buried_after_five_claims(
    app: application.App, register: Register, clock: Clock
) -> None:
    register(failing(errors.Unavailable(what="billing", reason="timed out")))
    [job_id] = enqueue(app, Ring(bell="a"))
    for _ in range(4):
        assert attempt(app).status is jobs.Status.PENDING
        clock.forward(hours=1)
    assert attempt(app).status is jobs.Status.DEAD
    assert attempts(app, job_id) == ["retry"] * 4 + ["dead"]


def test_an_unknown_topic_is_buried_and_never_guessed_at(app: application.App) -> None:
    enqueue(app, Ring(bell="a"))
    job = attempt(app)
    assert job.status is jobs.Status.DEAD
    assert "No handler is registered for the topic bell.ring" in (job.error or "")


def test_a_payload_that_no_longer_fits_is_buried(app: application.App, register: Register) -> None:
    register(failing(AssertionError("it must not be called")))
    [job_id] = enqueue(app, Ring(bell="a"))
    with app.unit(access.SYSTEM) as unit:
        row = unit.session.scalars(select(tables.Job).where(tables.Job.id == job_id)).one()
        row.payload = {"gong": "a"}
    job = attempt(app)
    assert job.status is jobs.Status.DEAD
    assert "no longer fits bell.ring" in (job.error or "")


def test_a_payload_that_cannot_be_read_spoils_no_other_job(app: application.App, register: Register) -> None:
    rung: list[str] = []

    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        rung.append(job.bell)

    register(ring)
    row = tables.Job
    spoiled, _ = enqueue(app, Ring(bell="a"), Ring(bell="b"))
    with app.unit(access.SYSTEM) as unit:
        unit.session.execute(update(row).where(row.id == spoiled).values(payload=type_coerce('{"bell":', Text)))
    for job in delivery.claim(app):
        try:
            outbox.run(app, job)
        except errors.Invalid as error:
            outbox.fail(app, job, error)
    with app.view() as view:
        left = [tuple(one) for one in view.session.execute(select(row.id, row.status))]
    assert (rung, left) == (["b"], [(spoiled, jobs.Status.DEAD)])


def test_the_private_values_in_a_databases_error_are_not_kept(app: application.App, register: Register) -> None:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
        def settle(unit: Unit) -> None:
            for _ in range(2):
                unit.session.add(tables.Queue(name="ada@example.com", created_at=unit.now))
                unit.session.flush()
                unit.session.expunge_all()

        return settle

    register(ring)
    enqueue(app, Ring(bell="a"))
    error = attempt(app).error or ""
    assert error.startswith("IntegrityError")
    assert "ada@example.com" not in error


def test_a_stalled_worker_keeps_nothing(app: application.App, register: Register, clock: Clock) -> None:
    def stall(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
        lose(app, clock)
        return lambda unit: unit.record(events.JobRead(job_id=job.bell))

    register(stall)
    enqueue(app, Ring(bell="a"))
    stale = claim(app)
    with pytest.raises(errors.Fenced):
        outbox.run(app, stale)
    assert entries(app) == []
    assert attempts(app, stale.id) == ["fenced"]


def test_a_stalled_workers_failure_says_nothing_about_the_job(app: application.App, clock: Clock) -> None:
    enqueue(app, Ring(bell="a"))
    stale = claim(app)
    lose(app, clock)
    fresh = claim(app)
    with pytest.raises(errors.Fenced):
        outbox.fail(app, stale, errors.Invalid(reason="wrong"))
    assert attempts(app, fresh.id) == ["fenced", None]


def test_what_a_handler_commits_before_its_call_is_fenced_too(
    app: application.App, register: Register, clock: Clock
) -> None:
    def commit_late(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        lose(app, clock)
        with app.unit(access.SYSTEM) as unit:
            unit.record(events.JobRead(job_id=job.bell))
            fence(unit)

    register(commit_late)
    enqueue(app, Ring(bell="a"))
    stale = claim(app)
    with pytest.raises(errors.Fenced):
        outbox.run(app, stale)
    assert entries(app) == []
