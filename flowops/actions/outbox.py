"""The life of a job after it was enqueued: claimed, finished, put off, buried, recovered; it runs none of them.

Whoever claims a job holds it by its id and claim token until the lease runs out. Everything they do to it later names
both, so a worker that stalled and lost its job changes nothing (`errors.Fenced`).
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from flowops import errors
from flowops.actions import execution
from flowops.domain import events, jobs, retries
from flowops.storage import tables
from flowops.storage.unit import Unit

AT_ONCE = 1000  # dead jobs that are retried in one unit
LOST = "the worker was lost"
FORGET_WORKERS = timedelta(days=1)  # a process that was killed leaves its heartbeat behind

_STATUS = tables.Job.status.type
# Written into the statement and not bound to it, or the planner could not use the partial indexes.
_PENDING = bindparam("pending", jobs.Status.PENDING, _STATUS, literal_execute=True)
_PROCESSING = bindparam("processing", jobs.Status.PROCESSING, _STATUS, literal_execute=True)


def claim(unit: Unit, worker: str, topics: Iterable[str] | None, limit: int, lease: timedelta) -> list[tables.Job]:
    """Take the due jobs that have waited longest, of these topics (None: of all), for the length of a lease.

    A job waits for every earlier job of its key that is not dead, also for one that is not due yet. One that was lost
    with its worker may have been the reason, so it is run alone. When another worker took a job of the same key in the
    same moment, nothing is claimed: the next call sees what it took.
    """
    other = aliased(tables.Job)
    before = and_(other.status == _PENDING, other.seq < tables.Job.seq)
    in_the_way = select(other.seq).where(other.key == tables.Job.key, or_(before, other.status == _PROCESSING))
    query = (
        select(tables.Job)
        .where(tables.Job.status == _PENDING, tables.Job.run_at <= unit.now, ~in_the_way.exists())
        .order_by(tables.Job.run_at, tables.Job.seq)
        .limit(limit)
        .with_for_update(of=tables.Job, skip_locked=True)
    )
    if topics is not None:
        query = query.where(tables.Job.topic.in_(topics))
    held = select(tables.Job.error).where(tables.Job.status == _PROCESSING, tables.Job.worker == worker)
    found = _together(list(unit.session.scalars(query)), unit.session.scalars(held).all())
    try:
        with unit.savepoint():
            for job in found:
                _start(unit, job, worker, lease)
    except IntegrityError:  # uq_jobs_running_key
        return []
    return found


def _together(due: list[tables.Job], held: Sequence[str | None]) -> list[tables.Job]:
    """Which of these may run beside those whose errors the worker already holds."""
    if LOST in held:
        return []
    if due and due[0].error == LOST:
        return [] if held else due[:1]
    return list(itertools.takewhile(lambda job: job.error != LOST, due))


def _start(unit: Unit, job: tables.Job, worker: str, lease: timedelta) -> None:
    job.status = jobs.Status.PROCESSING
    job.worker = worker
    job.claims += 1
    job.claim_token += 1
    job.lease_until = unit.now + lease
    unit.session.add(
        tables.JobAttempt(
            job_id=job.id, claim_token=job.claim_token, topic=job.topic, worker=worker, started_at=unit.now
        )
    )


def hold(unit: Unit, job_id: str, claim_token: int) -> None:
    """Make sure the job is still ours until this unit ends; raises Fenced when it is not."""
    query = select(tables.Job.id).where(_is_ours(job_id, claim_token)).with_for_update(of=tables.Job)
    if unit.session.scalar(query) is None:
        raise errors.Fenced(id=job_id)


def finish(unit: Unit, job: tables.Job) -> None:
    """The job is done and leaves the hot table, in the same transaction as what it did; raises Fenced."""
    ours = delete(tables.Job).where(_is_ours(job.id, job.claim_token)).returning(tables.Job.id)
    if unit.session.scalar(ours) is None:
        raise errors.Fenced(id=job.id)
    _keep(unit, job, jobs.Status.DONE)
    _end_attempt(unit, job, jobs.AttemptOutcome.DONE)


def retry(unit: Unit, job: tables.Job, error: str, run_at: datetime) -> None:
    """The job failed in a way that may pass, and waits until `run_at`; raises Fenced."""
    _put(unit, job, status=jobs.Status.PENDING, lease_until=None, worker=None, error=error, run_at=run_at)
    _end_attempt(unit, job, jobs.AttemptOutcome.RETRY, error)


def bury(unit: Unit, job: tables.Job, error: str) -> None:
    """The job failed for good: it is kept with its errors and frees its key; raises Fenced."""
    _put(unit, job, status=jobs.Status.DEAD, lease_until=None, worker=None, error=error)
    _end_attempt(unit, job, jobs.AttemptOutcome.DEAD, error)


def give_back(unit: Unit, job: tables.Job) -> None:
    """The job was claimed and never started, so the claim does not count; raises Fenced."""
    _put(unit, job, status=jobs.Status.PENDING, lease_until=None, worker=None, claims=tables.Job.claims - 1)
    unit.session.execute(delete(tables.JobAttempt).where(_is_attempt(job)))


def beat(unit: Unit, worker: str, held: Iterable[tables.Job], lease: timedelta) -> None:
    """The worker lives: its jobs get a new lease, except those that somebody else has by now."""
    for job in held:
        ours = update(tables.Job).where(_is_ours(job.id, job.claim_token))
        unit.session.execute(ours.values(lease_until=unit.now + lease))
    if heartbeat := unit.session.get(tables.Heartbeat, worker):
        heartbeat.seen_at = unit.now
    else:
        unit.session.add(tables.Heartbeat(worker=worker, started_at=unit.now, seen_at=unit.now))


def leave(unit: Unit, worker: str) -> None:
    """The worker stopped on purpose and is not missed."""
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.worker == worker))


def recover(unit: Unit) -> Sequence[tables.Job]:
    """Take the jobs back whose lease ran out, and give those that may not be tried again, for burying.

    They queue behind what is due already: one that kills its workers must not be the first thing each of them meets.
    Jobs that somebody is settling in this moment are left alone.
    """
    expired = select(tables.Job).where(tables.Job.status == _PROCESSING, tables.Job.lease_until < unit.now)
    found = unit.session.scalars(expired.with_for_update(of=tables.Job, skip_locked=True)).all()
    for job in found:
        if not retries.is_spent(job.claims):
            job.status = jobs.Status.PENDING
            job.worker, job.lease_until, job.error, job.run_at = None, None, LOST, unit.now
            _end_attempt(unit, job, jobs.AttemptOutcome.FENCED, LOST)
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.seen_at < unit.now - FORGET_WORKERS))
    return [job for job in found if job.status is jobs.Status.PROCESSING]


def retry_dead(unit: Unit, job_id: str) -> None:
    """Give a dead job another round of tries, now; raises NotFound and NotDead."""
    _revive(unit, _dead(unit, job_id))


def retry_all_dead(unit: Unit, topic: str | None = None, error: str | None = None) -> int:
    """Give the dead jobs of this topic whose last error contains this text another round of tries, the oldest first.

    Gives how many: no more than AT_ONCE, for while it lasts nobody else can write to SQLite.
    """
    query: Select[tables.Job] = select(tables.Job).where(tables.Job.status == jobs.Status.DEAD)
    if topic is not None:
        query = query.where(tables.Job.topic == topic)
    if error is not None:
        query = query.where(tables.Job.error.contains(error, autoescape=True))
    found = unit.session.scalars(query.order_by(tables.Job.seq).limit(AT_ONCE).with_for_update(of=tables.Job)).all()
    for job in found:
        _revive(unit, job)
    return len(found)


def discard(unit: Unit, job_id: str, reason: str) -> None:
    """Give a dead job up on purpose; it is kept among the finished ones. Raises NotFound and NotDead.

    An effect it was to carry out has failed with it.
    """
    job = _dead(unit, job_id)
    if job.topic == jobs.ExecuteEffect.topic and "effect_id" in job.payload:
        execution.abandon(unit, job.payload["effect_id"], reason)
    unit.session.delete(job)
    _keep(unit, job, jobs.Status.DISCARDED)
    unit.record(events.JobDiscarded(job_id=job.id, topic=job.topic, reason=reason))


def _is_ours(job_id: str, claim_token: int) -> ColumnElement[bool]:
    return and_(
        tables.Job.id == job_id, tables.Job.claim_token == claim_token, tables.Job.status == jobs.Status.PROCESSING
    )


def _is_attempt(job: tables.Job) -> ColumnElement[bool]:
    return and_(tables.JobAttempt.job_id == job.id, tables.JobAttempt.claim_token == job.claim_token)


def _put(unit: Unit, job: tables.Job, **values: object) -> None:
    ours = update(tables.Job).where(_is_ours(job.id, job.claim_token)).values(**values).returning(tables.Job.id)
    if unit.session.scalar(ours) is None:
        raise errors.Fenced(id=job.id)


def _end_attempt(unit: Unit, job: tables.Job, outcome: jobs.AttemptOutcome, error: str | None = None) -> None:
    attempt = update(tables.JobAttempt).where(_is_attempt(job))
    unit.session.execute(attempt.values(finished_at=unit.now, outcome=outcome, error=error))


def _keep(unit: Unit, job: tables.Job, status: jobs.Status) -> None:
    unit.session.add(
        tables.FinishedJob(
            id=job.id,
            topic=job.topic,
            key=job.key,
            payload=job.payload,
            status=status,
            claims=job.claims,
            error=job.error,
            created_at=job.created_at,
            finished_at=unit.now,
        )
    )


def _dead(unit: Unit, job_id: str) -> tables.Job:
    query = select(tables.Job).where(tables.Job.id == job_id).with_for_update(of=tables.Job)
    job = unit.session.scalar(query)
    found = job or unit.session.get(tables.FinishedJob, job_id)
    if found is None:
        raise errors.NotFound(kind="job", id=job_id)
    if job is None or job.status is not jobs.Status.DEAD:
        raise errors.NotDead(id=job_id, status=found.status)
    return job


def _revive(unit: Unit, job: tables.Job) -> None:
    job.status, job.claims, job.run_at = jobs.Status.PENDING, 0, unit.now
    unit.record(events.JobRetried(job_id=job.id, topic=job.topic))
